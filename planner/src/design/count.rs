//! How many dots a design makes on a head, and what an exact total does to its densities.

use std::fmt::Write as _;

use stipple_model::plan::Finding;
use stipple_model::treatment::{DENSEST, MOST_DOTS, NATURAL, Shape, Treatment, ZoneDesign};
use stipple_model::units::{Area, Density};

use super::area::Sums;
use super::error::DesignError;
use super::field::Field;

/// A region needs at least this much skin, and a zone drawn by hand this much: less is a slip, or a head that was not scanned.
/// Source: this project's own.
const LEAST_REGION: Area = Area::from_cm2(2.0);
const LEAST_DRAWN: Area = Area::from_cm2(0.1);
/// An exact total may change the densities by this share before it is said. Source: this project's own; what an eye tells apart.
const UNSAID: f64 = 0.1;
/// The least left to lay beside what is there, as for `existing_per_cm2`.
const LEAST_LAID: Density = Density::from_per_cm2(1.0);

/// The full density of a zone: where neither hairline nor feather thins it out and no listed hair stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FullDensity {
    /// What the treatment asks to be laid: its `density_per_cm2` less its `existing_per_cm2`.
    pub wanted: Density,
    /// What is laid; another where the treatment gives an exact total.
    pub laid: Density,
}

/// How many dots are laid, and how that compares with what the densities make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Total {
    pub dots: u64,
    /// What the zones' own densities make.
    fit: u64,
    /// How many times as dense as these the zones are laid.
    pub scale: f64,
}

/// Every zone must have skin for its own.
pub(super) fn check_areas(treatment: &Treatment, sums: &Sums) -> Result<(), DesignError> {
    for (design, area) in treatment.zones.iter().zip(&sums.areas) {
        let area = Area::from_m2(*area);
        let least = if matches!(design.shape, Shape::Region(_)) {
            LEAST_REGION
        } else {
            LEAST_DRAWN
        };
        if area < least {
            return Err(DesignError::ZoneTooSmall {
                zone: design.name.clone(),
                area,
                least,
            });
        }
    }
    Ok(())
}

/// Takes the listed points of each zone off what is laid there: `whole` are the sums without them, `sums` those with their density taken
/// off at each place, which a cluster denser than the design does not allow in full. After it the sums are exact.
pub(super) fn take_off(
    treatment: &Treatment,
    field: &mut Field,
    counts: &[usize],
    whole: &Sums,
    sums: &mut Sums,
) -> Result<(), DesignError> {
    let listed = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    for (z, &count) in listed {
        let left = whole.expected[z] - count as f64;
        if left < sums.areas[z] * LEAST_LAID.per_m2() {
            return Err(DesignError::NothingToLay {
                zone: treatment.zones[z].name.clone(),
                listed: count,
                wanted: whole.expected[z],
            });
        }
        field.scale(z, left / sums.expected[z]);
        sums.expected[z] = left;
    }
    Ok(())
}

impl Total {
    /// The treatment's exact total, or else what the sums make.
    pub fn new(treatment: &Treatment, sums: &Sums) -> Result<Self, DesignError> {
        let sum: f64 = sums.expected.iter().sum();
        let fit = sum.round() as u64;
        let dots = treatment.dots.map_or(fit, u64::from);
        if dots == 0 || dots > u64::from(MOST_DOTS) {
            return Err(DesignError::Count {
                dots,
                most: MOST_DOTS,
            });
        }
        Ok(Self {
            dots,
            fit,
            scale: dots as f64 / sum,
        })
    }

    /// The full density of each zone.
    pub fn densities(&self, treatment: &Treatment) -> Vec<FullDensity> {
        let full = |zone: &ZoneDesign| FullDensity {
            wanted: zone.laid(),
            laid: Density::from_per_m2(zone.laid().per_m2() * self.scale),
        };
        treatment.zones.iter().map(full).collect()
    }

    /// Refuses what an exact total makes too dense: a client can have more dots a week later, and only a laser takes them away.
    pub fn check(&self, treatment: &Treatment, sums: &Sums) -> Result<(), DesignError> {
        if treatment.dots.is_none() {
            return Ok(());
        }
        let densities = self.densities(treatment);
        // What is there already counts too.
        let seen = |zone: &ZoneDesign, full: &FullDensity| {
            let there = zone.existing.map_or(0.0, Density::per_m2);
            Density::from_per_m2(full.laid.per_m2() + there)
        };
        let accepted = |zone: &ZoneDesign| {
            let asked = zone.density.per_m2() * (1.0 + UNSAID);
            Density::from_per_m2(asked.max(NATURAL.per_m2()).min(DENSEST.per_m2()))
        };
        let pairs = || treatment.zones.iter().zip(&densities);
        let beyond = |(zone, full): &(&ZoneDesign, &FullDensity)| {
            seen(zone, full).per_m2() - accepted(zone).per_m2()
        };
        let worst = pairs().max_by(|a, b| beyond(a).total_cmp(&beyond(b)));
        if let Some(pair) = worst.filter(|pair| beyond(pair) > 0.0) {
            return Err(DesignError::TooDense {
                dots: self.dots as u32,
                area: Area::from_m2(sums.areas.iter().sum()),
                zone: pair.0.name.clone(),
                density: seen(pair.0, pair.1),
                most: accepted(pair.0),
                fit: self.fit,
            });
        }
        let densest = pairs().max_by(|a, b| a.1.laid.per_m2().total_cmp(&b.1.laid.per_m2()));
        match densest {
            Some((zone, full)) if self.scale > treatment.denser_at_most => {
                Err(DesignError::Denser {
                    dots: self.dots,
                    times: self.scale,
                    most: treatment.denser_at_most,
                    zone: zone.name.clone(),
                    laid: full.laid,
                    wanted: full.wanted,
                    fit: self.fit,
                })
            }
            _ => Ok(()),
        }
    }

    /// What an exact total does to the densities, where an eye sees it.
    pub fn finding(&self, treatment: &Treatment) -> Option<Finding> {
        if treatment.dots.is_none() || (self.scale - 1.0).abs() <= UNSAID {
            return None;
        }
        let mut text = format!(
            "the exact total of {} dots makes the zones {:.2} times as dense as they ask for on this head:",
            self.dots, self.scale
        );
        for (zone, full) in treatment.zones.iter().zip(self.densities(treatment)) {
            let (laid, wanted) = (full.laid.per_cm2(), full.wanted.per_cm2());
            // Writing to a text cannot fail.
            let _ = write!(text, " {} {laid:.0} instead of {wanted:.0},", zone.name);
        }
        let _ = write!(text, " dots per cm²; {} dots fit", self.fit);
        Some(Finding {
            stage: "design".into(),
            code: "density_rescaled".into(),
            text,
        })
    }
}
