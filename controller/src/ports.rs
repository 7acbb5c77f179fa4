//! What the controller asks of the hardware, and of whoever operates it: arm, needle, head tracker, operator.
//!
//! The simulator implements these in process, the ROS 2 node over topics and an action. All calls come from the tick, once every 2 ms: none
//! may block, wait for an answer, or take long. Readers return the latest value with the moment it **arrived**, on the controller's own
//! monotonic clock (the one [`Session::tick`](crate::session::Session::tick) is given), never the sender's stamp; an old value is returned
//! again and again with its old stamp, and the core judges its age. A reader never invents, interpolates or repeats with a new stamp.

use stipple_core::{HopId, MotionStatus, NeedleCommand, NeedleState};
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;
use stipple_model::motion::Trajectory;

pub use stipple_core::{ArmFailure, Micros, Stamped};

/// All joints at one moment, in the order of the arm's chain, base to flange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointState {
    /// rad.
    pub position: Joints,
    /// rad/s, as measured (not commanded).
    pub velocity: Joints,
}

/// The needle as its device reports it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeedleReport {
    /// What it is doing.
    pub state: NeedleState,
    /// How far the point is out of its retracted position, m, positive outward.
    pub extension: f64,
    /// Force along the needle, N, positive when the skin pushes back.
    pub axial_force: f64,
    /// Nonce of the permit of the strike under way, or of the last one; 0 before the first.
    pub permit: u64,
    /// The cartridge that is fitted is the sitting's, or there is no sitting yet to have one.
    pub ours: bool,
}

/// Why a command could not be handed over. What became of a motion that was handed over is told by [`ArmPort::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// There is nobody to hand it to.
    #[error("the device is not connected")]
    NotConnected,
    /// The command has another number of joints than the arm.
    #[error("the motion has {motion} joints, the arm has {arm}")]
    JointCount {
        /// In the motion.
        motion: usize,
        /// In the arm.
        arm: usize,
    },
}

/// The arm.
///
/// * A motion begins as soon as it is followed, at the trajectory's first point, which is where the arm rests (within the controller's
///   tolerance). There is at most one motion; a new one replaces the old one.
/// * After [`ArmPort::cancel`] the arm comes to rest by itself; the motion's status turns to failed, perhaps before the arm rests.
/// * Following one id twice changes nothing.
pub trait ArmPort {
    /// The joints' names in chain order, as the arm reports them; `None` until it has reported.
    fn joint_names(&self) -> Option<&[String]>;

    /// The latest whole joint state (every joint of the chain, finite); broken ones are dropped, so that they show as silence.
    fn joint_state(&self) -> Option<Stamped<JointState>>;

    /// Follows a motion, from now.
    ///
    /// # Errors
    /// When it cannot be handed over; the arm then does not move.
    fn follow(&mut self, hop: HopId, trajectory: &Trajectory) -> Result<(), PortError>;

    /// Ends whatever motion there is; without one, nothing happens.
    ///
    /// # Errors
    /// When it cannot be handed over. It is called again until the joints rest.
    fn cancel(&mut self) -> Result<(), PortError>;

    /// How the motion is doing: [`MotionStatus::Idle`] for one never followed or long forgotten.
    fn status(&self, hop: HopId) -> MotionStatus;
}

/// The needle.
///
/// * [`NeedlePort::command`] is called in every tick; the device retracts by itself without one, and is in after 50 ms.
/// * An extension belongs to the permit whose nonce it carries; the device takes each nonce for one strike, and none that is not larger
///   than the last.
pub trait NeedlePort {
    /// The latest report.
    fn report(&self) -> Option<Stamped<NeedleReport>>;

    /// This tick's command.
    ///
    /// # Errors
    /// When it cannot be handed over. The device's own watchdog then draws the needle back.
    fn command(&mut self, command: &NeedleCommand) -> Result<(), PortError>;
}

/// The head tracker.
pub trait HeadPort {
    /// The latest pose of the head in the arm's base frame. One the tracker marks as lost is not a pose; one that is not finite is
    /// dropped.
    fn head_pose(&self) -> Option<Stamped<Transform<Base, Head>>>;
}

/// A hold of the operator's lease: the same number as long as one and the same holder has kept it without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseTerm(pub u64);

/// The operator, as far as they must be there.
pub trait OperatorPort {
    /// The lease with the arrival of its holder's last heartbeat; `None` before anybody held it.
    fn lease(&self) -> Option<Stamped<LeaseTerm>>;
}

/// The ports of one tick.
pub struct Ports<'a> {
    /// The arm.
    pub arm: &'a mut dyn ArmPort,
    /// The needle.
    pub needle: &'a mut dyn NeedlePort,
    /// The head tracker.
    pub head: &'a mut dyn HeadPort,
    /// The operator.
    pub operator: &'a mut dyn OperatorPort,
}
