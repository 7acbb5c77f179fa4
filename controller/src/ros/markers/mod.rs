//! Markers for RViz on `~/markers`: the head where it is tracked, the approved patch, keep-outs, every dot in the colour of its state, the hop
//! under way and the next.
//!
//! A thread of its own draws and sends them, twice a second and only what changed, and only while somebody listens; the control loop hands it
//! nothing and waits for nothing. The whole scene is one message: for a new plan, a head that has moved, and whoever begins to listen.

mod draw;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use r2r::std_msgs::msg::Header;
use r2r::visualization_msgs::msg::{Marker, MarkerArray};
use r2r::{Node, Publisher};
use stipple_model::frames::{Base, Head, Point, Transform};
use stipple_model::plan::DotId;
use tokio::sync::watch;

use super::inputs::Inputs;
use super::load::Shown;
use super::program::{ProgramError, latched, making, stamp, thread};
use crate::record::DotState;
use draw::{CHUNK, MOST_DOTS, MOST_EDGES, MOST_KEEP_OUTS, MOST_TRIANGLES, Place, Standing};

/// From one look to the next.
const TURN: Duration = Duration::from_millis(500);
/// A head that moves has the whole scene sent again no sooner than this.
const AGAIN: Duration = Duration::from_secs(2);
/// A head that moved by less stays where it is drawn, m and rad.
const MOVED: (f64, f64) = (1e-3, 0.01);
/// Messages kept for whoever listens slowly, or late.
const KEPT: usize = 4;

/// What the session has to say to the one who draws.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// The dot being worked on, with its layer.
    Present(Option<(u8, DotId)>),
    /// The record holds a dot's outcome.
    Outcome(DotId, DotState),
}

/// The topic, before anything is drawn.
pub struct Markers(Publisher<MarkerArray>);

impl Markers {
    /// Makes it on a node.
    ///
    /// # Errors
    /// When ROS 2 refuses.
    pub fn open(node: &mut Node) -> Result<Self, ProgramError> {
        let made = node.create_publisher("~/markers", latched().keep_last(KEPT));
        Ok(Self(made.map_err(making("~/markers"))?))
    }

    /// Draws on a thread of its own until what it returns is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn draw(
        self,
        frame: String,
        inputs: Arc<Inputs>,
        plan: watch::Receiver<Option<Arc<Shown>>>,
    ) -> Result<Sender<Note>, ProgramError> {
        let (notes, told) = channel();
        let artist = Artist {
            topic: self.0,
            frame,
            inputs,
            plan,
            scene: None,
            present: None,
            drawn: None,
            stale: false,
            listeners: 0,
        };
        thread("markers", move || artist.run(&told))?;
        Ok(notes)
    }
}

/// What is drawn of one plan.
struct Scene {
    shown: Arc<Shown>,
    head: Vec<[Point<Head>; 3]>,
    patch: Vec<[Point<Head>; 2]>,
    standings: Vec<Standing>,
    /// Markers with dots that have changed.
    changed: BTreeSet<usize>,
}

impl Scene {
    fn of(shown: Arc<Shown>) -> Self {
        let plan = &shown.plan;
        let (dots, keep_outs) = (plan.dots.len(), plan.keep_outs.len());
        if dots > MOST_DOTS || keep_outs > MOST_KEEP_OUTS {
            tracing::warn!(dots, keep_outs, "more than the markers show");
        }
        let mut standings = draw::standings(plan, &shown.done);
        standings.truncate(MOST_DOTS);
        Self {
            head: draw::coarse(&plan.head, MOST_TRIANGLES),
            patch: draw::outline(&plan.head, &plan.patch, MOST_EDGES),
            standings,
            changed: BTreeSet::new(),
            shown,
        }
    }

    fn set(&mut self, dot: DotId, standing: Standing) {
        if let Some(held) = self.standings.get_mut(dot.index())
            && *held != standing
        {
            *held = standing;
            self.changed.insert(dot.index() / CHUNK);
        }
    }

    fn whole(&self, place: &Place, present: Option<(u8, DotId)>) -> Vec<Marker> {
        let plan = &self.shown.plan;
        let chunks = 0..self.standings.len().div_ceil(CHUNK);
        let mut all = vec![
            place.clear(),
            place.head(&self.head),
            place.patch(&self.patch),
        ];
        all.extend(place.keep_outs(plan));
        all.extend(chunks.map(|chunk| place.dots(plan, &self.standings, chunk)));
        all.extend(place.hops(plan, &self.standings, present));
        all
    }
}

