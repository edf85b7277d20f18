//! How requests ended.

use crate::record::{Outcome, Record};

/// How many requests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    /// Successes.
    pub(crate) succeeded: u64,
    /// Failures, without the cancelled ones.
    pub(crate) failed: u64,
    /// Ended by the tool.
    pub(crate) cancelled: u64,
    /// Of the cancelled ones, those that were to be cancelled.
    pub(crate) cancelled_on_purpose: u64,
    /// Conversations that the server found too long, in none of these.
    pub(crate) overflowed: u64,
    /// Of all these, those sent a second time: a kept connection was closed before the server can have read them.
    pub(crate) retried: u64,
    /// Those sent over a new connection, since the server was seen to have closed the one that was kept.
    pub(crate) replaced: u64,
    /// Of the successes, those whose connection broke behind the end of the answer.
    pub(crate) cut_after_end: u64,
}

impl Outcomes {
    /// Requests whose kept connection the server had closed, whether that was seen before they were sent or after.
    pub(crate) fn closed_idle(&self) -> u64 {
        self.retried + self.replaced
    }

    /// All requests that ended by themselves.
    pub(crate) fn completed(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// Requests whose end the tool did not wait for, although they were to end by themselves.
    pub(crate) fn unfinished(&self) -> u64 {
        self.cancelled.saturating_sub(self.cancelled_on_purpose)
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.cancelled_on_purpose += other.cancelled_on_purpose;
        self.overflowed += other.overflowed;
        self.retried += other.retried;
        self.replaced += other.replaced;
        self.cut_after_end += other.cut_after_end;
    }

    /// Counts one more.
    pub(super) fn record(&mut self, record: &Record) {
        self.retried += u64::from(record.retried);
        self.replaced += u64::from(record.replaced);
        match record.outcome {
            Outcome::Ok => {
                self.succeeded += 1;
                self.cut_after_end += u64::from(record.cut_after_end);
            }
            Outcome::Failed(_) if record.outcome.is_overflow() => self.overflowed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Cancelled(_) => {
                self.cancelled += 1;
                self.cancelled_on_purpose += u64::from(record.outcome.is_cancelled_on_purpose());
            }
        }
    }
}
