//! The bodies of a request and of its response, for runs that keep them: [`Bodies`].

use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

use super::{prepared::Prepared, transport::Chunk};
use crate::{clock::RunNs, config::redact::REDACTED};

/// No more bytes of one response are kept: what is longer is hardly looked at, and waits in memory until it is over.
const MOST_RESPONSE_BYTES: usize = 16 << 20;

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
    pub(super) fn of(request: &Prepared) -> Self {
        let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
            let text = value.to_str().unwrap_or_default();
            let shown = if value.is_sensitive() { REDACTED } else { text };
            (name.as_str().to_owned(), shown.to_owned())
        };
        Self {
            headers: request.headers.iter().map(header).collect(),
            request: request.body.to_vec(),
            ..Self::default()
        }
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

    /// About how many bytes it has in a frame, where a byte may take two.
    pub(crate) fn weight(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        2 * (self.request.len() + self.response_bytes) + 16 * self.reads.len() + headers
    }
}
