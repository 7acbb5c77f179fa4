//! Hazard H12 near the skin: where the tip is lower than hovering it is slow, on heads with bumps, ridges and hollows and after they moved.

use nalgebra::{UnitQuaternion, Vector3};

use super::tip::TipBounds;
use super::{HopTarget, Trajectory, hop, lift};
use crate::cell::Cell;
use crate::clearance::WorkCell;
use crate::frames::{Base, Direction, Head, Point, Tip, Transform};
use crate::joints::Joints;
use crate::limits::{HOVER, HOVER_TOLERANCE, SPEED_HOVER, SPEED_NEAR_SKIN};
use crate::mesh::SurfaceMesh;
use crate::plan::tip_pose;
use crate::testing::{ball, cell};
use crate::units::Angle;

/// How far the skin is from the middle of the head in a direction of length one, metres.
type Shape = fn(&Vector3<f64>) -> f64;

fn bumps(d: &Vector3<f64>) -> f64 {
    0.09 + 0.0015 * (11.0 * d.x).sin() * (9.0 * d.y).cos() + 0.0004 * (37.0 * d.y).sin()
}

/// Ridges 9 mm apart, 0.6 mm high.
fn ridges(d: &Vector3<f64>) -> f64 {
    0.09 + 0.0003 * (62.0 * d.x).sin()
}

/// A dent of 6 mm about a place on its upper half.
fn hollow(d: &Vector3<f64>) -> f64 {
    let aside = (d - Vector3::new(-0.5, 0.1, 0.85).normalize()).norm();
    0.09 - 0.006 * (-(aside / 0.2).powi(2)).exp()
}

struct Bed {
    cell: Cell,
    work: WorkCell,
    shape: Shape,
}

impl Bed {
    fn new(shape: Shape) -> Self {
        let ball = ball(1.0, 110, true);
        let vertices = ball.vertices().iter().map(|p| {
            let d = p.raw().normalize();
            Point::from_raw(d * shape(&d))
        });
        let head = SurfaceMesh::new(vertices.collect(), ball.triangles().to_vec()).unwrap();
        let cell = cell();
        let work = WorkCell::new(&cell, &head).unwrap();
        Self { cell, work, shape }
    }

    fn normal(&self, d: &Vector3<f64>) -> Vector3<f64> {
        let across = d.cross(&Vector3::new(0.3, 0.5, 0.8)).normalize();
        let step = |v: &Vector3<f64>| {
            let at = |s: f64| {
                let d = (d + v * s).normalize();
                d * (self.shape)(&d)
            };
            at(1e-3) - at(-1e-3)
        };
        let normal = step(&across).cross(&step(&d.cross(&across))).normalize();
        if normal.dot(d) > 0.0 { normal } else { -normal }
    }

    fn over(&self, d: &Vector3<f64>, roll: f64) -> Transform<Head, Tip> {
        let needle = Direction::new(-self.normal(d)).unwrap();
        let at = Point::from_raw(d * (self.shape)(d));
        tip_pose(&at, &needle, Angle::from_rad(roll), HOVER)
    }

    fn clear_at(&self, d: &Vector3<f64>) -> Option<(f64, Joints)> {
        (0..24).find_map(|k| {
            let roll = f64::from(k) * 0.26;
            let flange = self
                .work
                .flange_for_tip(&(self.cell.base_from_head * self.over(d, roll)));
            let solutions = self
                .work
                .arm()
                .inverse(&flange, &self.work.arm().mid_range());
            let clear = |q: &Joints| self.work.blocked(q, &self.cell.base_from_head).is_none();
            solutions.into_iter().find(clear).map(|q| (roll, q))
        })
    }

    /// Samples of a motion with the tip below hover height; each of them is slow, and so near the skin at hover speed at most.
    fn low_samples(&self, motion: &Trajectory, base_from_head: &Transform<Base, Head>) -> usize {
        let tip = TipBounds::new(&self.work, base_from_head);
        let steps = (motion.duration() / 5e-4).ceil();
        let mut low = 0;
        for k in 0..=steps as usize {
            let sample = motion.at(motion.duration() * k as f64 / steps);
            let height = self.work.field().exact(&tip.place(&sample.position));
            let speed = tip.speed(&sample.position, &sample.velocity);
            if height < HOVER.m() - HOVER_TOLERANCE.m() {
                low += 1;
                let limit = SPEED_NEAR_SKIN.m_per_s() * (1.0 + 1e-9);
                assert!(speed <= limit, "{speed} m/s at {height} m, {k} of {steps}");
            } else if height < 0.015 {
                let limit = SPEED_HOVER.m_per_s() * (1.0 + 1e-9);
                assert!(speed <= limit, "{speed} m/s at {height} m, {k} of {steps}");
            }
        }
        low
    }
}

/// H12.
#[test]
fn below_hover_height_the_tip_is_slow() {
    for shape in [bumps as Shape, ridges, hollow] {
        let bed = Bed::new(shape);
        let (mut hops, mut with_low, mut quick) = (0, 0, 0);
        for k in 0..60 {
            let (polar, around) = (0.15 + 0.012 * f64::from(k), 2.4 * f64::from(k));
            let flat = f64::sin(polar);
            let d = Vector3::new(flat * around.cos(), flat * around.sin(), polar.cos());
            let Some((roll, from)) = bed.clear_at(&d) else {
                continue;
            };
            // The head as planned, and nearer by 0.6 mm.
            let tip = bed.work.base_from_tip(&from);
            let nearer = f64::from(k % 3 / 2) * 0.6e-3;
            let mut moved = *bed.cell.base_from_head.raw();
            moved.translation.vector += tip.raw().rotation * Vector3::new(0.0, 0.0, -nearer);
            let head = Transform::from_raw(moved);
            // Over the skin as it is now.
            let mm = [1.5, 3.0, 7.0, 14.0][k as usize % 4];
            let axis = d
                .cross(&Vector3::new(around.sin(), 0.3, around.cos()))
                .normalize();
            let turn = UnitQuaternion::from_scaled_axis(axis * (mm * 1e-3 / 0.09));
            let target = HopTarget {
                head_from_tip: bed.over(&(turn * d), roll),
                seed: from,
            };
            let Ok(motion) = hop(&bed.work, &head, &from, &target) else {
                continue;
            };
            if bed.work.blocked(&from, &head).is_some() {
                // From within the nose's margin it begins by leading away.
                continue;
            }
            hops += 1;
            let low = bed.low_samples(&motion, &head);
            with_low += usize::from(low > 0);
            quick += usize::from(low == 0 && motion.duration() < mm / 50.0 * 1.2 + 0.1);
            // A lift from below hover height leads away, and need not be slow.
            let up = lift(&bed.work, &head, &from).unwrap();
            let tip = TipBounds::new(&bed.work, &head);
            let height = |k: u32| {
                let at = up.at(up.duration() * f64::from(k) / 200.0).position;
                bed.work.field().exact(&tip.place(&at))
            };
            let lowest = HOVER.m() - HOVER_TOLERANCE.m();
            assert!((0..200).all(|k| height(k) >= lowest || height(k + 1) >= height(k)));
        }
        eprintln!("{hops} hops, {with_low} with the tip low, {quick} quick");
        assert!(hops > 30 && with_low > 5 && quick > 10);
    }
}
