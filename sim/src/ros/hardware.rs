//! The plant in real time: one thread that moves it every 2 ms, takes what came in and tells what its devices report.

use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use r2r::Publisher;
use r2r::builtin_interfaces::msg::Time;
use r2r::geometry_msgs::msg::PoseStamped;
use r2r::sensor_msgs::msg::{JointState, PointCloud2, PointField};
use r2r::std_msgs::msg::Header;
use r2r::stipple_msgs::msg;
use stipple_controller::ports::{ArmPort as _, Micros};
use stipple_controller::ros::program::{Clock, Ending, stamp, stamp_before};
use stipple_core::NeedleState;
use stipple_model::frames::{Base, Head, Point, Transform};

use super::server::{Asked, Server};
use crate::plant::{DeviceCommand, Invariants, Plant, Strike};

/// From step to step.
const STEP: Micros = Micros::from_ms(2);

/// After a longer gap the plant does not catch up step by step.
const CATCH_UP: Micros = Micros::from_ms(200);

/// Silence after which the needle device begins a new count. Source: hazard H10.
const SILENCE: Micros = Micros::from_ms(50);

/// Where the devices report.
pub struct Reports {
    /// The joints.
    pub joints: Publisher<JointState>,
    /// The needle.
    pub needle: Publisher<msg::NeedleState>,
    /// The head.
    pub head: Publisher<PoseStamped>,
    /// What the scanner sees of it.
    pub scan: Publisher<PointCloud2>,
}

/// How often, and in which frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// From joint state to joint state.
    pub joints: Micros,
    /// From needle state to needle state.
    pub needle: Micros,
    /// From scan to scan.
    pub scan: Micros,
    /// How old a head pose is when it is told.
    pub head_latency: Micros,
    /// Frame of the head poses.
    pub base_frame: String,
    /// The number of the needle's cartridge.
    pub cartridge: String,
}

/// What comes in.
pub struct Orders {
    /// For the arm.
    pub asked: Receiver<Asked>,
    /// For the needle.
    pub commands: Receiver<msg::NeedleCommand>,
}

/// Something that happens at a rate.
#[derive(Debug, Clone, Copy)]
struct Due {
    every: Micros,
    next: Micros,
}

impl Due {
    const fn every(every: Micros) -> Self {
        Self {
            every,
            next: Micros::ZERO,
        }
    }

    fn now(&mut self, now: Micros) -> bool {
        if now < self.next {
            return false;
        }
        // A rate, not a count: what was missed is not told later.
        self.next = self.next.after(self.every);
        if self.next <= now {
            self.next = now.after(self.every);
        }
        true
    }
}

/// Which commands the needle device takes: newer ones than the last, and any after silence.
#[derive(Debug, Default)]
struct Count {
    last: Option<(u32, Micros)>,
}

impl Count {
    fn takes(&mut self, sequence: u32, now: Micros) -> bool {
        let takes = self
            .last
            .is_none_or(|(last, at)| sequence > last || now.passed(at, SILENCE.after(Micros(1))));
        if takes {
            self.last = Some((sequence, now));
        }
        takes
    }
}

/// The plant with all that surrounds it.
pub struct Hardware {
    /// The plant.
    pub plant: Plant,
    /// The arm's action server.
    pub server: Server,
    /// Where the devices report.
    pub reports: Reports,
    /// How they report.
    pub telling: Telling,
    /// What comes in.
    pub orders: Orders,
    /// Where strikes go.
    pub strikes: Option<Sender<Strike>>,
}

/// How it went.
#[derive(Debug)]
pub struct Summary {
    /// How many strikes there were.
    pub strikes: usize,
    /// What was checked.
    pub invariants: Invariants,
}

/// What runs along.
struct Running {
    clock: Clock,
    count: Count,
    joints: Due,
    needle: Due,
    scan: Due,
    needle_sequence: u32,
    head_told: u64,
    strikes_told: usize,
}

impl Hardware {
    /// Runs until the end is asked for.
    #[must_use]
    pub fn run(mut self, ending: &Ending) -> Summary {
        let mut running = Running {
            clock: Clock::start(),
            count: Count::default(),
            joints: Due::every(self.telling.joints),
            needle: Due::every(self.telling.needle),
            scan: Due::every(self.telling.scan),
            needle_sequence: 0,
            head_told: 0,
            strikes_told: 0,
        };
        let step = Duration::from_micros(STEP.0);
        let mut due = Instant::now();
        while !ending.asked() {
            self.turn(&mut running);
            due += step;
            match due.checked_duration_since(Instant::now()) {
                Some(rest) => std::thread::sleep(rest),
                None => due = Instant::now(),
            }
        }
        Summary {
            strikes: self.plant.strikes().len(),
            invariants: self.plant.invariants().clone(),
        }
    }

    fn turn(&mut self, running: &mut Running) {
        let now = running.clock.now();
        // A loaded machine leaves gaps; the plant moves through them as it would have.
        if now
            .since(self.plant.now())
            .is_some_and(|gap| gap <= CATCH_UP)
        {
            while self.plant.now().after(STEP) < now {
                self.plant.step(self.plant.now().after(STEP));
            }
        }
        self.plant.step(now);
        // What has come counts from now on: before it was there, nothing can have followed it.
        while let Ok(command) = self.orders.commands.try_recv() {
            if running.count.takes(command.sequence, now) {
                self.plant.needle.take(&device_command(&command));
            }
        }
        while let Ok(asked) = self.orders.asked.try_recv() {
            self.server.answer(asked, &mut self.plant.arm);
        }
        self.server.look(now, &self.plant.arm);
        self.tell(now, running);
    }

