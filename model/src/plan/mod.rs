//! The plan: all the controller needs to work a treatment off, in one file.
//!
//! File: the magic `STIPPLE\n`, the format version (u16, little endian), the payload's length (u64), the payload (postcard), and the
//! SHA-256 of everything before it. A changed byte is refused. The digest names the plan: same scan, options and seed, same digest.

mod check;
mod file;
mod stops;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::clearance::{CellError, WorkCell};
use crate::digest::Digest;
use crate::frames::{Direction, Head, Point, Scan, Tip, Transform};
use crate::joints::Joints;
use crate::mesh::SurfaceMesh;
use crate::treatment::{Fitted, Purpose};
use crate::units::{Angle, Area, Density, Length, Time};

pub use check::Inconsistency;
pub use file::{FORMAT_VERSION, PlanError};
pub use stops::{Pause, SessionEstimate, SessionParts, Stop, StopKind, pauses};

/// A dot's number: its place in [`Plan::dots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DotId(pub u32);

impl DotId {
    /// The index into [`Plan::dots`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A treatment planned on one scanned head for one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Where it came from.
    pub provenance: Provenance,
    /// For what it is made.
    pub purpose: Purpose,
    /// What the client's test patch showed; no dot is deeper. `None` where nothing was fitted.
    pub fitted: Option<Fitted>,
    /// How long the needle stays in the skin.
    pub dwell: Time,
    /// The scan's frame in the head's, from the landmarks.
    pub head_from_scan: Transform<Head, Scan>,
    /// Arm, tool, surroundings, nominal head pose.
    pub cell: Cell,
    /// The head as scanned (checked and repaired).
    pub head: SurfaceMesh<Head>,
    /// Where nasion, ears and upright are on it.
    pub anatomy: Anatomy,
    /// Triangles of [`Self::head`] on which dots may be placed, ascending.
    pub patch: Vec<u32>,
    /// Volumes no tip may come near: eyes, ears, and the like.
    pub keep_outs: Vec<KeepOut>,
    /// The zones, by [`Dot::zone`].
    pub zones: Vec<Zone>,
    /// How many dots the design wants where: small pieces of skin that together are the zones.
    pub wanted: Vec<Wanted>,
    /// The pigment shades, by [`Dot::shade`].
    pub shades: Vec<Shade>,
    /// The distinct cartridges that the zones name, in the order of the zones; `None` where zones name none. A zone's needle is its place
    /// in this list.
    pub needles: Vec<Option<String>>,
    /// How many layers; dots carry 1..=layers.
    pub layers: u8,
    /// Every dot, planned or skipped, by [`DotId`].
    pub dots: Vec<Dot>,
    /// For each layer (index 0 is layer 1), the planned dots in the order they are run.
    pub sequence: Vec<Vec<DotId>>,
    /// For each layer, its planned pauses in the order of the dots they come before. A layer without any leaves cartridges and shades to
    /// the operator; in one that has any, every dot is run with its own zone's needle and its own shade fitted.
    pub stops: Vec<Vec<Stop>>,
    /// The arm waiting at the cell's station, rad: from here every layer begins, at every stop away from the head it waits here, and here
    /// every layer ends. `None` where the cell has no station: the arm then waits lifted off the head ([`crate::motion::away`]).
    pub station: Option<Joints>,
    /// What the planner measured, per zone and layer.
    pub measures: Vec<Measure>,
    /// What the operator should know.
    pub findings: Vec<Finding>,
    /// Expected time of every layer, planned stops counted.
    pub session_estimate: SessionEstimate,
    /// Why dots are skipped: how many for each reason and pair of things.
    pub skips: Vec<Skips>,
}

/// Dots that are skipped for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skips {
    /// The reason.
    pub reason: SkipReason,
    /// The two things that come too near to each other, by name, where some do.
    pub pair: Option<String>,
    /// How many dots.
    pub dots: u32,
}

/// Where a plan came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the planner.
    pub planner_version: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// Digest of the scan file's bytes.
    pub scan_digest: Digest,
    /// Digest of the landmarks file's bytes.
    pub landmarks_digest: Digest,
    /// The treatment file's text.
    pub treatment: String,
    /// Metres per file unit of the scan.
    pub metres_per_scan_unit: f64,
}

