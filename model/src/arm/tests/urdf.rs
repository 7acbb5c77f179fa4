//! What URDFs come as, and what is refused.

use std::collections::BTreeMap;

use super::super::{Arm, ArmError, ArmSource, Finding};
use super::made::{INDUSTRIAL, SEVEN, urdf};
use crate::joints::Joints;

pub(super) fn read(urdf: String) -> Result<Arm, ArmError> {
    Arm::from_source(&ArmSource {
        urdf,
        ..ArmSource::ur5e()
    })
}

/// The industrial arm with one text replaced by another, the first time it comes.
fn changed(from: &str, to: &str) -> Result<Arm, ArmError> {
    let text = urdf(&INDUSTRIAL);
    assert!(text.contains(from), "{from}");
    read(text.replacen(from, to, 1))
}

fn behind(link: &str, extra: &str) -> String {
    let fixed = format!(
        "<link name=\"{link}\"/><joint name=\"to_{link}\" type=\"fixed\"><parent link=\"l6\"/><child link=\"{link}\"/></joint>"
    );
    urdf(&INDUSTRIAL).replace("</robot>", &format!("{fixed}{extra}</robot>"))
}

fn with_shapes(shapes: &str, meshes: &[(&str, Vec<u8>)]) -> Result<Arm, ArmError> {
    let link = format!("<link name=\"l3\">{shapes}</link>");
    Arm::from_source(&ArmSource {
        urdf: urdf(&INDUSTRIAL).replacen("<link name=\"l3\"/>", &link, 1),
        meshes: meshes
            .iter()
            .map(|(n, b)| ((*n).to_owned(), b.clone()))
            .collect::<BTreeMap<_, _>>(),
        ..ArmSource::ur5e()
    })
}

pub(super) fn collision(geometry: &str) -> String {
    format!(
        "<collision><origin xyz=\"0.1 0 0\" rpy=\"0 0 1.5707963267948966\"/><geometry>{geometry}</geometry></collision>"
    )
}

/// A tetrahedron with corners at the origin and 0.1, 0.2, 0.3 m along the axes.
const CORNERS: [[f32; 3]; 4] = [[0.0; 3], [0.1, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.3]];
const FACES: [[usize; 3]; 4] = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];

fn binary_stl(count: u32) -> Vec<u8> {
    let mut bytes = vec![0; 80];
    bytes.extend(count.to_le_bytes());
    for face in FACES {
        bytes.extend([0; 12]);
        for corner in face.iter().flat_map(|i| CORNERS[*i]) {
            bytes.extend(corner.to_le_bytes());
        }
        bytes.extend([0; 2]);
    }
    bytes
}

fn ascii_stl() -> Vec<u8> {
    let mut text = "solid t\n".to_owned();
    for face in FACES {
        text += "facet normal 0 0 0\nouter loop\n";
        for [x, y, z] in face.map(|i| CORNERS[i]) {
            text += &format!("vertex {x} {y} {z}\n");
        }
        text += "endloop\nendfacet\n";
    }
    (text + "endsolid t\n").into_bytes()
}

fn obj() -> Vec<u8> {
    let vertices = CORNERS.map(|[x, y, z]| format!("v {x} {y} {z}\n")).concat();
    let faces = FACES
        .map(|[a, b, c]| format!("f {} {} {}\n", a + 1, b + 1, c + 1))
        .concat();
    (vertices + &faces).into_bytes()
}

/// The volume that a body's triangles enclose, m³: negative when they are inside out.
fn volume(arm: &Arm, body: usize) -> f64 {
    let body = &arm.bodies()[body];
    let corner = |i: u32| body.vertices()[i as usize];
    body.triangles()
        .iter()
        .map(|[a, b, c]| corner(*a).dot(&corner(*b).cross(&corner(*c))) / 6.0)
        .sum()
}

