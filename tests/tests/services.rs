//! Services that go wrong, in this process and in one of their own: the run goes on, and the report has their names.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use prony_tests::{MockPlugin, MockServer, Run, Running, Tool, eventually, kill, library};
use rstest::rstest;
use serde_json::Value;

/// A pack with the services of the fixture. `extra` is added to each entry.
fn pack(entries: &[(&str, &str, &str)]) -> MockPlugin {
    let entries: String = entries.iter().map(|(name, class, extra)| entry(name, class, extra)).collect();
    pack_of("bad-service", &entries)
}

fn pack_of(package: &str, entries: &str) -> MockPlugin {
    let pack = MockPlugin::empty();
    let library = library(package);
    std::fs::copy(&library, pack.dir().join(library.file_name().unwrap())).unwrap();
    pack.manifest(&format!("schema_version: \"1.0\"\nservice:\n{entries}"));
    pack
}

fn entry(name: &str, class: &str, extra: &str) -> String {
    format!("  {name}:\n    class: bad_service:{class}\n    description: A service of a test.\n    {extra}\n")
}

const OPTIONAL: &str = "metadata: {required: false, auto_start: true}";
const REQUIRED: &str = "metadata: {required: true, auto_start: true}";
const BY_NAME: &str = "metadata: {required: false, auto_start: false}";

/// A run of five requests with one service that goes wrong.
fn wrong(pack: &MockPlugin, server: &MockServer, fault: &str, when: &str) -> Tool {
    Tool::profile(server)
        .args(["--request-count", "5", "--osl", "4", "--plugins"])
        .arg(pack.path())
        .args(["--service-option", &format!("bad.fault={fault}")])
        .args(["--service-option", &format!("bad.when={when}")])
}

/// What the report says of a service.
fn service(run: &Run, name: &str) -> Value {
    let found = run.summary()["services"].get(name).cloned();
    found.unwrap_or_else(|| panic!("no service `{name}`:\n{}", run.stderr))
}

/// Why it failed, in the words of the report.
fn reported_error(run: &Run, name: &str) -> String {
    let service = service(run, name);
    assert_eq!(service["state"], "failed", "{service}\n{}", run.stderr);
    assert!(run.stdout.contains(&format!("service `{name}` failed: ")), "{}", run.stdout);
    service["error"]["message"].as_str().unwrap().to_owned()
}

/// The run measured what it was asked to, whatever happened beside it.
fn is_untouched(run: &Run) {
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 5);
    assert_eq!(summary["error_request_count"]["avg"], 0);
    assert_eq!(summary["is_complete"], true);
    // The others are not touched, either.
    assert_eq!(service(run, "server_metrics")["state"], "stopped");
}

fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Nobody may be there to wait for an orphan.
    status.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

#[rstest]
fn a_panic_fails_one_service_and_is_named(
    #[values("none", "process")] isolation: &str,
    #[values("new", "init", "start", "message", "stop")] when: &str,
) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = wrong(&pack, &server, "panic", when).run();
    is_untouched(&run);
    let method = if when == "message" { "on_message" } else { when };
    assert_eq!(reported_error(&run, "bad"), format!("`{method}` panicked: told to panic"));
    assert_eq!(service(&run, "bad")["error"]["type"], "plugin_panic");
}

#[rstest]
fn an_error_fails_one_service_with_its_authors_hint(
    #[values("none", "process")] isolation: &str,
    #[values("new", "init", "start", "message", "stop")] when: &str,
) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = wrong(&pack, &server, "error", when).run();
    is_untouched(&run);
    let method = if when == "message" { "on_message" } else { when };
    assert_eq!(reported_error(&run, "bad"), format!("`{method}` failed: be good: told to fail"));
    let error = &service(&run, "bad")["error"];
    assert_eq!((&error["type"], &error["hint"]), (&"plugin_io".into(), &"tell it something else".into()));
}

