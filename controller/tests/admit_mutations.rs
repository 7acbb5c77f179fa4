//! Plans that somebody or something has changed: thousands of single changes, each refused for its own reason.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod chance;
mod plant;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use chance::Chance;
use nalgebra::{UnitQuaternion, Vector3};
use stipple_controller::admit::*;
use stipple_model::digest::Digest;
use stipple_model::frames::{Direction, Head, Point, Transform};
use stipple_model::joints::Joints;
use stipple_model::plan::{DotId, Outcome, Plan, PlanError};
use stipple_model::units::{Angle, Length, Time};

const DOTS: u32 = 40;

fn good() -> &'static Plan {
    static GOOD: OnceLock<Plan> = OnceLock::new();
    GOOD.get_or_init(|| plant::plan(DOTS))
}

/// A change of a plan.
struct Mutation {
    name: &'static str,
    change: fn(&mut Plan, &mut Luck),
    /// Keys of [`AdmitError::key`], any of which is its reason.
    reasons: &'static [&'static str],
    /// The cell has to be built to find it.
    late: bool,
}

/// Chance with the shapes that mutations draw.
struct Luck(Chance);

impl Luck {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.below(1 << 32) as f64 / f64::from(u32::MAX)
    }

    fn sign(&mut self) -> f64 {
        if self.0.below(2) == 0 { 1.0 } else { -1.0 }
    }

    fn dot(&mut self) -> usize {
        self.0.below(u64::from(DOTS)) as usize
    }

    fn two(&mut self) -> (usize, usize) {
        let first = self.dot();
        (
            first,
            (first + 1 + self.0.below(u64::from(DOTS) - 1) as usize) % DOTS as usize,
        )
    }

    /// A direction at `angle` to `to`.
    fn leaning(&mut self, to: &Direction<Head>, angle: f64) -> Direction<Head> {
        let z = to.raw();
        let across = z.cross(&Vector3::new(0.3, 0.9, 0.2)).normalize();
        let turn = UnitQuaternion::from_axis_angle(
            &nalgebra::Unit::new_normalize(z),
            self.between(0.0, std::f64::consts::TAU),
        );
        Direction::new(z * angle.cos() + turn * across * angle.sin()).unwrap()
    }
}

fn hover(plan: &mut Plan, dot: usize) -> &mut [f64] {
    match &mut plan.dots[dot].outcome {
        Outcome::Planned { hover, .. } => hover.as_mut_slice(),
        Outcome::Skipped(_) => panic!("every dot of the plan is planned"),
    }
}

