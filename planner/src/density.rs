//! How dense dots are and how dense they were wanted, at any place, measured the same way: a kernel over the skin.
//!
//! Both are counts weighted by a kernel, over the skin's area weighted by the same kernel. Near the edge of the treated area only treated
//! skin counts, so the edge does not look thin.

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};
use stipple_model::plan::{Outcome, Plan, Wanted};
use stipple_model::units::{Density, Length};

use crate::dots::grid::Grid;

/// The kernel's radius for maps: (1 − r²/h²)² within `h`. Source: at 60 dots/cm² some 40 dots count with full weight, so that the dots'
/// own spacing does not show and a change of density over a centimetre does.
pub const BANDWIDTH: Length = Length::from_mm(8.0);

/// Densities at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Densities {
    /// Share of the kernel that lies on treated skin, about 1 inside and ½ at a straight edge.
    pub treated: f64,
    /// What the design asks for, all layers together.
    pub wanted: Density,
    /// What the planned dots make.
    pub achieved: Density,
}

/// Densities over a plan's scalp.
pub struct DensityField<'a> {
    radius: f64,
    wanted: &'a [Wanted],
    pieces: Grid,
    places: Vec<Vector3<f64>>,
    dots: Grid,
    points: Vec<Vector3<f64>>,
}

impl<'a> DensityField<'a> {
    /// The planned dots of a plan against its design.
    #[must_use]
    pub fn of_plan(plan: &'a Plan, bandwidth: Length) -> Self {
        let planned = plan
            .dots
            .iter()
            .filter(|d| matches!(d.outcome, Outcome::Planned { .. }));
        Self::new(&plan.wanted, planned.map(|d| d.position), bandwidth)
    }

    /// Any dots against a design.
    #[must_use]
    pub fn new(
        wanted: &'a [Wanted],
        dots: impl IntoIterator<Item = Point<Head>>,
        bandwidth: Length,
    ) -> Self {
        let radius = bandwidth.m().max(1e-6);
        let places: Vec<Vector3<f64>> = wanted.iter().map(|w| w.position.raw()).collect();
        let points: Vec<Vector3<f64>> = dots.into_iter().map(|p| p.raw()).collect();
        Self {
            radius,
            wanted,
            pieces: Grid::new(&places, radius),
            places,
            dots: Grid::new(&points, radius),
            points,
        }
    }

    /// The kernel; its integral over a plane is 1.
    fn kernel(&self, p: &Vector3<f64>, q: &Vector3<f64>) -> f64 {
        let t = 1.0 - (p - q).norm_squared() / (self.radius * self.radius);
        let t = t.max(0.0);
        3.0 * t * t / (std::f64::consts::PI * self.radius * self.radius)
    }

    /// The densities at a place of the skin; `None` where no treated skin is near.
    #[must_use]
    pub fn at(&self, place: &Point<Head>) -> Option<Densities> {
        let p = place.raw();
        let (mut treated, mut wanted, mut dots) = (0.0, 0.0, 0.0);
        self.pieces.near(&p, self.radius, |i| {
            let k = self.kernel(&p, &self.places[i as usize]);
            let piece = &self.wanted[i as usize];
            treated += k * piece.area.m2();
            wanted += k * piece.dots;
        });
        if treated <= 1e-3 {
            return None;
        }
        self.dots.near(&p, self.radius, |i| {
            dots += self.kernel(&p, &self.points[i as usize]);
        });
        Some(Densities {
            treated,
            wanted: Density::from_per_m2(wanted / treated),
            achieved: Density::from_per_m2(dots / treated),
        })
    }

    /// Share of the kernel at a place that lies in each zone.
    pub(crate) fn zones(&self, place: &Point<Head>, shares: &mut [f64]) {
        let p = place.raw();
        shares.fill(0.0);
        self.pieces.near(&p, self.radius, |i| {
            let piece = &self.wanted[i as usize];
            if let Some(share) = shares.get_mut(piece.zone as usize) {
                *share += self.kernel(&p, &self.places[i as usize]) * piece.area.m2();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_model::units::Area;

    /// A flat square of 60 mm, wanted at 50 per cm² on its left half and 100 on its right.
    fn square() -> Vec<Wanted> {
        let n = 60i32;
        (0..n * n)
            .map(|i| {
                let (x, y) = (f64::from(i % n) - 29.5, f64::from(i / n) - 29.5);
                Wanted {
                    position: Point::new(x * 1e-3, y * 1e-3, 0.0),
                    zone: u8::from(x > 0.0),
                    area: Area::from_cm2(0.01),
                    dots: if x > 0.0 { 1.0 } else { 0.5 },
                }
            })
            .collect()
    }

    #[test]
    fn a_lattice_of_known_density_is_measured_as_such_even_at_the_edge() {
        let wanted = square();
        // 1 dot per mm² everywhere: 100 per cm².
        let dots = wanted.iter().map(|w| w.position);
        let field = DensityField::new(&wanted, dots, BANDWIDTH);
        for (x, y, asked) in [
            (0.015, 0.0, 100.0),
            (-0.015, 0.0, 50.0),
            (0.0295, 0.0, 100.0),
        ] {
            let here = field.at(&Point::new(x, y, 0.0)).unwrap();
            assert!((here.achieved.per_cm2() / 100.0 - 1.0).abs() < 1e-9);
            assert!(
                (here.wanted.per_cm2() / asked - 1.0).abs() < 1e-9,
                "{here:?}"
            );
        }
        let at = |x: f64| field.at(&Point::new(x, 0.0, 0.0)).unwrap();
        assert!((at(0.0).treated - 1.0).abs() < 0.01);
        assert!((at(0.03).treated - 0.5).abs() < 0.02);
        assert!((at(0.0).wanted.per_cm2() - 75.0).abs() < 1e-6);
        assert_eq!(field.at(&Point::new(0.1, 0.0, 0.0)), None);
        let mut shares = [0.0; 2];
        field.zones(&Point::new(0.015, 0.0, 0.0), &mut shares);
        assert!(shares[0] < 1e-12 && (shares[1] - 1.0).abs() < 0.01);
    }

    #[test]
    fn without_dots_nothing_is_achieved() {
        let wanted = square();
        let field = DensityField::new(&wanted, [], BANDWIDTH);
        let here = field.at(&Point::origin()).unwrap();
        assert_eq!(here.achieved, Density::ZERO);
        assert!(
            DensityField::new(&[], [], BANDWIDTH)
                .at(&Point::origin())
                .is_none()
        );
    }
}
