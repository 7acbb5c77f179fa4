//! Motions asked for, ready and under way.

use stipple_core::{ArmFailure, HopId, Leg, MotionStatus, Output, State, Target, WayOff};
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::joints::Joints;
use stipple_model::motion::Trajectory;
use stipple_model::plan::DotId;

use super::Session;
use super::path::Path;
use crate::hops::{Hop, HopRefusal, HopRequest};
use crate::ports::{ArmPort, Micros};
use crate::services::{Answer, Request, Services, Ticket};

/// A computed motion is used only while the head is expected this near to where it was aimed, m at the dot. Source: own, half of what a
/// stroke may be off.
pub const AIM_TOLERANCE: f64 = 0.1e-3;

/// A motion must begin where the arm rests, rad. Source: own, well inside an arm's path tolerance.
const START_TOLERANCE: f64 = 2e-3;

/// How often a motion is aimed anew before it is taken as it is: the tip is verified after it in any case.
const AIMS: u8 = 3;

/// From a motion's planned end to the point's arrival at the skin, before it was measured, s.
const FIRST_OVERHEAD: f64 = 0.06;

/// A motion's duration before one was followed, s.
const TYPICAL_DURATION: f64 = 0.3;

/// Longest motion whose whole duration is looked ahead, s.
const LONGEST_LOOK: f64 = 0.5;

/// A motion ready to be followed.
#[derive(Debug, Clone)]
struct Prepared {
    id: HopId,
    dot: DotId,
    trajectory: Trajectory,
    aim: Transform<Base, Head>,
}

/// A motion being computed.
#[derive(Debug, Clone, Copy)]
struct Asked {
    ticket: Ticket,
    dot: DotId,
    from: Joints,
    aim: Transform<Base, Head>,
}

/// A way off the head being computed.
#[derive(Debug, Clone, Copy)]
struct OffAsked {
    ticket: Ticket,
    leg: Leg,
    aim: Transform<Base, Head>,
}

/// A way off the head, ready to be followed.
#[derive(Debug, Clone)]
struct OffReady {
    id: HopId,
    leg: Leg,
    trajectory: Trajectory,
    aim: Transform<Base, Head>,
}

/// A motion that cannot be had, and what was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub dot: DotId,
    pub refusal: HopRefusal,
    from: Joints,
    aim: Transform<Base, Head>,
}

impl Refused {
    /// It says nothing of the dot: no motion at all can begin where the arm stands.
    pub(super) fn stuck(&self) -> bool {
        self.refusal == HopRefusal::Stuck
    }
}

/// All motions of a session.
#[derive(Debug, Default)]
pub(super) struct Motions {
    next_id: u64,
    asked: Option<Asked>,
    ready: Option<Prepared>,
    /// The last hop followed, with the moment and its planned duration in s.
    flown: Option<(Prepared, Micros)>,
    /// How often the motion to a dot was aimed without being followed.
    aims: Option<(DotId, u8)>,
    off_asked: Option<OffAsked>,
    off_ready: Option<OffReady>,
    pub(super) way_off: WayOff,
    /// Where the head was when the way to the station that is followed was computed.
    parking: Option<Transform<Base, Head>>,
    pub(super) refused: Option<Refused>,
    followed: Option<HopId>,
    /// The way of the motion followed last.
    pub(super) path: Option<Path>,
    /// A motion that could not even be handed over.
    unreachable: Option<HopId>,
    /// Smoothed time from a hop's planned end to contact, s.
    overhead: Option<f64>,
    /// Planned duration of the last hop, s.
    last_duration: Option<f64>,
}

impl Motions {
    /// Nothing that was computed is of use any more.
    pub(super) fn forget(&mut self) {
        self.asked = None;
        self.ready = None;
        self.flown = None;
        self.refused = None;
        self.aims = None;
        self.forget_way_off();
    }

    fn forget_way_off(&mut self) {
        self.off_asked = None;
        self.off_ready = None;
        self.way_off = WayOff::None;
        self.parking = None;
    }

    /// How often the motion to this dot was aimed since the last one that was followed.
    fn aims(&self, dot: DotId) -> u8 {
        self.aims
            .filter(|(aimed, _)| *aimed == dot)
            .map_or(0, |(_, aims)| aims)
    }

    const fn refuse(&mut self, asked: &Asked, refusal: HopRefusal) {
        self.refused = Some(Refused {
            dot: asked.dot,
            refusal,
            from: asked.from,
            aim: asked.aim,
        });
    }

    fn fresh_id(&mut self) -> HopId {
        self.next_id += 1;
        HopId(self.next_id)
    }

