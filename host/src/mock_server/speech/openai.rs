//! Chat and text completions, as OpenAI has them.

use serde_json::{Value, json};

use super::frames::{CallPiece, Frames, Speech};
use crate::mock_server::{job::Kind, script::Channel, tools::Call, words};

/// The last event of a stream that went well.
pub(super) const DONE: &str = "data: [DONE]\n\n";

/// Builds a stream's chunks around what they all share.
#[derive(Debug)]
pub(super) struct Chunks {
    kind: Kind,
    choices: u64,
    finish_reason: &'static str,
    usage: Option<Value>,
    /// Everything up to the list of choices.
    opening: String,
}

impl Chunks {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        let Speech { identity, generation, .. } = *speech;
        let object = match generation.kind {
            Kind::Chat => "chat.completion.chunk",
            _ => "text_completion",
        };
        let (id, model) = (Value::from(identity.id.as_str()), Value::from(identity.model.as_str()));
        let created = identity.created;
        let opening = format!(
            r#"data: {{"id":{id},"object":"{object}","created":{created},"model":{model},"choices":["#
        );
        Self {
            kind: generation.kind,
            choices: generation.choices,
            finish_reason: generation.finish_reason(),
            usage: speech.tells_usage().then(|| usage(speech)),
            opening,
        }
    }

    fn choice(&self, index: u64, content: &str, reason: &str) -> String {
        let opening = &self.opening;
        format!(
            "{opening}{{\"index\":{index},{content},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
        )
    }
}

impl Frames for Chunks {
    /// A role and an empty text for each choice of a chat. A plain completion has none.
    fn begin(&mut self) -> String {
        let choices = if self.kind == Kind::Chat { self.choices } else { 0 };
        let role = |choice| self.choice(choice, r#""delta":{"role":"assistant","content":""}"#, "null");
        (0..choices).map(role).collect()
    }

    fn text(&mut self, choice: u64, channel: Channel, words: &str) -> String {
        let content = match (self.kind, channel) {
            (Kind::Chat, Channel::Reasoning) => format!(r#""delta":{{"reasoning_content":"{words}"}}"#),
            (Kind::Chat, _) => format!(r#""delta":{{"content":"{words}"}}"#),
            _ => format!(r#""text":"{words}""#),
        };
        self.choice(choice, &content, "null")
    }

    fn call(&mut self, choice: u64, piece: &CallPiece) -> String {
        let CallPiece { number, call, arguments, .. } = piece;
        let call = if piece.begins {
            let function = json!({"name": call.name, "arguments": arguments});
            json!({"index": number, "id": call.id, "type": "function", "function": function})
        } else {
            json!({"index": number, "function": {"arguments": arguments}})
        };
        self.choice(choice, &format!(r#""delta":{{"tool_calls":[{call}]}}"#), "null")
    }

    /// One finish chunk a choice, the usage if it was asked for, and `[DONE]`.
    fn end(&mut self) -> Vec<String> {
        let content = if self.kind == Kind::Chat { r#""delta":{}"# } else { r#""text":"""# };
        let reason = format!(r#""{}""#, self.finish_reason);
        let mut events: Vec<String> =
            (0..self.choices).map(|choice| self.choice(choice, content, &reason)).collect();
        if let Some(usage) = &self.usage {
            events.push(format!("{}],\"usage\":{usage}}}\n\n", self.opening));
        }
        events.push(DONE.to_owned());
        events
    }
}

/// The answer to a chat or completions request that does not stream.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let Speech { identity, generation, .. } = *speech;
    let object = match generation.kind {
        Kind::Chat => "chat.completion",
        _ => "text_completion",
    };
    json!({
        "id": identity.id,
        "object": object,
        "created": identity.created,
        "model": identity.model,
        "choices": (0..generation.choices).map(|index| choice(index, speech)).collect::<Vec<_>>(),
        "usage": usage(speech),
    })
}

fn choice(index: u64, speech: &Speech<'_>) -> Value {
    let generation = speech.generation;
    let finish_reason = generation.finish_reason();
    if generation.kind != Kind::Chat {
        let text = words::text(index, 0..generation.tokens);
        return json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish_reason});
    }
    let mut message = json!({"role": "assistant", "content": speech.text(index, Channel::Content)});
    if generation.reasoning > 0 {
        message["reasoning_content"] = speech.text(index, Channel::Reasoning).into();
    }
    if !generation.tools.is_empty() {
        let call = |call: Call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
        message["tool_calls"] = speech.calls(index).map(call).collect();
    }
    json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish_reason})
}

/// The usage of a generation, over all choices. Reasoning is mentioned if there is any.
fn usage(speech: &Speech<'_>) -> Value {
    let Speech { prompt_tokens, cached_tokens, generation, .. } = *speech;
    let completion_tokens = generation.counted.tokens * generation.choices;
    let mut usage = json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    });
    if let Some(cached) = cached_tokens {
        usage["prompt_tokens_details"] = json!({"cached_tokens": cached});
    }
    if generation.reasoning > 0 {
        let reasoning = generation.counted.reasoning * generation.choices;
        usage["completion_tokens_details"] = json!({"reasoning_tokens": reasoning});
    }
    usage
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::stream;
    use super::*;

    #[test]
    fn a_chat_stream() {
        assert_snapshot!(stream(Kind::Chat), @r#"
        data: {"id":"id-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}

        data: {"id":"id-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"delta":{"reasoning_content":" the"},"logprobs":null,"finish_reason":null}]}

        data: {"id":"id-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"delta":{"content":" of"},"logprobs":null,"finish_reason":null}]}

        data: {"id":"id-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]}

        data: {"id":"id-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"completion_tokens_details":{"reasoning_tokens":1}}}

        data: [DONE]
        "#);
    }

    #[test]
    fn a_completions_stream() {
        assert_snapshot!(stream(Kind::Completion), @r#"
        data: {"id":"id-7","object":"text_completion","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"text":" the","logprobs":null,"finish_reason":null}]}

        data: {"id":"id-7","object":"text_completion","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"text":" of","logprobs":null,"finish_reason":null}]}

        data: {"id":"id-7","object":"text_completion","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]}

        data: {"id":"id-7","object":"text_completion","created":1700000000,"model":"a \"model\"","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}

        data: [DONE]
        "#);
    }
}
