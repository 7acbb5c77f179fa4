//! What the operator at the command line sees while a session runs.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use r2r::stipple_msgs::msg::SessionState;

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
    bar.set_message(state.message.clone());
}
