//! What the years do to a treatment: how many of its dots are seen and how dark they are, when a zone wants a touch-up, and which dots
//! will still be there then.
//!
//! A dot heals or it does not: a share `taken` stays once the skin has healed. From then on its darkness halves in every half-life of its
//! own. Half-lives are spread around the shade's, on the client's skin and under their sun, as a log-normal distribution of standard
//! deviation `spread`. A dot is seen while more than the share `seen` of its darkness is left, which is so with probability
//!
//! ```text
//! taken · Φ( ln( H · (−log2 seen) / t ) / spread )
//! ```
//!
//! for the median half-life H after t years. Nobody knows H well: `uncertain` is the share by which it may be shorter and longer, and gives
//! the band; chance gives the rest of it (two standard deviations of a binomial count). All figures are the policy's, each with its source.

use std::ops::Range;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, Normal};
use stipple_model::course::{Intake, Policy};
use stipple_model::plan::{Dot, Outcome, Plan};

/// The farthest a course is looked ahead, years.
pub const FARTHEST: f64 = 30.0;
/// Steps in which the year of a touch-up is looked for. Source: this project's own; nobody plans it finer.
const STEP: f64 = 0.25;
/// Parts of the distribution of half-lives that a mean is taken over. Source: this project's own; the mean changes by less than 1e-3 with
/// twice as many.
const QUANTILES: u32 = 64;

/// How dots fade on one client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fade {
    /// Share of the dots that stays once the skin has healed.
    pub taken: f64,
    /// The same in a scar.
    pub taken_in_scars: f64,
    /// Standard deviation of the logarithm of half-lives.
    pub spread: f64,
    /// Share by which half-lives may be shorter and longer.
    pub uncertain: f64,
    /// Share of its darkness above which a dot is seen.
    pub seen: f64,
    /// Share of a zone's dots below which it is touched up.
    pub touch_up: f64,
    /// Times the half-life of each shade: skin and sun.
    pub factor: f64,
}

/// A zone in a year.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The zone.
    pub zone: String,
    /// Years after the last session.
    pub year: f64,
    /// Dots that are seen, 1/cm²: expected,
    pub seen_per_cm2: f64,
    /// at least,
    pub low_per_cm2: f64,
    /// at most.
    pub high_per_cm2: f64,
    /// Share of the zone's dots that is seen, expected.
    pub share: f64,
    /// Darkness of the dots that stayed, of a fresh dot's, expected, 0..=1.
    pub darkness: f64,
}

/// When a zone wants a touch-up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TouchUp {
    /// The zone.
    pub zone: String,
    /// The first year in which less of it is seen than the policy wants; `None`: later than [`FARTHEST`].
    pub year: Option<f64>,
    /// The same where dots fade as fast as they may,
    pub soonest: Option<f64>,
    /// and as slowly.
    pub latest: Option<f64>,
}

impl Fade {
    /// On a client's skin, under their sun.
    #[must_use]
    pub fn of(policy: &Policy, intake: &Intake) -> Self {
        let f = &policy.fading;
        let skin = policy.skin(intake.skin_type).map_or(1.0, |s| s.half_life);
        let sun = policy.sun(&intake.sun).map_or(1.0, |s| s.half_life);
        Self {
            taken: f.taken.value,
            taken_in_scars: f.taken_in_scars.value,
            spread: f.spread.value,
            uncertain: f.uncertain.value,
            seen: f.seen.value,
            touch_up: f.touch_up.value,
            factor: skin * sun,
        }
    }

    /// Share of dots of a median half-life (years) that is seen after some years, of those that stayed.
    fn seen_of_stayed(&self, half_life: f64, years: f64) -> f64 {
        if years <= 0.0 {
            return 1.0;
        }
        let gone = half_life * -self.seen.log2() / years;
        if self.spread > 0.0 {
            Normal::standard().cdf(gone.ln() / self.spread)
        } else {
            f64::from(gone > 1.0)
        }
    }

    /// Mean darkness of dots of a median half-life (years) after some years.
    fn darkness(&self, half_life: f64, years: f64) -> f64 {
        let each = (0..QUANTILES).map(|k| {
            let own = half_life * self.own((f64::from(k) + 0.5) / f64::from(QUANTILES));
            0.5f64.powf(years / own)
        });
        each.sum::<f64>() / f64::from(QUANTILES)
    }

    /// A dot's half-life over its shade's, by its rank among all dots, 0..1.
    fn own(&self, rank: f64) -> f64 {
        (self.spread * Normal::standard().inverse_cdf(rank)).exp()
    }
}

/// Dots of one zone and shade.
struct Group {
    dots: f64,
    half_life: f64,
    taken: f64,
}

/// A plan's zones with their dots.
struct Zones<'a> {
    plan: &'a Plan,
    fade: Fade,
    groups: Vec<Vec<Group>>,
}

fn planned(plan: &Plan) -> impl Iterator<Item = &Dot> {
    let planned = |d: &&Dot| matches!(d.outcome, Outcome::Planned { .. });
    plan.dots.iter().filter(planned)
}

/// Half-life of a shade on a client, years; shades the policy does not know fade as its middle one.
fn half_life(policy: &Policy, fade: &Fade, shade: &str) -> f64 {
    let rules = &policy.shades;
    let own = policy.shade(shade).or_else(|| rules.get(rules.len() / 2));
    own.map_or(1.0, |rule| rule.half_life_years) * fade.factor
}

/// Whether a zone is a scar's: by its name, as treatments call it.
fn is_scar(zone: &str) -> bool {
    zone.to_lowercase().contains("scar")
}

