//! `stipple-controller resume`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;
use stipple_controller::admit::{Admitted, admit_file};
use stipple_controller::gate::{self, Facts, Held, History, Owner, PlanFacts, Rules, SittingFile};
use stipple_controller::record::{
    Binding, Durability, InDoubt, LayerStanding, Order, Record, Registration, Registry, Screened,
    Sitting, remains,
};
use stipple_model::course::answers::{A_MOMENT, moment_of};
use stipple_model::course::{Intake, Policy, day_of, screen};
use stipple_model::digest::Digest;
use stipple_model::files::read_limited;
use stipple_model::say;

#[derive(clap::Args)]
#[command(after_help = "Example:
  stipple-planner register --fixed head.ply --fixed-landmarks head.landmarks.json --moving today.ply \\
      --taken-at 2027-05-31T08:00:00+02:00 --json > today.json
  stipple-controller resume head.sqlite --plan head.plan --sitting sitting.toml --registration today.json

launch/sittings/example.toml has every key of a sitting file.
Exit code: 0 the sitting has begun, 1 a gate refuses (every refusal in a line of its own) or nothing is left to do, 2 bad input.")]
pub struct Args {
    /// The record; made when it is missing.
    record: PathBuf,
    /// The plan.
    #[arg(long, value_name = "FILE.plan")]
    plan: PathBuf,
    /// Who is treated, with what, and what was asked before.
    #[arg(long, value_name = "FILE.toml")]
    sitting: PathBuf,
    /// How the head lies today: what `stipple-planner register --json` prints.
    #[arg(long, value_name = "FILE.json")]
    registration: PathBuf,
    /// The rules that hold; those that are shipped, if not given.
    #[arg(long, value_name = "FILE.toml")]
    policy: Option<PathBuf>,
    /// The folder that keeps the list of used cartridges and of visits, made anew from the records beside this one where it is lost; that of
    /// the record, if not given.
    #[arg(long, value_name = "DIR")]
    registry: Option<PathBuf>,
    /// Go on though nobody can tell whether the record's last rows are there; say why.
    #[arg(long, value_name = "WHY")]
    accept_end: Option<String>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
}

/// What is read of the planner's report.
#[derive(Deserialize)]
struct Report {
    accepted: bool,
    refusal: Option<String>,
    residual_mm: Residual,
    fixed_from_moving: Pose,
    fixed_sha256: String,
    moving_sha256: Option<String>,
    moving_taken_at: Option<String>,
}

#[derive(Deserialize)]
struct Residual {
    rms: f64,
}

#[derive(Deserialize)]
struct Pose {
    translation_m: [f64; 3],
    quaternion_xyzw: [f64; 4],
}

/// The largest file that is read, bytes: reports, sittings, intakes, policies.
const LONGEST: u64 = 1 << 20;

fn text_of(path: &Path) -> anyhow::Result<String> {
    let named = || path.display().to_string();
    let bytes = read_limited(path, LONGEST).with_context(named)?;
    String::from_utf8(bytes).with_context(named)
}

fn registration(path: &Path, binding: &Binding) -> anyhow::Result<Registration> {
    let named = path.display();
    let report: serde_json::Value = serde_json::from_str(&text_of(path)?)
        .with_context(|| format!("{named}: not what `stipple-planner register --json` prints"))?;
    if report.get("accepted") == Some(&json!(false)) {
        let why = report.get("refusal").and_then(|r| r.as_str());
        bail!(
            "{named}: the registration was refused: {}",
            why.unwrap_or_default()
        );
    }
    let report: Report = serde_json::from_value(report)
        .with_context(|| format!("{named}: not what `stipple-planner register --json` prints"))?;
    if !report.accepted {
        bail!(
            "{named}: the registration was refused: {}",
            report.refusal.unwrap_or_default()
        );
    }
    let fixed = &report.fixed_sha256;
    if *fixed != binding.scan.to_string() {
        let fixed: String = fixed.chars().take(12).collect();
        bail!(
            "{named}: registered onto scan {fixed}, the plan was made on {}",
            binding.scan.short()
        );
    }
    if report.moving_sha256.as_ref() == Some(fixed) {
        bail!(
            "{named}: the scan that was planned on was laid onto itself, which says nothing of today's head: scan the head today and register that"
        );
    }
    let taken = report.moving_taken_at.as_deref().and_then(moment_of);
    let Some(taken) = taken else {
        bail!(
            "{named}: does not say when the scan was taken: give `stipple-planner register` --taken-at with {A_MOMENT}"
        );
    };
    Ok(Registration {
        residual_mm: report.residual_mm.rms,
        translation_m: report.fixed_from_moving.translation_m,
        quaternion_xyzw: report.fixed_from_moving.quaternion_xyzw,
        taken_us: taken.at_us,
    })
}

/// All that is read before the record is touched.
struct Read {
    admitted: Admitted,
    binding: Binding,
    file: SittingFile,
    intake: Intake,
    screened: Screened,
    registration: Registration,
    rules: Rules,
    policy: String,
}

