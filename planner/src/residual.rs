//! Going on with a treatment: what is really there becomes part of its file, so that the next plan lays what is missing.
//!
//! Dots come from the record (`stipple-controller dots`): placed ones, and those in doubt, which count as done. A new scan may say better
//! what has survived: as a list of dots, or as a count for each zone.

use std::collections::BTreeMap;
use std::io::Read;

use crate::dots::grid::Grid;
use nalgebra::Isometry3;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use stipple_model::frames::{Point, Scan};
use stipple_model::text::{QUOTE, plain};
use stipple_model::treatment::{MOST_POINTS, Treatment, TreatmentError};
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

/// A survivor takes the shade of the nearest recorded dot within this distance, m. Source: this project's own; dots of 60 per cm² stand
/// 1.4 mm apart at most.
const SAME_DOT: f64 = 0.002;

/// A dot that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct There {
    /// Its zone, where it is known.
    pub zone: Option<String>,
    /// Its shade, where it is known.
    pub shade: Option<String>,
    /// Where, in the planned scan's frame.
    pub position: Point<Scan>,
}

/// What is known of dots that have survived, better than a record does.
#[derive(Debug, Clone, PartialEq)]
pub enum Survived {
    /// The dots themselves, in the planned scan's frame.
    Dots(Vec<Point<Scan>>),
    /// How many in each zone; which of them is drawn by chance from a seed.
    Counted(BTreeMap<String, u32>, u64),
}

/// Why a treatment cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ResidualError {
    /// A table that cannot be read.
    #[error("line {line}: {reason}")]
    Row {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Columns that are not there.
    #[error("there is no column {column}; needed are {needed}")]
    Column {
        /// Which.
        column: &'static str,
        /// All that are needed.
        needed: &'static str,
    },
    /// More rows than a treatment may have dots.
    #[error("there are more than {MOST_POINTS} dots")]
    Many,
    /// More were counted than were ever placed.
    #[error(
        "zone {zone:?}: {counted} dots were counted and {recorded} placed; hairs were counted too, or the zone is another's: give the dots themselves"
    )]
    Counted {
        /// Where.
        zone: String,
        /// How many were counted.
        counted: u32,
        /// How many the record has.
        recorded: usize,
    },
    /// A zone that was not counted.
    #[error("zone {zone:?} has {recorded} dots in the record and no count: count every zone")]
    NotCounted {
        /// Which.
        zone: String,
        /// How many the record has.
        recorded: usize,
    },
    /// A seed that a TOML file cannot hold: no plan of the command line's has one.
    #[error("seed {seed} is more than a treatment's file can hold ({})", i64::MAX)]
    Seed {
        /// The seed.
        seed: u64,
    },
    /// Not TOML.
    #[error("the treatment: {0}")]
    Toml(#[from] toml_edit::TomlError),
    /// Not a treatment, before or after.
    #[error("the treatment: {0}")]
    Treatment(#[from] TreatmentError),
}

/// Columns of the controller's table of dots.
#[derive(Deserialize)]
struct Row {
    zone: String,
    shade: String,
    state: String,
    x_m: Option<f64>,
    y_m: Option<f64>,
    z_m: Option<f64>,
}

#[derive(Deserialize)]
struct PlaceRow {
    x_m: f64,
    y_m: f64,
    z_m: f64,
}

#[derive(Deserialize)]
struct CountRow {
    zone: String,
    count: u32,
}

/// Reads rows with the columns that are needed; others are passed over.
fn rows<T: serde::de::DeserializeOwned>(
    table: impl Read,
    needed: &'static [&'static str],
    listed: &'static str,
) -> Result<Vec<T>, ResidualError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(table);
    let wrong = |error: &csv::Error| ResidualError::Row {
        line: error.position().map_or(1, csv::Position::line),
        reason: plain(&error.to_string(), QUOTE),
    };
    let header = reader.headers().map_err(|e| wrong(&e))?;
    if let Some(column) = needed.iter().find(|c| !header.iter().any(|h| h == **c)) {
        return Err(ResidualError::Column {
            column,
            needed: listed,
        });
    }
    let mut found = Vec::new();
    for row in reader.deserialize() {
        if found.len() >= MOST_POINTS {
            return Err(ResidualError::Many);
        }
        found.push(row.map_err(|e| wrong(&e))?);
    }
    Ok(found)
}