    fn tell(&mut self, now: Micros, running: &mut Running) {
        let mut failed = Ok(());
        // One moment, one stamp: the two are compared by it.
        let stamp = stamp();
        if running.joints.now(now) {
            failed = failed.and(self.tell_joints(&stamp));
        }
        if running.needle.now(now) {
            failed = failed.and(self.tell_needle(&stamp, running.needle_sequence));
            running.needle_sequence = running.needle_sequence.wrapping_add(1);
        }
        if let Some(pose) = self
            .plant
            .tracker
            .latest()
            .filter(|p| p.sequence != running.head_told)
        {
            running.head_told = pose.sequence;
            let message = head_pose(&pose.value, &self.telling);
            failed = failed.and(self.reports.head.publish(&message));
        }
        if running.scan.now(now) {
            let cloud = cloud(&self.plant.scan(), &stamp, &self.telling.base_frame);
            failed = failed.and(self.reports.scan.publish(&cloud));
        }
        if let Some(out) = &self.strikes {
            for strike in &self.plant.strikes()[running.strikes_told..] {
                // Whoever writes them may have failed; it has said so.
                let _ = out.send(*strike);
            }
        }
        running.strikes_told = self.plant.strikes().len();
        if let Err(error) = failed {
            tracing::warn!(%error, "a report could not be sent");
        }
    }

    fn tell_joints(&self, stamp: &Time) -> r2r::Result<()> {
        let arm = &self.plant.arm;
        let (Some(names), Some(state)) = (arm.joint_names(), arm.joint_state()) else {
            return Ok(());
        };
        self.reports.joints.publish(&JointState {
            header: Header {
                stamp: stamp.clone(),
                frame_id: String::new(),
            },
            name: names.to_vec(),
            position: state.value.position.as_slice().to_vec(),
            velocity: state.value.velocity.as_slice().to_vec(),
            effort: Vec::new(),
        })
    }

    fn tell_needle(&self, stamp: &Time, sequence: u32) -> r2r::Result<()> {
        let needle = &self.plant.needle;
        let Some(report) = needle.report_now() else {
            return Ok(());
        };
        type M = msg::NeedleState;
        let state = match report.value.state {
            NeedleState::Retracted => M::RETRACTED as u8,
            NeedleState::Extending => M::EXTENDING as u8,
            NeedleState::Extended => M::EXTENDED as u8,
            NeedleState::Retracting => M::RETRACTING as u8,
            NeedleState::Fault => M::FAULT as u8,
        };
        self.reports.needle.publish(&M {
            header: Header {
                stamp: stamp.clone(),
                frame_id: String::new(),
            },
            sequence,
            state,
            extension: report.value.extension,
            axial_force: report.value.axial_force,
            permit: report.value.permit,
            strikes: needle.strikes(),
            cartridge: self.telling.cartridge.clone(),
        })
    }
}

fn device_command(message: &msg::NeedleCommand) -> DeviceCommand {
    if message.action == msg::NeedleCommand::EXTEND as u8 {
        DeviceCommand::Extend {
            permit: message.permit,
            dot: message.dot,
            extension: message.extension,
            depth: message.depth,
            speed: message.speed,
        }
    } else {
        // What is not understood is not obeyed.
        DeviceCommand::Retract
    }
}

fn cloud(points: &[Point<Base>], stamp: &Time, frame: &str) -> PointCloud2 {
    let field = |name: &str, offset| PointField {
        name: name.to_owned(),
        offset,
        datatype: PointField::FLOAT32 as u8,
        count: 1,
    };
    let coordinates = points
        .iter()
        .flat_map(|p| [p.raw().x, p.raw().y, p.raw().z]);
    let data: Vec<u8> = coordinates.flat_map(|c| (c as f32).to_le_bytes()).collect();
    let width = u32::try_from(points.len()).unwrap_or(u32::MAX);
    PointCloud2 {
        header: Header {
            stamp: stamp.clone(),
            frame_id: frame.to_owned(),
        },
        height: 1,
        width,
        fields: vec![field("x", 0), field("y", 4), field("z", 8)],
        is_bigendian: false,
        point_step: 12,
        row_step: 12 * width,
        data,
        is_dense: true,
    }
}

fn head_pose(pose: &Transform<Base, Head>, telling: &Telling) -> PoseStamped {
    let mut message = PoseStamped {
        header: Header {
            stamp: stamp_before(Duration::from_micros(telling.head_latency.0)),
            frame_id: telling.base_frame.clone(),
        },
        ..Default::default()
    };
    let (shift, turn) = (pose.raw().translation.vector, pose.raw().rotation);
    (
        message.pose.position.x,
        message.pose.position.y,
        message.pose.position.z,
    ) = (shift.x, shift.y, shift.z);
    message.pose.orientation.x = turn.i;
    message.pose.orientation.y = turn.j;
    message.pose.orientation.z = turn.k;
    message.pose.orientation.w = turn.w;
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_begins_anew_after_silence_only() {
        let mut count = Count::default();
        let at = Micros::from_ms;
        assert!(count.takes(5, at(0)) && count.takes(6, at(2)));
        assert!(!count.takes(6, at(4)) && !count.takes(0, at(52)));
        assert!(count.takes(0, at(53)) && count.takes(1, at(55)));
    }

    #[test]
    fn a_rate_is_kept_and_not_caught_up_with() {
        let mut due = Due::every(Micros::from_ms(10));
        let told = (0..50).filter(|i| due.now(Micros::from_ms(2 * i))).count();
        assert_eq!(told, 10);
        assert!(due.now(Micros::from_ms(1000)));
        assert!(!due.now(Micros::from_ms(1002)));
    }
}
