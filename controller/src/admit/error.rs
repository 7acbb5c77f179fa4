//! Why a plan is not admitted.

use stipple_model::clearance::CellError;
use stipple_model::digest::Digest;
use stipple_model::plan::{Inconsistency, PlanError};

use crate::skin::SkinError;

/// Why a plan is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The file is not accepted.
    #[error(transparent)]
    File(#[from] PlanError),
    /// The plan contradicts itself.
    #[error("the plan contradicts itself: {0}")]
    Inconsistent(#[from] Inconsistency),
    /// The head mesh is of no use.
    #[error(transparent)]
    Skin(#[from] SkinError),
    /// Arm, tool or room are of no use.
    #[error("the plan's cell: {0}")]
    Cell(#[from] CellError),
    /// Not made on the scan at hand.
    #[error("the plan was made on the scan {}, this one is {}", .made_on.short(), .scan.short())]
    OtherScan {
        /// The digest of the scan it was made on.
        made_on: Digest,
        /// The digest of the scan at hand.
        scan: Digest,
    },
    /// The plan has the name of a shipped arm and another description.
    #[error(
        "the plan's arm is named {name:?} but is not described as the one that is shipped; plan again"
    )]
    OtherDescription {
        /// Its name.
        name: String,
    },
    /// Nothing keeps the tip away from an eye or an ear.
    #[error(
        "no keep-out holds the {0} and a few millimetres round it: nothing would keep the tip away from it; plan again"
    )]
    NoKeepOut(&'static str),
    /// A dot breaks a rule.
    #[error("dot {dot}: {fault}")]
    Dot {
        /// Its number.
        dot: u32,
        /// The rule.
        fault: DotFault,
    },
    /// Two dots in one place.
    #[error(
        "dots {first} and {second} are {distance_mm:.3} mm apart, which strikes the same skin twice; at least {least_mm} mm are needed"
    )]
    SamePlace {
        /// The one.
        first: u32,
        /// The other.
        second: u32,
        /// Between them, mm.
        distance_mm: f64,
        /// What is needed, mm.
        least_mm: f64,
    },
    /// The joints at the station break a rule.
    #[error("the arm at the station: {0}")]
    Station(DotFault),
    /// No proven way off the head or back.
    #[error("layer {layer}: no clear way between dot {dot} and where the arm waits: {why}")]
    Away {
        /// The layer, from 1.
        layer: u8,
        /// The dot.
        dot: u32,
        /// What is in the way.
        why: String,
    },
    /// No proven way from one dot to the next.
    #[error("layer {layer}: no clear way from dot {from} to dot {to}: {why}")]
    Hop {
        /// The layer, from 1.
        layer: u8,
        /// The dot before.
        from: u32,
        /// The dot after.
        to: u32,
        /// What is in the way.
        why: String,
    },
    /// The order, the arm or its limits are not those that were planned with.
    #[error(
        "layer {layer}: the plan says {told_s:.3} s of {what}, its order takes {found_s:.3} s: order, arm, limits or this program are not those it was made with; plan again"
    )]
    Motion {
        /// The layer, from 1.
        layer: u8,
        /// Which part of it.
        what: &'static str,
        /// As the plan says, s.
        told_s: f64,
        /// As computed, s.
        found_s: f64,
    },
    /// The needle cannot reach deep enough.
    #[error(
        "the tool's stroke of {stroke_mm:.2} mm is shorter than hover gap and deepest dot together, {needed_mm:.2} mm"
    )]
    Stroke {
        /// The tool's stroke, mm.
        stroke_mm: f64,
        /// What is needed, mm.
        needed_mm: f64,
    },
    /// A number of the cell makes no sense.
    #[error("the plan's {0} is not a finite number")]
    CellNumber(&'static str),
    /// The arm that reports is not the one planned for.
    #[error("the arm reports the joints {reported:?}, the plan is for {planned:?}")]
    OtherArm {
        /// As the arm reports them.
        reported: Vec<String>,
        /// As the plan's arm has them.
        planned: Vec<String>,
    },
}

