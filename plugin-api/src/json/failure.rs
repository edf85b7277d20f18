//! Errors as servers report them.
//!
//! There is one documented shape and there are a handful of real ones:
//! `{"error": {…}}`, `{"error": "text"}`, `{"type": "error", "error": {…}}`, `{"detail": "text"}`,
//! `{"detail": [{"loc": […], "msg": …}]}`, `{"object": "error", "message": …}`, `{"success": false, "message": …}`, any
//! of them as the only element of a list, and plain text. Nothing here is on the hot path.

use std::fmt;

use serde::Deserialize;
use serde_json::{Error, Map, Value};

use crate::{
    endpoint::EventSink,
    error::{PluginError, Result},
};

/// Longest message that is passed on, in characters: a validation error may quote a whole prompt.
const MESSAGE_LIMIT: usize = 1000;
/// Longest excerpt of an unreadable answer, in characters.
const EXCERPT_LIMIT: usize = 80;

/// How much is quoted before the place of an error in JSON, in bytes.
const CONTEXT_BYTES: usize = 40;

/// What a server says went wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    code: Option<u32>,
    kind: Option<String>,
    message: String,
}

impl Failure {
    /// Looks for an error in something that may as well be a good answer.
    pub fn find(data: &[u8]) -> Option<Self> {
        Self::of(&serde_json::from_slice(data).ok()?)
    }

    /// Reads something that is known to be an error: the body of an error status, the data of an `error` event.
    pub fn read(data: &[u8]) -> Self {
        let json = serde_json::from_slice(data).unwrap_or_default();
        Self::of(&json)
            .or_else(|| json.as_object().filter(|fields| fields.contains_key("message")).map(Self::of_object))
            .unwrap_or_else(|| Self::of_text(&String::from_utf8_lossy(data)))
    }

    /// Takes a text for the whole of it.
    pub fn of_text(text: &str) -> Self {
        let message = match text.trim() {
            "" => "the server gives no reason".to_owned(),
            text => bounded(text, MESSAGE_LIMIT),
        };
        Self { code: None, kind: None, message }
    }

    /// Reports it. `status` is the HTTP status, if that is what makes it an error.
    pub fn report(&self, status: Option<u32>, out: &mut EventSink<'_>) {
        let fallback = if status.is_some() { "http_status" } else { "server_error" };
        out.error(self.code.or(status), self.kind.as_deref().unwrap_or(fallback), &self.message);
    }

    /// What the server says of it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Looks for an error in JSON.
    pub fn of(answer: &Value) -> Option<Self> {
        let fields = match answer {
            Value::Array(items) if items.len() == 1 => return Self::of(&items[0]),
            Value::Object(fields) => fields,
            _ => return None,
        };
        let member = |name| fields.get(name).filter(|value| !is_blank(value));
        match (member("error"), member("detail")) {
            (Some(Value::Object(error)), _) => Some(Self::of_object(error)),
            (Some(error), _) => Some(Self { message: message(error), ..Self::of_object(fields) }),
            (None, Some(detail)) => Some(Self { message: message(detail), ..Self::of_object(fields) }),
            (None, None) => {
                let is_error = |name: &&str| fields.get(*name).is_some_and(|value| value == "error");
                let is_refused = || fields.get("success") == Some(&Value::Bool(false));
                (["object", "type"].iter().any(is_error) || is_refused()).then(|| Self::of_object(fields))
            }
        }
    }

    fn of_object(fields: &Map<String, Value>) -> Self {
        let text =
            |name: &str| fields.get(name)?.as_str().filter(|text| !text.is_empty() && *text != "error");
        let number = |name: &str| number(fields.get(name)?);
        let symbol = |name: &str| text(name).filter(|text| text.parse::<u32>().is_err());
        Self {
            code: number("code").or_else(|| number("status")),
            kind: text("type")
                .or_else(|| text("error_type"))
                .or_else(|| symbol("code"))
                .or_else(|| symbol("status"))
                .map(str::to_owned),
            message: match fields.get("message").filter(|value| !is_blank(value)) {
                Some(said) => message(said),
                None => bounded(&Value::Object(fields.clone()).to_string(), MESSAGE_LIMIT),
            },
        }
    }
}

