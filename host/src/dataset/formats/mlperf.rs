//! The `mlperf` format: the flat JSON Lines of MLPerf's endpoints, one message a line.
//!
//! Rows of a conversation share a `conversation_id` and stand in the order of `turn`. A row of the role `user` or `tool` is a
//! request, one of the role `assistant` the reply that was recorded to it. `system` and `tools` of the first row are for the
//! whole conversation; `tool_results` are several tool messages at once; `delay_seconds` passes before the row, after the
//! response before it. Parameters of generation on a row are of its request. Source: mlcommons/endpoints.
//!
//! ```json
//! {"conversation_id": "c", "turn": 1, "role": "user", "content": "Oslo?", "system": "Be brief.", "max_new_tokens": 64}
//! {"conversation_id": "c", "turn": 2, "role": "assistant", "content": "In Norway."}
//! {"conversation_id": "c", "turn": 3, "role": "user", "content": "Rain?", "delay_seconds": 1.5}
//! ```

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    FileError, RowError,
    contents::Head,
    input::Input,
    openai,
    row::{NS_PER_S, Row},
};
use crate::dataset::{Message, Part, Script, Start, Step, roles};

/// What belongs to the message, or only says something about it.
const OF_THE_MESSAGE: [&str; 8] =
    ["content", "tool_calls", "tool_call_id", "name", "reasoning_content", "tool_results", "system", "turn"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&["conversation_id", "turn", "role"])
}

/// Reads a file's conversations, in the order of their first rows.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut conversations: Vec<Conversation> = Vec::new();
    let mut places = HashMap::new();
    input.whole().objects(|mut row| {
        let id = row.name("conversation_id")?.ok_or(RowError::Missing { key: "conversation_id" })?;
        let place = *places.entry(id.clone()).or_insert(conversations.len());
        if place == conversations.len() {
            conversations.push(Conversation { id, tools: row.take("tools"), steps: Vec::new() });
        }
        conversations[place].add(row)
    })?;
    let scripts = conversations.into_iter().filter(|conversation| !conversation.steps.is_empty());
    let scripts = scripts.map(|conversation| Script::dialogue(conversation.id, conversation.steps));
    Ok(scripts.take(input.most.unwrap_or(usize::MAX)).collect())
}

struct Conversation {
    id: String,
    tools: Option<Value>,
    steps: Vec<Step>,
}

impl Conversation {
    fn add(&mut self, mut row: Row) -> Result<(), RowError> {
        let role = row.must_text("role")?;
        if role == roles::ASSISTANT {
            let step = self.steps.last_mut().filter(|step| step.reply.is_none());
            let step = step.ok_or(RowError::NothingToReplyTo)?;
            let message = message(&role, &mut row);
            step.recorded.tool_calls = Some(openai::tool_calls(&message));
            step.reply = Some(openai::message(message)?);
            return Ok(());
        }
        let delay_ns = row.time("delay_seconds", NS_PER_S)?;
        let system = row.text("system")?.filter(|_| self.steps.is_empty());
        let system =
            system.map(|text| Message { role: roles::SYSTEM.to_owned(), parts: vec![Part::text(text)] });
        let results = row.list("tool_results")?;
        let own = if results.is_empty() {
            vec![openai::message(message(&role, &mut row))?]
        } else {
            results.into_iter().map(|result| openai::message(with_role(result))).collect::<Result<_, _>>()?
        };
        let step = openai::rest(parameters(row, self.tools.as_ref()))?;
        let messages = system.into_iter().chain(own).collect();
        self.steps.push(Step { messages, start: Start::After(delay_ns.unwrap_or(0)), ..step });
        Ok(())
    }
}

/// The message of a row, in OpenAI's form.
fn message(role: &str, row: &mut Row) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), role.into());
    for key in ["content", "tool_calls", "tool_call_id"] {
        message.extend(row.take(key).map(|value| (key.to_owned(), value)));
    }
    Value::Object(message)
}

/// One of several results, as a message of its own.
fn with_role(result: Value) -> Value {
    match result {
        Value::Object(mut fields) => {
            fields.insert("role".to_owned(), json!(roles::TOOL));
            Value::Object(fields)
        }
        other => other,
    }
}

/// What a row says of generation, under the names of OpenAI's API.
fn parameters(row: Row, tools: Option<&Value>) -> Map<String, Value> {
    let mut fields = row.into_fields();
    for key in OF_THE_MESSAGE {
        fields.remove(key);
    }
    if let Some(limit) = fields.remove("max_new_tokens") {
        fields.entry("max_tokens").or_insert(limit);
    }
    if let Some(tools) = tools {
        fields.entry("tools").or_insert_with(|| tools.clone());
    }
    fields
}
