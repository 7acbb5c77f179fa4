//! The plan in numbers, for the page.

use std::collections::BTreeMap;

use stipple_model::plan::{Dot, Outcome, Plan};

use super::layout::{COLUMN, GAP, across};
use super::page::{Page, RULE, Style};

/// Height of a line of the table, pixels.
const LINE: f32 = 34.0;

/// The treatment's name, as its file says.
pub(crate) fn name(plan: &Plan) -> String {
    toml::from_str::<toml::Table>(&plan.provenance.treatment)
        .ok()
        .and_then(|table| Some(table.get("name")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "Treatment".to_owned())
}

/// Whether the arm can place a dot.
pub(crate) const fn is_planned(dot: &Dot) -> bool {
    matches!(dot.outcome, Outcome::Planned { .. })
}

/// The dots of each shade that are placed, by the shade's index.
pub(crate) fn placed_by_shade(plan: &Plan) -> Vec<usize> {
    let mut counts = vec![0; plan.shades.len()];
    for dot in plan.dots.iter().filter(|d| is_planned(d)) {
        if let Some(count) = counts.get_mut(dot.shade as usize) {
            *count += 1;
        }
    }
    counts
}

/// What one zone is and has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ZoneFacts {
    pub name: String,
    pub area_cm2: f64,
    /// All its dots, and those the arm can place.
    pub dots: usize,
    pub planned: usize,
    pub wanted_per_cm2: f64,
}

impl ZoneFacts {
    /// Density of the dots that are placed.
    pub fn per_cm2(&self) -> f64 {
        if self.area_cm2 > 0.0 {
            self.planned as f64 / self.area_cm2
        } else {
            0.0
        }
    }
}

/// The zones, and all of them together under the name "all".
pub(crate) fn zones(plan: &Plan) -> Vec<ZoneFacts> {
    let mut rows: Vec<ZoneFacts> = plan
        .zones
        .iter()
        .map(|z| ZoneFacts {
            name: z.name.clone(),
            area_cm2: z.area.cm2(),
            dots: 0,
            planned: 0,
            wanted_per_cm2: z.target.per_cm2(),
        })
        .collect();
    for dot in &plan.dots {
        if let Some(row) = rows.get_mut(dot.zone as usize) {
            row.dots += 1;
            row.planned += usize::from(is_planned(dot));
        }
    }
    let sum = |of: fn(&ZoneFacts) -> f64| rows.iter().map(of).sum::<f64>();
    let area_cm2 = sum(|z| z.area_cm2);
    let wanted = sum(|z| z.area_cm2 * z.wanted_per_cm2);
    let all = ZoneFacts {
        name: "all".to_owned(),
        area_cm2,
        dots: rows.iter().map(|z| z.dots).sum(),
        planned: rows.iter().map(|z| z.planned).sum(),
        wanted_per_cm2: if area_cm2 > 0.0 {
            wanted / area_cm2
        } else {
            0.0
        },
    };
    rows.push(all);
    rows
}

/// Dots that are skipped, by reason.
pub(crate) fn skipped(plan: &Plan) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    for dot in &plan.dots {
        if let Outcome::Skipped(reason) = dot.outcome {
            *reasons.entry(reason.key()).or_default() += 1;
        }
    }
    reasons
}

/// Thousands apart.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
enum Line {
    Zone {
        facts: ZoneFacts,
        total: bool,
    },
    Space,
    Note(String),
    /// Shades side by side: index into the plan's, and text.
    Shades(Vec<(usize, String)>),
}

/// Zones, what is skipped, and shades, in one column of the page, or in two where one is too short.
pub(super) struct Table {
    lines: Vec<Line>,
    top: f32,
    /// Lines a column holds.
    capacity: usize,
}

/// How a line is set, and the room a shade's disc takes before and after its text, pixels.
const SET: Style = Style::plain(22.0);
const DISC: [f32; 2] = [32.0, 26.0];

