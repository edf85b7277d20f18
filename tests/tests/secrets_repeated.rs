//! Secrets that come back: whatever a server repeats, and however it spells it, stands in nothing that a run writes or
//! prints.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Write as _, fs};

use base64::{Engine, engine::general_purpose::STANDARD};
use prony_tests::{MockPlugin, Run, Script, ScriptedServer, Tool, eventually, wire::Replay};
use rstest::rstest;

/// With characters that each way of writing spells differently.
const KEY: &str = "sk-acme/?>?1f2e&3d4c\"5b6a";

/// An answer of a server, behind which it closes the connection.
fn http(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A server that says the same to everyone.
fn server(status: &str, content_type: &str, body: &str) -> Replay {
    Replay::start(http(status, content_type, body), 42)
}

/// A good answer of chat whose model and text are these.
fn answer(model: &str, text: &str) -> String {
    let choice = serde_json::json!({"index": 0, "message": {"content": text}, "finish_reason": "stop"});
    serde_json::json!({"model": model, "choices": [choice], "system_fingerprint": model}).to_string()
}

fn tool(url: &str) -> Tool {
    Tool::bare_profile().args(["--request-count", "2", "--isl", "8", "--export-outputs-json", "--url", url])
}

/// Each byte by `spell`.
fn spelled(text: &str, mut spell: impl FnMut(&mut String, u8)) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        spell(&mut out, byte);
        out
    })
}

fn hex(text: &str) -> String {
    spelled(text, |out, byte| write!(out, "{byte:02x}").unwrap())
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// In a good answer, and in an error.
#[rstest]
#[case::plain(KEY.to_owned(), KEY)]
#[case::base64(base64(KEY), &base64(KEY)[..24])]
#[case::base64_of_a_login(base64(&format!("u:{KEY}")), &base64(&format!("u:{KEY}"))[4..24])]
#[case::base64_of_a_header(base64(&format!("Key: {KEY} is wrong")), &base64(&format!("Key: {KEY}"))[8..28])]
#[case::base64_for_urls(base64(KEY).replace('/', "_").replace('+', "-"), &base64(KEY)[4..20].replace('/', "_").replace('+', "-"))]
#[case::hex(hex(KEY), "3f316632652633")]
#[case::hex_in_capitals(hex(KEY).to_uppercase(), "3F316632652633")]
#[case::percent(KEY.replace('/', "%2F").replace('&', "%26").replace('"', "%22"), "1f2e%263d4c")]
#[case::percent_throughout(spelled(KEY, |out, byte| write!(out, "%{byte:02x}").unwrap()), "%33%64%34%63")]
#[case::html(KEY.replace('&', "&amp;").replace('"', "&quot;").replace('/', "&#x2F;"), "1f2e&amp;3d4c")]
#[case::html_throughout(spelled(KEY, |out, byte| write!(out, "&#{byte};").unwrap()), "&#51;&#100;&#52;&#99;")]
#[case::slashes(KEY.replace('/', "\\/").replace('"', "\\\""), "acme\\/?>?1f2e&3d4c")]
#[case::twice(KEY.replace('/', "\\\\\\/").replace('&', "%2526"), "1f2e%25263d4c")]
#[case::unicode(spelled(KEY, |out, byte| write!(out, "\\u{byte:04x}").unwrap()), "\\u0033\\u0064")]
fn a_key_is_masked_however_a_server_spells_it(#[case] spelled: String, #[case] telling: &str) {
    assert!(spelled.contains(telling), "{spelled}");
    let said = format!("the key '{spelled}' it was");
    // In JSON, what is told is escaped once more.
    let escaped = serde_json::to_string(telling).unwrap();
    let secrets = [telling, escaped.trim_matches('"'), "1f2e&3d4c"];

    let good = server("200 OK", "application/json", &answer(&said, &said));
    let run = tool(&good.url()).args(["--api-key", KEY]).run();
    run.succeeds().keeps(&secrets);
    assert!(run.read("outputs.json").contains("<redacted>"), "{}", run.read("outputs.json"));

    let bad = server("401 Unauthorized", "text/plain", &said);
    let run = tool(&bad.url()).args(["--api-key", KEY]).env("PRONY_LOG", "trace").run();
    run.ends_with(1).keeps(&secrets);
    assert!(run.stderr.contains("the key '") && run.stderr.contains("<redacted>"), "{}", run.stderr);
}

/// Whoever carries the requests: also in a process of its own, which writes its own log.
#[rstest]
#[case::portable(&["--transport", "portable"])]
#[case::isolated(&["--isolate", "chat"])]
fn a_key_is_masked_whoever_carries_the_requests(#[case] words: &[&str]) {
    let secrets = [&hex(KEY), "1f2e&3d4c"];
    for (status, code) in [("200 OK", 0), ("500 Internal Server Error", 1)] {
        let server = server(status, "application/json", &answer(&hex(KEY), &hex(KEY)));
        let tool = tool(&server.url()).args(["--api-key", KEY]).args(words).env("PRONY_LOG", "trace");
        tool.run().ends_with(code).keeps(&secrets);
    }
}

/// A server that answers well and repeats a part of what it was sent.
fn echoed(secret: &str, words: &[&str]) -> Run {
    let server = server("200 OK", "application/json", &answer("m", &format!("it was {secret}.")));
    let run = tool(&server.url()).args(words).run();
    run.succeeds();
    run
}

const SECRET: &str = "9a8b7c6d5e4f";

#[rstest]
#[case::extra_input(&["--extra-inputs", "api_key:9a8b7c6d5e4f"])]
#[case::nested(&["--extra-inputs", r#"{"metadata": {"who": [{"password": "9a8b7c6d5e4f"}]}}"#])]
#[case::below_a_secret_name(&["--extra-inputs", r#"{"credentials": {"user": {"of": "9a8b7c6d5e4f"}}}"#])]
#[case::cookie(&["-H", "Cookie: theme=dark; session=9a8b7c6d5e4f; path=/"])]
#[case::digest(&["-H", "Authorization: Digest 9a8b7c6d5e4f"])]
#[case::user_of_a_url(&["--service-option", "server_metrics.urls=[\"http://9a8b7c6d5e4f@127.0.0.1:9/metrics\"]"])]
#[case::code_of_a_url(&["--custom-endpoint", "/v1/chat/completions?code=9a8b7c6d5e4f"])]
#[case::pass_of_a_url(&["--custom-endpoint", "/v1/chat/completions?pass=9a8b7c6d5e4f"])]
fn what_a_secret_name_has_for_a_value_is_masked_in_texts(#[case] words: &[&str]) {
    let run = echoed(SECRET, words);
    run.keeps(&[SECRET]);
    assert!(run.read("outputs.json").contains("it was <redacted>."), "{}", run.read("outputs.json"));
}

#[rstest]
fn headers_with_secret_names_are_known(
    #[values(
        "X-Authentication",
        "X-Accesskey",
        "X-Session-Id",
        "Authkey",
        "X-Otp",
        "X-Pass",
        "X-OAuth",
        "X-Passcode",
        "X-Csrf"
    )]
    name: &str,
) {
    echoed(SECRET, &["-H", &format!("{name}: {SECRET}")]).keeps(&[SECRET]);
}

