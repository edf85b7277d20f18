//! `--model` left out: the server is asked which model it has.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use prony_tests::{H2Server, MockServer, Run, Script, ScriptedServer, TlsFront, Tool};
use rstest::rstest;

const ONE: &str = r#"{"object": "list", "data": [{"id": "org/the-model", "object": "model"}]}"#;

fn answer() -> Script {
    let text = r#"{"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}"#;
    Script::events().event(text).event("[DONE]").last_chunk()
}

/// Two requests without a word on the model.
fn profile(url: &str, words: &[&str]) -> Run {
    let tool =
        Tool::new(["profile", "--ui", "none", "--streaming", "--no-server-metrics", "--artifact-dir", "run"]);
    tool.args(["--request-count", "2", "--isl", "8", "--url", url]).args(words).run()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[rstest]
#[case::bare("", "/v1/models")]
#[case::with_a_version("/v1", "/v1/models")]
#[case::below_a_path("/openai/v1", "/openai/v1/models")]
fn the_only_model_of_a_server_is_measured(
    #[case] base: &str,
    #[case] path: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = ScriptedServer::start([Script::whole("application/json", ONE), answer()]);
    let url = format!("{}{base}", server.url());
    let run = profile(&url, &["--transport", transport, "--api-key", "sk-12345678", "-H", "X-Team: blue"]);
    assert_eq!(run.succeeds().summary()["input_config"]["target"]["model"], "org/the-model");
    let requests: Vec<String> = server.requests().iter().map(|request| text(&request.bytes)).collect();
    assert!(requests[0].starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{}", requests[0]);
    let head = requests[0].to_lowercase();
    assert!(head.contains("authorization: bearer sk-12345678") && head.contains("x-team: blue"), "{head}");
    assert_eq!(requests.len(), 3);
    assert!(
        requests[1..].iter().all(|request| request.contains(r#""model":"org/the-model""#)),
        "{requests:?}"
    );
}

#[rstest]
#[case::several(
    Script::whole("application/json", r#"{"data": [{"id": "a"}, {"id": "b"}]}"#),
    "lists 2: `a`, `b`"
)]
#[case::none(Script::whole("application/json", r#"{"data": []}"#), "lists none")]
#[case::no_list(Script::whole("text/html", "<html>"), "is no list of models")]
fn what_there_is_instead_is_said_before_anything_is_sent(#[case] list: Script, #[case] says: &str) {
    let server = ScriptedServer::start([list]);
    let run = profile(&server.url(), &[]);
    run.ends_with(2);
    let expected = format!("`--model` is required: `{}/v1/models`", server.url());
    assert!(run.stderr.contains(&expected) && run.stderr.contains(says), "{}", run.stderr);
    assert!(run.stderr.contains("--model NAME"), "{}", run.stderr);
    assert_eq!(server.requests().len(), 1);
}

/// The line of standard error that tells what went wrong, and the one that tells what to do.
fn error_and_hint(run: &Run) -> (&str, &str) {
    let line = |lead| run.stderr.lines().find_map(|line| line.strip_prefix(lead)).unwrap_or_default();
    (line("error: "), line("help: "))
}

#[rstest]
#[case::not_found("404 Not Found", "", "the server responds with 404 Not Found; ", "check `--url`")]
#[case::wrong_key(
    "401 Unauthorized",
    "no such key",
    "the server responds with 401 Unauthorized: no such key; ",
    "`--api-key`"
)]
#[case::tls_expected(
    "400 Bad Request",
    "Client sent an HTTP request to an HTTPS server.",
    "the server responds with 400 Bad Request: Client sent",
    "`https://`"
)]
fn why_the_question_is_refused_comes_first(
    #[case] status: &str,
    #[case] body: &str,
    #[case] says: &str,
    #[case] help: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let length = format!("Content-Length: {}", body.len());
    let server = ScriptedServer::start([Script::status(status, &[length.as_str()]).bytes(body)]);
    let run = profile(&server.url(), &["--transport", transport]);
    run.ends_with(2);
    let (error, hint) = error_and_hint(&run);
    assert!(error.starts_with(says) && error.contains(&format!("`{}/v1/models`", server.url())), "{error}");
    assert!(hint.contains(help) && hint.ends_with("with `--model NAME` prony need not ask"), "{hint}");
    assert_eq!(server.requests().len(), 1);
}

/// A server that reads once, answers in HTTP whatever it was, and closes.
fn plain_http() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
            let _ = stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(answer));
        }
    });
    url
}

/// What went wrong, what to do, and the exit code, of a profile that names no model.
fn unreachable(url: &str, transport: &str, words: &[&str], says: &str, help: &str) {
    let run = profile(url, &[&["--transport", transport], words].concat());
    run.ends_with(4);
    let (error, hint) = error_and_hint(&run);
    assert!(error.starts_with(says) && error.contains("there is no `--model`"), "{}", run.stderr);
    assert!(hint.contains(help) && hint.contains("with `--model NAME` prony need not ask"), "{}", run.stderr);
}

#[rstest]
fn why_a_server_cannot_be_asked_comes_first(#[values("timed", "portable")] transport: &str) {
    let no_connection = "cannot open a connection to the server: ";
    let refused = format!("{no_connection}Connection refused");
    unreachable("http://127.0.0.1:9", transport, &[], &refused, "`--wait-for-model-timeout SECONDS`");

    let plain = MockServer::start([]);
    let tls = plain_http().replace("http:", "https:");
    let says = format!("{no_connection}the TLS handshake failed: the server seems to speak plain HTTP");
    unreachable(&tls, transport, &[], &says, "`http://`");

    let front = TlsFront::before(plain.url(), false);
    let says = format!("{no_connection}the server's certificate comes from an unknown issuer");
    unreachable(&front.url(), transport, &[], &says, "`--ca-cert`");
    let http = front.url().replace("https:", "http:");
    unreachable(&http, transport, &[], "cannot exchange HTTP with the server: ", "`https://`");

    let front = TlsFront::before_h2(plain.url());
    let says = format!("{no_connection}the server and prony have no version of HTTP in common");
    unreachable(&front.url(), transport, &["--insecure"], &says, "`--http2`");
    let server = H2Server::start();
    unreachable(server.url(), transport, &[], "", "`--http2`");

    let proxy = ["--proxy", "http://127.0.0.1:9"];
    let says = "cannot open a connection by way of the proxy `http://127.0.0.1:9`: Connection refused";
    unreachable("http://model.example", transport, &proxy, says, "`--no-proxy`");
}

#[test]
fn a_model_that_is_named_is_not_asked_for() {
    let server = MockServer::start([]);
    Tool::profile(&server).args(["--request-count", "1"]).run().succeeds();
    assert_eq!(server.truth()["requests_total"], 1);
}
