//! What the watch holds against the truth: where head and arm really are, and what became of every strike.
//!
//! An arm that obeys is never faster, lower or elsewhere than it may be. One that does not, or that is told a way that leads astray, is none of the
//! controller's doing: of it the controller must have left off working within [`REACTS`].

use stipple_controller::ports::Micros;
use stipple_core::State;
use stipple_model::clearance::HeadField;
use stipple_model::frames::{Base, Head, Point};
use stipple_model::joints::Joints;
use stipple_model::motion::Trajectory;

use super::TICK;
use super::excuse::lasts;
use super::watch::{Invariant, Seen, Watch, since};
use crate::plant::{Break, Broken, Strike};

/// Farthest from its dot that a strike may be when nothing lied, m, and its largest angle. Source: own, twice what a stroke may be off by
/// the controller's own measure; H1 and a degree for the skin's triangles.
const LATERAL: f64 = 1e-3;
const ANGLE: f64 = 16.0 * std::f64::consts::PI / 180.0;
/// How much deeper than planned a strike may be when nothing lied, m. Source: H2, 0.2 mm, and the 0.3 mm that a breathing head comes nearer
/// while the needle is in it, within what H3 lets it move.
const DEEPER: f64 = 0.5e-3;
/// And so much more where the skin stands higher than it was scanned and that cannot be felt, m. Source: the most that is drawn.
const SWOLLEN: f64 = crate::fault::draw::SWOLLEN[1];
/// Tip speeds, m/s: free, hovering, and towards the skin near it. Source: H12, and the tenth that the core allows for measuring.
const FREE: f64 = 0.25 * 1.1;
const HOVERING: f64 = 0.05 * 1.1;
const NEARING: f64 = 0.01 * 1.1;
/// Share of these that the tip of an arm may be fast which brakes, and for how long after its motion ended. Source: own; its joints brake each
/// as hard as it can, and not together.
const BRAKING: f64 = 1.5;
const BRAKES: Micros = Micros::from_ms(300);
/// Heights below which the tip hovers, and is near the skin, m. Source: those of the core, less what a tracker's noise makes of them.
const HOVER_ZONE: f64 = 13.5e-3;
const NEAR_SKIN: f64 = 1.0e-3;
/// Tip speed from which on an arm is under way, m/s. Source: own.
const SLOW: f64 = 2e-3;
/// Lowest tip of an arm under way, m, likewise.
const LOWEST: f64 = 0.3e-3;
/// Lower than that, m, the tip is no farther than that from the patch, likewise.
const LOW: f64 = 3.8e-3;
const BESIDE_PATCH: f64 = 22.2e-3;
/// Nearest keep-out, m. Source: H1, 20 mm, less the 1 mm that the head may have moved by and the tracker's noise.
const KEEP_OUT: f64 = 18.8e-3;
/// Farthest from its path that a joint may be before somebody else leads the arm, rad. Source: own, three times the core's figure.
const OFF_PATH: f64 = 0.03;
/// Within that time of an arm that does not obey, or is led astray, going beyond a figure the session works no more. Source: H5, and a tick to see it in.
const REACTS: Micros = Micros::from_ms(22);
/// Joint speed below which the tip does not move, rad/s.
const STANDS: f64 = 1e-3;

/// How the arm was seen to move.
#[derive(Debug, Clone, Default)]
pub(super) struct Moved {
    /// The tip in the tick before.
    tip: Option<(Micros, Point<Base>)>,
    /// The last tick in which the arm followed a motion.
    followed: Option<Micros>,
    /// Since when each figure is exceeded.
    since: [Option<Micros>; 7],
    /// A place, and how far it is from the patch.
    patch: Option<(Point<Head>, f64)>,
    /// The motion that was told last, and when.
    way: Option<(Micros, Trajectory)>,
    /// It was cancelled since.
    cancelled: bool,
}

/// The arm's tip in one tick.
struct Tip {
    /// m/s.
    speed: f64,
    /// On the head as it is now, and where it was a tick before on that head.
    now: Point<Head>,
    before: Point<Head>,
    /// Where the head is, is not known to the controller, or not yet.
    head_excused: bool,
}

/// How long after it was told a motion is over and the arm at rest.
fn ended_by(way: &Trajectory) -> Micros {
    Micros((way.duration() * 1e6) as u64).after(BRAKES)
}

/// Which share of its speed a lift leads off the head at least: half by what the controller knows of head and arm, less what is left to chance.
const AWAY: f64 = 0.4;

/// Whether the tip leaves the head with a good share of its speed: in a pause it lifts so, wherever the head has gone. It may begin as low as
/// the head has come to it, and is as fast as the head that the controller knew of let it be.
fn leads_away(field: &HeadField, tip: &Tip) -> bool {
    let rises = (field.exact(&tip.now) - field.exact(&tip.before)) / TICK.s();
    rises >= AWAY * tip.speed
}