/// What was sent last.
struct Drawn {
    at: Instant,
    base_from_head: Transform<Base, Head>,
    present: Option<(u8, DotId)>,
}

struct Artist {
    topic: Publisher<MarkerArray>,
    frame: String,
    inputs: Arc<Inputs>,
    plan: watch::Receiver<Option<Arc<Shown>>>,
    scene: Option<Scene>,
    present: Option<(u8, DotId)>,
    drawn: Option<Drawn>,
    /// What is drawn is of a plan that is no longer in use.
    stale: bool,
    listeners: usize,
}

impl Artist {
    fn run(mut self, notes: &Receiver<Note>) {
        let mut due = Instant::now() + TURN;
        loop {
            match notes.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(note) => {
                    // A plan that was loaded before this outcome was told counts first.
                    self.look_at_plan();
                    self.take(note);
                }
                Err(RecvTimeoutError::Timeout) => {
                    due = Instant::now() + TURN;
                    self.look_at_plan();
                    self.send();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, note: Note) {
        match (note, self.scene.as_mut()) {
            (Note::Present(present), _) => self.present = present,
            (Note::Outcome(dot, state), Some(scene)) => scene.set(dot, state.into()),
            (Note::Outcome(..), None) => {}
        }
    }

    fn look_at_plan(&mut self) {
        if self.plan.has_changed().unwrap_or(false) {
            self.scene = self.plan.borrow_and_update().clone().map(Scene::of);
            (self.present, self.drawn, self.stale) = (None, None, true);
        }
    }

    fn send(&mut self) {
        let listeners = self
            .topic
            .get_inter_process_subscription_count()
            .unwrap_or(0);
        let more = listeners > std::mem::replace(&mut self.listeners, listeners);
        if listeners == 0 {
            return;
        }
        let header = Header {
            stamp: stamp(),
            frame_id: self.frame.clone(),
        };
        let tracked = self.inputs.head.latest().map(|latest| latest.value);
        let Some(scene) = self.scene.as_mut() else {
            if more || std::mem::take(&mut self.stale) {
                let place = Place {
                    header,
                    base_from_head: Transform::identity(),
                };
                publish(&self.topic, vec![place.clear()]);
            }
            return;
        };
        // Until a tracker has seen it, the head is where the plan expects it.
        let base_from_head = tracked.unwrap_or(scene.shown.plan.cell.base_from_head);
        let place = Place {
            header,
            base_from_head,
        };
        let markers = match &mut self.drawn {
            Some(drawn) if !more && !moved(drawn, &base_from_head) => {
                // What is sent now must lie on the head as it was drawn.
                let place = Place {
                    base_from_head: drawn.base_from_head,
                    ..place
                };
                let plan = &scene.shown.plan;
                let changed = std::mem::take(&mut scene.changed);
                let mut markers: Vec<Marker> = changed
                    .into_iter()
                    .map(|chunk| place.dots(plan, &scene.standings, chunk))
                    .collect();
                if drawn.present != self.present {
                    drawn.present = self.present;
                    markers.extend(place.hops(plan, &scene.standings, self.present));
                }
                markers
            }
            _ => {
                self.stale = false;
                scene.changed.clear();
                self.drawn = Some(Drawn {
                    at: Instant::now(),
                    base_from_head,
                    present: self.present,
                });
                scene.whole(&place, self.present)
            }
        };
        if !markers.is_empty() {
            publish(&self.topic, markers);
        }
    }
}

/// Whether the head has gone from where it is drawn, and long enough ago.
fn moved(drawn: &Drawn, base_from_head: &Transform<Base, Head>) -> bool {
    let (way, turn) = drawn.base_from_head.separation(base_from_head);
    (way > MOVED.0 || turn > MOVED.1) && drawn.at.elapsed() >= AGAIN
}

fn publish(topic: &Publisher<MarkerArray>, markers: Vec<Marker>) {
    if let Err(error) = topic.publish(&MarkerArray { markers }) {
        tracing::debug!(%error, "the markers could not be sent");
    }
}
