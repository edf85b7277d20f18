//! The `sagemaker-data-capture` format: what SageMaker's data capture writes, JSON Lines, one call a line.
//!
//! `captureData.endpointInput.data` is a chat body, as JSON or in base64; `eventMetadata.inferenceTime` says when. The recorded
//! answer is read where it is a chat completion, not a stream. Rows are put in the order of time. `model` and `stream` are the run's. Source: Amazon SageMaker's guide to data capture.
//!
//! ```json
//! {"captureData": {"endpointInput": {"data": "{\"messages\": []}", "encoding": "JSON"}}, "eventMetadata": {"eventId": "a", "inferenceTime": "2026-09-01T08:00:00Z"}}
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    FileError, RowError,
    contents::Head,
    input::Input,
    instant::unix_ns,
    openai,
    row::{Row, wrong_type},
};
use crate::dataset::{Script, Step, script::session_id};

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&["captureData"])
}

/// Reads a file's calls, in the order of time.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = input.first_number();
    let mut scripts = input.whole().objects(|mut row| {
        let mut capture = Row::from_fields(row.object("captureData")?.unwrap_or_default());
        let mut about = Row::from_fields(row.object("eventMetadata")?.unwrap_or_default());
        let asked = capture.object("endpointInput")?.ok_or(RowError::Missing { key: "endpointInput" })?;
        let mut step = openai::request(body(asked)?)?;
        if let Some(answer) = capture.object("endpointOutput")?.and_then(|answer| body(answer).ok()) {
            add_answer(&mut step, &answer)?;
        }
        let stamp = about.must_text("inferenceTime")?;
        let sent_ns = unix_ns(&stamp).ok_or_else(|| RowError::Value {
            key: "inferenceTime",
            value: stamp.clone(),
            expected: "a date and a time of day",
        })?;
        step.recorded.sent_ns = Some(sent_ns);
        let id = about.text("eventId")?.unwrap_or_else(|| session_id(number));
        number += 1;
        Ok(Script { starts_ns: Some(sent_ns), ..Script::single(id, step) })
    })?;
    scripts.sort_by_key(|script| script.starts_ns);
    scripts.truncate(input.most.unwrap_or(usize::MAX));
    Ok(scripts)
}

/// The JSON object of one side of a call.
fn body(mut side: Map<String, Value>) -> Result<Map<String, Value>, RowError> {
    let wrong = || RowError::Contradiction { what: "`data` is not the JSON object of a request".to_owned() };
    let encoding = side.remove("encoding");
    let text = match side.remove("data") {
        Some(Value::String(text)) => text,
        other => return Err(wrong_type("`data`".into(), "a string", &other.unwrap_or_default())),
    };
    let bytes = match encoding.as_ref().and_then(Value::as_str) {
        Some("BASE64") => STANDARD.decode(&text).map_err(|_| wrong())?,
        _ => text.into_bytes(),
    };
    serde_json::from_slice(&bytes).map_err(|_| wrong())
}

fn add_answer(step: &mut Step, answer: &Map<String, Value>) -> Result<(), RowError> {
    let usage = |name: &str| answer.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_u64);
    step.recorded.input_tokens = usage("prompt_tokens");
    step.recorded.output_tokens = usage("completion_tokens");
    let message =
        answer.get("choices").and_then(|choices| choices.get(0)).and_then(|choice| choice.get("message"));
    if let Some(message) = message {
        step.recorded.tool_calls = Some(openai::tool_calls(message));
        step.reply = Some(openai::message(message.clone())?);
    }
    Ok(())
}
