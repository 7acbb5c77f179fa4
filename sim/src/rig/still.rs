//! What the watch holds against what was delivered: head and arm are still where they must be, and nobody works on after standing still.

use stipple_controller::ports::Micros;
use stipple_core::State;
use stipple_model::frames::{Base, Head, Transform};

use super::excuse::lasts;
use super::watch::{Invariant, Seen, Watch, since};

/// Longest from tick to tick over which work goes on. Source: H10, two missed cycles.
const TICK_GAP: Micros = Micros::from_ms(6);
/// Speed of the delivered head above which it moves, m/s. Source: H3, 10 mm/s, and what the tracker's noise makes of it over three frames.
const HEAD_SPEED: f64 = 16e-3;
/// Within that time of being seen to be fast the needle is told to go in. Source: H3.
const HEAD_SPEED_TIME: Micros = Micros::from_ms(30);
/// From pose to pose of those that a speed is taken of. Source: as the filter, just below a frame of a 60 Hz tracker.
const APART: Micros = Micros::from_ms(15);
/// Longest span over which a speed is taken of four poses.
const SPAN: Micros = Micros::from_ms(80);
/// So long after the head was fast the arm is not sent to a dot. Source: the core's 300 ms of calm, less three frames.
const CALM: Micros = Micros::from_ms(240);
/// Farthest that the joints may be told to be from the end of the motion before a strike, rad. Source: own, twice the core's figure.
const ELSEWHERE: f64 = 5e-3;
/// Extension and joint speed above which the arm is told to move with the needle out, m and rad/s, and how long that may last. Source: own,
/// the core's figures and noise; H5.
const OUT: f64 = 0.2e-3;
const MOVES: f64 = 0.06;
const MOVES_TIME: Micros = Micros::from_ms(22);

/// How long each step of a strike may last: the core's own timeouts and a margin.
const fn longest(state: State) -> Option<Micros> {
    Some(Micros::from_ms(match state {
        State::Hovering => 2_100,
        State::Verifying | State::Retracting => 600,
        State::Extending => 400,
        State::Dwelling => 1_100,
        _ => return None,
    }))
}

/// When a pose came, and which.
type Pose = (Micros, Transform<Base, Head>);

/// The head's speed by the last four poses that were delivered.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadSpeed {
    poses: [Option<Pose>; 4],
    /// Since when it is fast, and when it was last.
    since: Option<Micros>,
    fast_at: Option<Micros>,
}

impl Watch {
    /// H3, H10, H12: of what is delivered.
    pub(super) fn look_at_stillness(&mut self, seen: &Seen<'_>) {
        let (now, state) = (seen.now, seen.view.state);
        let works = state.working() || state == State::Pausing;
        let stood = self
            .ticked
            .is_some_and(|(at, worked)| worked && now.passed(at, TICK_GAP));
        self.check(Invariant::I5, !(stood && works), now, || {
            "the session works on after it stood still".to_owned()
        });
        self.ticked = Some((now, works));
        if let Some(followed) = seen.followed {
            self.goal = Some(followed.trajectory.end());
        }
        let begun = match self.step {
            Some((before, at)) if before == state => at,
            _ => now,
        };
        self.step = Some((state, begun));
        let waits = longest(state).is_some_and(|longest| now.passed(begun, longest));
        self.check(Invariant::I5, !waits, now, || {
            format!("the session is {} for too long", state.name())
        });
        self.note_head(seen);
        let fast_at = self.head_speed.fast_at;
        let sent = seen.followed.is_some() && state == State::Approaching;
        let calm = !sent || fast_at.is_none_or(|at| now.passed(at, CALM));
        self.check(Invariant::I2, calm, now, || {
            let ago = fast_at.and_then(|at| now.since(at)).map_or(0.0, Micros::s);
            format!(
                "the arm is sent to a dot of a head that has moved {:.0} ms ago",
                ago * 1e3
            )
        });
        let told_out = matches!(
            seen.needle,
            Some(crate::plant::DeviceCommand::Extend { .. })
        );
        let fast = self.head_speed.since.filter(|_| told_out);
        let in_time = fast.is_none_or(|at| !now.passed(at, HEAD_SPEED_TIME));
        self.check(Invariant::I2, in_time, now, || {
            "the needle is told to go out of a head that moves".to_owned()
        });
        self.look_at_moving_needle(seen, works);
    }

    /// An arm that is told to move while the needle is told to be out ends the work.
    fn look_at_moving_needle(&mut self, seen: &Seen<'_>, works: bool) {
        let now = seen.now;
        let fresh = |at: Option<Micros>| at.is_some_and(|at| now.fresh(at, MOVES_TIME));
        let moves = seen
            .joints
            .is_some_and(|j| j.value.velocity.max_abs() > MOVES)
            && fresh(seen.joints_at);
        let out = seen.report.is_some_and(|r| r.value.extension > OUT) && fresh(seen.report_at);
        self.moves_out = since(moves && out && works, self.moves_out, now);
        let in_time = self.moves_out.is_none_or(|at| !now.passed(at, MOVES_TIME));
        self.check(Invariant::I2, in_time, now, || {
            "the session works on with an arm that moves and a needle that is out".to_owned()
        });
    }

    /// The strike begins where the motion before it has led, by what the joints are told to be.
    pub(super) fn look_at_begin(&mut self, seen: &Seen<'_>) {
        let (joints, goal) = (seen.joints, self.goal);
        let off = joints
            .zip(goal)
            .filter(|(joints, goal)| joints.value.position.dof() == goal.dof())
            .map_or(f64::INFINITY, |(joints, goal)| {
                joints.value.position.max_difference(&goal)
            });
        self.check(Invariant::I2, off <= ELSEWHERE, seen.now, || {
            format!("a strike begins {off:.4} rad from where the arm was sent")
        });
    }

    fn note_head(&mut self, seen: &Seen<'_>) {
        let now = seen.now;
        let kept = &mut self.head_speed;
        if let (Some(at), Some(head)) = (seen.head_at, seen.head)
            && kept
                .poses
                .last()
                .is_none_or(|last| last.is_none_or(|(then, _)| at.passed(then, APART)))
        {
            kept.poses.rotate_left(1);
            if let Some(last) = kept.poses.last_mut() {
                *last = Some((at, head.value));
            }
            let [Some(a), Some(b), Some(c), Some(d)] = kept.poses else {
                return;
            };
            let Some(dot) = seen.plan.dots.first() else {
                return;
            };
            let span = |from: Pose, to: Pose| to.0.since(from.0).unwrap_or(Micros::ZERO);
            let speed = |from: Pose, to: Pose| {
                (from.1 * dot.position).distance(&(to.1 * dot.position)) / span(from, to).s()
            };
            // One pose elsewhere is a glitch of the tracker's and no way of the head's.
            let slowest = speed(a, d).min(speed(a, c)).min(speed(b, d));
            let whole = span(a, d);
            let known = whole > Micros::ZERO && whole <= SPAN && !lasts(self.until.blind_head, now);
            let fast = known && slowest > HEAD_SPEED;
            kept.since = since(fast, kept.since, now);
            if fast {
                // It may have come to rest by then.
                kept.fast_at = Some(b.0);
            }
        }
    }
}
