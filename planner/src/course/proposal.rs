//! The proposed design: one of the shipped treatments with the client's shades, density and sessions.

use serde::Serialize;
use stipple_model::course::{Intake, Look, Policy, ShadeRule, SkinRule};
use stipple_model::treatment::{Treatment, TreatmentError};
use toml_edit::{Array, DocumentMut, Item, value};

use super::assess::natural;
use super::sessions::Count;

/// The shipped treatments, by the stems of their files.
const TREATMENTS: [(&str, &str); 5] = [
    ("default", include_str!("../../treatments/default.toml")),
    (
        "full-scalp",
        include_str!("../../treatments/full-scalp.toml"),
    ),
    ("norwood-5", include_str!("../../treatments/norwood-5.toml")),
    ("ludwig-2", include_str!("../../treatments/ludwig-2.toml")),
    ("scar", include_str!("../../treatments/scar.toml")),
];

/// A shade as it is mixed for a client.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mixed {
    /// Its name.
    pub name: String,
    /// How it looks in the skin, sRGB.
    pub rgb: [u8; 3],
    /// Parts of water to one of pigment.
    pub dilution: u8,
}

/// A zone of the design.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProposedZone {
    /// Its name.
    pub name: String,
    /// How dense it is to look, 1/cm².
    pub density_per_cm2: f64,
    /// Of it hair that is there, 1/cm².
    pub existing_per_cm2: f64,
    /// How deep the needle goes, mm; the test patch may say another.
    pub depth_mm: f64,
    /// The needle.
    pub needle: Option<String>,
}

/// A design.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// The shipped treatment it was made from.
    pub treatment: String,
    /// Share of the dots that is there after each session.
    pub shares: Vec<f64>,
    /// Why there are that many sessions.
    pub sessions_because: Vec<String>,
    /// Dots and hair together where the design is densest, 1/cm².
    pub target_per_cm2: f64,
    /// Dots alone, 1/cm², the mean of the zones.
    pub laid_per_cm2: f64,
    /// The exact total, where the design has one.
    pub dots: Option<u32>,
    /// From the glabella to the mid-frontal point, mm; `None` where the design has no zone at the hairline.
    pub hairline_mm: Option<f64>,
    /// The shades.
    pub shades: Vec<Mixed>,
    /// The zones.
    pub zones: Vec<ProposedZone>,
    /// The treatment file.
    #[serde(skip)]
    pub text: String,
}

/// Why no design is proposed.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// The policy names one that is not shipped.
    #[error(
        "the policy proposes treatment {treatment:?} for {pattern}; there are {}",
        TREATMENTS.map(|(name, _)| name).join(", ")
    )]
    NoTreatment {
        /// For which pattern.
        pattern: String,
        /// Which.
        treatment: String,
    },
    /// It is not TOML: a fault of this program.
    #[error("the shipped treatment {0}: {1}; please report this")]
    Shipped(String, toml_edit::TomlError),
    /// It came out as no treatment.
    #[error("the proposed treatment: {0}; change the policy or the intake")]
    Treatment(#[from] TreatmentError),
}

impl Proposal {
    /// What whoever plans it must do.
    pub(super) fn notes(&self, intake: &Intake) -> Vec<String> {
        let mut notes = Vec::new();
        if self.treatment == "scar" {
            notes.push(
                "the scar's line in treatment.toml is an example: draw it on the scan (line_mm)"
                    .to_owned(),
            );
        }
        if !intake.scars.is_empty() && self.treatment != "scar" {
            notes.push(
                "scars need zones of their own in treatment.toml, drawn on the scan".to_owned(),
            );
        }
        if intake.treated_before.is_some() {
            notes.push(
                "dots that are still there must be known first: `stipple-planner residual` makes a treatment of what is missing".to_owned(),
            );
        }
        notes
    }
}

/// The share of the dots that is there after each session.
pub(super) fn shares(policy: &Policy, count: &Count) -> Vec<f64> {
    let shares = policy.shares(count.number).filter(|_| !count.touch_up);
    shares.map_or_else(|| vec![1.0], <[f64]>::to_vec)
}

/// How many times as dense as the shipped treatments think the client's hair is.
fn hair(policy: &Policy, intake: &Intake) -> f64 {
    natural(policy, intake) / policy.density.natural_units_per_cm2.value
}

/// How many times as dense as the shipped treatment a design is: hair that was counted, and the look that is wished.
fn factor(policy: &Policy, intake: &Intake) -> f64 {
    match intake.look {
        Look::Full => hair(policy, intake),
        Look::Light => hair(policy, intake) * policy.density.light_look.value,
    }
}

/// Between hairs at least so much is laid, 1/cm². Source: this project's own; less is not seen.
const LEAST_BETWEEN: f64 = 5.0;

fn shipped<'a>(
    policy: &'a Policy,
    intake: &Intake,
) -> Result<(&'a str, &'static str), ProposalError> {
    let named = policy.pattern(&intake.pattern).map_or("", |p| &p.treatment);
    let found = TREATMENTS.iter().find(|(name, _)| *name == named);
    let found = found.ok_or_else(|| ProposalError::NoTreatment {
        pattern: intake.pattern.clone(),
        treatment: named.to_owned(),
    })?;
    Ok((named, found.1))
}

