//! A node's parameters: read and checked once, when it starts, and shown with their ranges to whoever asks (`ros2 param`). None can be set
//! while the node runs.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

use r2r::rcl_interfaces::msg::{
    FloatingPointRange, IntegerRange, ListParametersResult, ParameterDescriptor, ParameterType,
    ParameterValue as Value, SetParametersResult,
};
use r2r::rcl_interfaces::srv::{
    DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters,
    SetParametersAtomically,
};
use r2r::{Node, ParameterValue};
use stipple_model::text::plain;

use super::program::{ProgramError, making};
use super::sections;
use super::service::{self, Requests, answer};

/// So many characters of what was given are quoted.
const LONGEST: usize = 120;

/// What is said to who wants to set one.
const NOT_NOW: &str =
    "parameters are read when the node starts: give it another file or -p, and start it anew";

/// The parameters given to a node, each to be taken by its name; what is left over was not meant for it.
pub struct Parameters {
    given: BTreeMap<String, ParameterValue>,
    held: Held,
}

/// The parameters as they hold, by name.
#[derive(Debug, Clone, Default)]
pub struct Held(BTreeMap<&'static str, (Value, ParameterDescriptor)>);

impl Held {
    fn keep(&mut self, name: &'static str, value: Value, descriptor: ParameterDescriptor) {
        let descriptor = ParameterDescriptor {
            name: name.to_owned(),
            type_: value.type_,
            read_only: true,
            ..descriptor
        };
        self.0.insert(name, (value, descriptor));
    }
}

fn wrong(name: &'static str, found: &ParameterValue, wanted: impl Into<String>) -> ProgramError {
    ProgramError::Parameter {
        name,
        found: plain(&format!("{found:?}"), LONGEST),
        wanted: wanted.into(),
    }
}

fn text_value(text: &str) -> Value {
    Value {
        type_: ParameterType::PARAMETER_STRING as u8,
        string_value: text.to_owned(),
        ..Default::default()
    }
}

impl Parameters {
    /// Those of a node.
    ///
    /// # Errors
    /// A parameter file that has no section for it.
    pub fn of(node: &Node) -> Result<Self, ProgramError> {
        let name = node.fully_qualified_name().map_err(making("its name"))?;
        sections::check(&sections::files(std::env::args()), &name)?;
        let given = node
            .params
            .lock()
            .map(|all| {
                all.iter()
                    .map(|(name, parameter)| (name.clone(), parameter.value.clone()))
                    .collect()
            })
            .unwrap_or_default();
        Ok(Self::given(given))
    }

    /// Those of these names.
    #[must_use]
    pub fn given(given: BTreeMap<String, ParameterValue>) -> Self {
        Self {
            given,
            held: Held::default(),
        }
    }

    /// A text that is not empty.
    ///
    /// # Errors
    /// Another type, or empty.
    pub fn text(&mut self, name: &'static str, default: &str) -> Result<String, ProgramError> {
        let text = match self.given.remove(name) {
            None => default.to_owned(),
            Some(ParameterValue::String(text)) if !text.is_empty() => text,
            Some(other) => return Err(wrong(name, &other, "a text")),
        };
        self.held
            .keep(name, text_value(&text), ParameterDescriptor::default());
        Ok(text)
    }

    /// The name of something of ROS 2, with a namespace or not.
    ///
    /// # Errors
    /// Another type, or no such name.
    pub fn name(&mut self, name: &'static str, default: &str) -> Result<String, ProgramError> {
        let text = self.text(name, default)?;
        let part = |part: &str| {
            let mut letters = part.chars();
            letters
                .next()
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if text.strip_prefix('/').unwrap_or(&text).split('/').all(part) {
            return Ok(text);
        }
        Err(ProgramError::Parameter {
            name,
            found: plain(&format!("{text:?}"), LONGEST),
            wanted: "a ROS name: letters, digits and _, in parts that begin with no digit, with / between them".to_owned(),
        })
    }

    /// A number within a range.
    ///
    /// # Errors
    /// Another type, or out of range.
    pub fn number(
        &mut self,
        name: &'static str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, ProgramError> {
        let (from_value, to_value) = (*range.start(), *range.end());
        let wanted = format!("a number from {from_value} to {to_value}");
        let number = match self.given.remove(name) {
            None => default,
            Some(ParameterValue::Double(number)) => number,
            Some(ParameterValue::Integer(number)) => number as f64,
            Some(other) => return Err(wrong(name, &other, wanted)),
        };
        if !range.contains(&number) {
            return Err(ProgramError::Parameter {
                name,
                found: number.to_string(),
                wanted,
            });
        }
        let value = Value {
            type_: ParameterType::PARAMETER_DOUBLE as u8,
            double_value: number,
            ..Default::default()
        };
        let descriptor = ParameterDescriptor {
            floating_point_range: vec![FloatingPointRange {
                from_value,
                to_value,
                step: 0.0,
            }],
            ..Default::default()
        };
        self.held.keep(name, value, descriptor);
        Ok(number)
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// Another type, or negative.
    pub fn whole(&mut self, name: &'static str, default: u64) -> Result<u64, ProgramError> {
        let number = match self.given.remove(name) {
            None => default,
            Some(ParameterValue::Integer(number)) if number >= 0 => number.unsigned_abs(),
            Some(other) => return Err(wrong(name, &other, "a whole number from 0")),
        };
        let value = Value {
            type_: ParameterType::PARAMETER_INTEGER as u8,
            integer_value: i64::try_from(number).unwrap_or(i64::MAX),
            ..Default::default()
        };
        let descriptor = ParameterDescriptor {
            integer_range: vec![IntegerRange {
                from_value: 0,
                to_value: i64::MAX,
                step: 0,
            }],
            ..Default::default()
        };
        self.held.keep(name, value, descriptor);
        Ok(number)
    }

    /// Yes or no.
    ///
    /// # Errors
    /// Another type.
    pub fn flag(&mut self, name: &'static str, default: bool) -> Result<bool, ProgramError> {
        let flag = match self.given.remove(name) {
            None => default,
            Some(ParameterValue::Bool(flag)) => flag,
            Some(other) => return Err(wrong(name, &other, "true or false")),
        };
        let value = Value {
            type_: ParameterType::PARAMETER_BOOL as u8,
            bool_value: flag,
            ..Default::default()
        };
        self.held.keep(name, value, ParameterDescriptor::default());
        Ok(flag)
    }

    /// One of a few words.
    ///
    /// # Errors
    /// None of them.
    pub fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        default: &str,
        choices: &[(&str, T)],
    ) -> Result<T, ProgramError> {
        let word = self.text(name, default)?;
        let words: Vec<&str> = choices.iter().map(|(key, _)| *key).collect();
        let wanted = words.join(" or ");
        let Some((_, choice)) = choices.iter().find(|(key, _)| *key == word) else {
            return Err(ProgramError::Parameter {
                name,
                found: plain(&word, LONGEST),
                wanted,
            });
        };
        let descriptor = ParameterDescriptor {
            additional_constraints: wanted,
            ..Default::default()
        };
        self.held.keep(name, text_value(&word), descriptor);
        Ok(*choice)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// A parameter that was given and is not known: a misspelt one must not go unnoticed.
    pub fn finish(self) -> Result<Held, ProgramError> {
        let of_ros = |name: &str| name == "use_sim_time" || name.starts_with("qos_overrides.");
        match self.given.into_keys().find(|name| !of_ros(name)) {
            None => Ok(self.held),
            Some(name) => Err(ProgramError::UnknownParameter {
                name: plain(&name, LONGEST),
                known: self.held.0.into_keys().collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

/// The services by which parameters are shown, made but not yet served.
pub struct ParameterServices {
    held: Held,
    list: Requests<ListParameters::Service>,
    get: Requests<GetParameters::Service>,
    types: Requests<GetParameterTypes::Service>,
    describe: Requests<DescribeParameters::Service>,
    set: Requests<SetParameters::Service>,
    set_all: Requests<SetParametersAtomically::Service>,
}

impl ParameterServices {
    /// Makes them on a node.
    ///
    /// # Errors
    /// When ROS 2 refuses one.
    pub fn open(node: &mut Node, held: Held) -> Result<Self, ProgramError> {
        Ok(Self {
            held,
            list: service::open(node, "list_parameters")?,
            get: service::open(node, "get_parameters")?,
            types: service::open(node, "get_parameter_types")?,
            describe: service::open(node, "describe_parameters")?,
            set: service::open(node, "set_parameters")?,
            set_all: service::open(node, "set_parameters_atomically")?,
        })
    }

    /// Serves them; needs a local task set.
    pub fn serve(self) {
        let held = Rc::new(self.held.0);
        let all = Rc::clone(&held);
        answer(self.list, move |request| ListParameters::Response {
            result: ListParametersResult {
                // No name has a dot, so that a prefix is a whole name.
                names: all
                    .keys()
                    .filter(|name| {
                        let asked = &request.prefixes;
                        asked.is_empty() || asked.iter().any(|prefix| prefix == *name)
                    })
                    .map(|name| (*name).to_owned())
                    .collect(),
                prefixes: Vec::new(),
            },
        });
        // Of a name that is not known what is not set is told, as everywhere in ROS.
        let of = |all: &BTreeMap<&'static str, (Value, ParameterDescriptor)>, name: &String| {
            all.get(name.as_str()).cloned().unwrap_or_else(|| {
                let descriptor = ParameterDescriptor {
                    name: name.clone(),
                    ..Default::default()
                };
                (Value::default(), descriptor)
            })
        };
        let all = Rc::clone(&held);
        answer(self.get, move |request| GetParameters::Response {
            values: request.names.iter().map(|n| of(&all, n).0).collect(),
        });
        let all = Rc::clone(&held);
        answer(self.types, move |request| GetParameterTypes::Response {
            types: request.names.iter().map(|n| of(&all, n).0.type_).collect(),
        });
        answer(self.describe, move |request| DescribeParameters::Response {
            descriptors: request.names.iter().map(|n| of(&held, n).1).collect(),
        });
        let refused = || SetParametersResult {
            successful: false,
            reason: NOT_NOW.to_owned(),
        };
        answer(self.set, move |request| SetParameters::Response {
            results: request.parameters.iter().map(|_| refused()).collect(),
        });
        answer(self.set_all, move |_| SetParametersAtomically::Response {
            result: refused(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::NodeConfig;
    use super::*;

    fn read(given: &[(&str, ParameterValue)]) -> Result<NodeConfig, String> {
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let read = NodeConfig::read(Parameters::given(given));
        read.map(|(config, _)| config).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_given_is_read_or_refused_by_name() {
        let text = |word: &str| ParameterValue::String(word.to_owned());
        let config = read(&[
            ("arm_port", text("stream")),
            ("stream_rate", ParameterValue::Integer(125)),
        ]);
        assert_eq!(config.unwrap().stream, Some(125.0));
        for (name, value, told) in [
            (
                "goal_tolerance",
                ParameterValue::Double(f64::NAN),
                "0.0001 to 0.0025",
            ),
            ("goal_tolerance", ParameterValue::Bool(true), "a number"),
            ("limits", text("loose"), "hardware"),
            ("use_sim_time", ParameterValue::Bool(true), "use_sim_time"),
            ("colour", text("red"), "no such parameter"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    /// Found by fuzzing.
    #[test]
    fn what_is_quoted_is_one_line_and_not_endless() {
        let odd = "\u{1b}[2J\n".repeat(1000);
        for (name, value) in [
            (odd.as_str(), ParameterValue::Bool(true)),
            ("limits", ParameterValue::String(odd.clone())),
            ("path_tolerance", ParameterValue::String(odd.clone())),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(
                !error.contains(char::is_control) && error.len() < 600,
                "{error:?}"
            );
        }
    }
}
