//! How fast each leg of a way is made, and how long each change of velocity takes.
//!
//! Between its ramps a leg runs at ds/dt = r, so it takes 1/r from corner to corner, whatever happens at them; a motion takes Σ 1/r plus
//! half a ramp at every rest. Hence: r as large as joints and tip allow, and as the ramps at both ends leave room for each other,
//! 1/r ≥ (entry + exit)/2.
//!
//! A motion never takes less under tighter limits. For that, what is chosen is chosen by the way alone, and the limits of joints and tip come
//! in only where wider ones give more:
//!
//! - A corner that is cut has a reach on both legs, the share of each on which its ramp may begin and end. What is asked about the corner is
//!   asked of that triangle, whatever the rates. Whether it is worth cutting, and with which reach, is told by the rates that are expected.
//! - The two rates there are held to A·w, A·w' (and to what is expected of the tip), w and w' of the way alone, A the largest at which a ramp
//!   between *any* rates up to these keeps to the reach. The wider the limits, the larger A.
//! - A ramp from or to rest has the share that the corner at the leg's other end leaves.
//! - So every r is the least of terms that no wider limit lowers. 1/r + half a ramp at a rest falls with r while the ramp has room, and with
//!   the limits. And the quicker of cutting corners and stopping everywhere is made: the lesser of two times that no wider limit raises.
//!
//! The price: where a leg is slow, the next is held as if it might be fast. Rates that were searched for without this property made motions
//! over two scalps of 30,000 dots 0.6 and 0.8 % shorter.

use arrayvec::ArrayVec;

use super::ramp::Ramp;
use super::trajectory::{JointLimits, Leg, MAX_LEGS, MotionError, SAME_PLACE, Segment, Trajectory};
use crate::arm::{DEFAULT_ACCELERATION, DEFAULT_JERK};
use crate::joints::Joints;

/// So much more room than a ramp takes at the usual limits is asked for first. Source: this project's own, by trying.
const MORE: f64 = 1.05;
/// Parts of that room that are tried. Source: this project's own, by trying.
const PARTS: [f64; 5] = [1.0, 0.7, 0.5, 0.35, 0.2];
/// Acceleration (rad/s²) and jerk (rad/s³) by which it is judged how the rates of legs relate and which corners are worth cutting. They limit
/// nothing. Source: what is assumed of arms whose descriptions state none.
const USUAL: [f64; 2] = [DEFAULT_ACCELERATION, DEFAULT_JERK];
/// Bits of a common factor that are found: all that a number has.
const BITS: usize = 52;

/// A corner that would be cut, to be judged.
pub(super) struct Corner {
    /// Which of the legs asked for leads to it.
    pub leg: usize,
    /// The way point.
    pub at: Joints,
    /// From the first place at which the motion may leave the first leg to the way point, rad.
    pub tail: Joints,
    /// From the way point to the last place at which the motion may come to the second leg, rad.
    pub head: Joints,
    /// The two legs, rad.
    pub legs: [Joints; 2],
}

/// Whether a corner may be cut: at which ds/dt of its two legs at most (1/s, infinite where nothing limits them), or not at all.
pub(super) type Verdict = Option<[f64; 2]>;

/// A leg being timed.
#[derive(Clone, Copy)]
struct Timed {
    /// Which of the legs asked for.
    asked: usize,
    to: Joints,
    delta: Joints,
    /// ds/dt that the joints' velocities allow, 1/s.
    by_joints: f64,
    /// ds/dt that the tip may have, 1/s.
    by_tip: f64,
    /// ds/dt that is expected of the tip at most, 1/s.
    expected: f64,
    /// ds/dt that is expected of the joints, 1/s: the most from rest to rest.
    weight: f64,
}

/// A corner that is cut.
#[derive(Clone, Copy)]
struct Cut {
    /// Shares of the two legs on which the ramp may begin and end at most.
    reach: [f64; 2],
    /// ds/dt of the two legs at most, 1/s.
    caps: [f64; 2],
}

type Legs = ArrayVec<Timed, MAX_LEGS>;
/// How the motion passes from each leg to the next; `None`: it comes to rest between them.
type Corners = ArrayVec<Option<Cut>, MAX_LEGS>;

/// The smallest of limit over magnitude; infinite where nothing moves.
fn least(limit: &Joints, magnitude: &Joints) -> f64 {
    let pairs = limit.as_slice().iter().zip(magnitude.as_slice());
    pairs.fold(f64::INFINITY, |least, (l, d)| {
        if *d == 0.0 {
            least
        } else {
            least.min(l / d.abs())
        }
    })
}

fn ramp(limits: &JointLimits, change: &Joints) -> Ramp {
    Ramp::fastest(
        least(&limits.acceleration, change),
        least(&limits.jerk, change),
    )
}

