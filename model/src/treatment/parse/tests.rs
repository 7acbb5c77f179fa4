use super::super::{
    DEFAULT_REGULARITY, Extent, LOWEST_MALE_HAIRLINE, Place, Region, Shape, Treatment,
    TreatmentError,
};
use crate::frames::Point;
use crate::units::Length;

const GOOD: &str = r#"
name = "test"
dots = 500
layers = [0.3, 0.7, 1.0]
feather_mm = 10
[hairline]
height_mm = 80
recession_mm = 15
half_width_mm = 58
transition_mm = 8
edge_density = 0.25
waviness_mm = 2
roughness_mm = 1
[[shades]]
name = "medium"
rgb = [70, 60, 55]
[[zones]]
region = "mid_scalp"
density_per_cm2 = 60
depth_mm = 0.6
diameter_mm = 0.15
shades = { medium = 1.0 }
"#;

/// The good file with more lines in its zone, or with more tables after it.
fn and(more: &str) -> Result<Treatment, TreatmentError> {
    Treatment::parse(&format!("{GOOD}{more}\n"))
}

fn error(from: &str, to: &str) -> TreatmentError {
    assert!(GOOD.contains(from), "{from}");
    Treatment::parse(&GOOD.replace(from, to)).unwrap_err()
}

#[test]
fn a_good_file_is_read() {
    let t = Treatment::parse(GOOD).unwrap();
    assert_eq!(t.dots, Some(500));
    assert_eq!(t.zones[0].shape, Shape::Region(Region::MidScalp));
    assert_eq!(t.zones[0].name, "mid_scalp");
    assert!((t.zones[0].laid().per_cm2() - 60.0).abs() < 1e-9);
    assert_eq!(t.zones[0].shades, vec![(0, 1.0)]);
    assert!((t.regularity - DEFAULT_REGULARITY).abs() < 1e-12);
    assert_eq!(t.hairline.recession, Some(Length::from_mm(15.0)));
}

