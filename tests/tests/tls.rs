//! Targets behind TLS, over both transports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use prony_tests::{Identity, MockServer, Run, Script, ScriptedServer, TlsFront, Tool};
use rstest::rstest;

const TRANSPORTS: [&str; 2] = ["timed", "portable"];

fn profile(front: &TlsFront, transport: &str, flags: &[&str]) -> Run {
    Tool::profile_at(&front.url())
        .args(["--request-count", "3", "--osl", "4", "--no-server-metrics", "--export-http-trace"])
        .args(["--transport", transport])
        .args(flags)
        .run()
}

fn path(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_authority_that_the_user_names_is_trusted() {
    for transport in TRANSPORTS {
        let server = MockServer::start(["--ttft-ms", "2", "--itl-ms", "1"]);
        let front = TlsFront::before(server.url(), false);
        let run = profile(&front, transport, &["--ca-cert", path(&front.authority())]);
        assert_eq!(run.succeeds().summary()["request_count"]["avg"], 3, "{transport}");
        assert_eq!(server.truth()["requests_ok"], 3);
    }
}

/// The stamp of a record is that of the read that completed it, below TLS.
#[test]
#[cfg(target_os = "linux")]
fn the_kernel_tells_when_encrypted_bytes_arrived() {
    let server = MockServer::start(["--ttft-ms", "2", "--itl-ms", "1"]);
    let front = TlsFront::before(server.url(), false);
    let run = profile(&front, "timed", &["--insecure"]);
    // The system begins to stamp a moment after it was asked to.
    assert_ne!(run.succeeds().summary()["client"]["arrival_clock"], "user");
    let first = &run.records()[0]["trace_data"];
    assert!(first["tls_ns"].as_u64().unwrap() > 0, "{first}");
}

/// What TLS says among itself, at its beginning and at its end, is neither a request nor an answer.
#[test]
fn an_answer_begins_when_the_server_answers() {
    let server = MockServer::start(["--ttft-ms", "150", "--itl-ms", "1"]);
    let front = TlsFront::before(server.url(), false);
    let run = profile(&front, "timed", &["--insecure", "--connection-reuse-strategy", "never"]);
    let summary = run.succeeds().summary();
    assert!(summary["time_to_first_token"]["min"].as_f64().unwrap() >= 149.0, "{summary}");
    for record in run.records() {
        let trace = &record["trace_data"];
        let (sent, ready) = (&trace["request_send_end_ns"], &trace["connection_ready_ns"]);
        assert!(sent.as_u64().unwrap() >= ready.as_u64().unwrap(), "{trace}");
        assert_eq!(trace["connection_reused"], false, "{trace}");
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_talked_to() {
    for transport in TRANSPORTS {
        let server = MockServer::start([]);
        let front = TlsFront::before(server.url(), false);
        let run = profile(&front, transport, &[]);
        let records = run.records();
        assert!(!records.is_empty());
        for record in records {
            assert_eq!(record["error"]["type"], "connect", "{record}");
            let message = record["error"]["message"].as_str().unwrap();
            assert!(message.contains("certificate"), "{message}");
        }
        assert_eq!(server.truth()["requests_total"], 0);
        let run = profile(&front, transport, &["--insecure"]);
        assert_eq!(run.succeeds().summary()["request_count"]["avg"], 3, "{transport}");
    }
}

/// The message and the hint that every request failed with.
fn refusal(run: &Run) -> (String, String) {
    let [kind, message, hint] = only_error(run);
    assert_eq!(kind, "connect", "{message}");
    (message, hint)
}

/// Type, message and hint of the only kind of error of a run.
fn only_error(run: &Run) -> [String; 3] {
    let errors = run.summary()["error_summary"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 1, "{errors:#}");
    ["type", "message", "hint"].map(|key| errors[0]["error_details"][key].as_str().unwrap().to_owned())
}

#[rstest]
#[case::unknown_issuer(Identity::Vouched, false, "comes from an unknown issuer", &["--ca-cert", "--insecure"])]
#[case::self_signed(Identity::SelfSigned, false, "is self-signed", &["--ca-cert", "--insecure"])]
#[case::self_signed_by_openssl(Identity::OpenSsl, false, "is self-signed", &["--ca-cert", "--insecure"])]
#[case::self_signed_beside_an_authority(Identity::SelfSigned, true, "is self-signed", &["--ca-cert"])]
#[case::wrong_name(Identity::Elsewhere, true, "is not for `localhost`, but for `elsewhere.example`", &["--insecure"])]
#[case::expired(Identity::Expired, true, "has expired", &["--insecure"])]
fn a_certificate_that_is_refused_says_why(
    #[case] identity: Identity,
    #[case] names_authority: bool,
    #[case] says: &str,
    #[case] flags: &[&str],
    #[values("timed", "portable")] transport: &str,
) {
    let server = MockServer::start([]);
    let front = TlsFront::with_identity(server.url(), identity);
    let authority = front.authority();
    let named = if names_authority { vec!["--ca-cert", path(&authority)] } else { vec![] };
    let (message, hint) = refusal(profile(&front, transport, &named).ends_with(4));
    assert!(message.contains(says), "{message}");
    for flag in flags {
        assert!(hint.contains(flag), "{hint}");
    }
}

#[rstest]
#[case::self_signed(Identity::SelfSigned)]
#[case::openssl(Identity::OpenSsl)]
fn a_certificate_that_the_user_names_is_believed(
    #[case] identity: Identity,
    #[values("timed", "portable")] transport: &str,
) {
    let server = MockServer::start(["--ttft-ms", "2", "--itl-ms", "1"]);
    let front = TlsFront::with_identity(server.url(), identity);
    let run = profile(&front, transport, &["--ca-cert", path(&front.certificate())]);
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 3);
    // It is believed of its own host only.
    let elsewhere = front.url().replace("localhost", "127.0.0.1");
    let run = Tool::profile_at(&elsewhere)
        .args(["--request-count", "1", "--no-server-metrics", "--transport", transport])
        .args(["--ca-cert", path(&front.certificate())])
        .run();
    let (message, _) = refusal(run.ends_with(4));
    assert!(message.contains("is not for `127.0.0.1`, but for `localhost`"), "{message}");
}

/// A server that reads once, whatever comes, answers with this, and closes.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // What was sent is read, so that this is an end and not a reset.
            let _ = stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(answer));
        }
    });
    url
}

