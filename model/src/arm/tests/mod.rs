mod made;
mod misread;
mod properties;
mod random;
mod singularities;
mod urdf;

use super::*;
use crate::frames::{Base, Flange, Transform};
use crate::joints::Joints;
use made::{CROOKED, INDUSTRIAL, MadeJoint, SEVEN, TURNED_ROUND, UPRIGHT, X, Y, Z};
use proptest::prelude::*;

fn shared_arm(path: &str) -> Option<Arm> {
    let root = std::env::var_os("STIPPLE_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        Into::into,
    );
    let file = root.join("arms").join(path);
    if !file.exists() {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        eprintln!("SKIP {test}: {} is not there", file.display());
        return None;
    }
    Some(Arm::from_source(&ArmSource::read(&file).unwrap()).unwrap())
}

fn ur5e() -> Arm {
    Arm::from_source(&ArmSource::ur5e()).unwrap()
}

/// The pose error in metres and radians.
fn miss(arm: &Arm, q: &Joints, target: &Transform<Base, Flange>) -> (f64, f64) {
    arm.forward(q).separation(target)
}

#[test]
fn shipped_arm_has_the_published_kinematics() {
    // At zero a UR5e points along -x of its base: x = a2 + a3, y = -(d4 + d6), z = d1 - d5 (Universal Robots, DH parameters).
    let arm = ur5e();
    let p = arm.forward(&Joints::zeros(6)).origin().raw();
    assert!(
        (p - nalgebra::Vector3::new(-0.8172, -0.2329, 0.0628)).norm() < 1e-9
            || (p - nalgebra::Vector3::new(0.8172, 0.2329, 0.0628)).norm() < 1e-9,
        "{p:?}"
    );
    assert!(arm.has_closed_form());
}

#[test]
fn shared_arms_load_and_agree_with_the_shipped_one() {
    let Some(real) = shared_arm("ur5e/ur5e_local.urdf") else {
        return;
    };
    assert!(real.has_closed_form());
    assert_eq!(real.dof(), 6);
    assert!(
        real.bodies()
            .iter()
            .map(|b| b.triangles().len())
            .sum::<usize>()
            >= 7558
    );
    let own = ur5e();
    for k in 0..50 {
        let q =
            Joints::from_slice(&[0.1 * k as f64, -1.3, 0.7, 0.05 * k as f64, 1.1, -0.3]).unwrap();
        let (a, b) = (
            real.forward(&q).origin().raw(),
            own.forward(&q).origin().raw(),
        );
        assert!(
            (a.norm() - b.norm()).abs() < 1e-9 && (a.z - b.z).abs() < 1e-9,
            "{a:?} {b:?}"
        );
    }
    let package = shared_arm("ur5e/ur5e.urdf").unwrap();
    assert_eq!(package.bodies(), real.bodies());
    let fr3 = shared_arm("fr3/fr3_local.urdf").unwrap();
    assert_eq!(fr3.dof(), 7);
    assert!(
        !fr3.within_limits(&Joints::zeros(7)),
        "zero lies outside the FR3's limits"
    );
    assert!(fr3.within_limits(&fr3.mid_range()));
}

/// An arm from its joints' origins (xyz, rpy) and axes, without bodies.
fn made(joints: &[MadeJoint]) -> Arm {
    let source = ArmSource {
        urdf: made::urdf(joints),
        ..ArmSource::ur5e()
    };
    Arm::from_source(&source).unwrap()
}

/// Number `k` of a fixed set of joint values within the limits.
fn sample(arm: &Arm, k: usize) -> Joints {
    let mut q = arm.spread(k);
    for (v, joint) in q.as_mut_slice().iter_mut().zip(arm.joints()) {
        *v = v.clamp(joint.lower, joint.upper);
    }
    q
}

