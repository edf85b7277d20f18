//! Every API format that ships, through the front door: against the mock server, which speaks all of them, and against
//! answers that are none.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{collections::BTreeMap, fs};

use prony_tests::{Run, Tool, fixtures, wire::Replay};
use serde_json::Value;

/// The endpoints that ship: name and metadata.
fn shipped() -> BTreeMap<String, Value> {
    let listed = Tool::new(["plugins", "--json"]).run();
    let listed: Value = serde_json::from_str(&listed.succeeds().stdout).unwrap();
    let endpoints = listed["endpoints"].as_array().unwrap().iter();
    let endpoint = |endpoint: &Value| {
        (endpoint["name"].as_str().unwrap().to_owned(), endpoint["entries"][0]["metadata"].clone())
    };
    let shipped: BTreeMap<String, Value> = endpoints.map(endpoint).collect();
    assert!(shipped.len() >= 10, "{shipped:?}");
    shipped
}

/// A profile of an API format, with short texts in both directions. One that takes no text gets the medium it needs.
fn profile(name: &str, metadata: &Value) -> Tool {
    let words = ["profile", "--endpoint-type", name, "--ui", "none", "--artifact-dir", "run"];
    let mut tool = Tool::new(words).args(["--random-seed", "42", "--no-server-metrics"]);
    // So that a row of the table is a line.
    tool = tool.env("COLUMNS", "200");
    if metadata["ranks_passages"] == true {
        tool = tool.args(["--rankings-passages-mean", "3", "--rankings-passages-prompt-token-mean", "10"]);
        tool = tool.args(["--rankings-query-prompt-token-mean", "5"]);
    } else if metadata["tokenizes_input"] == true {
        tool = tool.args(["--isl", "35"]);
    }
    if metadata["produces_tokens"] == true { tool.args(["--osl", "5"]) } else { tool }
}

/// Tokens, embeddings, scores and media are what the mock server sends, and nothing is measured that an API format has not.
fn measures_what_there_is(name: &str, metadata: &Value, run: &Run) {
    let summary = run.succeeds().summary();
    let avg = |metric: &str| summary[metric]["avg"].as_f64();
    assert_eq!((avg("request_count"), avg("error_request_count")), (Some(3.0), Some(0.0)), "{name}");
    let streams = metadata["supports_streaming"] == true;
    let tokens = metadata["produces_tokens"] == true;
    let some = |there: bool, count: f64| there.then_some(count);
    assert_eq!(avg("input_sequence_length"), some(metadata["tokenizes_input"] == true, 35.0), "{name}");
    // Two API formats cannot ask for a length, and get the server's own.
    let output = if ["solido_rag", "audio_transcription"].contains(&name) { 64.0 } else { 5.0 };
    assert_eq!(avg("output_sequence_length"), some(tokens, output), "{name}");
    assert_eq!(avg("time_to_first_token").is_some(), tokens && streams, "{name}");
    assert_eq!(avg("inter_token_latency").is_some(), tokens && streams, "{name}");
    assert_eq!(avg("embedding_count"), some(name.ends_with("embeddings"), 1.0), "{name}");
    assert_eq!(avg("ranking_count"), some(metadata["ranks_passages"] == true, 3.0), "{name}");
    let produces_media = metadata["produces_images"] == true || metadata["produces_videos"] == true;
    assert_eq!(avg("media_count"), some(produces_media, 1.0), "{name}");
    for metric in ["submit_latency", "follow_up_count"] {
        assert_eq!(avg(metric).is_some(), metadata["requires_polling"] == true, "{name}: {metric}");
    }
    let without_tokens = ["output", "osl", "completion", "reasoning", "token_latency", "first_token"];
    for metric in summary.as_object().unwrap().keys().filter(|_| !tokens) {
        assert!(!without_tokens.iter().any(|word| metric.contains(word)), "{name} has a {metric}");
    }
    // A row of zeros is one that says nothing; only what should not happen, and what a server itself says is none,
    // may be zero.
    for line in run.stdout.lines() {
        let is_zero = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).nth(1) == Some("0.00");
        assert!(!is_zero || line.contains("Error") || line.contains("Cache"), "{name}: {line}");
    }
}

#[test]
fn every_api_format_measures_the_mock_server() {
    for (name, metadata) in shipped() {
        let run = profile(&name, &metadata).args(["--mock", "--request-count", "3"]).run();
        measures_what_there_is(&name, &metadata, &run);
        // What answers was told at all, and by whom it was counted.
        let record = &run.records()[0];
        let counts_input = metadata["tokenizes_input"] == true
            && !["hf_tei_rankings", "kserve_v2", "solido_rag", "video_generation"].contains(&name.as_str());
        assert_eq!(record["metrics"]["usage_prompt_tokens"].is_object(), counts_input, "{name}: {record}");
    }
}

