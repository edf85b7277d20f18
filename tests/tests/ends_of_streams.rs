//! Where an answer ends: where its API format says so, whatever becomes of the HTTP body behind it.
//!
//! Lengths in time are those that the script gives, with generous bounds: an answer of 100 ms whose connection stays open
//! for as long as the client likes must not take a second.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{Run, Script, ScriptedServer, Tool};
use rstest::rstest;
use serde_json::Value;

const TOKEN: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"text":"Hi"}]}"#;
const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"text":"","finish_reason":"stop"}]}"#;
const FINISH_WITH_USAGE: &str = r#"{"choices":[{"index":0,"delta":{},"text":"","finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":7}}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7}}"#;
const OTHER_TOKEN: &str = r#"{"choices":[{"index":1,"delta":{"content":"Ho"},"text":"Ho"}]}"#;
const OTHER_FINISH: &str = r#"{"choices":[{"index":1,"delta":{},"text":"","finish_reason":"stop"}]}"#;
const DONE: &str = "[DONE]";

/// Most that an answer of 100 ms may take on a busy machine.
const SOON_MS: f64 = 1000.0;

fn profile(server: &ScriptedServer, flags: &[&str]) -> Tool {
    Tool::bare_profile()
        .args(["--url", &server.url(), "--isl", "10", "--osl", "5", "--streaming"])
        .args(flags)
}

/// The first token at once, the last one after 100 ms.
fn begun() -> Script {
    Script::events().event(TOKEN).pause_ms(100).event(TOKEN)
}

fn latencies(run: &Run) -> Vec<f64> {
    let latency = |record: &Value| record["metrics"]["request_latency"]["value"].as_f64().unwrap();
    run.records().iter().map(latency).collect()
}

/// So many successes, of which each took what the script gave it.
#[track_caller]
fn ended_in_time(run: &Run, count: usize) {
    let latencies = latencies(run.succeeds());
    assert_eq!(latencies.len(), count);
    assert!(latencies.iter().all(|latency| (90.0..SOON_MS).contains(latency)), "{latencies:?}");
}

