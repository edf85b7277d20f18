//! The bodies of a request and of its response, for runs that keep them: [`Bodies`]. How many of them may wait to be written:
//! [`BodyRoom`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

use super::transport::Chunk;
use crate::{clock::RunNs, config::redact::REDACTED};

/// No more bytes of one response are kept: what is longer is hardly looked at, and waits in memory until it is over.
const MOST_RESPONSE_BYTES: usize = 16 << 20;

/// No more bytes of finished requests' bodies wait to be written: a disk that is slower than the servers must not cost all memory.
const MOST_WAITING_BYTES: usize = 256 << 20;

/// Whether bodies are copied, and how much of them waits to be written. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyRoom(Arc<Room>);

#[derive(Debug, Default)]
struct Room {
    /// The run is to keep bodies.
    is_wanted: bool,
    /// Nothing more is written.
    is_closed: AtomicBool,
    waiting_bytes: AtomicUsize,
    /// Requests whose bodies were not handed over.
    left_out: AtomicU64,
}

impl BodyRoom {
    /// For a run that keeps bodies, or does not.
    pub(crate) fn of(is_wanted: bool) -> Self {
        Self(Arc::new(Room { is_wanted, ..Room::default() }))
    }

    /// Whether bodies are copied.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_wanted && !self.is_closed()
    }

    /// Nothing more is written, so that nothing more needs to be copied.
    pub(crate) fn close(&self) {
        self.0.is_closed.store(true, Ordering::Relaxed);
    }

    /// Whether nothing more is written.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed.load(Ordering::Relaxed)
    }

    /// Takes bodies away for which there is no room, and counts those that are missing.
    pub(crate) fn admit(&self, bodies: &mut Option<Box<Bodies>>) {
        let room = &*self.0;
        if !room.is_wanted {
            return;
        }
        let has_room = match bodies {
            None => self.is_open(),
            Some(bodies) => {
                let bytes = bodies.bytes();
                let waiting = room.waiting_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
                waiting <= MOST_WAITING_BYTES
            }
        };
        if !has_room {
            bodies.take().iter().for_each(|bodies| self.release(bodies));
            room.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Bodies that were admitted do not wait any more.
    pub(crate) fn release(&self, bodies: &Bodies) {
        self.0.waiting_bytes.fetch_sub(bodies.bytes(), Ordering::Relaxed);
    }

    /// Requests whose bodies were not handed over.
    pub(crate) fn left_out(&self) -> u64 {
        self.0.left_out.load(Ordering::Relaxed)
    }
}

/// What was sent, and what came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Bodies {
    /// Headers of the request. Values that may be secret are not among them.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) request: Vec<u8>,
    /// That of the latest response.
    pub(crate) content_type: String,
    /// The response as it was read: when the bytes arrived, and which they were.
    pub(crate) reads: Vec<(RunNs, Vec<u8>)>,
    /// There was more than is kept.
    pub(crate) is_cut: bool,
    /// Bytes of the reads.
    pub(crate) response_bytes: usize,
}

impl Bodies {
    /// Those of a request that is to be sent.
    pub(super) fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
            let text = value.to_str().unwrap_or_default();
            let shown = if value.is_sensitive() { REDACTED } else { text };
            (name.as_str().to_owned(), shown.to_owned())
        };
        Self { headers: headers.iter().map(header).collect(), request: body.to_vec(), ..Self::default() }
    }

    /// The head of a response has come.
    pub(super) fn note_head(&mut self, headers: &HeaderMap) {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().clone_into(&mut self.content_type);
    }

    /// A part of a response has come.
    pub(super) fn note_read(&mut self, chunk: &Chunk<'_>) {
        self.is_cut |= self.response_bytes.saturating_add(chunk.bytes.len()) > MOST_RESPONSE_BYTES;
        if !self.is_cut && !chunk.bytes.is_empty() {
            self.response_bytes += chunk.bytes.len();
            self.reads.push((chunk.arrived, chunk.bytes.to_vec()));
        }
    }

    /// About how many bytes of memory it takes.
    fn bytes(&self) -> usize {
        self.request.len() + self.response_bytes + size_of::<(RunNs, Vec<u8>)>() * self.reads.len()
    }

    /// About how many bytes it has in a frame, where a byte may take two.
    pub(crate) fn weight(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        2 * (self.request.len() + self.response_bytes) + 16 * self.reads.len() + headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(bytes: usize) -> Bodies {
        Bodies { response_bytes: bytes, ..Bodies::default() }
    }

    #[test]
    fn bodies_wait_as_long_as_there_is_room() {
        let room = BodyRoom::of(true);
        let (mut first, mut second) = (Some(Box::new(bodies(MOST_WAITING_BYTES))), Some(Box::new(bodies(1))));
        room.admit(&mut first);
        room.admit(&mut second);
        assert_eq!((first.is_some(), second.is_some(), room.left_out()), (true, false, 1));
        room.release(&first.unwrap());
        let mut third = Some(Box::new(bodies(1)));
        room.admit(&mut third);
        assert_eq!((third.is_some(), room.left_out()), (true, 1));
    }

    #[test]
    fn what_is_not_copied_any_more_is_counted() {
        let room = BodyRoom::of(true);
        room.admit(&mut None);
        assert_eq!((room.is_open(), room.left_out()), (true, 0), "it may not have been sent");
        room.close();
        room.admit(&mut None);
        assert_eq!((room.is_open(), room.left_out()), (false, 1));
        let unwanted = BodyRoom::default();
        unwanted.admit(&mut None);
        assert_eq!((unwanted.is_open(), unwanted.left_out()), (false, 0));
    }
}
