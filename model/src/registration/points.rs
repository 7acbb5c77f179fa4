//! Points of a surface, without triangles or normals, laid onto it from a pose that is nearly right: what a depth camera sees of a head that
//! is being tracked.

use core::marker::PhantomData;
use std::collections::HashSet;

use nalgebra::{Isometry3, Point3, Translation3, Vector3};
use rayon::prelude::*;

use super::quality::{self, Fit};
use super::step::{Pair, cutoff, step};
use super::surface::Surface;
use super::{AlignError, Alignment, Overlap, Side};
use crate::frames::{Direction, Frame, Point, Transform};
use crate::mesh::SurfaceMesh;
use crate::units::{Area, Length};

/// How far off the surface a point may be to draw at it, metres, from pass to pass; the last one is what the result is judged by.
/// Source: this project's own, a tracker that is centimetres off is not one.
const REACH: [f64; 3] = [0.020, 0.010, 0.010];
/// Rounds of a pass at most.
const ROUNDS: usize = 60;
/// A pass is done when its step is shorter, metres.
const STILL: [f64; 3] = [2e-4, 2e-5, 2e-6];
/// Edge of the cubes about places that are worked on, metres: what lies within one or two of them is judged with a place.
const CUBE: f64 = 0.005;
/// Points are shared out among threads in packs of this many.
const PACK: usize = 128;

fn cube(p: &Vector3<f64>) -> [i64; 3] {
    [p.x, p.y, p.z].map(|c| (c / CUBE).floor() as i64)
}

/// A surface made ready for points to be laid onto it.
pub struct Target<F> {
    surface: Surface,
    /// A point and the normal of the mirror plane, in the surface's own place.
    mirror: Option<(Vector3<f64>, Vector3<f64>)>,
    /// Cubes round the places that are worked on, by number.
    worked: HashSet<[i64; 3]>,
    frame: PhantomData<F>,
}

/// Points as they have come to lie.
struct Laid {
    pose: Isometry3<f64>,
    fit: Fit,
    rounds: usize,
    step: f64,
    converged: bool,
}

impl<F: Frame> Target<F> {
    /// Of a mesh.
    ///
    /// # Errors
    /// A mesh without area, or metres wide.
    pub fn new(mesh: &SurfaceMesh<F>) -> Result<Self, AlignError> {
        Ok(Self {
            surface: Surface::new(mesh, Side::Fixed, false)?,
            mirror: None,
            worked: HashSet::new(),
            frame: PhantomData,
        })
    }

    /// The same with a plane, by a point and the normal, that the surface is about symmetric to: mirrored points are found out.
    #[must_use]
    pub fn with_mirror(mut self, point: Point<F>, normal: Direction<F>) -> Self {
        self.mirror = Some((point.raw() - self.surface.middle, normal.raw()));
        self
    }

    /// The same with the places that are worked on: there the surface is judged by all that lies opposite, not by what fits.
    #[must_use]
    pub fn with_worked(mut self, places: impl IntoIterator<Item = Point<F>>) -> Self {
        let steps = || -1..=1;
        for place in places {
            let [x, y, z] = cube(&(place.raw() - self.surface.middle));
            let about = steps().flat_map(|i| {
                steps().flat_map(move |j| steps().map(move |k| [x + i, y + j, z + k]))
            });
            self.worked.extend(about);
        }
        self
    }

    /// Lays points onto the surface, starting at `start`, which must be right within a centimetre or so.
    ///
    /// What lies farther than a centimetre from the surface in the end counts neither way: shoulders, chair, the arm. Of the overlap,
    /// `of_moving` is the share of the rest that fits, and the area is that of the 20 mm cubes of the surface that points fit in.
    /// Other poses are not looked for, mirror images only with [`Target::with_mirror`].
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
        let nothing = || AlignError::NothingMet { starts: 1 };
        let laid = self.settle(&points, to * start.raw()).ok_or_else(nothing)?;
        let covers = |image: &Laid| image.fit.overlap.area.m2() > 0.8 * laid.fit.overlap.area.m2();
        let image = self.mirror.and_then(|(point, normal)| {
            let flipped = |p: &Vector3<f64>| {
                let at = (laid.pose * Point3::from(*p)).coords;
                at - normal * (2.0 * normal.dot(&(at - point)))
            };
            let image: Vec<Vector3<f64>> = points.iter().map(flipped).collect();
            self.settle(&image, Isometry3::identity()).filter(covers)
        });
        let fit = &laid.fit;
        let there = |pair: &Pair| self.worked.contains(&cube(&pair.opposite));
        let worked = match self.worked.is_empty() {
            true => None,
            false => {
                let met = self.meet(&points, &laid.pose, quality::WORKED_REACH);
                quality::worked(met.into_iter().filter(there))
            }
        };
        Ok(Alignment {
            worked,
            fixed_from_moving: Transform::from_raw(to.inverse() * laid.pose),
            residual: fit.residual,
            overlap: fit.overlap,
            observability: quality::observability(&self.surface, fit).ok_or_else(nothing)?,
            rounds: laid.rounds,
            last_step: Length::from_m(laid.step),
            converged: laid.converged,
            rival: None,
            mirrored: image.map(|image| image.fit.residual.rms),
        })
    }

    /// Lets points come to rest on the surface; `None` where there is nothing of it.
    fn settle(&self, points: &[Vector3<f64>], mut pose: Isometry3<f64>) -> Option<Laid> {
        let (mut rounds, mut size, mut still) = (0, f64::INFINITY, 0.0);
        for (reach, enough) in REACH.into_iter().zip(STILL) {
            (rounds, size, still) = (0, f64::INFINITY, enough);
            while rounds < ROUNDS && size > still {
                let met = self.meet(points, &pose, reach);
                let (motion, length) = step(&met, cutoff(&met))?;
                pose = motion * pose;
                pose.rotation.renormalize();
                size = length;
                rounds += 1;
            }
        }
        let [.., reach] = REACH;
        Some(Laid {
            fit: self.judge(&self.meet(points, &pose, reach))?,
            pose,
            rounds,
            step: size,
            converged: size <= still,
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