/// Where the head is in its own frame: the same anatomy whichever landmarks the frame was built on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Anatomy {
    /// The root of the nose.
    pub nasion: Point<Head>,
    /// In front of the left ear's canal; estimated with the midline set.
    pub left_ear: Point<Head>,
    /// In front of the right ear's canal; estimated with the midline set.
    pub right_ear: Point<Head>,
    /// Forward, level when the person looks straight ahead (Frankfurt horizontal).
    pub forward: Direction<Head>,
    /// Up, when the person looks straight ahead.
    pub up: Direction<Head>,
}

impl Anatomy {
    /// A head that looks along the frame's x axis with the ears on its y axis. Lengths are an adult's.
    #[must_use]
    pub fn upright() -> Self {
        Self {
            nasion: Point::new(0.092, 0.0, 0.030),
            left_ear: Point::new(0.0, 0.072, 0.0),
            right_ear: Point::new(0.0, -0.072, 0.0),
            forward: Direction::x(),
            up: Direction::z(),
        }
    }

    /// What no needle may come near, by name: the middles of the eyes and the ears. Eyes are estimated 32 mm to the side of the root of the
    /// nose, 16 mm behind and 8 mm below it. Source: half of an adult's interpupillary distance, 54 to 74 mm; the rest is this project's own.
    #[must_use]
    pub fn eyes_and_ears(&self) -> [(&'static str, Point<Head>); 4] {
        let (forward, up) = (self.forward.raw(), self.up.raw());
        let left = up.cross(&forward);
        let eye = |side: f64| {
            let middle = forward * -0.016 + left * (0.032 * side) - up * 0.008;
            Point::from_raw(self.nasion.raw() + middle)
        };
        [
            ("left eye", eye(1.0)),
            ("right eye", eye(-1.0)),
            ("left ear", self.left_ear),
            ("right ear", self.right_ear),
        ]
    }
}

/// A small piece of skin in one zone and how many dots all layers together shall bring there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its middle; within a millimetre of the mesh.
    pub position: Point<Head>,
    /// Index into [`Plan::zones`].
    pub zone: u8,
    /// Its area.
    pub area: Area,
    /// How many dots; a fraction of one for most pieces.
    pub dots: f64,
}

/// A sphere no tip may enter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeepOut {
    /// What it protects ("left eye").
    pub name: String,
    /// Its centre.
    pub center: Point<Head>,
    /// Its radius.
    pub radius: Length,
}

/// A region of the scalp with one design.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name in the treatment file.
    pub name: String,
    /// Its area on the mesh.
    pub area: Area,
    /// The density all layers together aim at.
    pub target: Density,
    /// No dot of the zone goes deeper, at most [`crate::limits::DEPTH_CAP`].
    pub depth_cap: Length,
    /// The needle cartridge, for the operator; `None` where the treatment names none.
    pub needle: Option<String>,
    /// How wide a dot is once healed; `None` where the treatment does not say.
    pub healed_diameter: Option<Length>,
}

/// A pigment shade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shade {
    /// Its name in the treatment file.
    pub name: String,
    /// How it looks in the skin, sRGB.
    pub rgb: [u8; 3],
    /// Parts of water to one of pigment; `None` where the treatment does not say.
    pub dilution: Option<f64>,
}

/// One dot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dot {
    /// Where, on the mesh.
    pub position: Point<Head>,
    /// Outward skin normal, smoothed over the neighbourhood.
    pub normal: Direction<Head>,
    /// The way the needle goes: into the skin.
    pub needle: Direction<Head>,
    /// How deep below the skin.
    pub depth: Length,
    /// How wide when fresh.
    pub diameter: Length,
    /// Index into [`Plan::shades`].
    pub shade: u8,
    /// Index into [`Plan::zones`].
    pub zone: u8,
    /// Its layer, from 1.
    pub layer: u8,
    /// Whether the arm can place it.
    pub outcome: Outcome,
}

