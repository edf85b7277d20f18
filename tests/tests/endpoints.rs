//! Endpoints that fail, in this process: every fault costs one request or ends the run by name, and no other number is
//! touched.

use prony_tests::{MockPlugin, MockServer, Run, Script, ScriptedServer, Tool, mock_plugin};
use rstest::rstest;
use serde_json::Value;

/// The endpoint `acme`, which obeys its prompts.
fn faulty() -> MockPlugin {
    mock_plugin("acme", "bad_endpoint:Faulty", "bad-endpoint")
}

/// Ten sound prompts, and a bad one among them.
fn prompts(fault: &str) -> String {
    let line = |prompt: &str| format!("{{\"text\": \"{prompt}\", \"output_length\": 5}}\n");
    let sound = line("hello").repeat(5);
    format!("{sound}{}{sound}", line(&format!("fault {fault}")))
}

/// A profile of eleven requests, one of which meets a fault.
fn profile(pack: &MockPlugin, server: &MockServer, fault: &str, flags: &[&str]) -> Tool {
    let words = ["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--no-server-metrics"];
    let tool = Tool::new(words);
    tool.file("prompts.jsonl", prompts(fault));
    tool.args(["--url", server.url(), "--endpoint-type", "acme", "--input-file", "prompts.jsonl"])
        .args(["--request-count", "11", "--random-seed", "42", "--plugins"])
        .arg(pack.path())
        .args(flags)
}

/// A profile all of whose requests `acme` refuses to write.
fn refused_by(pack: &MockPlugin, server: &MockServer) -> Tool {
    let tool = Tool::bare_profile();
    tool.file("prompts.jsonl", "{\"text\": \"fault format-error\"}\n");
    tool.args([
        "--url",
        server.url(),
        "--endpoint-type",
        "acme",
        "--input-file",
        "prompts.jsonl",
        "--plugins",
    ])
    .arg(pack.path())
}

/// The sound requests have their numbers, as the server knows them.
fn ten_are_sound(run: &Run) {
    let summary = run.summary();
    assert_eq!(summary["request_count"]["avg"], 10);
    assert_eq!(summary["output_sequence_length"]["min"], 5);
    assert_eq!(summary["output_sequence_length"]["max"], 5);
    assert_eq!(summary["total_osl"]["avg"], 50);
    assert_eq!(summary["usage_completion_tokens"]["count"], 10);
}

/// One row of the error table, with one request in it.
fn the_one_error(run: &Run) -> Value {
    let errors = &run.summary()["error_summary"];
    assert!(errors[1].is_null(), "{errors}");
    assert_eq!(errors[0]["count"], 1);
    errors[0]["error_details"].clone()
}

const PANIC: (&str, &str) = ("plugin_panic", "endpoint `acme` panicked when it had to");
const ERROR: (&str, &str) = ("plugin_io", "endpoint `acme` failed to do what it was told");
const LIMIT: (&str, &str) = ("plugin_limit", "endpoint `acme` reported ");

#[rstest]
fn a_fault_in_a_stream_fails_one_request(
    #[values("format", "parser", "event", "end")] place: &str,
    #[values("panic", "bomb", "error")] kind: &str,
    #[values("--streaming", "--isolate=acme")] how: &str,
) {
    let server = MockServer::start([]);
    let flags = [how, "--streaming", "--concurrency", if place == "parser" { "1" } else { "3" }];
    let flags = if how == "--streaming" { &flags[1..] } else { &flags };
    let run = profile(&faulty(), &server, &format!("{place}-{kind}"), flags).run();
    ten_are_sound(run.succeeds());
    let error = the_one_error(&run);
    // `parser` has no way to return an error.
    let (expected, text) = if kind == "error" && place != "parser" { ERROR } else { PANIC };
    assert_eq!(error["type"], expected);
    assert!(error["message"].as_str().unwrap().starts_with(text), "{error}");
}

#[rstest]
#[case::panic("panic", PANIC)]
#[case::error("error", ERROR)]
#[case::a_long_error("long_error", ("plugin_io", "endpoint `acme` failed to xxx"))]
#[case::endless_text("text", LIMIT)]
#[case::endless_choices("choices", LIMIT)]
#[case::endless_reasons("finishes", LIMIT)]
#[case::endless_embeddings("embeddings", LIMIT)]
#[case::no_score("score", LIMIT)]
#[case::absurd_usage("usage", LIMIT)]
#[case::a_long_fact("fact", LIMIT)]
#[case::a_long_error_of_the_server("server_error", ("server_error", "xxx"))]
fn a_wrong_answer_fails_one_request(
    #[case] kind: &str,
    #[case] (expected, text): (&str, &str),
    #[values("event", "body")] place: &str,
) {
    let server = MockServer::start([]);
    let streaming: &[&str] = if place == "event" { &["--streaming"] } else { &[] };
    let run = profile(&faulty(), &server, &format!("{place}-{kind}"), streaming).run();
    ten_are_sound(run.succeeds());
    let error = the_one_error(&run);
    assert_eq!(error["type"], expected);
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with(text) && message.len() < 20_000, "{message:.200}");
    // Whether the server had sent all of the wrong answer when it was dropped is nobody's business.
    assert_eq!(server.truth()["requests_total"], 11);
}

