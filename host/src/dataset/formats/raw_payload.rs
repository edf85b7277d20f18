//! The `raw_payload` format: JSON Lines, one whole body a line, which is sent byte for byte.
//!
//! ```json
//! {"model": "m", "messages": [{"role": "user", "content": "Name three rivers."}], "stream": true}
//! ```

use std::path::Path;

use prony_plugin_api::PartKind;

use super::{FileError, lines, row::Row};
use crate::dataset::{Conversation, Part, Turn, build::session_id};

/// Reads a file's payloads, at most so many, in the file's order. What is in them is not counted.
pub(in crate::dataset) fn read(path: &Path, most: Option<usize>) -> Result<Vec<Conversation>, FileError> {
    let mut number = 0;
    lines::read(path, most, |line| {
        Row::parse(line)?;
        let payload = Part { kind: PartKind::RAW, name: String::new(), data: line.trim().to_owned() };
        let turn = Turn {
            role: "user".into(),
            parts: vec![payload],
            max_tokens: None,
            extra_json: String::new(),
            input_tokens: None,
        };
        let conversation = Conversation { id: session_id(number), turns: vec![turn] };
        number += 1;
        Ok(conversation)
    })
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fs};

    use tempfile::TempDir;

    use super::*;

    fn payloads(text: &str) -> Result<Vec<String>, String> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("p.jsonl");
        fs::write(&path, text).unwrap();
        let payload = |conversation: Conversation| conversation.turns[0].parts[0].data.clone();
        match read(&path, None) {
            Ok(conversations) => Ok(conversations.into_iter().map(payload).collect()),
            Err(error) => Err(error.source().map(ToString::to_string).unwrap_or_default()),
        }
    }

    #[test]
    fn a_payload_keeps_its_bytes() {
        let lines = payloads("{\"b\" : 1.50,\"a\":\"\\u00e9\"}\n\n {\"a\":[]}\r\n").unwrap();
        assert_eq!(lines, ["{\"b\" : 1.50,\"a\":\"\\u00e9\"}", "{\"a\":[]}"]);
    }

    #[test]
    fn a_line_that_is_no_body_is_refused() {
        assert_eq!(payloads("[1]").unwrap_err(), "the row is a list, not an object");
        assert!(payloads("{\"a\":").unwrap_err().contains("is not JSON"));
    }
}
