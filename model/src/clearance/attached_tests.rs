//! What is fixed to links beside the arm, tools that run through it, and what is below a base.

use super::*;

/// The shipped arm with a part fixed to a link: its size and where, metres.
fn with_part(link: &str, size: &str, at: &str) -> Cell {
    let mut arm = ArmSource::ur5e();
    let part = format!(
        "<link name=\"part\"><collision><geometry><box size=\"{size}\"/></geometry></collision></link>\
         <joint name=\"to_part\" type=\"fixed\"><parent link=\"{link}\"/><child link=\"part\"/><origin xyz=\"{at}\"/></joint>"
    );
    arm.urdf = arm.urdf.replace("</robot>", &format!("{part}</robot>"));
    Cell { arm, ..cell() }
}

/// What is fixed to a link is no neighbour of the next: a camera at an elbow, a post beside a base.
#[test]
fn what_is_fixed_to_a_link_is_kept_apart_from_its_neighbours() {
    for (link, size, at, against) in [
        (
            "upper_arm_link",
            "0.06 0.06 0.3",
            "-0.25 0 0.1",
            "forearm_link",
        ),
        (
            "base_link",
            "0.04 0.04 0.4",
            "0.2 -0.15 0.2",
            "upper_arm_link",
        ),
    ] {
        let cell = with_part(link, size, at);
        let work = WorkCell::new(&cell, &ball(RADIUS, 12, true)).unwrap();
        let plain = WorkCell::new(&crate::testing::cell(), &ball(RADIUS, 12, true)).unwrap();
        assert_eq!(work.unwatched_pairs(), plain.unwatched_pairs(), "{link}");
        let [part, neighbour] = ["part", against].map(|name| {
            let found = work.bodies.iter().position(|b| b.name == name);
            found.unwrap_or_else(|| panic!("no {name}"))
        });
        let pair = |a, b| (a, b) == (part, neighbour) || (b, a) == (part, neighbour);
        assert!(work.watched.iter().any(|&(a, b)| pair(a, b)), "{link}");
        let away = Transform::from_xyz_rpy([5.0, 0.0, 5.0], [0.0; 3]);
        let hits = (1..2_000).filter(|k| {
            let found = work.blocked(&work.arm().spread(*k), &away);
            matches!(found, Some(Obstacle::Itself { body, other }) if pair(body, other))
        });
        assert!(hits.count() > 3, "{link}: they never meet");
    }
}

/// A tool that runs through the arm, or a pair that nothing parts, is no cell.
#[test]
fn a_tool_that_is_in_the_arm_is_refused() {
    let mut cell = cell();
    cell.tool.body_length = crate::units::Length::from_mm(850.0);
    let made = WorkCell::new(&cell, &ball(RADIUS, 12, true));
    assert!(
        matches!(made, Err(CellError::ToolInArm { .. })),
        "{:?}",
        made.err()
    );
}

/// Below the base is below where the base is, wherever its description begins.
#[test]
fn the_column_below_a_base_begins_at_the_base() {
    use crate::cell::SceneBox;
    let mut cell = cell();
    cell.arm.urdf = cell
        .arm
        .urdf
        .replace("<link name=\"base_link\">", "<link name=\"world\"/><joint name=\"mount\" type=\"fixed\"><parent link=\"world\"/><child link=\"base_link\"/><origin xyz=\"0 0 0.75\"/></joint><link name=\"base_link\">");
    cell.floor_z = 0.0;
    cell.boxes.push(SceneBox {
        name: "trunk".to_owned(),
        base_from_box: Transform::from_xyz_rpy([0.0, 0.0, 0.4], [0.0; 3]),
        size: [0.4, 0.4, 0.3],
    });
    let away = Transform::from_xyz_rpy([5.0, 0.0, 5.0], [0.0; 3]);
    let work = WorkCell::new(&cell, &ball(RADIUS, 12, true)).unwrap();
    assert_eq!(work.below_base(&away).boxes, 1);
    assert_eq!(work.base_blocked(&away), None);
    // Sunk into the floor it does not stand.
    cell.floor_z = 0.80;
    let work = WorkCell::new(&cell, &ball(RADIUS, 12, true)).unwrap();
    assert!(matches!(
        work.base_blocked(&away),
        Some(Obstacle::Floor { .. })
    ));
}
