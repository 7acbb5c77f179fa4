//! What is shown once for a part of joint space need not be shown again for every configuration and motion in it.
//!
//! Dots beside each other are worked on with the arm nearly as it was. All that is far from what it must not touch, by far the most, is
//! proven clear for the whole neighbourhood at once; what is left for each dot and hop is the nose over the skin.

use arrayvec::ArrayVec;
use nalgebra::{Isometry3, SMatrix, SVector};

use super::sweep::Sweep;
use super::work_cell::{Frames, WorkCell};
use crate::frames::{Base, Head, Transform};
use crate::joints::{Joints, MAX_JOINTS};

/// A few small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Set<WORDS> {
    const EMPTY: Self = Self([0; WORDS]);

    pub(super) fn has(&self, i: usize) -> bool {
        let word = self.0.get(i / 64);
        word.is_some_and(|w| w >> (i % 64) & 1 == 1)
    }

    /// Numbers too large to be held are left out.
    fn insert(&mut self, i: usize) {
        if let Some(word) = self.0.get_mut(i / 64) {
            *word |= 1 << (i % 64);
        }
    }
}

/// What is known to be clear: bodies against the head, bodies against the scene, watched pairs, each by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) head: Set<1>,
    pub(super) scene: Set<1>,
    pub(super) pairs: Set<4>,
}

impl Known {
    pub(super) const NOTHING: Self = Self {
        head: Set::EMPTY,
        scene: Set::EMPTY,
        pairs: Set::EMPTY,
    };
}

/// The part of joint space around some configurations: where every joint is within a range of its own, and every combination of joints
/// along which they vary is, too.
#[derive(Debug, Clone)]
struct Part {
    middle: Joints,
    /// The farthest each joint is from the middle, rad.
    turns: Joints,
    /// Orthonormal directions, and the farthest along them from the middle, rad.
    directions: ArrayVec<(Joints, f64), MAX_JOINTS>,
}

fn dot(a: &Joints, b: &Joints) -> f64 {
    let products = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a * b);
    products.sum()
}

impl Part {
    /// The part around configurations; `None` where there are none, or their numbers make none.
    fn around(configurations: &[Joints]) -> Option<Self> {
        let first = configurations.first()?;
        let sound = |q: &Joints| q.is_finite() && q.dof() == first.dof();
        if !configurations.iter().all(sound) {
            return None;
        }
        let mut scatter = SMatrix::<f64, MAX_JOINTS, MAX_JOINTS>::zeros();
        for q in configurations {
            let off = q.zip(first, |q, f| q - f);
            let mut column = SVector::<f64, MAX_JOINTS>::zeros();
            column.as_mut_slice()[..off.dof()].copy_from_slice(off.as_slice());
            scatter += column * column.transpose();
        }
        // Any orthonormal directions would do; along these the configurations vary independently, which makes the part small.
        let eigen = scatter.try_symmetric_eigen(1e-15, 100)?;
        let mut part = Self {
            middle: *first,
            turns: Joints::zeros(first.dof()),
            directions: ArrayVec::new(),
        };
        for column in eigen.eigenvectors.column_iter() {
            let direction = Joints::from_slice(&column.as_slice()[..first.dof()])?;
            let along = configurations
                .iter()
                .map(|q| dot(&direction, &q.zip(first, |q, f| q - f)));
            let (low, high) = along.fold((0.0_f64, 0.0_f64), |(l, h), a| (l.min(a), h.max(a)));
            let shift = 0.5 * (low + high);
            part.middle = part.middle.zip(&direction, |m, d| m + shift * d);
            part.directions.push((direction, 0.5 * (high - low)));
        }
        let farthest = |turns: Joints, q: &Joints| {
            let off = q.zip(&part.middle, |q, m| (q - m).abs());
            turns.zip(&off, f64::max)
        };
        part.turns = configurations.iter().fold(part.turns, farthest);
        // Room for the rounding of what is in it to the last bit.
        part.turns = part.turns.map(|t| t + ROUNDING);
        for (_, half) in &mut part.directions {
            *half += ROUNDING;
        }
        Some(part)
    }

    /// Whether everything that the spans lead to from a configuration is in it.
    fn holds(&self, q: &Joints, spans: &[Joints]) -> bool {
        let off = q.zip(&self.middle, |q, m| q - m);
        let sound = q.dof() == self.middle.dof() && spans.iter().all(|s| s.dof() == q.dof());
        let all_spans = |of: &dyn Fn(&Joints) -> f64| spans.iter().map(of).sum::<f64>();
        let joint = |i: usize| {
            let spanned = all_spans(&|s| s.as_slice()[i].abs());
            off.as_slice()[i].abs() + spanned <= self.turns.as_slice()[i]
        };
        let direction = |(direction, half): &(Joints, f64)| {
            let spanned = all_spans(&|s| dot(direction, s).abs());
            dot(direction, &off).abs() + spanned <= *half
        };
        sound && (0..q.dof()).all(joint) && self.directions.iter().all(direction)
    }
}

