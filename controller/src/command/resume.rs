//! `stipple-controller resume`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;
use stipple_controller::admit::admit_file;
use stipple_controller::record::{
    Binding, Cartridge, Date, Durability, InDoubt, LayerStanding, Order, PigmentLot, Record,
    Registration, Registry, Sitting, remains,
};

#[derive(clap::Args)]
#[command(after_help = "Example:
  stipple-planner register --fixed head.ply --fixed-landmarks head.landmarks.json --moving today.ply --json > today.json
  stipple-controller resume head.sqlite --plan head.plan --client C-17 --operator 'A. Operator' --registration today.json \\
      --cartridge N-4711 --strike-cap 5000 --expires 2027-05-31 --pigment P-12=2027-01-31

Exit code: 0 the sitting may go on, 1 nothing is left to do, 2 refused (one line says why) or bad input.")]
pub struct Args {
    /// The record; made when it is missing.
    record: PathBuf,
    /// The plan.
    #[arg(long, value_name = "FILE.plan")]
    plan: PathBuf,
    /// Who is treated.
    #[arg(long, value_name = "ID")]
    client: String,
    /// Who is responsible.
    #[arg(long, value_name = "NAME")]
    operator: String,
    /// How the head lies today: what `stipple-planner register --json` prints.
    #[arg(long, value_name = "FILE.json")]
    registration: PathBuf,
    /// The number of the needle cartridge; one that was used before is refused.
    #[arg(long, value_name = "ID")]
    cartridge: String,
    /// How many strikes it may make.
    #[arg(long, value_name = "N")]
    strike_cap: u32,
    /// The last day the cartridge may be used.
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Date,
    /// A pigment lot and the last day it may be used; may be given several times.
    #[arg(long, value_name = "LOT=YYYY-MM-DD", required = true)]
    pigment: Vec<Lot>,
    /// The folder that keeps the list of used cartridges; that of the record, if not given.
    #[arg(long, value_name = "DIR")]
    registry: Option<PathBuf>,
    /// Go on though nobody can tell whether the record's last rows are there; say why.
    #[arg(long, value_name = "WHY")]
    accept_end: Option<String>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
}

/// A lot as it is given.
#[derive(Debug, Clone)]
struct Lot(PigmentLot);

impl FromStr for Lot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, day) = text
            .rsplit_once('=')
            .ok_or("written like P-12=2027-01-31")?;
        let expires = day.parse().map_err(|error| format!("{error}"))?;
        let id = id.to_owned();
        Ok(Self(PigmentLot { id, expires }))
    }
}

/// What is read of the planner's report.
#[derive(Deserialize)]
struct Report {
    accepted: bool,
    refusal: Option<String>,
    residual_mm: Residual,
    fixed_from_moving: Pose,
    /// Digest of the scan that was laid upon, where the report has it.
    fixed_sha256: Option<String>,
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

/// Longest report of a registration, bytes.
const LONGEST: u64 = 1 << 20;

fn registration(path: &Path, binding: &Binding) -> anyhow::Result<Registration> {
    let named = || path.display().to_string();
    let bytes = stipple_model::files::read_limited(path, LONGEST).with_context(named)?;
    let report: Report = serde_json::from_slice(&bytes).with_context(|| {
        format!(
            "{}: not what `stipple-planner register --json` prints",
            named()
        )
    })?;
    if !report.accepted {
        let why = report.refusal.unwrap_or_default();
        bail!("{}: the registration was refused: {why}", named());
    }
    if let Some(fixed) = report
        .fixed_sha256
        .filter(|fixed| *fixed != binding.scan.to_string())
    {
        let fixed: String = fixed.chars().take(12).collect();
        bail!(
            "{}: registered onto scan {fixed}, the plan was made on {}",
            named(),
            binding.scan.short()
        );
    }
    Ok(Registration {
        residual_mm: report.residual_mm.rms,
        translation_m: report.fixed_from_moving.translation_m,
        quaternion_xyzw: report.fixed_from_moving.quaternion_xyzw,
    })
}

/// Checks everything, begins the sitting, tells what is left.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now_us = super::now_us();
    let admitted = admit_file(&args.plan).with_context(|| args.plan.display().to_string())?;
    let binding = Binding {
        plan: admitted.digest(),
        scan: admitted.plan().provenance.scan_digest,
    };
    let sitting = Sitting {
        client: args.client.clone(),
        operator: args.operator.clone(),
        registration: registration(&args.registration, &binding)?,
        cartridge: Cartridge {
            id: args.cartridge.clone(),
            strike_cap: args.strike_cap,
            expires: args.expires,
        },
        pigment_lots: args.pigment.iter().map(|lot| lot.0.clone()).collect(),
    };
    sitting.check(now_us)?;
    let accept = args.accept_end.as_ref().map(|why| Order {
        by: args.operator.clone(),
        why: why.clone(),
    });
    let mut record = Record::open_accepting(
        &args.record,
        binding,
        Durability::PowerCut,
        now_us,
        accept.as_ref(),
    )?;
    let layers = remains(admitted.plan(), &record.dots()?);
    let in_doubt = record.in_doubt()?;
    let next = layers.iter().find(|layer| layer.left > 0);
    // A cartridge is not spent on nothing.
    if next.is_some() {
        let beside = args
            .record
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = args
            .registry
            .as_deref()
            .or(beside)
            .unwrap_or(Path::new("."));
        record.sit(&sitting, &Registry::open(folder)?, now_us)?;
    }
    if args.json {
        println!("{}", object(args, &record, &layers, &in_doubt));
    } else {
        print(args, &record, &layers, &in_doubt);
    }
    Ok(ExitCode::from(u8::from(next.is_none())))
}

fn object(
    args: &Args,
    record: &Record,
    layers: &[LayerStanding],
    in_doubt: &[InDoubt],
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
        "sitting": record.sitting(), "layers": layers, "in_doubt": in_doubt,
    })
}

fn print(args: &Args, record: &Record, layers: &[LayerStanding], in_doubt: &[InDoubt]) {
    let path = args.record.display();
    println!("{path}: session {}", record.session_id());
    for l in layers {
        let next = l
            .next
            .map_or_else(String::new, |dot| format!(", next is dot {}", dot.0));
        println!(
            "layer {}: {} of {} dots left{next}; {} placed, {} skipped, {} in doubt",
            l.layer, l.left, l.planned, l.placed, l.skipped, l.in_doubt
        );
    }
    for d in in_doubt {
        println!(
            "in doubt: dot {} of layer {}: {}",
            d.dot.0, d.layer, d.reason
        );
    }
    if !in_doubt.is_empty() {
        println!("dots in doubt count as done; `stipple-controller repeat` orders one once more");
    }
    match layers.iter().find(|l| l.left > 0) {
        Some(l) => println!(
            "go on with: stipple-controller session --plan {} --record {path} --layer {} --all --report report.json",
            args.plan.display(),
            l.layer
        ),
        None => println!("nothing is left to do"),
    }
}
