//! The latest of what came in over topics, with the moment it arrived; written by the spinning thread, read in the tick.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};
use r2r::builtin_interfaces::msg::Time;
use r2r::geometry_msgs::msg::PoseStamped;
use r2r::sensor_msgs::msg::{self, PointCloud2};
use r2r::stipple_msgs::msg as stipple;
use stipple_core::{Limits, Micros, NeedleState};
use stipple_model::frames::{Base, Head, Transform};
use stipple_model::joints::Joints;

use super::cartridge::Fitted;
use super::program::Clock;
use super::scan::{ScanError, Scans};
use super::slot::{Dropped, Slot};
use crate::lease::{Heard, Lease};
use crate::ports::{HeadPort, JointState, LeaseTerm, NeedleReport, OperatorPort, Stamped};
use crate::registration::Tracked;
use crate::stamps::{Stamps, Untimely};
use stipple_model::text::plain;

/// How far a quaternion's length may be from one. Source: own, single precision and a margin.
const UNIT_TOLERANCE: f64 = 1e-3;

/// So many different lists of joints are remembered: several drivers may report on one topic, each its own joints.
const REPORTERS: usize = 8;
/// One that was not heard for so long reports no more.
const REPORTING: Micros = Micros::from_ms(1_000);

/// So many characters of a frame are quoted.
const LONGEST: usize = 60;

/// All inputs.
#[derive(Debug)]
pub struct Inputs {
    clock: Clock,
    base_frame: String,
    /// Names of the joints in chain order; empty while no plan is loaded.
    names: Mutex<Arc<[String]>>,
    /// The different lists of joints that came, and when each came last; the one that came last of all is the last.
    reported: Mutex<Vec<(Arc<[String]>, Micros)>>,
    /// The joints, in chain order.
    pub joints: Slot<JointState>,
    /// The needle.
    pub needle: Slot<NeedleReport>,
    /// The head.
    pub head: Slot<Transform<Base, Head>>,
    /// The needle device's cartridge.
    pub cartridge: Fitted,
    /// The operator's lease.
    lease: Mutex<Lease>,
    /// Scans of the head.
    scans: Mutex<Scans>,
    joints_in_time: Mutex<Stamps>,
    head_in_time: Mutex<Stamps>,
    needle_in_time: Mutex<Stamps>,
}

impl Inputs {
    /// Nothing has come yet. Head poses must carry `base_frame`; of `limits` the ages count.
    #[must_use]
    pub fn new(clock: Clock, base_frame: String, limits: &Limits) -> Self {
        Self {
            clock,
            base_frame,
            names: Mutex::new(Arc::new([])),
            reported: Mutex::default(),
            joints: Slot::default(),
            needle: Slot::default(),
            head: Slot::default(),
            cartridge: Fitted::default(),
            lease: Mutex::new(Lease::new(limits.lease_age)),
            scans: Mutex::default(),
            joints_in_time: Mutex::new(Stamps::new(limits.joints_age)),
            head_in_time: Mutex::new(Stamps::new(limits.head_age_strike)),
            needle_in_time: Mutex::new(Stamps::new(limits.needle_late())),
        }
    }

    /// The same where senders' stamps are of simulated time: how late a message is they do not tell. Its age counts from its arrival as ever.
    #[must_use]
    pub fn with_simulated_time(mut self) -> Self {
        self.joints_in_time = Mutex::new(Stamps::of_another_time());
        self.head_in_time = Mutex::new(Stamps::of_another_time());
        self.needle_in_time = Mutex::new(Stamps::of_another_time());
        self
    }

    /// Forgets what the stamps so far tell of those to come: a person has loaded a plan, and may have put a clock right before.
    pub fn begin_anew(&self) {
        for stamps in [
            &self.joints_in_time,
            &self.head_in_time,
            &self.needle_in_time,
        ] {
            let mut stamps = stamps.lock().unwrap_or_else(PoisonError::into_inner);
            stamps.begin_anew();
        }
    }

    /// The joints of the newest report that has all `wanted` ones.
    #[must_use]
    pub fn reported_with(&self, wanted: &[String]) -> Option<Arc<[String]>> {
        let reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let has_all = |(names, _): &&(Arc<[String]>, Micros)| {
            let mut wanted = wanted.iter();
            wanted.all(|name| names.contains(name))
        };
        let found = reported.iter().rev().find(has_all);
        found.map(|(names, _)| Arc::clone(names))
    }

