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
//! and density are looked up in constant time; areas are summed over the scan's own triangles (`area`), and from them the counts (`count`).
//! Exclusions (`exclusion`) and what is there already (`existing`) are taken off at their places.

mod area;
mod count;
mod error;
mod exclusion;
mod existing;
mod field;
mod geodesic;
mod hairline;
mod map;
mod margin;
mod outline;
mod placed;
mod regions;
pub(crate) mod skull;
mod zones;

use nalgebra::Vector3;
use stipple_model::frames::{Head, Point, Scan, Transform};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{Finding, KeepOut, Zone};
use stipple_model::treatment::{Place, Treatment, ZoneDesign};
use stipple_model::units::{Area, Density, Length};

pub(crate) use area::{apportion, cells};
pub use count::FullDensity;
use count::Total;
pub use error::DesignError;
use exclusion::Exclusions;
use field::Field;
use hairline::Line;
use map::Map;
use outline::Ground;
use skull::Skull;
use zones::Zones;

use crate::register::Anatomy;

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
    /// What each zone asks for where it is full, and what is laid.
    pub densities: Vec<FullDensity>,
    /// Hairs and dots that are there already; new dots keep their distance from them.
    pub existing: Vec<Point<Head>>,
    field: Field,
}

/// Zone and density at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Here {
    /// Index into [`Scalp::zones`].
    pub zone: u8,
    /// The density all layers together aim at: what is there already is taken off.
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

    /// The name of the exclusion that a dot at a place of the surface would violate: one it lies in, or nearer to than its margin, to
    /// within 10 µm. `None` where no exclusion speaks against a dot.
    ///
    /// Computed from the exclusions themselves and not from the design's map, so that what is laid by the map can be checked by it.
    #[must_use]
    pub fn violated(&self, p: &Point<Head>) -> Option<&str> {
        self.field.violated(&p.raw())
    }

    /// The hairline on the skin, from the left sideburn to the right one, half a millimetre apart.
    #[must_use]
    pub fn hairline(&self) -> Vec<Point<Head>> {
        self.field.hairline().collect()
    }
}

/// Where the places of a treatment's list of that name lie on a head.
///
/// # Errors
/// A head whose skull cannot be measured, or a place that is not on it.
pub(crate) fn listed<'a>(
    subject: &Subject<'_>,
    list: &str,
    places: impl ExactSizeIterator<Item = &'a Place>,
) -> Result<Vec<Point<Head>>, DesignError> {
    if places.len() == 0 {
        return Ok(Vec::new());
    }
    let skull = Skull::measure(subject.head, subject.anatomy)?;
    let ground = Ground {
        map: &Map::new(subject.head, skull),
        head_from_scan: subject.head_from_scan,
    };
    ground.listed(list, places)
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
/// A head whose skull or forehead cannot be measured, a hairline lower than its policy or on the face, a curve that crosses itself or is
/// not on the head, a zone without skin or with as many hairs as it wants, or more dots than fit.
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
    let mut existing = ground.listed("existing", treatment.existing.iter())?;
    let placed = treatment.placed.as_ref();
    let placed_at = placed.map_or(&[][..], |placed| &placed.dots);
    let placed_at = ground.listed("placed", placed_at.iter().map(|(_, place)| place))?;
    let mut field = Field::new(head, treatment, map, (zones, exclusions), &keep_outs);
    let count = treatment.zones.len();
    let mut sums = area::measure(head, &field, count);
    count::check_areas(treatment, &sums)?;
    let listed = field.take_off(treatment, &existing);
    if listed.iter().any(|count| *count > 0) {
        let whole = std::mem::replace(&mut sums, area::measure(head, &field, count));
        count::take_off(treatment, &mut field, &listed, &whole, &mut sums)?;
    }
    let total = Total::new(treatment, &sums)?;
    total.check(treatment, &sums)?;
    field.scale_all(total.scale);
    sums.expected.iter_mut().for_each(|e| *e *= total.scale);
    let mut quotas = apportion(&sums.expected, total.dots as u32);
    let mut full = Vec::new();
    if let Some(placed) = placed {
        field.scale_all(placed.share);
        let found = placed::take_off(
            head,
            treatment,
            &mut field,
            &placed_at,
            &mut sums,
            placed.share,
        );
        (quotas, full) = found?;
        existing.extend(placed_at);
    }
    let zone = |((design, &area), &dots): ((&ZoneDesign, _), _)| Zone {
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
        findings: total
            .finding(treatment)
            .into_iter()
            .chain(hole_finding(treatment, &field, head))
            .chain(lacking_finding(treatment, &field))
            .chain(full)
            .collect(),
        quotas,
        densities: total.densities(treatment),
        existing,
        field,
    })
}

/// Skin that open edges keep without dots, by the zones that lose it.
fn hole_finding(treatment: &Treatment, field: &Field, head: &SurfaceMesh<Head>) -> Option<Finding> {
    let mut lost = vec![0.0; treatment.zones.len()];
    for i in 0..head.triangles().len() {
        let [a, b, c] = head.corners(i).map(|p| p.raw());
        if let Some(zone) = field.lost_to_a_hole(&((a + b + c) / 3.0))
            && field.may_be_dotted(head, i)
        {
            lost[usize::from(zone)] += head.triangle_area(i).cm2();
        }
    }
    let (lost, zones) = by_zone(treatment, &lost);
    (lost > 0.5).then(|| Finding {
        stage: "design".into(),
        code: "hole_in_scalp".into(),
        text: format!(
            "the scalp has holes; {lost:.1} cm² around them are left without dots ({zones}), besides the holes themselves"
        ),
    })
}

/// What the zones would have had of skin that was not scanned.
fn lacking_finding(treatment: &Treatment, field: &Field) -> Option<Finding> {
    let lacking = field.not_scanned().into_iter();
    let lacking: Vec<f64> = lacking.map(|m2| Area::from_m2(m2).cm2()).collect();
    let (lacking, zones) = by_zone(treatment, &lacking);
    (lacking > 1.0).then(|| Finding {
        stage: "design".into(),
        code: "zone_not_scanned".into(),
        text: format!(
            "about {lacking:.0} cm² of the zones were not scanned and get no dots ({zones}); scan them or leave these zones out"
        ),
    })
}

/// The sum of areas in cm², and each with its zone's name.
fn by_zone(treatment: &Treatment, areas: &[f64]) -> (f64, String) {
    let zones = treatment.zones.iter().zip(areas);
    let zones: Vec<String> = zones
        .filter(|(_, area)| **area >= 0.05)
        .map(|(zone, area)| format!("{area:.1} of zone \"{}\"", zone.name))
        .collect();
    (areas.iter().sum(), zones.join(", "))
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