impl AdmitError {
    /// The reason in one word, for scripts.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Inconsistent(_) => "inconsistent",
            Self::Skin(_) => "skin",
            Self::Cell(_) => "cell",
            Self::OtherScan { .. } => "other_scan",
            Self::OtherDescription { .. } => "other_description",
            Self::NoKeepOut(_) => "no_keep_out",
            Self::Dot { fault, .. } => fault.key(),
            Self::SamePlace { .. } => "same_place",
            Self::Station(_) => "station",
            Self::Away { .. } => "away",
            Self::Hop { .. } => "hop",
            Self::Motion { .. } => "motion",
            Self::Stroke { .. } => "stroke",
            Self::CellNumber(_) => "cell_number",
            Self::OtherArm { .. } => "other_arm",
        }
    }
}

/// The rule a dot breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DotFault {
    /// Too deep, or not into the skin.
    #[error("depth {depth_mm:.3} mm is not within 0 to {cap_mm:.3} mm")]
    Depth {
        /// Its depth, mm.
        depth_mm: f64,
        /// The cap, mm.
        cap_mm: f64,
    },
    /// Its normal is not the skin's.
    #[error("its normal is {off_deg:.1}° off the skin's, allowed are {cap_deg:.1}°")]
    Normal {
        /// Between the two, degrees.
        off_deg: f64,
        /// The most, degrees.
        cap_deg: f64,
    },
    /// The needle leans too much.
    #[error("the needle leans {tilt_deg:.2}° from the normal, allowed are {cap_deg:.2}°")]
    Tilt {
        /// Its angle, degrees.
        tilt_deg: f64,
        /// The cap, degrees.
        cap_deg: f64,
    },
    /// Off the surface.
    #[error("{distance_mm:.3} mm off the head's surface")]
    OffSurface {
        /// How far, mm.
        distance_mm: f64,
    },
    /// Outside the patch.
    #[error("outside the approved patch")]
    OffPatch,
    /// Too near a keep-out.
    #[error("{distance_mm:.1} mm from the keep-out's edge, needed are {margin_mm:.1} mm")]
    KeepOut {
        /// How far, mm.
        distance_mm: f64,
        /// The margin, mm.
        margin_mm: f64,
    },
    /// The hover joints do not fit the arm.
    #[error("its hover has {found} joints, the arm has {expected}")]
    JointCount {
        /// In this dot.
        found: usize,
        /// In the arm.
        expected: usize,
    },
    /// The hover joints are outside the arm's limits.
    #[error("its hover is outside the limits of the arm's joints")]
    JointLimits,
    /// The hover joints bring the tip elsewhere.
    #[error(
        "its hover joints bring the tip {off_mm:.3} mm and {turned_deg:.3}° off its hover pose"
    )]
    Elsewhere {
        /// How far off, mm.
        off_mm: f64,
        /// How far turned, degrees.
        turned_deg: f64,
    },
    /// Something is in the way of the hover.
    #[error("its hover is not clear: {0}")]
    Blocked(String),
    /// Whoever waits there is not off the head.
    #[error(
        "the tip is {height_mm:.0} mm off the head there (negative: inside), it must be at least {least_mm:.0} mm"
    )]
    OverHead {
        /// Its distance from the head, mm; negative inside.
        height_mm: f64,
        /// The least, mm.
        least_mm: f64,
    },
}

impl DotFault {
    /// The rule in one word, for scripts.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Depth { .. } => "depth",
            Self::Normal { .. } => "normal",
            Self::Tilt { .. } => "tilt",
            Self::OffSurface { .. } => "off_surface",
            Self::OffPatch => "off_patch",
            Self::KeepOut { .. } => "keep_out",
            Self::JointCount { .. } => "joint_count",
            Self::JointLimits => "joint_limits",
            Self::Elsewhere { .. } => "elsewhere",
            Self::Blocked(_) => "blocked",
            Self::OverHead { .. } => "over_head",
        }
    }
}
