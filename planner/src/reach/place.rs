//! The best place for the base, and the best nod of the head: a search within bounds for where most of the scalp is reached in most ways.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rayon::prelude::*;
use stipple_model::cell::Cell;
use stipple_model::clearance::{BelowBase, CellError, WorkCell};
use stipple_model::frames::Transform;
use stipple_model::plan::{Anatomy, KeepOut};

use crate::Watch;
use crate::compose::expected_head;
use crate::poses::{Site, Surroundings, spread};

/// Places of the scalp that are looked at for each place of the base.
const PLACES: usize = 400;
/// Looked at first, and alone while the search is far from its end: so many of them, spread as evenly.
const SOME: usize = 64;
/// Every so many of them is asked how many ways lead there, not only whether one does.
const ASKED: usize = 8;
/// Ways beyond which a place of the scalp counts as reached with ease.
const EASE: u32 = 48;
/// What full ease is worth beside reaching everything.
const WORTH: f64 = 0.01;
/// Places of the base looked at first, spread evenly within the bounds.
const FIRST: usize = 240;
/// The best of them that are then measured by all places of the scalp.
const PROMISING: usize = 40;
/// The best of those from which the search goes on.
const KEPT: usize = 4;
/// Times the step of the search is halved.
const HALVINGS: usize = 4;
/// What is searched: azimuth, away, sideways, up, nod.
const DIMENSIONS: usize = 5;

/// A place of the base in the room, and a nod of the head, as changes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Place {
    /// The base goes round the head by this, seen from above anticlockwise, and turns with it, degrees.
    pub azimuth_deg: f64,
    /// Then away from the head along the base's x axis, mm.
    pub away_mm: f64,
    /// And along its y axis, mm.
    pub left_mm: f64,
    /// And up, mm.
    pub up_mm: f64,
    /// The head nods: positive brings the chin to the chest, degrees.
    pub nod_deg: f64,
}

/// Where the search may look: lowest and highest of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Round the head, degrees.
    pub azimuth_deg: [f64; 2],
    /// Away from it, mm.
    pub away_mm: [f64; 2],
    /// Sideways, mm.
    pub left_mm: [f64; 2],
    /// Up, mm.
    pub up_mm: [f64; 2],
    /// The nod, degrees.
    pub nod_deg: [f64; 2],
}

impl Default for Bounds {
    /// All round the head, as far as an arm's length more or less, as high as a pedestal can be, and a nod a neck holds for hours.
    fn default() -> Self {
        Self {
            azimuth_deg: [-180.0, 180.0],
            away_mm: [-250.0, 250.0],
            left_mm: [-200.0, 200.0],
            up_mm: [-400.0, 500.0],
            nod_deg: [-15.0, 25.0],
        }
    }
}

/// Why the bounds of a cell file are not accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoundsError {
    /// An unknown key or a wrong type.
    #[error("{0}")]
    Syntax(String),
    /// Not a range.
    #[error(
        "place.{key} must be [lowest, highest], both finite and at most {LARGEST} apart from 0"
    )]
    Range {
        /// The key.
        key: &'static str,
    },
}

/// No bound is larger, mm or degrees.
const LARGEST: f64 = 3000.0;

#[derive(serde::Deserialize)]
struct File {
    #[serde(default)]
    place: BoundsFile,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundsFile {
    azimuth_deg: Option<[f64; 2]>,
    away_mm: Option<[f64; 2]>,
    left_mm: Option<[f64; 2]>,
    up_mm: Option<[f64; 2]>,
    nod_deg: Option<[f64; 2]>,
}

impl Bounds {
    /// The `[place]` table of a cell file; what it leaves out is as by default.
    ///
    /// # Errors
    /// Unknown keys, or ranges that are none.
    pub fn parse(cell_file: &str) -> Result<Self, BoundsError> {
        let file: File = toml::from_str(cell_file)
            .map_err(|e| BoundsError::Syntax(e.to_string().trim_end().to_owned()))?;
        let (file, usual) = (file.place, Self::default());
        let range = |key, given: Option<[f64; 2]>, usual| match given {
            None => Ok(usual),
            // Written so that NaN is no range.
            Some([low, high]) if low <= high && low >= -LARGEST && high <= LARGEST => {
                Ok([low, high])
            }
            Some(_) => Err(BoundsError::Range { key }),
        };
        Ok(Self {
            azimuth_deg: range("azimuth_deg", file.azimuth_deg, usual.azimuth_deg)?,
            away_mm: range("away_mm", file.away_mm, usual.away_mm)?,
            left_mm: range("left_mm", file.left_mm, usual.left_mm)?,
            up_mm: range("up_mm", file.up_mm, usual.up_mm)?,
            nod_deg: range("nod_deg", file.nod_deg, usual.nod_deg)?,
        })
    }

