//! What waits for the recorder, and what it could not keep: [`Waiting`].

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Requests waiting to be recorded from which on the report says so.
const NOTABLE_BACKLOG: usize = 10_000;

/// Counts that workers and the recorder share.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    requests: AtomicUsize,
    most_requests: AtomicUsize,
    /// Exchanges whose bodies could not be kept.
    missing_bodies: AtomicU64,
}

impl Waiting {
    /// One more request waits.
    pub(super) fn come(&self) {
        let waiting = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_requests.fetch_max(waiting, Ordering::Relaxed);
    }

    /// One of them is recorded.
    pub(super) fn go(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sets how many exchanges lack their bodies by now.
    pub(super) fn lack_bodies(&self, missing: u64) {
        self.missing_bodies.store(missing, Ordering::Relaxed);
    }

    /// What the report should say about how far the recorder was behind, and about what it could not keep in this file of bodies.
    pub(super) fn notes(&self, file: &str) -> Vec<String> {
        let most = self.most_requests.load(Ordering::Relaxed);
        let behind = (most >= NOTABLE_BACKLOG).then(|| {
            format!("up to {most} requests waited for their tokens to be counted: memory grew, the measurement did not suffer")
        });
        let without = missing_bodies(self.missing_bodies.load(Ordering::Relaxed), file);
        behind.into_iter().chain(without).collect()
    }
}

/// What the report should say of bodies that are not in this file, if some are not.
pub(super) fn missing_bodies(missing: u64, file: &str) -> Option<String> {
    (missing > 0).then(|| {
        format!(
            "the bodies of {missing} requests are not in `{file}`: it was full, could not be written, or was written too slowly"
        )
    })
}
