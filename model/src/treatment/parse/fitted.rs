//! The table `[fitted]`.

use toml::value::Value;

use super::{Checked, SHALLOWEST_MM, in_range, mm};
use crate::course::answers;
use crate::limits::{DEPTH_CAP, DWELL_CAP, DWELL_LEAST};
use crate::treatment::file::FittedFile;
use crate::treatment::{Fitted, Session, TreatmentError, ZoneDesign};
use crate::units::Time;

/// How long the needle stays in the skin.
pub(super) fn dwell(key: &str, value: f64) -> Checked<Time> {
    in_range(key, value, DWELL_LEAST.ms(), DWELL_CAP.ms()).map(Time::from_ms)
}

/// Checks the table against the zones and the session, whose dwell becomes the fitted one.
pub(super) fn fitted(
    file: FittedFile,
    zones: &[ZoneDesign],
    session: &mut Session,
    session_says: bool,
) -> Checked<Fitted> {
    let must = |key: &'static str, rule: &'static str| TreatmentError::Fitted { key, rule };
    let client = answers::name(&Value::String(file.client))
        .ok_or_else(|| must("client", "an id of at most 40 letters, digits, - and _"))?;
    let day =
        answers::day(&Value::Datetime(file.day)).ok_or_else(|| must("day", answers::A_DAY))?;
    let fitted = Fitted {
        client,
        day,
        depth: mm(
            "fitted.depth_mm",
            file.depth_mm,
            SHALLOWEST_MM,
            DEPTH_CAP.mm(),
        )?,
        dwell: dwell("fitted.dwell_ms", file.dwell_ms)?,
    };
    if let Some(zone) = zones.iter().find(|z| z.depth > fitted.depth) {
        return Err(TreatmentError::DeeperThanFitted {
            zone: zone.name.clone(),
            depth_mm: zone.depth.mm(),
            fitted_mm: fitted.depth.mm(),
            client: fitted.client,
        });
    }
    if session_says && session.dwell != fitted.dwell {
        return Err(TreatmentError::Together {
            what: "session".to_owned(),
            key: "dwell_ms",
            rule: "is another than that of [fitted]; leave it out, the fitted one holds",
        });
    }
    session.dwell = fitted.dwell;
    Ok(fitted)
}
