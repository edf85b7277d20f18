//! How connections are opened and kept, and how long anybody waits on one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, time::Duration};

use prony_tests::{
    H2Server, Manner, MockServer, Proxy, Run, TlsFront, Tool, UnixFront, eventually, wire::Replay,
};
use rstest::rstest;

/// A profile that does not stream: the head of an answer comes when the whole answer is there.
fn whole(server: &MockServer, flags: &[&str]) -> Run {
    Tool::new(["profile", "--model", "m", "--ui", "none", "--url", server.url(), "--osl", "2"])
        .args(["--no-server-metrics", "--artifact-dir", "run"])
        .args(flags)
        .run()
}

fn errors(run: &Run) -> Vec<(String, u64)> {
    let summary = run.summary();
    let groups = summary["error_summary"].as_array().unwrap();
    groups
        .iter()
        .map(|group| {
            let kind = group["error_details"]["type"].as_str().unwrap();
            (kind.to_owned(), group["count"].as_u64().unwrap())
        })
        .collect()
}

/// The connections that requests came over.
fn connections(server: &MockServer) -> BTreeSet<u64> {
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap();
    requests.iter().map(|request| request["connection"].as_u64().unwrap()).collect()
}

/// When the table is full, Linux makes a larger one, and nothing is opened for 10 ms or more meanwhile.
#[test]
#[cfg(target_os = "linux")]
fn the_table_of_open_files_has_room_before_the_first_request() {
    let server = MockServer::start([]);
    let tool =
        Tool::profile(&server).args(["--benchmark-duration", "3600"]).under(&["prlimit", "--nofile=4096"]);
    let running = tool.spawn();
    eventually("requests", || (server.truth()["requests_ok"].as_u64()? > 0).then_some(()));
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let room = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap().trim();
    assert_eq!(room, "4096");
    running.signal("TERM");
    running.wait().ends_with(143);
}

#[rstest]
fn a_server_that_does_not_begin_to_answer_is_waited_for_so_long(
    #[values("timed", "portable")] transport: &str,
) {
    let server = MockServer::start(["--ttft-ms", "600000"]);
    let flags =
        ["--first-byte-timeout-seconds", "0.2", "--idle-timeout-seconds", "0.1", "--request-count", "2"];
    let run = whole(&server, &[&flags[..], &["--transport", transport]].concat());
    assert_eq!(errors(run.ends_with(1)), [("first_byte_timeout".to_owned(), 2)]);
    assert!(run.stderr.contains("help: raise `--first-byte-timeout-seconds`"), "{}", run.stderr);
}

#[rstest]
fn a_stream_that_falls_silent_is_waited_for_so_long(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--stall-every", "2", "--stall-ms", "0"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "4", "--osl", "8", "--idle-timeout-seconds", "0.3"])
        .args(["--first-byte-timeout-seconds", "60", "--transport", transport])
        .run();
    assert_eq!(errors(run.succeeds()), [("idle_timeout".to_owned(), 2)]);
    assert_eq!(run.summary()["request_count"]["avg"], 2, "the others are not touched");
}

/// The whole answer takes longer than any of its silences may.
#[rstest]
fn tokens_that_keep_coming_are_no_silence(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--itl-ms", "50"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "1", "--osl", "50", "--idle-timeout-seconds", "2"])
        .args(["--first-byte-timeout-seconds", "2", "--transport", transport])
        .run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 1);
}

/// Its first byte has come, so that it is the silence after it that ends the request.
#[test]
fn a_head_that_stops_half_way_is_a_silence() {
    let server = MockServer::start(["--slow-header-ms", "600000"]);
    let run = whole(&server, &["--idle-timeout-seconds", "0.2", "--request-count", "1"]);
    assert_eq!(errors(run.ends_with(1)), [("idle_timeout".to_owned(), 1)]);
}

