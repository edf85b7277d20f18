//! What is known of the requests of a phase while it goes on: [`Live`] counts them, and a [`Listener`] hears of each.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::Record;

/// Hears of requests as their records are made, on the recorder's thread: nothing here may take long.
pub(crate) trait Listener: Send + Sync {
    /// A request is over. Its tokens may not be counted yet.
    fn ended(&self, record: &Record);

    /// Its tokens are counted, as far as they ever will be.
    fn counted(&self, record: &Record);
}

/// What the progress display shows, updated as records are made.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// The current phase: what comes late from another one does not count.
    phase: AtomicU32,
    /// Requests of the current phase that ended well.
    pub(crate) succeeded: AtomicU64,
    /// Requests of the current phase that were cancelled on purpose.
    pub(crate) cancelled_on_purpose: AtomicU64,
    /// Requests of the current phase whose context was too long.
    pub(crate) overflowed: AtomicU64,
    /// Requests of the current phase that failed.
    pub(crate) failed: AtomicU64,
    /// Output tokens of requests of the current phase that ended well.
    pub(crate) output_tokens: AtomicU64,
}

impl Live {
    /// Starts the phase with this number at zero.
    pub(crate) fn reset(&self, phase: u32) {
        self.phase.store(phase, Ordering::Relaxed);
        self.counters().iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
    }

    fn is_of_phase(&self, record: &Record) -> bool {
        record.phase == self.phase.load(Ordering::Relaxed)
    }

    /// So much more has become of requests whose records are made elsewhere: those that ended well, were cancelled on purpose, were
    /// too long, and failed, and output tokens.
    pub(crate) fn add(&self, phase: u32, more: [u64; 5]) {
        if phase != self.phase.load(Ordering::Relaxed) {
            return;
        }
        for (counter, more) in self.counters().into_iter().zip(more) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// What [`add`](Self::add) takes, of the current phase, whose number comes first.
    pub(crate) fn counts(&self) -> (u32, [u64; 5]) {
        (self.phase.load(Ordering::Relaxed), self.counters().map(|counter| counter.load(Ordering::Relaxed)))
    }

    fn counters(&self) -> [&AtomicU64; 5] {
        [&self.succeeded, &self.cancelled_on_purpose, &self.overflowed, &self.failed, &self.output_tokens]
    }

    pub(super) fn note(&self, record: &Record) {
        if !self.is_of_phase(record) {
            return;
        }
        let outcome = match &record.outcome {
            outcome if outcome.is_ok() => &self.succeeded,
            outcome if outcome.is_cancelled_on_purpose() => &self.cancelled_on_purpose,
            outcome if outcome.is_overflow() => &self.overflowed,
            _ => &self.failed,
        };
        outcome.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_tokens(&self, record: &Record) {
        if record.outcome.is_ok() && self.is_of_phase(record) {
            self.output_tokens.fetch_add(output_tokens(record), Ordering::Relaxed);
        }
    }
}

/// The server's count, else ours.
pub(crate) fn output_tokens(record: &Record) -> u64 {
    record.usage.and_then(|usage| usage.completion).or(record.counted.output).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample;

    #[test]
    fn tokens_are_those_of_requests_that_ended_well() {
        let (live, good, mut failed) = (Live::default(), sample::a(), sample::a());
        failed.outcome = sample::d().outcome;
        live.reset(good.phase);
        live.note_tokens(&good);
        live.note_tokens(&failed);
        assert_eq!((output_tokens(&good), output_tokens(&failed)), (4, 4));
        assert_eq!(live.output_tokens.load(Ordering::Relaxed), 4);
    }
}
