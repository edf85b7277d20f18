//! Answers that cannot be read: what broke, and at which byte.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{Run, Script, ScriptedServer, Tool};
use rstest::rstest;

fn profile(answer: Script, flags: &[&str]) -> Run {
    let server = ScriptedServer::start([answer]);
    Tool::bare_profile()
        .args(["--url", &server.url(), "--request-count", "1", "--isl", "5"])
        .args(flags)
        .run()
}

fn failure(run: &Run, kind: &str) -> String {
    let errors = run.ends_with(1).summary()["error_summary"].clone();
    assert_eq!(errors[0]["error_details"]["type"], kind, "{errors:#}");
    errors[0]["error_details"]["message"].as_str().unwrap().to_owned()
}

const HALF: &[u8] = br#"{"choices":[{"text":"and then"#;
const NOT_UTF8: &[u8] = b"{\"choices\":[{\"text\":\"caf\xe9\"}]}";
const SURROGATE: &[u8] = br#"{"choices":[{"text":"a\ud83d"}]}"#;

#[rstest]
#[case::breaks_off(HALF, "its JSON breaks off after byte 29: `{\"choices\":[{\"text\":\"and then`")]
#[case::not_utf8(NOT_UTF8, "byte 25 of its JSON is not UTF-8")]
#[case::lone_surrogate(SURROGATE, "byte 29 of its JSON is wrong, a lone surrogate in an escape")]
fn what_broke_is_said_with_its_place(
    #[case] json: &[u8],
    #[case] says: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let flags = ["--endpoint-type", "completions", "--transport", transport];
    let message = failure(&profile(Script::whole("application/json", json), &flags), "malformed");
    assert!(message.contains(says), "{message}");
    let event = Script::events().chunk([b"data: ", json, b"\n\n"].concat()).last_chunk();
    let message = failure(&profile(event, &[&flags[..], &["--streaming"]].concat()), "malformed");
    assert!(message.contains(says), "{message}");
}

#[rstest]
#[case::json("{\"id\":\"x\",\"choices\":[]}")]
#[case::text("upstream is being restarted\n")]
#[case::html("<html><head><title>504</title></head></html>\n")]
fn an_event_stream_without_events_is_quoted(
    #[case] body: &str,
    #[values("chat", "completions", "responses", "messages")] endpoint: &str,
) {
    let answer = Script::chunked("text/event-stream").chunk(body).last_chunk();
    let run = profile(answer, &["--endpoint-type", endpoint, "--streaming"]);
    let message = failure(&run, "stream_cut");
    assert!(message.contains(body.trim()), "{message}");
}
