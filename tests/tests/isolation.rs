//! Endpoints in a process of their own: what takes a process down ends the run by name, and loses nothing that was
//! measured; everything else is as in process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use prony_tests::{MockPlugin, MockServer, Run, Running, Tool, eventually, kill, mock_plugin};
use rstest::rstest;
use serde_json::Value;

/// The endpoint `acme`, which obeys its prompts and whose manifest says where it runs.
fn isolated() -> MockPlugin {
    let pack = mock_plugin("acme", "bad_endpoint:Faulty", "bad-endpoint");
    let manifest = fs::read_to_string(pack.path()).unwrap();
    pack.manifest(&manifest.replace("    metadata:", "    isolation: process\n    metadata:"));
    pack
}

/// A streaming profile with `acme`, whose tenth prompt is faulty.
fn profile(pack: &MockPlugin, server: &MockServer, fault: &str) -> Tool {
    let words = ["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--no-server-metrics"];
    let tool = Tool::new(words);
    let sound = "{\"text\": \"hello\", \"output_length\": 5}\n".repeat(9);
    tool.file(
        "prompts.jsonl",
        format!("{sound}{{\"text\": \"fault {fault}\", \"output_length\": 5}}\n{sound}"),
    );
    tool.args(["--url", server.url(), "--endpoint-type", "acme", "--streaming", "--random-seed", "42"])
        .args(["--input-file", "prompts.jsonl", "--plugins"])
        .arg(pack.path())
}

/// A run that goes on until somebody ends it, once it has measured something.
fn endless(pack: &MockPlugin, server: &MockServer) -> Running {
    let running = profile(pack, server, "nowhere-nothing")
        .args(["--benchmark-duration", "3600", "--concurrency", "4", "--workers", "2"])
        .spawn();
    running.await_journal(20_000);
    running
}

/// The process that holds the workers of a run.
fn child_of(parent: u32) -> Option<u32> {
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let words = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        // After the name, which stands in parentheses: state and parent.
        let parent_of: u32 = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        (parent_of == parent && words.starts_with("prony\0worker")).then_some(id)
    })
}

/// It is gone, or waits for nobody to ask how it ended.
fn is_gone(process: u32) -> bool {
    fs::metadata(format!("/proc/{process}")).is_err()
}

/// The run ended because of this, and says so wherever one looks.
fn names(run: &Run, death: &str) {
    run.ends_with(3);
    let reason = format!("endpoint `acme` ended its process: it {death}");
    assert!(run.stderr.contains(&reason), "{}", run.stderr);
    assert!(run.stdout.contains(&reason), "{}", run.stdout);
}

#[rstest]
#[case::a_wild_pointer("event-segfault", "was killed by signal 11 (SIGSEGV)")]
#[case::an_abort("event-abort", "was killed by signal 6 (SIGABRT)")]
#[case::an_exit("event-exit", "exited with code 0")]
#[case::a_stack_overflow("event-overflow", "was killed by signal 6 (SIGABRT)")]
#[case::in_a_destructor("drop-abort", "was killed by signal 6 (SIGABRT)")]
fn a_crash_ends_the_run_by_name_and_keeps_what_was_measured(#[case] fault: &str, #[case] death: &str) {
    // Long enough for the record of one request to arrive before the next one crashes.
    let server = MockServer::start(["--ttft-ms", "200"]);
    let run = profile(&isolated(), &server, fault).args(["--request-count", "19", "--workers", "1"]).run();
    names(&run, death);
    let summary = run.summary();
    assert_eq!(summary["request_count"]["avg"], 9);
    assert_eq!(summary["error_request_count"]["avg"], 0);
    assert_eq!(summary["total_osl"]["avg"], 45);
    assert_eq!(run.records().len(), 9);
    assert_eq!((&summary["scheduled"], &summary["lost"]), (&10.into(), &1.into()));
}

/// The requests before it are over at the same moment: their records may be on the way still, and are counted as lost then.
#[test]
fn a_crash_right_after_a_request_loses_no_count() {
    let server = MockServer::start([]);
    let run = profile(&isolated(), &server, "format-segfault")
        .args(["--request-count", "19", "--workers", "1"])
        .run();
    names(&run, "was killed by signal 11 (SIGSEGV)");
    let summary = run.summary();
    let (counted, lost) = (run.records().len() as u64, summary["lost"].as_u64().unwrap());
    assert_eq!(summary["request_count"]["avg"].as_u64(), Some(counted));
    assert_eq!((summary["scheduled"].as_u64(), counted + lost), (Some(10), 10), "{counted} + {lost}");
    assert!(lost >= 1 && server.truth()["requests_total"] == 9, "{lost}");
}

