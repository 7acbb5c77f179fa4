//! Laying a treatment's design on a head: zones, hairline, density, and what keeps clear.
//!
//! ```no_run
//! # use stipple_planner::{design, register, scan};
//! # use stipple_model::treatment::Treatment;
//! # fn f(scan: &scan::Scanned, registration: &register::Registration, treatment: &Treatment) -> Result<(), Box<dyn std::error::Error>> {
//! let head = scan.mesh.transformed(&registration.head_from_scan);
//! let scalp = design::scalp(&head, &registration.anatomy, treatment, 1)?;
//! println!("{} triangles may be dotted", scalp.patch.len());
//! # Ok(())
//! # }
//! ```

mod error;
mod margin;
mod regions;
pub(crate) mod skull;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point};
use stipple_model::limits::KEEP_OUT_MARGIN;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Finding, KeepOut, Zone};
use stipple_model::treatment::{DENSEST, MOST_DOTS, Region, Treatment};
use stipple_model::units::{Area, Density, Length};

pub use error::DesignError;
use margin::Margin;
use regions::{Regions, Spot, smoothstep};
use skull::Skull;

use crate::register::Anatomy;

/// Dots keep this far from the edge of a hole. Source: this project's own; the scanner's surface is least sure there.
const HOLE_MARGIN: Length = Length::from_mm(5.0);
/// Keep-outs are kept clear of by the safety margin and this, so that a dot is never right on it.
const KEEP_OUT_SLACK: f64 = 0.001;
/// A zone needs at least this much skin.
const LEAST_AREA: Area = Area::from_cm2(2.0);
/// Edge of the cells on which areas are summed.
const CELL: f64 = 0.001;

/// The design on one head: density and zone at every place of the surface.
#[derive(Debug, Clone)]
pub struct Scalp {
    /// The zones as the plan stores them, in the treatment's order.
    pub zones: Vec<Zone>,
    /// Triangles on which dots may be placed, ascending.
    pub patch: Vec<u32>,
    /// Volumes no tip may come near.
    pub keep_outs: Vec<KeepOut>,
    /// What the operator should know.
    pub findings: Vec<Finding>,
    /// Dots of each zone over all layers; they sum to the exact total.
    pub quotas: Vec<u32>,
    /// Hairs and dots that are there already; new dots keep their distance from them.
    pub existing: Vec<Point<Head>>,
    field: Field,
}

/// Zone and density at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Here {
    /// Index into [`Scalp::zones`].
    pub zone: u8,
    /// The density all layers together aim at.
    pub density: Density,
}

#[derive(Debug, Clone)]
struct Field {
    regions: Regions,
    margin: Margin,
    keep_outs: Vec<(Vector3<f64>, f64)>,
    /// Zone of each region, in the order of [`Region::ALL`].
    zones: [Option<u8>; 6],
    densities: Vec<f64>,
    feather: f64,
    transition: f64,
    edge_density: f64,
}

impl Field {
    fn new(
        head: &SurfaceMesh<Head>,
        treatment: &Treatment,
        regions: Regions,
        keep_outs: &[KeepOut],
    ) -> Self {
        let mut zones = [None; 6];
        for (index, design) in (0u8..).zip(&treatment.zones) {
            if let Some(i) = Region::ALL.iter().position(|r| *r == design.region) {
                zones[i] = Some(index);
            }
        }
        Self {
            regions,
            margin: Margin::new(head, HOLE_MARGIN.m()),
            keep_outs: keep_outs
                .iter()
                .map(|k| {
                    (
                        k.center.raw(),
                        (k.radius + KEEP_OUT_MARGIN).m() + KEEP_OUT_SLACK,
                    )
                })
                .collect(),
            zones,
            densities: treatment.zones.iter().map(|z| z.density.per_m2()).collect(),
            feather: treatment.feather.m(),
            transition: treatment.hairline.transition.m(),
            edge_density: treatment.hairline.edge_density,
        }
    }

    fn zone(&self, region: Region) -> Option<u8> {
        Region::ALL
            .iter()
            .position(|r| *r == region)
            .and_then(|i| self.zones[i])
    }

    fn at(&self, p: &Vector3<f64>) -> Option<(u8, f64)> {
        let spot = self.regions.spot(p)?;
        let zone = self.zone(spot.region)?;
        if self
            .keep_outs
            .iter()
            .any(|(center, clear)| (p - center).norm() < *clear)
            || self.margin.is_near(p)
        {
            return None;
        }
        let density = self.densities[zone as usize] * self.fade(&spot);
        (density > 0.0).then_some((zone, density))
    }

    /// The share of the full density: less in the hairline's transition, and towards untreated scalp.
    fn fade(&self, spot: &Spot) -> f64 {
        let ramp = |distance: f64, width: f64| {
            if width > 0.0 {
                smoothstep(distance / width)
            } else {
                1.0
            }
        };
        let front = self.edge_density
            + (1.0 - self.edge_density) * ramp(spot.behind_hairline, self.transition);
        let mut edge = spot.to_floor;
        if self.zone(Region::Sides).is_none() {
            edge = edge.min(spot.to_sides);
        }
        if self.zone(Region::Back).is_none() {
            edge = edge.min(spot.to_back);
        }
        // Never quite nothing, so that the least distance of dots stays bounded.
        front * (0.08 + 0.92 * ramp(edge, self.feather))
    }
}

