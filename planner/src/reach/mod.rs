//! What an arm can reach of a scalp, and where to put it so that it reaches most.

mod place;

use std::collections::BTreeMap;

use rayon::prelude::*;
use stipple_model::clearance::WorkCell;
use stipple_model::frames::{Direction, Head, Point};
use stipple_model::mesh::SurfaceMesh;

use crate::poses::{Refusal, Site, Surroundings, spread};

pub use place::{Bounds, BoundsError, Place, Placed, best};

/// Places looked at for a map.
const PLACES: usize = 1200;

/// One place of the scalp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Where.
    pub site: Site,
    /// Usable ways of hovering over it with the needle along the normal: rolls (24 a turn; 8 for an arm with a redundant joint) times the
    /// arm's branches.
    pub ways: u32,
    /// Why there is none.
    pub refusal: Option<Refusal>,
}

/// What an arm can reach of a scalp.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// Places spread evenly over the scalp.
    pub places: Vec<Reached>,
}

/// The middle of every given triangle with the surface's outward normal, as places an arm may have to reach.
#[must_use]
pub fn sites(head: &SurfaceMesh<Head>, triangles: &[u32]) -> Vec<Site> {
    let site = |&t: &u32| {
        let corners = head
            .triangles()
            .get(t as usize)?
            .map(|v| head.vertices()[v as usize].raw());
        let normal = (corners[1] - corners[0]).cross(&(corners[2] - corners[0]));
        Some(Site {
            position: Point::from_raw((corners[0] + corners[1] + corners[2]) / 3.0),
            normal: Direction::new(normal)?,
        })
    };
    triangles.iter().filter_map(site).collect()
}

/// Looks at up to 1,200 places spread over the sites.
#[must_use]
pub fn map(surroundings: &Surroundings<'_>, sites: &[Site]) -> Reach {
    let places = spread(sites, PLACES);
    let look = |site: &Site| {
        let (ways, refusal) = surroundings.ways(site, u32::MAX);
        Reached {
            site: *site,
            ways,
            refusal,
        }
    };
    Reach {
        places: places.par_iter().map(look).collect(),
    }
}

impl Reach {
    /// The share of the places that can be reached, 0..=1.
    #[must_use]
    pub fn share(&self) -> f64 {
        let reached = self.places.iter().filter(|p| p.refusal.is_none());
        reached.count() as f64 / self.places.len().max(1) as f64
    }

    /// How many places cannot be reached, by reason and by the pair that stands in the way.
    #[must_use]
    pub fn reasons(&self, cell: &WorkCell) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for refusal in self.places.iter().filter_map(|p| p.refusal) {
            *reasons.entry(refusal.describe(cell)).or_insert(0) += 1;
        }
        reasons
    }
}