#[test]
fn every_primitive_encloses_its_true_volume() {
    let shapes = [
        ("<box size=\"0.1 0.2 0.3\"/>", 0.006),
        ("<cylinder radius=\"0.1\" length=\"0.3\"/>", 0.009_424_8),
        ("<sphere radius=\"0.1\"/>", 0.004_188_8),
        ("<capsule radius=\"0.1\" length=\"0.3\"/>", 0.013_613_6),
    ];
    let mut all = (String::new(), 0.0);
    for (shape, least) in shapes {
        let arm = with_shapes(&collision(shape), &[]).unwrap();
        let enclosed = volume(&arm, 3);
        assert!(
            enclosed >= least - 1e-9 && enclosed < 1.15 * least,
            "{shape}: {enclosed}"
        );
        all = (all.0 + &collision(shape), all.1 + enclosed);
    }
    let arm = with_shapes(&all.0, &[]).unwrap();
    assert!(
        (volume(&arm, 3) - all.1).abs() < 1e-12,
        "several shapes of one link"
    );
}

#[test]
fn meshes_are_read_scaled_and_mirrored() {
    for (name, bytes) in [
        ("a.stl", binary_stl(4)),
        ("b.STL", ascii_stl()),
        ("package://p/c.obj", obj()),
    ] {
        for (scale, share) in [
            ("", 1.0),
            ("scale=\"2 1 0.5\"", 1.0),
            ("scale=\"1 -1 1\"", 1.0),
            ("scale=\"-2 -2 -2\"", 8.0),
        ] {
            let shape = collision(&format!("<mesh filename=\"{name}\" {scale}/>"));
            let arm = with_shapes(&shape, &[(name, bytes.clone())]).unwrap();
            assert!(
                (volume(&arm, 3) - 0.001 * share).abs() < 1e-9,
                "{name} {scale}: {}",
                volume(&arm, 3)
            );
        }
        // Turned a quarter about z and moved 0.1 m along x.
        let arm = with_shapes(
            &collision(&format!("<mesh filename=\"{name}\"/>")),
            &[(name, bytes)],
        )
        .unwrap();
        let reaches = |p: [f64; 3]| {
            arm.bodies()[3]
                .vertices()
                .iter()
                .any(|v| (v - nalgebra::Vector3::from(p)).norm() < 1e-7)
        };
        assert!(reaches([0.1, 0.1, 0.0]) && reaches([-0.1, 0.0, 0.0]) && reaches([0.1, 0.0, 0.3]));
    }
}

#[test]
fn broken_meshes_are_refused_by_name() {
    let mesh = collision("<mesh filename=\"m.stl\"/>");
    let cut = binary_stl(4)[..100].to_vec();
    let mut infinite = binary_stl(4);
    infinite[84 + 12..84 + 16].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let cut_text = ascii_stl()[..300].to_vec();
    let nothing = b"solid nothing\nendsolid".to_vec();
    for bytes in [
        vec![],
        cut,
        cut_text,
        binary_stl(u32::MAX),
        binary_stl(5),
        infinite,
        nothing,
    ] {
        let error = with_shapes(&mesh, &[("m.stl", bytes)]).unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, ArmError::Shape { .. })
                && text.contains("l3")
                && text.contains("m.stl"),
            "{text}"
        );
    }
    let error = with_shapes(
        &collision("<mesh filename=\"m.dae\"/>"),
        &[("m.dae", b"<COLLADA/>".to_vec())],
    );
    assert!(error.unwrap_err().to_string().contains("Collada"));
    let zero = with_shapes(
        &collision("<mesh filename=\"m.stl\" scale=\"1 0 1\"/>"),
        &[("m.stl", binary_stl(4))],
    );
    assert!(matches!(zero, Err(ArmError::Shape { .. })));
    for shape in [
        "<box size=\"nan 1 1\"/>",
        "<sphere radius=\"0\"/>",
        "<cylinder radius=\"1e9\" length=\"1\"/>",
    ] {
        assert!(
            matches!(
                with_shapes(&collision(shape), &[]),
                Err(ArmError::Shape { .. })
            ),
            "{shape}"
        );
    }
}

