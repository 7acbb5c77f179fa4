//! How evenly dots are laid: strictly, naturally, between hairs, over folds, shade by shade.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::{Isometry3, Vector3};
use stipple_model::frames::{Head, Point};
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::Measure;
use stipple_planner::{dots, measure};
use support::{head, lay, regular};

#[test]
fn strict_layers_are_all_as_even_as_promised() {
    let treatment = regular(12_000, 1.0);
    let laid = lay(&head(5), &Isometry3::identity(), &treatment, 3);
    let measures = laid.measured(&treatment);
    assert_eq!(measures.len(), 12);
    for m in &measures {
        // Random places: 0.52 and a least distance near nothing. A lattice: no spread and 8 dB.
        if m.uniform.count > 500 {
            assert!(m.uniform.rho.unwrap() > 0.74, "{m:?}");
            assert!(m.uniform.cv_nn.unwrap() < 0.067, "{m:?}");
        }
        if m.layer == 3 && m.uniform.count > 500 {
            assert!(m.uniform.rho.unwrap() > 0.77, "{m:?}");
            assert!(m.uniform.cv_nn.unwrap() < 0.059, "{m:?}");
        }
        assert!(m.anisotropy_db.is_none_or(|a| a < 2.0), "{m:?}");
        assert!(m.off_surface.unwrap().m() < 1e-6, "{m:?}");
        assert_eq!(m.shades.iter().sum::<u32>(), m.count);
        if laid.scalp.zones[m.zone as usize].area.cm2() > 5.0 && m.layer == 3 {
            assert!((m.density / m.target - 1.0).abs() < 0.01, "{m:?}");
        }
    }
    assert!(measures.iter().any(|m| m.anisotropy_db.is_some()));
}

#[test]
fn less_regularity_is_less_even_and_never_chance() {
    let shape = head(5);
    let of = |regularity| {
        let treatment = regular(12_000, regularity);
        let laid = lay(&shape, &Isometry3::identity(), &treatment, 3);
        let measures = laid.measured(&treatment);
        let mid = measures
            .iter()
            .rfind(|m| laid.scalp.zones[m.zone as usize].name == "mid_scalp");
        let widest = treatment
            .zones
            .iter()
            .map(|z| z.diameter.m())
            .fold(0.0, f64::max);
        let points: Vec<Vector3<f64>> = laid.field.dots.iter().map(|d| d.position.raw()).collect();
        let least = measure::nearest_distances(&points)
            .into_iter()
            .fold(f64::INFINITY, f64::min);
        assert!(least > widest, "dots merge: {least}");
        mid.unwrap().uniform
    };
    let (natural, usual, strict) = (of(0.0), of(0.7), of(1.0));
    let cv = [natural, usual, strict].map(|s| s.cv_nn.unwrap());
    assert!(
        cv[0] > 0.15 && cv[1] > 0.09 && cv[1] < 0.24 && cv[2] < 0.06,
        "{cv:?}"
    );
    let rho = [natural, usual, strict].map(|s| s.rho.unwrap());
    assert!(rho.iter().all(|r| *r > 0.27), "{rho:?}");
}

#[test]
fn any_first_part_of_a_layer_is_spread_over_all_of_it() {
    let treatment = regular(9000, 1.0);
    let laid = lay(&head(5), &Isometry3::identity(), &treatment, 3);
    let zone = laid
        .scalp
        .zones
        .iter()
        .position(|z| z.name == "mid_scalp")
        .unwrap();
    let points: Vec<Vector3<f64>> = laid
        .field
        .dots
        .iter()
        .filter(|d| d.zone as usize == zone)
        .map(|d| d.position.raw())
        .collect();
    let area = laid.scalp.zones[zone].area.m2();
    for count in [60, 120, 250, 500, 1000] {
        let part = &points[..count];
        let ideal = (2.0 * area / (3f64.sqrt() * count as f64)).sqrt();
        let nearest = measure::nearest_distances(part);
        let mean = nearest.iter().sum::<f64>() / count as f64;
        // Chance gives a mean of 0.47 of the ideal distance, and a least one near 0.
        assert!(mean > 0.68 * ideal, "{count}: {}", mean / ideal);
        let least = nearest.into_iter().fold(f64::INFINITY, f64::min);
        assert!(least > 0.4 * ideal, "{count}: {}", least / ideal);
    }
}