#[rstest]
fn a_required_service_that_fails_at_the_end_fails_the_run(
    #[values("none", "process")] isolation: &str,
    #[values("panic", "error")] fault: &str,
) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {REQUIRED}"))]);
    let run = wrong(&pack, &server, fault, "stop").run();
    run.ends_with(1);
    assert!(run.stderr.contains("the required service `bad` failed"), "{}", run.stderr);
    assert_eq!(run.summary()["request_count"]["avg"], 5);
}

/// A pack with a service whose library does not finish to open.
fn never_opens() -> MockPlugin {
    pack_of(
        "bad-start",
        &format!("  late:\n    class: bad_start:LateService\n    description: Late.\n    {OPTIONAL}\n"),
    )
}

/// It holds the linker's lock, without which no thread of the run begins: optional or not, there is no run.
#[test]
fn a_library_that_does_not_finish_to_open_ends_the_run() {
    let (server, pack) = (MockServer::start([]), never_opens());
    let run = Tool::profile(&server).args(["--request-count", "5", "--plugins"]).arg(pack.path()).run();
    run.ends_with(3);
    assert!(
        run.stderr.contains("libbad_start.so`: its initialisers have not returned within"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--isolate"), "{}", run.stderr);
}

#[test]
fn a_library_that_does_not_finish_to_open_harms_nothing_in_a_process_of_its_own() {
    let (server, pack) = (MockServer::start([]), never_opens());
    let tool = Tool::profile(&server).args(["--request-count", "5", "--plugins"]).arg(pack.path());
    let run = tool.args(["--isolate", "late"]).run();
    is_untouched(&run);
    assert!(reported_error(&run, "late").starts_with("`new` did not return within"), "{}", run.stderr);
}

/// The service had stopped, or goes on: only its log knows.
#[rstest]
fn a_panic_that_nobody_waits_for_is_contained(
    #[values("none", "process")] isolation: &str,
    #[values("drop", "thread")] when: &str,
) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = wrong(&pack, &server, "panic", when).env("PRONY_LOG", "debug").run();
    is_untouched(&run);
    assert_eq!(service(&run, "bad")["state"], "stopped");
    assert!(run.stderr.contains("told to panic"), "{}", run.stderr);
}

#[rstest]
#[case::segfault("segfault", "was killed by signal 11 (SIGSEGV)")]
#[case::abort("abort", "was killed by signal 6 (SIGABRT)")]
#[case::exit("exit", "exited with code 0")]
#[case::exit_with_a_code("exit7", "exited with code 7")]
#[case::stack_overflow("overflow", "was killed by signal 6 (SIGABRT)")]
#[case::panic_in_a_destructor_while_unwinding("panic_twice", "was killed by signal 6 (SIGABRT)")]
fn what_kills_a_process_is_a_failed_service_in_one_of_its_own(#[case] fault: &str, #[case] death: &str) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    for when in ["new", "message", "stop"] {
        let run = wrong(&pack, &server, fault, when).args(["--isolate", "bad"]).run();
        is_untouched(&run);
        let method = if when == "message" { "on_message" } else { when };
        assert_eq!(reported_error(&run, "bad"), format!("its process {death} in `{method}`"));
        assert_eq!(service(&run, "bad")["isolated"], true);
    }
}

#[test]
fn a_crash_in_a_destructor_is_told_from_one_in_stop() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let run = wrong(&pack, &server, "segfault", "drop").args(["--isolate", "bad"]).run();
    is_untouched(&run);
    assert_eq!(reported_error(&run, "bad"), "its process was killed by signal 11 (SIGSEGV) after `stop`");
}

#[test]
fn a_child_that_nobody_understands_is_a_failed_service() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let run = wrong(&pack, &server, "garbage", "message").args(["--isolate", "bad"]).run();
    is_untouched(&run);
    let reported_error = reported_error(&run, "bad");
    assert!(reported_error.starts_with("its process says what nobody understands: "), "{reported_error}");
}

