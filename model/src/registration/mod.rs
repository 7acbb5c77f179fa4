//! Laying one surface onto another without bending it: point-to-plane ICP, and how far to trust what comes of it.
//!
//! For a later session's scan against the planned one, and for the live check of the head in the chair.
//!
//! ```
//! use stipple_model::frames::{Rescan, Scan, Transform};
//! use stipple_model::mesh::SurfaceMesh;
//! use stipple_model::registration::{Limits, Options, align};
//! # fn example(planned: &SurfaceMesh<Scan>, later: &SurfaceMesh<Rescan>) -> Result<(), Box<dyn std::error::Error>> {
//! let start = Transform::<Scan, Rescan>::identity();
//! let alignment = align(planned, later, &[start], &Options::default())?;
//! let scan_from_rescan = alignment.accept(&Limits::default())?;
//! # Ok(()) }
//! ```
//!
//! Samples spread evenly over the moving surface look for the nearest point of the fixed one: first few and from afar, then many and near.
//! A pair counts when both face the same way and the nearest point is not on an open edge, so that missing parts pull at nothing. Tukey's
//! weight, its width from the median residual, takes out what has changed: hair, collar, a shoulder that moved. Every run is bounded, and
//! the same on any number of threads.
//!
//! The pose alone says little. [`Alignment`] carries the residual of what fits, how much fits, and the motions that the common shape holds:
//! a bare cap of a ball fits perfectly and can still be turned at will. [`Alignment::accept`] is the way to a pose that may be used.
//!
//! What this cannot know: a perfect copy of a wrong head, and skin that was moved as a whole against the skull.

mod align;
mod error;
mod points;
mod quality;
mod step;
mod surface;

use nalgebra::{Isometry3, Rotation3, Translation3, UnitQuaternion, Vector3};

pub use error::{AlignError, Refusal, Side};
pub use points::Target;

use crate::frames::{Direction, Frame, Point, Transform};
use crate::limits;
use crate::mesh::SurfaceMesh;
use crate::units::{Angle, Area, Length};

/// What is known beside the surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options<F: Frame> {
    /// Only this ball of the fixed surface counts: centre and radius. For the head without the shoulders.
    pub around: Option<(Point<F>, Length)>,
    /// Skin on this side of a plane (a point, and the normal towards that side) is worked on: it is judged by all that lies there, not by what
    /// fits.
    pub worked: Option<(Point<F>, Direction<F>)>,
    /// A plane that the head is about symmetric to: a point and the normal. With it a mirrored scan is found out.
    pub mirror: Option<(Point<F>, Direction<F>)>,
}

/// Distances along the fixed surface's normal where the surfaces fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Root mean square.
    pub rms: Length,
    /// The median.
    pub p50: Length,
    /// 95 of 100 are smaller.
    pub p95: Length,
    /// The largest that still counts as fitting.
    pub largest: Length,
}

/// How much of the surfaces is common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// Area that fits.
    pub area: Area,
    /// Share of the moving surface (in the region) that fits, 0..=1.
    pub of_moving: f64,
    /// Share of the fixed surface (in the region) that fits, 0..=1.
    pub of_fixed: f64,
    /// Share of what lies opposite each other (within 10 mm) that does not fit, 0..=1: changed between the scans.
    pub changed: f64,
}

/// A motion of the moving surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion<F: Frame> {
    /// Turning.
    Turning {
        /// Along this axis.
        axis: Direction<F>,
        /// Through this point.
        through: Point<F>,
    },
    /// Sliding.
    Sliding {
        /// This way.
        along: Direction<F>,
    },
}

