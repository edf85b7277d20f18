//! What waits to be published: [`Outbox`].

use std::collections::VecDeque;

use crate::PublishError;

/// Batches in order, the oldest first. Bounded: the oldest go when there are too many.
#[derive(Debug)]
pub struct Outbox<B> {
    waiting: VecDeque<B>,
    capacity: usize,
}

impl<B> Outbox<B> {
    /// An outbox in which at most `capacity` batches wait while the bus is full.
    pub fn new(capacity: usize) -> Self {
        Self { waiting: VecDeque::new(), capacity }
    }

    /// Adds a batch, and says how many were thrown away for it.
    pub fn add(&mut self, batch: B) -> usize {
        self.waiting.push_back(batch);
        let too_many = self.waiting.len().saturating_sub(self.capacity);
        self.waiting.drain(..too_many).count()
    }

    /// Publishes in order until the bus is full. Once the run is over nothing is worth keeping, and neither is a batch
    /// that is never taken.
    pub fn flush(&mut self, publish: impl Fn(&B) -> Result<(), PublishError>) {
        while let Some(batch) = self.waiting.front() {
            match publish(batch) {
                Ok(()) | Err(PublishError::TooLarge) => drop(self.waiting.pop_front()),
                Err(PublishError::Full) => return,
                Err(_) => self.waiting.clear(),
            }
        }
    }

    /// Whether everything was published.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