impl Table {
    /// The table between two heights of the page; what does not fit in two columns is left out and counted.
    pub fn new(plan: &Plan, page: &Page, [top, bottom]: [u32; 2]) -> Self {
        let mut rows = zones(plan);
        let total = rows.pop();
        let zone = |facts, total| Line::Zone { facts, total };
        let mut lines: Vec<Line> = rows.into_iter().map(|z| zone(z, false)).collect();
        lines.extend(total.map(|z| zone(z, true)));
        let mut rest = vec![Line::Space];
        rest.extend(skipped(plan).into_iter().map(|(reason, count)| {
            let reason = reason.replace('_', " ");
            Line::Note(format!("{} not placed: {reason}", grouped(count)))
        }));
        if rest.len() > 1 {
            rest.push(Line::Space);
        }
        rest.extend(shades(plan, page));
        let top = top as f32 + 24.0;
        // Casts saturate; the last line may stand on the bottom.
        let capacity = ((bottom as f32 - top) / LINE) as usize;
        let room = (2 * capacity).saturating_sub(rest.len());
        if lines.len() > room {
            let left_out = lines.len() + 1 - room;
            lines.truncate(room.saturating_sub(1));
            lines.push(Line::Note(format!("and {left_out} more lines")));
        }
        lines.extend(rest);
        Self {
            lines,
            top,
            capacity,
        }
    }

    /// How many columns of the page it takes.
    pub fn columns(&self) -> u32 {
        if self.lines.len() > self.capacity {
            2
        } else {
            1
        }
    }

    /// Writes it.
    pub fn put(&self, page: &mut Page, plan: &Plan, from: u32) {
        let heading = Style::plain(26.0).bold();
        page.text(from as f32, self.top - 38.0, heading, "Zones");
        // Two columns are filled one after the other, the first with zones only as far as they go.
        for (k, lines) in self.lines.chunks(self.capacity.max(1)).enumerate() {
            let left = from as f32 + k as f32 * (COLUMN + GAP) as f32;
            let ends = ends(left);
            if matches!(lines.first(), Some(Line::Zone { .. })) {
                for (end, name) in ends.iter().zip(["cm²", "placed", "per cm²", "wanted"]) {
                    let style = Style::plain(20.0).pale().anchored(1.0);
                    page.text(*end, self.top, style, name);
                }
                rule(page, left, self.top);
            }
            let mut y = self.top;
            for line in lines {
                y += LINE;
                put(page, plan, line, [left, y]);
            }
        }
    }
}

/// Right ends of the columns: area, dots, density, wanted.
fn ends(left: f32) -> [f32; 4] {
    [0.46, 0.63, 0.82, 1.0].map(|part| left + part * across(1) as f32)
}

fn rule(page: &mut Page, left: f32, y: f32) {
    let (a, b) = (f64::from(left), f64::from(left) + f64::from(COLUMN));
    let y = f64::from(y) + 10.0;
    page.line([a, y], [b, y], 1.0, RULE);
}

/// Writes one line.
fn put(page: &mut Page, plan: &Plan, line: &Line, [left, y]: [f32; 2]) {
    match line {
        Line::Zone { facts, total } => {
            let style = if *total { SET.bold() } else { SET };
            let label: String = facts.name.replace('_', " ").chars().take(20).collect();
            page.text(left, y, style, &label);
            let values = [
                format!("{:.1}", facts.area_cm2),
                grouped(facts.planned),
                format!("{:.1}", facts.per_cm2()),
                format!("{:.1}", facts.wanted_per_cm2),
            ];
            for (end, value) in ends(left).iter().zip(values) {
                page.text(*end, y, style.anchored(1.0), &value);
            }
            rule(page, left, y);
        }
        Line::Space => {}
        Line::Note(text) => {
            page.text(left, y, SET, text);
        }
        Line::Shades(shades) => {
            let mut x = left;
            for (index, text) in shades {
                let rgb = plan.shades.get(*index).map_or([60; 3], |s| s.rgb);
                page.disc([f64::from(x) + 12.0, f64::from(y) - 8.0], 12.0, rgb);
                x = page.text(x + DISC[0], y, SET, text) + DISC[1];
            }
        }
    }
}

/// The shades with the dots placed of each, as many in a line as there is room for.
fn shades(plan: &Plan, page: &Page) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (Vec::new(), 0.0);
    for (index, (shade, count)) in plan.shades.iter().zip(placed_by_shade(plan)).enumerate() {
        let name: String = shade.name.chars().take(18).collect();
        let text = format!("{name}  {}", grouped(count));
        let needed = DISC[0] + page.length(&text, SET) + DISC[1];
        if used + needed > COLUMN as f32 + DISC[1] && !line.is_empty() {
            lines.push(Line::Shades(std::mem::take(&mut line)));
            used = 0.0;
        }
        used += needed;
        line.push((index, text));
    }
    if !line.is_empty() {
        lines.push(Line::Shades(line));
    }
    lines
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_apart() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(super::grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
