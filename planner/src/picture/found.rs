//! What was found in a scan, on the head: which places, lines and surfaces are drawn in which colours.

use std::collections::BTreeSet;

use nalgebra::Vector3;
use parry3d::bounding_volume::Aabb;
use stipple_model::frames::{Head, Point, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;

use super::camera::Camera;
use super::canvas::{Canvas, Coat};
use super::color::Linear;
use super::label::Label;
use super::light::SKIN;
use super::page::PAPER;
use super::surface::{Surface, shape};
use crate::register::{Landmark, Landmarks, Registration};
use crate::scan::{ScanFinding, Scanned, cover, crossing, topology};

/// The landmarks that are shown where they are given.
const LANDMARKS: [Landmark; 6] = [
    Landmark::Nasion,
    Landmark::LeftEar,
    Landmark::RightEar,
    Landmark::Vertex,
    Landmark::Opisthocranion,
    Landmark::Inion,
];
/// A landmark whose skin looks away from the onlooker by more than this (cosine) is behind the head.
const AWAY: f64 = -0.2;
/// Pairs of triangles that are looked at for crossings. Source: as many as the scan's check looks at.
const MOST_PAIRS: usize = 60_000_000;

/// Colours, sRGB: edges of openings; other places; landmarks.
pub(super) const OPENING: [u8; 3] = [214, 30, 40];
pub(super) const PLACE: [u8; 3] = [150, 40, 190];
const LANDMARK: [u8; 3] = [0, 110, 200];
/// Triangles that run through others; skin that the scanner did not see; the inside; other parts; scalp that is not there.
const CROSSING: [u8; 3] = [196, 70, 230];
const UNSCANNED: [u8; 3] = [176, 177, 180];
const INSIDE: [u8; 3] = [96, 128, 168];
const DROPPED: [u8; 3] = [214, 216, 219];
const MISSING: [u8; 3] = [236, 150, 20];
/// How much of a dropped part's colour lies over the head, and beside it.
const VEIL: [f32; 2] = [0.4, 0.85];

/// Everything that is drawn of a scan, in the head's frame (the scan's own where it is not registered).
pub(super) struct Found {
    pub head: SurfaceMesh<Head>,
    unscanned: Option<SurfaceMesh<Head>>,
    dropped: Option<SurfaceMesh<Head>>,
    /// Triangles that run through others.
    crossing: BTreeSet<u32>,
    /// Edges of openings.
    rims: Vec<[Point<Head>; 2]>,
    /// A place of a finding, its number in the list, and its colour.
    places: Vec<(Point<Head>, String, [u8; 3])>,
    /// A landmark, its name, and which way its skin looks.
    landmarks: Vec<(Point<Head>, String, Vector3<f64>)>,
    /// Where there should be scalp.
    missing: Vec<Point<Head>>,
    /// That part of the scalp is missing, as a finding.
    pub cover: Option<ScanFinding>,
}

impl Found {
    pub fn new(
        scan: &Scanned,
        landmarks: Option<&Landmarks>,
        registration: Option<&Registration>,
        listed: usize,
    ) -> Self {
        let head_from_scan = registration.map_or_else(Transform::identity, |r| r.head_from_scan);
        let head = scan.mesh.transformed(&head_from_scan);
        let moved = |mesh: &SurfaceMesh<Scan>| mesh.transformed(&head_from_scan);
        let vertex = |i: u32| head.vertices()[i as usize];
        let rims = topology::boundary(head.triangles())
            .into_iter()
            .map(|(a, b)| [vertex(a), vertex(b)])
            .collect();
        // What is marked is listed.
        let numbered = (1..).zip(&scan.findings).take(listed);
        let places = numbered.flat_map(|(n, finding)| {
            let color = match finding {
                ScanFinding::Hole { .. } => OPENING,
                _ => PLACE,
            };
            finding
                .places()
                .into_iter()
                .map(move |p| (head_from_scan * p, n.to_string(), color))
        });
        let surface = Surface::new(&head);
        let landmarks = landmarks.into_iter().flat_map(|l| {
            let (surface, head) = (&surface, &head);
            LANDMARKS.into_iter().filter_map(move |landmark| {
                let p: Point<Scan> = Point::from_raw(l.get(landmark)? * scan.metres_per_unit);
                let p = head_from_scan * p;
                let away = |q: &Point<Head>| q.distance(&p);
                let nearest = std::iter::zip(head.vertices(), &surface.normals)
                    .min_by(|a, b| away(a.0).total_cmp(&away(b.0)))?;
                Some((p, landmark.name().to_owned(), *nearest.1))
            })
        });
        let anatomy = registration.map(|r| &r.anatomy);
        let cover = anatomy.and_then(|a| cover::cover(&head, a)?.finding());
        let missing = anatomy.filter(|_| cover.is_some());
        let crosses = |f: &ScanFinding| matches!(f, ScanFinding::Crossing { .. });
        Self {
            rims,
            places: places.collect(),
            landmarks: landmarks.collect(),
            unscanned: scan.unscanned.as_ref().map(moved),
            dropped: scan.dropped.as_ref().map(moved),
            crossing: if scan.findings.iter().any(crosses) {
                crossing_triangles(&head)
            } else {
                BTreeSet::new()
            },
            missing: missing.map_or_else(Vec::new, |a| cover::missing(&head, a)),
            cover,
            head,
        }
    }

    /// The colours that are on the picture, with what they mean.
    pub fn legend(&self) -> Vec<([u8; 3], &'static str)> {
        let open = !self.rims.is_empty();
        [
            (open, OPENING, "edge of an opening"),
            (open, INSIDE, "the inside, seen through it"),
            (
                !self.missing.is_empty(),
                MISSING,
                "scalp that is not in the scan",
            ),
            (
                self.unscanned.is_some(),
                UNSCANNED,
                "closed over, not scanned",
            ),
            (!self.crossing.is_empty(), CROSSING, "runs through itself"),
            (
                self.dropped.is_some(),
                DROPPED,
                "separate part, not planned on",
            ),
            (
                self.places.iter().any(|(.., color)| *color == PLACE),
                PLACE,
                "place of a finding",
            ),
            (!self.landmarks.is_empty(), LANDMARK, "landmark"),
        ]
        .into_iter()
        .filter(|(shown, ..)| *shown)
        .map(|(_, color, name)| (color, name))
        .collect()
    }

    /// Draws every view.
    pub fn draw(&self, cameras: &[Camera]) -> Vec<Canvas> {
        use rayon::prelude::*;
        // What was closed over is shown, but grey.
        let both = self.unscanned.as_ref().and_then(|u| beside(&self.head, u));
        let surface = Surface::new(both.as_ref().unwrap_or(&self.head));
        let dropped = self.dropped.as_ref().map(Surface::new);
        cameras
            .par_iter()
            .map(|camera| self.view(&surface, dropped.as_ref(), *camera))
            .collect()
    }

    fn view(&self, surface: &Surface<'_>, dropped: Option<&Surface<'_>>, camera: Camera) -> Canvas {
        // The first triangles of the surface are the scan's, the others were closed over.
        let scanned = self.head.triangles().len();
        let outside = |triangle: u32| {
            if triangle as usize >= scanned {
                UNSCANNED
            } else if self.crossing.contains(&triangle) {
                CROSSING
            } else {
                SKIN
            }
        };
        let coat = Coat {
            outside: &outside,
            inside: INSIDE,
        };
        let paper = Linear::from_srgb(PAPER);
        let mut canvas = Canvas::new(surface, camera, paper, &coat);
        for p in &self.missing {
            canvas.mark(&p.raw(), 3.0, MISSING);
        }
        if let Some(dropped) = dropped {
            let coat = Coat {
                outside: &|_| DROPPED,
                inside: DROPPED,
            };
            canvas.veil(&Canvas::new(dropped, camera, paper, &coat), VEIL);
        }
        for [a, b] in &self.rims {
            canvas.line(&a.raw(), &b.raw(), 3.0, OPENING);
        }
        for (p, _, color) in &self.places {
            canvas.mark(&p.raw(), 5.0, *color);
        }
        for (p, ..) in self.landmarks.iter().filter(|l| faces(&camera, &l.2)) {
            if canvas.find(&p.raw()).is_some() {
                canvas.pin(&p.raw(), 9.0, [255; 3]);
                canvas.pin(&p.raw(), 7.0, LANDMARK);
            }
        }
        canvas
    }

    /// The names of what can be seen in a view, pixels from its corner.
    pub fn labels(&self, canvas: &Canvas, camera: &Camera) -> Vec<Label> {
        let landmarks = self
            .landmarks
            .iter()
            .filter(|l| faces(camera, &l.2))
            .map(|(p, name, _)| (p, name, LANDMARK));
        let places = self.places.iter().map(|(p, n, color)| (p, n, *color));
        landmarks
            .chain(places)
            .filter_map(|(p, text, color)| {
                Some(Label {
                    at: canvas.find(&p.raw())?,
                    text: text.clone(),
                    color,
                })
            })
            .collect()
    }
}

/// Whether skin can be seen from where the camera is. Skin without a direction can.
fn faces(camera: &Camera, normal: &Vector3<f64>) -> bool {
    normal.dot(&camera.toward) > AWAY
}

/// Two meshes as one, the triangles of the second after those of the first.
fn beside(head: &SurfaceMesh<Head>, more: &SurfaceMesh<Head>) -> Option<SurfaceMesh<Head>> {
    let offset = u32::try_from(head.vertices().len()).ok()?;
    let vertices = head.vertices().iter().chain(more.vertices()).copied();
    let moved = more.triangles().iter().map(|t| t.map(|v| v + offset));
    let triangles = head.triangles().iter().copied().chain(moved);
    SurfaceMesh::new(vertices.collect(), triangles.collect()).ok()
}

/// The triangles that run through another: all of them, or as many as are found within the pairs that are looked at.
fn crossing_triangles(head: &SurfaceMesh<Head>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let Some(shape) = shape(head) else {
        return found;
    };
    let triangles = head.triangles();
    let mut pairs = 0usize;
    for (i, t) in (0u32..).zip(triangles) {
        let corners = head.corners(i as usize).map(|p| p.raw());
        let (low, high) = (
            corners[0].inf(&corners[1]).inf(&corners[2]),
            corners[0].sup(&corners[1]).sup(&corners[2]),
        );
        let around = Aabb::new(
            stipple_model::to_parry_vector(&low),
            stipple_model::to_parry_vector(&high),
        );
        for j in shape.bvh().intersect_aabb(&around).filter(|j| *j > i) {
            pairs += 1;
            if pairs > MOST_PAIRS {
                return found;
            }
            let other = head.corners(j as usize).map(|p| p.raw());
            if crossing::cross(t, &triangles[j as usize], &corners, &other) {
                found.extend([i, j]);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unroll::tests::ball;

    #[test]
    fn a_plate_through_a_ball_is_found_triangle_by_triangle() {
        let (ball, _) = ball();
        // The ball's poles are many corners in one place.
        let polar = |t: &u32| {
            let corners = ball.corners(*t as usize).map(|p| p.raw());
            corners.iter().any(|p| p.x.hypot(p.y) < 1e-6)
        };
        assert!(crossing_triangles(&ball).iter().all(polar));
        let corners = [[-0.2, -0.01], [0.2, -0.01], [0.0, 0.02]];
        let plate = SurfaceMesh::new(
            corners
                .iter()
                .map(|[x, z]| Point::new(*x, 0.001, *z + 0.045))
                .collect(),
            vec![[0, 1, 2]],
        )
        .unwrap();
        let both = beside(&ball, &plate).unwrap();
        let last = ball.triangles().len() as u32;
        let mut found = crossing_triangles(&both);
        found.retain(|t| *t == last || !polar(t));
        assert!(found.contains(&last));
        // Only triangles at the plate's height that it passes through.
        assert!((2..200).contains(&found.len()), "{}", found.len());
        for t in found.iter().filter(|t| **t != last) {
            let y = both.corners(*t as usize).map(|p| p.raw().y);
            assert!(y.iter().any(|y| *y <= 0.001 + 1e-9) && y.iter().any(|y| *y >= 0.001 - 1e-9));
        }
    }

    #[test]
    fn skin_that_looks_away_is_not_seen() {
        let (_, anatomy) = ball();
        let camera = Camera::new(
            anatomy.forward,
            anatomy.up,
            Vector3::zeros(),
            0.3,
            [100, 100],
        );
        let (forward, up) = (anatomy.forward.raw(), anatomy.up.raw());
        assert!(faces(&camera, &forward) && faces(&camera, &up) && !faces(&camera, &-forward));
    }
}
