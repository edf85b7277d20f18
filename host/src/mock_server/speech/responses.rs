//! Responses, as OpenAI has them: the thought is the first item of the output, the message the next.

use serde_json::{Value, json};

use super::frames::{CallPiece, Frames, Speech, named};
use crate::mock_server::{script::Channel, tools::Call};

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
    fn place(&self, channel: Channel) -> usize {
        let thoughts = usize::from(!self.thought.is_empty());
        match channel {
            Channel::Reasoning => 0,
            Channel::Content => thoughts,
            Channel::Call(number) => thoughts + usize::from(!self.message.is_empty()) + number,
        }
    }

    fn name(channel: Channel) -> &'static str {
        match channel {
            Channel::Reasoning => "reasoning_text",
            _ => "output_text",
        }
    }

    /// The end of the text that is open, if one is.
    fn close(&mut self) -> String {
        let Some(before) = self.open.take() else { return String::new() };
        let text = if before == Channel::Reasoning { &self.thought } else { &self.message };
        let (kind, place) = (format!("response.{}.done", Self::name(before)), self.place(before));
        let done = json!({"type": kind, "output_index": place, "content_index": 0, "text": text});
        named(&done) + &self.item_done(place)
    }

    fn item_done(&self, place: usize) -> String {
        let item = &self.ended["output"][place];
        named(&json!({"type": "response.output_item.done", "output_index": place, "item": item}))
    }

    /// Ends the text that is open, and begins another.
    fn turn_to(&mut self, channel: Channel) -> String {
        let kind = if channel == Channel::Reasoning { "reasoning" } else { "message" };
        let item = json!({"type": kind, "status": "in_progress", "content": []});
        let events = self.close() + &added(self.place(channel), &item);
        self.open = Some(channel);
        events
    }
}

fn added(place: usize, item: &Value) -> String {
    named(&json!({"type": "response.output_item.added", "output_index": place, "item": item}))
}

impl Frames for Events {
    fn begin(&mut self) -> String {
        let event = |kind: &str| named(&json!({"type": kind, "response": self.begun}));
        event("response.created") + &event("response.in_progress")
    }

    fn text(&mut self, _choice: u64, channel: Channel, words: &str) -> String {
        let events = if self.open == Some(channel) { String::new() } else { self.turn_to(channel) };
        let (name, place) = (Self::name(channel), self.place(channel));
        let delta = format!(
            "event: response.{name}.delta\ndata: {{\"type\":\"response.{name}.delta\",\"output_index\":{place},\
             \"content_index\":0,\"delta\":\"{words}\"}}\n\n"
        );
        events + &delta
    }

    fn call(&mut self, _choice: u64, piece: &CallPiece) -> String {
        let CallPiece { number, call, arguments, begins, ends } = piece;
        let place = self.place(Channel::Call(*number));
        let mut events = self.close();
        if *begins {
            events += &added(place, &called(call, "in_progress", ""));
        }
        let name = "response.function_call_arguments";
        events +=
            &named(&json!({"type": format!("{name}.delta"), "output_index": place, "delta": arguments}));
        if *ends {
            events += &named(
                &json!({"type": format!("{name}.done"), "output_index": place, "arguments": call.arguments}),
            );
            events += &self.item_done(place);
        }
        events
    }

    fn end(&mut self) -> Vec<String> {
        let kind = match self.ended["status"].as_str() {
            Some("incomplete") => "response.incomplete",
            _ => "response.completed",
        };
        vec![self.close(), named(&json!({"type": kind, "response": self.ended}))]
    }
}

/// The item of a call of a tool.
fn called(call: &Call, status: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call",
        "id": format!("fc-{}", call.id),
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
        "status": status,
    })
}

/// A whole response.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let Speech { identity, prompt_tokens, generation, .. } = *speech;
    let item = |kind: &str, part: &str, text: String| json!({"type": kind, "status": "completed", "role": "assistant", "content": [{"type": part, "text": text}]});
    let mut output = Vec::new();
    if generation.reasoning > 0 {
        output.push(item("reasoning", "reasoning_text", speech.text(0, Channel::Reasoning)));
    }
    if generation.content_end() > generation.reasoning {
        output.push(item("message", "output_text", speech.text(0, Channel::Content)));
    }
    output.extend(speech.calls(0).map(|call| called(&call, "completed", &call.arguments)));
    let status = generation.reason("completed", "incomplete", "completed");
    let details = if status == "incomplete" { json!({"reason": "max_output_tokens"}) } else { Value::Null };
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
