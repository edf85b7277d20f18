//! Failures inside of answers that have the status of good ones: each is an error with the server's words, whatever came
//! before it, and none is a success with 0 tokens.

use prony_tests::{Run, Script, ScriptedServer, Tool};
use rstest::rstest;
use serde_json::Value;

const TOKEN: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hi","role":"assistant"},"text":"Hi"}]}"#;
const ROLE: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"text":""}]}"#;
const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"text":"","finish_reason":"stop"}]}"#;
const NO_USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#;
const TOO_LONG: &str =
    r#"{"code":400,"message":"the request exceeds the context","type":"exceed_context_size_error"}"#;

/// Two requests to a server that answers like this, in this API format and over this transport.
fn profile(format: &str, transport: &str, answer: Script) -> Run {
    let server = ScriptedServer::start([answer]);
    let flags = ["--endpoint-type", format, "--transport", transport, "--streaming"];
    run(&server, &flags)
}

fn run(server: &ScriptedServer, flags: &[&str]) -> Run {
    Tool::bare_profile()
        .args(["--url", &server.url(), "--request-count", "2", "--isl", "10", "--osl", "5"])
        .args(["--idle-timeout-seconds", "20"])
        .args(flags)
        .run()
}

/// All requests failed, and in the same way.
#[track_caller]
fn the_one_error(run: &Run) -> Value {
    run.ends_with(1);
    let errors = &run.summary()["error_summary"];
    assert_eq!((errors[0]["count"].as_u64(), errors[1].is_null()), (Some(2), true), "{errors}");
    errors[0]["error_details"].clone()
}

