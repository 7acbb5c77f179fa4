//! The simulated hardware as a ROS 2 node, in real time: what the controller node finds in place of an arm, a needle and a head tracker.
//!
//! Thread `ros` spins the node and hands on what came in; thread `plant` moves the plant, answers and tells ([`hardware`]); thread
//! `strikes` writes down what really happened ([`strikes`]).

#[cfg(test)]
mod contract;
pub mod goal;
pub mod hardware;
pub mod server;
pub mod strikes;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use anyhow::Context as _;
use r2r::action_msgs::srv::CancelGoal;
use r2r::control_msgs::action::FollowJointTrajectory as Follow;
use r2r::stipple_msgs::msg::NeedleCommand;
use r2r::trajectory_msgs::msg::JointTrajectory;
use r2r::{Node, QosProfile};
use stipple_controller::admit::admit_file;
use stipple_controller::ports::Micros;
use stipple_controller::ros::parameters::Parameters;
use stipple_controller::ros::program::{
    Ending, ProgramError, Urgency, drain, every, join_urgent, making, newest_reliable, spin,
    thread, urgent,
};

use crate::plant::{Plant, PlantConfig, home};
use hardware::{Hardware, Orders, Reports, Telling};
use server::{Asked, Server, Topics};

/// Serve the simulated arm, needle and head tracker as a ROS 2 node, in real time.
///
/// What follows --ros-args is for ROS 2: parameters (launch/params/sim.yaml explains them), remaps, namespace. Runs until SIGINT or
/// SIGTERM. Exit code 1 when an invariant broke: a strike off the patch, a dot struck twice, a needle out over a moving arm.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stipple-sim ros --plan head.plan
  stipple-sim ros --plan head.plan --seed 3 --strikes strikes.csv --ros-args --params-file launch/params/sim.yaml")]
pub struct Args {
    /// The plan whose arm and head are simulated
    #[arg(long, value_name = "FILE.plan")]
    plan: PathBuf,
    /// The layer above whose first dot the arm waits, from 1
    #[arg(long, default_value_t = 1)]
    layer: u8,
    /// Seed of everything that happens by chance; instead of the parameter
    #[arg(long)]
    seed: Option<u64>,
    /// Where the truth about every strike is written
    #[arg(long, value_name = "FILE.csv")]
    strikes: Option<PathBuf>,
}

/// The node's parameters.
struct Config {
    arm_controller: String,
    base_frame: String,
    seed: u64,
    joints: Micros,
    head: Micros,
    needle: Micros,
    scan: Micros,
    cartridge: String,
}

impl Config {
    fn read(node: &Node) -> Result<Self, ProgramError> {
        let mut given = Parameters::of(node)?;
        let period = |rate: f64| Micros((1e6 / rate) as u64);
        let config = Self {
            arm_controller: given.name("arm_controller", "joint_trajectory_controller")?,
            base_frame: given.text("base_frame", "base_link")?,
            seed: given.whole("seed", 0)?,
            joints: period(given.number("joint_state_rate", 500.0, 50.0..=1000.0)?),
            head: period(given.number("head_pose_rate", 60.0, 10.0..=240.0)?),
            needle: period(given.number("needle_state_rate", 500.0, 50.0..=1000.0)?),
            scan: period(given.number("scan_rate", 1.0, 0.1..=10.0)?),
            cartridge: given.text("cartridge", "simulated")?,
        };
        given.finish()?;
        Ok(config)
    }
}

/// Serves until a signal asks for the end.
///
/// # Errors
/// What kept it from starting.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let ending = Ending::on_signals()?;
    let mut node = join_urgent("stipple_sim")?;
    let config = Config::read(&node)?;
    let seed = args.seed.unwrap_or(config.seed);
    let admitted = admit_file(&args.plan).with_context(|| args.plan.display().to_string())?;
    if let Some(path) = &args.strikes {
        stipple_model::files::check_apart(&[path], &[&args.plan])?;
        stipple_model::files::check_output(path)?;
    }
    let plan = Arc::clone(admitted.plan());
    let cell = plan.work_cell()?;
    let start = home(&plan, &cell, args.layer)?;
    let mut plant_config = PlantConfig::default();
    plant_config.tracker.period = config.head;
    let plant = Plant::new(&plan, cell.arm(), start, &plant_config, seed)?;
    let names: Vec<String> = cell.arm().joints().iter().map(|j| j.name.clone()).collect();

    let (server, reports) = outputs(&mut node, &config, names)?;
    let (orders, take) = inputs(&mut node, &config)?;
    let (strikes, writing) = match &args.strikes {
        None => (None, None),
        Some(path) => {
            let (out, told) = channel();
            let (plan, path) = (Arc::clone(&plan), path.clone());
            let writer = thread("strikes", move || strikes::keep(&told, &plan, &path))?;
            (Some(out), Some(writer))
        }
    };
    let hardware = Hardware {
        plant,
        server,
        reports,
        telling: Telling {
            joints: config.joints,
            needle: config.needle,
            scan: config.scan,
            head_latency: plant_config.tracker.latency,
            base_frame: config.base_frame,
            cartridge: config.cartridge,
        },
        orders,
        strikes,
    };
    let until = ending.clone();
    let plant = thread("plant", move || {
        let _ = urgent(Urgency::Loop);
        hardware.run(&until)
    })?;
    let spinner = spin(node, ending, Some(Urgency::Spin), take)?;
    tracing::info!(seed, plan = %args.plan.display(), "the simulated hardware is up");
    let summary = plant
        .join()
        .map_err(|_| anyhow::anyhow!("the plant's thread has ended by itself"))?;
    let _ = spinner.join();
    if let Some(Ok(written)) = writing.map(std::thread::JoinHandle::join) {
        written?;
    }
    Ok(report(&summary))
}

