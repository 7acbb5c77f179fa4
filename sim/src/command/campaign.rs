//! `stipple-sim campaign`.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use stipple_model::say;
use stipple_sim::campaign::{Campaign, Ended, Plans, Sabotage, Sum, run_session};

/// Run many sessions in virtual time, with faults drawn by chance, and check the invariants in every tick of each.
///
/// The production session, hops, admission and record are in the loop, against the simulated hardware. Without a plan, sessions run on
/// small plans on generated heads. Exit code 1 when an invariant broke, or a fault was reacted to too late.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-sim campaign --sessions 200 --seed 1
  stipple-sim campaign --sessions 10000 --seed 7 --json > campaign.json
  stipple-sim campaign --replay 1234567890123456789
  stipple-sim campaign --sessions 50 --sabotage permit-kept     (must find breaks)
  stipple-sim campaign --sessions 50 --sabotage joints-age      (a guard of the core; likewise)
  stipple-sim campaign head.plan --sessions 100")]
pub struct Args {
    /// Run the first layer of this plan instead of generated ones
    plan: Option<PathBuf>,
    /// How many sessions
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    sessions: u32,
    /// What the sessions' seeds come from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Run the one session of this seed, as a result names it, and tell what happens in it
    #[arg(long, value_name = "SESSION_SEED", conflicts_with_all = ["sessions", "seed"])]
    replay: Option<u64>,
    /// Take a safety function out, to see that the campaign finds it
    #[arg(long, value_name = "WHAT", value_parser = sabotage)]
    sabotage: Option<Named>,
    /// Sessions at a time; as many as there are cores unless given
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A sabotage as it was given.
#[derive(Clone)]
struct Named(String, Sabotage);

fn sabotage(name: &str) -> Result<Named, String> {
    let found = Sabotage::named(name).map(|found| Named(name.to_owned(), found));
    found.ok_or_else(|| {
        let names: Vec<&str> = Sabotage::names().collect();
        format!(
            "one of {}; guards may be joined by +, as in gap-min+gap-max",
            names.join(", ")
        )
    })
}

/// Runs and reports.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let campaign = Campaign {
        sessions: args.sessions as usize,
        seed: args.seed,
        plan: args.plan.clone(),
        sabotage: args.sabotage.as_ref().map(|named| named.1),
        threads: args.threads.map(usize::from),
    };
    let sum = match args.replay {
        Some(seed) => replay(&campaign, seed)?,
        None => all(&campaign)?,
    };
    if args.json {
        say!("{}", serde_json::to_string(&sum)?)?;
    } else {
        print(&sum, args)?;
    }
    let asked = args.replay.map_or(campaign.sessions, |_| 1);
    if sum.sessions < asked {
        eprintln!("interrupted after {} of {asked} sessions", sum.sessions);
    }
    Ok(ExitCode::from(status(
        sum.invariant_breaks,
        sum.sessions,
        asked,
    )))
}

/// The exit code: a break weighs more than an interruption.
fn status(breaks: u64, done: usize, asked: usize) -> u8 {
    match breaks {
        0 if done < asked => 130,
        0 => 0,
        _ => 1,
    }
}

fn all(campaign: &Campaign) -> anyhow::Result<Sum> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // Without a handler Ctrl-C ends the process at once, and nothing is told of the sessions that are done.
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    let bar = progress_bar(campaign.sessions as u64);
    let plans = Plans::of(campaign)?;
    let sum = campaign.run(&plans, &interrupted, &|done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    Ok(sum)
}

fn replay(campaign: &Campaign, seed: u64) -> anyhow::Result<Sum> {
    let plans = Plans::of(campaign)?;
    let clock = std::time::Instant::now();
    let mut log = |line: &str| eprintln!("{line}");
    let ended: Ended = run_session(&plans, seed, campaign.sabotage, Some(&mut log))?;
    Ok(Sum::of(seed, &[ended], clock.elapsed()))
}

/// What a replay must be told besides its seed.
fn as_given(args: &Args) -> String {
    let sabotage = args.sabotage.as_ref();
    let sabotage = sabotage.map_or_else(String::new, |named| format!(" --sabotage {}", named.0));
    let plan = args.plan.as_ref();
    let plan = plan.map_or_else(String::new, |plan| format!(" --plan {}", plan.display()));
    format!("{sabotage}{plan}")
}

fn progress_bar(sessions: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(sessions);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} sessions  {elapsed}  {eta}")
    {
        bar.set_style(style);
    }
    bar
}

fn print(sum: &Sum, args: &Args) -> std::io::Result<()> {
    say!(
        "{} sessions, {:.2} simulated hours, {:.0} times real time, seed {}",
        sum.sessions,
        sum.simulated_hours,
        sum.real_time_factor,
        sum.seed
    )?;
    say!(
        "dots: {} placed, {} in doubt, {} skipped; {} struck while a fault hid where head or arm were",
        sum.placed,
        sum.in_doubt,
        sum.skipped,
        sum.blind_strikes
    )?;
    say!(
        "{} faults injected; reaction in ms where one was due: p50, p99, max",
        sum.faults_injected
    )?;
    for (name, fault) in &sum.faults {
        let count = fault.count.count;
        match fault.count.reaction_ms {
            Some(r) => say!(
                "  {name:26} {count:7}  {:6} timed  {:8.1} {:8.1} {:8.1}",
                fault.timed,
                r.p50,
                r.p99,
                r.max
            )?,
            None => say!("  {name:26} {count:7}")?,
        }
    }
    say!("faults the controller reported:")?;
    for (name, count) in &sum.reported {
        say!("  {name:26} {count:7}")?;
    }
    say!(
        "invariants: {} checks, {} breaks",
        sum.checks,
        sum.invariant_breaks
    )?;
    for failed in &sum.failed {
        say!(
            "  {:?} at {:.3} s: {} (stipple-sim campaign --replay {}{})",
            failed.failure.invariant,
            failed.failure.t_s,
            failed.failure.what,
            failed.session_seed,
            as_given(args)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn an_interrupted_campaign_is_neither_done_nor_broken() {
        assert_eq!(status(0, 10, 10), 0);
        assert_eq!(status(0, 9, 10), 130);
        assert_eq!(status(1, 9, 10), 1);
        assert_eq!(status(2, 10, 10), 1);
    }
}
