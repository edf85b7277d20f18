//! Whether a worker's thread runs before others.
//!
//! A worker needs little time, but at once: what waits to be read for longer than a token takes cannot be told apart any
//! more. A higher priority has a price, though. A thread that is woken for every token reads them one by one, where one that
//! waits a little finds several and pays once. So it is asked for only where it decides about an instant:
//!
//! - while a stream of a worker that has many waits for its first token. Where the server is on the same machine, its threads
//!   are about to compete for the processors at the moment when this token comes;
//! - while requests are sent that are due at one instant: a server on the same machine begins to work at the first of them;
//! - for good, where more threads than the machine has processors want to run when a phase begins.
//!
//! Few users may ask for it. Without it a worker reads as soon as the system lets it.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Threads a core that are a crowd: workers and a server on one machine are none yet.
const CROWD: usize = 2;

/// Below the usual 0: the system runs it first.
const NICE: i32 = -10;

/// A worker with fewer streams is not kept from reading by its own work, and a server that sends few tokens does not crowd it
/// out.
const MANY: usize = 64;

/// The priority of one worker's thread, which alone may use it.
#[derive(Debug, Default)]
pub(crate) struct Priority {
    /// Streams that have begun and not ended.
    streams: AtomicUsize,
    /// Those whose first token has not come.
    waiting: AtomicUsize,
    is_raised: AtomicBool,
    /// It stays raised, no matter who waits.
    is_kept: AtomicBool,
    /// Requests that are due at one instant are being sent.
    is_burst: AtomicBool,
    /// The system does not allow it.
    is_refused: AtomicBool,
    /// It was raised at some time.
    was_raised: AtomicBool,
    /// The thread's own, to go back to.
    usual: AtomicI32,
}

/// A stream that is under way. It has ended when this is dropped.
#[derive(Debug)]
pub(super) struct Underway {
    priority: Arc<Priority>,
    waits: bool,
}

impl Priority {
    /// One more stream begins, and waits for its first token.
    pub(super) fn begin_stream(self: &Arc<Self>) -> Underway {
        let streams = add(&self.streams, 1);
        add(&self.waiting, 1);
        if streams >= MANY {
            self.raise();
        }
        Underway { priority: Arc::clone(self), waits: true }
    }

    /// Several requests are due now, and the thread goes first until they are sent.
    pub(super) fn begin_burst(&self) {
        self.is_burst.store(true, Relaxed);
        self.raise();
    }

    /// They are sent.
    pub(super) fn end_burst(&self) {
        let is_wait_of_many = self.waiting.load(Relaxed) > 0 && self.streams.load(Relaxed) >= MANY;
        if self.is_burst.swap(false, Relaxed) && !is_wait_of_many {
            self.lower();
        }
    }

    /// If more than two threads a core want to run, the thread goes first from now on.
    pub(super) fn keep_in_a_crowd(&self) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let running = fs::read_to_string("/proc/loadavg").ok().as_deref().and_then(running);
        if running.is_some_and(|running| running > CROWD * cores) {
            self.is_kept.store(true, Relaxed);
            self.raise();
        }
    }

    /// Whether it was raised at some time.
    pub(super) fn was_raised(&self) -> bool {
        self.was_raised.load(Relaxed)
    }

    /// Whether requests of a burst are being sent.
    #[cfg(test)]
    pub(super) fn is_burst(&self) -> bool {
        self.is_burst.load(Relaxed)
    }

    fn raise(&self) {
        // Elsewhere a priority is one of the whole process.
        let is_possible = cfg!(target_os = "linux") && !self.is_refused.load(Relaxed);
        if !is_possible || self.is_raised.load(Relaxed) {
            return;
        }
        let usual = rustix::process::getpriority_process(None).unwrap_or(0);
        self.usual.store(usual, Relaxed);
        let is_raised = rustix::process::setpriority_process(None, usual.min(NICE)).is_ok();
        self.is_raised.store(is_raised, Relaxed);
        self.is_refused.store(!is_raised, Relaxed);
        self.was_raised.fetch_or(is_raised, Relaxed);
    }

    fn lower(&self) {
        let is_needed = self.is_kept.load(Relaxed) || self.is_burst.load(Relaxed);
        if self.is_raised.load(Relaxed) && !is_needed {
            // A thread that may raise it may lower it.
            let _ = rustix::process::setpriority_process(None, self.usual.load(Relaxed));
            self.is_raised.store(false, Relaxed);
        }
    }
}

impl Underway {
    /// Whether its first token has not come.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Its first token has come, or never will.
    pub(super) fn end_wait(&mut self) {
        if std::mem::take(&mut self.waits) && add(&self.priority.waiting, -1) == 0 {
            self.priority.lower();
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.end_wait();
        add(&self.priority.streams, -1);
    }
}

/// Changes a count that one thread alone changes, and returns what it is then.
fn add(count: &AtomicUsize, change: isize) -> usize {
    let changed = count.load(Relaxed).saturating_add_signed(change);
    count.store(changed, Relaxed);
    changed
}

/// Threads of the whole system that run or could, this one included: the fourth field of `proc_loadavg(5)`, before its
/// slash.
fn running(loadavg: &str) -> Option<usize> {
    loadavg.split_whitespace().nth(3)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_want_to_run_are_counted() {
        assert_eq!(running("0.20 0.18 0.12 3/80 11206\n"), Some(3));
        assert_eq!(running("0.20 0.18"), None);
        assert_eq!(running(""), None);
    }

    fn nice() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    /// Where the system does not allow it, nothing changes, and it is not asked again.
    #[test]
    #[cfg(target_os = "linux")]
    fn it_is_raised_while_one_of_many_streams_waits() {
        let (usual, priority) = (nice(), Arc::<Priority>::default());
        let mut streams: Vec<_> = (1..MANY).map(|_| priority.begin_stream()).collect();
        assert_eq!(nice(), usual, "fewer than many");
        streams.push(priority.begin_stream());
        let raised = if priority.was_raised() { usual.min(NICE) } else { usual };
        assert_eq!((nice(), priority.is_refused.load(Relaxed)), (raised, !priority.was_raised()));
        streams.iter_mut().skip(1).for_each(Underway::end_wait);
        assert_eq!(nice(), raised, "one waits");
        streams[0].end_wait();
        assert_eq!(nice(), usual, "none waits");
        let one_more = priority.begin_stream();
        assert_eq!(nice(), raised);
        drop(streams);
        assert_eq!(nice(), raised, "it still waits");
        drop(one_more);
        assert_eq!(nice(), usual);
        let alone = priority.begin_stream();
        assert_eq!((nice(), alone.waits()), (usual, true));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn it_is_raised_while_a_burst_is_sent() {
        let (usual, priority) = (nice(), Arc::<Priority>::default());
        priority.begin_burst();
        let raised = if priority.was_raised() { usual.min(NICE) } else { usual };
        drop(priority.begin_stream());
        assert_eq!(nice(), raised, "a stream that ends is not the end of the burst");
        priority.end_burst();
        assert_eq!(nice(), usual);
    }
}
