//! Errors by kind: many failures become a few [`ErrorGroup`]s.
//!
//! Failures are of one kind when type, code and message are the same once the parts of the message that differ from
//! request to request (numbers, ids) are taken out. A kind is shown with its first message as it was.

use std::collections::{HashMap, hash_map::Entry};

use crate::{record::RequestFailure, request::failure_kind::FailureKind};

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorGroup {
    /// The first of them.
    pub(crate) sample: RequestFailure,
    /// How many there are.
    pub(crate) count: u64,
}

/// Whether a kind says everything: the messages of its failures only tell where in an answer it happened.
fn is_one_row(kind: &FailureKind) -> bool {
    use FailureKind::{Cancelled, ConnectionReset, StreamCut};
    kind.is_timeout() || matches!(kind, StreamCut | ConnectionReset | Cancelled)
}

/// Longer messages are compared by their beginning: a server may answer with a whole page.
const COMPARED_CHARS: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: FailureKind,
    code: Option<u32>,
    message: String,
}

/// Where a record stands in the journal. The first of several failures is the one that stands before the others, in whatever
/// order they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Number of the piece of the journal.
    pub(super) piece: u64,
    /// Number of the record in the piece.
    pub(super) record: usize,
}

#[derive(Clone, Debug)]
struct Group {
    first: Position,
    sample: RequestFailure,
    count: u64,
}

/// Collects failures by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorGroups(HashMap<Key, Group>);

impl ErrorGroups {
    /// Counts a failure.
    pub(super) fn record(&mut self, failure: &RequestFailure, at: Position) {
        self.take(Key::of(failure), Group { first: at, sample: failure.clone(), count: 1 });
    }

    /// Takes in those of another collector.
    pub(crate) fn merge(&mut self, other: Self) {
        for (key, group) in other.0 {
            self.take(key, group);
        }
    }

    fn take(&mut self, key: Key, group: Group) {
        match self.0.entry(key) {
            Entry::Vacant(new) => drop(new.insert(group)),
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.count += group.count;
                if group.first < known.first {
                    (known.first, known.sample) = (group.first, group.sample);
                }
            }
        }
    }

    /// The groups, largest first; among equals the one that came first.
    pub(crate) fn into_groups(self) -> Vec<ErrorGroup> {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.count), group.first));
        groups.into_iter().map(|Group { sample, count, .. }| ErrorGroup { sample, count }).collect()
    }
}

impl Key {
    fn of(failure: &RequestFailure) -> Self {
        let message = if is_one_row(&failure.kind) { String::new() } else { normalise(&failure.message) };
        Self { kind: failure.kind.clone(), code: failure.code, message }
    }
}

/// Replaces what differs between equal failures: `<id>` for ids, `<n>` for other numbers.
fn normalise(message: &str) -> String {
    let mut normal = String::new();
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        if normal.len() >= COMPARED_CHARS {
            break;
        }
        let (token, replacement) = quoted_id(rest).or_else(|| word(rest)).unwrap_or_else(|| {
            let other = &rest[..first.len_utf8()];
            (other, other.to_owned())
        });
        normal.push_str(&replacement);
        rest = &rest[token.len()..];
    }
    normal
}

/// A quoted name with a digit in it, at the beginning of the text: most likely an id.
fn quoted_id(text: &str) -> Option<(&str, String)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let inside = text[1..].split_once(quote)?.0;
    let is_name = inside.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/'));
    (is_name && inside.contains(|c: char| c.is_ascii_digit()))
        .then(|| (&text[..inside.len() + 2], format!("{quote}<id>{quote}")))
}

/// A word at the beginning of the text: letters, digits, and what joins them to an id or a number.
fn word(text: &str) -> Option<(&str, String)> {
    let end =
        text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.')).unwrap_or(text.len());
    let word = &text[..end];
    (!word.is_empty()).then(|| (word, if is_uuid(word) { "<id>".to_owned() } else { without_numbers(word) }))
}

