//! `stipple-planner export`.

use std::path::PathBuf;

use anyhow::Context as _;
use stipple_model::clearance::WorkCell;
use stipple_model::plan::Plan;
use stipple_planner::{export, picture};

use super::plan::{Timing, stages_path};
use super::show;

/// Width and height of one of the picture's four views, pixels.
const VIEW: u32 = 900;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true), after_help = "\
Examples:
  stipple-planner export head.plan --dots dots.csv --trajectory hops.csv
  stipple-planner export head.plan --json plan.json --picture plan.png")]
pub struct Arguments {
    /// The plan.
    #[arg(value_name = "FILE.plan")]
    plan: PathBuf,
    /// Every dot: place in the scan's frame, normal, depth, diameter, shade.
    #[arg(long, value_name = "CSV", group = "what")]
    dots: Option<PathBuf>,
    /// The arm's way from dot to dot, in joint space.
    #[arg(long, value_name = "CSV", group = "what")]
    trajectory: Option<PathBuf>,
    /// The plan in numbers.
    #[arg(long, value_name = "JSON", group = "what")]
    json: Option<PathBuf>,
    /// The head from four sides with the dots.
    #[arg(long, value_name = "PNG", group = "what")]
    picture: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (plan, digest) = Plan::read(&arguments.plan)?;
    if let Some(path) = &arguments.dots {
        let mut table = Vec::new();
        export::dots(&plan, &mut table)?;
        show::write(path, &table)?;
    }
    if let Some(path) = &arguments.trajectory {
        let cell = WorkCell::new(&plan.cell, &plan.head)?;
        let mut table = Vec::new();
        export::hops(&plan, &cell, &mut table)?;
        show::write(path, &table)?;
    }
    if let Some(path) = &arguments.json {
        // A plan copied away from its timing is still a plan; the summary then has no stages.
        let timing = std::fs::read(stages_path(&arguments.plan)).ok();
        let timing = timing.and_then(|bytes| serde_json::from_slice::<Timing>(&bytes).ok());
        let stages = timing
            .filter(|t| t.plan == digest.to_string())
            .map(|t| t.stages_s);
        let summary = export::summary(&plan, &digest, stages);
        show::write(
            path,
            (serde_json::to_string_pretty(&summary)? + "\n").as_bytes(),
        )?;
    }
    if let Some(path) = &arguments.picture {
        let mut png = std::io::Cursor::new(Vec::new());
        let image = picture::render(&picture::Scene::from_plan(&plan), VIEW);
        image
            .write_to(&mut png, image::ImageFormat::Png)
            .with_context(|| path.display().to_string())?;
        show::write(path, png.get_ref())?;
    }
    Ok(())
}
