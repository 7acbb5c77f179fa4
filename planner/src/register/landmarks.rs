//! The landmarks file: named points in the scan's own frame and unit.
//!
//! ```json
//! {"unit": "mm", "points": {"nasion": [0.1, 98.2, -3.0], "LPA": [-78, 0, -30], "RPA": [79, 1, -30]}}
//! ```
//! Instead of `unit`, `"units_mm": N` gives the millimetres in one unit. Names are case-insensitive and may be the 10-20 system's.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use serde::Deserialize;
use stipple_model::digest::Digest;
use stipple_model::text::plain;

use super::error::RegisterError;
use crate::scan::{Unit, UnitChoice};

/// The landmarks that a head frame can be built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Landmark {
    /// The root of the nose, between the eyes.
    Nasion,
    /// In front of the left ear's canal.
    LeftEar,
    /// In front of the right ear's canal.
    RightEar,
    /// The top of the head.
    Vertex,
    /// The rearmost point of the head.
    Opisthocranion,
    /// The bump at the back of the head, below the opisthocranion.
    Inion,
}

impl Landmark {
    /// The name used in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nasion => "nasion",
            Self::LeftEar => "LPA",
            Self::RightEar => "RPA",
            Self::Vertex => "vertex",
            Self::Opisthocranion => "opisthocranion",
            Self::Inion => "inion",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let key: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        Some(match key.as_str() {
            "nasion" | "nz" | "nas" => Self::Nasion,
            "lpa" | "leftpreauricular" | "lefttragion" | "tragionleft" => Self::LeftEar,
            "rpa" | "rightpreauricular" | "righttragion" | "tragionright" => Self::RightEar,
            "vertex" | "cz" => Self::Vertex,
            "opisthocranion" => Self::Opisthocranion,
            "inion" | "iz" => Self::Inion,
            _ => return None,
        })
    }
}

/// A landmarks file that was read.
#[derive(Debug, Clone)]
pub struct Landmarks {
    points: BTreeMap<Landmark, Vector3<f64>>,
    names: Vec<String>,
    mm_per_unit: Option<f64>,
    digest: Digest,
}

#[derive(Deserialize)]
struct File {
    unit: Option<String>,
    units_mm: Option<f64>,
    points: Points,
}

/// The points as they stand in the file: a map type would silently keep the last of two with one name.
struct Points(Vec<(String, [f64; 3])>);

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Points;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("points by name")
            }
            fn visit_map<M: serde::de::MapAccess<'de>>(
                self,
                mut map: M,
            ) -> Result<Points, M::Error> {
                let mut points = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    points.push(entry);
                }
                Ok(Points(points))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Landmarks {
    /// Reads a landmarks file's bytes. Points with other names are kept out of the way.
    ///
    /// # Errors
    /// No JSON of this form, an unknown or contradictory unit, a point that is not finite, or one landmark under two names at two places.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegisterError> {
        let bytes_without_mark = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let file: File =
            serde_json::from_slice(bytes_without_mark).map_err(|e| RegisterError::Syntax {
                line: e.line(),
                column: e.column(),
                reason: reason(&e),
            })?;
        let named = file.unit.as_deref().map(unit).transpose()?;
        let mm_per_unit = match (named, file.units_mm) {
            (_, Some(mm)) if !(mm.is_finite() && (1e-4..=1e5).contains(&mm)) => {
                return Err(RegisterError::UnitValue { mm });
            }
            (Some(named), Some(mm)) if (named / mm - 1.0).abs() > 1e-6 => {
                return Err(RegisterError::TwoUnits { named, mm });
            }
            (named, mm) => mm.or(named),
        };
        let mut points: BTreeMap<Landmark, Vector3<f64>> = BTreeMap::new();
        for (name, xyz) in &file.points.0 {
            let p = Vector3::from(*xyz);
            if !p.iter().all(|c| c.is_finite()) {
                return Err(RegisterError::NotFinite {
                    name: plain(name, 60),
                });
            }
            if let Some(landmark) = Landmark::named(name)
                && let Some(before) = points.insert(landmark, p)
                && (before - p).amax() > 1e-9 * before.amax().max(p.amax())
            {
                return Err(RegisterError::Twice {
                    landmark: landmark.name(),
                });
            }
        }
        Ok(Self {
            points,
            names: file
                .points
                .0
                .iter()
                .map(|(name, _)| plain(name, 60))
                .collect(),
            mm_per_unit,
            digest: Digest::of(bytes),
        })
    }

    /// One landmark, in file units and the scan's frame.
    #[must_use]
    pub fn get(&self, landmark: Landmark) -> Option<Vector3<f64>> {
        self.points.get(&landmark).copied()
    }

    /// The landmarks that are known by name, in file units and the scan's frame.
    #[must_use]
    pub fn file_points(&self) -> Vec<Vector3<f64>> {
        self.points.values().copied().collect()
    }

    /// The landmarks that are known by name, each with its place in file units and the scan's frame.
    pub fn known(&self) -> impl Iterator<Item = (Landmark, Vector3<f64>)> + '_ {
        self.points.iter().map(|(landmark, p)| (*landmark, *p))
    }

    /// Every name in the file.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Millimetres in one unit of landmarks and scan, if the file says so.
    #[must_use]
    pub const fn mm_per_unit(&self) -> Option<f64> {
        self.mm_per_unit
    }

    /// Digest of the file's bytes.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

