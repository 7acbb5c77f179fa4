//! The head frame of three landmarks, and whether three such points can be what they are called.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};
use stipple_model::frames::{Head, Point, Scan, Transform};

use super::{Landmark, LandmarkSet, Landmarks, RegisterError};

/// The nasion is at most so many times farther from one ear than from the other. Source: 1.05 on the public heads; a pick 10 mm off makes 1.1.
const LOPSIDED: f64 = 1.2;
/// A landmark that must lie on one side of the frame lies at least so far on it, metres. Source: on heads it is 50 mm and more.
const ON_ITS_SIDE_M: f64 = 0.02;

/// The landmarks used, in the scan's frame, metres.
pub(super) type Used = [(Landmark, Vector3<f64>); 3];

/// Takes the ears set if it is whole, else the midline set.
pub(super) fn choose(
    landmarks: &Landmarks,
    metres_per_unit: f64,
) -> Result<(LandmarkSet, Used), RegisterError> {
    use Landmark::{LeftEar, Nasion, Opisthocranion, RightEar, Vertex};
    let at = |l: Landmark| landmarks.get(l).map(|p| p * metres_per_unit);
    if let (Some(n), Some(l), Some(r)) = (at(Nasion), at(LeftEar), at(RightEar)) {
        return Ok((
            LandmarkSet::Ears,
            [(Nasion, n), (LeftEar, l), (RightEar, r)],
        ));
    }
    if let (Some(n), Some(v), Some(o)) = (at(Nasion), at(Vertex), at(Opisthocranion)) {
        let used = [(Nasion, n), (Vertex, v), (Opisthocranion, o)];
        return Ok((LandmarkSet::Midline, used));
    }
    Err(missing(landmarks))
}

/// The head frame of a set.
pub(super) fn build(set: LandmarkSet, used: &Used) -> Result<Transform<Head, Scan>, RegisterError> {
    let [(_, first), (_, second), (_, third)] = *used;
    match set {
        LandmarkSet::Ears => ears(first, second, third),
        LandmarkSet::Midline => midline(first, second, third),
    }
}

