//! Tools in what a file says: fields of a message in OpenAI's form become parts, which every API format writes in its own.
//!
//! Reading and converting a file keep those fields as they are; only what is to be sent is taken apart.

use std::borrow::Cow;

use prony_plugin_api::PartKind;
use serde::Deserialize;
use serde_json::Value;

use super::{Message, Part, Script, script::TOOL_FIELDS};
use crate::explain::Explain;

/// Fields of tools that are not in the form that they should have.
#[derive(Debug, thiserror::Error)]
#[error("read the tool calls of entry {entry} (`{id}`)")]
pub(crate) struct ToolsError {
    /// Position of the script, from 1.
    entry: usize,
    /// Its name.
    id: String,
    source: serde_json::Error,
}

impl Explain for ToolsError {
    fn hint(&self) -> String {
        "write them as OpenAI's chat API does: `tool_calls` is a list of objects with `id` and `function`, which has `name` and \
         `arguments`; `tool_call_id` is a string"
            .to_owned()
    }
}

/// The fields of a message that belong to tools.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    tool_calls: Vec<Call>,
    /// The form before `tool_calls`: one call, without an id.
    function_call: Option<Function>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Call {
    #[serde(default)]
    id: String,
    function: Function,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    arguments: Value,
}

/// Takes the fields of all messages of a session apart, which has this number in its dataset, from 0.
///
/// # Errors
/// Some are not in OpenAI's form.
pub(super) fn take_apart(script: &mut Script, number: usize) -> Result<(), ToolsError> {
    for step in &mut script.steps {
        for message in step.messages.iter_mut().chain(&mut step.reply) {
            let read = of_message(message);
            read.map_err(|source| ToolsError { entry: number + 1, id: script.id.clone(), source })?;
        }
    }
    Ok(())
}

fn of_message(message: &mut Message) -> Result<(), serde_json::Error> {
    let is_fields = |part: &Part| part.kind == PartKind::RAW && part.name == TOOL_FIELDS;
    let Some(place) = message.parts.iter().position(is_fields) else { return Ok(()) };
    let fields: Fields = serde_json::from_str(&message.parts.remove(place).data)?;
    if let Some(id) = fields.tool_call_id {
        let texts: Vec<&str> =
            message.parts.iter().filter(|part| part.kind == PartKind::TEXT).map(|part| &*part.data).collect();
        let result = Part::tool_result(&id, texts.join("\n").into());
        message.parts.retain(|part| part.kind != PartKind::TEXT);
        message.parts.insert(0, result);
    }
    let alone = fields.function_call.map(|function| Call { id: String::new(), function });
    message.parts.extend(fields.tool_calls.into_iter().chain(alone).map(Part::from));
    Ok(())
}

impl From<Call> for Part {
    fn from(call: Call) -> Self {
        let arguments = match call.function.arguments {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        Self::tool_call(&call.id, &call.function.name, &arguments)
    }
}

/// All that of a message is counted in tokens, in its order.
pub(crate) fn message_text(message: &Message) -> String {
    let mut message = message.clone();
    // What cannot be taken apart stays a part of JSON, which says nothing that is counted.
    let _ = of_message(&mut message);
    message.parts.iter().filter_map(counted_text).collect()
}

/// What of a part is counted in tokens: texts, results, and names and arguments of calls.
pub(super) fn counted_text(part: &Part) -> Option<Cow<'_, str>> {
    match part.kind {
        PartKind::TEXT | PartKind::TOOL_RESULT => Some(Cow::Borrowed(&part.data)),
        PartKind::TOOL_CALL => {
            let call: Value = serde_json::from_str(&part.data).ok()?;
            Some(Cow::Owned(part.name.clone() + call["arguments"].as_str()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Step;

    fn taken_apart(text: &str, fields: &str) -> Result<Vec<Part>, ToolsError> {
        let fields = Part { kind: PartKind::RAW, name: TOOL_FIELDS.to_owned(), data: fields.into() };
        let message = Message { role: "x".to_owned(), parts: vec![Part::text(text.to_owned()), fields] };
        let mut script = Script::single("s".to_owned(), Step::first(message));
        take_apart(&mut script, 0)?;
        Ok(script
            .steps
            .into_iter()
            .flat_map(|step| step.messages)
            .flat_map(|message| message.parts)
            .collect())
    }

    #[test]
    fn calls_stand_behind_the_text() {
        let fields = r#"{"tool_calls": [{"id": "c-1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}},
            {"id": "c-2", "function": {"name": "g", "arguments": {"b": 2}}}]}"#;
        let parts = taken_apart("Wait.", fields).unwrap();
        let expected =
            [Part::tool_call("c-1", "f", r#"{"a": 1}"#), Part::tool_call("c-2", "g", r#"{"b":2}"#)];
        assert_eq!(parts[1..], expected);
        assert_eq!(counted_text(&parts[1]).as_deref(), Some(r#"f{"a": 1}"#));
    }

    #[test]
    fn a_call_of_the_older_form_has_no_id() {
        let parts = taken_apart("", r#"{"function_call": {"name": "f", "arguments": "{}"}}"#).unwrap();
        assert_eq!(parts[1], Part::tool_call("", "f", "{}"));
    }

    #[test]
    fn a_result_is_the_text_of_its_message() {
        let parts = taken_apart("sunny", r#"{"tool_call_id": "c-1"}"#).unwrap();
        assert_eq!(parts, [Part::tool_result("c-1", "sunny".into())]);
    }

    #[test]
    fn fields_of_another_form_are_told_with_their_place() {
        let error = taken_apart("", r#"{"tool_calls": [{"id": "c-1"}]}"#).unwrap_err();
        assert_eq!(error.to_string(), "read the tool calls of entry 1 (`s`)");
        assert!(error.source.to_string().contains("function") && error.hint().contains("`tool_calls`"));
    }
}