    pub(super) const fn followed(&self) -> Option<HopId> {
        self.followed
    }

    pub(super) fn status(&self, hop: HopId, arm: &dyn ArmPort) -> MotionStatus {
        if self.unreachable == Some(hop) {
            MotionStatus::Failed(ArmFailure::Unreachable)
        } else {
            arm.status(hop)
        }
    }

    /// Where the head was expected by the hop that brought the arm to this dot.
    pub(super) fn aim(&self, dot: DotId) -> Option<Transform<Base, Head>> {
        self.flown
            .as_ref()
            .filter(|(hop, _)| hop.dot == dot)
            .map(|(hop, _)| hop.aim)
    }

    /// Where the head was expected by the way to the station that is followed.
    pub(super) const fn parking(&self) -> Option<Transform<Base, Head>> {
        self.parking
    }

    /// Hands a motion to the arm.
    pub(super) fn follow(&mut self, hop: HopId, now: Micros, arm: &mut dyn ArmPort) {
        let trajectory = if let Some(off) = self.off_ready.take_if(|off| off.id == hop) {
            self.flown = None;
            // What is asked for next is another leg, or this one anew.
            self.way_off = WayOff::None;
            self.parking = (off.leg == Leg::Park).then_some(off.aim);
            off.trajectory
        } else if let Some(prepared) = self.ready.take_if(|p| p.id == hop) {
            let trajectory = prepared.trajectory.clone();
            self.last_duration = Some(trajectory.duration());
            self.aims = None;
            self.flown = Some((prepared, now));
            trajectory
        } else {
            tracing::error!(hop = hop.0, "the core wants a motion that is not there");
            (self.followed, self.unreachable) = (Some(hop), Some(hop));
            return;
        };
        self.followed = Some(hop);
        self.path = Some(Path::new(hop, trajectory.clone(), now));
        if let Err(error) = arm.follow(hop, &trajectory) {
            tracing::warn!(%error, "the arm did not take a motion");
            self.unreachable = Some(hop);
        }
    }

    /// When the needle will meet the skin if the arm sets off at `from` on a motion of that duration (s).
    fn contact(&self, from: Micros, duration: f64) -> Micros {
        let span = duration.min(LONGEST_LOOK) + self.overhead.unwrap_or(FIRST_OVERHEAD);
        from.after(Micros((span.max(0.0) * 1e6) as u64))
    }

    /// Learns from a strike that begins now.
    fn learn_overhead(&mut self, now: Micros) {
        let Some((hop, at)) = &self.flown else { return };
        let Some(took) = now.since(*at) else { return };
        let seen = took.s() - hop.trajectory.duration() + 0.02;
        if (0.02..0.5).contains(&seen) {
            let before = self.overhead.unwrap_or(seen);
            self.overhead = Some(before + 0.2 * (seen - before));
        }
    }
}

impl Session {
    /// Gives the first target its motion, when one is ready that starts where the arm rests and still aims right.
    pub(super) fn offer_motion(&mut self, now: Micros) {
        let Some(front) = self.queue.front().copied() else {
            return;
        };
        if self.core.state() != State::Approaching || front.hop.is_some() {
            return;
        }
        let (Some(ready), Some(joints)) = (&self.motions.ready, self.joints) else {
            return;
        };
        let id = DotId(front.dot.0);
        if ready.dot != id {
            return;
        }
        let starts_here = ready.trajectory.start().max_difference(&joints) <= START_TOLERANCE;
        let contact = self.motions.contact(now, ready.trajectory.duration());
        let off = self.off(id, &ready.aim, contact);
        let limit = self.core.limits().approach_displacement;
        if starts_here && aims_right(off, self.motions.aims(id), limit) {
            let hop = ready.id;
            self.queue.set_hop(front.dot, Some(hop));
        } else {
            self.motions.ready = None;
        }
    }

    /// How far the head is expected to be from where a motion to this dot was aimed, m at the dot.
    fn off(&self, id: DotId, aim: &Transform<Base, Head>, contact: Micros) -> f64 {
        let point = self.plan.dot(id).map(|d| d.position);
        match (point, self.filter.pose_at(contact)) {
            (Some(point), Some(head)) => (head * point).distance(&(*aim * point)),
            _ => f64::INFINITY,
        }
    }