/// Nothing was heard of the phase yet: what began in it must not be counted to the phase before.
#[test]
fn a_crash_at_the_first_request_of_a_phase_loses_no_count() {
    let server = MockServer::start([]);
    let run = profile(&isolated(), &server, "format-segfault")
        .args(["--warmup-request-count", "9", "--request-count", "5", "--workers", "1"])
        .run();
    names(&run, "was killed by signal 11 (SIGSEGV)");
    let summary = run.summary();
    assert_eq!((&summary["scheduled"], &summary["lost"]), (&1.into(), &1.into()), "{summary:#}");
}

#[test]
fn requests_in_flight_are_lost_with_their_process_and_are_no_successes() {
    let server = MockServer::start(["--itl-ms", "200"]);
    let pack = isolated();
    let running = profile(&pack, &server, "nowhere-nothing")
        .args(["--request-count", "19", "--concurrency", "4", "--workers", "2"])
        .spawn();
    eventually("four requests in flight", || (server.truth()["in_flight"] == 4).then_some(()));
    let child = child_of(running.id()).unwrap();
    kill("KILL", child);
    let run = running.wait();
    names(&run, "was killed by signal 9 (SIGKILL)");
    let summary = run.summary();
    let records = run.records().len() as u64;
    assert_eq!(summary["lost"], 4);
    assert_eq!(summary["scheduled"].as_u64(), Some(records + 4));
    assert!(is_gone(child));
}

#[test]
fn a_process_that_is_killed_while_it_works_takes_no_record_with_it() {
    let server = MockServer::start([]);
    let pack = isolated();
    let running = endless(&pack, &server);
    // Several times what a busy machine leaves in the process.
    eventually("many answers", || (server.truth()["requests_ok"].as_u64()? > 1000).then_some(()));
    kill("KILL", child_of(running.id()).unwrap());
    let run = running.wait();
    names(&run, "was killed by signal 9 (SIGKILL)");
    let summary = run.summary();
    let (counted, lost) = (run.records().len() as u64, summary["lost"].as_u64().unwrap());
    let scheduled = summary["scheduled"].as_u64().unwrap();
    assert_eq!(scheduled, counted + lost);
    // Each request that was answered is kept or counted as lost, and so are those that had not reached the server yet.
    let truth = server.truth();
    let [answered, arrived] = ["requests_ok", "requests_total"].map(|name| truth[name].as_u64().unwrap());
    let slots = 4;
    assert!((answered..=arrived + slots).contains(&scheduled), "{answered}, {arrived}: {counted} + {lost}");
    assert!(counted > lost, "{counted} + {lost}");
}

/// It is stopped, not dead: nothing comes from it any more, not even the end of its stream.
#[test]
fn a_process_that_does_not_react_is_ended() {
    let server = MockServer::start([]);
    let pack = isolated();
    let running = endless(&pack, &server);
    let child = child_of(running.id()).unwrap();
    kill("STOP", child);
    let run = running.wait();
    run.ends_with(3);
    assert!(run.stderr.contains("endpoint `acme` hangs: its process does not react"), "{}", run.stderr);
    assert!(run.records().len() > 10 && is_gone(child));
}

/// The same before its workers have started, while it asks the model whether it is there.
#[test]
fn a_process_that_does_not_react_at_its_start_is_ended() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let pack = isolated();
    let running =
        profile(&pack, &server, "nowhere-nothing").args(["--wait-for-model-timeout", "0.5"]).spawn();
    eventually("the question", || (server.truth()["requests_total"].as_u64()? > 0).then_some(()));
    let child = child_of(running.id()).unwrap();
    kill("STOP", child);
    let run = running.wait();
    run.ends_with(3);
    assert!(
        run.stderr.contains("use the endpoint `acme`: its process has not answered for 5 s"),
        "{}",
        run.stderr
    );
    assert!(is_gone(child));
}

#[rstest]
#[case::ctrl_c("INT", 130)]
#[case::termination("TERM", 143)]
fn an_interrupt_drains_an_isolated_run(#[case] signal: &str, #[case] code: i32) {
    let server = MockServer::start(["--itl-ms", "1"]);
    let pack = isolated();
    let running = endless(&pack, &server);
    let child = child_of(running.id()).unwrap();
    running.signal(signal);
    let run = running.wait();
    let summary = run.ends_with(code).summary();
    assert_eq!(summary["error_request_count"]["avg"], 0);
    assert_eq!(summary["request_count"]["avg"].as_u64(), server.truth()["requests_ok"].as_u64());
    assert!(is_gone(child));
}

#[test]
fn a_second_interrupt_cancels_an_isolated_run() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let pack = isolated();
    let running = profile(&pack, &server, "nowhere-nothing")
        .args(["--benchmark-duration", "3600", "--concurrency", "4"])
        .spawn();
    eventually("four stalled requests", || (server.truth()["in_flight"] == 4).then_some(()));
    running.signal("INT");
    eventually("the first interrupt is seen", || running.said("for requests in flight").then_some(()));
    running.signal("INT");
    let summary = running.wait().ends_with(130).summary();
    assert_eq!(summary["cancelled_request_count"]["avg"], 4);
    assert_eq!(summary["error_summary"], serde_json::json!([]));
}

