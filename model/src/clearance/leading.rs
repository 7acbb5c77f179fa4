//! Off a head that came too near: proven to come nowhere nearer on the way, where margins are gone already.

use super::query::middle_and_span;
use super::sweep::Sweep;
use super::work_cell::WorkCell;
use crate::frames::{Base, Head, Transform};
use crate::joints::Joints;
use crate::units::Length;

/// A segment is halved so often at most before it counts as not proven.
const DEEPEST: u32 = 14;

/// Of nose cone and tip, metres: how far the head is, or how far they move.
type NoseAndTip = [f64; 2];

impl WorkCell {
    /// Whether on a straight joint-space segment nose cone and tip are proven nowhere nearer to the head than where it begins, but for `by`.
    /// The nose's distances are those of [`WorkCell::clearance`], never larger than the true ones.
    ///
    /// What cannot be told, of numbers that are not finite or not the arm's, is not proven; nor is anything with `by` zero or less.
    #[must_use]
    pub fn comes_no_nearer(
        &self,
        from: &Joints,
        to: &Joints,
        base_from_head: &Transform<Base, Head>,
        by: Length,
    ) -> bool {
        let usable = |q: &Joints| self.is_usable(q, base_from_head);
        if !(usable(from) && usable(to)) {
            return false;
        }
        let least = self
            .nose_and_tip(from, base_from_head)
            .map(|at| at - by.m());
        self.stays_beyond(from, to, base_from_head, (&least, 0))
    }

    /// How far the head is from nose cone and tip, at least.
    fn nose_and_tip(&self, q: &Joints, base_from_head: &Transform<Base, Head>) -> NoseAndTip {
        let tip = base_from_head.inverse() * self.base_from_tip(q).origin();
        [
            self.clearance(q, base_from_head).nose_head,
            self.field.exact(&tip),
        ]
    }

    /// A distance changes by no more than its body moves.
    fn stays_beyond(
        &self,
        from: &Joints,
        to: &Joints,
        base_from_head: &Transform<Base, Head>,
        (least, depth): (&NoseAndTip, u32),
    ) -> bool {
        let (middle, span) = middle_and_span(from, to);
        let at = self.nose_and_tip(&middle, base_from_head);
        let moved = self.nose_and_tip_move(&middle, &span);
        let beyond = |moved: &NoseAndTip| {
            let mut pairs = at.iter().zip(moved).zip(least);
            // Written so that NaN is not beyond.
            pairs.all(|((at, moved), least)| at - moved >= *least)
        };
        if beyond(&moved) {
            return true;
        }
        depth < DEEPEST
            && beyond(&[0.0; 2])
            && self.stays_beyond(from, &middle, base_from_head, (least, depth + 1))
            && self.stays_beyond(&middle, to, base_from_head, (least, depth + 1))
    }

    /// Bound of how far any point of nose cone and tip moves from a configuration to any up to a span either way.
    fn nose_and_tip_move(&self, middle: &Joints, span: &Joints) -> NoseAndTip {
        let Some(nose) = self.bodies.len().checked_sub(1) else {
            return [f64::INFINITY; 2];
        };
        let frames = self.body_frames(middle);
        let motion = self.motion_of(&Sweep::<1>::new(&frames, &[*span]), nose);
        let part = &self.bodies[nose];
        let nose = part.spheres.root().map_or(f64::INFINITY, |root| {
            let center = frames.places[part.place] * nalgebra::Point3::from(root.center);
            motion.reach(&center.coords, root.radius)
        });
        let tip = self.base_from_tip(middle).raw().translation.vector;
        [nose, motion.reach(&tip, 0.0)]
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, Vector3};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{ball, cell};

    const BY: Length = Length::from_mm(0.1);
    /// Over the ball, tool down.
    const OVER: [f64; 6] = [0.24, -1.45, 1.75, -1.87, -1.571, 0.0];

    fn bed() -> &'static (WorkCell, Transform<Base, Head>) {
        static BED: std::sync::OnceLock<(WorkCell, Transform<Base, Head>)> =
            std::sync::OnceLock::new();
        BED.get_or_init(|| {
            let cell = cell();
            let work = WorkCell::new(&cell, &ball(0.09, 24, true)).unwrap();
            (work, cell.base_from_head)
        })
    }

    /// The head put so that the tip is `gap` above its skin, straight below the needle.
    fn head_below(work: &WorkCell, q: &Joints, gap: f64) -> Transform<Base, Head> {
        let tip = work.base_from_tip(q);
        let down = tip.raw() * Vector3::new(0.0, 0.0, gap + 0.09);
        let center = tip.raw().translation.vector + down;
        Transform::from_raw(Translation3::from(center).into())
    }

    #[test]
    fn drawn_back_it_comes_no_nearer_and_led_down_or_nowhere_it_is_not_proven() {
        let (work, _) = bed();
        let from = Joints::from_slice(&OVER).unwrap();
        let head = head_below(work, &from, 0.0003);
        let back = |by: f64| {
            let tip = work.base_from_tip(&from);
            let pose = tip.raw() * Translation3::new(0.0, 0.0, -by);
            let flange = work.flange_for_tip(&Transform::from_raw(pose));
            work.arm().inverse_near(&flange, &from).unwrap()
        };
        for by in [0.0, 0.0005, 0.01, 0.08] {
            assert!(
                work.comes_no_nearer(&from, &back(by), &head, BY),
                "{by} m back"
            );
        }
        // Less than is forgiven, and more.
        assert!(work.comes_no_nearer(&from, &back(-0.00005), &head, BY));
        assert!(!work.comes_no_nearer(&from, &back(-0.00015), &head, BY));
        assert!(!work.comes_no_nearer(&from, &back(0.01), &head, Length::ZERO));
        assert!(!work.comes_no_nearer(&from, &from.map(|_| f64::NAN), &head, BY));
        assert!(!work.comes_no_nearer(&from, &Joints::zeros(5), &head, BY));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        // The law: what is proven holds at every sample, wherever the way leads.
        #[test]
        fn what_is_proven_comes_no_nearer_anywhere(
            gap in -0.003f64..0.004,
            along in -0.02f64..0.06,
            aside in -0.01f64..0.01,
            off in proptest::array::uniform6(-0.02f64..0.02),
        ) {
            let (work, _) = bed();
            let from = Joints::from_slice(&OVER).unwrap();
            let head = head_below(work, &from, gap);
            let pose = work.base_from_tip(&from).raw() * Translation3::new(aside, 0.0, -along);
            let flange = work.flange_for_tip(&Transform::from_raw(pose));
            let to = work.arm().inverse_near(&flange, &from).unwrap();
            let to = to.zip(&Joints::from_slice(&off).unwrap(), |q, o| q + o * aside.abs() * 100.0);
            let at = |s: f64| work.nose_and_tip(&from.lerp(&to, s), &head);
            let begun = at(0.0);
            let nearest = (0..=400).map(|k| at(f64::from(k) / 400.0)).fold(begun, |least, at| {
                [least[0].min(at[0]), least[1].min(at[1])]
            });
            // The tip's is exact; the nose's a bound, which may be a little smaller in between.
            let kept = |slack: f64| {
                nearest[0] >= begun[0] - slack - 2e-4 && nearest[1] >= begun[1] - slack - 1e-9
            };
            if work.comes_no_nearer(&from, &to, &head, BY) {
                prop_assert!(kept(BY.m()), "{begun:?} {nearest:?}");
            } else {
                // And nearly all that holds is proven.
                prop_assert!(nearest[0] < begun[0] || nearest[1] < begun[1] - 0.5 * BY.m());
            }
        }
    }
}
