//! Arms that no maker sells, as URDF text: for tests and benches.

/// One joint of a made arm: origin (metres), roll-pitch-yaw (rad) and axis.
pub type MadeJoint = ([f64; 3], [f64; 3], [f64; 3]);

pub const X: [f64; 3] = [1.0, 0.0, 0.0];
pub const Y: [f64; 3] = [0.0, 1.0, 0.0];
pub const Z: [f64; 3] = [0.0, 0.0, 1.0];
pub const MINUS_Y: [f64; 3] = [0.0, -1.0, 0.0];
pub const UPRIGHT: [f64; 3] = [0.0; 3];

/// A URDF of revolute joints one after the other, with limits of ±3.1 rad.
pub fn urdf(joints: &[MadeJoint]) -> String {
    let text = |v: &[f64; 3]| format!("{} {} {}", v[0], v[1], v[2]);
    let mut urdf = String::from("<robot name=\"made\"><link name=\"l0\"/>");
    for (i, (xyz, rpy, axis)) in joints.iter().enumerate() {
        urdf += &format!(
            "<link name=\"l{}\"/><joint name=\"j{i}\" type=\"revolute\"><parent link=\"l{i}\"/><child link=\"l{}\"/>\
             <origin xyz=\"{}\" rpy=\"{}\"/><axis xyz=\"{}\"/><limit lower=\"-3.1\" upper=\"3.1\" velocity=\"2\" effort=\"9\"/></joint>",
            i + 1,
            i + 1,
            text(xyz),
            text(rpy),
            text(axis)
        );
    }
    urdf + "</robot>"
}

/// An industrial arm: shoulder and elbow offset in every direction, forearm and wrist as usual, some axes the other way round.
pub const INDUSTRIAL: [MadeJoint; 6] = [
    ([0.02, -0.01, 0.4], [0.1, 0.2, 0.3], Z),
    ([0.15, 0.03, 0.12], UPRIGHT, Y),
    ([0.0, -0.05, 0.61], UPRIGHT, MINUS_Y),
    ([0.11, 0.02, 0.14], UPRIGHT, X),
    ([0.52, 0.0, 0.0], UPRIGHT, Y),
    (
        [0.09, 0.0, 0.0],
        [0.0, 0.4, 0.0],
        [0.921_060_994_002_885, 0.0, 0.389_418_342_308_650_5],
    ),
];

/// The same arm as if its base were its flange: it has a spherical shoulder and no spherical wrist.
#[allow(dead_code, reason = "a test needs it, the bench does not")]
pub const TURNED_ROUND: [MadeJoint; 6] = [
    ([0.0, 0.0, 0.1], UPRIGHT, X),
    ([0.09, 0.0, 0.0], UPRIGHT, Y),
    ([0.0, 0.0, 0.0], UPRIGHT, Z),
    ([0.11, 0.02, 0.5], UPRIGHT, Y),
    ([0.05, -0.05, 0.6], UPRIGHT, Y),
    ([0.15, 0.03, 0.12], UPRIGHT, Z),
];

/// Seven axes: shoulder and wrist spherical, the elbow between them.
pub const SEVEN: [MadeJoint; 7] = [
    ([0.0, 0.0, 0.34], UPRIGHT, Z),
    ([0.0; 3], UPRIGHT, Y),
    ([0.0, 0.0, 0.2], UPRIGHT, Z),
    ([0.0, 0.0, 0.2], UPRIGHT, MINUS_Y),
    ([0.0, 0.0, 0.2], UPRIGHT, Z),
    ([0.0, 0.0, 0.2], UPRIGHT, Y),
    ([0.0, 0.0, 0.126], UPRIGHT, Z),
];

/// No two axes meet, none are parallel.
pub const CROOKED: [MadeJoint; 6] = [
    ([0.0, 0.0, 0.3], [0.1, 0.0, 0.0], Z),
    ([0.1, 0.05, 0.1], [0.0, 0.3, 0.2], Y),
    ([0.03, 0.0, 0.5], [0.2, 0.1, 0.0], Y),
    ([0.1, 0.02, 0.1], [0.0, 0.2, 0.1], X),
    ([0.4, 0.03, 0.0], [0.3, 0.0, 0.1], Y),
    ([0.05, 0.04, 0.03], [0.1, 0.1, 0.1], X),
];