#[test]
fn a_required_service_that_crashes_ends_the_run_with_its_name() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", REQUIRED)]);
    let run = Tool::profile(&server)
        .args(["--benchmark-duration", "3600", "--isolate", "bad", "--plugins"])
        .arg(pack.path())
        .args(["--service-option", "bad.fault=segfault", "--service-option", "bad.when=message"])
        .run();
    run.ends_with(1);
    assert!(reported_error(&run, "bad").contains("SIGSEGV"));
    assert!(run.stdout.contains("`bad`: its process was killed by signal 11"), "{}", run.stdout);
}

/// What no host can prevent that runs strangers' code in its own process. The journal survives it.
#[test]
fn a_segfault_in_process_kills_the_host_but_not_the_journal() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let running = Tool::profile(&server)
        .args(["--benchmark-duration", "3600", "--osl", "4", "--plugins"])
        .arg(pack.path())
        .args(["--service-option", "bad.fault=segfault", "--service-option", "bad.when=stop"])
        .spawn();
    running.await_journal(20_000);
    running.signal("INT");
    let run = running.wait();
    run.ends_with(128 + 11);
    let report = Tool::new(["report"]).arg(run.dir().join("run")).run();
    report.ends_with(6);
    let summary = run.summary();
    assert_eq!(summary["is_complete"], false);
    assert!(summary["request_count"]["avg"].as_u64().unwrap() > 10, "{summary}");
}

/// A run that goes on until somebody ends it, with a service in a process of its own. Also gives that process.
fn endless(server: &MockServer, pack: &MockPlugin, options: &[&str]) -> (Running, u32) {
    let tool = Tool::profile(server)
        .args(["--benchmark-duration", "3600", "--osl", "4", "--isolate", "bad", "--plugins"])
        .arg(pack.path());
    let file = tool.dir().join("pid");
    let tool = tool.arg("--service-option").arg(format!("bad.pid_file={}", file.display()));
    let running = options.iter().fold(tool, |tool, option| tool.args(["--service-option", option])).spawn();
    let pid = eventually("the service starts", || read_pid(&file));
    eventually("requests", || (server.truth()["requests_ok"].as_u64()? > 10).then_some(()));
    (running, pid)
}

fn read_pid(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.parse().ok()
}

#[test]
fn a_process_that_somebody_kills_is_a_failed_service() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", REQUIRED)]);
    let (running, pid) = endless(&server, &pack, &[]);
    kill("KILL", pid);
    let run = running.wait();
    run.ends_with(1);
    assert_eq!(reported_error(&run, "bad"), "its process was killed by signal 9 (SIGKILL)");
    assert_eq!(service(&run, "bad")["pid"], pid);
}

/// The run goes on, and nothing is left of the child, not even an entry in the table of processes.
#[test]
fn a_process_that_dies_is_buried_while_the_run_goes_on() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let (running, pid) = endless(&server, &pack, &[]);
    kill("TERM", pid);
    eventually("its burial", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
    let before = server.truth()["requests_ok"].as_u64().unwrap();
    eventually("more requests", || (server.truth()["requests_ok"].as_u64()? > before + 10).then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    assert_eq!(reported_error(&run, "bad"), "its process was killed by signal 15 (SIGTERM)");
}

/// What a service has started and not ended does not outlive it.
#[test]
fn programs_that_an_isolated_service_started_end_with_it() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let run = wrong(&pack, &server, "orphan", "start")
        .args(["--isolate", "bad"])
        .env("PRONY_LOG", "warn,bad=info")
        .run();
    is_untouched(&run);
    let pid = run.stderr.split("forgets ").nth(1).unwrap().split_whitespace().next().unwrap();
    eventually("the program ends", || (!is_alive(pid.parse().unwrap())).then_some(()));
}

/// What it leaves behind holds its end of the socket; that must not hide its death until a deadline is over.
#[test]
fn a_death_is_noticed_though_an_heir_holds_the_socket() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let run = wrong(&pack, &server, "heir", "message").args(["--isolate", "bad"]).run();
    is_untouched(&run);
    assert_eq!(reported_error(&run, "bad"), "its process was killed by signal 6 (SIGABRT) in `on_message`");
}