    /// Drops the refusal of the first target's motion when it was given for another place of arm or head: it was looked ahead, and what
    /// was refused there may well be possible from here. As often as motions are aimed, no more.
    pub(super) fn doubt_refusal(&mut self, now: Micros) {
        let front = self.queue.front().map(|t| DotId(t.dot.0));
        let (Some(refused), Some(joints)) = (self.motions.refused, self.joints) else {
            return;
        };
        if front != Some(refused.dot) || self.motions.aims(refused.dot) >= AIMS {
            return;
        }
        let duration = self.motions.last_duration.unwrap_or(TYPICAL_DURATION);
        let contact = self.motions.contact(now, duration);
        let off = self.off(refused.dot, &refused.aim, contact);
        if off > AIM_TOLERANCE || refused.from.max_difference(&joints) > START_TOLERANCE {
            self.motions.refused = None;
        }
    }

    /// Drops a way off the head that does not start where the arm is, or, to the station, was computed for another place of the head; the
    /// core asks for another.
    pub(super) fn doubt_way_off(&mut self, now: Micros) {
        let Some(off) = &self.motions.off_ready else {
            return;
        };
        let starts_here = self.joints.is_some_and(|joints| {
            off.trajectory.start().max_difference(&joints) <= START_TOLERANCE
        });
        let holds = off.leg == Leg::Lift || self.still_aimed(&off.aim, now);
        if !(starts_here && holds) {
            self.motions.forget_way_off();
        }
    }

    /// Whether the head is still about where it was, all of it.
    fn still_aimed(&self, aim: &Transform<Base, Head>, now: Micros) -> bool {
        let limit = 0.5 * self.core.limits().approach_displacement;
        let near = |head| self.farthest_off(&head, aim) <= limit;
        self.filter.pose_at(now).is_some_and(near)
    }

    /// How far that place of the head is from itself in another pose which has gone farthest, m: of the first target and the corners of the
    /// box about the planned head.
    pub(super) fn farthest_off(
        &self,
        head: &Transform<Base, Head>,
        other: &Transform<Base, Head>,
    ) -> f64 {
        let off = |point: Point<Head>| (*head * point).distance(&(*other * point));
        let corners = self.corners.iter().copied().map(off);
        corners.fold(off(self.first_point()), f64::max)
    }

    /// Where the first target lies, or the head's origin without one.
    pub(super) fn first_point(&self) -> Point<Head> {
        let front = self.queue.front().map(|t| DotId(t.dot.0));
        let dot = front.and_then(|id| self.plan.dot(id));
        dot.map_or_else(Point::origin, |d| d.position)
    }

    /// Asks for what the core wants, and for the motion after this one.
    pub(super) fn order_motions(&mut self, now: Micros, out: &Output, services: &mut dyn Services) {
        if out.state == State::Extending && self.last_state != State::Extending {
            self.motions.learn_overhead(now);
        }
        if (out.state == State::Pausing) != (self.last_state == State::Pausing) {
            self.motions.forget_way_off();
            // Where the arm then is, what was refused may be possible.
            (self.motions.refused, self.motions.aims) = (None, None);
        }
        if let Some(leg) = out.need_off {
            self.ask_way_off(leg, now, services);
        }
        if let Some(dot) = out.need_hop {
            self.ask_hop(DotId(dot.0), now, Micros::ZERO, services);
            return;
        }
        // What is left of the strike until the arm may set off; it need not be exact, the aim is checked before it is used.
        let wait = match out.state {
            State::Extending => Micros::from_ms(80),
            State::Dwelling => Micros::from_ms(60),
            State::Retracting => Micros::from_ms(35),
            _ => return,
        };
        // During the strike the front is the dot being struck.
        // After a stop or a rest the arm sets off from elsewhere, or later.
        let soon = |next: &&Target| !next.stop && next.rest == Micros::ZERO;
        let next = self.queue.second().filter(soon);
        if let Some(next) = next.filter(|_| self.config.look_ahead) {
            self.ask_hop(DotId(next.dot.0), now, wait, services);
        }
    }

    fn ask_hop(&mut self, dot: DotId, now: Micros, wait: Micros, services: &mut dyn Services) {
        let motions = &self.motions;
        let known = motions.asked.is_some_and(|a| a.dot == dot)
            || motions.ready.as_ref().is_some_and(|r| r.dot == dot)
            || motions.refused.is_some_and(|refused| refused.dot == dot);
        let Some(from) = self.joints.filter(|_| !known) else {
            return;
        };
        let contact = motions.contact(
            now.after(wait),
            motions.last_duration.unwrap_or(TYPICAL_DURATION),
        );
        let Some(aim) = self.filter.pose_at(contact) else {
            return;
        };
        let aims = motions.aims(dot);
        self.motions.aims = Some((dot, aims.saturating_add(1)));
        let ticket = self.fresh_ticket();
        self.motions.asked = Some(Asked {
            ticket,
            dot,
            from,
            aim,
        });
        services.ask(Request::Hop(
            ticket,
            HopRequest {
                dot,
                from,
                base_from_head: aim,
            },
        ));
    }