impl Scalp {
    /// Zone and density at a point of the surface; `None` where no dot may be.
    #[must_use]
    pub fn at(&self, p: &Point<Head>) -> Option<Here> {
        self.field.at(&p.raw()).map(|(zone, density)| Here {
            zone,
            density: Density::from_per_m2(density),
        })
    }

    /// The same, from bare numbers: zone and dots per m².
    pub(crate) fn density(&self, p: &Vector3<f64>) -> Option<(u8, f64)> {
        self.field.at(p)
    }

    /// The area of all zones.
    #[must_use]
    pub fn area(&self) -> Area {
        self.zones.iter().fold(Area::ZERO, |sum, z| sum + z.area)
    }
}

/// Lays a treatment's design on a head. `head` is the scan in the head frame; `seed` chooses the hairline's unevenness.
///
/// # Errors
/// A head whose skull or forehead cannot be measured, a zone without skin, or more dots than fit.
pub fn scalp(
    head: &SurfaceMesh<Head>,
    anatomy: &Anatomy,
    treatment: &Treatment,
    seed: u64,
) -> Result<Scalp, DesignError> {
    let skull = Skull::measure(head, anatomy)?;
    let keep_outs = keep_outs(anatomy, &skull);
    let regions = Regions::new(skull, head, &anatomy.nasion, &treatment.hairline, seed)?;
    let mut field = Field::new(head, treatment, regions, &keep_outs);
    let (patch, areas, mut expected) = measure(head, &field, treatment.zones.len());
    for (design, area) in treatment.zones.iter().zip(&areas) {
        let area = Area::from_m2(*area);
        if area < LEAST_AREA {
            return Err(DesignError::ZoneTooSmall {
                zone: design.region.name(),
                area,
            });
        }
    }
    let sum: f64 = expected.iter().sum();
    let total = treatment.dots.map_or(sum.round() as u64, u64::from);
    if total == 0 || total > u64::from(MOST_DOTS) {
        return Err(DesignError::Count {
            dots: total,
            most: MOST_DOTS,
        });
    }
    let scale = total as f64 / sum;
    for density in field.densities.iter_mut().chain(expected.iter_mut()) {
        *density *= scale;
    }
    check_density(treatment, &field.densities, &areas, total)?;
    let quotas = apportion(&expected, total as u32);
    let zones =
        treatment
            .zones
            .iter()
            .zip(&areas)
            .zip(&expected)
            .map(|((design, &area), &dots)| Zone {
                name: design.region.name().to_owned(),
                area: Area::from_m2(area),
                target: Density::from_per_m2(dots / area),
            });
    let findings = findings(treatment, scale, &field, head);
    Ok(Scalp {
        zones: zones.collect(),
        patch,
        keep_outs,
        findings,
        quotas,
        existing: Vec::new(),
        field,
    })
}

fn check_density(
    treatment: &Treatment,
    densities: &[f64],
    areas: &[f64],
    total: u64,
) -> Result<(), DesignError> {
    let densest = treatment
        .zones
        .iter()
        .zip(densities)
        .max_by(|a, b| a.1.total_cmp(b.1));
    match densest {
        Some((zone, &density)) if Density::from_per_m2(density) > DENSEST => {
            Err(DesignError::TooDense {
                dots: total as u32,
                area: Area::from_m2(areas.iter().sum()),
                zone: zone.region.name(),
                density: Density::from_per_m2(density),
                most: DENSEST,
            })
        }
        _ => Ok(()),
    }
}

fn findings(
    treatment: &Treatment,
    scale: f64,
    field: &Field,
    head: &SurfaceMesh<Head>,
) -> Vec<Finding> {
    let finding = |code: &str, text: String| Finding {
        stage: "design".into(),
        code: code.into(),
        text,
    };
    let mut findings = Vec::new();
    if treatment.dots.is_some() && !(0.67..=1.5).contains(&scale) {
        findings.push(finding(
            "density_rescaled",
            format!("the exact total makes every zone {scale:.2} times as dense as its density_per_cm2 says on this head"),
        ));
    }
    let lost: f64 = (0..head.triangles().len())
        .filter(|&i| {
            let [a, b, c] = head.corners(i).map(|p| p.raw());
            let center = (a + b + c) / 3.0;
            field.margin.is_near(&center)
                && outward(head, i, &field.regions)
                && field.regions.spot(&center).is_some()
        })
        .map(|i| head.triangle_area(i).cm2())
        .sum();
    if lost > 0.5 {
        findings.push(finding("hole_in_scalp", format!("the scalp has holes; {lost:.1} cm² around them are left without dots, besides the holes themselves")));
    }
    findings
}