/// The parent may leave core files; a child with somebody else's code in it must not.
#[test]
fn a_crash_in_a_process_of_its_own_leaves_no_core_file() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let tool = Tool::profile(&server)
        .args(["--benchmark-duration", "3600", "--osl", "4", "--isolate", "bad,chat", "--plugins"])
        .arg(pack.path())
        .under(&["sh", "-c", "ulimit -S -c $(ulimit -H -c) && exec \"$@\"", "sh"]);
    let running = tool.spawn();
    let children = eventually("two children", || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", running.id())).ok()?.flatten();
        let lists = threads.filter_map(|it| std::fs::read_to_string(it.path().join("children")).ok());
        let lists: Vec<String> = lists.collect();
        let children = lists.iter().flat_map(|list| list.split_whitespace());
        let children: Vec<u32> = children.filter_map(|id| id.parse().ok()).collect();
        (children.len() == 2).then_some(children)
    });
    eventually("requests", || (server.truth()["requests_ok"].as_u64()? > 0).then_some(()));
    for child in children {
        let limits = std::fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    }
    running.signal("TERM");
    running.wait().ends_with(143);
}

#[test]
fn an_interrupt_is_the_hosts_to_handle_and_leaves_nothing_behind() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let (running, pid) = endless(&server, &pack, &[]);
    // What a terminal interrupts is a group of processes, and the child is not in its parent's.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let group = stat.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap();
    assert_eq!(group, pid.to_string());
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    assert_eq!(service(&run, "bad")["state"], "stopped");
    assert!(!is_alive(pid));
}

/// The user does not want to wait for it; it is gone all the same.
#[test]
fn a_service_whose_start_is_interrupted_was_not_waited_for() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", REQUIRED)]);
    let running = wrong(&pack, &server, "block", "new").spawn();
    let journal = running.dir().join("run/journal.prony");
    eventually("a journal", || journal.exists().then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    assert_eq!(service(&run, "bad")["state"], "abandoned");
}

#[test]
fn a_second_interrupt_abandons_a_service_and_its_process() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let (running, pid) = endless(&server, &pack, &["bad.fault=block", "bad.when=stop"]);
    running.signal("INT");
    eventually("the first interrupt is seen", || running.said("for requests in flight").then_some(()));
    eventually("nothing is in flight", || (server.truth()["in_flight"] == 0).then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    eventually("the child ends", || (!is_alive(pid)).then_some(()));
}

/// Nobody is left who could end it, and its own thread does not.
#[test]
fn a_child_whose_parent_is_gone_ends_even_while_its_service_hangs() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let (running, pid) = endless(&server, &pack, &["bad.fault=block", "bad.when=message"]);
    assert!(is_alive(pid));
    running.signal("KILL");
    running.wait().ends_with(128 + 9);
    eventually("the child ends", || (!is_alive(pid)).then_some(()));
}

/// Each method blocks in a service of its own, all in one run: they are waited for side by side.
#[rstest]
fn a_method_that_does_not_return_is_named(#[values("none", "process")] isolation: &str) {
    let server = MockServer::start([]);
    let places = ["new", "init", "start", "message", "stop", "drop"];
    let extra = format!("isolation: {isolation}\n    {OPTIONAL}");
    let entries = places.map(|place| (place, "BadService", extra.as_str()));
    let pack = pack(&entries);
    let tool =
        Tool::profile(&server).args(["--request-count", "5", "--osl", "4", "--plugins"]).arg(pack.path());
    let tool = places.iter().fold(tool, |tool, place| {
        tool.args(["--service-option", &format!("{place}.fault=block")])
            .args(["--service-option", &format!("{place}.when={place}")])
    });
    let run = tool.run();
    is_untouched(&run);
    for place in ["new", "init", "start"] {
        assert_eq!(reported_error(&run, place), format!("`{place}` did not return within 5 s"));
    }
    // The run is over before the message is overdue: it is what keeps `stop` from being reached.
    assert_eq!(
        reported_error(&run, "message"),
        "`stop` was not reached within 5 s: it was still in `on_message`"
    );
    assert_eq!(reported_error(&run, "stop"), "`stop` did not return within 5 s");
    assert_eq!(reported_error(&run, "drop"), "its destructor did not return within 5 s");
    for place in places.iter().filter(|_| isolation == "process") {
        let pid = service(&run, place)["pid"].as_u64().unwrap();
        assert!(!is_alive(u32::try_from(pid).unwrap()), "{place}");
    }
}

