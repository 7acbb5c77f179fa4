//! `stipple-controller report`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::json;
use stipple_controller::papers::{Reader, session};
use stipple_model::files::{make_private_folder, write_privately};
use stipple_model::say;

/// What the papers are of; by it `forget` knows whose they are.
const ABOUT: &str = "report.about.json";

#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-controller report head.sqlite --plan head.plan --out report
  stipple-controller report head.sqlite --plan head.plan --out for-client --for client

Writes report.html, report.pdf and report.md, with a picture of the head and its dots, and report.about.json, which says what they are of. The
client's has what was done in plain words, the clinic's all that the record tells. Times are UTC. The record is only read. All files are
readable by their owner alone.
The record's head hash stands in the clinic's report: `stipple-controller verify --head` shows later that the record is still the same.

Exit code: 0 written, 1 the record is broken, 2 not a record, another plan, or bad usage.")]
pub struct Args {
    /// The record.
    record: PathBuf,
    /// The plan it is of.
    #[arg(long, value_name = "FILE.plan")]
    plan: PathBuf,
    /// The folder to write to; made when it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// For whom.
    #[arg(long = "for", value_name = "WHO", default_value = "clinic")]
    reader: Who,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Who {
    Client,
    Clinic,
}

/// Reads, writes and tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some((plan, chronicle)) = super::told(&args.plan, &args.record)? else {
        return Ok(ExitCode::from(1));
    };
    let (reader, who) = match args.reader {
        Who::Client => (Reader::Client, "client"),
        Who::Clinic => (Reader::Clinic, "clinic"),
    };
    let document = session(&plan, &chronicle, reader)?;
    let about = json!({
        "session_id": chronicle.verified.session_id, "client": chronicle.verified.client, "for": who,
        "plan_digest": chronicle.verified.plan_digest, "record_head": chronicle.verified.head.to_string(),
        "files": ["report.html", "report.pdf", "report.md"],
    });
    make_private_folder(&args.out).with_context(|| args.out.display().to_string())?;
    // What says whose the papers are comes first: none of them is ever there without it.
    write(&args.out, ABOUT, format!("{about:#}\n").as_bytes())?;
    write(&args.out, "report.md", document.markdown().as_bytes())?;
    write(&args.out, "report.html", document.html().as_bytes())?;
    write(&args.out, "report.pdf", &document.pdf()?)?;
    say!(
        "{}: report.html, report.pdf and report.md for the {who}",
        args.out.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name);
    write_privately(&path, bytes).with_context(|| path.display().to_string())
}
