//! From poses to sessions: each layer's order, its hops and its ways off the head proven, its stops, and how long it takes.

use std::collections::BTreeSet;
use std::sync::Mutex;

use rayon::prelude::*;
use stipple_model::arm::Arm;
use stipple_model::joints::Joints;
use stipple_model::motion::JointLimits;
use stipple_model::plan::{Finding, SessionParts, SkipReason, Stop, Zone};
use stipple_model::treatment::Treatment;
use stipple_model::units::{Length, Time};

use crate::Watch;
use crate::away::{Waiting, Ways};
use crate::compose::shades;
use crate::dots::DotField;
use crate::estimate::{self, Pace};
use crate::hops::{self, Proven};
use crate::poses::{Pose, Refusal, Surroundings};
use crate::sequence::{self, Groups, Order, OrderRules, Visit};

/// How often dots that a stop fell to and that have no way off the head are left out, before every dot is asked.
const ROUNDS: u32 = 3;
/// The longest row of dots that is left out together is two to that power.
const LONGEST_ROW: u32 = 12;

/// What the sessions of a layout keep to.
pub struct Sessions<'a> {
    field: &'a DotField,
    groups: Groups,
    rules: OrderRules,
    pace: Pace,
}

/// One layer's session.
pub struct Layer {
    /// Indices into the layout's dots, in the order they are run.
    pub order: Vec<u32>,
    /// Its planned pauses.
    pub stops: Vec<Stop>,
    /// Its expected time.
    pub parts: SessionParts,
    /// Dots that wait for the skin near them, and how long together.
    waits: (u32, Time),
    /// Dots of the layout that have no way, and why.
    lost: Vec<(u32, Refusal)>,
}

/// A layer's dots that have a pose, and their order.
pub struct Ordered {
    dots: Vec<u32>,
    visits: Vec<Visit>,
    order: Order,
}

impl<'a> Sessions<'a> {
    /// The sessions of a layout for an arm.
    #[must_use]
    pub fn new(field: &'a DotField, (zones, treatment): (&[Zone], &Treatment), arm: &Arm) -> Self {
        let groups = Groups::new(zones, &shades(treatment));
        let pace = Pace {
            dwell: treatment.session.dwell,
            ..Pace::default()
        };
        let deepest = field
            .dots
            .iter()
            .map(|d| d.depth)
            .fold(Length::ZERO, Length::max);
        let limits: JointLimits = arm.motion_limits();
        let rules = OrderRules::new(
            limits,
            groups.groups.clone(),
            treatment.session,
            pace.dot(deepest),
        );
        Self {
            field,
            groups,
            rules,
            pace,
        }
    }

    /// The cartridges, by the index that stops name.
    #[must_use]
    pub fn needles(&self) -> Vec<Option<String>> {
        self.groups.needles.clone()
    }

    /// The order of each layer's dots that have a pose.
    #[must_use]
    pub fn order(&self, poses: &[Result<Pose, Refusal>]) -> Vec<Ordered> {
        let of = |layer: u8| {
            let (mut dots, mut visits) = (Vec::new(), Vec::new());
            for ((i, dot), pose) in (0u32..).zip(&self.field.dots).zip(poses) {
                let Ok(pose) = pose else { continue };
                if dot.layer != layer {
                    continue;
                }
                dots.push(i);
                visits.push(Visit {
                    position: dot.position,
                    hover: pose.hover,
                    region: pose.region,
                    zone: dot.zone,
                    group: self.groups.of(dot.zone, dot.shade).unwrap_or(u16::MAX),
                });
            }
            Ordered {
                order: sequence::order(&visits, &self.rules),
                dots,
                visits,
            }
        };
        (1..=self.field.layers).into_par_iter().map(of).collect()
    }

    /// Proves the hops of all layers, and the ways to `station` and back, or off the head where there is none. Dots to which no way leads
    /// lose their pose; `None` when `watch` breaks off.
    #[must_use]
    pub fn prove(
        &self,
        surroundings: &Surroundings<'_>,
        station: Option<Joints>,
        layers: &[Ordered],
        poses: &mut [Result<Pose, Refusal>],
        watch: &Watch<'_>,
    ) -> Option<Vec<Layer>> {
        // Layers at once: a few hops take as long as thousands of others, and would keep all but one thread waiting at each layer's end.
        let done: Vec<Mutex<f64>> = layers.iter().map(|_| Mutex::new(0.0)).collect();
        let share_of = |part: &Mutex<f64>| part.lock().map_or(0.0, |part| *part);
        let proven: Option<Vec<Proven>> = layers
            .par_iter()
            .zip(&done)
            .map(|(layer, mine)| {
                let share = |part: f64| {
                    if let Ok(mut mine) = mine.lock() {
                        *mine = part;
                    }
                    watch(done.iter().map(share_of).sum::<f64>() / done.len() as f64)
                };
                let hovers: Vec<Joints> = layer.visits.iter().map(|v| v.hover).collect();
                hops::prove(
                    surroundings.cell,
                    &surroundings.base_from_head,
                    &hovers,
                    &layer.order.order,
                    &share,
                )
            })
            .collect();
        let waiting = Waiting {
            cell: surroundings.cell,
            base_from_head: surroundings.base_from_head,
            station,
        };
        let layers = layers.par_iter().zip(proven?);
        let done: Vec<Layer> = layers
            .map(|(layer, proven)| self.layer(layer, proven, &waiting))
            .collect();
        for (dot, reason) in done.iter().flat_map(|layer| &layer.lost) {
            poses[*dot as usize] = Err(*reason);
        }
        Some(done)
    }

