//! The plan in numbers, for the page.

use std::collections::BTreeMap;

use stipple_model::plan::{Outcome, Plan};

use super::page::{PALE, Page, RULE, Style};

/// Height of a line of the table, pixels.
const LINE: f32 = 34.0;

/// The treatment's name, as its file says.
pub(crate) fn name(plan: &Plan) -> String {
    toml::from_str::<toml::Table>(&plan.provenance.treatment)
        .ok()
        .and_then(|table| Some(table.get("name")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "Treatment".to_owned())
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
            row.planned += usize::from(matches!(dot.outcome, Outcome::Planned { .. }));
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

/// Writes the table, the shades and what is skipped into a column of the page, no lower than `bottom`.
pub(super) fn put(page: &mut Page, plan: &Plan, [left, top]: [f32; 2], width: f32, bottom: f32) {
    let right = left + width;
    // Right ends of the columns: area, dots, wanted, placed.
    let ends = [0.46, 0.63, 0.82, 1.0].map(|part| left + part * width);
    let head = Style::plain(20.0).pale();
    page.text(left, top - 14.0, Style::plain(26.0).bold(), "Zones");
    let mut y = top + 24.0;
    for (end, name) in ends.iter().zip(["cm²", "placed", "per cm²", "wanted"]) {
        page.text(*end, y, head.anchored(1.0), name);
    }
    let rows = zones(plan);
    let rule = |page: &mut Page, y: f32| {
        let (a, b) = (f64::from(left), f64::from(right));
        page.line([a, f64::from(y)], [b, f64::from(y)], 1.0, RULE);
    };
    rule(page, y + 10.0);
    let fitting = ((bottom - y) / LINE - 9.0).max(1.0) as usize;
    let (total, named) = rows
        .split_last()
        .map_or((None, &rows[..]), |(t, n)| (Some(t), n));
    for zone in named.iter().take(fitting).chain(total) {
        y += LINE;
        let last = zone.name == "all" && total == Some(zone);
        let style = if last {
            Style::plain(22.0).bold()
        } else {
            Style::plain(22.0)
        };
        let label: String = zone.name.replace('_', " ").chars().take(20).collect();
        page.text(left, y, style, &label);
        let values = [
            format!("{:.1}", zone.area_cm2),
            grouped(zone.planned),
            format!("{:.1}", zone.per_cm2()),
            format!("{:.1}", zone.wanted_per_cm2),
        ];
        for (end, value) in ends.iter().zip(values) {
            page.text(*end, y, style.anchored(1.0), &value);
        }
        rule(page, y + 10.0);
    }
    y += 0.6 * LINE;
    for (reason, count) in skipped(plan) {
        y += LINE;
        if y < bottom {
            let text = format!(
                "{} not placed: {}",
                grouped(count),
                reason.replace('_', " ")
            );
            page.text(left, y, Style::plain(22.0), &text);
        }
    }
    shades(page, plan, [left, y + 1.6 * LINE], right, bottom);
}

fn shades(page: &mut Page, plan: &Plan, [left, mut y]: [f32; 2], right: f32, bottom: f32) {
    let mut x = left;
    for (i, shade) in plan.shades.iter().enumerate() {
        let count = plan.dots.iter().filter(|d| d.shade as usize == i).count();
        let name: String = shade.name.chars().take(18).collect();
        let text = format!("{name}  {}", grouped(count));
        let style = Style::plain(22.0);
        let needed = 44.0 + page.length(&text, style);
        if x > left && x + needed > right {
            x = left;
            y += LINE;
        }
        if y > bottom {
            return;
        }
        page.disc([f64::from(x) + 12.0, f64::from(y) - 8.0], 12.0, shade.rgb);
        page.text(x + 32.0, y, style, &text);
        x += needed + 26.0;
    }
    if plan.shades.is_empty() {
        page.text(left, y, Style::plain(22.0).colored(PALE), "no shades");
    }
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
