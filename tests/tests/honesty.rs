//! Faults that measuring tools are known for, each held against this one. Those that have a suite of their own stand there:
//! a second run over the first and a second Ctrl-C (`ends`), a run that was cancelled and looks complete (`deadlines`, `ends`),
//! a latency that ends with the connection (`ends_of_streams`), a failure that nobody hears of (`faults`).

use std::{thread, time::Duration};

use prony_tests::{MockServer, Script, ScriptedServer, Tool, eventually};
use rstest::rstest;

/// An event of a chat stream that says this.
fn said(text: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#)
}

#[rstest]
fn tokens_are_counted_and_not_events(#[values("timed", "portable")] transport: &str) {
    let finish = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let script = Script::events().event(&said("one two three four")).pause_ms(20).event(&said(" five six"));
    let server = ScriptedServer::start([script.event(finish).event("[DONE]").last_chunk()]);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "2", "--transport", transport]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["output_sequence_length"]["avg"], 6);
    assert_eq!(summary["token_source"], "client");
}

#[rstest]
fn a_transcript_in_one_piece_has_no_rates_of_tokens_that_nobody_saw(
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([Script::whole("application/json", r#"{"text": "one two three"}"#)]);
    let words = ["--endpoint-type", "audio_transcription", "--model", "m", "--audio-length-mean", "0.5"];
    let tool = Tool::new(["profile", "--artifact-dir", "run"]).args(words).args(["--url", &server.url()]);
    let run = tool.args(["--request-count", "2", "--transport", transport]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["output_sequence_length"]["avg"], 3);
    let never_seen = [
        "time_to_first_token",
        "inter_token_latency",
        "inter_chunk_latency",
        "output_token_throughput_per_user",
    ];
    let of_the_input = ["input_sequence_length", "input_token_throughput", "prefill_throughput_per_user"];
    for metric in never_seen.iter().chain(&of_the_input) {
        assert!(summary.get(*metric).is_none(), "`{metric}` is {}", summary[*metric]);
    }
}

#[test]
fn poisson_arrivals_are_no_grid() {
    let server = MockServer::start(["--ttft-ms", "0", "--tokens", "1"]);
    let load = ["--request-rate", "500", "--arrival-pattern", "poisson", "--request-count", "400"];
    let run = Tool::profile(&server).args(load).args(["--isl", "5", "--osl", "1"]).run();
    run.succeeds();
    let mut due: Vec<u64> =
        run.records().iter().map(|record| record["metadata"]["credit_issued_ns"].as_u64().unwrap()).collect();
    due.sort_unstable();
    let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    // The schedule follows from the seed: these are no matter of luck.
    assert!((1.7..2.3).contains(&mean), "mean {mean} ms");
    assert!(
        (0.85..1.15).contains(&(variance.sqrt() / mean)),
        "coefficient of variation {}",
        variance.sqrt() / mean
    );
}

#[rstest]
fn what_was_due_while_this_process_stood_still_is_sent_and_told_as_late(
    #[values("timed", "portable")] transport: &str,
) {
    let server = MockServer::start(["--ttft-ms", "0", "--tokens", "1"]);
    let load = ["--request-rate", "50", "--arrival-pattern", "constant", "--request-count", "150"];
    let running = Tool::profile(&server)
        .args(load)
        .args(["--osl", "1", "--isl", "5", "--transport", transport])
        .spawn();
    eventually("requests", || (server.truth()["requests_ok"].as_u64() > Some(5)).then_some(()));
    running.signal("STOP");
    thread::sleep(Duration::from_secs(1));
    running.signal("CONT");
    let run = running.wait();
    let summary = run.succeeds().summary();
    assert_eq!(
        (&summary["scheduled"], &summary["sent"], &summary["dropped"]),
        (&150.into(), &150.into(), &0.into())
    );
    // 50 were due in that second, and those that were due at its end waited least.
    let late = summary["late"].as_u64().unwrap();
    assert!(late >= 40, "{late} late");
    // From the schedule, the wait is part of the latency; the service time is the server's.
    let (latency, service) = (&summary["request_latency"]["max"], &summary["request_service_time"]["max"]);
    assert!(latency.as_f64().unwrap() > 900.0, "{latency}");
    assert!(service.as_f64().unwrap() < 900.0, "{service}");
    assert_ne!(summary["client"]["verdict"], "ok");
}
