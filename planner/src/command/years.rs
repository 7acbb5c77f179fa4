//! `stipple-planner years`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;
use stipple_model::course::Intake;
use stipple_model::files::{Folder, write_privately};
use stipple_model::plan::Plan;
use stipple_planner::picture::{self, Year};
use stipple_planner::residual::{self, There};
use stipple_planner::years::{self, FARTHEST, Fade, Row, TouchUp};

use super::course::policy;
use super::plan::text_file;
use super::show;

/// The years that are drawn.
const DRAWN: [f64; 5] = [0.0, 1.0, 3.0, 6.0, 8.0];
/// The years in the table.
const LISTED: u32 = 10;

#[derive(clap::Args)]
#[command(after_help = "\
DIR gets years.csv (for each zone and year the dots that are seen per cm², with what is at least and at most expected, and how dark they
are), years.json (the same and when each zone wants a touch-up), years.png (the head after 0, 1, 3, 6 and 8 years), and, where a zone wants
one within 30 years, touch-up.toml: the treatment with the dots of one possible fate that are still seen in that year, for
`stipple-planner plan`. Before a real touch-up the dots that are there are counted: `stipple-planner residual`.

Skin type and sun are the intake's. The model's figures are the policy's, each with its source.

Examples:
  stipple-planner years head.plan --intake planner/intakes/pattern-baldness.toml --out years")]
pub struct Arguments {
    /// The plan of the whole treatment.
    #[arg(value_name = "FILE.plan")]
    plan: PathBuf,
    /// The client's answers.
    #[arg(long, value_name = "TOML")]
    intake: PathBuf,
    /// The rules. Default: those shipped (launch/policy/default.toml).
    #[arg(long, value_name = "TOML")]
    policy: Option<PathBuf>,
    /// Seed of the fates that are drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A new folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print years.json instead of the text.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = policy(arguments.policy.as_deref())?;
    let intake = Intake::parse(&text_file(&arguments.intake)?, &policy)
        .with_context(|| arguments.intake.display().to_string())?;
    let (plan, _) = Plan::read(&arguments.plan)?;
    let fade = Fade::of(&policy, &intake);
    let listed: Vec<f64> = (0..=LISTED).map(f64::from).collect();
    let rows = years::rows(&plan, &policy, fade, &listed);
    let touch_ups = years::touch_ups(&plan, &policy, fade);
    let fates = |t| years::fates(&plan, &policy, fade, t, arguments.seed);
    let drawn = DRAWN.map(|t| Year {
        title: if t == 0.0 {
            "fresh".to_owned()
        } else {
            format!("after {t} {}", if t == 1.0 { "year" } else { "years" })
        },
        dots: fates(t),
    });
    let first = touch_ups.iter().filter_map(|t| t.year).reduce(f64::min);
    let mut files = vec!["years.csv", "years.png"];
    files.extend(first.map(|_| "touch-up.toml"));
    let json = json!({
        "files": files, "client": intake.client, "years": rows, "touch_ups": touch_ups, "first_touch_up_year": first,
        "looked_ahead_years": FARTHEST,
    });
    let json = serde_json::to_string_pretty(&json)? + "\n";
    let at_out = || format!("--out {}", arguments.out.display());
    let folder = Folder::begin(&arguments.out).with_context(at_out)?;
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        write_privately(&path, bytes).with_context(|| path.display().to_string())
    };
    file("years.csv", &table(&rows)?)?;
    file("years.json", json.as_bytes())?;
    let mut png = std::io::Cursor::new(Vec::new());
    picture::years(&plan, &drawn)?.write_to(&mut png, image::ImageFormat::Png)?;
    file("years.png", png.get_ref())?;
    if let Some(year) = first {
        let seen = |darkness: &Option<f64>| darkness.is_some_and(|d| d > fade.seen);
        let there = there(&plan, &fates(year), seen);
        let text = residual::treatment(
            &plan.provenance.treatment,
            plan.provenance.seed,
            &there,
            1.0,
        )?;
        file("touch-up.toml", text.as_bytes())?;
    }
    folder.finish().with_context(at_out)?;
    if arguments.json {
        show::print(&json)?;
    } else {
        show::print(&text(&rows, &touch_ups, &arguments.out))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The dots of one fate that are seen, in the scan's frame.
fn there(plan: &Plan, fates: &[Option<f64>], seen: impl Fn(&Option<f64>) -> bool) -> Vec<There> {
    let scan_from_head = plan.head_from_scan.inverse();
    let dots = plan.dots.iter().zip(fates).filter(|(_, fate)| seen(fate));
    let dot = |(dot, _): (&stipple_model::plan::Dot, _)| There {
        zone: plan
            .zones
            .get(usize::from(dot.zone))
            .map(|z| z.name.clone()),
        shade: plan
            .shades
            .get(usize::from(dot.shade))
            .map(|s| s.name.clone()),
        position: scan_from_head * dot.position,
    };
    dots.map(dot).collect()
}

fn table(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.into_inner()?)
}

fn text(rows: &[Row], touch_ups: &[TouchUp], out: &Path) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "zone            year   seen per cm² (at least–at most)   of all   darkness"
    );
    for row in rows.iter().filter(|row| DRAWN.contains(&row.year)) {
        let _ = writeln!(
            text,
            "{:<15}{:>5}{:>12.1} ({:.1}–{:.1}){:>15.0} %{:>9.0} %",
            row.zone,
            row.year,
            row.seen_per_cm2,
            row.low_per_cm2,
            row.high_per_cm2,
            row.share * 100.0,
            row.darkness * 100.0
        );
    }
    let year =
        |year: Option<f64>| year.map_or_else(|| format!("beyond {FARTHEST}"), |y| y.to_string());
    for touch_up in touch_ups {
        let _ = writeln!(
            text,
            "touch-up    {}: year {} (from {} to {})",
            touch_up.zone,
            year(touch_up.year),
            year(touch_up.soonest),
            year(touch_up.latest)
        );
    }
    let _ = writeln!(text, "written     {}", out.display());
    text
}
