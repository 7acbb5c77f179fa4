//! Polygons to triangles: as many as a fan has, and none folded over where the polygon itself is not.

use nalgebra::{Vector2, Vector3};

/// A quad's other diagonal is taken only if the two triangles then agree better by this much in the cosine between them (some 3° near
/// flat): even grids keep one pattern. Source: this project's own.
const CLEARLY: f64 = 1e-3;

/// Cuts a polygon with three or more corners into triangles, given as places in `corners`, and gives the steps that took, one for each
/// corner that was held against an ear; `None` if it takes more than so many.
///
/// A quad, flat or not, is cut along the diagonal that folds least. Larger polygons are cut ear by ear in their mean plane; where a
/// polygon crosses itself and has no ear, the sharpest corner is cut all the same, so that nothing is left out.
pub(super) fn cut(
    corners: &[Vector3<f64>],
    most: usize,
    triangles: &mut Vec<[usize; 3]>,
) -> Option<usize> {
    triangles.clear();
    match corners.len() {
        0..3 => Some(0),
        3 => {
            triangles.push([0, 1, 2]);
            Some(1)
        }
        4 => {
            let turned = agreement(corners, [1, 2, 3], [1, 3, 0]);
            if turned > agreement(corners, [0, 1, 2], [0, 2, 3]) + CLEARLY {
                triangles.extend([[0, 1, 3], [1, 2, 3]]);
            } else {
                triangles.extend([[0, 1, 2], [0, 2, 3]]);
            }
            Some(1)
        }
        // Even a convex polygon takes that many.
        n if n.saturating_mul(n) / 2 > most => None,
        _ => cut_ears(&flattened(corners), most, triangles),
    }
}

/// The cosine between the normals of two triangles; one without an area is as bad as one that is folded over.
fn agreement(corners: &[Vector3<f64>], s: [usize; 3], t: [usize; 3]) -> f64 {
    let normal = |t: [usize; 3]| {
        let [a, b, c] = t.map(|i| corners[i]);
        (b - a).cross(&(c - a)).try_normalize(0.0)
    };
    match (normal(s), normal(t)) {
        (Some(m), Some(n)) => m.dot(&n),
        _ => -1.0,
    }
}

/// The polygon in its mean plane, counter-clockwise.
fn flattened(corners: &[Vector3<f64>]) -> Vec<Vector2<f64>> {
    // About the first corner, so that a polygon far from the origin loses nothing.
    let from = corners[0];
    let next = corners.iter().skip(1).chain(&corners[..1]);
    let normal: Vector3<f64> = corners
        .iter()
        .zip(next)
        .map(|(a, b)| (a - from).cross(&(b - from)))
        .sum();
    let n = normal.try_normalize(0.0).unwrap_or_else(Vector3::z);
    let u = n.cross(&Vector3::ith(n.iamin(), 1.0)).normalize();
    let v = n.cross(&u);
    corners
        .iter()
        .map(|p| Vector2::new((p - from).dot(&u), (p - from).dot(&v)))
        .collect()
}

/// Twice the area of a triangle, positive if counter-clockwise.
fn turn(a: &Vector2<f64>, b: &Vector2<f64>, c: &Vector2<f64>) -> f64 {
    (b - a).perp(&(c - a))
}

