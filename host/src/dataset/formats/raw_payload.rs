//! The `raw_payload` format: JSON Lines, one whole body a line, which is sent byte for byte.
//!
//! What is in a body is looked at where most APIs have it, to count tokens: the texts of a prompt, and the limit of the
//! answer.
//!
//! ```json
//! {"model": "m", "messages": [{"role": "user", "content": "Name three rivers."}], "stream": true}
//! ```

use std::path::Path;

use prony_plugin_api::PartKind;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{FileError, contents::Head, input::Input, lines, row::Row};
use crate::dataset::{Message, PAYLOAD, Part, Script, Step, script::session_id};

/// Members that hold the prompt: a text, a list of texts or of parts with a `text`, or messages with such a `content`.
const PROMPTS: [&str; 6] = ["system", "instructions", "messages", "prompt", "input", "inputs"];

/// Members that limit the answer.
const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

/// Reads a file's payloads, at most so many, in the file's order. Their prompts are not counted yet.
pub(in crate::dataset) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = input.first_number();
    lines::read(input, |line| {
        let body = Row::parse(line)?.into_fields();
        let script = Script::single(session_id(number), step(line, &body));
        number += 1;
        Ok(script)
    })
}

/// The session of a file of a folder: its bodies one after the other. What a body repeats of the one before it stands in it.
pub(super) fn session(file: &Path, bodies: Vec<Script>) -> Option<Script> {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let id = name.split('.').next().unwrap_or_default().to_owned();
    let steps = bodies.into_iter().flat_map(|script| script.steps).zip(0_u32..);
    let after = |place: u32| place.checked_sub(1).into_iter().collect();
    let steps: Vec<Step> = steps.map(|(step, place)| Step { after: after(place), ..step }).collect();
    (!steps.is_empty()).then_some(Script { id, starts_ns: None, steps, category: None })
}

/// Whether a file begins like one. Messages beside a model may be meant as a body, or as what to make one of.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&["model", "messages"])
}

/// The request of a body, by its bytes and its members.
pub(super) fn step(text: &str, body: &Map<String, Value>) -> Step {
    let payload = Part { kind: PartKind::RAW, name: PAYLOAD.to_owned(), data: text.trim().into() };
    let max_tokens = LIMITS.iter().find_map(|name| body.get(*name)?.as_u64());
    Step { max_tokens, ..Step::first(Message::user(vec![payload])) }
}

/// The texts of a payload's prompt, in order.
pub(crate) fn prompt_texts(payload: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(payload).unwrap_or_default();
    let texts = PROMPTS.iter().filter_map(|name| body.get(*name)).flat_map(texts);
    texts.map(str::to_owned).collect()
}

/// Tokens of a payload's prompt, by what counts them; nothing where none of it is found.
pub(in crate::dataset) fn prompt_tokens(payload: &str, count: impl Fn(&str) -> u64) -> Option<u64> {
    let body: Value = serde_json::from_str(payload).ok()?;
    let texts: Vec<&str> = PROMPTS.iter().filter_map(|name| body.get(*name)).flat_map(texts).collect();
    (!texts.is_empty()).then(|| texts.into_iter().map(count).sum())
}

/// Whether a payload asks for a stream, if it says so.
pub(in crate::dataset) fn stream(payload: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Body {
        stream: Option<Value>,
    }
    let body: Body = serde_json::from_str(payload).ok()?;
    body.stream?.as_bool()
}

/// The texts of a prompt, in order.
fn texts(prompt: &Value) -> Vec<&str> {
    match prompt {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => {
            ["content", "text"].iter().filter_map(|name| fields.get(*name)).flat_map(texts).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fs};

    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    fn payloads(text: &str) -> Result<Vec<String>, String> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("p.jsonl");
        fs::write(&path, text).unwrap();
        let payload = |script: Script| script.steps[0].messages[0].parts[0].data.to_string();
        match read(&Input::new(&path, None)) {
            Ok(scripts) => Ok(scripts.into_iter().map(payload).collect()),
            Err(error) => Err(error.source().map(ToString::to_string).unwrap_or_default()),
        }
    }

    #[test]
    fn a_payload_keeps_its_bytes() {
        let lines = payloads("{\"b\" : 1.50,\"a\":\"\\u00e9\"}\n\n {\"a\":[]}\r\n").unwrap();
        assert_eq!(lines, ["{\"b\" : 1.50,\"a\":\"\\u00e9\"}", "{\"a\":[]}"]);
    }

    #[rstest]
    #[case::chat(
        r#"{"messages":[{"role":"system","content":"a b"},{"role":"user","content":[{"type":"text","text":"c"},
            {"type":"image_url","image_url":{"url":"data:,"}}]}],"max_tokens":7}"#,
        Some(3),
        Some(7)
    )]
    #[case::prompts(r#"{"prompt":["a b","c d"],"max_completion_tokens":9,"max_tokens":1}"#, Some(4), Some(9))]
    #[case::responses(r#"{"instructions":"a","input":[{"role":"user","content":"b c"}]}"#, Some(3), None)]
    #[case::ids(r#"{"prompt":[1,2,3]}"#, None, None)]
    #[case::of_its_own(r#"{"ask":"a b"}"#, None, None)]
    fn what_is_asked_is_counted_where_most_have_it(
        #[case] line: &str,
        #[case] input: Option<u64>,
        #[case] limit: Option<u64>,
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, line.replace('\n', " ")).unwrap();
        let step = read(&Input::new(file.path(), None)).unwrap().remove(0).steps.remove(0);
        let words = |text: &str| text.split(' ').count() as u64;
        assert_eq!((prompt_tokens(&step.messages[0].parts[0].data, words), step.max_tokens), (input, limit));
    }

    #[test]
    fn a_line_that_is_no_body_is_refused() {
        assert_eq!(payloads("[1]").unwrap_err(), "the row is a list, not an object");
        assert!(payloads("{\"a\":").unwrap_err().starts_with("it breaks off at column 5"));
    }
}