/// Which motions the common shape holds.
///
/// A turn is counted as the way it moves a point [`Self::arm`] from the middle, so that all six motions are in one unit and the figures do
/// not depend on the head's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observability<F: Frame> {
    /// Root of the eigenvalues of the point-to-plane information matrix, ascending: by how many millimetres (RMS) the distances change
    /// when the head moves by one millimetre that way. 0 is a motion that nobody could see.
    pub held: [f64; 6],
    /// The arm that turns were counted at: RMS distance of the common surface from its middle.
    pub arm: Length,
    /// The motion held least.
    pub weakest: Motion<F>,
    /// Largest standard deviation of a place on the common surface, taking the residual as noise with one independent measurement every
    /// 20 mm. `None` when a motion is not held at all.
    pub uncertainty: Option<Length>,
}

/// Another pose that fits about as well as the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rival {
    /// How far apart both put a head's surface.
    pub distance: Length,
    /// How far it is turned.
    pub turned: Angle,
    /// Its residual.
    pub rms: Length,
}

/// The best pose found, and what speaks for and against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment<F: Frame, M: Frame> {
    fixed_from_moving: Transform<F, M>,
    /// How well the surfaces fit where they do.
    pub residual: Residual,
    /// How far off the skin is where it is worked on, RMS of all but the twentieth that is farthest; `None` where that was not asked for, or
    /// nothing of it was seen.
    pub worked: Option<Length>,
    /// How much of them fits.
    pub overlap: Overlap,
    /// Which motions the common shape holds.
    pub observability: Observability<F>,
    /// Rounds at the finest level.
    pub rounds: usize,
    /// The last round's step, on the common surface.
    pub last_step: Length,
    /// Whether the iteration came to rest.
    pub converged: bool,
    /// Another pose, among those that other starts led to, that fits about as well.
    pub rival: Option<Rival>,
    /// The residual of the moving surface's mirror image, where that covers about as much.
    pub mirrored: Option<Length>,
}

/// What a pose must keep to be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Largest residual (RMS).
    pub residual: Length,
    /// Largest standard deviation of a place on the common surface.
    pub uncertainty: Length,
    /// Least area that fits.
    pub area: Area,
    /// Least share of either surface that fits, 0..=1.
    pub share: f64,
    /// Least figure of [`Observability::held`].
    pub held: f64,
}

/// What a mirrored head leaves more than the right one, RMS, and noise does not. Source: own.
const MIRRORED: Length = Length::from_mm(0.4);

impl Default for Limits {
    fn default() -> Self {
        Self {
            residual: limits::REGISTRATION_RESIDUAL,
            uncertainty: limits::REGISTRATION_UNCERTAINTY,
            area: limits::REGISTRATION_AREA,
            share: limits::REGISTRATION_SHARE,
            held: limits::REGISTRATION_HELD,
        }
    }
}

impl<F: Frame, M: Frame> Alignment<F, M> {
    /// The pose, if it may be used.
    ///
    /// # Errors
    /// The first reason against it, gravest first.
    pub fn accept(&self, limits: &Limits) -> Result<Transform<F, M>, Refusal> {
        self.check_overlap(limits)?;
        if let Some(mirrored) = self.mirrored
            && self.is_mirrored(mirrored, limits)
        {
            return Err(Refusal::Mirrored {
                rms_mm: self.residual.rms.mm(),
                mirrored_mm: mirrored.mm(),
            });
        }
        if !self.residual.rms.is_finite() || self.residual.rms > limits.residual {
            return Err(Refusal::ResidualTooLarge {
                rms_mm: self.residual.rms.mm(),
                limit_mm: limits.residual.mm(),
            });
        }
        if let Some(worked) = self.worked
            && (worked > limits.residual || !worked.is_finite())
        {
            return Err(Refusal::Changed {
                rms_mm: worked.mm(),
                limit_mm: limits.residual.mm(),
            });
        }
        self.check_observability(limits)?;
        if let Some(rival) = &self.rival {
            return Err(Refusal::Ambiguous {
                apart_mm: rival.distance.mm(),
                turned_deg: rival.turned.deg(),
                other_mm: rival.rms.mm(),
                rms_mm: self.residual.rms.mm(),
            });
        }
        if !self.converged {
            return Err(Refusal::NotConverged {
                iterations: self.rounds,
                step_mm: self.last_step.mm(),
            });
        }
        Ok(self.fixed_from_moving)
    }