/// rad.
const ROUNDING: f64 = 1e-9;

/// A cell with the head in one place, and a part of joint space with what is proven clear all over it.
///
/// Answers are those of the cell itself: what is settled is clear by the same margins, and outside the part nothing is spared.
#[derive(Clone)]
pub struct Settled<'a> {
    pub(super) cell: &'a WorkCell,
    pub(super) base_from_head: Transform<Base, Head>,
    part: Option<Part>,
    known: Known,
}

impl<'a> Settled<'a> {
    /// Nothing is settled yet.
    #[must_use]
    pub const fn nothing(cell: &'a WorkCell, base_from_head: &Transform<Base, Head>) -> Self {
        Self {
            cell,
            base_from_head: *base_from_head,
            part: None,
            known: Known::NOTHING,
        }
    }

    /// Settles what can be settled for the part of joint space around some configurations (rad), which holds all straight ways between
    /// them. The nearer they are to each other, the more that is.
    #[must_use]
    pub fn around(
        cell: &'a WorkCell,
        base_from_head: &Transform<Base, Head>,
        configurations: &[Joints],
    ) -> Self {
        let mut settled = Self::nothing(cell, base_from_head);
        let part = Part::around(configurations);
        if let Some(part) = part.filter(|part| cell.is_usable(&part.middle, base_from_head)) {
            settled.known = cell.known_in(&part, base_from_head);
            settled.part = Some(part);
        }
        settled
    }

    /// The cell.
    #[must_use]
    pub const fn cell(&self) -> &'a WorkCell {
        self.cell
    }

    /// Where the head is.
    #[must_use]
    pub const fn base_from_head(&self) -> &Transform<Base, Head> {
        &self.base_from_head
    }

    /// What is known of everything that the spans lead to from a configuration.
    pub(super) fn known_of(&self, q: &Joints, spans: &[Joints]) -> &Known {
        match &self.part {
            Some(part) if part.holds(q, spans) => &self.known,
            _ => &Known::NOTHING,
        }
    }
}

impl WorkCell {
    /// What is clear all over a part.
    fn known_in(&self, part: &Part, base_from_head: &Transform<Base, Head>) -> Known {
        let frames = self.body_frames(&part.middle);
        let spans: ArrayVec<Joints, MAX_JOINTS> = part
            .directions
            .iter()
            .map(|(direction, half)| direction.map(|d| d * half))
            .collect();
        let sweep = Sweep::<MAX_JOINTS>::new(&frames, &spans).turning_at_most(&part.turns);
        self.clear_all_over(
            &frames,
            &sweep,
            base_from_head.inverse().raw(),
            &Known::NOTHING,
        )
    }

