//! The system's ffmpeg: it is given bytes by a pipe, and a file comes out.
//!
//! A file and not a pipe, since containers are written with a look back: their beginning says how long they are. It has no name, so
//! that Ctrl-C leaves nothing behind.

use std::{ffi::OsString, io::ErrorKind, path::Path, process::Command, time::Duration};

use super::{
    encoder::{Encoder, Stop},
    outline::{MOST_OF_A_REQUEST, MediaError, Product},
    scratch::Scratch,
};

/// Looked for on the PATH.
const PROGRAM: &str = "ffmpeg";

/// So much of what it says is shown, in characters.
const MOST_SAID: usize = 300;

/// It may take so long for a part of what it is given, and for the end: the slowest encoders look ahead at many frames.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What it is asked for before anything else: it says nothing but errors, and asks nobody.
pub(super) const QUIETLY: &str = "-hide_banner -loglevel error -nostdin -y";

/// Nothing of its own version, of the time or of chance gets into a file.
pub(super) const ALIKE: &str = "-map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact";

/// Makes a file. `arguments` are what it is asked for, with the place of that file; `feed` gives it what it is made of.
///
/// # Errors
/// There is no such program, it fails, or there is no place for files.
pub(super) fn made(
    what: &dyn Fn() -> String,
    product: Product,
    arguments: impl FnOnce(&Path) -> Vec<OsString>,
    feed: impl FnOnce(&mut Encoder) -> Result<(), Stop>,
) -> Result<Vec<u8>, MediaError> {
    let refused = |reason: String| MediaError::Ffmpeg { what: what(), product, reason };
    let file = Scratch::new().map_err(|source| MediaError::Files { what: what(), source })?;
    let mut command = Command::new(PROGRAM);
    command.args(arguments(file.path()));
    let mut encoder = Encoder::start(&mut command, TIMEOUT).map_err(|error| match error.kind() {
        ErrorKind::NotFound => MediaError::NoFfmpeg { what: what(), product },
        _ => refused(error.to_string()),
    })?;
    let outcome = match feed(&mut encoder) {
        Err(hangs @ Stop::Hangs(_)) => return Err(refused(hangs.to_string())),
        outcome => outcome,
    };
    let status = encoder.end().map_err(|stop| refused(stop.to_string()))?;
    if !status.success() {
        return Err(refused(format!("{status}{}", last_words(encoder.said()))));
    }
    outcome.map_err(|error| refused(format!("it ended before the last {}: {error}", product.part())))?;
    file.read(MOST_OF_A_REQUEST).map_err(|error| refused(format!("its file cannot be used: {error}")))
}

/// The words of a line, as arguments.
pub(super) fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

/// The end of what the program said, behind a colon; nothing if it said nothing.
fn last_words(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let start = line.char_indices().rev().nth(MOST_SAID - 1).map_or(0, |(at, _)| at);
    if line.is_empty() { String::new() } else { format!(": {}", &line[start..]) }
}
