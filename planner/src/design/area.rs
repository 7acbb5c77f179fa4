//! Sums over the mesh: the zones' areas and how many dots they take.

use nalgebra::Vector3;
use rayon::prelude::*;
use stipple_model::frames::Head;
use stipple_model::mesh::SurfaceMesh;

use super::field::Field;

/// Edge of the cells on which the design is read, metres.
const CELL: f64 = 0.001;

/// Sums over the zones of a head.
pub(super) struct Sums {
    /// Triangles with a part in a zone, ascending.
    pub patch: Vec<u32>,
    /// Area of each zone, m².
    pub areas: Vec<f64>,
    /// Density times area of each zone.
    pub expected: Vec<f64>,
}

/// Sums areas and densities over the triangles that face outward.
pub(super) fn measure(head: &SurfaceMesh<Head>, field: &Field, zones: usize) -> Sums {
    let mut sums = Sums {
        patch: Vec::new(),
        areas: vec![0.0; zones],
        expected: vec![0.0; zones],
    };
    let parts: Vec<Vec<Part>> = (0..head.triangles().len())
        .into_par_iter()
        .map(|i| {
            if field.may_be_dotted(head, i) {
                parts(head, field, i)
            } else {
                Vec::new()
            }
        })
        .collect();
    // Summed in the triangles' order: the same bits on any number of threads.
    for (triangle, parts) in (0u32..).zip(parts) {
        let area = head.triangle_area(triangle as usize).m2();
        if !parts.is_empty() {
            sums.patch.push(triangle);
        }
        for part in parts {
            let z = part.zone as usize;
            sums.areas[z] += part.share * area;
            sums.expected[z] += part.expected * area;
        }
    }
    sums
}

/// A triangle's part in a zone.
struct Part {
    zone: u8,
    /// Share of the triangle's area.
    share: f64,
    /// Density times that share.
    expected: f64,
}

fn parts(head: &SurfaceMesh<Head>, field: &Field, triangle: usize) -> Vec<Part> {
    let corners = head.corners(triangle).map(|p| p.raw());
    let mut parts: Vec<Part> = Vec::new();
    cells(&corners, |center, share| {
        let Some((zone, density)) = field.at(&center) else {
            return;
        };
        match parts.iter_mut().find(|p| p.zone == zone) {
            Some(part) => {
                part.share += share;
                part.expected += share * density;
            }
            None => parts.push(Part {
                zone,
                share,
                expected: share * density,
            }),
        }
    });
    parts.sort_by_key(|p| p.zone);
    parts
}

/// Visits the middles of equal cells of about a millimetre of a triangle (corners in metres) with each cell's share of its area.
pub(crate) fn cells(corners: &[Vector3<f64>; 3], mut visit: impl FnMut(Vector3<f64>, f64)) {
    let [a, b, c] = *corners;
    let longest = (b - a).norm().max((c - b).norm()).max((a - c).norm());
    // A triangle of a head is never longer than a few hundred cells; the cap only bounds nonsense.
    let n = ((longest / CELL).ceil().max(1.0) as usize).min(400);
    let (u, v) = ((b - a) / n as f64, (c - a) / n as f64);
    let part = 1.0 / (n * n) as f64;
    for i in 0..n {
        for j in 0..n - i {
            let corner = a + u * i as f64 + v * j as f64;
            visit(corner + (u + v) / 3.0, part);
            if i + j + 1 < n {
                visit(corner + (u + v) * (2.0 / 3.0), part);
            }
        }
    }
}

/// Splits a whole number in proportion; the largest remainders round up, so the parts sum exactly.
pub(crate) fn apportion(weights: &[f64], total: u32) -> Vec<u32> {
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|w| w / sum * f64::from(total)).collect();
    let mut parts: Vec<u32> = exact.iter().map(|e| e.floor() as u32).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| {
        (exact[b] - exact[b].floor())
            .total_cmp(&(exact[a] - exact[a].floor()))
            .then(a.cmp(&b))
    });
    let missing = total.saturating_sub(parts.iter().sum()) as usize;
    order
        .into_iter()
        .cycle()
        .take(missing)
        .for_each(|i| parts[i] += 1);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_exactly() {
        assert_eq!(apportion(&[1.0, 1.0, 1.0], 10), vec![4, 3, 3]);
        assert_eq!(apportion(&[0.0, 2.0, 1.0], 3), vec![0, 2, 1]);
        assert_eq!(apportion(&[], 3), Vec::<u32>::new());
        assert_eq!(apportion(&[5.3e9, 1.0], 30_000).iter().sum::<u32>(), 30_000);
    }

    #[test]
    fn cells_cover_a_triangle() {
        let mut sum = 0.0;
        let mut middle = Vector3::zeros();
        let corners = [
            Vector3::zeros(),
            Vector3::new(0.0073, 0.0, 0.0),
            Vector3::new(0.0, 0.004, 0.0),
        ];
        cells(&corners, |center, part| {
            sum += part;
            middle += center * part;
        });
        assert!((sum - 1.0).abs() < 1e-12);
        assert!((middle - corners.iter().sum::<Vector3<f64>>() / 3.0).norm() < 1e-12);
    }
}