impl Watch {
    /// H1, H12: an arm that the session has move is nowhere and never faster than it may be.
    pub(super) fn look_at_arm(&mut self, seen: &Seen<'_>) {
        let (now, plant) = (seen.now, seen.plant);
        if let Some(followed) = seen.followed {
            self.moved.way = Some((now, followed.trajectory.clone()));
            self.moved.cancelled = false;
        }
        self.moved.cancelled |= seen.cancelled;
        if plant.arm.elapsed().is_some() {
            self.moved.followed = Some(now);
        }
        let state = seen.view.state;
        let asked = seen.ticked && (state.working() || state == State::Pausing);
        let moves = plant.arm.true_velocity().max_abs() > STANDS;
        if !asked || !moves || lasts(self.until.blind_joints, now) {
            self.moved.tip = None;
            self.moved.since = [None; 7];
            return;
        }
        let tip = plant.base_from_tip().origin();
        let before = self.moved.tip.replace((now, tip));
        let Some((_, before)) = before else {
            return;
        };
        let head_from_base = plant.head.pose().inverse();
        let tip = Tip {
            speed: tip.distance(&before) / TICK.s(),
            now: head_from_base * tip,
            before: head_from_base * before,
            head_excused: lasts(self.until.blind_head, now) || lasts(self.until.head_moved, now),
        };
        let off_path = seen.diverted && self.off_path(now, plant.arm.true_position()) > OFF_PATH;
        let beyond = self.beyond(seen, &tip);
        let allowed = if lasts(self.until.arm, now) || lasts(self.until.astray, now) {
            REACTS
        } else {
            Micros::ZERO
        };
        let named = [
            (Invariant::I4, "the tip is faster than anywhere"),
            (Invariant::I4, "the tip is faster than hovering"),
            (Invariant::I4, "the tip comes too fast near the skin"),
            (Invariant::I1, "the tip is too low on its way"),
            (Invariant::I1, "the tip is low beside the patch"),
            (Invariant::I1, "the tip is too near a keep-out"),
            (Invariant::I4, "the arm is led off its path"),
        ];
        let [a, b, c, d, e, f] = beyond;
        let beyond = [a, b, c, d, e, f, off_path];
        for (at, ((invariant, what), beyond)) in named.into_iter().zip(beyond).enumerate() {
            let Some(begun) = self.moved.since.get_mut(at) else {
                continue;
            };
            *begun = since(beyond, *begun, now);
            let holds = begun.is_none_or(|at| now.since(at).is_some_and(|t| t < allowed));
            self.check(invariant, holds, now, || {
                let height = seen.field.exact(&tip.now) * 1e3;
                let rises = height - seen.field.exact(&tip.before) * 1e3;
                format!(
                    "{what}, {height:.1} mm over the skin at {:.1} mm/s, away from it at {:.1} mm/s, {}",
                    tip.speed * 1e3,
                    rises / TICK.s(),
                    state.name()
                )
            });
        }
    }

    /// Which figures of the tip are exceeded in this tick. Where somebody else leads the arm is not for the session to choose: that it is led off its
    /// path is a figure of its own.
    fn beyond(&mut self, seen: &Seen<'_>, tip: &Tip) -> [bool; 6] {
        let ended = seen.plant.arm.elapsed().is_none();
        let brakes = ended && (self.moved.followed).is_some_and(|at| !seen.now.passed(at, BRAKES));
        let free = tip.speed > if brakes { BRAKING * FREE } else { FREE };
        if tip.head_excused {
            return [free, false, false, false, false, false];
        }
        let field = seen.field;
        let bound = field.lower(&tip.now);
        // Asked last: it takes two heights.
        let lifts = || seen.view.state == State::Pausing && leads_away(field, tip);
        // Of an arm that does not obey, off a head that is lost, only its path tells.
        let led = (seen.diverted || lasts(self.until.arm, seen.now))
            && lasts(self.until.head_told, seen.now);
        let fastest = match brakes {
            // Cancelled while it sinks from far above, as few ways but those that lead astray do, it comes to rest a few millimetres lower.
            true if lasts(self.until.astray, seen.now) => FREE,
            true => BRAKING * HOVERING,
            false => HOVERING,
        };
        let hovering = tip.speed > fastest
            && bound < HOVER_ZONE
            && field.exact(&tip.now) < HOVER_ZONE
            && !led
            && !lifts();
        let near = bound < NEAR_SKIN;
        let height = if near { field.exact(&tip.now) } else { bound };
        let nearing =
            near && height < NEAR_SKIN && (field.exact(&tip.before) - height) / TICK.s() > NEARING;
        let keep_out = seen
            .plan
            .keep_outs
            .iter()
            .any(|k| tip.now.distance(&k.center) - k.radius.m() < KEEP_OUT);
        // An arm that goes on after its cancel goes where nobody tells it to any more.
        let told = !self.moved.cancelled
            && (self.moved.way.as_ref())
                .is_some_and(|(at, way)| !seen.now.passed(*at, ended_by(way)));
        let strange = seen.diverted || (lasts(self.until.arm, seen.now) && !told);
        // What is left of a motion, or begins one: it is the head that came so near.
        let slow = tip.speed < SLOW;
        let low = bound < LOW && field.exact(&tip.now) < LOW;
        let off_patch = low && self.is_beside_patch(seen, &tip.now);
        [
            free,
            hovering,
            nearing,
            height < LOWEST && !(slow || strange || lifts()),
            off_patch && !(slow || strange || lifts()),
            keep_out && !strange,
        ]
    }

