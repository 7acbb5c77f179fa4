//! `stipple-sim`: heads, simulated sessions and pictures of them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod command;

/// Simulated hardware and people for Stipple: no robot, no ROS 2, no client needed.
#[derive(Parser)]
#[command(name = "stipple-sim", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Head(command::head::Args),
    Run(command::run::Args),
    #[cfg(feature = "view")]
    View(command::view::Args),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    let result = match Cli::parse().command {
        Command::Head(args) => command::head::run(&args),
        Command::Run(args) => command::run::run(&args),
        #[cfg(feature = "view")]
        Command::View(args) => command::view::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // One line: what went wrong, then why.
            eprintln!("stipple-sim: {error:#}");
            ExitCode::from(2)
        }
    }
}
