//! `stipple-planner export`.

use std::path::PathBuf;

use anyhow::Context as _;
use stipple_model::plan::Plan;
use stipple_planner::{export, picture, sheet};

use super::plan::{Timing, stages_path};
use super::show;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true), after_help = "\
Examples:
  stipple-planner export head.plan --dots dots.csv --trajectory hops.csv
  stipple-planner export head.plan --json plan.json --picture plan.png
  stipple-planner export head.plan --picture first.png --after-layer 1
  stipple-planner export head.plan --picture healed.png --healed
  stipple-planner export head.plan --picture reach.png --skipped
  stipple-planner export head.plan --svg scalp.svg")]
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
    /// The head from four sides and from above with the dots and the hair that is there as they will look, density maps, the hairline
    /// close up.
    #[arg(long, value_name = "PNG", group = "what")]
    picture: Option<PathBuf>,
    /// The scalp laid flat with every dot, for print at true scale.
    #[arg(long, value_name = "SVG", group = "what")]
    svg: Option<PathBuf>,
    /// In the picture, mark the dots that the arm cannot place; without, they are left out as they will be.
    #[arg(long, requires = "picture")]
    skipped: bool,
    /// In the picture, draw dots as wide as they heal to, under renewed skin, in zones that say so (`healed_diameter_mm`); without, as
    /// fresh.
    #[arg(long, requires = "picture")]
    healed: bool,
    /// In the picture, show the head as it is after this layer; without, after the last.
    #[arg(long, value_name = "K", requires = "picture", value_parser = clap::value_parser!(u8).range(1..))]
    after_layer: Option<u8>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let outputs = [
        &arguments.dots,
        &arguments.trajectory,
        &arguments.json,
        &arguments.picture,
        &arguments.svg,
    ];
    show::check_outputs(outputs.into_iter().flatten(), [&arguments.plan])?;
    let (plan, digest) = Plan::read(&arguments.plan)?;
    if let Some(path) = &arguments.dots {
        let mut table = Vec::new();
        export::dots(&plan, &mut table)?;
        show::write(path, &table)?;
    }
    if let Some(path) = &arguments.trajectory {
        let cell = plan.work_cell()?;
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
        let look = picture::Look {
            skipped: arguments.skipped,
            healed: healed(arguments, &plan)?,
            after_layer: after_layer(arguments, &plan)?,
        };
        let image = picture::plan(&plan, &digest, &look)
            .with_context(|| arguments.plan.display().to_string())?;
        show::write_png(path, &image)?;
    }
    if let Some(path) = &arguments.svg {
        let svg =
            sheet::svg(&plan, &digest).with_context(|| arguments.plan.display().to_string())?;
        show::write(path, svg.as_bytes())?;
    }
    Ok(())
}

/// Whether dots are drawn healed, if the plan says anywhere how wide they are then.
fn healed(arguments: &Arguments, plan: &Plan) -> anyhow::Result<bool> {
    if arguments.healed {
        anyhow::ensure!(
            plan.zones.iter().any(|z| z.healed_diameter.is_some()),
            "--healed: no zone of {} says how wide its dots heal to; set healed_diameter_mm in the treatment and plan again",
            arguments.plan.display()
        );
    }
    Ok(arguments.healed)
}

/// The layer asked for, if the plan has it.
fn after_layer(arguments: &Arguments, plan: &Plan) -> anyhow::Result<Option<u8>> {
    if let Some(layer) = arguments.after_layer {
        anyhow::ensure!(
            layer <= plan.layers,
            "--after-layer {layer}: {} has {} layers",
            arguments.plan.display(),
            plan.layers
        );
    }
    Ok(arguments.after_layer)
}
