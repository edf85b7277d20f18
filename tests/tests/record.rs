//! `prony record`: what passes through it, what it writes, and how it ends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use prony_tests::{
    MockServer, Run, Running, Script, ScriptedServer, TlsFront, Tool, eventually, wire::Response,
};
use rstest::rstest;
use serde_json::{Value, json};

/// A recording that goes on.
struct Recording {
    running: Running,
    address: String,
}

impl Recording {
    fn of(server: &str, words: &[&str]) -> Self {
        Self::with(
            Tool::new(["record", "--listen", "127.0.0.1:0", "-o", "s.jsonl", "--url", server]).args(words),
        )
    }

    fn with(tool: Tool) -> Self {
        let running = tool.spawn();
        let address = running.until("it says where it listens", || {
            let said = running.stderr();
            let (_, rest) = said.split_once("recording: http://")?;
            Some(rest.split_once(' ')?.0.to_owned())
        });
        Self { running, address }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        // A test that hears nothing more has failed.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends these bytes, and gives all that comes until the proxy closes the connection.
    fn say(&self, bytes: &str) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}: {answer:?}"),
            _ => answer,
        }
    }

    /// Ends it by a signal.
    fn end(self) -> Recorded {
        self.running.signal("INT");
        Recorded(self.running.wait())
    }
}

/// A recording that is over.
struct Recorded(Run);

impl Recorded {
    fn file(&self) -> String {
        std::fs::read_to_string(self.0.dir().join("s.jsonl")).unwrap()
    }

    fn sessions(&self) -> Vec<Value> {
        self.0.succeeds();
        let text = self.file();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        assert_eq!(lines.next(), Some(json!({"prony_sessions": 1})));
        lines.collect()
    }

    fn steps(&self) -> Vec<Value> {
        self.sessions().iter().flat_map(|session| session["steps"].as_array().unwrap().clone()).collect()
    }

    /// What `prony dataset inspect` says of it.
    fn inspected(&self) -> Value {
        let path = self.0.dir().join("s.jsonl");
        let run = Tool::new(["dataset", "inspect", "--json"]).arg(path).run();
        serde_json::from_str(&run.succeeds().stdout).unwrap()
    }
}