    const fn ranges(&self) -> [[f64; 2]; DIMENSIONS] {
        [
            self.azimuth_deg,
            self.away_mm,
            self.left_mm,
            self.up_mm,
            self.nod_deg,
        ]
    }

    fn place(&self, shares: &[f64; DIMENSIONS]) -> Place {
        let ranges = self.ranges();
        let at = |k: usize| ranges[k][0] + (ranges[k][1] - ranges[k][0]) * shares[k];
        Place {
            azimuth_deg: at(0),
            away_mm: at(1),
            left_mm: at(2),
            up_mm: at(3),
            nod_deg: at(4),
        }
    }
}

impl Place {
    /// The cell with its base and head there. Boxes and floor stay where they are in the room.
    #[must_use]
    pub fn apply(&self, cell: &Cell) -> Cell {
        let head = cell.base_from_head.raw().translation.vector;
        let turn =
            UnitQuaternion::from_axis_angle(&Vector3::z_axis(), self.azimuth_deg.to_radians());
        let round = Isometry3::from_parts(Translation3::from(head - turn * head), turn);
        let forth = Translation3::new(-self.away_mm * 1e-3, self.left_mm * 1e-3, self.up_mm * 1e-3);
        let new_from_old = (round * forth).inverse();
        let nod = UnitQuaternion::from_axis_angle(&Vector3::y_axis(), self.nod_deg.to_radians());
        let mut moved = cell.clone();
        moved.base_from_head = Transform::from_raw(new_from_old * cell.base_from_head.raw() * nod);
        moved.floor_z = cell.floor_z - self.up_mm * 1e-3;
        for scene in &mut moved.boxes {
            scene.base_from_box = Transform::from_raw(new_from_old * scene.base_from_box.raw());
        }
        moved
    }
}

/// A place and how good it is.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Where.
    pub place: Place,
    /// The cell there.
    pub cell: Cell,
    /// The share of the places looked at that is reached, 0..=1.
    pub reached: f64,
}

/// What the places of the base are measured by.
struct Trial<'a> {
    cell: &'a Cell,
    anatomy: &'a Anatomy,
    keep_outs: &'a [KeepOut],
    sites: Vec<Site>,
    bounds: Bounds,
    /// What the base stands over in the cell as it is: a table that carries it.
    below: BelowBase,
}

/// How good a place is.
#[derive(Debug, Clone, Copy)]
struct Score {
    /// The share of the places of the scalp that is reached, 0..=1.
    reached: f64,
    /// That, and a little for the ease of it.
    worth: f64,
}

/// What is asked of a measurement.
#[derive(Clone, Copy)]
struct Asked {
    /// So many places of the scalp are looked at.
    sites: usize,
    /// A place that is not worth more than this is of no use.
    more_than: f64,
}

impl Trial<'_> {
    /// How good a place is; `None` as soon as it cannot be worth more than is asked for.
    fn score(
        &self,
        work: &mut WorkCell,
        shares: &[f64; DIMENSIONS],
        asked: Asked,
    ) -> Result<Option<Score>, CellError> {
        let cell = self.bounds.place(shares).apply(self.cell);
        work.furnish(&cell)?;
        let surroundings = Surroundings {
            cell: work,
            base_from_head: expected_head(&cell.base_from_head, self.anatomy),
            keep_outs: self.keep_outs,
        };
        // Neither the base nor what carries it stands in the person or the room.
        let below = work.below_base(&surroundings.base_from_head);
        let elsewhere = below.boxes & !self.below.boxes != 0 || below.head && !self.below.head;
        if elsewhere || work.base_blocked(&surroundings.base_from_head).is_some() {
            return Ok(None);
        }
        let sites = &self.sites[..self.sites.len().min(asked.sites)];
        let all = sites.len().max(1) as f64;
        let mut missed = 0;
        for some in sites.chunks(SOME) {
            missed += some
                .par_iter()
                .filter(|site| surroundings.ways(site, 1).0 == 0)
                .count();
            if 1.0 - missed as f64 / all + WORTH <= asked.more_than {
                return Ok(None);
            }
        }
        let eased: Vec<&Site> = sites.iter().step_by(ASKED).collect();
        let ease = eased.par_iter().map(|site| surroundings.ways(site, EASE).0);
        let ease = f64::from(ease.sum::<u32>()) / f64::from(EASE) / eased.len().max(1) as f64;
        let reached = 1.0 - missed as f64 / all;
        let worth = reached + WORTH * ease;
        Ok((worth > asked.more_than).then_some(Score { reached, worth }))
    }
}

