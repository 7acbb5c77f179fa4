//! Output shared by the commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use stipple_model::files::{self, read_limited, write_privately};
use stipple_model::stdout;

/// A progress bar on a terminal, nothing elsewhere.
pub fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{msg:>10} {wide_bar} {percent:>3}%") {
        bar.set_style(style);
    }
    bar
}

/// Prints to stdout; a closed pipe is the reader's choice, not an error.
pub fn print(text: &str) -> anyhow::Result<()> {
    Ok(stdout::write(format_args!("{text}"))?)
}

/// Prints one JSON object to stdout.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Writes a file whole or not at all, for its owner alone: whatever is told of a head is a client's.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_privately(path, bytes).with_context(|| path.display().to_string())
}

/// Writes a picture as PNG, like [`write`].
pub fn write_png(path: &Path, image: &image::RgbImage) -> anyhow::Result<()> {
    let mut png = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut png, image::ImageFormat::Png)
        .with_context(|| path.display().to_string())?;
    write(path, png.get_ref())
}

/// Reads a file that must not be larger than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    read_limited(path, limit).with_context(|| path.display().to_string())
}

/// Refuses an output that could not be written anyway, before the work is done.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    Ok(files::check_output(path)?)
}

/// The same for several, none of which may be read as well, or be another.
pub fn check_outputs<'a>(
    written: impl IntoIterator<Item = &'a PathBuf>,
    read: impl IntoIterator<Item = &'a PathBuf>,
) -> anyhow::Result<()> {
    let written: Vec<&Path> = written.into_iter().map(PathBuf::as_path).collect();
    let read: Vec<&Path> = read.into_iter().map(PathBuf::as_path).collect();
    files::check_apart(&written, &read)?;
    written.into_iter().try_for_each(check_writable)
}

/// Tells the user on stderr; a closed stderr has nobody to tell.
pub fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}
