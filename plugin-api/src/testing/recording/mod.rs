//! A recorded response.

mod http;

use crate::{
    error::{PluginError, Result},
    metadata::StreamFraming,
};

/// What the head of a recorded HTTP response begins with.
const HTTP: &[u8] = b"HTTP/";

/// A response as a server sent it: what `curl -sN` or `curl -si` writes to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The raw bytes of a stream of server-sent events.
    Stream(Vec<u8>),
    /// An answer that did not stream: HTTP status and body.
    Body(u32, Vec<u8>),
    /// The raw bytes of a stream of lines.
    Lines(Vec<u8>),
    /// The raw bytes of a stream with a framing of the API format's own.
    Bytes(Vec<u8>),
}

impl Recording {
    /// A stream of server-sent events.
    pub fn stream(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Stream(bytes.into())
    }

    /// A stream of lines.
    pub fn lines(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Lines(bytes.into())
    }

    /// A stream with a framing of the API format's own.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A whole answer.
    pub fn body(status: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self::Body(status, bytes.into())
    }

    /// Finds out what a file holds, without a manifest: [`Recording::read_as`] for an API format of server-sent events, and
    /// bytes in a framing of their own where it is no UTF-8.
    ///
    /// # Errors
    /// `malformed` when there is nothing in it, or when a raw response cannot be read.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if !bytes.starts_with(HTTP) && std::str::from_utf8(bytes).is_err() {
            return Ok(Self::raw(bytes));
        }
        Self::read_as(bytes, StreamFraming::Events)
    }

    /// Finds out what a file holds. `manifest` is the API format's `stream_framing`.
    ///
    /// A file with the head of the response (it begins with `HTTP/`) is read as the host reads such a response. Without a
    /// head it is one JSON document, lines (its first line is JSON and not its last), or else a stream of the API format.
    /// A body may be chunked or not, whatever the head says: `curl -i` writes it without its chunks.
    ///
    /// # Errors
    /// `malformed` when there is nothing in it, or when a raw response cannot be read.
    pub fn read_as(bytes: &[u8], manifest: StreamFraming) -> Result<Self> {
        if bytes.trim_ascii().is_empty() {
            return Err(PluginError::malformed("read the recording: it is empty")
                .hint("record it again with `curl -siN`, and see whether the server sends a response"));
        }
        if bytes.starts_with(HTTP) {
            return http::read(bytes, manifest);
        }
        let begins_as_json = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
        Ok(match manifest {
            _ if begins_as_json && is_lines(bytes) => Self::lines(bytes),
            _ if begins_as_json && is_json(bytes) => Self::body(200, bytes),
            StreamFraming::Events if begins_as_json => Self::body(200, bytes),
            framing => Self::framed(framing, bytes),
        })
    }

    /// A stream with this framing.
    fn framed(framing: StreamFraming, bytes: impl Into<Vec<u8>>) -> Self {
        match framing {
            StreamFraming::Events => Self::stream(bytes),
            StreamFraming::Lines => Self::lines(bytes),
            StreamFraming::Bytes => Self::raw(bytes),
        }
    }

    /// The `Content-Type` of a file with the head of a response; none where there is no head, or no such field in it.
    pub fn content_type(file: &[u8]) -> Option<String> {
        http::content_type(file)
    }

    /// Whether there is no body in it. Such responses exist: what is recorded is the head alone.
    pub fn is_empty(&self) -> bool {
        self.bytes().trim_ascii().is_empty()
    }

    /// How it is split, if it is a stream.
    pub fn framing(&self) -> Option<StreamFraming> {
        match self {
            Self::Stream(_) => Some(StreamFraming::Events),
            Self::Lines(_) => Some(StreamFraming::Lines),
            Self::Bytes(_) => Some(StreamFraming::Bytes),
            Self::Body(..) => None,
        }
    }

    /// The calls of a parser that read it, for a text.
    pub(crate) fn calls(&self) -> &'static str {
        match self {
            Self::Stream(_) | Self::Lines(_) | Self::Bytes(_) => "`event` and `end`",
            Self::Body(..) => "`body`",
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Stream(bytes) | Self::Body(_, bytes) | Self::Lines(bytes) | Self::Bytes(bytes) => bytes,
        }
    }
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// The first line is a JSON document, and another follows it.
fn is_lines(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    text.iter().position(|byte| *byte == b'\n').is_some_and(|end| is_json(&text[..end]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::stream(b"data: a\n\n", Recording::stream("data: a\n\n"))]
    #[case::body(b" {\"a\": 1}", Recording::body(200, " {\"a\": 1}"))]
    #[case::pretty_body(b"{\n  \"a\": 1\n}\n", Recording::body(200, "{\n  \"a\": 1\n}\n"))]
    #[case::body_that_breaks_off(b"{\"a\": ", Recording::body(200, "{\"a\": "))]
    #[case::lines(b"{\"a\": 1}\r\n{\"a\": 2}\n", Recording::lines("{\"a\": 1}\r\n{\"a\": 2}\n"))]
    #[case::bytes(b"\x00\x00\xff", Recording::raw(*b"\x00\x00\xff"))]
    fn a_file_says_itself_what_it_is(#[case] file: &[u8], #[case] expected: Recording) {
        assert_eq!(Recording::read(file), Ok(expected));
    }

    #[rstest]
    #[case::lines_of_no_json(b"+Hel\n+lo\n", StreamFraming::Lines, Recording::lines("+Hel\n+lo\n"))]
    #[case::text_in_frames(b"3:Hel2:lo", StreamFraming::Bytes, Recording::raw("3:Hel2:lo"))]
    #[case::a_whole_answer(b"{\"a\": 1}", StreamFraming::Lines, Recording::body(200, "{\"a\": 1}"))]
    #[case::events_of_no_utf_8(b"data: \xff\n\n", StreamFraming::Events, Recording::stream(*b"data: \xff\n\n"))]
    fn what_no_head_tells_the_manifest_does(
        #[case] file: &[u8],
        #[case] manifest: StreamFraming,
        #[case] expected: Recording,
    ) {
        assert_eq!(Recording::read_as(file, manifest), Ok(expected));
    }

    #[rstest]
    #[case::nothing(b"")]
    #[case::blank_lines(b"\r\n \n")]
    fn an_empty_recording_is_called_empty(#[case] file: &[u8]) {
        let error = Recording::read(file).unwrap_err();
        assert_eq!(error.message, "read the recording: it is empty");
        assert!(error.hint.contains("curl -siN"), "{error}");
    }
}
