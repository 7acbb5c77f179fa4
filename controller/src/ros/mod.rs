//! The controller as a ROS 2 node, and its operator's client.
//!
//! | thread | does |
//! |---|---|
//! | `ros` | spins the node: takes joint states, needle reports, head poses, scans and heartbeats as they come ([`inputs`]) |
//! | `cycle` | ticks the session every 2 ms ([`cycle`]); never touches ROS |
//! | `needle` | sends each tick's needle command ([`needle`]) |
//! | `arm` | sends goals and cancels to an arm that follows them ([`arm`]; with `arm_port: action`) |
//! | `stream` | sends points to an arm that is led by them ([`stream`]; with `arm_port: stream`) |
//! | `markers` | draws for RViz ([`markers`]) |
//! | `hops`, `record` | compute motions, write the record ([`crate::services::ThreadedServices`]) |
//! | main | everything asynchronous: services ([`desk`], [`managed`]), what is told ([`told`]) |
//!
//! Losing the process is silence, on which the needle device draws the needle back by itself. A start of the node moves nothing.

pub mod arm;
pub mod cancel;
pub mod cartridge;
pub mod cycle;
pub mod description;
pub mod desk;
pub mod diagnostics;
pub mod follower;
pub mod goal;
pub mod handoff;
pub mod inputs;
pub mod load;
pub mod managed;
pub mod markers;
pub mod needle;
pub mod newest;
pub mod operate;
pub mod parameters;
pub mod program;
pub mod rivals;
pub mod scan;
pub mod sections;
pub mod service;
pub mod sim_time;
pub mod slot;
pub mod stream;
pub mod terms;
pub mod told;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::Stream;
use r2r::action_msgs::srv::CancelGoal;
use r2r::geometry_msgs::msg::PoseStamped;
use r2r::sensor_msgs::msg::{JointState, PointCloud2};
use r2r::std_msgs::msg::String as Text;
use r2r::stipple_msgs::msg::NeedleState;
use r2r::{Node, QosProfile};
use stipple_core::{Limits, State};
use tokio::sync::watch;

use crate::registration::LastScan;
use crate::rt;
use arm::{ArmServer, NodeArm, RosArm};
use cancel::Emergency;
use cycle::{Cycle, Event};
use description::Offered;
use desk::{Counter, Desk};
use diagnostics::{Seen, Watched};
use follower::{Follower, SharedFollower};
use goal::Tolerances;
use handoff::Taker;
use inputs::Inputs;
use load::Loader;
use managed::Managed;
use markers::{Markers, Note};
use needle::RosNeedle;
use parameters::{Held, ParameterServices, Parameters};
use program::{Clock, Ending, ProgramError, Urgency, drain, every, latched, making, newest};
use rivals::Rivals;
use terms::{Allowed, Terms};
use told::{Rates, Told};

/// Name of the node.
pub const NODE: &str = "stipple_controller";

/// The topic of the operator's heartbeat: whoever operates sends their own name on it, ten times a second.
pub const LEASE_TOPIC: &str = "operator/lease";

/// Heartbeats that may wait: of several senders at once none displaces the holder's.
const HEARTBEATS: usize = 10;

/// Scans that may wait. Source: the middleware's own for sensors.
const SCANS: usize = 5;

/// The node's parameters; launch/params/controller.yaml explains them.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeConfig {
    /// Name of the arm's trajectory controller.
    pub arm_controller: String,
    /// How motions go to it: points a second, where they do not go as goals.
    pub stream: Option<f64>,
    /// Frame that head poses must carry.
    pub base_frame: String,
    /// The core's figures.
    pub limits: Limits,
    /// Whether the head must be registered before the first start.
    pub register_first: bool,
    /// What hardware may have to do without.
    pub allowed: Allowed,
    /// Sent with every goal.
    pub tolerances: Tolerances,
    /// How often things are told.
    pub rates: Rates,
    /// Whether the node configures and activates itself; otherwise somebody else does.
    pub autostart: bool,
    /// Whether stamps are those of `/clock`.
    pub sim_time: bool,
}

