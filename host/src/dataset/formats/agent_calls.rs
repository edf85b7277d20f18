//! Calls of a model as the logs of agents have them: shared by the formats of such logs.
//!
//! A call is sent when the last of its new messages was written, and over when the last piece of its response was. What passes
//! between a response and the next call, a tool's work or a user's thinking, is that call's delay.

use serde_json::{Map, Value, json};

use super::openai;
use crate::dataset::{Message, Part, Start, Step, roles, script::TOOL_FIELDS};

/// One call of a model.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// What it adds to the conversation.
    pub(super) messages: Vec<Message>,
    /// The response, piece by piece.
    pub(super) texts: Vec<String>,
    pub(super) tools: Vec<Value>,
    /// Nanoseconds since 1970.
    pub(super) sent_ns: Option<u64>,
    pub(super) end_ns: Option<u64>,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
}

impl Call {
    /// Some of the response is there.
    pub(super) fn is_answered(&self) -> bool {
        !self.texts.is_empty() || !self.tools.is_empty()
    }

    fn reply(&mut self) -> Option<Message> {
        let mut parts: Vec<Part> =
            self.texts.drain(..).filter(|text| !text.is_empty()).map(Part::text).collect();
        if !self.tools.is_empty() {
            let calls =
                Map::from_iter([("tool_calls".to_owned(), Value::Array(std::mem::take(&mut self.tools)))]);
            parts.push(openai::json_part(TOOL_FIELDS, &Value::Object(calls)));
        }
        (!parts.is_empty()).then(|| Message { role: roles::ASSISTANT.to_owned(), parts })
    }
}

/// Steps of a session, as its calls are added.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) steps: Vec<Step>,
}

impl Calls {
    /// Adds a call, which waits for these steps and goes on with the conversation of one of them, and gives its place. A call
    /// without a message of its own says again what the one before it said, and what was replied.
    pub(super) fn add(&mut self, mut call: Call, mut after: Vec<u32>, mut context: Option<u32>) -> u32 {
        if call.messages.is_empty()
            && let Some(before) = context.and_then(|context| self.steps.get(context as usize))
        {
            call.messages = before.messages.iter().chain(&before.reply).cloned().collect();
            context = before.context;
            after.extend(context.filter(|context| !after.contains(context)));
        }
        let end_ns = after.iter().filter_map(|step| self.end_ns(*step)).max();
        let gap_ns = call.sent_ns.zip(end_ns).map_or(0, |(sent, end)| sent.saturating_sub(end));
        let mut step = Step {
            start: Start::After(if after.is_empty() { 0 } else { gap_ns }),
            after,
            context,
            max_tokens: call.output_tokens.filter(|tokens| *tokens > 0),
            ..Step::default()
        };
        step.recorded.sent_ns = call.sent_ns;
        step.recorded.took_ns = call.sent_ns.zip(call.end_ns).map(|(sent, end)| end.saturating_sub(sent));
        step.recorded.input_tokens = call.input_tokens;
        step.recorded.output_tokens = call.output_tokens;
        step.recorded.tool_calls = Some(u32::try_from(call.tools.len()).unwrap_or(u32::MAX));
        step.reply = call.reply();
        step.messages = call.messages;
        self.steps.push(step);
        u32::try_from(self.steps.len() - 1).unwrap_or(u32::MAX)
    }

    /// When the response to a call had come.
    pub(super) fn end_ns(&self, step: u32) -> Option<u64> {
        let recorded = self.steps.get(step as usize)?.recorded;
        Some(recorded.sent_ns?.saturating_add(recorded.took_ns.unwrap_or(0)))
    }
}

/// A tool call in the form of OpenAI's API.
pub(super) fn tool_call(id: &str, name: &str, arguments: &Value) -> Value {
    let arguments = as_text(arguments);
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// What a tool answered, as a message.
pub(super) fn tool_result(id: &str, content: &Value) -> Message {
    let of_tool = json!({"tool_call_id": id});
    let parts = vec![Part::text(as_text(content)), openai::json_part(TOOL_FIELDS, &of_tool)];
    Message { role: roles::TOOL.to_owned(), parts }
}

/// A text, the texts of a list of parts, or else JSON.
pub(super) fn as_text(value: &Value) -> String {
    let texts = |parts: &Vec<Value>| {
        parts.iter().map(|part| Some(part.get("text")?.as_str()?.to_owned())).collect::<Option<Vec<_>>>()
    };
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(parts) if !parts.is_empty() => {
            texts(parts).map_or_else(|| value.to_string(), |texts| texts.join("\n"))
        }
        other => other.to_string(),
    }
}
