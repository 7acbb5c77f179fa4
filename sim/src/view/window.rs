//! A window on a simulated session, or on a record.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kiss3d::prelude::{
    Action, Color, Font, Key, NumSamples, OrbitCamera3d, Vec2, Window, WindowEvent,
};
use stipple_controller::record::DotState;
use stipple_model::joints::Joints;
use stipple_model::plan::DotId;

use super::marks::Marks;
use super::picture::legend;
use super::stage::{BACKGROUND, Stage, camera};
use super::{Subject, ViewError, Viewpoint, quietly};
use crate::run::{Simulation, TICK};

/// What the window shows.
pub enum Live {
    /// A simulated session, run while it is watched.
    Session(Box<Simulation>),
    /// A record as it is.
    Record {
        /// How its dots stand.
        done: BTreeMap<DotId, DotState>,
        /// Where the arm is drawn, rad.
        joints: Joints,
    },
}

/// Most time spent simulating for one frame of the window.
const COMPUTE: Duration = Duration::from_millis(30);
/// Speeds, times real time.
const SPEEDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0];
const REAL_TIME: usize = 3;

/// What keys change.
struct Controls {
    paused: bool,
    speed: usize,
    layer: Option<u8>,
    layers: u8,
}

impl Controls {
    /// Whether the camera is to go somewhere.
    fn key(&mut self, key: Key) -> Option<Viewpoint> {
        match key {
            Key::Space => self.paused = !self.paused,
            Key::Add | Key::Equals | Key::Up => self.speed = (self.speed + 1).min(SPEEDS.len() - 1),
            Key::Minus | Key::Subtract | Key::Down => self.speed = self.speed.saturating_sub(1),
            Key::L => {
                self.layer = match self.layer {
                    None => Some(1),
                    Some(layer) if layer < self.layers => Some(layer + 1),
                    Some(_) => None,
                }
            }
            Key::Key1 => return Some(Viewpoint::Scene),
            Key::Key2 => return Some(Viewpoint::Front),
            Key::Key3 => return Some(Viewpoint::Left),
            Key::Key4 => return Some(Viewpoint::Right),
            Key::Key5 => return Some(Viewpoint::Back),
            Key::Key6 => return Some(Viewpoint::Top),
            _ => {}
        }
        None
    }
}

const KEYS: &str = "space pause   + - speed   L layers   1-6 views   drag orbit   right drag pan   wheel zoom   esc close";

/// Shows the window until it is closed.
///
/// # Errors
/// No display, or no graphics driver.
pub fn watch(subject: &Subject, live: &mut Live, layer: Option<u8>) -> Result<(), ViewError> {
    if ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .all(|name| std::env::var_os(name).is_none_or(|v| v.is_empty()))
    {
        return Err(ViewError::NoDisplay);
    }
    let open = || kiss3d::pollster::block_on(Window::new_with_size("Stipple", 1280, 800));
    let mut window = quietly(open).ok_or(ViewError::NoWindow)?;
    window.set_background_color(BACKGROUND);
    window.set_ambient(0.15);
    // Without a GPU every sample and every shadow pass is the processor's work.
    window.set_shadows_enabled(false);
    window.set_samples(NumSamples::One);
    window.rebind_close_key(Some(Key::Escape));
    let joints = match live {
        Live::Session(simulation) => *simulation.plant().arm.true_position(),
        Live::Record { joints, .. } => *joints,
    };
    let mut stage = Stage::new(subject, &joints);
    let mut camera = camera(subject, Viewpoint::Scene);
    let mut controls = Controls {
        paused: false,
        speed: REAL_TIME,
        layer,
        layers: subject.plan.layers,
    };
    kiss3d::pollster::block_on(frames(
        &mut window,
        &mut stage,
        &mut camera,
        &mut controls,
        subject,
        live,
    ));
    Ok(())
}

async fn frames(
    window: &mut Window,
    stage: &mut Stage,
    camera: &mut OrbitCamera3d,
    controls: &mut Controls,
    subject: &Subject,
    live: &mut Live,
) {
    let mut shown = None;
    let (mut last, mut owed) = (Instant::now(), 0.0);
    loop {
        let passed = last.elapsed().as_secs_f64().min(0.25);
        last = Instant::now();
        if let Live::Session(simulation) = live {
            if !controls.paused && simulation.ending().is_none() {
                owed = advance(simulation, owed + passed * SPEEDS[controls.speed]);
            }
            let plant = simulation.plant();
            stage.set_arm(
                &subject.cell,
                plant.arm.true_position(),
                plant.head.pose(),
                plant.needle.extension(),
            );
        }
        let marks = marks(subject, live, controls.layer);
        // Tens of thousands of instances go to the GPU only when one of them has changed.
        if shown.as_ref() != Some(&marks) {
            stage.set_dots(&marks);
        }
        hud(window, live, controls, &marks);
        shown = Some(marks);
        if !window.render_3d(&mut stage.scene, camera).await {
            return;
        }
        for mut event in window.events().iter() {
            if let WindowEvent::Key(key, Action::Press, _) = event.value {
                if let Some(from) = controls.key(key) {
                    *camera = super::stage::camera(subject, from);
                }
                // Escape closes the window; all other keys are ours.
                event.inhibited = key != Key::Escape;
            }
        }
    }
}

/// Runs `seconds` of the session as far as the frame allows; what is still owed, seconds, up to a tick.
fn advance(simulation: &mut Simulation, seconds: f64) -> f64 {
    let began = Instant::now();
    let mut owed = seconds;
    while owed >= TICK.s() && simulation.ending().is_none() {
        simulation.tick();
        owed -= TICK.s();
        if began.elapsed() > COMPUTE {
            // Too fast for this machine: time is lost, not saved up.
            return 0.0;
        }
    }
    owed
}

fn marks(subject: &Subject, live: &Live, layer: Option<u8>) -> Marks {
    match live {
        Live::Session(simulation) => Marks::of(&subject.plan, layer, &simulation.session().done())
            .with_current(simulation.view().dot),
        Live::Record { done, .. } => Marks::of(&subject.plan, layer, done),
    }
}

fn hud(window: &mut Window, live: &Live, controls: &Controls, marks: &Marks) {
    let white = Color::new(0.92, 0.92, 0.92, 1.0);
    let grey = Color::new(0.60, 0.62, 0.66, 1.0);
    let mut lines = Vec::new();
    if let Live::Session(simulation) = live {
        let view = simulation.view();
        let paused = if controls.paused {
            "  (time stands still)"
        } else {
            ""
        };
        let why = view.fault.map_or_else(
            || view.message.text().to_owned(),
            |fault| fault.row().text.to_owned(),
        );
        lines.push(format!("{}: {why}{paused}", view.state.name()));
        lines.push(format!(
            "{} of {} dots   {:.1} s   x{}",
            view.progress.planned - view.progress.remaining(),
            view.progress.planned,
            simulation.elapsed_s(),
            SPEEDS[controls.speed]
        ));
    }
    let layers = controls.layer.map_or_else(
        || "all layers".to_owned(),
        |layer| format!("layers 1 to {layer}"),
    );
    lines.push(format!("{} ({layers})", legend(marks)));
    let font = Font::default();
    for (i, line) in lines.iter().enumerate() {
        window.draw_text(
            line,
            Vec2::new(16.0, 12.0 + 30.0 * i as f32),
            28.0,
            &font,
            white,
        );
    }
    let bottom = window.height() as f32 - 36.0;
    window.draw_text(KEYS, Vec2::new(16.0, bottom), 22.0, &font, grey);
}
