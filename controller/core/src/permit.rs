//! The needle permit: the right to one tick of extension.
//!
//! It is minted by [`mint`] when every guard holds in this tick, and spent by the one function that makes an extension
//! ([`crate::output::NeedleCommand::Extend`]). It cannot be copied, stored past its tick, or made anywhere else:
//!
//! ```compile_fail
//! use stipple_core::{Dot, NeedlePermit};
//! let forged = NeedlePermit { nonce: 1, dot: Dot(0), extension: 1e-3, depth: 1e-3, speed: 0.1, tick: core::marker::PhantomData };
//! ```
//!
//! ```compile_fail
//! use stipple_core::NeedlePermit;
//! fn twice<'tick>(permit: NeedlePermit<'tick>) -> (NeedlePermit<'tick>, NeedlePermit<'tick>) {
//!     (permit, permit)
//! }
//! ```
//!
//! ```compile_fail
//! use stipple_core::NeedlePermit;
//! fn keep(permit: NeedlePermit<'_>) -> NeedlePermit<'static> {
//!     permit
//! }
//! ```

use core::marker::PhantomData;

use crate::limits::Limits;
use crate::output::Dot;
use crate::queue::Target;
use crate::sensed::{NeedleState, Sensed};
use crate::time::Micros;

/// One call of the core's step; permits borrow it.
pub(crate) struct Tick(());

impl Tick {
    pub(crate) const fn begin() -> Self {
        Self(())
    }
}

/// The right to extend the needle in this tick, for one strike.
#[derive(Debug)]
#[must_use = "an unspent permit is a strike that does not happen"]
pub struct NeedlePermit<'tick> {
    nonce: u64,
    dot: Dot,
    extension: f64,
    depth: f64,
    speed: f64,
    tick: PhantomData<&'tick Tick>,
}

impl NeedlePermit<'_> {
    /// Nonce, dot, extension (m), depth (m) and speed (m/s); the permit is gone.
    pub(crate) fn spend(self) -> (u64, Dot, f64, f64, f64) {
        (self.nonce, self.dot, self.extension, self.depth, self.speed)
    }
}

/// The guard that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No fresh joint state.
    Joints,
    /// The arm does not rest.
    ArmMoving,
    /// No head pose fresh enough to strike on.
    Head,
    /// The head is too fast or too far from where the hop was aimed.
    HeadMoving,
    /// Where the tip stands over this dot is not known.
    Tip,
    /// The needle's axis misses the dot.
    Lateral,
    /// The gap to the skin is out of range, or the needle would have to come out too far.
    Gap,
    /// The needle leans too much.
    Angle,
    /// The needle would meet the skin outside the patch.
    OffPatch,
    /// Deeper than allowed, or not into the skin at all.
    Depth,
    /// The intent is not on the disk.
    Intent,
    /// The needle is silent, at fault, out of turn, or pressed too hard.
    Needle,
    /// The needle met something well before where the skin should be.
    Contact,
}

/// What a permit is asked for.
pub(crate) struct Case<'a> {
    pub now: Micros,
    pub limits: &'a Limits,
    pub sensed: &'a Sensed,
    pub target: &'a Target,
    /// The joints have rested long enough.
    pub settled: bool,
    pub nonce: u64,
    /// The extension of the strike under way, m; `None` when it is yet to begin.
    pub under_way: Option<f64>,
}

/// A permit for this tick, if every guard holds.
pub(crate) fn mint<'tick>(_: &'tick Tick, case: &Case<'_>) -> Result<NeedlePermit<'tick>, Refusal> {
    arm_rests(case)?;
    head_calm(case)?;
    needle_in_turn(case)?;
    let extension = over_the_dot(case)?;
    if case.sensed.intent != Some(case.target.dot) {
        return Err(Refusal::Intent);
    }
    Ok(NeedlePermit {
        nonce: case.nonce,
        dot: case.target.dot,
        extension,
        depth: case.target.depth,
        speed: case.limits.stroke_speed,
        tick: PhantomData,
    })
}

/// `Ok` when the condition holds. A comparison with NaN does not hold.
const fn require(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}

fn arm_rests(case: &Case<'_>) -> Result<(), Refusal> {
    let joints = case.sensed.joints.ok_or(Refusal::Joints)?;
    require(
        case.now.fresh(joints.at, case.limits.joints_age),
        Refusal::Joints,
    )?;
    require(
        case.settled && joints.max_speed < case.limits.rest_speed,
        Refusal::ArmMoving,
    )
}

fn head_calm(case: &Case<'_>) -> Result<(), Refusal> {
    let head = case.sensed.head.ok_or(Refusal::Head)?;
    require(
        case.now.fresh(head.at, case.limits.head_age_strike),
        Refusal::Head,
    )?;
    require(
        head.speed <= case.limits.head_speed && head.displacement <= case.limits.head_displacement,
        Refusal::HeadMoving,
    )
}

fn needle_in_turn(case: &Case<'_>) -> Result<(), Refusal> {
    let needle = case.sensed.needle.ok_or(Refusal::Needle)?;
    require(
        case.now.fresh(needle.at, case.limits.needle_age),
        Refusal::Needle,
    )?;
    require(
        needle.state != NeedleState::Fault && needle.force.abs() <= case.limits.axial_force,
        Refusal::Needle,
    )?;
    let is_in = needle.extension <= case.limits.needle_in;
    // One that is farther in than in has lost its home, and would go farther out than it tells.
    let is_home = is_in && needle.extension >= -case.limits.needle_in;
    // Before the stroke the needle is in; during it, it is in or out under this strike's nonce and no other.
    let in_turn = match case.under_way {
        None => is_home && needle.state == NeedleState::Retracted,
        Some(_) => is_in || needle.permit == case.nonce,
    };
    require(in_turn, Refusal::Needle)
}

/// The extension (m) that brings the point to its depth, if the tip stands right.
fn over_the_dot(case: &Case<'_>) -> Result<f64, Refusal> {
    let (limits, target) = (case.limits, case.target);
    let tip = case.sensed.tip.ok_or(Refusal::Tip)?;
    require(
        tip.dot == target.dot && case.now.fresh(tip.at, limits.head_age_strike),
        Refusal::Tip,
    )?;
    let lateral = if case.under_way.is_some() {
        limits.lateral_stroke
    } else {
        limits.lateral_verify
    };
    require(tip.lateral <= lateral, Refusal::Lateral)?;
    require(
        tip.gap >= limits.gap_min && tip.gap <= limits.gap_max,
        Refusal::Gap,
    )?;
    require(tip.angle <= limits.angle, Refusal::Angle)?;
    require(tip.in_patch, Refusal::OffPatch)?;
    require(
        target.depth > 0.0 && target.depth <= limits.depth,
        Refusal::Depth,
    )?;
    let extension = case.under_way.unwrap_or(tip.gap + target.depth);
    // The skin may have come nearer since the extension was fixed.
    require(extension - tip.gap <= limits.depth, Refusal::Depth)?;
    require(extension > 0.0 && extension <= limits.stroke, Refusal::Gap)?;
    Ok(extension)
}
