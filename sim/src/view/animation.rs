//! A planned layer as moving pictures: the arm on its hops over the head, seen from two sides, dots appearing where it was.

use std::fs::File;
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Frame, GenericImage as _, RgbImage};
use kiss3d::prelude::{Color, Font, OffscreenSurface, OrbitCamera3d, Vec2};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::motion::{HopError, HopTarget, Trajectory, hop};
use stipple_model::plan::{DotId, Outcome};

use super::marks::{Mark, Marks};
use super::picture::{Viewpoint, surface};
use super::stage::{Stage, camera};
use super::{Subject, ViewError};

/// Frames a second of what is written.
pub const FRAMES_PER_SECOND: u32 = 12;
/// How much a GIF's colours may be searched for, 1 (long) to 30.
const GIF_SPEED: i32 = 10;
/// Dots are drawn so many times as wide as in a window: a frame is small, and one new dot shall be seen.
const WIDEN: f32 = 2.0;
/// Pixels between the two sides.
const GAP: u32 = 2;

/// What is shown.
pub struct Animation<'a> {
    /// Plan and cell.
    pub subject: &'a Subject,
    /// The layer, from 1; earlier layers count as placed.
    pub layer: u8,
    /// Only its first so many dots; all without.
    pub dots: Option<u32>,
    /// How many frames, at least 2.
    pub frames: u32,
    /// How many times as fast as the arm; without, the frames last for the whole layer.
    pub speed: Option<f64>,
    /// From where, each beside the one before; one or more.
    pub from: Vec<Viewpoint>,
    /// Pixels across and down, all sides together.
    pub size: [u32; 2],
}

/// Where the arm is when.
struct Run<'a> {
    subject: &'a Subject,
    /// Every dot with the moment its hover is reached, seconds.
    reached: Vec<(DotId, f64)>,
    start: Joints,
    /// The hop now shown: the index of its dot, and the way.
    shown: Option<(usize, Trajectory)>,
}

/// The hop to a dot from where the arm is.
fn hop_to(subject: &Subject, from: &Joints, id: DotId) -> Result<Trajectory, ViewError> {
    let broken = |reason| ViewError::Hop { dot: id, reason };
    let dot = subject.plan.dot(id).ok_or_else(|| broken(None))?;
    let (Outcome::Planned { hover, .. }, Some(pose)) = (dot.outcome, dot.hover_pose(HOVER)) else {
        return Err(broken(None));
    };
    let target = HopTarget {
        head_from_tip: pose,
        seed: hover,
    };
    hop(
        &subject.cell,
        &subject.plan.cell.base_from_head,
        from,
        &target,
    )
    .map_err(|e: HopError| broken(Some(e)))
}

impl<'a> Run<'a> {
    /// Times the layer; `tell` hears of each dot.
    fn new(of: &Animation<'a>, tell: &mut dyn FnMut(Progress)) -> Result<Self, ViewError> {
        let subject = of.subject;
        let none = ViewError::NoDots { layer: of.layer };
        let order = usize::from(of.layer).checked_sub(1);
        let order = order.and_then(|k| subject.plan.sequence.get(k));
        let (Some(order), Some(start)) = (order, subject.plan.first_hover(of.layer)) else {
            return Err(none);
        };
        let count = of.dots.map_or(order.len(), |n| order.len().min(n as usize));
        let (mut t, mut at, mut reached) = (0.0, start, Vec::with_capacity(count));
        for (k, &id) in order.iter().take(count).enumerate() {
            let way = hop_to(subject, &at, id)?;
            t += if k == 0 { 0.0 } else { way.duration() };
            at = way.end();
            reached.push((id, t));
            tell(Progress::Timed {
                done: k + 1,
                of: count,
            });
        }
        if reached.is_empty() {
            return Err(none);
        }
        Ok(Self {
            subject,
            reached,
            start,
            shown: None,
        })
    }

    fn duration(&self) -> f64 {
        self.reached.last().map_or(0.0, |(_, t)| *t)
    }

