//! The sheet as SVG.

use quick_xml::events::BytesText;
use quick_xml::writer::Writer;
use stipple_model::digest::Digest;
use stipple_model::plan::Plan;

use super::FlatDot;
use super::outline::{Line, Outlines};
use super::paper::{EDGE, LEGEND, Paper};
use crate::picture::facts;
use crate::unroll::Unrolled;

/// Distance of the rings about the vertex, mm.
const RING: f64 = 20.0;
/// Where the shades of the legend begin, the distance of their rows, mm, and how many rows there is room for.
const SHADES_LEFT: f64 = EDGE + 72.0;
const SHADES_STEP: f64 = 4.5;
const SHADES_ROWS: u32 = 2;
const INK: &str = "#222428";
const PALE: &str = "#8a8e94";
const GRID: &str = "#d5d8dc";
const SKIPPED: &str = "#f04e00";

type Written = std::io::Result<()>;

/// A sheet being written.
pub(super) struct Sheet {
    paper: Paper,
    body: Writer<Vec<u8>>,
}

/// How letters are set: size in mm, colour, which part stands at the place (`start`, `middle`, `end`).
#[derive(Clone, Copy)]
struct Type {
    size: f64,
    color: &'static str,
    anchor: &'static str,
}

const TEXT: Type = Type {
    size: 3.2,
    color: INK,
    anchor: "start",
};
const SMALL: Type = Type {
    size: 2.4,
    color: PALE,
    anchor: "start",
};

impl Sheet {
    pub fn new(paper: Paper) -> Self {
        Self {
            paper,
            body: Writer::new_with_indent(Vec::new(), b' ', 1),
        }
    }

    /// Writes the whole sheet.
    pub fn write(
        &mut self,
        plan: &Plan,
        digest: &Digest,
        unrolled: &Unrolled,
        dots: &[FlatDot],
        outlines: &Outlines,
    ) -> Written {
        self.title(plan, digest, dots)?;
        self.grid(unrolled)?;
        self.marks(plan, unrolled)?;
        self.outlines(plan, outlines)?;
        self.dots(plan, dots)?;
        self.legend(plan, dots)
    }

    /// The finished file.
    pub fn into_text(self) -> std::io::Result<String> {
        let Paper { width, height, .. } = self.paper;
        let mut writer = Writer::new(Vec::new());
        let body = self.body.into_inner();
        writer
            .create_element("svg")
            .with_attribute(("xmlns", "http://www.w3.org/2000/svg"))
            .with_attribute(("width", format!("{width}mm").as_str()))
            .with_attribute(("height", format!("{height}mm").as_str()))
            .with_attribute(("viewBox", format!("0 0 {width} {height}").as_str()))
            .with_attribute(("font-family", "Roboto, Helvetica, Arial, sans-serif"))
            .write_inner_content(|w| {
                // Paper is white whatever the viewer's background.
                w.create_element("rect")
                    .with_attribute(("width", "100%"))
                    .with_attribute(("height", "100%"))
                    .with_attribute(("fill", "#ffffff"))
                    .write_empty()?;
                w.get_mut().push(b'\n');
                w.get_mut().extend_from_slice(&body);
                w.get_mut().push(b'\n');
                Ok(())
            })?;
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        text += &String::from_utf8(writer.into_inner()).map_err(std::io::Error::other)?;
        text.push('\n');
        Ok(text)
    }

    fn text(&mut self, [x, y]: [f64; 2], kind: Type, text: &str) -> Written {
        // Control characters have no place in XML.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        self.body
            .create_element("text")
            .with_attribute(("x", mm(x).as_str()))
            .with_attribute(("y", mm(y).as_str()))
            .with_attribute(("font-size", mm(kind.size).as_str()))
            .with_attribute(("fill", kind.color))
            .with_attribute(("text-anchor", kind.anchor))
            .write_text_content(BytesText::new(&text))?;
        Ok(())
    }

    fn path(&mut self, class: &str, stroke: &str, width: f64, dashes: &str, way: &str) -> Written {
        let mut path = self
            .body
            .create_element("path")
            .with_attribute(("class", class))
            .with_attribute(("fill", "none"))
            .with_attribute(("stroke", stroke))
            .with_attribute(("stroke-width", mm(width).as_str()))
            .with_attribute(("stroke-linejoin", "round"))
            .with_attribute(("d", way));
        if !dashes.is_empty() {
            path = path.with_attribute(("stroke-dasharray", dashes));
        }
        path.write_empty()?;
        Ok(())
    }

