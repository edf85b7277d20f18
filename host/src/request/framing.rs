//! How a stream is split: by the contract crate, so that what the tests of vendors see is what happens in a run.
//!
//! What is decided here is which answers are streams, and of which framing.

use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};
pub(crate) use prony_plugin_api::{framing::StreamSplitter, sse::TooLarge};

use super::{failure_kind::FailureKind, limits::cut};

/// What a client that wants a stream of this framing accepts.
pub(super) fn accepted(framing: StreamFraming) -> &'static str {
    match framing {
        StreamFraming::Events => "text/event-stream",
        StreamFraming::Lines => "application/x-ndjson",
        StreamFraming::Bytes => "*/*",
    }
}

/// The byte order mark that may open a body.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How an event stream can begin: with a field, or with a comment. No field is called `error`, but llama.cpp sends it.
const EVENT_FIELDS: [&[u8]; 6] = [b"data:", b"event:", b"id:", b"retry:", b"error:", b":"];

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Stream(StreamFraming),
    Whole,
    /// As a stream of events if its first bytes are the beginning of one, else as a whole.
    FirstBytes,
}

/// How an answer is read: as what its content type stands for, or else as the stream that was asked for.
///
/// A server that was asked for events may call them what it likes: its first bytes show what they are. An API format whose
/// streams are no events may do so, too, other than what a whole answer, or a page, is called.
pub(super) fn of_answer(content_type: &str, asked: Option<StreamFraming>) -> Reading {
    if let Some(framing) = StreamFraming::of_content_type(content_type) {
        return Reading::Stream(framing);
    }
    let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let is_whole = media == "application/json" || media.ends_with("+json") || media == "text/html";
    match asked {
        None => Reading::Whole,
        Some(StreamFraming::Events) => Reading::FirstBytes,
        Some(_) if is_whole => Reading::Whole,
        Some(framing) => Reading::Stream(framing),
    }
}

/// Whether a body that begins like this is an event stream; `None` when more has to come. A byte order mark and blank
/// lines may precede its first field.
pub(super) fn begins_with_event(opening: &[u8]) -> Option<bool> {
    if opening.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(opening) {
        return None;
    }
    let line = without_byte_order_mark(opening);
    let line = &line[line.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?..];
    if EVENT_FIELDS.iter().any(|field| line.starts_with(field)) {
        return Some(true);
    }
    let may_become_one = EVENT_FIELDS.iter().any(|field| field.starts_with(line));
    (!may_become_one).then_some(false)
}

/// The text of a body.
pub(super) fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

/// Adds to the error of an answer that cannot be read what it is called, where a stream was asked for.
pub(super) fn add_type(error: ErrorDetails, content_type: &str) -> ErrorDetails {
    if FailureKind::of(&error) != FailureKind::Malformed {
        return error;
    }
    let message = format!("{}; asked for a stream and got {}", error.message, type_of(content_type));
    ErrorDetails { message, ..error }
}

/// What an answer is called, as part of a sentence.
pub(super) fn type_of(content_type: &str) -> String {
    match cut(content_type) {
        "" => "a body without a content type".to_owned(),
        name => format!("`{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const EVENTS: StreamFraming = StreamFraming::Events;
    const LINES: StreamFraming = StreamFraming::Lines;
    const BYTES: StreamFraming = StreamFraming::Bytes;

    #[rstest]
    #[case::events("text/event-stream; charset=utf-8", None, Reading::Stream(EVENTS))]
    #[case::lines("application/x-ndjson", None, Reading::Stream(LINES))]
    #[case::events_of_a_api_format_of_lines("text/event-stream", Some(LINES), Reading::Stream(EVENTS))]
    #[case::lines_of_a_api_format_of_events("application/jsonl", Some(EVENTS), Reading::Stream(LINES))]
    #[case::lines_of_a_api_format_of_bytes("application/x-ndjson", Some(BYTES), Reading::Stream(LINES))]
    #[case::no_type("", Some(LINES), Reading::Stream(LINES))]
    #[case::no_type_of_events("", Some(EVENTS), Reading::FirstBytes)]
    #[case::no_type_and_not_asked("", None, Reading::Whole)]
    #[case::a_type_of_its_own("application/vnd.amazon.eventstream", Some(BYTES), Reading::Stream(BYTES))]
    #[case::lines_as_text("text/plain", Some(LINES), Reading::Stream(LINES))]
    #[case::text_may_be_events("text/plain", Some(EVENTS), Reading::FirstBytes)]
    #[case::json_may_be_events("application/json", Some(EVENTS), Reading::FirstBytes)]
    #[case::text_that_was_not_asked_for("text/plain", None, Reading::Whole)]
    #[case::whole("application/json; charset=utf-8", Some(LINES), Reading::Whole)]
    #[case::a_problem("application/problem+json", Some(BYTES), Reading::Whole)]
    #[case::a_page("text/HTML", Some(BYTES), Reading::Whole)]
    fn the_answer_is_asked_before_the_api_format(
        #[case] content_type: &str,
        #[case] asked: Option<StreamFraming>,
        #[case] expected: Reading,
    ) {
        assert_eq!(of_answer(content_type, asked), expected);
    }

    #[rstest]
    #[case::data("data: {}", Some(true))]
    #[case::name("event:x", Some(true))]
    #[case::id("id: 1", Some(true))]
    #[case::retry("retry: 5", Some(true))]
    #[case::comment(": ping", Some(true))]
    #[case::error("error: {}", Some(true))]
    #[case::behind_what_is_skipped("\u{feff}\r\n\n\rdata:", Some(true))]
    #[case::half_a_field("\n\ndat", None)]
    #[case::blank("\r\n", None)]
    #[case::nothing("", None)]
    #[case::json("{\"data\": 1}", Some(false))]
    #[case::text("dates: 3", Some(false))]
    #[case::indented(" data: x", Some(false))]
    #[case::html("<html>", Some(false))]
    fn an_event_stream_is_known_by_its_first_field(#[case] opening: &str, #[case] expected: Option<bool>) {
        assert_eq!(begins_with_event(opening.as_bytes()), expected);
        // A verdict does not change when more comes.
        for end in 0..opening.len() {
            let early = begins_with_event(&opening.as_bytes()[..end]);
            assert!(early.is_none() || early == expected, "{end}: {early:?}");
        }
    }
}
