//! Plans that must not be admitted.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod plant;

use std::sync::{Arc, OnceLock};

use stipple_controller::admit::*;
use stipple_model::digest::Digest;
use stipple_model::frames::{Direction, Point};
use stipple_model::plan::{DotId, Plan};
use stipple_model::units::Length;

fn good() -> &'static Plan {
    static GOOD: OnceLock<Plan> = OnceLock::new();
    GOOD.get_or_init(|| plant::plan(5))
}

fn check(change: impl FnOnce(&mut Plan), expect: impl FnOnce(&AdmitError) -> bool) {
    let mut plan = good().clone();
    change(&mut plan);
    let error = admit(Arc::new(plan), Digest::of(b"plan")).unwrap_err();
    assert!(expect(&error), "{error}");
}

/// H1, H7.
#[test]
fn broken_plans_are_refused_each_for_its_own_reason() {
    use DotFault::*;
    assert!(admit(Arc::new(good().clone()), Digest::of(b"plan")).is_ok());
    let dot = |fault: fn(&DotFault) -> bool| move |e: &AdmitError| matches!(e, AdmitError::Dot { dot: 2, fault: f } if fault(f));
    check(
        |p| p.dots[2].depth = Length::from_mm(2.1),
        dot(|f| matches!(f, Depth { .. })),
    );
    check(
        |p| {
            p.zones[0].depth_cap = Length::from_mm(0.9);
            p.dots[2].depth = Length::from_mm(0.95);
        },
        dot(|f| matches!(f, Depth { .. })),
    );
    check(
        |p| p.zones[0].depth_cap = Length::from_m(f64::NAN),
        |e| matches!(e, AdmitError::Inconsistent(_)),
    );
    check(
        |p| p.dots[2].depth = Length::ZERO,
        dot(|f| matches!(f, Depth { .. })),
    );
    check(
        |p| {
            p.dots[2].needle =
                Direction::new(p.dots[2].needle.raw() + nalgebra::Vector3::new(0.3, 0.0, 0.0))
                    .unwrap()
        },
        dot(|f| matches!(f, Tilt { .. })),
    );
    check(
        |p| p.dots[2].position = Point::from_raw(p.dots[2].position.raw() * 1.01),
        dot(|f| matches!(f, OffSurface { .. })),
    );
    check(
        |p| {
            p.keep_outs.push(stipple_model::plan::KeepOut {
                name: "eye".into(),
                center: p.dots[2].position,
                radius: Length::from_mm(5.0),
            })
        },
        |e| {
            matches!(
                e,
                AdmitError::Dot {
                    fault: KeepOut { .. },
                    ..
                }
            )
        },
    );
    check(
        |p| p.patch.clear(),
        |e| {
            matches!(
                e,
                AdmitError::Dot {
                    fault: OffPatch,
                    ..
                }
            )
        },
    );
    check(
        |p| p.cell.tool.stroke = Length::from_mm(2.5),
        |e| matches!(e, AdmitError::Stroke { .. }),
    );
    check(
        |p| p.sequence[0].push(DotId(1)),
        |e| matches!(e, AdmitError::Inconsistent(_)),
    );
    check(
        |p| p.sequence[0].truncate(3),
        |e| matches!(e, AdmitError::Inconsistent(_)),
    );
    check(
        |p| p.cell.floor_z = f64::NAN,
        |e| matches!(e, AdmitError::CellNumber(_)),
    );
    // At the station the needle's axis counts, the turn about it does not.
    let turned = |roll: f64, pitch: f64| {
        move |p: &mut stipple_model::plan::Plan| {
            let turn = stipple_model::frames::Transform::from_xyz_rpy([0.0; 3], [0.0, pitch, roll]);
            p.cell.station = p.cell.station.map(|station| station * turn);
        }
    };
    let mut plan = good().clone();
    turned(0.5, 0.0)(&mut plan);
    assert!(admit(Arc::new(plan), Digest::of(b"plan")).is_ok());
    check(turned(0.0, 0.01), |e| {
        matches!(e, AdmitError::Station(Elsewhere { .. }))
    });
    check(
        |p| p.station = p.station.map(|q| q.map(|angle| angle + 1e-4)),
        |e| matches!(e, AdmitError::Station(Elsewhere { .. })),
    );
    // Whoever waits over the head is not off it.
    check(
        |p| {
            let work = p.work_cell().unwrap();
            p.station = p.first_hover(1);
            p.cell.station = p.station.map(|q| work.base_from_tip(&q));
        },
        |e| matches!(e, AdmitError::Station(OverHead { .. })),
    );
    let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    assert!(check_arm(&names(&["a", "b"]), &names(&["b", "a"])).is_ok());
    assert!(check_arm(&names(&["a", "b"]), &names(&["a"])).is_err());
    assert!(check_arm(&names(&["a", "b"]), &names(&["a", "c"])).is_err());
}
