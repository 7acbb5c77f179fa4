//! `stipple-controller`: the ROS 2 controller node, and the commands around it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stipple_controller::SAFETY_NOTICE;

/// Works a plan off with an arm, a needle and a head tracker over ROS 2.
#[derive(Parser)]
#[command(name = "stipple-controller", version, after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  stipple-controller admit head.plan            check a plan as the node does before anything may move
  stipple-controller admit head.plan --json     the same, for scripts

The node itself (`node`) and its command-line operator (`session`) are part of builds with the feature `ros`.

Exit code: 0 done, 1 not admitted, 2 bad input or usage.";

#[derive(Subcommand)]
enum Command {
    /// Checks a plan from its own data, as the node does before anything may move.
    Admit {
        /// The plan file.
        plan: std::path::PathBuf,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// The controller node (needs a build with the feature `ros`).
    #[cfg(not(feature = "ros"))]
    #[command(disable_help_flag = true)]
    Node {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
    /// Operates a running node from the command line (needs a build with the feature `ros`).
    #[cfg(not(feature = "ros"))]
    #[command(disable_help_flag = true)]
    Session {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
}

fn main() -> ExitCode {
    eprintln!("{SAFETY_NOTICE}");
    match Arguments::parse().command {
        Command::Admit { plan, json } => admit(&plan, json),
        #[cfg(not(feature = "ros"))]
        Command::Node { .. } | Command::Session { .. } => {
            eprintln!(
                "this stipple-controller was built without ROS 2; build it with `cargo build -p stipple-controller --features ros` \
                 in a ROS 2 environment (launch/setup makes one)"
            );
            ExitCode::from(2)
        }
    }
}

fn admit(path: &std::path::Path, json: bool) -> ExitCode {
    use stipple_controller::admit::{AdmitError, admit_file};
    let result = admit_file(path);
    let code = match &result {
        Ok(_) => ExitCode::SUCCESS,
        Err(AdmitError::File(_)) => ExitCode::from(2),
        Err(_) => ExitCode::from(1),
    };
    if json {
        let object = match &result {
            Ok(plan) => {
                serde_json::json!({ "admitted": true, "plan_digest": plan.digest().to_string() })
            }
            Err(error) => serde_json::json!({ "admitted": false, "reason": error.to_string() }),
        };
        println!("{object}");
    }
    match result {
        Ok(plan) if !json => println!(
            "admitted: plan {}, {} dots",
            plan.digest().short(),
            plan.plan().dots.len()
        ),
        Ok(_) => {}
        Err(error) => eprintln!("{}: {error}", path.display()),
    }
    code
}