impl<'a> Zones<'a> {
    fn new(plan: &'a Plan, policy: &Policy, fade: Fade) -> Self {
        let mut counts = vec![vec![0u32; plan.shades.len()]; plan.zones.len()];
        for dot in planned(plan) {
            let zone = counts.get_mut(usize::from(dot.zone));
            if let Some(count) = zone.and_then(|z| z.get_mut(usize::from(dot.shade))) {
                *count += 1;
            }
        }
        let zone = |(zone, counts): (&stipple_model::plan::Zone, Vec<u32>)| {
            let taken = if is_scar(&zone.name) {
                fade.taken_in_scars
            } else {
                fade.taken
            };
            let shades = plan
                .shades
                .iter()
                .zip(counts)
                .filter(|(_, count)| *count > 0);
            let group = |(shade, count): (&stipple_model::plan::Shade, u32)| Group {
                dots: f64::from(count),
                half_life: half_life(policy, &fade, &shade.name),
                taken,
            };
            shades.map(group).collect()
        };
        let groups = plan.zones.iter().zip(counts).map(zone).collect();
        Self { plan, fade, groups }
    }

    /// How many dots of a zone are expected to be seen, and the variance of that, where half-lives are so many times the expected ones.
    fn seen(&self, zone: usize, years: f64, times: f64) -> (f64, f64) {
        let groups = self.groups.get(zone).into_iter().flatten();
        groups.fold((0.0, 0.0), |(mean, variance), g| {
            let fresh = years <= 0.0;
            let taken = if fresh { 1.0 } else { g.taken };
            let p = taken * self.fade.seen_of_stayed(g.half_life * times, years);
            (mean + g.dots * p, variance + g.dots * p * (1.0 - p))
        })
    }

    fn all(&self, zone: usize) -> f64 {
        let groups = self.groups.get(zone).into_iter().flatten();
        groups.map(|g| g.dots).sum()
    }

    fn row(&self, zone: usize, years: f64) -> Row {
        let (name, area) = match self.plan.zones.get(zone) {
            Some(zone) => (zone.name.clone(), zone.area.cm2()),
            None => (String::new(), 0.0),
        };
        let all = self.all(zone);
        let band = |times: f64, side: f64| {
            let (mean, variance) = self.seen(zone, years, times);
            (mean + side * 2.0 * variance.sqrt()).clamp(0.0, all) / area
        };
        let (mean, _) = self.seen(zone, years, 1.0);
        let groups = self.groups.get(zone).into_iter().flatten();
        let dark = groups.map(|g| g.dots * self.fade.darkness(g.half_life, years));
        Row {
            zone: name,
            year: years,
            seen_per_cm2: mean / area,
            low_per_cm2: band(1.0 - self.fade.uncertain, -1.0),
            high_per_cm2: band(1.0 + self.fade.uncertain, 1.0),
            share: if all > 0.0 { mean / all } else { 0.0 },
            darkness: if all > 0.0 {
                dark.sum::<f64>() / all
            } else {
                0.0
            },
        }
    }

    fn touched_up(&self, zone: usize, times: f64) -> Option<f64> {
        let all = self.all(zone);
        let steps: Range<u32> = 1..(FARTHEST / STEP) as u32 + 1;
        let mut years = steps.map(|k| f64::from(k) * STEP);
        years.find(|t| self.seen(zone, *t, times).0 < self.fade.touch_up * all)
    }
}

/// Every zone that has dots, in every one of some years.
#[must_use]
pub fn rows(plan: &Plan, policy: &Policy, fade: Fade, years: &[f64]) -> Vec<Row> {
    let zones = Zones::new(plan, policy, fade);
    let dotted = (0..plan.zones.len()).filter(|z| zones.all(*z) > 0.0);
    dotted
        .flat_map(|zone| years.iter().map(move |t| (zone, *t)))
        .map(|(zone, t)| zones.row(zone, t))
        .collect()
}

/// When each zone that has dots wants a touch-up.
#[must_use]
pub fn touch_ups(plan: &Plan, policy: &Policy, fade: Fade) -> Vec<TouchUp> {
    let zones = Zones::new(plan, policy, fade);
    let dotted = (0..plan.zones.len()).filter(|z| zones.all(*z) > 0.0);
    let touch_up = |zone: usize| TouchUp {
        zone: plan
            .zones
            .get(zone)
            .map_or_else(String::new, |z| z.name.clone()),
        year: zones.touched_up(zone, 1.0),
        soonest: zones.touched_up(zone, 1.0 - fade.uncertain),
        latest: zones.touched_up(zone, 1.0 + fade.uncertain),
    };
    dotted.map(touch_up).collect()
}

/// One possible fate of every planned dot after some years: its darkness, of a fresh one's, or `None` for one that did not stay. The order
/// is that of the plan's dots; those not planned have none. The same seed gives the same fates in every year, so that a dot that has gone
/// does not come back.
#[must_use]
pub fn fates(plan: &Plan, policy: &Policy, fade: Fade, years: f64, seed: u64) -> Vec<Option<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut fate = |dot: &Dot| {
        let (stays, rank): (f64, f64) = (rng.random(), rng.random());
        let zone = plan.zones.get(usize::from(dot.zone))?;
        let shade = plan.shades.get(usize::from(dot.shade))?;
        let taken = if is_scar(&zone.name) {
            fade.taken_in_scars
        } else {
            fade.taken
        };
        let placed = matches!(dot.outcome, Outcome::Planned { .. });
        if !placed || (years > 0.0 && stays >= taken) {
            return None;
        }
        let own = half_life(policy, &fade, &shade.name) * fade.own(rank.clamp(1e-9, 1.0 - 1e-9));
        Some(0.5f64.powf(years.max(0.0) / own))
    };
    plan.dots.iter().map(&mut fate).collect()
}
