//! Any values for the node's parameters: read within their ranges, or refused in one line.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use r2r::ParameterValue;
use serde::Deserialize;
use stipple_controller::ros::NodeConfig;
use stipple_controller::ros::parameters::Parameters;

/// A parameter's value, and which of these or what else it is given to.
#[derive(Deserialize)]
enum Name {
    Known(u8),
    Other(String),
}

#[derive(Deserialize)]
enum Value {
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    /// A text that one of them takes.
    Word(u8),
    Doubles(Vec<f64>),
    Texts(Vec<String>),
}

const NAMES: [&str; 15] = [
    "limits",
    "arm_controller",
    "stream_rate",
    "arm_port",
    "base_frame",
    "register_first",
    "allow_no_real_time",
    "path_tolerance",
    "goal_tolerance",
    "goal_time_tolerance",
    "state_rate",
    "diagnostics_rate",
    "autostart",
    "use_sim_time",
    "unknown",
];

const WORDS: [&str; 6] = [
    "hardware",
    "simulation",
    "action",
    "stream",
    "",
    "base_link",
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(given) = postcard::from_bytes::<Vec<(Name, Value)>>(bytes) else {
        return;
    };
    let word = |words: &[&str], which: u8| words[usize::from(which) % words.len()].to_owned();
    let given: BTreeMap<String, ParameterValue> = given
        .into_iter()
        .map(|(name, value)| {
            let name = match name {
                Name::Known(which) => word(&NAMES, which),
                Name::Other(name) => name,
            };
            let value = match value {
                Value::Bool(flag) => ParameterValue::Bool(flag),
                Value::Integer(number) => ParameterValue::Integer(number),
                Value::Double(number) => ParameterValue::Double(number),
                Value::Text(text) => ParameterValue::String(text),
                Value::Word(which) => ParameterValue::String(word(&WORDS, which)),
                Value::Doubles(numbers) => ParameterValue::DoubleArray(numbers),
                Value::Texts(texts) => ParameterValue::StringArray(texts),
            };
            (name, value)
        })
        .collect();
    match NodeConfig::read(Parameters::given(given)) {
        Ok((config, _)) => {
            assert!((1e-3..=0.5).contains(&config.tolerances.path));
            assert!((1e-4..=0.01).contains(&config.tolerances.goal));
            assert!((0.05..=5.0).contains(&config.tolerances.goal_time));
            assert!(
                config
                    .stream
                    .is_none_or(|rate| (50.0..=500.0).contains(&rate))
            );
            assert!((1.0..=50.0).contains(&config.rates.state));
            assert!((0.1..=10.0).contains(&config.rates.diagnostics));
            assert!(!config.arm_controller.is_empty() && !config.base_frame.is_empty());
            let hardware = config.limits == stipple_core::Limits::HARDWARE;
            assert!(!hardware || (config.register_first && !config.sim_time));
        }
        Err(error) => {
            let line = error.to_string();
            assert!(
                !line.is_empty() && !line.contains(char::is_control),
                "{line:?}"
            );
        }
    }
});
