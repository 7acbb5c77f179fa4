//! The simulated hardware and the person in the chair: arm, needle, skin, head, head tracker, and the truth about every strike.
//!
//! Everything moves in [`Plant::step`], in whatever time it is given, and nothing else has a clock: in virtual time a run repeats bit for
//! bit. The parts implement the controller's ports themselves; over ROS 2 the same parts are served as nodes.
//!
//! ```no_run
//! use stipple_controller::ports::Micros;
//! use stipple_sim::plant::{Plant, PlantConfig, home};
//! # fn example(plan: &stipple_model::plan::Plan, cell: &stipple_model::clearance::WorkCell) -> Result<(), Box<dyn std::error::Error>> {
//! let start = home(plan, cell, 1)?;
//! let mut plant = Plant::new(plan, cell.arm(), start, &PlantConfig::default(), 42)?;
//! for tick in 1..=500 {
//!     plant.step(Micros::from_ms(2 * tick));
//!     let ports = plant.ports();
//!     // … the session's tick
//! }
//! # Ok(()) }
//! ```

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use stipple_controller::ports::{Micros, Ports};
use stipple_model::arm::Arm;
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Base, Direction, Flange, Head, Point, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits;
use stipple_model::motion;
use stipple_model::plan::{DotId, Plan};

mod arm;
mod head;
mod needle;
mod operator;
mod reference;
mod scanner;
mod skin;
mod strikes;
#[cfg(test)]
mod tests;
mod tracker;

pub use arm::{ArmConfig, SimArm, Tolerances};
pub use head::{HeadMotion, SimHead};
pub use needle::{Condition, DeviceCommand, NeedleConfig, SimNeedle, Stroke};
pub use operator::SimOperator;
pub use reference::{Point as TrajectoryPoint, PointsError, Reference, Spline};
pub use scanner::{ScannerConfig, SimScanner};
pub use skin::{Skin, SkinConfig, Under};
pub use strikes::{Break, Broken, Invariants, Strike};
pub use tracker::{SimTracker, TrackerConfig};

use crate::chance::normal;
use skin::Puncture;

/// Everything that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlantConfig {
    /// The arm.
    pub arm: ArmConfig,
    /// The needle device.
    pub needle: NeedleConfig,
    /// The skin.
    pub skin: SkinConfig,
    /// How the head moves.
    pub head: HeadMotion,
    /// The head tracker.
    pub tracker: TrackerConfig,
    /// The scanner.
    pub scanner: ScannerConfig,
}

/// Why a plan cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum PlantError {
    /// The head's mesh.
    #[error("the plan's head has no usable surface: {0}")]
    Head(String),
    /// The joints the arm starts with.
    #[error("the arm has {arm} joints, but was to start with {start}")]
    Joints {
        /// The arm's.
        arm: usize,
        /// Those given.
        start: usize,
    },
    /// The layer has nothing to do, so there is no place to start from.
    #[error("layer {0} has no planned dot")]
    NoDot(u8),
    /// There is no clear place above the first dot.
    #[error("no clear place to start from above the first dot of layer {layer}: {source}")]
    NoStart {
        /// The layer.
        layer: u8,
        /// Why.
        source: motion::HopError,
    },
}

/// Joint speed up to which the arm counts as standing, rad/s: the figure at which the controller takes it for resting.
const STANDING: f64 = 0.01;
/// Extension beyond which the needle counts as out, metres.
const OUT: f64 = 0.1e-3;

/// What a dot of the plan asks for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    position: Point<Head>,
    normal: Direction<Head>,
    depth: f64,
}

/// A strike under way.
#[derive(Debug, Clone)]
struct Contact {
    strike: Strike,
    puncture: Puncture,
    met: Point<Head>,
}

/// Arm, needle, head and tracker, with the truth about them.
pub struct Plant {
    /// The arm; an [`stipple_controller::ports::ArmPort`].
    pub arm: SimArm,
    /// The needle; a [`stipple_controller::ports::NeedlePort`].
    pub needle: SimNeedle,
    /// The head tracker; a [`stipple_controller::ports::HeadPort`].
    pub tracker: SimTracker,
    /// The scanner.
    pub scanner: SimScanner,
    /// The head.
    pub head: SimHead,
    /// The operator; a [`stipple_controller::ports::OperatorPort`].
    pub operator: SimOperator,
    kinematics: Arm,
    flange_from_tip: Transform<Flange, Tip>,
    skin: Skin,
    skin_config: SkinConfig,
    dots: Vec<Wanted>,
    speed_limits: Joints,
    now: Micros,
    contact: Option<Contact>,
    /// How much higher than scanned the skin is to stand, and stands since the needle was last in, metres.
    swelling: f64,
    swollen: f64,
    strikes: Vec<Strike>,
    invariants: Invariants,
    rng: ChaCha8Rng,
    force_noise: f64,
    cell_rng: ChaCha8Rng,
}

