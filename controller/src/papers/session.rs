//! The report of a session: for the client in plain words, for the clinic with all there is.

use std::collections::BTreeMap;

use stipple_model::document::{Block, Document};
use stipple_model::plan::Plan;

use super::tally::{Counts, Tally, shade, zone};
use super::{PaperError, picture, span, words};
use crate::record::{Chronicle, DotState, End, SIMULATED, Sitting, Stay, moment};
use crate::report::Spread;

/// For whom a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Who was treated.
    Client,
    /// Who treated them.
    Clinic,
}

/// What a report of simulated hardware begins with.
const NOBODY: &str = "Simulated: nobody was treated.";

/// The report of a session.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn session(plan: &Plan, chronicle: &Chronicle, reader: Reader) -> Result<Document, PaperError> {
    let tally = Tally::of(plan, chronicle);
    let mut blocks = match reader {
        Reader::Client => for_client(plan, chronicle, &tally),
        Reader::Clinic => for_clinic(plan, chronicle, &tally),
    };
    // Behind the heading.
    if chronicle.events.iter().any(|event| event.kind == SIMULATED) {
        blocks.insert(1.min(blocks.len()), text(NOBODY));
    }
    let picture = Block::Picture {
        png: picture(plan, chronicle)?,
        caption: "The head as it was scanned. Each point is one dot; points are drawn larger than dots are."
            .to_owned(),
    };
    // Behind the first part: what was done, then where.
    let second = blocks
        .iter()
        .enumerate()
        .skip(1)
        .find(|(_, block)| heading(block));
    let place = second.map_or(blocks.len(), |(index, _)| index);
    blocks.insert(place, picture);
    Ok(Document {
        title: match reader {
            Reader::Client => "Your treatment".to_owned(),
            Reader::Clinic => "Session report".to_owned(),
        },
        blocks,
    })
}

const fn heading(block: &Block) -> bool {
    matches!(block, Block::Heading(1, _))
}

fn text(text: impl Into<String>) -> Block {
    Block::Text(text.into())
}

fn head(text: &str) -> Block {
    Block::Heading(1, text.to_owned())
}

fn table(columns: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table {
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        rows,
    }
}

fn days(chronicle: &Chronicle) -> String {
    let days: Vec<String> = chronicle.days().iter().map(ToString::to_string).collect();
    days.join(", ")
}

fn sittings(chronicle: &Chronicle) -> impl Iterator<Item = (&Stay, &Sitting)> {
    let stays = chronicle.stays.iter();
    stays.filter_map(|stay| stay.sitting.as_ref().map(|sitting| (stay, sitting)))
}

/// Each once, in order.
fn once<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let mut each: Vec<&str> = Vec::new();
    for one in all {
        if !each.contains(&one) {
            each.push(one);
        }
    }
    if each.is_empty() {
        "not named".to_owned()
    } else {
        each.join(", ")
    }
}

fn client(chronicle: &Chronicle) -> String {
    once(chronicle.verified.client.as_deref().into_iter())
}

fn lots(chronicle: &Chronicle) -> String {
    once(sittings(chronicle).flat_map(|(_, s)| s.pigment_lots.iter().map(|lot| lot.id.as_str())))
}

fn cartridges(chronicle: &Chronicle) -> String {
    once(sittings(chronicle).map(|(_, sitting)| sitting.cartridge.id.as_str()))
}

fn dots(count: u32) -> String {
    if count == 1 {
        "1 dot".to_owned()
    } else {
        format!("{count} dots")
    }
}

fn for_client(plan: &Plan, chronicle: &Chronicle, tally: &Tally) -> Vec<Block> {
    let all = tally.all;
    let mut blocks = vec![
        head("What was done"),
        text(format!(
            "Client {}. Treated on {}.",
            client(chronicle),
            days(chronicle)
        )),
        text(format!(
            "{} placed, of {} planned for the whole treatment.",
            dots(all.placed),
            all.planned
        )),
    ];
    if all.skipped > 0 {
        blocks.push(text(format!(
            "{} left out, because the machine could not place {} as exactly as it has to. It leaves a dot out rather than placing it badly.",
            dots(all.skipped),
            if all.skipped == 1 { "it" } else { "them" },
        )));
    }
    if all.in_doubt > 0 {
        blocks.push(text(format!(
            "Of {} it is not certain whether {} placed, because the work was interrupted just then. {} not placed a second time unless a person has looked at the skin and says so.",
            dots(all.in_doubt),
            if all.in_doubt == 1 { "it was" } else { "they were" },
            if all.in_doubt == 1 { "It is" } else { "They are" },
        )));
    }
    if all.open > 0 {
        blocks.push(text(format!(
            "{} still to do in a later session.",
            dots(all.open)
        )));
    }
    blocks.extend([head("Where"), by_zone_for_client(plan, tally)]);
    blocks.extend(used_for_client(chronicle));
    blocks
}