/// Whether a dot can be placed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// Yes.
    Planned {
        /// The tool's turn about the needle; see [`tip_pose`].
        roll: Angle,
        /// The arm hovering over the dot with the head at its nominal pose.
        hover: Joints,
    },
    /// No, and why.
    Skipped(SkipReason),
}

/// Why a dot is not placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SkipReason {
    /// No joint angles bring the tip there.
    OutOfReach,
    /// They exist, but outside the joint limits.
    JointLimit,
    /// They exist, but too near a singularity to be followed.
    Singular,
    /// The arm or tool would come too near the head.
    CollisionHead,
    /// The arm or tool would come too near itself.
    CollisionSelf,
    /// The arm or tool would come too near the floor, chair, table or trunk.
    CollisionScene,
    /// Ways exist, but only with the needle leaning more than allowed from the skin's normal.
    Angle,
    /// The dot lies too near a keep-out.
    KeepOut,
    /// No clear way leads there from any other dot.
    Unconnected,
    /// No clear way leads from there to where the arm waits at a stop, or back.
    OffStation,
    /// The mesh is too coarse or rough there for the skin's normal to be known.
    RoughSkin,
}

impl SkipReason {
    /// The key used in reports.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::OutOfReach => "out_of_reach",
            Self::JointLimit => "joint_limit",
            Self::Singular => "singular",
            Self::CollisionHead => "collision_head",
            Self::CollisionSelf => "collision_self",
            Self::CollisionScene => "collision_scene",
            Self::Angle => "angle",
            Self::KeepOut => "keep_out",
            Self::Unconnected => "unconnected",
            Self::OffStation => "off_station",
            Self::RoughSkin => "rough_skin",
        }
    }

    /// What would help, for the operator.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::OutOfReach => {
                "bring head and base nearer to each other (`reach --best` looks for a place), or give the tool another mount"
            }
            Self::JointLimit => "turn base or head, or look for a place with `reach --best`",
            Self::Singular => {
                "move base or head by some centimetres, so that the arm is neither stretched out nor folded over its wrist"
            }
            Self::CollisionHead => {
                "look for another place with `reach --best`, or use a longer or slimmer tool"
            }
            Self::CollisionSelf => {
                "bring head and base farther from each other, or look for a place with `reach --best`"
            }
            Self::CollisionScene => "move what is named, or look for a place with `reach --best`",
            Self::Angle => {
                "the arm gets there only with the needle leaning more than allowed: turn base or head, or look for a place with `reach --best`"
            }
            Self::KeepOut => "leave the surroundings of eyes and ears out of the treatment",
            Self::Unconnected => {
                "give the arm more room round the head, or look for a place with `reach --best`"
            }
            Self::OffStation => {
                "move `[station]` in the cell file, or what stands between it and the head; without a station, give the arm more room to lift off"
            }
            Self::RoughSkin => {
                "scan the head more finely, or smooth the mesh: its triangles lean too far from the skin about them"
            }
        }
    }
}

/// What the planner measured of one layer in one zone. `layer` 1..=k means layers 1 to k together: what the head shows after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Index into [`Plan::zones`].
    pub zone: u8,
    /// The last layer counted, from 1.
    pub layer: u8,
    /// Dots of layers 1..=layer in the zone, those the arm cannot place included; all but `planned` is measured of these.
    pub count: u32,
    /// Those of them the arm can place.
    pub planned: u32,
    /// Density of all of them.
    pub density: Density,
    /// The density asked for after this layer.
    pub target: Density,
    /// Smallest distance from a dot to another, or to a hair or dot that was there before, over the largest possible at the density of
    /// all of them there, 0..=1; `None` with fewer than two dots.
    pub rho: Option<f64>,
    /// Coefficient of variation of the nearest-neighbour distance, each over the largest possible at its place; `None` with fewer than
    /// two dots.
    pub cv_nn: Option<f64>,
    /// The same over the part of the zone where the density asked for is uniform (within 1% of the zone's largest).
    pub uniform: Spacing,
    /// Anisotropy of the radial power spectrum, dB: 0 has no directions, a lattice about 8; `None` where too few dots stand together.
    pub anisotropy_db: Option<f64>,
    /// The farthest any of the dots is from the scan's surface; `None` when not known.
    pub off_surface: Option<Length>,
    /// The nearest any of the dots is to an exclusion; `None` when there is none.
    pub nearest_exclusion: Option<Length>,
    /// The nearest any of the dots is to a hair or dot that was there before; `None` when there is none within 5 mm.
    pub nearest_existing: Option<Length>,
    /// Dots of each shade, by the index into [`Plan::shades`].
    pub shades: Vec<u32>,
}

