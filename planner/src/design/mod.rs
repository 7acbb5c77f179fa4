//! Laying a treatment's design on a head: zones, hairline, density, exclusions, and what keeps clear.
//!
//! ```no_run
//! # use stipple_planner::{design, register, scan};
//! # use stipple_model::treatment::Treatment;
//! # fn f(scan: &scan::Scanned, registration: &register::Registration, treatment: &Treatment) -> Result<(), Box<dyn std::error::Error>> {
//! let head = scan.mesh.transformed(&registration.head_from_scan);
//! let subject = design::Subject::new(&head, &registration.anatomy).on_scan(&registration.head_from_scan);
//! let scalp = design::lay(&subject, treatment, 1)?;
//! println!("{} triangles may be dotted", scalp.patch.len());
//! # Ok(())
//! # }
//! ```
//!
//! The head's outer surface is drawn on a flat map about the vertex (`map`), on which distances along the skin are marched (`geodesic`).
//! The hairline (`hairline`), the named regions (`regions`) and curves drawn by hand (`outline`) are areas of that map, so a place's zone
//! and density are looked up in constant time; areas and counts are summed over the scan's own triangles (`area`).

mod area;
mod error;
mod exclusion;
mod field;
mod geodesic;
mod hairline;
mod map;
mod margin;
mod outline;
mod regions;
pub(crate) mod skull;
mod zones;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Finding, KeepOut, Zone};
use stipple_model::treatment::{DENSEST, MOST_DOTS, Shape, Treatment};
use stipple_model::units::{Area, Density, Length};

pub(crate) use area::{apportion, cells};
pub use error::DesignError;
use exclusion::Exclusions;
use field::Field;
use hairline::Line;
use map::Map;
use outline::Ground;
use skull::Skull;
use zones::Zones;

use crate::register::Anatomy;

/// A region needs at least this much skin, and a zone drawn by hand this much: less is a slip, or a head that was not scanned.
/// Source: this project's own.
const LEAST_REGION: Area = Area::from_cm2(2.0);
const LEAST_DRAWN: Area = Area::from_cm2(0.1);

/// The head a treatment is laid on.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    head: &'a SurfaceMesh<Head>,
    anatomy: &'a Anatomy,
    head_from_scan: Option<&'a Transform<Head, Scan>>,
}

impl<'a> Subject<'a> {
    /// A surface in the head frame and where its ears, nasion and upright are.
    #[must_use]
    pub const fn new(head: &'a SurfaceMesh<Head>, anatomy: &'a Anatomy) -> Self {
        Self {
            head,
            anatomy,
            head_from_scan: None,
        }
    }

    /// The same, with the scan's frame, so that designs may give places in it.
    #[must_use]
    pub const fn on_scan(self, head_from_scan: &'a Transform<Head, Scan>) -> Self {
        Self {
            head_from_scan: Some(head_from_scan),
            ..self
        }
    }
}

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

    /// Straight distance from a point to the edge of the nearest of the design's exclusions, its margin not counted; zero within one.
    /// `None` where the design has none.
    #[must_use]
    pub fn exclusion_distance(&self, p: &Point<Head>) -> Option<Length> {
        self.field.exclusion_distance(&p.raw()).map(Length::from_m)
    }

    /// The hairline on the skin, from the left sideburn to the right one, half a millimetre apart.
    #[must_use]
    pub fn hairline(&self) -> Vec<Point<Head>> {
        self.field.hairline().collect()
    }
}

/// Where a treatment's existing hairs stand on a head.
///
/// # Errors
/// A head whose skull cannot be measured, or a place that is not on it.
pub(crate) fn listed_hairs(
    subject: &Subject<'_>,
    treatment: &Treatment,
) -> Result<Vec<Point<Head>>, DesignError> {
    if treatment.existing.is_empty() {
        return Ok(Vec::new());
    }
    let skull = Skull::measure(subject.head, subject.anatomy)?;
    let ground = Ground {
        map: &Map::new(subject.head, skull),
        head_from_scan: subject.head_from_scan,
    };
    ground.existing(&treatment.existing)
}

/// Lays a treatment's design on a head, where no place is given in the scan's frame: [`lay`] with [`Subject::new`].
///
/// # Errors
/// As [`lay`].
pub fn scalp(
    head: &SurfaceMesh<Head>,
    anatomy: &Anatomy,
    treatment: &Treatment,
    seed: u64,
) -> Result<Scalp, DesignError> {
    lay(&Subject::new(head, anatomy), treatment, seed)
}

