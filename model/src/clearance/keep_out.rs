//! What the tip is kept out of: volumes of the head that it keeps a distance from wherever it moves.

use nalgebra::{Isometry3, Vector3};

use super::query::Obstacle;
use super::sweep::Sweep;
use super::work_cell::{Frames, WorkCell};
use crate::limits::KEEP_OUT_MARGIN;
use crate::plan::KeepOut;

impl WorkCell {
    /// Keeps the tip [`KEEP_OUT_MARGIN`] away from volumes of the head, wherever it moves.
    #[must_use]
    pub fn keeping_out(mut self, volumes: &[KeepOut]) -> Self {
        let clear = |k: &KeepOut| (k.center.raw(), k.radius.m() + KEEP_OUT_MARGIN.m());
        self.keep_outs = volumes.iter().map(clear).collect();
        self.keep_out_names = volumes.iter().map(|k| k.name.clone()).collect();
        self.turned = self.turned.map(|turned| turned.keeping_out(volumes));
        self
    }

    /// The keep-out volume that the tip comes too near to.
    pub(super) fn tip_obstacle<const SPANS: usize>(
        &self,
        frames: &Frames,
        sweep: &Sweep<SPANS>,
        head_from_base: &Isometry3<f64>,
    ) -> Option<Obstacle> {
        if self.keep_outs.is_empty() {
            return None;
        }
        let nose = self.bodies.len() - 1;
        let tip = frames.places[self.bodies[nose].place].translation.vector;
        let moved = self.motion_of(sweep, nose).reach(&tip, 0.0);
        let in_head = (head_from_base * nalgebra::Point3::from(tip)).coords;
        let near = |k: &(Vector3<f64>, f64)| {
            // NaN is at no distance, so it is near.
            let clear = (in_head - k.0).norm() >= k.1 + moved;
            !clear
        };
        let index = self.keep_outs.iter().position(near)?;
        Some(Obstacle::KeepOut { index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{Head, Point};
    use crate::joints::Joints;
    use crate::testing::{ball, cell};
    use crate::units::Length;

    const RADIUS: f64 = 0.09;

    /// H1.
    #[test]
    fn the_tip_keeps_away_from_what_it_is_kept_out_of_all_along() {
        let cell = cell();
        let work = WorkCell::new(&cell, &ball(RADIUS, 24, true)).unwrap();
        let over = Joints::from_slice(&[0.24, -1.45, 1.75, -1.87, -1.571, 0.0]).unwrap();
        let head = cell.base_from_head;
        assert_eq!(work.blocked(&over, &head), None);
        let beside = over.zip(
            &Joints::from_slice(&[0.3, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap(),
            |q, o| q + o,
        );
        assert_eq!(work.segment_blocked(&over, &beside, &head), None);
        let [start, middle] = [over, over.lerp(&beside, 0.5)]
            .map(|q| head.inverse() * work.base_from_tip(&q).origin());
        let needed = |radius: f64| radius + KEEP_OUT_MARGIN.m();
        // A volume that only the middle of the way comes near.
        let keep_out = |center: Point<Head>, radius: f64| KeepOut {
            name: "left ear".to_owned(),
            center,
            radius: Length::from_m(radius),
        };
        let work = work.keeping_out(&[keep_out(middle, 0.005)]);
        assert!(start.distance(&middle) > needed(0.005));
        assert_eq!(work.blocked(&over, &head), None);
        let found = work.segment_blocked(&over, &beside, &head).unwrap();
        assert_eq!(found, Obstacle::KeepOut { index: 0 });
        assert_eq!(work.describe(&found), "the tip and left ear");
        assert!(work.is_nose_to_head(&found));
        // Exact to the last: a radius that leaves the margin, and one that does not.
        let far = start.distance(&middle) - KEEP_OUT_MARGIN.m();
        let work = work.keeping_out(&[keep_out(middle, far - 1e-9)]);
        assert_eq!(work.blocked(&over, &head), None);
        let work = work.keeping_out(&[keep_out(middle, far + 1e-9)]);
        assert_eq!(
            work.blocked(&over, &head),
            Some(Obstacle::KeepOut { index: 0 })
        );
        // Leading away is allowed.
        assert_eq!(work.retreat_blocked(&over, &beside, &head), None);
        let nowhere = work.keeping_out(&[keep_out(Point::new(f64::NAN, 0.0, 0.0), 0.01)]);
        assert!(nowhere.blocked(&over, &head).is_some());
    }
}
