//! Where the arm goes next: the traits the session asks, and their implementation over the work cell.

use std::sync::Arc;

use stipple_model::clearance::{Obstacle, Settled, WorkCell};
use stipple_model::frames::{Base, Head, Point, Tip, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::motion::{self, HopError, HopTarget, Trajectory};
use stipple_model::plan::{DotId, Outcome, Plan, SkipReason};

use crate::ports::JointState;

/// Joints this near to the station's are at the station, rad: the way from there is the planner's way back, proven from where they are. Source:
/// own, an arm's path tolerance.
const AT_STATION: f64 = 10e-3;

/// The arm's geometry as the tick needs it: cheap, and the same for the same joints.
pub trait Kinematics: Send + Sync {
    /// The names of the joints in chain order.
    fn joint_names(&self) -> &[String];

    /// Where the nose-cone tip is.
    fn base_from_tip(&self, joints: &Joints) -> Transform<Base, Tip>;

    /// The joints against the arm's limits.
    fn strain(&self, state: &JointState) -> Strain;

    /// The joints' highest accelerations, rad/s².
    fn acceleration(&self) -> Joints;

    /// How high a point is above the skin, m, negative inside: exactly where it is lower than `enough`, and otherwise a bound that it is
    /// not below. Not finite for a point that is not.
    fn height(&self, point: &Point<Head>, enough: f64) -> f64;
}

/// A joint state against the arm's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strain {
    /// The largest |joint speed| as a share of that joint's limit; NaN where a speed is.
    pub speed_share: f64,
    /// How far the joint that is farthest outside its position limits is outside, rad; 0 when all are inside; NaN where a position is.
    pub outside: f64,
}

/// The larger of two; NaN when one is, which a comparison would hide.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if b <= a || a.is_nan() { a } else { b }
}

/// A motion that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HopRequest {
    /// To the hover over this dot.
    pub dot: DotId,
    /// From here, at rest.
    pub from: Joints,
    /// With the head where it is expected when the needle meets the skin.
    pub base_from_head: Transform<Base, Head>,
}

/// A motion, clear along its whole length.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// From rest to rest.
    pub trajectory: Trajectory,
}

/// Why there is no motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HopRefusal {
    /// The plan has no such dot, or left it out.
    #[error("the dot is not planned")]
    NotPlanned,
    /// The plan has no station.
    #[error("there is no station")]
    NoStation,
    /// The arm cannot go there from here with the head where it is.
    #[error("no motion: {}", .0.key())]
    Unreachable(SkipReason),
    /// The arm stands too near to something for any motion to begin, whatever its end.
    #[error("the arm stands too near to something")]
    Stuck,
    /// An input is not finite or does not fit the arm.
    #[error("the joints or the head pose make no sense")]
    BadInput,
}

impl HopRefusal {
    /// The key used in reports and the record.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NotPlanned => "not_planned",
            Self::NoStation => "no_station",
            Self::Unreachable(reason) => reason.key(),
            Self::Stuck => "stuck",
            Self::BadInput => "bad_input",
        }
    }
}

/// Computes motions; not from the real-time thread.
pub trait HopPlanner {
    /// To the hover over a dot.
    ///
    /// # Errors
    /// Why there is none.
    fn hop(&mut self, request: &HopRequest) -> Result<Hop, HopRefusal>;

