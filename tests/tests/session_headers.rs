//! Headers that name a session, by which routers keep its requests together.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};

use prony_tests::{Script, ScriptedServer, SeenRequest, Tool};
use rstest::rstest;
use serde_json::{Value, json};

/// A server that answers so many requests of a chat.
fn server(requests: usize) -> ScriptedServer {
    let answer = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2}
    });
    let answers = (0..requests).map(|_| Script::whole("application/json", answer.to_string()));
    ScriptedServer::start(answers.collect::<Vec<_>>())
}

fn run(server: &ScriptedServer, words: &[&str]) {
    Tool::bare_profile().args(["--url", &server.url()]).args(words).run().succeeds();
}

/// The values of a header of a request.
fn header(request: &SeenRequest, name: &str) -> Vec<String> {
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
}

/// What a conversation begins with, which no other one does.
fn beginning(request: &SeenRequest) -> String {
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    let body: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["messages"][0]["content"].as_str().unwrap().to_owned()
}

#[rstest]
#[case::by_default(&[], "x-session-id")]
#[case::under_another_name(&["--session-header", "X-Dynamo-Session-ID"], "x-dynamo-session-id")]
#[case::portable(&["--transport", "portable"], "x-session-id")]
#[case::isolated(&["--isolate", "chat"], "x-session-id")]
fn all_requests_of_a_conversation_have_one_name(#[case] words: &[&str], #[case] name: &str) {
    let server = server(9);
    run(
        &server,
        &["--num-conversations", "3", "--conversation-turn-mean", "3", "--concurrency", "3"]
            .iter()
            .chain(words)
            .copied()
            .collect::<Vec<_>>(),
    );
    let mut names = BTreeMap::<String, BTreeSet<String>>::new();
    for request in server.requests() {
        let values = header(&request, name);
        assert_eq!(values.len(), 1);
        names.entry(beginning(&request)).or_default().extend(values);
    }
    assert!(names.len() == 3 && names.values().all(|of_one| of_one.len() == 1), "{names:?}");
    assert_eq!(names.into_values().flatten().collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn several_headers_can_name_the_session_and_not_the_default_one_then() {
    let server = server(2);
    run(
        &server,
        &[
            "--num-conversations",
            "1",
            "--conversation-turn-mean",
            "2",
            "--session-header",
            "X-Correlation-ID",
            "--session-header",
            "X-Session-Affinity",
        ],
    );
    for request in server.requests() {
        let values = header(&request, "x-correlation-id");
        assert_eq!((values.len(), &header(&request, "x-session-affinity")), (1, &values));
        assert!(header(&request, "x-session-id").is_empty());
    }
}

#[test]
fn a_single_request_has_a_name_only_when_it_is_asked_for() {
    let plain = server(1);
    run(&plain, &["--request-count", "1"]);
    assert!(header(&plain.requests()[0], "x-session-id").is_empty());
    let asked = server(2);
    run(&asked, &["--request-count", "2", "--session-header", "X-Session-ID"]);
    let names: BTreeSet<_> =
        asked.requests().iter().flat_map(|request| header(request, "x-session-id")).collect();
    assert_eq!(names.len(), 2);
}

#[test]
fn the_users_own_header_stays() {
    let server = server(2);
    run(&server, &["--num-conversations", "1", "--conversation-turn-mean", "2", "-H", "X-Session-ID: mine"]);
    assert!(server.requests().iter().all(|request| header(request, "x-session-id") == ["mine"]));
}

#[test]
fn a_name_that_is_no_headers_is_refused() {
    let run =
        Tool::bare_profile().args(["--url", "http://127.0.0.1:9", "--session-header", "X Session"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("--session-header") && run.stderr.contains("no space"), "{}", run.stderr);
}