/// The largest rate at which a ramp from or to rest takes at most `room` times 1/rate: room = r²/a + r·a/j where acceleration limits,
/// 2 √(r³/j) where jerk alone does.
fn largest_to_rest(leg: &Timed, room: f64, limits: &JointLimits) -> f64 {
    let a = least(&limits.acceleration, &leg.delta);
    let j = least(&limits.jerk, &leg.delta);
    let t_jerk = a / j;
    let with_steady = 0.5 * a * ((t_jerk * t_jerk + 4.0 * room / a).sqrt() - t_jerk);
    if with_steady > a * t_jerk {
        with_steady
    } else {
        (0.25 * room * room * j).cbrt()
    }
}

impl Timed {
    /// The rate for a common factor.
    fn rate(&self, common: f64) -> f64 {
        (common * self.weight).min(self.expected)
    }

    /// The rate that is expected.
    fn usual(&self) -> f64 {
        self.rate(1.0)
    }
}

/// The largest change of each joint's velocity between two legs at any rates up to these.
fn change(pair: [&Timed; 2], rates: [f64; 2]) -> Joints {
    let velocity = |k: usize| pair[k].delta.map(|d| d * rates[k]);
    velocity(0).zip(&velocity(1), |a, b| {
        if a * b > 0.0 {
            a.abs().max(b.abs())
        } else {
            a.abs() + b.abs()
        }
    })
}

/// The largest rates of a common factor at which a ramp between any rates up to them begins and ends within `reach` of the corner.
fn largest_at_corner(pair: [&Timed; 2], reach: [f64; 2], limits: &JointLimits) -> [f64; 2] {
    let rates = |common: f64| pair.map(|leg| leg.rate(common));
    let fits = |common: f64| {
        let rates = rates(common);
        let half = 0.5 * ramp(limits, &change(pair, rates)).duration();
        (0..2).all(|k| rates[k] * half <= reach[k])
    };
    // Powers of two around it, then halved: whatever the limits, the same numbers are tried.
    let mut low = 1.0;
    while fits(2.0 * low) && rates(2.0 * low) != rates(low) {
        low *= 2.0;
    }
    while low > 0.0 && !fits(low) {
        low *= 0.5;
    }
    let mut step = low;
    for _ in 0..BITS {
        step *= 0.5;
        if fits(low + step) {
            low += step;
        }
    }
    rates(low)
}

/// The rate of each leg.
fn rates(legs: &[Timed], corners: &[Option<Cut>], limits: &JointLimits) -> ArrayVec<f64, MAX_LEGS> {
    let cut = |corner: Option<usize>| corner.and_then(|c| corners.get(c).copied().flatten());
    let caps = legs
        .iter()
        .map(|leg| leg.by_joints.min(leg.by_tip).min(leg.expected));
    let mut out: ArrayVec<f64, MAX_LEGS> = caps.collect();
    for (i, leg) in legs.iter().enumerate() {
        let (before, after) = (cut(i.checked_sub(1)), cut(Some(i)));
        // A ramp from or to rest has what a corner at the other end leaves.
        let left = [
            after.map(|cut| cut.reach[0]),
            before.map(|cut| cut.reach[1]),
        ];
        for (rests, taken) in [before.is_none(), after.is_none()].into_iter().zip(left) {
            if rests {
                let room = 2.0 * (1.0 - taken.unwrap_or(0.5));
                out[i] = out[i].min(largest_to_rest(leg, room, limits));
            }
        }
        if let Some(cut) = after {
            let most = largest_at_corner([leg, &legs[i + 1]], cut.reach, limits);
            for k in 0..2 {
                out[i + k] = out[i + k].min(most[k]).min(cut.caps[k]);
            }
        }
    }
    out
}

/// The motion with these corners cut, the others stopped at.
fn made(
    start: Joints,
    legs: &[Timed],
    corners: &[Option<Cut>],
    limits: &JointLimits,
) -> Trajectory {
    let rates = rates(legs, corners, limits);
    let velocity = |i: usize| legs[i].delta.map(|d| d * rates[i]);
    let mut out = ArrayVec::<Segment, MAX_LEGS>::new();
    for (i, leg) in legs.iter().enumerate() {
        let own = velocity(i);
        let entry = match out.last() {
            Some(before) if before.blended => before.exit,
            _ => ramp(limits, &own),
        };
        let blended = corners.get(i).is_some_and(Option::is_some);
        let exit = if blended {
            ramp(limits, &velocity(i + 1).zip(&own, |b, a| b - a))
        } else {
            ramp(limits, &own)
        };
        out.push(Segment {
            to: leg.to,
            rate: rates[i],
            entry,
            exit,
            blended,
        });
    }
    Trajectory::from_segments(start, out)
}

/// The limits that are expected.
fn usual_limits(dof: usize) -> JointLimits {
    let all = |limit: f64| Joints::zeros(dof).map(|_| limit);
    JointLimits {
        velocity: all(f64::INFINITY),
        acceleration: all(USUAL[0]),
        jerk: all(USUAL[1]),
    }
}