#[test]
fn spherical_wrists_are_recognised_and_all_their_branches_found() {
    for arm in [made(&INDUSTRIAL), made(&TURNED_ROUND)] {
        assert!(arm.has_closed_form());
        let mut most = 0;
        for k in 1..2000 {
            let q = sample(&arm, k);
            if arm.smallest_singular_value(&q) < 1e-3 {
                continue;
            }
            let target = arm.forward(&q);
            let solutions = arm.inverse(&target, &Joints::zeros(6));
            let own = |s: &Joints| {
                let turns = s.as_slice().iter().zip(q.as_slice());
                turns
                    .map(|(a, b)| (a - b).sin().abs().max(1.0 - (a - b).cos()))
                    .fold(0.0, f64::max)
            };
            assert!(
                solutions.iter().any(|s| own(s) < 1e-6),
                "{k}: own branch missing"
            );
            for s in &solutions {
                let (d, a) = miss(&arm, s, &target);
                assert!(d < 1e-9 && a < 1e-9 && arm.within_limits(s), "{d} {a}");
            }
            most = most.max(solutions.len());
        }
        assert_eq!(most, 8, "a branch is never found");
    }
}

#[test]
fn a_stretched_wrist_keeps_the_free_angle_it_has() {
    let arm = made(&INDUSTRIAL);
    let near = Joints::from_slice(&[0.2, 0.3, -0.4, 0.7, 0.0, 0.1]).unwrap();
    // At q5 = 0 axes 4 and 6 of the first two shapes lie on one line.
    let arm2 = made(&[
        ([0.0, 0.0, 0.4], UPRIGHT, Z),
        ([0.15, 0.0, 0.1], UPRIGHT, Y),
        ([0.0, 0.0, 0.6], UPRIGHT, Y),
        ([0.1, 0.0, 0.1], UPRIGHT, X),
        ([0.5, 0.0, 0.0], UPRIGHT, Y),
        ([0.1, 0.0, 0.0], UPRIGHT, X),
    ]);
    for arm in [arm, arm2] {
        let target = arm.forward(&near);
        let first = arm.inverse(&target, &near)[0];
        assert!(first.max_difference(&near) < 1e-6, "{first:?}");
    }
}

#[test]
fn seven_axes_are_swept_over_one_of_them() {
    let fr3 = shared_arm("fr3/fr3_local.urdf");
    for arm in fr3.into_iter().chain([made(&SEVEN)]) {
        assert!(arm.has_closed_form());
        let (mut solved, mut tried) = (0, 0);
        for k in 1..1000 {
            let q = sample(&arm, k);
            let target = arm.forward(&q);
            tried += 1;
            let far = arm.inverse(&target, &arm.mid_range());
            solved += usize::from(!far.is_empty());
            for s in &far {
                let (d, a) = miss(&arm, s, &target);
                assert!(d < 1e-9 && a < 1e-9 && arm.within_limits(s), "{d} {a}");
            }
            // From where it is the arm need not move.
            if arm.smallest_singular_value(&q) > 1e-2 {
                let own = arm.inverse(&target, &q);
                assert!(
                    own.first().is_some_and(|s| s.max_difference(&q) < 1e-6),
                    "{k} {} {q:?} {own:?}",
                    arm.name()
                );
            }
        }
        assert!(
            solved * 1000 >= tried * 999,
            "{}: {solved} of {tried}",
            arm.name()
        );
    }
}

#[test]
fn an_arm_of_no_known_shape_is_solved_numerically() {
    let arm = made(&CROOKED);
    assert!(!arm.has_closed_form());
    let q = Joints::from_slice(&[0.3, -0.4, 0.2, -0.8, 0.5, 0.4]).unwrap();
    let target = arm.forward(&q);
    let solutions = arm.inverse(&target, &q);
    assert!(solutions[0].max_difference(&q) < 1e-6);
    for s in &solutions {
        let (d, a) = miss(&arm, s, &target);
        assert!(d < 1e-9 && a < 1e-9 && arm.within_limits(s), "{d} {a}");
    }
}

