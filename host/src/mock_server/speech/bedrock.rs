//! Bedrock's Converse: the events of a message, each in a binary frame. Here they are text, the type of an event before
//! its payload and one a line; [`on_wire`] makes frames of them.

use serde_json::{Value, json};

use super::frames::{CallPiece, Frames, Speech};
use crate::mock_server::{script::Channel, tools::Call};

/// What stands in the place of an event's type when it is no event.
const EXCEPTION: &str = "exception:";

/// The events of a stream.
#[derive(Debug)]
pub(super) struct Events {
    /// The block that was begun last, and its number. Thoughts have one of their own.
    block: Option<(Channel, u64)>,
    last: Vec<String>,
}

impl Events {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        let stop = json!({"stopReason": stop_reason(speech)});
        let metadata = json!({"usage": usage(speech), "metrics": {"latencyMs": 50}});
        Self { block: None, last: vec![format!("messageStop {stop}\n"), format!("metadata {metadata}\n")] }
    }
}

impl Events {
    /// The number of the channel's block, and the end of the one before if that is another.
    fn turn_to(&mut self, channel: Channel) -> (u64, String) {
        let (number, ended) = match self.block {
            Some((begun, number)) if begun == channel => (number, None),
            Some((_, number)) => (number + 1, Some(stop(number))),
            None => (0, None),
        };
        self.block = Some((channel, number));
        (number, ended.unwrap_or_default())
    }
}

impl Frames for Events {
    fn begin(&mut self) -> String {
        "messageStart {\"role\":\"assistant\"}\n".to_owned()
    }

    fn text(&mut self, _choice: u64, channel: Channel, words: &str) -> String {
        let (number, events) = self.turn_to(channel);
        let delta = match channel {
            Channel::Reasoning => format!("{{\"reasoningContent\":{{\"text\":\"{words}\"}}}}"),
            _ => format!("{{\"text\":\"{words}\"}}"),
        };
        events
            + &format!(
                "contentBlockDelta {{\"contentBlockIndex\":{number},\"delta\":{delta},\"p\":\"abcd\"}}\n"
            )
    }

    fn call(&mut self, _choice: u64, piece: &CallPiece) -> String {
        let (number, ended) = self.turn_to(Channel::Call(piece.number));
        let start = json!({"toolUse": {"toolUseId": piece.call.id, "name": piece.call.name}});
        let start = json!({"contentBlockIndex": number, "start": start});
        let begun = if piece.begins { format!("contentBlockStart {start}\n") } else { String::new() };
        let delta = json!({"toolUse": {"input": piece.arguments}});
        let delta = json!({"contentBlockIndex": number, "delta": delta});
        format!("{ended}{begun}contentBlockDelta {delta}\n")
    }

    fn end(&mut self) -> Vec<String> {
        let stopped = self.block.map(|(_, number)| stop(number));
        stopped.into_iter().chain(std::mem::take(&mut self.last)).collect()
    }
}

fn stop(number: u64) -> String {
    format!("contentBlockStop {{\"contentBlockIndex\":{number}}}\n")
}

/// A whole answer.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let mut content = Vec::new();
    if speech.generation.reasoning > 0 {
        let text = speech.text(0, Channel::Reasoning);
        content.push(json!({"reasoningContent": {"reasoningText": {"text": text}}}));
    }
    content.push(json!({"text": speech.text(0, Channel::Content)}));
    let block =
        |call: Call| json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.object()}});
    content.extend(speech.calls(0).map(block));
    json!({
        "metrics": {"latencyMs": 50},
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason(speech),
        "usage": usage(speech),
    })
}

fn stop_reason(speech: &Speech<'_>) -> &'static str {
    speech.generation.reason("tool_use", "max_tokens", "end_turn")
}

fn usage(speech: &Speech<'_>) -> Value {
    let (input, output) = (speech.prompt_tokens, speech.generation.counted.tokens);
    json!({"inputTokens": input, "outputTokens": output, "totalTokens": input + output})
}

/// An error in the middle of a stream.
pub(super) fn exception(message: &Value) -> String {
    format!("{EXCEPTION}internalServerException {}\n", json!({"message": message}))
}

/// Makes frames of events, one of each line.
pub(super) fn on_wire(events: &str) -> Vec<u8> {
    events
        .lines()
        .filter_map(|line| line.split_once(' '))
        .flat_map(|(kind, payload)| frame(kind, payload))
        .collect()
}

fn frame(kind: &str, payload: &str) -> Vec<u8> {
    let typed = match kind.strip_prefix(EXCEPTION) {
        Some(exception) => [(":exception-type", exception), (":message-type", "exception")],
        None => [(":event-type", kind), (":message-type", "event")],
    };
    let mut headers = Vec::new();
    for (name, value) in typed.into_iter().chain([(":content-type", "application/json")]) {
        headers.extend(short(name.len()));
        headers.extend_from_slice(name.as_bytes());
        // A text, whose length has two bytes.
        headers.extend_from_slice(&[7, 0]);
        headers.extend(short(value.len()));
        headers.extend_from_slice(value.as_bytes());
    }
    let long = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = long(12 + headers.len() + payload.len() + 4).to_vec();
    frame.extend_from_slice(&long(headers.len()));
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// A length in one byte: all names and values here are short.
fn short(length: usize) -> [u8; 1] {
    [u8::try_from(length).unwrap_or(u8::MAX)]
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::{super::tests::stream, *};
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream_of_events() {
        assert_snapshot!(stream(Kind::Converse), @r#"
        messageStart {"role":"assistant"}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":" the"}},"p":"abcd"}
        contentBlockStop {"contentBlockIndex":0}
        contentBlockDelta {"contentBlockIndex":1,"delta":{"text":" of"},"p":"abcd"}
        contentBlockStop {"contentBlockIndex":1}
        messageStop {"stopReason":"max_tokens"}
        metadata {"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{"latencyMs":50}}
        "#);
    }

    #[test]
    fn each_line_is_a_frame() {
        let frames = on_wire(&format!("messageStop {{}}\n{}", exception(&"no".into())));
        let length = usize::try_from(u32::from_be_bytes(*frames.first_chunk().unwrap())).unwrap();
        let (first, second) = frames.split_at(length);
        assert!(first[12..].starts_with(b"\x0b:event-type\x07\x00\x0bmessageStop\x0d:message-type"));
        assert!(second[12..].starts_with(b"\x0f:exception-type\x07\x00\x17internalServerException"));
        for frame in [first, second] {
            let (checked, checksum) = frame.split_at(frame.len() - 4);
            assert_eq!(crc32fast::hash(checked).to_be_bytes(), checksum);
        }
    }
}
