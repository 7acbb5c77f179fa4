use std::collections::HashMap;

use super::Points;
use super::*;

fn head(seed: u64) -> ScannedHead {
    generate(&Options {
        seed,
        ..Options::default()
    })
    .unwrap()
}

/// The number of loops along which the surface is open; panics unless it is a manifold, wound the same way everywhere.
fn boundary_loops(triangles: &[[u32; 3]]) -> usize {
    let mut edges = HashMap::new();
    for t in triangles {
        assert!(
            t[0] != t[1] && t[1] != t[2] && t[2] != t[0],
            "degenerate triangle {t:?}"
        );
        for (a, b) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
            assert!(
                edges.insert((a, b), ()).is_none(),
                "edge {a}-{b} is run through twice in the same sense"
            );
        }
    }
    let mut next: HashMap<u32, u32> = HashMap::new();
    for (a, b) in edges.keys().filter(|(a, b)| !edges.contains_key(&(*b, *a))) {
        assert!(
            next.insert(*a, *b).is_none(),
            "two boundaries meet at vertex {a}"
        );
    }
    let mut loops = 0;
    while let Some(&start) = next.keys().next() {
        let mut at = start;
        while let Some(to) = next.remove(&at) {
            at = to;
        }
        assert_eq!(at, start, "the boundary does not close");
        loops += 1;
    }
    loops
}

fn components(vertices: usize, triangles: &[[u32; 3]]) -> usize {
    let mut parent: Vec<usize> = (0..vertices).collect();
    fn root(parent: &mut [usize], mut i: usize) -> usize {
        while parent[i] != i {
            parent[i] = parent[parent[i]];
            i = parent[i];
        }
        i
    }
    for t in triangles {
        for pair in t.windows(2) {
            let (a, b) = (
                root(&mut parent, pair[0] as usize),
                root(&mut parent, pair[1] as usize),
            );
            parent[a] = b;
        }
    }
    (0..vertices).filter(|&i| parent[i] == i).count()
}

fn check_surface(seed: u64) {
    let head = head(seed);
    let triangles = head.mesh.triangles();
    assert!(
        (40_000..=80_000).contains(&triangles.len()),
        "seed {seed}: {} triangles",
        triangles.len()
    );
    assert_eq!(
        boundary_loops(triangles),
        1,
        "seed {seed}: open at the neck and nowhere else"
    );
    assert_eq!(
        components(head.mesh.vertices().len(), triangles),
        1,
        "seed {seed}"
    );
    // Outward: the flux of the position through the surface is three times the volume, the neck's lid apart.
    let middle = head
        .landmarks
        .vertex
        .raw()
        .lerp(&head.landmarks.nasion.raw(), 0.5);
    let volume: f64 = (0..triangles.len())
        .map(|t| {
            head.mesh
                .area_vector(t)
                .dot(&(head.mesh.corners(t)[0].raw() - middle))
                / 6.0
        })
        .sum();
    assert!(volume > 2.0e-3, "seed {seed}: volume {volume} m³");
    let thinnest = (0..triangles.len())
        .map(|t| head.mesh.triangle_area(t).m2())
        .fold(f64::INFINITY, f64::min);
    assert!(thinnest > 1e-10, "seed {seed}: a triangle of {thinnest} m²");
}

#[test]
fn surface_is_one_manifold_open_at_the_neck() {
    for seed in [0, 7] {
        check_surface(seed);
    }
}

#[test]
#[ignore = "fifty heads: a minute in release, many in the dev profile"]
fn fifty_surfaces_are_manifold() {
    (0..50).for_each(check_surface);
}