#[test]
fn a_duration_with_its_grace_ends_an_isolated_run() {
    let server = MockServer::start(["--stall-every", "2", "--stall-ms", "0"]);
    let run = profile(&isolated(), &server, "nowhere-nothing")
        .args(["--benchmark-duration", "0.3", "--benchmark-grace-period", "0.1", "--concurrency", "2"])
        .run();
    let summary = run.ends_with(6).summary();
    assert_eq!(summary["cancelled_request_count"]["avg"], 2);
    assert_eq!(summary["error_summary"], serde_json::json!([]));
}

#[test]
fn a_child_whose_parent_was_killed_ends() {
    let server = MockServer::start([]);
    let pack = isolated();
    let running = endless(&pack, &server);
    let child = child_of(running.id()).unwrap();
    running.signal("KILL");
    let killed = running.wait();
    eventually("the end of the child", || is_gone(child).then_some(()));
    Tool::new(["report"]).arg(killed.dir().join("run")).run().ends_with(6);
}

/// What must be the same wherever a request was made: everything but times, names and who sent it.
fn facts(run: &Run) -> Vec<Value> {
    let mut facts: Vec<Value> = run
        .records()
        .into_iter()
        .map(|record| {
            let metadata = &record["metadata"];
            let value = |name: &str| record["metrics"][name]["value"].clone();
            serde_json::json!({
                "phase": metadata["benchmark_phase"], "session": metadata["session_num"],
                "conversation": metadata["conversation_id"], "error": record["error"],
                "input": value("input_sequence_length"), "output": value("output_sequence_length"),
                "counted": value("output_token_count"), "prompt": value("usage_prompt_tokens"),
            })
        })
        .collect();
    facts.sort_by_key(|fact| (fact["phase"].to_string(), fact["session"].as_u64()));
    facts
}

#[rstest]
#[case::closed(&["--concurrency", "6", "--workers", "2"])]
#[case::open(&["--request-rate", "300", "--arrival-pattern", "poisson", "--workers", "3"])]
#[case::open_and_limited(&["--request-rate", "300", "--concurrency", "2", "--workers", "2"])]
#[case::failing(&["--concurrency", "4", "--custom-endpoint", "/nowhere"])]
fn the_numbers_are_those_of_a_run_in_process(#[case] load: &[&str]) {
    let server = MockServer::start([]);
    let measure = |isolate: &[&str]| {
        Tool::profile(&server)
            .args([
                "--warmup-request-count",
                "7",
                "--request-count",
                "60",
                "--isl",
                "20",
                "--isl-stddev",
                "6",
            ])
            .args(["--osl", "6", "--osl-stddev", "2", "--num-dataset-entries", "9", "--no-server-metrics"])
            .args(load)
            .args(isolate)
            .run()
    };
    let (here, apart) = (measure(&[]), measure(&["--isolate", "Chat"]));
    assert_eq!(here.code, apart.code, "{}", apart.stderr);
    let expected = facts(&here);
    assert_eq!(expected.len(), 60);
    assert_eq!(facts(&apart), expected);
    let phases = |run: &Run| run.summary()["phases"].clone();
    for (here, apart) in [0, 1].map(|phase| (phases(&here)[phase].clone(), phases(&apart)[phase].clone())) {
        for count in ["scheduled", "sent", "dropped", "lost"] {
            assert_eq!(here["counts"][count], apart["counts"][count]);
        }
    }
}

#[test]
fn a_poisoned_endpoint_ends_an_isolated_run() {
    let server = MockServer::start([]);
    let pack = isolated();
    let run = profile(&pack, &server, "event-panic").args(["--request-count", "190"]).run();
    run.ends_with(3);
    let summary = run.summary();
    let errors = summary["error_summary"].as_array().unwrap();
    let panics = errors.iter().find(|error| error["error_details"]["type"] == "plugin_panic").unwrap();
    assert_eq!(panics["count"], 3);
}

/// Neither the parent's command line nor its environment hold the key, so that the child's cannot either; and the plugin
/// is only in the child.
#[test]
fn secrets_and_code_stay_where_they_belong() {
    let server = MockServer::start([]);
    let pack = isolated();
    let running = profile(&pack, &server, "nowhere-nothing")
        .args(["--benchmark-duration", "3600", "--header", "X-Acme-Token: hush-hush"])
        .env("PRONY_API_KEY", "sk-hush-hush")
        .spawn();
    let child = eventually("the child", || child_of(running.id()));
    eventually("requests", || (server.truth()["requests_ok"].as_u64() > Some(0)).then_some(()));
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{child}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hush"), "{file}");
    }
    let libraries = |process: u32| {
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        maps.contains("memfd:prony-plugin")
    };
    assert!(libraries(child));
    assert!(!libraries(running.id()));
    running.signal("INT");
    running.wait().ends_with(130);
}

