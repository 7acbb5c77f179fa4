//! The simulated needle device: a stage that carries the needle out of the nose, and draws it back on silence.

use stipple_controller::ports::{Micros, NeedlePort, NeedleReport, PortError, Stamped};
use stipple_core::{NeedleCommand, NeedleState};

/// How the device behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeedleConfig {
    /// Farthest the needle comes out, metres.
    pub stroke: f64,
    /// Fastest it is driven, out and in, m/s.
    pub top_speed: f64,
    /// Silence after which it springs in by itself.
    pub watchdog: Micros,
    /// How fast it springs in, m/s.
    pub spring_speed: f64,
    /// Noise of its load cell, standard deviation, N.
    pub force_noise: f64,
    /// Force from which on it takes itself to be in the skin, N, and stops at the depth it was told; `None` when it cannot feel.
    pub feels: Option<f64>,
}

impl Default for NeedleConfig {
    fn default() -> Self {
        // Hazard H10: in within 50 ms of silence, however far out: the spring takes 10 of them for the whole stroke.
        Self {
            stroke: 5e-3,
            top_speed: 0.15,
            watchdog: Micros::from_ms(40),
            spring_speed: 0.5,
            force_noise: 0.015,
            feels: Some(0.1),
        }
    }
}

/// What the device can be told; over the wire as in process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DeviceCommand {
    /// In.
    Retract,
    /// Out, for as long as this is repeated.
    Extend {
        /// The permit's nonce.
        permit: u64,
        /// The dot, for the record.
        dot: u32,
        /// How far from the retracted position at most, metres.
        extension: f64,
        /// How far beyond where it meets the skin at most, metres.
        depth: f64,
        /// How fast, m/s.
        speed: f64,
    },
}

impl From<&NeedleCommand> for DeviceCommand {
    fn from(command: &NeedleCommand) -> Self {
        match command {
            NeedleCommand::Retract => Self::Retract,
            NeedleCommand::Extend(stroke) => Self::Extend {
                permit: stroke.nonce(),
                dot: stroke.dot().0,
                extension: stroke.extension(),
                depth: stroke.depth(),
                speed: stroke.speed(),
            },
        }
    }
}

/// A stroke that the device has taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stroke {
    /// The permit's nonce.
    pub permit: u64,
    /// The dot it was for.
    pub dot: u32,
}

/// What is wrong with the device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// It does not go in.
    pub jammed: bool,
    /// The share of its speed that it has, above 0 and up to 1.
    pub speed: f64,
    /// It reports a fault of its own, goes in, and takes no extension.
    pub at_fault: bool,
    /// Another cartridge is fitted than was agreed on.
    pub other_cartridge: bool,
    /// So much farther than it is told it goes, metres, and reports it.
    pub over: f64,
    /// It hears nothing.
    pub deaf: bool,
}

impl Default for Condition {
    /// Nothing.
    fn default() -> Self {
        Self {
            jammed: false,
            speed: 1.0,
            at_fault: false,
            other_cartridge: false,
            over: 0.0,
            deaf: false,
        }
    }
}

/// Below this the needle counts as in, and as arrived, metres.
const ARRIVED: f64 = 1e-6;

/// The device. Time is what [`SimNeedle::step`] is given.
#[derive(Debug, Clone)]
pub struct SimNeedle {
    config: NeedleConfig,
    now: Micros,
    heard: Option<Micros>,
    extension: f64,
    target: f64,
    speed: f64,
    stroke: Option<Stroke>,
    /// The farthest out that it was told to be in this stroke, metres.
    farthest: f64,
    /// How deep it may go in this stroke, and where it felt the skin, metres.
    depth: f64,
    met: Option<f64>,
    strikes: u32,
    force: f64,
    condition: Condition,
    report: Option<Stamped<NeedleReport>>,
}

impl SimNeedle {
    /// Retracted, at time zero, with a fresh cartridge.
    #[must_use]
    pub fn new(config: NeedleConfig) -> Self {
        Self {
            config,
            now: Micros::ZERO,
            heard: None,
            extension: 0.0,
            target: 0.0,
            speed: config.top_speed,
            stroke: None,
            farthest: 0.0,
            depth: 0.0,
            met: None,
            strikes: 0,
            force: 0.0,
            condition: Condition::default(),
            report: None,
        }
    }

    /// How far the needle really is out, metres.
    #[must_use]
    pub fn extension(&self) -> f64 {
        self.extension
    }

    /// The stroke under way, or the last one.
    #[must_use]
    pub fn stroke(&self) -> Option<Stroke> {
        self.stroke
    }

    /// Strokes since the cartridge was fitted.
    #[must_use]
    pub fn strikes(&self) -> u32 {
        self.strikes
    }

    /// Whether the needle is out, or on its way.
    #[must_use]
    pub fn is_out(&self) -> bool {
        self.extension > ARRIVED || self.target > 0.0
    }

