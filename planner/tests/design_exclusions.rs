//! Where a design excludes, nothing is laid, and everywhere else may be.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::Vector3;
use proptest::prelude::*;
use stipple_model::treatment::Treatment;
use stipple_planner::design::{self, DesignError};
use stipple_planner::dots;
use support::design::{pieces, region, still, text};

/// An area of the test heads drawn by angle round the vertical and height, mm: a horseshoe open in front, or a cap.
struct Drawn {
    from: f64,
    low: f64,
    high: f64,
    cap: bool,
}

impl Drawn {
    fn at(degrees: f64, z: f64) -> Vector3<f64> {
        let level = (1.0 - (z / 105.0).powi(2)).sqrt();
        let (sin, cos) = degrees.to_radians().sin_cos();
        Vector3::new(97.0 * level * cos, 76.0 * level * sin, z)
    }

    /// Points along it, closed, at most so many degrees and mm apart.
    fn along(&self, degrees: f64, mm: f64) -> Vec<Vector3<f64>> {
        let span = 360.0 - 2.0 * self.from;
        let round = (span / degrees).ceil() as u32;
        let level =
            |z: f64, k: u32| Self::at(self.from + span * f64::from(k) / f64::from(round), z);
        if self.cap {
            return (0..round).map(|k| level(self.low, k)).collect();
        }
        let rises = ((self.high - self.low) / mm).ceil() as u32;
        let up = |degrees: f64, k: u32| {
            Self::at(
                degrees,
                self.low + (self.high - self.low) * f64::from(k) / f64::from(rises),
            )
        };
        let mut along: Vec<Vector3<f64>> = (0..round).map(|k| level(self.low, k)).collect();
        along.extend((0..rises).map(|k| up(360.0 - self.from, k)));
        along.extend((0..round).map(|k| level(self.high, round - k)));
        along.extend((0..rises).map(|k| up(self.from, rises - k)));
        along
    }

    fn edge(&self) -> Vec<Vector3<f64>> {
        self.along(0.3, 0.5)
    }

    fn curve(&self) -> String {
        let points = self.along(3.5, 40.0);
        let list: Vec<String> = points
            .iter()
            .map(|p| format!("[{}, {}, {}]", p.x, p.y, p.z))
            .collect();
        format!("[{}]", list.join(","))
    }

