//! `stipple-planner residual`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};
use serde::Deserialize;
use serde_json::json;
use stipple_model::clearance::HeadField;
use stipple_model::files::write_privately;
use stipple_model::plan::Plan;
use stipple_planner::residual::{self, Survived, There};

use super::show;

/// Largest table read, bytes.
const TABLE_LIMIT: u64 = 64 << 20;

#[derive(clap::Args)]
#[command(after_help = "\
The next session is planned on what is really there: this writes the treatment with the dots of earlier sessions in it ([placed]), and
`stipple-planner plan` lays what is missing up to the share, in each zone exactly, at a distance from the dots that are there.
The treatment and its seed, which draws the hairline's unevenness, are those of the plan: the line does not move from session to session.

Dots in doubt count as done. --survivors are dots found in a new scan, in metres in its own frame; --pose brings them into the planned
scan's (`stipple-planner register --out`). --counts has the columns zone, count; which dots have faded is then drawn by chance.

Examples:
  stipple-controller dots head.sqlite --plan head.plan --out placed.csv
  stipple-planner residual --plan head.plan --dots placed.csv --share 0.7 --out second.toml
  stipple-planner residual --plan head.plan --dots first.csv --dots second.csv \\
      --survivors found.csv --pose pose.json --share 1 --out third.toml")]
pub struct Arguments {
    /// The plan of the treatment's first session, or of any after it.
    #[arg(long, value_name = "FILE.plan")]
    plan: PathBuf,
    /// Dots of a session, as `stipple-controller dots` writes them; once for each session.
    #[arg(long, value_name = "CSV", required = true)]
    dots: Vec<PathBuf>,
    /// Dots that were found in a new scan: they are there, and no others.
    #[arg(long, value_name = "CSV", conflicts_with = "counts")]
    survivors: Option<PathBuf>,
    /// The new scan's pose in the planned scan, as `stipple-planner register --out` writes it.
    #[arg(long, value_name = "JSON", requires = "survivors")]
    pose: Option<PathBuf>,
    /// How many dots each zone has.
    #[arg(long, value_name = "CSV")]
    counts: Option<PathBuf>,
    /// Share of the whole treatment's dots that is to be there after the next session.
    #[arg(long, value_name = "SHARE")]
    share: f64,
    /// Seed of the draw where dots were only counted.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the treatment goes.
    #[arg(long, value_name = "TOML")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct PoseFile {
    fixed_from_moving: Pose,
}

#[derive(Deserialize)]
struct Pose {
    translation_m: [f64; 3],
    quaternion_xyzw: [f64; 4],
}

fn table(path: &Path) -> anyhow::Result<Vec<u8>> {
    show::read(path, TABLE_LIMIT)
}

/// Dots of some tables of the controller's.
pub fn recorded(paths: &[PathBuf]) -> anyhow::Result<Vec<There>> {
    let mut all = Vec::new();
    for path in paths {
        let dots = residual::dots(table(path)?.as_slice());
        all.extend(dots.with_context(|| path.display().to_string())?);
    }
    // Tables of one record, made at different times, have its dots in common.
    let place = |dot: &There| {
        let p = dot.position.raw();
        [p.x, p.y, p.z].map(|c| (c / SAME_PLACE).round() as i64)
    };
    let (mut known, before) = (HashSet::new(), all.len());
    all.retain(|dot| known.insert(place(dot)));
    let twice = before - all.len();
    if twice > 0 {
        show::warn(&format!(
            "{twice} dots stand in more than one table; each counts once"
        ));
    }
    Ok(all)
}

/// Dots nearer than that are one, m. Source: own; no two of a plan are nearer than 0.05 mm.
const SAME_PLACE: f64 = 1e-6;