#[test]
fn landmarks_lie_on_the_surface_and_describe_a_head() {
    let head = head(3);
    let mesh = head.mesh.to_parry().unwrap();
    for (name, p) in head.landmarks.named() {
        use parry3d::query::PointQuery as _;
        let distance =
            mesh.distance_to_local_point(stipple_model::to_parry_vector(&p.raw()), false);
        assert!(distance < 1e-6, "{name} is {distance} m off the surface");
    }
    let Points {
        nasion,
        lpa,
        rpa,
        vertex,
        opisthocranion,
    } = head.landmarks;
    assert!((0.13..0.17).contains(&lpa.distance(&rpa)));
    assert!((0.17..0.22).contains(&nasion.distance(&opisthocranion)));
    // Left, forward and up make a right-handed frame: the scan is turned, not mirrored.
    let ears = lpa.raw().lerp(&rpa.raw(), 0.5);
    let (left, forward, up) = (lpa.raw() - ears, nasion.raw() - ears, vertex.raw() - ears);
    assert!(forward.cross(&left).dot(&up) > 0.0);
}

#[test]
fn same_seed_same_bytes_another_seed_another_head() {
    let (a, b, c) = (head(11), head(11), head(12));
    assert_eq!(a.mesh.digest(), b.mesh.digest());
    assert_eq!(a.landmarks.to_json(), b.landmarks.to_json());
    assert_ne!(a.mesh.digest(), c.mesh.digest());
}

#[test]
fn noise_out_of_range_is_refused() {
    for noise in [-0.1, 1.5, f64::NAN] {
        let options = Options {
            seed: 0,
            noise: Length::from_mm(noise),
        };
        assert!(
            matches!(generate(&options), Err(HeadError::Noise { .. })),
            "{noise}"
        );
    }
}

/// Where a line from outside meets the skin of the noiseless shape, as a distance from `center`, metres.
fn extent(anatomy: &Anatomy, center: Vector3<f64>, way: Vector3<f64>) -> f64 {
    let inside = |s: f64| anatomy.distance(&(center + way * s)) < 0.0;
    let coarse = (0..60)
        .map(|i| 0.15 - f64::from(i) * 2e-3)
        .find(|s| inside(*s));
    let (mut low, mut high) = coarse.map_or((0.0, 0.0), |s| (s, s + 2e-3));
    for _ in 0..6 {
        let middle = 0.5 * (low + high);
        if inside(middle) {
            low = middle
        } else {
            high = middle
        }
    }
    low
}

#[test]
fn fifty_heads_have_a_populations_sizes() {
    let mut lengths = Vec::new();
    for seed in 0..50 {
        let anatomy = Anatomy::random(&mut ChaCha8Rng::seed_from_u64(seed));
        let at = |x: f64, z: f64| anatomy.place(&(Vector3::new(x, 0.0, z) * 1e-3));
        let level = |from: i32, to: i32| (from / 8..=to / 8).map(|z| f64::from(z) * 8.0);
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let back =
            largest(&mut level(-10, 70).map(|z| extent(&anatomy, at(0.0, z), -Vector3::x())));
        let front = largest(&mut level(36, 60).map(|z| extent(&anatomy, at(0.0, z), Vector3::x())));
        let broad = largest(&mut level(30, 80).map(|z| {
            [1.0, -1.0]
                .iter()
                .map(|side| extent(&anatomy, at(-15.0, z), Vector3::y() * *side))
                .sum()
        }));
        let high = largest(&mut level(-40, 40).map(|x| extent(&anatomy, at(x, 0.0), Vector3::z())));
        // Middle ± about three standard deviations of adults of both sexes.
        assert!(
            (0.168..0.218).contains(&(front + back)),
            "seed {seed}: length {}",
            front + back
        );
        assert!(
            (0.132..0.174).contains(&broad),
            "seed {seed}: breadth {broad}"
        );
        assert!((0.112..0.149).contains(&high), "seed {seed}: height {high}");
        lengths.push(front + back);
    }
    let (least, most) = lengths
        .iter()
        .fold((1.0f64, 0.0f64), |(l, m), v| (l.min(*v), m.max(*v)));
    assert!(
        most - least > 0.012,
        "heads differ by only {} m",
        most - least
    );
}