fn read(args: &Args, now_us: i64) -> anyhow::Result<Read> {
    let admitted = admit_file(&args.plan).with_context(|| args.plan.display().to_string())?;
    let binding = Binding {
        plan: admitted.digest(),
        scan: admitted.plan().provenance.scan_digest,
    };
    let policy = match &args.policy {
        None => None,
        Some(path) => Some((path, text_of(path)?)),
    };
    let (policy, digest) = match &policy {
        None => (Policy::shipped()?, "shipped".to_owned()),
        Some((path, text)) => {
            let policy = Policy::parse(text).with_context(|| path.display().to_string())?;
            (policy, Digest::of(text.as_bytes()).to_string())
        }
    };
    let named = || args.sitting.display().to_string();
    let file = SittingFile::parse(&text_of(&args.sitting)?).with_context(named)?;
    let today = day_of(now_us);
    if (file.day - today).num_days().abs() > 1 {
        bail!(
            "{}: day is {}; it must be today's, {today} in UTC",
            named(),
            file.day
        );
    }
    let beside = args.sitting.parent().unwrap_or(Path::new(""));
    let path = beside.join(&file.intake);
    let text = text_of(&path)?;
    let intake = Intake::parse(&text, &policy).with_context(|| path.display().to_string())?;
    let found = screen(&policy, &intake, file.day);
    let screened = Screened {
        intake: Digest::of(text.as_bytes()).to_string(),
        client: intake.client.clone(),
        given: intake.date,
        confirmed: file.confirmed,
        findings: found.findings.iter().map(Into::into).collect(),
        physician: file.physician.clone(),
    };
    Ok(Read {
        registration: registration(&args.registration, &binding)?,
        admitted,
        binding,
        file,
        intake,
        screened,
        rules: Rules::of(&policy),
        policy: digest,
    })
}

impl Read {
    /// The sitting as it would stand in the record.
    fn sitting(&self, layer: u8, history: History, now_us: i64) -> Sitting {
        let file = &self.file;
        Sitting {
            client: file.client.clone(),
            operator: file.operator.clone(),
            day: file.day,
            begun_us: now_us,
            purpose: self.admitted.plan().purpose,
            layer,
            consent: file.consent.clone(),
            screening: self.screened.clone(),
            numbing: file.numbing.clone(),
            registration: self.registration,
            cartridge: file.cartridge.clone(),
            pigment_lots: file.pigments.clone(),
            test_patch: file.test_patch.clone(),
            history,
            rules: self.rules,
            policy: self.policy.clone(),
            overrides: file.overrides.clone(),
        }
    }
}

/// Reads everything, asks the gate, begins the sitting, tells what is left.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now_us = super::now_us();
    let read = read(args, now_us)?;
    let records = args.record.parent().filter(|f| !f.as_os_str().is_empty());
    let records = records.unwrap_or(Path::new("."));
    let folder = args.registry.as_deref().unwrap_or(records);
    // A record is not made for a sitting that is refused.
    let mut record = match args.record.exists() {
        true => Some(open(args, &read, now_us)?),
        false => None,
    };
    let done = record.as_ref().map_or(Ok(BTreeMap::new()), Record::dots)?;
    let layers = remains(read.admitted.plan(), &done);
    let Some(next) = layers.iter().find(|layer| layer.left > 0).copied() else {
        // A cartridge is not spent on nothing.
        let record = open_if_none(record, args, &read, now_us)?;
        tell(args, &record, &layers, None)?;
        return Ok(ExitCode::from(1));
    };
    let registry = Registry::open_beside(folder, records)?;
    if registry.restored() > 0 {
        eprintln!(
            "stipple-controller: warning: the registry of cartridges and visits was not in {}; it is made anew from the records in {} (sittings: {})",
            folder.display(),
            records.display(),
            registry.restored()
        );
    }
    let own = record.as_ref().map(Record::session_id);
    let mut visits = registry.visits(&read.file.client, own)?;
    visits.extend(record.iter().flat_map(Record::visits));
    let history = History::of(&visits, read.intake.treated_before, (own, next.layer));
    let mut sitting = read.sitting(next.layer, history, now_us);
    let used = registry.used(&sitting.cartridge.id)?;
    let here = record.as_ref().filter(|r| r.used(&sitting.cartridge.id));
    let held = gate::check(&Facts {
        sitting: &sitting,
        plan: &PlanFacts::of(read.admitted.plan(), next.layer, &done),
        owner: record.as_ref().map_or(Owner::Nobody, Record::owner),
        seen: here.map(Record::session_id).or(used.as_deref()),
        struck: false,
        now_us,
    });
    if !held.iter().all(Held::opens) {
        refuse(args, &held)?;
        return Ok(ExitCode::from(1));
    }
    for passed in &mut sitting.overrides {
        let own = held.iter().filter(|h| h.gate == passed.gate);
        passed.against = own
            .flat_map(|h| &h.refusals)
            .map(ToString::to_string)
            .collect();
    }
    let mut record = open_if_none(record.take(), args, &read, now_us)?;
    record.sit(&sitting, &registry, now_us)?;
    tell(args, &record, &layers, Some(&held))?;
    Ok(ExitCode::SUCCESS)
}

