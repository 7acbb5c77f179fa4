//! `stipple-planner reach`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use stipple_model::cell::Cell;
use stipple_model::clearance::WorkCell;
use stipple_model::treatment::Treatment;
use stipple_planner::compose::expected_head;
use stipple_planner::design;
use stipple_planner::picture;
use stipple_planner::poses::Surroundings;
use stipple_planner::reach::{self, Place, Reach};
use stipple_planner::register;
use stipple_planner::scan::UnitChoice;

use super::check_scan::{read_landmarks, read_scan};
use super::show;

/// The scalp that is asked for when no treatment is given: all of it.
const FULL_SCALP: &str = include_str!("../../treatments/full-scalp.toml");

#[derive(clap::Args)]
#[command(after_help = "\
Exit status: 0 when the wanted share of the scalp is reached, 1 when less is, 2 for bad input or usage.

Examples:
  stipple-planner reach --arm my-arm.urdf --scan head.ply --landmarks head.landmarks.json --picture reach.png
  stipple-planner reach --scan head.ply --landmarks head.landmarks.json --best --cell-out placed.toml")]
pub struct Arguments {
    /// The arm: `ur5e`, or a URDF file.
    #[arg(long, default_value = "ur5e")]
    arm: String,
    /// The arm's link that carries the tool, where its description leaves that open.
    #[arg(long, value_name = "LINK")]
    flange: Option<String>,
    /// Limits of the arm's joints as MoveIt keeps them; used where they are tighter than the arm's own.
    #[arg(long, value_name = "YAML")]
    joint_limits: Option<PathBuf>,
    /// The scan: PLY, STL, OBJ or glTF.
    #[arg(long)]
    scan: PathBuf,
    /// The landmarks that make the head frame.
    #[arg(long, value_name = "JSON")]
    landmarks: PathBuf,
    /// Ask only for what this treatment treats. Default: the whole scalp.
    #[arg(long, value_name = "TOML")]
    treatment: Option<PathBuf>,
    /// The work cell: tool, expected head pose, surroundings. Default: the one shipped (launch/cells/default.toml).
    #[arg(long, value_name = "TOML")]
    cell: Option<PathBuf>,
    /// The scan's unit: mm, cm, m, inch, or auto (what landmarks or file say).
    #[arg(long, default_value = "auto")]
    unit: UnitChoice,
    /// Search the cell's `[place]` bounds for the best place of base and head, and show that one.
    #[arg(long)]
    best: bool,
    /// Where the cell at that place goes.
    #[arg(long, value_name = "TOML", requires = "best")]
    cell_out: Option<PathBuf>,
    /// Draw the map.
    #[arg(long, value_name = "PNG")]
    picture: Option<PathBuf>,
    /// The share of the scalp that must be reached, percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 99.5, value_parser = percent)]
    enough: f64,
    /// Print numbers for machines instead of the text.
    #[arg(long)]
    json: bool,
}

pub fn percent(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=100.0).contains(&value) {
        Ok(value)
    } else {
        Err("must be 0 to 100".to_owned())
    }
}

/// What is printed.
#[derive(serde::Serialize)]
struct Summary {
    arm: String,
    places: usize,
    reached: usize,
    reached_share: f64,
    /// Usable ways (rolls times branches) of the places that are reached: fewest, median, most.
    ways: [u32; 3],
    /// Reason, and the pair that stands in the way, to places.
    unreached: BTreeMap<String, usize>,
    /// What was searched for, when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    head_xyz_mm: [f64; 3],
    head_rpy_deg: [f64; 3],
    floor_z_mm: f64,
}

fn summary(reach: &Reach, work: &WorkCell, cell: &Cell, place: Option<Place>) -> Summary {
    let reached: Vec<_> = reach
        .places
        .iter()
        .filter(|p| p.refusal.is_none())
        .collect();
    let mut ways: Vec<u32> = reached.iter().map(|p| p.ways).collect();
    ways.sort_unstable();
    let at = |k: usize| ways.get(k).copied().unwrap_or(0);
    let head = cell.base_from_head.raw();
    let (roll, pitch, yaw) = head.rotation.euler_angles();
    Summary {
        arm: cell.arm.name.clone(),
        places: reach.places.len(),
        reached: reached.len(),
        reached_share: reach.share(),
        ways: [at(0), at(ways.len() / 2), at(ways.len().saturating_sub(1))],
        unreached: reach.reasons(work),
        place,
        head_xyz_mm: (head.translation.vector * 1e3).into(),
        head_rpy_deg: [roll, pitch, yaw].map(f64::to_degrees),
        floor_z_mm: cell.floor_z * 1e3,
    }
}

