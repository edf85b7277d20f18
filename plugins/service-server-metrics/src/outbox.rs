//! What waits to be published: exports [`Outbox`], which knows nothing of scraping.

use std::collections::VecDeque;

use prony_plugin_api::{PublishError, message::ServerMetricsBatch};

/// Batches that may wait while the bus is full: a minute of them at the usual interval.
pub(crate) const CAPACITY: usize = 60;

/// Batches in order, the oldest first. Bounded: the oldest go when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<ServerMetricsBatch>,
}

impl Outbox {
    /// Adds a batch, and says how many were thrown away for it.
    pub(crate) fn add(&mut self, batch: ServerMetricsBatch) -> usize {
        self.waiting.push_back(batch);
        let too_many = self.waiting.len().saturating_sub(CAPACITY);
        self.waiting.drain(..too_many).count()
    }

    /// Publishes in order until the bus is full. Once the run is over nothing is worth keeping, and neither is a batch
    /// that is never taken.
    pub(crate) fn flush(&mut self, publish: impl Fn(&ServerMetricsBatch) -> Result<(), PublishError>) {
        while let Some(batch) = self.waiting.front() {
            match publish(batch) {
                Ok(()) | Err(PublishError::TooLarge) => drop(self.waiting.pop_front()),
                Err(PublishError::Full) => return,
                Err(_) => self.waiting.clear(),
            }
        }
    }

    /// Whether everything was published.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use prony_plugin_api::message::ServerMetricsSample;

    use super::*;

    fn batch(at_ns: u64) -> ServerMetricsBatch {
        ServerMetricsBatch { samples: vec![ServerMetricsSample { at_ns, ..ServerMetricsSample::default() }] }
    }

    /// Publishes to a bus that takes `room` batches, and gives the instants of those it took.
    fn flush(outbox: &mut Outbox, room: usize) -> Vec<u64> {
        let taken = RefCell::new(Vec::new());
        outbox.flush(|batch| {
            let mut taken = taken.borrow_mut();
            if taken.len() == room {
                return Err(PublishError::Full);
            }
            taken.push(batch.samples[0].at_ns);
            Ok(())
        });
        taken.into_inner()
    }

    #[test]
    fn what_a_full_bus_refuses_is_kept_in_order() {
        let mut outbox = Outbox::default();
        (1..=3).for_each(|at| assert_eq!(outbox.add(batch(at)), 0));
        assert_eq!(flush(&mut outbox, 1), [1]);
        assert_eq!(flush(&mut outbox, 0), [0; 0]);
        outbox.add(batch(4));
        assert_eq!(flush(&mut outbox, 9), [2, 3, 4]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn the_oldest_go_when_too_many_wait() {
        let mut outbox = Outbox::default();
        let thrown: usize = (0..CAPACITY as u64 + 2).map(|at| outbox.add(batch(at))).sum();
        assert_eq!(thrown, 2);
        let kept = flush(&mut outbox, usize::MAX);
        assert_eq!((kept[0], kept.len()), (2, CAPACITY));
    }

    #[test]
    fn a_batch_that_is_too_large_does_not_hold_up_the_others() {
        let mut outbox = Outbox::default();
        (1..=2).for_each(|at| assert_eq!(outbox.add(batch(at)), 0));
        outbox.flush(|batch| if batch.samples[0].at_ns == 1 { Err(PublishError::TooLarge) } else { Ok(()) });
        assert!(outbox.is_empty());
    }

    #[test]
    fn nothing_is_kept_for_a_run_that_is_over() {
        let mut outbox = Outbox::default();
        outbox.add(batch(1));
        outbox.flush(|_| Err(PublishError::Closed));
        assert!(outbox.is_empty());
    }
}
