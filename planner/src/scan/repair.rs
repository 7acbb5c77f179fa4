//! From a soup of triangles to one oriented surface: each repair is unambiguous and counted, the rest is refused.

use std::collections::{HashMap, HashSet, VecDeque};

use nalgebra::Vector3;
use stipple_model::frames::{Point, Scan};

use super::error::ScanError;
use super::finding::ScanFinding;
use super::parts;
use super::soup::Soup;
use super::topology::{self, Sets, Side};
use super::weld;

/// A flap is cut away if it has at most this share of the surface it hangs on. Source: this project's own.
const FLAP_SHARE: f64 = 0.05;
/// Triangles at branching edges are dropped if they are at most this share of all. Source: this project's own.
const BRANCH_SHARE: f64 = 0.01;

/// The surface that was kept. Places and lengths in findings are in file units.
pub(super) struct Repaired {
    pub vertices: Vec<Vector3<f64>>,
    pub triangles: Vec<[u32; 3]>,
    pub findings: Vec<ScanFinding>,
    /// Vertices and triangles of the parts that were taken away.
    pub dropped: (Vec<Vector3<f64>>, Vec<[u32; 3]>),
}

/// Repairs what is unambiguous. `landmarks` (file units) choose among separate parts.
pub(super) fn repair(soup: Soup, landmarks: &[Vector3<f64>]) -> Result<Repaired, ScanError> {
    let Soup {
        mut vertices,
        mut triangles,
        faces,
        ..
    } = soup;
    if let Some((vertex, v)) = vertices
        .iter()
        .enumerate()
        .find(|(_, v)| !v.iter().all(|c| c.is_finite()))
    {
        return Err(ScanError::not_finite(vertex, v));
    }
    if triangles.is_empty() {
        return Err(if faces == 0 {
            ScanError::NoFaces {
                vertices: vertices.len(),
            }
        } else {
            ScanError::OnlyDegenerate { faces }
        });
    }
    let mut findings = Vec::new();
    let unused = vertices.len() - used(&vertices, &triangles).iter().filter(|u| **u).count();
    if unused > 0 {
        findings.push(ScanFinding::Unused { vertices: unused });
    }
    join(&vertices, &mut triangles, &mut findings);
    weld::weld(&vertices, &mut triangles, &mut findings)?;
    drop_degenerate(&vertices, &mut triangles, faces, &mut findings)?;
    cut_flaps(&vertices, &mut triangles, &mut findings)?;
    let others = parts::keep_head(&vertices, &mut triangles, landmarks);
    orient(&vertices, &mut triangles, &mut findings)?;
    let mut dropped = (Vec::new(), others.triangles.clone());
    if !dropped.1.is_empty() {
        dropped.0.clone_from(&vertices);
        compact(&mut dropped.0, &mut dropped.1);
    }
    others.judge(&vertices, &triangles, &mut findings)?;
    compact(&mut vertices, &mut triangles);
    Ok(Repaired {
        vertices,
        triangles,
        findings,
        dropped,
    })
}

/// A triangle's middle, file units.
fn place(vertices: &[Vector3<f64>], t: &[u32; 3]) -> Point<Scan> {
    Point::from_raw(
        t.iter()
            .map(|&i| vertices[i as usize])
            .sum::<Vector3<f64>>()
            / 3.0,
    )
}

fn used(vertices: &[Vector3<f64>], triangles: &[[u32; 3]]) -> Vec<bool> {
    let mut used = vec![false; vertices.len()];
    triangles
        .iter()
        .flatten()
        .for_each(|&i| used[i as usize] = true);
    used
}

pub(super) fn area(vertices: &[Vector3<f64>], t: &[u32; 3]) -> f64 {
    let [a, b, c] = t.map(|i| vertices[i as usize]);
    0.5 * (b - a).cross(&(c - a)).norm()
}

fn key(v: &Vector3<f64>) -> [u64; 3] {
    // +0.0 makes -0.0 and 0.0 the same vertex.
    [
        (v.x + 0.0).to_bits(),
        (v.y + 0.0).to_bits(),
        (v.z + 0.0).to_bits(),
    ]
}

fn join(vertices: &[Vector3<f64>], triangles: &mut [[u32; 3]], findings: &mut Vec<ScanFinding>) {
    let mut first: HashMap<[u64; 3], u32> = HashMap::with_capacity(vertices.len());
    let target: Vec<u32> = (0u32..)
        .zip(vertices)
        .map(|(i, v)| *first.entry(key(v)).or_insert(i))
        .collect();
    let gone = vertices.len() - first.len();
    if gone > 0 {
        findings.push(ScanFinding::Joined { vertices: gone });
        triangles
            .iter_mut()
            .for_each(|t| *t = t.map(|i| target[i as usize]));
    }
}

