//! What goes into a call and what comes out of it, for a trace: named pieces, cut to a length that can be kept.

use serde::{Deserialize, Serialize};

use crate::{
    error::{PluginError, Result},
    testing::{Answer, Request, Turn},
};

/// Bytes of a piece that are kept.
const KEPT: usize = 4096;

/// Pieces of one call that are kept.
const MOST: usize = 256;

/// The piece that says what was not kept.
const LEFT_OUT: &str = "left_out";

/// A part of what went into a call or came out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// What it is, such as `data` or `text`.
    pub name: String,
    /// Its size, whole. What is kept of it has at most 4096 bytes.
    pub bytes: u64,
    /// Its beginning, where that is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its beginning in hexadecimal digits, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

impl Piece {
    /// A piece that may be of any bytes.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let kept = &bytes[..bytes.len().min(KEPT)];
        let (text, hex) = match std::str::from_utf8(kept) {
            Ok(text) => (Some(text.to_owned()), None),
            // The cut went through a character.
            Err(error) if error.error_len().is_none() && bytes.len() > kept.len() => {
                (Some(String::from_utf8_lossy(&kept[..error.valid_up_to()]).into_owned()), None)
            }
            Err(_) => (None, Some(digits(kept))),
        };
        Self { name: name.to_owned(), bytes: bytes.len() as u64, text, hex }
    }

    /// A piece that stands for so many others, which have so many bytes; nothing for none.
    fn left_out(pieces: usize, bytes: u64) -> Option<Self> {
        let text = format!("{pieces} more pieces");
        (pieces > 0).then(|| Self { name: LEFT_OUT.to_owned(), bytes, text: Some(text), hex: None })
    }
}

/// Two hexadecimal digits for each byte.
fn digits(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

/// Chunks in the order in which they arrive.
pub(super) fn chunks(chunks: &[&[u8]]) -> Vec<Piece> {
    let (kept, left) = chunks.split_at(chunks.len().min(MOST));
    let mut pieces: Vec<Piece> = kept.iter().map(|chunk| Piece::new("chunk", chunk)).collect();
    pieces.extend(Piece::left_out(left.len(), left.iter().map(|chunk| chunk.len() as u64).sum()));
    pieces
}

/// An event.
pub(super) fn event(name: &str, data: &[u8]) -> Vec<Piece> {
    vec![Piece::new("name", name.as_bytes()), Piece::new("data", data)]
}

/// A whole response.
pub(super) fn body(status: u32, body: &[u8]) -> Vec<Piece> {
    vec![Piece::new("status", status.to_string().as_bytes()), Piece::new("body", body)]
}

/// A turn that is to be formatted.
pub(super) fn turn(turn: &Turn) -> Vec<Piece> {
    vec![Piece::new("turn", format!("{turn:?}").as_bytes())]
}

/// What `format` wrote, or its error.
pub(super) fn request(result: &Result<Request>) -> Vec<Piece> {
    let request = match result {
        Ok(request) => request,
        Err(error) => return vec![failure(error)],
    };
    let mut pieces: Vec<Piece> =
        request.path.iter().map(|path| Piece::new("path", path.as_bytes())).collect();
    for (name, value) in &request.headers {
        pieces.push(Piece::new("header", format!("{name}: {value}").as_bytes()));
    }
    if let Some((name, prefix)) = &request.api_key_header {
        pieces.push(Piece::new("api_key_header", format!("{name}: {prefix}").as_bytes()));
    }
    for part in &request.parts {
        pieces.push(Piece::new(&format!("part {}", part.name), &part.bytes));
    }
    if request.parts.is_empty() {
        pieces.push(Piece::new("body", &request.body));
    }
    let left = pieces.split_off(pieces.len().min(MOST));
    pieces.extend(Piece::left_out(left.len(), left.iter().map(|piece| piece.bytes).sum()));
    pieces
}

/// What a call returned that has nothing to show but its error.
pub(super) fn outcome<T>(result: &Result<T>) -> Vec<Piece> {
    match result {
        Ok(_) => vec![Piece::new("returned", b"")],
        Err(error) => vec![failure(error)],
    }
}

/// What a parser reported.
pub(super) fn answer(answer: &Answer) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut left, mut left_bytes) = (0_usize, 0_u64);
    let mut add = |name: &str, text: String| {
        if pieces.len() < MOST {
            pieces.push(Piece::new(name, text.as_bytes()));
        } else {
            left += 1;
            left_bytes += text.len() as u64;
        }
    };
    for passage in &answer.passages {
        add(&format!("text, choice {}, kind {}", passage.choice, passage.kind.0), passage.text.clone());
    }
    for call in &answer.tool_calls {
        let name = format!("tool_call, choice {}, index {}", call.choice, call.index);
        add(&name, format!("{} {} {}", call.id, call.name, call.arguments));
    }
    for (choice, reason) in &answer.finish_reasons {
        add(&format!("finish, choice {choice}"), reason.clone());
    }
    for error in &answer.errors {
        let code = error.code.map(|code| format!("{code} ")).unwrap_or_default();
        add("error", format!("{code}{} {}", error.kind, error.message));
    }
    for (index, dimensions) in &answer.embeddings {
        add("embedding", format!("{index}: {dimensions}"));
    }
    for (index, score) in &answer.rankings {
        add("ranking", format!("{index}: {score}"));
    }
    for medium in &answer.media {
        add("media", format!("{} {} bytes {}", medium.content_type, medium.bytes, medium.url));
    }
    for (path, after_ms) in &answer.follow_ups {
        add("follow_up", format!("{path} after {after_ms} ms"));
    }
    for (name, value) in &answer.facts {
        add(&format!("fact {name}"), value.clone());
    }
    if let Some(usage) = &answer.usage {
        add("usage", format!("{usage:?}"));
    }
    if answer.done {
        add("done", String::new());
    }
    pieces.extend(Piece::left_out(left, left_bytes));
    pieces.extend(answer.failure.iter().map(failure));
    pieces
}

