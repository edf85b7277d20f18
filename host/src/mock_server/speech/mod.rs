//! What generated text looks like in each API format: [`Frames`] of a stream, and whole answers.
//!
//! One file an API format. Token events are put together from text, not from JSON values: they are made a hundred thousand
//! times a second, and the words need no escaping.

mod bedrock;
mod frames;
mod generate;
mod infer;
mod llama;
mod messages;
mod ollama;
mod openai;
mod responses;
mod solido;
mod transcript;

use serde_json::{Value, json};

use frames::data;
pub(super) use frames::{Frames, Speech};

use super::{api_error::ApiError, fault::StreamErrorStyle, job::Kind, script::Channel};

impl Speech<'_> {
    /// The frames of an answer that streams.
    pub(super) fn frames(&self) -> Box<dyn Frames> {
        match self.generation.kind {
            Kind::Chat | Kind::Completion => Box::new(openai::Chunks::new(self)),
            Kind::Responses => Box::new(responses::Events::new(self)),
            Kind::Messages => Box::new(messages::Blocks::new(self)),
            Kind::Generate => Box::new(generate::Tokens::new(self)),
            Kind::Llama => Box::new(llama::Pieces::new(self)),
            Kind::Converse => Box::new(bedrock::Events::new(self)),
            Kind::Ollama => Box::new(ollama::Lines::new(self)),
            Kind::Transcript | Kind::PlainTranscript => Box::new(transcript::Pieces::new(self)),
            // The open inference protocol does not stream over HTTP, and is never asked to.
            Kind::Solido | Kind::Infer => Box::new(solido::Pieces::new(self)),
        }
    }

    /// An answer that does not.
    pub(super) fn whole(&self) -> Value {
        match self.generation.kind {
            Kind::Chat | Kind::Completion => openai::whole(self),
            Kind::Responses => responses::whole(self),
            Kind::Messages => messages::whole(self),
            Kind::Generate => generate::whole(self),
            Kind::Llama => llama::whole(self),
            Kind::Converse => bedrock::whole(self),
            Kind::Ollama => ollama::whole(self),
            Kind::Solido => solido::whole(self),
            Kind::Infer => infer::whole(self),
            Kind::Transcript | Kind::PlainTranscript => transcript::whole(self),
        }
    }

    /// The same as a body, with its type.
    pub(super) fn page(&self) -> (&'static str, String) {
        match self.generation.kind {
            Kind::PlainTranscript => ("text/plain; charset=utf-8", self.text(0, Channel::Content)),
            _ => ("application/json", self.whole().to_string()),
        }
    }
}

/// What a stream of this kind says it is.
pub(super) fn content_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Ollama => "application/x-ndjson",
        Kind::Converse => "application/vnd.amazon.eventstream",
        _ => "text/event-stream; charset=utf-8",
    }
}

/// The bytes of some events of this kind.
pub(super) fn on_wire(kind: Kind, events: String) -> Vec<u8> {
    if kind == Kind::Converse { bedrock::on_wire(&events) } else { events.into_bytes() }
}

/// An error in the middle of a stream, and what still follows it.
pub(super) fn stream_error(kind: Kind, style: StreamErrorStyle, error: &ApiError) -> String {
    let body = error.body();
    let message = &body["error"]["message"];
    match kind {
        Kind::Ollama => return format!("{}\n", json!({"error": message})),
        Kind::Converse => return bedrock::exception(message),
        _ => {}
    }
    let body = match kind {
        Kind::Messages => json!({"type": "error", "error": body["error"]}),
        Kind::Responses => {
            let error = &body["error"];
            json!({"type": "error", "code": error["type"], "message": error["message"], "param": error["param"]})
        }
        _ => json!({"error": body["error"]}),
    };
    match (style, kind) {
        (StreamErrorStyle::Vllm, Kind::Chat | Kind::Completion) => {
            format!("event: error\ndata: {body}\n\n{}", openai::DONE)
        }
        (StreamErrorStyle::Vllm, _) => format!("event: error\n{}", data(&body)),
        (StreamErrorStyle::Bare, _) => data(&body),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::mock_server::{
        fields::Delivery,
        job::{Counted, Generation},
        reply::Identity,
    };

    /// The one answer that all snapshots are of: two tokens, the first of them a thought where there are thoughts.
    pub(super) fn two_tokens<T>(kind: Kind, test: impl FnOnce(Speech<'_>) -> T) -> T {
        let identity = Identity {
            id: "id-7".to_owned(),
            model: "a \"model\"".to_owned(),
            created: 1_700_000_000,
            number: 7,
        };
        let reasoning = u64::from(kind.reasons());
        let delivery = Delivery::Stream { usage: true };
        let counted = Counted { tokens: 2, reasoning };
        let generation = Generation {
            kind,
            limit: Some(2),
            tokens: 2,
            reasoning,
            tools: Vec::new(),
            counted,
            choices: 1,
            delivery,
        };
        test(Speech { identity: &identity, prompt_tokens: 3, cached_tokens: None, generation: &generation })
    }

    /// Its whole stream.
    pub(super) fn stream(kind: Kind) -> String {
        two_tokens(kind, |speech| {
            let mut frames = speech.frames();
            let channel =
                if speech.generation.reasoning == 1 { Channel::Reasoning } else { Channel::Content };
            let mut events = frames.begin();
            events += &frames.text(0, channel, " the");
            events += &frames.text(0, Channel::Content, " of");
            events + &frames.end().concat()
        })
    }

    #[test]
    fn errors_in_both_styles() {
        let error = ApiError::malformed("no");
        assert_snapshot!(stream_error(Kind::Chat, StreamErrorStyle::Vllm, &error), @r#"
        event: error
        data: {"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}

        data: [DONE]
        "#);
        assert_snapshot!(stream_error(Kind::Chat, StreamErrorStyle::Bare, &error), @r#"data: {"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}"#);
        assert_snapshot!(stream_error(Kind::Messages, StreamErrorStyle::Bare, &error), @r#"data: {"type":"error","error":{"message":"no","type":"BadRequestError","param":null,"code":400}}"#);
        assert_snapshot!(stream_error(Kind::Ollama, StreamErrorStyle::Vllm, &error), @r#"{"error":"no"}"#);
        assert_snapshot!(stream_error(Kind::Responses, StreamErrorStyle::Vllm, &error), @r#"
        event: error
        data: {"type":"error","code":"BadRequestError","message":"no","param":null}
        "#);
    }
}
