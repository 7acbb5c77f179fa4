//! Normals of points: fitted to the neighbours, then turned alike along the smoothest way from point to point (Hoppe et al. 1992), but
//! never across a link that would turn inward what is seen from outside.

use nalgebra::{Matrix3, SymmetricEigen, Vector3};
use rayon::prelude::*;

use super::near::Near;

/// Neighbours over which the side is carried on.
const LINKED: usize = 8;
/// Sheets that are seen from outside as clearly as this many free points keep their side.
const SURE: f64 = 10.0;

/// Normals of unit length, outward, each fitted to `fitted` neighbours. `free`: where each point sees the room around.
pub(super) fn estimate(
    points: &[Vector3<f64>],
    near: &Near,
    fitted: usize,
    free: &[Vector3<f64>],
) -> Vec<Vector3<f64>> {
    let mut normals = vec![Vector3::z(); points.len()];
    let mut links = vec![[u32::MAX; LINKED]; points.len()];
    normals
        .par_iter_mut()
        .zip(&mut links)
        .zip(points)
        .for_each(|((normal, links), p)| {
            let around = near.nearest(p, fitted.max(LINKED + 1));
            *normal = fit(points, &around);
            for (link, (_, j)) in links.iter_mut().zip(around.iter().skip(1)) {
                *link = *j;
            }
        });
    turn_alike(free, &links, &mut normals);
    normals
}

/// The direction in which neighbours spread least.
pub(super) fn fit(points: &[Vector3<f64>], around: &[(f64, u32)]) -> Vector3<f64> {
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

/// Sets that know whether each member is turned against the set's first, and how clearly the first is seen from outside.
struct Sides {
    parent: Vec<(u32, bool)>,
    votes: Vec<f64>,
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

    /// Joins the sets of two points, one of them turned against the other or not, unless both are sure of the contrary.
    fn join(&mut self, i: u32, j: u32, against: bool) {
        let ((a, turned_i), (b, turned_j)) = (self.find(i), self.find(j));
        if a == b {
            return;
        }
        let (root, other, turn) = (a.min(b), a.max(b), turned_i ^ turned_j ^ against);
        let sign = if turn { -1.0 } else { 1.0 };
        let (own, more) = (self.votes[root as usize], sign * self.votes[other as usize]);
        if own.abs().min(more.abs()) > SURE && own * more < 0.0 {
            return;
        }
        self.votes[root as usize] = own + more;
        self.parent[other as usize] = (root, turn);
    }
}

fn turn_alike(free: &[Vector3<f64>], links: &[[u32; LINKED]], normals: &mut [Vector3<f64>]) {
    let mut links: Vec<(f32, u32, u32)> = (0u32..)
        .zip(links)
        .flat_map(|(i, near)| {
            near.iter()
                .filter(|j| **j != u32::MAX)
                .map(move |j| (i.min(*j), i.max(*j)))
        })
        .map(|(i, j)| {
            let bend = 1.0 - normals[i as usize].dot(&normals[j as usize]).abs();
            (bend as f32, i, j)
        })
        .collect();
    links.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut sides = Sides {
        parent: (0u32..).take(free.len()).map(|i| (i, false)).collect(),
        votes: free
            .iter()
            .zip(normals.iter())
            .map(|(f, n)| f.dot(n))
            .collect(),
    };
    for (_, i, j) in links {
        let against = normals[i as usize].dot(&normals[j as usize]) < 0.0;
        sides.join(i, j, against);
    }
    for (i, n) in (0u32..).zip(normals.iter_mut()) {
        let (root, turned) = sides.find(i);
        if turned ^ (sides.votes[root as usize] < 0.0) {
            *n = -*n;
        }
    }
}