fn failure(error: &PluginError) -> Piece {
    Piece::new(&format!("returned a `{}` error", error.kind.name()), error.message.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::host::ResponseSink;

    #[test]
    fn a_piece_keeps_its_size_and_its_beginning() {
        let whole = Piece::new("data", "żółć".as_bytes());
        assert_eq!((whole.bytes, whole.text.as_deref()), (8, Some("żółć")));
        // Every character has two bytes, so that the cut goes through one.
        let cut = Piece::new("data", format!("a{}", "ż".repeat(KEPT)).as_bytes());
        assert_eq!(cut.bytes, 2 * KEPT as u64 + 1);
        assert_eq!(cut.text.map(|text| text.len()), Some(KEPT - 1));
    }

    #[test]
    fn what_is_no_text_is_kept_in_digits() {
        let piece = Piece::new("data", b"\xff\x0a");
        assert_eq!((piece.text, piece.hex.as_deref()), (None, Some("ff0a")));
    }

    #[test]
    fn what_is_too_many_pieces_is_counted() {
        let few = [&b"ab"[..]; MOST];
        assert_eq!(chunks(&few).len(), MOST);
        let many = [&b"ab"[..]; MOST + 3];
        let last = chunks(&many).pop().unwrap();
        assert_eq!((last.name.as_str(), last.bytes), ("left_out", 6));
        assert_eq!(last.text.as_deref(), Some("3 more pieces"));
        let mut said = Answer::default();
        for _ in 0..=MOST {
            said.finish(1, "stop");
        }
        let last = answer(&said).pop().unwrap();
        assert_eq!((last.name.as_str(), last.bytes), ("left_out", 4));
    }

    #[test]
    fn an_answer_is_told_with_its_failure_last() {
        let mut said = Answer::default();
        said.finish(1, "stop");
        said.done();
        said.failure = Some(PluginError::malformed("read it"));
        let names: Vec<String> = answer(&said).into_iter().map(|piece| piece.name).collect();
        assert_eq!(names, ["finish, choice 1", "done", "returned a `malformed` error"]);
    }
}
