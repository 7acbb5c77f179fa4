//! `stipple-controller session`: an operator at the command line. Loads a plan, starts, watches, stops on a signal, reports.

pub(super) mod calls;
mod lease;
mod pauses;
mod screen;
mod tally;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use r2r::std_srvs::srv::Trigger;
use r2r::stipple_msgs::msg::{DotResult, SessionState};
use r2r::stipple_msgs::srv::{LoadPlan, Pause as PauseCall, Register, Resume, Start};
use r2r::{Client, Node, QosProfile};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::program::{Ending, ProgramError, drain, every, join, latched, making, spin};
use super::told::plain;
use crate::report::Report;
use calls::{call, pinned};
use lease::LeaseHolder;
use pauses::{Kind, Pause, Pauses};
use screen::{Keyboard, Typed, progress_bar, say, show};
use stipple_model::plan::{Plan, PlanError};
use stipple_model::say;
use tally::{StrikesError, Tally};

/// How long the node may take to be there and to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the session may take to get ready after a plan was loaded.
const READY_TIME: Duration = Duration::from_secs(20);
/// How long the node may take to answer a stop: one that lives answers at once.
const STOP_ANSWER: Duration = Duration::from_secs(5);
/// How long a stop may take.
const STOP_TIME: Duration = Duration::from_secs(10);
/// How long nothing may come from the node.
const SILENCE: Duration = Duration::from_secs(5);

/// Loads a plan into a running node, starts it, shows the progress, reports.
///
/// All the while it holds the operator's lease: when this program dies or hangs, the session stops, needle in first.
/// Ctrl-C stops the session in order: needle in, arm at rest. On a terminal `p` and Enter pauses the session, and Enter goes on after any pause,
/// whoever asked for it and also where the session paused by itself (a restless head, too many dots skipped): at a stop of the plan the arm
/// waits off the head, this program says what is to be done, and whoever has done it presses Enter. Paths are those of the machine that the
/// node runs on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stipple-controller session --plan head.plan --record head.sqlite --layer 1 --dots 150 --report report.json
  stipple-controller session --plan head.plan --record head.sqlite --layer 2 --all --report report.json --json
  stipple-controller session --plan head.plan --record head.sqlite --report report.json --ros-args -r __ns:=/room1

Exit code: 0 finished and every dot placed or skipped with a reason, 1 not so, 2 bad input or no node, 130 stopped by a signal.")]
pub struct Args {
    /// The plan
    #[arg(long, value_name = "FILE.plan")]
    plan: PathBuf,
    /// The record; made when it is missing, gone on with otherwise
    #[arg(long, value_name = "FILE.sqlite")]
    record: PathBuf,
    /// Which layer, from 1
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    layer: u8,
    /// Only the first so many dots of what is left of the layer
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "all")]
    dots: Option<u32>,
    /// All that is left of the layer (the default)
    #[arg(long)]
    all: bool,
    /// Resume at the plan's stops (cartridge, shade, pigment, break) as if all was done that they ask for, and a few times where the session
    /// paused by itself; for simulated hardware
    #[arg(long)]
    pass_stops: bool,
    /// Where the report goes
    #[arg(long, value_name = "FILE.json")]
    report: PathBuf,
    /// The strikes as stipple-sim ros saw them (its --strikes), for the true placement error
    #[arg(long, value_name = "FILE.csv")]
    strikes: Option<PathBuf>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Before anything moves: the report has a place, and takes nobody else's.
fn check_paths(args: &Args) -> Result<(), OperateError> {
    let beside = ["-wal", "-shm", ".head"].map(|end| {
        let mut name = args.record.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    });
    let mut read = vec![args.plan.as_path(), args.record.as_path()];
    read.extend(beside.iter().chain(&args.strikes).map(PathBuf::as_path));
    stipple_model::files::check_apart(&[&args.report], &read)
        .and_then(|()| stipple_model::files::check_output(&args.report))
        .map_err(OperateError::Files)
}

