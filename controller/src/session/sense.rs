//! What the core is told: ports, filter and motions in short.

use stipple_core::{
    ArmSeen, Dot, HeadSeen, JointsSeen, LeaseSeen, NeedleSeen, Sensed, State, TipSeen,
};
use stipple_model::frames::Head;
use stipple_model::plan::DotId;

use super::Session;
use crate::ports::{JointState, Micros, Ports, Stamped};

/// From the verification to the point's arrival at the skin: the tip is judged against the head as it will be then. Source: hover gap over
/// stroke speed.
const TO_CONTACT: Micros = Micros::from_ms(20);

impl Session {
    pub(super) fn sense(&mut self, now: Micros, ports: &Ports<'_>) -> Sensed {
        let joints = ports
            .arm
            .joint_state()
            .filter(|j| j.value.position.dof() == self.kinematics.joint_names().len());
        self.joints = joints.map(|j| j.value.position);
        self.doubt_refusal(now);
        self.doubt_way_off(now);
        let refused = self.motions.refused;
        let front = self.queue.front().map(|t| DotId(t.dot.0));
        Sensed {
            joints: joints.map(|j| JointsSeen {
                at: j.arrived,
                max_speed: max_speed(&j.value),
            }),
            motion: joints.map(|j| self.motion_seen(now, &j, &*ports.arm)),
            arm: self.motions.followed().map(|hop| ArmSeen {
                hop,
                status: self.motions.status(hop, ports.arm),
            }),
            head: self.head_seen(now),
            tip: joints.and_then(|j| self.tip_seen(now, &j)),
            needle: ports.needle.report().map(|r| NeedleSeen {
                at: r.arrived,
                state: r.value.state,
                extension: r.value.extension,
                force: r.value.axial_force,
                permit: r.value.permit,
                ours: r.value.ours,
            }),
            operator: ports.operator.lease().map(|lease| LeaseSeen {
                at: lease.arrived,
                term: lease.value.0,
            }),
            intent: self.intent.filter(|i| i.durable).map(|i| Dot(i.dot.0)),
            hop_refused: refused.filter(|r| !r.stuck()).map(|r| Dot(r.dot.0)),
            stuck: refused.is_some_and(|r| r.stuck() && Some(r.dot) == front),
            registered: !self.keeping.state.wanted(),
            way_off: self.motions.way_off,
            station: self.plan.station.is_some(),
            record_failed: self.record_failed.is_some(),
            admitted: true,
            exhausted: self.todo.is_empty(),
            command: self.command.take(),
        }
    }

    fn head_seen(&self, now: Micros) -> Option<HeadSeen> {
        let at = self.filter.good_at()?;
        let front = self.queue.front().map(|t| DotId(t.dot.0));
        let point = self.first_point();
        let hop = front.and_then(|id| self.motions.aim(id));
        let aimed = self.motions.parking().or(hop);
        let striking = matches!(
            self.core.state(),
            State::Verifying | State::Extending | State::Dwelling
        );
        let head = self.filter.pose_at(now);
        let far_displacement = match (aimed, &head) {
            (Some(aim), Some(head)) => self.farthest_off(head, &aim),
            _ => 0.0,
        };
        let displacement = match (aimed, head) {
            (Some(aim), Some(head)) => {
                let off = |pose: stipple_model::frames::Transform<_, Head>| {
                    (pose * point).distance(&(aim * point))
                };
                // The poses as they came, too: the filter is late to see a jerk, and while a stroke is under way nobody waits for what is
                // not believed to show that it stays.
                let doubted = self.filter.last_doubted().filter(|_| striking);
                let raw = [self.filter.last_raw(), doubted];
                raw.into_iter().flatten().map(off).fold(off(head), f64::max)
            }
            _ => 0.0,
        };
        Some(HeadSeen {
            at,
            speed: self.filter.speed_at(&point),
            displacement,
            far_displacement,
            doubted: self.filter.last_doubted().is_some(),
        })
    }

    pub(super) fn tip_seen(&self, now: Micros, joints: &Stamped<JointState>) -> Option<TipSeen> {
        let lead = match self.core.state() {
            State::Hovering | State::Verifying => TO_CONTACT,
            State::Extending | State::Dwelling => Micros::ZERO,
            // Nobody asks.
            _ => return None,
        };
        let id = DotId(self.queue.front()?.dot.0);
        let dot = self.plan.dot(id)?;
        let base_from_head = self.filter.pose_at(now.after(lead))?;
        let at = joints.arrived.min(self.filter.good_at()?);
        let base_from_tip = self.kinematics.base_from_tip(&joints.value.position);
        Some(
            self.skin
                .tip_over(id, dot, at, &base_from_tip, &base_from_head),
        )
    }
}

/// The largest joint speed, rad/s; NaN when any number of the state is not finite, which the core takes for a fault.
fn max_speed(state: &JointState) -> f64 {
    if state.position.is_finite() && state.velocity.is_finite() {
        state.velocity.max_abs()
    } else {
        f64::NAN
    }
}
