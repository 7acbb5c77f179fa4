//! `rt-check`: whether this machine keeps time well enough for a control loop.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use stipple_controller::rt::check::{Bar, MOST, MOST_P999, Measured, measure};
use stipple_model::say;

/// The widest bar, characters.
const WIDTH: u64 = 50;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Measure for minutes, under the load that a session will have beside it: one second on an idle machine shows little.

Examples:
  stipple-controller rt-check --seconds 600
  stipple-controller rt-check --seconds 60 --rate 1000 --json > jitter.json

Exit code: 0 fit, 1 not fit, 2 bad usage."
)]
pub struct Args {
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Periods a second; the control loop has 500
    #[arg(long, value_name = "HZ", default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=4_000))]
    rate: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Measures and tells.
///
/// # Errors
/// When the system gives no thread.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    eprintln!("measuring {} Hz for {} s", args.rate, args.seconds);
    let span = Duration::from_secs(args.seconds.into());
    let measured = measure(span, args.rate).context("starting the measuring thread")?;
    if args.json {
        say!("{}", object(args, &measured))?;
    } else {
        print(args, &measured)?;
    }
    let fit = measured.unfit().is_empty();
    Ok(ExitCode::from(u8::from(!fit)))
}

/// Microseconds, to the tenth.
fn us(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e7).round() / 10.0
}

fn object(args: &Args, measured: &Measured) -> serde_json::Value {
    let jitter = &measured.jitter;
    let unfit = measured.unfit();
    let why: Vec<String> = unfit.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "fit": unfit.is_empty(),
        "why_not": why,
        "rate_hz": args.rate,
        "seconds": args.seconds,
        "periods": jitter.periods(),
        "slips": jitter.slips(),
        "p50_us": us(jitter.within(500)),
        "p999_us": us(jitter.within(999)),
        "max_us": us(jitter.max()),
        "p999_allowed_us": us(MOST_P999),
        "max_allowed_us": us(MOST),
        "real_time": measured.lacking.is_none(),
        "kept_awake": measured.awake,
        "histogram": jitter.bars(),
    })
}

fn print(args: &Args, measured: &Measured) -> std::io::Result<()> {
    let jitter = &measured.jitter;
    say!(
        "{} periods of {} µs; how late they began:",
        jitter.periods(),
        1_000_000 / args.rate
    )?;
    say!("{}", bars(&jitter.bars()))?;
    say!(
        "p50 {:.0} µs, p99.9 {:.0} µs (at most {:.0}), max {:.0} µs (at most {:.0}), {} late by more than 1 ms",
        us(jitter.within(500)),
        us(jitter.within(999)),
        us(MOST_P999),
        us(jitter.max()),
        us(MOST),
        jitter.slips()
    )?;
    if !measured.awake {
        say!("the processors may have slept deep meanwhile: /dev/cpu_dma_latency cannot be held")?;
    }
    let unfit = measured.unfit();
    if unfit.is_empty() {
        say!("fit for a control loop, as far as this measurement shows")?;
    }
    for why in unfit {
        say!("not fit: {why}")?;
    }
    Ok(())
}

/// The histogram as text; bars by the square root of what they stand for, so that the few late ones are seen beside the many.
fn bars(all: &[Bar]) -> String {
    let most = all.iter().map(|bar| bar.periods).max().unwrap_or(0).max(1);
    let shown = all.iter().rposition(|bar| bar.periods > 0).unwrap_or(0);
    let line = |bar: &Bar| {
        let range = bar.up_to_us.map_or_else(
            || format!("over {:>5} µs", bar.over_us),
            |end| format!("to {end:>7} µs"),
        );
        let width = (WIDTH * WIDTH * bar.periods).div_ceil(most).isqrt();
        let width = width.max(u64::from(bar.periods > 0));
        let drawn = "#".repeat(usize::try_from(width).unwrap_or(0));
        format!("{range} {:>9} {drawn}", bar.periods)
    };
    let lines: Vec<String> = all[..=shown].iter().map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_period_is_seen_beside_very_many() {
        let bar = |over_us, up_to_us, periods| Bar {
            over_us,
            up_to_us,
            periods,
        };
        let text = bars(&[
            bar(0, Some(1), 1_000_000),
            bar(1, Some(2), 0),
            bar(2, None, 1),
            bar(5, Some(9), 0),
        ]);
        let marks: Vec<usize> = text.lines().map(|l| l.matches('#').count()).collect();
        assert_eq!(marks, [50, 0, 1], "{text}");
    }
}
