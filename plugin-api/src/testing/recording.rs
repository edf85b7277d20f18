//! A recorded response.

use crate::{
    error::{PluginError, Result},
    metadata::StreamFraming,
};

/// A response as a server sent it: what `curl -sN` or `curl -si` writes to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The raw bytes of a stream of server-sent events.
    Stream(Vec<u8>),
    /// An answer that did not stream: HTTP status and body.
    Body(u32, Vec<u8>),
    /// The raw bytes of a stream of lines.
    Lines(Vec<u8>),
    /// The raw bytes of a stream with a framing of the dialect's own.
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

    /// A stream with a framing of the dialect's own.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A whole answer.
    pub fn body(status: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self::Body(status, bytes.into())
    }

    /// Finds out what a file holds: a raw HTTP response (it begins with `HTTP/`), bytes in a framing of their own (it is
    /// no UTF-8), lines (it begins with `{` or `[`, and its first line is JSON and not its last), a JSON body (it begins
    /// so as well), or server-sent events.
    ///
    /// # Errors
    /// `malformed` when a raw response cannot be read.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"HTTP/") {
            return raw_http(bytes);
        }
        Ok(match bytes.trim_ascii_start().first() {
            _ if std::str::from_utf8(bytes).is_err() => Self::raw(bytes),
            Some(b'{' | b'[') if is_lines(bytes) => Self::lines(bytes),
            Some(b'{' | b'[') => Self::body(200, bytes),
            _ => Self::stream(bytes),
        })
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

/// Splits a response into its head, which decides what it is, and its body.
fn raw_http(bytes: &[u8]) -> Result<Recording> {
    let malformed = |what: &str| PluginError::malformed(format!("read the recorded HTTP response: {what}"));
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| malformed("its head has no end"))?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed("its head is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status: u32 = status.ok_or_else(|| malformed("its first line has no status"))?;
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |name: &str| {
        headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    };
    let mut body = bytes[end + 4..].to_vec();
    if header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        body = dechunk(&body).ok_or_else(|| malformed("its chunks are broken"))?;
    }
    Ok(match framing(header("content-type")).filter(|_| (200..300).contains(&status)) {
        Some(StreamFraming::Events) => Recording::Stream(body),
        Some(StreamFraming::Lines) => Recording::Lines(body),
        Some(StreamFraming::Bytes) => Recording::Bytes(body),
        None => Recording::Body(status, body),
    })
}

/// The host knows binary streams by the manifest, which a file does not have; so some types stand for them here.
fn framing(content_type: &str) -> Option<StreamFraming> {
    const BYTES: [&str; 2] = ["application/vnd.amazon.eventstream", "application/octet-stream"];
    let is_bytes = BYTES.iter().any(|known| content_type.eq_ignore_ascii_case(known));
    StreamFraming::of_content_type(content_type).or(is_bytes.then_some(StreamFraming::Bytes))
}

/// The first line is a JSON document, and another follows it.
fn is_lines(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    let is_json = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    text.iter().position(|byte| *byte == b'\n').is_some_and(|end| is_json(&text[..end]))
}

/// Joins the chunks of a chunked body (RFC 9112, 7.1). A recording that was cut off ends where it ends.
fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        let chunk = rest[end + 2..].get(..size).unwrap_or(&rest[end + 2..]);
        if size == 0 {
            break;
        }
        body.extend_from_slice(chunk);
        rest = rest.get((end + 2).checked_add(size)?.checked_add(2)?..).unwrap_or_default();
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::stream(b"data: a\n\n", Recording::stream("data: a\n\n"))]
    #[case::body(b" {\"a\": 1}", Recording::body(200, " {\"a\": 1}"))]
    #[case::pretty_body(b"{\n  \"a\": 1\n}\n", Recording::body(200, "{\n  \"a\": 1\n}\n"))]
    #[case::lines(b"{\"a\": 1}\r\n{\"a\": 2}\n", Recording::lines("{\"a\": 1}\r\n{\"a\": 2}\n"))]
    #[case::bytes(b"\x00\x00\xff", Recording::raw(*b"\x00\x00\xff"))]
    #[case::http_lines(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{}\n",
        Recording::lines("{}\n")
    )]
    #[case::http_bytes(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n\r\n\0\0\0\x10",
        Recording::raw(*b"\0\0\0\x10")
    )]
    #[case::http_body(
        b"HTTP/1.1 429 Too Many\r\nContent-Type: application/json\r\n\r\n{}",
        Recording::body(429, "{}")
    )]
    #[case::http_stream(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\ndata: a\n\n",
        Recording::stream("data: a\n\n")
    )]
    #[case::chunked(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n6\r\ndata: \r\n3;x=y\r\na\n\n\r\n0\r\n\r\n",
        Recording::stream("data: a\n\n")
    )]
    #[case::cut_off(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\nff\r\ndata: a",
        Recording::stream("data: a")
    )]
    fn a_file_says_itself_what_it_is(#[case] file: &[u8], #[case] expected: Recording) {
        assert_eq!(Recording::read(file), Ok(expected));
    }

    #[rstest]
    #[case::no_end(b"HTTP/1.1 200 OK\r\n")]
    #[case::no_status(b"HTTP/1.1\r\n\r\n")]
    #[case::broken_chunks(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")]
    fn a_broken_response_is_refused(#[case] file: &[u8]) {
        assert!(Recording::read(file).unwrap_err().message.starts_with("read the recorded HTTP response: "));
    }
}
