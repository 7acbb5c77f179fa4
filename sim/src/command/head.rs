//! `stipple-sim head`.

use std::path::PathBuf;
use std::process::ExitCode;

use stipple_model::say;
use stipple_model::units::Length;
use stipple_sim::head;

/// Generate a plausible adult head as a scanner would deliver it: PLY in millimetres, turned and moved at random.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-sim head --out scan.ply --landmarks landmarks.json
  stipple-sim head --out scan.ply --landmarks landmarks.json --seed 7 --noise-mm 0.2")]
pub struct Args {
    /// Where the surface goes (binary PLY, millimetres)
    #[arg(long, value_name = "SCAN.ply")]
    out: PathBuf,
    /// Where the landmarks go (JSON, millimetres, in the scan's frame)
    #[arg(long, value_name = "LANDMARKS.json")]
    landmarks: PathBuf,
    /// Another seed is another person in another pose
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Standard deviation of the scanner's error along the surface normal, 0 to 1
    #[arg(long, default_value_t = 0.1)]
    noise_mm: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Generates and writes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    stipple_model::files::check_apart(&[&args.out, &args.landmarks], &[])?;
    let head = head::generate(&head::Options {
        seed: args.seed,
        noise: Length::from_mm(args.noise_mm),
    })?;
    head::write_scan(&head, &args.out)?;
    head::write_landmarks(&head, &args.landmarks)?;
    let (vertices, triangles) = (head.mesh.vertices().len(), head.mesh.triangles().len());
    if args.json {
        let report = serde_json::json!({
            "scan": args.out.display().to_string(), "landmarks": args.landmarks.display().to_string(), "seed": args.seed, "vertices": vertices, "triangles": triangles,
        });
        say!("{report}")?;
    } else {
        say!(
            "{}: {triangles} triangles, {vertices} vertices, seed {}",
            args.out.display(),
            args.seed
        )?;
        say!(
            "{}: nasion, LPA, RPA, vertex, opisthocranion",
            args.landmarks.display()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
