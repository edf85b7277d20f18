//! Bytes that can be looked at before they are taken: the [`Lookahead`].

use std::io::{self, Read};

/// Read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Reads a file, with one buffer. An error of the system is the end of it, and is noted.
#[derive(Debug)]
pub(super) struct Lookahead<R> {
    file: R,
    buffer: Box<[u8]>,
    /// What of the buffer is not taken yet.
    start: usize,
    end: usize,
    failed: bool,
}

impl<R: Read> Lookahead<R> {
    pub(super) fn new(file: R) -> Self {
        Self { file, buffer: vec![0; BUFFER_BYTES].into(), start: 0, end: 0, failed: false }
    }

    /// Whether the end came by an error.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// The next bytes: at least `least`, which must be fewer than the buffer has, or all that are left.
    pub(super) fn peek(&mut self, least: usize) -> &[u8] {
        if self.end - self.start < least {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            while self.end < least && self.fill() {}
        }
        &self.buffer[self.start..self.end]
    }

    /// Takes bytes that were looked at.
    pub(super) fn take(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Takes the next `N` bytes; `None` when fewer are left, which stay.
    pub(super) fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.peek(N).first_chunk()?;
        self.take(N);
        Some(bytes)
    }

    /// Appends so many bytes, or all that are left. Memory grows with what is there, not with what is announced. Returns how
    /// many there were.
    pub(super) fn read_to(&mut self, count: usize, into: &mut Vec<u8>) -> usize {
        let mut left = count;
        while left > 0 {
            if self.start == self.end {
                if left >= BUFFER_BYTES {
                    let read = self.file.by_ref().take(left as u64).read_to_end(into);
                    self.failed |= read.is_err();
                    return count - left + read.unwrap_or(0);
                }
                (self.start, self.end) = (0, 0);
                if !self.fill() {
                    break;
                }
            }
            let bytes = &self.buffer[self.start..self.end];
            let bytes = &bytes[..left.min(bytes.len())];
            into.extend_from_slice(bytes);
            (left, self.start) = (left - bytes.len(), self.start + bytes.len());
        }
        count - left
    }

    /// Takes so many bytes, or all that are left, and forgets them. Returns how many there were.
    pub(super) fn skip(&mut self, count: u64) -> u64 {
        let mut left = count;
        while left > 0 {
            let here = self.peek(1).len();
            let here = usize::try_from(left).map_or(here, |left| left.min(here));
            if here == 0 {
                break;
            }
            self.take(here);
            left -= here as u64;
        }
        count - left
    }

    /// Reads more behind what is there. Whether there was more.
    fn fill(&mut self) -> bool {
        loop {
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return count > 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.failed = true;
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes one at a time, then an error.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Err(io::Error::other("broken")) };
            (buffer[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    #[test]
    fn what_is_looked_at_is_still_there() {
        let mut lookahead = Lookahead::new(Slow(b"abcdefgh"));
        assert_eq!(lookahead.peek(3), b"abc");
        lookahead.take(1);
        assert_eq!(lookahead.next(), Some(*b"bcd"));
        let mut taken = Vec::new();
        assert_eq!((lookahead.read_to(2, &mut taken), lookahead.skip(1)), (2, 1));
        assert_eq!((taken.as_slice(), lookahead.failed()), (&b"ef"[..], false));
        assert_eq!(lookahead.next::<2>(), None);
        assert_eq!(lookahead.peek(1), b"h");
        assert!(lookahead.failed());
    }

    #[test]
    fn large_pieces_come_whole_and_end_where_the_file_does() {
        let bytes: Vec<u8> = (0..3 * BUFFER_BYTES).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut lookahead = Lookahead::new(&bytes[..]);
        lookahead.peek(10);
        lookahead.take(10);
        let mut taken = Vec::new();
        assert_eq!(lookahead.read_to(2 * BUFFER_BYTES, &mut taken), 2 * BUFFER_BYTES);
        assert_eq!(taken, bytes[10..][..2 * BUFFER_BYTES]);
        assert_eq!(lookahead.read_to(usize::MAX, &mut taken), BUFFER_BYTES - 10);
        assert_eq!((taken, lookahead.skip(1)), (bytes[10..].to_vec(), 0));
    }
}
