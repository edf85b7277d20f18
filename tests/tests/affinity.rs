//! What keeps a conversation on one server: connections of its own, its URL, the router's token, and what the server keeps of
//! its responses.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};

use prony_tests::{MockServer, Run, Script, ScriptedServer, SeenRequest, Tool};
use rstest::rstest;
use serde_json::{Value, json};

const CONVERSATIONS: [&str; 4] = ["--num-conversations", "6", "--conversation-turn-mean", "3"];

fn talk(server: &MockServer, words: &[&str]) -> Run {
    let tool = Tool::profile(server).args(CONVERSATIONS).args(["--concurrency", "3", "--workers", "2"]);
    let run = tool.args(words).run();
    assert_eq!(run.succeeds().records().len(), 18);
    run
}

/// The connections of each session, by the server's account.
fn connections(server: &MockServer, run: &Run) -> BTreeMap<u64, BTreeSet<u64>> {
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap();
    let of = |id: &Value| requests.iter().find(|request| request["request_id"] == *id).unwrap();
    let mut sessions = BTreeMap::<u64, BTreeSet<u64>>::new();
    for record in run.records() {
        let metadata = &record["metadata"];
        let connection = of(&metadata["x_request_id"])["connection"].as_u64().unwrap();
        sessions.entry(metadata["session_num"].as_u64().unwrap()).or_default().insert(connection);
    }
    sessions
}

#[rstest]
fn a_sticky_session_has_one_connection_of_its_own(#[values("1", "3")] turns: &str) {
    let server = MockServer::start(["--tokens", "2"]);
    let words = ["--connection-reuse-strategy", "sticky-user-sessions"];
    let run = Tool::profile(&server)
        .args(["--num-conversations", "6", "--conversation-turn-mean", turns])
        .args(["--concurrency", "3", "--workers", "2"])
        .args(words)
        .run();
    run.succeeds();
    let sessions = connections(&server, &run);
    assert_eq!(sessions.len(), 6);
    assert!(sessions.values().all(|connections| connections.len() == 1), "{sessions:?}");
    assert_eq!(sessions.values().flatten().collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(run.summary()["input_config"]["target"]["connection_reuse"], "sticky_user_sessions");
}

#[rstest]
#[case::pooled("pooled", 3)]
#[case::never("never", 18)]
fn other_strategies_share_connections_or_have_one_a_request(#[case] strategy: &str, #[case] most: usize) {
    let server = MockServer::start(["--tokens", "2"]);
    let run = talk(&server, &["--connection-reuse-strategy", strategy]);
    let all = connections(&server, &run).into_values().flatten().collect::<BTreeSet<_>>().len();
    assert!(all <= most && (strategy == "pooled" || all == 18), "{all}");
}

#[rstest]
#[case::library(&["--transport", "portable"], "`--transport portable`")]
#[case::http2(&["--http2"], "`--http2`")]
#[case::ahead(&["--preconnect", "--concurrency", "2"], "`--preconnect`")]
fn where_nobody_can_keep_them_apart_sticky_sessions_are_refused(#[case] words: &[&str], #[case] other: &str) {
    let run = Tool::bare_profile()
        .args(["--url", "http://127.0.0.1:9", "--connection-reuse-strategy", "sticky-user-sessions"])
        .args(words)
        .run();
    run.ends_with(2);
    assert!(run.stderr.contains("sticky-user-sessions") && run.stderr.contains(other), "{}", run.stderr);
}

#[rstest]
fn a_session_stays_on_its_url(#[values("timed", "portable")] transport: &str) {
    let servers = [MockServer::start(["--tokens", "2"]), MockServer::start(["--tokens", "2"])];
    let run = talk(
        &servers[0],
        &["--url", servers[1].url(), "--url-strategy", "round-robin", "--transport", transport],
    );
    let mut urls = BTreeMap::<u64, BTreeSet<String>>::new();
    for record in run.records() {
        let metadata = &record["metadata"];
        let url = metadata["target_url"].as_str().unwrap().to_owned();
        urls.entry(metadata["session_num"].as_u64().unwrap()).or_default().insert(url);
    }
    for (session, urls) in urls {
        let url = servers[usize::try_from(session % 2).unwrap()].url();
        assert_eq!(urls.into_iter().collect::<Vec<_>>(), [url]);
    }
    assert!(servers.iter().all(|server| server.truth()["requests_ok"] == 9));
}

#[test]
fn a_strategy_for_one_url_has_no_effect() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1", "--url-strategy", "round_robin"]).run();
    assert!(run.succeeds().stderr.contains("`--url-strategy` has no effect"), "{}", run.stderr);
}

fn reply(headers: &[&str]) -> Script {
    let body = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]
    })
    .to_string();
    let length = format!("Content-Length: {}", body.len());
    let fields = [&["Content-Type: application/json", length.as_str()], headers].concat();
    Script::status("200 OK", &fields).bytes(body)
}

fn tokens(request: &SeenRequest) -> Vec<String> {
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let tokens = fields.filter(|(name, _)| name.eq_ignore_ascii_case("x-session-token"));
    tokens.map(|(_, value)| value.to_owned()).collect()
}

/// Two conversations of three turns, one after the other: none has the token of another one.
#[rstest]
fn the_routers_token_is_repeated_within_its_session(
    #[values(&[], &["--transport", "portable"], &["--isolate", "chat"])] place: &[&str],
) {
    let answers = [
        reply(&["X-Session-Token: one"]),
        reply(&[]),
        reply(&["X-Session-Token: two"]),
        reply(&[]),
        reply(&["X-Session-Token: three"]),
        reply(&[]),
    ];
    let server = ScriptedServer::start(answers);
    let words = ["--num-conversations", "2", "--conversation-turn-mean", "3"];
    Tool::bare_profile().args(["--url", &server.url()]).args(words).args(place).run().succeeds();
    let seen: Vec<_> = server.requests().iter().map(tokens).collect();
    let of = |tokens: &[&str]| tokens.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(seen, [of(&[]), of(&["one"]), of(&["one"]), of(&[]), of(&[]), of(&["three"])]);
}

#[rstest]
fn a_request_names_the_response_before_it_and_says_what_is_new(
    #[values(&[], &["--streaming"], &["--isolate", "responses"])] words: &[&str],
) {
    let server = MockServer::start(["--tokens", "3", "--keep-texts"]);
    let run = Tool::bare_profile()
        .args(["--url", server.url(), "--endpoint-type", "responses", "--system-prompt", "Be brief."])
        .args(["--endpoint-option", "previous_response_id=true", "--num-conversations", "1"])
        .args(["--conversation-turn-mean", "3", "--isl", "10"])
        .args(words)
        .run();
    run.succeeds();
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 3);
    let mut before = None;
    for request in requests {
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["store"], &body["instructions"]), (&json!(true), &json!("Be brief.")));
        assert_eq!(body["input"].as_array().unwrap().len(), 1, "{body}");
        assert_eq!(body.get("previous_response_id").cloned(), before);
        before = Some(json!(format!("resp-{}", request["request_id"].as_str().unwrap())));
    }
    // What the model reads is the whole conversation all the same.
    let input = |at: usize| run.records()[at]["metrics"]["input_sequence_length"]["value"].as_u64().unwrap();
    assert!(input(1) > input(0) + 10 && input(2) > input(1) + 10);
}
