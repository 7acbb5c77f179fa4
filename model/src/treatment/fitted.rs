//! What a test patch showed to heal well, and for what a plan is made.

use serde::{Deserialize, Serialize};

use crate::course::Day;
use crate::units::{Length, Time};

/// For what a plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To treat.
    Treatment,
    /// To try depths before a treatment.
    TestPatch,
}

/// Depth and dwell as fitted to one client by a test patch.
///
/// One depth for the whole client, the deepest that healed well: a patch tries depths side by side on one piece of skin with one needle, so
/// it says nothing of other pieces or needles. Zones may go less deep, none goes deeper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Whose skin: the clinic's id.
    pub client: String,
    /// The day the patch was looked at.
    pub day: Day,
    /// The deepest that healed well.
    pub depth: Length,
    /// How long the needle stays in the skin.
    pub dwell: Time,
}

#[cfg(test)]
mod tests {
    use crate::treatment::{Purpose, Treatment};

    const DEFAULT: &str = include_str!("../../../planner/treatments/default.toml");
    const FITTED: &str =
        "\n[fitted]\nclient = \"c-0001\"\nday = 2027-01-12\ndepth_mm = 0.6\ndwell_ms = 30\n";
    const PATCH: &str = "\n[test_patch]\ncenter_deg = [150, 20]\ndepths_mm = [0.4, 0.8]\ndiameter_mm = 0.15\nshade = \"light\"\n";

    fn said(more: &str) -> String {
        Treatment::parse(&format!("{DEFAULT}{more}"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_fit_is_read_and_nothing_goes_deeper() {
        let plain = Treatment::parse(DEFAULT).unwrap();
        assert_eq!((plain.fitted, plain.session.dwell.ms()), (None, 20.0));
        let treatment = Treatment::parse(&format!("{DEFAULT}{FITTED}")).unwrap();
        let fitted = treatment.fitted.clone().unwrap();
        assert_eq!(
            (fitted.client.as_str(), fitted.day.to_string().as_str()),
            ("c-0001", "2027-01-12")
        );
        assert_eq!(
            (fitted.depth.mm(), treatment.session.dwell.ms()),
            (0.6, 30.0)
        );
        let shallow = FITTED.replace("depth_mm = 0.6", "depth_mm = 0.55");
        assert_eq!(
            said(&shallow),
            "depth_mm of zone \"mid_scalp\" is 0.6; the test patch of client \"c-0001\" fitted 0.55 ([fitted]), and nothing goes deeper"
        );
    }

    #[test]
    fn a_fit_that_makes_no_sense_is_refused() {
        for (from, to, words) in [
            ("c-0001", "c 0001", "fitted.client must be an id"),
            (
                "day = 2027-01-12",
                "day = 2027-01-12T08:00:00Z",
                "fitted.day must be a day like",
            ),
            (
                "dwell_ms = 30",
                "dwell_ms = 1000",
                "fitted.dwell_ms is 1000; it must be 5 to 500",
            ),
            (
                "depth_mm = 0.6",
                "depth_mm = 0.1",
                "fitted.depth_mm is 0.1; it must be 0.2 to 2",
            ),
            ("dwell_ms = 30\n", "", "missing key `dwell_ms`"),
            (
                "dwell_ms = 30",
                "dwel_ms = 30",
                "did you mean \"dwell_ms\"?",
            ),
        ] {
            let text = said(&FITTED.replace(from, to));
            assert!(text.contains(words), "{text}");
        }
        let both = said(&format!("{FITTED}[session]\ndwell_ms = 25\n"));
        assert!(both.contains("session: dwell_ms"), "{both}");
    }

    #[test]
    fn a_test_patch_may_try_what_was_not_fitted_yet() {
        let text = format!("{DEFAULT}{FITTED}{PATCH}");
        let treatment = Treatment::parse(&text).unwrap();
        assert_eq!(treatment.purpose, Purpose::Treatment);
        let patch = treatment.for_test_patch().unwrap();
        assert_eq!((patch.purpose, patch.fitted), (Purpose::TestPatch, None));
    }
}