    /// The same of what is being reported: what has not come for a second is no more.
    #[must_use]
    pub fn reports_with(&self, wanted: &[String]) -> Option<Arc<[String]>> {
        let now = self.clock.now();
        {
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            reported.retain(|(_, came)| now.fresh(*came, REPORTING));
        }
        self.reported_with(wanted)
    }

    /// The frame that head poses and scans must carry.
    #[must_use]
    pub fn base_frame(&self) -> &str {
        &self.base_frame
    }

    /// Remembers which joints were reported together.
    fn take_names(&self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, came)) = reported.last_mut()
            && **last == *names
        {
            *came = now;
            return;
        }
        let known = reported.iter().position(|(known, _)| **known == *names);
        let list = match known {
            Some(known) => reported.remove(known).0,
            None => names.into(),
        };
        if reported.len() >= REPORTERS {
            reported.remove(0);
        }
        reported.push((list, now));
    }

    /// From now on joint states are read in this order.
    pub fn set_names(&self, names: &[String]) {
        let mut held = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if **held != *names {
            *held = names.into();
            self.joints.forget();
        }
    }

    /// Takes a joint state. One that lacks a joint of the chain, has a number that is not finite, comes late or out of order is dropped.
    pub fn take_joints(&self, message: &msg::JointState) {
        self.take_names(&message.name);
        let names = Arc::clone(&self.names.lock().unwrap_or_else(PoisonError::into_inner));
        // Of several drivers on one topic each has its own order; those of other joints are not looked at.
        let ours = names.iter().any(|name| message.name.contains(name));
        if !ours {
            return;
        }
        let at = self.in_time(&self.joints_in_time, &message.header.stamp);
        self.joints
            .put("joint_states", both(joints_of(message, &names), at));
    }

    /// Takes a needle report. One that makes no sense, comes late or out of order is dropped.
    pub fn take_needle(&self, message: &stipple::NeedleState) {
        let at = self.in_time(&self.needle_in_time, &message.header.stamp);
        let ours = self.cartridge.report(&message.cartridge, message.strikes);
        self.needle
            .put("needle/state", both(needle_of(message, ours), at));
    }

    /// When a message counts as having arrived, if it is in order and in time.
    fn in_time(&self, stamps: &Mutex<Stamps>, stamp: &Time) -> Result<Micros, Untimely> {
        let mut stamps = stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = i128::from(stamp.sec) * 1_000_000_000 + i128::from(stamp.nanosec);
        stamps.look(stamp, self.clock.now())
    }

    /// Takes a head pose. One in another frame, not finite, late or out of order is dropped.
    pub fn take_head(&self, message: &PoseStamped) {
        const TOPIC: &str = "head_pose";
        if message.header.frame_id != self.base_frame {
            let frame = Dropped::Frame {
                got: plain(&message.header.frame_id, LONGEST),
                wanted: self.base_frame.clone(),
            };
            self.head.put(TOPIC, Err(frame));
            return;
        }
        let at = self.in_time(&self.head_in_time, &message.header.stamp);
        let pose = both(pose_of(message), at);
        if let Ok((pose, _)) = &pose {
            let now = self.clock.now();
            self.scans().take_pose(&message.header.stamp, pose, now);
        }
        self.head.put(TOPIC, pose);
    }

    /// Keeps a scan of the head.
    pub fn take_scan(&self, cloud: PointCloud2) {
        let now = self.clock.now();
        self.scans().take(cloud, now);
    }

    /// The scans.
    pub fn scans(&self) -> MutexGuard<'_, Scans> {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last scan with the head as it was tracked then.
    ///
    /// # Errors
    /// Why there is none to use.
    pub fn latest_scan(&self) -> Result<(PointCloud2, Tracked), ScanError> {
        self.scans().latest(&self.base_frame, self.clock.now())
    }
}

impl Inputs {
    /// Takes a heartbeat of the operator under the name it carries.
    pub fn take_lease(&self, name: &str) {
        let now = self.clock.now();
        // Not within the match: whoever reads the log must not keep the control loop from the lease.
        let heard = {
            let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
            lease.hear(name, now)
        };
        match heard {
            Heard::Held => {}
            Heard::First => tracing::info!(name, "the operator's lease is taken"),
            // Told once a second in the diagnostics; ten times a second in the log would hide everything else.
            Heard::Refused | Heard::Nameless => tracing::debug!(name, "a heartbeat is refused"),
        }
    }