/// Reads a whole answer of any status as a `T`, or reports what it says went wrong. `expected` is a noun phrase for what
/// it should be, and `is_one` whether what was read is that: everything in a `T` may be optional.
///
/// `None` means that a failure was reported.
///
/// # Errors
/// `malformed` when it is neither a `T` nor a failure in a known shape.
pub fn answer<'a, T: Deserialize<'a>>(
    status: u32,
    body: &'a [u8],
    expected: &str,
    is_one: impl FnOnce(&T) -> bool,
    out: &mut EventSink<'_>,
) -> Result<Option<T>> {
    // What stands in front of it counts where an error says at which byte it is.
    let body = body.trim_ascii_end();
    if !(200..300).contains(&status) {
        Failure::read(body).report(Some(status), out);
        return Ok(None);
    }
    match serde_json::from_slice(body) {
        Ok(answer) if is_one(&answer) => Ok(Some(answer)),
        Ok(_) => {
            Failure::find(body).ok_or_else(|| unexpected(body, expected))?.report(None, out);
            Ok(None)
        }
        Err(error) => unreadable(body, expected, &error, out).map(|()| None),
    }
}

/// Reads an event of a stream as a `T`, or reports what it says went wrong. `None` means that there is nothing to read
/// in it: it was a failure, or no more than `null`.
///
/// # Errors
/// `malformed` when it is neither a `T` nor a failure in a known shape.
pub fn event<'a, T: Deserialize<'a>>(
    name: &str,
    data: &'a [u8],
    expected: &str,
    out: &mut EventSink<'_>,
) -> Result<Option<T>> {
    let data = data.trim_ascii();
    if name.eq_ignore_ascii_case("error") {
        Failure::read(data).report(None, out);
        return Ok(None);
    }
    // llama.cpp opens a stream for several prompts with `null`.
    if matches!(data, b"" | b"null") {
        return Ok(None);
    }
    match parse(data) {
        Ok(event) => Ok(Some(event)),
        Err(error) if matches!(data.first(), Some(b'{' | b'[' | b'"')) => {
            unreadable(data, expected, &error, out).map(|()| None)
        }
        // No JSON was even begun: a server's or a proxy's plain words in the middle of a stream.
        Err(_) => {
            Failure::of_text(&String::from_utf8_lossy(data)).report(None, out);
            Ok(None)
        }
    }
}

/// The whole answer in an event, of an API format that does not stream, from a server that does anyway. `None` means that there
/// is none: it was a failure, which was reported, or an end marker.
pub fn whole_event<'a>(name: &str, data: &'a [u8], out: &mut EventSink<'_>) -> Option<&'a [u8]> {
    let data = data.trim_ascii();
    if name.eq_ignore_ascii_case("error") {
        Failure::read(data).report(None, out);
        return None;
    }
    Some(data).filter(|data| !matches!(*data, b"" | b"null" | b"[DONE]"))
}

/// Reads JSON. Whether it is UTF-8 is asked once for all of it, and not of each of its texts.
fn parse<'a, T: Deserialize<'a>>(data: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(data) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(data),
    }
}

/// Deals with an answer that could not be read as `expected`, a noun phrase: it may still be a failure in a known shape.
///
/// # Errors
/// `malformed` when it is not.
pub fn unreadable(data: &[u8], expected: &str, cause: &Error, out: &mut EventSink<'_>) -> Result<()> {
    match Failure::find(data) {
        Some(failure) => {
            failure.report(None, out);
            Ok(())
        }
        // It is JSON, and `cause` names the member that has the wrong type.
        None if cause.is_data() => Err(malformed(cause)),
        None if matches!(data.trim_ascii_start().first(), Some(b'{' | b'[')) => Err(broken(data, cause)),
        None => Err(unexpected(data, expected)),
    }
}

