//! `stipple-planner register`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};
use stipple_model::course::answers;
use stipple_model::frames::{Rescan, Scan, Transform};
use stipple_model::registration::{AlignError, Limits, Motion, Refusal};
use stipple_planner::register::{self, RescanError, Rescanned, StartedFrom};
use stipple_planner::scan::{Scanned, UnitChoice};

use super::check_scan::{read_landmarks, read_scan};
use super::show;

#[derive(clap::Args)]
#[command(after_help = "\
Exit status: 0 the scans belong together, 1 they do not or too little speaks for it, 2 bad input.
The pose turns the moving scan's coordinates, in metres, into the fixed scan's; it is written only when accepted.

Examples:
  stipple-planner register --fixed planned.ply --fixed-landmarks planned.landmarks.json --moving today.ply
  stipple-planner register --fixed planned.ply --fixed-landmarks planned.landmarks.json \\
      --moving today.ply --moving-landmarks today.landmarks.json --taken-at 2027-05-31T08:00:00+02:00 --json > today.json")]
pub struct Arguments {
    /// The scan that was planned on.
    #[arg(long, value_name = "SCAN")]
    fixed: PathBuf,
    /// Its landmarks.
    #[arg(long, value_name = "JSON")]
    fixed_landmarks: PathBuf,
    /// The unit of the fixed scan: mm, cm, m, inch, or auto.
    #[arg(long, default_value = "auto", value_name = "UNIT")]
    fixed_unit: UnitChoice,
    /// The scan that is laid onto it.
    #[arg(long, value_name = "SCAN")]
    moving: PathBuf,
    /// Its landmarks: a sure start. Without them the scans' axes are tried in all ways.
    #[arg(long, value_name = "JSON")]
    moving_landmarks: Option<PathBuf>,
    /// The unit of the moving scan: mm, cm, m, inch, or auto.
    #[arg(long, default_value = "auto", value_name = "UNIT")]
    moving_unit: UnitChoice,
    /// When the moving scan was taken, with the clock's offset; a session begins only with one of today.
    #[arg(long, value_name = "2027-05-31T08:00:00+02:00", value_parser = moment)]
    taken_at: Option<String>,
    /// Write the pose here when it is accepted.
    #[arg(long, value_name = "JSON")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<String, String> {
    match answers::moment_of(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("it must be {}", answers::A_MOMENT)),
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let read = [
        &arguments.fixed,
        &arguments.fixed_landmarks,
        &arguments.moving,
    ];
    let read = read.into_iter().chain(&arguments.moving_landmarks);
    show::check_outputs(&arguments.out, read)?;
    let fixed_landmarks = read_landmarks(&arguments.fixed_landmarks)?;
    let moving_landmarks = arguments
        .moving_landmarks
        .as_deref()
        .map(read_landmarks)
        .transpose()?;
    let fixed = read_scan(
        &arguments.fixed,
        arguments.fixed_unit,
        Some(&fixed_landmarks),
    )?;
    let moving = read_scan(
        &arguments.moving,
        arguments.moving_unit,
        moving_landmarks.as_ref(),
    )?;
    let laid = match register::rescan(&fixed, &fixed_landmarks, &moving, moving_landmarks.as_ref())
    {
        Ok(laid) => laid,
        Err(RescanError::Align(error @ AlignError::NothingMet { .. })) => {
            return refused_without_pose(arguments, &error);
        }
        Err(error @ RescanError::Fixed(_)) => {
            return Err(error).context(arguments.fixed_landmarks.display().to_string());
        }
        Err(error @ RescanError::Moving(_)) => {
            let path = arguments.moving_landmarks.as_deref();
            return Err(error).context(path.map_or_else(String::new, |p| p.display().to_string()));
        }
        Err(error @ RescanError::Align(_)) => return Err(error.into()),
    };
    let verdict = laid.alignment.accept(&Limits::default());
    if arguments.json {
        let mut report = report(&laid, &verdict);
        report["fixed_sha256"] = json!(fixed.digest.to_string());
        report["moving_sha256"] = json!(moving.digest.to_string());
        report["moving_taken_at"] = json!(arguments.taken_at);
        show::print_json(&report)?;
    } else {
        show::print(&text(&laid, &verdict))?;
    }
    match verdict {
        Ok(pose) => {
            if let Some(out) = &arguments.out {
                let text = serde_json::to_string_pretty(&pose_file(&pose, &fixed, &moving))?;
                show::write(out, (text + "\n").as_bytes())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(_) => Ok(ExitCode::from(1)),
    }
}

fn refused_without_pose(arguments: &Arguments, error: &AlignError) -> anyhow::Result<ExitCode> {
    if arguments.json {
        show::print_json(&json!({ "accepted": false, "refusal": error.to_string() }))?;
    } else {
        show::print(&format!("refused      {error}\n"))?;
    }
    Ok(ExitCode::from(1))
}

/// What the file given by `--out` holds.
fn pose_file(pose: &Transform<Scan, Rescan>, fixed: &Scanned, moving: &Scanned) -> Value {
    json!({
        "fixed_from_moving": pose_json(pose),
        "fixed_sha256": fixed.digest.to_string(),
        "moving_sha256": moving.digest.to_string(),
    })
}

fn pose_json(pose: &Transform<Scan, Rescan>) -> Value {
    let iso = pose.raw();
    let (t, q) = (iso.translation.vector, iso.rotation.coords);
    json!({ "translation_m": [t.x, t.y, t.z], "quaternion_xyzw": [q.x, q.y, q.z, q.w] })
}

fn report(laid: &Rescanned, verdict: &Result<Transform<Scan, Rescan>, Refusal>) -> Value {
    let a = &laid.alignment;
    let weakest = match a.observability.weakest {
        Motion::Turning { axis, through } => {
            let (axis, at) = (axis.raw(), through.raw() * 1e3);
            json!({ "motion": "turning", "axis": [axis.x, axis.y, axis.z], "through_mm": [at.x, at.y, at.z] })
        }
        Motion::Sliding { along } => {
            let along = along.raw();
            json!({ "motion": "sliding", "along": [along.x, along.y, along.z] })
        }
    };
    json!({
        "accepted": verdict.is_ok(),
        "refusal": verdict.as_ref().err().map(ToString::to_string),
        "started_from": started(laid.started_from),
        "worked_mm": a.worked.map(|w| w.mm()),
        "residual_mm": {
            "rms": a.residual.rms.mm(), "p50": a.residual.p50.mm(), "p95": a.residual.p95.mm(), "largest": a.residual.largest.mm(),
        },
        "overlap": {
            "area_cm2": a.overlap.area.cm2(), "of_moving": a.overlap.of_moving,
            "of_fixed": a.overlap.of_fixed, "changed": a.overlap.changed,
        },
        "observability": {
            "held": a.observability.held, "arm_mm": a.observability.arm.mm(), "weakest": weakest,
            "uncertainty_mm": a.observability.uncertainty.map(|u| u.mm()),
        },
        "mirrored_rms_mm": a.mirrored.map(|m| m.mm()),
        "rounds": a.rounds,
        "converged": a.converged,
        "fixed_from_moving": pose_json(&a.unchecked_pose()),
    })
}

fn started(from: StartedFrom) -> &'static str {
    match from {
        StartedFrom::Landmarks => "landmarks of both scans",
        StartedFrom::Axes => "the scans' axes, in all ways",
    }
}

fn text(laid: &Rescanned, verdict: &Result<Transform<Scan, Rescan>, Refusal>) -> String {
    let a = &laid.alignment;
    let (r, o, s) = (&a.residual, &a.overlap, &a.observability);
    let weakest = match s.weakest {
        Motion::Turning { axis, through } => {
            let (axis, at) = (axis.raw(), through.raw() * 1e3);
            format!(
                "turning about ({:.2} {:.2} {:.2}) through ({:.0} {:.0} {:.0}) mm",
                axis.x, axis.y, axis.z, at.x, at.y, at.z
            )
        }
        Motion::Sliding { along } => {
            let along = along.raw();
            format!(
                "sliding along ({:.2} {:.2} {:.2})",
                along.x, along.y, along.z
            )
        }
    };
    let uncertainty = s.uncertainty.map_or_else(
        || "not bounded".to_owned(),
        |u| {
            format!(
                "{:.2} mm (1 σ, at the worst place of the common surface)",
                u.mm()
            )
        },
    );
    let iso = *a.unchecked_pose().raw();
    let (t, turn) = (
        iso.translation.vector * 1e3,
        iso.rotation.angle().to_degrees(),
    );
    let verdict = match verdict {
        Ok(_) => "accepted\n".to_owned(),
        Err(refusal) => format!("refused      {refusal}\n"),
    };
    format!(
        "started from {}\n\
         residual     {:.2} mm RMS (half below {:.2}, 95% below {:.2}, largest {:.2})\n\
         overlap      {:.0} cm² fits: {:.0}% of the moving, {:.0}% of the fixed head; {:.0}% of what lies opposite has changed\n\
         shape        moving by 1 mm changes the distances by {:.3} mm or more; held least: {weakest}\n\
         uncertainty  {uncertainty}\n\
         pose         moved by ({:.1} {:.1} {:.1}) mm, turned by {turn:.2}°, after {} rounds\n\
         {verdict}",
        started(laid.started_from),
        r.rms.mm(),
        r.p50.mm(),
        r.p95.mm(),
        r.largest.mm(),
        o.area.cm2(),
        o.of_moving * 100.0,
        o.of_fixed * 100.0,
        o.changed * 100.0,
        s.held[0],
        t.x,
        t.y,
        t.z,
        a.rounds,
    )
}