/// The rows' own as well as the run's.
#[test]
fn secrets_of_rows_are_masked_in_texts() {
    let server = server("200 OK", "application/json", &answer("m", "it was 9a8b7c6d5e4f and 0a1b2c3d4e5f."));
    let rows = MockPlugin::empty();
    let row =
        r#"{"text": "a", "headers": {"X-Api-Key": "9a8b7c6d5e4f"}, "extra": {"token": "0a1b2c3d4e5f"}}"#;
    let file = rows.file("rows.jsonl", row);
    let run = Tool::bare_profile()
        .args(["--request-count", "1", "--export-outputs-json", "--url", &server.url(), "--input-file"])
        .arg(file)
        .run();
    run.succeeds().keeps(&[SECRET, "0a1b2c3d4e5f"]);
}

/// Labels, help texts and lines that cannot be read.
#[test]
fn pages_of_metrics_are_masked() {
    let page = "# HELP a sk-plain-9a8b7c of the page\n# TYPE a counter\na{key=\"sk-plain-9a8b7c\",k=\"1\"} 1\n\
                sk_plain_x 2\n";
    let server = server("200 OK", "text/plain", page);
    let run =
        Tool::new(["profile", "--mock", "--ui", "none", "--artifact-dir", "run", "--request-count", "3"])
            .args(["--api-key", "sk-plain-9a8b7c", "--server-metrics", &format!("{}/metrics", server.url())])
            .env("PRONY_LOG", "trace")
            .run();
    run.succeeds().keeps(&["sk-plain-9a8b7c"]);
    assert!(run.read("server_metrics_export.json").contains("<redacted>"));
}

