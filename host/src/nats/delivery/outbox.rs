//! The sender's side, without any I/O: what waits to be acknowledged, and what goes next.

use std::collections::VecDeque;

use super::wire;
use crate::nats::error::{BusError, MOST_BYTES};

/// Messages that are not acknowledged, in order.
#[derive(Debug)]
pub(super) struct Outbox {
    /// Tells this sender from others at the same subject, and from itself after a restart.
    sender: u128,
    /// Number of the first one that waits.
    first: u64,
    waiting: VecDeque<Vec<u8>>,
}

/// A batch to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) bytes: Vec<u8>,
    /// More waits behind it.
    pub(super) is_partial: bool,
}

impl Outbox {
    /// Nothing waits yet. No two senders have the same number.
    pub(super) fn of(sender: u128) -> Self {
        Self { sender, first: 0, waiting: VecDeque::new() }
    }

    /// Leaves a message to be sent.
    ///
    /// # Errors
    /// It is longer than any message may be.
    pub(super) fn leave(&mut self, message: Vec<u8>) -> Result<(), BusError> {
        if message.len() > MOST_BYTES {
            return Err(BusError::TooLong { bytes: message.len() });
        }
        self.waiting.push_back(message);
        Ok(())
    }

    /// What goes next: from the first one that waits on, as many as fit into `most` bytes, and one at least. Nothing where
    /// nothing waits.
    pub(super) fn batch(&self, most: usize) -> Option<Ready> {
        let mut room = most;
        let fits = |message: &&Vec<u8>| {
            let left = room.checked_sub(wire::size(message));
            room = left.unwrap_or(0);
            left.is_some()
        };
        let count = self.waiting.iter().take_while(fits).count().max(1).min(self.waiting.len());
        (count > 0).then(|| Ready {
            bytes: wire::batch(self.sender, self.first, self.waiting.iter().take(count).map(Vec::as_slice)),
            is_partial: count < self.waiting.len(),
        })
    }

    /// Takes note that the receiver takes message `next` next. Says whether that is more than was known: a late
    /// acknowledgement says nothing new, and a receiver that has forgotten what it had cannot be helped.
    pub(super) fn acknowledge(&mut self, next: u64) -> bool {
        let known = next.checked_sub(self.first).and_then(|count| usize::try_from(count).ok());
        match known {
            Some(count @ 1..) if count <= self.waiting.len() => {
                self.waiting.drain(..count);
                self.first = next;
                true
            }
            _ => false,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(messages: &[&str]) -> Outbox {
        let mut outbox = Outbox::of(1);
        for message in messages {
            outbox.leave(message.as_bytes().to_vec()).unwrap();
        }
        outbox
    }

    fn texts(ready: &Ready) -> (u64, Vec<&str>) {
        let batch = wire::read(&ready.bytes).unwrap();
        let texts = batch.messages.iter().map(|message| std::str::from_utf8(message).unwrap()).collect();
        (batch.first, texts)
    }

    #[test]
    fn what_is_not_acknowledged_goes_again_with_what_came_since() {
        let mut outbox = outbox(&["a", "b"]);
        assert_eq!(texts(&outbox.batch(MOST_BYTES).unwrap()), (0, vec!["a", "b"]));
        outbox.leave(b"c".to_vec()).unwrap();
        assert_eq!(texts(&outbox.batch(MOST_BYTES).unwrap()), (0, vec!["a", "b", "c"]));
        assert!(outbox.acknowledge(2));
        assert_eq!(texts(&outbox.batch(MOST_BYTES).unwrap()), (2, vec!["c"]));
        assert!(outbox.acknowledge(3));
        assert_eq!((outbox.batch(MOST_BYTES), outbox.len()), (None, 0));
    }

    #[test]
    fn an_acknowledgement_that_is_late_or_makes_no_sense_changes_nothing() {
        let mut outbox = outbox(&["a", "b"]);
        assert!(outbox.acknowledge(1));
        for next in [0, 1, 3, u64::MAX] {
            assert!(!outbox.acknowledge(next), "{next}");
        }
        assert_eq!(texts(&outbox.batch(MOST_BYTES).unwrap()), (1, vec!["b"]));
    }

    #[test]
    fn a_batch_has_as_many_as_fit_and_one_at_least() {
        let mut outbox = Outbox::of(1);
        let half = vec![0; MOST_BYTES / 2 - 4];
        for message in [half.clone(), half.clone(), half, vec![0; MOST_BYTES], vec![1]] {
            outbox.leave(message).unwrap();
        }
        let mut counts = Vec::new();
        while let Some(ready) = outbox.batch(MOST_BYTES) {
            let batch = wire::read(&ready.bytes).unwrap();
            counts.push((batch.messages.len(), ready.is_partial));
            assert!(ready.bytes.len() <= MOST_BYTES + 28, "{} bytes", ready.bytes.len());
            let next = batch.first + u64::try_from(batch.messages.len()).unwrap();
            assert!(outbox.acknowledge(next));
        }
        assert_eq!(counts, [(2, true), (1, true), (1, true), (1, false)]);
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_and_holds_up_nobody() {
        let mut outbox = outbox(&["a"]);
        let error = outbox.leave(vec![0; MOST_BYTES + 1]).unwrap_err();
        assert_eq!(error.to_string(), "send a message of 524289 bytes: 524288 are the limit");
        assert_eq!(outbox.len(), 1);
    }
}