/// Maps what the arm reaches; exit code 1 when that is too little.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let read = [&arguments.scan, &arguments.landmarks];
    let more = [
        &arguments.treatment,
        &arguments.cell,
        &arguments.joint_limits,
    ];
    show::check_outputs(
        arguments.picture.iter().chain(&arguments.cell_out),
        read.into_iter().chain(more.into_iter().flatten()),
    )?;
    let text = match &arguments.treatment {
        Some(path) => super::plan::text_file(path)?,
        None => FULL_SCALP.to_owned(),
    };
    let in_treatment = || {
        let path = arguments.treatment.as_ref();
        path.map_or_else(|| "the whole scalp".to_owned(), |p| p.display().to_string())
    };
    let treatment = Treatment::parse(&text).with_context(in_treatment)?;
    let (mut cell, bounds) = super::plan::cell(
        &arguments.arm,
        arguments.flange.as_deref(),
        arguments.joint_limits.as_deref(),
        arguments.cell.as_deref(),
    )?;
    let landmarks = read_landmarks(&arguments.landmarks)?;
    let scan = read_scan(&arguments.scan, arguments.unit, Some(&landmarks))?;
    let registration = register::head_from_scan(&landmarks, &scan)
        .with_context(|| arguments.landmarks.display().to_string())?;
    let head = scan.mesh.transformed(&registration.head_from_scan);
    let anatomy = &registration.anatomy;
    let subject = design::Subject::new(&head, anatomy).on_scan(&registration.head_from_scan);
    let scalp = design::lay(&subject, &treatment, 1).with_context(in_treatment)?;
    let mut sites = reach::sites(&head, &scalp.patch);
    sites.retain(|site| scalp.at(&site.position).is_some());
    let mut work = WorkCell::new(&cell, &head)?.keeping_out(&scalp.keep_outs);
    let mut place = None;
    if arguments.best {
        let bar = show::bar();
        bar.set_message("placing");
        let watch = |share: f64| {
            bar.set_position((share * 1000.0) as u64);
            ControlFlow::Continue(())
        };
        let asked = (sites.as_slice(), scalp.keep_outs.as_slice());
        let best = reach::best(&mut work, (&cell, anatomy), asked, bounds, &watch)?;
        bar.finish_and_clear();
        if let Some(best) = best {
            (place, cell) = (Some(best.place), best.cell);
        }
    }
    let surroundings = Surroundings {
        cell: &work,
        base_from_head: expected_head(&cell.base_from_head, anatomy),
        keep_outs: &scalp.keep_outs,
    };
    work.check_base(&surroundings.base_from_head)?;
    let map = reach::map(&surroundings, &sites);
    if let Some(path) = &arguments.picture {
        let title = format!("{} and {}", cell.arm.name, file_name(&arguments.scan));
        let image = picture::reach(&title, (&head, anatomy), &scalp.patch, &map, &work);
        show::write_png(path, &image)?;
    }
    if let Some(path) = &arguments.cell_out {
        show::write(path, cell.to_toml()?.as_bytes())?;
    }
    let summary = summary(&map, &work, &cell, place);
    if arguments.json {
        show::print_json(&summary)?;
    } else {
        show::print(&in_words(&summary))?;
    }
    Ok(if 100.0 * summary.reached_share >= arguments.enough {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}

/// The summary for a person.
fn in_words(summary: &Summary) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "reached     {} of {} places of the scalp ({:.1} %) by {}",
        summary.reached,
        summary.places,
        100.0 * summary.reached_share,
        summary.arm
    );
    let [fewest, median, most] = summary.ways;
    let _ = writeln!(
        text,
        "ways        {fewest} fewest, {median} median, {most} most to a place"
    );
    for (reason, count) in &summary.unreached {
        let _ = writeln!(text, "unreached   {count} {reason}");
    }
    if let Some(place) = summary.place {
        let _ = writeln!(
            text,
            "base        {:.0}° round the head, {:.0} mm farther away, {:.0} mm to the left, {:.0} mm up; the head nods by {:.0}°",
            place.azimuth_deg, place.away_mm, place.left_mm, place.up_mm, place.nod_deg
        );
    }
    let numbers = |v: [f64; 3]| v.map(|c| format!("{c:.1}")).join(", ");
    let _ = writeln!(
        text,
        "head        xyz_mm = [{}], rpy_deg = [{}], floor_z_mm = {:.1}",
        numbers(summary.head_xyz_mm),
        numbers(summary.head_rpy_deg),
        summary.floor_z_mm
    );
    text
}
