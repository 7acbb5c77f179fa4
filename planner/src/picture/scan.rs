//! The page of a scan: the head with what was found in it.

use image::RgbImage;
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Anatomy;

use super::camera::{Camera, Side};
use super::canvas::Canvas;
use super::found::{Found, OPENING, PLACE};
use super::label;
use super::layout::{COLUMN, EDGE, VIEWS_TOP, WIDTH, left};
use super::page::{INK, Page, Style};
use crate::register::{Landmarks, Registration};
use crate::scan::{ScanFinding, Scanned};

/// The page's rows, pixels.
const VIEW_HEIGHT: u32 = 820;
const LEGEND_TOP: u32 = VIEWS_TOP + VIEW_HEIGHT + 46;
const TEXT_TOP: u32 = LEGEND_TOP + 62;
const LINE: f32 = 34.0;
/// The most findings written out and marked. Source: more than the scan's check tells of single places.
const LISTED: usize = 60;
/// From so many lines on the list takes two columns.
const MANY: usize = 10;
/// Length of the head frame's axes, metres, and their colours, sRGB.
const AXIS: f64 = 0.045;
const AXES: [([u8; 3], &str); 3] = [
    ([200, 40, 40], "x"),
    ([30, 140, 50], "y"),
    ([40, 80, 200], "z"),
];

/// A line of the list: its number, text and colour.
struct Entry {
    number: usize,
    text: String,
    color: [u8; 3],
}

/// Draws a scan from four sides and from above: the head upright where it is registered, along the scan's own axes where not, with
/// openings, places of findings, landmarks, and scalp that is missing. The findings are listed by number.
#[must_use]
pub fn scan(
    name: &str,
    scan: &Scanned,
    landmarks: Option<&Landmarks>,
    registration: Option<&Registration>,
) -> RgbImage {
    let found = Found::new(scan, landmarks, registration, LISTED);
    let entries = entries(scan, &found, registration);
    // Set once on a page of its own, to learn how tall the page must be.
    let needed = list(&mut Page::new(1, 1), &entries);
    let mut page = Page::new(WIDTH, needed as u32 + 40);
    title(&mut page, name, scan, registration);
    let views = cameras(&found.head, registration.map(|r| &r.anatomy));
    let cameras: Vec<Camera> = views.iter().map(|(_, camera)| *camera).collect();
    let drawn = found.draw(&cameras);
    for ((side, camera), (canvas, k)) in views.iter().zip(drawn.iter().zip(0u32..)) {
        let (size, pixels) = canvas.shown();
        page.panel(left(k), VIEWS_TOP, (size, &pixels));
        let style = Style::plain(26.0).bold();
        page.text(left(k) as f32, VIEWS_TOP as f32 - 14.0, style, side);
        if registration.is_some() {
            axes(&mut page, canvas, left(k));
        }
        let mut labels = found.labels(canvas, camera);
        for label in &mut labels {
            label.at = [
                label.at[0] + f64::from(left(k)),
                label.at[1] + f64::from(VIEWS_TOP),
            ];
        }
        label::put(
            &mut page,
            &labels,
            [left(k), VIEWS_TOP, COLUMN, VIEW_HEIGHT],
        );
    }
    legend(&mut page, &found);
    list(&mut page, &entries);
    page.into_image()
}

/// Five views with their names.
fn cameras(head: &SurfaceMesh<Head>, anatomy: Option<&Anatomy>) -> Vec<(String, Camera)> {
    let size = [COLUMN, VIEW_HEIGHT];
    if let Some(anatomy) = anatomy {
        return Side::cameras(head, anatomy, size)
            .into_iter()
            .map(|(side, camera)| (side.name().to_owned(), camera))
            .collect();
    }
    let (low, high) = head.bounds();
    let center = 0.5 * (low.raw() + high.raw());
    let extent = high.raw() - low.raw();
    let aspect = f64::from(size[0]) / f64::from(size[1]);
    let width = 1.08 * extent.max() * aspect.max(1.0);
    let (x, y, z) = (Direction::x(), Direction::y(), Direction::z());
    [
        ("+x", x, z),
        ("−x", -x, z),
        ("+y", y, z),
        ("−y", -y, z),
        ("+z", z, y),
    ]
    .into_iter()
    .map(|(name, toward, up)| {
        let name = format!("From the scan's {name}");
        (name, Camera::new(toward, up, center, width, size))
    })
    .collect()
}

