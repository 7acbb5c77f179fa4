//! Separate parts of a surface: which one is the head, and what the others are.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use stipple_model::frames::Point;
use stipple_model::units::Length;

use super::error::ScanError;
use super::finding::ScanFinding;
use super::repair::area;
use super::topology::{self, Sets};

/// A part carries the landmarks if none is farther from it than this share of its own diagonal. Source: this project's own; landmarks
/// lie within 15 mm of the skin on a head of 350 mm across.
const CARRIES: f64 = 0.045;
/// Landmarks were picked on a part rather than on one around it if each of them is nearest to it, and the other lies farther away by this
/// share of the diagonal. Source: this project's own; a millimetre on a head.
const PICKED: f64 = 0.003;
/// Of two skins one around the other the middles are closer than this share of the head's length.
const AROUND: f64 = 0.15;
/// Without landmarks, another part with this share of the head's box could be the head just as well: a head over a chest has a quarter.
const RIVAL: f64 = 0.1;
/// A second head has at least this share of the first one's area.
const HEAD_AREA: f64 = 0.4;
/// Two parts are of one size if each side of their boxes, in order, is within this factor.
const ALIKE: f64 = 1.5;
/// Parts listed one by one.
const LISTED: usize = 6;
/// Corners of a part that are asked whether they lie inside the head.
const ASKED: usize = 5;
/// Parts that are asked at most: each is held against the whole head. More of a head's size are no scan of one head.
const MOST_ASKED: usize = 24;

/// One connected part: triangles that share edges. Touching in a vertex does not connect.
#[derive(Debug, Clone)]
struct Part {
    root: u32,
    triangles: usize,
    area: f64,
    low: Vector3<f64>,
    high: Vector3<f64>,
}

impl Part {
    fn sides(&self) -> Vector3<f64> {
        self.high - self.low
    }

    fn middle(&self) -> Vector3<f64> {
        (self.low + self.high) / 2.0
    }

    /// The volume of its box: a bar or a sheet has little, however long it is, and a brain has less than the head around it.
    fn bulk(&self) -> f64 {
        self.sides().product()
    }

    /// Whether the other is of this one's size in every direction.
    fn is_like(&self, other: &Self) -> bool {
        let sorted = |p: &Self| {
            let mut s: [f64; 3] = p.sides().into();
            s.sort_by(f64::total_cmp);
            s
        };
        let pairs = sorted(self).into_iter().zip(sorted(other));
        pairs
            .into_iter()
            .all(|(a, b)| a < ALIKE * b && b < ALIKE * a)
    }
}

/// Parts that were taken away, to be told once the head's own orientation is settled.
pub(super) struct Others {
    head: Option<Part>,
    parts: Vec<(Part, Vec<Vector3<f64>>)>,
    landmarks: bool,
    /// The parts' triangles.
    pub triangles: Vec<[u32; 3]>,
}

/// Keeps the part that carries the landmarks, the outermost if several do; without landmarks the bulkiest.
pub(super) fn keep_head(
    vertices: &[Vector3<f64>],
    triangles: &mut Vec<[u32; 3]>,
    landmarks: &[Vector3<f64>],
) -> Others {
    let mut sets = Sets::new(triangles.len());
    let sides = topology::sides(triangles);
    for edge in topology::edges(&sides) {
        for pair in edge.windows(2) {
            sets.join(pair[0].triangle, pair[1].triangle);
        }
    }
    drop(sides);
    let root: Vec<u32> = (0u32..)
        .take(triangles.len())
        .map(|i| sets.find(i))
        .collect();
    let mut parts = measure(vertices, triangles, &root);
    let mut others = Others {
        head: None,
        parts: Vec::new(),
        landmarks: !landmarks.is_empty(),
        triangles: Vec::new(),
    };
    parts.sort_by(|a, b| b.bulk().total_cmp(&a.bulk()).then(a.root.cmp(&b.root)));
    if parts.len() < 2 {
        return others;
    }
    let head = choose(&parts, vertices, triangles, &root, landmarks);
    let head = parts.remove(head);
    // Some corners of each other part, for asking where it lies.
    let mut corners: BTreeMap<u32, Vec<Vector3<f64>>> = BTreeMap::new();
    for (t, r) in triangles.iter().zip(&root) {
        let known = corners.entry(*r).or_default();
        if known.len() < ASKED {
            known.push(vertices[t[0] as usize]);
        }
    }
    others.triangles = std::iter::zip(&*triangles, &root)
        .filter(|(_, r)| **r != head.root)
        .map(|(t, _)| *t)
        .collect();
    let mut keep = root.iter().map(|r| *r == head.root);
    triangles.retain(|_| keep.next().unwrap_or(true));
    others.parts = parts
        .into_iter()
        .map(|p| {
            let asked = corners.remove(&p.root).unwrap_or_default();
            (p, asked)
        })
        .collect();
    others.head = Some(head);
    others
}

fn measure(vertices: &[Vector3<f64>], triangles: &[[u32; 3]], root: &[u32]) -> Vec<Part> {
    let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
    for (t, r) in triangles.iter().zip(root) {
        let corners = t.map(|i| vertices[i as usize]);
        let part = parts.entry(*r).or_insert_with(|| Part {
            root: *r,
            triangles: 0,
            area: 0.0,
            low: corners[0],
            high: corners[0],
        });
        part.triangles += 1;
        part.area += area(vertices, t);
        for c in corners {
            part.low = part.low.inf(&c);
            part.high = part.high.sup(&c);
        }
    }
    parts.into_values().collect()
}