/// How evenly some dots stand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spacing {
    /// How many.
    pub count: u32,
    /// As [`Measure::rho`].
    pub rho: Option<f64>,
    /// As [`Measure::cv_nn`].
    pub cv_nn: Option<f64>,
}

/// Something the operator should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which stage says so ("scan", "register", …).
    pub stage: String,
    /// A short fixed name ("hole", "inside_out").
    pub code: String,
    /// One sentence with the numbers.
    pub text: String,
}

impl Plan {
    /// Arm, tool, room and head, ready for queries of clearance, the tip kept out of what it is to be kept out of.
    ///
    /// # Errors
    /// An arm, tool, room or head that cannot be used.
    pub fn work_cell(&self) -> Result<WorkCell, CellError> {
        let work = WorkCell::new(&self.cell, &self.head)?.keeping_out(&self.keep_outs);
        work.check_base(&self.cell.base_from_head)?;
        Ok(work)
    }

    /// The joints over the first dot of a layer, counted from 1; `None` when there is no such layer or it has no planned dot.
    #[must_use]
    pub fn first_hover(&self, layer: u8) -> Option<Joints> {
        let order = self.sequence.get(usize::from(layer).checked_sub(1)?)?;
        match self.dot(*order.first()?)?.outcome {
            Outcome::Planned { hover, .. } => Some(hover),
            Outcome::Skipped(_) => None,
        }
    }

    /// The place in [`Self::needles`] of the cartridge a zone asks for; `None` when there is no such zone.
    #[must_use]
    pub fn needle_of(&self, zone: u8) -> Option<u8> {
        let wanted = &self.zones.get(usize::from(zone))?.needle;
        let place = self.needles.iter().position(|needle| needle == wanted)?;
        u8::try_from(place).ok()
    }

    /// One dot.
    #[must_use]
    pub fn dot(&self, id: DotId) -> Option<&Dot> {
        self.dots.get(id.index())
    }
}

/// The tip's pose in the head frame with its origin `standoff` above `position`, z along `needle`, turned by `roll` about the needle.
///
/// At roll 0 the tip's x axis is the head's x axis made perpendicular to the needle (the head's y axis where the needle runs along x).
#[must_use]
pub fn tip_pose(
    position: &Point<Head>,
    needle: &Direction<Head>,
    roll: Angle,
    standoff: Length,
) -> Transform<Head, Tip> {
    use nalgebra::{Isometry3, Rotation3, Translation3, UnitQuaternion, Vector3};
    let z = needle.raw();
    let reference = if z.x.abs() < 0.95 {
        Vector3::x()
    } else {
        Vector3::y()
    };
    let x = (reference - z * z.dot(&reference)).normalize();
    let y = z.cross(&x);
    let upright = Rotation3::from_basis_unchecked(&[x, y, z]);
    let rotation = UnitQuaternion::from_rotation_matrix(&upright)
        * UnitQuaternion::from_axis_angle(&Vector3::z_axis(), roll.rad());
    let origin = position.raw() - z * standoff.m();
    Transform::from_raw(Isometry3::from_parts(Translation3::from(origin), rotation))
}

impl Dot {
    /// The tip's pose hovering over this dot, for a planned dot.
    #[must_use]
    pub fn hover_pose(&self, hover: Length) -> Option<Transform<Head, Tip>> {
        match self.outcome {
            Outcome::Planned { roll, .. } => {
                Some(tip_pose(&self.position, &self.needle, roll, hover))
            }
            Outcome::Skipped(_) => None,
        }
    }
}
