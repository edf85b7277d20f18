//! Sessions as users and agents have them: some leave, some are in the middle of their work when the load begins, some grow
//! longer than the server can read, and some pause for long.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Script, ScriptedServer, SeenRequest, Tool};
use rstest::rstest;
use serde_json::{Value, json};

fn reply(text: &str) -> Script {
    let choice =
        json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
    Script::whole("application/json", json!({"choices": [choice]}).to_string())
}

/// What vLLM says of a conversation that is too long.
fn too_long() -> Script {
    let message = "This model's maximum context length is 4096 tokens. However, you requested 4200 tokens";
    let body = json!({"error": {"message": message, "type": "BadRequestError", "code": 400}}).to_string();
    let length = format!("Content-Length: {}", body.len());
    Script::status("400 Bad Request", &["Content-Type: application/json", &length]).bytes(body)
}

/// Lines about sessions, in their order.
fn sessions(run: &Run) -> Vec<Value> {
    let lines = run.read("profile_export_sessions.jsonl");
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Roles and texts of a request's messages.
fn messages(request: &SeenRequest) -> Vec<(String, String)> {
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    let body: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |message: &Value| (text(&message["role"]), text(&message["content"]));
    body["messages"].as_array().unwrap().iter().map(of).collect()
}

/// Two conversations of four turns, one after the other. The server finds the first one too long at its third turn.
fn overflowing(more: &[&str]) -> Run {
    let answers = [reply("one"), reply("two"), too_long(), reply("three")];
    let server = ScriptedServer::start(answers);
    let load = ["--num-conversations", "2", "--conversation-turn-mean", "4", "--isl", "5"];
    Tool::bare_profile().args(["--url", &server.url()]).args(load).args(more).run()
}

#[rstest]
fn a_context_that_is_too_long_ends_the_session_and_is_no_failure(
    #[values(&[], &["--isolate", "chat"], &["--transport", "portable"])] place: &[&str],
) {
    let run = overflowing(place);
    let summary = run.succeeds().summary();
    assert_eq!(summary["context_overflow_count"], 1);
    assert_eq!(summary["request_count"]["avg"], 6);
    assert_eq!(summary["error_summary"], json!([]));
    assert_eq!(summary["is_complete"], true);
    let sessions = sessions(&run);
    let facts = |session: &Value| {
        ["succeeded", "failed", "context_overflow", "is_complete"].map(|key| session[key].clone())
    };
    assert_eq!(facts(&sessions[0]), [json!(2), json!(0), json!(true), json!(false)]);
    assert_eq!(facts(&sessions[1]), [json!(4), json!(0), json!(false), json!(true)]);
    assert!(
        run.stdout.contains("context too long for the server, not in the numbers: 1 request"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_context_that_is_too_long_may_be_a_failure() {
    let run = overflowing(&["--context-overflow", "fail"]);
    let summary = run.succeeds().summary();
    assert_eq!(summary["context_overflow_count"], 0);
    assert_eq!(summary["error_summary"][0]["count"], 1);
    assert_eq!(summary["session_settings"]["context_overflow"], "fail");
    assert!(run.stdout.contains("a context that is too long is a failure"), "{}", run.stdout);
}

#[test]
fn a_run_of_nothing_but_long_contexts_says_so() {
    let server = ScriptedServer::start([too_long()]);
    let load = ["--num-conversations", "2", "--conversation-turn-mean", "2"];
    let run = Tool::bare_profile().args(["--url", &server.url()]).args(load).run();
    run.ends_with(1);
    assert!(run.stderr.contains("the server found the context too long of 2 requests"), "{}", run.stderr);
}

#[test]
fn a_single_request_that_is_too_long_has_failed() {
    let server = ScriptedServer::start([too_long()]);
    let run = Tool::bare_profile().args(["--url", &server.url(), "--request-count", "2"]).run();
    run.ends_with(1);
    let summary = run.summary();
    assert_eq!(summary["context_overflow_count"], 0);
    assert_eq!(summary["error_summary"][0]["error_details"]["type"], "http_status");
}

/// Sessions by their numbers: turns that were sent, and turns before which the user left.
fn leaving(workers: &str) -> Vec<(u64, u64, u64)> {
    let server = MockServer::start(["--tokens", "1"]);
    let load =
        ["--num-conversations", "60", "--conversation-turn-mean", "6", "--isl", "5", "--concurrency", "4"];
    let tool = Tool::profile(&server).args(load).args(["--session-leave-rate", "30", "--workers", workers]);
    let run = tool.run();
    let summary = run.succeeds().summary();
    let number = |session: &Value, key: &str| session[key].as_u64().unwrap();
    let mut sessions: Vec<_> = sessions(&run)
        .iter()
        .map(|session| ["session_num", "turns", "left_turns"].map(|key| number(session, key)).into())
        .collect();
    sessions.sort_unstable();
    // Sessions of one turn are no lines.
    let alone =
        run.records().iter().filter(|record| record["metadata"]["turn_index"] == 0).count() - sessions.len();
    assert_eq!(sessions.len() + alone, 60);
    let sent: u64 = sessions.iter().map(|(_, turns, _)| turns).sum::<u64>() + alone as u64;
    assert_eq!(summary["request_count"]["avg"], sent);
    assert_eq!(server.truth()["requests_ok"], sent);
    assert_eq!(summary["session_settings"]["leave_percent"], 30.0);
    sessions
}

#[test]
fn users_leave_after_turns_that_the_seed_decides() {
    let sessions = leaving("1");
    assert!(sessions.iter().all(|(_, turns, left)| turns + left == 6), "{sessions:?}");
    assert!(sessions.iter().any(|(_, _, left)| *left == 0) && sessions.iter().any(|(_, _, left)| *left > 0));
    assert_eq!(sessions, leaving("2"));
}

/// Of five conversations of four turns, three are there from the beginning, and are half over.
#[test]
fn first_sessions_start_in_the_middle_and_repeat_what_was_said_before() {
    let server = ScriptedServer::start([reply("live")]);
    let start = ["--trajectory-start-min-ratio", "0.5", "--trajectory-start-max-ratio", "0.5"];
    let load = ["--num-conversations", "5", "--conversation-turn-mean", "4", "--concurrency", "3"];
    let tool = Tool::bare_profile().args(["--url", &server.url(), "--isl", "5", "--osl", "6"]);
    let run = tool.args(load).args(start).run();
    let skipped =
        |session: &Value| (session["skipped_turns"].as_u64().unwrap(), session["turns"].as_u64().unwrap());
    let mut found: Vec<_> = sessions(run.succeeds()).iter().map(skipped).collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 4), (0, 4), (2, 2), (2, 2), (2, 2)]);
    let mut lengths: Vec<usize> = server.requests().iter().map(|request| messages(request).len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 1, 3, 3, 5, 5, 5, 5, 5, 7, 7, 7, 7, 7]);
    let first = messages(&server.requests()[0]);
    let roles: Vec<&str> = first.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant", "user"]);
    assert!(
        first.iter().all(|(role, text)| !text.is_empty() && (role == "user" || text != "live")),
        "{first:?}"
    );
    assert!(run.stdout.contains("the first ones start at 0.5 to 0.5 of their turns"), "{}", run.stdout);
}