fn pose(path: Option<&Path>) -> anyhow::Result<Isometry3<f64>> {
    let Some(path) = path else {
        return Ok(Isometry3::identity());
    };
    let in_file = || path.display().to_string();
    let file: PoseFile =
        serde_json::from_slice(&show::read(path, 1 << 20)?).with_context(in_file)?;
    let pose = file.fixed_from_moving;
    let [x, y, z, w] = pose.quaternion_xyzw;
    let turn = Quaternion::new(w, x, y, z);
    let finite = pose.translation_m.iter().all(|c| c.is_finite());
    anyhow::ensure!(
        finite && (turn.norm() - 1.0).abs() < 1e-6,
        "{}: fixed_from_moving is no pose; `stipple-planner register --out` writes one",
        path.display()
    );
    let [x, y, z] = pose.translation_m;
    Ok(Isometry3::from_parts(
        Translation3::new(x, y, z),
        UnitQuaternion::from_quaternion(turn),
    ))
}

fn survived(arguments: &Arguments) -> anyhow::Result<Option<Survived>> {
    if let Some(path) = &arguments.survivors {
        let pose = pose(arguments.pose.as_deref())?;
        let found = residual::survivors(table(path)?.as_slice(), &pose);
        return Ok(Some(Survived::Dots(
            found.with_context(|| path.display().to_string())?,
        )));
    }
    if let Some(path) = &arguments.counts {
        let counts = residual::counts(table(path)?.as_slice());
        let counts = counts.with_context(|| path.display().to_string())?;
        return Ok(Some(Survived::Counted(counts, arguments.seed)));
    }
    Ok(None)
}

/// Farther off the planned head than that no dot of its record lies, m. Source: own; a dot is planned on the mesh, and one of another scan, in
/// its own frame, is off by far more.
const OFF_HEAD: f64 = 20e-3;

/// Refuses dots of another head.
fn check_on_head(plan: &Plan, recorded: &[There]) -> anyhow::Result<()> {
    let zones = recorded.iter().filter_map(|dot| dot.zone.as_ref());
    let names: Vec<&str> = plan.zones.iter().map(|zone| zone.name.as_str()).collect();
    let stranger = zones
        .into_iter()
        .find(|zone| !names.contains(&zone.as_str()));
    if let Some(zone) = stranger {
        anyhow::bail!(
            "recorded dots are of zone {zone:?}, which the plan does not have ({}): they are of another treatment",
            names.join(", ")
        );
    }
    let field = HeadField::new(&plan.head)?;
    let off = |dot: &There| field.exact(&(plan.head_from_scan * dot.position)).abs();
    let farthest = recorded.iter().map(off).fold(0.0, f64::max);
    anyhow::ensure!(
        farthest <= OFF_HEAD,
        "recorded dots lie up to {:.0} mm off the planned head: they are of another head, or of another scan of it",
        farthest * 1e3
    );
    Ok(())
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let more = [&arguments.survivors, &arguments.pose, &arguments.counts];
    let read = [&arguments.plan].into_iter().chain(&arguments.dots);
    show::check_outputs([&arguments.out], read.chain(more.into_iter().flatten()))?;
    let (plan, _) = Plan::read(&arguments.plan)?;
    let recorded = recorded(&arguments.dots)?;
    check_on_head(&plan, &recorded)?;
    let count = recorded.len();
    let there = residual::surviving(recorded, survived(arguments)?)?;
    let first = &plan.provenance;
    let next = residual::treatment(&first.treatment, first.seed, &there, arguments.share)
        .with_context(|| arguments.plan.display().to_string())?;
    write_privately(&arguments.out, next.as_bytes())
        .with_context(|| arguments.out.display().to_string())?;
    if arguments.json {
        show::print_json(&json!({
            "recorded": count, "there": there.len(), "share": arguments.share, "out": arguments.out.display().to_string(),
        }))?;
    } else {
        show::print(&format!(
            "{} of {count} recorded dots are there; {} goes to {:.0} % of the treatment\n",
            there.len(),
            arguments.out.display(),
            arguments.share * 100.0
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
