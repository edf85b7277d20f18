//! llama.cpp's own completions: pieces of content, and counts and timings with the last one.

use serde_json::{Value, json};

use super::frames::{Frames, Speech, data};
use crate::mock_server::script::Channel;

/// The pieces of a stream.
#[derive(Debug)]
pub(super) struct Pieces {
    last: Value,
}

impl Pieces {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        let mut last = whole(speech);
        last["content"] = "".into();
        Self { last }
    }
}

impl Frames for Pieces {
    fn begin(&mut self) -> String {
        String::new()
    }

    fn text(&mut self, _choice: u64, _channel: Channel, words: &str) -> String {
        format!(
            "data: {{\"index\":0,\"content\":\"{words}\",\"tokens\":[],\"stop\":false,\"id_slot\":0}}\n\n"
        )
    }

    fn end(&mut self) -> Vec<String> {
        vec![data(&self.last)]
    }
}

/// A whole answer.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let Speech { identity, prompt_tokens, generation, .. } = *speech;
    json!({
        "index": 0,
        "content": speech.text(0, Channel::Content),
        "id_slot": 0,
        "stop": true,
        "model": identity.model,
        "tokens_predicted": generation.counted.tokens,
        "tokens_evaluated": prompt_tokens,
        "stop_type": if generation.limit.is_some() { "limit" } else { "eos" },
        "stopping_word": "",
        "truncated": false,
        "tokens_cached": prompt_tokens + generation.counted.tokens - 1,
        "timings": {
            "prompt_n": prompt_tokens,
            "prompt_ms": 50.0,
            "predicted_n": generation.counted.tokens,
            "predicted_ms": generation.tokens * 10,
        },
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::stream;
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream_of_pieces() {
        assert_snapshot!(stream(Kind::Llama), @r#"
        data: {"index":0,"content":" the","tokens":[],"stop":false,"id_slot":0}

        data: {"index":0,"content":" of","tokens":[],"stop":false,"id_slot":0}

        data: {"index":0,"content":"","id_slot":0,"stop":true,"model":"a \"model\"","tokens_predicted":2,"tokens_evaluated":3,"stop_type":"limit","stopping_word":"","truncated":false,"tokens_cached":4,"timings":{"prompt_n":3,"prompt_ms":50.0,"predicted_n":2,"predicted_ms":20}}
        "#);
    }
}