/// One answer of each API format that streams, in whole: the last token 100 ms behind the first.
fn answer_of(format: &str) -> Script {
    let lines = |first: &str, rest: &str| {
        Script::chunked("application/x-ndjson")
            .chunk(format!("{first}\n"))
            .pause_ms(100)
            .chunk(format!("{rest}\n"))
    };
    let events = |first: &str| Script::events().event(first).pause_ms(100);
    match format {
        "chat" | "completions" | "raw" | "template" => begun().event(FINISH).event(DONE),
        "responses" => events(r#"{"type":"response.output_text.delta","delta":"Hi"}"#)
            .event(r#"{"type":"response.output_text.delta","delta":"Ho"}"#)
            .event(r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#),
        "messages" => events(r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#)
            .event(r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Ho"}}"#)
            .event(
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
            )
            .event(r#"{"type":"message_stop"}"#),
        "ollama_chat" => lines(
            r#"{"message":{"content":"Hi"},"done":false}"#,
            r#"{"message":{"content":"Ho"},"done":true,"done_reason":"stop"}"#,
        ),
        "huggingface_generate" => events(r#"{"token":{"text":"Hi"}}"#)
            .event(r#"{"token":{"text":"Ho"},"generated_text":"HiHo","details":{"finish_reason":"length"}}"#),
        "llamacpp_completion" => events(r#"{"content":"Hi","stop":false}"#)
            .event(r#"{"content":"Ho","stop":true,"stop_type":"limit","tokens_predicted":2}"#),
        "solido_rag" => events(r#"{"content":"Hi"}"#).event(r#"{"content":"Ho","sources":[]}"#),
        other => unreachable!("no answer is written for {other}"),
    }
}

/// The server says everything, and neither ends the body nor closes the connection.
#[rstest]
fn an_answer_is_over_when_its_format_says_so_and_not_when_its_body_ends(
    #[values(
        "chat",
        "completions",
        "responses",
        "messages",
        "ollama_chat",
        "huggingface_generate",
        "llamacpp_completion",
        "solido_rag",
        "raw",
        "template"
    )]
    format: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer_of(format).hold()]);
    let flags = ["--endpoint-type", format, "--transport", transport, "--request-count", "3"];
    // Neither silence nor the whole time can fail an answer that is complete.
    let run = profile(&server, &flags).args(["--idle-timeout-seconds", "5"]).run();
    ended_in_time(&run, 3);
    assert_eq!(run.summary()["error_request_count"]["avg"], 0);
}

#[rstest]
fn an_open_connection_behind_an_answer_does_not_fail_a_timed_run(
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([begun().event(FINISH).event(DONE).pause_ms(8000).last_chunk()]);
    let flags = ["--endpoint-type", "chat", "--transport", transport, "--benchmark-duration", "2"];
    let run = profile(&server, &flags).args(["--benchmark-grace-period", "1", "--concurrency", "1"]).run();
    let summary = run.succeeds().summary();
    let count = summary["request_count"]["avg"].as_f64().unwrap();
    // With nothing but the answers in their slot there is room for 20 in a row; with all of a body for none.
    assert!(count >= 6.0, "{count}");
    assert_eq!(summary["error_request_count"]["avg"], 0);
}

/// Time-outs that the answer keeps and its body does not.
#[rstest]
#[case::idle(&["--idle-timeout-seconds", "0.4"], begun().event(FINISH).pause_ms(600).event(DONE).last_chunk())]
#[case::whole(&["--request-timeout-seconds", "0.5"], begun().event(FINISH).event(DONE).pause_ms(900).last_chunk())]
#[case::in_the_wait_for_usage(&["--request-timeout-seconds", "0.2"], begun().event(FINISH).hold())]
fn no_timeout_fails_an_answer_that_is_complete(
    #[case] limit: &[&str],
    #[case] answer: Script,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer]);
    let flags = ["--endpoint-type", "chat", "--transport", transport, "--request-count", "2"];
    ended_in_time(&profile(&server, &flags).args(limit).run(), 2);
}

#[rstest]
#[case::with_the_finish(begun().event(FINISH_WITH_USAGE).hold(), Some(7.0))]
#[case::right_behind_it(begun().event(FINISH).event(USAGE).hold(), Some(7.0))]
#[case::a_little_later(begun().event(FINISH).pause_ms(60).event(USAGE).hold(), Some(7.0))]
#[case::later_than_anybody_waits(begun().event(FINISH).pause_ms(2000).event(USAGE).hold(), None)]
#[case::never(begun().event(FINISH).hold(), None)]
fn late_usage_is_waited_for_a_little_and_never_counted(
    #[case] answer: Script,
    #[case] tokens: Option<f64>,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer]);
    let flags = ["--endpoint-type", "chat", "--transport", transport, "--request-count", "1"];
    let run = profile(&server, &flags).run();
    ended_in_time(&run, 1);
    assert_eq!(run.summary()["usage_completion_tokens"]["avg"].as_f64(), tokens);
    if tokens.is_some() {
        // Where the wait was the server's, the last token tells the end.
        let record = &run.records()[0]["metrics"];
        let decoding = record["inter_chunk_latency"]["value"][0].as_f64().unwrap();
        let latency = record["request_latency"]["value"].as_f64().unwrap();
        let first = record["time_to_first_token"]["value"].as_f64().unwrap();
        assert!((latency - first - decoding).abs() < 50.0, "{record}");
    }
}

/// Every one of the choices that were asked for has to end.
#[rstest]
#[case::in_turn(
    Script::events().event(TOKEN).event(FINISH).pause_ms(600).event(OTHER_TOKEN).event(OTHER_FINISH).hold()
)]
#[case::side_by_side(
    Script::events().event(TOKEN).event(OTHER_TOKEN).event(OTHER_FINISH).pause_ms(600).event(FINISH).hold()
)]
fn an_answer_of_two_choices_ends_with_the_second(#[case] answer: Script) {
    let server = ScriptedServer::start([answer]);
    let flags = ["--endpoint-type", "chat", "--request-count", "1", "--extra-inputs", "n:2"];
    let run = profile(&server, &flags).run();
    let latencies = latencies(run.succeeds());
    assert!((590.0..2000.0).contains(&latencies[0]), "{latencies:?}");
    assert_eq!(run.records()[0]["metadata"]["finish_reasons"].as_array().unwrap().len(), 2);
}

/// Comments and silence behind the end are nobody's business; such a connection is not used again.
#[rstest]
#[case::comments((0..40).fold(begun().event(FINISH).event(DONE), |answer, _| answer.chunk(": ping\n\n").pause_ms(50)).hold())]
#[case::silence(begun().event(FINISH).event(DONE).hold())]
fn a_connection_that_stays_open_is_dropped(
    #[case] answer: Script,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer]);
    let flags =
        ["--endpoint-type", "chat", "--transport", transport, "--request-count", "3", "--concurrency", "1"];
    ended_in_time(&profile(&server, &flags).run(), 3);
    let connections: Vec<usize> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}

#[rstest]
#[case::with_the_end_marker(begun().event(FINISH).bytes("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"))]
#[case::right_behind_it(begun().event(FINISH).event(DONE).last_chunk())]
fn a_connection_whose_body_ends_with_the_answer_is_used_again(
    #[case] answer: Script,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer]);
    let flags =
        ["--endpoint-type", "chat", "--transport", transport, "--request-count", "4", "--concurrency", "1"];
    ended_in_time(&profile(&server, &flags).run(), 4);
    let requests = server.requests();
    // On a machine that is busy with something else, the end may come later than the slot waits for it.
    let reused = requests.windows(2).filter(|pair| pair[0].connection == pair[1].connection).count();
    assert!(reused >= 1, "{requests:?}");
}

/// The slot is free at once, and the connection a little later: the third request finds it.
#[rstest]
fn a_body_that_ends_a_little_later_keeps_its_connection_and_no_slot(
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([begun().event(FINISH).event(DONE).pause_ms(60).last_chunk()]);
    let flags =
        ["--endpoint-type", "chat", "--transport", transport, "--request-count", "6", "--concurrency", "1"];
    ended_in_time(&profile(&server, &flags).run(), 6);
    let connections: Vec<usize> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections[..2], [0, 1], "the second did not wait");
    assert!(connections.iter().max() < Some(&5), "{connections:?}");
}

/// What the connection does behind a complete answer is noted, and is no failure.
#[rstest]
#[case::reset(begun().event(FINISH).event(DONE).reset())]
#[case::no_last_chunk(begun().event(FINISH).event(DONE).close())]
#[case::no_end_of_a_length(
    Script::head(&["Content-Type: text/event-stream", "Content-Length: 9999"])
        .bytes(format!("data: {TOKEN}\n\n")).pause_ms(100)
        .bytes(format!("data: {FINISH}\n\ndata: [DONE]\n\n")).close()
)]
fn a_connection_that_breaks_behind_the_end_is_a_note(
    #[case] answer: Script,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer]);
    let flags = ["--endpoint-type", "chat", "--transport", transport, "--request-count", "3"];
    let run = profile(&server, &flags).run();
    ended_in_time(&run, 3);
    assert!(
        run.records().iter().all(|record| record["metadata"]["cut_after_end"] == true),
        "{:?}",
        run.records()
    );
    let notes = run.summary()["notes"].to_string();
    assert!(notes.contains("3 responses were complete"), "{notes}");
    assert!(run.stdout.contains("note: 3 responses were complete"), "{}", run.stdout);
}

/// Before the end it is one.
#[rstest]
#[case::reset(begun().reset())]
#[case::no_last_chunk(begun().close())]
fn a_connection_that_breaks_before_the_end_is_a_failure(
    #[case] answer: Script,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([answer]);
    let flags = ["--endpoint-type", "chat", "--transport", transport, "--request-count", "2"];
    let run = profile(&server, &flags).run();
    let summary = run.ends_with(1).summary();
    assert_eq!(summary["error_summary"][0]["error_details"]["type"], "stream_cut");
    assert_eq!(summary["error_summary"][0]["count"], 2);
}

/// A format without an end of its own has that of the stream, as before.
#[rstest]
fn what_has_no_end_of_its_own_ends_with_the_stream(
    #[values("raw", "template")] format: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let answer = Script::events().event(r#"{"text":"Hi"}"#).pause_ms(300).chunk(": ping\n\n").last_chunk();
    let server = ScriptedServer::start([answer]);
    let flags = ["--endpoint-type", format, "--transport", transport, "--request-count", "2"];
    let run = profile(&server, &flags).run();
    let latencies = latencies(run.succeeds());
    assert!(latencies.iter().all(|latency| *latency > 290.0), "{latencies:?}");
}
