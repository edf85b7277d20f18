//! Responses of API formats that have an endpoint of their own, and whose events cannot be judged without knowing it: they
//! repeat their text, and keep usage and finish reason in places of their own.

use serde_json::Value;

/// Events of the Messages API.
const MESSAGES: [&str; 6] = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
];

/// Beginnings of the types of events, and the endpoint that reads them.
const TYPES: [(&str, &str); 4] = [
    ("response.", "responses"),
    ("transcript.text.", "audio_transcription"),
    ("image_generation.", "image_generation"),
    ("image_edit.", "image_edit"),
];

/// The endpoint that reads an event of a stream, if it is of such a format.
pub(crate) fn reader_of_event(event: &Value) -> Option<&'static str> {
    let of_type = kind(event)?;
    if MESSAGES.contains(&of_type) {
        return Some("messages");
    }
    TYPES.iter().find(|(beginning, _)| of_type.starts_with(beginning)).map(|(_, endpoint)| *endpoint)
}

/// The endpoint that reads a whole response, if it is of such a format.
pub(crate) fn reader_of_body(body: &Value) -> Option<&'static str> {
    let is_list = |name: &str| body.get(name).is_some_and(Value::is_array);
    if body.get("object").and_then(Value::as_str) == Some("response") && is_list("output") {
        return Some("responses");
    }
    let is_message = kind(body) == Some("message") && body.get("role").is_some() && is_list("content");
    is_message.then_some("messages")
}

/// What an event calls itself, where events have types.
pub(crate) fn kind(event: &Value) -> Option<&str> {
    event.get("type").and_then(Value::as_str)
}
