//! `stipple-sim`: heads, simulated sessions and pictures of them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stipple_model::text::one_line;

mod command;

/// Simulated hardware and people for Stipple: no robot, no ROS 2, no client needed.
#[derive(Parser)]
#[command(name = "stipple-sim", version, propagate_version = true, after_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  stipple-sim head --out head.ply --landmarks head.landmarks.json --seed 7       a head to try the planner on
  stipple-sim run head.plan --layer 1 --dots 200 --out out/                      one session in virtual time, with its report
  stipple-sim campaign --sessions 200 --seed 1                                   sessions by the hundred, with faults
  stipple-sim view head.plan                                                     look at one

Exit code: 0 done, 1 not finished or a check broken, 2 bad input or usage.";

/// What is logged unless RUST_LOG says otherwise. The graphics layer reports every driver it tries in vain.
const LOG: &str = "warn,stipple_sim::ros=info,wgpu_hal=off";

#[derive(Subcommand)]
enum Command {
    Head(command::head::Args),
    Run(command::run::Args),
    Campaign(command::campaign::Args),
    #[cfg(feature = "view")]
    View(command::view::Args),
    #[cfg(feature = "ros")]
    Ros(stipple_sim::ros::Args),
    #[cfg(not(feature = "ros"))]
    Ros(command::ros::Args),
}

/// What a campaign logs: its faults are meant, and there are very many.
const CAMPAIGN_LOG: &str = "off";

fn main() -> ExitCode {
    // What follows --ros-args is for ROS 2, which reads it by itself.
    let own = std::env::args_os().take_while(|argument| argument != "--ros-args");
    let command = Cli::parse_from(own).command;
    let log = match &command {
        Command::Campaign(_) => CAMPAIGN_LOG,
        _ => LOG,
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(log)),
        )
        .init();
    let result = match command {
        Command::Head(args) => command::head::run(&args),
        Command::Run(args) => command::run::run(&args),
        Command::Campaign(args) => command::campaign::run(&args),
        #[cfg(feature = "view")]
        Command::View(args) => command::view::run(&args),
        #[cfg(feature = "ros")]
        Command::Ros(args) => stipple_sim::ros::run(&args),
        #[cfg(not(feature = "ros"))]
        Command::Ros(args) => command::ros::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // One line: what went wrong, then why.
            eprintln!("stipple-sim: {}", one_line(error.as_ref()));
            ExitCode::from(2)
        }
    }
}
