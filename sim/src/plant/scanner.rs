//! A scanner that looks at the head from above its forehead, as a depth camera on a stand does.

use nalgebra::Vector3;
use rand_chacha::ChaCha8Rng;
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::mesh::SurfaceMesh;

use crate::chance::normal;

/// Where it stands, seen from the head's middle.
const FROM: Vector3<f64> = Vector3::new(0.6, 0.25, 0.75);

/// How it sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScannerConfig {
    /// Points of the head at most.
    pub points: usize,
    /// Standard deviation of a point along each axis, metres. Source: structured-light scanners' data sheets.
    pub noise_m: f64,
}

impl Default for ScannerConfig {
    fn default() -> Self {
        Self {
            points: 3_000,
            noise_m: 1e-4,
        }
    }
}

/// The scanner.
#[derive(Debug, Clone)]
pub struct SimScanner {
    /// What it sees of the head.
    points: Vec<Point<Head>>,
    noise: f64,
    rng: ChaCha8Rng,
}

impl SimScanner {
    pub(super) fn new(head: &SurfaceMesh<Head>, config: ScannerConfig, rng: ChaCha8Rng) -> Self {
        let from = FROM.normalize();
        let facing = head.vertex_area_vectors();
        let seen: Vec<Point<Head>> = head
            .vertices()
            .iter()
            .zip(facing)
            // Grazing looks bring no points back.
            .filter(|(_, normal)| normal.dot(&from) > 0.3 * normal.norm())
            .map(|(at, _)| *at)
            .collect();
        let step = seen.len().div_ceil(config.points.max(1)).max(1);
        Self {
            points: seen.into_iter().step_by(step).collect(),
            noise: config.noise_m,
            rng,
        }
    }

    /// What it sees of a head that is there.
    pub fn scan(&mut self, base_from_head: &Transform<Base, Head>) -> Vec<Point<Base>> {
        let (noise, rng) = (self.noise, &mut self.rng);
        let mut noisy = |p: &Point<Head>| {
            let at = (*base_from_head * *p).raw();
            Point::from_raw(at + Vector3::from_fn(|_, _| normal(rng, noise)))
        };
        self.points.iter().map(&mut noisy).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use stipple_controller::ports::Micros;
    use stipple_controller::registration::{
        HeadScan, LastScan, Registrar, Registration, RegistrationError, Tracked,
    };

    use super::*;
    use crate::testing::small_plan;

    /// What comes of scans with the tracker off along y by so much before and after, metres.
    fn registered(offs: &[(f64, f64)]) -> Vec<(f64, Result<Registration, RegistrationError>)> {
        let (plan, _) = small_plan(4);
        let registrar = Registrar::new(&plan, LastScan::default()).unwrap();
        let rng = ChaCha8Rng::seed_from_u64(3);
        let mut scanner = SimScanner::new(&plan.head, ScannerConfig::default(), rng);
        let head = plan.cell.base_from_head;
        let tracked = |off: f64| {
            let mut iso = *head.raw();
            iso.translation.vector.y += off;
            Transform::from_raw(iso)
        };
        let mut register = |&(before, after): &(f64, f64)| {
            let scan = HeadScan {
                points: scanner.scan(&head),
                tracked: Tracked {
                    at: Micros::ZERO,
                    before: tracked(before),
                    after: tracked(after),
                },
            };
            (after, registrar.register(&scan))
        };
        offs.iter().map(&mut register).collect()
    }

    #[test]
    fn a_scan_registers_a_head_that_was_still_and_tracked_nearly_right() {
        let offs = [0.0, 0.4e-3, 4e-3, 9e-3];
        for (off, found) in registered(&offs.map(|off| (off, off))) {
            let found = found.unwrap();
            assert!((found.moved.m() - off).abs() < 0.3e-3, "{off}: {found:?}");
            assert!(found.residual.mm() < 0.3, "{found:?}");
        }
    }

    #[test]
    fn a_head_that_moved_meanwhile_or_is_tracked_far_off_is_not_registered() {
        let offs = [(0.0, 0.6e-3), (0.6e-3, 0.0), (0.0, 0.4e-3), (12e-3, 12e-3)];
        let found = registered(&offs);
        let moved = |k: usize| matches!(found[k].1, Err(RegistrationError::Moved { .. }));
        assert!(moved(0) && moved(1) && found[2].1.is_ok(), "{found:?}");
        let far = &found[3].1;
        assert!(
            matches!(far, Err(RegistrationError::TooFar { moved_mm, .. }) if (11.0..13.0).contains(moved_mm)),
            "{far:?}"
        );
    }

    /// H3: a scanner that has not looked anew says nothing of where the head is now.
    #[test]
    fn a_scan_that_is_brought_once_more_registers_nothing() {
        let (plan, _) = small_plan(4);
        let last = LastScan::default();
        let registrar = Registrar::new(&plan, last.clone()).unwrap();
        let rng = ChaCha8Rng::seed_from_u64(3);
        let mut scanner = SimScanner::new(&plan.head, ScannerConfig::default(), rng);
        let head = plan.cell.base_from_head;
        let mut scan = |at| HeadScan {
            points: scanner.scan(&head),
            tracked: Tracked {
                at,
                before: head,
                after: head,
            },
        };
        let (first, second) = (scan(Micros(1)), scan(Micros(2)));
        assert_eq!(registrar.register(&first).unwrap().looked, Micros(1));
        let again = registrar.register(&first);
        assert!(matches!(again, Err(RegistrationError::Repeated)));
        registrar.register(&second).unwrap();
        // Nor does it when the plan was loaded again in between.
        let anew = Registrar::new(&plan, last).unwrap();
        let again = anew.register(&second);
        assert!(matches!(again, Err(RegistrationError::Repeated)));
        anew.register(&scan(Micros(3))).unwrap();
    }
}
