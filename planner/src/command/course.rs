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
    let papers = papers(&policy, &course)?;
    let mut json = serde_json::to_value(&course)?;
    // By it `stipple-controller forget` knows whose the files are.
    json["files"] = papers.iter().map(|(name, _)| name.as_str()).collect();
    let json = serde_json::to_string_pretty(&json)? + "\n";
    let folder = Folder::begin(&arguments.out)
        .with_context(|| format!("--out {}", arguments.out.display()))?;
    let texts = [("course.json".to_owned(), json.clone().into_bytes())];
    for (name, bytes) in texts.iter().chain(&papers) {
        let path = folder.path().join(name);
        write_privately(&path, bytes).with_context(|| path.display().to_string())?;
    }
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

/// All files but course.json: their names and what is in them.
fn papers(policy: &Policy, course: &Course) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut papers = Vec::new();
    let mut sheets = vec![consultation(course)];
    if course.verdict != Verdict::Refuse {
        sheets.extend(aftercare(course, policy));
        let treatment = course.proposal.text.clone().into_bytes();
        papers.push(("treatment.toml".to_owned(), treatment));
        let calendar = calendar::calendar(course, policy).into_bytes();
        papers.push(("course.ics".to_owned(), calendar));
    }
    for Sheet { stem, document } in &sheets {
        papers.push((format!("{stem}.md"), document.markdown().into_bytes()));
        papers.push((format!("{stem}.html"), document.html().into_bytes()));
        papers.push((format!("{stem}.pdf"), document.pdf()?));
    }
    Ok(papers)
}
