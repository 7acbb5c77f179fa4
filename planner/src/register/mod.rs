//! From landmarks to the head frame.
//!
//! ```no_run
//! use stipple_planner::{register, scan};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let landmarks = register::Landmarks::parse(&std::fs::read("head.landmarks.json")?)?;
//! let scan = scan::read_file("head.ply".as_ref(), scan::UnitChoice::Auto, Some(&landmarks))?;
//! let registration = register::head_from_scan(&landmarks, &scan)?;
//! let head = scan.mesh.transformed(&registration.head_from_scan);
//! # Ok(())
//! # }
//! ```
//!
//! Two sets of landmarks are enough, each with its own frame (x forward, y left, z up in both):
//! - nasion, LPA, RPA: origin midway between the ears, y towards LPA, the nasion in the plane z = 0;
//! - nasion, vertex, opisthocranion: origin midway between nasion and opisthocranion, x towards the nasion, the vertex in the plane y = 0.
//!
//! The two differ by a pitch of about 18° and some 40 mm in height; [`Registration::anatomy`] gives ears and upright in whichever is used.

mod error;
mod landmarks;
mod plausible;

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};
use stipple_model::frames::{Direction, Head, Point, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Finding;
use stipple_model::units::{Angle, Length};

pub use error::RegisterError;
pub use landmarks::{Landmark, Landmarks};
pub use stipple_model::plan::Anatomy;

use crate::scan::Scanned;

/// A landmark farther than this from the surface is refused. Source: skin landmarks of public heads lie within 3 mm; a cap of hair or a
/// coarse mesh takes up to 15 mm.
const OFF_SURFACE: Length = Length::from_mm(15.0);
/// Pitch of the ears–nasion plane against the Frankfurt horizontal. Source: nasion about 30 mm above and 92 mm in front of the ears.
const NASION_PITCH: Angle = Angle::from_deg(18.0);
/// Ears below the nasion–opisthocranion line, per length of that line. Source: about 33 mm on a head of 190 mm.
const EAR_DROP: f64 = 0.175;
/// Half the distance between the ears, per nasion–opisthocranion line. Source: about 72 mm on a head of 190 mm.
const EAR_HALF: f64 = 0.38;

/// Which landmarks the frame was built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandmarkSet {
    /// Nasion, LPA, RPA.
    Ears,
    /// Nasion, vertex, opisthocranion.
    Midline,
}

/// The head frame of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Turns scan coordinates into head coordinates.
    pub head_from_scan: Transform<Head, Scan>,
    /// Which landmarks it was built on.
    pub set: LandmarkSet,
    /// Where ears, nasion and upright are.
    pub anatomy: Anatomy,
    /// What the operator should know.
    pub findings: Vec<Finding>,
}

/// Builds the head frame and holds it against the surface.
///
/// # Errors
/// Landmarks that are missing, off the surface, on one line, or that make no head: swapped, mirrored, backwards, of the wrong size.
pub fn head_from_scan(
    landmarks: &Landmarks,
    scan: &Scanned,
) -> Result<Registration, RegisterError> {
    let scan_mm = scan.metres_per_unit * 1e3;
    if let Some(landmarks_mm) = landmarks
        .mm_per_unit()
        .filter(|mm| (mm / scan_mm - 1.0).abs() > 1e-6)
    {
        return Err(RegisterError::UnitDiffers {
            landmarks_mm,
            scan_mm,
        });
    }
    let (set, used, frame) = choose(landmarks, scan.metres_per_unit)?;
    let mut worst = Length::ZERO;
    for (landmark, p) in &used {
        let distance = distance(&scan.mesh, p);
        worst = worst.max(distance);
        if distance > OFF_SURFACE {
            return Err(RegisterError::OffSurface {
                landmark: landmark.name(),
                distance_mm: distance.mm(),
                limit_mm: OFF_SURFACE.mm(),
            });
        }
    }
    let [first, second, third] = used.map(|(_, p)| frame * Point::<Scan>::from_raw(p));
    let anatomy = match set {
        LandmarkSet::Ears => from_ears(first, second, third),
        LandmarkSet::Midline => from_midline(first, third),
    };
    let head = scan.mesh.transformed(&frame);
    check_sides(&head, set, &anatomy, &third)?;
    Ok(Registration {
        head_from_scan: frame,
        set,
        anatomy,
        findings: findings(set, worst),
    })
}

fn findings(set: LandmarkSet, worst: Length) -> Vec<Finding> {
    let finding = |code: &str, text: String| Finding {
        stage: "register".into(),
        code: code.into(),
        text,
    };
    let mut findings = Vec::new();
    if worst > Length::from_mm(5.0) {
        let text = format!("a landmark lies {:.1} mm from the surface", worst.mm());
        findings.push(finding("landmark_off_surface", text));
    }
    if set == LandmarkSet::Midline {
        let text = "no ear landmarks: the ears' places, and what keeps clear of them, are estimated from the head's length";
        findings.push(finding("ears_estimated", text.into()));
    }
    findings
}

