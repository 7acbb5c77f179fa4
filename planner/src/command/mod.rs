//! The command line of `stipple-planner`.

mod check_scan;
mod course;
mod export;
mod plan;
mod reach;
mod register;
mod residual;
mod show;
mod years;

use std::process::ExitCode;

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
  stipple-planner reach --arm my-arm.urdf --scan head.ply --landmarks head.landmarks.json --picture reach.png
  stipple-planner register --fixed head.ply --fixed-landmarks head.landmarks.json --moving later.ply
  stipple-planner course --intake planner/intakes/pattern-baldness.toml --out c-0001
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
    /// Maps what an arm can reach of a scalp, and finds the best place for base and head.
    Reach(reach::Arguments),
    /// Lays a later scan onto the one that was planned on.
    Register(register::Arguments),
    /// Goes on with a treatment: what is really there becomes part of its file, so that the next plan lays what is missing.
    Residual(residual::Arguments),
    /// What the years do to a treatment: density and darkness by year, a picture, when to touch up.
    Years(years::Arguments),
    /// A client's course: screening, what can be achieved, sessions with dates, a proposed treatment, aftercare.
    Course(course::Arguments),
    /// Turns a plan into tables, a summary or a picture.
    Export(export::Arguments),
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::CheckScan(a) => check_scan::run(a),
        Command::Plan(a) => plan::run(a),
        Command::Reach(a) => reach::run(a),
        Command::Register(a) => register::run(a),
        Command::Residual(a) => residual::run(a),
        Command::Years(a) => years::run(a),
        Command::Course(a) => course::run(a),
        Command::Export(a) => export::run(a).map(|()| ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_said_twice() {
        let cause = anyhow::anyhow!("is a directory");
        let error = cause
            .context("/x: cannot be read: is a directory")
            .context("/x")
            .context("--arm");
        assert_eq!(
            stipple_model::text::one_line(error.as_ref()),
            "--arm: /x: cannot be read: is a directory"
        );
    }
}