/// The share of each leg that is for its entry, if every corner is cut: by the roots of what changes at both ends for its rate.
fn entry_shares(legs: &[Timed]) -> ArrayVec<f64, MAX_LEGS> {
    let turn = |i: usize| {
        let pair = [&legs[i], &legs[i + 1]];
        let rates = pair.map(Timed::usual);
        let most = change(pair, rates).max_abs();
        rates.map(|rate| (most / rate).sqrt())
    };
    let share = |i: usize| {
        let rest = legs[i].delta.max_abs().sqrt();
        let entry = if i == 0 { rest } else { turn(i - 1)[1] };
        let exit = if i + 1 == legs.len() {
            rest
        } else {
            turn(i)[0]
        };
        entry / (entry + exit)
    };
    (0..legs.len()).map(share).collect()
}

/// Which corners are cut, and how: of those that may be, where stopping is expected to take longer.
fn judged(legs: &[Timed], judge: &mut dyn FnMut(&Corner) -> Verdict) -> Corners {
    let limits = usual_limits(legs.first().map_or(0, |leg| leg.delta.dof()));
    let entry = entry_shares(legs);
    let corner = |i: usize| {
        let pair = [&legs[i], &legs[i + 1]];
        let rates = pair.map(Timed::usual);
        let half = 0.5 * MORE * ramp(&limits, &change(pair, rates)).duration();
        let shares = [1.0 - entry[i], entry[i + 1]];
        let room = [0, 1].map(|k| shares[k].min(rates[k] * half));
        let stopping =
            |leg: &Timed| 0.5 * ramp(&limits, &leg.delta.map(|d| d * leg.usual())).duration();
        let mut least = stopping(pair[0]) + stopping(pair[1]);
        let mut best = None;
        for part in PARTS {
            let reach = room.map(|room| room * part);
            let verdict = judge(&Corner {
                leg: pair[0].asked,
                at: pair[0].to,
                tail: pair[0].delta.map(|d| d * reach[0]),
                head: pair[1].delta.map(|d| d * reach[1]),
                legs: pair.map(|leg| leg.delta),
            });
            let Some(caps) = verdict else { continue };
            let most = largest_at_corner(pair, reach, &limits);
            let lost = |k: usize| 1.0 / most[k].min(caps[k]).min(rates[k]) - 1.0 / rates[k];
            let lost = lost(0) + lost(1);
            if lost < least {
                (least, best) = (lost, Some(Cut { reach, caps }));
            }
            if lost <= 0.0 {
                break;
            }
        }
        best
    };
    (0..legs.len().saturating_sub(1)).map(corner).collect()
}

/// The legs that lead anywhere, each with the rate that joints and tip allow.
fn timed(start: &Joints, legs: &[Leg], limits: &JointLimits) -> Result<Legs, MotionError> {
    let each = [&limits.velocity, &limits.acceleration, &limits.jerk];
    let usable = |l: &&Joints| {
        l.dof() == start.dof() && l.as_slice().iter().all(|v| v.is_finite() && *v > 0.0)
    };
    if !each.iter().all(usable) {
        return Err(MotionError::Limits);
    }
    let mut out = Legs::new();
    let mut from = *start;
    for (asked, leg) in legs.iter().enumerate() {
        let sane = leg.to.dof() == start.dof() && leg.to.is_finite() && from.is_finite();
        if !sane || !leg.tip_length.is_finite() {
            return Err(MotionError::WayPoint);
        }
        let delta = leg.to.zip(&from, |b, a| b - a);
        if delta.max_abs() <= SAME_PLACE {
            continue;
        }
        // What is no number bounds nothing.
        if [leg.tip_speed, leg.expected_speed]
            .iter()
            .any(|v| v.is_nan())
        {
            return Err(MotionError::Limits);
        }
        let by_tip = |speed: f64| {
            if leg.tip_length > 0.0 {
                speed / leg.tip_length
            } else {
                f64::INFINITY
            }
        };
        let timed = Timed {
            asked,
            to: leg.to,
            delta,
            by_joints: least(&limits.velocity, &delta),
            by_tip: by_tip(leg.tip_speed),
            expected: by_tip(leg.expected_speed),
            weight: (USUAL[0] / delta.max_abs()).sqrt(),
        };
        let bounds = [
            timed.by_joints.min(timed.by_tip),
            least(&limits.acceleration, &delta),
            least(&limits.jerk, &delta),
        ];
        if bounds.iter().any(|l| !l.is_finite() || *l <= 0.0) || timed.expected <= 0.0 {
            return Err(MotionError::Limits);
        }
        out.try_push(timed).map_err(|_| MotionError::TooLong)?;
        from = leg.to;
    }
    Ok(out)
}

/// The motion from `start` over `legs`, as fast as the limits allow, without stops where `judge` lets the corner be cut.
///
/// # Errors
/// A limit or way point that makes no sense, or too many legs.
pub(super) fn through(
    start: Joints,
    legs: &[Leg],
    limits: &JointLimits,
    judge: &mut dyn FnMut(&Corner) -> Verdict,
) -> Result<Trajectory, MotionError> {
    let legs = timed(&start, legs, limits)?;
    let mut best = made(start, &legs, &[], limits);
    if legs.len() < 2 {
        return Ok(best);
    }
    let cut = made(start, &legs, &judged(&legs, judge), limits);
    if cut.duration() < best.duration() {
        best = cut;
    }
    Ok(best)
}
