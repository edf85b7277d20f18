//! Buffers that are used again: the [`Shelf`].

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps buffers that are empty again for those who need one next. Each piece of a journal becomes half a megabyte of lines: memory of that
/// size would be asked of the system for each piece and given back again, and all of it be cleared in between.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Vec<Vec<u8>>>);

impl Shelf {
    /// An empty buffer with room for so many bytes at least. The one that was put back last is the one that is still in a cache.
    pub(super) fn take(&self, room: usize) -> Vec<u8> {
        let mut buffer = self.buffers().pop().unwrap_or_default();
        buffer.reserve(room);
        buffer
    }

    /// Takes a buffer back, and forgets what is in it.
    pub(super) fn put_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.buffers().push(buffer);
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
}
