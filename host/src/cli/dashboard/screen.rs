//! The terminal while the dashboard has it: exports [`Screen`].
//!
//! Keys come one by one and are not echoed; Ctrl-C goes on to be an interrupt, which the run hears. Ctrl-Z is off: a process
//! that stands still measures nothing. All is drawn by way of [`crate::stderr`], on the terminal's other screen, so that what
//! stood on it before is there again afterwards.

use std::io::{self, IsTerminal, Write};

use rustix::{
    process::getpgrp,
    termios::{
        LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcgetpgrp,
        tcsetattr,
    },
};

use crate::stderr;

/// The other screen, without a cursor (`xterm` control sequences, private modes 1049 and 25).
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";

/// A terminal that knows this (private mode 2026) shows what is between them at once; others ignore it.
const BEGIN_FRAME: &[u8] = b"\x1b[?2026h";
const END_FRAME: &[u8] = b"\x1b[?2026l";

/// A key that is none: `_POSIX_VDISABLE` of Linux.
const NO_KEY: u8 = 0;

/// Why there can be no dashboard here, if there can be none.
pub(in crate::cli) fn why_impossible() -> Option<&'static str> {
    let stream = io::stderr();
    if !stream.is_terminal() {
        return Some("standard error is no terminal");
    }
    if std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
        return Some("`TERM` says that the terminal cannot draw");
    }
    // A process in the background that changes the terminal is stopped by the system.
    let is_in_front = tcgetpgrp(&stream).is_ok_and(|front| front == getpgrp());
    (!is_in_front).then_some("the command runs in the background")
}

/// The terminal, which is given back at the end.
pub(super) struct Screen {
    before: Termios,
}

impl Screen {
    /// Takes the terminal, and holds back what others write to it.
    ///
    /// # Errors
    /// It cannot be changed.
    pub(super) fn enter() -> io::Result<Self> {
        let terminal = io::stderr();
        let before = tcgetattr(&terminal)?;
        let mut own = before.clone();
        own.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        own.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
        own.special_codes[SpecialCodeIndex::VMIN] = 0;
        own.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Now, &own)?;
        stderr::hold();
        stderr::draw(ENTER.to_vec());
        Ok(Self { before })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        stderr::draw(LEAVE.to_vec());
        let terminal = io::stderr();
        // A terminal that has gone needs nothing any more. What was typed was for the dashboard, and not for the shell.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &self.before);
        let _ = tcflush(&terminal, QueueSelector::IFlush);
        stderr::release();
    }
}

/// Collects what belongs to a frame, and gives it away as a whole.
#[derive(Debug, Default)]
pub(super) struct Drawing(Vec<u8>);

impl Write for Drawing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.0.is_empty() {
            let drawing = std::mem::take(&mut self.0);
            stderr::draw([BEGIN_FRAME, drawing.as_slice(), END_FRAME].concat());
        }
        Ok(())
    }
}