const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "depth beyond the zone's cap",
        change: |p, l| p.dots[l.dot()].depth = Length::from_mm(l.between(1.501, 20.0)),
        reasons: &["depth"],
        late: false,
    },
    Mutation {
        name: "depth that is none",
        change: |p, l| p.dots[l.dot()].depth = Length::from_mm(-l.between(0.0, 2.0)),
        reasons: &["depth", "inconsistent"],
        late: false,
    },
    Mutation {
        name: "a cap beyond the cap of all",
        change: |p, l| p.zones[0].depth_cap = Length::from_mm(l.between(2.001, 9.0)),
        reasons: &["inconsistent"],
        late: false,
    },
    Mutation {
        name: "position along the skin",
        change: |p, l| {
            let dot = &mut p.dots[l.dot()];
            let along = l.leaning(&dot.normal, std::f64::consts::FRAC_PI_2);
            // On the ball again, and on its mesh to 0.1 mm.
            let moved = dot.position.raw() + along.raw() * l.between(2e-5, 4e-4);
            dot.position = Point::from_raw(moved * (dot.position.raw().norm() / moved.norm()));
        },
        reasons: &["elsewhere", "off_surface"],
        late: false,
    },
    Mutation {
        name: "position off the skin",
        change: |p, l| {
            let dot = &mut p.dots[l.dot()];
            let off = l.sign() * l.between(0.15e-3, 30e-3);
            dot.position = Point::from_raw(dot.position.raw() + dot.normal.raw() * off);
        },
        reasons: &["off_surface"],
        late: false,
    },
    Mutation {
        name: "normal and needle turned together",
        change: |p, l| {
            let dot = &mut p.dots[l.dot()];
            let angle = l.between(0.25, 1.5);
            dot.normal = l.leaning(&dot.normal, angle);
            dot.needle = -dot.normal;
        },
        reasons: &["normal"],
        late: false,
    },
    Mutation {
        name: "needle beyond the cone",
        change: |p, l| {
            let dot = &mut p.dots[l.dot()];
            let angle = l.between(0.27, 3.1);
            dot.needle = l.leaning(&-dot.normal, angle);
        },
        reasons: &["tilt"],
        late: false,
    },
    Mutation {
        name: "needle within the cone of a normal that leans with it, beyond the mesh's",
        change: |p, l| {
            let dot = &mut p.dots[l.dot()];
            let own = dot.normal;
            dot.normal = l.leaning(&own, 0.1);
            let across = nalgebra::Unit::new_normalize(own.raw().cross(&dot.normal.raw()));
            let turn = UnitQuaternion::from_axis_angle(&across, l.between(0.345, 0.355));
            dot.needle = Direction::new(-(turn * own.raw())).unwrap();
        },
        reasons: &["tilt"],
        late: false,
    },
    Mutation {
        name: "needle within the cone, hover as before",
        change: |p, l| {
            let dot = &mut p.dots[l.dot()];
            // The mesh's own normal is a few degrees from the dot's.
            let angle = l.between(1e-4, 0.15);
            dot.needle = l.leaning(&-dot.normal, angle);
        },
        reasons: &["elsewhere"],
        late: false,
    },
    Mutation {
        name: "roll",
        change: |p, l| {
            let turn = l.sign() * l.between(1e-4, 3.0);
            if let Outcome::Planned { roll, .. } = &mut p.dots[l.dot()].outcome {
                *roll = Angle::from_rad(roll.rad() + turn);
            }
        },
        reasons: &["elsewhere"],
        late: false,
    },
    Mutation {
        name: "a hover's joint",
        change: |p, l| {
            let (dot, joint) = (l.dot(), l.0.below(6) as usize);
            hover(p, dot)[joint] += l.sign() * l.between(1e-5, 2.0);
        },
        reasons: &["elsewhere"],
        late: false,
    },
    Mutation {
        name: "a hover beyond the joints' limits",
        change: |p, l| {
            let (dot, joint) = (l.dot(), l.0.below(6) as usize);
            hover(p, dot)[joint] += l.sign() * l.between(12.6, 1e3);
        },
        reasons: &["joint_limits"],
        late: false,
    },
    Mutation {
        name: "a hover that is no number",
        change: |p, l| {
            let (dot, joint) = (l.dot(), l.0.below(6) as usize);
            hover(p, dot)[joint] =
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][l.0.below(3) as usize];
        },
        reasons: &["inconsistent"],
        late: false,
    },
    Mutation {
        name: "a dot twice",
        change: |p, l| {
            let copy = p.dots[l.dot()].clone();
            p.sequence[0].push(DotId(p.dots.len() as u32));
            p.dots.push(copy);
        },
        reasons: &["same_place"],
        late: false,
    },
    Mutation {
        name: "a dot run twice",
        change: |p, l| {
            let again = p.sequence[0][l.dot()];
            let at = l.dot();
            p.sequence[0].insert(at, again);
        },
        reasons: &["inconsistent"],
        late: false,
    },
    Mutation {
        name: "a dot left out of the order",
        change: |p, l| {
            p.sequence[0].remove(l.dot());
        },
        reasons: &["inconsistent"],
        late: false,
    },
    Mutation {
        name: "a dot that is not there",
        change: |p, l| {
            let at = l.dot();
            p.sequence[0][at] = DotId(DOTS + l.0.below(1 << 20) as u32);
        },
        reasons: &["inconsistent"],
        late: false,
    },
    Mutation {
        name: "the patch without the triangle under a dot",
        change: |p, l| {
            let dot = p.dots[l.dot()].position;
            let under = |t: &u32| p.head.distance_to_triangle(*t as usize, &dot).m() < 1e-9;
            let patch = p.patch.iter().copied().filter(|t| !under(t)).collect();
            p.patch = patch;
        },
        reasons: &["off_patch"],
        late: false,
    },
    Mutation {
        name: "a keep-out gone",
        change: |p, l| {
            p.keep_outs.remove(l.0.below(4) as usize);
        },
        reasons: &["no_keep_out"],
        late: false,
    },
    Mutation {
        name: "a keep-out that holds nothing",
        change: |p, l| {
            // From none at all to what would no longer hold an eye.
            let radius = Length::from_mm(l.between(-1.0, 2.9));
            p.keep_outs[l.0.below(4) as usize].radius = radius;
        },
        reasons: &["no_keep_out"],
        late: false,
    },
    Mutation {
        name: "a keep-out at a dot",
        change: |p, l| {
            let mut near = p.keep_outs[0].clone();
            near.center = p.dots[l.dot()].position;
            near.radius = Length::from_mm(l.between(0.0, 30.0));
            p.keep_outs.push(near);
        },
        reasons: &["keep_out"],
        late: false,
    },
    Mutation {
        name: "another head",
        change: |p, l| {
            let grown = 1.0 + l.sign() * l.between(0.003, 0.5);
            let vertices = p
                .head
                .vertices()
                .iter()
                .map(|v| Point::from_raw(v.raw() * grown));
            p.head = stipple_model::mesh::SurfaceMesh::new(
                vertices.collect(),
                p.head.triangles().to_vec(),
            )
            .unwrap();
        },
        reasons: &["off_surface"],
        late: false,
    },
    Mutation {
        name: "the head elsewhere",
        change: |p, l| {
            let shift = Transform::from_xyz_rpy([l.between(1e-5, 0.1), 0.0, 0.0], [0.0; 3]);
            p.cell.base_from_head = p.cell.base_from_head * shift;
        },
        reasons: &["elsewhere"],
        late: false,
    },
    Mutation {
        name: "a longer tool",
        change: |p, l| {
            let shift = Transform::from_xyz_rpy([0.0, 0.0, l.between(1e-5, 0.1)], [0.0; 3]);
            p.cell.tool.flange_from_tip = p.cell.tool.flange_from_tip * shift;
        },
        reasons: &["elsewhere"],
        late: false,
    },
    Mutation {
        name: "a short stroke",
        change: |p, l| p.cell.tool.stroke = Length::from_mm(l.between(0.0, 2.59)),
        reasons: &["stroke"],
        late: false,
    },
    Mutation {
        name: "the shipped arm with a faster joint",
        change: |p, l| {
            let faster = format!("velocity=\"{}\"", l.between(4.0, 40.0));
            p.cell.arm.urdf = with_attribute(&p.cell.arm.urdf, "velocity=\"", &faster);
        },
        reasons: &["other_description"],
        late: false,
    },
    Mutation {
        name: "another arm's shape",
        change: |p, l| {
            p.cell.arm.name = "another".to_owned();
            let length = format!("-0.425{}", 1 + l.0.below(9));
            p.cell.arm.urdf = p.cell.arm.urdf.replace("-0.425", &length);
        },
        reasons: &["elsewhere"],
        late: false,
    },
    Mutation {
        name: "two dots in each other's place in the order",
        change: |p, l| {
            let (a, b) = l.two();
            p.sequence[0].swap(a, b);
        },
        reasons: &["motion", "hop"],
        late: true,
    },
    Mutation {
        name: "the motion's time",
        change: |p, l| {
            let parts = &mut p.session_estimate.layers[0];
            parts.motion = Time::from_s(parts.motion.s() * l.between(1.001, 3.0));
        },
        reasons: &["motion"],
        late: true,
    },
    Mutation {
        name: "a joint's acceleration",
        change: |p, l| {
            let slower = l.between(0.5, 3.0);
            let yaml = format!(
                "joint_limits:\n  elbow_joint:\n    has_acceleration_limits: true\n    max_acceleration: {slower}\n"
            );
            p.cell.arm = p.cell.arm.with_joint_limits(&yaml).unwrap();
        },
        reasons: &["motion"],
        late: true,
    },
    Mutation {
        name: "the time of the ways off the head",
        change: |p, l| {
            let parts = &mut p.session_estimate.layers[0];
            parts.station_ways = Time::from_s(parts.station_ways.s() * l.between(1.001, 3.0));
        },
        reasons: &["motion"],
        late: true,
    },
    Mutation {
        name: "a station that its joints do not reach",
        change: |p, l| {
            let first = p.dots[l.dot()].hover_pose(Length::from_mm(60.0)).unwrap();
            p.cell.station = Some(p.cell.base_from_head * first);
            p.station = Some(Joints::zeros(6).map(|_| 0.5));
        },
        reasons: &["station"],
        late: false,
    },
    Mutation {
        name: "a box where the arm hovers",
        change: |p, l| {
            let dot = p.dots[l.dot()].position + p.dots[0].normal * 0.02;
            let at = (p.cell.base_from_head * dot).raw();
            p.cell.boxes.push(stipple_model::cell::SceneBox {
                name: "lamp".to_owned(),
                base_from_box: Transform::from_xyz_rpy(at.into(), [0.0; 3]),
                size: [0.02; 3],
            });
        },
        reasons: &["blocked"],
        late: true,
    },
    Mutation {
        name: "the floor higher than the arm",
        change: |p, l| p.cell.floor_z = l.between(0.3, 2.0),
        reasons: &["blocked", "cell"],
        late: true,
    },
];

