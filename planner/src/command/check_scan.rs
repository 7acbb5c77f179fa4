//! `stipple-planner check-scan`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use stipple_planner::picture;
use stipple_planner::register::{self, Landmarks};
use stipple_planner::scan::{self, UnitChoice};

use super::show;

/// Largest landmarks file read, bytes.
pub const LANDMARKS_LIMIT: u64 = 16 << 20;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  stipple-planner check-scan head.ply
  stipple-planner check-scan head.obj --landmarks head.landmarks.json --unit cm --json
  stipple-planner check-scan head.ply --landmarks head.landmarks.json --picture scan.png")]
pub struct Arguments {
    /// The scan: PLY, STL, OBJ or glTF.
    scan: PathBuf,
    /// The landmarks: checked too, and used to find the head among other parts.
    #[arg(long, value_name = "JSON")]
    landmarks: Option<PathBuf>,
    /// The scan's unit: mm, cm, m, inch, or auto (what landmarks or file say).
    #[arg(long, default_value = "auto")]
    unit: UnitChoice,
    /// Draw the head with what was found: openings, missing scalp, separate parts, places where it runs through itself, landmarks, the
    /// head frame.
    #[arg(long, value_name = "PNG")]
    picture: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Reads landmarks, naming the file in errors.
pub fn read_landmarks(path: &std::path::Path) -> anyhow::Result<Landmarks> {
    let bytes = show::read(path, LANDMARKS_LIMIT)?;
    Landmarks::parse(&bytes).with_context(|| path.display().to_string())
}

/// Reads a scan, naming the file in errors.
pub fn read_scan(
    path: &std::path::Path,
    unit: UnitChoice,
    landmarks: Option<&Landmarks>,
) -> anyhow::Result<scan::Scanned> {
    scan::read_file(path, unit, landmarks).with_context(|| path.display().to_string())
}

/// Exit code 1 when the scan can be read but not planned on.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let read = [&arguments.scan].into_iter().chain(&arguments.landmarks);
    show::check_outputs(&arguments.picture, read)?;
    let landmarks = arguments
        .landmarks
        .as_deref()
        .map(read_landmarks)
        .transpose()?;
    let scan = read_scan(&arguments.scan, arguments.unit, landmarks.as_ref())?;
    let registration = landmarks
        .as_ref()
        .map(|l| register::head_from_scan(l, &scan))
        .transpose();
    if let Some(path) = &arguments.picture {
        // Landmarks that make no head are best understood on the picture, so it is drawn before they are refused.
        let registration = registration.as_ref().ok().and_then(Option::as_ref);
        let name = arguments
            .scan
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let image = picture::scan(&name, &scan, landmarks.as_ref(), registration);
        show::write_png(path, &image)?;
    }
    let registration = registration.with_context(|| {
        arguments
            .landmarks
            .as_deref()
            .map_or_else(String::new, |p| p.display().to_string())
    })?;
    let findings = registration.as_ref().map_or(&[][..], |r| &r.findings);
    let head = registration
        .as_ref()
        .map(|r| (scan.mesh.transformed(&r.head_from_scan), &r.anatomy));
    let fit = match &head {
        Some((head, anatomy)) => scan::fit::check_head(&scan, head, anatomy),
        None => scan::fit::check(&scan),
    };
    let code = fit
        .as_ref()
        .map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    let cover = head
        .as_ref()
        .and_then(|(head, anatomy)| scan::cover::cover(head, anatomy));
    if arguments.json {
        let mut report = scan::report::json(&scan, &fit);
        if let Some(object) = report.as_object_mut() {
            object.insert("scalp".into(), serde_json::to_value(&cover)?);
            object.insert("registered".into(), registration.is_some().into());
            object.insert(
                "registration_findings".into(),
                serde_json::to_value(findings)?,
            );
        }
        show::print_json(&report)?;
        return Ok(code);
    }
    show::print(&scan::report::text(&scan, &fit))?;
    if let Some(registration) = &registration {
        show::print(&format!("head frame  from {}\n", registration.set.name()))?;
    }
    if let Some(cover) = &cover {
        show::print(&scan::report::cover_text(cover))?;
    }
    for finding in findings {
        show::print(&format!("note        {}: {}\n", finding.code, finding.text))?;
    }
    Ok(code)
}
