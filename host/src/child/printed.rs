//! What a child prints, line by line, on its way to where our own lines go: exports [`Printed`].
//!
//! A child that wrote to our terminal itself would write into what is drawn there, and what it said would be gone with the drawing.

use std::{
    io::{self, BufRead, BufReader, PipeReader, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use crate::stderr;

/// How long the last lines of a child that is gone may take: a process that it has left behind may hold the other end.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A longer line is several.
const LONGEST_LINE: u64 = 64 << 10;

/// What one child prints.
#[derive(Debug)]
pub(super) struct Printed {
    /// Closed when nothing comes any more.
    over: Receiver<()>,
}

impl Printed {
    /// Passes on what comes, on a thread of its own.
    ///
    /// # Errors
    /// There is no thread left.
    pub(super) fn pass_on(from: PipeReader) -> io::Result<Self> {
        let (open, over): (SyncSender<()>, _) = sync_channel(0);
        thread::Builder::new().name("printed".into()).spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while matches!(from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line), Ok(1..)) {
                if !line.ends_with(b"\n") {
                    line.push(b'\n');
                }
                stderr::write(std::mem::take(&mut line));
            }
            drop(open);
        })?;
        Ok(Self { over })
    }

    /// Waits until everything of a child that is gone has been passed on.
    pub(super) fn wait(&self) {
        // Nothing is ever sent: what ends the wait is that the other side is closed.
        let _ = self.over.recv_timeout(TIMEOUT);
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::mpsc::TryRecvError};

    use super::*;

    #[test]
    fn what_is_passed_on_is_over_when_nobody_writes_any_more() {
        let (reading, mut writing) = io::pipe().unwrap();
        let printed = Printed::pass_on(reading).unwrap();
        writing.write_all(b"a line\nand what is none").unwrap();
        assert_eq!(printed.over.try_recv(), Err(TryRecvError::Empty));
        drop(writing);
        printed.wait();
        assert_eq!(printed.over.try_recv(), Err(TryRecvError::Disconnected));
    }
}
