//! What the operator at the command line sees and presses while a session runs.

use std::io::IsTerminal as _;
use std::sync::mpsc::{Receiver, channel};

use indicatif::{ProgressBar, ProgressStyle};
use r2r::stipple_msgs::msg::SessionState;

use crate::ros::told::plain;

/// Says something, also where there is no bar.
pub fn say(bar: &ProgressBar, line: &str) {
    if bar.is_hidden() {
        eprintln!("{line}");
    } else {
        bar.println(line);
    }
}

/// A bar of dots on a terminal, nothing elsewhere.
pub fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} dots  {per_sec}  {elapsed}  {msg}")
    {
        bar.set_style(style);
    }
    bar
}

/// Where the session stands, on the bar.
pub fn show(bar: &ProgressBar, state: &SessionState) {
    bar.set_length(u64::from(state.planned));
    bar.set_position(u64::from(state.placed + state.skipped + state.in_doubt));
    bar.set_message(plain(&state.message).to_owned());
}

/// The Enter key, where there is a keyboard.
pub struct Enter(Option<Receiver<()>>);

impl Enter {
    /// Listens from now on. Whoever reads the keyboard ends with the program.
    pub fn listen() -> Self {
        if !std::io::stdin().is_terminal() {
            return Self(None);
        }
        let (tell, pressed) = channel();
        let read = move || {
            for line in std::io::stdin().lines() {
                if line.is_err() || tell.send(()).is_err() {
                    return;
                }
            }
        };
        // Without it the session goes on as without a keyboard.
        let reading = std::thread::Builder::new().spawn(read);
        Self(reading.ok().map(|_| pressed))
    }

    /// Whether it was pressed since this was asked last.
    pub fn pressed(&self) -> bool {
        let pressed = self.0.iter().flat_map(Receiver::try_iter);
        pressed.count() > 0
    }

    /// What an operator who waits is told to do.
    pub const fn how_to_go_on(&self) -> &'static str {
        match self.0 {
            Some(_) => "press Enter to go on",
            None => "waiting for ~/resume",
        }
    }
}