impl NodeConfig {
    /// From the parameters given to a node.
    ///
    /// # Errors
    /// One that is unknown or makes no sense.
    pub fn read(mut given: Parameters) -> Result<(Self, Held), ProgramError> {
        let limits = given.choice(
            "limits",
            "hardware",
            &[
                ("hardware", Limits::HARDWARE),
                ("simulation", Limits::LOOSE_CLOCK),
            ],
        )?;
        let config = Self {
            arm_controller: given.name("arm_controller", "joint_trajectory_controller")?,
            stream: {
                let rate = given.number("stream_rate", 500.0, 50.0..=500.0)?;
                let choices = [("action", None), ("stream", Some(rate))];
                given.choice("arm_port", "action", &choices)?
            },
            base_frame: given.text("base_frame", "base_link")?,
            // On hardware nobody is spared it.
            register_first: given.flag("register_first", true)? || limits == Limits::HARDWARE,
            limits,
            allowed: Allowed {
                no_real_time: given.flag("allow_no_real_time", false)?,
                unsecured: given.flag("allow_unsecured", false)?,
            },
            tolerances: Tolerances {
                path: given.number("path_tolerance", 0.1, 0.001..=0.5)?,
                // Farther off than that the core takes an arm for one that has not arrived.
                goal: given.number("goal_tolerance", 0.002, 0.0001..=limits.goal_deviation)?,
                goal_time: given.number("goal_time_tolerance", 1.0, 0.05..=5.0)?,
            },
            rates: Rates {
                state: given.number("state_rate", 10.0, 1.0..=50.0)?,
                diagnostics: given.number("diagnostics_rate", 1.0, 0.1..=10.0)?,
            },
            autostart: given.flag("autostart", true)?,
            sim_time: given.flag("use_sim_time", false)?,
        };
        let held = given.finish()?;
        if config.sim_time && config.limits == Limits::HARDWARE {
            return Err(ProgramError::SimTime);
        }
        Ok((config, held))
    }
}

/// Runs the node until a signal asks for its end; then stops the session in order. The number is the exit code: 1 where arm and needle were not
/// seen to rest.
///
/// # Errors
/// What kept it from starting.
pub fn run() -> Result<u8, ProgramError> {
    let ending = Ending::on_signals()?;
    let mut node = program::join_urgent(NODE)?;
    let (config, held) = NodeConfig::read(Parameters::of(&node)?)?;
    if config.limits != Limits::HARDWARE {
        tracing::warn!("limits for simulated hardware: never with a real arm");
    }
    let terms = Terms {
        limits: config.limits,
        register_first: config.register_first,
        lacking: rt::grant().err(),
        secured: terms::secured(),
    };
    terms.check(config.allowed)?;
    let clock = Clock::start();
    let inputs = Inputs::new(clock, config.base_frame.clone(), &config.limits);
    let inputs = Arc::new(if config.sim_time {
        inputs.with_simulated_time()
    } else {
        inputs
    });
    let needle = RosNeedle::start(
        node.create_publisher("needle/command", newest())
            .map_err(making("needle/command"))?,
    )?;
    let ArmParts {
        arm,
        server,
        emergency,
        follower,
    } = arm_of(&mut node, &config, &inputs)?;
    let rivals = Arc::new(Rivals::default());
    let surface = Surface::open(&mut node, held, Arc::clone(&rivals))?;
    let markers = Markers::open(&mut node)?;
    let (description, mut take_description) = Offered::open(&mut node)?.split();
    let mut take_time = sim_time::follow(&mut node, config.sim_time)?;
    let mut take_inputs = take(&mut node, Arc::clone(&inputs))?;
    let mut take_rivals = rivals.listen(&mut node, clock)?;
    let take = move || {
        take_time();
        take_inputs();
        take_description();
        take_rivals();
    };
    let spinning = Ending::default();
    let spinner = program::spin(node, spinning.clone(), Some(Urgency::Spin), take)?;
    let (cycle, events) = Cycle::start(clock, Arc::clone(&inputs), arm, needle)?;
    let threads = [
        ("the thread that takes what comes in", spinner),
        (
            "the thread that speaks to the arm",
            server.start(Arc::clone(&cycle.pace))?,
        ),
    ];

    let loader = Rc::new(Loader {
        clock,
        terms,
        inputs: Arc::clone(&inputs),
        errands: cycle.errands.clone(),
        registrar: RefCell::default(),
        last_scan: LastScan::default(),
        description,
        shown: watch::Sender::new(None),
        was_lost: std::cell::Cell::new(false),
    });
    let drawn = loader.shown.subscribe();
    let part = Main {
        surface,
        scene: markers.draw(config.base_frame.clone(), inputs, drawn)?,
        threads,
        emergency,
        cycle,
        events,
        loader,
        follower: Rc::new(follower),
        rivals,
        ending,
    };
    let tasks = tokio::task::LocalSet::new();
    let (end, threads) = runtime()?.block_on(tasks.run_until(part.live(&config)));
    spinning.ask();
    for (_, thread) in threads {
        let _ = thread.join();
    }
    match end {
        End::Died(which) => Err(ProgramError::Died(which)),
        End::Unconfirmed => {
            tracing::error!(
                "the controller node has ended, and arm and needle were not seen to rest: use the hardware stop"
            );
            Ok(1)
        }
        End::AtRest => {
            tracing::info!("the controller node has ended");
            Ok(0)
        }
    }
}