/// Lays a treatment's design on a head. `seed` chooses the hairline's unevenness.
///
/// # Errors
/// A head whose skull or forehead cannot be measured, a hairline lower than its policy, a curve that crosses itself or is not on the
/// head, a zone without skin, or more dots than fit.
pub fn lay(subject: &Subject<'_>, treatment: &Treatment, seed: u64) -> Result<Scalp, DesignError> {
    let Subject {
        head,
        anatomy,
        head_from_scan,
    } = *subject;
    let skull = Skull::measure(head, anatomy)?;
    let keep_outs = keep_outs(anatomy, &skull);
    let map = Map::new(head, skull);
    let ground = Ground {
        map: &map,
        head_from_scan,
    };
    let line = Line::new(ground, anatomy, &treatment.hairline, seed)?;
    let zones = Zones::new(ground, treatment, line)?;
    let exclusions = Exclusions::new(ground, &treatment.exclusions)?;
    let existing = ground.existing(&treatment.existing)?;
    let mut field = Field::new(head, treatment, map, (zones, exclusions), &keep_outs);
    let mut sums = area::measure(head, &field, treatment.zones.len());
    let total = total(treatment, &sums)?;
    let scale = total as f64 / sums.expected.iter().sum::<f64>();
    field.scale(scale);
    sums.expected.iter_mut().for_each(|e| *e *= scale);
    check_density(treatment, field.densities(), &sums.areas, total)?;
    let zone = |((design, &area), &dots): ((&stipple_model::treatment::ZoneDesign, _), _)| Zone {
        name: design.name.clone(),
        area: Area::from_m2(area),
        target: Density::from_per_m2(dots / area),
        depth_cap: design.depth_cap,
        needle: design.needle.clone(),
        healed_diameter: design.healed_diameter,
    };
    let laid = treatment.zones.iter().zip(&sums.areas).zip(&sums.expected);
    Ok(Scalp {
        zones: laid.map(zone).collect(),
        patch: sums.patch,
        keep_outs,
        findings: findings(treatment, scale, &field, head),
        quotas: apportion(&sums.expected, total as u32),
        existing,
        field,
    })
}

/// How many dots are laid; every zone must have skin for its own.
fn total(treatment: &Treatment, sums: &area::Sums) -> Result<u64, DesignError> {
    for (design, area) in treatment.zones.iter().zip(&sums.areas) {
        let area = Area::from_m2(*area);
        let least = if matches!(design.shape, Shape::Region(_)) {
            LEAST_REGION
        } else {
            LEAST_DRAWN
        };
        if area < least {
            return Err(DesignError::ZoneTooSmall {
                zone: design.name.clone(),
                area,
                least,
            });
        }
    }
    let sum: f64 = sums.expected.iter().sum();
    let total = treatment.dots.map_or(sum.round() as u64, u64::from);
    if total == 0 || total > u64::from(MOST_DOTS) {
        return Err(DesignError::Count {
            dots: total,
            most: MOST_DOTS,
        });
    }
    Ok(total)
}

fn check_density(
    treatment: &Treatment,
    densities: &[f64],
    areas: &[f64],
    total: u64,
) -> Result<(), DesignError> {
    // What is there already counts too.
    let dense =
        |(zone, laid): (&stipple_model::treatment::ZoneDesign, &f64)| laid + zone.existing.per_m2();
    let densest = treatment
        .zones
        .iter()
        .zip(densities)
        .max_by(|a, b| dense(*a).total_cmp(&dense(*b)));
    match densest {
        Some(pair) if Density::from_per_m2(dense(pair)) > DENSEST => Err(DesignError::TooDense {
            dots: total as u32,
            area: Area::from_m2(areas.iter().sum()),
            zone: pair.0.name.clone(),
            density: Density::from_per_m2(dense(pair)),
            most: DENSEST,
        }),
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
            field.lost_to_a_hole(&((a + b + c) / 3.0)) && field.may_be_dotted(head, i)
        })
        .map(|i| head.triangle_area(i).cm2())
        .sum();
    if lost > 0.5 {
        findings.push(finding("hole_in_scalp", format!("the scalp has holes; {lost:.1} cm² around them are left without dots, besides the holes themselves")));
    }
    findings
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
