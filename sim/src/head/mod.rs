//! Heads nobody has: a plausible adult's head by chance, as a scanner would deliver it.
//!
//! `generate` gives the surface and its landmarks in a scan frame of its own, turned and moved at random, so that nothing downstream can
//! assume an aligned scan; `write` puts both into files, to be read back like any other scan.
//!
//! ```no_run
//! use stipple_sim::head;
//! let head = head::generate(&head::Options::default()).unwrap();
//! head::write_scan(&head, std::path::Path::new("scan.ply")).unwrap();
//! head::write_landmarks(&head, std::path::Path::new("landmarks.json")).unwrap();
//! ```

use std::path::{Path, PathBuf};

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use stipple_model::files::write_atomically;
use stipple_model::frames::{Point, Scan};
use stipple_model::mesh::{MeshError, SurfaceMesh};
use stipple_model::units::Length;

mod anatomy;
mod features;
mod field;
mod landmarks;
mod ply;
mod surface;

pub use landmarks::{Landmarks, Points};

use crate::chance;
use anatomy::Anatomy;
use surface::{Grid, Surface};

/// Edge of the grid's cells: gives about 60,000 triangles.
const CELL: Length = Length::from_mm(2.6);

/// Which head, and how well it is scanned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Another seed, another person, another pose.
    pub seed: u64,
    /// Standard deviation of the scanner's error along the surface normal; 0 to 1 mm.
    pub noise: Length,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            noise: Length::from_mm(0.1),
        }
    }
}

/// A scanned head.
#[derive(Debug, Clone)]
pub struct ScannedHead {
    /// The surface as scanned, open at the neck, metres (files: millimetres).
    pub mesh: SurfaceMesh<Scan>,
    /// What a person would have clicked on it.
    pub landmarks: Landmarks,
}

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The noise asked for makes no sense.
    #[error("scanner noise of {asked_mm} mm: give 0 to 1 mm")]
    Noise {
        /// What was asked for, mm.
        asked_mm: f64,
    },
    /// The shape of this seed came out broken.
    #[error("the head of seed {seed} has no usable surface ({source}); take another seed")]
    Surface {
        /// The seed.
        seed: u64,
        /// What is wrong with it.
        source: MeshError,
    },
    /// A landmark could not be found on the surface.
    #[error("the head of seed {seed} has no {name}; take another seed")]
    Landmark {
        /// The seed.
        seed: u64,
        /// Which one.
        name: &'static str,
    },
    /// A file could not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The head of that seed.
///
/// # Errors
/// Noise outside 0 to 1 mm, or (never seen) a shape without a usable surface.
pub fn generate(options: &Options) -> Result<ScannedHead, HeadError> {
    generate_with(options, CELL)
}

/// As [`generate`], on a grid of another cell: coarser is quicker.
pub(crate) fn generate_with(options: &Options, cell: Length) -> Result<ScannedHead, HeadError> {
    let asked_mm = options.noise.mm();
    if !(0.0..=1.0).contains(&asked_mm) {
        return Err(HeadError::Noise { asked_mm });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let anatomy = Anatomy::random(&mut rng);
    let mut surface = skin(&anatomy, cell);
    let normals = surface.vertex_normals();
    for (vertex, normal) in surface.vertices.iter_mut().zip(&normals) {
        *vertex += normal * chance::normal(&mut rng, options.noise.m());
    }
    let points = landmarks::find(&surface, &anatomy).map_err(|name| HeadError::Landmark {
        seed: options.seed,
        name,
    })?;
    let scan_from_anatomy = any_pose(&mut rng);
    let place = |p: &Vector3<f64>| {
        Point::<Scan>::from_raw(scan_from_anatomy.transform_point(&(*p).into()).coords)
    };
    let mesh = SurfaceMesh::new(
        surface.vertices.iter().map(place).collect(),
        surface.triangles,
    )
    .map_err(|source| HeadError::Surface {
        seed: options.seed,
        source,
    })?;
    Ok(ScannedHead {
        mesh,
        landmarks: points.map(place),
    })
}

/// Writes the surface as a binary little-endian PLY in millimetres.
///
/// # Errors
/// When the file cannot be written.
pub fn write_scan(head: &ScannedHead, path: &Path) -> Result<(), HeadError> {
    write(path, &ply::to_bytes(&head.mesh))
}

/// Writes the landmarks as JSON in millimetres, in the scan's frame.
///
/// # Errors
/// When the file cannot be written.
pub fn write_landmarks(head: &ScannedHead, path: &Path) -> Result<(), HeadError> {
    write(path, head.landmarks.to_json().as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), HeadError> {
    write_atomically(path, bytes).map_err(|source| HeadError::Io {
        path: path.to_owned(),
        source,
    })
}

/// The skin down to the neck, without noise, in the anatomical frame.
fn skin(anatomy: &Anatomy, cell: Length) -> Surface {
    let (low, high) = (
        Vector3::new(-0.125, -0.135, -0.165),
        Vector3::new(0.140, 0.135, 0.155),
    );
    let cells = [0, 1, 2].map(|axis| ((high[axis] - low[axis]) / cell.m()).ceil() as usize);
    let field = |p: &Vector3<f64>| anatomy.distance(p);
    let mut surface = surface::extract(
        &Grid {
            low,
            cell: cell.m(),
            cells,
        },
        &field,
    );
    surface.even_out(3, &field);
    // The cut runs from the collar bones up to the nape, as a scan of someone in a chair ends.
    let up = Vector3::new(0.25, 0.0, 1.0).normalize();
    surface.cut(
        &anatomy.place(&Vector3::new(-0.030, 0.0, -0.118)),
        &up,
        0.25 * cell.m(),
    )
}

/// Any rotation, and up to half a metre off.
fn any_pose(rng: &mut ChaCha8Rng) -> Isometry3<f64> {
    let q = Quaternion::new(
        chance::normal(rng, 1.0),
        chance::normal(rng, 1.0),
        chance::normal(rng, 1.0),
        chance::normal(rng, 1.0),
    );
    let offset = Vector3::from_fn(|_, _| chance::uniform(rng, -0.5, 0.5));
    let turn = UnitQuaternion::try_new(q, 1e-9).unwrap_or_else(UnitQuaternion::identity);
    Isometry3::from_parts(Translation3::from(offset), turn)
}

#[cfg(test)]
mod tests;
