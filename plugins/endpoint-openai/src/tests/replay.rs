//! What the three dialects read: every recorded answer, compared with a table that other code made.

use std::sync::Arc;

use prony_plugin_api::{
    ErrorKind, PartKind, TextKind, TokenUsage,
    abi::{
        author::endpoint_table,
        host::{EndpointInstance, ParserInstance, ResponseSink},
    },
};
use serde_json::{Map, Value, json};

use super::wire_case::{self, WireCase};
use crate::{chat::ChatEndpoint, completions::CompletionsEndpoint, embeddings::EmbeddingsEndpoint};

/// Adds up what a parser says, in the shape of the table.
#[derive(Default)]
struct Heard {
    facts: Map<String, Value>,
    choices: Map<String, Value>,
    usage: Option<TokenUsage>,
    embeddings: Map<String, Value>,
    errors: Vec<Value>,
    over: bool,
    /// Texts of a whole answer and of single chunks alike.
    texts: Vec<(TextKind, u32, String)>,
}

impl Heard {
    fn choice(&mut self, choice: u32) -> &mut Value {
        self.choices.entry(choice.to_string()).or_insert_with(|| json!({}))
    }

    fn told(&self) -> Value {
        let end = match (self.errors.is_empty(), self.over) {
            (false, _) => "failed",
            (true, true) => "complete",
            (true, false) => "cut",
        };
        let fact = |name: &str| self.facts.get(name).cloned().unwrap_or_default();
        json!({
            "end": end, "id": fact("response_id"), "model": fact("model"), "choices": self.choices,
            "usage": self.usage.map(counts), "embeddings": self.embeddings, "error": self.errors.first(),
        })
    }
}

/// Counts as in the table: those that were not reported are left out.
fn counts(usage: TokenUsage) -> Value {
    let Value::Object(mut counts) = serde_json::to_value(usage).unwrap() else {
        panic!("usage is an object")
    };
    counts.retain(|_, count| !count.is_null());
    Value::Object(counts)
}

fn channel(kind: TextKind) -> &'static str {
    match kind {
        TextKind::CONTENT => "content",
        TextKind::REASONING => "reasoning",
        TextKind::TOOL => "tool",
        TextKind::REFUSAL => "refusal",
        TextKind(other) => panic!("channel {other}"),
    }
}

impl ResponseSink for Heard {
    fn text(&mut self, kind: TextKind, choice: u32, text: &str) {
        assert!(!text.is_empty(), "an empty text was told as a token");
        self.texts.push((kind, choice, text.to_owned()));
        let so_far = &mut self.choice(choice)[channel(kind)];
        *so_far = json!(so_far.as_str().unwrap_or_default().to_owned() + text);
    }
    fn usage(&mut self, usage: &TokenUsage) {
        self.usage = Some(*usage);
    }
    fn finish(&mut self, choice: u32, reason: &str) {
        self.choice(choice)["finish"] = json!(reason);
        self.over = true;
    }
    fn error(&mut self, code: Option<u32>, kind: &str, message: &str) {
        self.errors.push(json!({ "code": code, "type": kind, "message": message }));
    }
    fn embedding(&mut self, index: u32, dimensions: u32) {
        self.embeddings.insert(index.to_string(), json!(dimensions));
    }
    fn ranking(&mut self, _index: u32, _score: f64) {
        panic!("a ranking");
    }
    fn media(&mut self, _kind: PartKind, _content_type: &str, _bytes: u64, _url: &str) {
        panic!("a medium");
    }
    fn follow_up(&mut self, _path: &str, _after_ms: u64) {
        panic!("a follow-up");
    }
    fn fact(&mut self, name: &str, value: &str) {
        let before = self.facts.insert(name.to_owned(), json!(value));
        assert_eq!(before, None, "{name} was told twice");
    }
    fn done(&mut self) {
        self.over = true;
    }
}

fn parser(endpoint: &str) -> ParserInstance {
    let table = match endpoint {
        "chat" => endpoint_table::<ChatEndpoint>("ChatEndpoint"),
        "completions" => endpoint_table::<CompletionsEndpoint>("CompletionsEndpoint"),
        "embeddings" => endpoint_table::<EmbeddingsEndpoint>("EmbeddingsEndpoint"),
        other => panic!("endpoint {other}"),
    };
    Arc::new(EndpointInstance::create(table, "{}").unwrap()).parser().unwrap()
}