/// It gets no message any more, which is counted, and its process is ended while the run goes on.
#[test]
fn a_service_that_never_reads_is_failed_by_the_watchdog() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", REQUIRED)]);
    let (running, pid) = endless(&server, &pack, &["bad.fault=block", "bad.when=message"]);
    let run = running.wait();
    run.ends_with(1);
    assert_eq!(reported_error(&run, "bad"), "`on_message` did not return within 5 s");
    assert!(!is_alive(pid));
}

#[rstest]
fn a_flood_is_refused_and_counted(#[values("none", "process")] isolation: &str) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = wrong(&pack, &server, "flood", "init").run();
    is_untouched(&run);
    let bad = service(&run, "bad");
    assert_eq!(bad["state"], "stopped");
    assert!(bad["published"].as_u64().unwrap() > 0, "{bad}");
    assert!(bad["lost"].as_u64().unwrap() > 0, "{bad}");
    assert!(run.stdout.contains("service `bad` lost"), "{}", run.stdout);
    assert_eq!(service(&run, "server_metrics")["lost"], 0);
}

/// And what a service publishes once it has stopped is nobody's loss.
#[rstest]
fn a_service_that_publishes_after_its_end_is_not_heard(#[values("none", "process")] isolation: &str) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = wrong(&pack, &server, "flood", "drop").run();
    is_untouched(&run);
    assert_eq!(service(&run, "bad")["state"], "stopped");
}

#[rstest]
fn a_huge_message_is_refused_as_too_large(#[values("none", "process")] isolation: &str) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = wrong(&pack, &server, "huge", "start").run();
    is_untouched(&run);
    let bad = service(&run, "bad");
    assert_eq!((&bad["state"], &bad["lost"], &bad["published"]), (&"stopped".into(), &1.into(), &0.into()));
}

#[rstest]
fn a_service_may_ask_for_the_end_of_the_run(#[values("none", "process")] isolation: &str) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = Tool::profile(&server)
        .args(["--benchmark-duration", "3600", "--osl", "4", "--plugins"])
        .arg(pack.path())
        .args(["--service-option", "bad.fault=request_stop", "--service-option", "bad.when=message"])
        .run();
    let summary = run.summary();
    assert_eq!(summary["was_cancelled"], true, "{}", run.stderr);
    assert!(run.stdout.contains("enough is enough"), "{}", run.stdout);
}

#[test]
fn a_run_that_a_service_ends_is_incomplete() {
    let server = MockServer::start([]);
    let pack = pack(&[("content", "Content", OPTIONAL)]);
    let tool = Tool::profile(&server).args(["--benchmark-duration", "3600", "--osl", "4", "--plugins"]);
    let run = tool.arg(pack.path()).run();
    run.ends_with(6);
    let expected = "the numbers are incomplete: a service asked for the end: `content`: this will do";
    assert!(run.stdout.contains(expected), "{}", run.stdout);
    Tool::new(["report"]).arg(run.dir().join("run")).run().ends_with(6);
}

#[rstest]
#[case::in_one_process(&[])]
#[case::from_a_child(&["talker"])]
#[case::to_a_child(&["listener"])]
#[case::between_children(&["talker", "listener"])]
fn services_hear_each_other_wherever_they_run(#[case] isolated: &[&str]) {
    let server = MockServer::start([]);
    let pack = pack(&[("talker", "Talker", OPTIONAL), ("listener", "Listener", OPTIONAL)]);
    let tool =
        Tool::profile(&server).args(["--request-count", "5", "--osl", "4", "--plugins"]).arg(pack.path());
    let run = isolated.iter().fold(tool, |tool, name| tool.args(["--isolate", name])).run();
    is_untouched(&run);
    assert_eq!(service(&run, "talker")["published"], 1);
    let listener = service(&run, "listener");
    assert_eq!((&listener["state"], &listener["received"]), (&"stopped".into(), &1.into()));
    assert_eq!(listener["isolated"], isolated.contains(&"listener"));
}