fn unit(text: &str) -> Result<f64, RegisterError> {
    match text.trim().parse::<UnitChoice>() {
        Ok(UnitChoice::Given(unit)) => Ok(unit.metres() / Unit::Millimetre.metres()),
        Ok(UnitChoice::Auto) | Err(_) => Err(RegisterError::UnitName {
            text: plain(text, 20),
        }),
    }
}

/// serde's message without the place, which stands in the error's own fields.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ");
    plain(reason.map_or(text.as_str(), |(reason, _)| reason), 160)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_in_any_case_and_both_unit_keys() {
        let a = Landmarks::parse(
            br#"{"unit":"CM","points":{"NZ":[1,2,3],"lpa":[4,5,6],"Fpz":[0,0,0]}}"#,
        )
        .unwrap();
        assert_eq!(a.get(Landmark::Nasion), Some(Vector3::new(1.0, 2.0, 3.0)));
        assert_eq!(a.mm_per_unit(), Some(10.0));
        assert_eq!(a.file_points().len(), 2);
        let b = Landmarks::parse(br#"{"units_mm":48.5,"points":{"Left Preauricular":[4,5,6]}}"#)
            .unwrap();
        assert_eq!(b.mm_per_unit(), Some(48.5));
        assert!(b.get(Landmark::LeftEar).is_some());
    }

    #[test]
    fn every_name_of_the_two_sets_is_known_in_any_case() {
        for (landmark, names) in [
            (Landmark::Nasion, &["nasion", "Nz"][..]),
            (Landmark::LeftEar, &["LPA", "left-preauricular"]),
            (Landmark::RightEar, &["RPA", "Right Tragion"]),
            (Landmark::Vertex, &["vertex", "Cz"]),
            (Landmark::Opisthocranion, &["opisthocranion"]),
            (Landmark::Inion, &["inion", "Iz"]),
        ] {
            for name in names {
                for name in [(*name).to_owned(), name.to_uppercase(), name.to_lowercase()] {
                    let json = format!("{{\"points\": {{\"{name}\": [1, 2, 3]}}}}");
                    let read = Landmarks::parse(json.as_bytes()).unwrap();
                    assert!(read.get(landmark).is_some(), "{name}");
                    assert_eq!(read.known().count(), 1, "{name}");
                }
            }
        }
    }

    #[test]
    fn refusals_name_the_trouble() {
        let error = |json: &str| Landmarks::parse(json.as_bytes()).unwrap_err();
        assert!(matches!(
            error(r#"{"points":{"nasion":[1,2]}}"#),
            RegisterError::Syntax { line: 1, .. }
        ));
        assert!(matches!(
            error(r#"{"unit":"furlong","points":{}}"#),
            RegisterError::UnitName { .. }
        ));
        assert!(matches!(
            error(r#"{"unit":"mm","units_mm":1000,"points":{}}"#),
            RegisterError::TwoUnits { .. }
        ));
        assert!(matches!(
            error(r#"{"units_mm":0,"points":{}}"#),
            RegisterError::UnitValue { .. }
        ));
        assert!(matches!(
            error(r#"{"points":{"Nz":[0,0,1],"nasion":[0,1,0]}}"#),
            RegisterError::Twice { .. }
        ));
        assert!(matches!(
            error(r#"{"points":{"Nz":[0,0,1e999]}}"#),
            RegisterError::Syntax { .. }
        ));
    }
}
