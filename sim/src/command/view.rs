//! `stipple-sim view`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use stipple_model::joints::Joints;
use stipple_model::plan::Plan;
use stipple_model::say;
use stipple_sim::run::{Options, Simulation};
use stipple_sim::view::{
    Animation, FRAMES_PER_SECOND, Live, Marks, Picture, Progress, Subject, Viewpoint, animate,
    draw, is_record, read_record, watch,
};

/// Watch a simulated session on a plan, or look at a record, in a window; or draw either as a picture without one.
///
/// Dots: shade = to be placed, green = placed, amber = skipped, orange-red = in doubt, yellow = under the needle.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-sim view head.plan
  stipple-sim view head.plan --picture head.png --from front
  stipple-sim view head.plan --animation session.gif --layer 1
  stipple-sim view head.plan --animation frames/ --dots 200 --speed 1 --frames 480 --from left
  stipple-sim view out/record.sqlite --picture done.png --from top")]
pub struct Args {
    /// A plan, or the record of a session (its plan is session.plan beside it, or --plan)
    file: PathBuf,
    /// The record's plan
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Draw a PNG instead of opening a window
    #[arg(long, value_name = "OUT.png")]
    picture: Option<PathBuf>,
    /// Draw the planned motion of a layer as moving pictures: a GIF, or PNGs in a new folder. Time is the arm's; needle and pauses are
    /// left out
    #[arg(long, value_name = "OUT.gif|FOLDER", conflicts_with = "picture")]
    animation: Option<PathBuf>,
    /// How many frames an animation has, 12 a second
    #[arg(long, default_value_t = 96, requires = "animation", value_parser = clap::value_parser!(u32).range(2..=5000))]
    frames: u32,
    /// How many times as fast as the arm an animation runs; without, its frames last for the whole layer
    #[arg(long, requires = "animation", value_parser = speed)]
    speed: Option<f64>,
    /// Show only layers 1 to this; the session runs this layer (else layer 1)
    #[arg(long)]
    layer: Option<u8>,
    /// Run only the first so many dots
    #[arg(long)]
    dots: Option<u32>,
    /// Seed of the simulated session
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the onlooker of a picture stands [default: scene; an animation: scene and above, side by side]
    #[arg(long, value_enum)]
    from: Option<Onlooker>,
    /// Size of the picture in pixels [default: 1600x1200; an animation: 1200x600]
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<[u32; 2]>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Onlooker {
    Scene,
    Front,
    Left,
    Right,
    Back,
    Top,
}

impl From<Onlooker> for Viewpoint {
    fn from(onlooker: Onlooker) -> Self {
        match onlooker {
            Onlooker::Scene => Self::Scene,
            Onlooker::Front => Self::Front,
            Onlooker::Left => Self::Left,
            Onlooker::Right => Self::Right,
            Onlooker::Back => Self::Back,
            Onlooker::Top => Self::Top,
        }
    }
}

fn size(text: &str) -> Result<[u32; 2], String> {
    let parts = text
        .split_once('x')
        .and_then(|(w, h)| Some([w.parse().ok()?, h.parse().ok()?]));
    parts
        .filter(|[w, h]| (16..=8192).contains(w) && (16..=8192).contains(h))
        .ok_or_else(|| "give WxH, 16 to 8192 each".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok();
    found
        .filter(|s| (0.01..=100_000.0).contains(s))
        .ok_or_else(|| "give a number from 0.01 to 100000".to_owned())
}

/// Where the arm is drawn when nothing runs: over the first dot of a layer, else stretched out.
fn over_first_dot(plan: &Plan, layer: u8, dof: usize) -> Joints {
    plan.first_hover(layer)
        .unwrap_or_else(|| Joints::zeros(dof))
}

/// Shows or draws.
pub fn run(args: &Args) -> Result<ExitCode> {
    let written = args.picture.iter().chain(&args.animation);
    let written: Vec<&Path> = written.map(PathBuf::as_path).collect();
    let read: Vec<&Path> = [&args.file]
        .into_iter()
        .chain(&args.plan)
        .map(PathBuf::as_path)
        .collect();
    stipple_model::files::check_apart(&written, &read)?;
    if let Some(to) = &args.animation {
        return animation(args, to);
    }
    if is_record(&args.file) {
        view_record(args)
    } else {
        view_plan(args)
    }
}

fn view_record(args: &Args) -> Result<ExitCode> {
    let recorded = read_record(&args.file, args.plan.as_deref())?;
    let subject = &recorded.subject;
    let joints = over_first_dot(
        &subject.plan,
        args.layer.unwrap_or(1),
        subject.cell.arm().dof(),
    );
    match &args.picture {
        Some(path) => picture(
            args,
            subject,
            &Marks::of(&subject.plan, args.layer, &recorded.done),
            joints,
            path,
        ),
        None => {
            watch(
                subject,
                &mut Live::Record {
                    done: recorded.done,
                    joints,
                },
                args.layer,
            )?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn view_plan(args: &Args) -> Result<ExitCode> {
    if let Some(path) = &args.picture {
        let subject = Subject::read(&args.file)?;
        let joints = over_first_dot(
            &subject.plan,
            args.layer.unwrap_or(1),
            subject.cell.arm().dof(),
        );
        return picture(
            args,
            &subject,
            &Marks::planned(&subject.plan, args.layer),
            joints,
            path,
        );
    }
    let options = Options {
        layer: args.layer.unwrap_or(1),
        dots: args.dots,
        seed: args.seed,
        ..Options::default()
    };
    let simulation = Simulation::from_file(&args.file, &options)?;
    let subject = Subject {
        plan: Arc::clone(simulation.plan()),
        cell: Arc::clone(simulation.cell()),
    };
    watch(
        &subject,
        &mut Live::Session(Box::new(simulation)),
        args.layer,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn picture(
    args: &Args,
    subject: &Subject,
    marks: &Marks,
    joints: Joints,
    path: &Path,
) -> Result<ExitCode> {
    draw(
        &Picture {
            subject,
            marks,
            joints,
            from: args.from.unwrap_or(Onlooker::Scene).into(),
            size: args.size.unwrap_or([1600, 1200]),
        },
        path,
    )?;
    say!("{}", path.display())?;
    Ok(ExitCode::SUCCESS)
}

fn animation(args: &Args, to: &Path) -> Result<ExitCode> {
    anyhow::ensure!(
        !is_record(&args.file),
        "{}: --animation shows a plan, not a record",
        args.file.display()
    );
    let subject = Subject::read(&args.file)?;
    let from = args.from.map_or_else(
        || vec![Viewpoint::Scene, Viewpoint::Top],
        |from| vec![from.into()],
    );
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(1)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}  {elapsed}") {
        bar.set_style(style);
    }
    let mut tell = |progress| {
        let (done, of, what) = match progress {
            Progress::Timed { done, of } => (done as u64, of as u64, "hops"),
            Progress::Drawn { done, of } => (u64::from(done), u64::from(of), "frames"),
        };
        bar.set_length(of);
        bar.set_position(done);
        bar.set_message(what);
    };
    let animation = Animation {
        subject: &subject,
        layer: args.layer.unwrap_or(1),
        dots: args.dots,
        frames: args.frames,
        speed: args.speed,
        from,
        size: args.size.unwrap_or([1200, 600]),
    };
    animate(&animation, to, &mut tell)?;
    bar.finish_and_clear();
    say!(
        "{} ({} frames, {FRAMES_PER_SECOND} a second)",
        to.display(),
        args.frames
    )?;
    Ok(ExitCode::SUCCESS)
}
