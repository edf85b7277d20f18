//! Solido's answers from documents: pieces of content, and the sources with the last one.

use serde_json::{Value, json};

use super::frames::{Frames, Speech, data};
use crate::mock_server::script::Channel;

/// The pieces of a stream.
#[derive(Debug)]
pub(super) struct Pieces;

impl Pieces {
    pub(super) fn new(_speech: &Speech<'_>) -> Self {
        Self
    }
}

impl Frames for Pieces {
    fn begin(&mut self) -> String {
        String::new()
    }

    fn text(&mut self, _choice: u64, _channel: Channel, words: &str) -> String {
        format!("data: {{\"content\":\"{words}\"}}\n\n")
    }

    fn end(&mut self) -> Vec<String> {
        vec![data(&json!({"content": "", "sources": sources()}))]
    }
}

/// A whole answer.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    json!({"content": speech.text(0, Channel::Content), "sources": sources()})
}

fn sources() -> Value {
    json!([{"title": "A manual", "page": 7}])
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::stream;
    use crate::mock_server::job::Kind;

    #[test]
    fn a_stream_of_pieces() {
        assert_snapshot!(stream(Kind::Solido), @r#"
        data: {"content":" the"}

        data: {"content":" of"}

        data: {"content":"","sources":[{"title":"A manual","page":7}]}
        "#);
    }
}
