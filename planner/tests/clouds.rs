//! Point clouds become the surface they were taken from: as near as the points allow, whole where there are points, open where there are
//! none, and refused where they tell no surface.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod support;

use nalgebra::Vector3;
use parry3d::query::{PointQuery as _, PointQueryWithLocation as _};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use stipple_model::frames::Scan;
use stipple_model::mesh::SurfaceMesh;
use stipple_planner::scan::{self, ScanError, ScanFinding, Scanned, UnitChoice};
use support::{files, shared};

fn codes(scan: &Scanned) -> Vec<&'static str> {
    scan.findings.iter().map(ScanFinding::code).collect()
}

/// A scan as a scanner would give it: points and normals, mm.
#[derive(Clone)]
struct Cloud {
    points: Vec<Vector3<f64>>,
    normals: Vec<Vector3<f64>>,
}

/// Points scattered at random over a surface, those that are kept; `keep` takes a place, mm, and a number from 0 to 1.
fn scatter(
    mesh: &SurfaceMesh<Scan>,
    count: usize,
    seed: u64,
    keep: impl Fn(&Vector3<f64>, f64) -> bool,
) -> Cloud {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut ends = Vec::with_capacity(mesh.triangles().len());
    let mut total = 0.0;
    for t in 0..mesh.triangles().len() {
        total += mesh.triangle_area(t).m2();
        ends.push(total);
    }
    let mut cloud = Cloud {
        points: Vec::new(),
        normals: Vec::new(),
    };
    for _ in 0..count {
        let at: f64 = rng.random::<f64>() * total;
        let t = ends.partition_point(|e| *e < at).min(ends.len() - 1);
        let [a, b, c] = mesh.corners(t).map(|p| p.raw() * 1e3);
        let (r, s) = (rng.random::<f64>().sqrt(), rng.random::<f64>());
        let p = a * (1.0 - r) + b * (r * (1.0 - s)) + c * (r * s);
        if keep(&p, rng.random()) {
            cloud.points.push(p);
            cloud.normals.push((b - a).cross(&(c - a)).normalize());
        }
    }
    cloud
}