fn place(line: usize, xyz: [Option<f64>; 3]) -> Result<Point<Scan>, ResidualError> {
    if let [Some(x), Some(y), Some(z)] = xyz.map(|c| c.filter(|c| c.is_finite())) {
        return Ok(Point::new(x, y, z));
    }
    Err(ResidualError::Row {
        line: line as u64 + 2,
        reason: "x_m, y_m, z_m must be numbers, in metres".to_owned(),
    })
}

/// Reads dots that are there out of a table of the controller's (`stipple-controller dots`): those placed and those in doubt.
///
/// # Errors
/// Columns that are missing, rows that cannot be read, places that are no numbers, a state nobody knows.
pub fn dots(table: impl Read) -> Result<Vec<There>, ResidualError> {
    let needed = &["zone", "shade", "state", "x_m", "y_m", "z_m"];
    let rows: Vec<Row> = rows(table, needed, "zone, shade, state, x_m, y_m, z_m")?;
    let mut there = Vec::new();
    for (line, row) in rows.into_iter().enumerate() {
        match row.state.as_str() {
            "placed" | "in_doubt" => there.push(There {
                zone: Some(row.zone),
                shade: Some(row.shade),
                position: place(line, [row.x_m, row.y_m, row.z_m])?,
            }),
            "skipped" | "open" => {}
            other => {
                return Err(ResidualError::Row {
                    line: line as u64 + 2,
                    reason: format!(
                        "state {:?} is none of placed, in_doubt, skipped, open",
                        plain(other, 20)
                    ),
                });
            }
        }
    }
    Ok(there)
}

/// Reads dots found in a new scan (x_m, y_m, z_m) and brings them into the planned scan's frame by `planned_from_new`.
///
/// # Errors
/// Columns that are missing, rows that cannot be read, places that are no numbers.
pub fn survivors(
    table: impl Read,
    planned_from_new: &Isometry3<f64>,
) -> Result<Vec<Point<Scan>>, ResidualError> {
    let rows: Vec<PlaceRow> = rows(table, &["x_m", "y_m", "z_m"], "x_m, y_m, z_m")?;
    let moved = |(line, row): (usize, PlaceRow)| {
        let p = place(line, [row.x_m, row.y_m, row.z_m].map(Some))?;
        Ok(Point::from_raw(
            planned_from_new.transform_point(&p.raw().into()).coords,
        ))
    };
    rows.into_iter().enumerate().map(moved).collect()
}

/// Reads how many dots each zone has (zone, count).
///
/// # Errors
/// Columns that are missing, rows that cannot be read, a zone that comes twice.
pub fn counts(table: impl Read) -> Result<BTreeMap<String, u32>, ResidualError> {
    let rows: Vec<CountRow> = rows(table, &["zone", "count"], "zone, count")?;
    let mut counts = BTreeMap::new();
    for (line, row) in rows.into_iter().enumerate() {
        if counts.insert(row.zone.clone(), row.count).is_some() {
            return Err(ResidualError::Row {
                line: line as u64 + 2,
                reason: format!("zone {:?} comes twice", plain(&row.zone, 80)),
            });
        }
    }
    Ok(counts)
}

/// The dots that are there, by what is known of their survival.
///
/// # Errors
/// A zone in which more were counted than placed, or which was not counted.
pub fn surviving(
    recorded: Vec<There>,
    survived: Option<Survived>,
) -> Result<Vec<There>, ResidualError> {
    match survived {
        None => Ok(recorded),
        Some(Survived::Dots(places)) => {
            let known: Vec<_> = recorded.iter().map(|dot| dot.position.raw()).collect();
            let grid = Grid::new(&known, SAME_DOT);
            Ok(places
                .iter()
                .map(|p| nearest(&recorded, &grid, p))
                .collect())
        }
        Some(Survived::Counted(counts, seed)) => thinned(recorded, &counts, seed),
    }
}