/// What makes the arm move.
pub struct ArmParts {
    /// Its port.
    pub arm: Box<dyn NodeArm>,
    /// What serves its action; an arm that is led by points has its goals cancelled by it, too.
    pub server: ArmServer,
    /// What cancels all goals when neither is left.
    pub emergency: Emergency,
    /// Who takes the motions.
    pub follower: Follower,
}

/// The arm's port by the parameters, and what goes with it.
///
/// # Errors
/// What ROS 2 refuses to make.
pub fn arm_of(
    node: &mut Node,
    config: &NodeConfig,
    inputs: &Arc<Inputs>,
) -> Result<ArmParts, ProgramError> {
    let action = format!("{}/follow_joint_trajectory", config.arm_controller);
    let goals = node
        .create_action_client(&action)
        .map_err(making(action.clone()))?;
    let mut cancels = || {
        let service = format!("{action}/_action/cancel_goal");
        node.create_client::<CancelGoal::Service>(&service, QosProfile::services_default())
            .map_err(making("the client of cancel_goal"))
    };
    let emergency = Emergency::new(cancels()?);
    let served = Follower::of_action(action.clone(), &goals)?;
    let (arm, server) = RosArm::new(Arc::clone(inputs), goals, cancels()?, config.tolerances);
    let (arm, follower): (Box<dyn NodeArm>, Follower) = match config.stream {
        None => (Box::new(arm), served),
        Some(rate) => {
            let figures = stream::figures(rate, config.tolerances);
            let topic = format!("{}/joint_trajectory", config.arm_controller);
            let (arm, publisher) = stream::RosStream::start(node, &topic, arm, figures)?;
            (Box::new(arm), Follower::of_topic(topic, publisher))
        }
    };
    Ok(ArmParts {
        arm,
        server,
        emergency,
        follower,
    })
}

/// What the node shows to others, made but not yet served.
struct Surface {
    told: Told,
    desk: Desk,
    managed: Managed,
    parameters: ParameterServices,
    name: String,
}

impl Surface {
    fn open(node: &mut Node, held: Held, rivals: Arc<Rivals>) -> Result<Self, ProgramError> {
        Ok(Self {
            parameters: ParameterServices::open(node, held)?,
            told: Told::open(node, rivals)?,
            desk: Desk::open(node)?,
            managed: Managed::open(node)?,
            name: node.fully_qualified_name().map_err(making("its name"))?,
        })
    }
}