#[rstest]
#[case::never_ready(&["--error-every", "1"], 4, "within 0.3 s")]
#[case::refused(&["--error-every", "1", "--error-status", "401"], 4, "--api-key")]
fn an_isolated_run_waits_for_its_model(#[case] flags: &[&str], #[case] code: i32, #[case] text: &str) {
    let server = MockServer::start(flags.iter().copied());
    let pack = isolated();
    let run = profile(&pack, &server, "nowhere-nothing").args(["--wait-for-model-timeout", "0.3"]).run();
    run.ends_with(code);
    assert!(run.stderr.contains(text), "{}", run.stderr);
    assert_eq!(
        run.stderr.lines().count(),
        3 - usize::from(!run.stderr.contains("cause: ")),
        "{}",
        run.stderr
    );
}

#[test]
fn an_isolated_run_starts_when_its_model_answers() {
    let server = MockServer::start([]);
    let pack = isolated();
    let run = profile(&pack, &server, "nowhere-nothing")
        .args(["--wait-for-model-timeout", "30", "--request-count", "5"])
        .run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 5);
    assert_eq!(server.truth()["requests_ok"], 6);
}

#[test]
fn an_endpoint_that_crashes_at_its_start_is_explained() {
    let server = MockServer::start([]);
    let pack = mock_plugin("acme", "bad_endpoint:AbortsInNew", "bad-endpoint");
    let run = profile(&pack, &server, "nowhere-nothing").args(["--isolate", "ACME"]).run();
    run.ends_with(3);
    let first = run.stderr.lines().next().unwrap();
    assert_eq!(
        first,
        "error: failed to use the endpoint `acme` in a process of its own: it was killed by signal 6 (SIGABRT)"
    );
}

/// A library that cannot be loaded says the same in both processes.
#[test]
fn a_library_that_is_missing_is_explained_as_in_process() {
    let server = MockServer::start([]);
    let pack = isolated();
    fs::remove_file(pack.dir().join("libbad_endpoint.so")).unwrap();
    let apart = profile(&pack, &server, "nowhere-nothing").run();
    let manifest = fs::read_to_string(pack.path()).unwrap();
    pack.manifest(&manifest.replace("    isolation: process\n", ""));
    let here = profile(&pack, &server, "nowhere-nothing").run();
    assert_eq!((apart.code, &apart.stderr), (3, &here.stderr));
}

/// Who types it meets an explanation and not a program that waits.
#[test]
fn a_crew_without_a_parent_says_what_it_is() {
    let run = Tool::new(["worker"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("--isolate"), "{}", run.stderr);
    assert!(!Tool::new(["--help"]).run().stdout.contains("worker  "));
}

/// Nothing has a handler for it yet: the process ends as any other would, and takes its child along.
#[test]
fn an_endpoint_that_hangs_at_its_start_can_be_interrupted() {
    let server = MockServer::start([]);
    let pack = mock_plugin("acme", "bad_endpoint:HangsInNew", "bad-endpoint");
    let running = profile(&pack, &server, "nowhere-nothing").args(["--isolate", "acme"]).spawn();
    let child = eventually("the child", || child_of(running.id()));
    // Not SIGINT: whoever starts the tests in the background of a script has them ignore it.
    running.signal("TERM");
    running.wait().ends_with(128 + 15);
    eventually("the end of the child", || is_gone(child).then_some(()));
}

/// Also one whose threads all hang in the plugin.
#[test]
fn a_child_that_hangs_ends_with_its_parent() {
    let server = MockServer::start([]);
    let pack = isolated();
    let running =
        profile(&pack, &server, "event-loop").args(["--request-count", "19", "--workers", "1"]).spawn();
    let journal = running.dir().join("run/journal.prony");
    eventually("the ninth request", || {
        (server.truth()["requests_ok"].as_u64() > Some(9) && journal.exists()).then_some(())
    });
    let child = child_of(running.id()).unwrap();
    running.signal("KILL");
    running.wait();
    eventually("the end of the child", || is_gone(child).then_some(()));
}

#[test]
fn what_an_isolated_plugin_says_is_logged_under_its_name() {
    let server = MockServer::start([]);
    let pack = isolated();
    let run = profile(&pack, &server, "event-panic").args(["--request-count", "19", "-v"]).run();
    let line = run.stderr.lines().find(|line| line.contains("panicked at")).unwrap();
    assert!(line.contains("DEBUG") && line.contains("bad_endpoint"), "{line}");
}