#[test]
fn every_api_format_that_streams_answers_in_one_piece_as_well() {
    let server = prony_tests::MockServer::start([]);
    for (name, metadata) in
        shipped().into_iter().filter(|(_, metadata)| metadata["supports_streaming"] == true)
    {
        let run = profile(&name, &metadata)
            .args(["--model", "m", "--url", server.url(), "--request-count", "3"])
            .run();
        let whole = {
            let mut whole = metadata.clone();
            whole["supports_streaming"] = false.into();
            whole
        };
        measures_what_there_is(&name, &whole, &run);
    }
}

#[test]
fn every_fault_of_the_mock_server_fails_every_api_format_by_its_kind() {
    let server = prony_tests::MockServer::start([
        "--error-every",
        "4",
        "--cut-every",
        "3",
        "--stream-error-every",
        "2",
    ]);
    for (name, metadata) in shipped() {
        let mut tool =
            profile(&name, &metadata).args(["--model", "m", "--url", server.url(), "--request-count", "12"]);
        let streams = metadata["supports_streaming"] == true;
        if streams {
            tool = tool.arg("--streaming");
        }
        let run = tool.run();
        let summary = run.summary();
        let errors = summary["error_summary"].as_array().unwrap();
        let mut kinds: Vec<(&str, u64)> = errors
            .iter()
            .map(|group| (group["error_details"]["type"].as_str().unwrap(), group["count"].as_u64().unwrap()))
            .collect();
        kinds.sort_unstable();
        let expected: &[(&str, u64)] = if streams {
            &[("http_status", 3), ("server_error", 2), ("stream_cut", 3)]
        } else {
            &[("http_status", 3), ("stream_cut", 3)]
        };
        assert_eq!(kinds, expected, "{name}: {errors:#?}");
        has_hints(&name, errors);
    }
}

/// Thoughts are told apart from the answer, whatever an API format calls them.
#[test]
fn thoughts_are_tokens_of_a_kind_of_their_own() {
    let server = prony_tests::MockServer::start(["--reasoning-tokens", "2"]);
    for name in ["chat", "responses", "messages", "ollama_chat", "bedrock_converse_stream"] {
        let run = profile(name, &shipped()[name])
            .args(["--model", "m", "--url", server.url(), "--request-count", "3", "--streaming"])
            .run();
        let summary = run.succeeds().summary();
        let avg = |metric: &str| summary[metric]["avg"].as_f64();
        assert_eq!(avg("output_sequence_length"), Some(5.0), "{name}");
        assert_eq!(avg("reasoning_token_count"), Some(2.0), "{name}");
        assert!(avg("time_to_first_output_token").is_some(), "{name}");
    }
}

#[test]
fn embeddings_may_come_as_base64() {
    let server = prony_tests::MockServer::start([]);
    for name in ["embeddings", "nim_embeddings", "chat_embeddings"] {
        let run = profile(name, &shipped()[name])
            .args(["--model", "m", "--url", server.url(), "--request-count", "3"])
            .args(["--extra-inputs", "encoding_format:base64"])
            .run();
        assert_eq!(run.succeeds().summary()["embedding_count"]["sum"], 3.0, "{name}");
    }
}

#[test]
fn a_file_says_what_is_ranked_by_what() {
    let server = prony_tests::MockServer::start([]);
    let row = r#"{"texts": [{"name": "passages", "contents": ["rain", "snow", "fog"]}, {"name": "query", "contents": ["wet"]}]}"#;
    for name in ["cohere_rankings", "hf_tei_rankings", "nim_rankings"] {
        let tool = Tool::new(["profile", "--endpoint-type", name, "--ui", "none", "--artifact-dir", "run"]);
        tool.file("questions.jsonl", row);
        let run = tool
            .args(["--model", "m", "--url", server.url(), "--request-count", "2", "--no-server-metrics"])
            .args(["--input-file", "questions.jsonl"])
            .run();
        let summary = run.succeeds().summary();
        assert_eq!(summary["ranking_count"]["sum"], 6.0, "{name}");
        assert_eq!(summary["input_sequence_length"]["max"], 4.0, "{name}");
    }
}