#[test]
fn meshes_are_found_where_urdfs_point() {
    let folder = std::env::temp_dir().join(format!("stipple-arm-meshes-{}", std::process::id()));
    let deep = folder.join("robot/urdf");
    std::fs::create_dir_all(folder.join("robot/meshes")).unwrap();
    std::fs::create_dir_all(&deep).unwrap();
    let mesh = folder.join("robot/meshes/part.stl");
    std::fs::write(&mesh, binary_stl(4)).unwrap();
    let open = |filename: &str| {
        let shape = collision(&format!("<mesh filename=\"{filename}\"/>"));
        let link = format!("<link name=\"l3\">{shape}</link>");
        let file = deep.join("arm.urdf");
        std::fs::write(
            &file,
            urdf(&INDUSTRIAL).replacen("<link name=\"l3\"/>", &link, 1),
        )
        .unwrap();
        ArmSource::read(&file)
    };
    let absolute = format!("file://{}", mesh.display());
    for filename in [
        "../meshes/part.stl",
        "package://robot/meshes/part.stl",
        "package://other/meshes/part.stl",
        &absolute,
    ] {
        let arm = Arm::from_source(&open(filename).unwrap()).unwrap();
        assert_eq!(
            (arm.name(), arm.bodies()[3].triangles().len()),
            ("arm", 4),
            "{filename}"
        );
    }
    for filename in ["part.stl", "package://robot/gone.stl", "file:///gone.stl"] {
        let text = open(filename).unwrap_err().to_string();
        assert!(
            text.contains(filename) && text.contains("looked at: /"),
            "{text}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn fixed_joints_shuffled_order_and_prefixes_change_nothing() {
    let plain = read(urdf(&INDUSTRIAL)).unwrap();
    let q = Joints::from_slice(&[0.1, -0.4, 0.7, 1.1, -0.6, 0.3]).unwrap();
    let pose = plain.forward(&q);
    // A world link before, a fixed joint of two halves in the middle, frames behind.
    let fixed = |name: &str, parent: &str, child: &str, xyz: &str| {
        format!(
            "<joint name=\"{name}\" type=\"fixed\"><parent link=\"{parent}\"/><child link=\"{child}\"/><origin xyz=\"{xyz}\"/></joint>"
        )
    };
    let mut text =
        urdf(&INDUSTRIAL).replacen("<parent link=\"l3\"/>", "<parent link=\"half\"/>", 1);
    text = text.replacen(
        "<origin xyz=\"0.11 0.02 0.14\"",
        "<origin xyz=\"0.01 0.02 0.04\"",
        1,
    );
    let more =
        "<link name=\"world\"/><link name=\"half\"/><link name=\"flange\"/><link name=\"tool0\"/>"
            .to_owned()
            + &fixed("w", "world", "l0", "0 0 0")
            + &fixed("h", "l3", "half", "0.1 0 0.1")
            + &fixed("f", "l6", "flange", "0 0 0.3")
            + &fixed("t", "flange", "tool0", "0 0 -0.3");
    text = text.replace("</robot>", &format!("{more}</robot>"));
    let arm = read(text.clone()).unwrap();
    assert_eq!((arm.base_link(), arm.flange_link()), ("world", "tool0"));
    let (d, a) = arm.forward(&q).separation(&pose);
    assert!(d < 1e-12 && a < 1e-7);
    // Elements in another order, and names with a prefix.
    let inner = text
        .strip_prefix("<robot name=\"made\">")
        .unwrap()
        .strip_suffix("</robot>")
        .unwrap();
    let mut parts: Vec<&str> = inner.split_inclusive("</joint>").collect();
    parts.reverse();
    let shuffled = format!("<robot name=\"x\">{}</robot>", parts.concat());
    let prefixed = ["link=\"", "link name=\"", "joint name=\""]
        .iter()
        .fold(shuffled, |t, place| {
            t.replace(place, &format!("{place}left_"))
        });
    let arm = read(prefixed).unwrap();
    assert_eq!(
        (arm.base_link(), arm.flange_link()),
        ("left_world", "left_tool0")
    );
    assert_eq!(arm.joints()[2].name, "left_j2");
    assert!(arm.forward(&q).separation(&pose).0 < 1e-12);
}

#[test]
fn continuous_joints_and_axes_of_any_length_are_taken() {
    let arm = changed("type=\"revolute\"", "type=\"continuous\"").unwrap();
    assert!(arm.joints()[0].lower < -6.2 && arm.joints()[0].upper > 6.2);
    let q = Joints::from_slice(&[0.1, -0.4, 0.7, 1.1, -0.6, 0.3]).unwrap();
    let long = changed("<axis xyz=\"0 0 1\"/>", "<axis xyz=\"0 0 7.5\"/>").unwrap();
    assert!(long.forward(&q).separation(&arm.forward(&q)).0 < 1e-12);
}

#[test]
fn soft_limits_and_motion_limits_of_the_urdf_are_used() {
    let soft = |lower: &str| {
        let text = format!(
            "<safety_controller soft_lower_limit=\"{lower}\" soft_upper_limit=\"9\" k_velocity=\"1\"/></joint>"
        );
        changed("</joint>", &text)
    };
    let arm = soft("-1.5").unwrap();
    assert_eq!((arm.joints()[0].lower, arm.joints()[0].upper), (-1.5, 3.1));
    assert!(arm.findings().contains(&Finding::SoftLimits {
        joint: "j0".to_owned()
    }));
    for bad in ["3.2", "nan"] {
        assert!(matches!(soft(bad), Err(ArmError::Limits { .. })));
    }
    let unused = changed("</joint>", "<safety_controller k_velocity=\"1\"/></joint>").unwrap();
    assert_eq!(unused.joints()[0].lower, -3.1);
    // Since version 1.2 a URDF may state these.
    let text = urdf(&INDUSTRIAL).replacen(
        "<robot name=\"made\">",
        "<robot name=\"made\" version=\"1.2\">",
        1,
    );
    let arm = read(text.replacen(
        "velocity=\"2\"",
        "velocity=\"2\" acceleration=\"4\" jerk=\"50\"",
        1,
    ))
    .unwrap();
    let limits = arm.motion_limits();
    assert_eq!((limits.acceleration[0], limits.jerk[0]), (4.0, 50.0));
    assert!(limits.acceleration[1] > 4.0 && limits.jerk[1] > 50.0);
}

#[test]
fn what_is_not_used_may_be_broken_and_is_said() {
    let inertial = |text: &str| {
        let link = format!(
            "<link name=\"l2\"><inertial>{text}</inertial><visual><nonsense/></visual></link>"
        );
        changed("<link name=\"l2\"/>", &link).unwrap()
    };
    let good =
        "<mass value=\"2\"/><inertia ixx=\"1\" ixy=\"0\" ixz=\"0\" iyy=\"1\" iyz=\"0\" izz=\"1\"/>";
    let said = |arm: &Arm| {
        arm.findings().contains(&Finding::Inertial {
            link: "l2".to_owned(),
        })
    };
    assert!(!said(&inertial(good)));
    for bad in [
        "",
        "<mass/>",
        "<mass value=\"heavy\"/>",
        &good.replace("value=\"2\"", "value=\"-2\""),
        &good.replace("izz=\"1\"", "izz=\"9\""),
        &good.replace("izz=\"1\"", "izz=\"nan\""),
        &good.replace("izz=\"1\"", ""),
    ] {
        assert!(said(&inertial(bad)), "{bad}");
    }
    let bare = read(urdf(&SEVEN)).unwrap();
    assert!(bare.findings().contains(&Finding::NoCollisionGeometry {
        link: "l7".to_owned()
    }));
    assert_eq!(
        Arm::from_source(&ArmSource::ur5e()).unwrap().findings(),
        &[Finding::AssumedLimits { joints: 6 }]
    );
    let other = behind(
        "tool0",
        "<transmission name=\"t\"><type/></transmission><gazebo><x/></gazebo><material name=\"m\"/>",
    );
    assert!(read(other).is_ok());
}

#[test]
fn the_flange_is_found_or_asked_for() {
    assert_eq!(read(urdf(&INDUSTRIAL)).unwrap().flange_link(), "l6");
    assert_eq!(read(behind("hand", "")).unwrap().flange_link(), "hand");
    let camera = "<link name=\"camera\"/><joint name=\"c\" type=\"fixed\"><parent link=\"l6\"/><child link=\"camera\"/></joint>";
    assert_eq!(
        read(behind("a_tool0", camera)).unwrap().flange_link(),
        "a_tool0"
    );
    let two = behind("hand", camera);
    let error = read(two.clone()).unwrap_err();
    assert!(
        error.to_string().contains("\"hand\"") && error.to_string().contains("\"camera\""),
        "{error}"
    );
    let named = |flange: &str| {
        Arm::from_source(&ArmSource {
            urdf: two.clone(),
            flange: Some(flange.to_owned()),
            ..ArmSource::ur5e()
        })
    };
    assert_eq!(named("hand").unwrap().flange_link(), "hand");
    assert!(matches!(named("l2"), Err(ArmError::Flange { .. })));
}

#[test]
fn what_is_no_serial_arm_is_refused_in_one_line() {
    let joint = "<joint name=\"j0\" type=\"revolute\">";
    let limit = "<limit lower=\"-3.1\" upper=\"3.1\" velocity=\"2\" effort=\"9\"/>";
    let typed = |kind: &str| changed(joint, &joint.replace("revolute", kind));
    for kind in ["prismatic", "planar", "floating"] {
        assert!(
            matches!(typed(kind), Err(ArmError::JointType { joint, .. }) if joint == "j0"),
            "{kind}"
        );
    }
    let mimic = changed(joint, &format!("{joint}<mimic joint=\"j1\"/>"));
    assert!(matches!(mimic, Err(ArmError::Mimic { .. })));
    for bad in [
        "",
        "<limit lower=\"-3.1\" upper=\"3.1\" effort=\"9\"/>",
        "<limit lower=\"1\" upper=\"1\" velocity=\"2\"/>",
        "<limit lower=\"1\" upper=\"-1\" velocity=\"2\"/>",
        "<limit lower=\"-1\" upper=\"1\" velocity=\"0\"/>",
        "<limit lower=\"-1\" upper=\"1\" velocity=\"nan\"/>",
        "<limit lower=\"-inf\" upper=\"1\" velocity=\"1\"/>",
        "<limit velocity=\"1\"/>",
    ] {
        assert!(
            matches!(changed(limit, bad), Err(ArmError::Limits { joint, .. }) if joint == "j0"),
            "{bad}"
        );
    }
    let nan = changed("<origin xyz=\"0.02", "<origin xyz=\"nan");
    assert!(matches!(nan, Err(ArmError::Axis { joint, .. }) if joint == "j0"));
    let second = urdf(&INDUSTRIAL)
        .replace("<link name=\"l0\"/>", "")
        .replace("l0", "l2");
    assert!(matches!(read(second), Err(ArmError::Tree { .. })));
    for (extra, what) in [
        ("<link name=\"stray\"/>", "roots"),
        ("<link name=\"l3\"/>", "one name"),
        (
            "<link name=\"a\"/><link name=\"b\"/><joint name=\"x\" type=\"fixed\"><parent link=\"a\"/><child link=\"b\"/></joint>\
             <joint name=\"y\" type=\"fixed\"><parent link=\"b\"/><child link=\"a\"/></joint>",
            "loop",
        ),
        (
            "<joint name=\"x\" type=\"fixed\"><parent link=\"l6\"/><child link=\"l3\"/></joint>",
            "two parents",
        ),
    ] {
        let error = changed("</robot>", &format!("{extra}</robot>")).unwrap_err();
        assert!(
            matches!(error, ArmError::Tree { .. }) && error.to_string().contains(what),
            "{error}"
        );
    }
    let arms = format!(
        "<link name=\"b1\"/><joint name=\"b\" type=\"revolute\"><parent link=\"l3\"/><child link=\"b1\"/>{limit}</joint></robot>"
    );
    assert!(matches!(
        changed("</robot>", &arms),
        Err(ArmError::Branch { .. })
    ));
    assert!(matches!(
        read(urdf(&INDUSTRIAL[..5])),
        Err(ArmError::JointCount { found: 5, .. })
    ));
    assert!(matches!(
        read(urdf(&[])),
        Err(ArmError::JointCount { found: 0, .. })
    ));
    let eight = [&SEVEN[..], &INDUSTRIAL[..1]].concat();
    assert!(matches!(
        read(urdf(&eight)),
        Err(ArmError::JointCount { found: 8, .. })
    ));
}