impl Cloud {
    /// Adds noise of this standard deviation to every coordinate, mm.
    fn noisy(mut self, deviation: f64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        let mut normal = || {
            let (u, v): (f64, f64) = (rng.random(), rng.random());
            (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        for p in &mut self.points {
            *p += Vector3::new(normal(), normal(), normal()) * deviation;
        }
        self
    }

    fn read(&self, with_normals: bool) -> Result<Scanned, ScanError> {
        let normals = with_normals.then_some(&self.normals[..]);
        let bytes = files::ply_points(&self.points, normals);
        scan::read(&bytes, UnitChoice::Auto, None)
    }
}

/// A shared head, read as a mesh.
fn head(name: &str) -> Option<Scanned> {
    let path = shared(&format!("scans/{name}"))?;
    Some(scan::read_file(&path, UnitChoice::Auto, None).unwrap())
}

/// How far a surface made of points is from the true one.
#[derive(Debug)]
struct Off {
    p95: f64,
    max: f64,
    /// Angle between the normals, degrees.
    normal_p95: f64,
}

/// Looks at every triangle's middle and corners where `look` says, mm.
fn off(
    made: &SurfaceMesh<Scan>,
    truth: &SurfaceMesh<Scan>,
    look: impl Fn(&Vector3<f64>) -> bool + Sync,
) -> Off {
    let tree = truth.to_parry().unwrap();
    let (mut far, mut turned): (Vec<f64>, Vec<f64>) = (0..made.triangles().len())
        .into_par_iter()
        .filter_map(|t| {
            let [a, b, c] = made.corners(t).map(|p| p.raw());
            let middle = (a + b + c) / 3.0;
            if !look(&(middle * 1e3)) {
                return None;
            }
            let mut most = 0.0f64;
            let mut turned = 0.0;
            for p in [a, middle] {
                let (on, at) = tree.project_local_point_and_get_location(
                    stipple_model::to_parry_vector(&p),
                    false,
                );
                most = most.max((stipple_model::from_parry_vector(on.point) - p).norm() * 1e3);
                let [d, e, f] = truth.corners(at.0 as usize).map(|p| p.raw());
                let (n, m) = ((b - a).cross(&(c - a)), (e - d).cross(&(f - d)));
                turned = n.angle(&m).to_degrees();
            }
            Some((most, turned))
        })
        .unzip();
    assert!(far.len() > 1000, "{}", far.len());
    far.sort_by(f64::total_cmp);
    turned.sort_by(f64::total_cmp);
    let p95 = far.len() * 95 / 100;
    Off {
        p95: far[p95],
        max: far[far.len() - 1],
        normal_p95: turned[p95],
    }
}

/// The distance within which 99.9% of the points have surface, mm.
fn bare(made: &SurfaceMesh<Scan>, points: &[Vector3<f64>]) -> f64 {
    let tree = made.to_parry().unwrap();
    let mut far: Vec<f64> = points
        .par_iter()
        .map(|p| {
            tree.distance_to_local_point(stipple_model::to_parry_vector(&(p * 1e-3)), false) * 1e3
        })
        .collect();
    far.sort_by(f64::total_cmp);
    far[far.len() * 999 / 1000]
}

/// How many points lie in the middle of what is said to have none.
fn denied(scan: &Scanned, points: &[Vector3<f64>]) -> usize {
    let Some(open) = &scan.unscanned else {
        return 0;
    };
    let tree = open.to_parry().unwrap();
    let skin = scan.mesh.to_parry().unwrap();
    points
        .par_iter()
        .filter(|p| {
            let p = stipple_model::to_parry_vector(&(**p * 1e-3));
            // A cell's width from the border inward.
            tree.distance_to_local_point(p, false) < 0.4e-3
                && skin.distance_to_local_point(p, false) > 1.5e-3
        })
        .count()
}

/// Openings: width and place, mm.
fn openings(scan: &Scanned) -> Vec<(f64, Vector3<f64>)> {
    scan.findings
        .iter()
        .filter_map(|f| match f {
            ScanFinding::Hole {
                diameter, center, ..
            } => Some((diameter.mm(), center.raw() * 1e3)),
            _ => None,
        })
        .collect()
}

/// No edge has more than two triangles, and none was cut away to make it so.
fn assert_manifold(scan: &Scanned) {
    assert!(!codes(scan).contains(&"non_manifold"));
    let mut edges = std::collections::HashMap::new();
    for [a, b, c] in scan.mesh.triangles() {
        for (i, j) in [(a, b), (b, c), (c, a)] {
            *edges.entry((i.min(j), i.max(j))).or_insert(0) += 1;
        }
    }
    assert!(edges.values().all(|n| *n <= 2));
}

/// Warnings that are not about the unit or the normals.
fn warnings(scan: &Scanned) -> Vec<String> {
    scan.findings
        .iter()
        .filter(|f| f.weight() == scan::Weight::Warning)
        .filter(|f| !matches!(f.code(), "unit_assumed" | "normals_estimated"))
        .map(ScanFinding::text)
        .collect()
}

#[test]
fn exact_points_give_the_whole_head_within_the_goal() {
    let Some(head) = head("colin27_av_ras.ply") else {
        return;
    };
    for with_normals in [true, false] {
        let cloud = scatter(&head.mesh, 90_000, 1, |_, _| true);
        let made = cloud.read(with_normals).unwrap();
        assert_eq!(warnings(&made), [""; 0]);
        assert!(made.closed && made.unscanned.is_none());
        assert_manifold(&made);
        // The true surface is itself made of facets 4 mm wide; its creases are what is rounded most.
        let scalp = off(&made.mesh, &head.mesh, |p| p.z > 0.0);
        assert!(scalp.p95 < 0.05 && scalp.max < 0.25, "{scalp:?}");
        assert!(scalp.normal_p95 < 5.0, "{scalp:?}");
        assert!(bare(&made.mesh, &cloud.points) < 0.3);
    }
}

#[test]
fn shoulders_take_nothing_from_the_scalp() {
    let Some(head) = head("lee_perry_smith_mm.stl") else {
        return;
    };
    let scalp = |p: &Vector3<f64>| p.y > 90.0 && p.z < 70.0;
    let cloud = scatter(&head.mesh, 200_000, 6, |_, _| true);
    let made = cloud.read(false).unwrap();
    assert_manifold(&made);
    let found = off(&made.mesh, &head.mesh, scalp);
    assert!(found.p95 < 0.05 && found.max < 0.2, "{found:?}");
    // Eyes and lips run into each other on this head; nothing of the scalp is open, and little elsewhere.
    assert!(
        openings(&made).iter().all(|(_, at)| at.z > 60.0),
        "{:?}",
        openings(&made)
    );
    let open = made.unscanned.as_ref().map_or(0.0, |m| m.area().cm2());
    assert!(open < 15.0, "{open} cm²");
    let top: Vec<_> = cloud.points.iter().copied().filter(scalp).collect();
    assert!(bare(&made.mesh, &top) < 0.2);
}

#[test]
fn the_holes_found_are_the_holes_made() {
    let Some(head) = head("colin27_av_ras.ply") else {
        return;
    };
    let holes = [
        (Vector3::new(0.0, 10.0, 85.0), 25.0),
        (Vector3::new(60.0, -40.0, 60.0), 12.0),
    ];
    let kept = |p: &Vector3<f64>| holes.iter().all(|(at, r)| (p - at).norm() > *r);
    // Evenly, and four times as dense in front as behind.
    let even = scatter(&head.mesh, 90_000, 4, |p, _| kept(p));
    let uneven = scatter(&head.mesh, 180_000, 5, |p, u| {
        kept(p) && (p.y > 0.0 || u < 0.25)
    });
    for cloud in [even, uneven.noisy(0.1)] {
        let made = cloud.read(false).unwrap();
        assert_manifold(&made);
        let open = openings(&made);
        assert_eq!(open.len(), holes.len(), "{:?}", warnings(&made));
        for ((width, at), (center, r)) in open.iter().zip(holes) {
            assert!((at - center).norm() < 20.0, "{at}");
            assert!((1.7 * r..2.3 * r).contains(width), "{width} mm for {r} mm");
        }
        let removed: f64 = {
            let tested = scatter(&head.mesh, 200_000, 7, |_, _| true);
            let away = tested.points.iter().filter(|p| !kept(p)).count();
            head.mesh.area().cm2() * away as f64 / tested.points.len() as f64
        };
        let found = made.unscanned.as_ref().unwrap().area().cm2();
        assert!(
            (found / removed - 1.0).abs() < 0.2,
            "{found} cm² of {removed} cm²"
        );
        // What is said to have no points has none.
        assert!(denied(&made, &cloud.points) <= 5);
    }
}

#[test]
fn noise_is_averaged_and_too_much_of_it_refused_in_numbers() {
    let Some(head) = head("colin27_av_ras.ply") else {
        return;
    };
    for (noise, p95) in [(0.1, 0.11), (0.3, 0.22)] {
        let made = scatter(&head.mesh, 120_000, 3, |_, _| true)
            .noisy(noise)
            .read(false)
            .unwrap();
        assert_eq!(warnings(&made), [""; 0]);
        assert_manifold(&made);
        let scalp = off(&made.mesh, &head.mesh, |p| p.z > 0.0);
        assert!(scalp.p95 < p95, "{noise}: {scalp:?}");
    }
    let wild = scatter(&head.mesh, 60_000, 3, |_, _| true).noisy(1.0);
    let error = wild.read(false).unwrap_err();
    let ScanError::NoisyCloud { stray_mm, .. } = error else {
        panic!("{error}");
    };
    assert!((0.8..1.2).contains(&stray_mm), "{stray_mm}");
    assert!(error.to_string().contains("mm apart") && error.to_string().contains("scan it again"));
}

#[test]
fn more_points_than_are_used_are_thinned_without_a_coarser_grid() {
    let points = points(1_200_000, 0.0);
    let made = scan::read(&files::ply_points(&points, None), UnitChoice::Auto, None).unwrap();
    let (in_file, used, cell) = made
        .findings
        .iter()
        .find_map(|f| match f {
            ScanFinding::FromPoints {
                points, used, cell, ..
            } => Some((*points, *used, cell.mm())),
            _ => None,
        })
        .unwrap();
    assert_eq!(in_file, points.len());
    assert!((300_000..=500_000).contains(&used), "{used}");
    assert!((cell - 1.25).abs() < 0.01, "{cell}");
    assert!(!codes(&made).contains(&"thinned_cloud"));
}

/// Points spread evenly over the head's ellipsoid above the neck, less a hole at the crown.
fn points(count: u32, hole: f64) -> Vec<Vector3<f64>> {
    (0..count)
        .map(|i| {
            let z = 1.0 - 2.0 * (f64::from(i) + 0.5) / f64::from(count);
            let (r, a) = ((1.0 - z * z).sqrt(), f64::from(i) * 2.399_963_229_728_653);
            Vector3::new(97.0 * r * a.cos(), 76.0 * r * a.sin(), 105.0 * z)
        })
        .filter(|p| p.z > -65.0 && (p.z < 0.0 || p.x.hypot(p.y) > hole))
        .collect()
}

#[test]
fn a_point_cloud_becomes_a_head_with_what_was_closed_over_left_open() {
    let points = points(40_000, 30.0);
    let normals: Vec<_> = points
        .iter()
        .map(|p| {
            p.component_div(&Vector3::new(97.0 * 97.0, 76.0 * 76.0, 105.0 * 105.0))
                .normalize()
        })
        .collect();
    let with = files::ply_points(&points, Some(&normals));
    let without = files::ply_points(&points, None);
    for (bytes, estimated) in [(with, false), (without, true)] {
        let scan = scan::read(&bytes, UnitChoice::Auto, None).unwrap();
        assert_eq!(codes(&scan).contains(&"normals_estimated"), estimated);
        // Nothing of the mesh spans the hole; what was closed over is kept apart and measured.
        let across = scan
            .mesh
            .vertices()
            .iter()
            .map(|v| v.raw() * 1e3)
            .filter(|v| v.z > 0.0 && v.x.hypot(v.y) < 22.0);
        assert_eq!(across.count(), 0);
        let unscanned = scan.unscanned.as_ref().unwrap().area().cm2();
        // The neck's ellipse is some 140 cm², the hole 28 cm².
        assert!((60.0..260.0).contains(&unscanned), "{unscanned} cm²");
        let widest = scan.findings.iter().find_map(|f| match f {
            ScanFinding::Hole {
                diameter, center, ..
            } if center.raw().z > 0.05 => Some(diameter.mm()),
            _ => None,
        });
        assert!((56.0..70.0).contains(&widest.unwrap()), "{widest:?}");
        let again = scan::read(&bytes, UnitChoice::Auto, None).unwrap();
        assert_eq!(again.mesh.digest(), scan.mesh.digest());
        let one = rayon_of_one(|| scan::read(&bytes, UnitChoice::Auto, None).unwrap());
        assert_eq!(one.mesh.digest(), scan.mesh.digest());
    }
}

fn rayon_of_one<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(work)
}

#[test]
fn an_obj_of_points_is_read_and_a_sparse_cloud_refused() {
    let text: String = points(30_000, 0.0)
        .iter()
        .map(|p| format!("v {:.3} {:.3} {:.3}\n", p.x, p.y, p.z))
        .collect();
    let scan = scan::read(text.as_bytes(), UnitChoice::Auto, None).unwrap();
    assert!(codes(&scan).contains(&"from_points"));
    let sparse = files::ply_points(&points(1200, 0.0), None);
    let error = scan::read(&sparse, UnitChoice::Auto, None).unwrap_err();
    assert!(matches!(error, ScanError::SparseCloud { .. }), "{error}");
}