/// The same service, the same numbers: where it runs is nobody's business.
#[test]
fn the_shipped_service_works_in_a_process_of_its_own() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "5", "--isolate", "server_metrics"]).run();
    is_untouched(&run);
    let service = service(&run, "server_metrics");
    assert_eq!(service["isolated"], true);
    assert!(service["published"].as_u64().unwrap() > 0, "{service}");
    assert!(run.artifact("server_metrics_export.json").exists(), "{}", run.stdout);
}

/// The child loads by itself, and what it has to say about that stands in the report.
#[test]
fn a_service_that_falls_back_in_its_own_process_is_noted() {
    let server = MockServer::start([]);
    let pack = MockPlugin::empty();
    let missing = entry("server_metrics", "NoSuchService", OPTIONAL);
    pack.manifest(&format!("schema_version: \"1.0\"\nservice:\n{missing}"));
    let run = Tool::profile(&server)
        .args(["--request-count", "5", "--isolate", "server_metrics", "--plugins"])
        .arg(pack.path())
        .run();
    is_untouched(&run);
    let notes = run.summary()["notes"].to_string();
    assert!(notes.contains("libbad_service.so"), "{notes}");
}

#[test]
fn log_lines_of_a_child_are_filtered_and_written_by_its_parent() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let tool = || wrong(&pack, &server, "none", "start").args(["--isolate", "bad"]);
    let quiet = tool().run();
    is_untouched(&quiet);
    assert!(!quiet.stderr.contains("started at"), "{}", quiet.stderr);
    let chatty = tool().env("PRONY_LOG", "warn,bad=info").run();
    assert_eq!(
        chatty.stderr.lines().filter(|line| line.contains("INFO bad: started at")).count(),
        1,
        "{}",
        chatty.stderr
    );
}

/// Facts are told, keys are not: neither by a frame nor by the environment.
#[test]
fn a_child_gets_no_key() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", OPTIONAL)]);
    let tool = Tool::profile(&server)
        .args(["--benchmark-duration", "3600", "--osl", "4", "--isolate", "bad", "--plugins"])
        .arg(pack.path())
        .env("PRONY_API_KEY", "sk-very-secret");
    let file = tool.dir().join("pid");
    let running = tool.arg("--service-option").arg(format!("bad.pid_file={}", file.display())).spawn();
    let pid = eventually("the service starts", || read_pid(&file));
    for name in ["environ", "cmdline"] {
        let text = std::fs::read(format!("/proc/{pid}/{name}")).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("sk-very-secret"), "{name}");
    }
    running.signal("INT");
    running.wait().ends_with(130);
}

#[test]
fn a_service_that_is_named_is_started() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", BY_NAME), ("talker", "Talker", BY_NAME)]);
    let run = Tool::profile(&server)
        .args([
            "--request-count",
            "5",
            "--osl",
            "4",
            "--service",
            "BAD",
            "--no-service",
            "server-metrics",
            "--plugins",
        ])
        .arg(pack.path())
        .run();
    let services = run.succeeds().summary()["services"].as_object().unwrap().clone();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["bad"]);
}

#[test]
fn a_replicable_service_has_as_many_instances_as_it_is_named() {
    let server = MockServer::start([]);
    let replicable = "metadata: {required: false, auto_start: false, replicable: true}";
    let pack = pack(&[("bad", "BadService", replicable)]);
    let run = wrong(&pack, &server, "none", "start")
        .args(["--service", "bad,bad", "--service-option", "bad#2.fault=error"])
        .run();
    is_untouched(&run);
    assert_eq!(service(&run, "bad#1")["state"], "stopped");
    assert_eq!(reported_error(&run, "bad#2"), "`start` failed: be good: told to fail");
}

