//! The hair that is there, drawn shaved: without it a thin top or a scar would look bald between the dots.
//!
//! Listed hairs stand where the treatment lists them. Of a zone's `existing_per_cm2` only the number is known, so as many hairs are strewn
//! by chance over the zone, each where it has room between the others and the dots; towards the edge of the treated area they thin out as
//! the design's dots do. Hair outside the zones is nowhere in a plan and is not drawn.

use std::collections::BTreeMap;
use std::sync::Arc;

use nalgebra::Vector3;
use parry3d::query::PointQueryWithLocation as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use stipple_model::plan::{Dot, Plan, Wanted};
use stipple_model::treatment::{MOST_POINTS, Treatment};
use stipple_model::units::Density;

use super::canvas::Ink;
use super::surface::{Surface, shape};
use super::tissue::{Column, Stain};
use crate::design::{self, Subject};

/// A hair's width, and how deep its shaft is drawn, metres. Source: scalp hair is 0.05–0.1 mm wide; the depth is this project's own: roots
/// lie deeper, but slant, and light that reached them would turn the skin greener than shaved hair looks.
const WIDTH: f64 = 0.000_07;
const DEPTH: f64 = 0.001;
/// What stands above the skin after shaving, metres, seen slantwise. Source: this project's own.
const STUBBLE: f64 = 0.000_4;
/// Colour where the plan has no shade, sRGB. Source: this project's own, dark brown.
const DARK: [u8; 3] = [52, 44, 41];
/// Places tried for each hair; the roomiest is taken. Source: this project's own; as even as follicles stand.
const TRIES: usize = 16;
/// Makes the hairs' chance another than the dots'.
const STREAM: u64 = 0x6861_6972;

/// Hair to draw, and what is to be said of it.
#[derive(Debug, Default)]
pub(super) struct Hair {
    pub inks: Vec<Ink>,
    /// Zones with the density the treatment gives.
    pub zones: Vec<(String, Density)>,
    /// Listed places.
    pub listed: usize,
}

/// The hair a plan's treatment tells of; none if its text is not a treatment.
pub(super) fn grow(plan: &Plan, surface: &Surface<'_>, dots: &[&Dot]) -> Hair {
    let Ok(treatment) = Treatment::parse(&plan.provenance.treatment) else {
        return Hair::default();
    };
    let zones: BTreeMap<u8, Density> = (0u8..)
        .zip(&plan.zones)
        .filter_map(|(index, zone)| {
            let design = treatment.zones.iter().find(|z| z.name == zone.name)?;
            let existing = design.existing.filter(|d| *d > Density::ZERO)?;
            Some((index, existing))
        })
        .collect();
    if zones.is_empty() && treatment.existing.is_empty() {
        return Hair::default();
    }
    let Some(skin) = Skin::new(surface) else {
        return Hair::default();
    };
    // A place that is not on this head was refused when the plan was made.
    let subject = Subject::new(&plan.head, &plan.anatomy).on_scan(&plan.head_from_scan);
    let listed =
        design::listed(&subject, "existing", treatment.existing.iter()).unwrap_or_default();
    let listed: Vec<Vector3<f64>> = listed.iter().map(|p| p.raw()).collect();
    let mut room = Room::default();
    listed.iter().for_each(|p| room.fill(*p));
    dots.iter().for_each(|d| room.fill(d.position.raw()));
    let mut rng = ChaCha8Rng::seed_from_u64(plan.provenance.seed ^ STREAM);
    let mut places = listed.clone();
    for (&zone, &density) in &zones {
        places.extend(strew(plan, zone, density, &skin, &mut room, &mut rng));
    }
    let shaft = Column {
        diameter: WIDTH,
        top: 0.0,
        bottom: DEPTH,
    };
    let hides = (WIDTH * STUBBLE / std::f64::consts::PI).sqrt();
    let stain = Arc::new(Stain::new(&shaft).under(hides));
    let rgb = color(plan);
    let inks = places
        .iter()
        .filter_map(|p| skin.at(p))
        .map(|(at, normal)| Ink::new(at, normal, Arc::clone(&stain), rgb))
        .collect();
    Hair {
        inks,
        zones: zones
            .iter()
            .filter_map(|(z, density)| Some((plan.zones.get(*z as usize)?.name.clone(), *density)))
            .collect(),
        listed: listed.len(),
    }
}

/// The shades are chosen after the hair: it is as dark as the darkest.
fn color(plan: &Plan) -> [u8; 3] {
    let sum = |rgb: [u8; 3]| rgb.iter().map(|c| u32::from(*c)).sum::<u32>();
    let shades = plan.shades.iter().map(|s| s.rgb);
    shades.min_by_key(|rgb| sum(*rgb)).unwrap_or(DARK)
}

