//! How far a node is whose requests are counted where they are sent: [`Progress`].

use serde::{Deserialize, Serialize};

/// What has become of the requests of one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    /// Position of the phase in the run.
    pub(crate) phase: u32,
    /// Requests that were tried.
    pub(crate) begun: u64,
    /// Those among them that are over.
    pub(crate) ended: u64,
    /// Nanoseconds that those took, all together.
    pub(crate) took_ns: u64,
    /// Those that ended well.
    pub(crate) succeeded: u64,
    /// Those that were cancelled on purpose.
    pub(crate) cancelled_on_purpose: u64,
    /// Those whose context was too long.
    pub(crate) overflowed: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Those that ended by themselves, whose context was not too long.
    pub(crate) judged: u64,
    /// Those among them that failed: requests that were cancelled are not.
    pub(crate) judged_failed: u64,
    /// Output tokens of those that ended well, as far as they are counted.
    pub(crate) output_tokens: u64,
}

impl Progress {
    /// Requests that were tried and are not over.
    pub(crate) fn in_flight(&self) -> u64 {
        self.begun.saturating_sub(self.ended)
    }

    /// What came since `before`, of the same phase.
    #[must_use]
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = |now: u64, before: u64| now.saturating_sub(before);
        Self {
            phase: self.phase,
            begun: more(self.begun, before.begun),
            ended: more(self.ended, before.ended),
            took_ns: more(self.took_ns, before.took_ns),
            succeeded: more(self.succeeded, before.succeeded),
            cancelled_on_purpose: more(self.cancelled_on_purpose, before.cancelled_on_purpose),
            overflowed: more(self.overflowed, before.overflowed),
            failed: more(self.failed, before.failed),
            judged: more(self.judged, before.judged),
            judged_failed: more(self.judged_failed, before.judged_failed),
            output_tokens: more(self.output_tokens, before.output_tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_the_difference() {
        let before =
            Progress { phase: 1, begun: 10, ended: 7, succeeded: 6, failed: 1, ..Progress::default() };
        let now = Progress { begun: 12, ended: 12, succeeded: 10, failed: 2, ..before };
        let since = now.since(&before);
        assert_eq!((since.begun, since.ended, since.succeeded, since.failed), (2, 5, 4, 1));
        assert_eq!((before.in_flight(), now.in_flight()), (3, 0));
    }
}
