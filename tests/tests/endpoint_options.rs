//! Options of an endpoint: from the command line into the plugin, and nowhere else.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Tool, wire::Replay};
use rstest::rstest;
use serde_json::Value;

const ANSWER: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn server() -> Replay {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}", ANSWER.len());
    Replay::start(format!("{head}\r\nConnection: close\r\n\r\n{ANSWER}").into_bytes(), 42)
}

fn chat(url: &str) -> Tool {
    Tool::profile_at(url).args(["--request-count", "1", "--osl", "5", "--no-server-metrics"])
}

/// The body of the one request that asked for an answer.
fn body(server: &Replay) -> Value {
    let requests = server.requests();
    let posts: Vec<_> = requests.iter().filter(|request| request.starts_with(b"POST ")).collect();
    assert_eq!(posts.len(), 1);
    let (_, body) = std::str::from_utf8(posts[0]).unwrap().split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[rstest]
fn an_option_reaches_the_endpoint_wherever_it_runs(
    #[values(None, Some("--isolate=chat"))] how: Option<&str>,
) {
    let server = server();
    let run = how.into_iter().fold(chat(&server.url()), Tool::arg);
    run.args(["--endpoint-option", "use_legacy_max_tokens=true"]).run().succeeds();
    let body = body(&server);
    assert_eq!((&body["max_tokens"], body.get("max_completion_tokens")), (&Value::from(5), None));
}

#[test]
fn an_option_wins_over_the_flag_for_it() {
    let server = server();
    let run = chat(&server.url()).args([
        "--use-legacy-max-tokens",
        "--endpoint-option",
        "use_legacy_max_tokens=false",
    ]);
    let summary = run.run().succeeds().summary();
    assert_eq!(body(&server)["max_completion_tokens"], 5);
    assert_eq!(summary["input_config"]["target"]["endpoint_options"]["use_legacy_max_tokens"], false);
}

#[rstest]
#[case::unknown(
    "use_legacy_max_token=true",
    "set the option `use_legacy_max_token` of the endpoint `chat`: it takes only `use_legacy_max_tokens`",
    "did you mean `use_legacy_max_tokens`?"
)]
#[case::of_another_type(
    "use_legacy_max_tokens=yes",
    "it takes `true` or `false`, and this is text",
    "`prony plugins show endpoint chat` describes it"
)]
#[case::no_option(
    "use_legacy_max_tokens",
    "it is not `KEY=VALUE`",
    "--endpoint-option use_legacy_max_tokens=true"
)]
fn what_an_endpoint_does_not_take_is_refused_before_anything_is_sent(
    #[case] option: &str,
    #[case] error: &str,
    #[case] help: &str,
) {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--endpoint-option", option]).run();
    run.ends_with(2);
    assert!(run.stderr.contains(error) && run.stderr.contains(help), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

/// The most natural template is JSON itself, and no less a text.
#[test]
fn a_text_is_taken_as_it_stands_even_if_it_is_json() {
    let template =
        r#"template={"model": "m", "messages": [{"role": "user", "content": "{{ text }}"}], "stream": true}"#;
    let tool = Tool::new(["profile", "--mock", "--ui", "none", "--artifact-dir", "run", "--isl", "5"]);
    let tool = tool.args(["--request-count", "1", "--no-server-metrics", "--endpoint-type", "template"]);
    let summary = tool.args(["--endpoint-option", template]).run().succeeds().summary();
    assert!(summary["input_config"]["target"]["endpoint_options"]["template"].is_string());
}

#[test]
fn an_endpoint_without_options_takes_none() {
    for endpoint in ["ollama_chat", "messages", "cohere_rankings"] {
        let run =
            Tool::new(["profile", "--mock", "--endpoint-type", endpoint, "--endpoint-option", "n=1"]).run();
        run.ends_with(2);
        assert!(
            run.stderr.contains(&format!("option `n` of the endpoint `{endpoint}`: it takes none")),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn what_an_endpoint_takes_is_shown_without_opening_it() {
    let run = Tool::new(["plugins", "show", "endpoint", "kserve_v2"]).run();
    let (_, options) = run.succeeds().stdout.split_once("\noptions\n").unwrap();
    assert!(
        options.contains(
            r#"kserve_input   string  Name of the tensor with the prompt.  [default: "text_input"]"#
        )
    );
}
