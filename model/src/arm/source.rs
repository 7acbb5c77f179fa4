//! An arm's description with everything it refers to, so that it can travel inside a plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::description::{Unusable, reduced};
use super::joint_limits::Tightened;
use crate::files::read_limited;
use crate::text::{QUOTE, plain};

/// Largest URDF or mesh file read, bytes.
const FILE_LIMIT: u64 = 64 << 20;

/// A URDF and the bytes of the collision meshes it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmSource {
    /// `ur5e` for the shipped arm, otherwise the URDF's file name.
    pub name: String,
    /// The URDF's text.
    pub urdf: String,
    /// Mesh file bytes by the `filename` the URDF uses.
    pub meshes: BTreeMap<String, Vec<u8>>,
    /// The link that the tool is mounted on, where it is not to be found by its name or place (see [`super::Arm`]).
    pub flange: Option<String>,
    /// By joint: limits tighter than the URDF's, see [`ArmSource::with_joint_limits`].
    pub limits: BTreeMap<String, Tightened>,
}

/// Why an arm description cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArmSourceError {
    /// The shipped arms are `ur5e`; anything else must be a file.
    #[error("no shipped arm is called {name:?} and there is no such file; shipped: ur5e")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The URDF does not parse.
    #[error("{path}: not a URDF: {reason}")]
    Urdf {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A mesh that the URDF names was found nowhere.
    #[error("{path}: collision mesh {mesh:?} not found (looked at: {looked})")]
    MeshMissing {
        /// The URDF.
        path: PathBuf,
        /// The name in the URDF.
        mesh: String,
        /// Where it was looked for.
        looked: String,
    },
}

impl ArmSource {
    /// The arm of that name, or from the URDF file at that path.
    ///
    /// # Errors
    /// Unknown name, unreadable or oversized file, no URDF, a collision mesh that is nowhere.
    pub fn open(name_or_path: &str) -> Result<Self, ArmSourceError> {
        match name_or_path {
            "ur5e" => Ok(Self::ur5e()),
            _ if !Path::new(name_or_path).exists() => Err(ArmSourceError::Unknown {
                name: name_or_path.to_owned(),
            }),
            _ => Self::read(Path::new(name_or_path)),
        }
    }

    /// The shipped UR5e-class arm: published kinematics, capsule-like collision geometry.
    #[must_use]
    pub fn ur5e() -> Self {
        Self {
            name: "ur5e".to_owned(),
            urdf: include_str!("../../../launch/arms/ur5e.urdf").to_owned(),
            meshes: BTreeMap::new(),
            flange: None,
            limits: BTreeMap::new(),
        }
    }

    /// Reads a URDF file and the collision meshes it names. A relative name is looked for beside the URDF; `file://` is a path from the
    /// root; `package://NAME/rest` is looked for under every `share` of `AMENT_PREFIX_PATH`, then beside the URDF and in the three folders
    /// above it, as `NAME/rest` and as `rest`.
    ///
    /// # Errors
    /// As [`ArmSource::open`].
    pub fn read(path: &Path) -> Result<Self, ArmSourceError> {
        let urdf = String::from_utf8_lossy(&read(path)?).into_owned();
        let unusable = |reason: String| ArmSourceError::Urdf {
            path: path.to_owned(),
            reason: plain(&reason, QUOTE),
        };
        let (reduced, _) = reduced(&urdf).map_err(|e| match e {
            Unusable::Text(reason) => unusable(reason),
            Unusable::Limits(joint) => {
                unusable(format!("joint {joint:?} has a limit without velocity"))
            }
        })?;
        let robot = urdf_rs::read_from_string(&reduced).map_err(|e| unusable(e.to_string()))?;
        let mut meshes = BTreeMap::new();
        for collision in robot.links.iter().flat_map(|link| &link.collision) {
            let urdf_rs::Geometry::Mesh { filename, .. } = &collision.geometry else {
                continue;
            };
            if !meshes.contains_key(filename) {
                meshes.insert(filename.clone(), read(&find_mesh(path, filename)?)?);
            }
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            name,
            urdf,
            meshes,
            flange: None,
            limits: BTreeMap::new(),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ArmSourceError> {
    read_limited(path, FILE_LIMIT).map_err(|source| ArmSourceError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Where a mesh file lies. `package://NAME/rest` is looked for under `AMENT_PREFIX_PATH`'s shares and beside the URDF and its parent
/// folders, with and without the package's name.
fn find_mesh(urdf: &Path, filename: &str) -> Result<PathBuf, ArmSourceError> {
    let folder = urdf.parent().unwrap_or(Path::new(""));
    let mut candidates = Vec::new();
    if let Some(rest) = filename.strip_prefix("package://") {
        let (_, inside) = rest.split_once('/').unwrap_or(("", rest));
        if let Some(prefixes) = std::env::var_os("AMENT_PREFIX_PATH") {
            candidates.extend(std::env::split_paths(&prefixes).map(|p| p.join("share").join(rest)));
        }
        for ancestor in folder.ancestors().take(4) {
            candidates.push(ancestor.join(rest));
            candidates.push(ancestor.join(inside));
        }
    } else if let Some(absolute) = filename.strip_prefix("file://") {
        candidates.push(PathBuf::from(absolute));
    } else {
        candidates.push(folder.join(filename));
    }
    let found = candidates.iter().find(|c| c.is_file()).cloned();
    found.ok_or_else(|| ArmSourceError::MeshMissing {
        path: urdf.to_owned(),
        mesh: filename.to_owned(),
        looked: candidates
            .iter()
            .map(|c| c.display().to_string())
            .collect::<Vec<_>>()
            .join(", "),
    })
}
