//! `stipple-controller dots`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use stipple_controller::papers::dots;
use stipple_model::files::{check_apart, write_privately};
use stipple_model::say;

#[derive(clap::Args)]
#[command(after_help = "Example:
  stipple-controller dots head.sqlite --plan head.plan --out dots.csv

A row for every dot of the plan:
  dot,layer,zone,shade,state,x_m,y_m,z_m,reason,at_utc,lateral_error_mm,depth_mm,session,sitting,cartridge,lots
state is placed, in_doubt, skipped (in a session, or without a time by the plan already) or open. The place is the planned one, in the planned
scan's frame, in metres; of a placed dot the record keeps how far beside it the needle's axis was at contact, not in which direction. Lots
are those of the sitting, parted by `;`: of more than one it is not kept which shade each was. The file is readable by its owner alone.

Exit code: 0 written, 1 the record is broken, 2 not a record, another plan, or bad usage.")]
pub struct Args {
    /// The record.
    record: PathBuf,
    /// The plan it is of.
    #[arg(long, value_name = "FILE.plan")]
    plan: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE.csv")]
    out: PathBuf,
}

/// Reads and writes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    check_apart(&[&args.out], &[&args.record, &args.plan])?;
    let Some((plan, chronicle)) = super::told(&args.plan, &args.record)? else {
        return Ok(ExitCode::from(1));
    };
    let mut table = Vec::new();
    dots(&plan, &chronicle, &mut table)?;
    write_privately(&args.out, &table).with_context(|| args.out.display().to_string())?;
    say!("{}: {} dots", args.out.display(), plan.dots.len())?;
    Ok(ExitCode::SUCCESS)
}
