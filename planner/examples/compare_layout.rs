//! Lays dots on the comparison's head, prints how long it took, and writes the head and the dots for other programs to do the same:
//! `cargo run --release -p stipple-planner --example compare_layout -- DIR [COUNT]`; `tests/open3d_compare.py` runs it.
//!
//! With `dense` in place of DIR it lays COUNT dots on the head at 403,000 triangles once and prints seconds and the process's peak memory.
//!
//! Writes `cap.ply` (metres, the cap of 350 cm²) and `cap.csv` (`layer,x_m,y_m,z_m`: COUNT dots on it, three layers), and prints one JSON
//! object with the seconds of each run and the measures of a whole design on the same head.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step ends the comparison, which others read from it"
)]

#[path = "../tests/support/bumpy.rs"]
mod bumpy;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nalgebra::Vector3;
use stipple_planner::dots::{self, DotField};
use stipple_planner::measure::{self, Against, Placed};

const LAYERS: [f64; 3] = [0.3, 0.7, 1.0];
const RUNS: usize = 7;

/// The seconds of every run, and the last result.
fn timed<T>(mut work: impl FnMut() -> T) -> (Vec<f64>, T) {
    let mut seconds = Vec::new();
    loop {
        let start = Instant::now();
        let result = work();
        seconds.push(start.elapsed().as_secs_f64());
        if seconds.len() == RUNS {
            return (seconds, result);
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().expect("a folder to write to, or: dense");
    let count: u32 = arguments.next().map_or(30_000, |c| c.parse().unwrap());
    if first == "dense" {
        dense(count);
    } else {
        compare(&PathBuf::from(first), count);
    }
}

/// The design of a scalp and its dots, from the scan on.
fn whole(d: &bumpy::Designed) -> DotField {
    let scalp = bumpy::scalp(&d.head, &d.registration, &d.treatment);
    dots::layout(
        &d.head,
        &scalp,
        &d.treatment,
        1,
        &stipple_planner::to_the_end,
    )
    .unwrap()
}

fn dense(count: u32) {
    let d = bumpy::designed(bumpy::DENSE, count, 1.0);
    let start = Instant::now();
    let field = whole(&d);
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let peak_kib = peak.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let report = serde_json::json!({
        "triangles": d.head.triangles().len(), "dots": field.dots.len(), "seconds": seconds,
        "peak_mb": peak_kib.map(|k| k * 1024.0 / 1e6),
    });
    println!("{report}");
}

fn compare(folder: &Path, count: u32) {
    let (head, cap) = bumpy::cap(bumpy::PEERS);
    let vertices: Vec<Vector3<f64>> = head.vertices().iter().map(|p| p.raw()).collect();
    let triangles: Vec<[u32; 3]> = cap.iter().map(|&t| head.triangles()[t as usize]).collect();
    std::fs::write(folder.join("cap.ply"), bumpy::ply(&vertices, &triangles)).unwrap();
    let (seconds, places) = timed(|| dots::spread(&head, &cap, count, &LAYERS, 1).unwrap());
    let mut table = "layer,x_m,y_m,z_m\n".to_owned();
    for (i, p) in places.iter().enumerate() {
        let layer = LAYERS
            .iter()
            .position(|s| (i as f64) < (f64::from(count) * s).round());
        let p = p.raw();
        writeln!(
            table,
            "{},{:e},{:e},{:e}",
            layer.unwrap() + 1,
            p.x,
            p.y,
            p.z
        )
        .unwrap();
    }
    std::fs::write(folder.join("cap.csv"), table).unwrap();

    let d = bumpy::designed(bumpy::PEERS, count, 1.0);
    let (whole, field) = timed(|| whole(&d));
    let against = Against {
        head: &d.head,
        scalp: &d.scalp,
        treatment: &d.treatment,
        exclusion: None,
    };
    let measures: Vec<serde_json::Value> =
        measure::measure(field.dots.iter().map(Placed::from), &against)
            .iter()
            .map(|m| {
                serde_json::json!({
                    "zone": d.scalp.zones[m.zone as usize].name, "layer": m.layer, "count": m.count, "asked": m.target.per_cm2(), "density": m.density.per_cm2(),
                    "uniform": m.uniform.count, "rho": m.uniform.rho, "cv_nn": m.uniform.cv_nn,
                    "rho_all": m.rho, "cv_nn_all": m.cv_nn, "anisotropy_db": m.anisotropy_db,
                })
            })
            .collect();
    let report = serde_json::json!({
        "triangles": triangles.len(), "count": count, "spread_s": seconds, "design_s": whole,
        "dots": field.dots.len(), "measures": measures,
    });
    println!("{report}");
}