#[rstest]
#[case(&["--first-byte-timeout-seconds", "5", "--request-timeout-seconds", "5"], "--first-byte-timeout-seconds")]
#[case(&["--idle-timeout-seconds", "6", "--request-timeout-seconds", "5"], "--idle-timeout-seconds")]
fn a_limit_that_can_never_be_met_is_refused(#[case] flags: &[&str], #[case] flag: &str) {
    let run = Tool::profile_at("http://localhost:1").args(flags).run();
    run.ends_with(2);
    let expected = format!("error: failed to use `{flag}` together with `--request-timeout-seconds`");
    assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
}

#[rstest]
fn a_server_behind_a_unix_socket_is_measured(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--itl-ms", "1"]);
    let front = UnixFront::before(server.url());
    let run = Tool::profile_at(&format!("{}:/v1", front.url()))
        .args(["--request-count", "6", "--osl", "4", "--concurrency", "2", "--workers", "1"])
        .args(["--export-http-trace", "--transport", transport])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 6);
    assert_eq!(connections(&server).len(), 2);
    // Nobody stamps what arrives at such a socket.
    assert_eq!(summary["client"]["arrival_clock"], "user", "{summary}");
    for record in run.records() {
        let trace = &record["trace_data"];
        assert_eq!(trace["arrival_clock"], "user", "{trace}");
        assert!(trace["request_send_end_ns"].as_u64() <= trace["response_first_byte_ns"].as_u64(), "{trace}");
    }
    let target = format!("target    {}:/v1", front.url());
    assert!(run.stdout.contains(&target), "{}", run.stdout);
    assert!(run.stderr.contains("warning: no server metrics are scraped"), "{}", run.stderr);
}

#[test]
fn connections_to_a_unix_socket_are_opened_ahead() {
    let server = MockServer::start([]);
    let front = UnixFront::before(server.url());
    let run = Tool::profile_at(&front.url())
        .args(["--request-count", "8", "--osl", "2", "--concurrency", "4", "--preconnect"])
        .args(["--export-http-trace", "--no-server-metrics"])
        .run();
    let reused = |record: &serde_json::Value| record["trace_data"]["connection_reused"] == true;
    assert!(run.succeeds().records().iter().all(reused));
    assert_eq!(run.stderr, "");
}

#[test]
fn a_unix_socket_that_is_not_there_is_named() {
    let run = Tool::profile_at("unix:///nowhere/at/all.sock").run();
    run.ends_with(4);
    let expected = "error: failed to reach the server at `unix:///nowhere/at/all.sock`";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(run.stderr.contains("No such file or directory"), "{}", run.stderr);
}

#[rstest]
#[case(&["--url", "unix://here.sock"], "it names no Unix socket by its absolute path")]
#[case(&["--url", "unix:///a.sock", "--server-metrics", "unix:///a.sock"], "they are scraped over TCP only")]
#[case(&["--url", "unix:///a.sock,unix:///b.sock", "--transport", "portable"], "anything else than one Unix socket")]
fn what_cannot_be_done_with_a_unix_socket_is_refused(#[case] flags: &[&str], #[case] says: &str) {
    let run = Tool::new(["profile", "--model", "m"]).args(flags).run();
    run.ends_with(2);
    assert!(run.stderr.contains(says) && run.stderr.contains("help: "), "{}", run.stderr);
}

/// A profile of a server whose name only the proxy knows.
fn far(scheme: &str, transport: &str) -> Tool {
    Tool::profile_at(&format!("{scheme}://model.example:8123/v1")).args([
        "--request-count",
        "4",
        "--osl",
        "2",
        "--no-server-metrics",
        "--transport",
        transport,
    ])
}

