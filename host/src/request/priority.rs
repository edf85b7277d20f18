//! Whether a worker runs before others.
//!
//! A worker needs little time, but at once: what waits to be read for longer than a token takes cannot be told apart any
//! more. Running first has a price, though. A thread that is woken for every token works through them one by one, where
//! one that waits a little finds several and pays once. So it is asked for only where others want the processors.

use std::{fs, thread};

/// Threads a core that are a crowd: workers and a server on one machine are none yet.
const CROWD: usize = 2;

/// Below the usual 0: the system runs it first.
const NICE: i32 = -10;

/// If more than two threads a core want to run, asks the system to let the calling one go first. Tells whether it does:
/// few users may ask.
pub(super) fn go_first_in_a_crowd() -> bool {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let running = fs::read_to_string("/proc/loadavg").ok().as_deref().and_then(running);
    let is_crowded = running.is_some_and(|running| running > CROWD * cores);
    is_crowded && cfg!(target_os = "linux") && rustix::process::setpriority_process(None, NICE).is_ok()
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
}
