//! Every recorded answer through the real library of its API format: what the parser tells is, member by member, what
//! `fixtures/wire/expect.py` worked out from the same bytes on its own.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{collections::BTreeMap, fs};

use prony::internals::open_library;
use prony_plugin_api::{
    ErrorKind, TextKind, TokenUsage,
    testing::{Answer, Media, Recording, TestEndpoint, ToolCall},
};
use prony_tests::{Tool, fixtures, library};
use serde_json::{Map, Value, json};

/// The endpoints that ship, by name: each in its library, opened as a run opens it.
fn endpoints() -> BTreeMap<String, TestEndpoint> {
    let listed = Tool::new(["plugins", "--json"]).run();
    let listed: Value = serde_json::from_str(&listed.succeeds().stdout).unwrap();
    let listed = listed["endpoints"].as_array().unwrap().iter();
    listed
        .map(|endpoint| {
            let class = endpoint["entries"][0]["class"].as_str().unwrap();
            let (stem, type_name) = class.split_once(':').unwrap();
            let root = open_library(&library(&stem.replace('_', "-"))).unwrap();
            let tested = TestEndpoint::from_table(root.endpoint(type_name).unwrap(), "{}").unwrap();
            (endpoint["name"].as_str().unwrap().to_owned(), tested)
        })
        .collect()
}

/// What a parser told, in the shape of the table.
fn reported(answer: &Answer) -> Map<String, Value> {
    let is_over = answer.done || !answer.finish_reasons.is_empty();
    let end = match (answer.errors.is_empty() && answer.failure.is_none(), is_over) {
        (false, _) => "failed",
        (true, true) => "complete",
        (true, false) if !answer.follow_ups.is_empty() => "pending",
        (true, false) => "cut",
    };
    let fact = |name: &str| {
        let found = answer.facts.iter().filter(|(known, _)| known == name).collect::<Vec<_>>();
        assert!(found.len() <= 1, "{name} was reported twice: {found:?}");
        found.first().map(|(_, value)| value.clone())
    };
    let mut choices = Map::new();
    let mut note = |choice: u32, name: &str, value: &str| {
        let choice = choices.entry(choice.to_string()).or_insert_with(|| json!({}));
        choice[name] = value.into();
    };
    for passage in &answer.passages {
        note(passage.choice, channel(passage.kind), &passage.text);
    }
    for (choice, reason) in &answer.finish_reasons {
        note(*choice, "finish", reason);
    }
    let by_index = |entries: Vec<(u32, Value)>| -> Map<String, Value> {
        entries.into_iter().map(|(index, value)| (index.to_string(), value)).collect()
    };
    let malformed = || json!({ "code": null, "type": "malformed", "message": null });
    let error = answer
        .errors
        .first()
        .map(|error| json!({ "code": error.code, "type": error.kind, "message": error.message }));
    let Value::Object(members) = json!({
        "end": end, "id": fact("response_id"), "model": fact("model"), "choices": choices,
        "usage": answer.usage.map(counts),
        "embeddings": by_index(answer.embeddings.iter().map(|(index, size)| (*index, json!(size))).collect()),
        "rankings": by_index(answer.rankings.iter().map(|(index, score)| (*index, json!(score))).collect()),
        "media": answer.media.iter().map(medium).collect::<Vec<_>>(),
        "tool_calls": answer.tool_calls.iter().map(tool_call).collect::<Vec<_>>(),
        "follow_up": answer.follow_ups.last().map(|(path, after_ms)| json!({ "path": path, "after_ms": after_ms })),
        "error": error.or_else(|| answer.failure.as_ref().map(|_| malformed())),
    }) else {
        unreachable!()
    };
    members
}

fn medium(media: &Media) -> Value {
    json!({ "type": media.content_type, "bytes": media.bytes, "url": media.url })
}

fn tool_call(call: &ToolCall) -> Value {
    json!({ "choice": call.choice, "id": call.id, "name": call.name, "arguments": call.arguments })
}

/// Counts as in the table: those that were not reported are left out.
fn counts(usage: TokenUsage) -> Value {
    let mut counts = serde_json::to_value(usage).unwrap();
    counts.as_object_mut().unwrap().retain(|_, count| !count.is_null());
    counts
}

fn channel(kind: TextKind) -> &'static str {
    match kind {
        TextKind::CONTENT => "content",
        TextKind::REASONING => "reasoning",
        TextKind::TOOL => "tool",
        TextKind::REFUSAL => "refusal",
        _ => "another channel",
    }
}

/// Without the interim responses before it.
fn final_response(mut raw: &[u8]) -> &[u8] {
    while raw.starts_with(b"HTTP/1.1 1") {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        raw = &raw[end + 4..];
    }
    raw
}

#[test]
fn every_recorded_answer_reads_as_the_table_says() {
    let endpoints = endpoints();
    let wire = fixtures().join("wire");
    let table = fs::read(wire.join("expected.json")).unwrap();
    let table: BTreeMap<String, Value> = serde_json::from_slice(&table).unwrap();
    assert!(table.len() > 250, "only {} cases were found", table.len());
    let (mut wrong, mut seen) = (Vec::new(), BTreeMap::new());
    for (name, expected) in &table {
        let raw = fs::read(wire.join(format!("{name}.response.http"))).unwrap();
        let recording = Recording::read(final_response(&raw)).unwrap();
        let endpoint = expected["endpoint"].as_str().unwrap();
        let answer = endpoints[endpoint].replay(&recording);
        if let Some(failure) = &answer.failure {
            assert_eq!(failure.kind, ErrorKind::MALFORMED, "{name}: {failure}");
            assert!(!failure.hint.is_empty(), "{name}: {failure}");
        }
        for (member, said) in reported(&answer) {
            let none = match member.as_str() {
                "media" | "tool_calls" => json!([]),
                "follow_up" => Value::Null,
                _ => json!({}),
            };
            let due = expected.get(&member).cloned().unwrap_or(none);
            if said != due {
                wrong.push(format!("{name} {member}:\n  {said}\n  {due}"));
            }
        }
        *seen.entry(endpoint).or_insert(0) += 1;
    }
    assert!(wrong.is_empty(), "reported, then expected:\n{}", wrong.join("\n"));
    let unseen: Vec<&String> = endpoints.keys().filter(|name| !seen.contains_key(name.as_str())).collect();
    assert!(unseen.is_empty(), "no answer is recorded of {unseen:?}");
}
