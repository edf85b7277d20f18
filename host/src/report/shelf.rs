//! Buffers that are used again: the [`Shelf`].

use std::sync::{Mutex, MutexGuard, PoisonError};

/// No buffer is kept that has room for more bytes, and room for more is not made beforehand: a single record may be very large.
const MOST_BYTES: usize = 1 << 20;

/// Keeps buffers that are empty again for those who need one next. Each piece of a journal becomes half a megabyte of lines: memory of that
/// size would be asked of the system for each piece and given back again, and all of it be cleared in between.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Vec<Vec<u8>>>);

impl Shelf {
    /// An empty buffer that is likely to take so many bytes. The one that was put back last is the one that is still in a cache.
    pub(super) fn take(&self, room: usize) -> Vec<u8> {
        let mut buffer = self.buffers().pop().unwrap_or_default();
        buffer.reserve(room.min(MOST_BYTES));
        buffer
    }

    /// Takes a buffer back, and forgets what is in it.
    pub(super) fn put_back(&self, mut buffer: Vec<u8>) {
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
    fn a_buffer_that_is_put_back_is_empty_when_it_is_taken_again() {
        let shelf = Shelf::default();
        let mut buffer = shelf.take(100);
        buffer.extend_from_slice(b"some lines");
        let place = buffer.as_ptr();
        shelf.put_back(buffer);
        let again = shelf.take(100);
        assert!(again.is_empty() && again.capacity() >= 100 && again.as_ptr() == place);
        let another = shelf.take(100);
        assert_ne!(another.as_ptr(), place);
    }

    #[test]
    fn one_that_has_grown_too_large_is_not_kept() {
        let shelf = Shelf::default();
        shelf.put_back(vec![0; MOST_BYTES + 1]);
        assert!(shelf.take(usize::MAX).capacity() <= 2 * MOST_BYTES);
        assert!(shelf.buffers().is_empty());
    }
}