/// The densest zone of the design, dots and hair together, 1/cm².
pub(super) fn target_per_cm2(policy: &Policy, intake: &Intake) -> Result<f64, ProposalError> {
    let treatment = Treatment::parse(shipped(policy, intake)?.1)?;
    Ok(densest(&treatment) * factor(policy, intake))
}

fn densest(treatment: &Treatment) -> f64 {
    let each = treatment.zones.iter().map(|zone| zone.density.per_cm2());
    each.fold(0.0, f64::max)
}

pub(super) fn propose(
    policy: &Policy,
    intake: &Intake,
    count: &Count,
) -> Result<Proposal, ProposalError> {
    let (name, text) = shipped(policy, intake)?;
    let mut file: DocumentMut = text
        .parse()
        .map_err(|error| ProposalError::Shipped(name.to_owned(), error))?;
    let shares = shares(policy, count);
    file["layers"] = value(shares.iter().copied().collect::<Array>());
    scale(&mut file, policy, intake);
    let shades = mix(&mut file, policy, intake);
    let what = if count.touch_up {
        "touch-up"
    } else {
        "treatment"
    };
    let text = format!(
        "# Proposed {what} for client {}, consulted on {}; made from the shipped {name}.toml.\n{file}",
        intake.client, intake.date
    );
    let treatment = Treatment::parse(&text)?;
    let zones = treatment.zones.iter().map(|zone| ProposedZone {
        name: zone.name.clone(),
        density_per_cm2: zone.density.per_cm2(),
        existing_per_cm2: zone.existing.map_or(0.0, |e| e.per_cm2()),
        depth_mm: zone.depth.mm(),
        needle: zone.needle.clone(),
    });
    let zones: Vec<ProposedZone> = zones.collect();
    let laid = treatment.zones.iter().map(|zone| zone.laid().per_cm2());
    let has_hairline = file.get("hairline").is_some();
    Ok(Proposal {
        treatment: name.to_owned(),
        shares,
        sessions_because: count.why.clone(),
        target_per_cm2: densest(&treatment),
        laid_per_cm2: laid.sum::<f64>() / treatment.zones.len() as f64,
        dots: treatment.dots,
        hairline_mm: has_hairline.then(|| treatment.hairline.height.mm()),
        shades,
        zones,
        text,
    })
}

/// A number as a file gives it, be it written with a point or without.
fn number(item: &Item) -> Option<f64> {
    item.as_float()
        .or_else(|| item.as_integer().map(|i| i as f64))
}

/// Makes the design as dense as is wished, but nowhere denser than natural hair, or than the hair that is there and a few dots.
fn scale(file: &mut DocumentMut, policy: &Policy, intake: &Intake) {
    let factor = factor(policy, intake);
    let most = natural(policy, intake);
    let tenths = |v: f64| (v * 10.0).round() / 10.0;
    let zones = file.get_mut("zones").and_then(Item::as_array_of_tables_mut);
    for zone in zones.into_iter().flat_map(|zones| zones.iter_mut()) {
        let mut least = 0.0;
        if let Some(old) = zone.get("existing_per_cm2").and_then(number) {
            let there = tenths(old * hair(policy, intake));
            zone["existing_per_cm2"] = value(there);
            least = there + LEAST_BETWEEN;
        }
        if let Some(old) = zone.get("density_per_cm2").and_then(number) {
            zone["density_per_cm2"] = value(tenths((old * factor).min(most).max(least)));
        }
    }
    if let Some(dots) = file.get("dots").and_then(Item::as_integer) {
        file["dots"] = value((dots as f64 * factor).round() as i64);
    }
}

/// Mixes the treatment's shades from the hair's colour and the skin's; shades the policy does not know stay as they are.
fn mix(file: &mut DocumentMut, policy: &Policy, intake: &Intake) -> Vec<Mixed> {
    let mut mixed = Vec::new();
    let skin = policy.skin(intake.skin_type);
    let hair = policy.hair(&intake.hair_colour);
    let shades = file
        .get_mut("shades")
        .and_then(Item::as_array_of_tables_mut);
    for shade in shades.into_iter().flat_map(|shades| shades.iter_mut()) {
        let name = shade.get("name").and_then(Item::as_str).map(str::to_owned);
        let rule = name.as_deref().and_then(|name| policy.shade(name));
        let (Some(rule), Some(skin), Some(hair)) = (rule, skin, hair) else {
            continue;
        };
        let rgb = blend(hair.rgb, rule, skin);
        let dilution = rule.parts.saturating_add(skin.more_parts);
        shade["rgb"] = value(rgb.iter().map(|c| i64::from(*c)).collect::<Array>());
        shade["dilution"] = value(i64::from(dilution));
        mixed.push(Mixed {
            name: rule.name.clone(),
            rgb,
            dilution,
        });
    }
    mixed
}

fn blend(hair: [u8; 3], rule: &ShadeRule, skin: &SkinRule) -> [u8; 3] {
    let mut rgb = hair;
    for (to, skin) in rgb.iter_mut().zip(skin.rgb) {
        let mixed = f64::from(*to) * (1.0 - rule.skin) + f64::from(skin) * rule.skin;
        // Between two bytes.
        *to = mixed.round() as u8;
    }
    rgb
}
