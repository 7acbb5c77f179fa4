use super::*;
use crate::arm::{Arm, ArmSource};

/// Points on a triangle, corners too.
fn on_triangle(t: &Triangle) -> impl Iterator<Item = Vector3<f64>> + '_ {
    (0..=6).flat_map(move |i| {
        (0..=6 - i).map(move |j| {
            let (a, b) = (f64::from(i) / 6.0, f64::from(j) / 6.0);
            t[0] + (t[1] - t[0]) * a + (t[2] - t[0]) * b
        })
    })
}

fn assert_covered(tree: &SphereTree, p: &Vector3<f64>) {
    // Down from the root: what a child covers, everything above it need not, but a leaf must.
    let covered = tree
        .spheres
        .iter()
        .any(|s| s.children == 0 && (p - s.center).norm() <= s.radius + 1e-9);
    assert!(covered, "{p:?} is left uncovered");
}

#[test]
fn leaves_cover_every_body_and_stick_out_no_more_than_said() {
    let arm = Arm::from_source(&ArmSource::ur5e()).unwrap();
    for body in arm.bodies() {
        let (tree, _) = SphereTree::of_body(body);
        let surface = Surface::new(body.vertices(), body.triangles()).unwrap();
        let leaves: Vec<_> = tree.spheres.iter().filter(|s| s.children == 0).collect();
        eprintln!("{}: {} leaves", body.name(), leaves.len());
        for t in body.triangles() {
            let t = t.map(|i| body.vertices()[i as usize]);
            on_triangle(&t).for_each(|p| assert_covered(&tree, &p));
        }
        // Of a body that is one shape the mesh itself tells how far a sphere sticks out.
        let single = shells(body).len() == 1;
        for s in leaves {
            assert!(s.loss <= 0.0075, "{s:?}");
            if !single {
                continue;
            }
            for k in 0..6 {
                let mut out = Vector3::zeros();
                out[k / 2] = if k % 2 == 0 { s.radius } else { -s.radius };
                assert!(
                    surface.signed(&(s.center + out), 0).0 <= s.loss + 1e-9,
                    "{s:?}"
                );
            }
        }
    }
}

#[test]
fn a_strung_cone_covers_its_surface_and_its_tip_is_exact() {
    let outline = [(-0.0015, 0.0015), (-0.070, 0.018)];
    let tree = SphereTree::of_outline(&outline, true);
    let leaves = || tree.spheres.iter().filter(|s| s.children == 0);
    let top = leaves()
        .map(|s| s.center.z + s.radius)
        .fold(f64::MIN, f64::max);
    assert!(
        top.abs() < 1e-9,
        "the nose seems to reach {top} m beyond its tip"
    );
    for k in 0..=1000 {
        let z = -0.0015 - f64::from(k) * 0.0685 / 1000.0;
        let radius = 0.0015 + (-0.0015 - z) / 0.0685 * 0.0165;
        assert_covered(&tree, &Vector3::new(radius, 0.0, z));
        assert_covered(&tree, &Vector3::new(0.0, 0.0, z));
    }
    // Seen from the side it is at most a millimetre too thick.
    for s in leaves() {
        let at = -s.center.z - 0.0015;
        assert!(s.radius <= 0.0015 + at / 0.0685 * 0.0165 + 0.0011, "{s:?}");
    }
}

#[test]
fn a_capsule_covers_all_near_its_line() {
    let (a, b) = (Vector3::new(0.1, 0.0, -0.05), Vector3::new(0.1, 0.2, 0.05));
    for (b, radius) in [(b, 0.02), (b, 0.2), (a, 0.03)] {
        let tree = SphereTree::of_capsule(&a, &b, radius);
        for k in 0..=100 {
            let middle = a + (b - a) * (f64::from(k) / 100.0);
            for axis in 0..6 {
                let mut out = Vector3::zeros();
                out[axis / 2] = if axis % 2 == 0 { radius } else { -radius };
                assert_covered(&tree, &(middle + out));
            }
        }
    }
}

#[test]
fn a_wall_of_five_metres_and_a_sponge_of_triangles_make_no_more_spheres_than_allowed() {
    let cuboid =
        parry3d::shape::Cuboid::new(parry3d::math::Vector::new(2.5, 2.5, 0.05)).to_trimesh();
    let vertices: Vec<_> = cuboid
        .0
        .iter()
        .map(|p| Vector3::new(p.x, p.y, p.z))
        .collect();
    let wall = BodyMesh::from_triangles("wall".to_owned(), vertices, cuboid.1).unwrap();
    let (tree, _) = SphereTree::of_body(&wall);
    assert!(tree.spheres.len() <= MOST_SPHERES);
    for t in wall.triangles() {
        let t = t.map(|i| wall.vertices()[i as usize]);
        on_triangle(&t).for_each(|p| assert_covered(&tree, &p));
    }
    let ball = crate::testing::ball(0.1, 160, true);
    let vertices = ball
        .vertices()
        .iter()
        .map(crate::frames::Point::raw)
        .collect();
    let sponge = BodyMesh::from_triangles("ball".to_owned(), vertices, ball.triangles().to_vec());
    let (tree, _) = SphereTree::of_body(&sponge.unwrap());
    // One ball is one sphere, however fine its triangles.
    assert_eq!(tree.spheres.len(), 1);
}

#[test]
fn spheres_that_do_not_suffice_are_spent_where_they_help_most() {
    // Eighty thousand triangles of a body rough all over: whole it would take thousands of spheres.
    let ball = crate::testing::ball(0.3, 140, true);
    let rough = ball.vertices().iter().map(|p| {
        let p = p.raw();
        p * (1.0 + 0.08 * (90.0 * p.x).sin() * (80.0 * p.y).sin() * (70.0 * p.z).cos())
    });
    let body = BodyMesh::from_triangles(
        "rough".to_owned(),
        rough.collect(),
        ball.triangles().to_vec(),
    );
    let body = body.unwrap();
    let worst = |most: usize| {
        let (tree, _) = SphereTree::within(&body, most);
        assert!(tree.spheres.len() <= most && tree.spheres.len() + 2 > most);
        for t in body.triangles().iter().step_by(997) {
            assert_covered(&tree, &body.vertices()[t[0] as usize]);
        }
        let (leaves, inner): (Vec<&Sphere>, Vec<&Sphere>) =
            tree.spheres.iter().partition(|s| s.children == 0);
        let largest = leaves.iter().map(|s| s.loss).fold(0.0, f64::max);
        // Nothing was split that stuck out less than what was left whole.
        assert!(inner.iter().all(|s| s.loss >= largest));
        largest
    };
    let losses = [65, 257, 1025].map(worst);
    assert!(losses.is_sorted_by(|more, less| less < more), "{losses:?}");
}
