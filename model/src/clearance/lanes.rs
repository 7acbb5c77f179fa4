//! Points in groups of eight, of which the one highest along a direction is found without a branch a point.

use nalgebra::Vector3;

/// Points of a group.
pub(super) const WIDE: usize = 8;

/// A group of points, coordinate by coordinate, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lanes([[f64; WIDE]; 3]);

impl Lanes {
    /// Groups of points; the last group is filled up with its last point.
    pub(super) fn of(points: &[Vector3<f64>]) -> Vec<Self> {
        let group = |points: &[Vector3<f64>]| {
            let point = |k: usize| points[k.min(points.len() - 1)];
            Self([0, 1, 2].map(|axis| core::array::from_fn(|k| point(k)[axis])))
        };
        points.chunks(WIDE).map(group).collect()
    }

    #[inline]
    fn heights(&self, along: &Vector3<f64>) -> [f64; WIDE] {
        let [x, y, z] = &self.0;
        core::array::from_fn(|k| x[k] * along.x + y[k] * along.y + z[k] * along.z)
    }

    /// The highest point along a direction; the origin where there is none.
    #[inline]
    pub(super) fn highest(groups: &[Self], along: &Vector3<f64>) -> Vector3<f64> {
        let (mut best, mut at) = (f64::NEG_INFINITY, 0);
        for (i, group) in groups.iter().enumerate() {
            let heights = group.heights(along);
            let higher = |a: f64, b: f64| if a > b { a } else { b };
            let four: [f64; 4] = core::array::from_fn(|k| higher(heights[k], heights[k + 4]));
            let top = higher(higher(four[0], four[1]), higher(four[2], four[3]));
            if top > best {
                (best, at) = (top, i);
            }
        }
        let Some(group) = groups.get(at) else {
            return Vector3::zeros();
        };
        let heights = group.heights(along);
        let mut highest = 0;
        for k in 1..WIDE {
            if heights[k] > heights[highest] {
                highest = k;
            }
        }
        Vector3::from(group.0.map(|axis| axis[highest]))
    }
}