    /// How many dots are reached at a moment, and where the arm is. Every hop begins at the hover of the dot before, so that only one is held.
    fn at(&mut self, t: f64) -> Result<(usize, Joints), ViewError> {
        let done = self
            .reached
            .partition_point(|(_, reached)| *reached <= t)
            .max(1);
        let Some((id, _)) = self.reached.get(done) else {
            let last = self.reached.len() - 1;
            return Ok((done, self.hover(last)?));
        };
        if self.shown.as_ref().is_none_or(|(k, _)| *k != done) {
            let from = self.hover(done - 1)?;
            self.shown = Some((done, hop_to(self.subject, &from, *id)?));
        }
        let since = t - self.reached[done - 1].1;
        let way = self.shown.as_ref().map(|(_, way)| way.at(since).position);
        Ok((done, way.unwrap_or(self.start)))
    }

    fn hover(&self, k: usize) -> Result<Joints, ViewError> {
        let id = self.reached[k].0;
        match self.subject.plan.dot(id).map(|d| d.outcome) {
            Some(Outcome::Planned { hover, .. }) => Ok(hover),
            _ => Err(ViewError::Hop {
                dot: id,
                reason: None,
            }),
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// Hops timed.
    Timed {
        /// So many.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// Frames drawn.
    Drawn {
        /// So many.
        done: u32,
        /// Of so many.
        of: u32,
    },
}

/// Draws into a GIF (a path that ends in `.gif`), or as PNGs into a new or empty folder. What is there at the end is whole; what is
/// begun and not ended is removed.
///
/// # Errors
/// No dots, no graphics driver, a place that cannot be written to, a plan whose hops do not hold.
pub fn animate(
    animation: &Animation<'_>,
    to: &Path,
    tell: &mut dyn FnMut(Progress),
) -> Result<(), ViewError> {
    let mut sink = Sink::open(to)?;
    let mut run = Run::new(animation, tell)?;
    let frames = animation.frames.max(2);
    let seconds = match animation.speed {
        Some(speed) => {
            (f64::from(frames - 1) / f64::from(FRAMES_PER_SECOND) * speed).min(run.duration())
        }
        None => run.duration(),
    };
    let mut painter = Painter::new(animation)?;
    for k in 0..frames {
        let t = seconds * f64::from(k) / f64::from(frames - 1);
        let (done, joints) = run.at(t)?;
        painter.place(&run, done, &joints);
        let image = painter.paint(&caption(t, done, run.reached.len()));
        sink.push(image)?;
        tell(Progress::Drawn {
            done: k + 1,
            of: frames,
        });
    }
    sink.finish()
}

fn caption(t: f64, done: usize, of: usize) -> String {
    let minutes = (t / 60.0).floor();
    let seconds = (10.0 * (t - 60.0 * minutes)).floor() / 10.0;
    format!("arm in motion for {minutes:.0}:{seconds:04.1}   {done} of {of} dots")
}

/// One surface for all sides and frames.
struct Painter<'a> {
    subject: &'a Subject,
    surface: OffscreenSurface,
    stage: Stage,
    cameras: Vec<OrbitCamera3d>,
    layer: u8,
    side: [u32; 2],
    /// The first picture of a surface only teaches it its size.
    warm: bool,
}

impl<'a> Painter<'a> {
    fn new(of: &Animation<'a>) -> Result<Self, ViewError> {
        let sides = u32::try_from(of.from.len()).unwrap_or(1).max(1);
        let width = of.size[0].saturating_sub(GAP * (sides - 1)) / sides;
        let (surface, side) = surface([width, of.size[1]])?;
        let joints = of.subject.plan.first_hover(of.layer);
        let joints = joints.unwrap_or_else(|| Joints::zeros(of.subject.cell.arm().dof()));
        let mut stage = Stage::new(of.subject, &joints);
        stage.widen = WIDEN;
        Ok(Self {
            subject: of.subject,
            surface,
            stage,
            cameras: of.from.iter().map(|f| camera(of.subject, *f)).collect(),
            layer: of.layer,
            side,
            warm: false,
        })
    }

    /// Puts the arm where it is, and shows the dots that are reached; the last of them is the one under the needle.
    fn place(&mut self, run: &Run<'_>, done: usize, joints: &Joints) {
        let plan = &self.subject.plan;
        self.stage
            .set_arm(&self.subject.cell, joints, &plan.cell.base_from_head, 0.0);
        let mut marks = Marks::planned(plan, Some(self.layer)).only_before(plan, self.layer);
        for (id, _) in run.reached.iter().take(done) {
            marks.set(*id, Mark::Placed);
        }
        let current = done.checked_sub(1).and_then(|k| run.reached.get(k));
        self.stage
            .set_dots(&marks.with_current(current.map(|(id, _)| *id)));
    }

    fn paint(&mut self, caption: &str) -> RgbImage {
        let [width, height] = self.side;
        let sides = self.cameras.len() as u32;
        let mut whole = RgbImage::new(sides * (width + GAP) - GAP, height);
        let scale = (height as f32 / 26.0).min(width as f32 / 24.0);
        for (k, camera) in self.cameras.iter_mut().enumerate() {
            for _ in 0..if self.warm { 1 } else { 2 } {
                if k == 0 {
                    let white = Color::new(0.9, 0.9, 0.9, 1.0);
                    let at = Vec2::splat(0.5 * scale);
                    self.surface.window_mut().draw_text(
                        caption,
                        at,
                        scale,
                        &Font::default(),
                        white,
                    );
                }
                let scene = &mut self.stage.scene;
                kiss3d::pollster::block_on(self.surface.render_3d(scene, camera));
                self.warm = true;
            }
            let side = self.surface.snap_image();
            // Sides are of one size, so that each fits.
            let _ = whole.copy_from(&side, k as u32 * (width + GAP), 0);
        }
        whole
    }
}

/// Where frames go. Nothing is under the final name before everything is.
struct Sink {
    target: PathBuf,
    part: PathBuf,
    gif: Option<GifEncoder<BufWriter<File>>>,
    frames: u32,
    finished: bool,
}

impl Sink {
    fn open(to: &Path) -> Result<Self, ViewError> {
        let failed = |reason: String| ViewError::Write {
            path: to.to_owned(),
            reason,
        };
        let system = |e: std::io::Error| failed(e.to_string());
        let name = to
            .file_name()
            .ok_or_else(|| failed("not a name to write to".to_owned()))?;
        let mut part = name.to_owned();
        part.push(format!(".part{}", std::process::id()));
        let part = to.with_file_name(part);
        let is_gif = to
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("gif"));
        let mut sink = Self {
            target: to.to_owned(),
            part,
            gif: None,
            frames: 0,
            finished: false,
        };
        if is_gif {
            // It would be found only when all is drawn.
            if to.is_dir() {
                return Err(failed("is a folder".to_owned()));
            }
            // It shows a head: its owner's alone.
            let file = File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&sink.part)
                .map_err(system)?;
            let mut gif = GifEncoder::new_with_speed(BufWriter::new(file), GIF_SPEED);
            gif.set_repeat(Repeat::Infinite)
                .map_err(|e| failed(e.to_string()))?;
            sink.gif = Some(gif);
        } else {
            let taken = match std::fs::read_dir(to) {
                Ok(mut entries) => entries.next().is_some(),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
                Err(e) => return Err(system(e)),
            };
            if taken {
                return Err(failed("the folder is not empty".to_owned()));
            }
            std::fs::create_dir(&sink.part).map_err(system)?;
        }
        Ok(sink)
    }

