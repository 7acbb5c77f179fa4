//! `stipple-controller history`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use stipple_controller::papers::{History, SessionLine, check_plan};
use stipple_controller::record::Chronicle;
use stipple_model::files::{check_apart, write_privately};
use stipple_model::plan::Plan;
use stipple_model::say;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-controller history first.sqlite second.sqlite
  stipple-controller history *.sqlite --plan first.plan --plan second.plan --csv history.csv
  stipple-controller history *.sqlite --json

A line per sitting: day, layers, dots placed, skipped and in doubt, time, needle cartridge, pigment lots. With plans, sums by zone of the records
that are of them. Records of several clients are refused. Times are UTC.

Exit code: 0 told, 1 some record is broken (named; the others are told), 2 several clients, no record, a plan of none of them, or bad usage.")]
pub struct Args {
    /// The records of one client.
    #[arg(required = true)]
    records: Vec<PathBuf>,
    /// A plan of some of the records; may be given several times.
    #[arg(long, value_name = "FILE.plan")]
    plan: Vec<PathBuf>,
    /// Also write the lines as CSV, readable by its owner alone.
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
}

/// Reads and tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let written: Vec<&Path> = args.csv.iter().map(PathBuf::as_path).collect();
    let read = args.records.iter().chain(&args.plan);
    check_apart(&written, &read.map(PathBuf::as_path).collect::<Vec<_>>())?;
    let mut records = Vec::new();
    let mut broken = false;
    for path in &args.records {
        match Chronicle::read(path)? {
            Ok(chronicle) => records.push((path.clone(), chronicle)),
            Err(damage) => {
                broken = true;
                eprintln!("{}: the record is broken, {damage}", path.display());
            }
        }
    }
    let mut plans = Vec::new();
    for path in &args.plan {
        let (plan, digest) = Plan::read(path)?;
        let fits =
            |(path, chronicle): &(PathBuf, Chronicle)| check_plan(path, chronicle, digest).is_ok();
        // Of a broken record it is not known whose plan it was.
        if !broken && !records.iter().any(fits) {
            bail!("{}: none of the records is of this plan", path.display());
        }
        plans.push((plan, digest));
    }
    let history = History::of(&records, &plans)?;
    if let Some(path) = &args.csv {
        let mut table = Vec::new();
        history.csv(&mut table)?;
        write_privately(path, &table).with_context(|| path.display().to_string())?;
    }
    if args.json {
        say!("{}", serde_json::to_string(&history)?)?;
    } else {
        print(&history)?;
    }
    Ok(ExitCode::from(u8::from(broken)))
}

fn print(history: &History) -> std::io::Result<()> {
    let client = history.client.as_deref().unwrap_or("nobody named");
    say!("client: {client}")?;
    for line in &history.sessions {
        say!("{}", told(line))?;
    }
    for (zone, sum) in &history.zones {
        say!(
            "zone {zone}: {} placed, {} skipped, {} in doubt",
            sum.placed,
            sum.skipped,
            sum.in_doubt
        )?;
    }
    Ok(())
}

fn told(line: &SessionLine) -> String {
    let layers: Vec<String> = line.layers.iter().map(ToString::to_string).collect();
    let named = |text: &str| {
        if text.is_empty() {
            "not named".to_owned()
        } else {
            text.to_owned()
        }
    };
    format!(
        "{}  session {} sitting {}: layers {}; {} placed, {} skipped, {} in doubt; {:.1} min at work, {:.1} min paused; cartridge {}; lots {}",
        line.day,
        line.session,
        line.sitting,
        if layers.is_empty() {
            "none".to_owned()
        } else {
            layers.join(", ")
        },
        line.placed,
        line.skipped,
        line.in_doubt,
        line.worked_s / 60.0,
        line.paused_s / 60.0,
        named(&line.cartridge),
        named(&line.lots.join(", ")),
    )
}
