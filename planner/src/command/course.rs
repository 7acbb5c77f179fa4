//! `stipple-planner course`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use stipple_model::course::{Intake, Policy, Verdict};
use stipple_model::files::{Folder, write_privately};
use stipple_model::plan::Plan;
use stipple_planner::course::sheets::{Sheet, aftercare, consultation};
use stipple_planner::course::{self, Course, Planned, calendar};

use super::plan::text_file;
use super::show;

#[derive(clap::Args)]
#[command(after_help = "\
Exit status: 0 a course is proposed (perhaps on a physician's word, then it says so), 1 the client is not to be treated now, 2 bad input.

DIR gets consultation.{md,html,pdf}, and where the client may be treated treatment.toml, aftercare-1.{md,html,pdf} and on, course.ics;
course.json has all of it in numbers. The files are readable by their owner alone. Answers that are missing are asked for by name.

Examples:
  stipple-planner course --intake planner/intakes/pattern-baldness.toml --out c-0001
  stipple-planner course --intake intake.toml --plan head.plan --policy clinic.toml --out c-0001 --json")]
pub struct Arguments {
    /// The client's answers; planner/intakes has examples.
    #[arg(long, value_name = "TOML")]
    intake: PathBuf,
    /// A plan of the proposed treatment: its area, dots and times instead of estimates.
    #[arg(long, value_name = "FILE.plan")]
    plan: Option<PathBuf>,
    /// The rules. Default: those shipped (launch/policy/default.toml).
    #[arg(long, value_name = "TOML")]
    policy: Option<PathBuf>,
    /// A new folder for the documents.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print course.json instead of the text.
    #[arg(long)]
    json: bool,
}

/// The rules of a file, or those shipped.
pub fn policy(file: Option<&Path>) -> anyhow::Result<Policy> {
    match file {
        None => Ok(Policy::shipped()?),
        Some(path) => Policy::parse(&text_file(path)?).with_context(|| path.display().to_string()),
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = policy(arguments.policy.as_deref())?;
    let intake = Intake::parse(&text_file(&arguments.intake)?, &policy)
        .with_context(|| arguments.intake.display().to_string())?;
    let planned = match &arguments.plan {
        None => None,
        Some(path) => Some(Planned::of(&Plan::read(path)?.0)),
    };
    let course = course::course(&policy, &intake, planned.as_ref())?;
    let json = serde_json::to_string_pretty(&course)? + "\n";
    let folder = Folder::begin(&arguments.out)
        .with_context(|| format!("--out {}", arguments.out.display()))?;
    save(folder.path(), &policy, &course, &json)?;
    folder
        .finish()
        .with_context(|| format!("--out {}", arguments.out.display()))?;
    if arguments.json {
        show::print(&json)?;
    } else {
        show::print(&consultation(&course).document.markdown())?;
    }
    Ok(match course.verdict {
        Verdict::Refuse => ExitCode::FAILURE,
        Verdict::Clear | Verdict::Physician => ExitCode::SUCCESS,
    })
}

fn save(folder: &Path, policy: &Policy, course: &Course, json: &str) -> anyhow::Result<()> {
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        write_privately(&path, bytes).with_context(|| path.display().to_string())
    };
    let mut sheets = vec![consultation(course)];
    file("course.json", json.as_bytes())?;
    if course.verdict != Verdict::Refuse {
        sheets.extend(aftercare(course, policy));
        file("treatment.toml", course.proposal.text.as_bytes())?;
        file("course.ics", calendar::calendar(course, policy).as_bytes())?;
    }
    for Sheet { stem, document } in &sheets {
        file(&format!("{stem}.md"), document.markdown().as_bytes())?;
        file(&format!("{stem}.html"), document.html().as_bytes())?;
        file(&format!("{stem}.pdf"), &document.pdf()?)?;
    }
    Ok(())
}
