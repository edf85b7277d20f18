//! Messages that bodies hold.

use prony_plugin_api::PartKind;
use serde_json::{Map, Value};

use super::super::openai;
use crate::dataset::{Message, Part, roles, script::TOOL_FIELDS};

/// A message of one text.
pub(super) fn text_message(role: &str, text: String) -> Message {
    Message { role: role.to_owned(), parts: vec![Part::text(text)] }
}

/// What an assistant said and called; nothing if that is neither.
pub(super) fn assistant(texts: Vec<String>, calls: Vec<Value>) -> Option<Message> {
    let mut parts: Vec<Part> = texts.into_iter().filter(|text| !text.is_empty()).map(Part::text).collect();
    if !calls.is_empty() {
        let fields = Map::from_iter([("tool_calls".to_owned(), Value::Array(calls))]);
        parts.push(openai::json_part(TOOL_FIELDS, &Value::Object(fields)));
    }
    (!parts.is_empty()).then(|| Message { role: roles::ASSISTANT.to_owned(), parts })
}

/// A picture of Anthropic's form, or else what a text of the block says.
pub(super) fn block(block: &Value) -> Part {
    let source = &block["source"];
    let image = |data: String| Part { kind: PartKind::IMAGE, name: String::new(), data: data.into() };
    match (source["media_type"].as_str(), source["data"].as_str(), source["url"].as_str()) {
        (Some(kind), Some(data), _) => image(format!("data:{kind};base64,{data}")),
        (_, _, Some(url)) => image(url.to_owned()),
        _ => match block["text"].as_str() {
            Some(text) => Part::text(text.to_owned()),
            None => openai::json_part("", block),
        },
    }
}