    /// The lease, to tell of it.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What a message says, and when it counts as having arrived.
fn both<T>(
    value: Result<T, Dropped>,
    at: Result<Micros, Untimely>,
) -> Result<(T, Micros), Dropped> {
    Ok((value?, at?))
}

fn joints_of(message: &msg::JointState, names: &[String]) -> Result<JointState, Dropped> {
    let (mut position, mut velocity) = (Joints::zeros(names.len()), Joints::zeros(names.len()));
    if position.dof() != names.len() {
        return Err(Dropped::Joint(String::new()));
    }
    for (joint, name) in names.iter().enumerate() {
        let lacks = || Dropped::Joint(name.clone());
        let index = message.name.iter().position(|reported| reported == name);
        let index = index.ok_or_else(lacks)?;
        position[joint] = *message.position.get(index).ok_or_else(lacks)?;
        velocity[joint] = *message.velocity.get(index).ok_or_else(lacks)?;
    }
    let finite = position.is_finite() && velocity.is_finite();
    finite
        .then_some(JointState { position, velocity })
        .ok_or(Dropped::NotFinite)
}

fn needle_of(message: &stipple::NeedleState, ours: bool) -> Result<NeedleReport, Dropped> {
    let state = match message.state {
        s if s == stipple::NeedleState::RETRACTED as u8 => NeedleState::Retracted,
        s if s == stipple::NeedleState::EXTENDING as u8 => NeedleState::Extending,
        s if s == stipple::NeedleState::EXTENDED as u8 => NeedleState::Extended,
        s if s == stipple::NeedleState::RETRACTING as u8 => NeedleState::Retracting,
        s if s == stipple::NeedleState::FAULT as u8 => NeedleState::Fault,
        _ => return Err(Dropped::State),
    };
    if !(message.extension.is_finite() && message.axial_force.is_finite()) {
        return Err(Dropped::NotFinite);
    }
    Ok(NeedleReport {
        state,
        extension: message.extension,
        axial_force: message.axial_force,
        permit: message.permit,
        ours,
    })
}

fn pose_of(message: &PoseStamped) -> Result<Transform<Base, Head>, Dropped> {
    let (p, q) = (&message.pose.position, &message.pose.orientation);
    let rotation = Quaternion::new(q.w, q.x, q.y, q.z);
    let length = rotation.norm();
    // Written so that a length that is not a number fails, too.
    let unit = (length - 1.0).abs() <= UNIT_TOLERANCE;
    if !unit {
        return Err(Dropped::Quaternion(format!("{length:.3}")));
    }
    let pose = Transform::from_raw(Isometry3::from_parts(
        Translation3::new(p.x, p.y, p.z),
        UnitQuaternion::new_normalize(rotation),
    ));
    pose.is_finite().then_some(pose).ok_or(Dropped::NotFinite)
}

/// The inputs as one tick sees them: taken before its moment, so that nothing in them comes from after it, and the same throughout.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// The joints.
    pub joints: Option<Stamped<JointState>>,
    /// The needle.
    pub needle: Option<Stamped<NeedleReport>>,
    /// The head.
    pub head: Option<Stamped<Transform<Base, Head>>>,
    /// The operator's lease.
    pub operator: Option<Stamped<LeaseTerm>>,
}

impl Inputs {
    /// The latest of each; of what somebody is putting in or reading just then, what it was in the look before. So a tick waits for nobody, who
    /// may be interrupted for long, and what it sees is old at worst, which the core judges.
    #[must_use]
    pub fn look(&self, before: &Look) -> Look {
        Look {
            joints: self.joints.seen(before.joints),
            needle: self.needle.seen(before.needle),
            head: self.head.seen(before.head),
            operator: match self.lease.try_lock() {
                Ok(lease) => lease.held(),
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().held(),
                Err(TryLockError::WouldBlock) => before.operator,
            },
        }
    }
}

/// The head tracker over its topic.
#[derive(Debug, Clone, Copy, Default)]
pub struct RosHead(pub Option<Stamped<Transform<Base, Head>>>);

impl HeadPort for RosHead {
    fn head_pose(&self) -> Option<Stamped<Transform<Base, Head>>> {
        self.0
    }
}

/// The operator over their heartbeat.
#[derive(Debug, Clone, Copy, Default)]
pub struct RosOperator(pub Option<Stamped<LeaseTerm>>);

impl OperatorPort for RosOperator {
    fn lease(&self) -> Option<Stamped<LeaseTerm>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use stipple_core::Limits;

    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Stamps that rise from message to message.
    fn rising() -> Time {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Time {
            sec: 0,
            nanosec: NEXT.fetch_add(1, Ordering::Relaxed) as u32,
        }
    }

