//! The contract of an arm's port over the wire: both ports of the node against the simulated hardware, all in this process.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use r2r::sensor_msgs::msg::JointState;
use r2r::{Context, Node};
use stipple_controller::ports::{ArmPort, Micros};
use stipple_controller::ros::arm::NodeArm;
use stipple_controller::ros::goal::Tolerances;
use stipple_controller::ros::inputs::Inputs;
use stipple_controller::ros::program::{Clock, Ending, drain, newest, spin, thread};
use stipple_controller::ros::terms::Allowed;
use stipple_controller::ros::told::Rates;
use stipple_controller::ros::{ArmParts, NodeConfig, arm_of};
use stipple_core::Limits;

use super::hardware::{Hardware, Telling};
use super::{Config, inputs, outputs};
use crate::plant::{Plant, PlantConfig, home};
use crate::testing::contract::{Bench, holds};
use crate::testing::small_plan;

/// A node in a namespace that no other process has.
fn node(name: &str, space: &str) -> Node {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let context = CONTEXT.get_or_init(|| Context::create().unwrap()).clone();
    let space = format!("/contract_{}_{space}", std::process::id());
    Node::create(context, name, &space).unwrap()
}

/// The simulated hardware until the end is asked for.
fn hardware(space: &str, ending: &Ending) -> (Vec<String>, Vec<JoinHandle<()>>) {
    let (plan, cell) = small_plan(2);
    let config = Config {
        arm_controller: "arm".to_owned(),
        base_frame: "base_link".to_owned(),
        seed: 1,
        joints: Micros::from_ms(2),
        head: Micros::from_ms(16),
        needle: Micros::from_ms(2),
        scan: Micros::from_ms(1_000),
        cartridge: "simulated".to_owned(),
    };
    let mut node = node("sim", space);
    let names: Vec<String> = cell.arm().joints().iter().map(|j| j.name.clone()).collect();
    let start = home(&plan, &cell, 1).unwrap();
    let figures = PlantConfig::default();
    let plant = Plant::new(&Arc::new(plan), cell.arm(), start, &figures, 1).unwrap();
    let (server, reports) = outputs(&mut node, &config, names.clone()).unwrap();
    let (orders, take) = inputs(&mut node, &config).unwrap();
    let hardware = Hardware {
        plant,
        server,
        reports,
        telling: Telling {
            joints: config.joints,
            needle: config.needle,
            scan: config.scan,
            head_latency: Micros::ZERO,
            base_frame: config.base_frame,
            cartridge: config.cartridge.clone(),
        },
        orders,
        strikes: None,
    };
    let until = ending.clone();
    let plant = thread("plant", move || drop(hardware.run(&until))).unwrap();
    let spinner = spin(node, ending.clone(), None, take).unwrap();
    (names, vec![plant, spinner])
}

struct Wired {
    arm: Box<dyn NodeArm>,
    inputs: Arc<Inputs>,
    clock: Clock,
}

impl Bench for Wired {
    fn arm(&mut self) -> &mut dyn ArmPort {
        &mut *self.arm
    }

    fn tick(&mut self) {
        std::thread::sleep(Duration::from_millis(2));
        let joints = self.inputs.joints.latest();
        self.arm.look(self.clock.now(), joints);
    }
}

/// The node's port, served on a thread of its own.
fn port(
    space: &'static str,
    stream: Option<f64>,
    names: Vec<String>,
    ending: &Ending,
) -> (Receiver<Wired>, JoinHandle<()>) {
    let (give, wired) = channel();
    let ending = ending.clone();
    let serving = thread("arm", move || {
        let limits = Limits::LOOSE_CLOCK;
        let config = NodeConfig {
            arm_controller: "arm".to_owned(),
            stream,
            base_frame: "base_link".to_owned(),
            limits,
            register_first: false,
            autostart: true,
            sim_time: false,
            allowed: Allowed::default(),
            tolerances: Tolerances {
                path: 0.1,
                goal: 2e-3,
                goal_time: 5.0,
            },
            rates: Rates {
                state: 10.0,
                diagnostics: 1.0,
            },
        };
        let clock = Clock::start();
        let inputs = Arc::new(Inputs::new(clock, config.base_frame.clone(), &limits));
        inputs.set_names(&names);
        let mut node = node("controller", space);
        let ArmParts {
            mut arm, server, ..
        } = arm_of(&mut node, &config, &inputs).unwrap();
        let topic = node.subscribe::<JointState>("joint_states", newest());
        let (mut heard, taken) = (topic.unwrap(), Arc::clone(&inputs));
        let take = move || {
            if let Some(message) = drain(&mut heard).last() {
                taken.take_joints(&message);
            }
        };
        let spinner = spin(node, ending.clone(), None, take).unwrap();
        // The names are there once the arm has reported.
        while inputs.reported_with(&names).is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        arm.begin_plan(&names);
        give.send(Wired { arm, inputs, clock }).unwrap();
        // No loop ticks here.
        let speaking = server.start(Arc::default()).unwrap();
        spinner.join().unwrap();
        // Its port goes with the bench.
        speaking.join().unwrap();
    });
    (wired, serving.unwrap())
}

fn over_the_wire(space: &'static str, stream: Option<f64>) {
    let ending = Ending::default();
    let (names, running) = hardware(space, &ending);
    let (wired, serving) = port(space, stream, names, &ending);
    let mut bench = wired.recv_timeout(Duration::from_secs(60)).unwrap();
    // Known is not yet connected.
    std::thread::sleep(Duration::from_secs(2));
    let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| holds(&mut bench)));
    ending.ask();
    drop(bench);
    for thread in running.into_iter().chain([serving]) {
        let _ = thread.join();
    }
    if let Err(broken) = held {
        std::panic::resume_unwind(broken);
    }
}

#[test]
fn goals_hold_the_contract() {
    over_the_wire("goals", None);
}

#[test]
fn a_stream_holds_the_contract() {
    over_the_wire("stream", Some(125.0));
}
