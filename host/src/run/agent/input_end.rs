//! The end of an agent that a controller has started by ssh: it ends when its standard input does, or when nothing comes through it any
//! more, so that no agent stays behind where its controller was killed or the network is gone.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    os::fd::AsFd,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};

use crate::child::perish;

/// A controller gives a sign of life every ten seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// How long this process may take to end as it does by SIGTERM, and then as it does by a second one.
const ENDS: Duration = Duration::from_secs(25);
const HURRIES: Duration = Duration::from_secs(5);

/// Ends this process, as SIGTERM does, when its standard input is over. Nobody else reads that from here on.
///
/// # Errors
/// There is no thread or no descriptor left.
pub(super) fn end_with_input() -> io::Result<()> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let (signs, seen) = channel();
    thread::Builder::new().name("input".into()).spawn(move || read(input, &signs))?;
    thread::Builder::new().name("end of input".into()).spawn(move || {
        await_end(&seen, SILENCE);
        terminate();
        thread::sleep(ENDS);
        terminate();
        thread::sleep(HURRIES);
        perish();
    })?;
    Ok(())
}

/// Passes on that something came, until nothing comes any more.
fn read(mut from: impl Read, signs: &Sender<()>) {
    let mut piece = [0; 64];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return,
            Ok(_) if signs.send(()).is_err() => return,
            Err(error) if error.kind() != ErrorKind::Interrupted => return,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Waits until nobody can give signs any more, or none has come for so long.
fn await_end(signs: &Receiver<()>, silence: Duration) {
    while signs.recv_timeout(silence).is_ok() {}
}

fn terminate() {
    // The signal is heard like one from outside.
    let _ = kill_process(getpid(), Signal::TERM);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_come_until_the_input_is_over() {
        let (signs, seen) = channel();
        read(&b"\n\n"[..], &signs);
        drop(signs);
        assert_eq!(seen.iter().count(), 1, "what comes at once is one sign");
    }

    #[test]
    fn who_gives_no_sign_is_gone() {
        let (_signs, seen) = channel();
        await_end(&seen, Duration::from_millis(10));
    }
}