fn used_for_client(chronicle: &Chronicle) -> [Block; 5] {
    let operators = sittings(chronicle).map(|(_, sitting)| sitting.operator.as_str());
    let rows = [
        ("Pigment lots", lots(chronicle)),
        ("Needle cartridges", cartridges(chronicle)),
        ("Treated by", once(operators)),
    ];
    [
        head("Time"),
        text(format!(
            "The machine worked for {}; breaks took {}.",
            span(chronicle.worked_s()),
            span(chronicle.paused_s())
        )),
        head("What was used"),
        text("Keep these numbers: they say which pigment and which needles were used."),
        table(
            &["", ""],
            rows.map(|(name, value)| vec![name.to_owned(), value])
                .into(),
        ),
    ]
}

fn by_zone_for_client(plan: &Plan, tally: &Tally) -> Block {
    let rows = tally.zones.iter().map(|(index, counts)| {
        vec![
            words(&zone(plan, *index)),
            counts.placed.to_string(),
            counts.open.to_string(),
        ]
    });
    table(&["zone", "placed", "still to do"], rows.collect())
}

fn for_clinic(plan: &Plan, chronicle: &Chronicle, tally: &Tally) -> Vec<Block> {
    let mut blocks = vec![head("Session"), facts(chronicle)];
    blocks.extend(counts(plan, tally));
    blocks.extend(doubts(plan, chronicle));
    blocks.extend(accuracy(plan, chronicle));
    blocks.extend(time(chronicle));
    blocks.extend(used(chronicle));
    blocks.extend(orders(chronicle));
    blocks.push(head("Events and faults"));
    let events = chronicle.events.iter().map(|event| {
        vec![
            moment(event.at_us),
            words(&event.kind),
            event.detail.clone(),
        ]
    });
    blocks.push(or_none(&["UTC", "what", "details"], events.collect()));
    blocks
}

/// A table, or a word where it would be empty.
fn or_none(columns: &[&str], rows: Vec<Vec<String>>) -> Block {
    if rows.is_empty() {
        text("None.")
    } else {
        table(columns, rows)
    }
}

fn facts(chronicle: &Chronicle) -> Block {
    let verified = &chronicle.verified;
    let end = match verified.end {
        End::Closed => "closed in order",
        End::Noted => "not closed; the file beside it names the last row",
        End::Open => "not closed: a session is writing it, or rows after the last may be lost",
    };
    let rows = [
        ("client", client(chronicle)),
        (
            "operator",
            once(sittings(chronicle).map(|(_, sitting)| sitting.operator.as_str())),
        ),
        ("days", days(chronicle)),
        ("time at work", span(chronicle.worked_s())),
        ("session", verified.session_id.clone()),
        ("plan (SHA-256)", verified.plan_digest.clone()),
        ("scan (SHA-256)", verified.scan_digest.clone()),
        ("record, rows", verified.rows.to_string()),
        ("record, head hash", verified.head.to_string()),
        ("record, end", end.to_owned()),
    ];
    table(
        &["", ""],
        rows.into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect(),
    )
}

fn counted(name: String, counts: &Counts) -> Vec<String> {
    let numbers = [
        counts.planned,
        counts.placed,
        counts.skipped,
        counts.in_doubt,
        counts.open,
    ];
    let mut row = vec![name];
    row.extend(numbers.iter().map(ToString::to_string));
    row
}

fn counts(plan: &Plan, tally: &Tally) -> Vec<Block> {
    let by = |what: &str, rows: Vec<Vec<String>>| {
        table(
            &[what, "planned", "placed", "skipped", "in doubt", "to do"],
            rows,
        )
    };
    let mut zones: Vec<Vec<String>> = tally
        .zones
        .iter()
        .map(|(index, counts)| counted(zone(plan, *index), counts))
        .collect();
    zones.push(counted("all".to_owned(), &tally.all));
    let shades = tally.shades.iter();
    let shades = shades.map(|(index, counts)| counted(shade(plan, *index), counts));
    let layers = tally.layers.iter();
    let layers = layers.map(|(layer, counts)| counted(format!("layer {layer}"), counts));
    let mut blocks = vec![
        head("Dots"),
        by("zone", zones),
        by("shade", shades.collect()),
        by("layer", layers.collect()),
    ];
    for (what, why) in [
        ("Skipped in sessions, by reason", reasons(&tally.skipped)),
        ("In doubt, by reason", reasons(&tally.in_doubt)),
        ("Left out by the plan, by reason", reasons(&tally.unplanned)),
    ] {
        if !why.is_empty() {
            blocks.push(Block::Heading(2, what.to_owned()));
            blocks.push(table(&["reason", "dots"], why));
        }
    }
    blocks
}

fn reasons<K: AsRef<str>>(all: &BTreeMap<K, u32>) -> Vec<Vec<String>> {
    all.iter()
        .map(|(reason, count)| vec![words(reason.as_ref()), count.to_string()])
        .collect()
}

