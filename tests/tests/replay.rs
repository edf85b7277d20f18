//! Recorded sessions start at the instants at which they were recorded.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;

const TRACE: &str = concat!(
    "{\"session_id\": \"c\", \"text\": \"third\", \"timestamp\": 5300}\n",
    "{\"session_id\": \"a\", \"text\": \"first\", \"timestamp\": 5000}\n",
    "{\"session_id\": \"b\", \"timestamp\": 5100, \"text\": \"second\"}\n",
);

fn replay(server: &MockServer, trace: &str, words: &[&str]) -> Tool {
    let tool = Tool::profile(server).args(["--input-file", "t.jsonl", "--fixed-schedule"]).args(words);
    tool.file("t.jsonl", trace);
    tool
}

/// Sessions with the times at which their requests were scheduled, in milliseconds since the first of them.
fn schedule(run: &Run) -> Vec<(String, u64)> {
    let of = |record: serde_json::Value| {
        let metadata = &record["metadata"];
        let id = metadata["conversation_id"].as_str().unwrap().to_owned();
        (id, metadata["credit_issued_ns"].as_u64().unwrap())
    };
    let mut all: Vec<_> = run.records().into_iter().map(of).collect();
    all.sort_by_key(|(_, at)| *at);
    let first = all[0].1;
    all.into_iter().map(|(id, at)| (id, (at - first) / 1_000_000)).collect()
}

fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(id, at)| ((*id).to_owned(), *at)).collect()
}

#[rstest]
#[case::as_recorded(&[], &[("a", 0), ("b", 100), ("c", 300)])]
#[case::faster(&["--replay-speedup", "2"], &[("a", 0), ("b", 50), ("c", 150)])]
#[case::window(&["--fixed-schedule-start-offset", "5100", "--fixed-schedule-end-offset", "5300"], &[("b", 0), ("c", 200)])]
#[case::cut(&["--request-count", "2"], &[("a", 0), ("b", 100)])]
#[case::short(&["--benchmark-duration", "0.2"], &[("a", 0), ("b", 100)])]
fn sessions_start_when_they_were_recorded(
    #[case] words: &[&str],
    #[case] expected: &[(&str, u64)],
    #[values(&["--workers", "1"], &["--workers", "2"], &["--isolate", "chat"])] place: &[&str],
) {
    let server = MockServer::start(["--tokens", "2"]);
    let run = replay(&server, TRACE, &[words, place].concat()).run();
    assert_eq!(schedule(run.succeeds()), pairs(expected));
    assert!(run.stdout.contains("replay at the recorded instants"), "{}", run.stdout);
}

/// A turn waits for its instant and for the response before it, whichever is later.
#[test]
fn turns_of_a_session_keep_their_instants() {
    let trace = "{\"session_id\": \"s\", \"turns\": [{\"text\": \"a\", \"timestamp\": 100}, {\"text\": \"b\", \"timestamp\": 400}, \
                 {\"text\": \"c\", \"timestamp\": 401}]}\n";
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "50"]);
    let run = replay(&server, trace, &[]).run();
    let schedule = schedule(run.succeeds());
    assert_eq!(schedule[1], ("s".to_owned(), 300));
    assert!(schedule[2].1 >= 350, "{schedule:?}");
}

/// Sessions that go on are no reason not to start another one.
#[test]
fn a_slow_server_does_not_stretch_the_recording() {
    let server = MockServer::start(["--tokens", "1", "--ttft-ms", "600"]);
    let run = replay(&server, TRACE, &[]).run();
    run.succeeds();
    assert_eq!(server.truth()["max_in_flight"], 3);
}

#[rstest]
#[case::no_instants("{\"text\": \"a\"}\n", &[], "entry 1 (`session_000000`) has no instant")]
#[case::nothing_left(TRACE, &["--fixed-schedule-start-offset", "9000"], "none of its 3 sessions begins between")]
#[case::rate(TRACE, &["--request-rate", "5"], "the file says when each session starts")]
#[case::negative("{\"text\": \"a\", \"timestamp\": -5}\n", &[], "`timestamp` is `-5`, not a number of at least 0")]
fn what_cannot_be_replayed_is_refused(#[case] trace: &str, #[case] words: &[&str], #[case] text: &str) {
    let server = MockServer::start([]);
    let run = replay(&server, trace, words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(text), "{}", run.stderr);
}

#[test]
fn a_recording_that_is_not_replayed_is_noticed() {
    let server = MockServer::start(["--tokens", "1"]);
    let tool = Tool::profile(&server).args(["--input-file", "t.jsonl", "--request-count", "3"]);
    tool.file("t.jsonl", TRACE);
    let run = tool.run();
    run.succeeds();
    assert!(run.stderr.contains("`--fixed-schedule` replays them"), "{}", run.stderr);
}