    /// The pose, good or not: for pictures and reports. To use it, [`Self::accept`] it.
    #[must_use]
    pub const fn unchecked_pose(&self) -> Transform<F, M> {
        self.fixed_from_moving
    }

    /// Whether the mirror image fits better by more than noise: heads differ from theirs by over a millimetre. Noise in the scan raises both
    /// residuals, and adds to what the shape alone would leave as squares do.
    fn is_mirrored(&self, mirrored: Length, limits: &Limits) -> bool {
        let rms = self.residual.rms;
        let clearly = mirrored.m() < 0.6 * rms.m() && rms > Length::from_mm(0.1);
        let beyond = rms.m().powi(2) - mirrored.m().powi(2) > MIRRORED.m().powi(2);
        // Of another head's neither image fits.
        clearly || (beyond && mirrored <= limits.residual)
    }

    fn check_overlap(&self, limits: &Limits) -> Result<(), Refusal> {
        let share = self.overlap.of_moving.max(self.overlap.of_fixed);
        if self.overlap.area >= limits.area && share >= limits.share {
            return Ok(());
        }
        Err(Refusal::TooLittleOverlap {
            area_cm2: self.overlap.area.cm2(),
            of_moving: self.overlap.of_moving * 100.0,
            of_fixed: self.overlap.of_fixed * 100.0,
            least_cm2: limits.area.cm2(),
            least: limits.share * 100.0,
        })
    }

    fn check_observability(&self, limits: &Limits) -> Result<(), Refusal> {
        let held = self.observability.held[0];
        let uncertainty = self.observability.uncertainty;
        match uncertainty {
            Some(uncertainty) if held >= limits.held => {
                if uncertainty <= limits.uncertainty {
                    return Ok(());
                }
                Err(Refusal::Uncertain {
                    uncertainty_mm: uncertainty.mm(),
                    limit_mm: limits.uncertainty.mm(),
                })
            }
            _ => Err(Refusal::NotObservable {
                motion: match self.observability.weakest {
                    Motion::Turning { .. } => "turning",
                    Motion::Sliding { .. } => "sliding",
                },
                held_mm: held,
                least_mm: limits.held,
            }),
        }
    }
}

/// Lays `moving` onto `fixed`, from the best of some starting poses (at most the first 256 are tried).
///
/// # Errors
/// No or impossible starts, surfaces that cannot be searched, or no start from which the surfaces meet.
pub fn align<F: Frame, M: Frame>(
    fixed: &SurfaceMesh<F>,
    moving: &SurfaceMesh<M>,
    starts: &[Transform<F, M>],
    options: &Options<F>,
) -> Result<Alignment<F, M>, AlignError> {
    align::align(fixed, moving, starts, options)
}

/// Starting poses for scans of which nothing is known: middle on middle, in all 24 ways that axes can be exchanged.
///
/// Scanners differ in which axis is up and which is front. A head that lies crooked between the axes may not be found from here.
#[must_use]
pub fn axis_starts<F: Frame, M: Frame>(
    fixed_middle: &Point<F>,
    moving_middle: &Point<M>,
) -> Vec<Transform<F, M>> {
    let axes = [Vector3::x(), Vector3::y(), Vector3::z()];
    let signed = || axes.into_iter().flat_map(|a| [a, -a]);
    let turns = signed().flat_map(|x| {
        signed()
            .filter(move |y| x.dot(y) == 0.0)
            .map(move |y| [x, y, x.cross(&y)])
    });
    turns
        .map(|columns| {
            let matrix = nalgebra::Matrix3::from_columns(&columns);
            let turn =
                UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(matrix));
            let shift = fixed_middle.raw() - turn * moving_middle.raw();
            Transform::from_raw(Isometry3::from_parts(Translation3::from(shift), turn))
        })
        .collect()
}

#[cfg(test)]
mod tests;
