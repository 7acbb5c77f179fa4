//! Every dot of a plan as a table, with what became of it.

use std::io::Write;

use stipple_model::frames::{Point, Scan};
use stipple_model::plan::{DotId, Outcome, Plan};

use super::PaperError;
use super::tally::{shade, zone};
use crate::record::{Chronicle, DotEntry, DotState, PigmentLot, moment};

/// The columns. Scripts and the planner rely on them: columns may come behind these, none changes its name or place.
pub const DOTS_HEADER: [&str; 16] = [
    "dot",
    "layer",
    "zone",
    "shade",
    "state",
    "x_m",
    "y_m",
    "z_m",
    "reason",
    "at_utc",
    "lateral_error_mm",
    "depth_mm",
    "session",
    "sitting",
    "cartridge",
    "lots",
];

/// Writes every dot: where it is planned, in the planned scan's frame scaled to metres, and how it stands: `placed`, `in_doubt`, `skipped` (in a
/// session or, without a time, by the plan already), `open`. Of a dot that was struck the record keeps how far the needle's axis was from
/// that place at contact (`lateral_error_mm`), not in which direction. `lots` are the sitting's that hold the
/// dot's shade, parted by `;`.
///
/// # Errors
/// When the writer fails.
pub fn dots(plan: &Plan, chronicle: &Chronicle, to: impl Write) -> Result<(), PaperError> {
    let scan_from_head = plan.head_from_scan.inverse();
    let mut table = csv::Writer::from_writer(to);
    table.write_record(DOTS_HEADER)?;
    for (index, dot) in (0u32..).zip(&plan.dots) {
        let place: Point<Scan> = scan_from_head * dot.position;
        let entry = chronicle.dots.get(&DotId(index));
        let state = match (entry, dot.outcome) {
            (Some(entry), _) => key(entry.state),
            (None, Outcome::Skipped(_)) => "skipped",
            (None, Outcome::Planned { .. }) => "open",
        };
        let shade = shade(plan, dot.shade);
        let mut row = vec![
            index.to_string(),
            dot.layer.to_string(),
            zone(plan, dot.zone),
            shade.clone(),
            state.to_owned(),
        ];
        row.extend(place.raw().iter().map(|c| format!("{c:.9}")));
        row.extend(match (entry, dot.outcome) {
            (Some(entry), _) => told(chronicle, entry, &shade),
            (None, Outcome::Skipped(reason)) => first(reason.key()),
            (None, Outcome::Planned { .. }) => first(""),
        });
        table.write_record(row)?;
    }
    table.flush().map_err(csv::Error::from)?;
    Ok(())
}

const fn key(state: DotState) -> &'static str {
    match state {
        // An intent that stands is a strike of which nobody knows.
        DotState::Intent | DotState::InDoubt => "in_doubt",
        DotState::Placed => "placed",
        DotState::Skipped => "skipped",
    }
}

/// The columns behind the place, of a dot that no session knows.
fn first(reason: &str) -> Vec<String> {
    let mut row = vec![String::new(); DOTS_HEADER.len() - 8];
    reason.clone_into(&mut row[0]);
    row
}

/// The columns behind the place, of a dot that has a row in the record.
fn told(chronicle: &Chronicle, entry: &DotEntry, shade: &str) -> Vec<String> {
    let mm = |metres: Option<f64>| metres.map_or_else(String::new, |m| format!("{:.4}", m * 1e3));
    let stay = chronicle.stays.get(entry.stay);
    let sitting = stay.and_then(|stay| stay.sitting.as_ref());
    let lots = sitting.map(|s| {
        let of_shade = |lot: &&PigmentLot| lot.shades.iter().any(|name| name == shade);
        let lots = s.pigment_lots.iter().filter(of_shade);
        let ids: Vec<&str> = lots.map(|lot| lot.id.as_str()).collect();
        ids.join(";")
    });
    vec![
        entry.reason.clone().unwrap_or_default(),
        moment(entry.at_us),
        mm(entry.lateral_error_m),
        mm(entry.depth_m),
        chronicle.verified.session_id.clone(),
        (entry.stay + 1).to_string(),
        sitting.map(|s| s.cartridge.id.clone()).unwrap_or_default(),
        lots.unwrap_or_default(),
    ]
}
