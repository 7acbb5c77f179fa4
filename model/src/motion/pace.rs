//! How fast each leg of a way is made, and how long each change of velocity takes.
//!
//! Between its ramps a leg runs at ds/dt = r, so it takes 1/r from corner to corner, whatever happens at them; a motion takes Σ 1/r plus
//! half a ramp at every rest. Hence: r as large as joints and tip allow, ramps only where the ramps at both ends leave room for each
//! other, 1/r ≥ (entry + exit)/2; where they do not, r is taken down until they do.
//!
//! From rest to rest a motion never takes less under tighter limits: r and the ramps are then functions of the leg alone, and the largest r
//! with room for its ramps falls with every limit. With cut corners that holds for the best rates, since what has room under tighter limits
//! has room under wider ones, but the best are not what is found. A ramp at a corner is longer the more the two velocities differ, so a
//! leg's room may shrink when its neighbour slows down: rates with room have no largest ones, and lowering each until it has room ends at
//! one of many. A few multiples of the rest-to-rest rates are tried for that, and what they miss of the best, up to 1 %, differs from limit
//! to limit. Where a corner is judged, exactness is lost altogether: a slower way cuts it less and may be let through where a faster one
//! has to stop.

use arrayvec::ArrayVec;

use super::ramp::Ramp;
use super::trajectory::{JointLimits, Leg, MAX_LEGS, MotionError, Segment, Trajectory};
use crate::joints::Joints;

/// Rounds in which legs that are too short for their ramps are slowed down. Each halves the logarithm of what is too fast.
const ROUNDS: usize = 40;
/// What remains too fast after those is taken down outright so often at most.
const LAST_ROUNDS: usize = 8;
/// Where legs are too short for their ramps: multiples that are tried of the rate at which each would just have room for ramps from and
/// to rest. Source: this project's own.
const MULTIPLES: [f64; 7] = [f64::INFINITY, 2.0, 1.6, 1.3, 1.0, 0.8, 0.6];
/// They are tried where more than this share of the time is lost for want of room.
const WORTH_TRYING: f64 = 5e-3;
/// A leg is slowed for a corner so often at most before the motion stops there.
const SLOWED: usize = 4;

/// A corner that would be cut, to be judged.
pub(super) struct Corner {
    /// Which of the legs asked for leads to it.
    pub leg: usize,
    /// The way point.
    pub at: Joints,
    /// From where the motion leaves the first leg to the way point, rad.
    pub tail: Joints,
    /// From the way point to where the motion is on the second leg, rad.
    pub head: Joints,
    /// Velocities of the two legs, rad/s.
    pub velocity: [Joints; 2],
}

/// Whether a corner may be cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// As asked.
    Cut,
    /// If both legs are slowed by this factor, 0 to 1, asked again then.
    Slower(f64),
    /// No: the motion comes to rest on the way point.
    Stop,
}

/// A leg being timed.
#[derive(Clone, Copy)]
struct Timed {
    /// Which of the legs asked for.
    asked: usize,
    to: Joints,
    delta: Joints,
    /// ds/dt at most, 1/s.
    cap: f64,
    rate: f64,
    blended: bool,
}

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

impl Timed {
    fn velocity(&self) -> Joints {
        self.delta.map(|d| d * self.rate)
    }

    /// The largest rate up to the cap at which the leg has room for its ramps from and to rest: 1/r = r/a + a/j where acceleration limits,
    /// 1/r = 2 √(r/j) where jerk alone does.
    fn rest_to_rest(&self, limits: &JointLimits) -> f64 {
        let a = least(&limits.acceleration, &self.delta);
        let j = least(&limits.jerk, &self.delta);
        let fits = |rate: f64| rate * ramp(limits, &self.delta.map(|d| d * rate)).duration() <= 1.0;
        if fits(self.cap) {
            return self.cap;
        }
        let t_jerk = a / j;
        let with_steady = 0.5 * a * ((t_jerk * t_jerk + 4.0 / a).sqrt() - t_jerk);
        if with_steady > a * t_jerk {
            with_steady.min(self.cap)
        } else {
            (0.25 * j).cbrt().min(self.cap)
        }
    }
}