#[rstest]
#[case::a_body("body", "plugin_limit", "wrote a body of more than 536870912 bytes")]
#[case::headers("headers", "plugin_limit", "wrote more than 256 headers")]
#[case::a_path("path", "plugin_limit", "wrote a path and headers of more than 1048576 bytes")]
#[case::a_header("header", "format", "wrote a request that cannot be sent: the name of header `x-a\r\nx-b`")]
fn an_absurd_request_is_never_sent(#[case] kind: &str, #[case] class: &str, #[case] text: &str) {
    let server = MockServer::start([]);
    let run = profile(&faulty(), &server, &format!("format-{kind}"), &["--streaming"]).run();
    ten_are_sound(run.succeeds());
    let error = the_one_error(&run);
    assert_eq!(error["type"], class);
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(&format!("endpoint `acme` {text}")), "{message}");
    assert_eq!(server.truth()["requests_total"], 10);
}

/// What the server says with an error status is the request's error, and the plugin's panic is not forgotten for that.
#[test]
fn a_panic_at_an_error_status_is_logged_and_counts() {
    let body = r#"{"model": "fault body-panic", "choices": [{"message": {"content": "overloaded"}}]}"#;
    let head = ["Content-Type: application/json", &format!("Content-Length: {}", body.len())];
    let server = ScriptedServer::start([Script::status("503 Service Unavailable", &head).bytes(body)]);
    let pack = faulty();
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--endpoint-type", "acme", "--request-count", "50", "--plugins"])
        .arg(pack.path())
        .run();
    run.ends_with(3);
    let warning = "endpoint `acme` panicked when it had to read the response: told to panic";
    assert_eq!(run.stderr.matches(warning).count(), 3, "{}", run.stderr);
    assert!(run.stdout.contains("endpoint `acme` panicked too often"), "{}", run.stdout);
    let errors = run.summary()["error_summary"].as_array().unwrap().clone();
    let answered = errors.iter().find(|error| error["error_details"]["type"] == "http_status").unwrap();
    assert_eq!((&answered["count"], &answered["error_details"]["code"]), (&3.into(), &503.into()));
}

/// A closed loop against an endpoint that refuses everything would fail as fast as it can: its slots rest, and after a
/// hundred failures in a row the run ends.
#[rstest]
#[case::closed_loop(&["--concurrency", "10"])]
#[case::open_loop(&["--request-rate", "100"])]
#[case::workers_in_a_process_of_their_own(&["--concurrency", "10", "--isolate", "acme"])]
fn a_run_whose_endpoint_writes_no_request_ends(#[case] load: &[&str]) {
    let server = MockServer::start([]);
    let run = refused_by(&faulty(), &server).args(["--benchmark-duration", "3600"]).args(load).run();
    run.ends_with(1);
    let summary = run.summary();
    assert_eq!(summary["is_complete"], false);
    let reason = "the endpoint wrote no request that can be sent, 100 times in a row; the last time: \
                  endpoint `acme` failed to do what it was told";
    assert_eq!(summary["incomplete_reason"], reason);
    assert!(run.stderr.contains(reason), "{}", run.stderr);
    // A hundred in a row, and those that were under way as the hundredth was counted.
    let failed = summary["error_request_count"]["avg"].as_u64().unwrap();
    assert!((100..400).contains(&failed), "{failed}");
    assert_eq!(server.truth()["requests_total"], 0);
}

#[rstest]
#[case::slots_rest(&["--concurrency", "2"])]
#[case::a_schedule_is_kept(&["--request-rate", "10", "--arrival-pattern", "constant"])]
fn requests_that_their_endpoint_refuses_do_not_fail_as_fast_as_they_can(#[case] load: &[&str]) {
    let server = MockServer::start([]);
    let run = refused_by(&faulty(), &server).args(["--benchmark-duration", "0.45"]).args(load).run();
    let failed = run.ends_with(1).summary()["error_request_count"]["avg"].as_u64().unwrap();
    // At 0, 100, 200, 300 and 400 ms: in two slots, or by the schedule, where one more is formatted ahead.
    assert!((1..=10).contains(&failed), "{failed}");
}

#[rstest]
fn a_panic_in_a_parsers_destructor_fails_nothing(#[values("panic", "bomb")] kind: &str) {
    let server = MockServer::start([]);
    let run = profile(&faulty(), &server, &format!("drop-{kind}"), &["--streaming"]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 11);
}

/// What a run with one call that never returns leaves behind.
fn ends_by_name(run: &Run, call: &str) {
    run.ends_with(3);
    let reason = format!("endpoint `acme` hangs: {call} has not returned for 5 s in worker 0");
    assert!(run.stderr.contains(&reason), "{}", run.stderr);
    let summary = run.summary();
    assert_eq!(summary["was_cancelled"], true);
    assert!(run.stdout.contains(&reason), "{}", run.stdout);
    // The five before it are reported, and it is not among them.
    assert_eq!(summary["request_count"]["avg"], 5);
    assert_eq!(summary["scheduled"], 6);
    assert_eq!(summary["lost"], 1);
    assert!(run.stdout.contains("/ lost 1"), "{}", run.stdout);
    assert_eq!(run.records().len(), 5);
}

