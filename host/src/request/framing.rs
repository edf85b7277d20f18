//! How a stream is split: by the contract crate, so that what the tests of vendors see is what happens in a run.
//!
//! What is decided here is which answers are streams, and of which framing.

use prony_plugin_api::metadata::StreamFraming;
pub(crate) use prony_plugin_api::{framing::StreamSplitter, sse::TooLarge};

/// What a client that wants a stream of this framing accepts.
pub(super) fn accepted(framing: StreamFraming) -> &'static str {
    match framing {
        StreamFraming::Events => "text/event-stream",
        StreamFraming::Lines => "application/x-ndjson",
        StreamFraming::Bytes => "*/*",
    }
}

/// The framing of an answer, if it is a stream: what its content type stands for, or else the dialect's own framing.
///
/// A server that names no type is taken at its word when it was asked for a stream. A dialect whose streams are no events
/// may call them what it likes, other than what a whole answer, or a page, is called.
pub(super) fn of_answer(content_type: &str, asked: Option<StreamFraming>) -> Option<StreamFraming> {
    StreamFraming::of_content_type(content_type).or_else(|| {
        let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let is_whole = media == "application/json" || media.ends_with("+json") || media == "text/html";
        asked.filter(|framing| media.is_empty() || (*framing != StreamFraming::Events && !is_whole))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const EVENTS: Option<StreamFraming> = Some(StreamFraming::Events);
    const LINES: Option<StreamFraming> = Some(StreamFraming::Lines);
    const BYTES: Option<StreamFraming> = Some(StreamFraming::Bytes);

    #[rstest]
    #[case::events("text/event-stream; charset=utf-8", None, EVENTS)]
    #[case::lines("application/x-ndjson", None, LINES)]
    #[case::events_of_a_dialect_of_lines("text/event-stream", LINES, EVENTS)]
    #[case::lines_of_a_dialect_of_events("application/jsonl", EVENTS, LINES)]
    #[case::lines_of_a_dialect_of_bytes("application/x-ndjson", BYTES, LINES)]
    #[case::no_type("", LINES, LINES)]
    #[case::no_type_and_not_asked("", None, None)]
    #[case::a_type_of_its_own("application/vnd.amazon.eventstream", BYTES, BYTES)]
    #[case::lines_as_text("text/plain", LINES, LINES)]
    #[case::text_is_no_event("text/plain", EVENTS, None)]
    #[case::whole("application/json; charset=utf-8", LINES, None)]
    #[case::a_problem("application/problem+json", BYTES, None)]
    #[case::a_page("text/HTML", BYTES, None)]
    fn the_answer_is_asked_before_the_dialect(
        #[case] content_type: &str,
        #[case] asked: Option<StreamFraming>,
        #[case] expected: Option<StreamFraming>,
    ) {
        assert_eq!(of_answer(content_type, asked), expected);
    }
}