fn report(summary: &hardware::Summary) -> ExitCode {
    let invariants = &summary.invariants;
    tracing::info!(
        strikes = summary.strikes,
        checks = invariants.checks,
        breaks = invariants.breaks,
        "the simulated hardware has ended"
    );
    for broken in &invariants.first {
        tracing::error!(?broken, "an invariant broke");
    }
    if invariants.breaks == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn action(config: &Config) -> String {
    format!("{}/follow_joint_trajectory/_action", config.arm_controller)
}

fn outputs(
    node: &mut Node,
    config: &Config,
    names: Vec<String>,
) -> Result<(Server, Reports), ProgramError> {
    let action = action(config);
    let topics = Topics {
        status: node
            .create_publisher(&format!("{action}/status"), Topics::status_qos())
            .map_err(making("the action's status"))?,
        feedback: node
            .create_publisher(&format!("{action}/feedback"), every(10))
            .map_err(making("the action's feedback"))?,
    };
    let reports = Reports {
        joints: node
            .create_publisher("joint_states", newest_reliable())
            .map_err(making("joint_states"))?,
        needle: node
            .create_publisher("needle/state", newest_reliable())
            .map_err(making("needle/state"))?,
        head: node
            .create_publisher("head_pose", newest_reliable())
            .map_err(making("head_pose"))?,
        scan: node
            .create_publisher("scan", newest_reliable())
            .map_err(making("scan"))?,
    };
    Ok((Server::new(topics, names, goal::NO_TOLERANCES), reports))
}

/// Subscribes; what it returns hands on what has come.
fn inputs(
    node: &mut Node,
    config: &Config,
) -> Result<(Orders, impl FnMut() + Send + 'static + use<>), ProgramError> {
    let (ask, asked) = channel();
    let (command, commands) = channel();
    let action = action(config);
    let qos = QosProfile::services_default;
    let mut told = node
        .subscribe::<NeedleCommand>("needle/command", stipple_controller::ros::program::newest())
        .map_err(making("needle/command"))?;
    let mut goals = node
        .create_service::<Follow::SendGoal::Service>(&format!("{action}/send_goal"), qos())
        .map_err(making("send_goal"))?;
    let mut cancels = node
        .create_service::<CancelGoal::Service>(&format!("{action}/cancel_goal"), qos())
        .map_err(making("cancel_goal"))?;
    let mut results = node
        .create_service::<Follow::GetResult::Service>(&format!("{action}/get_result"), qos())
        .map_err(making("get_result"))?;
    let topic = format!("{}/joint_trajectory", config.arm_controller);
    let mut topic = node
        .subscribe::<JointTrajectory>(&topic, newest_reliable())
        .map_err(making(topic))?;
    let take = move || {
        // The plant's thread may have ended; then nobody is there to answer.
        for message in drain(&mut told) {
            let _ = command.send(message);
        }
        // What is to end was there before what is to begin: a cancel does not take a goal with it that came after.
        hand_on(&ask, drain(&mut cancels).map(Asked::Cancel));
        hand_on(
            &ask,
            drain(&mut goals).map(|goal| Asked::Goal(Box::new(goal))),
        );
        hand_on(&ask, drain(&mut results).map(Asked::Result));
        // Of several only the last counts.
        let last = drain(&mut topic).last();
        hand_on(&ask, last.into_iter().map(|t| Asked::Topic(Box::new(t))));
    };
    Ok((Orders { asked, commands }, take))
}

fn hand_on(ask: &Sender<Asked>, all: impl Iterator<Item = Asked>) {
    for asked in all {
        let _ = ask.send(asked);
    }
}