#[rstest]
#[case::in_format("format-hang", "`format`")]
#[case::in_an_event("event-loop", "`event`")]
#[case::in_the_destructor("drop-hang", "its parser's destructor")]
#[case::isolated("event-hang", "`event`")]
fn a_call_that_never_returns_ends_the_run_by_name(#[case] fault: &str, #[case] call: &str) {
    let server = MockServer::start([]);
    let isolate: &[&str] = if fault == "event-hang" { &["--isolate", "acme"] } else { &[] };
    let run = profile(&faulty(), &server, fault, &["--streaming", "--workers-max", "1"]).args(isolate).run();
    ends_by_name(&run, call);
}

/// While one worker hangs, the others end what they have in flight, and it is recorded.
#[test]
fn other_workers_lose_nothing_when_one_hangs() {
    let server = MockServer::start(["--itl-ms", "20"]);
    let flags = ["--streaming", "--workers-max", "2", "--concurrency", "2"];
    let run = profile(&faulty(), &server, "event-hang", &flags).run();
    run.ends_with(3);
    let summary = run.summary();
    assert_eq!(summary["lost"], 1);
    assert_eq!(summary["request_count"]["avg"], 10);
}

#[rstest]
#[case::panics("PanicsInDrop")]
#[case::hangs("HangsInDrop")]
fn an_endpoints_destructor_does_not_spoil_the_run(
    #[case] name: &str,
    #[values(&[], &["--isolate", "acme"])] isolate: &[&str],
) {
    let server = MockServer::start([]);
    let pack = mock_plugin("acme", &format!("bad_endpoint:{name}"), "bad-endpoint");
    let run = profile(&pack, &server, "nowhere-nothing", &["--streaming"]).args(isolate).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 11);
}

#[rstest]
#[case::fails(
    "FailsInNew",
    "error: failed to start the endpoint `acme`\ncause: io: do what it was told\nhelp: tell it something else\n"
)]
#[case::panics(
    "PanicsInNew",
    "error: failed to start the endpoint `acme`\ncause: panic: told to panic\nhelp: it is a bug of the plugin: tell its author\n"
)]
#[case::hangs(
    "HangsInNew",
    "error: failed to use the endpoint `acme`: it has not started within 10 s\nhelp: report it to the plugin's \
     vendor; `--log-level debug` shows what the plugin says\n"
)]
fn an_endpoint_that_does_not_start_is_explained(
    #[case] name: &str,
    #[case] explanation: &str,
    #[values(&[], &["--isolate", "acme"])] isolate: &[&str],
) {
    let server = MockServer::start([]);
    let pack = mock_plugin("acme", &format!("bad_endpoint:{name}"), "bad-endpoint");
    let run = profile(&pack, &server, "nowhere-nothing", &["--streaming"]).args(isolate).run();
    run.ends_with(3);
    assert_eq!(run.stderr, explanation);
    assert_eq!(server.truth()["requests_total"], 0);
}

/// Its initialisers hold the linker's lock, which new threads and the usual end of a process need as well.
#[test]
fn a_library_that_does_not_finish_to_open_ends_the_run() {
    let run = never_opened(&[]);
    let copy = "libbad_start.so`: its initialisers have not returned within 8 s\n";
    assert!(run.stderr.starts_with("error: failed to open the library `"), "{}", run.stderr);
    assert!(run.stderr.contains(copy), "{}", run.stderr);
}

#[test]
fn a_library_that_does_not_finish_to_open_in_its_own_process_is_explained() {
    let run = never_opened(&["--isolate", "acme"]);
    let explanation = "error: failed to use the endpoint `acme`: it has not started within 10 s\n";
    assert!(run.stderr.starts_with(explanation), "{}", run.stderr);
}

/// The end of a run with an endpoint whose library does not finish to open.
fn never_opened(isolate: &[&str]) -> Run {
    let server = MockServer::start([]);
    let pack = mock_plugin("acme", "bad_start:LateEndpoint", "bad-start");
    let run = profile(&pack, &server, "nowhere-nothing", &["--streaming"]).args(isolate).run();
    run.ends_with(3);
    assert_eq!(server.truth()["requests_total"], 0);
    run
}

/// What isolation is for: in process a crash is the host's own. What was in the journal by then is still reported.
#[test]
fn a_crash_in_process_takes_the_host_down_and_leaves_the_journal() {
    let server = MockServer::start(["--itl-ms", "5"]);
    let run = profile(&faulty(), &server, "event-segfault", &["--streaming"]).run();
    run.ends_with(128 + 11);
    Tool::new(["report"]).arg(run.dir().join("run")).run().ends_with(6);
    let records = run.records().len();
    assert!((1..=5).contains(&records), "{records}");
}
