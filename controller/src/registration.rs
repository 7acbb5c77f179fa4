//! Live registration: a fresh scan of the head in the chair, laid onto the planned one, says where the tracker puts the head wrongly.
//!
//! A tracker follows something fixed to the head. Whether that is still where it was when the tracker was set up, no tracker knows: before the
//! start, and whenever it was lost, the head itself is looked at. What comes of it is a correction,
//! `base_from_head = base_from_tracked · tracked_from_head`, which holds until tracking is lost again.

use std::sync::{Arc, Mutex, PoisonError};

use stipple_core::Micros;
use stipple_model::frames::{Base, Direction, Head, Point, Transform};
use stipple_model::plan::Plan;
use stipple_model::registration::{AlignError, Limits, Refusal, Target};
use stipple_model::units::Length;

/// Largest residual (RMS) when tracking was lost. Source: H3. Before the first start the limit of every registration holds, 1.0 mm (H7).
pub const RESIDUAL_AFTER_LOSS: Length = Length::from_mm(0.5);

/// Farthest that a correction may move a dot. Source: own: a tracker that is off by more was not set up for this head, or has slipped so far
/// that more than the pose is to be looked at.
pub const FARTHEST: Length = Length::from_mm(10.0);

/// Points that are looked at, of more evenly so many. Source: own, a millimetre or two from point to point on what a camera sees of a head.
pub const POINTS: usize = 4_000;

/// Farthest that the head may be tracked to have moved from before a scan to after it. Source: H3.
pub const STILL: Length = Length::from_mm(0.5);

/// Where the tracker put the head, without any correction, last before a scan and first after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracked {
    /// When the pose before the scan came, by the controller's clock.
    pub at: Micros,
    /// Before.
    pub before: Transform<Base, Head>,
    /// After.
    pub after: Transform<Base, Head>,
}

/// What a scanner saw, and where the tracker put the head at that moment.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadScan {
    /// On the head, and on whatever else was seen; all finite.
    pub points: Vec<Point<Base>>,
    /// Where the head was tracked.
    pub tracked: Tracked,
}

/// Where the head is against where it is tracked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Registration {
    /// The head's true frame in the one that is tracked as the head's.
    pub tracked_from_head: Transform<Head, Head>,
    /// How well the points fit the planned head (RMS).
    pub residual: Length,
    /// How far the correction moves the dot that it moves farthest.
    pub moved: Length,
    /// No later than this, by the controller's clock, the scanner looked.
    pub looked: Micros,
}

impl Registration {
    /// A head that is exactly where it is tracked, and was looked at then.
    #[must_use]
    pub fn exact(looked: Micros) -> Self {
        Self {
            tracked_from_head: Transform::identity(),
            residual: Length::ZERO,
            moved: Length::ZERO,
            looked,
        }
    }
}

/// Why a scan does not register the head.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// It cannot be laid onto the head.
    #[error("the scan shows nothing of the head where it is tracked: {0}")]
    Align(#[from] AlignError),
    /// It does not fit well enough.
    #[error("the head is not registered: {0}")]
    Refused(#[from] Refusal),
    /// The scanner has not looked anew.
    #[error("the scanner brings the same scan once more: it has not looked anew")]
    Repeated,
    /// Nobody knows where the head was tracked when the scan was taken.
    #[error(
        "the head moved by {moved_mm:.1} mm while it was scanned: scan it again when it is still"
    )]
    Moved {
        /// So far, at the dot where that is most.
        moved_mm: f64,
    },
    /// The tracker is too far off.
    #[error(
        "the head is {moved_mm:.1} mm from where it is tracked, more than {most_mm:.0} mm: set the tracker up anew"
    )]
    TooFar {
        /// So far.
        moved_mm: f64,
        /// Allowed.
        most_mm: f64,
    },
}

/// The points that a head was laid onto last, whatever plan was in use: no scanner sees the same twice.
#[derive(Debug, Clone, Default)]
pub struct LastScan(Arc<Mutex<Vec<Point<Base>>>>);

/// Lays scans onto a plan's head.
pub struct Registrar {
    target: Target<Head>,
    dots: Vec<Point<Head>>,
    last: LastScan,
}

impl Registrar {
    /// For a plan's head, after that last scan.
    ///
    /// # Errors
    /// A head that cannot be searched.
    pub fn new(plan: &Plan, last: LastScan) -> Result<Self, AlignError> {
        Ok(Self {
            // The plane between the ears, by the head's own frame.
            target: Target::new(&plan.head)?
                .with_mirror(Point::origin(), Direction::y())
                .with_worked(plan.dots.iter().map(|dot| dot.position)),
            dots: plan.dots.iter().map(|dot| dot.position).collect(),
            last,
        })
    }

    /// Lays a scan onto the head.
    ///
    /// # Errors
    /// Why it does not register the head.
    pub fn register(&self, scan: &HeadScan) -> Result<Registration, RegistrationError> {
        let some = evenly(&scan.points, POINTS);
        let mut last = self.last.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !some.is_empty() && *last == some {
            return Err(RegistrationError::Repeated);
        }
        let Tracked { at, before, after } = scan.tracked;
        let moved = self.farthest(&(before.inverse() * after));
        if moved.is_nan() || moved > STILL.m() {
            return Err(RegistrationError::Moved {
                moved_mm: moved * 1e3,
            });
        }
        let head_from_base = after.inverse();
        let laid = self.target.lay(&some, &head_from_base)?;
        let head_from_base = laid.accept(&Limits::default())?;
        let tracked_from_head = (head_from_base * after).inverse();
        let moved = self.farthest(&tracked_from_head);
        if moved.is_nan() || moved > FARTHEST.m() {
            return Err(RegistrationError::TooFar {
                moved_mm: moved * 1e3,
                most_mm: FARTHEST.mm(),
            });
        }
        *last = some;
        Ok(Registration {
            tracked_from_head,
            // Whichever says less well of it.
            residual: laid
                .worked
                .map_or(laid.residual.rms, |worked| worked.max(laid.residual.rms)),
            moved: Length::from_m(moved),
            looked: at,
        })
    }
}

impl Registrar {
    /// How far a motion moves the dot that it moves farthest, metres; NaN for one that is not finite.
    fn farthest(&self, motion: &Transform<Head, Head>) -> f64 {
        if !motion.is_finite() {
            return f64::NAN;
        }
        let moves = |dot: &Point<Head>| (*motion * *dot).distance(dot);
        self.dots.iter().map(moves).fold(0.0, f64::max)
    }
}

/// At most so many of the points, evenly.
fn evenly(points: &[Point<Base>], most: usize) -> Vec<Point<Base>> {
    let step = points.len().div_ceil(most.max(1)).max(1);
    points.iter().step_by(step).copied().collect()
}
