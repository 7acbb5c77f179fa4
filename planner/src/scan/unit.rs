//! Which unit a scan is in: said by someone, never silently guessed.

use std::fmt;
use std::str::FromStr;

use super::error::ScanError;
use super::soup::UnitHint;

/// A unit of length scanners write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Millimetres.
    Millimetre,
    /// Centimetres.
    Centimetre,
    /// Metres.
    Metre,
    /// Inches.
    Inch,
}

impl Unit {
    /// All units.
    pub const ALL: [Self; 4] = [Self::Millimetre, Self::Centimetre, Self::Metre, Self::Inch];

    /// Metres in one unit.
    #[must_use]
    pub const fn metres(self) -> f64 {
        match self {
            Self::Millimetre => 1e-3,
            Self::Centimetre => 1e-2,
            Self::Metre => 1.0,
            Self::Inch => 0.0254,
        }
    }

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Millimetre => "mm",
            Self::Centimetre => "cm",
            Self::Metre => "m",
            Self::Inch => "inch",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The unit as asked for: `mm|cm|m|inch|auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnitChoice {
    /// What landmarks or file say; else millimetres if the size is a head's in them, with a finding; else refused.
    #[default]
    Auto,
    /// This one.
    Given(Unit),
}

impl FromStr for UnitChoice {
    type Err = UnknownUnit;
    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        let lower = text.to_ascii_lowercase();
        if lower == "auto" {
            return Ok(Self::Auto);
        }
        unit_named(&lower)
            .map(Self::Given)
            .ok_or_else(|| UnknownUnit {
                text: text.to_owned(),
            })
    }
}

/// A unit's name that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown unit \"{text}\"; use mm, cm, m, inch or auto")]
pub struct UnknownUnit {
    /// What was written.
    pub text: String,
}

/// The unit with this (lower-case) name or a usual synonym.
#[must_use]
pub fn unit_named(name: &str) -> Option<Unit> {
    Some(match name {
        "mm" | "millimetre" | "millimetres" | "millimeter" | "millimeters" => Unit::Millimetre,
        "cm" | "centimetre" | "centimetres" | "centimeter" | "centimeters" => Unit::Centimetre,
        "m" | "metre" | "metres" | "meter" | "meters" => Unit::Metre,
        "in" | "inch" | "inches" => Unit::Inch,
        _ => return None,
    })
}

/// A unit in which the scan would be a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// The unit.
    pub unit: Unit,
    /// The longest side of the bounding box then, millimetres.
    pub longest_mm: f64,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:.0} mm)", self.unit, self.longest_mm)
    }
}

/// Where the unit came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitSource {
    /// Named by the user.
    Given,
    /// The landmarks file names it.
    Landmarks,
    /// A comment in the scan names it and the size agrees.
    Comment,
    /// The format's specification names it and the size agrees.
    Format,
    /// Nothing names it; the size is a head's in millimetres.
    Assumed,
}

/// The unit settled on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settled {
    /// Metres in one file unit.
    pub metres: f64,
    /// Who said so.
    pub source: UnitSource,
}

/// Whether sides (longest and shortest of the bounding box, metres) are a head's, with or without neck and shoulders.
///
/// Source: a head is 110–300 mm long (child to large adult with margin); with shoulders up to 650 mm across or high; its shortest
/// side is at least 80 mm (else it is flat) and at most 330 mm (else it is no head in any pose).
#[must_use]
pub fn is_head_sized(longest: f64, shortest: f64) -> bool {
    (0.11..=0.65).contains(&longest) && (0.08..=0.33).contains(&shortest)
}

/// Settles the unit of a scan whose bounding box has these sides in file units.
///
/// # Errors
/// Contradicting sources, or a size that is not a head's.
pub fn settle(
    choice: UnitChoice,
    landmarks_mm_per_unit: Option<f64>,
    hint: Option<UnitHint>,
    sides: [f64; 3],
) -> Result<Settled, ScanError> {
    let longest = sides.into_iter().fold(0.0, f64::max);
    let shortest = sides.into_iter().fold(f64::INFINITY, f64::min);
    let fits: Vec<Fit> = Unit::ALL
        .into_iter()
        .filter(|u| is_head_sized(longest * u.metres(), shortest * u.metres()))
        .map(|unit| Fit {
            unit,
            longest_mm: longest * unit.metres() * 1e3,
        })
        .collect();
    let wrong = |given: Option<Unit>| ScanError::WrongSize {
        given,
        longest,
        fits: fits.clone(),
    };
    let (metres, source) = match (choice, landmarks_mm_per_unit) {
        (UnitChoice::Given(unit), Some(mm)) if (mm * 1e-3 / unit.metres() - 1.0).abs() > 1e-6 => {
            return Err(ScanError::UnitConflict {
                given: unit,
                landmarks_mm: mm,
            });
        }
        (UnitChoice::Given(unit), _) => (unit.metres(), UnitSource::Given),
        (UnitChoice::Auto, Some(mm)) => (mm * 1e-3, UnitSource::Landmarks),
        (UnitChoice::Auto, None) => match hint {
            Some(hint) if fits.iter().any(|f| f.unit == hint.unit()) => {
                let source = match hint {
                    UnitHint::Comment(_) => UnitSource::Comment,
                    UnitHint::Format(_) => UnitSource::Format,
                };
                (hint.unit().metres(), source)
            }
            Some(hint) if !fits.is_empty() => {
                let options: Vec<String> = fits.iter().map(Fit::to_string).collect();
                let fits = options.join(" or ");
                return Err(ScanError::UnitContradicted { hint, fits });
            }
            _ => (Unit::Millimetre.metres(), UnitSource::Assumed),
        },
    };
    if is_head_sized(longest * metres, shortest * metres) {
        return Ok(Settled { metres, source });
    }
    match (choice, landmarks_mm_per_unit) {
        (UnitChoice::Given(unit), _) => Err(wrong(Some(unit))),
        (UnitChoice::Auto, Some(mm)) => Err(ScanError::LandmarkUnitSize {
            landmarks_mm: mm,
            longest_mm: longest * metres * 1e3,
        }),
        (UnitChoice::Auto, None) => Err(wrong(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD_MM: [f64; 3] = [184.0, 214.0, 178.0];

    #[test]
    fn inches_and_metres_are_never_taken_for_millimetres() {
        for (unit, per_mm) in [
            (Unit::Inch, 1.0 / 25.4),
            (Unit::Metre, 1e-3),
            (Unit::Centimetre, 0.1),
        ] {
            let sides = HEAD_MM.map(|s| s * per_mm);
            match settle(UnitChoice::Auto, None, None, sides) {
                Err(ScanError::WrongSize {
                    given: None, fits, ..
                }) => {
                    assert_eq!(fits.iter().map(|f| f.unit).collect::<Vec<_>>(), vec![unit]);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(
                settle(UnitChoice::Given(unit), None, None, sides)
                    .unwrap()
                    .source,
                UnitSource::Given
            );
        }
        assert_eq!(
            settle(UnitChoice::Auto, None, None, HEAD_MM)
                .unwrap()
                .source,
            UnitSource::Assumed
        );
    }

    #[test]
    fn landmarks_name_the_unit_and_contradictions_are_refused() {
        let lps = [8.56, 7.95, 5.19];
        assert_eq!(
            settle(UnitChoice::Auto, Some(48.5), None, lps)
                .unwrap()
                .source,
            UnitSource::Landmarks
        );
        assert!(matches!(
            settle(UnitChoice::Given(Unit::Millimetre), Some(48.5), None, lps),
            Err(ScanError::UnitConflict { .. })
        ));
        assert!(matches!(
            settle(UnitChoice::Auto, Some(1.0), None, lps),
            Err(ScanError::LandmarkUnitSize { .. })
        ));
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(
            "MM".parse::<UnitChoice>().unwrap(),
            UnitChoice::Given(Unit::Millimetre)
        );
        assert_eq!("auto".parse::<UnitChoice>().unwrap(), UnitChoice::Auto);
        assert!("furlong".parse::<UnitChoice>().is_err());
    }
}
