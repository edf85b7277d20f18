//! The watchdog: notices a call into a plugin that does not return.

use std::{fmt, time::Duration};

use crate::request::active_call::{ActiveCall, Call};

/// Between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// After how many looks at the same call it hangs. Looks are counted and not seconds: while the whole process is
/// suspended nobody looks, and nothing hangs.
pub(super) const LOOKS: u32 = 50;

/// What has been seen of each worker.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    seen: Vec<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    active_call: u64,
    /// Looks in a row that saw the same.
    looks: u32,
}

/// A call that does not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hang {
    call: Call,
    worker: usize,
}

impl fmt::Display for Hang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (LOOK_EVERY * LOOKS).as_secs();
        write!(f, "{} has not returned for {seconds} s in worker {}", self.call.name(), self.worker)
    }
}

impl Watchdog {
    /// Looks at every worker. The first one that hangs is reported.
    pub(super) fn look<'a>(
        &mut self,
        active_calls: impl IntoIterator<Item = &'a ActiveCall>,
    ) -> Option<Hang> {
        let mut hang = None;
        for (worker, active_call) in active_calls.into_iter().enumerate() {
            if worker == self.seen.len() {
                self.seen.push(Seen::default());
            }
            let seen = &mut self.seen[worker];
            let (active_call, call) = active_call.read();
            seen.looks = if call.is_some() && active_call == seen.active_call { seen.looks + 1 } else { 0 };
            seen.active_call = active_call;
            if let Some(call) = call.filter(|_| seen.looks >= LOOKS) {
                hang.get_or_insert(Hang { call, worker });
            }
        }
        hang
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_seen_too_often_hangs() {
        let (idle, stuck) = (ActiveCall::default(), ActiveCall::default());
        let mut watchdog = Watchdog::default();
        let looks = stuck.during(Call::Event, || {
            (1..).find_map(|look| watchdog.look([&idle, &stuck]).map(|hang| (look, hang.to_string())))
        });
        // The first look finds the call, the others find it again.
        assert_eq!(looks, Some((51, "`event` has not returned for 5 s in worker 1".to_owned())));
        assert_eq!(watchdog.look([&idle, &stuck]), None);
    }

    #[test]
    fn many_calls_are_no_hang() {
        let (busy, mut watchdog) = (ActiveCall::default(), Watchdog::default());
        for _ in 0..10 * LOOKS {
            assert_eq!(busy.during(Call::Format, || watchdog.look([&busy])), None);
        }
    }
}