#[test]
fn new_dots_fill_the_gaps_between_what_is_there() {
    let treatment = regular(4000, 1.0);
    let mut laid = lay(&head(5), &Isometry3::identity(), &treatment, 3);
    // As many hairs as dots, where another seed would put dots: evenly spread, but not with regard to the dots.
    let hairs = lay(&head(5), &Isometry3::identity(), &treatment, 8).field;
    laid.scalp.existing = hairs.dots.iter().map(|d| d.position).collect();
    let before = laid.measured(&treatment);
    laid.field = dots::layout(
        &laid.head,
        &laid.scalp,
        &treatment,
        3,
        &stipple_planner::to_the_end,
    )
    .unwrap();
    assert_eq!(laid.field.dots.len(), 4000);
    let after = laid.measured(&treatment);
    let last = |m: &[Measure]| -> Vec<Measure> {
        let big = |m: &&Measure| m.layer == 3 && m.uniform.count > 300;
        m.iter().filter(big).cloned().collect()
    };
    let (before, after) = (last(&before), last(&after));
    assert!(after.len() >= 3);
    for (before, after) in before.iter().zip(&after) {
        let rho = [before, after].map(|m| m.uniform.rho.unwrap());
        let cv = [before, after].map(|m| m.uniform.cv_nn.unwrap());
        // Without knowing of each other hairs and dots together are chance: some stand on each other.
        assert!(rho[0] < 0.1 && rho[1] > 0.33, "{rho:?}");
        assert!(cv[0] > 0.3 && cv[1] < 0.12, "{cv:?}");
        let near = [before, after].map(|m| m.nearest_existing.unwrap().mm());
        assert!(near[0] < 0.2 && near[1] > 0.4, "{near:?}");
    }
}

#[test]
fn follicular_units_have_no_pattern_of_their_own() {
    for regularity in [0.0, 0.7] {
        let treatment = regular(9000, regularity);
        let laid = lay(&head(5), &Isometry3::identity(), &treatment, 3);
        let of = |d: &&dots::LaidDot| laid.scalp.zones[d.zone as usize].name == "mid_scalp";
        let points: Vec<Vector3<f64>> = laid
            .field
            .dots
            .iter()
            .filter(of)
            .map(|d| d.position.raw())
            .collect();
        let mut nearest = measure::nearest_distances(&points);
        nearest.sort_by(f64::total_cmp);
        // The most that lie within 2% of any one distance.
        let crowd = |from: usize| nearest.partition_point(|d| *d < 1.02 * nearest[from]) - from;
        let most = (0..nearest.len()).map(crowd).max().unwrap();
        let share = most as f64 / nearest.len() as f64;
        // Where dots are held apart their distances pile up a little; a pattern piles up 16% and more.
        assert!(share < 0.13, "{regularity}: {share}");
        // And no gap in the middle of the distances that occur.
        let middle = &nearest[nearest.len() / 50..nearest.len() * 19 / 20];
        let gap = middle.windows(2).map(|w| w[1] / w[0]).fold(1.0, f64::max);
        assert!(gap < 1.06, "{regularity}: {gap}");
    }
}

#[test]
fn both_sides_of_a_thin_fold_are_laid_on_their_own() {
    // Two sheets 0.2 mm apart that face away from each other, 6 × 6 cm each.
    let mut vertices = Vec::new();
    let mut triangles = Vec::new();
    for side in 0..2u32 {
        for i in 0..441u32 {
            let at = |k: u32| f64::from(k) * 0.003;
            vertices.push(Point::<Head>::new(
                at(i % 21),
                at(i / 21),
                f64::from(side) * 2e-4,
            ));
        }
        for i in 0..400u32 {
            let v = side * 441 + i / 20 * 21 + i % 20;
            for [a, b, c] in [[v, v + 1, v + 22], [v, v + 22, v + 21]] {
                triangles.push(if side == 1 { [a, b, c] } else { [a, c, b] });
            }
        }
    }
    let sheets = SurfaceMesh::new(vertices, triangles).unwrap();
    let patch: Vec<u32> = (0..1600).collect();
    let dots = dots::spread(&sheets, &patch, 4000, &[0.5, 1.0], 5).unwrap();
    let ideal = (2.0 * 0.0072 / (3f64.sqrt() * 4000.0)).sqrt();
    for above in [false, true] {
        let side: Vec<Vector3<f64>> = dots
            .iter()
            .map(|p| p.raw())
            .filter(|p| (p.z > 1e-4) == above)
            .collect();
        assert!(side.len().abs_diff(2000) < 80, "{}", side.len());
        let nearest = measure::nearest_distances(&side);
        assert!(nearest.iter().all(|d| *d > 0.7 * ideal));
    }
}

