//! [`Canned`]: a response that somebody has recorded, sent in the place of the mock server's own.

use std::{fmt, sync::Arc};

use ::http::{Method, StatusCode};

use super::http::Head;

/// A recorded response, and which requests get it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Canned {
    /// The path of these requests; every `POST` gets it without one.
    pub(crate) path: Option<String>,
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) body: CannedBody,
}

/// The body of a recorded response.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum CannedBody {
    /// Sent in one piece, when the first token is due.
    Whole(Arc<[u8]>),
    /// A chunked stream, each piece of which is sent when the next token is due.
    Stream(Arc<[Box<[u8]>]>),
}

impl Canned {
    /// Whether it is sent in pieces.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.body, CannedBody::Stream(_))
    }

    /// Whether a request gets it.
    pub(super) fn is_for(&self, head: &Head) -> bool {
        let path = head.target.path();
        head.method == Method::POST && self.path.as_deref().is_none_or(|wanted| wanted == path)
    }
}

impl CannedBody {
    /// A stream of server-sent events, which end with a blank line.
    pub(crate) fn events(bytes: &[u8]) -> Self {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            piece.extend_from_slice(line);
            if line.trim_ascii().is_empty() {
                pieces.push(std::mem::take(&mut piece).into_boxed_slice());
            }
        }
        // An event without its end is none, and still a part of what was recorded.
        pieces.extend((!piece.is_empty()).then(|| piece.into_boxed_slice()));
        Self::Stream(pieces.into())
    }

    /// A stream of lines.
    pub(crate) fn lines(bytes: &[u8]) -> Self {
        Self::Stream(bytes.split_inclusive(|byte| *byte == b'\n').map(Into::into).collect())
    }
}

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, status, content_type, body } = self;
        f.debug_struct("Canned")
            .field("path", path)
            .field("status", status)
            .field("content_type", content_type)
            .field("body", body)
            .finish()
    }
}

impl fmt::Debug for CannedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(body) => write!(f, "Whole({} bytes)", body.len()),
            Self::Stream(pieces) => write!(f, "Stream({} pieces)", pieces.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a stream.
    fn pieces(body: &CannedBody) -> Vec<String> {
        let CannedBody::Stream(pieces) = body else { return Vec::new() };
        pieces.iter().map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
    }

    #[test]
    fn a_stream_is_cut_after_each_event_and_loses_nothing() {
        let stream = "event: a\r\ndata: 1\r\n\r\n: ping\n\ndata: 2\ndata: 3\n\ndata: [DONE]";
        let cut = pieces(&CannedBody::events(stream.as_bytes()));
        let expected = ["event: a\r\ndata: 1\r\n\r\n", ": ping\n\n", "data: 2\ndata: 3\n\n", "data: [DONE]"];
        assert_eq!(cut, expected);
    }

    #[test]
    fn lines_are_cut_after_each() {
        assert_eq!(pieces(&CannedBody::lines(b"{}\n[1]\n")), ["{}\n", "[1]\n"]);
    }
}