    fn title(&mut self, plan: &Plan, digest: &Digest, dots: &[FlatDot]) -> Written {
        let name: String = facts::name(plan).chars().take(70).collect();
        let heading = Type { size: 5.0, ..TEXT };
        self.text([EDGE, EDGE + 5.0], heading, &name)?;
        let line = format!(
            "plan {} · scan {} · seed {} · {} dots · {} layers · {} at 100%",
            digest.short(),
            plan.provenance.scan_digest.short(),
            plan.provenance.seed,
            facts::grouped(dots.len()),
            plan.layers,
            self.paper.name,
        );
        let kind = Type {
            color: PALE,
            ..TEXT
        };
        self.text([EDGE, EDGE + 10.5], kind, &line)?;
        // Dots far below the ears are not on the map; a head has none there.
        let beyond = plan.dots.len() - dots.len();
        if beyond > 0 {
            let text = format!("{beyond} dots lie too far below the ears to be shown");
            self.text([EDGE, EDGE + 14.5], SMALL, &text)?;
        }
        Ok(())
    }

    /// Rings about the vertex and meridians every 30 degrees, cut at the map's box.
    fn grid(&mut self, unrolled: &Unrolled) -> Written {
        let paper = self.paper.clone();
        for k in 1..=15 {
            let radius = RING * f64::from(k);
            let point = |degree: i32| {
                let (sin, cos) = f64::from(degree).to_radians().sin_cos();
                paper.place([radius * sin, radius * cos])
            };
            let way = self.cut((0..=360).map(point).collect());
            if way.is_empty() {
                break;
            }
            self.path("ring", GRID, 0.12, "", &way)?;
            let stretches: Vec<f64> = (0..36)
                .filter_map(|d| {
                    let (sin, cos) = f64::from(d * 10).to_radians().sin_cos();
                    unrolled.stretch([radius * sin, radius * cos].map(|c| c * 1e-3))
                })
                .collect();
            // The label stands on the ring straight back from the vertex, or where the ring is in the box.
            let at = [180, 0, 90, 270].map(point);
            let label = at.into_iter().find(|p| paper.holds(*p));
            if let Some([x, y]) = label.filter(|_| !stretches.is_empty()) {
                let mean = stretches.iter().sum::<f64>() / stretches.len() as f64;
                let text = format!("{radius:.0} mm ×{mean:.2}");
                self.text([x + 0.6, y - 0.6], SMALL, &text)?;
            }
        }
        for k in 0..12 {
            let (sin, cos) = f64::from(k * 30).to_radians().sin_cos();
            let from = if k % 3 == 0 { 0.0 } else { RING };
            let point = |step: i32| {
                let along = from + (300.0 - from) * f64::from(step) / 300.0;
                paper.place([along * sin, along * cos])
            };
            let way = self.cut((0..=300).map(point).collect());
            self.path("meridian", GRID, 0.12, "", &way)?;
        }
        Ok(())
    }