    /// From `from`, at rest, outward to a safe height above the head.
    ///
    /// # Errors
    /// Why there is none.
    fn lift(
        &mut self,
        from: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Result<Hop, HopRefusal>;

    /// From `from`, at rest off the head, to the station.
    ///
    /// # Errors
    /// Why there is no way, or that there is no station.
    fn park(
        &mut self,
        from: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Result<Hop, HopRefusal>;
}

/// [`HopPlanner`] and [`Kinematics`] over a plan and its work cell.
#[derive(Clone)]
pub struct CellPlanner {
    plan: Arc<Plan>,
    cell: Arc<WorkCell>,
    joint_names: Arc<[String]>,
}

impl CellPlanner {
    /// Over a plan and the work cell built from it.
    #[must_use]
    pub fn new(plan: Arc<Plan>, cell: Arc<WorkCell>) -> Self {
        let joint_names = cell.arm().joints().iter().map(|j| j.name.clone()).collect();
        Self {
            plan,
            cell,
            joint_names,
        }
    }

    fn fits(
        &self,
        joints: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Result<(), HopRefusal> {
        let fits = joints.dof() == self.cell.arm().dof()
            && joints.is_finite()
            && base_from_head.is_finite();
        if fits {
            Ok(())
        } else {
            Err(HopRefusal::BadInput)
        }
    }
}

impl Kinematics for CellPlanner {
    fn joint_names(&self) -> &[String] {
        &self.joint_names
    }

    fn base_from_tip(&self, joints: &Joints) -> Transform<Base, Tip> {
        self.cell.base_from_tip(joints)
    }

    fn strain(&self, state: &JointState) -> Strain {
        let joints = self.cell.arm().joints();
        let each = || joints.iter().zip(state.position.as_slice());
        Strain {
            speed_share: (joints.iter().zip(state.velocity.as_slice()))
                .map(|(joint, speed)| speed.abs() / joint.velocity)
                .fold(0.0, larger),
            outside: each()
                .map(|(joint, q)| larger(joint.lower - q, q - joint.upper))
                .fold(0.0, larger),
        }
    }

    fn acceleration(&self) -> Joints {
        self.cell.arm().motion_limits().acceleration
    }

    fn height(&self, point: &Point<Head>, enough: f64) -> f64 {
        let field = self.cell.field();
        let bound = field.lower(point);
        if bound >= enough {
            bound
        } else {
            field.exact(point)
        }
    }
}

impl HopPlanner for CellPlanner {
    fn hop(&mut self, request: &HopRequest) -> Result<Hop, HopRefusal> {
        self.fits(&request.from, &request.base_from_head)?;
        let dot = self.plan.dot(request.dot).ok_or(HopRefusal::NotPlanned)?;
        let Outcome::Planned { hover: seed, .. } = dot.outcome else {
            return Err(HopRefusal::NotPlanned);
        };
        let head_from_tip = dot.hover_pose(HOVER).ok_or(HopRefusal::NotPlanned)?;
        let target = HopTarget {
            head_from_tip,
            seed,
        };
        let (from, base_from_head) = (&request.from, &request.base_from_head);
        let waits = |station: &Joints| from.max_difference(station) <= AT_STATION;
        let trajectory = if self.plan.station.as_ref().is_some_and(waits) {
            let goal = motion::hover(&self.cell, base_from_head, &target)?;
            motion::back(&Settled::nothing(&self.cell, base_from_head), from, &goal)?
        } else {
            motion::hop(&self.cell, base_from_head, from, &target)?
        };
        Ok(Hop { trajectory })
    }

    fn lift(
        &mut self,
        from: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Result<Hop, HopRefusal> {
        self.fits(from, base_from_head)?;
        Ok(Hop {
            trajectory: motion::lift(&self.cell, base_from_head, from)?,
        })
    }

    fn park(
        &mut self,
        from: &Joints,
        base_from_head: &Transform<Base, Head>,
    ) -> Result<Hop, HopRefusal> {
        self.fits(from, base_from_head)?;
        let station = self.plan.station.ok_or(HopRefusal::NoStation)?;
        let settled = Settled::nothing(&self.cell, base_from_head);
        Ok(Hop {
            trajectory: motion::away_directly(&settled, from, &station)?,
        })
    }
}

impl From<HopError> for HopRefusal {
    fn from(error: HopError) -> Self {
        match error {
            HopError::OutOfReach => Self::Unreachable(SkipReason::OutOfReach),
            HopError::TargetBlocked(obstacle) => Self::Unreachable(reason(obstacle)),
            HopError::StartBlocked(_) => Self::Stuck,
            HopError::WayBlocked(_) => Self::Unreachable(SkipReason::Unconnected),
            HopError::Motion(_) => Self::BadInput,
        }
    }
}

fn reason(obstacle: Obstacle) -> SkipReason {
    match obstacle {
        Obstacle::Head { .. } => SkipReason::CollisionHead,
        Obstacle::Floor { .. } | Obstacle::Box { .. } => SkipReason::CollisionScene,
        Obstacle::KeepOut { .. } => SkipReason::KeepOut,
        Obstacle::Itself { .. } => SkipReason::CollisionSelf,
        // What cannot be computed is not reached.
        Obstacle::Unknown => SkipReason::OutOfReach,
    }
}