fn missing(landmarks: &Landmarks) -> RegisterError {
    let lacks = |l: &Landmark| landmarks.get(*l).is_none();
    let list = |set: &[Landmark]| {
        set.iter()
            .filter(|l| lacks(l))
            .map(|l| l.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let missing = if lacks(&Landmark::Nasion) {
        list(&[Landmark::Nasion, Landmark::LeftEar, Landmark::RightEar])
    } else {
        format!(
            "{} (or {})",
            list(&[Landmark::LeftEar, Landmark::RightEar]),
            list(&[Landmark::Vertex, Landmark::Opisthocranion])
        )
    };
    let names = landmarks.names();
    let mut found = names
        .iter()
        .take(8)
        .map(|n| n.chars().take(24).collect::<String>())
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > 8 {
        found.push_str(&format!(" and {} more", names.len() - 8));
    }
    if found.is_empty() {
        found.push_str("no points");
    }
    RegisterError::Missing { missing, found }
}

fn plausible(
    what: &'static str,
    value: f64,
    low_mm: f64,
    high_mm: f64,
) -> Result<(), RegisterError> {
    let value_mm = value * 1e3;
    if (low_mm..=high_mm).contains(&value_mm) {
        Ok(())
    } else {
        Err(RegisterError::Implausible {
            what,
            value_mm,
            low_mm,
            high_mm,
        })
    }
}

/// In both sets the first and the last landmark are the farthest apart, by a fifth and more on heads; any other change of names than
/// of those two makes it another pair.
fn check_names(named: [(Landmark, Vector3<f64>); 3]) -> Result<(), RegisterError> {
    let apart = |i: usize, j: usize| (named[i].1 - named[j].1).norm();
    let ends = apart(0, 2);
    let (i, j, lone) = if apart(0, 1) > apart(1, 2) {
        (0, 1, 2)
    } else {
        (1, 2, 0)
    };
    let farthest = apart(i, j);
    let name = |i: usize| named[i].0.name();
    if farthest > ends {
        return Err(RegisterError::Misnamed {
            farthest: [name(i), name(j)],
            farthest_mm: farthest * 1e3,
            ends: [name(0), name(2)],
            ends_mm: ends * 1e3,
            lone: name(lone),
            middle: name(1),
        });
    }
    Ok(())
}

/// Source of the ranges: adult and child heads with margin; ears (bitragion) 120–165 mm, nasion before them 75–110 mm.
fn ears(
    nasion: Vector3<f64>,
    left: Vector3<f64>,
    right: Vector3<f64>,
) -> Result<Transform<Head, Scan>, RegisterError> {
    use Landmark::{LeftEar, Nasion, RightEar};
    check_names([(LeftEar, left), (Nasion, nasion), (RightEar, right)])?;
    plausible(
        "the distance between LPA and RPA",
        (left - right).norm(),
        100.0,
        220.0,
    )?;
    let origin = (left + right) / 2.0;
    let y = (left - right).normalize();
    let to_nasion = nasion - origin;
    let forward = to_nasion - y * y.dot(&to_nasion);
    let degrees = forward.norm().atan2(y.dot(&to_nasion).abs()).to_degrees();
    if degrees < 45.0 {
        return Err(RegisterError::OnOneLine {
            landmarks: "nasion, LPA and RPA",
            degrees,
        });
    }
    plausible(
        "the distance from the ears' line to the nasion",
        forward.norm(),
        60.0,
        160.0,
    )?;
    let [left_mm, right_mm] = [left, right].map(|ear| (nasion - ear).norm() * 1e3);
    if left_mm.max(right_mm) > LOPSIDED * left_mm.min(right_mm) {
        return Err(RegisterError::Lopsided { left_mm, right_mm });
    }
    let x = forward.normalize();
    Ok(frame(origin, x, y, x.cross(&y)))
}

/// Source of the ranges: adult and child heads with margin; nasion to opisthocranion 160–215 mm, vertex 85–115 mm above that line.
fn midline(
    nasion: Vector3<f64>,
    vertex: Vector3<f64>,
    back: Vector3<f64>,
) -> Result<Transform<Head, Scan>, RegisterError> {
    use Landmark::{Nasion, Opisthocranion, Vertex};
    check_names([(Nasion, nasion), (Vertex, vertex), (Opisthocranion, back)])?;
    plausible(
        "the distance between nasion and opisthocranion",
        (nasion - back).norm(),
        120.0,
        260.0,
    )?;
    let origin = (nasion + back) / 2.0;
    let x = (nasion - back).normalize();
    let to_vertex = vertex - origin;
    let up = to_vertex - x * x.dot(&to_vertex);
    let degrees = up.norm().atan2(x.dot(&to_vertex).abs()).to_degrees();
    if degrees < 45.0 {
        return Err(RegisterError::OnOneLine {
            landmarks: "nasion, vertex and opisthocranion",
            degrees,
        });
    }
    plausible(
        "the height of the vertex over the nasion–opisthocranion line",
        up.norm(),
        50.0,
        180.0,
    )?;
    let z = up.normalize();
    Ok(frame(origin, x, z.cross(&x), z))
}

fn frame(
    origin: Vector3<f64>,
    x: Vector3<f64>,
    y: Vector3<f64>,
    z: Vector3<f64>,
) -> Transform<Head, Scan> {
    let scan_from_head = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[x, y, z]));
    let rotation = UnitQuaternion::from_rotation_matrix(&scan_from_head);
    Transform::<Scan, Head>::from_raw(Isometry3::from_parts(Translation3::from(origin), rotation))
        .inverse()
}

/// Holds the landmarks that the frame was not built on against it.
pub(super) fn check_others(
    landmarks: &Landmarks,
    metres_per_unit: f64,
    head_from_scan: &Transform<Head, Scan>,
) -> Result<(), RegisterError> {
    use Landmark::{Inion, LeftEar, Opisthocranion, RightEar, Vertex};
    let sides = [
        (LeftEar, Vector3::y(), "right", "left"),
        (RightEar, -Vector3::y(), "left", "right"),
        (Vertex, Vector3::z(), "down", "up"),
        (Opisthocranion, -Vector3::x(), "forward", "back"),
        (Inion, -Vector3::x(), "forward", "back"),
    ];
    for (landmark, side, wrong, right) in sides {
        let Some(p) = landmarks.get(landmark) else {
            continue;
        };
        let p = *head_from_scan * Point::<Scan>::from_raw(p * metres_per_unit);
        let along = p.raw().dot(&side);
        if along.is_nan() || along < ON_ITS_SIDE_M {
            return Err(RegisterError::WrongSide {
                landmark: landmark.name(),
                wrong,
                right,
                mm: -along * 1e3,
            });
        }
    }
    Ok(())
}