/// The ramps at a way's ends and corners: entry and exit of each leg.
fn ramps(legs: &[Timed], limits: &JointLimits) -> ArrayVec<[Ramp; 2], MAX_LEGS> {
    let mut out = ArrayVec::<[Ramp; 2], MAX_LEGS>::new();
    for (i, leg) in legs.iter().enumerate() {
        let own = leg.velocity();
        let entry = match i.checked_sub(1).map(|before| legs[before].blended) {
            Some(true) => out[i - 1][1],
            _ => ramp(limits, &own),
        };
        let exit = match legs.get(i + 1) {
            Some(next) if leg.blended => ramp(limits, &next.velocity().zip(&own, |b, a| b - a)),
            _ => ramp(limits, &own),
        };
        out.push([entry, exit]);
    }
    out
}

/// The rate at which each leg would just have room for its ramps as they are.
fn roomy(legs: &[Timed], limits: &JointLimits) -> ArrayVec<f64, MAX_LEGS> {
    let ramps = ramps(legs, limits);
    ramps
        .iter()
        .map(|[entry, exit]| 2.0 / (entry.duration() + exit.duration()))
        .collect()
}

/// As [`settle`], with the caps lowered so that the way takes least: ways of short legs are faster where their ramps are shorter.
fn settle_best(legs: &mut [Timed], limits: &JointLimits) -> bool {
    let whole: ArrayVec<Timed, MAX_LEGS> = legs.iter().copied().collect();
    let mut best: Option<(f64, ArrayVec<Timed, MAX_LEGS>)> = None;
    for multiple in MULTIPLES {
        legs.copy_from_slice(&whole);
        for leg in legs.iter_mut() {
            leg.cap = leg.cap.min(multiple * leg.rest_to_rest(limits));
        }
        if settle(legs, limits) {
            let time = time(legs, limits);
            if best.as_ref().is_none_or(|(least, _)| time < *least) {
                best = Some((time, legs.iter().copied().collect()));
            }
            // Next to nothing is lost to ramps that have no room: lower caps only take longer.
            let lost = legs.iter().map(|l| 1.0 / l.rate - 1.0 / l.cap).sum::<f64>();
            if lost <= WORTH_TRYING * time {
                break;
            }
        }
    }
    legs.copy_from_slice(&whole);
    let found = best.is_some();
    for (leg, settled) in legs.iter_mut().zip(best.into_iter().flat_map(|b| b.1)) {
        leg.rate = settled.rate;
    }
    found
}

/// How long a way takes, s.
fn time(legs: &[Timed], limits: &JointLimits) -> f64 {
    let ramps = ramps(legs, limits);
    let mut joined = false;
    legs.iter()
        .zip(&ramps)
        .fold(0.0, |sum, (leg, [entry, exit])| {
            let ends = if joined { 0.0 } else { entry.duration() }
                + if leg.blended { 0.0 } else { exit.duration() };
            joined = leg.blended;
            sum + 1.0 / leg.rate + 0.5 * ends
        })
}

/// Sets every rate for the stops as they are; `false` when legs remain too short for their ramps.
fn settle(legs: &mut [Timed], limits: &JointLimits) -> bool {
    let before: ArrayVec<bool, MAX_LEGS> = core::iter::once(false)
        .chain(legs.iter().map(|l| l.blended))
        .take(legs.len())
        .collect();
    for (leg, joined) in legs.iter_mut().zip(before) {
        leg.rate = if joined || leg.blended {
            leg.cap
        } else {
            leg.rest_to_rest(limits)
        };
    }
    let joined = |legs: &[Timed], i: usize| legs[i].blended || (i > 0 && legs[i - 1].blended);
    // A ramp takes as the square root of a velocity at least and as the velocity itself at most, so the geometric mean of a rate and of
    // the one there would be room for comes down to the right one without passing it.
    for round in 0..ROUNDS + LAST_ROUNDS {
        let room = roomy(legs, limits);
        let mut fits = true;
        for i in 0..legs.len() {
            if joined(legs, i) && legs[i].rate > room[i] {
                fits = false;
                let rate = legs[i].rate;
                legs[i].rate = if round < ROUNDS && rate > room[i] * (1.0 + 1e-4) {
                    (rate * room[i]).sqrt()
                } else {
                    room[i] * (1.0 - 1e-9)
                };
            }
        }
        if fits {
            return true;
        }
    }
    false
}