/// The error for JSON that is none: what is wrong, and at which byte, counted from 1.
fn broken(data: &[u8], cause: &Error) -> PluginError {
    if let Err(error) = std::str::from_utf8(data) {
        let place = error.valid_up_to() + 1;
        return malformed(format_args!("byte {place} of its JSON is not UTF-8: `{}`", around(data, place)));
    }
    if cause.is_eof() {
        let place = data.len();
        return malformed(format_args!("its JSON breaks off after byte {place}: `{}`", around(data, place)));
    }
    let lines = data.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(cause.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let place = (before + cause.column()).clamp(1, data.len().max(1));
    let text = cause.to_string();
    let what = match text.split(" at line ").next().unwrap_or_default() {
        "unexpected end of hex escape" | "lone leading surrogate in hex escape" => {
            "a lone surrogate in an escape, which stands for no character"
        }
        what => what,
    };
    malformed(format_args!("byte {place} of its JSON is wrong, {what}: `{}`", around(data, place)))
}

/// What stands before a place, and a little of what follows.
fn around(data: &[u8], place: usize) -> String {
    let (start, end) = (place.saturating_sub(CONTEXT_BYTES), (place + CONTEXT_BYTES / 4).min(data.len()));
    let text = String::from_utf8_lossy(&data[start.min(end)..end]);
    let text = text.trim_start_matches('\u{fffd}');
    let (before, after) = (if start > 0 { "…" } else { "" }, if end < data.len() { "…" } else { "" });
    format!("{before}{text}{after}")
}

/// The error for an answer that is neither `expected`, a noun phrase, nor a failure in a known shape.
pub fn unexpected(data: &[u8], expected: &str) -> PluginError {
    let data = data.trim_ascii();
    let found = match serde_json::from_slice(data) {
        Ok(Value::Object(fields)) if !fields.is_empty() => {
            let names: Vec<String> = fields.keys().take(8).map(|name| format!("`{name}`")).collect();
            format!("an object with {}", names.join(", "))
        }
        _ if data.is_empty() => "nothing".to_owned(),
        _ => format!("`{}`", bounded(&String::from_utf8_lossy(data), EXCERPT_LIMIT)),
    };
    malformed(format_args!("found {found} where {expected} was expected"))
}

fn malformed(what: impl fmt::Display) -> PluginError {
    PluginError::malformed(format_args!("read the response: {what}"))
        .hint("check the URL and the endpoint type: another API format, or a proxy, may be answering")
}

/// `null`, `false`, `""`, `{}` and `[]`: how servers say that there is no error.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64()?.try_into().ok(),
    }
}

