//! The service that answers questions about the run while it goes on: `--api-port`.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use prony_tests::{MockServer, Running, Tool};
use rstest::rstest;
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A run that goes on until somebody ends it, and answers.
fn endless(server: &MockServer) -> Tool {
    Tool::profile(server).args([
        "--benchmark-duration",
        "3600",
        "--concurrency",
        "4",
        "--osl",
        "8",
        "--api-port",
        "0",
    ])
}

/// Where it answers, as it says itself.
fn address(running: &Running) -> String {
    running.until("the address", || {
        let stderr = running.stderr();
        let (_, rest) = stderr.split_once("live_api: the run can be looked at: http://")?;
        rest.split_once('\n').map(|(address, _)| address.trim().to_owned())
    })
}

fn asked(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// The head of a response, and its body.
fn get(address: &str, path: &str) -> (String, String) {
    let mut answer = String::new();
    asked(address, path).read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn json(address: &str, path: &str) -> Value {
    let (head, body) = get(address, path);
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{path}: {head}");
    serde_json::from_str(&body).unwrap()
}

/// Waits until some requests are over, and counted.
fn measured_something(running: &Running, address: &str) {
    running.until("requests that are over", || {
        let metrics = json(address, "/api/metrics");
        let has_some = metrics["recent"]["inter_token_latency_ms"]["count"].as_u64() > Some(10);
        has_some.then_some(())
    });
}

#[rstest]
fn a_run_can_be_looked_at_while_it_goes_on(#[values(false, true)] is_isolated: bool) {
    let server = MockServer::start(["--itl-ms", "2"]);
    let isolate: &[&str] = if is_isolated { &["--isolate", "live_api"] } else { &[] };
    let running = endless(&server).args(isolate).spawn();
    let address = address(&running);
    measured_something(&running, &address);

    let progress = json(&address, "/api/progress");
    assert_eq!(progress["state"], "running");
    assert_eq!(
        (&progress["phase"]["name"], &progress["phase"]["most_seconds"]),
        (&"profiling".into(), &3600.0.into())
    );
    // One may have ended, and the next not begun.
    running.until("four requests in flight", || {
        (json(&address, "/api/progress")["requests"]["in_flight"] == 4).then_some(())
    });
    let recent = &json(&address, "/api/metrics")["recent"];
    let inter_token = recent["inter_token_latency_ms"]["p50"].as_f64().unwrap();
    assert!(inter_token >= 1.9, "the server waits 2 ms from token to token: {recent}");
    assert!(recent["requests_per_s"].as_f64() > Some(0.0), "{recent}");
    assert_eq!(json(&address, "/api/errors")["failures"], serde_json::json!([]));
    assert!(json(&address, "/api/workers")["client"]["processors"].as_u64() > Some(0));
    assert_eq!(json(&address, "/api/run")["model"], "m");
    assert_eq!(json(&address, "/api/config")["random_seed"], 42);
    running.until("the server's metrics", || {
        let servers = json(&address, "/api/server-metrics");
        servers["servers"][0]["running"].as_f64().map(drop)
    });
    assert_eq!(json(&address, "/health")["status"], "ok");

    running.until("four requests in flight", || {
        get(&address, "/metrics").1.contains("prony_requests_in_flight 4\n").then_some(())
    });
    let (head, html) = get(&address, "/");
    assert!(head.to_lowercase().contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(html.contains("/live.js"), "{html}");
    assert!(get(&address, "/nothing").0.starts_with("HTTP/1.1 404"));

    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    let service = &run.summary()["services"]["live_api"];
    assert_eq!(
        (&service["state"], &service["isolated"]),
        (&"stopped".into(), &is_isolated.into()),
        "{service}"
    );
    assert!(TcpStream::connect(&address).is_err(), "it ends with the run");
}

#[test]
fn events_tell_how_the_run_goes_on_and_that_it_is_over() {
    let server = MockServer::start(["--itl-ms", "2"]);
    let running = endless(&server).spawn();
    let mut stream = asked(&address(&running), "/api/events");
    let (mut heard, mut buffer) = (String::new(), [0; 4096]);
    let mut until = |wanted: &dyn Fn(&str) -> bool| {
        while !wanted(&heard) {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the stream ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    until(&|heard| heard.matches("event: now").count() >= 4);
    running.signal("INT");
    until(&|heard| heard.contains("\"is_over\":true"));
    until(&|heard| heard.contains("event: end"));
    running.wait().ends_with(130);
}

#[test]
fn a_reader_that_does_not_read_holds_up_nothing() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let running = endless(&server).spawn();
    let address = address(&running);
    // As many as are served.
    let readers: Vec<TcpStream> = (0..64).map(|_| asked(&address, "/api/events")).collect();
    assert!(is_closed(&address), "one more is served");
    // All have begun, and nobody reads on.
    for mut reader in &readers {
        assert_eq!(reader.read(&mut [0]).unwrap(), 1);
    }
    let before = server.truth()["requests_ok"].as_u64().unwrap();
    running.until("requests that go on", || {
        (server.truth()["requests_ok"].as_u64().unwrap() > before + 100).then_some(())
    });
    running.signal("INT");
    running.wait().ends_with(130);
    drop(readers);
}

/// Whether a connection is closed as it comes, without an answer.
fn is_closed(address: &str) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    // It may be closed before anything is sent.
    let _ = write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n");
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_measured() {
    let server = MockServer::start([]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let option = format!("live_api.port={port}");
    // As for all services, an option wins over a flag.
    for words in [&["--api-port", &port][..], &["--api-port", "0", "--service-option", &option]] {
        let run = Tool::profile(&server).args(["--request-count", "3"]).args(words).run();
        run.ends_with(2);
        assert!(run.stderr.contains(&format!("listen at 127.0.0.1:{port}")), "{}", run.stderr);
        assert!(run.stderr.contains("help: choose another port with `--api-port`"), "{}", run.stderr);
    }
    assert_eq!(server.truth()["requests_ok"], 0);
}

#[test]
fn a_port_of_a_service_that_is_left_out_is_refused_by_the_flag_that_was_typed() {
    let run = Tool::bare_profile()
        .args(["--mock", "--request-count", "1", "--api-port", "0", "--no-service", "live_api"])
        .run();
    run.ends_with(2);
    assert!(run.stderr.contains("help: leave out `--api-port` or `--no-service`"), "{}", run.stderr);
}

#[test]
fn nothing_that_is_answered_has_a_secret() {
    let server = MockServer::start(["--itl-ms", "2"]);
    let running = endless(&server)
        .args([
            "--api-key",
            "key-5f2c9a",
            "--header",
            "X-Token: tok-81be07",
            "--extra-inputs",
            "password:pw-33aa91",
        ])
        .spawn();
    let address = address(&running);
    measured_something(&running, &address);
    for path in
        ["/api", "/api/run", "/api/config", "/api/server-metrics", "/metrics", "/api/errors", "/api/workers"]
    {
        let (_, body) = get(&address, path);
        for secret in ["key-5f2c9a", "tok-81be07", "pw-33aa91"] {
            assert!(!body.contains(secret), "{path} has `{secret}`: {body}");
        }
    }
    running.signal("INT");
    running.wait().ends_with(130);
}

#[test]
fn failures_are_told_by_kind() {
    let server = MockServer::start(["--itl-ms", "1", "--error-every", "2"]);
    let running = endless(&server).spawn();
    let address = address(&running);
    running.until("failures", || {
        let errors = json(&address, "/api/errors");
        (errors["failures"][0]["count"].as_u64() > Some(3)).then_some(())
    });
    let errors = json(&address, "/api/errors");
    assert_eq!(
        (&errors["failures"][0]["kind"], &errors["failures"][0]["code"]),
        (&"http_status".into(), &500.into())
    );
    running.signal("INT");
    running.wait().ends_with(130);
}

#[test]
fn a_wrong_port_or_address_is_refused() {
    for (words, said) in [
        (["--api-port", "70000"], "it must be a port from 0 to 65535"),
        (["--api-host", "example.org"], "it must be an IP address of this machine"),
        (["--api-host", "127.0.0.1"], "`--api-host` requires `--api-port`"),
    ] {
        let run = Tool::bare_profile().args(["--mock", "--request-count", "1"]).args(words).run();
        run.ends_with(2);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

/// A service that the run does not start costs nothing and says nothing.
#[test]
fn without_a_port_nobody_answers() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "2"]).run();
    run.succeeds();
    assert!(run.summary()["services"].get("live_api").is_none());
}