    /// The stops, the ways off the head and the time of a layer whose hops are proven.
    fn layer(&self, layer: &Ordered, mut proven: Proven, waiting: &Waiting<'_>) -> Layer {
        let hovers: Vec<Joints> = layer.visits.iter().map(|v| v.hover).collect();
        let mut off = Vec::new();
        let mut rounds = 0;
        loop {
            let (stops, waits) = self.stops(layer, &proven);
            let along: Vec<Joints> = proven.order.iter().map(|v| hovers[*v as usize]).collect();
            let ways = waiting.ways(&along, &stops);
            if ways.failed.is_empty() {
                let around = (waiting.cell, &waiting.base_from_head);
                let obstacles = proven.obstacles(around, &hovers);
                let unconnected = obstacles.into_iter().map(|obstacle| Refusal {
                    reason: SkipReason::Unconnected,
                    obstacle,
                });
                let off_station = off.iter().map(|_| SkipReason::OffStation.into());
                let visits = proven.unconnected.iter().chain(&off);
                let lost = visits.map(|v| layer.dots[*v as usize]);
                return Layer {
                    lost: lost.zip(unconnected.chain(off_station)).collect(),
                    ..self.timed(layer, &proven, (stops, waits), &ways)
                };
            }
            // Without them the stops fall before other dots. Where that goes on and on, every dot is asked; where the arm waits over the dot
            // before, so that none can be asked by itself, twice as many in a row are left out each time.
            rounds += 1;
            let failed: BTreeSet<u32> = if waiting.station.is_none() {
                let row = 1 << (rounds - 1).min(LONGEST_ROW);
                let rows = ways.failed.iter().flat_map(|k| {
                    let from = *k as usize;
                    &proven.order[from..proven.order.len().min(from + row)]
                });
                rows.copied().collect()
            } else if rounds < ROUNDS {
                let failed = ways.failed.iter();
                failed.map(|k| proven.order[*k as usize]).collect()
            } else {
                let order = proven.order.par_iter().copied();
                let fails = |v: &u32| !waiting.leads_both_ways(&hovers[*v as usize]);
                order.filter(fails).collect()
            };
            off.extend(&failed);
            let around = (waiting.cell, &waiting.base_from_head);
            proven = hops::without(around, &hovers, proven, &failed);
        }
    }

    /// The stops along a proven order, and how many dots wait for skin that rests, and how long together.
    fn stops(&self, layer: &Ordered, proven: &Proven) -> (Vec<Stop>, (u32, Time)) {
        let mut piece = vec![0; layer.visits.len()];
        for (&visit, &of) in layer.order.order.iter().zip(&layer.order.pieces) {
            piece[visit as usize] = of;
        }
        let pieces: Vec<u32> = proven.order.iter().map(|v| piece[*v as usize]).collect();
        sequence::stops(
            &layer.visits,
            (&proven.order, &pieces),
            &proven.durations,
            &self.rules,
        )
    }

    /// A layer with its time.
    fn timed(
        &self,
        layer: &Ordered,
        proven: &Proven,
        (stops, waits): (Vec<Stop>, (u32, Time)),
        ways: &Ways,
    ) -> Layer {
        let order: Vec<u32> = proven
            .order
            .iter()
            .map(|v| layer.dots[*v as usize])
            .collect();
        let depths = order.iter().map(|i| self.field.dots[*i as usize].depth);
        let made = |(k, hop): (u32, &Time)| {
            let is_left_out = ways.entered.binary_search(&k).is_ok();
            (!is_left_out).then_some(*hop)
        };
        let hops = (1..).zip(&proven.durations).filter_map(made);
        Layer {
            parts: estimate::layer(hops, depths, &stops, ways.time, &self.pace),
            order,
            stops,
            waits,
            lost: Vec::new(),
        }
    }
}

impl Layer {
    /// That dots wait for skin to rest, when they do.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let (count, time) = self.waits;
        (count > 0).then(|| Finding {
            stage: "sequence".to_owned(),
            code: "rests".to_owned(),
            text: format!(
                "{count} dots wait for the skin beside them to rest, {:.0} s together",
                time.s()
            ),
        })
    }
}