/// Why a session could not be worked off.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// ROS 2.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Nobody there.
    #[error(
        "no controller node answers on {service}: is stipple-controller running, with the same ROS_DOMAIN_ID and namespace (--ros-args -r __ns:=/…)?"
    )]
    NoNode {
        /// The service asked for.
        service: String,
    },
    /// The node refused.
    #[error("{what}: {message}")]
    Refused {
        /// What it refused.
        what: &'static str,
        /// In its words.
        message: String,
    },
    /// The session never got ready.
    #[error("the session does not start: {0}")]
    NotReady(String),
    /// Standard output; the report is written.
    #[error(transparent)]
    Output(std::io::Error),
    /// The report could not be written, or would take the place of what is read.
    #[error(transparent)]
    Files(std::io::Error),
    /// A signal came before anything was started.
    #[error("interrupted before the start")]
    Interrupted,
    /// The strikes.
    #[error(transparent)]
    Strikes(#[from] StrikesError),
    /// The report.
    #[error("{path}: {source}")]
    Report {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Finished,
    Interrupted,
    Faulted(String),
    Stopped,
    Stuck,
    Silent,
}

/// What comes from the node.
enum Heard {
    State(Box<SessionState>),
    Result(Box<DotResult>),
}

struct Desk {
    load: Client<LoadPlan::Service>,
    start: Client<Start::Service>,
    pause: Client<PauseCall::Service>,
    resume: Client<Resume::Service>,
    register: Client<Register::Service>,
    stop: Client<Trigger::Service>,
    heard: UnboundedReceiver<Heard>,
    ending: Ending,
    /// The name under which the lease is held.
    name: String,
}

/// Operates; the number is the exit code.
///
/// # Errors
/// Bad input, or no node to operate.
pub fn run(args: &Args) -> Result<u8, OperateError> {
    // The plan is read here, too: for the depths in the report, and to fail early.
    let (plan, _) = Plan::read(&args.plan)?;
    let ending = Ending::on_signals()?;
    let mut node = join("stipple_session")?;
    let spinning = Ending::default();
    let lease = LeaseHolder::open(&mut node)?;
    let (mut desk, take) = Desk::sit(&mut node, ending, lease.name())?;
    let spinner = spin(node, spinning.clone(), None, take)?;
    let done = super::runtime()?.block_on(async {
        tokio::select! {
            done = desk.operate(args) => done,
            never = lease.hold() => match never {},
        }
    });
    spinning.ask();
    let _ = spinner.join();
    let (end, tally) = match done {
        Err(error @ OperateError::Interrupted) => {
            eprintln!("stipple-controller: {error}");
            return Ok(130);
        }
        done => done?,
    };
    let report = tally.report(&plan, args.strikes.as_deref())?;
    report
        .write(&args.report)
        .map_err(|source| OperateError::Report {
            path: args.report.clone(),
            source,
        })?;
    print(args, &end, &report).map_err(OperateError::Output)?;
    Ok(match end {
        End::Finished if report.in_doubt == 0 && tally.complete() => 0,
        End::Interrupted => 130,
        _ => 1,
    })
}

impl Desk {
    fn sit(
        node: &mut Node,
        ending: Ending,
        operator: &str,
    ) -> Result<(Self, impl FnMut() + Send + 'static + use<>), ProgramError> {
        let name = |service: &str| format!("{}/{service}", super::NODE);
        let qos = QosProfile::services_default;
        let made = || making("making a client of the controller's services");
        let mut states = node
            .subscribe::<SessionState>("session_state", latched())
            .map_err(made())?;
        let mut results = node
            .subscribe::<DotResult>("dot_results", every(1000))
            .map_err(made())?;
        let (tell, heard) = unbounded_channel();
        let desk = Self {
            load: node
                .create_client(&name("load_plan"), qos())
                .map_err(made())?,
            start: node.create_client(&name("start"), qos()).map_err(made())?,
            pause: node.create_client(&name("pause"), qos()).map_err(made())?,
            resume: node.create_client(&name("resume"), qos()).map_err(made())?,
            register: node
                .create_client(&name("register"), qos())
                .map_err(made())?,
            stop: node.create_client(&name("stop"), qos()).map_err(made())?,
            heard,
            ending,
            name: operator.to_owned(),
        };
        let take = move || {
            for result in drain(&mut results) {
                let _ = tell.send(Heard::Result(Box::new(result)));
            }
            for state in drain(&mut states) {
                let _ = tell.send(Heard::State(Box::new(state)));
            }
        };
        Ok((desk, take))
    }

    async fn operate(&mut self, args: &Args) -> Result<(End, Tally), OperateError> {
        check_paths(args)?;
        self.wait_for_node().await?;
        let absolute = |path: &PathBuf| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            path.to_string_lossy().into_owned()
        };
        let request = LoadPlan::Request {
            path: absolute(&args.plan),
            record: absolute(&args.record),
        };
        let loaded = tokio::select! {
            loaded = call(&self.load, &request, "load_plan", PATIENCE) => loaded?,
            () = self.ending.wait() => return Err(OperateError::Interrupted),
        };
        if !loaded.accepted {
            return Err(OperateError::Refused {
                what: "the plan was not loaded",
                message: loaded.message,
            });
        }
        eprintln!(
            "session {}: {} dots in the plan, {} of them done",
            loaded.session_id, loaded.dots, loaded.already_done
        );
        let mut tally = Tally::new(loaded.session_id, loaded.plan_digest);
        tally.remark(loaded.message);
        // What was latched before is not of this session.
        while self.heard.try_recv().is_ok() {}
        self.start(args).await?;
        tally.begin();
        let end = self.watch(&mut tally, args.pass_stops).await?;
        tally.end();
        Ok((end, tally))
    }

    async fn wait_for_node(&self) -> Result<(), OperateError> {
        let services = [
            ("load_plan", Node::is_available(&self.load).map(pinned)),
            ("start", Node::is_available(&self.start).map(pinned)),
            ("resume", Node::is_available(&self.resume).map(pinned)),
            ("stop", Node::is_available(&self.stop).map(pinned)),
        ];
        for (service, there) in services {
            let there = there.map_err(making("waiting for the controller"))?;
            calls::wait_for(service, there, PATIENCE, &self.ending).await?;
        }
        Ok(())
    }

    async fn start(&self, args: &Args) -> Result<(), OperateError> {
        let request = Start::Request {
            layer: args.layer,
            limited: args.dots.is_some(),
            max_dots: args.dots.unwrap_or(0),
            asked_by: self.name.clone(),
        };
        let until = Instant::now() + READY_TIME;
        loop {
            let answer = call(&self.start, &request, "start", PATIENCE).await?;
            if answer.accepted {
                if !answer.message.is_empty() {
                    eprintln!("{}", answer.message);
                }
                return Ok(());
            }
            if self.ending.asked() {
                return Err(OperateError::Interrupted);
            }
            if answer.message.contains("register") {
                self.register().await?;
            }
            // A session just loaded first wants to see everything fresh; anything else it will say again.
            if Instant::now() > until || answer.message.contains("layer") {
                return Err(OperateError::NotReady(answer.message));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Registers the head by the scanner's last look at it; where that will not do, it may with the next.
    async fn register(&self) -> Result<(), OperateError> {
        let answer = call(
            &self.register,
            &Register::Request::default(),
            "register",
            PATIENCE,
        )
        .await?;
        if answer.accepted {
            let (residual, moved) = (answer.residual * 1e3, answer.moved * 1e3);
            eprintln!(
                "head registered: residual {residual:.3} mm, {moved:.3} mm from where it is tracked"
            );
        } else {
            eprintln!("head not registered: {}", answer.message);
        }
        Ok(())
    }

    /// Watches until the session is over, one way or the other.
    async fn watch(&mut self, tally: &mut Tally, pass_stops: bool) -> Result<End, OperateError> {
        let bar = progress_bar();
        let (mut pauses, keyboard) = (Pauses::new(pass_stops), Keyboard::listen());
        keyboard.told(&bar);
        // Whether the session waits to be resumed, and for a registration before that.
        let mut waits = None;
        let mut heard_at = Instant::now();
        let end = loop {
            let heard = tokio::time::timeout(Duration::from_millis(200), self.heard.recv()).await;
            if self.ending.asked() {
                bar.println("stopping: needle in, arm to rest");
                break self.stop(tally).await?;
            }
            if heard_at.elapsed() > SILENCE {
                break End::Silent;
            }
            // Enter means something in a pause alone: pressed once too often it would not pause what has just gone on.
            match (keyboard.typed(), waits) {
                (Some(Typed::Pause), None) => self.pause(&bar).await?,
                (Some(Typed::GoOn), Some(must_register)) => {
                    self.go_on(&bar, must_register).await?;
                }
                _ => {}
            }
            let Ok(heard) = heard else {
                continue;
            };
            match heard {
                None => break End::Silent,
                Some(Heard::Result(result)) => tally.take_result(*result),
                // Of another session, or of a node that has started anew: silence, as far as this one goes.
                Some(Heard::State(state)) if !tally.is_of(&state) => {}
                Some(Heard::State(state)) => {
                    heard_at = Instant::now();
                    show(&bar, &state);
                    let end = over(&state);
                    let kind = Kind::of(&state);
                    let message = plain(&state.message).to_owned();
                    let must_register = state.must_register;
                    waits = (kind != Kind::None).then_some(must_register);
                    tally.take_state(*state);
                    if let Some(end) = end {
                        break end;
                    }
                    match pauses.look(kind, tally.struck(), Instant::now()) {
                        Pause::None => {}
                        Pause::Wait => {
                            say(
                                &bar,
                                &format!("{message}; {}", keyboard.how_to_go_on(&self.name)),
                            );
                        }
                        Pause::Resume => {
                            say(&bar, &format!("{message}; resuming"));
                            self.go_on(&bar, must_register).await?;
                        }
                        Pause::TooMany => {
                            self.stop(tally).await?;
                            break End::Stuck;
                        }
                    }
                }
            }
        };
        bar.finish_and_clear();
        Ok(end)
    }

    /// Pauses the session, or says why it does not pause.
    async fn pause(&self, bar: &ProgressBar) -> Result<(), OperateError> {
        let request = PauseCall::Request {
            asked_by: self.name.clone(),
            reason: "at the keyboard".to_owned(),
        };
        let answer = call(&self.pause, &request, "pause", PATIENCE).await?;
        if !answer.accepted {
            say(bar, &format!("not paused: {}", answer.message));
        }
        Ok(())
    }

    /// Resumes the session, or says why it does not go on.
    async fn go_on(&self, bar: &ProgressBar, must_register: bool) -> Result<(), OperateError> {
        if must_register {
            self.register().await?;
        }
        let request = Resume::Request {
            asked_by: self.name.clone(),
        };
        let answer = call(&self.resume, &request, "resume", PATIENCE).await?;
        if !answer.accepted {
            say(bar, &format!("not resumed: {}", answer.message));
        }
        Ok(())
    }

    /// Stops the session, and waits until it has stopped.
    async fn stop(&mut self, tally: &mut Tally) -> Result<End, OperateError> {
        let nothing = Trigger::Request::default();
        if let Err(error) = call(&self.stop, &nothing, "stop", STOP_ANSWER).await {
            eprintln!("the stop was not answered: use the hardware stop ({error})");
            return Ok(End::Silent);
        }
        let until = Instant::now() + STOP_TIME;
        while Instant::now() < until {
            match tokio::time::timeout(Duration::from_millis(200), self.heard.recv()).await {
                Ok(Some(Heard::Result(result))) => tally.take_result(*result),
                Ok(Some(Heard::State(state))) => {
                    let stopped = state.state == SessionState::STOPPED as u8 && tally.is_of(&state);
                    tally.take_state(*state);
                    if stopped {
                        return Ok(End::Interrupted);
                    }
                }
                Ok(None) => return Ok(End::Silent),
                Err(_) => {}
            }
        }
        eprintln!("the stop was not confirmed in time: use the hardware stop");
        Ok(End::Interrupted)
    }
}

/// Whether a state is an end.
fn over(state: &SessionState) -> Option<End> {
    match state.state {
        _ if state.finished => Some(End::Finished),
        s if s == SessionState::FAULTED as u8 => {
            Some(End::Faulted(format!("{}: {}", state.fault, state.message)))
        }
        s if s == SessionState::STOPPED as u8 => Some(End::Stopped),
        _ => None,
    }
}

fn print(args: &Args, end: &End, report: &Report) -> std::io::Result<()> {
    let how = match end {
        End::Finished => "finished".to_owned(),
        End::Interrupted => "stopped by a signal; the record resumes".to_owned(),
        End::Stopped => "stopped by someone else".to_owned(),
        End::Faulted(fault) => format!("ended by a fault: {fault}"),
        End::Stuck => "given up: it paused again and again".to_owned(),
        End::Silent => "the controller has fallen silent".to_owned(),
    };
    if args.json {
        eprintln!("{how}");
        if let Ok(json) = serde_json::to_string(report) {
            say!("{json}")?;
        }
    } else {
        say!("{how}\n{}", tally::text(report))?;
        say!("report: {}", args.report.display())?;
    }
    Ok(())
}
