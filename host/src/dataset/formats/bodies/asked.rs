//! The body of a request.

use serde_json::{Map, Value, json};

use super::{
    super::{
        agent_calls::{as_text, tool_call, tool_result},
        openai,
    },
    format::BodyFormat,
    message::{assistant, block, text_message},
};
use crate::dataset::{Message, roles};

/// Members of a body that limit the answer.
const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

/// What a request asks.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// The definitions of its tools, which are a part of the prompt; empty without any.
    pub(crate) tools: String,
    /// All that it says, in order. System prompts are messages.
    pub(crate) messages: Vec<Message>,
    /// Requested output tokens.
    pub(crate) max_tokens: Option<u64>,
    /// The id of the response that it goes on with, where the server keeps what was said.
    pub(crate) previous_id: Option<String>,
}

/// Reads the body of a request; `None` if it is not one of this format.
pub(crate) fn asked(format: BodyFormat, body: &[u8]) -> Option<Asked> {
    let mut body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let messages = match format {
        BodyFormat::Chat => openai::messages(body.remove("messages")?).ok()?,
        BodyFormat::Completions => vec![text_message(roles::USER, prompt(body.remove("prompt")?)?)],
        BodyFormat::Responses => responses(&body)?,
        BodyFormat::Messages => anthropic(&body)?,
    };
    if messages.is_empty() {
        return None;
    }
    let tools = body.get("tools").filter(|tools| tools.as_array().is_some_and(|tools| !tools.is_empty()));
    Some(Asked {
        tools: tools.map(Value::to_string).unwrap_or_default(),
        messages,
        max_tokens: LIMITS.iter().find_map(|name| body.get(*name)?.as_u64()).filter(|tokens| *tokens > 0),
        previous_id: body.get("previous_response_id").and_then(Value::as_str).map(str::to_owned),
    })
}

/// One text, or a list of one text. Several prompts are several requests, which one step cannot be.
fn prompt(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(mut texts) if texts.len() == 1 => texts.pop()?.as_str().map(str::to_owned),
        _ => None,
    }
}

fn responses(body: &Map<String, Value>) -> Option<Vec<Message>> {
    let instructions = body.get("instructions").and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut said: Vec<Message> =
        instructions.map(|text| text_message(roles::SYSTEM, text.to_owned())).into_iter().collect();
    match body.get("input")? {
        Value::String(text) => said.push(text_message(roles::USER, text.clone())),
        Value::Array(items) => {
            let mut items = items.iter().peekable();
            while let Some(item) = items.next() {
                if !is_replied(item) {
                    said.extend(item_said(item)?);
                    continue;
                }
                // What one response said and called is one message.
                let (mut texts, mut calls) = (Vec::new(), Vec::new());
                add_replied(item, &mut texts, &mut calls);
                while let Some(next) = items.next_if(|next| is_replied(next)) {
                    add_replied(next, &mut texts, &mut calls);
                }
                said.extend(assistant(texts, calls));
            }
        }
        _ => return None,
    }
    Some(said)
}

/// The item is a piece of a response.
pub(super) fn is_replied(item: &Value) -> bool {
    match item["type"].as_str() {
        Some("function_call" | "custom_tool_call" | "reasoning") => true,
        _ => item["role"] == roles::ASSISTANT,
    }
}

/// Adds what a piece of a response says or calls.
pub(super) fn add_replied(item: &Value, texts: &mut Vec<String>, calls: &mut Vec<Value>) {
    let text = |key: &str| item[key].as_str().unwrap_or_default();
    match text("type") {
        "function_call" => calls.push(tool_call(text("call_id"), text("name"), &item["arguments"])),
        "custom_tool_call" => calls.push(tool_call(text("call_id"), text("name"), &item["input"])),
        "reasoning" => {}
        _ => texts.push(as_text(&item["content"])),
    }
}

/// What an item of a request says; nothing where it refers to what the server keeps, and `None` if it cannot be read.
fn item_said(item: &Value) -> Option<Vec<Message>> {
    let text = |key: &str| item[key].as_str();
    match text("type") {
        Some("function_call_output" | "custom_tool_call_output") => {
            Some(vec![tool_result(text("call_id").unwrap_or_default(), &item["output"])])
        }
        None | Some("message") => {
            let said = openai::message(json!({"role": item["role"], "content": item["content"]})).ok()?;
            Some(if said.parts.is_empty() { Vec::new() } else { vec![said] })
        }
        Some(_) => Some(Vec::new()),
    }
}

