//! Lines of an event stream that are in no event.
//!
//! The format says to ignore them, and servers report errors in them: llama.cpp as a field, `error: {"code":400,…}`, and
//! gateways as a line of bare JSON, `{"error":{…}}`. Such a line is an error. The others are quoted when the response has
//! nothing else.

use serde_json::{Map, Value};

/// Most bytes that are kept of one response.
const KEPT_BYTES: usize = 4 << 10;

/// Lines that are no errors by themselves, as they came. Nothing is allocated where there are none.
#[derive(Debug, Default)]
pub(super) struct Strays(Vec<u8>);

impl Strays {
    /// Keeps a line, as far as there is room.
    pub(super) fn keep(&mut self, line: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.0.len());
        if room > 0 {
            self.0.extend_from_slice(&line[..line.len().min(room)]);
            self.0.push(b'\n');
        }
    }

    /// All of them, with a line feed behind each.
    pub(super) fn text(&self) -> &[u8] {
        self.0.trim_ascii()
    }
}

/// What a line, or several, says of an error, if it says so: the value of a field `error`, or a JSON object that is one.
pub(super) fn failure(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    if let Some(value) = line.strip_prefix(b"error:") {
        return Some(value.trim_ascii()).filter(|value| !matches!(*value, b"" | b"null" | b"false" | b"{}"));
    }
    let object =
        line.starts_with(b"{").then(|| serde_json::from_slice::<Map<String, Value>>(line).ok())??;
    let has = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let is_named = |name: &str| object.get(name).is_some_and(|value| value == "error");
    let is_refused = object.get("success") == Some(&Value::Bool(false));
    (has("error") || has("detail") || is_named("object") || is_named("type") || is_refused).then_some(line)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_field(
        br#"error: {"code":400,"message":"too long"}"#,
        Some(r#"{"code":400,"message":"too long"}"#)
    )]
    #[case::a_field_of_words(b"error:out of memory ", Some("out of memory"))]
    #[case::a_field_of_nothing(b"error: null", None)]
    #[case::bare_json(br#" {"error":{"message":"no"}}"#, Some(r#"{"error":{"message":"no"}}"#))]
    #[case::several_lines(b"{\n\"detail\":\n\"no\"}", Some("{\n\"detail\":\n\"no\"}"))]
    #[case::by_its_type(br#"{"type":"error","message":"no"}"#, Some(r#"{"type":"error","message":"no"}"#))]
    #[case::refused(br#"{"success":false,"message":"no"}"#, Some(r#"{"success":false,"message":"no"}"#))]
    #[case::no_error(br#"{"error":null,"choices":[]}"#, None)]
    #[case::half_of_one(br#"{"error":{"#, None)]
    #[case::another_field(b"errors: 3", None)]
    #[case::words(b"Bad Gateway", None)]
    fn a_line_is_an_error_or_it_is_not(#[case] line: &[u8], #[case] expected: Option<&str>) {
        assert_eq!(failure(line), expected.map(str::as_bytes));
    }

    #[test]
    fn a_flood_of_lines_is_not_kept() {
        let mut strays = Strays::default();
        for _ in 0..1000 {
            strays.keep(&[b'x'; 100]);
        }
        assert!(strays.text().len() <= KEPT_BYTES + 1);
    }
}