/// How a node's life ended.
enum End {
    /// A thread of it was gone that it cannot do without.
    Died(&'static str),
    /// Arm and needle were not seen to rest.
    Unconfirmed,
    /// In order.
    AtRest,
}

/// What lives on the main thread.
struct Main {
    surface: Surface,
    scene: Sender<Note>,
    /// What else runs, by what it does.
    threads: [(&'static str, JoinHandle<()>); 2],
    emergency: Emergency,
    cycle: Cycle,
    events: Taker<Event>,
    loader: Rc<Loader>,
    follower: SharedFollower,
    rivals: Arc<Rivals>,
    ending: Ending,
}

impl Main {
    /// Until the end is asked for, or a thread is gone; gives the threads back.
    async fn live(self, config: &NodeConfig) -> (End, [(&'static str, JoinHandle<()>); 2]) {
        let (surface, cycle, loader) = (self.surface, self.cycle, self.loader);
        let (now, state) = watch::channel(State::Safe);
        let emergency = self.emergency;
        let life = surface.managed.serve(Rc::clone(&loader), emergency.clone());
        let watched = Watched {
            node: surface.name,
            inputs: Arc::clone(&loader.inputs),
            pace: Arc::clone(&cycle.pace),
            clock: loader.clock,
            limits: config.limits,
            lacking: loader.terms.lacking,
            life: Rc::clone(&life),
            description: loader.description.clone(),
            follower: Rc::clone(&self.follower),
            rivals: Arc::clone(&self.rivals),
            shown: loader.shown.subscribe(),
            seen: Seen::default(),
        };
        let telling = surface.told.tell(
            self.events,
            config.rates,
            watched,
            self.scene,
            now,
            self.ending.clone(),
        );
        let telling = tokio::task::spawn_local(telling);
        let describing = loader.description.clone();
        tokio::task::spawn_local(describing.watch(loader.shown.subscribe(), cycle.errands.clone()));
        surface.parameters.serve();
        let watching = Arc::clone(&self.rivals);
        tokio::task::spawn_local(watching.watch(loader.clock, cycle.errands.clone()));
        let counter = Counter {
            loader: Rc::clone(&loader),
            life: Rc::clone(&life),
            follower: self.follower,
            rivals: self.rivals,
        };
        surface.desk.serve(&counter, state);
        if config.autostart {
            life.autostart().await;
        }
        tracing::info!(
            arm = config.arm_controller,
            "the controller node is up; nothing moves"
        );
        let died = tokio::select! {
            () = self.ending.wait() => None,
            which = gone(&cycle, &self.threads) => Some(which),
        };
        let end = if let Some(which) = died {
            // Without the loop the needle hears nothing any more, without the others the loop hears nothing, or nobody it; whatever moves shall stop.
            emergency.cancel().await;
            End::Died(which)
        } else if life.end_of_all().await {
            End::AtRest
        } else {
            End::Unconfirmed
        };
        let loaded = tokio::task::spawn_blocking(|| cycle.finish()).await;
        // The record is closed before the process goes.
        if let Ok(Some(loaded)) = loaded {
            drop(loaded.services.finish());
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), telling).await;
        (end, self.threads)
    }
}

/// Waits until the control loop or another thread is gone, which none is by itself unless it broke.
async fn gone(cycle: &Cycle, threads: &[(&'static str, JoinHandle<()>)]) -> &'static str {
    loop {
        if cycle.has_ended() {
            return "the control loop";
        }
        if let Some((which, _)) = threads.iter().find(|(_, thread)| thread.is_finished()) {
            return which;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A runtime of one thread: what is asynchronous is not much.
///
/// # Errors
/// When the system gives none.
pub fn runtime() -> Result<tokio::runtime::Runtime, ProgramError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|source| ProgramError::System {
            doing: "starting the asynchronous part",
            source,
        })
}

/// Subscribes to the inputs; what it returns takes what has come.
fn take(
    node: &mut Node,
    inputs: Arc<Inputs>,
) -> Result<impl FnMut() + Send + 'static + use<>, ProgramError> {
    let mut joints = listen::<JointState>(node, "joint_states")?;
    let mut needle = listen::<NeedleState>(node, "needle/state")?;
    let mut head = listen::<PoseStamped>(node, "head_pose")?;
    let mut listen_to_scans = |quality| {
        let scans = node.subscribe::<PointCloud2>("scan", quality);
        scans.map_err(making("scan"))
    };
    // Most drivers send as sensors do; one who sends a scan once and reliably is heard so: a large one comes whole only then.
    let (mut scans, mut reliable_scans) = (
        listen_to_scans(newest().keep_last(SCANS))?,
        listen_to_scans(every(SCANS))?,
    );
    let mut lease = node
        .subscribe::<Text>(LEASE_TOPIC, latched().keep_last(HEARTBEATS))
        .map_err(making(LEASE_TOPIC))?;
    Ok(move || {
        // Of several at once only the last tells how things are.
        if let Some(message) = drain(&mut joints).last() {
            inputs.take_joints(&message);
        }
        if let Some(message) = drain(&mut needle).last() {
            inputs.take_needle(&message);
        }
        if let Some(message) = drain(&mut head).last() {
            inputs.take_head(&message);
        }
        // The same comes twice where it comes reliably.
        for cloud in [drain(&mut scans).last(), drain(&mut reliable_scans).last()] {
            cloud.into_iter().for_each(|cloud| inputs.take_scan(cloud));
        }
        for heartbeat in drain(&mut lease) {
            inputs.take_lease(&heartbeat.data);
        }
    })
}

fn listen<T: r2r::WrappedTypesupport + Send + 'static>(
    node: &mut Node,
    topic: &str,
) -> Result<impl Stream<Item = T> + Unpin + Send + 'static + use<T>, ProgramError> {
    node.subscribe::<T>(topic, newest()).map_err(making(topic))
}
