//! Normals of points: fitted to the neighbours, then turned alike along the smoothest way from point to point (Hoppe et al. 1992).

use nalgebra::{Matrix3, SymmetricEigen, Vector3};
use rayon::prelude::*;

use super::near::Near;

/// Neighbours a normal is fitted to.
const FITTED: usize = 14;
/// Neighbours over which the side is carried on.
const LINKED: usize = 8;

/// Normals of unit length, outward. `within` is the width of the cells neighbours are looked for in.
pub(super) fn estimate(points: &[Vector3<f64>], within: f64) -> Vec<Vector3<f64>> {
    let near = Near::new(points, within);
    let around: Vec<Vec<(f64, u32)>> = points.par_iter().map(|p| near.nearest(p, FITTED)).collect();
    let mut normals: Vec<Vector3<f64>> = around.par_iter().map(|n| fit(points, n)).collect();
    turn_alike(points, &around, &mut normals);
    normals
}

/// The direction in which neighbours spread least.
fn fit(points: &[Vector3<f64>], around: &[(f64, u32)]) -> Vector3<f64> {
    let own = around.iter().map(|(_, i)| points[*i as usize]);
    let middle = own.clone().sum::<Vector3<f64>>() / around.len().max(1) as f64;
    let spread = own.fold(Matrix3::zeros(), |m, p| {
        let d = p - middle;
        m + d * d.transpose()
    });
    let largest = spread.amax();
    if !(largest > 0.0 && largest.is_finite()) {
        return Vector3::z();
    }
    let eigen = SymmetricEigen::new(spread / largest);
    let least = eigen.eigenvalues.imin();
    eigen
        .eigenvectors
        .column(least)
        .into_owned()
        .try_normalize(1e-12)
        .unwrap_or_else(Vector3::z)
}

/// Sets that know whether each member is turned against the set's first.
struct Sides {
    parent: Vec<(u32, bool)>,
}

impl Sides {
    fn find(&mut self, i: u32) -> (u32, bool) {
        let mut path = Vec::new();
        let (mut at, mut turned) = (i, false);
        while self.parent[at as usize].0 != at {
            path.push((at, turned));
            let (up, turn) = self.parent[at as usize];
            turned ^= turn;
            at = up;
        }
        // What was walked hangs right below the root from now on.
        for (member, before) in path {
            self.parent[member as usize] = (at, turned ^ before);
        }
        (at, turned)
    }
}

fn turn_alike(points: &[Vector3<f64>], around: &[Vec<(f64, u32)>], normals: &mut [Vector3<f64>]) {
    let mut links: Vec<(f64, u32, u32)> = (0u32..)
        .zip(around)
        .flat_map(|(i, near)| {
            near.iter()
                .take(LINKED)
                .filter(move |(_, j)| *j != i)
                .map(move |(_, j)| (i.min(*j), i.max(*j)))
        })
        .map(|(i, j)| {
            let bend = 1.0 - normals[i as usize].dot(&normals[j as usize]).abs();
            (bend, i, j)
        })
        .collect();
    links.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut sides = Sides {
        parent: (0u32..).take(points.len()).map(|i| (i, false)).collect(),
    };
    for (_, i, j) in links {
        let ((a, turned_i), (b, turned_j)) = (sides.find(i), sides.find(j));
        if a != b {
            let against = normals[i as usize].dot(&normals[j as usize]) < 0.0;
            sides.parent[a.max(b) as usize] = (a.min(b), turned_i ^ turned_j ^ against);
        }
    }
    let middle = points.iter().sum::<Vector3<f64>>() / points.len().max(1) as f64;
    let mut outward = vec![0.0; points.len()];
    for (i, (p, n)) in points.iter().zip(normals.iter_mut()).enumerate() {
        let (root, turned) = sides.find(i as u32);
        if turned {
            *n = -*n;
        }
        outward[root as usize] += n.dot(&(p - middle));
    }
    for (i, n) in normals.iter_mut().enumerate() {
        let (root, _) = sides.find(i as u32);
        if outward[root as usize] < 0.0 {
            *n = -*n;
        }
    }
}
