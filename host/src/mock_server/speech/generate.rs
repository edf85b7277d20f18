//! Hugging Face's text-generation-inference: one event a token, and all of the text with the last one.

use serde_json::{Value, json};

use super::frames::{Frames, Speech, data};
use crate::mock_server::script::Channel;

/// The tokens of a stream.
#[derive(Debug)]
pub(super) struct Tokens {
    next: u64,
    text: String,
    details: Value,
}

impl Tokens {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        Self { next: 1, text: speech.text(0, Channel::Content), details: details(speech) }
    }
}

impl Frames for Tokens {
    fn begin(&mut self) -> String {
        String::new()
    }

    fn text(&mut self, _choice: u64, _channel: Channel, words: &str) -> String {
        let index = self.next;
        self.next += 1;
        format!(
            "data: {{\"index\":{index},\"token\":{{\"id\":{index},\"text\":\"{words}\",\"logprob\":-0.5,\
             \"special\":false}},\"generated_text\":null,\"details\":null}}\n\n"
        )
    }

    /// The end of the sequence is a token too, but a special one: no text.
    fn end(&mut self) -> Vec<String> {
        let token = json!({"id": 2, "text": "</s>", "logprob": -0.5, "special": true});
        let last = json!({
            "index": self.next, "token": token, "generated_text": self.text, "details": self.details,
        });
        vec![data(&last)]
    }
}

/// A whole answer.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    json!({"generated_text": speech.text(0, Channel::Content), "details": details(speech)})
}

fn details(speech: &Speech<'_>) -> Value {
    let reason = if speech.generation.limit.is_some() { "length" } else { "eos_token" };
    json!({
        "finish_reason": reason,
        "generated_tokens": speech.generation.counted.tokens,
        "input_length": speech.prompt_tokens,
        "seed": null,
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::stream;
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream_of_tokens() {
        assert_snapshot!(stream(Kind::Generate), @r#"
        data: {"index":1,"token":{"id":1,"text":" the","logprob":-0.5,"special":false},"generated_text":null,"details":null}

        data: {"index":2,"token":{"id":2,"text":" of","logprob":-0.5,"special":false},"generated_text":null,"details":null}

        data: {"index":3,"token":{"id":2,"text":"</s>","logprob":-0.5,"special":true},"generated_text":" the of","details":{"finish_reason":"length","generated_tokens":2,"input_length":3,"seed":null}}
        "#);
    }
}
