//! A failed request says what was asked, and what the server said, as the server said it.

use prony_tests::{Run, Script, ScriptedServer, Tool};
use rstest::rstest;

fn run(url: &str, flags: &[&str]) -> Run {
    Tool::bare_profile()
        .args(["--url", url, "--request-count", "2", "--isl", "10", "--osl", "5"])
        .args(flags)
        .run()
}

fn not_found() -> Script {
    let body = r#"{"error":{"message":"no such path"}}"#;
    let length = format!("Content-Length: {}", body.len());
    Script::status("404 Not Found", &["Content-Type: application/json", &length]).bytes(body)
}

#[rstest]
#[case::chat("chat", "/v1/v1", "POST /v1/v1/chat/completions")]
#[case::completions("completions", "", "POST /v1/completions")]
#[case::responses("responses", "/api", "POST /api/v1/responses")]
#[case::messages("messages", "", "POST /v1/messages")]
#[case::ollama("ollama_chat", "/v1", "POST /v1/api/chat")]
#[case::huggingface("huggingface_generate", "", "POST /generate_stream")]
#[case::llamacpp("llamacpp_completion", "", "POST /completion")]
fn a_path_that_is_not_there_is_named(
    #[case] format: &str,
    #[case] base: &str,
    #[case] asked: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([not_found()]);
    let url = format!("{}{base}", server.url());
    let run = run(&url, &["--endpoint-type", format, "--streaming", "--transport", transport]);
    run.ends_with(1);
    let error = &run.summary()["error_summary"][0];
    assert_eq!(
        (error["count"].as_u64(), error["error_details"]["type"].as_str()),
        (Some(2), Some("http_status"))
    );
    assert_eq!(error["error_details"]["message"], format!("{asked}: no such path"));
    assert!(run.records().iter().all(|record| record["metadata"]["request"] == asked), "{:?}", run.records());
    assert!(run.stdout.contains(asked) && run.stderr.contains(asked), "{}{}", run.stdout, run.stderr);
}

/// Whatever the failure is, the record has the line; secrets of the URL are in neither.
#[rstest]
#[case::a_page(Script::whole("text/html", "<html>hello</html>"), "malformed", true)]
#[case::empty(Script::events().event("[DONE]").last_chunk(), "empty_answer", true)]
#[case::no_http(Script::silent().bytes("SSH-2.0-x\r\n\r\n").close(), "transport", true)]
#[case::cut(Script::events().close(), "stream_cut", false)]
#[case::nothing(Script::silent().close(), "connection_reset", false)]
fn every_failed_request_says_what_was_asked_and_no_secret(
    #[case] answer: Script,
    #[case] kind: &str,
    #[case] in_message: bool,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer]);
    let url = format!("{}/base?api_key=sk-hush-hush", server.url());
    let run = run(&url, &["--endpoint-type", "chat", "--streaming", "--transport", transport]);
    run.ends_with(1);
    let asked = "POST /base/v1/chat/completions";
    for record in run.records() {
        assert_eq!(record["error"]["type"], kind, "{record}");
        assert_eq!(record["metadata"]["request"], asked, "{record}");
        let message = record["error"]["message"].as_str().unwrap();
        assert_eq!(message.starts_with(asked), in_message, "{message}");
    }
    let journal = std::fs::read(run.artifact("journal.prony")).unwrap();
    let outputs = [run.stdout.as_str(), &run.stderr, &String::from_utf8_lossy(&journal)].concat();
    assert!(!outputs.contains("hush"), "{outputs}");
}

#[test]
fn a_request_that_succeeds_needs_no_such_line() {
    let body = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let server = ScriptedServer::start([Script::whole("application/json", body)]);
    let run = run(&server.url(), &["--endpoint-type", "chat"]);
    assert!(run.succeeds().records().iter().all(|record| record["metadata"]["request"].is_null()));
}

/// A template that cannot be rendered tells where by lines (transformers, llama.cpp).
#[rstest]
#[case::whole(false)]
#[case::streamed(true)]
fn a_servers_line_breaks_are_line_breaks(
    #[case] streams: bool,
    #[values("timed", "portable")] transport: &str,
) {
    let error = r#"{"error":{"message":"bad template:\nline 3\n\tfaked: \u001b[2J"}}"#;
    let (answer, flags): (_, &[&str]) = if streams {
        (Script::events().event(error).event("[DONE]").last_chunk(), &["--streaming"])
    } else {
        let length = format!("Content-Length: {}", error.len());
        (Script::status("400 Bad Request", &["Content-Type: application/json", &length]).bytes(error), &[])
    };
    let server = ScriptedServer::start([answer]);
    let run = run(&server.url(), &[&["--endpoint-type", "chat", "--transport", transport], flags].concat());
    run.ends_with(1);
    let message = run.records()[0]["error"]["message"].to_string();
    assert!(message.contains(r"bad template:\nline 3\n"), "{message}");
    let lines = run.stderr.lines().collect::<Vec<_>>();
    let first = lines.iter().position(|line| line.ends_with("bad template:")).unwrap();
    assert_eq!(lines[first + 1].trim(), "line 3", "{lines:?}");
    assert!(lines[first + 2].starts_with("       "), "{lines:?}");
    assert!(!run.stderr.contains("template:\u{fffd}") && !run.stderr.contains('\u{1b}'), "{}", run.stderr);
    assert!(run.stdout.contains("bad template: line 3"), "{}", run.stdout);
}