/// The sites in an order of which every beginning is spread over all of them: by golden-ratio steps.
fn shuffled(sites: Vec<Site>) -> Vec<Site> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let mut numbered: Vec<(f64, Site)> = sites
        .into_iter()
        .enumerate()
        .map(|(k, site)| ((k as f64 * GOLDEN).fract(), site))
        .collect();
    numbered.sort_by(|a, b| a.0.total_cmp(&b.0));
    numbered.into_iter().map(|(_, site)| site).collect()
}

/// Searches the bounds for the place from which most of the sites are reached, in most ways where several reach as many; `None` when
/// `watch` breaks off. `work` is the cell's geometry; it stands at the best place afterwards.
///
/// The cell as it is, or what of the bounds is nearest to it, takes part, so the result is never worse than that, unless the base or what
/// carries it stands in the person or the room there. The same for the same input.
///
/// # Errors
/// A box that cannot be used; no place where the base, and what carries it down to the floor, stands free of the person and the room.
pub fn best(
    work: &mut WorkCell,
    (cell, anatomy): (&Cell, &Anatomy),
    (sites, keep_outs): (&[Site], &[KeepOut]),
    bounds: Bounds,
    watch: &Watch<'_>,
) -> Result<Option<Placed>, CellError> {
    work.furnish(cell)?;
    let base_from_head = expected_head(&cell.base_from_head, anatomy);
    // What the base stands in does not carry it.
    let below = match work.base_blocked(&base_from_head) {
        Some(_) => BelowBase::default(),
        None => work.below_base(&base_from_head),
    };
    let trial = Trial {
        cell,
        anatomy,
        keep_outs,
        sites: shuffled(spread(sites, PLACES)),
        bounds,
        below,
    };
    let total = (FIRST + PROMISING + KEPT * HALVINGS * 2 * DIMENSIONS) as f64;
    let mut done = 0.0;
    let mut told = || {
        done += 1.0;
        watch((done / total).min(1.0))
    };
    let any = f64::NEG_INFINITY;
    let mut promising: Vec<([f64; DIMENSIONS], f64)> = Vec::new();
    for shares in (1..FIRST).map(even) {
        let asked = Asked {
            sites: SOME,
            more_than: nth_best(promising.iter().map(|p| p.1), PROMISING - 1).unwrap_or(any),
        };
        if let Some(score) = trial.score(work, &shares, asked)? {
            promising.push((shares, score.worth));
        }
        if told().is_break() {
            return Ok(None);
        }
    }
    promising.sort_by(|a, b| b.1.total_cmp(&a.1));
    promising.truncate(PROMISING - 1);
    let mut found: Vec<([f64; DIMENSIONS], Score)> = Vec::new();
    let as_it_is = as_is(&bounds);
    for shares in std::iter::once(as_it_is).chain(promising.into_iter().map(|p| p.0)) {
        let asked = Asked {
            sites: PLACES,
            more_than: nth_best(found.iter().map(|f| f.1.worth), KEPT).unwrap_or(any),
        };
        found.extend(
            trial
                .score(work, &shares, asked)?
                .map(|score| (shares, score)),
        );
        if told().is_break() {
            return Ok(None);
        }
    }
    found.sort_by(|a, b| b.1.worth.total_cmp(&a.1.worth));
    found.truncate(KEPT);
    for (shares, score) in &mut found {
        let mut step = 0.1;
        for _ in 0..HALVINGS {
            for (axis, sign) in (0..DIMENSIONS).flat_map(|a| [(a, 1.0), (a, -1.0)]) {
                let mut next = *shares;
                next[axis] = (next[axis] + sign * step).clamp(0.0, 1.0);
                let asked = Asked {
                    sites: PLACES,
                    more_than: score.worth,
                };
                if let Some(better) = trial.score(work, &next, asked)? {
                    (*shares, *score) = (next, better);
                }
                if told().is_break() {
                    return Ok(None);
                }
            }
            step *= 0.5;
        }
    }
    found.sort_by(|a, b| b.1.worth.total_cmp(&a.1.worth));
    let (shares, score) = found.first().ok_or(CellError::NoPlace)?;
    let place = bounds.place(shares);
    let cell = place.apply(cell);
    work.furnish(&cell)?;
    Ok(Some(Placed {
        place,
        cell,
        reached: score.reached,
    }))
}