    /// What is clear all over a sweep besides what is known to be.
    pub(super) fn clear_all_over<const SPANS: usize>(
        &self,
        frames: &Frames,
        sweep: &Sweep<SPANS>,
        head_from_base: &Isometry3<f64>,
        known: &Known,
    ) -> Known {
        let mut known = *known;
        for body in (0..self.bodies.len()).filter(|i| self.bodies[*i].carrier > 0) {
            // The nose over the skin is never clear for more than a few dots.
            let is_nose = body + 1 == self.bodies.len();
            let head = !(is_nose || known.head.has(body));
            let scene = !known.scene.has(body);
            if !(head || scene) {
                continue;
            }
            let motion = self.motion_of(sweep, body);
            let clear = |what| self.body_obstacle(frames, &motion, what, body).is_none();
            if head && clear((Some(head_from_base), false)) {
                known.head.insert(body);
            }
            if scene && clear((None, true)) {
                known.scene.insert(body);
            }
        }
        if (0..self.watched.len()).all(|i| known.pairs.has(i)) {
            return known;
        }
        let cores = self.cores(frames);
        for (i, pair) in self.watched.iter().enumerate() {
            if !known.pairs.has(i) && self.pair_is_clear((frames, &cores), sweep, *pair) {
                known.pairs.insert(i);
            }
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cell::SceneBox;
    use crate::clearance::Obstacle;
    use crate::testing::{ball, cell};

    /// The arm over a ball, with a shelf beside it.
    fn bed() -> &'static (WorkCell, Transform<Base, Head>) {
        static BED: std::sync::OnceLock<(WorkCell, Transform<Base, Head>)> =
            std::sync::OnceLock::new();
        BED.get_or_init(built)
    }

    fn built() -> (WorkCell, Transform<Base, Head>) {
        let mut cell = cell();
        cell.boxes.push(SceneBox {
            name: "shelf".to_owned(),
            base_from_box: Transform::from_xyz_rpy([0.3, 0.5, 0.4], [0.0; 3]),
            size: [0.4, 0.1, 0.4],
        });
        let work = WorkCell::new(&cell, &ball(0.09, 24, true)).unwrap();
        (work, cell.base_from_head)
    }

    fn about(middle: &[f64], offsets: &[[f64; 6]], spread: f64) -> Vec<Joints> {
        let middle = Joints::from_slice(middle).unwrap();
        let at = |o: &[f64; 6]| {
            middle.zip(&Joints::from_slice(o).unwrap(), |m, o| {
                m + spread * (2.0 * o - 1.0)
            })
        };
        offsets.iter().map(at).collect()
    }

    /// Over the ball, tool down.
    const OVER: [f64; 6] = [0.24, -1.45, 1.75, -1.87, -1.571, 0.0];

    #[test]
    fn beside_each_other_nearly_everything_is_settled() {
        let (work, head) = bed();
        let around = about(
            &OVER,
            &[[0.0; 6], [1.0; 6], [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]],
            0.02,
        );
        assert_eq!(work.blocked(&around[0], head), None);
        let settled = Settled::around(work, head, &around);
        let moving = work.bodies.len() - 1;
        let held = |set: &Set<1>| (0..work.bodies.len()).filter(|i| set.has(*i)).count();
        assert!(held(&settled.known.head) + 2 >= moving);
        assert_eq!(held(&settled.known.scene), moving);
        let pairs = (0..work.watched.len()).filter(|i| settled.known.pairs.has(*i));
        assert!(pairs.count() * 10 >= work.watched.len() * 8);
        let (middle, span) = (
            around[0].lerp(&around[1], 0.5),
            around[1].zip(&around[0], |b, a| 0.5 * (b - a)),
        );
        assert_ne!(settled.known_of(&middle, &[span]), &Known::NOTHING);
        let far = span.map(|s| 1.01 * s);
        assert_eq!(settled.known_of(&middle, &[far]), &Known::NOTHING);
    }

    #[test]
    fn numbers_that_make_no_part_settle_nothing() {
        let (work, head) = bed();
        let q = Joints::from_slice(&OVER).unwrap();
        for wrong in [
            vec![],
            vec![q, q.map(|_| f64::NAN)],
            vec![q, Joints::zeros(5)],
            vec![Joints::zeros(5)],
        ] {
            let settled = Settled::around(work, head, &wrong);
            assert_eq!(settled.known_of(&q, &[]), &Known::NOTHING);
            assert_eq!(settled.blocked(&q), work.blocked(&q, head));
        }
        let settled = Settled::around(work, head, &[q]);
        assert_eq!(settled.blocked(&Joints::zeros(5)), Some(Obstacle::Unknown));
        let longer = q.map(|q| q + 0.1);
        assert_eq!(
            settled.segment_blocked(&q, &Joints::zeros(5)),
            Some(Obstacle::Unknown)
        );
        assert_eq!(
            settled.segment_blocked(&q, &longer),
            work.segment_blocked(&q, &longer, head)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        // The law: the same answers as without, within the part and outside of it.
        #[test]
        fn what_is_settled_changes_no_answer(
            off in proptest::array::uniform6(-1.0f64..1.0),
            away in 0.0f64..1.0,
            spread in 0.003f64..0.15,
            corners in proptest::collection::vec(proptest::array::uniform6(0.0f64..1.0), 2..6),
            shares in proptest::collection::vec(0.0f64..1.0, 6),
            outside in 0.5f64..1.5,
        ) {
            let (work, head) = bed();
            let middle: Vec<f64> = OVER.iter().zip(off).map(|(m, o)| m + away * o).collect();
            let around = about(&middle, &corners, spread);
            let settled = Settled::around(work, head, &around);
            let mixed = |by: &[f64]| {
                by.iter().zip(&around).fold(around[0], |q, (s, corner)| q.lerp(corner, *s))
            };
            let (a, b) = (mixed(&shares[..3]), mixed(&shares[3..]));
            prop_assert!(settled.part.as_ref().unwrap().holds(&a, &[]));
            for q in [a, b, a.lerp(&b, 0.3), a.zip(&b, |a, b| a + outside * 3.0 * (b - a))] {
                prop_assert_eq!(settled.blocked(&q), work.blocked(&q, head));
            }
            let plain = work.segment_blocked(&a, &b, head);
            let spared = settled.segment_blocked(&a, &b);
            prop_assert!(plain.is_some() || spared.is_none());
            if spared.is_none() {
                for k in 0..=20 {
                    prop_assert_eq!(work.blocked(&a.lerp(&b, f64::from(k) / 20.0), head), None);
                }
            }
        }
    }
}