fn drop_degenerate(
    vertices: &[Vector3<f64>],
    triangles: &mut Vec<[u32; 3]>,
    faces: usize,
    findings: &mut Vec<ScanFinding>,
) -> Result<(), ScanError> {
    let before = triangles.len();
    let mut first = None;
    triangles.retain(|t| {
        let [a, b, c] = t.map(|i| vertices[i as usize]);
        let longest = (b - a)
            .norm_squared()
            .max((c - b).norm_squared())
            .max((a - c).norm_squared());
        // Relative to its longest edge: a height below a billionth of it is rounding, not a triangle.
        let healthy = t[0] != t[1]
            && t[1] != t[2]
            && t[2] != t[0]
            && 2.0 * area(vertices, t) > 1e-9 * longest;
        if !healthy {
            first.get_or_insert_with(|| place(vertices, t));
        }
        healthy
    });
    if let Some(place) = first {
        findings.push(ScanFinding::Degenerate {
            faces: before - triangles.len(),
            place,
        });
    }
    if triangles.is_empty() {
        return Err(ScanError::OnlyDegenerate { faces });
    }
    let before = triangles.len();
    let (mut seen, mut first) = (HashSet::with_capacity(before), None);
    triangles.retain(|t| {
        let mut corners = *t;
        corners.sort_unstable();
        let new = seen.insert(corners);
        if !new {
            first.get_or_insert_with(|| place(vertices, t));
        }
        new
    });
    if let Some(place) = first {
        findings.push(ScanFinding::Duplicate {
            faces: before - triangles.len(),
            place,
        });
    }
    Ok(())
}

/// Cuts away flaps: sheets that hang on an edge of a much larger sheet.
fn cut_flaps(
    vertices: &[Vector3<f64>],
    triangles: &mut Vec<[u32; 3]>,
    findings: &mut Vec<ScanFinding>,
) -> Result<(), ScanError> {
    let sides = topology::sides(triangles);
    let branching: Vec<&[Side]> = topology::edges(&sides).filter(|e| e.len() > 2).collect();
    if branching.is_empty() {
        return Ok(());
    }
    let mut sheets = Sets::new(triangles.len());
    for edge in topology::edges(&sides).filter(|e| e.len() == 2) {
        sheets.join(edge[0].triangle, edge[1].triangle);
    }
    let mut areas: HashMap<u32, f64> = HashMap::new();
    for (i, t) in (0u32..).zip(triangles.iter()) {
        *areas.entry(sheets.find(i)).or_default() += area(vertices, t);
    }
    let mut cut = HashSet::new();
    for edge in &branching {
        let ids: Vec<u32> = edge.iter().map(|s| sheets.find(s.triangle)).collect();
        let largest = ids.iter().map(|i| areas[i]).fold(0.0, f64::max);
        cut.extend(ids.into_iter().filter(|i| areas[i] <= FLAP_SHARE * largest));
    }
    let keep: Vec<bool> = (0u32..)
        .take(triangles.len())
        .map(|i| !cut.contains(&sheets.find(i)))
        .collect();
    let (edges, before) = (branching.len(), triangles.len());
    let place = Point::from_raw(vertices[branching[0][0].low as usize]);
    retain(triangles, &keep);
    // What still branches is dropped if it is little: that leaves small openings, which are reported and kept clear of.
    let sides = topology::sides(triangles);
    let left: Vec<&[Side]> = topology::edges(&sides).filter(|e| e.len() > 2).collect();
    let doomed: HashSet<u32> = left
        .iter()
        .flat_map(|e| e.iter().map(|s| s.triangle))
        .collect();
    if doomed.len() as f64 > BRANCH_SHARE * triangles.len() as f64 {
        let [x, y, z] = left
            .first()
            .map_or_else(Vector3::zeros, |e| vertices[e[0].low as usize])
            .into();
        return Err(ScanError::NonManifold {
            edges: left.len(),
            x,
            y,
            z,
        });
    }
    let keep: Vec<bool> = (0u32..)
        .take(triangles.len())
        .map(|i| !doomed.contains(&i))
        .collect();
    retain(triangles, &keep);
    findings.push(ScanFinding::NonManifold {
        edges,
        triangles: before - triangles.len(),
        place,
    });
    Ok(())
}

fn retain(triangles: &mut Vec<[u32; 3]>, keep: &[bool]) {
    let mut keep = keep.iter();
    triangles.retain(|_| keep.next().copied().unwrap_or(true));
}