/// Draws the head frame.
fn axes(page: &mut Page, canvas: &Canvas, from: u32) {
    let on_page = |[x, y]: [f64; 2]| [x + f64::from(from), y + f64::from(VIEWS_TOP)];
    let origin = on_page(canvas.place(&Point::<Head>::origin()));
    let ways = [Direction::<Head>::x(), Direction::y(), Direction::z()];
    for (way, (color, name)) in ways.into_iter().zip(AXES) {
        let end = on_page(canvas.place(&(Point::origin() + way * AXIS)));
        // An axis that points at the onlooker is a point and gets no name.
        page.line(origin, end, 4.0, color);
        let (dx, dy) = (end[0] - origin[0], end[1] - origin[1]);
        let length = dx.hypot(dy);
        if length > 12.0 {
            let (x, y) = (
                end[0] + 14.0 * dx / length,
                end[1] + 14.0 * dy / length + 7.0,
            );
            let style = Style::plain(22.0).bold().colored(color).anchored(0.5);
            page.text(x as f32, y as f32, style, name);
        }
    }
}

fn title(page: &mut Page, name: &str, scan: &Scanned, registration: Option<&Registration>) {
    let from = EDGE as f32;
    let name: String = name.chars().take(80).collect();
    page.text(from, 92.0, Style::plain(46.0).bold(), &name);
    let (low, high) = scan.mesh.bounds();
    let size = (high.raw() - low.raw()) * 1e3;
    let frame = registration.map_or_else(
        || "no head frame: shown along the scan's own axes".to_owned(),
        |r| format!("head frame from {}", r.set.name()),
    );
    let line = format!(
        "scan {}  ·  {}  ·  {} triangles  ·  {:.0} × {:.0} × {:.0} mm  ·  median edge {:.1} mm  ·  {}  ·  {frame}",
        scan.digest.short(),
        scan.format,
        super::facts::grouped(scan.mesh.triangles().len()),
        size.x,
        size.y,
        size.z,
        scan.median_edge.mm(),
        if scan.closed { "closed" } else { "open" },
    );
    page.text(from, 136.0, Style::plain(24.0).pale(), &line);
}

/// What the colours mean, in one row.
fn legend(page: &mut Page, found: &Found) {
    let mut x = EDGE as f32;
    let y = LEGEND_TOP as f32;
    for (color, name) in found.legend() {
        page.disc([f64::from(x) + 11.0, f64::from(y) - 8.0], 11.0, color);
        x = page.text(x + 30.0, y, Style::plain(22.0), name) + 36.0;
    }
}

/// The findings as they are listed.
fn entries(scan: &Scanned, found: &Found, registration: Option<&Registration>) -> Vec<Entry> {
    let of_scan = scan.findings.iter().chain(&found.cover).map(|f| {
        let color = match f {
            ScanFinding::Hole { .. } | ScanFinding::ScalpMissing { .. } => OPENING,
            f if !f.places().is_empty() => PLACE,
            _ => INK,
        };
        (f.text(), color)
    });
    let of_frame = registration.iter().flat_map(|r| r.findings.iter());
    let all = of_scan.chain(of_frame.map(|f| (f.text.clone(), INK)));
    (1..)
        .zip(all)
        .map(|(number, (text, color))| Entry {
            number,
            text,
            color,
        })
        .collect()
}

/// Writes the list; returns how far down it goes.
fn list(page: &mut Page, entries: &[Entry]) -> f32 {
    let top = TEXT_TOP as f32;
    if entries.is_empty() {
        page.text(EDGE as f32, top, Style::plain(24.0), "Nothing was found.");
        return top + LINE;
    }
    let all = (WIDTH - 2 * EDGE) as f32;
    let shown = &entries[..entries.len().min(LISTED)];
    let (columns, width) = if shown.len() > MANY {
        (2, 0.5 * all)
    } else {
        (1, all)
    };
    let mut lowest = top;
    for (k, entries) in shown.chunks(shown.len().div_ceil(columns)).enumerate() {
        let from = EDGE as f32 + k as f32 * width;
        let mut y = top;
        for entry in entries {
            let style = Style::plain(24.0).colored(entry.color);
            let number = entry.number.to_string();
            page.text(from + 34.0, y, style.bold().anchored(1.0), &number);
            let at = [from + 50.0, y];
            let text = &entry.text;
            y = page.paragraph(at, width - 80.0, LINE, f32::INFINITY, style, text) + 0.3 * LINE;
        }
        lowest = lowest.max(y);
    }
    if let Some(rest) = entries.len().checked_sub(LISTED + 1) {
        let text = format!("and {} more; check-scan lists them all", rest + 1);
        page.text(EDGE as f32, lowest, Style::plain(24.0).pale(), &text);
        lowest += LINE;
    }
    lowest
}
