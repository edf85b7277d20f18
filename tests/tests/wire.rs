//! Answers of real servers, recorded on the wire and replayed over HTTP in random pieces: the text, the token counts,
//! the finish reason or the error is what `fixtures/wire/expect.py` worked out from the same bytes on its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs};

use prony_tests::{Run, Tool, fixtures, wire::Replay};
use rstest::rstest;
use serde_json::Value;

/// The cases of one folder of fixtures: name, answer, expectation.
fn cases(folder: &str) -> Vec<(String, Vec<u8>, Value)> {
    let wire = fixtures().join("wire");
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&fs::read(wire.join("expected.json")).unwrap()).unwrap();
    let cases: Vec<_> = expected
        .into_iter()
        .filter(|(name, _)| name.split('/').next() == Some(folder))
        // A job that is asked after is never over when all that is ever said is how it began.
        .filter(|(_, expectation)| expectation["end"] != "pending")
        .map(|(name, expectation)| {
            let answer = fs::read(wire.join(format!("{name}.response.http"))).unwrap();
            (name, answer, expectation)
        })
        .collect();
    assert!(!cases.is_empty(), "no fixtures in `{folder}`");
    cases
}

fn replay(answer: Vec<u8>, expectation: &Value, seed: u64) -> Run {
    let server = Replay::start(answer, seed);
    let endpoint = expectation["endpoint"].as_str().unwrap();
    let streams = expectation["streaming"] == true || expectation["request"]["stream"] == true;
    let length =
        if endpoint.ends_with("rankings") { "--rankings-passages-prompt-token-mean" } else { "--isl" };
    let mut tool = Tool::new(["profile", "--model", "tiny", "--ui", "none", "--artifact-dir", "run"])
        .args(["--url", &server.url(), "--endpoint-type", endpoint, "--no-server-metrics"])
        .args(["--request-count", "1", "--random-seed", "42", "--export-outputs-json"]);
    if !["image_retrieval", "audio_transcription"].contains(&endpoint) {
        tool = tool.args([length, "4"]);
    }
    if endpoint != "image_retrieval" {
        tool = tool.arg("--tokenizer").arg(fixtures().join("tokenizer"));
    }
    if streams && generates(endpoint) {
        tool = tool.arg("--streaming");
    }
    tool.run()
}

/// The API format answers with text, and can stream it.
fn generates(endpoint: &str) -> bool {
    !["embeddings", "rankings", "image_generation", "image_edit", "image_retrieval", "kserve_v2"]
        .iter()
        .any(|kind| endpoint.ends_with(kind))
}

/// Text by choice and channel.
type Texts = BTreeMap<(String, String), String>;

fn expected_texts(expectation: &Value) -> Texts {
    let choices = expectation["choices"].as_object().unwrap();
    choices
        .iter()
        .flat_map(|(choice, channels)| {
            let channels = channels.as_object().unwrap().iter().filter(|(channel, _)| *channel != "finish");
            channels
                .map(|(channel, text)| ((choice.clone(), channel.clone()), text.as_str().unwrap().to_owned()))
        })
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

fn reported_texts(entry: &Value) -> Texts {
    let text = |output: &Value, key: &str| output[key].as_str().unwrap().to_owned();
    let outputs = entry["outputs"].as_array().unwrap().iter();
    outputs
        .map(|output| ((output["choice"].to_string(), text(output, "channel")), text(output, "text")))
        .collect()
}

fn expected_finish_reasons(expectation: &Value) -> Vec<Value> {
    let choices = expectation["choices"].as_object().unwrap();
    let mut reasons: Vec<(u64, Value)> = choices
        .iter()
        .filter(|(_, channels)| channels["finish"].is_string())
        .map(|(choice, channels)| (choice.parse().unwrap(), channels["finish"].clone()))
        .collect();
    reasons.sort_by_key(|(choice, _)| *choice);
    reasons.into_iter().map(|(_, reason)| reason).collect()
}

/// Kind of error that a case must be reported as, if any.
fn expected_kind(expectation: &Value) -> Option<&'static str> {
    let status = expectation["status"].as_u64().unwrap();
    let streaming_was_refused = expectation["request"]["stream"] == true && expectation["streaming"] == false;
    match (status, &expectation["error"]) {
        (200..=299, error) if error["type"] == "malformed" => Some("malformed"),
        (200..=299, Value::Object(_)) => Some("server_error"),
        (200..=299, _) if expectation["end"] == "cut" => Some("stream_cut"),
        (200..=299, _) if streaming_was_refused && generates(expectation["endpoint"].as_str().unwrap()) => {
            Some("malformed")
        }
        (200..=299, _) => None,
        _ => Some("http_status"),
    }
}

fn check(name: &str, run: &Run, expectation: &Value) {
    let outputs: Value = serde_json::from_str(&run.read("outputs.json")).unwrap();
    let entry = &outputs["data"][0];
    let record = &run.records()[0];
    let kind = expected_kind(expectation);
    assert_eq!(record["error"]["type"].as_str(), kind, "{name}: {}", record["error"]);
    run.ends_with(i32::from(kind.is_some()));
    if kind == Some("malformed") {
        return;
    }
    assert_eq!(reported_texts(entry), expected_texts(expectation), "{name}");
    let reasons = record["metadata"]["finish_reasons"].as_array().unwrap();
    assert_eq!(reasons, &expected_finish_reasons(expectation), "{name}");
    if let Some(error) = expectation["error"].as_object() {
        let message = record["error"]["message"].as_str().unwrap();
        assert!(message.contains(error["message"].as_str().unwrap()), "{name}: {message}");
        if error["code"].is_u64() {
            assert_eq!(record["error"]["code"], error["code"], "{name}");
        }
    }
    if kind.is_none() {
        for (metric, count) in [("usage_prompt_tokens", "prompt"), ("usage_completion_tokens", "completion")]
        {
            let reported = &record["metrics"][metric]["value"];
            let endpoint = expectation["endpoint"].as_str().unwrap();
            // What goes into a transcription is no text.
            let is_counted =
                if count == "prompt" { endpoint != "audio_transcription" } else { generates(endpoint) };
            if is_counted {
                assert_eq!(reported, &expectation["usage"][count], "{name}: {metric}");
            }
        }
    }
}

/// Every `shares`-th case of a folder: those of other shares are other tests, which run beside this one.
fn replay_share(folder: &str, (share, shares): (usize, usize)) {
    for (number, (name, answer, expectation)) in
        cases(folder).into_iter().enumerate().skip(share).step_by(shares)
    {
        let run = replay(answer, &expectation, number as u64);
        check(&name, &run, &expectation);
    }
}

#[test]
fn vllm_answers_are_read_as_they_were_meant() {
    replay_share("vllm", (0, 1));
}

#[test]
fn vllm_embeddings_are_read_as_they_were_meant() {
    replay_share("vllm-embed", (0, 1));
}

#[test]
fn vllm_rankings_are_read_as_they_were_meant() {
    replay_share("vllm-rerank", (0, 1));
}

#[rstest]
fn other_servers_api_formats_are_read_as_they_were_meant(#[values(0, 1, 2, 3)] share: usize) {
    replay_share("api_formats", (share, 4));
}
