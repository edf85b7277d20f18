//! Ollama's chat: a line for each piece of a message, and counts with the last one.

use serde_json::{Value, json};

use super::frames::{CallPiece, Frames, Speech};
use crate::mock_server::{script::Channel, tools::Call};

/// When every answer was made: who reads it does not care.
const CREATED_AT: &str = "2025-10-26T17:21:21.196249Z";

/// The lines of a stream.
#[derive(Debug)]
pub(super) struct Lines {
    /// What each line but the last begins with.
    head: String,
    last: Value,
}

impl Lines {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        let model = Value::from(speech.identity.model.as_str());
        let head = format!(
            "{{\"model\":{model},\"created_at\":\"{CREATED_AT}\",\"message\":{{\"role\":\"assistant\","
        );
        let mut last = whole(speech);
        last["message"] = json!({"role": "assistant", "content": ""});
        Self { head, last }
    }
}

impl Frames for Lines {
    fn begin(&mut self) -> String {
        String::new()
    }

    fn text(&mut self, _choice: u64, channel: Channel, words: &str) -> String {
        let head = &self.head;
        match channel {
            Channel::Reasoning => {
                format!("{head}\"content\":\"\",\"thinking\":\"{words}\"}},\"done\":false}}\n")
            }
            _ => format!("{head}\"content\":\"{words}\"}},\"done\":false}}\n"),
        }
    }

    /// The whole call: there are no pieces of one.
    fn call(&mut self, _choice: u64, piece: &CallPiece) -> String {
        let calls = json!([call(piece.number, &piece.call)]);
        format!("{}\"content\":\"\",\"tool_calls\":{calls}}},\"done\":false}}\n", self.head)
    }

    fn end(&mut self) -> Vec<String> {
        vec![format!("{}\n", self.last)]
    }
}

/// A whole answer.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let Speech { identity, prompt_tokens, generation, .. } = *speech;
    let mut message = json!({"role": "assistant", "content": speech.text(0, Channel::Content)});
    if generation.reasoning > 0 {
        message["thinking"] = speech.text(0, Channel::Reasoning).into();
    }
    if !generation.tools.is_empty() {
        message["tool_calls"] =
            speech.calls(0).enumerate().map(|(number, called)| call(number, &called)).collect();
    }
    json!({
        "model": identity.model,
        "created_at": CREATED_AT,
        "message": message,
        "done": true,
        "done_reason": generation.reason("stop", "length", "stop"),
        "total_duration": generation.tokens * 10_000_000 + 50_000_000,
        "load_duration": 0,
        "prompt_eval_count": prompt_tokens,
        "prompt_eval_duration": 50_000_000,
        "eval_count": generation.counted.tokens,
        "eval_duration": generation.tokens * 10_000_000,
    })
}

/// One call of a tool.
fn call(number: usize, call: &Call) -> Value {
    json!({"id": call.id, "function": {"index": number, "name": call.name, "arguments": call.object()}})
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::stream;
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream_of_lines() {
        assert_snapshot!(stream(Kind::Ollama), @r#"
        {"model":"a \"model\"","created_at":"2025-10-26T17:21:21.196249Z","message":{"role":"assistant","content":"","thinking":" the"},"done":false}
        {"model":"a \"model\"","created_at":"2025-10-26T17:21:21.196249Z","message":{"role":"assistant","content":" of"},"done":false}
        {"model":"a \"model\"","created_at":"2025-10-26T17:21:21.196249Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"length","total_duration":70000000,"load_duration":0,"prompt_eval_count":3,"prompt_eval_duration":50000000,"eval_count":2,"eval_duration":20000000}
        "#);
    }
}
