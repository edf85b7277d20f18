//! Secrets: they reach the server in the header that the API format asked for, and nothing and nobody else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use prony_tests::{MockPlugin, Tool, library, wire::Replay};
use rstest::rstest;

const KEY: &str = "sk-acme-1f2e3d4c5b6a";
const HEADER: &str = "hdr-9a8b7c6d5e4f";
const PASSWORD: &str = "pw-0a1b2c3d4e5f";
/// `u:` and the password, in base64: what the header of a URL's login holds.
const LOGIN: &str = "dTpwdy0wYTFiMmMzZDRlNWY=";
const QUERY: &str = "qry-6f7e8d9c0b1a";
const METRICS_PASSWORD: &str = "mpw-5a6b7c8d9e0f";
const METRICS_QUERY: &str = "mqr-4f3e2d1c0b9a";

/// A pack whose endpoint sends everything that it gets, and whose service logs it.
fn telling() -> MockPlugin {
    let pack = MockPlugin::empty();
    fs::copy(library("bad-manners"), pack.dir().join("libbad_manners.so")).unwrap();
    pack.manifest(
        "schema_version: \"1.0\"\nendpoint:\n  telling:\n    class: bad_manners:TellingEndpoint\n    description: It tells.\n    \
         metadata: {endpoint_path: /v1/tell, supports_streaming: false, produces_tokens: true, tokenizes_input: true}\n\
         service:\n  telling:\n    class: bad_manners:TellingService\n    description: It tells.\n    \
         metadata: {required: true, auto_start: true}\n",
    );
    pack
}

/// A server that says the same to everyone.
fn server(status: &str, body: &str) -> Replay {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    Replay::start(answer.into_bytes(), 42)
}

/// A short run at `url`, with everything logged.
fn tool(pack: &MockPlugin, url: &str) -> Tool {
    bare_tool(pack, url).args(["--isl", "8"])
}

/// The same without a word on what is sent.
fn bare_tool(pack: &MockPlugin, url: &str) -> Tool {
    Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--export-outputs-json"])
        .args(["--endpoint-type", "telling", "--request-count", "2", "--url", url, "--plugins"])
        .arg(pack.path())
        // By which the plugin knows a run: it takes an endpoint without options for one that is only looked at.
        .args(["--endpoint-option", "purpose=run"])
        // The libraries' lines as well, which `-vv` leaves out.
        .env("PRONY_LOG", "trace")
}

/// Requests with this method, each as its head and its body.
fn requests(server: &Replay, method: &str) -> Vec<(String, String)> {
    let requests = server.requests();
    let parted = requests.iter().map(|request| parts(request));
    parted.filter(|(head, _)| head.starts_with(&format!("{method} "))).collect()
}