/// Who names no model has the server asked for it.
#[test]
fn the_name_of_a_found_model_is_masked() {
    let list = r#"{"object": "list", "data": [{"id": "m of sk-plain-9a8b7c", "object": "model"}]}"#;
    let answers = [list.to_owned(), answer("m", "it")].map(|body| http("200 OK", "application/json", &body));
    let server = Replay::in_turn(answers.to_vec(), 42);
    let words =
        ["profile", "--ui", "none", "--no-server-metrics", "--artifact-dir", "run", "--request-count", "1"];
    let words = words.into_iter().chain(["--export-outputs-json", "--api-key", "sk-plain-9a8b7c", "--url"]);
    let run = Tool::new(words).arg(server.url()).run();
    run.succeeds().keeps(&["sk-plain-9a8b7c"]);
}

/// A `/` in a password has to be written `%2F`: such a text is no URL, or one of another host, and shown in neither case.
#[rstest]
#[case::no_port(&["--url", "http://u:9a8b/7c6d@h/v1"])]
#[case::port(&["--url", "http://u:12/9a8b7c6d@h/v1"])]
#[case::no_scheme(&["--url", "u:9a8b/7c6d@h"])]
#[case::question_mark(&["--url", "http://u:9a8b?7c6d@h"])]
#[case::fragment(&["--url", "http://u:12#9a8b7c6d@h"])]
#[case::metrics(&["--url", "http://h", "--server-metrics", "http://u:9a8b/7c6d@h"])]
#[case::proxy(&["--url", "http://h", "--proxy", "http://u:9a8b/7c6d@h:1"])]
#[case::proxy_with_port(&["--url", "http://h", "--proxy", "http://u:12/9a8b7c6d@h:1"])]
#[case::other_scheme(&["--url", "ftp://u:9a8b/7c6d@h:1"])]
fn a_password_with_an_unencoded_slash_is_not_shown(#[case] words: &[&str]) {
    let run =
        Tool::new(["profile", "--model", "m", "--ui", "none"]).args(words).env("PRONY_LOG", "trace").run();
    run.ends_with(2);
    for part in ["9a8b", "7c6d"] {
        assert!(!run.stderr.contains(part) && !run.stdout.contains(part), "{}", run.stderr);
    }
    assert!(run.stderr.contains("%2F"), "the hint is missing: {}", run.stderr);
}

/// An `@` in a password has to be written `%40`: which one ends the login, nobody can tell for sure.
#[rstest]
#[case::url(&["--url", "http://u:9a8b@7c6d@h/v1"])]
#[case::no_scheme(&["--url", "u:9a8b@7c6d@h"])]
#[case::metrics(&["--url", "http://h", "--server-metrics", "http://u:9a8b@7c6d@h"])]
#[case::proxy(&["--url", "http://h", "--proxy", "http://u:9a8b@7c6d@h:1"])]
#[case::nats(&["--url", "http://h", "--agents", "1", "--nats", "nats://u:9a8b@7c6d@h:1"])]
fn a_login_with_two_ends_is_refused_and_not_shown(#[case] words: &[&str]) {
    let run = Tool::new(["profile", "--model", "m", "--ui", "none"]).args(words).run();
    run.ends_with(2);
    for part in ["9a8b", "7c6d"] {
        assert!(!run.stderr.contains(part) && !run.stdout.contains(part), "{}", run.stderr);
    }
    assert!(run.stderr.contains("more than one `@`") && run.stderr.contains("%40"), "{}", run.stderr);
}

#[test]
fn a_proxy_of_the_environment_with_an_unencoded_slash_is_not_shown() {
    let words = ["profile", "--model", "m", "--ui", "none", "--url", "http://h.example"];
    let run = Tool::new(words).env("HTTP_PROXY", "http://u:9a8b/7c6d@h:1").run();
    run.ends_with(2);
    assert!(!run.stderr.contains("9a8b") && !run.stderr.contains("7c6d"), "{}", run.stderr);
    assert!(run.stderr.contains("`HTTP_PROXY`"), "{}", run.stderr);
}

/// What a crash leaves behind holds no key: there is none, even where the user's limits allow it.
#[test]
fn a_crash_leaves_no_core_file() {
    let server = ScriptedServer::start([Script::silent().hold()]);
    // A shell starts what runs in the background with the signal ignored.
    let allowed = ["env", "--default-signal=QUIT", "prlimit", "--core=unlimited"];
    let running = tool(&server.url()).args(["--api-key", KEY]).under(&allowed).spawn();
    eventually("a request is sent", || (!server.requests().is_empty()).then_some(()));
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("1"), "{core}");
    running.signal("QUIT");
    let run = running.wait();
    run.ends_with(131);
    let left = fs::read_dir(run.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().contains("core")));
}
