//! Buffers that are used again: the [`BufferPool`].

use std::sync::{Mutex, MutexGuard, PoisonError};

/// No buffer is kept that has room for more bytes, and room for more is not made beforehand: a single record may be very large.
const MOST_BYTES: usize = 2 << 20;

/// Keeps buffers that are empty again for those who need one next. Each piece of a journal becomes half a megabyte of lines: memory of that
/// size would be asked of the system for each piece and given back again, and all of it be cleared in between.
#[derive(Debug, Default)]
pub(super) struct BufferPool(Mutex<Vec<Vec<u8>>>);

impl BufferPool {
    /// An empty buffer that is likely to take so many bytes. The one that was given back last is the one that is still in a cache.
    pub(super) fn get(&self, room: usize) -> Vec<u8> {
        let mut buffer = self.buffers().pop().unwrap_or_default();
        // No more than that: a buffer that needs a few bytes more than it had before would become twice as large.
        buffer.reserve_exact(room.min(MOST_BYTES));
        buffer
    }

    /// Takes a buffer back, and forgets what is in it.
    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MOST_BYTES {
            buffer.clear();
            self.buffers().push(buffer);
        }
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_is_given_back_is_empty_when_it_is_used_again() {
        let pool = BufferPool::default();
        let mut buffer = pool.get(100);
        buffer.extend_from_slice(b"some lines");
        let place = buffer.as_ptr();
        pool.give_back(buffer);
        let again = pool.get(100);
        assert!(again.is_empty() && again.capacity() >= 100 && again.as_ptr() == place);
        let another = pool.get(100);
        assert_ne!(another.as_ptr(), place);
    }

    #[test]
    fn one_that_needs_a_little_more_than_before_is_kept() {
        let pool = BufferPool::default();
        for room in [525_000, 526_000] {
            let buffer = pool.get(room);
            assert!((room..room + 100_000).contains(&buffer.capacity()), "{}", buffer.capacity());
            pool.give_back(buffer);
        }
        assert_eq!(pool.buffers().len(), 1);
    }

    #[test]
    fn one_that_has_grown_too_large_is_not_kept() {
        let pool = BufferPool::default();
        pool.give_back(vec![0; MOST_BYTES + 1]);
        assert!(pool.get(usize::MAX).capacity() <= 2 * MOST_BYTES);
        assert!(pool.buffers().is_empty());
    }
}
