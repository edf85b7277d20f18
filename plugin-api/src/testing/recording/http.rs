//! A recording with the heads of its responses: what `curl -si` writes.

use super::{Recording, HTTP};
use crate::{
    error::{PluginError, Result},
    metadata::StreamFraming,
};

/// Content encodings whose bytes are no text: a recording of them is of no use to a parser.
const ENCODINGS: [&str; 5] = ["gzip", "x-gzip", "deflate", "br", "zstd"];

/// What a field of server-sent events may begin with, as the first line of a stream.
const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];

/// Reads the last response of a recording; those before it are of a proxy, a redirect, or preliminary.
pub(super) fn read(bytes: &[u8], manifest: StreamFraming) -> Result<Recording> {
    let (head, mut rest) = Head::split(bytes)?;
    if rest.starts_with(HTTP) {
        return read(rest, manifest);
    }
    let dechunked;
    if head.field("transfer-encoding").to_ascii_lowercase().ends_with("chunked") && is_chunked(rest) {
        dechunked = dechunk(rest).ok_or_else(|| malformed("its chunks are broken"))?;
        rest = &dechunked;
    }
    let is_good = (200..300).contains(&head.status);
    let framing = framing(head.field("content-type"), rest, manifest).filter(|_| is_good);
    let encoding = head.field("content-encoding").to_ascii_lowercase();
    if ENCODINGS.contains(&encoding.as_str()) && std::str::from_utf8(rest).is_err() {
        return Err(malformed(&format!("its body is encoded with `{encoding}`"))
            .hint("record it again with `curl -siN --compressed`, which decodes it"));
    }
    Ok(framing.map_or_else(|| Recording::body(head.status, rest), |framing| Recording::framed(framing, rest)))
}

/// The type that the last response says it has.
pub(super) fn content_type(bytes: &[u8]) -> Option<String> {
    let (head, rest) = Head::split(bytes).ok().filter(|_| bytes.starts_with(HTTP))?;
    if rest.starts_with(HTTP) {
        return content_type(rest);
    }
    Some(head.field("content-type").to_owned()).filter(|found| !found.is_empty())
}

fn malformed(what: &str) -> PluginError {
    PluginError::malformed(format!("read the recorded HTTP response: {what}"))
        .hint("record it again with `curl -siN`, or leave its head out")
}

/// Status and fields of a response.
struct Head<'a> {
    status: u32,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Head<'a> {
    /// Takes a head off; what follows it is the rest. Lines may end in LF alone, as editors leave them.
    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let ends: [&[u8]; 2] = [b"\r\n\r\n", b"\n\n"];
        let places = ends.iter().filter_map(|end| {
            let at = bytes.windows(end.len()).position(|window| window == *end)?;
            Some((at, at + end.len()))
        });
        let (end, rest) = places.min().ok_or_else(|| malformed("its head has no end"))?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed("its head is not text"))?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok());
        let status = status.ok_or_else(|| malformed("its first line has no status"))?;
        Ok((Self { status, fields: lines.filter_map(|line| line.split_once(':')).collect() }, &bytes[rest..]))
    }

    /// The first field of this name; empty when there is none.
    fn field(&self, name: &str) -> &'a str {
        let mut found = self.fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value.trim())
    }
}

/// How a host splits such an answer to a request for a stream, if it does.
fn framing(content_type: &str, body: &[u8], manifest: StreamFraming) -> Option<StreamFraming> {
    // Types under which frames of an API format's own come; without a manifest nothing else tells.
    const BYTES: [&str; 2] = ["application/vnd.amazon.eventstream", "application/octet-stream"];
    let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let is_whole = media == "application/json" || media.ends_with("+json") || media == "text/html";
    let is_events = || FIELDS.iter().any(|field| body.trim_ascii_start().starts_with(field));
    match (StreamFraming::of_content_type(content_type), manifest) {
        (Some(framing), _) => Some(framing),
        (None, StreamFraming::Events) if is_events() => Some(StreamFraming::Events),
        (None, StreamFraming::Events) => BYTES.contains(&media.as_str()).then_some(StreamFraming::Bytes),
        (None, other) => Some(other).filter(|_| !is_whole),
    }
}

/// The first line is the size of a chunk, whose data ends where it says: no text that a server sends begins so.
fn is_chunked(body: &[u8]) -> bool {
    let Some((size, data)) = size(body) else { return false };
    data.get(size..).is_none_or(|after| after.is_empty() || after.starts_with(b"\r"))
}

/// The size of the chunk that `rest` begins with, and what follows that line.
fn size(rest: &[u8]) -> Option<(usize, &[u8])> {
    let end = rest.windows(2).position(|window| window == b"\r\n")?;
    let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
    let is_size = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((usize::from_str_radix(size, 16).ok().filter(|_| is_size)?, &rest[end + 2..]))
}