/// A dot of a new scan, with what the record knows of the nearest.
fn nearest(recorded: &[There], grid: &Grid, at: &Point<Scan>) -> There {
    let mut near: Option<(f64, &There)> = None;
    grid.near(&at.raw(), SAME_DOT, |k| {
        let Some(dot) = recorded.get(k as usize) else {
            return;
        };
        let far = dot.position.distance(at);
        if far <= SAME_DOT && near.is_none_or(|(least, _)| far < least) {
            near = Some((far, dot));
        }
    });
    let near = near.map(|(_, dot)| dot);
    There {
        zone: near.and_then(|dot| dot.zone.clone()),
        shade: near.and_then(|dot| dot.shade.clone()),
        position: *at,
    }
}

fn thinned(
    recorded: Vec<There>,
    counts: &BTreeMap<String, u32>,
    seed: u64,
) -> Result<Vec<There>, ResidualError> {
    let mut zones: BTreeMap<String, Vec<There>> = BTreeMap::new();
    for dot in recorded {
        let zone = dot.zone.clone().unwrap_or_default();
        zones.entry(zone).or_default().push(dot);
    }
    if let Some((zone, counted)) = counts
        .iter()
        .find(|(zone, n)| **n > 0 && !zones.contains_key(*zone))
    {
        return Err(ResidualError::Counted {
            zone: plain(zone, 80),
            counted: *counted,
            recorded: 0,
        });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut there = Vec::new();
    for (zone, mut dots) in zones {
        let recorded = dots.len();
        let Some(&counted) = counts.get(&zone) else {
            return Err(ResidualError::NotCounted {
                zone: plain(&zone, 80),
                recorded,
            });
        };
        if counted as usize > recorded {
            return Err(ResidualError::Counted {
                zone: plain(&zone, 80),
                counted,
                recorded,
            });
        }
        dots.shuffle(&mut rng);
        dots.truncate(counted as usize);
        there.extend(dots);
    }
    Ok(there)
}

/// The treatment's file for the next session: the same design, the seed it was planned with, the dots that are there, and the share of all
/// dots that is to be there after it (0.01 to 1).
///
/// # Errors
/// A text that is no treatment, a share out of its range, a seed that a TOML file cannot hold.
pub fn treatment(
    text: &str,
    seed: u64,
    there: &[There],
    share: f64,
) -> Result<String, ResidualError> {
    let known = Treatment::parse(text)?;
    let first = known.shades.first().map_or("", |shade| &shade.name);
    let mut shades: BTreeMap<&str, Array> = BTreeMap::new();
    for dot in there {
        let shade = dot
            .shade
            .as_deref()
            .filter(|s| known.shades.iter().any(|k| k.name == *s));
        let dots = shades.entry(shade.unwrap_or(first)).or_default();
        let mm = dot.position.raw() * 1e3;
        dots.push(
            mm.iter()
                .map(|c| (c * 1e3).round() / 1e3)
                .collect::<Array>(),
        );
    }
    let mut placed = Table::new();
    placed["share"] = value(share);
    placed["seed"] = value(i64::try_from(seed).map_err(|_| ResidualError::Seed { seed })?);
    let mut by_shade = Table::new();
    for (shade, mut dots) in shades {
        dots.iter_mut()
            .for_each(|dot| dot.decor_mut().set_prefix("\n    "));
        dots.set_trailing("\n");
        by_shade[shade] = Item::Value(Value::Array(dots));
    }
    placed["dots_mm"] = Item::Table(by_shade);
    let mut file: DocumentMut = text.parse()?;
    file["layers"] = value([1.0].into_iter().collect::<Array>());
    file["placed"] = Item::Table(placed);
    let text = file.to_string();
    Treatment::parse(&text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCAR: &str = include_str!("../treatments/scar.toml");
    const TABLE: &str = "dot,layer,zone,shade,state,x_m,y_m,z_m,note\n\
        1,1,scar,medium,placed,0.01,0.02,0.03,\n\
        2,1,scar,dark,in_doubt,0.02,0.02,0.03,late\n\
        3,1,scar,dark,skipped,,,,\n";

    #[test]
    fn placed_dots_and_those_in_doubt_are_there_and_others_are_not() {
        let there = dots(TABLE.as_bytes()).unwrap();
        assert_eq!(there.len(), 2);
        assert_eq!(there[1].shade.as_deref(), Some("dark"));
        assert!((there[0].position.raw().y - 0.02).abs() < 1e-12);
    }

    #[test]
    fn tables_that_make_no_sense_are_refused_with_their_line() {
        let said = |table: &str| dots(table.as_bytes()).unwrap_err().to_string();
        assert!(said(&TABLE.replace("0.01", "x")).starts_with("line 2: "));
        assert!(said(&TABLE.replace("0.01", "inf")).starts_with("line 2: x_m"));
        assert!(said(&TABLE.replace("skipped", "placed")).starts_with("line 4: x_m"));
        assert!(said(&TABLE.replace("in_doubt", "lost")).contains("\"lost\""));
        assert!(said(&TABLE.replace("state", "status")).contains("no column state"));
        assert!(counts("zone,count\na,1\na,2\n".as_bytes()).is_err());
        assert!(counts("zone,count\na,-1\n".as_bytes()).is_err());
    }

    fn there(zone: &str, count: u32) -> Vec<There> {
        let dot = |k: u32| There {
            zone: Some(zone.to_owned()),
            shade: Some("medium".to_owned()),
            position: Point::new(f64::from(k) * 1e-3, 0.0, 0.0),
        };
        (0..count).map(dot).collect()
    }

    #[test]
    fn counts_keep_as_many_as_were_counted_and_never_more() {
        let kept = |count, seed| {
            let counts = BTreeMap::from([("a".to_owned(), count)]);
            surviving(there("a", 50), Some(Survived::Counted(counts, seed)))
        };
        assert_eq!(kept(20, 1).unwrap().len(), 20);
        assert_eq!(kept(20, 1).unwrap(), kept(20, 1).unwrap());
        assert_ne!(kept(20, 1).unwrap(), kept(20, 2).unwrap());
        assert!(matches!(kept(51, 1), Err(ResidualError::Counted { .. })));
        let other = BTreeMap::from([("b".to_owned(), 0)]);
        let missing = surviving(there("a", 5), Some(Survived::Counted(other, 1)));
        assert!(matches!(missing, Err(ResidualError::NotCounted { .. })));
    }

    #[test]
    fn survivors_take_the_shade_of_the_dot_they_are() {
        let found = vec![Point::new(0.0031, 0.0, 0.0), Point::new(1.0, 0.0, 0.0)];
        let kept = surviving(there("a", 50), Some(Survived::Dots(found))).unwrap();
        assert_eq!(kept[0].shade.as_deref(), Some("medium"));
        assert_eq!(
            (kept[1].shade.as_deref(), kept[1].zone.as_deref()),
            (None, None)
        );
    }

    #[test]
    fn the_next_file_is_the_same_design_with_what_is_there() {
        let text = treatment(SCAR, 7, &there("scar", 3), 0.7).unwrap();
        let (old, new) = (
            Treatment::parse(SCAR).unwrap(),
            Treatment::parse(&text).unwrap(),
        );
        let placed = new.placed.clone().unwrap();
        assert_eq!((placed.dots.len(), placed.share), (3, 0.7));
        assert_eq!(new.layers, [1.0]);
        assert_eq!((old.zones, old.hairline), (new.zones, new.hairline));
        // Once more: what was there before is replaced, not added.
        let again = treatment(&text, 7, &there("scar", 2), 1.0).unwrap();
        assert_eq!(
            Treatment::parse(&again).unwrap().placed.unwrap().dots.len(),
            2
        );
        assert!(treatment(SCAR, 7, &[], 0.0).is_err());
    }
}