    fn failed(&self, reason: impl ToString) -> ViewError {
        ViewError::Write {
            path: self.target.clone(),
            reason: reason.to_string(),
        }
    }

    fn push(&mut self, image: RgbImage) -> Result<(), ViewError> {
        self.frames += 1;
        let written = match &mut self.gif {
            Some(gif) => {
                let pause = Duration::from_secs(1) / FRAMES_PER_SECOND;
                let delay = Delay::from_saturating_duration(pause);
                let rgba = DynamicImage::ImageRgb8(image).into_rgba8();
                gif.encode_frame(Frame::from_parts(rgba, 0, 0, delay))
            }
            None => image.save_with_format(
                self.part.join(format!("frame-{:04}.png", self.frames)),
                image::ImageFormat::Png,
            ),
        };
        written.map_err(|e| self.failed(e))
    }

    fn finish(mut self) -> Result<(), ViewError> {
        // The encoder writes the end of the file when it goes.
        drop(self.gif.take());
        std::fs::rename(&self.part, &self.target).map_err(|e| self.failed(e))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if !self.finished {
            // What is left of a broken attempt is of no use; that it could not be removed changes nothing.
            let _ =
                std::fs::remove_dir_all(&self.part).or_else(|_| std::fs::remove_file(&self.part));
        }
    }
}

#[cfg(test)]
#[path = "animation_tests.rs"]
mod tests;