fn build(start: Joints, legs: &[Timed], limits: &JointLimits) -> Trajectory {
    let segments = legs
        .iter()
        .zip(ramps(legs, limits))
        .map(|(leg, [entry, exit])| Segment {
            to: leg.to,
            rate: leg.rate,
            entry,
            exit,
            blended: leg.blended,
        });
    Trajectory::from_segments(start, segments.collect())
}

/// The legs that lead anywhere, each with the rate that joints and tip allow.
fn timed(
    start: &Joints,
    legs: &[Leg],
    limits: &JointLimits,
) -> Result<ArrayVec<Timed, MAX_LEGS>, MotionError> {
    let each = [&limits.velocity, &limits.acceleration, &limits.jerk];
    let usable = |l: &&Joints| {
        l.dof() == start.dof() && l.as_slice().iter().all(|v| v.is_finite() && *v > 0.0)
    };
    if !each.iter().all(usable) {
        return Err(MotionError::Limits);
    }
    let mut out = ArrayVec::<Timed, MAX_LEGS>::new();
    let mut from = *start;
    for (asked, leg) in legs.iter().enumerate() {
        let sane = leg.to.dof() == start.dof() && leg.to.is_finite() && from.is_finite();
        if !sane || !leg.tip_length.is_finite() {
            return Err(MotionError::WayPoint);
        }
        let delta = leg.to.zip(&from, |b, a| b - a);
        if delta.max_abs() <= super::trajectory::SAME_PLACE {
            continue;
        }
        let mut cap = least(&limits.velocity, &delta);
        if leg.tip_length > 0.0 {
            // What is no number bounds nothing.
            if leg.tip_speed.is_nan() {
                return Err(MotionError::Limits);
            }
            cap = cap.min(leg.tip_speed / leg.tip_length);
        }
        let (a, j) = (
            least(&limits.acceleration, &delta),
            least(&limits.jerk, &delta),
        );
        if [cap, a, j].iter().any(|l| !l.is_finite() || *l <= 0.0) {
            return Err(MotionError::Limits);
        }
        out.try_push(Timed {
            asked,
            to: leg.to,
            delta,
            cap,
            rate: cap,
            blended: false,
        })
        .map_err(|_| MotionError::TooLong)?;
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
    let mut legs = timed(&start, legs, limits)?;
    settle(&mut legs, limits);
    let stopping = build(start, &legs, limits);
    if legs.len() < 2 {
        return Ok(stopping);
    }
    let corners = legs.len() - 1;
    legs[..corners].iter_mut().for_each(|l| l.blended = true);
    let mut slowed = [0; MAX_LEGS];
    loop {
        if !settle_best(&mut legs, limits) {
            return Ok(stopping);
        }
        let ramps = ramps(&legs, limits);
        let mut changed = false;
        let asked = legs.clone();
        for i in 0..corners {
            if !asked[i].blended {
                continue;
            }
            let velocity = [asked[i].velocity(), asked[i + 1].velocity()];
            let half = 0.5 * ramps[i][1].duration();
            let corner = Corner {
                leg: asked[i].asked,
                at: asked[i].to,
                tail: velocity[0].map(|v| v * half),
                head: velocity[1].map(|v| v * half),
                velocity,
            };
            match judge(&corner) {
                Verdict::Cut => continue,
                Verdict::Slower(by) if by > 0.0 && by < 1.0 && slowed[i] < SLOWED => {
                    slowed[i] += 1;
                    for (leg, asked) in legs[i..=i + 1].iter_mut().zip(&asked[i..]) {
                        leg.cap = leg.cap.min(asked.rate * by);
                    }
                }
                _ => legs[i].blended = false,
            }
            changed = true;
        }
        if !changed {
            break;
        }
    }
    let blended = build(start, &legs, limits);
    Ok(if blended.duration() <= stopping.duration() {
        blended
    } else {
        stopping
    })
}
