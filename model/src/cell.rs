//! The work cell: which arm and tool stand where, and what else is in the room.

use serde::{Deserialize, Serialize};

use crate::arm::ArmSource;
use crate::frames::{Base, Flange, Head, Tip, Transform};
use crate::units::Length;

/// The needle tool on the flange: a stage that drives the needle, behind a nose cone.
///
/// Seen from the flange along the tip's z axis: a cylindrical body, then a cone that narrows to the nose, where the needle comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Where the nose-cone tip is on the flange; the tip's z axis is the needle's, out of the tool.
    pub flange_from_tip: Transform<Flange, Tip>,
    /// Radius of the nose at its very tip.
    pub nose_radius: Length,
    /// Length of the cone, from the nose tip back.
    pub cone_length: Length,
    /// Radius of the cone at its back and of the body behind it.
    pub body_radius: Length,
    /// Length of the body behind the cone.
    pub body_length: Length,
    /// Farthest the needle can come out of the nose.
    pub stroke: Length,
}

/// A cable, hose or dress pack along the arm, as all points near a line that moves with a link. Checked like every body of the arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// What it is, for messages ("tool cable").
    pub name: String,
    /// The link it is fixed to: the first link of a moving body of the arm, or the flange's.
    pub link: String,
    /// One end of the line in that link's frame, metres.
    pub from: [f64; 3],
    /// Its other end, metres.
    pub to: [f64; 3],
    /// How far from the line it reaches, and may swing.
    pub radius: Length,
}

/// A box in the room that nothing may touch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneBox {
    /// What it is, for messages ("chair back", "table").
    pub name: String,
    /// Pose of its centre.
    pub base_from_box: Transform<Base, crate::frames::Link>,
    /// Edge lengths along its own x, y, z, metres.
    pub size: [f64; 3],
}

/// Arm, tool and surroundings, and where the head is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The arm, with everything needed to rebuild it.
    pub arm: ArmSource,
    /// The tool on its flange.
    pub tool: Tool,
    /// Cables and hoses that move with the arm.
    pub guards: Vec<Guard>,
    /// Where the head is expected; the tracked pose replaces it at run time.
    pub base_from_head: Transform<Base, Head>,
    /// Height of the floor in the base frame, metres.
    pub floor_z: f64,
    /// Where the tip waits at a stop, with the needle over the ink and the cartridge within reach of a hand; the turn about the needle is the
    /// planner's choice. Fixed to the base, so it goes with it where base and head are placed anew. `None`: the arm waits lifted off the dot
    /// before, along the needle, as high as is clear of 80, 40 and 20 mm above the skin.
    pub station: Option<Transform<Base, Tip>>,
    /// Solid things: chair, table, the person's shoulders and trunk. Attached to the base, not to the head.
    pub boxes: Vec<SceneBox>,
}

/// The cell shipped with the product: a person seated before an arm on a pedestal.
const SHIPPED: &str = include_str!("../../launch/cells/default.toml");

/// No number of a cell file is larger than this: a room is no longer than 20 m.
const LARGEST_MM: f64 = 20_000.0;

