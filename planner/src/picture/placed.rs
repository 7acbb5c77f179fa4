//! Dots of earlier sessions, which a plan that goes on names in its treatment: drawn as healed dots of their shades.

use std::sync::Arc;

use stipple_model::plan::Plan;
use stipple_model::treatment::Treatment;

use super::canvas::Ink;
use super::hair::Skin;
use super::surface::Surface;
use super::tissue::{Column, Stain};
use crate::design::{self, Subject};

/// The dots; none if the treatment's text is not a treatment, or does not go on.
pub(super) fn inks(plan: &Plan, surface: &Surface<'_>) -> Vec<Ink> {
    let treatment = Treatment::parse(&plan.provenance.treatment).ok();
    let placed = treatment
        .as_ref()
        .and_then(|t| t.placed.as_ref().zip(t.zones.first()));
    let Some(((placed, zone), skin)) = placed.zip(Skin::new(surface)) else {
        return Vec::new();
    };
    let subject = Subject::new(&plan.head, &plan.anatomy).on_scan(&plan.head_from_scan);
    let places = placed.dots.iter().map(|(_, place)| place);
    // A place that is not on this head was refused when the plan was made.
    let places = design::listed(&subject, "placed", places).unwrap_or_default();
    // In which zone each lies is not known here; the first one's dots stand for all.
    let stain = Arc::new(Stain::new(&Column {
        diameter: zone.healed_diameter.unwrap_or(zone.diameter).m(),
        top: super::plan::EPIDERMIS,
        bottom: zone.depth.m(),
    }));
    let dots = places.iter().zip(&placed.dots);
    let ink = |(place, (shade, _)): (&stipple_model::frames::Point<_>, &(u8, _))| {
        let (at, normal) = skin.at(&place.raw())?;
        let rgb = plan
            .shades
            .get(usize::from(*shade))
            .map_or([60; 3], |s| s.rgb);
        Some(Ink::new(at, normal, Arc::clone(&stain), rgb))
    };
    dots.filter_map(ink).collect()
}
