//! A picture without a window.

use std::path::Path;

use kiss3d::prelude::{CanvasSetup, Color, Font, NumSamples, OffscreenSurface, Vec2};
use stipple_model::files::write_privately;
use stipple_model::joints::Joints;

use super::marks::{Mark, Marks};
use super::stage::{BACKGROUND, Stage, camera};
use super::{Subject, ViewError, quietly};

/// Where the onlooker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Viewpoint {
    /// Beside arm and head.
    #[default]
    Scene,
    /// In front of the face.
    Front,
    /// At the left ear.
    Left,
    /// At the right ear.
    Right,
    /// Behind the head.
    Back,
    /// Above the crown.
    Top,
}

/// What is drawn.
pub struct Picture<'a> {
    /// Plan and cell.
    pub subject: &'a Subject,
    /// How the dots stand.
    pub marks: &'a Marks,
    /// Where the arm is, rad.
    pub joints: Joints,
    /// Where the onlooker stands.
    pub from: Viewpoint,
    /// Pixels across and down, 16 to 8192 each.
    pub size: [u32; 2],
}

/// One line on how many dots stand how.
pub(super) fn legend(marks: &Marks) -> String {
    let counts = marks.counts();
    let names = [
        (Mark::Planned, "to place"),
        (Mark::Placed, "placed"),
        (Mark::InDoubt, "in doubt"),
        (Mark::Skipped, "skipped"),
        (Mark::Current, "under the needle"),
    ];
    let parts = names
        .iter()
        .filter_map(|(mark, name)| counts.get(mark).map(|n| format!("{n} {name}")));
    parts.collect::<Vec<_>>().join(", ")
}

/// A surface to draw on without a window, and its size in pixels.
pub(super) fn surface(size: [u32; 2]) -> Result<(OffscreenSurface, [u32; 2]), ViewError> {
    let [width, height] = size.map(|n| n.clamp(16, 8192));
    let setup = CanvasSetup {
        samples: NumSamples::Four,
        ..CanvasSetup::default()
    };
    let open = || kiss3d::pollster::block_on(OffscreenSurface::with_setup(width, height, setup));
    let mut surface = quietly(open).ok_or(ViewError::NoAdapter)?;
    surface.set_background_color(BACKGROUND);
    surface.set_ambient(0.15);
    surface.window_mut().set_shadows_enabled(false);
    Ok((surface, [width, height]))
}

/// Draws into a PNG file.
///
/// # Errors
/// No graphics driver, or a file that cannot be written.
pub fn draw(picture: &Picture<'_>, path: &Path) -> Result<(), ViewError> {
    let (mut surface, [_, height]) = surface(picture.size)?;
    let mut stage = Stage::new(picture.subject, &picture.joints);
    stage.set_dots(picture.marks);
    let mut camera = camera(picture.subject, picture.from);
    let scale = height as f32 / 40.0;
    let text = legend(picture.marks);
    // The first frame learns the surface's size; the second is drawn with it.
    for _ in 0..2 {
        surface.window_mut().draw_text(
            &text,
            Vec2::splat(0.5 * scale),
            scale,
            &Font::default(),
            Color::new(0.9, 0.9, 0.9, 1.0),
        );
        kiss3d::pollster::block_on(surface.render_3d(&mut stage.scene, &mut camera));
    }
    let image = surface.snap_image();
    let failed = |reason: String| ViewError::Write {
        path: path.to_owned(),
        reason,
    };
    let mut png = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|e| failed(e.to_string()))?;
    // It shows a client's head.
    write_privately(path, png.get_ref()).map_err(|e| failed(e.to_string()))
}
