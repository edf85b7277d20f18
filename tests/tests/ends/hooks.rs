//! Commands before and after a run and its phases, and calls to the server.

use std::{fs, net::TcpListener};

use prony_tests::{MockServer, Run, Running, Script, ScriptedServer, Tool};
use serde_json::Value;

/// What was done around the load: name, phase, outcome.
fn marks(run: &Run) -> Vec<(String, Option<u64>, String)> {
    let summary = run.summary();
    let marks = summary["marks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    marks.map(|mark| (text(&mark["name"]), mark["phase"].as_u64(), text(&mark["outcome"]))).collect()
}

/// The first mark of this name.
fn mark(run: &Run, name: &str) -> Value {
    let summary = run.summary();
    summary["marks"].as_array().unwrap().iter().find(|mark| mark["name"] == name).unwrap().clone()
}

/// A short profile with a warm-up.
fn short(server: &MockServer) -> Tool {
    Tool::profile(server).args(["--no-server-metrics", "--osl", "2", "--isl", "64"]).args([
        "--request-count",
        "3",
        "--warmup-request-count",
        "2",
    ])
}

fn has_begun(running: &Running) {
    let file = running.dir().join("has_begun");
    running.until("the command has begun", || file.exists().then_some(()));
}

#[test]
fn what_is_done_around_a_run_leaves_marks_and_its_output_and_is_in_no_phase() {
    let server = MockServer::start(["--prefix-cache"]);
    let run = short(&server)
        .args(["--before-run", "echo $PRONY_RUN_HOOK $PRONY_RUN_MODEL $PRONY_RUN_URL very-secret"])
        .args(["--before-phase", "echo each $PRONY_RUN_PHASE", "--before-phase", "profiling: echo one"])
        .args(["--after-phase", "warm-up: echo broken; exit 3"])
        .args(["--after-run", "echo \"<$PRONY_RUN_INCOMPLETE>\"; ls $PRONY_RUN_DIR/journal.prony"])
        .args(["--reset-kv-cache", "--server-profiler", "--api-key", "very-secret"])
        .run();
    run.succeeds().keeps(&["very-secret"]);

    let expected = [
        ("before_run", None, "ok"),
        ("reset_kv_cache", None, "ok"),
        ("before_phase", Some(0), "ok"),
        ("after_phase", Some(0), "failed"),
        ("before_phase", Some(1), "ok"),
        ("before_phase", Some(1), "ok"),
        ("start_profile", Some(1), "ok"),
        ("stop_profile", Some(1), "ok"),
        ("after_run", None, "ok"),
    ];
    let expected = expected.map(|(name, phase, outcome)| (name.to_owned(), phase, outcome.to_owned()));
    assert_eq!(marks(&run), expected);
    let said = |name: &str| run.read(&format!("hooks/{name}.txt"));
    assert_eq!(said("1-before_run"), format!("before_run m {} <redacted>\n", server.url()));
    assert_eq!(said("2-before_phase-warm-up"), "each warm-up\n");
    assert_eq!(
        (said("4-before_phase-profiling"), said("5-before_phase-profiling")),
        ("each profiling\n".into(), "one\n".into())
    );
    assert_eq!(said("6-after_run"), format!("<>\n{}\n", run.artifact("journal.prony").display()));
    let failed = mark(&run, "after_phase");
    assert_eq!(
        (&failed["exit_code"], &failed["output"]),
        (&3.into(), &"hooks/3-after_phase-warm-up.txt".into())
    );
    let warning = "the command of `--after-phase` failed with exit code 3";
    assert!(run.stderr.contains(warning) && run.stdout.contains(warning), "{}{}", run.stderr, run.stdout);
    assert!(run.stdout.contains("around the load: before run ("), "{}", run.stdout);

    let truth = server.truth();
    let counts =
        ["cache_resets_total", "profiles_started_total", "profiles_stopped_total"].map(|key| &truth[key]);
    assert_eq!((counts, &truth["requests_ok"]), ([&1.into(); 3], &5.into()));
    // The measured phase begins when all before it is over, and ends before what comes after it.
    let (start, stop, summary) = (mark(&run, "start_profile"), mark(&run, "stop_profile"), run.summary());
    let phase = &summary["phases"][1];
    let at = |value: &Value| value.as_u64().unwrap();
    assert!(at(&start["end_ns"]) <= at(&phase["start_ns"]) && at(&phase["end_ns"]) <= at(&stop["begin_ns"]));
    // A report that is made again says the same.
    Tool::new(["report"]).arg(run.artifact("")).run().succeeds();
    assert_eq!(run.summary()["marks"], summary["marks"]);
}

#[test]
fn a_command_that_fails_before_a_phase_ends_the_run_and_what_comes_after_it_is_done() {
    let server = MockServer::start([]);
    let run = short(&server)
        .args([
            "--before-phase",
            "profiling: echo no; sleep 60",
            "--hook-timeout",
            "0.2",
            "--server-profiler",
        ])
        .args(["--after-run", "echo $PRONY_RUN_INCOMPLETE"])
        .run();
    run.ends_with(1);
    let reason = "the command of `--before-phase` took longer than 0.2 s and was ended";
    assert!(
        run.stderr.contains(reason) && run.stderr.contains("hooks/1-before_phase-profiling.txt"),
        "{}",
        run.stderr
    );
    assert_eq!(run.read("hooks/2-after_run.txt"), format!("{reason}\n"));
    let truth = server.truth();
    assert_eq!((&truth["requests_ok"], &truth["profiles_started_total"]), (&2.into(), &0.into()));
    assert_eq!(mark(&run, "before_phase")["outcome"], "timed_out");
}

#[test]
fn what_fails_before_the_run_ends_it_before_anything_is_sent() {
    let server = MockServer::start([]);
    let run = short(&server).args(["--before-run", "echo no; exit 3"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("the command of `--before-run` failed with exit code 3"), "{}", run.stderr);
    assert_eq!(run.read("hooks/1-before_run.txt"), "no\n");
    // What it left behind is in nobody's way.
    let words = ["profile", "--model", "m", "--request-count", "1", "--url", server.url(), "--artifact-dir"];
    Tool::new(words).arg(run.dir().join("run")).run().succeeds();
    assert_eq!(server.truth()["requests_total"], 1);

    let refused = short(&server).args(["--reset-kv-cache", "--reset-kv-cache-path", "/nothing"]).run();
    refused.ends_with(1);
    let says = [
        "/nothing` failed: the server responds with 404 Not Found",
        "VLLM_SERVER_DEV_MODE=1",
        "/flush_cache",
    ];
    assert!(says.iter().all(|text| refused.stderr.contains(text)), "{}", refused.stderr);
    assert!(!refused.artifact("journal.prony").exists());
}

#[test]
fn an_interrupt_ends_a_command_with_all_that_it_has_started() {
    let server = MockServer::start([]);
    let running = short(&server)
        .args(["--before-phase", "profiling: touch has_begun; sleep 60 | sleep 60"])
        .args(["--after-run", "echo after"])
        .spawn();
    has_begun(&running);
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    assert_eq!(mark(&run, "before_phase")["outcome"], "interrupted");
    assert_eq!(run.read("hooks/2-after_run.txt"), "after\n");
    assert_eq!(run.summary()["was_cancelled"], true);
    assert_eq!(server.truth()["requests_ok"], 2);
}

#[test]
fn the_servers_profiler_is_stopped_when_the_run_is_interrupted() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let words = ["--benchmark-duration", "3600", "--concurrency", "4", "--osl", "4", "--server-profiler"];
    let running = Tool::profile(&server).args(words).spawn();
    running.await_journal(20_000);
    running.signal("INT");
    running.wait().ends_with(130);
    let truth = server.truth();
    assert_eq!((&truth["profiles_started_total"], &truth["profiles_stopped_total"]), (&1.into(), &1.into()));
}

#[test]
fn a_cache_that_is_emptied_before_each_run_knows_nothing_of_the_run_before() {
    let server = MockServer::start(["--prefix-cache"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "4", "--isl", "400", "--osl", "2", "--num-profile-runs", "2"])
        .args(["--no-vary-seed-per-trial", "--reset-kv-cache"])
        .run();
    run.succeeds();
    let text = fs::read_to_string(run.artifact("runs/run_2/profile_export_prony.json")).unwrap();
    let second: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&second["prefix_cache"]["usage"], &server.truth()["cache_resets_total"]),
        (&0.0.into(), &2.into())
    );
}