    /// The path of a line as far as it lies in the map's box.
    fn cut(&self, line: Line) -> String {
        line.chunk_by(|a, b| self.paper.holds(*a) == self.paper.holds(*b))
            .filter(|run| run.len() > 1 && self.paper.holds(run[0]))
            .map(way)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Midline, vertex, ears and nose.
    fn marks(&mut self, plan: &Plan, unrolled: &Unrolled) -> Written {
        let [left, top, right, bottom] = self.paper.frame();
        let vertex = self.paper.place([0.0, 0.0]);
        if (left..=right).contains(&vertex[0]) {
            let line = way(&[[vertex[0], top], [vertex[0], bottom]]);
            self.path("midline", PALE, 0.2, "4 1.2 0.8 1.2", &line)?;
        }
        if self.paper.holds(vertex) {
            let [x, y] = vertex;
            let cross = format!(
                "{} {}",
                way(&[[x - 2.0, y], [x + 2.0, y]]),
                way(&[[x, y - 2.0], [x, y + 2.0]])
            );
            self.path("vertex", INK, 0.25, "", &cross)?;
            self.text([x + 1.2, y - 1.0], SMALL, "vertex")?;
        }
        let anatomy = &plan.anatomy;
        for (name, p) in [
            ("left ear", anatomy.left_ear),
            ("right ear", anatomy.right_ear),
            ("nasion", anatomy.nasion),
        ] {
            let Some(flat) = unrolled.flat(&p) else {
                continue;
            };
            self.landmark(name, self.paper.place(flat.map(|c| c * 1e3)))?;
        }
        Ok(())
    }

    /// A cross at a landmark, or an arrow towards it at the box's edge with how far beyond it is.
    fn landmark(&mut self, name: &str, [x, y]: [f64; 2]) -> Written {
        if self.paper.holds([x, y]) {
            let cross = format!(
                "{} {}",
                way(&[[x - 1.8, y - 1.8], [x + 1.8, y + 1.8]]),
                way(&[[x - 1.8, y + 1.8], [x + 1.8, y - 1.8]])
            );
            self.path("landmark", INK, 0.35, "", &cross)?;
            let kind = Type {
                anchor: "middle",
                ..TEXT
            };
            return self.text([x, y - 3.0], kind, name);
        }
        let [left, top, right, bottom] = self.paper.frame();
        let (ex, ey) = (
            x.clamp(left + 1.0, right - 1.0),
            y.clamp(top + 1.0, bottom - 1.0),
        );
        let beyond = (x - ex).hypot(y - ey);
        let (dx, dy) = ((x - ex) / beyond, (y - ey) / beyond);
        let head = [
            [ex - 3.0 * dx - 1.2 * dy, ey - 3.0 * dy + 1.2 * dx],
            [ex, ey],
            [ex - 3.0 * dx + 1.2 * dy, ey - 3.0 * dy - 1.2 * dx],
        ];
        self.path("landmark", INK, 0.35, "", &way(&head))?;
        let anchor = if dx < -0.5 {
            "start"
        } else if dx > 0.5 {
            "end"
        } else {
            "middle"
        };
        let text = format!("{name}, {beyond:.0} mm on");
        let at = [
            ex - 4.0 * dx,
            ey - 4.5 * dy + if dy.abs() < 0.5 { 1.0 } else { 0.0 },
        ];
        self.text(at, Type { anchor, ..SMALL }, &text)
    }

    fn outlines(&mut self, plan: &Plan, outlines: &Outlines) -> Written {
        let paper = self.paper.clone();
        let ways = |lines: &[Line]| {
            let on_paper = |l: &Line| way(&l.iter().map(|p| paper.place(*p)).collect::<Vec<_>>());
            lines.iter().map(on_paper).collect::<Vec<_>>().join(" ")
        };
        for (zone, lines) in plan.zones.iter().zip(&outlines.zones) {
            let class = format!("zone {}", token(&zone.name));
            self.path(&class, "#9db1cf", 0.15, "", &ways(lines))?;
        }
        self.path("treated", "#5b7aa8", 0.3, "", &ways(&outlines.treated))?;
        if !outlines.hairline.is_empty() {
            self.path("hairline", "#b3261e", 0.4, "", &ways(&outlines.hairline))?;
        }
        Ok(())
    }

    /// Every dot a circle of its true diameter: planned ones in their shade, skipped ones open.
    fn dots(&mut self, plan: &Plan, dots: &[FlatDot]) -> Written {
        let paper = &self.paper;
        let circles = |w: &mut Writer<Vec<u8>>, shade: u8, planned: bool| -> Written {
            for dot in dots
                .iter()
                .filter(|d| d.shade == shade && d.planned == planned)
            {
                let [x, y] = paper.place(dot.at);
                w.create_element("circle")
                    .with_attribute(("cx", mm(x).as_str()))
                    .with_attribute(("cy", mm(y).as_str()))
                    .with_attribute(("r", mm(dot.radius).as_str()))
                    .write_empty()?;
            }
            Ok(())
        };
        for (index, shade) in (0u8..).zip(&plan.shades) {
            let [r, g, b] = shade.rgb;
            self.body
                .create_element("g")
                .with_attribute((
                    "class",
                    format!("dots shade-{}", token(&shade.name)).as_str(),
                ))
                .with_attribute(("fill", format!("#{r:02x}{g:02x}{b:02x}").as_str()))
                .write_inner_content(|w| circles(w, index, true))?;
            if dots.iter().any(|d| d.shade == index && !d.planned) {
                self.body
                    .create_element("g")
                    .with_attribute((
                        "class",
                        format!("skipped shade-{}", token(&shade.name)).as_str(),
                    ))
                    .with_attribute(("fill", "none"))
                    .with_attribute(("stroke", SKIPPED))
                    .with_attribute(("stroke-width", "0.06"))
                    .write_inner_content(|w| circles(w, index, false))?;
            }
        }
        Ok(())
    }

    /// Ruler, shades with the dots placed of each, and how to read the sheet.
    fn legend(&mut self, plan: &Plan, dots: &[FlatDot]) -> Written {
        let top = self.paper.height - EDGE - LEGEND;
        let right = self.paper.width - EDGE;
        let rule = way(&[[EDGE, top + 2.0], [right, top + 2.0]]);
        self.path("rule", GRID, 0.2, "", &rule)?;
        let y = top + 8.0;
        self.ruler(y)?;
        let mut rows = self.shades(plan, dots, y)?;
        let skipped = dots.iter().filter(|d| !d.planned).count();
        if skipped > 0 {
            let kind = Type {
                color: SKIPPED,
                ..TEXT
            };
            let text = format!(
                "open rings: {} dots the arm cannot place",
                facts::grouped(skipped)
            );
            self.text(
                [SHADES_LEFT, y + SHADES_STEP * f64::from(rows)],
                kind,
                &text,
            )?;
            rows += 1;
        }
        let zones = plan.zones.iter().map(|z| z.name.replace('_', " "));
        let zones = zones.collect::<Vec<_>>().join(", ");
        let notes = [
            format!("Zones (blue): {zones}. Red: the hairline. Seen from above, nose up."),
            "Distances from the vertex are true along the skin. A ring's ×N: how much longer the map is than the skin along that ring."
                .to_owned(),
            "Dots have their true diameter; across the meridians they stand apart farther than on the skin by ×N.".to_owned(),
        ];
        let lower = SHADES_STEP * f64::from(rows.saturating_sub(2));
        for (k, note) in (0u8..).zip(notes) {
            let at = [EDGE, y + 10.0 + lower + 3.6 * f64::from(k)];
            let kind = Type {
                color: INK,
                ..SMALL
            };
            self.text(at, kind, &note)?;
        }
        Ok(())
    }

    /// A ruler of 50 mm.
    fn ruler(&mut self, y: f64) -> Written {
        let mut ruler = way(&[[EDGE, y], [EDGE + 50.0, y]]);
        for k in 0..=50 {
            let x = EDGE + f64::from(k);
            let tick = if k % 10 == 0 {
                2.4
            } else if k % 5 == 0 {
                1.7
            } else {
                1.0
            };
            ruler = format!("{ruler} {}", way(&[[x, y], [x, y - tick]]));
        }
        self.path("ruler", INK, 0.2, "", &ruler)?;
        let text = "50 mm: check with a ruler after printing";
        self.text([EDGE, y + 4.0], TEXT, text)
    }

    /// The shades beside the ruler, as many in a row as there is room for; returns how many rows.
    fn shades(&mut self, plan: &Plan, dots: &[FlatDot], y: f64) -> std::io::Result<u32> {
        let right = self.paper.width - EDGE;
        let (mut x, mut row) = (SHADES_LEFT, 0u32);
        for (index, shade) in (0u8..).zip(&plan.shades) {
            let placed = |d: &&FlatDot| d.shade == index && d.planned;
            let text = format!(
                "{} {}",
                shade.name.chars().take(14).collect::<String>(),
                facts::grouped(dots.iter().filter(placed).count())
            );
            // Letters are some 1.75 mm wide.
            let width = 12.0 + 1.75 * text.chars().count() as f64;
            if x > SHADES_LEFT && x + width > right {
                x = SHADES_LEFT;
                row += 1;
            }
            if row >= SHADES_ROWS {
                // The paper has no room for more; the plan's page has.
                break;
            }
            let y = y + SHADES_STEP * f64::from(row);
            let [r, g, b] = shade.rgb;
            self.body
                .create_element("rect")
                .with_attribute(("x", mm(x).as_str()))
                .with_attribute(("y", mm(y - 3.0).as_str()))
                .with_attribute(("width", "4"))
                .with_attribute(("height", "4"))
                .with_attribute(("fill", format!("#{r:02x}{g:02x}{b:02x}").as_str()))
                .write_empty()?;
            self.text([x + 5.5, y], TEXT, &text)?;
            x += width;
        }
        Ok((row + 1).min(SHADES_ROWS))
    }
}

/// Millimetres to a micrometre.
fn mm(value: f64) -> String {
    let text = format!("{value:.3}");
    // Only zeros after the point go: every number has one.
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// The path data of a line.
fn way(line: &[[f64; 2]]) -> String {
    let mut text = String::new();
    for (k, [x, y]) in line.iter().enumerate() {
        let letter = if k == 0 { 'M' } else { 'L' };
        if k > 0 {
            text.push(' ');
        }
        text += &format!("{letter}{x:.2} {y:.2}");
    }
    text
}

/// A name as a class: letters, digits, hyphens.
fn token(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}
