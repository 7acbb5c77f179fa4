//! The page of a scan: the head with what was found in it.

use image::RgbImage;
use rayon::prelude::*;
use stipple_model::frames::{Direction, Head, Point, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Anatomy;

use super::camera::{Camera, Side};
use super::canvas::{Canvas, Coat};
use super::color::Linear;
use super::layout::{COLUMN, EDGE, GAP, VIEWS_TOP, WIDTH};
use super::light::SKIN;
use super::page::{INK, PAPER, Page, Style};
use super::surface::Surface;
use crate::register::{Landmark, Landmarks, Registration};
use crate::scan::{ScanFinding, Scanned, topology};

/// The page's measures, pixels.
const VIEW_HEIGHT: u32 = 820;
const TEXT_TOP: u32 = VIEWS_TOP + VIEW_HEIGHT + 60;
const LINE: f32 = 34.0;
/// The most findings written out.
const LISTED: usize = 14;

/// The landmarks that are shown where they are given.
const LANDMARKS: [Landmark; 6] = [
    Landmark::Nasion,
    Landmark::LeftEar,
    Landmark::RightEar,
    Landmark::Vertex,
    Landmark::Opisthocranion,
    Landmark::Inion,
];
/// Length of the head frame's axes, metres.
const AXIS: f64 = 0.045;

/// Colours: openings, other places, landmarks; the axes x, y, z.
const OPENING: [u8; 3] = [214, 30, 40];
const PLACE: [u8; 3] = [150, 40, 190];
const LANDMARK: [u8; 3] = [0, 110, 200];
/// Surface that the scanner did not see.
const UNSCANNED: [u8; 3] = [176, 177, 180];
const INSIDE: [u8; 3] = [120, 140, 165];
const AXES: [([u8; 3], &str); 3] = [
    ([200, 40, 40], "x"),
    ([30, 140, 50], "y"),
    ([40, 80, 200], "z"),
];

/// What is marked on the head.
struct Marks {
    /// Edges of openings.
    rims: Vec<[Point<Head>; 2]>,
    /// A place of a finding, its number in the list, and its colour.
    places: Vec<(Point<Head>, String, [u8; 3])>,
    landmarks: Vec<(Point<Head>, String)>,
}

/// Draws a scan from four sides: the head upright where it is registered, along the scan's own axes where not, with openings,
/// places of findings and landmarks. The findings are listed by number.
#[must_use]
pub fn scan(
    name: &str,
    scan: &Scanned,
    landmarks: Option<&Landmarks>,
    registration: Option<&Registration>,
) -> RgbImage {
    let head_from_scan = registration.map_or_else(Transform::identity, |r| r.head_from_scan);
    let head = scan.mesh.transformed(&head_from_scan);
    let marks = marks(scan, landmarks, &head, &head_from_scan);
    let unscanned = scan
        .unscanned
        .as_ref()
        .map(|m| m.transformed(&head_from_scan));
    // What was closed over is shown, but grey.
    let shown = unscanned.as_ref().and_then(|more| beside(&head, more));
    let surface = Surface::new(shown.as_ref().unwrap_or(&head));
    let scanned = head.triangles().len();
    let lines = findings(scan, registration);
    let rows = lines.len().min(LISTED + 1) as f32;
    let height = TEXT_TOP + (rows * 1.6 * LINE) as u32 + 80;
    let mut page = Page::new(WIDTH, height);
    title(&mut page, name, scan, registration);
    let cameras = cameras(&head, registration.map(|r| &r.anatomy));
    let drawn: Vec<_> = cameras
        .par_iter()
        .map(|(_, camera)| draw(&surface, scanned, *camera, &marks))
        .collect();
    for (((side, _), canvas), k) in cameras.iter().zip(drawn).zip(0u32..) {
        let left = EDGE + k * (COLUMN + GAP);
        let (size, pixels) = canvas.shown();
        page.panel(left, VIEWS_TOP, (size, &pixels));
        let style = Style::plain(26.0).bold();
        page.text(left as f32, VIEWS_TOP as f32 - 14.0, style, side);
        label(&mut page, &canvas, left, &marks, registration.is_some());
    }
    list(&mut page, &lines, height);
    page.into_image()
}

fn marks(
    scan: &Scanned,
    landmarks: Option<&Landmarks>,
    head: &SurfaceMesh<Head>,
    head_from_scan: &Transform<Head, Scan>,
) -> Marks {
    let vertex = |i: u32| head.vertices()[i as usize];
    let rims = topology::boundary(head.triangles())
        .into_iter()
        .map(|(a, b)| [vertex(a), vertex(b)])
        .collect();
    let numbered = (1..).zip(&scan.findings).flat_map(|(n, finding)| {
        let color = match finding {
            ScanFinding::Hole { .. } => OPENING,
            _ => PLACE,
        };
        finding
            .places()
            .into_iter()
            .map(move |p| (*head_from_scan * p, n.to_string(), color))
    });
    let landmarks = landmarks.into_iter().flat_map(|l| {
        LANDMARKS.into_iter().filter_map(|landmark| {
            let p: Point<Scan> = Point::from_raw(l.get(landmark)? * scan.metres_per_unit);
            Some((*head_from_scan * p, landmark.name().to_owned()))
        })
    });
    Marks {
        rims,
        places: numbered.collect(),
        landmarks: landmarks.collect(),
    }
}

/// Four views with their names.
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
    [("+x", x, z), ("−x", -x, z), ("+y", y, z), ("+z", z, y)]
        .into_iter()
        .map(|(name, toward, up)| {
            let name = format!("From the scan's {name}");
            (name, Camera::new(toward, up, center, width, size))
        })
        .collect()
}

