//! The `openai-batch` format: the input of OpenAI's batch API, JSON Lines, one request a line.
//!
//! `url` says which API a body is for: `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings` or `/v1/responses`. A run
//! has one API format, so that a file with several of them is no dataset of a run; it can be looked at all the same. `model`
//! and `stream` are the run's. Source: the batch guide of OpenAI.
//!
//! ```json
//! {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": [{"role": "user", "content": "Oslo?"}]}}
//! ```

use serde_json::{Map, Value};

use super::{FileError, RowError, contents::Head, input::Input, openai, row::wrong_type};
use crate::dataset::{Message, Part, Script, Step, roles, script::session_id};

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&["custom_id", "url", "body"])
}

/// Reads a file's requests.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = input.first_number();
    input.objects(|mut row| {
        let url = row.must_text("url")?;
        let body = row.object("body")?.ok_or(RowError::Missing { key: "body" })?;
        let step = match url.trim_end_matches('/').rsplit("/v1/").next() {
            Some("chat/completions") => openai::request(body)?,
            Some("completions") => texts(body, "prompt")?,
            Some("embeddings") => texts(body, "input")?,
            Some("responses") => responses(body)?,
            _ => {
                let expected =
                    "one of `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, `/v1/responses`";
                return Err(RowError::Value { key: "url", value: url, expected });
            }
        };
        let id = row.text("custom_id")?.unwrap_or_else(|| session_id(number));
        number += 1;
        Ok(Script::single(id, Step { path: Some(url), ..step }))
    })
}

/// A body whose prompt is a text, or a list of texts.
fn texts(mut body: Map<String, Value>, key: &'static str) -> Result<Step, RowError> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(Part::text(text)),
        other => Err(wrong_type(format!("`{key}`"), "a text or a list of texts", &other)),
    };
    let parts: Vec<Part> = match body.remove(key).unwrap_or_default() {
        Value::Array(list) => list.into_iter().map(text).collect::<Result<_, _>>()?,
        one => vec![text(one)?],
    };
    if parts.is_empty() {
        return Err(RowError::NoContent);
    }
    Ok(Step { messages: vec![Message::user(parts)], ..openai::rest(body)? })
}

/// A body of the responses API, whose instructions are its system message.
fn responses(mut body: Map<String, Value>) -> Result<Step, RowError> {
    let mut messages = match body.remove("instructions") {
        Some(Value::String(text)) => {
            vec![Message { role: roles::SYSTEM.to_owned(), parts: vec![Part::text(text)] }]
        }
        _ => Vec::new(),
    };
    match body.remove("input").unwrap_or_default() {
        Value::String(text) => messages.push(Message::user(vec![Part::text(text)])),
        list => messages.extend(openai::messages(list)?),
    }
    Ok(Step { messages, ..openai::rest(body)? })
}