/// Why a cell file is not accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CellFileError {
    /// Not TOML, an unknown or missing key, a wrong type.
    #[error("{0}")]
    Syntax(String),
    /// A number that is not finite or absurdly large, or a size that is not positive.
    #[error("{key} must be {}, and at most {LARGEST_MM} mm or degrees", if *.positive { "positive" } else { "finite" })]
    Number {
        /// The key.
        key: String,
        /// Whether it must be positive too.
        positive: bool,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CellFile {
    floor_z_mm: f64,
    /// Read by the planner, which searches within these bounds.
    #[serde(default, skip_serializing)]
    #[allow(dead_code, reason = "a key of the file that is not the cell's")]
    place: Option<toml::Table>,
    head: PoseFile,
    tool: ToolFile,
    station: Option<PoseFile>,
    #[serde(default)]
    guards: Vec<GuardFile>,
    #[serde(default)]
    boxes: Vec<BoxFile>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct GuardFile {
    name: String,
    link: String,
    from_mm: [f64; 3],
    to_mm: [f64; 3],
    radius_mm: f64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PoseFile {
    xyz_mm: [f64; 3],
    rpy_deg: [f64; 3],
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ToolFile {
    mount_xyz_mm: [f64; 3],
    mount_rpy_deg: [f64; 3],
    nose_radius_mm: f64,
    cone_length_mm: f64,
    body_radius_mm: f64,
    body_length_mm: f64,
    stroke_mm: f64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct BoxFile {
    name: String,
    xyz_mm: [f64; 3],
    rpy_deg: [f64; 3],
    size_mm: [f64; 3],
}

fn number(key: &str, value: f64, positive: bool) -> Result<f64, CellFileError> {
    if value.is_nan() || value.abs() > LARGEST_MM || (positive && value <= 0.0) {
        return Err(CellFileError::Number {
            key: key.to_owned(),
            positive,
        });
    }
    Ok(value)
}

fn pose<To: crate::frames::Frame, From: crate::frames::Frame>(
    key: &str,
    xyz_mm: [f64; 3],
    rpy_deg: [f64; 3],
) -> Result<Transform<To, From>, CellFileError> {
    for value in xyz_mm.iter().chain(&rpy_deg) {
        number(key, *value, false)?;
    }
    Ok(Transform::from_xyz_rpy(
        xyz_mm.map(|c| c * 1e-3),
        rpy_deg.map(f64::to_radians),
    ))
}

/// A pose as a cell file gives it.
fn pose_file<To: crate::frames::Frame, From: crate::frames::Frame>(
    pose: &Transform<To, From>,
) -> PoseFile {
    let (roll, pitch, yaw) = pose.raw().rotation.euler_angles();
    PoseFile {
        xyz_mm: (pose.raw().translation.vector * 1e3).into(),
        rpy_deg: [roll, pitch, yaw].map(f64::to_degrees),
    }
}

impl Cell {
    /// The text of a cell file that [`Cell::parse`] reads as this cell; the arm is no part of it.
    ///
    /// # Errors
    /// Never for a cell that was read: every number of it can be written.
    pub fn to_toml(&self) -> Result<String, CellFileError> {
        let mount = pose_file(&self.tool.flange_from_tip);
        let file = CellFile {
            floor_z_mm: self.floor_z * 1e3,
            place: None,
            head: pose_file(&self.base_from_head),
            station: self.station.as_ref().map(pose_file),
            guards: self
                .guards
                .iter()
                .map(|g| GuardFile {
                    name: g.name.clone(),
                    link: g.link.clone(),
                    from_mm: g.from.map(|c| c * 1e3),
                    to_mm: g.to.map(|c| c * 1e3),
                    radius_mm: g.radius.mm(),
                })
                .collect(),
            tool: ToolFile {
                mount_xyz_mm: mount.xyz_mm,
                mount_rpy_deg: mount.rpy_deg,
                nose_radius_mm: self.tool.nose_radius.mm(),
                cone_length_mm: self.tool.cone_length.mm(),
                body_radius_mm: self.tool.body_radius.mm(),
                body_length_mm: self.tool.body_length.mm(),
                stroke_mm: self.tool.stroke.mm(),
            },
            boxes: self
                .boxes
                .iter()
                .map(|b| {
                    let pose = pose_file(&b.base_from_box);
                    BoxFile {
                        name: b.name.clone(),
                        xyz_mm: pose.xyz_mm,
                        rpy_deg: pose.rpy_deg,
                        size_mm: b.size.map(|e| e * 1e3),
                    }
                })
                .collect(),
        };
        toml::to_string(&file).map_err(|e| CellFileError::Syntax(e.to_string()))
    }

    /// The shipped cell around an arm.
    ///
    /// # Errors
    /// Never: the shipped file is read by a test.
    pub fn shipped(arm: ArmSource) -> Result<Self, CellFileError> {
        Self::parse(SHIPPED, arm)
    }

    /// A cell from the text of a cell file (see `launch/cells/default.toml` for every key).
    ///
    /// # Errors
    /// No TOML, unknown or missing keys, numbers out of range.
    pub fn parse(text: &str, arm: ArmSource) -> Result<Self, CellFileError> {
        let file: CellFile = toml::from_str(text)
            .map_err(|e| CellFileError::Syntax(e.to_string().trim_end().to_owned()))?;
        let length = |key: &str, mm: f64| number(key, mm, true).map(Length::from_mm);
        let tool = Tool {
            flange_from_tip: pose(
                "tool.mount",
                file.tool.mount_xyz_mm,
                file.tool.mount_rpy_deg,
            )?,
            nose_radius: length("tool.nose_radius_mm", file.tool.nose_radius_mm)?,
            cone_length: length("tool.cone_length_mm", file.tool.cone_length_mm)?,
            body_radius: length("tool.body_radius_mm", file.tool.body_radius_mm)?,
            body_length: length("tool.body_length_mm", file.tool.body_length_mm)?,
            stroke: length("tool.stroke_mm", file.tool.stroke_mm)?,
        };
        let guards = file.guards.into_iter().map(|g| {
            for c in g.from_mm.iter().chain(&g.to_mm) {
                number("guards.from_mm and to_mm", *c, false)?;
            }
            Ok(Guard {
                name: g.name,
                link: g.link,
                from: g.from_mm.map(|c| c * 1e-3),
                to: g.to_mm.map(|c| c * 1e-3),
                radius: length("guards.radius_mm", g.radius_mm)?,
            })
        });
        let boxes = file.boxes.into_iter().map(|b| {
            for edge in b.size_mm {
                number("boxes.size_mm", edge, true)?;
            }
            let size = b.size_mm.map(|e| e * 1e-3);
            Ok(SceneBox {
                base_from_box: pose("boxes", b.xyz_mm, b.rpy_deg)?,
                name: b.name,
                size,
            })
        });
        Ok(Self {
            arm,
            tool,
            guards: guards.collect::<Result<_, CellFileError>>()?,
            base_from_head: pose("head", file.head.xyz_mm, file.head.rpy_deg)?,
            floor_z: number("floor_z_mm", file.floor_z_mm, false)? * 1e-3,
            station: file
                .station
                .map(|s| pose("station", s.xyz_mm, s.rpy_deg))
                .transpose()?,
            boxes: boxes.collect::<Result<_, CellFileError>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_written_as_it_is_read() {
        let cell = Cell::shipped(ArmSource::ur5e()).unwrap();
        let again = Cell::parse(&cell.to_toml().unwrap(), ArmSource::ur5e()).unwrap();
        let far = |a: &nalgebra::Isometry3<f64>, b: &nalgebra::Isometry3<f64>| {
            (a.translation.vector - b.translation.vector).norm() + a.rotation.angle_to(&b.rotation)
        };
        assert!(far(cell.base_from_head.raw(), again.base_from_head.raw()) < 1e-12);
        let (one, other) = (&cell.boxes[0], &again.boxes[0]);
        assert!(far(one.base_from_box.raw(), other.base_from_box.raw()) < 1e-12);
        assert!((cell.tool.body_length.m() - again.tool.body_length.m()).abs() < 1e-12);
        assert_eq!(
            (&one.name, cell.boxes.len()),
            (&other.name, again.boxes.len())
        );
    }

    #[test]
    fn the_shipped_cell_reads_and_wrong_ones_are_refused_by_key() {
        assert!(Cell::shipped(ArmSource::ur5e()).is_ok());
        let refuse = |from: &str, to: &str| {
            Cell::parse(&SHIPPED.replacen(from, to, 1), ArmSource::ur5e()).unwrap_err()
        };
        assert!(
            refuse("stroke_mm = 5", "stroke_mm = 0")
                .to_string()
                .contains("tool.stroke_mm")
        );
        let wired = SHIPPED.replace("\n# [[guards]]\n# name", "\n[[guards]]\nname");
        let wired = wired
            .replace("\n# link =", "\nlink =")
            .replace("\n# from_mm =", "\nfrom_mm =")
            .replace("\n# to_mm =", "\nto_mm =")
            .replace("\n# radius_mm =", "\nradius_mm =");
        let guards = Cell::parse(&wired, ArmSource::ur5e()).unwrap().guards;
        assert_eq!((guards.len(), guards[0].link.as_str()), (1, "wrist_3_link"));
        assert!(
            (guards[0].from[1] - 0.06).abs() < 1e-12
                && (guards[0].radius.m() - 0.008).abs() < 1e-12
        );
        let swollen = wired.replace("radius_mm = 8", "radius_mm = -1");
        let error = Cell::parse(&swollen, ArmSource::ur5e()).unwrap_err();
        assert!(error.to_string().contains("guards.radius_mm"));
        assert!(
            refuse("floor_z_mm = -750", "floor_z_mm = nan")
                .to_string()
                .contains("floor_z_mm")
        );
        let with = |station: &str| Cell::parse(&format!("{SHIPPED}\n{station}"), ArmSource::ur5e());
        let station = with("[station]\nxyz_mm = [300, -400, 200]\nrpy_deg = [180, 0, 0]");
        let at = station.unwrap().station.unwrap().raw().translation.vector;
        assert!((at - nalgebra::Vector3::new(0.3, -0.4, 0.2)).norm() < 1e-12);
        assert!(Cell::shipped(ArmSource::ur5e()).unwrap().station.is_none());
        let wrong = with("[station]\nxyz_mm = [300, nan, 200]\nrpy_deg = [180, 0, 0]");
        assert!(wrong.unwrap_err().to_string().contains("station"));
        assert!(
            refuse("stroke_mm", "strokes_mm")
                .to_string()
                .contains("strokes_mm")
        );
    }
}