/// Where the arm waits before a session: at the station, or, where there is none, lifted off the first dot of a layer, with the head where
/// it is expected.
///
/// # Errors
/// The layer has no planned dot, or there is no clear place above the first one.
pub fn home(plan: &Plan, cell: &WorkCell, layer: u8) -> Result<Joints, PlantError> {
    let hover = plan.first_hover(layer).ok_or(PlantError::NoDot(layer))?;
    if let Some(station) = plan.station {
        return Ok(station);
    }
    let lift = motion::lift(cell, &plan.cell.base_from_head, &hover)
        .map_err(|source| PlantError::NoStart { layer, source })?;
    Ok(lift.end())
}

impl Plant {
    /// Everything at rest at time zero, the arm at `start`. The same seed gives the same run.
    ///
    /// # Errors
    /// A head mesh that cannot be used, or joints that do not fit the arm.
    pub fn new(
        plan: &Plan,
        arm: &Arm,
        start: Joints,
        config: &PlantConfig,
        seed: u64,
    ) -> Result<Self, PlantError> {
        if start.dof() != arm.dof() {
            return Err(PlantError::Joints {
                arm: arm.dof(),
                start: start.dof(),
            });
        }
        // A stream for each part: a change in how one of them draws does not change the others.
        let stream = |number: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            rng
        };
        let skin =
            Skin::new(&plan.head, &plan.patch).map_err(|e| PlantError::Head(e.to_string()))?;
        let wanted = |dot: &stipple_model::plan::Dot| Wanted {
            position: dot.position,
            normal: dot.normal,
            depth: dot.depth.m(),
        };
        Ok(Self {
            arm: SimArm::new(arm, start, config.arm, stream(1)),
            needle: SimNeedle::new(config.needle),
            tracker: SimTracker::new(config.tracker, stream(2)),
            scanner: SimScanner::new(&plan.head, config.scanner, stream(8)),
            head: SimHead::new(plan.cell.base_from_head, config.head, stream(3)),
            operator: SimOperator::default(),
            kinematics: arm.clone(),
            flange_from_tip: plan.cell.tool.flange_from_tip,
            skin,
            skin_config: config.skin,
            dots: plan.dots.iter().map(wanted).collect(),
            speed_limits: arm.motion_limits().velocity,
            now: Micros::ZERO,
            contact: None,
            swelling: 0.0,
            swollen: 0.0,
            strikes: Vec::new(),
            invariants: Invariants::default(),
            rng: stream(4),
            force_noise: config.needle.force_noise,
            cell_rng: stream(9),
        })
    }

    /// Moves everything on to `now`, which never goes back.
    pub fn step(&mut self, now: Micros) {
        self.now = now;
        self.head.step(now);
        self.arm.step(now);
        self.needle.step(now);
        self.tracker.step(now, self.head.pose());
        self.operator.step(now);
        self.touch();
        self.check();
    }

    /// The parts as the controller sees them.
    pub fn ports(&mut self) -> Ports<'_> {
        Ports {
            arm: &mut self.arm,
            needle: &mut self.needle,
            head: &mut self.tracker,
            operator: &mut self.operator,
        }
    }

    /// What the scanner sees of the head now.
    pub fn scan(&mut self) -> Vec<Point<Base>> {
        self.scanner.scan(self.head.pose())
    }

    /// The time, as last given.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Where the nose-cone tip really is.
    #[must_use]
    pub fn base_from_tip(&self) -> Transform<Base, Tip> {
        self.kinematics.forward(self.arm.true_position()) * self.flange_from_tip
    }

    /// How far a point of the head is from the approved patch, metres; infinite without one. Looks at every triangle of it.
    #[must_use]
    pub fn patch_distance(&self, at: &Point<Head>) -> f64 {
        self.skin.patch_distance(at)
    }

    /// The strikes so far that have ended.
    #[must_use]
    pub fn strikes(&self) -> &[Strike] {
        &self.strikes
    }

    /// What was checked and what did not hold.
    #[must_use]
    pub fn invariants(&self) -> &Invariants {
        &self.invariants
    }

    /// Takes dots as struck that an earlier run has struck, so that a second strike is seen.
    pub fn remember_struck(&mut self, dots: impl IntoIterator<Item = DotId>) {
        self.invariants.remember(dots);
    }

    /// Once the needle is in, the skin stands so much higher than where it was scanned, metres.
    pub fn swell(&mut self, by: f64) {
        self.swelling = by;
    }

    /// Needle and skin.
    fn touch(&mut self) {
        if !self.needle.is_out() && self.contact.is_none() {
            self.needle.set_force(0.0);
            self.swollen = self.swelling;
            return;
        }
        let head_from_tip = self.head.pose().inverse() * self.base_from_tip();
        let under = self.skin.under(&head_from_tip).map(|under| Under {
            gap: under.gap - self.swollen,
            ..under
        });
        // A nose that is in the skin takes the skin with it: the point is never deeper than it is out of the nose.
        let pressed = under.map_or(0.0, |u| self.needle.extension() - u.gap.max(0.0));
        let permit = self.needle.stroke().map(|s| s.permit);
        let ended = self
            .contact
            .as_ref()
            .is_some_and(|c| pressed <= 0.0 || Some(c.strike.permit) != permit);
        if ended && let Some(contact) = self.contact.take() {
            self.strikes.push(contact.strike);
        }
        if self.contact.is_none() && pressed > 0.0 {
            self.contact = under.and_then(|u| self.meet(&u, &head_from_tip));
        }
        let mut force = 0.0;
        if let (Some(contact), Some(under)) = (&mut self.contact, under) {
            let (push, depth) = contact.puncture.press(pressed, &self.skin_config);
            let strike = &mut contact.strike;
            force = push;
            strike.force = strike.force.max(push);
            strike.depth_error += depth.max(strike.depth) - strike.depth;
            strike.depth = strike.depth.max(depth);
            strike.dragged = strike.dragged.max(contact.met.distance(&under.point));
        }
        let noise = normal(&mut self.cell_rng, self.force_noise);
        self.needle.set_force(force + noise);
    }

    /// The needle meets the skin.
    fn meet(&mut self, under: &Under, head_from_tip: &Transform<Head, Tip>) -> Option<Contact> {
        let stroke = self.needle.stroke()?;
        let dot = DotId(stroke.dot);
        let wanted = self.dots.get(dot.index()).copied();
        let axis = *head_from_tip * Direction::<Tip>::z();
        let lateral = wanted.map_or(f64::INFINITY, |w| {
            let to_dot = w.position - head_from_tip.origin();
            (to_dot - axis * to_dot.along(&axis)).norm()
        });
        let strike = Strike {
            dot,
            permit: stroke.permit,
            at: self.now,
            lateral,
            depth: 0.0,
            depth_error: wanted.map_or(f64::INFINITY, |w| -w.depth),
            angle: wanted.map_or(f64::INFINITY, |w| (-axis).angle(&w.normal)),
            dragged: 0.0,
            force: 0.0,
            in_patch: under.in_patch,
        };
        self.invariants.strike(&strike);
        let spread = self.skin_config.puncture_spread;
        // Skin that takes more than 4 N to break is not shaved scalp.
        let breaks_at = (self.skin_config.puncture * normal(&mut self.rng, spread).exp()).min(4.0);
        Some(Contact {
            strike,
            puncture: Puncture::new(breaks_at),
            met: under.point,
        })
    }

    /// What must hold at every tick.
    fn check(&mut self) {
        let dot = self.needle.stroke().map(|s| DotId(s.dot));
        let velocity = self.arm.true_velocity();
        let out = self.needle.extension() > OUT;
        let standing = velocity.max_abs() <= STANDING;
        self.invariants
            .check(Broken::MovedNeedleOut, !out || standing, self.now, dot);
        // The lag never makes a joint faster than its reference, whose excess the arm itself stops; a tenth is left for rounding.
        let share = velocity
            .zip(&self.speed_limits, |v, limit| v / limit)
            .max_abs();
        self.invariants
            .check(Broken::JointTooFast, share <= 1.1, self.now, dot);
        let depth = self.contact.as_ref().map_or(0.0, |c| c.strike.depth);
        // Hazard H2: the cap is on what the needle does, not only on what it is told.
        self.invariants.check(
            Broken::TooDeep,
            depth <= limits::DEPTH_CAP.m(),
            self.now,
            dot,
        );
    }
}
