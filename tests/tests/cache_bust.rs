//! Prefix caches: what a server has of the prompts, and markers that keep conversations out of it.
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
    let isl = if words.contains(&"--isl") { &[][..] } else { &["--isl", "40"] };
    let run = Tool::profile(server).args(isl).args(words).run();
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

/// Words that are one token each.
const WORDS: [&str; 16] = [
    " the", " of", " and", " to", " in", " that", " for", " with", " time", " water", " light", " house",
    " river", " stone", " green", " music",
];

/// A text of 16 words for each of these numbers, like no other one.
fn text(numbers: impl IntoIterator<Item = usize>) -> String {
    let word = |place: usize| WORDS[place % WORDS.len()];
    let block = |number: usize| {
        let first = [word(number), word(number / 16)];
        first.into_iter().chain((0..14).map(word)).collect::<String>()
    };
    numbers.into_iter().map(block).collect()
}

/// Four conversations of three turns, which begin alike and go on each in its own way.
fn conversations() -> String {
    let session = |number: usize| {
        let first = text([0, 1, 2, 10 + number]);
        let turns = [first, text([20 + number]), text([30 + number, 0])];
        let turns = turns.map(|text| serde_json::json!({"text": text, "output_length": 32}));
        serde_json::json!({"session_id": format!("s-{number}"), "turns": turns}).to_string() + "\n"
    };
    (0..4).map(session).collect()
}

fn play(server: &MockServer, words: &[&str]) -> Run {
    let load = ["--num-conversations", "4", "--concurrency", "2", "--input-file", "s.jsonl"];
    let tool = Tool::profile(server).args(load).args(words);
    tool.file("s.jsonl", conversations());
    let run = tool.run();
    run.succeeds();
    run
}

#[rstest]
#[case::in_process(&[])]
#[case::isolated(&["--isolate", "chat"])]
fn a_cold_server_has_what_the_run_has_sent(#[case] place: &[&str]) {
    let server = MockServer::start(["--prefix-cache"]);
    let run = play(&server, place);
    let cache = run.summary()["prefix_cache"].clone();
    // 64, 112 and 176 tokens a conversation. Each turn finds all before it, and three of four conversations the first 48.
    let share = f64::from(4 * (64 + 32 + 112 + 32) + 3 * 48) / f64::from(4 * (64 + 112 + 176));
    for (key, expected) in [("ideal", share), ("usage", share), ("server", share)] {
        assert!((cache[key].as_f64().unwrap() - expected).abs() < 1e-9, "{key} of {cache} is not {expected}");
    }
    assert_eq!((&cache["wanted"], &cache["warm_before_start"]), (&Value::Null, &Value::Null));
    assert!(
        run.stdout.contains("prompt tokens from the prefix cache: wanted unknown / ideal"),
        "{}",
        run.stdout
    );
    // A report that is made again says the same.
    let mut again = run.summary();
    Tool::new(["report"]).arg(run.artifact("")).run().succeeds();
    assert_eq!(run.summary()["prefix_cache"], again["prefix_cache"].take());
    let sessions = run.read("profile_export_sessions.jsonl");
    let cacheable = sessions.lines().map(|line| {
        let session: Value = serde_json::from_str(line).unwrap();
        session["metrics"]["session_cacheable_tokens"]["value"].as_u64().unwrap()
    });
    assert_eq!(cacheable.sum::<u64>(), 4 * (64 + 32 + 112 + 32) + 3 * 48);
}

#[test]
fn a_server_that_was_warm_before_the_run_is_noticed() {
    let server = MockServer::start(["--prefix-cache"]);
    let words = ["--request-count", "6", "--isl", "400", "--osl", "4"];
    let cache_of = |words: &[&str]| {
        let run = run(&server, words);
        (run.summary()["prefix_cache"].clone(), run.stdout.clone())
    };
    let (cold, said) = cache_of(&words);
    assert_eq!((&cold["usage"], &cold["warm_before_start"]), (&0.0.into(), &Value::Null));
    assert!(!said.contains("was warm before the start"), "{said}");
    let (warm, said) = cache_of(&words);
    assert_eq!(warm["warm_before_start"]["requests"], 6);
    let hint = "Use `--cache-bust first-turn-prefix`, another `--random-seed`";
    assert!(said.contains("was warm before the start") && said.contains(hint), "{said}");
    let (bust, _) = cache_of(&[&words[..], &["--cache-bust", "first-turn-prefix"]].concat());
    assert_eq!((&bust["usage"], &bust["warm_before_start"]), (&0.0.into(), &Value::Null));
}

#[rstest]
#[case::system_message(&["--shared-system-prompt-length", "100"], 0.25)]
#[case::prefixes(&["--num-prefix-prompts", "2", "--prefix-prompt-length", "100"], 0.25)]
fn the_settings_say_what_is_wanted(#[case] words: &[&str], #[case] share: f64) {
    let server = MockServer::start(["--tokens", "2"]);
    let words = [&["--request-count", "8", "--isl", "300"], words].concat();
    let run = Tool::profile(&server).args(words).run();
    let cache = run.succeeds().summary()["prefix_cache"].clone();
    assert_eq!(
        (&cache["wanted"], &cache["usage"], &cache["server"]),
        (&share.into(), &Value::Null, &Value::Null)
    );
    // The first request with each beginning finds nothing.
    let ideal = cache["ideal"].as_f64().unwrap();
    assert!(ideal > 0.1 && ideal < share, "{cache}");
}
