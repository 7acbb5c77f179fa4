//! A scan of another day laid onto the scan that was planned on.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};
use stipple_model::frames::{Direction, Head, Point, Rescan, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::registration::{self, AlignError, Alignment, Options};
use stipple_model::units::Length;

use super::{Landmarks, RegisterError, Registration, registered};
use crate::scan::Scanned;

/// The middle of the part that is compared lies this far above the ears. Source: this project's own, the middle of a skull.
const MIDDLE_ABOVE_EARS: Length = Length::from_mm(40.0);
/// What is this far above the ears is scalp, all round. Source: own; a hairline is some 60 to 80 mm above the ears' level, and what is lower may be
/// brow, glasses or hair that stays.
const SCALP_ABOVE_EARS: Length = Length::from_mm(70.0);
/// What is farther from there does not count. Source: this project's own; skull, brow and ears, without shoulders and most of the jaw.
const HEAD_RADIUS: Length = Length::from_mm(140.0);

/// What the search for the pose started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartedFrom {
    /// The landmarks of both scans.
    Landmarks,
    /// The scans as they lie, and middle on middle in all 24 ways to exchange axes.
    Axes,
}

/// A later scan on the planned one.
#[derive(Debug, Clone, PartialEq)]
pub struct Rescanned {
    /// The pose and what speaks for it; [`Alignment::accept`] it before use.
    pub alignment: Alignment<Scan, Rescan>,
    /// What the search started from.
    pub started_from: StartedFrom,
    /// The planned scan's head frame.
    pub head: Registration,
}

/// Why a later scan cannot be laid onto the planned one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RescanError {
    /// The planned scan's landmarks.
    #[error("the fixed scan: {0}")]
    Fixed(#[source] RegisterError),
    /// The later scan's landmarks.
    #[error("the moving scan: {0}")]
    Moving(#[source] RegisterError),
    /// The surfaces.
    #[error(transparent)]
    Align(#[from] AlignError),
}

/// Lays a later scan (`moving`) onto the planned one (`fixed`).
///
/// Only the head counts, not the shoulders, and it is looked whether the later scan's mirror image would fit better. The later scan need
/// not show the whole scalp.
///
/// # Errors
/// Landmarks that are refused as in [`super::head_from_scan`], or surfaces that do not meet. Whether the pose is good enough is
/// [`Alignment::accept`]'s to say.
pub fn rescan(
    fixed: &Scanned,
    fixed_landmarks: &Landmarks,
    moving: &Scanned,
    moving_landmarks: Option<&Landmarks>,
) -> Result<Rescanned, RescanError> {
    let head = registered(fixed_landmarks, fixed, true).map_err(RescanError::Fixed)?;
    let scan_from_level = level(&head).inverse();
    let place = |p: Point<Head>| scan_from_level * p;
    let middle = place(Point::new(0.0, 0.0, MIDDLE_ABOVE_EARS.m()));
    // The scanner's own frame gets its other name here, once.
    let rescan = Transform::<Rescan, Scan>::identity();
    let later = moving.mesh.transformed(&rescan);
    let (started_from, starts) = match moving_landmarks {
        Some(landmarks) => {
            let theirs = registered(landmarks, moving, false).map_err(RescanError::Moving)?;
            let start = scan_from_level * level(&theirs) * rescan.inverse();
            (StartedFrom::Landmarks, vec![start])
        }
        None => {
            let mut starts = vec![rescan.inverse()];
            starts.extend(registration::axis_starts(&middle, &centroid(&later)));
            (StartedFrom::Axes, starts)
        }
    };
    let options = Options {
        around: Some((middle, HEAD_RADIUS)),
        mirror: Some((middle, scan_from_level * Direction::y())),
        worked: Some((
            place(Point::new(0.0, 0.0, SCALP_ABOVE_EARS.m())),
            scan_from_level * Direction::z(),
        )),
    };
    let alignment = registration::align(&fixed.mesh, &later, &starts, &options)?;
    Ok(Rescanned {
        alignment,
        started_from,
        head,
    })
}

/// The head upright with the origin midway between the ears, whichever landmarks its own frame was built on.
fn level(head: &Registration) -> Transform<Head, Scan> {
    let a = &head.anatomy;
    let z = a.up.raw();
    let x = a.forward.raw();
    let head_from_level =
        Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[x, z.cross(&x), z]));
    let ears = 0.5 * (a.left_ear.raw() + a.right_ear.raw());
    let head_from_level = Isometry3::from_parts(
        Translation3::from(ears),
        UnitQuaternion::from_rotation_matrix(&head_from_level),
    );
    Transform::<Head, Head>::from_raw(head_from_level.inverse()) * head.head_from_scan
}

/// The middle of a surface, by area.
fn centroid(mesh: &SurfaceMesh<Rescan>) -> Point<Rescan> {
    let (mut sum, mut total) = (Vector3::zeros(), 0.0);
    for i in 0..mesh.triangles().len() {
        let area = mesh.triangle_area(i).m2();
        let corners = mesh.corners(i).map(|p| p.raw());
        sum += corners.iter().sum::<Vector3<f64>>() * (area / 3.0);
        total += area;
    }
    Point::from_raw(if total > 0.0 { sum / total } else { sum })
}
