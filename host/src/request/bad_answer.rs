//! The errors of answers that are broken, empty, or something else than was asked for.

use prony_plugin_api::ErrorDetails;

use super::{
    answer::Answer,
    failure_kind::FailureKind,
    framing, hints,
    transport::{Failure, TransportError},
};

/// Longest piece of an answer that an error message repeats.
const EXCERPT_BYTES: usize = 400;

/// The error of a body whose rest does not come.
pub(crate) fn stream_cut(error: TransportError) -> ErrorDetails {
    if error.failure == Failure::Encoding {
        return ErrorDetails { hint: error.hint.into(), ..malformed(&error.causes.concat()) };
    }
    ErrorDetails {
        kind: FailureKind::StreamCut.into(),
        message: "the connection died in the middle of the response".into(),
        hint: hints::STREAM_CUT.into(),
        cause_chain: error.causes,
        ..ErrorDetails::default()
    }
}

/// The error of an answer that ended before its end.
pub(super) fn cut(answer: &Answer) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::StreamCut.into(),
        message: format!("the response ended before its end marker or a finish reason{}", quoted(answer)),
        hint: hints::STREAM_CUT.into(),
        ..ErrorDetails::default()
    }
}

/// The error of a whole answer without an answer in it.
pub(super) fn empty(answer: &Answer) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::EmptyAnswer.into(),
        message: format!("the response has no token and no finish reason{}", quoted(answer)),
        hint: hints::EMPTY_ANSWER.into(),
        ..ErrorDetails::default()
    }
}

/// What came instead of an answer, to be appended to a message.
fn quoted(answer: &Answer) -> String {
    let lines = answer.strays.text();
    if lines.is_empty() || !answer.is_empty() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&lines[..lines.len().min(EXCERPT_BYTES)]);
    format!("; the stream has lines that are in no event: `{}`", text.trim())
}

/// The error of an answer in one piece to a request for a stream.
pub(super) fn no_stream(media: &str) -> ErrorDetails {
    ErrorDetails {
        hint: "leave out `--streaming` if this server cannot stream".into(),
        ..malformed(&format!("asked for a stream and got {}", framing::type_of(media)))
    }
}

/// The error of an answer that is none.
pub(super) fn malformed(message: &str) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::Malformed.into(),
        message: message.into(),
        hint: "check the URL and the endpoint type: something else than a model may be answering".into(),
        ..ErrorDetails::default()
    }
}

/// What a server says with an error status: its body, else the name of the status.
pub(crate) fn describe_status(status: http::StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
    match text.trim() {
        "" => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        text => text.to_owned(),
    }
}
