//! How far apart two near places are along the skin, from where they are and how the skin faces there.

use nalgebra::Vector3;

/// Above this slope of the straight line against the skin the exact formula is used, below it its series: off by less than 0.1%.
const STEEP: f64 = 0.3;

/// A place on the skin and the outward unit normal there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub point: Vector3<f64>,
    pub normal: Vector3<f64>,
}

/// The distance along the skin between two places, metres: never shorter than the straight one, longer where the skin bends between them.
/// Infinite where they lie on two sides of a fold, which is where the skin faces more than a right angle apart, or on two leaves of skin
/// one above the other. The same to the last bit whichever end comes first.
///
/// Source: Bowers et al., "Parallel Poisson disk sampling with spectrum analysis on surfaces" (2010), section 4: exact on a circle's arc.
pub(crate) fn distance(a: &Place, b: &Place) -> f64 {
    let way = b.point - a.point;
    let straight = way.norm();
    if straight == 0.0 {
        return 0.0;
    }
    if a.normal.dot(&b.normal) <= 0.0 {
        return f64::INFINITY;
    }
    let (rise, fall) = (a.normal.dot(&way) / straight, b.normal.dot(&way) / straight);
    straight * stretch(rise, fall)
}

/// Length of the way along the skin over the straight one, from the straight one's slopes against the skin at its two ends.
fn stretch(rise: f64, fall: f64) -> f64 {
    if rise.abs().max(fall.abs()) < STEEP {
        return 1.0 + (rise * rise + fall * fall + rise * fall) / 6.0;
    }
    let (rise, fall) = (rise.clamp(-1.0, 1.0), fall.clamp(-1.0, 1.0));
    let between = rise - fall;
    if between.abs() < 1e-6 {
        // The limit; infinite straight above each other.
        return 1.0 / (1.0 - rise * fall).max(0.0).sqrt();
    }
    (rise.asin() - fall.asin()) / between
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(point: [f64; 3], normal: [f64; 3]) -> Place {
        Place {
            point: point.into(),
            normal: Vector3::from(normal).normalize(),
        }
    }

    #[test]
    fn an_arc_is_as_long_as_its_angle_says() {
        for radius in [0.001, 0.08] {
            for angle in [1e-6f64, 0.01, 0.3, 0.6, 0.7, 1.2, 1.5] {
                let at = |t: f64| [radius * t.sin(), 0.0, radius * t.cos()];
                let found = distance(&place(at(0.0), at(0.0)), &place(at(angle), at(angle)));
                assert!(
                    (found / (radius * angle) - 1.0).abs() < 1e-3,
                    "{radius} {angle} {found}"
                );
                // A hollow is as long as a hill.
                let inward = |t: f64| at(t).map(|c| -c);
                let hollow = distance(
                    &place(at(0.0), inward(0.0)),
                    &place(at(angle), inward(angle)),
                );
                assert!((hollow - found).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn leaves_and_folds_are_far_apart_and_flat_skin_is_not() {
        let up = [0.0, 0.0, 1.0];
        let here = place([0.0; 3], up);
        assert_eq!(distance(&here, &here), 0.0);
        assert_eq!(distance(&here, &place([0.001, 0.0, 0.0], up)), 0.001);
        // Straight above, on a second leaf; and beside, on the other side of a fold.
        assert_eq!(
            distance(&here, &place([0.0, 0.0, 0.001], up)),
            f64::INFINITY
        );
        assert_eq!(
            distance(&here, &place([0.001, 0.0, 0.0], [0.0, 0.0, -1.0])),
            f64::INFINITY
        );
        // A terrace 1 mm up and 1 mm on.
        let terrace = distance(&here, &place([0.001, 0.0, 0.001], up));
        assert!((terrace - 0.002).abs() < 1e-9, "{terrace}");
    }

    #[test]
    fn it_is_one_distance_whichever_end_one_starts_from_and_never_the_shorter_one() {
        let hash = |i: u64| {
            let mut z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let vector = |i: u64| [hash(3 * i), hash(3 * i + 1), hash(3 * i + 2)];
        let mut finite = 0;
        for i in 0..2000 {
            let [a, b] = [4 * i, 4 * i + 2].map(|k| place(vector(k), vector(k + 1)));
            let (there, back) = (distance(&a, &b), distance(&b, &a));
            assert!(there >= (a.point - b.point).norm() * (1.0 - 1e-12));
            assert_eq!(there, back, "{i}");
            finite += usize::from(there.is_finite());
        }
        assert!(finite > 500 && finite < 1500, "{finite}");
    }
}
