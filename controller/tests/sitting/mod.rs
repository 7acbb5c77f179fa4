//! A sitting against which nothing stands.

use stipple_controller::gate::{History, Rules};
use stipple_controller::record::*;
use stipple_model::course::{Day, Policy, day_of};
use stipple_model::treatment::Purpose;

/// Of client C-17 on layer 1, beginning at a moment (µs since 1970), with a needle and a pigment that keep until a day.
pub fn sitting(cartridge: &str, now_us: i64, expires: Day) -> Sitting {
    let day = day_of(now_us);
    Sitting {
        client: "C-17".into(),
        operator: "A. Operator".into(),
        day,
        begun_us: now_us,
        purpose: Purpose::Treatment,
        layer: 1,
        consent: Consent {
            day,
            document: "CF-1".into(),
        },
        screening: Screened {
            intake: "0".repeat(64),
            client: "C-17".into(),
            given: day,
            confirmed: day,
            findings: Vec::new(),
            physician: None,
        },
        numbing: None,
        registration: Registration {
            residual_mm: 0.4,
            translation_m: [0.01, -0.02, 0.5],
            quaternion_xyzw: [0.0, 0.0, 0.0, 1.0],
            taken_us: now_us,
        },
        cartridge: Cartridge {
            id: cartridge.into(),
            strike_cap: 5_000,
            expires,
        },
        pigment_lots: vec![PigmentLot {
            id: "P-12".into(),
            expires,
            shades: vec!["grey".into()],
        }],
        test_patch: None,
        history: History {
            new_client: false,
            same_layer: None,
            other: None,
        },
        rules: Rules::of(&Policy::shipped().unwrap()),
        policy: "shipped".into(),
        overrides: Vec::new(),
    }
}
