//! Output shared by the commands.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on a terminal, nothing elsewhere.
pub fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{msg:>10} {wide_bar} {percent:>3}%") {
        bar.set_style(style);
    }
    bar
}

/// Prints to stdout; a closed pipe is the reader's choice, not an error.
pub fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Prints one JSON object to stdout.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"));
    Ok(())
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    stipple_model::plan::write_atomically(path, bytes).with_context(|| path.display().to_string())
}

/// Reads a file that must not be larger than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .len();
    anyhow::ensure!(
        size <= limit,
        "{}: {size} bytes, more than the {limit} such a file may have",
        path.display()
    );
    std::fs::read(path).with_context(|| path.display().to_string())
}
