//! Messages in the form of OpenAI's chat API, which most recordings have: shared by the formats that hold them.
//!
//! A content is a text, null, or a list of parts: `text`, `image_url`, `input_audio`, `video_url`; a part of another kind stays
//! the JSON that it is. Tool calls, and the id of the call that a tool's message answers, become a part of JSON with the name
//! [`TOOL_FIELDS`]. Other fields of a message (`name`, `weight`, `reasoning_content`) are not repeated in a request.

use std::sync::Arc;

use prony_plugin_api::PartKind;
use serde_json::{Map, Value};

use super::{RowError, row::wrong_type};
use crate::dataset::{Message, Part, Step, roles, script::TOOL_FIELDS};

/// Fields of a message that belong to tools.
const OF_TOOLS: [&str; 3] = ["tool_calls", "tool_call_id", "function_call"];

/// Members of a body that limit the answer.
const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

/// Members of a body that the run decides.
const OF_THE_RUN: [&str; 3] = ["model", "stream", "stream_options"];

pub(super) fn messages(list: Value) -> Result<Vec<Message>, RowError> {
    let list = match list {
        Value::Array(list) => list,
        other => return Err(wrong_type("`messages`".into(), "a list", &other)),
    };
    let in_place = |(place, value)| {
        message(value)
            .map_err(|error| RowError::Within { place: format!("messages[{place}]"), error: Box::new(error) })
    };
    list.into_iter().enumerate().map(in_place).collect()
}

pub(super) fn message(value: Value) -> Result<Message, RowError> {
    let mut fields = match value {
        Value::Object(fields) => fields,
        other => return Err(wrong_type("it".into(), "an object", &other)),
    };
    let role = match fields.remove("role") {
        Some(Value::String(role)) if !role.is_empty() => role,
        Some(other) => return Err(wrong_type("`role`".into(), "a string with content", &other)),
        None => return Err(RowError::Missing { key: "role" }),
    };
    let said = fields.remove("content");
    let is_missing = said.is_none();
    let mut parts = content(said.unwrap_or_default())?;
    let tools = OF_TOOLS.iter().filter_map(|key| fields.remove_entry(*key));
    let tools: Map<String, Value> = tools.filter(|(_, value)| !value.is_null()).collect();
    if !tools.is_empty() {
        parts.push(json_part(TOOL_FIELDS, &Value::Object(tools)));
    }
    if parts.is_empty() {
        // A model may have said nothing. Who asks says something, and without its field the row is another one.
        if is_missing && role != roles::ASSISTANT {
            return Err(RowError::Missing { key: "content" });
        }
        parts.push(Part::text(String::new()));
    }
    Ok(Message { role, parts })
}

/// How many tools a message calls.
pub(super) fn tool_calls(message: &Value) -> u32 {
    let calls = message.get("tool_calls").and_then(Value::as_array).map_or(0, Vec::len);
    u32::try_from(calls).unwrap_or(u32::MAX)
}

fn content(value: Value) -> Result<Vec<Part>, RowError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(parts) => parts.into_iter().map(part).collect(),
        other => Err(wrong_type("`content`".into(), "a string or a list", &other)),
    }
}

fn part(value: Value) -> Result<Part, RowError> {
    if let Value::String(text) = value {
        return Ok(Part::text(text));
    }
    let text = |keys: &[&str]| keys.iter().try_fold(&value, |at, key| at.get(*key)).and_then(Value::as_str);
    let medium = |kind, data: Arc<str>| Part { kind, name: String::new(), data };
    let found = match text(&["type"]) {
        Some("text" | "input_text" | "output_text") => {
            text(&["text"]).map(|text| Part::text(text.to_owned()))
        }
        Some("image_url") => text(&["image_url", "url"]).map(|url| medium(PartKind::IMAGE, url.into())),
        Some("input_image") => text(&["image_url"]).map(|url| medium(PartKind::IMAGE, url.into())),
        Some("video_url") => text(&["video_url", "url"]).map(|url| medium(PartKind::VIDEO, url.into())),
        Some("input_audio") => text(&["input_audio", "data"]).map(|data| {
            let format = text(&["input_audio", "format"]).unwrap_or("wav");
            medium(PartKind::AUDIO, format!("data:audio/{format};base64,{data}").into())
        }),
        Some(_) => Some(json_part("", &value)),
        None => None,
    };
    found.ok_or_else(|| {
        wrong_type("a part of `content`".into(), "one that has a `type` and what belongs to it", &value)
    })
}

/// A part whose data is the text of this JSON.
pub(super) fn json_part(name: &str, value: &Value) -> Part {
    Part { kind: PartKind::RAW, name: name.to_owned(), data: value.to_string().into() }
}

/// The request of a body of the chat API, or of the members of one. What the run decides (`model`, `stream`) is left out; what
/// is not read goes into the request as it is. A message of the assistant's at the end is the reply that is expected.
pub(super) fn request(mut body: Map<String, Value>) -> Result<Step, RowError> {
    let list = body.remove("messages").unwrap_or_default();
    let calls = list.as_array().and_then(|list| list.last()).map_or(0, tool_calls);
    let mut said = messages(list)?;
    let reply = said.pop_if(|last| last.role == roles::ASSISTANT);
    if said.is_empty() {
        return Err(RowError::NoContent);
    }
    let mut step = rest(body)?;
    step.recorded.tool_calls = reply.as_ref().map(|_| calls);
    Ok(Step { messages: said, reply, ..step })
}

/// What a body says beside its prompt.
pub(super) fn rest(mut body: Map<String, Value>) -> Result<Step, RowError> {
    for key in OF_THE_RUN {
        body.remove(key);
    }
    let mut max_tokens = None;
    for key in LIMITS {
        if let Some(value) = body.remove(key).filter(|value| !value.is_null()) {
            let limit = value.as_u64().filter(|limit| *limit > 0);
            let expected = "a whole number of at least 1";
            let limit = limit.ok_or_else(|| RowError::Value { key, value: value.to_string(), expected })?;
            max_tokens = max_tokens.or(Some(limit));
        }
    }
    let extra_json = if body.is_empty() { String::new() } else { Value::Object(body).to_string() };
    Ok(Step { max_tokens, extra_json, ..Step::default() })
}

/// A conversation, turn by turn: a message of the assistant's is the reply that was recorded to the messages before it. What
/// the assistant says first is what the first request repeats. Messages behind the last reply are a request without one.
pub(super) fn dialogue(said: impl IntoIterator<Item = Message>) -> Vec<Step> {
    let (mut steps, mut open) = (Vec::<Step>::new(), Vec::new());
    for message in said {
        let asks = open.iter().any(|message: &Message| {
            !matches!(&*message.role, roles::ASSISTANT | roles::SYSTEM | roles::DEVELOPER)
        });
        match message.role.as_str() {
            roles::ASSISTANT if asks => {
                let messages = std::mem::take(&mut open);
                steps.push(Step { messages, reply: Some(message), ..Step::default() });
            }
            _ => open.push(message),
        }
    }
    if open.iter().any(|message| message.role != roles::ASSISTANT && message.role != roles::SYSTEM) {
        steps.push(Step { messages: open, ..Step::default() });
    }
    steps
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_may_say_nothing_and_who_asks_may_not() {
        for said in [json!({"role": "assistant"}), json!({"role": "user", "content": []})] {
            assert_eq!(message(said).unwrap().parts, [Part::text(String::new())]);
        }
        let mistyped = message(json!({"role": "user", "contents": "Oslo?"})).unwrap_err();
        assert_eq!(mistyped.to_string(), RowError::Missing { key: "content" }.to_string());
    }
}