#[test]
fn the_report_names_the_library_of_isolated_instances_once() {
    let server = MockServer::start([]);
    let pack =
        pack(&[("bad", "BadService", "metadata: {required: false, auto_start: false, replicable: true}")]);
    let run = wrong(&pack, &server, "none", "start").args(["--service", "bad,bad", "--isolate", "bad"]).run();
    let plugins = run.succeeds().summary()["plugins"].as_array().unwrap().clone();
    let names: Vec<_> = plugins.iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| **name == "bad").count(), 1, "{names:?}");
}

#[rstest]
#[case("--service bad", "unknown service `bad`", "`server_metrics`")]
#[case("--service server_metric", "unknown service `server_metric`", "did you mean `server_metrics`?")]
#[case("--no-service server_metric", "unknown service `server_metric`", "did you mean `server_metrics`?")]
#[case("--service-option server_metric.a=1", "unknown service `server_metric`", "did you mean")]
#[case(
    "--service-option server_metrics=1",
    "it is not `NAME.KEY=VALUE`",
    "--service-option server_metrics.interval_ms=500"
)]
#[case("--isolate chatt", "unknown endpoint or service `chatt`", "did you mean `chat`?")]
#[case("--service server_metrics,server_metrics", "2 times", "name it once")]
#[case(
    "--service server_metrics --no-service server-metrics",
    "`--no-service` leaves it out",
    "leave out `--service`"
)]
#[case(
    "--service server_metrics --no-server-metrics",
    "`--no-server-metrics` leaves it out",
    "leave out `--service`"
)]
#[case(
    "--service-option server_metrics.interval_ms=abc",
    "set the option `interval_ms` of the service `server_metrics`: it takes a whole number of at least 1, and this is text",
    "`prony service server_metrics --help` describes it"
)]
#[case(
    "--service-option server_metrics.intervall_ms=5",
    "it takes only `headers`, `interval_ms`, `tls`, `urls`",
    "did you mean `interval_ms`?"
)]
#[case("--service-option Server-Metrics.urls=5", "it takes a list, each item text", "--help")]
#[case("--service-option server_metrics#2.a=1", "the run has 1 of them", "replicable")]
fn what_cannot_be_started_is_refused_before_anything_is_sent(
    #[case] flags: &str,
    #[case] error: &str,
    #[case] help: &str,
) {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(flags.split(' ')).run();
    run.ends_with(2);
    assert!(run.stderr.contains(error) && run.stderr.contains(help), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

/// What only the service itself can judge.
#[rstest]
fn options_that_a_service_refuses_end_the_run_before_anything_is_sent(
    #[values("none", "process")] isolation: &str,
) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", &format!("isolation: {isolation}\n    {OPTIONAL}"))]);
    let run = wrong(&pack, &server, "no_such_fault", "start").run();
    run.ends_with(2);
    let expected =
        "failed to start the service `bad` with these options: `new` failed: unknown variant `no_such_fault`";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
    assert_eq!(service(&run, "bad")["state"], "failed");
}

#[test]
fn a_required_service_cannot_be_left_out() {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", REQUIRED)]);
    let run = Tool::profile(&server).args(["--no-service", "bad", "--plugins"]).arg(pack.path()).run();
    run.ends_with(2);
    assert!(
        run.stderr.contains("leave out the service `bad`: its manifest says that a run requires it"),
        "{}",
        run.stderr
    );
}

#[rstest]
#[case("--isolate embeddings", "`--isolate embeddings` has no effect")]
#[case("--no-service bad", "`--no-service bad` has no effect")]
#[case("--service-option bad.a=1", "an option of `bad` has no effect")]
fn a_wish_without_effect_is_said(#[case] flags: &str, #[case] warning: &str) {
    let server = MockServer::start([]);
    let pack = pack(&[("bad", "BadService", BY_NAME)]);
    let run = Tool::profile(&server)
        .args(["--request-count", "1", "--osl", "4", "--plugins"])
        .arg(pack.path())
        .args(flags.split(' '))
        .run();
    run.succeeds();
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}

#[test]
fn a_service_is_described_without_its_library_being_opened() {
    let pack = pack(&[("bad", "BadService", &format!("isolation: process\n    {BY_NAME}"))]);
    let run =
        Tool::new(["service", "bad", "--help", "--plugins"]).arg(pack.path()).env("PRONY_LOG", "debug").run();
    run.succeeds();
    for expected in [
        "A service of a test.",
        "bad_service:BadService",
        "a process of its own",
        "rustc 1.",
        "required    false",
        "What goes wrong",
        "prony profile --service bad",
    ] {
        assert!(run.stdout.contains(expected), "{expected}:\n{}", run.stdout);
    }
    assert!(!run.stderr.contains("opened a library"), "{}", run.stderr);
}

#[test]
fn a_service_whose_library_is_missing_is_described_all_the_same() {
    let pack = MockPlugin::empty();
    pack.manifest(&format!("schema_version: \"1.0\"\nservice:\n{}", entry("bad", "BadService", BY_NAME)));
    let run = Tool::new(["service", "bad", "--help", "--plugins"]).arg(pack.path()).run();
    run.succeeds();
    assert!(run.stdout.contains("cannot be used"), "{}", run.stdout);
}

/// Two packs that declare the service `bad` with equal right.
fn disputed(metadata: &str) -> (MockPlugin, MockPlugin) {
    (pack(&[("bad", "BadService", metadata)]), pack(&[("bad", "BadService", metadata)]))
}

#[rstest]
#[case::asked_for(BY_NAME, &["--service", "bad"])]
#[case::by_itself(OPTIONAL, &[])]
fn a_disputed_service_is_not_started_and_nothing_is_sent(#[case] metadata: &str, #[case] flags: &[&str]) {
    let server = MockServer::start([]);
    let (one, other) = disputed(metadata);
    let tool = Tool::profile(&server).arg("--plugins").arg(one.path()).arg("--plugins").arg(other.path());
    let run = tool.args(flags).run();
    run.ends_with(2);
    assert!(run.stderr.contains("failed to choose the service `bad`: both `"), "{}", run.stderr);
    assert!(run.stderr.contains("give one of them a higher `priority`"), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

#[test]
fn a_disputed_service_can_be_left_out() {
    let server = MockServer::start([]);
    let (one, other) = disputed(OPTIONAL);
    let tool = Tool::profile(&server).arg("--plugins").arg(one.path()).arg("--plugins").arg(other.path());
    tool.args(["--no-service", "bad", "--request-count", "1", "--osl", "4"]).run().succeeds();
}

#[rstest]
#[case::help(&["service", "bad", "--help"], "cannot be used")]
#[case::graph(&["plugins", "graph"], "unknown: `bad`: ")]
#[case::dot(&["plugins", "graph", "--dot"], "  // unknown: `bad`: ")]
#[case::json(&["plugins", "graph", "--json"], "\"fault\": ")]
fn a_dispute_is_said_wherever_the_service_is_shown(#[case] words: &[&str], #[case] place: &str) {
    let (one, other) = disputed(BY_NAME);
    let run = Tool::new(words).arg("--plugins").arg(one.path()).arg("--plugins").arg(other.path()).run();
    run.succeeds();
    let line = run.stdout.lines().find(|line| line.contains("choose the service `bad`"));
    let line = line.unwrap_or_else(|| panic!("{}", run.stdout));
    assert!(line.contains(place), "{line}");
}

#[rstest]
#[case(
    "server_metrics",
    "run the service `server_metrics` by itself",
    "prony profile --service server_metrics"
)]
#[case("server_metric", "unknown service `server_metric`", "did you mean `server_metrics`?")]
#[case("server_metric --help", "unknown service `server_metric`", "did you mean `server_metrics`?")]
fn a_service_that_a_person_types_is_refused(#[case] words: &str, #[case] error: &str, #[case] help: &str) {
    let run = Tool::new(["service"]).args(words.split(' ')).run();
    run.ends_with(2);
    assert!(run.stderr.contains(error) && run.stderr.contains(help), "{}", run.stderr);
}
