//! Messages, as Anthropic has them: a thinking block, then a text block.

use serde_json::{Value, json};

use super::frames::{CallPiece, Frames, Speech, named};
use crate::mock_server::{script::Channel, tools::Call};

/// The blocks of a stream.
#[derive(Debug)]
pub(super) struct Blocks {
    /// The message without its content.
    begun: Value,
    stop_reason: Value,
    usage: Value,
    open: Option<Channel>,
    /// Number of the open block.
    index: u64,
}

impl Blocks {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        let whole = whole(speech);
        let (stop_reason, usage) = (whole["stop_reason"].clone(), whole["usage"].clone());
        let mut begun = whole;
        begun["content"] = json!([]);
        begun["stop_reason"] = Value::Null;
        begun["usage"]["output_tokens"] = 0.into();
        Self { begun, stop_reason, usage, open: None, index: 0 }
    }

    /// Ends the open block and begins another.
    fn start(&mut self, channel: Channel, block: &Value) -> String {
        let stop = self.stop();
        self.open = Some(channel);
        stop + &named(&json!({"type": "content_block_start", "index": self.index, "content_block": block}))
    }

    fn stop(&mut self) -> String {
        if self.open.take().is_none() {
            return String::new();
        }
        let stop = named(&json!({"type": "content_block_stop", "index": self.index}));
        self.index += 1;
        stop
    }
}

impl Frames for Blocks {
    fn begin(&mut self) -> String {
        named(&json!({"type": "message_start", "message": self.begun})) + &named(&json!({"type": "ping"}))
    }

    fn text(&mut self, _choice: u64, channel: Channel, words: &str) -> String {
        let (block, delta, member) = match channel {
            Channel::Reasoning => ("thinking", "thinking_delta", "thinking"),
            _ => ("text", "text_delta", "text"),
        };
        let mut events = String::new();
        if self.open != Some(channel) {
            events = self.start(channel, &json!({"type": block, member: ""}));
        }
        let index = self.index;
        let delta = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\
             \"delta\":{{\"type\":\"{delta}\",\"{member}\":\"{words}\"}}}}\n\n"
        );
        events + &delta
    }

    fn call(&mut self, _choice: u64, piece: &CallPiece) -> String {
        let mut events = String::new();
        if piece.begins {
            let block =
                json!({"type": "tool_use", "id": piece.call.id, "name": piece.call.name, "input": {}});
            events = self.start(Channel::Call(piece.number), &block);
        }
        let delta = json!({"type": "input_json_delta", "partial_json": piece.arguments});
        events + &named(&json!({"type": "content_block_delta", "index": self.index, "delta": delta}))
    }

    fn end(&mut self) -> Vec<String> {
        let delta = json!({"stop_reason": self.stop_reason, "stop_sequence": null});
        let last = json!({"type": "message_delta", "delta": delta, "usage": self.usage});
        vec![self.stop(), named(&last), named(&json!({"type": "message_stop"}))]
    }
}

/// A whole message.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let Speech { identity, prompt_tokens, generation, .. } = *speech;
    let mut content = Vec::new();
    if generation.reasoning > 0 {
        content.push(json!({"type": "thinking", "thinking": speech.text(0, Channel::Reasoning)}));
    }
    if generation.content_end() > generation.reasoning {
        content.push(json!({"type": "text", "text": speech.text(0, Channel::Content)}));
    }
    let block =
        |call: Call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.object()});
    content.extend(speech.calls(0).map(block));
    json!({
        "id": identity.id,
        "type": "message",
        "role": "assistant",
        "model": identity.model,
        "content": content,
        "stop_reason": generation.reason("tool_use", "max_tokens", "end_turn"),
        "stop_sequence": null,
        "usage": {"input_tokens": prompt_tokens, "output_tokens": generation.counted.tokens},
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::stream;
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream_of_blocks() {
        assert_snapshot!(stream(Kind::Messages), @r#"
        event: message_start
        data: {"type":"message_start","message":{"id":"id-7","type":"message","role":"assistant","model":"a \"model\"","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":0}}}

        event: ping
        data: {"type":"ping"}

        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" the"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":0}

        event: content_block_start
        data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" of"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":1}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"input_tokens":3,"output_tokens":2}}

        event: message_stop
        data: {"type":"message_stop"}
        "#);
    }
}
