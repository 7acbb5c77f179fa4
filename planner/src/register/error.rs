//! Why landmarks are refused: what, where, and what to do about it, in one line each.

/// Why a head frame cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RegisterError {
    /// The file is no JSON of the expected form.
    #[error(
        "line {line} column {column}: {reason}; a landmarks file is {{\"unit\": \"mm\", \"points\": {{\"nasion\": [x, y, z], …}}}}"
    )]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// A unit that is not known.
    #[error("unknown unit \"{text}\"; use mm, cm, m or inch, or units_mm")]
    UnitName {
        /// What was written.
        text: String,
    },
    /// A `units_mm` that is no scale.
    #[error("units_mm is {mm}; it is the millimetres in one unit, 0.0001 to 100000")]
    UnitValue {
        /// What was written.
        mm: f64,
    },
    /// `unit` and `units_mm` disagree.
    #[error("unit says {named} mm per unit and units_mm says {mm}; keep one of them")]
    TwoUnits {
        /// Millimetres per unit by `unit`.
        named: f64,
        /// Millimetres per unit by `units_mm`.
        mm: f64,
    },
    /// The scan was read in another unit than the landmarks name.
    #[error(
        "the landmarks say one unit is {landmarks_mm} mm, but the scan was read with {scan_mm}; give both in the scan's own unit"
    )]
    UnitDiffers {
        /// Millimetres per unit in the landmarks file.
        landmarks_mm: f64,
        /// Millimetres per unit the scan was read with.
        scan_mm: f64,
    },
    /// A point is NaN or infinite.
    #[error("point \"{name}\" is not finite; pick it again")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// One landmark under two names at two places.
    #[error("{landmark} is given twice, at two places; keep one of them")]
    Twice {
        /// Which.
        landmark: &'static str,
    },
    /// Neither set is complete.
    #[error(
        "needed are nasion + LPA + RPA, or nasion + vertex + opisthocranion; missing {missing}; the file has {found}; pick the missing points on the scan"
    )]
    Missing {
        /// What is missing of either set.
        missing: String,
        /// The names in the file.
        found: String,
    },
    /// A landmark is not on the scan.
    #[error(
        "{landmark} lies {distance_mm:.1} mm from the scan's surface, at most {limit_mm:.0} mm is plausible; pick it again, or is the unit wrong?"
    )]
    OffSurface {
        /// Which.
        landmark: &'static str,
        /// How far off.
        distance_mm: f64,
        /// The most accepted.
        limit_mm: f64,
    },
    /// Three landmarks on one line.
    #[error("{landmarks} lie on one line ({degrees:.1}°); they give no frame, pick them again")]
    OnOneLine {
        /// Which.
        landmarks: &'static str,
        /// The angle between them.
        degrees: f64,
    },
    /// A distance between landmarks that no head has.
    #[error(
        "{what} is {value_mm:.0} mm, on a head it is {low_mm:.0} to {high_mm:.0} mm; pick the landmarks again, or is the unit wrong?"
    )]
    Implausible {
        /// Which distance.
        what: &'static str,
        /// What it is.
        value_mm: f64,
        /// The least accepted.
        low_mm: f64,
        /// The most accepted.
        high_mm: f64,
    },
    /// The names of the landmarks went to the wrong points.
    #[error(
        "{0} and {1} are farthest apart ({farthest_mm:.0} mm), on a head {2} and {3} are (here {ends_mm:.0} mm); the point named {lone} lies where the {middle} should: their names are swapped, or all three went round by one",
        farthest[0], farthest[1], ends[0], ends[1]
    )]
    Misnamed {
        /// The two that are the farthest apart.
        farthest: [&'static str; 2],
        /// How far.
        farthest_mm: f64,
        /// The two that should be.
        ends: [&'static str; 2],
        /// How far they are.
        ends_mm: f64,
        /// The third point's name.
        lone: &'static str,
        /// What it looks like.
        middle: &'static str,
    },
    /// The nasion is not in the middle between the ears.
    #[error(
        "the nasion is {left_mm:.0} mm from LPA and {right_mm:.0} mm from RPA, on a head the two are about equal; pick them again, or are they another scan's?"
    )]
    Lopsided {
        /// From LPA to the nasion.
        left_mm: f64,
        /// From RPA to the nasion.
        right_mm: f64,
    },
    /// A further landmark contradicts the three that the frame was built on.
    #[error(
        "{landmark} lies {mm:.0} mm {wrong} of the head's middle as the other landmarks have it, it must lie {right}; names are swapped, or the scan is mirrored"
    )]
    WrongSide {
        /// Which.
        landmark: &'static str,
        /// The way it lies.
        wrong: &'static str,
        /// The way it must lie.
        right: &'static str,
        /// How far it lies the wrong way (negative: not far enough the right way).
        mm: f64,
    },
    /// The skull would be below the ears.
    #[error(
        "the landmarks put the skull on the lower side ({above:.0}% of a dome above, {below:.0}% below); LPA and RPA are swapped or the scan is mirrored: LPA is the person's left"
    )]
    UpsideDown {
        /// Share of a closed dome found above, percent.
        above: f64,
        /// Share found below, percent.
        below: f64,
    },
    /// No dome above: not a head, or no scalp.
    #[error(
        "only {above:.0}% of a skull's dome is there above the landmarks; the scalp was not scanned, or the landmarks are not this scan's"
    )]
    NoScalp {
        /// Share of a closed dome found above, percent.
        above: f64,
    },
    /// The nose is at the back.
    #[error(
        "the landmarks face backwards: something sticks out {back_mm:.0} mm behind the head and {front_mm:.0} mm in front of the nasion; nasion and the point at the back are swapped"
    )]
    Backwards {
        /// How far something sticks out behind.
        back_mm: f64,
        /// How far something sticks out in front.
        front_mm: f64,
    },
}
