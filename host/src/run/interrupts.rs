//! Signals by which the user, or a supervisor, asks this process to end: Ctrl-C, SIGTERM, and a terminal that goes away.

use std::{io, panic, thread};

use tokio::{
    signal::unix::{Signal as UnixSignal, SignalKind, signal},
    sync::oneshot,
};

/// Who wants this process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Ctrl-C: SIGINT.
    Interrupted,
    /// SIGTERM, as service managers and containers send it.
    Terminated,
    /// SIGHUP: the terminal has gone.
    HungUp,
}

/// Hears of interrupts.
#[derive(Debug)]
pub(crate) struct Interrupts {
    interrupt: UnixSignal,
    terminate: UnixSignal,
    /// `None` where it is ignored: the user who started this process under `nohup` wants it to outlive the terminal.
    hang_up: Option<UnixSignal>,
}

/// A file that reaches the size that the system allows (`ulimit -f`) is an error from here on, and no longer the end of the
/// process: a signal that is heard does not end it.
///
/// # Errors
/// There is no descriptor left.
pub(crate) fn survive_size_limit() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let size_limit = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    runtime.block_on(async { signal(size_limit).map(drop) })
}

impl Interrupts {
    /// From here on an interrupt is something that is heard, and no longer the end of the process.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub(crate) fn new() -> io::Result<Self> {
        let hang_up = (!ignores_hang_up()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hang_up.transpose()?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Interrupt {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Interrupt::Interrupted,
            _ = self.terminate.recv() => Interrupt::Terminated,
            _ = hang_up => Interrupt::HungUp,
        }
    }
}

/// Whether this process ignores SIGHUP. Elsewhere than on Linux nobody says so without being told to do something else.
fn ignores_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored(&status, SignalKind::hangup()))
}

/// Whether a process with this status, as Linux shows it, ignores a signal.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(kind.as_raw_value()).ok().and_then(|number| number.checked_sub(1));
    mask.zip(bit).is_some_and(|(mask, bit)| mask.checked_shr(bit).unwrap_or_default() & 1 == 1)
}

/// Does something that takes a while on a thread of its own, and hears of interrupts meanwhile. The first ones are
/// answered with a `warning`, as many as there are; the next one is returned, and the work goes on until the process ends.
///
/// # Errors
/// There is no thread or no descriptor left.
pub(crate) fn until_interrupted<T: Send + 'static>(
    warnings: &[&dyn Fn()],
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Result<T, Interrupt>> {
    let mut warnings = warnings.iter();
    until(|_| warnings.next().map(|warn| warn()).is_none(), work)
}

/// The same, where `ends` decides which interrupt is returned; those before it are its to deal with.
///
/// # Errors
/// There is no thread or no descriptor left.
pub(crate) fn until<T: Send + 'static>(
    mut ends: impl FnMut(Interrupt) -> bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Result<T, Interrupt>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupts = Interrupts::new()?;
        let (done, mut result) = oneshot::channel();
        let worker =
            thread::Builder::new().name("background".into()).spawn(move || drop(done.send(work())))?;
        loop {
            tokio::select! {
                biased;
                result = &mut result => return match result {
                    Ok(result) => Ok(Ok(result)),
                    // It ended without a result: it panicked, and the panic goes on here.
                    Err(gone) => match worker.join() {
                        Err(panic) => panic::resume_unwind(panic),
                        Ok(()) => Err(io::Error::other(gone)),
                    },
                },
                interrupt = interrupts.next() => if ends(interrupt) {
                    return Ok(Err(interrupt));
                },
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Name:\tprony\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000000000\n", true)]
    #[case("SigIgn:\t0000000000001003\n", true)]
    #[case("SigIgn:\t0000000000001002\nSigCgt:\t0000000000000001\n", false)]
    #[case("SigIgn:\tnone\n", false)]
    #[case("", false)]
    fn the_status_says_what_is_ignored(#[case] status: &str, #[case] ignored: bool) {
        assert_eq!(is_ignored(status, SignalKind::hangup()), ignored);
    }

    #[test]
    fn work_that_ends_is_waited_for() {
        assert_eq!(until_interrupted(&[], || 7).unwrap(), Ok(7));
    }

    #[test]
    #[should_panic(expected = "nobody's to hide")]
    fn a_panic_goes_on() {
        let _ = until_interrupted(&[], || panic!("nobody's to hide"));
    }
}