    fn ask_way_off(&mut self, leg: Leg, now: Micros, services: &mut dyn Services) {
        if self.motions.off_asked.is_some_and(|asked| asked.leg == leg) {
            return;
        }
        // Whoever asks does not know of any answer: it was to an earlier question.
        self.motions.forget_way_off();
        // Off where the head was, if what is tracked now may be something else.
        let before_loss = self.head_before_loss().filter(|_| leg == Leg::Lift);
        let head = before_loss.or_else(|| self.filter.pose_at(now));
        let (Some(from), Some(base_from_head)) = (self.joints, head) else {
            return;
        };
        let ticket = self.fresh_ticket();
        self.motions.off_asked = Some(OffAsked {
            ticket,
            leg,
            aim: base_from_head,
        });
        services.ask(Request::Off {
            ticket,
            leg,
            from,
            base_from_head,
        });
    }

    pub(super) fn fresh_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Takes an answer in. One to a question that no longer stands is dropped.
    pub(super) fn absorb(&mut self, answer: Answer) {
        match answer {
            Answer::Hop(ticket, result) => self.absorb_hop(ticket, result),
            Answer::IntentDurable(ticket) => {
                if let Some(intent) = self.intent.as_mut().filter(|i| i.ticket == ticket) {
                    intent.durable = true;
                }
            }
            Answer::OutcomeDurable(dot) => {
                let place = self.unrecorded.iter().position(|result| result.dot == dot);
                let told = place.map(|place| self.unrecorded.remove(place));
                self.results.extend(told);
            }
            Answer::RecordFailed(error) => {
                self.record_failed.get_or_insert(error);
            }
        }
    }

    fn absorb_hop(&mut self, ticket: Ticket, result: Result<Hop, HopRefusal>) {
        if let Some(asked) = self.motions.off_asked.take_if(|off| off.ticket == ticket) {
            self.motions.way_off = match result {
                Ok(hop) if sound(&hop.trajectory) => {
                    let id = self.motions.fresh_id();
                    self.motions.off_ready = Some(OffReady {
                        id,
                        leg: asked.leg,
                        trajectory: hop.trajectory,
                        aim: asked.aim,
                    });
                    WayOff::Ready(id)
                }
                // Refused for another place of the head says nothing of this one.
                _ if asked.leg == Leg::Park && !self.still_aimed(&asked.aim, self.ticked) => {
                    WayOff::None
                }
                _ => WayOff::Refused,
            };
            return;
        }
        let Some(asked) = self.motions.asked.take_if(|a| a.ticket == ticket) else {
            return;
        };
        match result {
            Ok(hop) if sound(&hop.trajectory) => {
                let id = self.motions.fresh_id();
                self.motions.ready = Some(Prepared {
                    id,
                    dot: asked.dot,
                    trajectory: hop.trajectory,
                    aim: asked.aim,
                });
            }
            Ok(_) => self.motions.refuse(&asked, HopRefusal::BadInput),
            Err(refusal) => self.motions.refuse(&asked, refusal),
        }
    }
}

/// Whether a motion aimed that far off (m) at the dot may be followed. Aimed often enough, it may be off by more than the tolerance, but
/// stays well below the displacement (m) at which the arm would be turned back on its way.
fn aims_right(off: f64, aims: u8, approach_displacement: f64) -> bool {
    off <= AIM_TOLERANCE || (aims >= AIMS && off <= 0.5 * approach_displacement)
}

/// Nothing that is not finite goes to the arm.
fn sound(trajectory: &Trajectory) -> bool {
    let finite = |joints: &Joints| joints.is_finite();
    trajectory.duration().is_finite()
        && trajectory
            .way_points()
            .all(|(t, q)| t.is_finite() && finite(&q))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_the_last_aim_has_a_bound() {
        assert!(aims_right(0.09e-3, 1, 1e-3));
        assert!(!aims_right(0.3e-3, AIMS - 1, 1e-3));
        assert!(aims_right(0.3e-3, AIMS, 1e-3));
        assert!(!aims_right(0.6e-3, AIMS, 1e-3));
        assert!(!aims_right(f64::INFINITY, u8::MAX, 1e-3));
        assert!(!aims_right(f64::NAN, u8::MAX, 1e-3));
    }
}