    fn contains(&self, q: &Vector3<f64>) -> bool {
        let degrees = (q.y / 76.0)
            .atan2(q.x / 97.0)
            .to_degrees()
            .rem_euclid(360.0);
        if self.cap {
            q.z > self.low
        } else {
            (self.low..self.high).contains(&q.z)
                && (self.from..360.0 - self.from).contains(&degrees)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn no_dot_in_an_exclusion(
        places in prop::collection::vec((-170.0f64..170.0, 30.0f64..90.0), 1..6),
        radius in 0.1f64..8.0, margin in 0.0f64..5.0, seed in any::<u64>()
    ) {
        let ready = still(4);
        let points: Vec<String> = places.iter().map(|(a, e)| format!("[{a}, {e}]")).collect();
        let rest = region("full", 12.0) + &format!(
            "[[exclusions]]\nname = \"moles\"\npoints_deg = [{}]\nradius_mm = {radius}\nmargin_mm = {margin}\n\
             [[exclusions]]\nname = \"wound\"\ncurve_deg = [[-20, 70], [20, 70], [90, 85], [-90, 85]]\nmargin_mm = {margin}\n\
             [existing]\npoints_deg = [{}]",
            points.join(","), points.join(",")
        );
        let treatment = Treatment::parse(&text("", &rest)).unwrap();
        let scalp = design::lay(&ready.subject(), &treatment, seed).unwrap();
        let field = dots::layout(&ready.head, &scalp, &treatment, seed, &stipple_planner::to_the_end).unwrap();
        prop_assert_eq!(field.dots.len() as u32, scalp.quotas.iter().sum::<u32>());
        prop_assert_eq!(scalp.existing.len(), places.len());
        for dot in &field.dots {
            let distance = scalp.exclusion_distance(&dot.position).unwrap().mm();
            prop_assert!(distance > margin - 1e-9, "{}", distance);
            // Independently: the points' own places, which are those of the existing hairs.
            for p in &scalp.existing {
                let mm = dot.position.distance(p) * 1e3;
                prop_assert!(mm >= radius + margin - 1e-9 && distance <= (mm - radius).max(0.0) + 1e-9, "{} {}", mm, distance);
            }
        }
        // Right beside an exclusion's margin dots are possible: it takes no more than it says.
        let bare = Treatment::parse(&text("", &region("full", 12.0))).unwrap();
        let bare = design::lay(&ready.subject(), &bare, seed).unwrap();
        let lost = bare.area().cm2() - scalp.area().cm2();
        let wanted = pieces(&ready.head, 4)
            .filter(|(p, _)| bare.at(p).is_some() && scalp.violated(p).is_some())
            .fold(0.0, |sum, (_, area)| sum + area.cm2());
        prop_assert!((lost - wanted).abs() < 0.03 * wanted + 0.3, "{} {}", lost, wanted);
    }

    /// Round the back, with horns far forward, or a cap over the top: where a curve reaches, nothing is laid, and all else is.
    #[test]
    fn exclusions_hold_wherever_they_reach(
        from in 20.0f64..170.0, low in -40.0f64..55.0, height in 8.0f64..80.0, margin in 0.0f64..6.0, cap in any::<bool>()
    ) {
        let (from, lowest) = if cap { (0.0, low.max(20.0)) } else { (from, low) };
        let drawn = Drawn { from, low: lowest, high: (low + height).min(98.0), cap };
        let ready = still(4);
        let bare = ready.lay(&text("", &region("full", 3.0))).unwrap();
        let rest = region("full", 3.0) + &format!(
            "[[exclusions]]\nname = \"donor hair\"\nmargin_mm = {margin}\ncurve_mm = {}\n", drawn.curve()
        );
        let treatment = Treatment::parse(&text("", &rest)).unwrap();
        let scalp = match design::lay(&ready.subject(), &treatment, 1) {
            Err(DesignError::ZoneTooSmall { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        let from_head = ready.registration.head_from_scan.inverse();
        let edge = drawn.edge();
        let mut seen = [0, 0];
        for (p, _) in pieces(&ready.head, 4).filter(|(p, _)| bare.at(p).is_some()) {
            let violated = scalp.violated(&p).is_some();
            let distance = scalp.exclusion_distance(&p).unwrap().mm();
            if (distance - margin).abs() > 0.02 {
                prop_assert_eq!(scalp.at(&p).is_none(), violated, "{:?} {}", p, distance);
            }
            // By the ellipsoid alone, good to half a millimetre.
            let q = (from_head * p).raw() * 1e3;
            let to_edge = edge.iter().map(|e| (e - q).norm()).fold(f64::INFINITY, f64::min);
            let must = if drawn.contains(&q) { to_edge > 0.5 } else { to_edge < margin - 0.5 };
            let may_not = !drawn.contains(&q) && to_edge > margin + 0.5;
            prop_assert!(!must || violated, "{:?} {} mm from the edge", q, to_edge);
            prop_assert!(!may_not || !violated, "{:?} {} mm from the edge", q, to_edge);
            prop_assert!(!drawn.contains(&q) || to_edge < 0.5 || distance == 0.0, "{:?} {}", q, distance);
            seen[usize::from(violated)] += 1;
        }
        prop_assert!(seen[0] > 20);
        let field = dots::layout(&ready.head, &scalp, &treatment, 1, &stipple_planner::to_the_end).unwrap();
        for dot in &field.dots {
            prop_assert_eq!(scalp.violated(&dot.position), None);
            let q = (from_head * dot.position).raw() * 1e3;
            let to_edge = edge.iter().map(|e| (e - q).norm()).fold(f64::INFINITY, f64::min);
            prop_assert!(to_edge > margin - 0.5 && (to_edge < 0.5 || !drawn.contains(&q)), "{:?}", q);
        }
    }
}