    /// Whether the device wants the needle out.
    #[must_use]
    pub fn goes_out(&self) -> bool {
        self.target > 0.0
    }

    /// From now on the device is like this.
    pub fn set_condition(&mut self, condition: Condition) {
        self.condition = condition;
        if condition.at_fault {
            self.draw_in();
        }
    }

    /// The latest report.
    #[must_use]
    pub fn report_now(&self) -> Option<Stamped<NeedleReport>> {
        self.report
    }

    /// Takes a command. A permit older than the last, or one whose stroke has ended, is answered by going in.
    pub fn take(&mut self, command: &DeviceCommand) {
        if self.condition.deaf {
            return;
        }
        self.heard = Some(self.now);
        match *command {
            DeviceCommand::Extend {
                permit,
                dot,
                extension,
                depth,
                speed,
            } if !self.condition.at_fault
                && self.accepts(permit)
                && extension.is_finite()
                && depth > 0.0
                && speed > 0.0 =>
            {
                if self.stroke.is_none_or(|s| s.permit != permit) {
                    self.stroke = Some(Stroke { permit, dot });
                    self.strikes += 1;
                    (self.met, self.farthest) = (None, 0.0);
                }
                self.depth = depth;
                // The mechanical end stop.
                self.target = extension.max(0.0).min(self.config.stroke);
                self.farthest = self.farthest.max(self.target);
                self.speed = speed.min(self.config.top_speed);
            }
            DeviceCommand::Extend { .. } | DeviceCommand::Retract => self.draw_in(),
        }
    }

    /// A larger permit than all before, from rest; or the one whose stroke is under way.
    fn accepts(&self, permit: u64) -> bool {
        match self.stroke {
            Some(stroke) if stroke.permit == permit => self.target > 0.0,
            Some(stroke) => permit > stroke.permit && self.extension <= ARRIVED,
            None => permit > 0,
        }
    }

    fn draw_in(&mut self) {
        self.target = 0.0;
        self.speed = self.config.top_speed;
    }

    /// Moves on to `now`.
    pub fn step(&mut self, now: Micros) {
        let dt = now.since(self.now).map_or(0.0, Micros::s);
        self.now = now;
        let heard = self.heard.and_then(|heard| now.since(heard));
        if heard.is_none_or(|silence| silence > self.config.watchdog) {
            self.target = 0.0;
            self.speed = self.config.spring_speed;
        }
        let way = self.speed * self.condition.speed * dt;
        let inward = if self.condition.jammed { 0.0 } else { way };
        self.extension += (self.goal() - self.extension).max(-inward).min(way);
        self.measure();
    }

    /// The skin's push on the needle, N; part of the next report.
    pub fn set_force(&mut self, force: f64) {
        self.force = force;
        let feels = self.config.feels.is_some_and(|least| force >= least);
        if feels && self.met.is_none() && self.target > 0.0 {
            self.met = Some(self.extension);
        }
        if let Some(report) = &mut self.report {
            report.value.axial_force = force;
        }
    }

    /// Where it goes, metres.
    fn goal(&self) -> f64 {
        if self.target > 0.0 {
            let deepest = self.met.map_or(f64::INFINITY, |met| met + self.depth);
            (self.target.min(deepest) + self.condition.over).min(self.config.stroke)
        } else {
            0.0
        }
    }

    /// The farthest out that it was told to be in this stroke, metres; `None` while it is told to be in.
    #[must_use]
    pub fn told(&self) -> Option<f64> {
        (self.target > 0.0).then_some(self.farthest)
    }

    fn measure(&mut self) {
        let arrived = (self.extension - self.goal()).abs() <= ARRIVED;
        let state = match (self.target > 0.0, arrived) {
            (true, true) => NeedleState::Extended,
            (true, false) => NeedleState::Extending,
            (false, false) => NeedleState::Retracting,
            (false, true) => NeedleState::Retracted,
        };
        let state = if self.condition.at_fault {
            NeedleState::Fault
        } else {
            state
        };
        let permit = self.stroke.map_or(0, |s| s.permit);
        let value = NeedleReport {
            state,
            extension: self.extension,
            axial_force: self.force,
            permit,
            ours: !self.condition.other_cartridge,
        };
        let sequence = self.report.map_or(0, |r| r.sequence) + 1;
        self.report = Some(Stamped {
            value,
            arrived: self.now,
            sequence,
        });
    }
}

impl NeedlePort for SimNeedle {
    fn report(&self) -> Option<Stamped<NeedleReport>> {
        self.report
    }

