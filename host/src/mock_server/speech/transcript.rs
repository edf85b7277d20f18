//! Transcripts of speech, as OpenAI has them.

use serde_json::{Value, json};

use super::frames::{Frames, Speech, named};
use crate::mock_server::script::Channel;

/// Builds a stream's events.
#[derive(Debug)]
pub(super) struct Pieces {
    text: String,
    usage: Value,
}

impl Pieces {
    pub(super) fn new(speech: &Speech<'_>) -> Self {
        Self { text: speech.text(0, Channel::Content), usage: usage(speech) }
    }
}

impl Frames for Pieces {
    fn begin(&mut self) -> String {
        String::new()
    }

    fn text(&mut self, _choice: u64, _channel: Channel, words: &str) -> String {
        format!(
            "event: transcript.text.delta\ndata: {{\"type\":\"transcript.text.delta\",\"delta\":\"{words}\"}}\n\n"
        )
    }

    /// The whole text again, with the usage.
    fn end(&mut self) -> Vec<String> {
        vec![named(&json!({"type": "transcript.text.done", "text": self.text, "usage": self.usage}))]
    }
}

/// The answer that does not stream.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    json!({"text": speech.text(0, Channel::Content), "usage": usage(speech)})
}

fn usage(speech: &Speech<'_>) -> Value {
    let (input, output) = (speech.prompt_tokens, speech.generation.counted.tokens);
    json!({"type": "tokens", "input_tokens": input, "output_tokens": output, "total_tokens": input + output})
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::{stream, two_tokens};
    use super::*;
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream() {
        assert_snapshot!(stream(Kind::Transcript), @r#"
        event: transcript.text.delta
        data: {"type":"transcript.text.delta","delta":" the"}

        event: transcript.text.delta
        data: {"type":"transcript.text.delta","delta":" of"}

        event: transcript.text.done
        data: {"type":"transcript.text.done","text":" the of","usage":{"type":"tokens","input_tokens":3,"output_tokens":2,"total_tokens":5}}
        "#);
    }

    #[test]
    fn a_whole_one() {
        let json = two_tokens(Kind::Transcript, |speech| whole(&speech).to_string());
        assert_snapshot!(json, @r#"{"text":" the of","usage":{"type":"tokens","input_tokens":3,"output_tokens":2,"total_tokens":5}}"#);
        let plain = two_tokens(Kind::PlainTranscript, |speech| speech.page());
        assert_eq!(plain, ("text/plain; charset=utf-8", " the of".to_owned()));
    }
}
