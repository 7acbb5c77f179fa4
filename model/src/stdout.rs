//! Standard output of the programs.

use std::fmt::Arguments;
use std::io::{Error, ErrorKind, Result, Write as _};

/// Writes to standard output. A closed pipe is the reader's choice (`… | head`) and no error.
///
/// # Errors
/// What is written is lost, as on a full disk.
pub fn write(text: Arguments<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::new(
            error.kind(),
            format!("standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Writes a line to standard output as [`write()`] does: `println!` would panic where nobody reads on.
///
/// # Errors
/// As [`write()`]; evaluates to its result.
#[macro_export]
macro_rules! say {
    ($($what:tt)*) => {
        $crate::stdout::write(format_args!("{}\n", format_args!($($what)*)))
    };
}