/// Lets the case's endpoint read it, as the host would.
fn replay(case: &WireCase) -> Value {
    let mut parser = parser(case.expected["endpoint"].as_str().unwrap());
    let mut heard = Heard::default();
    let outcome = if case.expected["streaming"] == true {
        wire_case::events(&case.body)
            .iter()
            .try_for_each(|(name, data)| parser.event(name, data.as_bytes(), &mut heard))
    } else {
        let status = case.expected["status"].as_u64().unwrap().try_into().unwrap();
        parser.body(status, &case.body, &mut heard)
    };
    if let Err(error) = outcome.and_then(|()| parser.end(&mut heard)) {
        assert_eq!(error.kind, ErrorKind::MALFORMED, "{}: {error}", case.name);
        heard.errors.push(json!({ "code": null, "type": "malformed", "message": null }));
    }
    heard.told()
}

/// Feeds one chunk to a chat and returns the texts that were told.
fn texts_of_chunk(data: &str) -> Vec<(TextKind, u32, String)> {
    let mut heard = Heard::default();
    parser("chat").event("", data.as_bytes(), &mut heard).unwrap();
    heard.texts
}

#[test]
fn every_recorded_answer_reads_as_the_table_says() {
    let cases = wire_case::all(&["chat", "completions", "embeddings"]);
    assert!(cases.len() > 150, "only {} cases were found", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let told = replay(case);
        for (member, said) in told.as_object().unwrap() {
            if *said != case.expected[member] {
                wrong.push(format!("{} {member}:\n  {said}\n  {}", case.name, case.expected[member]));
            }
        }
    }
    assert!(wrong.is_empty(), "told, then expected:\n{}", wrong.join("\n"));
}

#[test]
fn a_role_only_chunk_tells_no_text() {
    let data = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":null}}]}"#;
    assert_eq!(texts_of_chunk(data), []);
}

#[test]
fn one_chunk_may_speak_on_all_channels() {
    let data = r#"{"choices":[{"index":3,"delta":{"content":"c","reasoning":"r","refusal":"f",
        "tool_calls":[{"index":0,"function":{"name":"n","arguments":"{}"}}]}}]}"#;
    let expected = [
        (TextKind::REASONING, "r"),
        (TextKind::CONTENT, "c"),
        (TextKind::REFUSAL, "f"),
        (TextKind::TOOL, "n"),
        (TextKind::TOOL, "{}"),
    ];
    assert_eq!(texts_of_chunk(data), expected.map(|(kind, text)| (kind, 3, text.to_owned())));
}

#[test]
fn a_chunk_that_was_cut_anywhere_is_malformed() {
    let data =
        r#"{"id":"c","choices":[{"index":0,"delta":{"content":"a\u00e4"}}],"usage":{"prompt_tokens":1}}"#;
    for end in 1..data.len() {
        let mut heard = Heard::default();
        let error = parser("chat").event("", &data.as_bytes()[..end], &mut heard).unwrap_err();
        assert_eq!((error.kind, heard.texts.len()), (ErrorKind::MALFORMED, 0), "{end} bytes: {error}");
    }
}

#[test]
fn a_member_of_the_wrong_type_is_described_by_what_it_should_be() {
    let body = br#"{"choices":[{"index":0,"message":{"content":42}}]}"#;
    let error = parser("chat").body(200, body, &mut Heard::default()).unwrap_err();
    insta::assert_snapshot!(
        error.message,
        @"read the answer: invalid type: integer `42`, expected a text, a list of parts or null at line 1 column 46"
    );
}

#[test]
fn another_dialects_answer_is_described_by_its_members() {
    let body = br#"{"type":"message","content":[],"usage":{"input_tokens":3}}"#;
    let error = parser("chat").body(200, body, &mut Heard::default()).unwrap_err();
    insta::assert_snapshot!(
        error.message,
        @"read the answer: found an object with `type`, `content`, `usage` where an object with `choices` was expected"
    );
}
