//! The `codex` format: the session files of Codex (`rollout-*.jsonl`), a record a line, a session a file.
//!
//! `response_item`s are the conversation; `event_msg`s repeat it. The event `token_count` ends a call of the model and has its
//! tokens, those of the prompt whole; where there is none, the next message or result of a tool ends it. `base_instructions` are
//! the system message. A `compacted` record begins a new conversation with what it holds. Definitions of tools, and thoughts,
//! are not in the file. Source: openai/codex, its `rollout` and `protocol` crates.
//!
//! ```json
//! {"timestamp": "2026-03-21T10:05:59.3Z", "type": "session_meta", "payload": {"id": "a"}}
//! {"timestamp": "2026-03-21T10:06:01.1Z", "type": "response_item", "payload": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Oslo?"}]}}
//! ```

use serde_json::{Value, json};

use super::{
    FileError, RowError,
    agent_calls::{Call, Calls, as_text, tool_call, tool_result},
    contents::Head,
    input::Input,
    instant::unix_ns,
    openai,
};
use crate::dataset::{Message, Part, Script, roles};

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    let kind = head.rows.first().and_then(|row| row.get("type")).and_then(Value::as_str);
    head.has(&["payload", "timestamp"]) && kind == Some("session_meta")
}

/// Reads a file's session.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut session = Session::default();
    input.whole().objects(|mut row| {
        let at_ns = row.text("timestamp")?.as_deref().and_then(unix_ns);
        let kind = row.must_text("type")?;
        let payload = row.take("payload").unwrap_or_default();
        session.record(&kind, &payload, at_ns)
    })?;
    session.close();
    if session.calls.steps.is_empty() {
        input.wrong(FileError::Empty { path: input.path.into() })?;
        return Ok(Vec::new());
    }
    let starts_ns = session.calls.steps[0].recorded.sent_ns;
    Ok(vec![Script { id: session.id, starts_ns, steps: session.calls.steps, category: None }])
}

/// A session, as its records are read.
#[derive(Default)]
struct Session {
    id: String,
    calls: Calls,
    call: Call,
    /// What was written behind the response of the call that is not over yet.
    next: Vec<(Message, Option<u64>)>,
    /// The conversation goes on with the last call.
    goes_on: bool,
}

impl Session {
    fn record(&mut self, kind: &str, payload: &Value, at_ns: Option<u64>) -> Result<(), RowError> {
        match kind {
            "session_meta" if self.id.is_empty() => {
                payload["id"].as_str().unwrap_or("session").clone_into(&mut self.id);
                if let Some(text) = payload["base_instructions"]["text"].as_str() {
                    self.says(
                        Message { role: roles::SYSTEM.to_owned(), parts: vec![Part::text(text.to_owned())] },
                        at_ns,
                    );
                }
            }
            "response_item" => self.item(payload, at_ns)?,
            "event_msg" if payload["type"] == "token_count" => self.tokens(payload),
            "compacted" => {
                self.close();
                (self.goes_on, self.call) = (false, Call::default());
                match payload["replacement_history"].as_array() {
                    Some(items) => items.iter().try_for_each(|item| self.item(item, at_ns))?,
                    None => self.says(Message::user(vec![Part::text(as_text(&payload["message"]))]), at_ns),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A piece of the conversation.
    fn item(&mut self, item: &Value, at_ns: Option<u64>) -> Result<(), RowError> {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        match text("type") {
            "message" if item["role"] == roles::ASSISTANT => {
                self.responds(at_ns);
                self.call.texts.push(as_text(&item["content"]));
            }
            "message" => {
                let said = openai::message(json!({"role": item["role"], "content": item["content"]}))?;
                self.says(said, at_ns);
            }
            "function_call" => {
                self.responds(at_ns);
                self.call.tools.push(tool_call(text("call_id"), text("name"), &item["arguments"]));
            }
            "custom_tool_call" => {
                self.responds(at_ns);
                self.call.tools.push(tool_call(text("call_id"), text("name"), &item["input"]));
            }
            "local_shell_call" => {
                self.responds(at_ns);
                self.call.tools.push(tool_call(text("call_id"), "local_shell", &item["action"]));
            }
            "function_call_output" | "custom_tool_call_output" => {
                self.says(tool_result(text("call_id"), &item["output"]), at_ns);
            }
            _ => {}
        }
        Ok(())
    }

    fn says(&mut self, message: Message, at_ns: Option<u64>) {
        // What says nothing is nothing to send.
        if message.parts.is_empty() {
            return;
        }
        if self.call.is_answered() {
            self.next.push((message, at_ns));
        } else {
            self.call.messages.push(message);
            self.call.sent_ns = self.call.sent_ns.max(at_ns);
        }
    }

    fn responds(&mut self, at_ns: Option<u64>) {
        if !self.next.is_empty() {
            self.close();
        }
        self.call.end_ns = self.call.end_ns.max(at_ns);
    }

    fn tokens(&mut self, event: &Value) {
        let usage = &event["info"]["last_token_usage"];
        if self.call.is_answered() && usage.is_object() {
            self.call.input_tokens = usage["input_tokens"].as_u64();
            self.call.output_tokens = usage["output_tokens"].as_u64();
            self.close();
        }
    }

    /// The call is over, if it has begun to be answered.
    fn close(&mut self) {
        if !self.call.is_answered() {
            return;
        }
        let before = u32::try_from(self.calls.steps.len()).unwrap_or(u32::MAX).checked_sub(1);
        let call = std::mem::take(&mut self.call);
        // A response to nothing has no request that could be repeated.
        if !call.messages.is_empty() || before.is_some() {
            self.calls.add(call, before.into_iter().collect(), before.filter(|_| self.goes_on));
            self.goes_on = true;
        }
        for (message, at_ns) in std::mem::take(&mut self.next) {
            self.says(message, at_ns);
        }
    }
}