#[rstest]
fn a_proxy_is_told_the_whole_address(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start([]);
    let proxy = Proxy::to(server.url(), Manner::Open);
    let run = far("http", transport).args(["--proxy", proxy.address()]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 4);
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1, "one connection is enough: {heads:?}");
    let line = "POST http://model.example:8123/v1/chat/completions HTTP/1.1";
    assert_eq!(heads[0].lines().next(), Some(line));
    assert!(heads[0].to_lowercase().contains("\r\nhost: model.example:8123\r\n"), "{}", heads[0]);
    let warning = format!("warning: the requests went by way of the proxy `http://{}`", proxy.address());
    assert!(run.stdout.contains(&warning), "{}", run.stdout);
}

#[rstest]
fn a_proxy_opens_a_way_to_a_server_that_speaks_tls(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start([]);
    let front = TlsFront::before(server.url(), false);
    let proxy = Proxy::to(&front.url(), Manner::Open);
    let run =
        far("https", transport).args(["--insecure", "--proxy", proxy.address(), "--export-http-trace"]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 4);
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1, "one connection is enough: {heads:?}");
    assert!(heads[0].starts_with("CONNECT model.example:8123 HTTP/1.1\r\n"), "{}", heads[0]);
    // What the proxy said is no answer of the server's.
    for record in run.records() {
        let trace = &record["trace_data"];
        assert!(trace["request_send_end_ns"].as_u64() <= trace["response_first_byte_ns"].as_u64(), "{trace}");
    }
}