    /// Whose senders' stamps tell nothing of how late they are: these rise by nanoseconds, and a test may stand still for long.
    fn inputs() -> Inputs {
        let frame = "base_link".to_owned();
        Inputs::new(Clock::start(), frame, &Limits::HARDWARE).with_simulated_time()
    }

    fn message(names: &[&str], position: &[f64], velocity: &[f64]) -> msg::JointState {
        msg::JointState {
            name: names.iter().map(|n| (*n).to_owned()).collect(),
            position: position.to_vec(),
            velocity: velocity.to_vec(),
            header: r2r::std_msgs::msg::Header {
                stamp: rising(),
                frame_id: String::new(),
            },
            ..Default::default()
        }
    }

    /// H13.
    #[test]
    fn joints_are_read_by_name_and_broken_ones_are_dropped() {
        let inputs = inputs();
        inputs.take_joints(&message(&["b", "a"], &[2.0, 1.0], &[0.2, 0.1]));
        assert!(inputs.joints.latest().is_none(), "no order is known yet");
        assert_eq!(*inputs.reported_with(&[]).unwrap(), ["b", "a"]);
        inputs.set_names(&["a".to_owned(), "b".to_owned()]);
        inputs.take_joints(&message(
            &["b", "c", "a"],
            &[2.0, 9.0, 1.0],
            &[0.2, 0.9, 0.1],
        ));
        let latest = inputs.joints.latest().unwrap();
        assert_eq!(latest.value.position.as_slice(), [1.0, 2.0]);
        assert_eq!(latest.value.velocity.as_slice(), [0.1, 0.2]);
        for broken in [
            message(&["a"], &[1.0], &[0.0]),
            message(&["a", "b"], &[1.0, f64::NAN], &[0.0, 0.0]),
            message(&["a", "b"], &[1.0, 2.0], &[]),
        ] {
            inputs.take_joints(&broken);
        }
        assert_eq!(inputs.joints.latest().unwrap().sequence, latest.sequence);
        assert_eq!(inputs.joints.dropped(), 3);
        inputs.set_names(&["b".to_owned(), "a".to_owned()]);
        assert!(inputs.joints.latest().is_none(), "read in another order");
    }

    #[test]
    fn of_what_is_reported_the_newest_with_all_wanted_joints_counts() {
        let inputs = inputs();
        let take = |names: &[&str]| inputs.take_joints(&message(names, &[], &[]));
        let arm = ["a", "b"].map(str::to_owned);
        take(&["gripper"]);
        assert_eq!(inputs.reported_with(&arm), None);
        take(&["b", "a"]);
        take(&["gripper"]);
        assert_eq!(*inputs.reported_with(&arm).unwrap(), ["b", "a"]);
        take(&["c", "a", "b"]);
        assert_eq!(*inputs.reported_with(&arm).unwrap(), ["c", "a", "b"]);
        for i in 0..100 {
            take(&["a", "b", &i.to_string()]);
        }
        assert_eq!(inputs.reported.lock().unwrap().len(), REPORTERS);
    }

    /// H13.
    #[test]
    fn a_head_pose_must_be_whole_and_in_the_arms_frame() {
        let inputs = inputs();
        let mut pose = PoseStamped::default();
        pose.header.frame_id = "base_link".to_owned();
        pose.header.stamp = rising();
        pose.pose.position.x = 0.5;
        pose.pose.orientation.w = 1.0;
        inputs.take_head(&pose);
        assert_eq!(inputs.head.latest().unwrap().value.origin().raw().x, 0.5);
        let mut elsewhere = pose.clone();
        elsewhere.header.frame_id = "camera".to_owned();
        let mut broken = pose.clone();
        broken.pose.orientation.w = 0.0;
        let mut nan = pose.clone();
        nan.pose.position.y = f64::NAN;
        for mut bad in [elsewhere, broken, nan] {
            bad.header.stamp = rising();
            inputs.take_head(&bad);
        }
        assert_eq!(inputs.head.latest().unwrap().sequence, 1);
        assert_eq!(inputs.head.dropped(), 3);
        // The same one again, and one that is good.
        inputs.take_head(&pose);
        assert_eq!(inputs.head.latest().unwrap().sequence, 1);
        pose.header.stamp = rising();
        inputs.take_head(&pose);
        assert_eq!(inputs.head.latest().unwrap().sequence, 2);
    }
}
