//! `stipple-sim ros` in a build without ROS 2.

use std::process::ExitCode;

/// Serve the simulated hardware as ROS 2 nodes (needs a build with the feature `ros`).
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

/// Says how to get there.
pub fn run(_: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "this stipple-sim was built without ROS 2; build it with `cargo build -p stipple-sim --features ros` in a ROS 2 environment \
         (launch/setup makes one)"
    )
}