/// What a `message`, an `error` or a `detail` says, whatever its type.
fn message(said: &Value) -> String {
    let text = match said {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(findings) => findings.iter().map(finding).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    bounded(&text, MESSAGE_LIMIT)
}

/// One finding of a validator: where, and what.
fn finding(finding: &Value) -> String {
    let Some(what) = finding.get("msg").and_then(Value::as_str) else {
        return finding.as_str().map_or_else(|| finding.to_string(), str::to_owned);
    };
    let path = finding.get("loc").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    match path.iter().map(step).collect::<Vec<_>>().join(".") {
        path if path.is_empty() => what.to_owned(),
        path => format!("{path}: {what}"),
    }
}

fn bounded(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn failure(code: Option<u32>, kind: Option<&str>, message: &str) -> Failure {
        Failure { code, kind: kind.map(str::to_owned), message: message.to_owned() }
    }

    #[rstest]
    #[case::object(r#"{"error":{"message":"m","type":"t","code":400}}"#, Some(400), Some("t"), "m")]
    #[case::symbolic_code(
        r#"{"error":{"message":"m","type":null,"code":"quota"}}"#,
        None,
        Some("quota"),
        "m"
    )]
    #[case::numeric_text_code(r#"{"error":{"message":"m","code":"429"}}"#, Some(429), None, "m")]
    #[case::typed(r#"{"type":"error","error":{"type":"busy","message":"m"}}"#, None, Some("busy"), "m")]
    #[case::text(r#"{"error":"m","error_type":"validation"}"#, None, Some("validation"), "m")]
    #[case::detail(r#"{"detail":"m"}"#, None, None, "m")]
    #[case::findings(
        r#"{"detail":[{"loc":["body","messages",0],"msg":"missing"},{"msg":"bad"}]}"#,
        None,
        None,
        "body.messages.0: missing; bad"
    )]
    #[case::flat(r#"{"object":"error","message":"m","type":"t","code":404}"#, Some(404), Some("t"), "m")]
    #[case::in_a_list(
        r#"[{"error":{"code":400,"message":"m","status":"BAD"}}]"#,
        Some(400),
        Some("BAD"),
        "m"
    )]
    #[case::without_a_message(r#"{"error":{"reason":"x"}}"#, None, None, r#"{"reason":"x"}"#)]
    fn every_shape_is_recognised(
        #[case] json: &str,
        #[case] code: Option<u32>,
        #[case] kind: Option<&str>,
        #[case] message: &str,
    ) {
        assert_eq!(Failure::find(json.as_bytes()), Some(failure(code, kind, message)));
    }

    #[rstest]
    #[case::null(r#"{"error":null,"choices":[]}"#)]
    #[case::blank(r#"{"error":"","detail":[]}"#)]
    #[case::other_object(r#"{"object":"chat.completion","message":"m"}"#)]
    #[case::text("no JSON at all")]
    fn what_is_no_failure_is_not_taken_for_one(#[case] data: &str) {
        assert_eq!(Failure::find(data.as_bytes()), None);
    }

    #[test]
    fn a_known_failure_says_something_whatever_it_is() {
        assert_eq!(Failure::read(b" Bad Gateway\n"), failure(None, None, "Bad Gateway"));
        assert_eq!(Failure::read(br#"{"message":"no key"}"#), failure(None, None, "no key"));
        assert_eq!(Failure::read(b""), failure(None, None, "the server gives no reason"));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "ä".repeat(MESSAGE_LIMIT + 1);
        let cut = Failure::of_text(&long).message;
        assert_eq!(cut.chars().count(), MESSAGE_LIMIT + 1);
        assert!(cut.ends_with("ä…"));
    }

    #[rstest]
    #[case::breaks_off(
        br#"{"choices":[{"text":"a"#,
        "its JSON breaks off after byte 22: `{\"choices\":[{\"text\":\"a`"
    )]
    #[case::not_utf8(b"{\"text\":\"a\xffb\"}", "byte 11 of its JSON is not UTF-8")]
    #[case::half_a_pair(
        br#"{"text":"a\ud83d"}"#,
        "byte 17 of its JSON is wrong, a lone surrogate in an escape"
    )]
    #[case::the_other_half(br#"{"text":"\udc00 b"}"#, "is wrong, a lone surrogate in an escape")]
    #[case::on_another_line(b"{\n\"text\" 1}", "byte 10 of its JSON is wrong, expected `:`")]
    #[case::two_of_them(br#"{"text":"a"}{"text":"b"}"#, "byte 13 of its JSON is wrong, trailing characters")]
    #[case::no_json(b"<html>\xff", "found `<html>")]
    fn what_broke_is_named_with_its_place(#[case] data: &[u8], #[case] says: &str) {
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        struct Said {
            text: String,
        }
        let cause = serde_json::from_slice::<Said>(data).map(|said| said.text).unwrap_err();
        let error = if data.starts_with(b"{") { broken(data, &cause) } else { unexpected(data, "an object") };
        assert!(error.message.contains(says), "{error}");
    }

    #[test]
    fn only_what_is_near_the_place_is_quoted() {
        let long = format!("{{\"text\":\"{}", "ä".repeat(200));
        let quoted = around(long.as_bytes(), long.len());
        assert!(quoted.starts_with("…ä") && quoted.ends_with('ä') && quoted.len() < 50, "{quoted}");
    }

    #[rstest]
    #[case::html("<html><body>", "found `<html><body>` where")]
    #[case::another_api_format(
        r#"{"content":[],"role":"assistant"}"#,
        "found an object with `content`, `role` where"
    )]
    #[case::nothing("", "found nothing where")]
    fn an_unexpected_answer_is_described(#[case] data: &str, #[case] expected: &str) {
        let error = unexpected(data.as_bytes(), "an object with `choices`");
        assert!(error.message.contains(expected), "{error}");
    }
}