fn post(path: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn ask(text: &str) -> String {
    post("/v1/chat/completions", "", &json!({"model": "m", "messages": [{"role": "user", "content": text}]}))
}

fn reply(text: &str) -> Script {
    let message = json!({"role": "assistant", "content": text});
    Script::whole("application/json", json!({"choices": [{"message": message}]}).to_string())
}

/// Conversations with pauses, through a recording.
fn conversations(url: &str) -> Run {
    Tool::bare_profile()
        .args(["--url", url, "--streaming", "--isl", "200", "--osl", "30", "--concurrency", "4"])
        .args(["--num-conversations", "6", "--conversation-turn-mean", "3"])
        .args(["--conversation-turn-delay-mean", "100", "--shared-system-prompt-length", "150"])
        .run()
}

/// Prompts, block by block, of each step.
fn prompts(recorded: &Recorded) -> Vec<(u64, Vec<u64>)> {
    let of = |step: &Value| {
        let blocks = step["prompt"]["blocks"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap());
        (step["prompt"]["tokens"].as_u64().unwrap(), blocks.collect())
    };
    recorded.steps().iter().map(of).collect()
}

#[rstest]
fn the_replay_of_a_recording_has_the_same_shape(#[values(true, false)] has_headers: bool) {
    let server = MockServer::start(["--ttft-ms", "5", "--itl-ms", "1"]);
    // Without a header that names them, sessions are found by what they repeat.
    let named: &[&str] = if has_headers { &[] } else { &["--session-header", "X-Nothing"] };
    let first = Recording::of(server.url(), named);
    conversations(&first.url()).succeeds();
    let first = first.end();
    let sessions = first.sessions();
    assert_eq!(sessions.len(), 6);
    for session in &sessions {
        let steps = session["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 3);
        for (at, step) in steps.iter().enumerate().skip(1) {
            assert_eq!(step["after"], json!([at - 1]));
            // The client's pause of 100 ms begins with the last event that says something, and the proxy's with the last
            // byte, which a busy machine brings later.
            assert!(step["delay_ns"].as_u64().unwrap() >= 90_000_000, "{step}");
        }
        assert!(steps.iter().all(|step| step["recorded"]["output_tokens"] == 30), "{session}");
        assert_eq!(steps[0]["prompt"]["tokens"], 350);
    }
    // What is played repeats blocks and not what was said, so that its sessions are known by their header alone.
    let again = Recording::of(server.url(), &[]);
    let file = first.0.dir().join("s.jsonl");
    let replay = Tool::bare_profile()
        .args(["--url", &again.url(), "--streaming", "--fixed-schedule", "--input-file"])
        .arg(file)
        .run();
    assert_eq!(replay.succeeds().summary()["request_count"]["avg"], 18);
    let again = again.end();
    // Sessions that began in the same millisecond may have changed places.
    let sorted = |recorded: &Recorded| {
        let mut lengths: Vec<u64> = prompts(recorded).into_iter().map(|(tokens, _)| tokens).collect();
        lengths.sort_unstable();
        lengths
    };
    assert_eq!(sorted(&first), sorted(&again));
    let (one, other) = (first.inspected(), again.inspected());
    for same in ["sessions", "requests", "output_tokens", "theoretical_hit_rate"] {
        assert_eq!(one[same], other[same], "{same}");
    }
    assert!(one["theoretical_hit_rate"].as_f64().unwrap() > 0.5, "{one}");
    let gap = |contents: &Value| contents["gap_s"]["mean"].as_f64().unwrap();
    assert!(gap(&other) >= gap(&one) * 0.9, "{one} {other}");
}

#[test]
fn no_text_and_no_secret_is_in_the_file() {
    let server = ScriptedServer::start([reply("a treasure")]);
    let recording = Recording::of(&server.url(), &[]);
    let body = json!({"messages": [{"role": "user", "content": "a private question"}], "user": "anna"});
    recording.say(&post(
        "/v1/chat/completions?key=query-secret",
        "Authorization: Bearer top-secret\r\nX-Session-ID: session-secret\r\nCookie: a=cookie-secret\r\n",
        &body,
    ));
    let recorded = recording.end();
    assert_eq!(recorded.sessions().len(), 1);
    let all = recorded.file() + &recorded.0.stdout + &recorded.0.stderr;
    for secret in ["secret", "private", "treasure", "anna", "Bearer"] {
        assert!(!all.contains(secret), "{all}");
    }
    let passed = String::from_utf8(server.requests()[0].bytes.clone()).unwrap();
    assert!(passed.contains("Authorization: Bearer top-secret\r\n"), "{passed}");
    assert!(passed.starts_with("POST /v1/chat/completions?key=query-secret HTTP/1.1\r\n"), "{passed}");
}

#[test]
fn texts_are_kept_on_demand_and_play_the_same_dialogue() {
    let server = ScriptedServer::start([reply("one"), reply("two"), reply("three"), reply("four")]);
    let recording = Recording::of(&server.url(), &["--keep-text"]);
    let said = |texts: &[(&str, &str)]| {
        let messages = texts.iter().map(|(role, text)| json!({"role": role, "content": text}));
        post("/v1/chat/completions", "", &json!({"messages": messages.collect::<Vec<_>>()}))
    };
    recording.say(&said(&[("system", "Be brief."), ("user", "Oslo?")]));
    recording.say(&said(&[
        ("system", "Be brief."),
        ("user", "Oslo?"),
        ("assistant", "one"),
        ("user", "Rain?"),
    ]));
    let recorded = recording.end();
    let steps = recorded.steps();
    assert_eq!(recorded.sessions().len(), 1);
    let text = |message: &Value| message["parts"][0]["data"].as_str().unwrap().to_owned();
    let texts = |step: &Value| step["messages"].as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    assert_eq!(texts(&steps[0]), ["Be brief.", "Oslo?"]);
    assert_eq!(texts(&steps[1]), ["Rain?"]);
    assert_eq!((text(&steps[0]["reply"]), &steps[1]["context"]), ("one".to_owned(), &json!(0)));
    let replay = Tool::bare_profile()
        .args(["--url", &server.url(), "--num-conversations", "1", "--input-file"])
        .arg(recorded.0.dir().join("s.jsonl"))
        .run();
    replay.succeeds();
    let body = |at: usize| {
        let text = String::from_utf8(server.requests()[at].bytes.clone()).unwrap();
        serde_json::from_str::<Value>(text.split_once("\r\n\r\n").unwrap().1).unwrap()["messages"].clone()
    };
    assert_eq!(body(3)[2], json!({"role": "assistant", "content": "three"}), "live replies");
    assert_eq!((&body(2)[1], &body(3)[3]), (&body(0)[1], &body(1)[3]));
}

/// Bodies arrive byte for byte, whatever frames them.
#[rstest]
#[case::events(Script::events().event("{\"a\":1}").event("[DONE]").last_chunk(), "data: {\"a\":1}\n\ndata: [DONE]\n\n")]
#[case::whole(Script::whole("text/plain", "plain"), "plain")]
#[case::until_the_end(Script::head(&["Content-Type: text/plain"]).bytes("till the end").close(), "till the end")]
#[case::nothing(Script::status("204 No Content", &[]), "")]
#[case::an_error(Script::status("429 Too Many Requests", &["Content-Length: 4", "Retry-After: 7"]).bytes("busy"), "busy")]
fn bodies_pass_as_they_are(#[case] script: Script, #[case] expected: &str) {
    let server = ScriptedServer::start([script]);
    let recording = Recording::of(&server.url(), &[]);
    let answer = Response::parse(&recording.say(&ask("hi")));
    assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
    recording.end().0.succeeds();
}

/// The server sees the connections that it would see without the proxy, and closes those of the clients with its own.
#[test]
fn each_connection_of_a_client_is_one_to_the_server() {
    let server = ScriptedServer::start([reply("one"), reply("two"), reply("three").close()]);
    let recording = Recording::of(&server.url(), &[]);
    let kept = ask("hi").replace("Connection: close\r\n", "");
    let answers = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("HTTP/1.1 200").count();
    let mut first = recording.connect();
    first.write_all(kept.as_bytes()).unwrap();
    eventually("the first request", || (server.requests().len() == 1).then_some(()));
    assert_eq!(answers(&recording.say(&ask("hi"))), 1);
    first.write_all(kept.as_bytes()).unwrap();
    let mut seen = Vec::new();
    first.read_to_end(&mut seen).unwrap();
    assert_eq!(answers(&seen), 2, "{}", String::from_utf8_lossy(&seen));
    let connections: Vec<usize> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 0]);
    assert_eq!(recording.end().steps().len(), 3);
}