#[test]
fn the_servers_profiler_is_stopped_although_it_did_not_say_that_it_has_started() {
    let stopped = Script::whole("application/json", "{}");
    let server = ScriptedServer::start([Script::silent().hold(), stopped]);
    let run = Tool::profile_at(&server.url())
        .args(["--request-count", "1", "--no-server-metrics", "--server-profiler"])
        .args(["--server-profiler-timeout-seconds", "0.3"])
        .run();
    run.ends_with(1);
    let requests = server.requests();
    let paths: Vec<_> = requests.iter().map(|seen| seen.bytes.split(|byte| *byte == b' ').nth(1)).collect();
    assert_eq!(paths, [Some(&b"/start_profile"[..]), Some(b"/stop_profile")]);
    assert_eq!(mark(&run, "start_profile")["outcome"], "timed_out");
}

#[test]
fn results_of_an_earlier_run_stay_until_what_comes_before_the_new_one_has_succeeded() {
    let server = MockServer::start([]);
    let first = Tool::profile(&server).args(["--request-count", "1"]).run();
    first.succeeds();
    let again = |command| {
        let words = ["profile", "--model", "m", "--request-count", "1", "--url", server.url(), "--overwrite"];
        Tool::new(words).args(["--before-run", command, "--artifact-dir"]).arg(first.artifact("")).run()
    };
    let journal = fs::read(first.artifact("journal.prony")).unwrap();
    again("exit 3").ends_with(1);
    assert!(fs::read(first.artifact("journal.prony")).unwrap() == journal);
    assert!(first.artifact("profile_export_prony.json").exists());
    again("echo new").succeeds();
    assert!(fs::read(first.artifact("journal.prony")).unwrap() != journal);
    assert_eq!(first.read("hooks/1-before_run.txt"), "new\n");
}