/// What a server says of its answer beside the usual is kept with the request.
#[test]
fn facts_of_a_api_format_stand_beside_the_request() {
    for (name, fact) in [("llamacpp_completion", "predicted_ms"), ("image_retrieval", "detections")] {
        let run = profile(name, &shipped()[name]).args(["--mock", "--request-count", "3"]).run();
        for record in run.succeeds().records() {
            assert!(record["metadata"]["facts"][fact].is_number(), "{name}: {record}");
            assert!(record["metadata"]["facts"].get("model").is_none(), "{name}: {record}");
        }
    }
}

/// A key goes where the API format wants it, and nowhere else.
#[test]
fn messages_carry_their_key_and_version_in_headers_of_their_own() {
    let answer = fs::read(fixtures().join("wire/vllm/messages.stream.response.http")).unwrap();
    let server = Replay::start(answer, 42);
    profile("messages", &shipped()["messages"])
        .args(["--model", "m", "--url", &server.url(), "--request-count", "1", "--streaming"])
        .args(["--api-key", "sk-7"])
        .run()
        .succeeds();
    let request = String::from_utf8(server.requests().remove(0)).unwrap().to_lowercase();
    assert!(request.starts_with("post /v1/messages http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nx-api-key: sk-7\r\n"), "{request}");
    assert!(request.contains("\r\nanthropic-version: 2023-06-01\r\n"), "{request}");
    assert!(!request.contains("authorization"), "{request}");
}

/// A stream has a path of its own, or the model stands in the path.
#[test]
fn an_api_format_goes_where_its_server_listens() {
    for (name, streaming, path) in [
        ("huggingface_generate", true, "/generate_stream"),
        ("huggingface_generate", false, "/generate"),
        ("kserve_v2", false, "/v2/models/org%2fm/infer"),
    ] {
        let case = if streaming {
            "stream"
        } else if name == "kserve_v2" {
            "triton"
        } else {
            "nonstream"
        };
        let answer =
            fs::read(fixtures().join(format!("wire/api_formats/{name}.{case}.response.http"))).unwrap();
        let server = Replay::start(answer, 42);
        let tool = profile(name, &shipped()[name]);
        let tool = tool.args(["--model", "org/m", "--url", &server.url(), "--request-count", "1"]);
        if streaming { tool.arg("--streaming") } else { tool }.run().succeeds();
        let request = String::from_utf8(server.requests().remove(0)).unwrap().to_lowercase();
        assert!(request.starts_with(&format!("post {path} http/1.1\r\n")), "{request}");
    }
}

fn has_hints(name: &str, errors: &[Value]) {
    for group in errors {
        let hint = group["error_details"]["hint"].as_str().unwrap_or_default();
        assert!(!hint.is_empty(), "{name}: {group:#}");
    }
}

/// Bad answers of which each API format has one, by the name of their case in `fixtures/wire`, and the type of error.
const BAD: [(&str, &str); 8] = [
    ("error_html", "http_status"),
    ("error_rate_limit", "http_status"),
    ("ok_empty", "malformed"),
    ("ok_error_object", "server_error"),
    ("ok_html", "malformed"),
    ("ok_other_api_format", "malformed"),
    ("ok_truncated_json", "malformed"),
    ("ok_wrong_type", "malformed"),
];

#[test]
fn every_answer_that_is_none_is_one_kind_of_error_with_a_hint() {
    for (name, metadata) in shipped() {
        for (case, kind) in BAD {
            let file = fixtures().join(format!("wire/api_formats/{name}.{case}.response.http"));
            let answer = fs::read(&file).unwrap_or_else(|_| panic!("there is no {}", file.display()));
            let server = Replay::start(answer, 42);
            let run = profile(&name, &metadata)
                .args(["--model", "m", "--url", &server.url(), "--request-count", "3"])
                // The server closes each connection behind its answer, and does not say so.
                .args(["--connection-reuse-strategy", "never"])
                .run();
            run.ends_with(1);
            let summary = run.summary();
            let errors = summary["error_summary"].as_array().unwrap();
            let counted = errors
                .iter()
                .map(|group| (group["error_details"]["type"].as_str().unwrap(), &group["count"]));
            assert_eq!(counted.collect::<Vec<_>>(), [(kind, &3.into())], "{name}, {case}: {errors:#?}");
            has_hints(&name, errors);
            if case == "error_rate_limit" {
                let hint = errors[0]["error_details"]["hint"].as_str().unwrap();
                assert!(hint.starts_with("the server asks to wait 7 s: "), "{name}: {hint}");
            }
        }
    }
}
