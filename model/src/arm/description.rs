//! A URDF's text, checked and reduced to what an arm is made of, before it is read as a URDF.

use roxmltree::{Document, Node, ParsingOptions};

use super::walk::{DEFAULT_ACCELERATION, DEFAULT_JERK};

/// Longest URDF, bytes. A real one is a few hundred kilobytes at most.
const LONGEST: usize = 8 << 20;
/// Most XML nodes (elements, texts, attributes apart) of a URDF.
const MOST_NODES: u32 = 500_000;
/// Most links and most joints.
const MOST_PARTS: usize = 1000;

/// Something about an arm's description that is no reason to refuse it but that one should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// A mass or an inertia is missing, not a number or impossible. Neither is used.
    Inertial {
        /// The link.
        link: String,
    },
    /// The soft limits of a `<safety_controller>` are narrower than the joint's limits, and used.
    SoftLimits {
        /// The joint.
        joint: String,
    },
    /// A moving body without collision geometry: nothing keeps it clear of anything.
    NoCollisionGeometry {
        /// The body's first link.
        link: String,
    },
    /// No closed form of inverse kinematics fits: branches are searched for and one may be missed.
    NoClosedForm,
    /// Neither the description nor a file of joint limits says how hard joints may speed up, or how abruptly.
    AssumedLimits {
        /// How many joints.
        joints: usize,
    },
}

impl core::fmt::Display for Finding {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Inertial { link } => {
                write!(f, "link {link:?}: mass or inertia missing or impossible; ignored, neither is used")
            }
            Self::SoftLimits { joint } => {
                write!(f, "joint {joint:?}: the soft limits of its safety_controller are used")
            }
            Self::NoCollisionGeometry { link } => {
                write!(f, "link {link:?} moves and has no collision geometry: nothing keeps it clear of anything")
            }
            Self::AssumedLimits { joints } => {
                write!(f, "the description does not state acceleration and jerk of {joints} joints: {DEFAULT_ACCELERATION} rad/s² and {DEFAULT_JERK} rad/s³ are assumed; give the arm's own with --joint-limits")
            }
            Self::NoClosedForm => {
                f.write_str("no closed form of inverse kinematics fits this arm: planning is slower and may miss a branch")
            }
        }
    }
}

/// Why a text is no URDF to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Not XML, not a URDF, or too much of it.
    Text(String),
    /// A moving joint without limit or speed.
    Limits(String),
}

/// The text without what an arm is not made of (pictures, masses, other programs' elements), and what was found in it.
pub(super) fn reduced(urdf: &str) -> Result<(String, Vec<Finding>), Unusable> {
    if urdf.len() > LONGEST {
        let size = urdf.len() >> 20;
        return Err(Unusable::Text(format!(
            "{size} MiB of text, which no arm needs"
        )));
    }
    // No document type: it is where entities that blow up are declared.
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document =
        Document::parse_with_options(urdf, options).map_err(|e| Unusable::Text(e.to_string()))?;
    let robot = document.root_element();
    if !robot.has_tag_name("robot") {
        let found = robot.tag_name().name();
        return Err(Unusable::Text(format!(
            "the first element is <{found}> and not <robot>"
        )));
    }
    let count = |name: &str| robot.children().filter(|c| c.has_tag_name(name)).count();
    if count("link") > MOST_PARTS || count("joint") > MOST_PARTS {
        return Err(Unusable::Text(format!(
            "more than {MOST_PARTS} links or joints"
        )));
    }
    let mut findings = Vec::new();
    let mut dropped = Vec::new();
    for part in robot.children().filter(Node::is_element) {
        let keep: &[&str] = match part.tag_name().name() {
            "link" => {
                if !part
                    .children()
                    .filter(|c| c.has_tag_name("inertial"))
                    .all(is_possible)
                {
                    findings.push(Finding::Inertial { link: name(part) });
                }
                &["collision"]
            }
            "joint" => {
                has_speed(part)?;
                &[
                    "parent",
                    "child",
                    "origin",
                    "axis",
                    "limit",
                    "mimic",
                    "safety_controller",
                ]
            }
            _ => {
                dropped.push(part.range());
                continue;
            }
        };
        let others = part.children().filter(Node::is_element);
        dropped.extend(
            others
                .filter(|c| !keep.contains(&c.tag_name().name()))
                .map(|c| c.range()),
        );
    }
    let mut text = String::with_capacity(urdf.len());
    let mut from = 0;
    for range in dropped {
        text.push_str(urdf.get(from..range.start).unwrap_or_default());
        from = range.end;
    }
    text.push_str(urdf.get(from..).unwrap_or_default());
    Ok((text, findings))
}

fn name(node: Node<'_, '_>) -> String {
    node.attribute("name").unwrap_or_default().to_owned()
}

/// The URDF reader would only say that a field is missing, not where.
fn has_speed(joint: Node<'_, '_>) -> Result<(), Unusable> {
    let moves = !matches!(joint.attribute("type"), Some("fixed" | "floating"));
    let mut limits = joint.children().filter(|c| c.has_tag_name("limit"));
    if moves && limits.any(|limit| limit.attribute("velocity").is_none()) {
        return Err(Unusable::Limits(name(joint)));
    }
    Ok(())
}

/// Whether a body can have this mass and inertia.
fn is_possible(inertial: Node<'_, '_>) -> bool {
    let value = |element: &str, attribute: &str| {
        let node = inertial.children().find(|c| c.has_tag_name(element))?;
        let value: f64 = node.attribute(attribute)?.trim().parse().ok()?;
        value.is_finite().then_some(value)
    };
    let six = ["ixx", "iyy", "izz", "ixy", "ixz", "iyz"].map(|a| value("inertia", a));
    let [Some(xx), Some(yy), Some(zz), Some(_), Some(_), Some(_)] = six else {
        return false;
    };
    // Each is at most the sum of the two others, of any body.
    let triangle = xx <= yy + zz && yy <= xx + zz && zz <= xx + yy;
    value("mass", "value").is_some_and(|m| m > 0.0) && xx > 0.0 && yy > 0.0 && zz > 0.0 && triangle
}
