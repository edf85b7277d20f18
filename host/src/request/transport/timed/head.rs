//! Heads of HTTP/1.1 messages: writes that of a request, reads that of an answer.

use std::{io::Write, mem::MaybeUninit};

use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Version, header, response};
use httparse::{ParserConfig, Status};

use crate::request::{prepared::Prepared, target::Route};

/// No head of an answer is larger.
pub(super) const MAX_HEAD_BYTES: usize = 128 << 10;

/// No head of an answer has more headers.
const MAX_HEADERS: usize = 128;

/// What a server of TLS says to those who speak plain HTTP: the type of the record, and the major version.
const TLS_ALERT: [u8; 2] = [21, 3];

/// What a server sent is not HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's response is no HTTP/1.1: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// Appends the head of a request.
pub(super) fn write(request: &Prepared, out: &mut Vec<u8>) {
    let Prepared { method, place, headers, body, .. } = request;
    // A buffer that grows refuses nothing.
    let _ = write!(out, "{method} {} HTTP/1.1\r\n", place.uri);
    let mut line = |name: &HeaderName, value: &[u8]| {
        for piece in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    };
    if !headers.contains_key(header::HOST) {
        line(&header::HOST, place.host.as_bytes());
    }
    for (name, value) in headers {
        line(name, value.as_bytes());
    }
    if let Route::Proxy(proxy) = &place.origin.route
        && let Some(login) = proxy.authorization.as_ref().filter(|_| place.origin.is_passed_on())
    {
        line(&header::PROXY_AUTHORIZATION, login.as_bytes());
    }
    if method != Method::GET {
        let _ = write!(out, "content-length: {}\r\n", body.len());
    }
    out.extend_from_slice(b"\r\n");
}

/// Reads the head of an answer and its length in bytes, behind any that only announce it; `None` when more has to come.
///
/// # Errors
/// It is none.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(response::Parts, usize)>, Malformed> {
    let mut start = 0;
    loop {
        let Some((head, length)) = read_one(&bytes[start..])? else {
            return if bytes.len() > MAX_HEAD_BYTES {
                Err(Malformed("its head has no end"))
            } else {
                Ok(None)
            };
        };
        start += length;
        match head.status {
            StatusCode::SWITCHING_PROTOCOLS => {
                return Err(Malformed("it switches to another protocol unasked"));
            }
            status if status.is_informational() => {}
            _ => return Ok(Some((head, start))),
        }
    }
}

fn read_one(bytes: &[u8]) -> Result<Option<(response::Parts, usize)>, Malformed> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut headers) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        // Its first byte alone shows nothing yet.
        Err(_) if TLS_ALERT.starts_with(bytes) => return Ok(None),
        Err(_) if bytes.starts_with(&TLS_ALERT) => return Err(Malformed("it is an alert of TLS")),
        Err(error) => return Err(Malformed(explain(error))),
    };
    let mut head = Response::new(()).into_parts().0;
    let code = parsed.code.unwrap_or_default();
    head.status = StatusCode::from_u16(code).map_err(|_| Malformed("it has no status"))?;
    head.version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    head.headers.reserve(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        let (Ok(name), Ok(value)) = (name, value) else { return Err(Malformed("a header of it is none")) };
        head.headers.append(name, value);
    }
    Ok(Some((head, length)))
}

fn explain(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::Version => "it does not begin with the protocol's name and version",
        httparse::Error::Status => "it has no status",
        httparse::Error::TooManyHeaders => "its head has more than 128 headers",
        httparse::Error::HeaderName | httparse::Error::HeaderValue => "a header of it is none",
        _ => "its head is no head",
    }
}

/// Whether the connection serves further requests once the answer with this head is over.
pub(super) fn keeps_connection(head: &response::Parts) -> bool {
    let says = |word: &[u8]| {
        let values = head.headers.get_all(header::CONNECTION).iter();
        let mut words = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        words.any(|said| said.trim_ascii().eq_ignore_ascii_case(word))
    };
    if head.version == Version::HTTP_10 { says(b"keep-alive") } else { !says(b"close") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n";

    #[test]
    fn a_head_is_read_with_all_of_its_headers() {
        let (head, length) = read(&[HEAD, b"data"].concat()).unwrap().unwrap();
        assert_eq!((head.status, length), (StatusCode::OK, HEAD.len()));
        assert_eq!(head.headers[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(head.headers.get_all(header::SET_COOKIE).iter().count(), 2);
    }

    #[test]
    fn an_announcement_is_no_answer() {
        let announced =
            [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", HEAD].concat();
        let (head, length) = read(&announced).unwrap().unwrap();
        assert_eq!((head.status, length), (StatusCode::OK, announced.len()));
        assert!(read(&announced[..announced.len() - 1]).unwrap().is_none());
    }

    #[test]
    fn a_head_that_is_not_whole_waits_for_more() {
        for cut in 0..HEAD.len() {
            assert!(read(&HEAD[..cut]).unwrap().is_none(), "cut at {cut}");
        }
        assert!(read(&TLS_ALERT[..1]).unwrap().is_none());
    }

    #[rstest]
    #[case::another_protocol(b"SSH-2.0-OpenSSH_9.6\r\n")]
    #[case::http2(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80")]
    #[case::tls(b"\x15\x03\x03\0\x02\x02\x32")]
    #[case::no_status(b"HTTP/1.1 abc OK\r\n\r\n")]
    #[case::a_status_beyond_all(b"HTTP/1.1 099 OK\r\n\r\n")]
    #[case::switching(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")]
    #[case::a_header_without_a_name(b"HTTP/1.1 200 OK\r\n: x\r\n\r\n")]
    fn what_is_no_head_is_refused(#[case] bytes: &[u8]) {
        assert!(read(bytes).is_err());
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let many =
            [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"a: b\r\n".repeat(MAX_HEADERS + 1), b"\r\n"].concat();
        assert_eq!(read(&many).unwrap_err(), Malformed("its head has more than 128 headers"));
        let long = [b"HTTP/1.1 200 OK\r\na: ".as_slice(), &vec![b'b'; MAX_HEAD_BYTES]].concat();
        assert_eq!(read(&long).unwrap_err(), Malformed("its head has no end"));
    }

    #[rstest]
    #[case::by_default(b"HTTP/1.1 200 OK\r\n\r\n", true)]
    #[case::not_with_close(b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n", false)]
    #[case::not_before(b"HTTP/1.0 200 OK\r\n\r\n", false)]
    #[case::before_with_keep_alive(b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", true)]
    fn a_connection_is_kept(#[case] bytes: &[u8], #[case] expected: bool) {
        assert_eq!(keeps_connection(&read(bytes).unwrap().unwrap().0), expected);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            // An error is an answer as well.
            read(&bytes).ok();
            read(&[b"HTTP/1.1 200 ".as_slice(), &bytes].concat()).ok();
        }
    }
}