#[track_caller]
fn fails(run: &Run, kind: &str, words: &str) {
    let error = the_one_error(run);
    assert_eq!(error["type"], kind, "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
}

/// An error as a field of the event stream (llama.cpp), as bare JSON in one line and in several (gateways), and as an event.
#[rstest]
#[case::a_field(&format!("error: {TOO_LONG}\n\n"))]
#[case::a_bare_line(&format!("{{\"error\":{TOO_LONG}}}\n\n"))]
#[case::an_event(&format!("data: {{\"error\":{TOO_LONG}}}\n\n"))]
#[case::a_named_event(&format!("event: error\ndata: {TOO_LONG}\n\n"))]
fn an_error_in_a_stream_is_an_error_alone_and_after_tokens(
    #[case] line: &str,
    #[values("chat", "completions", "raw", "template")] format: &str,
    #[values("timed", "portable")] transport: &str,
    #[values(false, true)] after_tokens: bool,
) {
    let begun = Script::events();
    let begun = if after_tokens { begun.event(TOKEN).pause_ms(5) } else { begun };
    let run = profile(format, transport, begun.chunk(line).event("[DONE]").last_chunk());
    fails(&run, "server_error", "the request exceeds the context");
}

#[rstest]
fn an_error_field_is_an_error_in_every_format_of_event_streams(
    #[values("chat", "completions", "responses", "messages", "huggingface_generate", "llamacpp_completion")]
    format: &str,
) {
    let answer = Script::events().chunk(format!("error: {TOO_LONG}\n\n")).event("[DONE]").last_chunk();
    fails(&profile(format, "timed", answer), "server_error", "the request exceeds the context");
}

#[test]
fn an_error_that_is_printed_over_several_lines_is_one() {
    let body = "{\n  \"error\": {\n    \"message\": \"no such model\"\n  }\n}";
    for answer in
        [Script::events().chunk(body), Script::events().chunk(format!("{body}\n\ndata: [DONE]\n\n"))]
    {
        fails(&profile("chat", "timed", answer.last_chunk()), "server_error", "no such model");
    }
}

/// Without an error in them, they are at least quoted.
#[test]
fn lines_that_are_no_events_are_quoted_when_there_is_nothing_else() {
    let answer = Script::events().chunk("upstream busy, retry later\n\n").event("[DONE]").last_chunk();
    fails(&profile("chat", "timed", answer), "empty_answer", "`upstream busy, retry later`");
}

#[test]
fn unknown_fields_beside_tokens_are_no_failure() {
    let answer = Script::events().chunk(format!("trace: 7\nerror: null\nwarning\ndata: {TOKEN}\n\n"));
    let run = profile("chat", "timed", answer.event(FINISH).event("[DONE]").last_chunk());
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
}

#[rstest]
#[case::done_alone(&["[DONE]"])]
#[case::a_role(&[ROLE, "[DONE]"])]
#[case::a_usage_of_nothing(&[NO_USAGE, "[DONE]"])]
#[case::nothing_understood(&["{}", "[DONE]"])]
fn a_stream_without_a_token_and_a_reason_is_an_empty_answer(
    #[case] events: &[&str],
    #[values("chat", "completions")] format: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let answer = events.iter().fold(Script::events(), |answer, event| answer.event(event));
    fails(&profile(format, transport, answer.last_chunk()), "empty_answer", "no token and no finish reason");
}

#[rstest]
#[case::messages("messages", Script::events()
    .event(r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":3}}}"#)
    .event(r#"{"type":"message_stop"}"#))]
#[case::huggingface("huggingface_generate", Script::events().event(r#"{"token":{"text":"</s>","special":true},"generated_text":""}"#))]
#[case::solido("solido_rag", Script::events().event("[DONE]"))]
fn an_empty_stream_of_another_format_is_an_empty_answer(#[case] format: &str, #[case] answer: Script) {
    fails(&profile(format, "timed", answer.last_chunk()), "empty_answer", "no token and no finish reason");
}

#[rstest]
#[case::chat("chat", r#"{"choices":[]}"#)]
#[case::chat_without_words("chat", r#"{"choices":[{"message":{"role":"assistant","content":null}}]}"#)]
#[case::completions("completions", r#"{"choices":[{"text":""}]}"#)]
#[case::messages("messages", r#"{"type":"message","content":[]}"#)]
#[case::ollama("ollama_chat", r#"{"message":{"role":"assistant","content":""}}"#)]
#[case::huggingface("huggingface_generate", r#"[{"generated_text":""}]"#)]
#[case::llamacpp("llamacpp_completion", r#"{"content":""}"#)]
fn a_whole_answer_without_a_token_and_a_reason_is_an_empty_answer(#[case] format: &str, #[case] body: &str) {
    let server = ScriptedServer::start([Script::whole("application/json", body)]);
    let run = run(&server, &["--endpoint-type", format]);
    fails(&run, "empty_answer", "no token and no finish reason");
}

/// The server had nothing to say, and says so.
#[rstest]
#[case::chat("chat", Script::events().event(ROLE).event(FINISH).event("[DONE]"))]
#[case::completions("completions", Script::events().event(FINISH).event("[DONE]"))]
#[case::messages("messages", Script::events()
    .event(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#)
    .event(r#"{"type":"message_stop"}"#))]
#[case::responses("responses", Script::events()
    .event(r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#))]
#[case::llamacpp("llamacpp_completion", Script::events().event(r#"{"content":"","stop":true,"stop_type":"limit"}"#))]
#[case::ollama("ollama_chat", Script::chunked("application/x-ndjson")
    .chunk("{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n"))]
fn an_empty_answer_with_a_finish_reason_is_an_answer(
    #[case] format: &str,
    #[case] answer: Script,
    #[values("timed", "portable")] transport: &str,
) {
    let run = profile(format, transport, answer.last_chunk());
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2, "{format}");
}

#[rstest]
#[case::alone(Script::events())]
#[case::after_tokens(Script::events().event(TOKEN).pause_ms(5))]
fn a_server_that_says_it_had_no_success_is_believed(
    #[case] begun: Script,
    #[values("chat", "completions", "template")] format: &str,
) {
    let answer = begun.event(r#"{"success":false,"message":"quota used up"}"#).event("[DONE]").last_chunk();
    fails(&profile(format, "timed", answer), "server_error", "quota used up");
}

#[rstest]
#[case::with_words(r#"{"code":502,"message":"the provider went away"}"#, "the provider went away")]
#[case::without("null", "the server ended choice 0 with finish_reason `error`")]
fn a_choice_that_was_given_up_is_told_in_the_servers_words(
    #[case] error: &str,
    #[case] words: &str,
    #[values("chat", "completions", "raw")] format: &str,
    #[values(true, false)] streams: bool,
) {
    let choice = format!(r#"{{"choices":[{{"index":0,"finish_reason":"error","error":{error}}}]}}"#);
    let run = if streams {
        profile(format, "timed", Script::events().event(TOKEN).event(&choice).event("[DONE]").last_chunk())
    } else {
        run(&ScriptedServer::start([Script::whole("application/json", choice)]), &["--endpoint-type", format])
    };
    fails(&run, "server_error", words);
}

/// A piece of audio in which nobody speaks has no text, and that is right.
#[test]
fn a_transcript_of_silence_is_an_answer() {
    let server = ScriptedServer::start([Script::whole("application/json", r#"{"text":""}"#)]);
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--request-count", "2", "--endpoint-type", "audio_transcription"])
        .run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
}
