//! `stipple-planner`: scan and treatment to plan.

mod command;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match command::run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            // One line: what, where, what to do. If even that cannot be written, the exit code still says it.
            let _ = writeln!(
                std::io::stderr(),
                "error: {}",
                stipple_model::text::one_line(error.as_ref())
            );
            ExitCode::from(2)
        }
    }
}
