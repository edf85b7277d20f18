//! A program that takes bytes and says little: [`Encoder`]. Nothing here waits for it without an end.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::fd::AsFd,
    process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::clock::{Clock, RunNs, as_ns};

/// How long to wait before the program is asked again whether it takes more. It takes a full pipe in less.
const PAUSE: Duration = Duration::from_micros(200);

/// So much of what it says last is kept, in bytes.
const MOST_SAID: usize = 4096;

/// Why it gives nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error("it did nothing for {} s, and was ended", .0.as_secs())]
    Hangs(Duration),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A running program. It is killed if it has not ended by itself.
pub(super) struct Encoder {
    child: Child,
    pipe: Option<ChildStdin>,
    errors: Option<ChildStderr>,
    said: Vec<u8>,
    /// It may do nothing for so long.
    timeout: Duration,
    clock: Clock,
}

impl Encoder {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(command: &mut Command, timeout: Duration) -> io::Result<Self> {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = pipes.spawn()?;
        let (pipe, errors) = (child.stdin.take(), child.stderr.take());
        let encoder = Self { child, pipe, errors, said: Vec::new(), timeout, clock: Clock::start() };
        encoder.pipe.as_ref().map_or(Ok(()), do_not_wait)?;
        encoder.errors.as_ref().map_or(Ok(()), do_not_wait)?;
        Ok(encoder)
    }

    /// Gives it all of these bytes.
    ///
    /// # Errors
    /// It takes no more, or hangs.
    pub(super) fn give(&mut self, mut bytes: &[u8]) -> Result<(), Stop> {
        let mut last_taken = self.clock.now();
        while !bytes.is_empty() {
            let pipe = self.pipe.as_mut().ok_or_else(|| io::Error::from(ErrorKind::BrokenPipe))?;
            match pipe.write(bytes) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(taken) => (bytes, last_taken) = (&bytes[taken..], self.clock.now()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.pause(last_taken)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives it no more, and waits until it has ended.
    ///
    /// # Errors
    /// It hangs, or its end cannot be known.
    pub(super) fn end(&mut self) -> Result<ExitStatus, Stop> {
        self.pipe = None;
        let last_given = self.clock.now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.hear();
                return Ok(status);
            }
            self.pause(last_given)?;
        }
    }

    /// The end of what it said.
    pub(super) fn said(&self) -> &[u8] {
        &self.said
    }

    /// What waits for it to be heard would take no more bytes.
    fn pause(&mut self, since: RunNs) -> Result<(), Stop> {
        self.hear();
        if self.clock.now().saturating_sub(since) > as_ns(self.timeout) {
            return Err(Stop::Hangs(self.timeout));
        }
        thread::sleep(PAUSE);
        Ok(())
    }

    fn hear(&mut self) {
        let Some(errors) = &mut self.errors else { return };
        let mut piece = [0; MOST_SAID];
        // An error is the end of what can be heard, or that there is nothing now.
        while let Some(count) = errors.read(&mut piece).ok().filter(|count| *count > 0) {
            self.said.extend_from_slice(&piece[..count]);
            self.said.drain(..self.said.len().saturating_sub(MOST_SAID));
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Reads and writes of this pipe come back at once.
fn do_not_wait(pipe: &impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(pipe)?;
    Ok(fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: Duration = Duration::from_secs(60);

    fn shell(line: &str, timeout: Duration) -> Encoder {
        Encoder::start(Command::new("sh").args(["-c", line]), timeout).unwrap()
    }

    #[test]
    fn it_takes_more_than_a_pipe_holds_and_the_end_of_what_it_says_is_kept() {
        let mut encoder =
            shell("head -c 300000 /dev/zero >&2; test $(wc -c) = 1000000 && echo end >&2", PATIENT);
        encoder.give(&vec![1; 1_000_000]).unwrap();
        assert!(encoder.end().unwrap().success());
        assert_eq!(encoder.said().len(), MOST_SAID);
        assert!(encoder.said().ends_with(b"end\n"));
    }

    #[test]
    fn what_hangs_is_ended() {
        let mut takes_nothing = shell("exec sleep 1000", Duration::ZERO);
        assert!(matches!(takes_nothing.give(&vec![1; 1_000_000]), Err(Stop::Hangs(_))));
        let mut never_ends = shell("exec sleep 1000", Duration::ZERO);
        assert!(matches!(never_ends.end(), Err(Stop::Hangs(_))));
    }

    #[test]
    fn what_ends_early_takes_no_more() {
        let mut encoder = shell("exit 3", PATIENT);
        let error = encoder.give(&vec![1; 1_000_000]).unwrap_err();
        assert!(matches!(&error, Stop::Io(error) if error.kind() == ErrorKind::BrokenPipe), "{error}");
        assert_eq!(encoder.end().unwrap().code(), Some(3));
    }
}
