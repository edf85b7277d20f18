//! `--model` left out: the server is asked which model it has.

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool};
use rstest::rstest;

const ONE: &str = r#"{"object": "list", "data": [{"id": "org/the-model", "object": "model"}]}"#;

fn answer() -> Script {
    let text = r#"{"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}"#;
    Script::events().event(text).event("[DONE]").last_chunk()
}

/// Two requests without a word on the model.
fn profile(url: &str, words: &[&str]) -> Run {
    let tool =
        Tool::new(["profile", "--ui", "none", "--streaming", "--no-server-metrics", "--artifact-dir", "run"]);
    tool.args(["--request-count", "2", "--isl", "8", "--url", url]).args(words).run()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[rstest]
#[case::bare("", "/v1/models")]
#[case::with_a_version("/v1", "/v1/models")]
#[case::below_a_path("/openai/v1", "/openai/v1/models")]
fn the_only_model_of_a_server_is_measured(
    #[case] base: &str,
    #[case] path: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([Script::whole("application/json", ONE), answer()]);
    let url = format!("{}{base}", server.url());
    let run = profile(&url, &["--transport", transport, "--api-key", "sk-12345678", "-H", "X-Team: blue"]);
    assert_eq!(run.succeeds().summary()["input_config"]["target"]["model"], "org/the-model");
    let requests: Vec<String> = server.requests().iter().map(|request| text(&request.bytes)).collect();
    assert!(requests[0].starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{}", requests[0]);
    let head = requests[0].to_lowercase();
    assert!(head.contains("authorization: bearer sk-12345678") && head.contains("x-team: blue"), "{head}");
    assert_eq!(requests.len(), 3);
    assert!(
        requests[1..].iter().all(|request| request.contains(r#""model":"org/the-model""#)),
        "{requests:?}"
    );
}

#[rstest]
#[case::several(
    Script::whole("application/json", r#"{"data": [{"id": "a"}, {"id": "b"}]}"#),
    "lists 2: `a`, `b`"
)]
#[case::none(Script::whole("application/json", r#"{"data": []}"#), "lists none")]
#[case::no_list(Script::whole("text/html", "<html>"), "is no list of models")]
#[case::not_found(Script::status("404 Not Found", &["Content-Length: 0"]), "it answers with 404 Not Found")]
#[case::wrong_key(Script::status("401 Unauthorized", &["Content-Length: 0"]), "it answers with 401 Unauthorized")]
fn what_there_is_instead_is_said_before_anything_is_sent(#[case] list: Script, #[case] says: &str) {
    let server = ScriptedServer::start([list]);
    let run = profile(&server.url(), &[]);
    run.ends_with(2);
    let expected = format!("`--model` is missing, and `{}/v1/models`", server.url());
    assert!(run.stderr.contains(&expected) && run.stderr.contains(says), "{}", run.stderr);
    assert!(run.stderr.contains("--model NAME"), "{}", run.stderr);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let run = profile("http://127.0.0.1:9", &[]);
    run.ends_with(4);
    assert!(run.stderr.contains("`http://127.0.0.1:9/v1/models` cannot be asked"), "{}", run.stderr);
}

#[test]
fn a_model_that_is_named_is_not_asked_for() {
    let server = MockServer::start([]);
    Tool::profile(&server).args(["--request-count", "1"]).run().succeeds();
    assert_eq!(server.truth()["requests_total"], 1);
}