/// Whether a triangle faces away from the scalp's middle, as skin over the skull does and an ear's or a fold's inside does not.
fn outward(head: &SurfaceMesh<Head>, triangle: usize, regions: &Regions) -> bool {
    let normal = head.area_vector(triangle);
    let [a, b, c] = head.corners(triangle).map(|p| p.raw());
    let center = regions.skull().local(&((a + b + c) / 3.0));
    let along = regions.skull().local(&((a + b + c) / 3.0 + normal)) - center;
    along.dot(&center) > 0.4 * along.norm() * center.norm()
}

/// The triangles that have a part in a zone, and areas and expected dots per zone, summed on small cells.
fn measure(
    head: &SurfaceMesh<Head>,
    field: &Field,
    zones: usize,
) -> (Vec<u32>, Vec<f64>, Vec<f64>) {
    let mut patch = Vec::new();
    let (mut areas, mut expected) = (vec![0.0; zones], vec![0.0; zones]);
    for i in 0..head.triangles().len() {
        let corners = head.corners(i).map(|p| p.raw());
        if !outward(head, i, &field.regions) {
            continue;
        }
        let area = head.triangle_area(i).m2();
        let mut dotted = false;
        cells(&corners, |center, part| {
            if let Some((zone, density)) = field.at(&center) {
                let z = zone as usize;
                areas[z] += part * area;
                expected[z] += part * area * density;
                dotted = true;
            }
        });
        if dotted {
            patch.push(i as u32);
        }
    }
    (patch, areas, expected)
}

/// Visits the middles of equal cells of a triangle with each cell's share of its area.
fn cells(corners: &[Vector3<f64>; 3], mut visit: impl FnMut(Vector3<f64>, f64)) {
    let [a, b, c] = *corners;
    let longest = (b - a).norm().max((c - b).norm()).max((a - c).norm());
    // A triangle of a head is never longer than a few hundred cells; the cap only bounds nonsense.
    let n = ((longest / CELL).ceil().max(1.0) as usize).min(400);
    let (u, v) = ((b - a) / n as f64, (c - a) / n as f64);
    let part = 1.0 / (n * n) as f64;
    for i in 0..n {
        for j in 0..n - i {
            let corner = a + u * i as f64 + v * j as f64;
            visit(corner + (u + v) / 3.0, part);
            if i + j + 1 < n {
                visit(corner + (u + v) * (2.0 / 3.0), part);
            }
        }
    }
}

/// Splits a whole number in proportion; the largest remainders round up, so the parts sum exactly.
pub(crate) fn apportion(weights: &[f64], total: u32) -> Vec<u32> {
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|w| w / sum * f64::from(total)).collect();
    let mut parts: Vec<u32> = exact.iter().map(|e| e.floor() as u32).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| {
        (exact[b] - exact[b].floor())
            .total_cmp(&(exact[a] - exact[a].floor()))
            .then(a.cmp(&b))
    });
    let missing = total.saturating_sub(parts.iter().sum()) as usize;
    order
        .into_iter()
        .cycle()
        .take(missing)
        .for_each(|i| parts[i] += 1);
    parts
}

/// Eyes and ears from the landmarks. Source of the offsets: adult anatomy, scaled with the head's length.
fn keep_outs(anatomy: &Anatomy, skull: &Skull) -> Vec<KeepOut> {
    let s = skull.scale;
    let at = |from: &Vector3<f64>, forward: f64, left: f64, up: f64| {
        skull.head(&(skull.local(from) + Vector3::new(forward, left, up) * s))
    };
    let keep_out = |name: &str, center, radius_mm: f64| KeepOut {
        name: name.to_owned(),
        center,
        radius: Length::from_mm(radius_mm * s),
    };
    let (nasion, left, right) = (
        anatomy.nasion.raw(),
        anatomy.left_ear.raw(),
        anatomy.right_ear.raw(),
    );
    vec![
        keep_out("left eye", at(&nasion, -0.016, 0.032, -0.008), 14.0),
        keep_out("right eye", at(&nasion, -0.016, -0.032, -0.008), 14.0),
        keep_out("left ear", at(&left, -0.012, 0.010, 0.006), 26.0),
        keep_out("right ear", at(&right, -0.012, -0.010, 0.006), 26.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_exactly() {
        assert_eq!(apportion(&[1.0, 1.0, 1.0], 10), vec![4, 3, 3]);
        assert_eq!(apportion(&[0.0, 2.0, 1.0], 3), vec![0, 2, 1]);
        assert_eq!(apportion(&[], 3), Vec::<u32>::new());
        assert_eq!(apportion(&[5.3e9, 1.0], 30_000).iter().sum::<u32>(), 30_000);
    }

    #[test]
    fn cells_cover_a_triangle() {
        let mut sum = 0.0;
        let mut middle = Vector3::zeros();
        let corners = [
            Vector3::zeros(),
            Vector3::new(0.0073, 0.0, 0.0),
            Vector3::new(0.0, 0.004, 0.0),
        ];
        cells(&corners, |center, part| {
            sum += part;
            middle += center * part;
        });
        assert!((sum - 1.0).abs() < 1e-12);
        assert!((middle - corners.iter().sum::<Vector3<f64>>() / 3.0).norm() < 1e-12);
    }
}
