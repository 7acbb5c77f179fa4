//! `stipple-controller`: the ROS 2 controller node, and the commands around it.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stipple_controller::SAFETY_NOTICE;
use stipple_model::digest::Digest;
use stipple_model::files::read_limited;
use stipple_model::say;
use stipple_model::text::one_line;

mod command;

/// Works a plan off with an arm, a needle and a head tracker over ROS 2.
#[derive(Parser)]
#[command(name = "stipple-controller", version, after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER: &str = "\
Examples:
  stipple-controller --ros-args --params-file launch/params/controller.yaml
  stipple-controller session --plan head.plan --record head.sqlite --layer 1 --dots 150 --report report.json
  stipple-controller admit head.plan            check a plan as the node does before anything may move
  stipple-controller admit head.plan --scan head.ply --json     the same for scripts, and that it was made on this scan
  stipple-controller verify head.sqlite         nothing in a record was changed since it was written
  stipple-controller resume --help              begin a sitting on a record, or go on with one on another day
  stipple-controller repeat --help              order a dot in doubt once more
  stipple-controller report --help              a session's report for the client or the clinic (HTML, PDF)
  stipple-controller history --help             what was done with a client over many sessions
  stipple-controller dots --help                every dot as CSV, with what became of it
  stipple-controller forget --help              remove what is kept of a client
  stipple-controller rt-check --seconds 600     is this machine fit to drive hardware

Without a command it is the node. What follows --ros-args is for ROS 2: parameters (--params-file, -p), remaps (-r), namespace. The node and
its command-line operator (`session`) are part of builds with the feature `ros`.

Exit code: 0 done, 1 not admitted, not finished, or a node that ended with arm and needle not seen to rest, 2 bad input or usage, 130 session
stopped by a signal.";

#[derive(Subcommand)]
enum Command {
    /// Checks a plan from its own data, as the node does before anything may move.
    #[command(
        after_help = "Examples:\n  stipple-controller admit head.plan\n  stipple-controller admit head.plan --scan head.ply --json\n\nExit code: 0 admitted, 1 not admitted, 2 no plan file."
    )]
    Admit {
        /// The plan file.
        plan: std::path::PathBuf,
        /// The scan file it must have been made on, byte for byte.
        #[arg(long, value_name = "FILE")]
        scan: Option<std::path::PathBuf>,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Holds a record against its own hashes: every row as it was written, none missing, none put in.
    Verify(command::verify::Args),
    /// Begins a sitting on a record: asks every gate before a session (consent, screening, numbing, needle, pigment, test patch, days,
    /// registration), keeps what was asked in it, and tells what is left and what is in doubt.
    Resume(command::resume::Args),
    /// Orders a dot in doubt to be struck once more.
    Repeat(command::repeat::Args),
    /// Writes the report of a session, for the client or the clinic.
    Report(command::report::Args),
    /// Tells what was done with one client over many sessions.
    History(command::history::Args),
    /// Writes every dot of a plan with what became of it, as CSV.
    Dots(command::dots::Args),
    /// Removes what is kept of a client, and leaves a stub that says so.
    Forget(command::forget::Args),
    /// Measures this machine's jitter by the control loop's own means, and says whether it is fit to drive hardware.
    RtCheck(command::rt_check::Args),
    /// The controller node, as without a command.
    #[command(
        after_help = "Examples:\n  stipple-controller node --ros-args --params-file launch/params/controller.yaml\n  stipple-controller node --ros-args -p limits:=hardware -r __ns:=/room1\n\nlaunch/README.md says what it speaks with other nodes."
    )]
    Node,
    /// Operates a running node from the command line.
    #[cfg(feature = "ros")]
    Session(stipple_controller::ros::operate::Args),
    /// Operates a running node from the command line (needs a build with the feature `ros`).
    #[cfg(not(feature = "ros"))]
    #[command(disable_help_flag = true)]
    Session {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(own_arguments());
    eprintln!("{SAFETY_NOTICE}");
    // Whoever does not read the log holds nobody up: lines that find no place are lost. Dropped at the end, it writes what is left.
    let (log, _rest) = tracing_appender::non_blocking(std::io::stderr());
    tracing_subscriber::fmt()
        .with_writer(log)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    match arguments.command.unwrap_or(Command::Node) {
        Command::Admit { plan, scan, json } => told(admit(&plan, scan.as_deref(), json)),
        Command::Verify(args) => told(command::verify::run(&args)),
        Command::Resume(args) => told(command::resume::run(&args)),
        Command::Repeat(args) => told(command::repeat::run(&args)),
        Command::Report(args) => told(command::report::run(&args)),
        Command::History(args) => told(command::history::run(&args)),
        Command::Dots(args) => told(command::dots::run(&args)),
        Command::Forget(args) => told(command::forget::run(&args)),
        Command::RtCheck(args) => told(command::rt_check::run(&args)),
        #[cfg(feature = "ros")]
        Command::Node => ended(stipple_controller::ros::run()),
        #[cfg(feature = "ros")]
        Command::Session(args) => ended(stipple_controller::ros::operate::run(&args)),
        #[cfg(not(feature = "ros"))]
        Command::Node | Command::Session { .. } => {
            eprintln!(
                "this stipple-controller was built without ROS 2; build it with `cargo build -p stipple-controller --features ros` \
                 in a ROS 2 environment (launch/setup makes one)"
            );
            ExitCode::from(2)
        }
    }
}

/// All before `--ros-args`; ROS 2 reads the rest by itself.
fn own_arguments() -> impl Iterator<Item = std::ffi::OsString> {
    std::env::args_os().take_while(|argument| argument != "--ros-args")
}

fn told(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        // One line: what went wrong, then why.
        eprintln!("stipple-controller: {}", one_line(error.as_ref()));
        ExitCode::from(2)
    })
}

#[cfg(feature = "ros")]
fn ended(result: Result<u8, impl std::error::Error>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("stipple-controller: {error}");
            ExitCode::from(2)
        }
    }
}

/// Largest scan file whose digest is taken, bytes. Source: what the planner reads at most.
const LARGEST_SCAN: u64 = 1 << 30;

fn admit(path: &Path, scan: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    use stipple_controller::admit::{AdmitError, admit_file};
    let scan = match scan.map(|scan| (scan, read_limited(scan, LARGEST_SCAN))) {
        Some((path, Err(error))) => {
            eprintln!("{}: {error}", path.display());
            return Ok(ExitCode::from(2));
        }
        Some((_, Ok(bytes))) => Some(Digest::of(&bytes)),
        None => None,
    };
    let result = admit_file(path).and_then(|admitted| {
        scan.map_or(Ok(()), |scan| admitted.check_scan(scan))?;
        Ok(admitted)
    });
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
            Err(error) => {
                serde_json::json!({ "admitted": false, "reason": error.to_string(), "code": error.key() })
            }
        };
        say!("{object}")?;
    }
    match result {
        Ok(plan) if !json => say!(
            "admitted: plan {}, {} dots",
            plan.digest().short(),
            plan.plan().dots.len()
        )?,
        Ok(_) => {}
        // The file's own errors name it already.
        Err(error @ AdmitError::File(_)) => eprintln!("{error}"),
        Err(error) => eprintln!("{}: not admitted: {error}", path.display()),
    }
    Ok(code)
}