#[test]
fn an_interrupt_while_an_experiment_waits_for_the_server_leaves_the_command_after_the_run_whole() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let running = Tool::profile_at(&url)
        .args(["--request-count", "1", "--num-profile-runs", "2", "--wait-for-model-timeout", "60"])
        .args(["--before-run", "true", "--after-run", "sleep 0.3; echo \"$PRONY_RUN_INCOMPLETE\""])
        .spawn();
    // It asks whether the server is there, and gets no response.
    let _asks = server.accept().unwrap();
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    let said = run.read("runs/run_1/hooks/2-after_run.txt");
    assert_eq!(said, "interrupted before the first request: nothing was measured\n");
}

#[test]
fn the_deadline_that_ends_the_command_before_a_run_is_told() {
    let server = MockServer::start([]);
    let run = short(&server).args(["--deadline", "2", "--before-run", "sleep 60"]).run();
    run.ends_with(6);
    let expected =
        "the deadline of 2 s (`--deadline`) was over before the command of `--before-run` was over";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn the_deadline_leaves_time_for_the_command_after_a_phase_that_goes_on() {
    let server = MockServer::start([]);
    let run = short(&server)
        .args([
            "--deadline",
            "2",
            "--after-phase",
            "profiling: sleep 2; echo done",
            "--after-run",
            "echo after",
        ])
        .run();
    assert_eq!(mark(&run, "after_phase")["outcome"], "ok", "{}", run.stderr);
    assert_eq!(
        run.summary()["incomplete_reason"].as_str().map(|reason| reason.contains("--deadline")),
        Some(true)
    );
    assert_eq!(run.read("hooks/2-after_run.txt"), "after\n");
}

#[test]
fn a_command_that_fails_before_a_later_phase_leaves_results_and_a_hint() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--no-server-metrics", "--osl", "2", "--isl", "64"]);
    let phases =
        "phases: [{name: a, request_count: 2}, {name: b, request_count: 2}]\nbefore_phase: {b: exit 3}\n";
    let file = tool.file("run.yaml", phases);
    let run = tool.arg("--config").arg(file).run();
    run.ends_with(6);
    let reason = "the run ended before its time: the command of `--before-phase` failed with exit code 3";
    assert!(run.stderr.contains(reason), "{}", run.stderr);
    assert!(run.stderr.contains("hooks/1-before_phase-b.txt"), "{}", run.stderr);
}
