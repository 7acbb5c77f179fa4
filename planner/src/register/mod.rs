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
//! A scan of another day is laid onto the planned one by its surface: [`rescan`].
//!
//! What three points cannot tell: a mirrored scan on which the ears were named as they look. Laid onto an earlier scan it is found out.
//!
//! The two differ by a pitch of about 18° and some 40 mm in height; [`Registration::anatomy`] gives ears and upright in whichever is used.

mod error;
mod frame;
mod landmarks;
mod plausible;
mod rescan;

use nalgebra::{Rotation3, Vector3};
use stipple_model::frames::{Direction, Head, Point, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Finding;
use stipple_model::units::{Angle, Length};

pub use error::RegisterError;
pub use landmarks::{Landmark, Landmarks};
pub use rescan::{RescanError, Rescanned, StartedFrom, rescan};
pub use stipple_model::plan::Anatomy;

use crate::scan::Scanned;

/// A landmark on bare skin (nasion, ears) farther than this from the surface is refused. Source: those of public heads lie within 3 mm; a
/// coarse mesh takes some more.
const OFF_SKIN: Length = Length::from_mm(10.0);
/// The same for landmarks that hair may cover. Source: a cap of hair takes up to 15 mm.
const OFF_HAIR: Length = Length::from_mm(15.0);
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

impl LandmarkSet {
    /// Its landmarks, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ears => "nasion, LPA, RPA",
            Self::Midline => "nasion, vertex, opisthocranion",
        }
    }
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
    registered(landmarks, scan, true)
}

/// As [`head_from_scan`]; a scan that is not planned on need not show the scalp, nor all the landmarks: they only say where the search
/// for its pose starts.
fn registered(
    landmarks: &Landmarks,
    scan: &Scanned,
    planned_on: bool,
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
    let (set, used) = frame::choose(landmarks, scan.metres_per_unit)?;
    let mut worst = Length::ZERO;
    for (landmark, p) in landmarks.known() {
        let distance = distance(&scan.mesh, &(p * scan.metres_per_unit));
        worst = worst.max(distance);
        let limit = match landmark {
            Landmark::Nasion | Landmark::LeftEar | Landmark::RightEar => OFF_SKIN,
            Landmark::Vertex | Landmark::Opisthocranion | Landmark::Inion => OFF_HAIR,
        };
        if planned_on && distance > limit {
            return Err(RegisterError::OffSurface {
                landmark: landmark.name(),
                distance_mm: distance.mm(),
                limit_mm: limit.mm(),
            });
        }
    }
    // After the distances, so that a point off the surface is not taken for one under a wrong name.
    let frame = frame::build(set, &used)?;
    let [first, second, third] = used.map(|(_, p)| frame * Point::<Scan>::from_raw(p));
    let anatomy = match set {
        LandmarkSet::Ears => from_ears(first, second, third),
        LandmarkSet::Midline => from_midline(first, third),
    };
    let head = scan.mesh.transformed(&frame);
    check_sides(&head, set, &anatomy, &third, planned_on)?;
    frame::check_others(landmarks, scan.metres_per_unit, &frame)?;
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
    planned_on: bool,
) -> Result<(), RegisterError> {
    let (above, below) = plausible::domes(head);
    if below > above && below > 0.3 {
        return Err(RegisterError::UpsideDown {
            above: above * 100.0,
            below: below * 100.0,
        });
    }
    // Source: whole heads show over 80% of the dome; below half of it too little scalp is there to plan on.
    if planned_on && above < 0.5 {
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
    let point = Point::from_raw(*p);
    (0..mesh.triangles().len())
        .map(|i| mesh.distance_to_triangle(i, &point))
        .fold(Length::from_m(f64::INFINITY), Length::min)
}
