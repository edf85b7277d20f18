//! What one service may publish: so many messages and bytes at a time, and so many a second. Each service has its own,
//! so that one that floods takes nothing from the others, and neither memory nor the journal is filled up.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use prony_plugin_api::{
    PublishError,
    abi::convert,
    service::{LARGEST_MESSAGE, LONGEST_TYPE},
};

use crate::clock::RunNs;

/// Messages of one service, or in front of one, that may wait at a time.
pub(super) const MESSAGES: usize = 1024;

/// Bytes of these messages.
pub(super) const BYTES: usize = 64 << 20;

/// Messages that a service may publish in one [`WINDOW_NS`].
const MESSAGES_A_WINDOW: u64 = 10_000;

/// Bytes that a service may publish in one [`WINDOW_NS`].
const BYTES_A_WINDOW: u64 = BYTES as u64;

/// One second.
const WINDOW_NS: RunNs = 1_000_000_000;

/// Bytes of a log line, or of a reason for the end of the run, that are kept.
pub(super) const LONGEST_TEXT: usize = 16 << 10;

/// As much of a text as is kept.
pub(super) fn beginning(text: &str) -> &str {
    convert::beginning(text, LONGEST_TEXT)
}

/// The allowance of one service. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowance(Arc<Used>);

#[derive(Debug, Default)]
struct Used {
    waiting: Waiting,
    window: AtomicU64,
    in_window: AtomicU64,
    bytes_in_window: AtomicU64,
}

/// Something that waits, counted in messages and bytes.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    most_messages: AtomicUsize,
}

impl Waiting {
    /// Counts one more, unless there are too many. Several threads at once may exceed the limit by one each.
    pub(super) fn add(&self, bytes: usize) -> bool {
        let messages = self.messages.load(Ordering::Relaxed);
        let held = self.bytes.load(Ordering::Relaxed);
        // One message fits in any case, so that none is refused for ever.
        if messages >= MESSAGES || (messages > 0 && held.saturating_add(bytes) > BYTES) {
            return false;
        }
        let messages = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.most_messages.fetch_max(messages, Ordering::Relaxed);
        true
    }

    /// One is gone.
    pub(super) fn remove(&self, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The most that ever waited.
    pub(super) fn most(&self) -> u64 {
        self.most_messages.load(Ordering::Relaxed) as u64
    }
}

/// A message that was allowed. While it exists, it counts as waiting.
#[derive(Debug)]
pub(crate) struct MessagePermit {
    used: Arc<Used>,
    bytes: usize,
}

impl Drop for MessagePermit {
    fn drop(&mut self) {
        self.used.waiting.remove(self.bytes);
    }
}

impl Allowance {
    /// Asks for one message more.
    ///
    /// # Errors
    /// `TooLarge` or `Full`.
    pub(crate) fn take(
        &self,
        message_type: &str,
        bytes: usize,
        now: RunNs,
    ) -> Result<MessagePermit, PublishError> {
        if bytes > LARGEST_MESSAGE || message_type.len() > LONGEST_TYPE {
            return Err(PublishError::TooLarge);
        }
        if !self.0.waiting.add(bytes) {
            return Err(PublishError::Full);
        }
        let permit = MessagePermit { used: Arc::clone(&self.0), bytes };
        // What did not fit has not used up the second.
        if self.0.in_time(bytes as u64, now) { Ok(permit) } else { Err(PublishError::Full) }
    }
}

impl Used {
    /// Whether one message more is slow enough.
    fn in_time(&self, bytes: u64, now: RunNs) -> bool {
        // From 1, so that the first window is a new one as well.
        let window = now / WINDOW_NS + 1;
        if self.window.swap(window, Ordering::Relaxed) != window {
            self.in_window.store(0, Ordering::Relaxed);
            self.bytes_in_window.store(0, Ordering::Relaxed);
        }
        let held = self.bytes_in_window.load(Ordering::Relaxed);
        if self.in_window.load(Ordering::Relaxed) >= MESSAGES_A_WINDOW || held + bytes > BYTES_A_WINDOW {
            return false;
        }
        self.in_window.fetch_add(1, Ordering::Relaxed);
        self.bytes_in_window.fetch_add(bytes, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::many(1, MESSAGES)]
    #[case::large(LARGEST_MESSAGE, BYTES / LARGEST_MESSAGE)]
    fn what_waits_is_bounded_in_number_and_size(#[case] bytes: usize, #[case] fit: usize) {
        let allowance = Allowance::default();
        let mut permits: Vec<_> = (0..fit).map(|_| allowance.take("t", bytes, 0).unwrap()).collect();
        // Another second, so that it is not the rate that refuses.
        let another = || allowance.take("t", bytes, WINDOW_NS);
        assert_eq!(another().unwrap_err(), PublishError::Full);
        permits.pop();
        assert!(another().is_ok());
    }

    #[rstest]
    #[case::many(1, MESSAGES_A_WINDOW)]
    #[case::large(LARGEST_MESSAGE, BYTES_A_WINDOW / LARGEST_MESSAGE as u64)]
    fn a_second_has_its_fill_and_the_next_one_begins_anew(#[case] bytes: usize, #[case] fit: u64) {
        let allowance = Allowance::default();
        let taken = (0..20_000).filter(|_| allowance.take("t", bytes, 5).is_ok()).count();
        assert_eq!(taken as u64, fit);
        assert!(allowance.take("t", bytes, WINDOW_NS).is_ok());
    }

    #[rstest]
    #[case("t", LARGEST_MESSAGE + 1)]
    #[case(&"t".repeat(LONGEST_TYPE + 1), 1)]
    fn what_would_never_fit_is_told_so(#[case] message_type: &str, #[case] bytes: usize) {
        let refused = Allowance::default().take(message_type, bytes, 0).unwrap_err();
        assert_eq!(refused, PublishError::TooLarge);
    }
}
