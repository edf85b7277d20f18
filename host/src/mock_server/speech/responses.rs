//! Responses, as OpenAI has them: the thought is the first item of the output, the message the next.

use serde_json::{Value, json};

use super::frames::{Frames, Speech, named};
use crate::mock_server::script::Channel;

/// The typed events of a stream.
#[derive(Debug)]
pub(super) struct Events {
    /// The response without its output, and as it is at the end.
    begun: Value,
    ended: Value,
    /// Texts of the items that are told at an item's end.
    thought: String,
    message: String,
    open: Option<Channel>,
}

impl Events {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        let ended = whole(speech);
        let mut begun = ended.clone();
        begun["status"] = "in_progress".into();
        begun["output"] = json!([]);
        begun["incomplete_details"] = Value::Null;
        begun["usage"] = Value::Null;
        let (thought, message) = (speech.text(0, Channel::Reasoning), speech.text(0, Channel::Content));
        Self { begun, ended, thought, message, open: None }
    }

    /// Place of a channel's item in the output.
    fn place(&self, channel: Channel) -> u64 {
        u64::from(channel == Channel::Content && !self.thought.is_empty())
    }

    fn name(channel: Channel) -> &'static str {
        match channel {
            Channel::Reasoning => "reasoning_text",
            Channel::Content => "output_text",
        }
    }

    /// The events around the items of two channels.
    fn turn_to(&mut self, channel: Option<Channel>) -> String {
        let mut events = String::new();
        if let Some(before) = self.open.take() {
            let text = if before == Channel::Reasoning { &self.thought } else { &self.message };
            let (kind, place) = (format!("response.{}.done", Self::name(before)), self.place(before));
            events += &named(&json!({"type": kind, "output_index": place, "content_index": 0, "text": text}));
            let item = &self.ended["output"][usize::try_from(place).unwrap_or(0)];
            events +=
                &named(&json!({"type": "response.output_item.done", "output_index": place, "item": item}));
        }
        if let Some(next) = channel {
            let kind = if next == Channel::Reasoning { "reasoning" } else { "message" };
            let item = json!({"type": kind, "status": "in_progress", "content": []});
            let place = self.place(next);
            events +=
                &named(&json!({"type": "response.output_item.added", "output_index": place, "item": item}));
            self.open = Some(next);
        }
        events
    }
}

impl Frames for Events {
    fn begin(&mut self) -> String {
        let event = |kind: &str| named(&json!({"type": kind, "response": self.begun}));
        event("response.created") + &event("response.in_progress")
    }

    fn text(&mut self, _choice: u64, channel: Channel, words: &str) -> String {
        let events = if self.open == Some(channel) { String::new() } else { self.turn_to(Some(channel)) };
        let (name, place) = (Self::name(channel), self.place(channel));
        let delta = format!(
            "event: response.{name}.delta\ndata: {{\"type\":\"response.{name}.delta\",\"output_index\":{place},\
             \"content_index\":0,\"delta\":\"{words}\"}}\n\n"
        );
        events + &delta
    }

    fn end(&mut self) -> Vec<String> {
        let kind = match self.ended["status"].as_str() {
            Some("incomplete") => "response.incomplete",
            _ => "response.completed",
        };
        vec![self.turn_to(None), named(&json!({"type": kind, "response": self.ended}))]
    }
}

/// A whole response.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let Speech { identity, prompt_tokens, generation } = *speech;
    let item = |kind: &str, part: &str, text: String| json!({"type": kind, "status": "completed", "role": "assistant", "content": [{"type": part, "text": text}]});
    let mut output = Vec::new();
    if generation.reasoning > 0 {
        output.push(item("reasoning", "reasoning_text", speech.text(0, Channel::Reasoning)));
    }
    if generation.tokens > generation.reasoning {
        output.push(item("message", "output_text", speech.text(0, Channel::Content)));
    }
    let (status, details) = match generation.limit {
        Some(_) => ("incomplete", json!({"reason": "max_output_tokens"})),
        None => ("completed", Value::Null),
    };
    json!({
        "id": identity.id,
        "object": "response",
        "created_at": identity.created,
        "model": identity.model,
        "status": status,
        "incomplete_details": details,
        "output": output,
        "usage": {
            "input_tokens": prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": generation.counted.tokens,
            "output_tokens_details": {"reasoning_tokens": generation.counted.reasoning},
            "total_tokens": prompt_tokens + generation.counted.tokens,
        },
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::stream;
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream_of_typed_events() {
        assert_snapshot!(stream(Kind::Responses), @r#"
        event: response.created
        data: {"type":"response.created","response":{"id":"id-7","object":"response","created_at":1700000000,"model":"a \"model\"","status":"in_progress","incomplete_details":null,"output":[],"usage":null}}

        event: response.in_progress
        data: {"type":"response.in_progress","response":{"id":"id-7","object":"response","created_at":1700000000,"model":"a \"model\"","status":"in_progress","incomplete_details":null,"output":[],"usage":null}}

        event: response.output_item.added
        data: {"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","status":"in_progress","content":[]}}

        event: response.reasoning_text.delta
        data: {"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":" the"}

        event: response.reasoning_text.done
        data: {"type":"response.reasoning_text.done","output_index":0,"content_index":0,"text":" the"}

        event: response.output_item.done
        data: {"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","status":"completed","role":"assistant","content":[{"type":"reasoning_text","text":" the"}]}}

        event: response.output_item.added
        data: {"type":"response.output_item.added","output_index":1,"item":{"type":"message","status":"in_progress","content":[]}}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":" of"}

        event: response.output_text.done
        data: {"type":"response.output_text.done","output_index":1,"content_index":0,"text":" of"}

        event: response.output_item.done
        data: {"type":"response.output_item.done","output_index":1,"item":{"type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":" of"}]}}

        event: response.incomplete
        data: {"type":"response.incomplete","response":{"id":"id-7","object":"response","created_at":1700000000,"model":"a \"model\"","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"reasoning","status":"completed","role":"assistant","content":[{"type":"reasoning_text","text":" the"}]},{"type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":" of"}]}],"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":5}}}
        "#);
    }
}