/// Two meshes as one, the triangles of the second after those of the first.
fn beside(head: &SurfaceMesh<Head>, more: &SurfaceMesh<Head>) -> Option<SurfaceMesh<Head>> {
    let offset = u32::try_from(head.vertices().len()).ok()?;
    let vertices = head.vertices().iter().chain(more.vertices()).copied();
    let moved = more.triangles().iter().map(|t| t.map(|v| v + offset));
    let triangles = head.triangles().iter().copied().chain(moved);
    SurfaceMesh::new(vertices.collect(), triangles.collect()).ok()
}

/// The first `scanned` triangles of the surface are the scan's, the others were closed over.
fn draw(surface: &Surface<'_>, scanned: usize, camera: Camera, marks: &Marks) -> Canvas {
    let paint = |triangle: u32| {
        if (triangle as usize) < scanned {
            SKIN
        } else {
            UNSCANNED
        }
    };
    let coat = Coat {
        outside: &paint,
        inside: INSIDE,
    };
    let mut canvas = Canvas::new(surface, camera, Linear::from_srgb(PAPER), &coat);
    for [a, b] in &marks.rims {
        canvas.line(&a.raw(), &b.raw(), 3.0, OPENING);
    }
    for (p, _, color) in &marks.places {
        canvas.mark(&p.raw(), 5.0, *color);
    }
    for (p, _) in &marks.landmarks {
        canvas.mark(&p.raw(), 9.0, [255; 3]);
        canvas.mark(&p.raw(), 7.0, LANDMARK);
    }
    canvas
}

/// Letters the marks that can be seen, and draws the head frame.
fn label(page: &mut Page, canvas: &Canvas, left: u32, marks: &Marks, registered: bool) {
    let on_page = |[x, y]: [f64; 2]| [x + f64::from(left), y + f64::from(VIEWS_TOP)];
    if registered {
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
    let landmarks = marks.landmarks.iter().map(|(p, name)| (p, name, LANDMARK));
    let places = marks.places.iter().map(|(p, n, color)| (p, n, *color));
    for (p, name, color) in landmarks.chain(places) {
        if let Some(at) = canvas.find(&p.raw()) {
            let [x, y] = on_page(at);
            plate(page, [x as f32 + 12.0, y as f32 - 10.0], name, color);
        }
    }
}

/// Letters on a little plate, so that they can be read on skin and paper alike.
fn plate(page: &mut Page, [x, y]: [f32; 2], text: &str, color: [u8; 3]) {
    let style = Style::plain(22.0).bold().colored([255; 3]);
    let length = page.length(text, style);
    // Casts saturate at the page's edge.
    page.fill(
        [
            (x - 5.0) as u32,
            (y - 20.0) as u32,
            (length + 10.0) as u32,
            26,
        ],
        color,
    );
    page.text(x, y, style, text);
}

fn title(page: &mut Page, name: &str, scan: &Scanned, registration: Option<&Registration>) {
    let left = EDGE as f32;
    let name: String = name.chars().take(80).collect();
    page.text(left, 92.0, Style::plain(46.0).bold(), &name);
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
    page.text(left, 136.0, Style::plain(24.0).pale(), &line);
}

/// The findings as they are listed: number and text.
fn findings(scan: &Scanned, registration: Option<&Registration>) -> Vec<(String, [u8; 3])> {
    let of_scan = scan.findings.iter().map(|f| {
        let color = if f.places().is_empty() { INK } else { OPENING };
        (f.text(), color)
    });
    let of_frame = registration.iter().flat_map(|r| r.findings.iter());
    of_scan
        .chain(of_frame.map(|f| (f.text.clone(), INK)))
        .collect()
}

fn list(page: &mut Page, lines: &[(String, [u8; 3])], height: u32) {
    let left = EDGE as f32;
    let mut y = TEXT_TOP as f32;
    if lines.is_empty() {
        page.text(left, y, Style::plain(24.0), "Nothing was found.");
    }
    for (n, (text, color)) in (1..).zip(lines) {
        if n > LISTED {
            let rest = lines.len() - LISTED;
            page.text(
                left,
                y,
                Style::plain(24.0).pale(),
                &format!("and {rest} more; check-scan lists them all"),
            );
            return;
        }
        let style = Style::plain(24.0).colored(*color);
        page.text(left + 34.0, y, style.bold().anchored(1.0), &n.to_string());
        let width = (WIDTH - 2 * EDGE) as f32 - 50.0;
        y = page.paragraph(
            [left + 50.0, y],
            width,
            LINE,
            height as f32 - 20.0,
            style,
            text,
        );
        y += 0.3 * LINE;
    }
}