    /// Whether a place is farther from the patch than a low tip may be; asked of the skin only where what it said last does not tell.
    fn is_beside_patch(&mut self, seen: &Seen<'_>, at: &Point<Head>) -> bool {
        let known = self.moved.patch;
        let near = known.is_some_and(|(then, far)| far + then.distance(at) <= BESIDE_PATCH);
        if near {
            return false;
        }
        let far = seen.plant.patch_distance(at);
        self.moved.patch = Some((*at, far));
        far > BESIDE_PATCH
    }

    /// How far the joint farthest from the way told last is off it, rad.
    fn off_path(&self, now: Micros, joints: &Joints) -> f64 {
        let Some((began, way)) = &self.moved.way else {
            return 0.0;
        };
        let elapsed = now.since(*began).map_or(0.0, Micros::s);
        let steps = (elapsed.min(way.duration()) / TICK.s()) as u32;
        let off = |k: u32| {
            let at = way.at(f64::from(k) * TICK.s()).position;
            at.max_difference(joints)
        };
        (0..=steps).map(off).fold(f64::INFINITY, f64::min)
    }

    /// What the plant saw.
    pub(super) fn look_at_truth(&mut self, seen: &Seen<'_>) {
        let (now, plant) = (seen.now, seen.plant);
        let found = plant.invariants();
        let fresh = found.breaks - self.plant_breaks;
        self.plant_breaks = found.breaks;
        self.checks += 3;
        let kept = found.first.len() as u64;
        for broken in found.first.iter().skip(kept.saturating_sub(fresh) as usize) {
            self.take_break(broken, now);
        }
        while let Some(strike) = plant.strikes().get(self.judged) {
            self.judged += 1;
            self.judge(strike);
        }
    }

    fn take_break(&mut self, found: &Break, now: Micros) {
        let invariant = Invariant::of(found.broken);
        let until = &self.until;
        let lasts = |until| lasts(until, now);
        let where_it_is = lasts(until.blind_head) || lasts(until.blind_joints);
        let excused = match found.broken {
            Broken::StrikeOffPatch => where_it_is,
            // A needle that is jammed in a head that moves, or held by an arm that somebody else moves: only a spring and a depth stop help.
            Broken::TooDeep => {
                where_it_is
                    || lasts(until.head_moved)
                    || lasts(until.needle)
                    || lasts(until.arm)
                    || lasts(until.unfelt)
            }
            Broken::StruckTwice => lasts(until.needle),
            // A head that is thrown off the needle and back: no command came between.
            Broken::PiercedTwice => {
                lasts(until.head_moved) || lasts(until.blind_head) || lasts(until.needle)
            }
            // A motion that begins where the joints are not is the arm's own controller's to refuse.
            Broken::JointTooFast => lasts(until.blind_joints) || lasts(until.led_unseen),
            Broken::MovedNeedleOut => {
                lasts(until.arm) || lasts(until.blind_joints) || lasts(until.blind_needle)
            }
        };
        self.check(invariant, excused, now, || {
            let dot = found
                .dot
                .map_or_else(String::new, |d| format!(", dot {}", d.0));
            format!("{:?}{dot}", found.broken)
        });
    }

    /// I2: the needle met the skin where it should.
    fn judge(&mut self, strike: &Strike) {
        let at = strike.at;
        let until = &self.until;
        let lied = lasts(until.blind_head, at) || lasts(until.blind_joints, at);
        if lied {
            self.blind_strikes += 1;
        }
        // A needle that is jammed meets the skin anew wherever the head takes it: only a spring helps.
        let right = lied
            || lasts(until.needle, at)
            || lasts(until.head_moved, at)
            || lasts(until.arm, at)
            || (strike.lateral <= LATERAL && strike.angle <= ANGLE);
        let unfelt = if lasts(until.unfelt, at) {
            SWOLLEN
        } else {
            0.0
        };
        let deep = lied
            || lasts(until.head_moved, at)
            || lasts(until.needle, at)
            || lasts(until.arm, at)
            || strike.depth_error <= DEEPER + unfelt;
        self.check(Invariant::I2, right, at, || {
            format!(
                "dot {} was struck {:.2} mm beside it at {:.1}°",
                strike.dot.0,
                strike.lateral * 1e3,
                strike.angle.to_degrees()
            )
        });
        self.check(Invariant::I2, deep, at, || {
            format!(
                "dot {} was struck {:.2} mm deeper than planned",
                strike.dot.0,
                strike.depth_error * 1e3
            )
        });
    }
}