const RECORDED: &str = r#"{"session_id": "trip", "turns": [{"text": "Oslo?"}, {"role": "assistant", "text": "Fine."}, {"text": "Rain?"}]}"#;

#[test]
fn a_recorded_session_that_starts_in_the_middle_has_its_recorded_replies() {
    let server = ScriptedServer::start([reply("live")]);
    let tool = Tool::bare_profile().args(["--url", &server.url(), "--input-file", "c.jsonl"]);
    tool.file("c.jsonl", RECORDED);
    let start = ["--trajectory-start-min-ratio", "0.5", "--num-conversations", "1"];
    tool.args(start).run().succeeds();
    let expected = [("user", "Oslo?"), ("assistant", "Fine."), ("user", "Rain?")];
    let expected = expected.map(|(role, text)| (role.to_owned(), text.to_owned()));
    assert_eq!(server.requests().iter().map(messages).collect::<Vec<_>>(), [expected]);
}

/// Users in the middle of their conversations are followed by others when the rest of their turns is over.
#[test]
fn users_may_be_in_the_middle_of_their_conversations() {
    let words = ["--user-centric-rate", "8", "--num-users", "4", "--conversation-turn-mean", "4"];
    let start = ["--trajectory-start-min-ratio", "0.5", "--trajectory-start-max-ratio", "0.5"];
    let run = Tool::bare_profile()
        .args(words)
        .args(start)
        .args(["--num-conversations", "8", "--dry-run", "24"])
        .run();
    let listed: Vec<(u64, u64, f64)> = lines(&run)
        .iter()
        .map(|line| {
            let number = |key: &str| line[key].as_u64().unwrap();
            (number("session_num"), number("turn_index"), line["due_s"].as_f64().unwrap())
        })
        .collect();
    let expected = (0..8).flat_map(|session: u32| {
        let first: u32 = if session < 4 { 2 } else { 0 };
        let start = f64::from(session % 4) / 8.0 + f64::from(session / 4);
        (first..4).map(move |turn| (session.into(), turn.into(), start + f64::from(turn - first) * 0.5))
    });
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

/// What a dry run lists.
fn lines(run: &Run) -> Vec<Value> {
    run.succeeds().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Two recorded sessions: one whose tool works for a minute, and one that begins an hour later.
fn paused(words: &[&str]) -> Vec<(Value, Value)> {
    let message = json!([{"role": "user", "parts": [{"kind": "text", "data": "x"}]}]);
    let recorded = json!({"took_ns": 2_000_000_000_u64});
    let steps = json!([
        {"messages": message, "recorded": recorded},
        {"messages": message, "after": [0], "context": 0, "delay_ns": 60_000_000_000_u64, "recorded": recorded}
    ]);
    let session =
        |id: &str, starts_ns: u64| json!({"id": id, "starts_ns": starts_ns, "steps": steps}).to_string();
    let file = [json!({"prony_sessions": 1}).to_string(), session("a", 0), session("b", 3_600_000_000_000)];
    let tool =
        Tool::bare_profile().args(["--input-file", "s.jsonl", "--fixed-schedule", "--dry-run"]).args(words);
    tool.file("s.jsonl", file.join("\n"));
    lines(&tool.run()).iter().map(|line| (line["due_s"].clone(), line["delay_s"].clone())).collect()
}

#[rstest]
#[case::as_recorded(&[], json!([[0.0, null], [null, 60.0], [3600.0, null], [null, 60.0]]))]
#[case::delays(&["--inter-turn-delay-cap-seconds", "5"], json!([[0.0, null], [null, 5.0], [3600.0, null], [null, 5.0]]))]
#[case::sessions(&["--trace-idle-gap-cap-seconds", "10"], json!([[0.0, null], [null, 10.0], [3600.0, null], [null, 10.0]]))]
#[case::all(&["--max-idle-gap-cap-seconds", "10"], json!([[0.0, null], [null, 60.0], [74.0, null], [null, 60.0]]))]
#[case::faster(
    &["--replay-speedup", "10", "--max-idle-gap-cap-seconds", "10"],
    json!([[0.0, null], [null, 6.0], [16.4, null], [null, 6.0]])
)]
#[case::instants(&["--open-loop-replay"], json!([[0.0, null], [62.0, null], [3600.0, null], [3662.0, null]]))]
#[case::gaps(&["--no-open-loop-replay"], json!([[0.0, null], [null, 60.0], [3600.0, null], [null, 60.0]]))]
fn pauses_of_recorded_sessions_are_cut_to_what_was_asked_for(
    #[case] words: &[&str],
    #[case] expected: Value,
) {
    assert_eq!(json!(paused(words)), expected);
}

