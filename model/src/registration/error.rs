//! Why two surfaces cannot be laid onto each other, and why what came of it is not good enough.

use core::fmt;

/// Which of the two surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that stays.
    Fixed,
    /// The one that is laid onto it.
    Moving,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "fixed",
            Self::Moving => "moving",
        })
    }
}

/// Why nothing could be aligned: there is no pose to judge.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AlignError {
    /// A surface larger than any head.
    #[error("the {side} scan spans {metres:.1} m; is its unit right?")]
    TooWide {
        /// Which.
        side: Side,
        /// Its diagonal.
        metres: f64,
    },
    /// All triangles are degenerate.
    #[error("the {side} scan has no area; scan again")]
    NoArea {
        /// Which.
        side: Side,
    },
    /// The search tree could not be built.
    #[error("the {side} scan cannot be searched: {source}")]
    Surface {
        /// Which.
        side: Side,
        /// What parry said.
        source: parry3d::shape::TriMeshBuilderError,
    },
    /// No pose to start from.
    #[error("no pose to start from; give one, or landmarks of both scans")]
    NoStart,
    /// A start, region or mirror plane that is not finite, or a region without extent.
    #[error("{what} is not finite or has no extent")]
    NotFinite {
        /// Which.
        what: &'static str,
    },
    /// From no start did enough of the moving surface come to lie opposite the fixed one.
    #[error(
        "the scans do not come to lie on each other from any of {starts} starting poses; give landmarks of both scans"
    )]
    NothingMet {
        /// How many poses were tried.
        starts: usize,
    },
}

/// Why a pose that was found must not be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The skin is not as it was where it is worked on.
    #[error(
        "where it is worked on the skin is {rms_mm:.2} mm (RMS) from the one planned on, {limit_mm:.2} mm at most are accepted: swelling, hair, something over it, or another head"
    )]
    Changed {
        /// Of all but a twentieth of what lies there.
        rms_mm: f64,
        /// Allowed.
        limit_mm: f64,
    },
    /// Too little of the scans shows the same skin.
    #[error(
        "only {area_cm2:.0} cm² of the scans fit each other ({of_moving:.0}% of the moving, {of_fixed:.0}% of the fixed one), at least {least_cm2:.0} cm² and {least:.0}% of one of them are needed; scan more of the head, or start from landmarks of both scans"
    )]
    TooLittleOverlap {
        /// The area that fits, cm².
        area_cm2: f64,
        /// Share of the moving scan, percent.
        of_moving: f64,
        /// Share of the fixed scan, percent.
        of_fixed: f64,
        /// The least area accepted, cm².
        least_cm2: f64,
        /// The least share accepted, percent.
        least: f64,
    },
    /// The iteration still moved when it was stopped.
    #[error(
        "the scans still moved {step_mm:.3} mm against each other after {iterations} rounds; start from landmarks of both scans"
    )]
    NotConverged {
        /// Rounds at the finest level.
        iterations: usize,
        /// The last step, mm.
        step_mm: f64,
    },
    /// The scans differ too much.
    #[error(
        "the scans differ by {rms_mm:.2} mm (RMS) where they fit best, at most {limit_mm:.2} mm is accepted; is it the same person, and were both scans made without hair or cap?"
    )]
    ResidualTooLarge {
        /// The residual, mm.
        rms_mm: f64,
        /// The most accepted, mm.
        limit_mm: f64,
    },
    /// One scan is the other's mirror image.
    #[error(
        "the moving scan's mirror image fits better ({mirrored_mm:.2} mm) than the scan itself ({rms_mm:.2} mm); one of the scans is mirrored, export it again"
    )]
    Mirrored {
        /// The residual as it is, mm.
        rms_mm: f64,
        /// The residual of the mirror image, mm.
        mirrored_mm: f64,
    },
    /// The shape leaves a motion open.
    #[error(
        "the shape does not hold the scan against {motion}: moving by 1 mm changes the distances by only {held_mm:.3} mm, at least {least_mm:.3} mm is needed; scan more of the head, with ears or brow"
    )]
    NotObservable {
        /// Which motion, in words.
        motion: &'static str,
        /// Distance changed per millimetre moved, mm (RMS).
        held_mm: f64,
        /// The least accepted, mm.
        least_mm: f64,
    },
    /// Another pose fits about as well.
    #[error(
        "another pose, {apart_mm:.0} mm and {turned_deg:.0}° away, fits about as well ({other_mm:.2} mm against {rms_mm:.2} mm); give landmarks of both scans"
    )]
    Ambiguous {
        /// How far away the other pose is, mm.
        apart_mm: f64,
        /// How far it is turned, degrees.
        turned_deg: f64,
        /// Its residual, mm.
        other_mm: f64,
        /// The residual of the best, mm.
        rms_mm: f64,
    },
    /// Noise and shape leave the scalp's place too uncertain.
    #[error(
        "the place of the scalp is uncertain by {uncertainty_mm:.2} mm (1 σ), at most {limit_mm:.2} mm is accepted; scan more of the head, or with less noise"
    )]
    Uncertain {
        /// The largest standard deviation over the common surface, mm.
        uncertainty_mm: f64,
        /// The most accepted, mm.
        limit_mm: f64,
    },
}