#[rstest]
fn a_proxy_learns_its_password_and_nobody_else_does(
    #[values("timed", "portable")] transport: &str,
    #[values("http", "https")] scheme: &str,
) {
    let server = MockServer::start([]);
    let front = TlsFront::before(server.url(), false);
    let behind = if scheme == "http" { server.url().to_owned() } else { front.url() };
    // The example of RFC 7617.
    let proxy = Proxy::to(&behind, Manner::Wants("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    let address = format!("http://Aladdin:open%20sesame@{}", proxy.address());
    let run = far(scheme, transport).args(["--insecure", "--proxy", &address]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 4);
    let shown = format!("http://<redacted>@{}", proxy.address());
    assert_eq!(run.summary()["input_config"]["target"]["proxies"][0], format!("{shown}/"));
    assert!(run.stdout.contains(&shown), "{}", run.stdout);
    run.keeps(&["sesame", "Aladdin"]);
    let plan = run.read("plan.yaml");
    assert!(plan.contains("${SECRET_OF_PROXY}@"), "the plan does not ask for it again: {plan}");
}

#[rstest]
#[case::timed_plain("timed", "http", "proxy")]
#[case::timed_tls("timed", "https", "proxy")]
#[case::portable_plain("portable", "http", "proxy")]
#[case::portable_tls("portable", "https", "connect")]
fn a_proxy_that_wants_a_password_is_an_error_of_its_own(
    #[case] transport: &str,
    #[case] scheme: &str,
    #[case] kind: &str,
) {
    let server = MockServer::start([]);
    let proxy = Proxy::to(server.url(), Manner::Refuses("407 Proxy Authentication Required"));
    let run = far(scheme, transport).args(["--proxy", proxy.address()]).run();
    run.ends_with(4);
    assert_eq!(errors(&run), [(kind.to_owned(), 4)]);
    let error = &run.summary()["error_summary"][0]["error_details"];
    assert!(error["message"].as_str().unwrap().contains(proxy.address()), "{error}");
    assert_ne!(error["hint"], "", "{error}");
    assert_eq!(server.truth()["requests_total"], 0);
}

#[test]
fn a_proxy_that_finds_no_way_says_so() {
    let server = MockServer::start([]);
    let proxy = Proxy::to(server.url(), Manner::Refuses("503 Service Unavailable"));
    let run = far("https", "timed").args(["--proxy", proxy.address()]).run();
    run.ends_with(4);
    let error = &run.summary()["error_summary"][0]["error_details"];
    assert_eq!((&error["type"], &error["code"]), (&"proxy".into(), &503.into()), "{error}");
    let run = far("http", "timed").args(["--proxy", proxy.address()]).run();
    run.ends_with(1);
    let error = &run.summary()["error_summary"][0]["error_details"];
    assert_eq!((&error["type"], &error["code"]), (&"http_status".into(), &503.into()), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("may be the response of the proxy"), "{error}");
}

#[test]
fn a_proxy_that_is_down_is_named() {
    let run = far("http", "timed").args(["--proxy", "http://user:hush@127.0.0.1:1"]).run();
    run.ends_with(4);
    let expected = "error: failed to reach the proxy at `http://<redacted>@127.0.0.1:1`";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    assert!(run.stderr.contains("`--no-proxy`"), "{}", run.stderr);
}

#[rstest]
#[case::upper_case("HTTP_PROXY")]
#[case::lower_case("http_proxy")]
#[case::for_all("ALL_PROXY")]
fn the_environments_proxy_is_used_and_told(#[case] name: &str) {
    let server = MockServer::start([]);
    let proxy = Proxy::to(server.url(), Manner::Open);
    let run = far("http", "timed").env(name, proxy.address()).run();
    run.succeeds();
    let expected = format!("warning: the requests go by way of the proxy `{}` of `{name}`", proxy.address());
    assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    assert_eq!(proxy.heads().len(), 1);
}

#[rstest]
#[case::this_machine(&[], "")]
#[case::exception(&["--url", "http://model.example:1"], "model.example")]
#[case::exception_with_its_port(&["--url", "http://model.example:1"], "other.example, model.example:1")]
#[case::switched_off(&["--url", "http://model.example:1", "--no-proxy"], "")]
fn the_environments_proxy_is_not_for_everything(#[case] flags: &[&str], #[case] exceptions: &str) {
    let server = MockServer::start([]);
    let proxy = Proxy::to(server.url(), Manner::Refuses("503 Service Unavailable"));
    let local = Tool::new(["profile", "--model", "m", "--ui", "none", "--no-server-metrics", "--osl", "1"]);
    let local = if flags.is_empty() { local.args(["--url", server.url()]) } else { local.args(flags) };
    let run = local
        .args(["--request-count", "1"])
        .env("ALL_PROXY", proxy.address())
        .env("NO_PROXY", exceptions)
        .run();
    // Nobody knows the name but the proxy.
    run.ends_with(if flags.is_empty() { 0 } else { 4 });
    assert!(!run.stderr.contains("proxy"), "{}", run.stderr);
    assert!(proxy.heads().is_empty());
}

#[rstest]
#[case(&["--proxy", "socks5://p"], "prony does not speak `socks5` with a proxy")]
#[case(&["--proxy", "https://p"], "add `--transport portable`")]
#[case(&["--proxy", "p", "--url", "unix:///a.sock"], "no proxy leads to a Unix socket")]
#[case(&["--proxy", "p", "--no-proxy"], "use `--proxy` together with `--no-proxy`: it asks for no proxy at all")]
fn a_proxy_that_cannot_be_used_is_refused(#[case] flags: &[&str], #[case] says: &str) {
    let run = Tool::new(["profile", "--model", "m"]).args(flags).run();
    run.ends_with(2);
    assert!(run.stderr.contains(says), "{}", run.stderr);
}

/// A profile in HTTP/2, four requests at a time.
fn h2(url: &str, flags: &[&str]) -> Run {
    Tool::profile_at(url)
        .args(["--http2", "--request-count", "8", "--concurrency", "4", "--workers", "1"])
        .args(["--no-server-metrics", "--export-http-trace"])
        .args(flags)
        .run()
}

#[test]
fn a_server_of_http2_is_measured_over_one_connection() {
    let server = H2Server::start();
    let run = h2(server.url(), &[]);
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 8);
    assert_eq!(server.seen(), (1, 8), "a connection serves many at a time");
    assert_eq!(summary["client"]["arrival_clock"], "user", "{summary}");
    assert_eq!(summary["input_config"]["target"]["transport"], "portable");
    assert!(run.stdout.contains("HTTP/2 over the portable transport"), "{}", run.stdout);
    for record in run.records() {
        let trace = &record["trace_data"];
        assert_eq!((&trace["protocol"], &trace["arrival_clock"]), (&"h2".into(), &"user".into()), "{trace}");
    }
}

#[test]
fn each_request_may_have_an_http2_connection_of_its_own() {
    let server = H2Server::start();
    h2(server.url(), &["--connection-reuse-strategy", "never"]).succeeds();
    assert_eq!(server.seen(), (8, 8));
}

/// The front does not talk to who offers HTTP/1.1.
#[test]
fn http2_is_agreed_on_with_tls() {
    let server = H2Server::start();
    let front = TlsFront::before_h2(server.url());
    h2(&front.url(), &["--insecure"]).succeeds();
    assert_eq!(server.seen(), (1, 8));
    let run = Tool::profile_at(&front.url()).args(["--insecure", "--request-count", "1"]).run();
    run.ends_with(4);
}

#[test]
fn a_server_without_http2_is_suspected() {
    let server = MockServer::start([]);
    let run = h2(server.url(), &[]);
    run.ends_with(1);
    assert!(run.stderr.contains("help: leave out `--http2`"), "{}", run.stderr);
    assert_eq!(server.truth()["requests_ok"], 0);
}

#[rstest]
#[case(&["--transport", "timed"], "the timed transport speaks HTTP/1.1")]
#[case(&["--preconnect"], "open connections ahead with `--http2`")]
#[case(&["--proxy", "p:1"], "a proxy opens a way for HTTP/2 to https:// targets only")]
fn what_cannot_be_done_with_http2_is_refused(#[case] flags: &[&str], #[case] says: &str) {
    let run = h2("http://localhost:1", flags);
    run.ends_with(2);
    assert!(run.stderr.contains(says), "{}", run.stderr);
}

/// Nothing is due before all connections are open, in whichever process they are: or else the first requests would
/// have to catch up.
#[rstest]
#[case::here(&[])]
#[case::apart(&["--isolate", "chat"])]
fn the_load_begins_when_its_connections_are_open(#[case] flags: &[&str]) {
    let server = MockServer::start([]);
    let front = TlsFront::before(server.url(), false);
    let proxy = Proxy::to(&front.url(), Manner::Hesitates(Duration::from_millis(200)));
    let run = far("https", "timed")
        .args([
            "--insecure",
            "--proxy",
            proxy.address(),
            "--preconnect",
            "--concurrency",
            "2",
            "--workers",
            "1",
        ])
        .args(["--request-rate", "100", "--arrival-pattern", "constant", "--export-http-trace"])
        .args(flags)
        .run();
    let records = run.succeeds().records();
    let scheduled = records.iter().map(|record| record["trace_data"]["scheduled_ns"].as_u64().unwrap());
    let opened = proxy.let_through_ns().into_iter().max();
    let begun = scheduled.min();
    assert!(begun >= opened, "begun at {begun:?}, opened at {opened:?}");
}

/// A head is a piece of an answer as well.
#[test]
fn an_answer_without_a_body_was_stamped_by_the_portable_transport() {
    let server = Replay::start(b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n".to_vec(), 1);
    let run = Tool::profile_at(&server.url())
        .args([
            "--request-count",
            "1",
            "--no-server-metrics",
            "--export-http-trace",
            "--transport",
            "portable",
        ])
        .run();
    let records = run.ends_with(1).records();
    assert_eq!(records[0]["trace_data"]["arrival_clock"], "user", "{}", records[0]);
}

#[test]
fn half_a_head_is_not_nothing() {
    let server = Replay::start(b"HTTP/1.1 200 OK\r\nContent-".to_vec(), 1);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "1", "--no-server-metrics"]).run();
    run.ends_with(1);
    let error = &run.summary()["error_summary"][0]["error_details"];
    assert_eq!(error["type"], "connection_reset", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("the connection died in the middle of the head of a response"), "{message}");
}
