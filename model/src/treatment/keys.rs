//! The keys of a treatment file, and the refusal of any other.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::TreatmentError;
use crate::text::QUOTE;

/// Every table of a treatment file with its keys; the file itself is the table "". `planner/treatments/README.md` documents each of
/// them, and a test holds it against this list.
pub const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "name",
            "dots",
            "denser_at_most",
            "layers",
            "feather_mm",
            "regularity",
            "hairline",
            "shades",
            "zones",
            "exclusions",
            "existing",
            "placed",
            "session",
            "test_patch",
            "fitted",
        ],
    ),
    (
        "hairline",
        &[
            "height_mm",
            "line_mm",
            "line_deg",
            "recession_mm",
            "half_width_mm",
            "frontotemporal_deg",
            "temple_peak_mm",
            "widows_peak_height_mm",
            "widows_peak_width_mm",
            "asymmetry_mm",
            "transition_mm",
            "edge_density",
            "waviness_mm",
            "roughness_mm",
            "policy",
            "lowest_mm",
        ],
    ),
    ("shades", &["name", "rgb", "dilution"]),
    (
        "zones",
        &[
            "region",
            "name",
            "curve_mm",
            "curve_deg",
            "line_mm",
            "line_deg",
            "width_mm",
            "density_per_cm2",
            "existing_per_cm2",
            "feather_mm",
            "depth_mm",
            "depth_cap_mm",
            "needle",
            "diameter_mm",
            "healed_diameter_mm",
            "shades",
        ],
    ),
    (
        "exclusions",
        &[
            "name",
            "points_mm",
            "points_deg",
            "radius_mm",
            "curve_mm",
            "curve_deg",
            "margin_mm",
        ],
    ),
    ("existing", &["points_mm", "points_deg"]),
    ("placed", &["share", "seed", "dots_mm"]),
    (
        "session",
        &[
            "dots_per_dip",
            "dip_s",
            "dots_per_needle",
            "needle_change_s",
            "shade_change_s",
            "break_every_min",
            "break_min",
            "rest_radius_mm",
            "rest_s",
            "dwell_ms",
        ],
    ),
    (
        "test_patch",
        &[
            "center_mm",
            "center_deg",
            "size_mm",
            "density_per_cm2",
            "depths_mm",
            "diameter_mm",
            "shade",
        ],
    ),
    ("fitted", &["client", "day", "depth_mm", "dwell_ms"]),
];

/// The keys of a table.
fn known(table: &str) -> Option<&'static [&'static str]> {
    KEYS.iter()
        .find(|(t, _)| *t == table)
        .map(|(_, keys)| *keys)
}

/// The known name that is nearest to a wrong one: the fewest letters to insert, delete, change or swap.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    // A name as long as a file costs as much as the file squared; nothing that long is a slip of the pen.
    let wrong: String = wrong.chars().take(64).collect::<String>().to_lowercase();
    known
        .into_iter()
        .min_by_key(|k| (strsim::damerau_levenshtein(&wrong, k), *k))
        .unwrap_or_default()
}

/// The parser's message in the words of the file: it names what it expects as types of this program.
pub(super) fn plain(message: &str) -> String {
    let message = crate::text::plain(message, QUOTE);
    let message = message.replacen("missing field", "missing key", 1);
    let found = message
        .replacen(
            "invalid type: floating point",
            "invalid type: the number",
            1,
        )
        .replacen("invalid type: integer", "invalid type: the whole number", 1)
        .replacen("invalid type: map", "invalid type: a table", 1)
        .replacen("invalid type: sequence", "invalid type: a list", 1);
    let Some((found, expected)) = found.rsplit_once(", expected ") else {
        return found;
    };
    let length = expected
        .strip_prefix("an array of length ")
        .or_else(|| expected.strip_prefix("a tuple of size "));
    let wanted = match expected {
        "i64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        _ if expected.starts_with("struct ") => "a table".to_owned(),
        _ => length.map_or_else(|| expected.to_owned(), |n| format!("a list of {n} numbers")),
    };
    format!("{found}, expected {wanted}")
}

/// The line of a byte of the text, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|&&b| b == b'\n').count()
}

/// Refuses a text with a key that is not in [`KEYS`].
pub(super) fn check(text: &str) -> Result<(), TreatmentError> {
    let syntax = |e: toml::de::Error| TreatmentError::Syntax {
        line: line(text, e.span().map_or(0, |s: Range<usize>| s.start)),
        reason: crate::text::plain(e.message(), QUOTE),
    };
    let table = DeTable::parse(text).map_err(syntax)?;
    check_table(text, "", table.get_ref())
}

fn check_table(text: &str, name: &str, table: &DeTable<'_>) -> Result<(), TreatmentError> {
    let Some(keys) = known(name) else {
        // A table whose keys are the user's own names, such as a zone's shades.
        return Ok(());
    };
    for (key, value) in table {
        let (word, at) = (key.get_ref().as_ref(), key.span().start);
        if !keys.contains(&word) {
            return Err(TreatmentError::UnknownKey {
                line: line(text, at),
                key: crate::text::plain(word, 64),
                place: if name.is_empty() {
                    "the file".to_owned()
                } else {
                    format!("[{name}]")
                },
                nearest: nearest(word, keys.iter().copied()),
            });
        }
        if !name.is_empty() {
            continue;
        }
        match value.get_ref() {
            DeValue::Table(inner) => check_table(text, word, inner)?,
            DeValue::Array(items) => {
                for item in items {
                    if let DeValue::Table(inner) = item.get_ref() {
                        check_table(text, word, inner)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