/// Every choice that changes numbers stands in the report, whether it was made or not.
#[test]
fn the_report_says_what_a_conversation_was_taken_to_be() {
    let server = ScriptedServer::start([reply("live")]);
    let words = ["--num-conversations", "1", "--conversation-turn-mean", "2", "--session-header", "X-Chat"];
    let run = Tool::bare_profile().args(["--url", &server.url(), "--isl", "5"]).args(words).run();
    let expected = json!({
        "replies": "live", "turn_times": "as_recorded", "delay_ratio": null, "delay_cap_s": null,
        "session_idle_cap_s": null, "idle_cap_s": null, "context_overflow": "end_session", "leave_percent": 0.0,
        "start_within": null, "session_headers": ["X-Chat"]
    });
    assert_eq!(run.succeeds().summary()["session_settings"], expected);
    assert!(run.stdout.contains("sessions  live replies"), "{}", run.stdout);
}

#[rstest]
#[case::open(
    &["--request-rate", "5", "--trajectory-start-min-ratio", "0.5", "--conversation-turn-mean", "3"],
    "use `--trajectory-start-min-ratio` together with `--request-rate`"
)]
#[case::no_file(&["--trace-idle-gap-cap-seconds", "5"], "`--trace-idle-gap-cap-seconds` requires `--input-file`")]
fn what_makes_no_sense_is_refused(#[case] words: &[&str], #[case] expected: &str) {
    let run = Tool::new(["profile", "--mock"]).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}