#[rstest]
fn https_to_a_plain_port_says_so(#[values("timed", "portable")] transport: &str) {
    let silent = ScriptedServer::start([Script::silent()]);
    let bad_request = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    let servers = [
        (answering(bad_request), "the server seems to speak plain HTTP"),
        (answering(b""), "the server closed the connection during the TLS handshake"),
        (silent.url(), if transport == "timed" { "did not begin TLS within 0.5 s" } else { "" }),
    ];
    for (url, says) in servers {
        let run = Tool::profile_at(&url.replace("http:", "https:"))
            .args(["--request-count", "1", "--no-server-metrics", "--connect-timeout-seconds", "0.5"])
            .args(["--transport", transport, "--insecure"])
            .run();
        let (message, hint) = refusal(run.ends_with(4));
        assert!(message.contains(says), "{message}");
        assert!(hint.contains("`http://`"), "{message}: {hint}");
    }
}

/// As a TLS library says it, and as servers do that have noticed.
#[rstest]
fn plain_http_to_a_tls_port_says_so(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start([]);
    let front = TlsFront::before(server.url(), false);
    let go: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let nginx = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
        <html><body>The plain HTTP request was sent to HTTPS port</body></html>";
    let alert = b"\x15\x03\x01\0\x02\x02\x46";
    let library = front.url().replace("https:", "http:");
    for url in [library, answering(go), answering(nginx), answering(alert)] {
        let run = Tool::profile_at(&url)
            .args(["--request-count", "1", "--no-server-metrics", "--transport", transport])
            .run();
        let [_, message, hint] = only_error(run.ends_with(1));
        assert!(hint.contains("TLS") && hint.contains("`https://`"), "{url}: {message}: {hint}");
    }
}

#[test]
fn a_server_that_wants_a_certificate_gets_ours() {
    for transport in TRANSPORTS {
        let server = MockServer::start(["--ttft-ms", "2", "--itl-ms", "1"]);
        let front = TlsFront::before(server.url(), true);
        let refused = profile(&front, transport, &["--ca-cert", path(&front.authority())]);
        assert!(!refused.records().is_empty());
        assert!(refused.records().iter().all(|record| record["error"].is_object()), "{transport}");
        let (authority, client) = (front.authority(), front.client());
        let run =
            profile(&front, transport, &["--ca-cert", path(&authority), "--client-cert", path(&client)]);
        assert_eq!(run.succeeds().summary()["request_count"]["avg"], 3, "{transport}");
    }
}

#[rstest]
#[case::missing("--ca-cert", None, "error: failed to use the target: cannot read certificates from")]
#[case::no_certificate("--ca-cert", Some("hello"), "there is no certificate in it")]
#[case::no_client("--client-cert", Some(""), "cannot read certificates from")]
fn a_file_that_holds_no_certificate_is_named(
    #[case] flag: &str,
    #[case] text: Option<&str>,
    #[case] says: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some.pem");
    if let Some(text) = text {
        fs::write(&file, text).unwrap();
    }
    let run = Tool::profile_at("https://localhost:1").args([flag, path(&file)]).run();
    run.ends_with(2);
    assert!(run.stderr.contains(says), "{}", run.stderr);
    assert!(run.stderr.contains("some.pem"), "{}", run.stderr);
    assert!(run.stderr.contains("help: ") && run.stderr.contains("PEM"), "{}", run.stderr);
}
