//! Faults that measuring tools are known for, each held against this one. Those that have a suite of their own stand there:
//! a second run over the first and a second Ctrl-C (`ends`), a run that was cancelled and looks complete (`deadlines`, `ends`),
//! a latency that ends with the connection (`ends_of_streams`), a failure that nobody hears of (`faults`).

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{thread, time::Duration};

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool, eventually};
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
    assert!(verdict(&run).contains("client "), "{}", run.stdout);
}

/// The names of what the verdict of a run rests on.
fn findings(run: &Run) -> Vec<String> {
    let verdict = run.summary()["verdict"].clone();
    let findings = verdict["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["name"].as_str().unwrap().to_owned()).collect()
}

/// The line at the top of a report.
fn verdict(run: &Run) -> String {
    let line = run.stdout.lines().next().unwrap().to_owned();
    assert_eq!(line.strip_prefix("verdict  "), run.summary()["verdict"]["line"].as_str(), "{}", run.stdout);
    line
}

/// What a busy machine does to a run is another question.
#[test]
fn a_run_with_enough_requests_and_no_failure_has_nothing_to_be_said_of_it() {
    let server = MockServer::start(["--ttft-ms", "20"]);
    let run =
        Tool::profile(&server).args(["--request-count", "670", "--concurrency", "20", "--osl", "2"]).run();
    let found = findings(run.succeeds());
    let of_the_machine = [
        "client_suspect",
        "too_few_in_flight",
        "client_limited",
        "busy_machine",
        "drift",
        "start_up",
        "alike_neighbours",
    ];
    let others: Vec<&String> = found.iter().filter(|name| !of_the_machine.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(run.summary()["verdict"]["steadiness"]["profiling"]["requests"], 670);
    let carried = run.summary()["request_latency"]["carried"].to_string();
    assert!(carried.ends_with("\"p95\",\"p99\"]"), "{carried}");
}

#[test]
fn thirty_samples_carry_no_tail() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "30", "--osl", "2"]).run();
    assert!(findings(run.succeeds()).contains(&"few_samples".to_owned()));
    assert!(verdict(&run).contains("30 samples carry no p90, p95, p99"), "{}", run.stdout);
    let carried = &run.summary()["request_latency"]["carried"];
    assert_eq!(*carried, serde_json::json!(["p25", "p50", "p75"]));
}

#[test]
fn a_server_that_slows_down_is_named() {
    let server = MockServer::start(["--ttft-ms", "10", "--drift", "0.06"]);
    let run =
        Tool::profile(&server).args(["--request-count", "150", "--concurrency", "10", "--osl", "2"]).run();
    assert!(findings(run.succeeds()).contains(&"drift".to_owned()), "{}", run.stdout);
    assert!(verdict(&run).contains(" rose by "), "{}", run.stdout);
}

#[test]
fn a_server_that_knows_the_prompts_is_named() {
    let server = MockServer::start(["--prefix-cache"]);
    let prompts = ["--num-dataset-entries", "4", "--isl", "200"];
    let measure = || Tool::profile(&server).args(["--request-count", "40", "--osl", "2"]).args(prompts).run();
    let (cold, warm) = (measure(), measure());
    assert!(findings(cold.succeeds()).contains(&"repeated_prompts".to_owned()), "{}", cold.stdout);
    assert!(verdict(&cold).contains(" % of the prompt tokens were cached"), "{}", cold.stdout);
    let found = findings(warm.succeeds());
    assert!(
        found.contains(&"warm_cache".to_owned()) && !found.contains(&"repeated_prompts".to_owned()),
        "{found:?}"
    );
}

#[test]
fn failures_are_named_with_their_share_and_kind() {
    let server = MockServer::start(["--error-every", "12"]);
    let run =
        Tool::profile(&server).args(["--request-count", "100", "--concurrency", "4", "--osl", "2"]).run();
    assert!(findings(run.succeeds()).contains(&"failed_requests".to_owned()));
    assert!(verdict(&run).contains("8.0 % of the requests failed (http_status 500)"), "{}", run.stdout);
}

#[test]
fn a_report_is_printed_in_the_form_that_is_asked_for() {
    let server = MockServer::start([]);
    let words = ["--request-count", "4", "--osl", "2"];
    let run = Tool::profile(&server).args(words).args(["--format", "json"]).run();
    assert_eq!(run.succeeds().stdout, run.read("profile_export_prony.json"));
    let folder = run.dir().join("run");
    let again = |words: &[&str]| Tool::new(words).arg(&folder).run();
    assert_eq!(
        again(&["report", "--format", "markdown"]).succeeds().stdout,
        run.read("profile_export_prony.md")
    );
    assert_eq!(again(&["show", "--format", "json"]).succeeds().stdout, run.read("profile_export_prony.json"));
    assert_eq!(again(&["show"]).succeeds().stdout, run.read("profile_export_console.txt"));
    let quiet = again(&["report", "--quiet"]);
    assert_eq!(quiet.succeeds().stdout.trim_end(), folder.display().to_string());
}

/// A quarter of the requests fail, which is a warning, and there is a bar or a line.
#[test]
fn a_quiet_run_says_where_its_results_are_and_what_decides_its_exit_code() {
    let server = MockServer::start(["--error-every", "4"]);
    let run = Tool::profile(&server).args(["--request-count", "8", "--osl", "2", "-q"]).run();
    run.succeeds();
    let folder = run.dir().join("run").display().to_string();
    assert_eq!((run.stdout.trim_end(), run.stderr.as_str()), (folder.as_str(), ""));
    let failed = Tool::profile_at("http://127.0.0.1:9").args(["--request-count", "1", "-q"]).run();
    failed.ends_with(4);
    assert!(failed.stderr.starts_with("error: "), "{}", failed.stderr);
    let words = ["--request-count", "8", "--osl", "2", "-q", "--slo", "request_throughput > 1000000"];
    let broken = Tool::profile(&server).args(words).run();
    broken.ends_with(5);
    assert!(broken.stderr.starts_with("warning: an objective is broken: "), "{}", broken.stderr);
}