    fn command(&mut self, command: &NeedleCommand) -> Result<(), PortError> {
        self.take(&DeviceCommand::from(command));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(permit: u64) -> DeviceCommand {
        DeviceCommand::Extend {
            permit,
            dot: 7,
            extension: 3e-3,
            depth: 1e-3,
            speed: 0.1,
        }
    }

    fn step(needle: &mut SimNeedle, ms: u64) {
        for _ in 0..ms / 2 {
            needle.step(needle.now.after(Micros::from_ms(2)));
        }
    }

    fn state(needle: &SimNeedle) -> NeedleState {
        needle.report.unwrap().value.state
    }

    #[test]
    fn goes_out_at_the_speed_asked_for_and_in_on_silence() {
        let mut needle = SimNeedle::new(NeedleConfig::default());
        for _ in 0..10 {
            needle.take(&out(1));
            step(&mut needle, 2);
        }
        assert!(
            (needle.extension() - 2e-3).abs() < 1e-9,
            "20 ms at 0.1 m/s: {}",
            needle.extension()
        );
        needle.take(&out(1));
        step(&mut needle, 40);
        assert_eq!(state(&needle), NeedleState::Extended);
        // The last command is 40 ms old: not yet silence; 2 ms later it is, and 3 mm take 6 ms.
        step(&mut needle, 2);
        assert_eq!(state(&needle), NeedleState::Retracting);
        step(&mut needle, 4);
        assert_eq!(state(&needle), NeedleState::Retracted);
        assert!(!needle.is_out());
    }

    #[test]
    fn a_permit_is_good_for_one_stroke() {
        let mut needle = SimNeedle::new(NeedleConfig::default());
        needle.take(&out(5));
        step(&mut needle, 10);
        needle.take(&DeviceCommand::Retract);
        step(&mut needle, 40);
        for old in [5, 4, 0] {
            needle.take(&out(old));
            step(&mut needle, 4);
            assert!(!needle.is_out(), "permit {old} was taken again");
        }
        needle.take(&out(6));
        step(&mut needle, 4);
        assert!(needle.is_out());
        assert_eq!(needle.strikes(), 2);
        assert_eq!(needle.stroke(), Some(Stroke { permit: 6, dot: 7 }));
    }

    #[test]
    fn it_can_jam_be_slow_and_be_at_fault() {
        let mut needle = SimNeedle::new(NeedleConfig::default());
        needle.set_condition(Condition {
            speed: 0.1,
            ..Condition::default()
        });
        needle.take(&out(1));
        step(&mut needle, 20);
        assert!((needle.extension() - 0.2e-3).abs() < 1e-9);
        needle.set_condition(Condition {
            jammed: true,
            ..Condition::default()
        });
        needle.take(&DeviceCommand::Retract);
        step(&mut needle, 40);
        assert!((needle.extension() - 0.2e-3).abs() < 1e-9, "jammed");
        needle.set_condition(Condition {
            at_fault: true,
            ..Condition::default()
        });
        needle.take(&out(2));
        step(&mut needle, 20);
        assert_eq!(state(&needle), NeedleState::Fault);
        assert!(!needle.is_out());
        needle.set_condition(Condition::default());
        needle.take(&out(2));
        step(&mut needle, 20);
        assert!(needle.is_out() && needle.goes_out());
    }

    #[test]
    fn it_can_go_too_far_and_be_deaf() {
        let mut needle = SimNeedle::new(NeedleConfig::default());
        needle.set_condition(Condition {
            over: 1e-3,
            ..Condition::default()
        });
        needle.take(&out(1));
        step(&mut needle, 40);
        assert!(
            (needle.extension() - 4e-3).abs() < 1e-9,
            "{}",
            needle.extension()
        );
        assert_eq!(needle.told(), Some(3e-3));
        assert_eq!(state(&needle), NeedleState::Extended);
        needle.set_condition(Condition {
            deaf: true,
            ..Condition::default()
        });
        needle.take(&out(1));
        step(&mut needle, 60);
        assert_eq!(state(&needle), NeedleState::Retracted, "silence to it");
    }

    #[test]
    fn nonsense_draws_it_in_and_the_stop_is_hard() {
        let mut needle = SimNeedle::new(NeedleConfig::default());
        for (extension, depth, speed) in [
            (f64::NAN, 1e-3, 0.1),
            (1e-3, f64::NAN, 0.1),
            (1e-3, 0.0, 0.1),
            (1e-3, 1e-3, f64::NAN),
            (1e-3, 1e-3, -1.0),
        ] {
            needle.take(&DeviceCommand::Extend {
                permit: 1,
                dot: 0,
                extension,
                depth,
                speed,
            });
            step(&mut needle, 4);
            assert!(!needle.is_out(), "{extension} {depth} {speed}");
        }
        for _ in 0..100 {
            needle.take(&DeviceCommand::Extend {
                permit: 2,
                dot: 0,
                extension: 1.0,
                depth: 1.0,
                speed: 10.0,
            });
            step(&mut needle, 2);
        }
        assert!((needle.extension() - NeedleConfig::default().stroke).abs() < 1e-12);
    }
}
