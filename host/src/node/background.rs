//! Calls into a plugin that may never return, on a thread of their own, so that nobody waits for them without a limit.
//!
//! A thread that waits does so on a condition and not on a channel: a thread's first wait on a channel needs the linker's lock, and
//! a library whose initialisers hang holds it.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
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
    Ok(start(work)?.wait(timeout).ok())
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
        match done.wait(LOOK_EVERY) {
            Ok(result) => return Ok(Ok(Some(result))),
            Err(NoResult::Panicked) => return Ok(Ok(None)),
            Err(NoResult::NotYet) => {}
        }
        if let Some(hang) = watchdog.look([active_call]) {
            return Ok(Err(hang));
        }
    }
}

fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<Arc<Background<T>>> {
    let background =
        Arc::new(Background { progress: Mutex::new(Progress::UnderWay), changed: Condvar::new() });
    let doing = Doing(Arc::clone(&background));
    thread::Builder::new().name("background".into()).spawn(move || {
        let result = work();
        doing.0.set(Progress::Done(result));
    })?;
    Ok(background)
}

/// Work on a thread of its own, as the threads that wait for it see it.
struct Background<T> {
    progress: Mutex<Progress<T>>,
    changed: Condvar,
}

enum Progress<T> {
    UnderWay,
    Done(T),
    /// It panicked, or its result was taken.
    Over,
}

/// Why there is no result.
enum NoResult {
    NotYet,
    Panicked,
}

impl<T> Background<T> {
    fn wait(&self, timeout: Duration) -> Result<T, NoResult> {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |progress| matches!(progress, Progress::UnderWay));
        let (mut progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match mem::replace(&mut *progress, Progress::Over) {
            Progress::Done(result) => Ok(result),
            Progress::Over => Err(NoResult::Panicked),
            Progress::UnderWay => {
                *progress = Progress::UnderWay;
                Err(NoResult::NotYet)
            }
        }
    }

    fn set(&self, progress: Progress<T>) {
        *self.lock() = progress;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Progress<T>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own handle: dropped by a panic, it says so.
struct Doing<T>(Arc<Background<T>>);

impl<T> Drop for Doing<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.set(Progress::Over);
        }
    }
}
