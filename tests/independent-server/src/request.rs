//! Reading a request: as much of HTTP/1.1 as a client of chat completions needs.

use std::io::{self, ErrorKind, Read};

/// Tokens of a response when the request does not say.
const TOKENS: u64 = 16;

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The `X-Request-ID`, empty without one.
    pub(crate) id: String,
    /// Tokens that it asks for.
    pub(crate) tokens: u64,
}

impl Request {
    /// Reads the next request of a connection; nothing at its end. `buffer` keeps what came too early.
    ///
    /// # Errors
    /// The connection broke, or what came is not HTTP.
    pub(crate) fn read(source: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<Self>> {
        loop {
            if let Some((head, body)) = whole(buffer)? {
                let request = Self::parse(&buffer[..head], &buffer[head..body])?;
                buffer.drain(..body);
                return Ok(Some(request));
            }
            let mut piece = [0; 4096];
            match source.read(&mut piece)? {
                0 => return Ok(None),
                count => buffer.extend_from_slice(&piece[..count]),
            }
        }
    }

    fn parse(head: &[u8], body: &[u8]) -> io::Result<Self> {
        let head = std::str::from_utf8(head).map_err(|_| no_http("the head of a request is not text"))?;
        let mut words = head.split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(no_http("a request has no method and path"));
        };
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            id: header(head, "x-request-id").unwrap_or_default().to_owned(),
            tokens: asked_for(&String::from_utf8_lossy(body)).unwrap_or(TOKENS),
        })
    }
}

/// Where head and body of the first request end, if it is all there.
fn whole(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head =
        std::str::from_utf8(&bytes[..end]).map_err(|_| no_http("the head of a request is not text"))?;
    let length = header(head, "content-length").map_or(Ok(0), str::parse);
    let length: usize = length.map_err(|_| no_http("`Content-Length` is not a number"))?;
    let (head, body) = (end + 4, end + 4 + length);
    Ok((bytes.len() >= body).then_some((head, body)))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// The number behind `"max_completion_tokens":`.
fn asked_for(body: &str) -> Option<u64> {
    let (_, rest) = body.split_once(r#""max_completion_tokens""#)?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    rest.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

fn no_http(message: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}
