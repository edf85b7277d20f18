//! The dashboard, on a terminal of the test's own: what one sees, what the keys do, and that the terminal is given back.

use prony_tests::{MockServer, Terminal, Tool, mock_plugin};
use rstest::rstest;

/// A profile that fills the terminal.
fn profile(server: &MockServer) -> Tool {
    let words = ["profile", "--model", "m", "--streaming", "--ui", "dashboard", "--artifact-dir", "run"];
    Tool::new(words).args(["--url", server.url(), "--random-seed", "42"])
}

/// One that goes on until somebody ends it.
fn endless(server: &MockServer) -> Tool {
    profile(server).args(["--benchmark-duration", "3600", "--concurrency", "4", "--osl", "8"])
}

/// One that is seen, after some requests.
fn seen(server: &MockServer, columns: u16, rows: u16) -> Terminal {
    let terminal = endless(server).on_terminal(columns, rows);
    terminal.until("percentiles of the last seconds", |screen| {
        screen.lines().any(|line| line.contains("first token ") && line.matches('.').count() >= 2)
    });
    terminal
}

#[test]
fn a_run_is_seen_while_it_goes_on_and_its_report_when_it_is_over() {
    let server = MockServer::start(["--itl-ms", "2"]);
    let mut terminal = seen(&server, 80, 24);
    for part in
        ["profiling", "concurrency 4", "requests/s", "tokens/s", "inter-token", "succeeded", "CPUs", "q end"]
    {
        terminal.shows(part);
    }
    terminal.shows("running");
    assert!(terminal.is_drawn_on());
    terminal.press("q");
    let run = terminal.wait();
    run.ends_with(130);
    assert!(terminal.is_as_before(), "the screen:\n{}", terminal.screen());
    assert!(run.stdout.contains("Request Latency"), "{}", run.stdout);
    terminal.shows("interrupted: waiting up to");
}

#[test]
fn a_run_that_comes_to_its_end_gives_the_terminal_back() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let mut terminal = profile(&server).args(["--request-count", "40", "--osl", "8"]).on_terminal(80, 24);
    let run = terminal.wait();
    run.succeeds();
    assert!(terminal.is_as_before(), "the screen:\n{}", terminal.screen());
    assert!(run.stdout.contains("Request Latency"), "{}", run.stdout);
}

#[rstest]
#[case::ctrl_c_twice(&["\x03", "\x03"], 130)]
#[case::q_twice(&["q", "q"], 130)]
fn whoever_does_not_want_to_wait_gets_the_terminal_back(#[case] keys: &[&str], #[case] code: i32) {
    let server = MockServer::start(["--itl-ms", "1000"]);
    let mut terminal = endless(&server).on_terminal(80, 24);
    terminal.shows("in flight  4");
    terminal.press(keys[0]);
    terminal.shows("stop at once");
    terminal.press(keys[1]);
    terminal.wait().ends_with(code);
    assert!(terminal.is_as_before(), "the screen:\n{}", terminal.screen());
}

#[test]
fn a_termination_gives_the_terminal_back() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let mut terminal = seen(&server, 80, 24);
    terminal.signal("TERM");
    terminal.wait().ends_with(143);
    assert!(terminal.is_as_before(), "the screen:\n{}", terminal.screen());
}

/// A plugin that panics fails its request. What it says of the panic waits until there are lines again, wherever the plugin is.
#[rstest]
fn a_panic_leaves_the_terminal_usable_and_can_be_read(#[values(&[], &["--isolate", "acme"])] place: &[&str]) {
    let server = MockServer::start(["--ttft-ms", "50"]);
    let pack = mock_plugin("acme", "bad_endpoint:Faulty", "bad-endpoint");
    let sound = "{\"text\": \"hello\", \"output_length\": 5}\n".repeat(9);
    let tool = profile(&server);
    tool.file(
        "prompts.jsonl",
        format!("{sound}{{\"text\": \"fault event-panic\", \"output_length\": 5}}\n{sound}"),
    );
    let mut terminal = tool
        .args(["--endpoint-type", "acme", "--input-file", "prompts.jsonl", "--request-count", "19"])
        .args(["--no-server-metrics", "--log-level", "debug", "--plugins"])
        .arg(pack.path())
        .args(place)
        .on_terminal(80, 24);
    terminal.until("the dashboard", |screen| screen.contains("q end"));
    let run = terminal.wait();
    run.succeeds();
    assert_eq!(run.summary()["error_request_count"]["avg"], 1);
    assert!(terminal.is_as_before(), "the screen:\n{}", terminal.screen());
    let written = terminal.written();
    let (drawn, behind) = written.rsplit_once("\x1b[?1049l").unwrap_or_default();
    assert!(behind.contains("told to panic"), "{written}");
    assert!(!drawn.contains("panicked at"), "{drawn}");
}