/// Winds all triangles alike and outward.
fn orient(
    vertices: &[Vector3<f64>],
    triangles: &mut [[u32; 3]],
    findings: &mut Vec<ScanFinding>,
) -> Result<(), ScanError> {
    let sides = topology::sides(triangles);
    let mut neighbours: Vec<[(u32, u32, u32); 3]> = vec![[(u32::MAX, 0, 0); 3]; triangles.len()];
    let mut filled = vec![0usize; triangles.len()];
    for edge in topology::edges(&sides).filter(|e| e.len() == 2) {
        for (here, there) in [(edge[0], edge[1]), (edge[1], edge[0])] {
            let i = here.triangle as usize;
            neighbours[i][filled[i]] = (there.triangle, here.low, here.high);
            filled[i] += 1;
        }
    }
    // A bridge of one vertex joins parts but not sheets: each sheet is walked on its own.
    let mut turned = vec![None; triangles.len()];
    let (mut mixed, mut first) = (0, None);
    for start in 0..triangles.len() {
        if turned[start].is_some() {
            continue;
        }
        let sheet = walk(start, triangles, &neighbours, &filled, &mut turned)?;
        let flips: Vec<usize> = sheet
            .iter()
            .copied()
            .filter(|&i| turned[i] == Some(true))
            .collect();
        // The smaller group was the wrong one.
        let most = flips.len() * 2 > sheet.len();
        mixed += if most {
            sheet.len() - flips.len()
        } else {
            flips.len()
        };
        for &i in &sheet {
            if turned[i] == Some(!most) {
                first.get_or_insert_with(|| place(vertices, &triangles[i]));
                triangles[i].swap(1, 2);
            }
        }
    }
    if let Some(place) = first {
        findings.push(ScanFinding::Mixed {
            triangles: mixed,
            place,
        });
    }
    if volume(vertices, triangles) < 0.0 {
        triangles.iter_mut().for_each(|t| t.swap(1, 2));
        findings.push(ScanFinding::InsideOut);
    }
    Ok(())
}

/// Walks a sheet over its edges and notes for each triangle whether it must be turned to agree with the first.
fn walk(
    start: usize,
    triangles: &[[u32; 3]],
    neighbours: &[[(u32, u32, u32); 3]],
    filled: &[usize],
    turned: &mut [Option<bool>],
) -> Result<Vec<usize>, ScanError> {
    turned[start] = Some(false);
    let mut sheet = vec![start];
    let mut queue = VecDeque::from([start]);
    while let Some(i) = queue.pop_front() {
        let turn = turned[i].unwrap_or(false);
        for &(other, low, high) in &neighbours[i][..filled[i]] {
            let j = other as usize;
            // Neighbours agree when they run along the shared edge in opposite directions.
            let same_way = topology::runs(&triangles[i], low, high)
                == topology::runs(&triangles[j], low, high);
            let wanted = turn != same_way;
            match turned[j] {
                None => {
                    turned[j] = Some(wanted);
                    sheet.push(j);
                    queue.push_back(j);
                }
                Some(is) if is != wanted => return Err(ScanError::NotOrientable { vertex: low }),
                Some(_) => {}
            }
        }
    }
    Ok(sheet)
}

/// Six times the signed volume about the area's centre: positive when wound outward, also for a head open at the neck.
fn volume(vertices: &[Vector3<f64>], triangles: &[[u32; 3]]) -> f64 {
    let (sum, total) = triangles
        .iter()
        .fold((Vector3::zeros(), 0.0), |(sum, total), t| {
            let [a, b, c] = t.map(|i| vertices[i as usize]);
            let w = area(vertices, t);
            (sum + (a + b + c) * (w / 3.0), total + w)
        });
    let center = if total > 0.0 { sum / total } else { sum };
    triangles
        .iter()
        .map(|t| {
            let [a, b, c] = t.map(|i| vertices[i as usize] - center);
            a.dot(&b.cross(&c))
        })
        .sum()
}

/// Drops vertices without a triangle; the order stays.
fn compact(vertices: &mut Vec<Vector3<f64>>, triangles: &mut [[u32; 3]]) {
    let used = used(vertices, triangles);
    let mut new = vec![0u32; vertices.len()];
    let mut next = 0;
    for (place, used) in new.iter_mut().zip(&used) {
        *place = next;
        next += u32::from(*used);
    }
    triangles
        .iter_mut()
        .for_each(|t| *t = t.map(|i| new[i as usize]));
    let mut keep = used.iter();
    vertices.retain(|_| keep.next().copied().unwrap_or(false));
}
