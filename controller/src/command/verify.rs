//! `stipple-controller verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use stipple_controller::record::{End, verify};
use stipple_model::say;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-controller verify head.sqlite
  stipple-controller verify head.sqlite --json
  stipple-controller verify head.sqlite --head 1f4e…    also: the row with this hash (report.json, record.head) is in it

Exit code: 0 intact, 1 broken (the first bad row is named), 2 not a record, or of another version.")]
pub struct Args {
    /// The record.
    record: PathBuf,
    /// A hash that was noted when the record was shorter: some row must have it.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    head: Option<String>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
}

fn hash(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    if is_hash {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a hash has 64 hexadecimal digits, as record.head of report.json".to_owned())
    }
}

/// Verifies and tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = args.record.display();
    match verify(&args.record, args.head.as_deref())? {
        Ok(verified) => {
            let [placed, skipped, in_doubt, intent] = verified.dots;
            if args.json {
                let object = json!({
                    "record": path.to_string(), "intact": true, "session_id": verified.session_id,
                    "plan_digest": verified.plan_digest, "scan_digest": verified.scan_digest, "client": verified.client,
                    "rows": verified.rows, "head": verified.head.to_string(), "end": verified.end.key(),
                    "dots": { "placed": placed, "skipped": skipped, "in_doubt": in_doubt, "intent": intent },
                });
                say!("{object}")?;
            } else {
                // An intent that nothing followed counts as done, as in doubt, like everywhere.
                let in_doubt = in_doubt + intent;
                say!(
                    "{path}: intact, {} rows of session {}: {placed} placed, {skipped} skipped, {in_doubt} in doubt\n\
                     head {}\nend  {}",
                    verified.rows,
                    verified.session_id,
                    verified.head,
                    match verified.end {
                        End::Closed => "closed in order",
                        End::Noted => "not closed, the file beside it names the last row",
                        End::Open =>
                            "not closed: a session is writing it, or rows after the last may be lost",
                    }
                )?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            if args.json {
                let object = json!({
                    "record": path.to_string(), "intact": false,
                    "first_bad_row": broken.row, "reason": broken.damage.to_string(),
                });
                say!("{object}")?;
            } else {
                say!("{path}: broken {broken}")?;
            }
            Ok(ExitCode::from(1))
        }
    }
}
