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
    check_numbers(robot)?;
    check_joint_names(robot)?;
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
    // The reader leaves accelerations and jerks out of what says that it is older; they can only make an arm slower.
    let begin = robot.range().start;
    let stated = ["acceleration", "deceleration", "jerk"];
    let states = |limit: Node<'_, '_>| stated.iter().any(|name| limit.has_attribute(*name));
    let limits = robot.descendants().filter(|n| n.has_tag_name("limit"));
    let states_more = limits.into_iter().any(states);
    match robot.attribute_node("version") {
        _ if !states_more => {}
        Some(version) => {
            text.push_str(urdf.get(..version.range_value().start).unwrap_or_default());
            text.push_str(VERSION);
            from = version.range_value().end;
        }
        None if urdf.get(begin..).is_some_and(|t| t.starts_with(ROBOT)) => {
            from = begin + ROBOT.len();
            text.push_str(urdf.get(..from).unwrap_or_default());
            text.push_str(" version=\"");
            text.push_str(VERSION);
            text.push('"');
        }
        None => {}
    }
    for range in dropped {
        text.push_str(urdf.get(from..range.start).unwrap_or_default());
        from = range.end;
    }
    text.push_str(urdf.get(from..).unwrap_or_default());
    Ok((text, findings))
}

/// How the first element begins, and the version of the format that has all that is read.
const ROBOT: &str = "<robot";
const VERSION: &str = "1.2";

/// Attributes that are three numbers, and no more or less: the reader leaves out what is none.
const VECTORS: [&str; 4] = ["xyz", "rpy", "size", "scale"];

/// Beyond this sine of its pitch a quaternion is not turned into angles as well as it is given.
const STEEPEST: f64 = 0.9999;

fn check_numbers(robot: Node<'_, '_>) -> Result<(), Unusable> {
    let numbers = |text: &str| -> Option<Vec<f64>> {
        let numbers = text.split_ascii_whitespace().map(str::parse);
        let numbers: Result<Vec<f64>, _> = numbers.collect();
        numbers.ok()
    };
    let where_is = |node: Node<'_, '_>| {
        let named = node.ancestors().find(|a| a.attribute("name").is_some());
        named.map_or_else(String::new, |a| {
            format!("{} {:?}: ", a.tag_name().name(), name(a))
        })
    };
    for node in robot.descendants().filter(Node::is_element) {
        for attribute in node.attributes() {
            let found = numbers(attribute.value());
            let is_vector = VECTORS.contains(&attribute.name());
            let is_turn = attribute.name() == "quat_xyzw";
            let wanted = match (is_vector, is_turn) {
                (true, _) => 3,
                (_, true) => 4,
                _ => continue,
            };
            let Some(found) = found.filter(|n| n.len() == wanted) else {
                return Err(Unusable::Text(format!(
                    "{}{}={:?} is not {wanted} numbers",
                    where_is(node),
                    attribute.name(),
                    attribute.value()
                )));
            };
            if let (true, [x, y, z, w]) = (is_turn, found.as_slice()) {
                let sine = 2.0 * (w * y - z * x) / (x * x + y * y + z * z + w * w);
                // Written so that NaN is refused.
                let gentle = sine.abs() < STEEPEST;
                if !gentle {
                    return Err(Unusable::Text(format!(
                        "{}quat_xyzw={:?} pitches by nearly 90°, which is read too coarsely: give it as rpy",
                        where_is(node),
                        attribute.value()
                    )));
                }
            }
        }
    }
    Ok(())
}

/// Joints are told apart by their names: in goals, in joint states.
fn check_joint_names(robot: Node<'_, '_>) -> Result<(), Unusable> {
    let mut known = std::collections::BTreeSet::new();
    for joint in robot.children().filter(|c| c.has_tag_name("joint")) {
        let name = name(joint);
        if name.trim().is_empty() {
            return Err(Unusable::Text("a joint has no name".to_owned()));
        }
        if known.contains(&name) {
            return Err(Unusable::Text(format!("two joints are called {name:?}")));
        }
        known.insert(name);
    }
    Ok(())
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
