//! `stipple-controller repeat`.

use std::path::PathBuf;
use std::process::ExitCode;

use stipple_controller::record::{Durability, Order, Record};
use stipple_model::plan::DotId;
use stipple_model::say;

#[derive(clap::Args)]
#[command(after_help = "Example:
  stipple-controller repeat head.sqlite --dot 812 --by 'A. Operator' --why 'looked with the loupe: no mark'

A dot in doubt may have been struck; the controller never strikes it again by itself. The order is kept in the record.
Exit code: 0 ordered, 2 no such dot in doubt, no record, or one in use.")]
pub struct Args {
    /// The record.
    record: PathBuf,
    /// A dot in doubt; may be given several times.
    #[arg(long, value_name = "N", required = true)]
    dot: Vec<u32>,
    /// Who orders it.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: String,
}

/// Orders and tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now_us = super::now_us();
    let mut record = Record::open_there(&args.record, Durability::PowerCut, now_us)?;
    let order = Order {
        by: args.by.clone(),
        why: args.why.clone(),
    };
    for dot in &args.dot {
        record.order_repeat(DotId(*dot), &order, now_us)?;
        say!(
            "dot {dot} will be struck once more, by order of {}",
            order.by
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