/// Replaces the first attribute that begins so, up to its closing quote.
fn with_attribute(text: &str, begins: &str, by: &str) -> String {
    let at = text.find(begins).unwrap();
    let end = at + begins.len() + text[at + begins.len()..].find('"').unwrap() + 1;
    format!("{}{by}{}", &text[..at], &text[end..])
}

#[test]
fn thousands_of_changes_are_refused_each_for_its_own_reason() {
    assert!(admit(Arc::new(good().clone()), Digest::of(b"plan")).is_ok());
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (mutation, seed) in MUTATIONS.iter().zip(1u64..) {
        let rounds = if mutation.late { 10 } else { 100 };
        for round in 0..rounds {
            let mut luck = Luck(Chance(seed << 32 | round));
            let mut plan = good().clone();
            (mutation.change)(&mut plan, &mut luck);
            let Err(error) = admit(Arc::new(plan), Digest::of(b"plan")) else {
                panic!("{}, round {round}: admitted", mutation.name)
            };
            assert!(
                mutation.reasons.contains(&error.key()),
                "{}, round {round}: {} ({error})",
                mutation.name,
                error.key()
            );
            *counts.entry(error.key()).or_default() += 1;
        }
    }
    eprintln!("{counts:?}");
    assert!(counts.values().sum::<u32>() > 2_000);
    // Each kind of reason is really met.
    let wanted = MUTATIONS.iter().map(|m| m.reasons[0]);
    for reason in wanted {
        assert!(counts.contains_key(reason), "{reason} was never the reason");
    }
}

#[test]
fn any_changed_byte_of_the_file_is_refused() {
    let (bytes, digest) = good().to_bytes().unwrap();
    let (plan, read) = Plan::from_bytes(&bytes, Path::new("good.plan")).unwrap();
    assert_eq!((&plan, read), (good(), digest));
    let mut chance = Chance(77);
    for _ in 0..1_000 {
        let mut changed = bytes.clone();
        let at = chance.below(bytes.len() as u64) as usize;
        changed[at] ^= 1 << chance.below(8);
        let refused = Plan::from_bytes(&changed, Path::new("changed.plan"));
        assert!(
            matches!(
                refused,
                Err(PlanError::Corrupt { .. }
                    | PlanError::NotAPlan { .. }
                    | PlanError::Version { .. })
            ),
            "byte {at}: {:?}",
            refused.err()
        );
    }
}

#[test]
fn a_plan_made_on_another_scan_is_told() {
    let admitted = admit(Arc::new(good().clone()), Digest::of(b"plan")).unwrap();
    assert!(admitted.check_scan(Digest::of(b"scan")).is_ok());
    let error = admitted
        .check_scan(Digest::of(b"another scan"))
        .unwrap_err();
    assert_eq!(error.key(), "other_scan");
}
