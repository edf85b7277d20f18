//! Counting tokens holds up nothing: not the journal, not the end of a run, not somebody who interrupts it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{Run, Script, ScriptedServer, Tool, eventually, journal};
use rstest::rstest;
use serde_json::json;

const ANSWERS: u64 = 24;

/// Long answers, whose tokens only prony counts.
fn long_answers(pause_ms: u64) -> ScriptedServer {
    let text = "x".repeat(150_000);
    let body = json!({"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]});
    let head = Script::head(&[
        "Content-Type: application/json",
        &format!("Content-Length: {}", body.to_string().len()),
    ]);
    ScriptedServer::start([head.pause_ms(pause_ms).bytes(body.to_string())])
}

fn all_of(server: &ScriptedServer) -> Tool {
    let count = ANSWERS.to_string();
    Tool::bare_profile().args(["--url", &server.url(), "--request-count", &count, "--concurrency", "8"])
}

/// Successes, and those of them whose tokens are counted, as `prony report` says.
fn reported(run: &Run) -> (u64, u64) {
    Tool::new(["report"]).arg(run.dir().join("run")).run().ends_with(6);
    let summary = run.summary();
    let count = |metric: &str| summary[metric]["count"].as_u64().unwrap_or(0);
    (summary["request_count"]["avg"].as_u64().unwrap(), count("output_token_count"))
}

/// The second one finds the run at its end, and the report, or the end of it all.
#[rstest]
#[case::twice(2)]
#[case::as_often_as_possible(u32::MAX)]
fn interrupts_after_the_load_lose_nothing(#[case] interrupts: u32) {
    let server = long_answers(0);
    let mut running = all_of(&server).spawn();
    let file = running.dir().join("run/journal.prony");
    let is_over = |bytes: Vec<u8>| journal::has_begun(&bytes, journal::tag::PHASE_ENDED);
    eventually("the end of the load", || std::fs::read(&file).is_ok_and(is_over).then_some(()));
    let mut left = interrupts;
    eventually("the end", || {
        if left > 0 {
            running.signal("TERM");
            left -= 1;
        }
        running.has_ended().then_some(())
    });
    let run = running.wait();
    run.ends_with(143);
    assert!(run.stderr.contains("interrupted"), "{}", run.stderr);
    assert_eq!(reported(&run), (ANSWERS, ANSWERS));
}

/// 3 MB/s are more than can be counted meanwhile, and the run is bound by time.
#[rstest]
fn a_flood_of_text_does_not_hold_up_the_end(#[values("timed", "portable")] transport: &str) {
    let server = long_answers(200);
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--concurrency", "4", "--transport", transport])
        .args(["--benchmark-duration", "2", "--benchmark-grace-period", "1"])
        .under(&["timeout", "-s", "KILL", "20"])
        .run();
    let is_complete = run.summary()["is_complete"] == true;
    run.ends_with(if is_complete { 0 } else { 6 });
    let successes = run.summary()["request_count"]["avg"].as_u64().unwrap();
    let counted = run.summary()["output_token_count"]["count"].as_u64().unwrap_or(0);
    assert!(counted <= successes);
    // What was left out is said, and can be made up for.
    let left = successes - counted;
    assert_eq!(run.summary()["uncounted"], left);
    let is_reported = |text: &str| text.contains(&left.to_string()) && text.contains("not counted in tokens");
    assert_eq!(is_reported(&run.stdout), left > 0, "{}", run.stdout);
    assert_eq!(is_reported(run.summary()["incomplete_reason"].as_str().unwrap_or_default()), left > 0);
    if left > 0 {
        Tool::new(["report"]).arg(run.dir().join("run")).run().succeeds();
        assert_eq!(run.summary()["output_token_count"]["count"], successes);
        assert_eq!(run.summary()["uncounted"], 0);
    }
}
