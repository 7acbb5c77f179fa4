//! What was found and proposed at the consultation.

use stipple_model::course::{Finding, Verdict};
use stipple_model::document::{Block, Document};

use super::super::calendar::half_hours;
use super::super::{Assessment, Course, Range};
use super::{Sheet, spelt};

/// The consultation's sheet.
#[must_use]
pub fn consultation(course: &Course) -> Sheet {
    let mut blocks = vec![Block::Text(format!(
        "Client {}, consulted on {}.",
        course.client,
        spelt(course.consulted)
    ))];
    blocks.extend(verdict(course));
    if course.verdict != Verdict::Refuse {
        blocks.extend(achievable(&course.assessment));
        blocks.extend(design(course));
        blocks.extend(dates(course));
    }
    if !course.notes.is_empty() {
        blocks.push(Block::Heading(2, "To be settled".to_owned()));
        blocks.push(Block::List(course.notes.clone()));
    }
    Sheet {
        stem: "consultation".to_owned(),
        document: Document {
            title: "Consultation".to_owned(),
            blocks,
        },
    }
}

fn verdict(course: &Course) -> Vec<Block> {
    let on = spelt(course.screening.on);
    let said = match (course.verdict, course.refused_until) {
        (Verdict::Clear, _) => format!("Nothing stands against a treatment from {on} on."),
        (Verdict::Physician, _) => {
            format!("A physician's word is needed before a treatment from {on} on.")
        }
        (Verdict::Refuse, Some(until)) => format!(
            "No treatment on {on}. The earliest day on which this may be looked at again is {}.",
            spelt(until)
        ),
        (Verdict::Refuse, None) => "No treatment.".to_owned(),
    };
    let mut blocks = vec![Block::Heading(2, "Screening".to_owned()), Block::Text(said)];
    let row = |finding: &Finding| {
        let until = finding
            .until
            .map_or_else(String::new, |day| day.to_string());
        let verdict = match finding.verdict {
            Verdict::Clear => "clear",
            Verdict::Physician => "ask a physician",
            Verdict::Refuse => "refused",
        };
        vec![
            finding.asks.clone(),
            verdict.to_owned(),
            until,
            finding.reason.clone(),
            finding.source.clone(),
        ]
    };
    if !course.screening.findings.is_empty() {
        let columns = ["Found", "Means", "Until", "Because", "Source"];
        blocks.push(Block::Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: course.screening.findings.iter().map(row).collect(),
        });
    }
    blocks
}

/// Two figures, or one where they are the same.
fn between(range: Range, step: f64) -> String {
    let rounded = |v: f64| (v / step).round() * step;
    let (low, high) = (rounded(range.low), rounded(range.high));
    if low >= high {
        format!("{high}")
    } else {
        format!("{low} to {high}")
    }
}

fn achievable(assessment: &Assessment) -> Vec<Block> {
    let [from, to] = assessment.lasts_years;
    let [soonest, latest] = assessment.touch_up_years;
    let full = if assessment.looks_full {
        "looks full"
    } else {
        "a shadow of hair"
    };
    let hours = assessment.hours_per_session;
    let rows = [
        ("Pattern", assessment.pattern.clone()),
        ("Area", format!("{} cm²", between(assessment.area_cm2, 1.0))),
        (
            "Density",
            format!(
                "{:.0} per cm², hair that is there included: {:.0} % of the {:.0} follicular units of natural hair; {full}",
                assessment.target_per_cm2,
                assessment.coverage * 100.0,
                assessment.natural_units_per_cm2
            ),
        ),
        ("Dots", between(assessment.dots, 100.0)),
        ("Sessions", assessment.sessions.to_string()),
        (
            "Hours a session",
            if half_hours(hours.low) == half_hours(hours.high) {
                format!("about {}", half_hours(hours.high))
            } else {
                format!("{} to {}", half_hours(hours.low), half_hours(hours.high))
            },
        ),
        (
            "Lasts",
            format!(
                "about {from} to {to} years, getting lighter; touched up after {soonest} to {latest}"
            ),
        ),
    ];
    let rows = rows.map(|(what, is)| vec![what.to_owned(), is]);
    vec![
        Block::Heading(2, "What can be achieved".to_owned()),
        Block::Table {
            columns: vec!["What".to_owned(), "How much".to_owned()],
            rows: rows.to_vec(),
        },
    ]
}

fn design(course: &Course) -> Vec<Block> {
    let proposal = &course.proposal;
    let zones = proposal.zones.iter().map(|zone| {
        vec![
            zone.name.clone(),
            format!("{:.0}", zone.density_per_cm2),
            format!("{:.0}", zone.existing_per_cm2),
            format!("{}", zone.depth_mm),
            zone.needle.clone().unwrap_or_default(),
        ]
    });
    let shades = proposal.shades.iter().map(|shade| {
        let [r, g, b] = shade.rgb;
        vec![
            shade.name.clone(),
            format!("{} to 1", shade.dilution),
            format!("#{r:02x}{g:02x}{b:02x}"),
        ]
    });
    let mut blocks = vec![
        Block::Heading(2, "Proposed design".to_owned()),
        Block::Table {
            columns: ["Zone", "Per cm²", "Of it hair", "Depth, mm", "Needle"]
                .map(str::to_owned)
                .to_vec(),
            rows: zones.collect(),
        },
        Block::Table {
            columns: ["Shade", "Water to pigment", "In the skin"]
                .map(str::to_owned)
                .to_vec(),
            rows: shades.collect(),
        },
    ];
    if let Some(height) = proposal.hairline_mm {
        blocks.push(Block::Text(format!(
            "The hairline lies {height:.0} mm above the glabella in the midline. Depths are where the test patch begins; what it shows decides."
        )));
    }
    blocks
}

fn dates(course: &Course) -> Vec<Block> {
    let mut rows = Vec::new();
    if let Some(day) = course.test_patch {
        rows.push(vec![
            "Test patch".to_owned(),
            spelt(day),
            String::new(),
            String::new(),
            "at the back of the head".to_owned(),
        ]);
    }
    for session in &course.sessions {
        for part in &session.parts {
            rows.push(vec![
                format!("Session {}", session.number),
                spelt(part.day),
                half_hours(part.hours),
                part.dots.to_string(),
                format!("{} ({:.0} %)", session.role.name(), session.share * 100.0),
            ]);
        }
    }
    vec![
        Block::Heading(2, "Days".to_owned()),
        Block::Table {
            columns: ["What", "When", "Hours", "Dots", "For (dots there after it)"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        },
        Block::Text(format!("{}.", course.proposal.sessions_because.join(", "))),
    ]
}
