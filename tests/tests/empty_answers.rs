//! Whole responses of status 200 with nothing in them: failures, in every API format that owes a text.

use prony_tests::{Script, ScriptedServer, Tool};
use rstest::rstest;

#[rstest]
#[case::no_choice("chat", r#"{"choices":[]}"#)]
#[case::no_list("chat", r#"{"choices":{}}"#)]
#[case::an_empty_choice("chat", r#"{"choices":[{}]}"#)]
#[case::an_empty_message("chat", r#"{"choices":[{"index":0,"message":{}}]}"#)]
#[case::usage_alone("chat", r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#)]
#[case::no_completion("completions", r#"{"choices":[]}"#)]
#[case::no_list_of_completions("completions", r#"{"choices":{}}"#)]
#[case::an_empty_completion("completions", r#"{"choices":[{}]}"#)]
#[case::azure("azure_chat", r#"{"choices":[{}]}"#)]
#[case::messages("messages", r#"{"type":"message","content":[]}"#)]
#[case::responses("responses", r#"{"object":"response","output":[]}"#)]
#[case::ollama("ollama_chat", r#"{"message":{}}"#)]
#[case::huggingface("huggingface_generate", "[]")]
#[case::huggingface_entry("huggingface_generate", "[{}]")]
#[case::llamacpp("llamacpp_completion", r#"{"content":""}"#)]
fn an_empty_body_is_no_success(
    #[case] format: &str,
    #[case] body: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([Script::whole("application/json", body)]);
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--endpoint-type", format, "--transport", transport])
        .args(["--request-count", "2"])
        .run();
    let summary = run.ends_with(1).summary();
    assert_eq!(summary["error_request_count"]["avg"], 2, "{summary:#}");
}
