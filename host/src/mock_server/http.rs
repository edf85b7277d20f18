//! HTTP/1.1 as bytes: the head of a request, the head and the chunks of a response. Knows no socket.

use ::http::{Method, StatusCode, Uri};

use super::api_error::ApiError;

/// The longest request head that is read.
const HEAD_LIMIT: usize = 64 << 10;
/// The longest request body that is read.
const BODY_LIMIT: usize = 64 << 20;

/// The last chunk of a chunked body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What the server needs to know of a request's head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) target: Uri,
    /// The `X-Request-ID` field.
    pub(super) request_id: Option<String>,
    pub(super) content_length: usize,
    /// The `Content-Type` field, or nothing.
    pub(super) content_type: String,
    pub(super) asks_to_close: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
    /// The client would like a stream of events.
    pub(super) accepts_events: bool,
}

/// Reads the head at the start of `bytes`; gives it with its length, or `None` if it is not complete yet.
///
/// Bodies need a `Content-Length`: a chunked request body is refused with 411.
pub(super) fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, ApiError> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = bytes.windows(END.len()).position(|window| window == END) else {
        return if bytes.len() > HEAD_LIMIT {
            Err(ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request head is too long"))
        } else {
            Ok(None)
        };
    };
    let text = bytes.get(..end).and_then(|head| str::from_utf8(head).ok());
    let mut lines = text.ok_or_else(|| ApiError::malformed("the request head is not text"))?.split("\r\n");
    let mut head = parse_request_line(lines.next().unwrap_or_default())?;
    for line in lines {
        let (name, value) =
            line.split_once(':').ok_or_else(|| ApiError::malformed("a header line has no colon"))?;
        head.take_field(name, value.trim())?;
    }
    Ok(Some((head, end + END.len())))
}

fn parse_request_line(line: &str) -> Result<Head, ApiError> {
    let malformed = || ApiError::malformed("the request line is malformed");
    let mut words = line.split(' ');
    let (method, target, version) =
        (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    if version != Some("HTTP/1.1") {
        return Err(ApiError::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 is spoken here"));
    }
    Ok(Head {
        method: method.parse().map_err(|_| malformed())?,
        target: target.parse().map_err(|_| malformed())?,
        request_id: None,
        content_length: 0,
        content_type: String::new(),
        asks_to_close: false,
        expects_continue: false,
        accepts_events: false,
    })
}

impl Head {
    fn take_field(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                self.content_length =
                    value.parse().map_err(|_| ApiError::malformed("the Content-Length is no number"))?;
                if self.content_length > BODY_LIMIT {
                    return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"));
                }
            }
            "transfer-encoding" => {
                return Err(ApiError::new(StatusCode::LENGTH_REQUIRED, "send a Content-Length"));
            }
            "content-type" => value.clone_into(&mut self.content_type),
            "connection" => self.asks_to_close = value.eq_ignore_ascii_case("close"),
            "accept" => self.accepts_events = value.contains("text/event-stream"),
            "expect" => self.expects_continue = value.eq_ignore_ascii_case("100-continue"),
            "x-request-id" => self.request_id = Some(value.to_owned()).filter(|id| !id.is_empty()),
            _ => {}
        }
        Ok(())
    }
}

/// Writes a response's head. Values must be free of line breaks.
pub(super) fn response_head(status: StatusCode, fields: &[(&str, &str)]) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or("Unnamed");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16());
    for (name, value) in fields {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Wraps a payload as one chunk of a chunked body.
pub(super) fn chunk(payload: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete_and_not_before() {
        let bytes =
            b"POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-REQUEST-id: r-1\r\ncontent-length:  4\r\n\r\nbody";
        for cut in 0..bytes.len() - 4 {
            assert!(matches!(parse_head(&bytes[..cut]), Ok(None)), "complete after {cut} bytes");
        }
        let (head, length) = parse_head(bytes).unwrap().unwrap();
        assert_eq!(&bytes[length..], b"body");
        assert_eq!(
            (head.method.as_str(), head.target.path(), head.target.query()),
            ("POST", "/v1/x", Some("a=b"))
        );
        assert_eq!((head.request_id.as_deref(), head.content_length), (Some("r-1"), 4));
        assert!(!head.asks_to_close && !head.expects_continue);
    }

    #[rstest]
    #[case::no_request_line("\r\n\r\n", 505)]
    #[case::old_version("GET / HTTP/1.0\r\n\r\n", 505)]
    #[case::bad_target("GET http:// HTTP/1.1\r\n\r\n", 400)]
    #[case::no_colon("GET / HTTP/1.1\r\nHost\r\n\r\n", 400)]
    #[case::bad_length("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400)]
    #[case::huge("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413)]
    #[case::chunked("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411)]
    fn a_bad_head_is_refused(#[case] head: &str, #[case] status: u16) {
        assert_eq!(parse_head(head.as_bytes()).unwrap_err().status.as_u16(), status);
    }

    #[test]
    fn an_endless_head_is_refused() {
        assert_eq!(parse_head(&vec![b'a'; HEAD_LIMIT + 1]).unwrap_err().status.as_u16(), 431);
    }
}