fn is_uuid(word: &str) -> bool {
    let lengths = word.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

/// Shorter pieces of letters and digits are names such as `v1`, longer ones ids such as `8f3a91c`.
const SHORTEST_ID: usize = 6;

fn without_numbers(word: &str) -> String {
    let mut normal = String::new();
    for part in word.split_inclusive(['-', '_', '.']) {
        let piece = part.trim_end_matches(['-', '_', '.']);
        let has_digit = piece.contains(|c: char| c.is_ascii_digit());
        let has_letter = piece.contains(char::is_alphabetic);
        if has_digit && has_letter && piece.len() >= SHORTEST_ID {
            normal.push_str("<id>");
        } else {
            collapse_digits(piece, &mut normal);
        }
        normal.push_str(&part[piece.len()..]);
    }
    // A fraction is one number.
    normal.replace("<n>.<n>", "<n>")
}

fn collapse_digits(piece: &str, normal: &mut String) {
    let mut in_number = false;
    for c in piece.chars() {
        match (c.is_ascii_digit(), in_number) {
            (true, true) => {}
            (true, false) => normal.push_str("<n>"),
            (false, _) => normal.push(c),
        }
        in_number = c.is_ascii_digit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn error(kind: &str, code: Option<u32>, message: &str) -> RequestFailure {
        RequestFailure { kind: kind.into(), code, message: message.into(), ..RequestFailure::default() }
    }

    fn groups(errors: &[RequestFailure]) -> Vec<(String, u64)> {
        let mut groups = ErrorGroups::default();
        for (failure, record) in errors.iter().zip(0..) {
            groups.record(failure, Position { piece: 0, record });
        }
        groups.into_groups().into_iter().map(|group| (group.sample.message, group.count)).collect()
    }

    #[rstest]
    #[case::plain("connection refused", "connection refused")]
    #[case::number("limit of 8192 tokens", "limit of <n> tokens")]
    #[case::fraction("after 12.5 s", "after <n> s")]
    #[case::address("connect to 127.0.0.1:8000", "connect to <n>.<n>:<n>")]
    #[case::uuid("request 6f1e3a52-07c4-4c1b-9c58-d1b2ab3d9e11 failed", "request <id> failed")]
    #[case::hex("trace 8f3a91c0deadbeef", "trace <id>")]
    #[case::prefixed("chatcmpl-9xQ2mLk4 aborted", "chatcmpl-<id> aborted")]
    #[case::quoted("request `req.7/b` is unknown", "request `<id>` is unknown")]
    #[case::quoted_name("model `llama` is unknown", "model `llama` is unknown")]
    #[case::quoted_sentence("\"try 2 of 3\"", "\"try <n> of <n>\"")]
    #[case::version("path /v1/models", "path /v<n>/models")]
    #[case::not_ascii("größe 5 → ‘7’", "größe <n> → ‘<n>’")]
    fn messages_lose_what_differs(#[case] message: &str, #[case] normal: &str) {
        assert_eq!(normalise(message), normal);
    }

    #[test]
    fn one_kind_is_one_row_with_the_first_message() {
        let errors = [
            error("http_status", Some(429), "slow down"),
            error("http_status", Some(500), "worker 3 died at 1718.25"),
            error("http_status", Some(500), "worker 17 died at 1719"),
            error("server_error", Some(500), "worker 3 died at 1718.25"),
        ];
        let expected = [("worker 3 died at 1718.25", 2), ("slow down", 1), ("worker 3 died at 1718.25", 1)];
        assert_eq!(groups(&errors), expected.map(|(message, count)| (message.to_owned(), count)));
    }

    #[test]
    fn a_cut_stream_is_one_row_wherever_it_was_cut() {
        let errors = [
            error("stream_cut", None, "the stream ended after the word `one`"),
            error("stream_cut", None, "the stream ended inside an event"),
        ];
        assert_eq!(groups(&errors), [("the stream ended after the word `one`".to_owned(), 2)]);
    }

    proptest! {
        #[test]
        fn failures_split_in_any_way_are_the_same_groups(
            failures in prop::collection::vec((0..4_u32, 0..3_u64, 0..3_usize), 0..30),
            order in Just([0, 1, 2]).prop_shuffle(),
        ) {
            let mut whole = ErrorGroups::default();
            let mut parts = [(); 3].map(|()| ErrorGroups::default());
            for (record, (code, piece, part)) in failures.iter().enumerate() {
                let failure = error("http_status", Some(*code), &format!("worker {record}"));
                let at = Position { piece: *piece, record };
                whole.record(&failure, at);
                parts[*part].record(&failure, at);
            }
            let mut merged = ErrorGroups::default();
            for part in order {
                merged.merge(std::mem::take(&mut parts[part]));
            }
            prop_assert_eq!(merged.into_groups(), whole.into_groups());
        }

        #[test]
        fn numbers_never_make_a_row_of_their_own(a in 0..u64::MAX, b in 0..u64::MAX, text in "[a-z ]{0,20}") {
            prop_assert_eq!(normalise(&format!("{text} {a} x")), normalise(&format!("{text} {b} x")));
        }

        #[test]
        fn any_text_can_be_normalised(text in "\\PC{0,400}") {
            prop_assert!(normalise(&text).chars().filter(char::is_ascii_digit).count() == 0);
        }
    }
}