#[test]
fn the_keys_are_explained_on_demand() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let mut terminal = seen(&server, 80, 24);
    terminal.press("?");
    terminal.shows("draws everything anew");
    terminal.press("?");
    terminal.until("no help", |screen| !screen.contains("draws everything anew"));
    terminal.press("q");
    terminal.wait().ends_with(130);
}

#[test]
fn a_pause_stops_the_drawing_and_not_the_run() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let mut terminal = seen(&server, 80, 24);
    terminal.press("p");
    terminal.shows("PAUSED");
    let paused = terminal.screen();
    let sent = server.truth()["requests_ok"].as_u64();
    prony_tests::eventually("the run goes on", || {
        (server.truth()["requests_ok"].as_u64() > sent.map(|it| it + 20)).then_some(())
    });
    assert_eq!(terminal.screen(), paused);
    terminal.press(" ");
    terminal.until("the drawing goes on", |screen| !screen.contains("PAUSED"));
    terminal.press("q");
    terminal.wait().ends_with(130);
}

#[test]
fn a_terminal_that_grows_is_filled_and_a_small_one_says_what_it_needs() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let mut terminal = seen(&server, 80, 24);
    terminal.resize(200, 50);
    terminal.until("a line as wide as the terminal", |screen| {
        screen.lines().any(|line| line.chars().count() == 200)
    });
    terminal.resize(50, 10);
    terminal.shows("the dashboard needs 60 x 16");
    terminal.resize(80, 24);
    terminal.shows("q end");
    terminal.press("q");
    terminal.wait().ends_with(130);
    assert!(terminal.is_as_before());
}

/// A screen that is cleared for each frame flickers.
#[test]
fn frames_are_changes_and_not_new_screens() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let mut terminal = seen(&server, 80, 24);
    terminal.press("q");
    terminal.wait();
    let written = terminal.written();
    let (clears, frames) = (written.matches("\x1b[2J").count(), written.matches("\x1b[?2026h").count());
    assert!(clears <= 2 && frames >= 3, "{clears} clears in {frames} frames");
}

#[test]
fn what_is_no_terminal_gets_lines_and_a_reason() {
    let server = MockServer::start([]);
    let run = profile(&server).args(["--request-count", "3"]).run();
    run.succeeds();
    let why = "`--ui dashboard` shows what `--ui simple` does: standard error is no terminal";
    assert!(run.stderr.contains(why), "{}", run.stderr);
    assert!(!run.stderr.contains('\x1b'), "{}", run.stderr);
}

#[test]
fn a_terminal_that_cannot_draw_gets_a_bar_and_a_reason() {
    let server = MockServer::start([]);
    let mut terminal =
        profile(&server).args(["--request-count", "3"]).under(&["env", "TERM=dumb"]).on_terminal(80, 24);
    let run = terminal.wait();
    run.succeeds();
    assert!(run.stderr.contains("`TERM` says that the"), "{}", run.stderr);
    assert!(terminal.is_as_before());
}

#[test]
fn each_of_several_runs_has_its_dashboard() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let mut terminal = profile(&server)
        .args(["--concurrency", "1,2", "--request-count", "60", "--osl", "8"])
        .on_terminal(100, 30);
    terminal.shows("cell 1 of 2");
    terminal.shows("cell 2 of 2");
    terminal.wait().succeeds();
    assert!(terminal.is_as_before(), "the screen:\n{}", terminal.screen());
}
