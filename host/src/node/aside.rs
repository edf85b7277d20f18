//! Work of a plugin's that may never end, done aside, so that nobody waits for it for ever.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use super::watchdog::{Hang, LOOK_EVERY, Watchdog};
use crate::request::active_call::ActiveCall;

/// Does `work` on a thread of its own. `None` when it takes longer than `timeout`; it is left behind then.
///
/// # Errors
/// There is no thread left.
pub(super) fn within<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    Ok(start(work)?.recv_timeout(timeout).ok())
}

/// Does `work` on a thread of its own for as long as its calls into the plugin return, as `active_call` says. `None` when
/// it panicked.
///
/// # Errors
/// There is no thread left, or a call hangs.
pub(super) fn watched<T: Send + 'static>(
    active_call: &ActiveCall,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Result<Option<T>, Hang>> {
    let (done, mut watchdog) = (start(work)?, Watchdog::default());
    loop {
        match done.recv_timeout(LOOK_EVERY) {
            Ok(result) => return Ok(Ok(Some(result))),
            Err(RecvTimeoutError::Disconnected) => return Ok(Ok(None)),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(hang) = watchdog.look([active_call]) {
            return Ok(Err(hang));
        }
    }
}

fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<Receiver<T>> {
    let (done, result) = sync_channel(1);
    thread::Builder::new().name("aside".into()).spawn(move || drop(done.send(work())))?;
    Ok(result)
}
