//! The beginning of a body that was looked at before it is read.

use super::{Chunk, StampSource};
use crate::clock::RunNs;

/// What was read so far, with the stamp of the latest read.
#[derive(Debug, Default)]
pub(super) struct Opening {
    bytes: Vec<u8>,
    wire_bytes: usize,
    latest: Option<(RunNs, StampSource)>,
}

impl Opening {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds what one read brought.
    pub(super) fn keep(&mut self, chunk: &Chunk<'_>) {
        self.bytes.extend_from_slice(chunk.bytes);
        self.wire_bytes += chunk.wire_bytes;
        self.latest = Some((chunk.arrived, chunk.source));
    }

    /// Gives it as a piece of the body, once.
    pub(super) fn take(&mut self) -> Option<Chunk<'_>> {
        let (arrived, source) = self.latest.take()?;
        Some(Chunk { bytes: &self.bytes, wire_bytes: self.wire_bytes, arrived, source })
    }
}
