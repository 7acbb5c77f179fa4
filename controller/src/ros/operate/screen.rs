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

/// What was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// `p` and Enter: pause.
    Pause,
    /// Enter, with or without anything else: go on.
    GoOn,
}

impl Typed {
    fn of(line: &str) -> Self {
        match line.trim() {
            "p" | "P" => Self::Pause,
            _ => Self::GoOn,
        }
    }
}

/// The keyboard, where there is one.
pub struct Keyboard(Option<Receiver<Typed>>);

impl Keyboard {
    /// Listens from now on. Whoever reads the keyboard ends with the program.
    pub fn listen() -> Self {
        if !std::io::stdin().is_terminal() {
            return Self(None);
        }
        let (tell, pressed) = channel();
        let read = move || {
            for line in std::io::stdin().lines() {
                let Ok(line) = line else { return };
                if tell.send(Typed::of(&line)).is_err() {
                    return;
                }
            }
        };
        // Without it the session goes on as without a keyboard.
        let reading = std::thread::Builder::new().spawn(read);
        Self(reading.ok().map(|_| pressed))
    }

    /// What was typed since this was asked last; of both a pause.
    pub fn typed(&self) -> Option<Typed> {
        let typed = self.0.iter().flat_map(Receiver::try_iter);
        typed.reduce(|a, b| if a == Typed::Pause { a } else { b })
    }

    /// What can be typed while the session works, for an operator who does not know yet.
    pub fn told(&self, bar: &ProgressBar) {
        if self.0.is_some() {
            say(bar, "type p and Enter for a pause, Ctrl-C for a stop");
        }
    }

    /// What an operator of that name, who waits, is told to do.
    pub fn how_to_go_on(&self, name: &str) -> String {
        match self.0 {
            Some(_) => "press Enter to go on".to_owned(),
            None => format!("waiting for ~/resume, asked by {name:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_p_pauses() {
        for pause in ["p", "P", " p "] {
            assert_eq!(Typed::of(pause), Typed::Pause);
        }
        for go_on in ["", " ", "y", "pp"] {
            assert_eq!(Typed::of(go_on), Typed::GoOn);
        }
    }

    #[test]
    fn of_several_lines_a_pause_counts() {
        let (tell, typed) = channel();
        for line in ["", "p", ""] {
            tell.send(Typed::of(line)).unwrap();
        }
        let keyboard = Keyboard(Some(typed));
        assert_eq!(keyboard.typed(), Some(Typed::Pause));
        assert_eq!(keyboard.typed(), None);
    }
}
