//! Points of a surface, without triangles or normals, laid onto it from a pose that is nearly right: what a depth camera sees of a head that
//! is being tracked.

use core::marker::PhantomData;

use nalgebra::{Isometry3, Point3, Translation3, Vector3};
use rayon::prelude::*;

use super::quality::{self, Fit};
use super::step::{Pair, cutoff, step};
use super::surface::Surface;
use super::{AlignError, Alignment, Overlap, Side};
use crate::frames::{Frame, Point, Transform};
use crate::mesh::SurfaceMesh;
use crate::units::{Area, Length};

/// How far off the surface a point may be to draw at it, metres, from pass to pass; the last one is what the result is judged by.
/// Source: this project's own, a tracker that is centimetres off is not one.
const REACH: [f64; 3] = [0.020, 0.010, 0.010];
/// Rounds of a pass at most.
const ROUNDS: usize = 60;
/// A pass is done when its step is shorter, metres.
const STILL: [f64; 3] = [2e-4, 2e-5, 2e-6];
/// Points are shared out among threads in packs of this many.
const PACK: usize = 128;

/// A surface made ready for points to be laid onto it.
pub struct Target<F> {
    surface: Surface,
    frame: PhantomData<F>,
}

impl<F: Frame> Target<F> {
    /// Of a mesh.
    ///
    /// # Errors
    /// A mesh without area, or metres wide.
    pub fn new(mesh: &SurfaceMesh<F>) -> Result<Self, AlignError> {
        Ok(Self {
            surface: Surface::new(mesh, Side::Fixed, false)?,
            frame: PhantomData,
        })
    }

    /// Lays points onto the surface, starting at `start`, which must be right within a centimetre or so.
    ///
    /// What lies farther than a centimetre from the surface in the end counts neither way: shoulders, chair, the arm. Of the overlap,
    /// `of_moving` is the share of the rest that fits, and the area is that of the 20 mm cubes of the surface that points fit in.
    /// Mirror images and other poses are not looked for.
    ///
    /// # Errors
    /// Points or a start that are not finite, or nothing of the surface among the points.
    pub fn lay<M: Frame>(
        &self,
        points: &[Point<M>],
        start: &Transform<F, M>,
    ) -> Result<Alignment<F, M>, AlignError> {
        let whole = |ok: bool, what| ok.then_some(()).ok_or(AlignError::NotFinite { what });
        whole(start.is_finite(), "a starting pose")?;
        whole(points.iter().all(Point::is_finite), "a point")?;
        let points: Vec<Vector3<f64>> = points.iter().map(Point::raw).collect();
        let to = Translation3::from(-self.surface.middle);
        let mut pose = to * start.raw();
        let nothing = || AlignError::NothingMet { starts: 1 };
        let (mut rounds, mut size, mut still) = (0, f64::INFINITY, 0.0);
        for (reach, enough) in REACH.into_iter().zip(STILL) {
            (rounds, size, still) = (0, f64::INFINITY, enough);
            while rounds < ROUNDS && size > still {
                let met = self.meet(&points, &pose, reach);
                let (motion, length) = step(&met, cutoff(&met)).ok_or_else(nothing)?;
                pose = motion * pose;
                pose.rotation.renormalize();
                size = length;
                rounds += 1;
            }
        }
        let [.., reach] = REACH;
        let met = self.meet(&points, &pose, reach);
        let fit = self.judge(&met).ok_or_else(nothing)?;
        Ok(Alignment {
            fixed_from_moving: Transform::from_raw(to.inverse() * pose),
            residual: fit.residual,
            overlap: fit.overlap,
            observability: quality::observability(&self.surface, &fit).ok_or_else(nothing)?,
            rounds,
            last_step: Length::from_m(size),
            converged: size <= still,
            rival: None,
            mirrored: None,
        })
    }

    /// The points with the surface within reach, and what is nearest to each.
    fn meet(&self, points: &[Vector3<f64>], pose: &Isometry3<f64>, reach: f64) -> Vec<Pair> {
        let pair = |p: &Vector3<f64>| {
            let at = (pose * Point3::from(*p)).coords;
            let nearest = self.surface.nearest(&at, reach).filter(|n| !n.on_rim)?;
            Some(Pair {
                at,
                opposite: nearest.at,
                normal: nearest.normal,
            })
        };
        let found: Vec<Option<Pair>> = points.par_iter().with_min_len(PACK).map(pair).collect();
        found.into_iter().flatten().collect()
    }

    fn judge(&self, met: &[Pair]) -> Option<Fit> {
        let fitting = quality::fitting(met);
        if fitting.is_empty() {
            return None;
        }
        let area = quality::covered(&self.surface, &fitting);
        let share = fitting.len() as f64 / met.len() as f64;
        Some(Fit {
            residual: quality::residual(&fitting),
            overlap: Overlap {
                area: Area::from_m2(area),
                of_moving: share,
                of_fixed: area / self.surface.area(),
                changed: 1.0 - share,
            },
            fitting,
        })
    }
}