/// The landmarks used, in the scan's frame, metres.
type Used = [(Landmark, Vector3<f64>); 3];

/// Takes the ears set if it is whole, else the midline set, and builds its frame.
fn choose(
    landmarks: &Landmarks,
    metres_per_unit: f64,
) -> Result<(LandmarkSet, Used, Transform<Head, Scan>), RegisterError> {
    use Landmark::{LeftEar, Nasion, Opisthocranion, RightEar, Vertex};
    let at = |l: Landmark| landmarks.get(l).map(|p| p * metres_per_unit);
    if let (Some(n), Some(l), Some(r)) = (at(Nasion), at(LeftEar), at(RightEar)) {
        let used = [(Nasion, n), (LeftEar, l), (RightEar, r)];
        return Ok((LandmarkSet::Ears, used, ears(n, l, r)?));
    }
    if let (Some(n), Some(v), Some(o)) = (at(Nasion), at(Vertex), at(Opisthocranion)) {
        let used = [(Nasion, n), (Vertex, v), (Opisthocranion, o)];
        return Ok((LandmarkSet::Midline, used, midline(n, v, o)?));
    }
    Err(missing(landmarks))
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

/// Source of the ranges: adult and child heads with margin; ears (bitragion) 120–165 mm, nasion before them 75–110 mm.
fn ears(
    nasion: Vector3<f64>,
    left: Vector3<f64>,
    right: Vector3<f64>,
) -> Result<Transform<Head, Scan>, RegisterError> {
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
    let x = forward.normalize();
    Ok(frame(origin, x, y, x.cross(&y)))
}

/// Source of the ranges: adult and child heads with margin; nasion to opisthocranion 160–215 mm, vertex 85–115 mm above that line.
fn midline(
    nasion: Vector3<f64>,
    vertex: Vector3<f64>,
    back: Vector3<f64>,
) -> Result<Transform<Head, Scan>, RegisterError> {
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

fn from_ears(nasion: Point<Head>, left_ear: Point<Head>, right_ear: Point<Head>) -> Anatomy {
    // The nasion stands NASION_PITCH above the level through the ears: turn x down and z forward by that.
    let turn = Rotation3::from_axis_angle(&Vector3::y_axis(), NASION_PITCH.rad());
    let direction = |v: Vector3<f64>, otherwise| Direction::new(turn * v).unwrap_or(otherwise);
    Anatomy {
        nasion,
        left_ear,
        right_ear,
        forward: direction(Vector3::x(), Direction::x()),
        up: direction(Vector3::z(), Direction::z()),
    }
}

fn from_midline(nasion: Point<Head>, back: Point<Head>) -> Anatomy {
    let length = nasion.distance(&back);
    let ear = |side: f64| Point::new(-0.02 * length, side * EAR_HALF * length, -EAR_DROP * length);
    Anatomy {
        nasion,
        left_ear: ear(1.0),
        right_ear: ear(-1.0),
        forward: Direction::x(),
        up: Direction::z(),
    }
}

fn check_sides(
    head: &SurfaceMesh<Head>,
    set: LandmarkSet,
    anatomy: &Anatomy,
    back: &Point<Head>,
) -> Result<(), RegisterError> {
    let (above, below) = plausible::domes(head);
    if below > above && below > 0.3 {
        return Err(RegisterError::UpsideDown {
            above: above * 100.0,
            below: below * 100.0,
        });
    }
    // Source: whole heads show over 80% of the dome; below half of it too little scalp is there to plan on.
    if above < 0.5 {
        return Err(RegisterError::NoScalp {
            above: above * 100.0,
        });
    }
    if set == LandmarkSet::Midline {
        let (front, behind) =
            plausible::protrusions(head, &anatomy.nasion.raw(), &back.raw(), 0.07);
        if behind > front + 0.005 {
            return Err(RegisterError::Backwards {
                back_mm: behind * 1e3,
                front_mm: front * 1e3,
            });
        }
    }
    Ok(())
}

/// Distance from a point to the surface.
fn distance(mesh: &SurfaceMesh<Scan>, p: &Vector3<f64>) -> Length {
    use parry3d::query::PointQuery as _;
    use parry3d::shape::Triangle;
    let point = stipple_model::to_parry_vector(p);
    let nearest = (0..mesh.triangles().len())
        .map(|i| {
            let [a, b, c] = mesh
                .corners(i)
                .map(|p| stipple_model::to_parry_vector(&p.raw()));
            Triangle::new(a, b, c).distance_to_local_point(point, false)
        })
        .fold(f64::INFINITY, f64::min);
    Length::from_m(nearest)
}