/// The head of a request and its body.
fn parts(request: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// A server that repeats in an error what it was sent, which is what gateways do.
#[rstest]
#[case::success("200 OK")]
#[case::refused("401 Unauthorized")]
#[case::failed("500 Internal Server Error")]
fn a_key_goes_only_into_the_header_that_the_api_format_asked_for(#[case] status: &str) {
    let echo = format!("{{\"error\": \"the key {KEY} with {HEADER} at {QUERY} is not one\"}}");
    let (pack, server) = (telling(), server(status, &echo));
    let run = tool(&pack, &format!("{}/?token={QUERY}", server.url()))
        .args(["-H", &format!("X-Auth-Token: {HEADER}")])
        .arg("--no-server-metrics")
        .env("PRONY_API_KEY", KEY)
        .run();
    assert!(run.stderr.contains("TRACE"), "nothing was logged at the finest level");
    assert!(run.stderr.contains("told facts {"), "{}", run.stderr);
    run.keeps(&[KEY, HEADER, QUERY]);

    let posts = requests(&server, "post");
    assert_eq!(posts.len(), 2);
    for (head, body) in posts {
        assert_eq!(head.matches(KEY).count(), 1, "{head}");
        assert!(head.contains(&format!("\r\nx-acme-key: acme {KEY}")), "{head}");
        assert_eq!(head.matches(HEADER).count(), 1, "{head}");
        assert!(head.contains(&format!("\r\nx-auth-token: {HEADER}")), "{head}");
        // What the plugin got, it wrote into the body.
        assert!(body.contains("\"options\""), "{body}");
        for secret in [KEY, HEADER, QUERY] {
            assert!(!body.contains(secret), "{body}");
        }
    }
}

/// Headers of a row win over the run's, and a key among them is as secret as one that is typed.
#[test]
fn headers_of_a_row_go_with_its_request_and_nowhere_else() {
    let echo = format!("{{\"error\": \"the key {KEY} is not one\"}}");
    let (pack, server) = (telling(), server("403 Forbidden", &echo));
    let tool = bare_tool(&pack, &server.url()).args(["--no-server-metrics", "-H", "X-Team: blue"]);
    // Not beside the run's own files, which are looked through.
    let rows = pack.dir().join("rows.jsonl");
    fs::write(&rows, format!(r#"{{"text": "a", "headers": {{"X-Api-Key": "{KEY}", "X-Team": "red"}}}}"#))
        .unwrap();
    let run = tool.arg("--input-file").arg(rows).run();
    run.keeps(&[KEY]);
    let posts = requests(&server, "post");
    assert_eq!(posts.len(), 2);
    for (head, _) in posts {
        assert!(head.contains(&format!("\r\nx-api-key: {KEY}\r\n")), "{head}");
        assert_eq!((head.matches("x-team").count(), head.contains("x-team: red")), (1, true), "{head}");
    }
}

/// It goes to the plugin, which here sends it on, and the server repeats it.
#[test]
fn an_option_that_is_a_secret_is_kept_nowhere() {
    let echo = format!("{{\"error\": \"the secret {KEY} is not one\"}}");
    let (pack, server) = (telling(), server("403 Forbidden", &echo));
    let run = tool(&pack, &server.url())
        .args(["--no-server-metrics", "--endpoint-option", &format!("acme_secret={KEY}")])
        .run();
    run.keeps(&[KEY]);
    let posts = requests(&server, "post");
    assert!(posts.iter().all(|(_, body)| body.contains(KEY)), "the plugin was not told: {posts:?}");
}

/// It goes to the collector, and to nobody else.
#[test]
fn an_attribute_for_a_collector_that_is_a_secret_is_kept_nowhere() {
    let (pack, server, collector) = (telling(), server("200 OK", "{}"), server("200 OK", "{}"));
    let run = tool(&pack, &server.url())
        .args(["--no-server-metrics", "--otel-url", &collector.url()])
        .args(["--otel-resource-attributes", &format!("api_key={KEY},team=blue")])
        .run();
    run.succeeds();
    run.keeps(&[KEY]);
    let posts = requests(&collector, "post");
    assert!(posts.iter().any(|(_, body)| body.contains(KEY)), "the collector was not told: {posts:?}");
    let posts = requests(&server, "post");
    assert!(posts.iter().all(|(_, body)| !body.contains(KEY)), "{posts:?}");
}

/// An excerpt of what the server said may end in the middle of a secret.
#[test]
fn the_beginning_of_a_key_is_as_secret_as_the_whole() {
    let echo = format!("{} {KEY}", "x".repeat(60));
    let server = server("200 OK", &echo);
    let words = ["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--request-count", "1"];
    let run = Tool::new(words).args(["--url", &server.url(), "--api-key", KEY]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("xxxx"), "{}", run.stderr);
    run.keeps(&[&KEY[..12]]);
}

#[test]
fn a_key_of_the_command_line_is_as_secret_as_one_of_the_environment() {
    let (pack, server) = (telling(), server("200 OK", "{}"));
    let run = tool(&pack, &server.url()).args(["--api-key", KEY]).run();
    run.succeeds();
    run.keeps(&[KEY]);
    assert!(run.summary()["run_info"]["command"].as_str().unwrap().contains("--api-key <redacted>"));
}

#[test]
fn a_login_in_the_url_becomes_a_header_and_nothing_else() {
    let (pack, server) =
        (telling(), server("403 Forbidden", &format!("{{\"error\": \"{LOGIN} {PASSWORD}\"}}")));
    let url = server.url().replace("http://", &format!("http://u:{PASSWORD}@"));
    let run = tool(&pack, &url).run();
    run.keeps(&[PASSWORD, LOGIN]);
    let posts = requests(&server, "post");
    let (head, body) = posts.last().unwrap();
    assert!(!body.contains(PASSWORD) && !body.contains(LOGIN), "{body}");
    assert!(head.contains(&format!("authorization: basic {}", LOGIN.to_lowercase())), "{head}");
}

#[test]
fn what_opens_a_metrics_page_is_told_to_nobody_but_the_page() {
    let (pack, server) = (telling(), server("200 OK", "{}"));
    let page = server.url().replace("http://", &format!("http://u:{METRICS_PASSWORD}@"));
    let run = tool(&pack, &server.url())
        .args(["--server-metrics", &format!("{page}/own?token={METRICS_QUERY}")])
        .env("PRONY_API_KEY", KEY)
        .run();
    run.succeeds();
    run.keeps(&[KEY, METRICS_PASSWORD, METRICS_QUERY]);
    let pages = requests(&server, "get");
    assert!(pages.iter().any(|(head, _)| head.contains(METRICS_QUERY)), "{pages:?}");
    for (head, body) in requests(&server, "post") {
        assert!(!head.contains(METRICS_QUERY) && !body.contains(METRICS_QUERY), "{head}{body}");
    }
    // The page has a login of its own, and the run's key is not sent beside it.
    let own: Vec<_> = pages.iter().filter(|(head, _)| head.contains("/own?")).collect();
    assert!(!own.is_empty());
    assert!(own.iter().all(|(head, _)| !head.contains(KEY)), "{own:?}");
}

/// The page on the target's own server gets what the requests get, and repeats it; a page elsewhere gets its own header.
#[test]
fn keys_of_metrics_pages_are_told_to_their_pages_only() {
    let echo = format!("the key {KEY} with {HEADER} is not one");
    let (pack, server, other) =
        (telling(), server("200 OK", &echo), server("200 OK", &format!("{METRICS_PASSWORD}\n")));
    let run = tool(&pack, &server.url())
        .args(["-H", &format!("X-Auth-Token: {HEADER}"), "--server-metrics", &format!("{}/own", other.url())])
        .args(["--server-metrics-header", &format!("X-Page-Token: {METRICS_PASSWORD}")])
        .env("PRONY_API_KEY", KEY)
        .run();
    run.keeps(&[KEY, HEADER, METRICS_PASSWORD]);
    run.succeeds();
    let pages = requests(&server, "get");
    assert!(!pages.is_empty());
    for (head, _) in &pages {
        assert!(head.contains(&format!("\r\nauthorization: bearer {KEY}\r\n")), "{head}");
        assert!(head.contains(&format!("\r\nx-auth-token: {HEADER}\r\n")), "{head}");
    }
    let pages = requests(&other, "get");
    assert!(!pages.is_empty());
    for (head, _) in &pages {
        assert!(head.contains(&format!("\r\nx-page-token: {METRICS_PASSWORD}")), "{head}");
        assert!(!head.contains(KEY) && !head.contains(HEADER), "{head}");
    }
    for (head, body) in requests(&server, "post") {
        assert!(!head.contains(METRICS_PASSWORD) && !body.contains(METRICS_PASSWORD), "{head}{body}");
    }
}

/// A server that closes every connection without a word, and a port where nobody listens.
#[rstest]
fn errors_of_connections_tell_no_secrets(#[values(true, false)] listens: bool) {
    let (pack, server) = (telling(), Replay::start(Vec::new(), 42));
    let url = if listens { server.url() } else { "http://127.0.0.1:9".to_owned() };
    let run = tool(&pack, &format!("{url}/?token={QUERY}"))
        .args(["-H", &format!("X-Auth-Token: {HEADER}")])
        .env("PRONY_API_KEY", KEY)
        .run();
    assert_ne!(run.code, 0);
    run.keeps(&[KEY, HEADER, QUERY]);
}

#[test]
fn a_process_that_only_looks_at_a_library_has_no_key() {
    let pack = telling();
    let run = Tool::new(["plugins", "validate", "--load"]).arg(pack.dir()).env("PRONY_API_KEY", KEY).run();
    run.succeeds();
    assert!(!run.stdout.contains("the key is"), "{}", run.stdout);
}

#[rstest]
#[case::bad_url(&["--url", "http://u:pw-0a1b2c3d4e5f@[/?token=qry-6f7e8d9c0b1a"])]
#[case::bad_scheme(&["--url", "ftp://u:pw-0a1b2c3d4e5f@h/?token=qry-6f7e8d9c0b1a"])]
#[case::bad_header(&["--url", "http://h", "-H", "X-Auth-Token hdr-9a8b7c6d5e4f"])]
#[case::two_logins(&["--url", "http://u:pw-0a1b2c3d4e5f@h", "--api-key", "sk-acme-1f2e3d4c5b6a"])]
#[case::bad_key(&["--url", "http://h", "--api-key", "sk-acme-1f2e3d4c5b6a\nx"])]
#[case::unknown_flag(&["--url", "http://h", "--api-kee", "sk-acme-1f2e3d4c5b6a"])]
fn errors_of_the_command_line_tell_no_secrets(#[case] words: &[&str]) {
    let run =
        Tool::new(["profile", "--model", "m", "--ui", "none"]).args(words).env("PRONY_LOG", "trace").run();
    run.ends_with(2);
    run.keeps(&[KEY, HEADER, PASSWORD, QUERY]);
}