#[test]
fn where_the_skin_folds_dots_keep_their_distance_along_it() {
    // A sheet 5 cm long in folds of half circles, up and down in turn: rolled out 40 half circles wide.
    const RADIUS: f64 = 0.0006;
    const STEPS: u32 = 16;
    const FOLDS: u32 = 40;
    let (rows, columns) = (150, STEPS * FOLDS + 1);
    let place = |i: u32| {
        let (fold, turn) = (
            i % columns / STEPS,
            f64::from(i % columns % STEPS) / f64::from(STEPS),
        );
        let (sin, cos) = (turn * std::f64::consts::PI).sin_cos();
        let up = if fold % 2 == 0 { 1.0 } else { -1.0 };
        let x = RADIUS * (2.0 * f64::from(fold) + 1.0 - cos);
        Point::<Head>::new(x, f64::from(i / columns) * 0.0003, up * RADIUS * sin)
    };
    let triangles = (0..(rows - 1) * (columns - 1)).flat_map(|i| {
        let v = i / (columns - 1) * columns + i % (columns - 1);
        [
            [v, v + 1, v + columns + 1],
            [v, v + columns + 1, v + columns],
        ]
    });
    let sheet = SurfaceMesh::new(
        (0..rows * columns).map(place).collect(),
        triangles.collect(),
    );
    let sheet = sheet.unwrap();
    let patch: Vec<u32> = (0..sheet.triangles().len() as u32).collect();
    let dots = dots::spread(&sheet, &patch, 3000, &[1.0], 5).unwrap();
    let rolled_out: Vec<Vector3<f64>> = dots
        .iter()
        .map(|p| {
            let p = p.raw();
            let fold = (p.x / (2.0 * RADIUS)).floor();
            let middle = RADIUS * (2.0 * fold + 1.0);
            let turn = p.z.abs().atan2(middle - p.x);
            Vector3::new(RADIUS * (fold * std::f64::consts::PI + turn), p.y, 0.0)
        })
        .collect();
    let area = f64::from(FOLDS) * std::f64::consts::PI * RADIUS * f64::from(rows - 1) * 0.0003;
    let ideal = (2.0 * area / (3f64.sqrt() * 3000.0)).sqrt();
    let nearest = measure::nearest_distances(&rolled_out);
    let least = nearest.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(least > 0.75 * ideal, "{}", least / ideal);
}

#[test]
fn each_shade_alone_is_evenly_spread() {
    let treatment = regular(9000, 1.0);
    let laid = lay(&head(5), &Isometry3::identity(), &treatment, 3);
    let zone = laid
        .scalp
        .zones
        .iter()
        .position(|z| z.name == "mid_scalp")
        .unwrap();
    for layer in 1..=3 {
        let dots: Vec<_> = laid
            .field
            .dots
            .iter()
            .filter(|d| d.zone as usize == zone && d.layer <= layer)
            .collect();
        for &(shade, share) in &treatment.zones[zone].shades {
            let of = |wanted: &dyn Fn(usize) -> bool| {
                let points: Vec<Vector3<f64>> = (0..dots.len())
                    .filter(|&i| wanted(i))
                    .map(|i| dots[i].position.raw())
                    .collect();
                let nearest = measure::nearest_distances(&points);
                nearest.iter().sum::<f64>() / nearest.len() as f64
            };
            let dealt = of(&|i| dots[i].shade == shade);
            // The same shares dealt blindly.
            let blind = of(&|i| ((i as u64 * 0x9e37_79b9) >> 7) % 1000 < (share * 1000.0) as u64);
            if share < 0.5 {
                assert!(
                    dealt > 1.06 * blind,
                    "layer {layer} shade {shade}: {}",
                    dealt / blind
                );
            }
        }
    }
}
