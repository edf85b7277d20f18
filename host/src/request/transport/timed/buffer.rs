//! What has arrived on a connection and was not yet looked at: the [`Buffer`].

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// Room that a connection begins with: for a head, or for some tokens. Thousands of streams have one each.
const FIRST_BYTES: usize = 4 << 10;

/// Room that is not exceeded, unless a head or a line needs it.
const MOST_BYTES: usize = 64 << 10;

/// Reads in a row that fill the room before there is more of it. A stream that waited for its turn fills it once or twice; what
/// is large fills it again and again.
const FULL_READS: u32 = 3;

/// Bytes that were received and wait to be read.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    waiting: Range<usize>,
    full_reads: u32,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: vec![0; FIRST_BYTES], waiting: 0..0, full_reads: 0 }
    }
}

impl Buffer {
    /// The bytes that were read and not taken yet.
    #[inline]
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.waiting.clone()]
    }

    /// Takes so many of the first bytes that wait. Where they stand is good until the next [`Buffer::poll_fill`].
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Range<usize> {
        let start = self.waiting.start;
        self.waiting.start += count;
        start..self.waiting.start
    }

    /// Bytes that were taken.
    #[inline]
    pub(super) fn taken(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Reads once. Returns how many bytes came; none at the end.
    pub(super) fn poll_fill(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let mut room = ReadBuf::new(&mut self.bytes[self.waiting.end..]);
        ready!(Pin::new(source).poll_read(context, &mut room))?;
        let (count, is_full) = (room.filled().len(), room.remaining() == 0);
        self.waiting.end += count;
        self.full_reads = if is_full { self.full_reads + 1 } else { 0 };
        if self.full_reads == FULL_READS && self.bytes.len() < MOST_BYTES {
            self.bytes.resize(self.bytes.len() * 2, 0);
            self.full_reads = 0;
        }
        Poll::Ready(Ok(count))
    }

    fn make_room(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = 0..0;
        } else if self.waiting.end == self.bytes.len() {
            if self.waiting.start > 0 {
                self.bytes.copy_within(self.waiting.clone(), 0);
                self.waiting = 0..self.waiting.len();
            } else {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Reads everything, and takes it in pieces of so many bytes.
    async fn pass(source: &[u8], piece: usize) -> Vec<u8> {
        let (mut source, mut buffer, mut all) = (source, Buffer::default(), Vec::new());
        while poll_fn(|context| buffer.poll_fill(&mut source, context)).await.unwrap() > 0 {
            while buffer.waiting().len() >= piece {
                let place = buffer.take(piece);
                all.extend_from_slice(buffer.taken(place));
            }
        }
        all.extend_from_slice(buffer.waiting());
        all
    }

    #[tokio::test]
    async fn bytes_keep_their_order_however_many_are_taken_at_a_time() {
        let source: Vec<u8> = (0..500_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
        for piece in [1, 7, 4096, 5000, 200_000] {
            assert!(pass(&source, piece).await == source, "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_waited_for_its_turn_keeps_its_room() {
        let (source, mut buffer) = (vec![1; 2 * FIRST_BYTES + 1], Buffer::default());
        for _ in 0..8 {
            let mut source = &source[..];
            while poll_fn(|context| buffer.poll_fill(&mut source, context)).await.unwrap() > 0 {
                buffer.take(buffer.waiting().len());
            }
        }
        assert_eq!(buffer.bytes.len(), FIRST_BYTES);
    }

    #[tokio::test]
    async fn room_grows_with_what_comes_and_no_further() {
        let (source, mut buffer) = (vec![1; 1 << 20], Buffer::default());
        let mut source = &source[..];
        while poll_fn(|context| buffer.poll_fill(&mut source, context)).await.unwrap() > 0 {
            buffer.take(buffer.waiting().len());
        }
        assert_eq!(buffer.bytes.len(), MOST_BYTES);
    }
}
