//! A recorded response.

use crate::error::{PluginError, Result};

/// A response as a server sent it: what `curl -sN` or `curl -si` writes to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The raw bytes of a stream of server-sent events.
    Stream(Vec<u8>),
    /// An answer that did not stream: HTTP status and body.
    Body(u32, Vec<u8>),
}

impl Recording {
    /// A stream of server-sent events.
    pub fn stream(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Stream(bytes.into())
    }

    /// A whole answer.
    pub fn body(status: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self::Body(status, bytes.into())
    }

    /// Finds out what a file holds: a raw HTTP response (it begins with `HTTP/`), a JSON body (it begins with `{` or
    /// `[`), or a stream.
    ///
    /// # Errors
    /// `malformed` when a raw response cannot be read.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"HTTP/") {
            return raw_http(bytes);
        }
        Ok(match bytes.trim_ascii_start().first() {
            Some(b'{' | b'[') => Self::body(200, bytes),
            _ => Self::stream(bytes),
        })
    }

    /// The calls of a parser that read it, for a text.
    pub(crate) fn calls(&self) -> &'static str {
        match self {
            Self::Stream(_) => "`event` and `end`",
            Self::Body(..) => "`body`",
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Stream(bytes) | Self::Body(_, bytes) => bytes,
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
    let is_stream = header("content-type").to_ascii_lowercase().starts_with("text/event-stream");
    Ok(if is_stream && (200..300).contains(&status) {
        Recording::Stream(body)
    } else {
        Recording::Body(status, body)
    })
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