/// Dots in doubt, one by one: a person looks at them.
fn doubts(plan: &Plan, chronicle: &Chronicle) -> Vec<Block> {
    let rows: Vec<Vec<String>> = chronicle
        .dots
        .iter()
        .filter(|(_, entry)| matches!(entry.state, DotState::InDoubt | DotState::Intent))
        .map(|(id, entry)| {
            let zone = plan
                .dot(*id)
                .map_or_else(String::new, |dot| zone(plan, dot.zone));
            let why = entry.reason.as_deref().unwrap_or("being struck");
            vec![
                id.0.to_string(),
                entry.layer.to_string(),
                zone,
                words(why),
                moment(entry.at_us),
            ]
        })
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    vec![
        Block::Heading(2, "Dots in doubt".to_owned()),
        table(&["dot", "layer", "zone", "why", "since (UTC)"], rows),
    ]
}

fn accuracy(plan: &Plan, chronicle: &Chronicle) -> Vec<Block> {
    let placed = || {
        let dots = chronicle.dots.iter();
        dots.filter(|(_, entry)| entry.state == DotState::Placed)
    };
    let lateral = Spread::of(
        placed()
            .filter_map(|(_, e)| e.lateral_error_m)
            .map(|m| m * 1e3),
    );
    let depth = Spread::of(placed().filter_map(|(id, entry)| {
        let planned = plan.dot(*id)?.depth.m();
        entry.depth_m.map(|m| (m - planned).abs() * 1e3)
    }));
    let row = |what: &str, spread: Spread| {
        let mut row = vec![what.to_owned()];
        row.extend([spread.p50, spread.p95, spread.max].map(|mm| format!("{mm:.3}")));
        row
    };
    let rows: Vec<Vec<String>> = [("beside the dot", lateral), ("depth", depth)]
        .into_iter()
        .filter_map(|(what, spread)| spread.map(|spread| row(what, spread)))
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    vec![
        Block::Heading(2, "Error at contact as measured, mm".to_owned()),
        table(&["", "half are below", "95 % are below", "the most"], rows),
    ]
}

fn time(chronicle: &Chronicle) -> Vec<Block> {
    let breaks = chronicle
        .events
        .iter()
        .filter(|event| event.kind == "break");
    let rows = breaks.map(|event| {
        let (lasted, why) = event
            .detail
            .split_once(" s: ")
            .unwrap_or(("", &event.detail));
        let lasted = lasted.parse().map_or_else(|_| String::new(), span);
        vec![moment(event.at_us), lasted, why.to_owned()]
    });
    vec![
        head("Time and breaks"),
        text(format!(
            "At work for {}, paused for {}. Breaks that ended:",
            span(chronicle.worked_s()),
            span(chronicle.paused_s())
        )),
        or_none(
            &["ended (UTC)", "lasted", "why, and who asked"],
            rows.collect(),
        ),
    ]
}

fn used(chronicle: &Chronicle) -> Vec<Block> {
    let rows: Vec<Vec<String>> = sittings(chronicle)
        .map(|(stay, sitting)| {
            let lots: Vec<String> = sitting
                .pigment_lots
                .iter()
                .map(|lot| {
                    let shades = lot.shades.join(", ");
                    format!("{}: {shades} (to {})", lot.id, lot.expires)
                })
                .collect();
            let cartridge = &sitting.cartridge;
            vec![
                moment(stay.began_us),
                sitting.operator.clone(),
                format!("{} (to {})", cartridge.id, cartridge.expires),
                format!("{} of {}", stay.strikes, cartridge.strike_cap),
                lots.join(", "),
                format!("{:.3}", sitting.registration.residual_mm),
                span(stay.worked_s),
            ]
        })
        .collect();
    let mut blocks = vec![
        head("Sittings, needles, pigments"),
        or_none(
            &[
                "began (UTC)",
                "operator",
                "cartridge",
                "strikes",
                "pigment lots",
                "registration residual, mm",
                "at work",
            ],
            rows,
        ),
    ];
    for stay in chronicle
        .stays
        .iter()
        .filter(|stay| !stay.further.is_empty())
    {
        blocks.push(Block::Heading(
            2,
            format!("Also kept of the sitting of {}", moment(stay.began_us)),
        ));
        let rows = stay.further.iter();
        let rows = rows.map(|(key, value)| vec![key.clone(), value.clone()]);
        blocks.push(table(&["", ""], rows.collect()));
    }
    blocks
}

/// What persons ordered against what the controller does by itself.
fn orders(chronicle: &Chronicle) -> Vec<Block> {
    if chronicle.repeats.is_empty() {
        return Vec::new();
    }
    let rows = chronicle.repeats.iter().map(|repeat| {
        vec![
            moment(repeat.at_us),
            format!("dot {} once more", repeat.dot.0),
            repeat.order.by.clone(),
            repeat.order.why.clone(),
        ]
    });
    vec![
        head("Orders"),
        table(&["UTC", "what", "by", "why"], rows.collect()),
    ]
}
