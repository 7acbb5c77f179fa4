//! Parameter files hold sections for nodes by name. One that has none for this node is left out without a word by ROS 2, and the node would run on
//! defaults: here that is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stipple_model::text::plain;

use super::program::ProgramError;

/// Under which a node's parameters stand.
const PARAMETERS: &str = "ros__parameters";

/// So many characters of a name are quoted.
const LONGEST: usize = 60;

/// The files named after `--params-file` among a program's arguments for ROS 2.
#[must_use]
pub fn files(arguments: impl IntoIterator<Item = String>) -> Vec<PathBuf> {
    let (mut ros, mut next, mut found) = (false, false, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--ros-args" => ros = true,
            "--" => ros = false,
            "--params-file" if ros => next = true,
            _ if next => {
                found.push(PathBuf::from(argument));
                next = false;
            }
            _ => {}
        }
    }
    found
}

/// Checks that each file has a section for the node of that name (with its namespace). What is not YAML is left to ROS 2 to refuse.
///
/// # Errors
/// One that has none.
pub fn check(files: &[PathBuf], node: &str) -> Result<(), ProgramError> {
    for path in files {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        let Ok(file) = serde_saphyr::from_str::<BTreeMap<String, Value>>(&text) else {
            continue;
        };
        check_file(path, &names(&file), node)?;
    }
    Ok(())
}

/// The names of all sections, as r2r compares them.
fn names(file: &BTreeMap<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<(String, &Value)> = file.iter().map(|(k, v)| (k.clone(), v)).collect();
    while let Some((name, value)) = open.pop() {
        let Value::Object(keys) = value else { continue };
        if keys.contains_key(PARAMETERS) {
            found.push(name);
            continue;
        }
        open.extend(keys.iter().map(|(k, v)| (format!("{name}/{k}"), v)));
    }
    found
}

fn check_file(path: &Path, names: &[String], node: &str) -> Result<(), ProgramError> {
    let short = node.rsplit('/').next().unwrap_or(node);
    let ours = |name: &String| {
        let name = name.as_str();
        ["/**", "**", node, short].contains(&name) || name.trim_start_matches('/') == &node[1..]
    };
    if names.iter().any(ours) {
        return Ok(());
    }
    let mut names: Vec<String> = names.iter().map(|name| plain(name, LONGEST)).collect();
    names.sort();
    Err(ProgramError::NoSection {
        path: path.to_owned(),
        found: if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        },
        node: node.to_owned(),
        short: short.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_section_for_the_node_is_refused() {
        let check = |text: &str, node: &str| {
            let file: BTreeMap<String, Value> = serde_saphyr::from_str(text).unwrap();
            check_file(Path::new("p.yaml"), &names(&file), node).is_ok()
        };
        let of = |name: &str| format!("{name}:\n  ros__parameters:\n    arm_port: action\n");
        let root = "/stipple_controller";
        let room = "/room1/stipple_controller";
        for name in ["stipple_controller", "/**", "\"**\""] {
            assert!(check(&of(name), root) && check(&of(name), room), "{name}");
        }
        assert!(check(&of("/room1/stipple_controller"), room));
        for name in [
            "/**/stipple_controller",
            "/room1/*",
            "stipple_sim",
            "/room2/stipple_controller",
        ] {
            assert!(!check(&of(name), room), "{name}");
        }
        let both = format!("{}{}", of("stipple_sim"), of("stipple_controller"));
        assert!(check(&both, root));
        assert!(!check("{}", root));
    }

    #[test]
    fn files_are_those_after_ros_args() {
        let words = "session --params-file a --ros-args -r x:=y --params-file b -- --params-file c";
        let words = words.split(' ').map(str::to_owned);
        assert_eq!(files(words), [PathBuf::from("b")]);
    }
}