fn open(args: &Args, read: &Read, now_us: i64) -> anyhow::Result<Record> {
    let accept = args.accept_end.as_ref().map(|why| Order {
        by: read.file.operator.clone(),
        why: why.clone(),
    });
    Ok(Record::open_accepting(
        &args.record,
        read.binding,
        Durability::PowerCut,
        now_us,
        accept.as_ref(),
    )?)
}

fn open_if_none(
    record: Option<Record>,
    args: &Args,
    read: &Read,
    now_us: i64,
) -> anyhow::Result<Record> {
    record.map_or_else(|| open(args, read, now_us), Ok)
}

fn gates(held: &[Held]) -> serde_json::Value {
    let gate = |h: &Held| {
        let refusals: Vec<String> = h.refusals.iter().map(ToString::to_string).collect();
        let passed = h.passed.as_ref();
        json!({
            "gate": h.gate.key(), "verdict": h.verdict(), "refusals": refusals,
            "override": passed.map(|o| json!({ "by": o.by, "reason": o.reason })),
        })
    };
    held.iter().map(gate).collect()
}

/// Every refusal in a line of its own.
fn refuse(args: &Args, held: &[Held]) -> std::io::Result<()> {
    if args.json {
        let path = args.record.display().to_string();
        say!(
            "{}",
            json!({ "record": path, "begun": false, "gates": gates(held) })
        )?;
        return Ok(());
    }
    for h in held.iter().filter(|h| !h.opens()) {
        for refusal in &h.refusals {
            say!("refused: {}: {refusal}", h.gate)?;
        }
    }
    Ok(())
}

fn tell(
    args: &Args,
    record: &Record,
    layers: &[LayerStanding],
    held: Option<&[Held]>,
) -> anyhow::Result<()> {
    let in_doubt = record.in_doubt()?;
    if args.json {
        say!("{}", object(args, record, layers, &in_doubt, held))?;
    } else {
        print(args, record, layers, &in_doubt, held)?;
    }
    Ok(())
}

fn object(
    args: &Args,
    record: &Record,
    layers: &[LayerStanding],
    in_doubt: &[InDoubt],
    held: Option<&[Held]>,
) -> serde_json::Value {
    let (rows, head) = record.head();
    let layers: Vec<_> = layers
        .iter()
        .map(|l| {
            json!({
                "layer": l.layer, "planned": l.planned, "placed": l.placed, "skipped": l.skipped, "in_doubt": l.in_doubt,
                "left": l.left, "next_dot": l.next.map(|dot| dot.0),
            })
        })
        .collect();
    let in_doubt: Vec<_> = in_doubt
        .iter()
        .map(|d| json!({ "dot": d.dot.0, "layer": d.layer, "reason": d.reason, "at_us": d.at_us }))
        .collect();
    json!({
        "record": args.record.display().to_string(), "session_id": record.session_id(), "rows": rows, "head": head.to_string(),
        "begun": held.is_some(), "gates": held.map(gates),
        "sitting": record.sitting(), "layers": layers, "in_doubt": in_doubt,
    })
}

fn print(
    args: &Args,
    record: &Record,
    layers: &[LayerStanding],
    in_doubt: &[InDoubt],
    held: Option<&[Held]>,
) -> std::io::Result<()> {
    let path = args.record.display();
    say!("{path}: session {}", record.session_id())?;
    for h in held.into_iter().flatten() {
        for (refusal, o) in h.refusals.iter().zip(h.passed.iter().cycle()) {
            say!(
                "passed over by {} ({}): {}: {refusal}",
                o.by,
                o.reason,
                h.gate
            )?;
        }
    }
    for l in layers {
        let next = l
            .next
            .map_or_else(String::new, |dot| format!(", next is dot {}", dot.0));
        say!(
            "layer {}: {} of {} dots left{next}; {} placed, {} skipped, {} in doubt",
            l.layer,
            l.left,
            l.planned,
            l.placed,
            l.skipped,
            l.in_doubt
        )?;
    }
    for d in in_doubt {
        say!(
            "in doubt: dot {} of layer {}: {}",
            d.dot.0,
            d.layer,
            d.reason
        )?;
    }
    if !in_doubt.is_empty() {
        say!("dots in doubt count as done; `stipple-controller repeat` orders one once more")?;
    }
    match layers.iter().find(|l| l.left > 0) {
        Some(l) => say!(
            "go on with: stipple-controller session --plan {} --record {path} --layer {} --all --report report.json",
            args.plan.display(),
            l.layer
        ),
        None => say!("nothing is left to do"),
    }
}