fn anthropic(body: &Map<String, Value>) -> Option<Vec<Message>> {
    let system = body.get("system").map(as_text).filter(|text| !text.is_empty());
    let mut said: Vec<Message> = system.map(|text| text_message(roles::SYSTEM, text)).into_iter().collect();
    for message in body.get("messages")?.as_array()? {
        let role = message["role"].as_str()?;
        match &message["content"] {
            Value::String(text) => said.push(text_message(role, text.clone())),
            Value::Array(blocks) if role == roles::ASSISTANT => said.extend(anthropic_reply(blocks)),
            Value::Array(blocks) => {
                let (results, others): (Vec<&Value>, Vec<&Value>) =
                    blocks.iter().partition(|block| block["tool_use_id"].is_string());
                said.extend(results.into_iter().map(|block| {
                    tool_result(block["tool_use_id"].as_str().unwrap_or_default(), &block["content"])
                }));
                if !others.is_empty() {
                    let parts = others.into_iter().map(block).collect();
                    said.push(Message { role: role.to_owned(), parts });
                }
            }
            _ => return None,
        }
    }
    Some(said)
}

/// What the blocks of a response say and call.
pub(super) fn anthropic_reply(blocks: &[Value]) -> Option<Message> {
    let (mut texts, mut calls) = (Vec::new(), Vec::new());
    for block in blocks {
        let text = |key: &str| block[key].as_str().unwrap_or_default();
        match text("type") {
            "text" => texts.push(text("text").to_owned()),
            "tool_use" => calls.push(tool_call(text("id"), text("name"), &block["input"])),
            _ => {}
        }
    }
    assistant(texts, calls)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn said(format: BodyFormat, body: &Value) -> Vec<(String, String)> {
        let asked = asked(format, body.to_string().as_bytes()).unwrap();
        let text = |message: &Message| {
            message.parts.iter().map(|part| part.data.to_string()).collect::<Vec<_>>().join("|")
        };
        asked.messages.iter().map(|message| (message.role.clone(), text(message))).collect()
    }

    fn expected(said: &[(&str, &str)]) -> Vec<(String, String)> {
        said.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
    }

    const CALL: &str =
        r#"{"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}"#;

    #[test]
    fn a_dialogue_with_a_tool_reads_the_same_in_every_format_that_has_tools() {
        let call: Value = serde_json::from_str(CALL).unwrap();
        let chat = json!({"messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Rain?"},
            {"role": "assistant", "content": "One moment.", "tool_calls": call["tool_calls"]},
            {"role": "tool", "tool_call_id": "c", "content": "yes"}]});
        let responses = json!({"instructions": "Be brief.", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Rain?"}]},
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "One moment."}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":1}"},
            {"type": "function_call_output", "call_id": "c", "output": "yes"}]});
        let messages = json!({"system": [{"type": "text", "text": "Be brief."}], "messages": [
            {"role": "user", "content": "Rain?"},
            {"role": "assistant", "content": [{"type": "text", "text": "One moment."},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "yes"}]}]});
        let expected = expected(&[
            ("system", "Be brief."),
            ("user", "Rain?"),
            ("assistant", &format!("One moment.|{CALL}")),
            ("tool", r#"yes|{"tool_call_id":"c"}"#),
        ]);
        assert_eq!(said(BodyFormat::Chat, &chat), expected);
        assert_eq!(said(BodyFormat::Responses, &responses), expected);
        assert_eq!(said(BodyFormat::Messages, &messages), expected);
    }

    #[test]
    fn limits_tools_and_the_response_before_it_are_read() {
        let body = json!({"input": "go on", "max_output_tokens": 7, "tools": [{"name": "f"}], "previous_response_id": "r-1"});
        let asked = asked(BodyFormat::Responses, body.to_string().as_bytes()).unwrap();
        assert_eq!((asked.max_tokens, asked.previous_id.as_deref()), (Some(7), Some("r-1")));
        assert_eq!(asked.tools, r#"[{"name":"f"}]"#);
    }

    #[rstest]
    #[case::not_json("{")]
    #[case::a_list("[]")]
    #[case::nothing("{}")]
    #[case::no_messages(r#"{"messages": []}"#)]
    #[case::numbers(r#"{"messages": [1], "input": 7, "prompt": [1, 2]}"#)]
    fn what_is_no_request_is_told_so(#[case] body: &str) {
        let formats =
            [BodyFormat::Chat, BodyFormat::Completions, BodyFormat::Responses, BodyFormat::Messages];
        assert!(formats.into_iter().all(|format| asked(format, body.as_bytes()).is_none()));
    }
}
