//! A request and its response, as they passed.

use http::HeaderMap;

use crate::{clock::RunNs, dataset::BodyFormat};

/// The longest body that is kept. What is longer passes as well, and is not recorded.
const LONGEST: usize = 256 << 20;

/// A body, as far as it passed.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// It was too long to be kept.
    pub(super) is_lost: bool,
    /// It came to its end.
    pub(super) is_whole: bool,
}

impl Body {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.is_lost || self.bytes.len() + bytes.len() > LONGEST {
            *self = Self { is_lost: true, ..Self::default() };
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// One request to an API whose bodies can be read.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) format: BodyFormat,
    /// A key of the session that a header names.
    pub(super) session: Option<u64>,
    /// When its head had arrived.
    pub(super) sent_ns: RunNs,
    /// When the last of the response had come.
    pub(super) end_ns: RunNs,
    /// HTTP status; `None` where there was no response.
    pub(super) status: Option<u16>,
    /// The response came to its end.
    pub(super) is_whole: bool,
    /// How the bodies are encoded. Nothing else of the headers is kept.
    pub(super) request_encoding: HeaderMap,
    pub(super) response_encoding: HeaderMap,
    /// The response is a stream of events.
    pub(super) is_stream: bool,
    pub(super) request: Body,
    pub(super) response: Body,
}

impl Exchange {
    /// Bytes of both bodies.
    pub(super) fn bytes(&self) -> usize {
        self.request.bytes.len() + self.response.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_too_long_is_not_kept() {
        let mut body = Body::default();
        let piece = vec![b'a'; LONGEST / 2];
        body.add(&piece);
        body.add(&piece);
        assert!(!body.is_lost && body.bytes.len() == LONGEST);
        body.add(b"a");
        body.add(b"a");
        assert!(body.is_lost && body.bytes.is_empty());
    }
}