/// The `n`th largest (from 1) of some numbers.
fn nth_best(numbers: impl Iterator<Item = f64>, n: usize) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(|a, b| b.total_cmp(a));
    numbers.get(n.checked_sub(1)?).copied()
}

/// The shares at which nothing is changed, as near as the bounds allow.
fn as_is(bounds: &Bounds) -> [f64; DIMENSIONS] {
    bounds.ranges().map(|[low, high]| {
        if high > low {
            ((0.0 - low) / (high - low)).clamp(0.0, 1.0)
        } else {
            0.0
        }
    })
}

/// The `k`th of evenly spread places. Source: Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018): steps by powers
/// of 1/φ, φ the root of x⁶ = x + 1.
fn even(k: usize) -> [f64; DIMENSIONS] {
    const PHI: f64 = 1.134_724_138_401_519_5;
    std::array::from_fn(|axis| (0.5 + k as f64 * PHI.powi(-(axis as i32 + 1))).fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use stipple_model::arm::ArmSource;

    #[test]
    fn the_room_stays_together_when_the_base_moves() {
        let cell = Cell::shipped(ArmSource::ur5e()).unwrap();
        let place = Place {
            azimuth_deg: 70.0,
            away_mm: 50.0,
            left_mm: -30.0,
            up_mm: 120.0,
            nod_deg: 0.0,
        };
        let moved = place.apply(&cell);
        let between = |c: &Cell| c.base_from_head.inverse().raw() * c.boxes[0].base_from_box.raw();
        assert_relative_eq!(between(&cell), between(&moved), epsilon = 1e-12);
        // The base went up, so floor and head are lower seen from it.
        assert_relative_eq!(moved.floor_z, cell.floor_z - 0.12);
        let head = |c: &Cell| c.base_from_head.raw().translation.vector;
        assert_relative_eq!(head(&moved).z, head(&cell).z - 0.12, epsilon = 1e-12);
        // Going round keeps the distance, going away adds to it.
        assert_relative_eq!(head(&moved).x, head(&cell).x + 0.05, epsilon = 1e-12);
        let still = as_is(&Bounds::default());
        let same = Bounds::default().place(&still).apply(&cell);
        assert_relative_eq!(
            same.base_from_head.raw(),
            cell.base_from_head.raw(),
            epsilon = 1e-12
        );
    }

    #[test]
    fn bounds_come_from_the_cell_file() {
        assert_eq!(Bounds::parse("floor_z_mm = 1").unwrap(), Bounds::default());
        let given = Bounds::parse("[place]\nup_mm = [-10, 20]").unwrap();
        assert_eq!(given.up_mm, [-10.0, 20.0]);
        assert_eq!(given.away_mm, Bounds::default().away_mm);
        for wrong in [
            "up_mm = [2, 1]",
            "up_mm = [nan, 1]",
            "up_mm = [0, 1e9]",
            "up = [0, 1]",
        ] {
            assert!(
                Bounds::parse(&format!("[place]\n{wrong}")).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_base_out_of_reach_is_brought_within_it() {
        use stipple_model::plan::Anatomy;
        let head = crate::unroll::tests::ball().0;
        let mut cell = Cell::shipped(ArmSource::ur5e()).unwrap();
        cell.boxes.clear();
        cell.base_from_head = Transform::from_xyz_rpy([1.05, 0.0, 0.1], [0.0; 3]);
        let mut work = WorkCell::new(&cell, &head).unwrap();
        let upper: Vec<u32> = (0u32..)
            .zip(head.triangles())
            .filter(|(_, t)| {
                t.iter()
                    .all(|v| head.vertices()[*v as usize].raw().z > 0.03)
            })
            .map(|(i, _)| i)
            .collect();
        let sites = crate::reach::sites(&head, &upper);
        let anatomy = Anatomy::upright();
        let bounds = Bounds {
            azimuth_deg: [0.0, 0.0],
            away_mm: [-600.0, 0.0],
            left_mm: [0.0, 0.0],
            up_mm: [-300.0, 300.0],
            nod_deg: [0.0, 0.0],
        };
        let placed = best(
            &mut work,
            (&cell, &anatomy),
            (&sites, &[]),
            bounds,
            &crate::to_the_end,
        )
        .unwrap()
        .unwrap();
        assert!(placed.place.away_mm < -200.0, "{:?}", placed.place);
        assert!(placed.reached > 0.9, "{placed:?}");
    }
}