/// Strews a zone's hairs: an exact number, each piece of skin its share.
fn strew(
    plan: &Plan,
    zone: u8,
    density: Density,
    skin: &Skin<'_>,
    room: &mut Room,
    rng: &mut ChaCha8Rng,
) -> Vec<Vector3<f64>> {
    let pieces: Vec<&Wanted> = plan.wanted.iter().filter(|w| w.zone == zone).collect();
    // The zone's full density is that of its densest tenth: an edge is thinner, and a single piece is a small number's chance.
    let mut laid: Vec<f64> = pieces.iter().map(|w| w.dots / w.area.m2()).collect();
    laid.sort_unstable_by(f64::total_cmp);
    let full = laid.get(laid.len() * 9 / 10).copied().unwrap_or_default();
    let due = |w: &Wanted| {
        let share = if full > 0.0 {
            (w.dots / w.area.m2() / full).min(1.0)
        } else {
            1.0
        };
        share * density.per_m2() * w.area.m2()
    };
    let mut places = Vec::new();
    let mut owed = unit(rng);
    for piece in pieces {
        owed += due(piece);
        while owed >= 1.0 && places.len() < MOST_POINTS {
            owed -= 1.0;
            let tried = (0..TRIES).filter_map(|_| {
                let spread = piece.area.m2().sqrt() * 1.5;
                let shift = Vector3::from_fn(|_, _| (unit(rng) - 0.5) * spread);
                let (at, _) = skin.at(&(piece.position.raw() + shift))?;
                Some((at, room.around(&at)))
            });
            let best = tried.reduce(|a, b| if b.1 > a.1 { b } else { a });
            if let Some((at, _)) = best {
                room.fill(at);
                places.push(at);
            }
        }
    }
    places
}

/// Uniform in 0..1.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The surface to stand on.
pub(super) struct Skin<'a> {
    surface: &'a Surface<'a>,
    shape: parry3d::shape::TriMesh,
}

impl<'a> Skin<'a> {
    pub fn new(surface: &'a Surface<'a>) -> Option<Self> {
        Some(Self {
            surface,
            shape: shape(surface.mesh)?,
        })
    }

    /// The nearest place on the skin, with its normal.
    pub fn at(&self, p: &Vector3<f64>) -> Option<(Vector3<f64>, Vector3<f64>)> {
        let asked = stipple_model::to_parry_vector(p);
        let (found, (triangle, location)) = self
            .shape
            .project_local_point_and_get_location(asked, false);
        let corners = self.surface.mesh.triangles().get(triangle as usize)?;
        let weights = location.barycentric_coordinates()?;
        let normal: Vector3<f64> = corners
            .iter()
            .zip(weights)
            .map(|(&v, w)| self.surface.normals[v as usize] * w)
            .sum();
        let at = stipple_model::from_parry_vector(found.point);
        Some((at, normal.try_normalize(0.0)?))
    }
}

/// What stands where already, in cubes.
#[derive(Debug, Default)]
struct Room {
    cubes: BTreeMap<[i64; 3], Vec<Vector3<f64>>>,
}

impl Room {
    /// A cube's edge, metres: nothing farther away matters.
    const EDGE: f64 = 0.002;

    fn cube(p: &Vector3<f64>) -> [i64; 3] {
        // Casts saturate; a head lies within a metre.
        [p.x, p.y, p.z].map(|c| (c / Self::EDGE).floor() as i64)
    }

    fn fill(&mut self, p: Vector3<f64>) {
        self.cubes.entry(Self::cube(&p)).or_default().push(p);
    }

    /// Distance to the nearest, at most an edge.
    fn around(&self, p: &Vector3<f64>) -> f64 {
        let [x, y, z] = Self::cube(p);
        let mut nearest = Self::EDGE;
        for cube in (0..27).map(|k| [x + k % 3 - 1, y + k / 3 % 3 - 1, z + k / 9 - 1]) {
            for q in self.cubes.get(&cube).into_iter().flatten() {
                nearest = nearest.min((p - q).norm());
            }
        }
        nearest
    }
}

impl Hair {
    /// What the page says of it; empty without any.
    pub fn note(&self) -> String {
        if self.inks.is_empty() {
            return String::new();
        }
        let mut said: Vec<String> = self
            .zones
            .iter()
            .map(|(name, density)| {
                format!(
                    "{:.0} hairs/cm² in {}",
                    density.per_cm2(),
                    name.replace('_', " ")
                )
            })
            .collect();
        if self.listed > 0 {
            said.push(format!("{} listed", super::facts::grouped(self.listed)));
        }
        format!(
            "Existing hair is drawn shaved, {:.2} mm wide: {}, strewn by chance where only its density is known; hair outside the zones \
             is not. ",
            WIDTH * 1e3,
            said.join(", ")
        )
    }
}
