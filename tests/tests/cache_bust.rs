//! Markers that keep conversations out of a server's prefix cache: where they stand, and that no two are alike.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::Value;

/// What each request said, in the order of arrivals: roles and texts.
fn said(server: &MockServer) -> Vec<Vec<(String, String)>> {
    let truth = server.truth();
    let mut requests: Vec<&Value> = truth["requests"].as_array().unwrap().iter().collect();
    requests.sort_by_key(|request| request["number"].as_u64());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    requests
        .iter()
        .map(|request| serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap())
        .map(|body| {
            let messages = body["messages"].as_array().unwrap().iter();
            messages.map(|message| (text(&message["role"]), text(&message["content"]))).collect()
        })
        .collect()
}

fn run(server: &MockServer, words: &[&str]) -> Run {
    let run = Tool::profile(server).args(["--isl", "40"]).args(words).run();
    run.succeeds();
    run
}

/// `[rid:…]`, without the text beside it.
fn marker(text: &str, is_first: bool) -> String {
    let marker = if is_first { text.split("\n\n").next() } else { text.rsplit("\n\n").next() };
    let marker = marker.unwrap();
    assert!(marker.starts_with("[rid:") && marker.ends_with(']') && marker.len() == 18, "{text}");
    marker.to_owned()
}

#[rstest]
#[case::system_prefix("system-prefix", 0, true)]
#[case::system_suffix("system_suffix", 0, false)]
#[case::first_turn_prefix("first-turn-prefix", 1, true)]
#[case::first_turn_suffix("first-turn-suffix", 1, false)]
fn each_conversation_has_a_marker_of_its_own(
    #[case] target: &str,
    #[case] message: usize,
    #[case] is_first: bool,
    #[values(&[], &["--isolate", "chat"])] place: &[&str],
) {
    let server = MockServer::start(["--tokens", "3", "--keep-texts"]);
    let load = ["--cache-bust", target, "--num-conversations", "4", "--conversation-turn-mean", "2"];
    let content = ["--num-dataset-entries", "2", "--system-prompt", "Be brief."];
    let words = [&load[..], &content, place].concat();
    let run = run(&server, &words);
    let requests = said(&server);
    assert_eq!(requests.len(), 8);
    let markers: BTreeSet<_> = requests.iter().map(|request| marker(&request[message].1, is_first)).collect();
    assert_eq!(markers.len(), 4, "one for each conversation, whose turns have the same one");
    for request in &requests {
        let marked = request.iter().filter(|(_, text)| text.contains("[rid:")).count();
        assert_eq!(marked, 1, "{request:?}");
    }
    // They are a part of what was asked for: 40 tokens, and the system message of 3.
    let first = run.records().into_iter().filter(|record| record["metadata"]["turn_index"] == 0);
    let lengths: BTreeSet<_> =
        first.map(|record| record["metrics"]["input_sequence_length"]["value"].as_u64().unwrap()).collect();
    assert_eq!(lengths, BTreeSet::from([43]));
    assert!(run.stdout.contains("(`--cache-bust`): another one for each conversation"), "{}", run.stdout);
    assert_eq!(run.summary()["input_config"]["cache_bust"]["target"], target.replace('-', "_"));
}

#[test]
fn one_seed_has_the_same_markers() {
    let all = |seed: &str, workers: &str| {
        let server = MockServer::start(["--tokens", "3", "--keep-texts"]);
        let words = ["--url", server.url(), "--cache-bust", "first-turn-prefix", "--request-count", "6"];
        let load = ["--workers", workers, "--concurrency", "2", "--random-seed", seed];
        Tool::new(["profile", "--model", "m", "--ui", "none"]).args(words).args(load).run().succeeds();
        said(&server).into_iter().flatten().collect::<BTreeSet<_>>()
    };
    assert_eq!(all("7", "1"), all("7", "2"));
    assert_ne!(all("7", "1"), all("8", "1"));
}

#[test]
fn a_warm_up_can_be_kept_apart() {
    let server = MockServer::start(["--tokens", "3", "--keep-texts"]);
    let words = ["--warmup-request-count", "2", "--request-count", "2"];
    run(&server, &[&["--cache-bust", "warmup-isolation-first-turn"][..], &words].concat());
    let marked: Vec<_> =
        said(&server).iter().map(|request| request[0].1.starts_with("[warmup]\n\n")).collect();
    assert_eq!(marked, [true, true, false, false]);
}

#[rstest]
#[case::format(&["--endpoint-type", "embeddings", "--cache-bust", "first-turn-prefix"], "with the endpoint `embeddings`")]
fn where_there_is_no_place_for_one_it_is_refused(#[case] words: &[&str], #[case] text: &str) {
    let run = Tool::bare_profile().args(["--url", "http://127.0.0.1:9"]).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(text), "{}", run.stderr);
}

#[test]
fn without_a_warm_up_nothing_is_kept_apart() {
    let server = MockServer::start(["--tokens", "1"]);
    let run = run(&server, &["--request-count", "1", "--cache-bust", "warmup-isolation-system"]);
    assert!(run.stderr.contains("`--cache-bust` has no effect"), "{}", run.stderr);
}
