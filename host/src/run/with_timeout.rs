//! Work that may take longer than the run has time for.

use std::{
    io, panic,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Does something on a thread of its own, and waits at most `timeout` for it. `None` where it took longer: the work goes on
/// until the process ends.
///
/// # Errors
/// There is no thread left.
pub(super) fn with_timeout<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let (done, result) = mpsc::channel();
    let worker = thread::Builder::new().name("background".into()).spawn(move || drop(done.send(work())))?;
    match result.recv_timeout(timeout) {
        Ok(result) => Ok(Some(result)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        // It ended without a result: it panicked, and the panic goes on here.
        Err(gone @ RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => panic::resume_unwind(panic),
            Ok(()) => Err(io::Error::other(gone)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_over_in_time_is_left_behind() {
        assert_eq!(with_timeout(Duration::MAX, || 7).unwrap(), Some(7));
        let (_keep, never) = mpsc::channel::<()>();
        assert_eq!(with_timeout(Duration::ZERO, move || never.recv().is_ok()).unwrap(), None);
    }

    #[test]
    #[should_panic(expected = "nobody's to hide")]
    fn a_panic_goes_on() {
        let _ = with_timeout(Duration::MAX, || panic!("nobody's to hide"));
    }
}