/// Index of the head among the parts, which are sorted by bulk.
fn choose(
    parts: &[Part],
    vertices: &[Vector3<f64>],
    triangles: &[[u32; 3]],
    root: &[u32],
    landmarks: &[Vector3<f64>],
) -> usize {
    if landmarks.is_empty() {
        return 0;
    }
    let place: BTreeMap<u32, usize> = parts.iter().enumerate().map(|(i, p)| (p.root, i)).collect();
    // The farthest landmark from each part, and how many landmarks each part is the nearest to.
    let mut farthest = vec![0.0f64; parts.len()];
    let mut votes = vec![0usize; parts.len()];
    for p in landmarks {
        let mut nearest = vec![f64::INFINITY; parts.len()];
        for (t, r) in triangles.iter().zip(root) {
            let Some(&i) = place.get(r) else { continue };
            nearest[i] = nearest[i].min(distance(vertices, t, p));
        }
        for (far, near) in farthest.iter_mut().zip(&nearest) {
            *far = far.max(*near);
        }
        let best = (0..parts.len()).min_by(|&a, &b| nearest[a].total_cmp(&nearest[b]));
        if let Some(best) = best {
            votes[best] += 1;
        }
    }
    let carries = |i: &usize| farthest[*i] <= CARRIES * parts[*i].sides().norm();
    let closest = (0..parts.len())
        .filter(carries)
        .min_by(|&a, &b| farthest[a].total_cmp(&farthest[b]));
    let bulkiest = (0..parts.len()).find(carries);
    // Landmarks that were picked on an inner skin say so; the outer one is a cap or a shell then.
    let clearly = |inner: &usize| {
        let outer = bulkiest.map_or(0.0, |i| farthest[i]);
        votes[*inner] == landmarks.len()
            && outer > farthest[*inner] + PICKED * parts[*inner].sides().norm()
    };
    closest.filter(clearly).or(bulkiest).unwrap_or_else(|| {
        // Nobody carries all: the one that is nearest to most, the bulkier of two.
        (0..parts.len())
            .max_by_key(|&i| (votes[i], std::cmp::Reverse(i)))
            .unwrap_or(0)
    })
}

fn distance(vertices: &[Vector3<f64>], t: &[u32; 3], p: &Vector3<f64>) -> f64 {
    use parry3d::query::PointQuery as _;
    let [a, b, c] = t.map(|i| stipple_model::to_parry_vector(&vertices[i as usize]));
    parry3d::shape::Triangle::new(a, b, c)
        .distance_to_local_point(stipple_model::to_parry_vector(p), false)
}

impl Others {
    /// Refuses a second head and what cannot be told from one; tells the rest. The head's triangles are wound outward by now.
    pub fn judge(
        self,
        vertices: &[Vector3<f64>],
        triangles: &[[u32; 3]],
        findings: &mut Vec<ScanFinding>,
    ) -> Result<(), ScanError> {
        let Some(head) = self.head else {
            return Ok(());
        };
        let mut told = Vec::new();
        let (mut more, mut more_triangles) = (0, 0);
        for (part, asked) in self.parts {
            // Small parts beyond those listed are only counted: asking takes a look at the whole head.
            let rival = part.bulk() > RIVAL * head.bulk() || part.is_like(&head);
            if !rival && told.len() >= LISTED {
                more += 1;
                more_triangles += part.triangles;
                continue;
            }
            let [x, y, z] = part.middle().into();
            if told.len() >= MOST_ASKED {
                return Err(ScanError::TwoParts {
                    first: head.triangles,
                    second: part.triangles,
                    x,
                    y,
                    z,
                });
            }
            let within = asked
                .iter()
                .filter(|p| winding(vertices, triangles, p) > 0.5)
                .count();
            let inside = 2 * within > asked.len();
            let middle = part.middle();
            if !inside {
                refuse(&part, &head, rival && !self.landmarks)?;
            }
            told.push(ScanFinding::Part {
                triangles: part.triangles,
                center: Point::from_raw(middle),
                size: Length::from_m(part.sides().max()),
                inside,
            });
        }
        findings.extend(told);
        if more > 0 {
            findings.push(ScanFinding::MoreParts {
                parts: more,
                triangles: more_triangles,
            });
        }
        Ok(())
    }
}

/// Refuses a part outside the head that is a head too, or around it, or, where nothing tells the head from others, could be it.
fn refuse(part: &Part, head: &Part, could_be: bool) -> Result<(), ScanError> {
    let middle = part.middle();
    let [x, y, z] = middle.into();
    if part.is_like(head) && part.area > HEAD_AREA * head.area {
        let distance = (middle - head.middle()).norm();
        if distance < AROUND * head.sides().max() && part.bulk() > head.bulk() {
            return Err(ScanError::TwoSkins {
                triangles: part.triangles,
                head: head.triangles,
            });
        }
        return Err(ScanError::TwoHeads {
            triangles: part.triangles,
            distance,
            x,
            y,
            z,
        });
    }
    if could_be {
        return Err(ScanError::TwoParts {
            first: head.triangles,
            second: part.triangles,
            x,
            y,
            z,
        });
    }
    Ok(())
}

/// How often the surface winds around a point: 1 inside, 0 outside, in between near an opening.
fn winding(vertices: &[Vector3<f64>], triangles: &[[u32; 3]], p: &Vector3<f64>) -> f64 {
    let sum: f64 = triangles
        .iter()
        .map(|t| {
            let [a, b, c] = t.map(|i| vertices[i as usize] - p);
            let (la, lb, lc) = (a.norm(), b.norm(), c.norm());
            let above = a.dot(&b.cross(&c));
            let below = la * lb * lc + a.dot(&b) * lc + b.dot(&c) * la + c.dot(&a) * lb;
            2.0 * above.atan2(below)
        })
        .sum();
    sum / (4.0 * std::f64::consts::PI)
}
