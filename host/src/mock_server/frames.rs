//! [`Frames`]: the server-sent events of one stream, as text.

use serde_json::{Value, json};

use super::{api_error::ApiError, fault::StreamErrorStyle, job::Kind, reply::Identity, script::Channel};

/// The last event of a stream that went well.
pub(super) const DONE: &str = "data: [DONE]\n\n";

/// Builds a stream's events around what they all share.
///
/// Token events are put together from text, not from JSON values: they are made a hundred thousand times a second, and
/// the words need no escaping.
#[derive(Debug)]
pub(super) struct Frames {
    kind: Kind,
    /// Everything up to the list of choices.
    opening: String,
}

impl Frames {
    pub(super) fn new(kind: Kind, identity: &Identity) -> Self {
        let object = match kind {
            Kind::Chat => "chat.completion.chunk",
            Kind::Completion => "text_completion",
        };
        let (id, model) = (Value::from(identity.id.as_str()), Value::from(identity.model.as_str()));
        let created = identity.created;
        let opening = format!(
            r#"data: {{"id":{id},"object":"{object}","created":{created},"model":{model},"choices":["#
        );
        Self { kind, opening }
    }

    /// The chunk that opens a choice of a chat: a role and an empty text, which no client may take for a token. A plain
    /// completion has none.
    pub(super) fn role(&self, choice: u64) -> Option<String> {
        (self.kind == Kind::Chat)
            .then(|| self.choice(choice, r#""delta":{"role":"assistant","content":""}"#, "null"))
    }

    /// A chunk of tokens.
    pub(super) fn text(&self, choice: u64, channel: Channel, words: &str) -> String {
        let content = match (self.kind, channel) {
            (Kind::Chat, Channel::Reasoning) => format!(r#""delta":{{"reasoning_content":"{words}"}}"#),
            (Kind::Chat, Channel::Content) => format!(r#""delta":{{"content":"{words}"}}"#),
            (Kind::Completion, _) => format!(r#""text":"{words}""#),
        };
        self.choice(choice, &content, "null")
    }

    /// The chunk that ends a choice.
    pub(super) fn finish(&self, choice: u64, reason: &str) -> String {
        let content = if self.kind == Kind::Chat { r#""delta":{}"# } else { r#""text":"""# };
        self.choice(choice, content, &format!(r#""{reason}""#))
    }

    /// The chunk without choices that carries the usage.
    pub(super) fn usage(&self, usage: &Value) -> String {
        format!("{}],\"usage\":{usage}}}\n\n", self.opening)
    }

    fn choice(&self, index: u64, content: &str, reason: &str) -> String {
        let opening = &self.opening;
        format!(
            "{opening}{{\"index\":{index},{content},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
        )
    }
}

/// An error in the middle of a stream, and what still follows it.
pub(super) fn stream_error(style: StreamErrorStyle, error: &ApiError) -> String {
    let body = error.body();
    match style {
        StreamErrorStyle::Vllm => format!("event: error\ndata: {body}\n\n{DONE}"),
        StreamErrorStyle::Bare => format!("data: {}\n\n", json!({"error": body["error"]})),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn identity() -> Identity {
        Identity { id: "chatcmpl-7".to_owned(), model: "a \"model\"".to_owned(), created: 1_700_000_000 }
    }

    #[test]
    fn a_chat_stream() {
        let frames = Frames::new(Kind::Chat, &identity());
        let events = [
            frames.role(0).unwrap(),
            frames.text(0, Channel::Reasoning, " the"),
            frames.text(1, Channel::Content, " of and"),
            frames.finish(0, "stop"),
            frames.usage(&json!({"total_tokens": 3})),
            DONE.to_owned(),
        ];
        assert_snapshot!(events.concat(), @r#"
        data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}

        data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"delta":{"reasoning_content":" the"},"logprobs":null,"finish_reason":null}]}

        data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":1,"delta":{"content":" of and"},"logprobs":null,"finish_reason":null}]}

        data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}

        data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1700000000,"model":"a \"model\"","choices":[],"usage":{"total_tokens":3}}

        data: [DONE]
        "#);
    }

    #[test]
    fn a_completions_stream() {
        let frames = Frames::new(Kind::Completion, &identity());
        assert_eq!(frames.role(0), None);
        let events = [frames.text(0, Channel::Content, " the"), frames.finish(0, "length")];
        assert_snapshot!(events.concat(), @r#"
        data: {"id":"chatcmpl-7","object":"text_completion","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"text":" the","logprobs":null,"finish_reason":null}]}

        data: {"id":"chatcmpl-7","object":"text_completion","created":1700000000,"model":"a \"model\"","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]}
        "#);
    }

    #[test]
    fn errors_in_both_styles() {
        let error = ApiError::malformed("no");
        assert_snapshot!(stream_error(StreamErrorStyle::Vllm, &error), @r#"
        event: error
        data: {"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}

        data: [DONE]
        "#);
        assert_snapshot!(stream_error(StreamErrorStyle::Bare, &error), @r#"data: {"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}"#);
    }
}