/// The first token is with the client while the server has not said the second.
#[test]
fn a_stream_is_not_held_back() {
    let token = r#"{"choices":[{"index":0,"delta":{"content":"word"}}]}"#;
    let server = ScriptedServer::start([Script::events().event(token).hold()]);
    let recording = Recording::of(&server.url(), &[]);
    let mut stream = recording.connect();
    stream.write_all(ask("hi").as_bytes()).unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("word") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..count]);
    }
    // The client leaves, and the server hears of it.
    drop(stream);
    eventually("the server's connection is closed", || (server.closed_by_client() == 1).then_some(()));
    let recorded = recording.end();
    assert_eq!(recorded.steps()[0]["recorded"]["output_tokens"], 1);
    assert!(recorded.0.stderr.contains("1 request ended before the whole response"), "{}", recorded.0.stderr);
}

#[test]
fn what_fails_is_passed_and_recorded() {
    let busy = Script::status("503 Service Unavailable", &["Content-Length: 2"]).bytes("{}");
    let cut = Script::events().event(r#"{"choices":[{"index":0,"delta":{"content":"half"}}]}"#).close();
    let server = ScriptedServer::start([busy, Script::silent().close(), cut]);
    let recording = Recording::of(&server.url(), &[]);
    assert!(recording.say(&ask("one")).starts_with(b"HTTP/1.1 503"));
    assert_eq!(recording.say(&ask("two")), b"", "the server said nothing");
    let answer = String::from_utf8(recording.say(&ask("three"))).unwrap();
    assert!(answer.contains("half") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    let recorded = recording.end();
    let steps = recorded.steps();
    assert_eq!(steps.len(), 3);
    assert!(steps[..2].iter().all(|step| step["recorded"]["output_tokens"].is_null()), "{steps:?}");
    let said = &recorded.0.stderr;
    assert!(said.contains("2 requests failed") && said.contains("1 request ended before"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_told_to_the_client() {
    let recording = Recording::of("http://127.0.0.1:1", &[]);
    let answer = String::from_utf8(recording.say(&ask("hi"))).unwrap();
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("cannot reach the server"), "{answer}");
    assert!(recording.say("GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n").starts_with(b"HTTP/1.1 502"));
    let recorded = recording.end();
    assert_eq!(recorded.steps().len(), 1);
    let said = &recorded.0.stderr;
    assert!(said.contains("1 request failed") && !said.contains("passed on and not recorded"), "{said}");
}

#[test]
fn requests_of_other_kinds_pass_and_are_counted() {
    let server = MockServer::start([]);
    let recording = Recording::of(server.url(), &[]);
    for _ in 0..2 {
        let answer = recording.say("GET /v1/models HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
    let recorded = recording.end();
    assert_eq!(recorded.sessions().len(), 0);
    let said = &recorded.0.stderr;
    assert!(said.contains("2 requests of other kinds") && said.contains("2 GET /v1/models"), "{said}");
}

#[rstest]
#[case("chat")]
#[case("completions")]
#[case("responses")]
#[case("messages")]
fn every_known_api_is_recorded(#[case] endpoint: &str, #[values(true, false)] streams: bool) {
    let server = MockServer::start([]);
    let recording = Recording::of(server.url(), &[]);
    let words = if streams { &["--streaming"][..] } else { &[] };
    let run = Tool::bare_profile()
        .args(["--url", &recording.url(), "--endpoint-type", endpoint, "--request-count", "3"])
        .args(["--isl", "100", "--osl", "9"])
        .args(words)
        .run();
    run.succeeds();
    let recorded = recording.end();
    let steps = recorded.steps();
    assert_eq!(steps.len(), 3);
    for step in steps {
        assert_eq!((&step["prompt"]["tokens"], &step["max_tokens"]), (&json!(100), &json!(9)), "{step}");
        assert_eq!(step["recorded"]["output_tokens"], 9, "{step}");
    }
}

#[test]
fn a_server_behind_tls_is_reached_with_the_trust_of_a_target() {
    let server = MockServer::start([]);
    let front = TlsFront::before(server.url(), false);
    let recording = Recording::of(&front.url(), &["--ca-cert", front.authority().to_str().unwrap()]);
    assert!(recording.say(&ask("hi")).starts_with(b"HTTP/1.1 200"));
    assert_eq!(recording.end().steps().len(), 1);
    let distrustful = Recording::of(&front.url(), &[]);
    let answer = String::from_utf8(distrustful.say(&ask("hi"))).unwrap();
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("certificate"), "{answer}");
    distrustful.end().0.succeeds();
}

/// The first interrupt lets requests in flight end; the second does not.
#[rstest]
#[case::drained(1, "whole")]
#[case::cut(2, "half")]
fn an_interrupt_in_the_middle_of_a_response(#[case] interrupts: usize, #[case] expected: &str) {
    let token = |text: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#);
    let pause = if interrupts == 1 { 1500 } else { 60_000 };
    let script = Script::events().event(&token("half")).pause_ms(pause).event(&token(" whole")).last_chunk();
    let server = ScriptedServer::start([script]);
    let recording = Recording::of(&server.url(), &["--keep-text"]);
    let mut stream = recording.connect();
    stream.write_all(ask("hi").as_bytes()).unwrap();
    let mut head = [0; 64];
    stream.read_exact(&mut head).unwrap();
    let address = recording.address.clone();
    recording.running.signal("INT");
    eventually("nobody is let in any more", || TcpStream::connect(&address).err());
    if interrupts == 2 {
        recording.running.signal("INT");
    }
    let recorded = Recorded(recording.running.wait());
    let steps = recorded.steps();
    assert!(steps[0]["reply"]["parts"][0]["data"].as_str().unwrap().ends_with(expected), "{steps:?}");
}

#[rstest]
#[case("TERM")]
#[case("HUP")]
fn other_signals_end_it_as_well(#[case] signal: &str) {
    let recording = Recording::of("http://127.0.0.1:1", &[]);
    recording.running.signal(signal);
    Recorded(recording.running.wait()).0.succeeds();
}

#[test]
fn without_a_file_the_sessions_go_to_standard_output() {
    let server = ScriptedServer::start([reply("yes")]);
    let words = ["record", "--listen", "127.0.0.1:0", "--url"];
    let recording = Recording::with(Tool::new(words).arg(server.url()));
    recording.say(&ask("hi"));
    let run = recording.end().0;
    assert_eq!(run.succeeds().stdout.lines().count(), 2, "{}", run.stdout);
}

#[test]
fn a_full_disk_is_told_and_leaves_the_file_readable() {
    let server = MockServer::start([]);
    let words = ["record", "--listen", "127.0.0.1:0", "-o", "s.jsonl", "--url", server.url()];
    let limited = Tool::new(words).under(&["prlimit", "--fsize=2000"]);
    let recording = Recording::with(limited);
    let run =
        Tool::bare_profile().args(["--url", &recording.url(), "--request-count", "100", "--isl", "50"]).run();
    run.succeeds();
    let run = recording.end().0;
    run.ends_with(1);
    assert!(run.stderr.contains("s.jsonl"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(run.dir().join("s.jsonl")).unwrap(), "{\"prony_sessions\": 1}\n");
    assert!(!run.dir().join("s.jsonl.part").exists());
}

/// What a kill leaves is a file that is read.
#[test]
fn a_killed_recording_has_a_file() {
    let recording = Recording::of("http://127.0.0.1:1", &[]);
    recording.running.signal("KILL");
    let run = recording.running.wait();
    assert_eq!(std::fs::read_to_string(run.dir().join("s.jsonl")).unwrap(), "{\"prony_sessions\": 1}\n");
}

#[rstest]
#[case::no_url(&[], "--url")]
#[case::bad_url(&["--url", "ftp://h"], "does not speak `ftp`")]
#[case::bad_address(&["--url", "http://h", "--listen", "nowhere"], "listen on `nowhere`")]
#[case::no_folder(&["--url", "http://h", "-o", "no/s.jsonl"], "create the file `no/s.jsonl`")]
#[case::no_tls(&["--url", "http://h", "--insecure"], "`--insecure` has no effect")]
#[case::no_certificate(&["--url", "https://h", "--ca-cert", "no.pem"], "no.pem")]
#[case::no_tokenizer(&["--url", "http://h", "--tokenizer", "./no"], "tokenizer")]
#[case::a_block_of_nothing(&["--url", "http://h", "--block-size", "0"], "--block-size")]
#[case::not_a_header(&["--url", "http://h", "--session-header", "a b"], "--session-header")]
fn what_cannot_be_recorded_is_refused(#[case] words: &[&str], #[case] expected: &str) {
    let listen: &[&str] = if words.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
    let run = Tool::new(["record"]).args(listen).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn a_port_that_is_taken_and_a_file_that_is_there_are_refused() {
    let recording = Recording::of("http://127.0.0.1:1", &[]);
    let run =
        Tool::new(["record", "--url", "http://h", "-o", "s.jsonl", "--listen", &recording.address]).run();
    run.ends_with(2);
    assert!(
        run.stderr.contains("choose another port") && !run.dir().join("s.jsonl").exists(),
        "{}",
        run.stderr
    );
    recording.end().0.succeeds();
    let tool = Tool::new(["record", "--url", "http://h", "-o", "s.jsonl", "--listen", "127.0.0.1:0"]);
    tool.file("s.jsonl", "mine");
    let run = tool.run();
    run.ends_with(2);
    assert_eq!(std::fs::read_to_string(run.dir().join("s.jsonl")).unwrap(), "mine");
}

/// It must not ask itself for ever.
#[rstest]
#[case("127.0.0.1")]
#[case("0.0.0.0")]
#[case("[::]")]
fn a_proxy_that_leads_to_itself_says_so(#[case] listen: &str) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let (listen, url) = (format!("{listen}:{port}"), format!("http://127.0.0.1:{port}"));
    let words = ["record", "--listen", &listen, "--url", &url, "-o", "s.jsonl"];
    let recording = Recording::with(Tool::new(words));
    let answer = String::from_utf8(recording.say(&ask("hi"))).unwrap();
    assert!(answer.contains("leads back to this proxy"), "{answer}");
    let run = recording.end().0;
    run.succeeds();
    assert_eq!(run.stderr.matches("leads back").count(), 1, "{}", run.stderr);
}

/// Bytes that are no HTTP, heads without an end, and clients that say nothing.
#[test]
fn what_is_no_request_harms_nobody() {
    let server = ScriptedServer::start([reply("yes")]);
    let recording = Recording::of(&server.url(), &[]);
    let silent = recording.connect();
    for bytes in
        ["\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]
    {
        recording.say(bytes);
    }
    let bodies = ["{", "[]", "{\"messages\": 7}", "\u{fffd}"].map(|body| {
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    for body in bodies {
        assert!(recording.say(&body).starts_with(b"HTTP/1.1 200"), "the server decides");
    }
    assert!(recording.say(&ask("hi")).starts_with(b"HTTP/1.1 200"));
    drop(silent);
    let recorded = recording.end();
    assert_eq!(recorded.steps().len(), 1);
    assert!(recorded.0.stderr.contains("4 requests could not be read"), "{}", recorded.0.stderr);
}