#[test]
fn without_a_hairline_the_rule_holds() {
    let (before, after) = GOOD.split_once("[hairline]").unwrap();
    let (_, after) = after.split_once("[[shades]]").unwrap();
    let t = Treatment::parse(&format!("{before}[[shades]]{after}")).unwrap();
    assert_eq!(t.hairline.height, Length::from_mm(80.0));
    assert_eq!((t.hairline.recession, t.hairline.half_width), (None, None));
    assert_eq!(t.hairline.lowest, LOWEST_MALE_HAIRLINE);
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_one() {
    for (from, to, line, key, place, nearest) in [
        (
            "feather_mm",
            "fether_mm",
            5,
            "fether_mm",
            "the file",
            "feather_mm",
        ),
        (
            "waviness_mm",
            "wavyness_mm",
            12,
            "wavyness_mm",
            "[hairline]",
            "waviness_mm",
        ),
        (
            "density_per_cm2",
            "density_per_cm",
            19,
            "density_per_cm",
            "[zones]",
            "density_per_cm2",
        ),
        ("rgb =", "RGB =", 16, "RGB", "[shades]", "rgb"),
        ("[[shades]]", "[[shade]]", 14, "shade", "the file", "shades"),
    ] {
        let unknown = error(from, to);
        let wanted = TreatmentError::UnknownKey {
            line,
            key: key.into(),
            place: place.into(),
            nearest,
        };
        assert_eq!(unknown, wanted);
        assert!(
            unknown
                .to_string()
                .contains(&format!("did you mean \"{nearest}\""))
        );
    }
    // In tables that are written inline, too.
    let inline = and("[existing]\npoint_mm = []").unwrap_err();
    assert!(
        matches!(
            inline,
            TreatmentError::UnknownKey {
                nearest: "points_mm",
                ..
            }
        ),
        "{inline}"
    );
    // The shades of a zone are the user's own names, told as shades.
    assert!(matches!(
        error("{ medium = 1.0 }", "{ dark = 1.0 }"),
        TreatmentError::UnknownShade { .. }
    ));
    let long = "x".repeat(100_000);
    assert!(error("feather_mm", &long).to_string().len() < 300);
}

#[test]
fn an_unknown_region_is_refused_with_the_nearest_one() {
    for (name, nearest) in [
        ("beard", "back"),
        ("norwood5", "norwood_5"),
        ("mid-scalp", "mid_scalp"),
        ("Crown", "crown"),
    ] {
        let refused = error("\"mid_scalp\"", &format!("\"{name}\""));
        assert_eq!(
            refused,
            TreatmentError::UnknownRegion {
                region: name.into(),
                nearest
            }
        );
    }
    for region in Region::ALL {
        let t = Treatment::parse(&GOOD.replace("mid_scalp", region.name())).unwrap();
        assert_eq!(t.zones[0].shape, Shape::Region(region));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let low = error("height_mm = 80", "height_mm = 60");
    assert!(
        matches!(low, TreatmentError::HairlineTooLow { policy: "male", .. }),
        "{low}"
    );
    assert!(matches!(
        error("height_mm = 80", "height_mm = nan"),
        TreatmentError::Range { .. }
    ));
    assert!(matches!(
        error("depth_mm = 0.6", "depth_mm = 2.1"),
        TreatmentError::Range { high: 2.0, .. }
    ));
    for layers in ["[0.7, 0.3, 1.0]", "[0.3, nan, 1.0]", "[]", "[0.5, 0.9]"] {
        assert_eq!(error("[0.3, 0.7, 1.0]", layers), TreatmentError::Layers);
    }
    assert!(matches!(
        error("{ medium = 1.0 }", "{ medium = 0.9 }"),
        TreatmentError::Shares { .. }
    ));
    assert!(matches!(
        error("dots = 500", "dots = 5000000"),
        TreatmentError::Range { .. }
    ));
    let missing = error("dots = 500\nlayers = [0.3, 0.7, 1.0]", "dots = 500");
    assert!(
        matches!(&missing, TreatmentError::Syntax { reason, .. } if reason.contains("layers")),
        "{missing}"
    );
    assert!(matches!(
        error("name = \"test\"", "name = test"),
        TreatmentError::Syntax { line: 2, .. }
    ));
}

#[test]
fn what_is_wrong_is_said_in_the_words_of_the_file() {
    let mole = "[[exclusions]]\nname = \"mole\"\npoints_deg = [[0, 80]]\nmargin_mm = 0";
    for (from, to, says) in [
        (
            "dots = 500",
            "dots = -5",
            "dots is -5; it must be 1 to 100000",
        ),
        (
            "dots = 500",
            "dots = 0",
            "dots is 0; it must be 1 to 100000",
        ),
        ("dots = 500", "dots = 5000000000", "it must be 1 to 100000"),
        (
            "dots = 500",
            "dots = 500.5",
            "line 3: invalid type: the number `500.5`, expected a whole number",
        ),
        (
            "dots = 500",
            "denser_at_most = 9",
            "denser_at_most is 9; it must be 1 to 3",
        ),
        (
            "[70, 60, 55]",
            "[300, 60, 55]",
            "rgb of shade \"medium\" is 300; it must be 0 to 255",
        ),
        (
            "[70, 60, 55]",
            "[70, 60, -1]",
            "rgb of shade \"medium\" is -1; it must be 0 to 255",
        ),
        ("[70, 60, 55]", "[70, 60]", "expected a list of 3 numbers"),
        (
            "[70, 60, 55]",
            "70",
            "invalid type: the whole number `70`, expected a list of 3 numbers",
        ),
        ("height_mm = 80", "height_mm = \"80\"", "expected a number"),
        (
            "{ medium = 1.0 }",
            "{ mediun = 1.0 }",
            "did you mean \"medium\"?",
        ),
        (
            "{ medium = 1.0 }",
            "{ medium = 1.0 }\nexisting_per_cm2 = [1]",
            "expected a number",
        ),
        (
            "{ medium = 1.0 }",
            &format!("{{ medium = 1.0 }}\n{mole}"),
            "radius_mm and margin_mm are both 0",
        ),
        ("feather_mm = 10", "", "missing key `feather_mm`"),
    ] {
        let line = error(from, to).to_string();
        assert!(line.contains(says), "{to}: {line}");
        let leaks = [
            "i64", "u32", "u8", "f64", "struct", "tuple", "array", "File",
        ];
        assert!(leaks.iter().all(|l| !line.contains(l)), "{line}");
    }
}

#[test]
fn no_depth_is_tried_that_a_zone_may_not_have() {
    let patch = "[test_patch]\ncenter_deg = [180, 10]\ndepths_mm = [0.4, 0.9]\ndiameter_mm = 0.15\nshade = \"medium\"";
    let careful = and(&format!("depth_cap_mm = 0.8\n{patch}"));
    assert!(
        matches!(&careful, Err(TreatmentError::PatchTooDeep { zone, .. }) if zone == "mid_scalp"),
        "{careful:?}"
    );
    let t = and(&format!("depth_cap_mm = 0.9\n{patch}")).unwrap();
    let patch = t.for_test_patch().unwrap();
    assert!(
        patch
            .zones
            .iter()
            .all(|z| z.depth_cap == Length::from_mm(0.9))
    );
}

#[test]
fn the_policy_says_how_low_a_hairline_may_be() {
    let with = |height: f64, more: &str| {
        Treatment::parse(&GOOD.replace("height_mm = 80", &format!("height_mm = {height}\n{more}")))
    };
    assert!(with(60.0, "policy = \"female\"").is_ok());
    assert!(with(60.0, "lowest_mm = 58").is_ok());
    let refused = [
        with(60.0, ""),
        with(60.0, "policy = \"male\""),
        with(49.0, "policy = \"female\""),
        with(60.0, "lowest_mm = 62"),
        // The widow's peak comes lower than the line.
        with(70.0, "widows_peak_height_mm = 8"),
    ];
    for refused in refused {
        assert!(
            matches!(refused, Err(TreatmentError::HairlineTooLow { .. })),
            "{refused:?}"
        );
    }
    // No policy goes below the project's own floor.
    assert!(matches!(
        with(45.0, "lowest_mm = 40"),
        Err(TreatmentError::Range { .. })
    ));
}

#[test]
fn a_zone_says_where_it_is_exactly_once() {
    let refused = and("curve_deg = [[0, 60], [20, 60], [0, 80]]").unwrap_err();
    assert!(matches!(refused, TreatmentError::Where { .. }), "{refused}");
    let drawn = |more: &str| Treatment::parse(&GOOD.replace("region = \"mid_scalp\"", more));
    let curve = drawn("name = \"patch\"\ncurve_deg = [[0, 60], [20, 60], [0, 80]]").unwrap();
    assert!(matches!(&curve.zones[0].shape, Shape::Curve(points) if points.len() == 3));
    let scar =
        drawn("region = \"scar\"\nline_mm = [[0, 0, 100], [0, 10, 100]]\nwidth_mm = 6").unwrap();
    assert_eq!(
        scar.zones[0].shape,
        Shape::Line {
            points: vec![
                Place::Scan(Point::new(0.0, 0.0, 0.1)),
                Place::Scan(Point::new(0.0, 0.01, 0.1))
            ],
            width: Length::from_mm(6.0)
        }
    );
    for wrong in [
        "region = \"scar\"",
        "name = \"nowhere\"",
        "curve_deg = [[0, 60], [20, 60], [0, 80]]",
        "name = \"x\"\ncurve_deg = [[0, 60], [20, 60]]",
        "name = \"x\"\ncurve_deg = [[0, 60], [20, 96], [0, 80]]",
        "name = \"x\"\ncurve_mm = [[0, 60, nan], [20, 60, 1], [0, 80, 1]]",
        "name = \"x\"\ncurve_mm = [[0, 60, 1], [20, 60, 1], [0, 80, 1]]\nline_deg = [[0, 0], [1, 1]]",
        "region = \"crown\"\nwidth_mm = 6",
    ] {
        assert!(drawn(wrong).is_err(), "{wrong}");
    }
    let twice = and(
        "[[zones]]\nregion = \"mid_scalp\"\ndensity_per_cm2 = 60\ndepth_mm = 0.6\ndiameter_mm = 0.15\nshades = { medium = 1.0 }",
    );
    assert_eq!(
        twice,
        Err(TreatmentError::ZoneTwice {
            zone: "mid_scalp".into()
        })
    );
}

#[test]
fn existing_hair_and_depth_caps_are_held() {
    let t = and("existing_per_cm2 = 25").unwrap();
    assert!((t.zones[0].laid().per_cm2() - 35.0).abs() < 1e-9);
    assert!(matches!(
        and("existing_per_cm2 = 59.5"),
        Err(TreatmentError::NothingToLay { .. })
    ));
    assert!(matches!(
        and("depth_cap_mm = 0.5"),
        Err(TreatmentError::TooDeep { .. })
    ));
    assert!(and("depth_cap_mm = 0.6").is_ok());
}

#[test]
fn exclusions_and_existing_points_are_read() {
    let t = and(
        "[[exclusions]]\nname = \"mole\"\npoints_deg = [[10, 70], [12, 71]]\nradius_mm = 3\nmargin_mm = 1\n\
         [existing]\npoints_mm = [[1, 2, 3]]\npoints_deg = [[0, 80]]",
    )
    .unwrap();
    assert_eq!(t.existing.len(), 2);
    assert!(
        matches!(&t.exclusions[0].extent, Extent::Points { centers, radius }
        if centers.len() == 2 && *radius == Length::from_mm(3.0))
    );
    for wrong in [
        "[[exclusions]]\nname = \"mole\"",
        "[[exclusions]]\nname = \"mole\"\npoints_deg = []",
        "[[exclusions]]\nname = \"mole\"\npoints_deg = [[0, 80]]\npoints_mm = [[0, 0, 1]]",
        "[[exclusions]]\nname = \"wound\"\ncurve_deg = [[0, 60], [20, 60], [0, 80]]\nradius_mm = 3",
        "[[exclusions]]\nname = \"mole\"\npoints_deg = [[0, 80]]\nmargin_mm = -1",
    ] {
        assert!(and(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_own_hairline_excludes_the_rules_figures() {
    let own = "line_deg = [[60, 20], [30, 45], [0, 45], [-30, 45], [-60, 20]]";
    let all = GOOD.replace("height_mm = 80", own);
    assert!(matches!(
        Treatment::parse(&all),
        Err(TreatmentError::Together {
            key: "recession_mm",
            ..
        })
    ));
    let bare = all.replace("recession_mm = 15\nhalf_width_mm = 58\n", "");
    assert_eq!(
        Treatment::parse(&bare)
            .unwrap()
            .hairline
            .line
            .unwrap()
            .len(),
        5
    );
}

#[test]
fn a_test_patch_becomes_a_treatment_of_its_own() {
    assert_eq!(
        Treatment::parse(GOOD).unwrap().for_test_patch(),
        Err(TreatmentError::NoTestPatch)
    );
    let patch = "[test_patch]\ncenter_deg = [180, 10]\ndepths_mm = [0.4, 0.6, 0.8]\ndiameter_mm = 0.15\nshade = \"medium\"";
    let t = and(patch).unwrap().for_test_patch().unwrap();
    assert_eq!((t.dots, t.layers.as_slice()), (None, [1.0].as_slice()));
    let depths: Vec<f64> = t.zones.iter().map(|z| z.depth.mm()).collect();
    assert!(
        depths
            .iter()
            .zip([0.4, 0.6, 0.8])
            .all(|(a, b)| (a - b).abs() < 1e-12)
    );
    assert_eq!(t.zones[1].name, "patch 0.6 mm");
    for wrong in [
        patch.replace("[0.4, 0.6, 0.8]", "[0.6, 0.4]"),
        patch.replace("[0.4, 0.6, 0.8]", "[]"),
        patch.replace("[0.4, 0.6, 0.8]", "[2.5]"),
        patch.replace("\"medium\"", "\"pink\""),
        patch.replace("center_deg = [180, 10]\n", ""),
    ] {
        assert!(and(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_session_is_read_and_refused_by_key() {
    let and = |more: &str| Treatment::parse(&format!("{GOOD}\n[session]\n{more}"));
    let plain = Treatment::parse(GOOD).unwrap();
    assert_eq!(plain.session, crate::treatment::Session::default());
    let read = and("dots_per_dip = 80\nbreak_every_min = 30\nrest_radius_mm = 2\nrest_s = 8.5");
    let session = read.unwrap().session;
    assert_eq!(session.dots_per_dip, 80);
    assert!((session.break_every.s() - 1800.0).abs() < 1e-9);
    assert!(
        (session.rest_radius.mm() - 2.0).abs() < 1e-12 && (session.rest.s() - 8.5).abs() < 1e-12
    );
    assert_eq!(session.dots_per_needle, plain.session.dots_per_needle);
    for wrong in [
        "dots_per_dip = 0",
        "dip_s = -1",
        "dots_per_needle = 1e9",
        "needle_change_s = nan",
        "shade_change_s = inf",
        "break_every_min = 0",
        "break_min = 61",
        "rest_radius_mm = 6",
        "rest_s = 61",
    ] {
        let key = wrong.split(' ').next().unwrap();
        let line = and(wrong).unwrap_err().to_string();
        // What is no whole number is refused by its line and not by its key.
        assert!(line.contains(key) || wrong.contains("1e9"), "{line}");
    }
}

#[test]
fn the_list_of_keys_is_what_is_read() {
    for (table, keys) in super::super::KEYS {
        let head = match *table {
            "" => String::new(),
            "shades" | "zones" | "exclusions" => format!("[[{table}]]\n"),
            table => format!("[{table}]\n"),
        };
        let refused = toml::from_str::<super::File>(&format!("{head}nonsense = 1\n"));
        let reason = refused.err().unwrap().message().to_owned();
        // "unknown field `nonsense`, expected one of `a`, `b`": every other piece is a name.
        let read: Vec<&str> = reason.split('`').skip(3).step_by(2).collect();
        assert_eq!(read, *keys, "[{table}]: {reason}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(at in 0usize..500, with in "\\PC{0,12}|[\\[\\]{}=\"0-9.,\\n-]{0,12}|nan|inf|-1e308|99999999999999999999") {
        let at = (0..=at.min(GOOD.len())).rev().find(|i| GOOD.is_char_boundary(*i)).unwrap_or(0);
        let (before, after) = GOOD.split_at(at);
        for text in [format!("{before}{with}{after}"), format!("{before}{with}"), with] {
            if let Err(error) = Treatment::parse(&text) {
                let line = error.to_string();
                proptest::prop_assert!(!line.contains('\n') && line.chars().count() < 600, "{line}");
            }
        }
    }
}
