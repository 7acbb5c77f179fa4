//! The outlines of the zones and the hairline in the plane.

use rayon::prelude::*;
use stipple_model::plan::Plan;
use stipple_model::units::Length;

use super::contour::Sampled;
use crate::density::DensityField;
use crate::unroll::Unrolled;

/// Over what distance an outline is smoothed; finer than a hairline's waves.
const SMOOTHING: Length = Length::from_mm(3.0);
/// Distance of the samples, and how far around the dots they reach, mm.
const STEP: f64 = 1.0;
const AROUND: f64 = 6.0;

/// Lines in the plane, millimetres.
pub(super) type Line = Vec<[f64; 2]>;

/// What is outlined.
pub(super) struct Outlines {
    /// Each zone's edges, in the plan's order.
    pub zones: Vec<Vec<Line>>,
    /// The treated area's edges.
    pub treated: Vec<Line>,
    /// The parts of the treated area's edge where a zone called hairline ends, towards the nose.
    pub hairline: Vec<Line>,
}

impl Outlines {
    /// Traces them from the plan's wanted densities; empty where the plan has none.
    pub fn trace(plan: &Plan, unrolled: &Unrolled, low: [f64; 2], high: [f64; 2]) -> Self {
        let zones = plan.zones.len();
        let field = DensityField::new(&plan.wanted, [], SMOOTHING);
        let start = low.map(|c| c - AROUND);
        let count = |k: usize| ((high[k] - low[k] + 2.0 * AROUND) / STEP).ceil() as usize + 1;
        let (columns, rows) = (count(0), count(1));
        let plane = |[x, y]: [f64; 2]| [start[0] + x * STEP, start[1] + y * STEP];
        // Every zone's share of the kernel at every sample.
        let shares: Vec<Vec<f64>> = (0..columns * rows)
            .into_par_iter()
            .map(|i| {
                let mut shares = vec![0.0; zones];
                let at = plane([(i % columns) as f64, (i / columns) as f64]);
                if let Some(p) = unrolled.round(at.map(|c| c * 1e-3)) {
                    field.zones(&p, &mut shares);
                }
                shares
            })
            .collect();
        let lines = |value: &dyn Fn(&[f64]) -> f64| -> Vec<Line> {
            let values = shares.iter().map(|s| value(s)).collect();
            let lines = Sampled { columns, values }.zero_lines();
            lines
                .into_iter()
                .map(|line| line.into_iter().map(plane).collect())
                .collect()
        };
        let bare = |s: &[f64]| 1.0 - s.iter().sum::<f64>();
        let of_zone = |z: usize| {
            lines(&move |s: &[f64]| {
                let others = (0..s.len()).filter(|o| *o != z).map(|o| s[o]);
                s[z] - others.fold(bare(s), f64::max)
            })
        };
        let treated = lines(&|s| 0.5 - bare(s));
        let hairline = |[x, y]: [f64; 2]| {
            let (column, row) = ((x - start[0]) / STEP, (y - start[1]) / STEP);
            // Casts saturate; the line lies within the samples.
            let i = (row.round() as usize).min(rows - 1) * columns
                + (column.round() as usize).min(columns - 1);
            let most = (0..zones).max_by(|a, b| shares[i][*a].total_cmp(&shares[i][*b]));
            most.is_some_and(|z| plan.zones[z].name.to_lowercase().contains("hairline"))
        };
        let hairline = treated
            .iter()
            .flat_map(|line| runs(line, &|p| p[1] > 0.0 && hairline(p)))
            .collect();
        Self {
            zones: (0..zones).map(of_zone).collect(),
            treated,
            hairline,
        }
    }
}

/// The unbroken parts of a line whose points are chosen.
fn runs(line: &[[f64; 2]], chosen: &dyn Fn([f64; 2]) -> bool) -> Vec<Line> {
    // A ring is turned so that it starts outside, or a run across its start would fall in two.
    let ring = line.len() > 2 && line.first() == line.last();
    let turned: Line = match line.iter().position(|p| !chosen(*p)) {
        Some(k) if ring => line[k..].iter().chain(&line[1..=k]).copied().collect(),
        _ => line.to_vec(),
    };
    turned
        .chunk_by(|a, b| chosen(*a) == chosen(*b))
        .filter(|run| run.len() > 1 && chosen(run[0]))
        .map(<[_]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_run_across_the_start_of_a_ring_stays_one() {
        let ring: Vec<[f64; 2]> = [2, 3, 4, 5, 0, 1, 2].map(|i| [f64::from(i), 0.0]).to_vec();
        let runs = super::runs(&ring, &|p| p[0] < 2.5);
        assert_eq!(runs, vec![vec![[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]]);
        assert!(super::runs(&ring, &|_| false).is_empty());
        assert_eq!(super::runs(&ring, &|_| true).len(), 1);
    }
}