#[test]
fn broken_descriptions_are_refused_by_name() {
    let refuse = |from: &str, to: &str| {
        let mut source = ArmSource::ur5e();
        assert!(source.urdf.contains(from), "{from}");
        source.urdf = source.urdf.replacen(from, to, 1);
        Arm::from_source(&source).unwrap_err()
    };
    assert!(matches!(refuse("<robot", "<robt"), ArmError::Urdf { .. }));
    assert!(matches!(
        refuse("type=\"revolute\"", "type=\"prismatic\""),
        ArmError::JointType {
            kind: "prismatic",
            ..
        }
    ));
    assert!(matches!(
        refuse("velocity=\"3.141592653589793\"", "velocity=\"0\""),
        ArmError::Limits { .. }
    ));
    assert!(matches!(
        refuse("type=\"revolute\"", "type=\"fixed\""),
        ArmError::JointCount { found: 5, .. }
    ));
    assert!(matches!(
        refuse("<parent link=\"base_link\"/>", "<parent link=\"nowhere\"/>"),
        ArmError::Tree { .. }
    ));
    assert!(matches!(
        refuse("<axis xyz=\"0 0 1\"/>", "<axis xyz=\"0 0 0\"/>"),
        ArmError::Axis { .. }
    ));
    assert!(matches!(
        refuse("radius=\"0.076\"", "radius=\"-1\""),
        ArmError::Shape { .. }
    ));
    assert!(matches!(
        refuse(
            "<cylinder radius=\"0.076\" length=\"0.10\"/>",
            "<mesh filename=\"gone.stl\"/>"
        ),
        ArmError::Shape { .. }
    ));
}

#[test]
fn texts_that_are_no_urdf_are_refused_and_cost_nothing() {
    let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><robot name=\"&b;\"/>";
    let long = format!("<robot name=\"{}\"/>", " ".repeat(9 << 20));
    let many = format!(
        "<robot name=\"x\">{}</robot>",
        "<link name=\"l\"/>".repeat(1001)
    );
    let deep = "<robot>".repeat(100_000);
    for text in ["", "robot", "<sdf/>", "<robot", bomb, &long, &many, &deep] {
        let source = ArmSource {
            urdf: text.to_owned(),
            ..ArmSource::ur5e()
        };
        let error = Arm::from_source(&source).unwrap_err();
        assert!(
            matches!(error, ArmError::Urdf { .. }) && !error.to_string().contains('\n'),
            "{error}"
        );
    }
}

#[test]
fn what_is_out_of_reach_has_no_solution() {
    let far = Transform::from_xyz_rpy([2.0, 0.0, 0.0], [0.0; 3]);
    assert!(ur5e().inverse(&far, &Joints::zeros(6)).is_empty());
    let nan = Transform::from_xyz_rpy([f64::NAN, 0.0, 0.0], [0.0; 3]);
    assert!(ur5e().inverse(&nan, &Joints::zeros(6)).is_empty());
}

proptest! {
    #[test]
    fn forward_of_inverse_is_identity_and_the_branch_is_among_them(
        q in prop::array::uniform6(-3.0f64..3.0),
    ) {
        let arm = ur5e();
        let q = Joints::from_slice(&q).unwrap();
        prop_assume!(arm.smallest_singular_value(&q) > 1e-3);
        let target = arm.forward(&q);
        let solutions = arm.inverse(&target, &q);
        prop_assert!(solutions.iter().any(|s| s.max_difference(&q) < 1e-6), "own branch missing among {}", solutions.len());
        for s in &solutions {
            let (d, a) = miss(&arm, s, &target);
            prop_assert!(d < 1e-8 && a < 1e-8);
            prop_assert!(arm.within_limits(s));
        }
    }

    #[test]
    fn jacobian_is_the_derivative(q in prop::array::uniform6(-3.0f64..3.0), joint in 0usize..6) {
        let arm = ur5e();
        let q = Joints::from_slice(&q).unwrap();
        let mut forward = q;
        forward[joint] += 1e-6;
        let point = arm.forward(&q).origin().raw();
        let (linear, _) = arm.link_poses(&q).jacobian_column(joint, &point);
        let difference = (arm.forward(&forward).origin().raw() - point) / 1e-6;
        prop_assert!((difference - linear).norm() < 1e-5);
    }
}