/// Joins the chunks of a chunked body (RFC 9112, 7.1). A recording that was cut off ends where it ends.
fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while !rest.is_empty() {
        let (size, data) = size(rest)?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(data.get(..size).unwrap_or(data));
        rest = match data.get(size..).unwrap_or_default() {
            [] | [b'\r'] => &[],
            [b'\r', b'\n', rest @ ..] => rest,
            _ => return None,
        };
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const EVENTS: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n";

    /// A response with these fields and this body.
    fn response(fields: &str, body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}")
    }

    #[rstest]
    #[case::lines("Content-Type: application/x-ndjson", "{}\n", Recording::lines("{}\n"))]
    #[case::bytes(
        "Content-Type: application/vnd.amazon.eventstream",
        "\0\0\0\x10",
        Recording::raw(*b"\0\0\0\x10")
    )]
    #[case::stream(
        "content-type: text/event-stream; charset=utf-8",
        "data: a\n\n",
        Recording::stream("data: a\n\n")
    )]
    #[case::events_as_text("content-type: text/plain", "data: a\n\n", Recording::stream("data: a\n\n"))]
    #[case::text("content-type: text/plain", "a", Recording::body(200, "a"))]
    #[case::decoded(
        "content-encoding: gzip\r\ncontent-type: application/json",
        "{}",
        Recording::body(200, "{}")
    )]
    fn the_head_says_what_the_body_is(#[case] fields: &str, #[case] body: &str, #[case] expected: Recording) {
        assert_eq!(Recording::read(response(fields, body).as_bytes()), Ok(expected));
    }

    #[rstest]
    #[case::lines_as_text("text/plain", StreamFraming::Lines, Recording::lines("{}\n"))]
    #[case::frames_of_its_own("application/x-acme", StreamFraming::Bytes, Recording::raw("{}\n"))]
    #[case::whole("application/json", StreamFraming::Lines, Recording::body(200, "{}\n"))]
    #[case::no_type("", StreamFraming::Lines, Recording::lines("{}\n"))]
    fn the_manifest_says_it_where_the_type_does_not(
        #[case] content_type: &str,
        #[case] manifest: StreamFraming,
        #[case] expected: Recording,
    ) {
        let file = response(&format!("Content-Type: {content_type}"), "{}\n");
        assert_eq!(Recording::read_as(file.as_bytes(), manifest), Ok(expected));
    }

    #[rstest]
    #[case::chunked("6\r\ndata: \r\n3;x=y\r\na\n\n\r\n0\r\n\r\n")]
    #[case::chunks_taken_away_by_curl("data: a\n\n")]
    #[case::cut_off_between_chunks("9\r\ndata: a\n\n\r\n")]
    #[case::cut_off_in_a_chunk("ff\r\ndata: a\n\n")]
    fn a_chunked_answer_is_read_as_curl_writes_it_and_as_it_was_sent(#[case] body: &str) {
        let file = format!("{EVENTS}{body}");
        assert_eq!(Recording::read(file.as_bytes()), Ok(Recording::stream("data: a\n\n")));
    }

    #[test]
    fn the_last_of_several_responses_counts() {
        let before = "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        let file = format!("{before}HTTP/2 429 \r\ncontent-type: application/json\r\n\r\n{{}}");
        assert_eq!(Recording::read(file.as_bytes()), Ok(Recording::body(429, "{}")));
    }

    #[test]
    fn an_editor_may_have_changed_the_ends_of_lines() {
        let file =
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Type: text/event-stream\n\ndata: a\n\n";
        assert_eq!(Recording::read(file.as_bytes()), Ok(Recording::stream("data: a\n\n")));
    }

    #[rstest]
    #[case::no_end("HTTP/1.1 200 OK\r\n".into(), "its head has no end")]
    #[case::no_status("HTTP/1.1\r\n\r\n".into(), "its first line has no status")]
    #[case::broken_chunks(format!("{EVENTS}1\r\na\r\nxyz\r\n"), "its chunks are broken")]
    fn a_broken_response_is_refused(#[case] file: String, #[case] what: &str) {
        let error = Recording::read(file.as_bytes()).unwrap_err();
        assert_eq!(error.message, format!("read the recorded HTTP response: {what}"));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::the_last_chunk_alone("0\r\n\r\n")]
    fn a_head_without_a_body_is_an_empty_recording(#[case] body: &str) {
        let recording = Recording::read(format!("{EVENTS}{body}").as_bytes()).unwrap();
        assert!(recording.is_empty(), "{recording:?}");
    }

    #[test]
    fn an_encoded_body_is_named() {
        let mut file = response("Content-Encoding: gzip", "").into_bytes();
        file.extend(b"\x1f\x8b\x08");
        let error = Recording::read(&file).unwrap_err();
        assert!(error.message.ends_with("its body is encoded with `gzip`"), "{error}");
        assert!(error.hint.contains("--compressed"), "{error}");
    }
}