fn cut_ears(flat: &[Vector2<f64>], most: usize, triangles: &mut Vec<[usize; 3]>) -> Option<usize> {
    let mut left: Vec<usize> = (0..flat.len()).collect();
    let (mut at, mut refused, mut work) = (1, 0, 0);
    while left.len() > 3 {
        let n = left.len();
        at %= n;
        let ear = [left[(at + n - 1) % n], left[at], left[(at + 1) % n]];
        let [a, b, c] = ear.map(|i| flat[i]);
        work += 1;
        if work > most {
            return None;
        }
        let clear = turn(&a, &b, &c) > 0.0 && {
            work += n;
            left.iter()
                .filter(|i| !ear.contains(i))
                .map(|&i| &flat[i])
                // A corner that lies where one of the ear's does belongs to a seam, and bars nothing.
                .filter(|p| **p != a && **p != b && **p != c)
                .all(|p| turn(&a, &b, p) < 0.0 || turn(&b, &c, p) < 0.0 || turn(&c, &a, p) < 0.0)
        };
        if !clear && refused < n {
            refused += 1;
            at += 1;
            continue;
        }
        // After a round without an ear the polygon crosses itself, or what is left of it has no area.
        triangles.push(ear);
        left.remove(at);
        refused = 0;
        // On with the corner after the next: cutting always at the same place makes slivers.
        at += 1;
    }
    triangles.push([left[0], left[1], left[2]]);
    Some(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_up(corners: &[[f64; 3]]) -> Vec<[usize; 3]> {
        let corners: Vec<Vector3<f64>> = corners.iter().map(|c| Vector3::from(*c)).collect();
        let mut triangles = Vec::new();
        cut(&corners, usize::MAX, &mut triangles).unwrap();
        triangles
    }

    /// The triangles' areas added up, each counted against the polygon's own direction (+z) if it is folded over.
    fn areas(corners: &[[f64; 3]]) -> (f64, f64) {
        let all = cut_up(corners);
        assert_eq!(all.len(), corners.len() - 2);
        let area = |t: &[usize; 3]| {
            let [a, b, c] = t.map(|i| Vector3::from(corners[i]));
            0.5 * (b - a).cross(&(c - a)).z
        };
        let signed = all.iter().map(area).sum();
        (signed, all.iter().map(|t| area(t).abs()).sum())
    }

    #[test]
    fn a_concave_quad_does_not_fold_whichever_corner_comes_first() {
        let arrow = [
            [0.0, 0.0, 0.0],
            [2.0, -1.0, 0.0],
            [0.5, 0.0, 0.0],
            [2.0, 1.0, 0.0],
        ];
        for first in 0..4 {
            let mut turned = arrow;
            turned.rotate_left(first);
            let (signed, whole) = areas(&turned);
            assert!((signed - whole).abs() < 1e-12 && signed > 0.1, "{first}");
        }
    }

    #[test]
    fn a_bent_quad_takes_the_diagonal_that_folds_less() {
        // Corners 1 and 3 lie on the ridge of a roof: cut along the ridge it has one edge of 90°.
        let roof = [
            [0.0, -1.0, 0.0],
            [1.0, 0.0, 0.6],
            [0.0, 1.0, 0.0],
            [-1.0, 0.0, 0.6],
        ];
        let flat = [
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [1.0, 1.0, 0.0],
            [0.0, 1.0, 0.0],
        ];
        assert_eq!(cut_up(&flat), vec![[0, 1, 2], [0, 2, 3]]);
        let folds = |t: Vec<[usize; 3]>| {
            let all: Vec<Vector3<f64>> = roof.iter().map(|c| Vector3::from(*c)).collect();
            agreement(&all, t[0], t[1])
        };
        let other = folds(vec![[0, 1, 2], [0, 2, 3]]).min(folds(vec![[0, 1, 3], [1, 2, 3]]));
        assert!(folds(cut_up(&roof)) >= other);
    }

    #[test]
    fn combs_and_seams_are_filled_exactly() {
        // A comb with deep teeth.
        let mut comb = vec![[0.0, 0.0, 0.0], [20.0, 0.0, 0.0]];
        comb.extend((0..20).map(|i| {
            let y = if i % 2 == 0 { 10.0 } else { 0.5 };
            [20.0 - f64::from(i), y, 0.0]
        }));
        let outline: f64 = (0..comb.len())
            .map(|i| {
                let (a, b) = (comb[i], comb[(i + 1) % comb.len()]);
                0.5 * (a[0] * b[1] - a[1] * b[0])
            })
            .sum();
        for first in 0..comb.len() {
            comb.rotate_left(1);
            let (signed, whole) = areas(&comb);
            assert!((signed - outline).abs() < 1e-9, "{first}: {signed}");
            assert!((whole - outline).abs() < 1e-9, "{first}: {whole}");
        }
        // A square with a square hole, joined by a seam that is run along twice.
        let holed = [
            [0.0, 0.0, 0.0],
            [4.0, 0.0, 0.0],
            [4.0, 4.0, 0.0],
            [0.0, 4.0, 0.0],
            [0.0, 0.0, 0.0],
            [1.0, 1.0, 0.0],
            [1.0, 3.0, 0.0],
            [3.0, 3.0, 0.0],
            [3.0, 1.0, 0.0],
            [1.0, 1.0, 0.0],
        ];
        let (signed, whole) = areas(&holed);
        assert!((signed - 12.0).abs() < 1e-9 && (whole - 12.0).abs() < 1e-9);
    }

    #[test]
    fn crossed_flat_and_infinite_polygons_end_too() {
        let bow = [
            [0.0, 0.0, 0.0],
            [1.0, 1.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.5, 0.2, 0.0],
        ];
        for corners in [bow, [[0.0; 3]; 5], [[f64::NAN; 3]; 5], [[1e300; 3]; 5]] {
            assert_eq!(cut_up(&corners).len(), 3);
        }
    }
}
