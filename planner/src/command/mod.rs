//! The command line of `stipple-planner`.

mod check_scan;
mod export;
mod plan;
mod show;

use clap::{Parser, Subcommand};

/// Maps a dot layout onto a scanned scalp and plans the arm's motion for every dot.
#[derive(Parser)]
#[command(
    name = "stipple-planner",
    version,
    after_help = "\
Exit status: 0 success, 1 the work ran and the result is not acceptable, 2 bad input or usage.

Examples:
  stipple-planner check-scan head.ply --landmarks head.landmarks.json
  stipple-planner plan --scan head.ply --landmarks head.landmarks.json \\
      --treatment planner/treatments/default.toml --out head.plan
  stipple-planner export head.plan --dots dots.csv --json plan.json --picture plan.png"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads a scan, checks and repairs it, and says what was found.
    CheckScan(check_scan::Arguments),
    /// Plans a treatment on a scan.
    Plan(plan::Arguments),
    /// Turns a plan into tables, a summary or a picture.
    Export(export::Arguments),
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::CheckScan(a) => check_scan::run(a),
        Command::Plan(a) => plan::run(a),
        Command::Export(a) => export::run(a),
    }
}
