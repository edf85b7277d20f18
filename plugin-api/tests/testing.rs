//! The drivers and fakes that vendors test with.
#![expect(clippy::panic, reason = "helpers of tests are tests")]

use std::time::Duration;

use prony_plugin_api::{
    message::{PhaseEnded, PhaseStarted},
    testing::{mock_plugin, Recording, Registry, ScriptedHost, TestEndpoint, TestService, ToolCall, Turn},
    Endpoint, ErrorKind, EventSink, HostHandle, LogLevel, Message, Parser, PartKind, PluginError, RawMessage,
    RequestWriter, Result, Service, TextKind, TokenUsage, TurnContext,
};
use serde_json::json;

/// Repeats what it is given, and fails at `!`.
struct Echo;

impl Endpoint for Echo {
    type Parser = EchoParser;

    fn new(options: &str) -> Result<Self> {
        if options.contains("refuse") {
            return Err(PluginError::config("read the options: told to refuse"));
        }
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        request.path("/echo");
        request.header("X-Turn", "first");
        request.api_key_header("X-Key", "Token ");
        if turn.messages().len() == 0 {
            request.part("file", "a.txt", "text/plain", b"attached");
            return Ok(());
        }
        let texts: Vec<String> = turn.messages().map(|message| message.text()).collect();
        let body = json!({
            "texts": texts, "model": turn.model(), "limit": turn.max_tokens(), "stream": turn.streaming(),
            "extra": turn.extra_json(),
        });
        serde_json::to_writer(request, &body).map_err(PluginError::malformed)
    }

    fn parser(&self) -> EchoParser {
        EchoParser
    }
}

struct EchoParser;

impl Parser for EchoParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let text = std::str::from_utf8(data).map_err(PluginError::malformed)?;
        match text {
            "!" => return Err(PluginError::malformed("read an event: `!`")),
            "!!" => panic!("told to panic"),
            "stop" => out.finish(0, "stop"),
            _ => out.text(if name == "thought" { TextKind::REASONING } else { TextKind::CONTENT }, 0, text),
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if status >= 400 {
            out.error(Some(status), "refused", &String::from_utf8_lossy(body));
            return Ok(());
        }
        out.embedding(0, 3);
        out.ranking(1, 0.5);
        out.media(PartKind::IMAGE, "image/png", 7, "");
        out.follow_up("/jobs/1", 10);
        out.fact("model", "echo-1");
        for (index, id, name, arguments) in [(0, "c-1", "", "{"), (2, "", "g", ""), (0, "c-9", "f", "}")] {
            out.tool_call(1, index, id, name, arguments);
        }
        out.usage(&TokenUsage { completion: Some(2), ..TokenUsage::default() });
        out.done();
        Ok(())
    }
}

#[test]
fn a_turn_becomes_a_readable_request() {
    let endpoint = TestEndpoint::new::<Echo>("{}").unwrap();
    let turn = Turn::empty().message("system", "Be brief.").message("user", "How").part(
        PartKind::TEXT,
        "",
        "are you?",
    );
    let request = endpoint.format(&turn.model("m").max_tokens(9).streaming().extra("{\"a\": 1}")).unwrap();
    assert_eq!(request.path.as_deref(), Some("/echo"));
    assert_eq!(request.header("x-turn"), Some("first"));
    assert_eq!(request.api_key_header, Some(("X-Key".to_owned(), "Token ".to_owned())));
    assert_eq!(request.content_type(), "application/json");
    let expected = json!({
        "texts": ["Be brief.", "How\nare you?"], "model": "m", "limit": 9, "stream": true, "extra": "{\"a\": 1}",
    });
    assert_eq!(request.json().unwrap(), expected);
}

#[test]
fn parts_make_a_request_multipart() {
    let request = TestEndpoint::new::<Echo>("{}").unwrap().format(&Turn::empty()).unwrap();
    assert_eq!(request.content_type(), "multipart/form-data");
    assert_eq!(
        (request.parts[0].file_name.as_str(), request.parts[0].bytes.as_slice()),
        ("a.txt", &b"attached"[..])
    );
    assert_eq!(request.json().unwrap_err().kind, ErrorKind::MALFORMED);
}

#[test]
fn a_stream_that_arrives_in_pieces_is_one_answer() {
    let endpoint = TestEndpoint::new::<Echo>("{}").unwrap();
    let whole = "event: thought\ndata: hm\n\ndata: Hello\n\ndata: , you\n\ndata: stop\n\n";
    let answer = endpoint.read_pieces(whole.as_bytes().chunks(3));
    assert_eq!(answer.text(), "Hello, you");
    assert_eq!(answer.text_of(0, TextKind::REASONING), "hm");
    assert_eq!(answer.finish_reasons, [(0, "stop".to_owned())]);
    assert!(answer.is_success());
    assert_eq!(answer, endpoint.read_stream(whole.as_bytes()));
    assert!(!endpoint.read_cut(b"data: Hello\n\n").is_complete());
}

#[test]
fn nothing_is_read_after_a_failure_and_a_panic_is_one() {
    let endpoint = TestEndpoint::new::<Echo>("{}").unwrap();
    let answer = endpoint.read_stream(b"data: a\n\ndata: !\n\ndata: b\n\ndata: stop\n\n");
    assert_eq!((answer.text(), answer.is_success()), ("a", false));
    assert_eq!(answer.failure, Some(PluginError::malformed("read an event: `!`")));
    let panicked = endpoint.read_stream(b"data: !!\n\n").failure.unwrap();
    assert_eq!((panicked.kind, panicked.message.as_str()), (ErrorKind::PANIC, "told to panic"));
}

#[test]
fn a_body_is_read_with_its_status() {
    let endpoint = TestEndpoint::new::<Echo>("{}").unwrap();
    let answer = endpoint.replay(&Recording::body(200, "{}"));
    assert_eq!((answer.embeddings.as_slice(), answer.rankings.as_slice()), (&[(0, 3)][..], &[(1, 0.5)][..]));
    assert_eq!((answer.media[0].bytes, answer.follow_ups[0].0.as_str()), (7, "/jobs/1"));
    assert_eq!(answer.facts, [("model".to_owned(), "echo-1".to_owned())]);
    let call = |index, id: &str, name: &str, arguments: &str| ToolCall {
        choice: 1,
        index,
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    assert_eq!(answer.tool_calls, [call(0, "c-1", "f", "{}"), call(2, "", "g", "")]);
    assert_eq!(answer.usage.unwrap().completion, Some(2));
    let refused = endpoint.read_body(429, b"slow down");
    assert_eq!((refused.errors[0].code, refused.errors[0].message.as_str()), (Some(429), "slow down"));
    assert!(!refused.is_success());
}

/// Another API format under the name of the first.
struct Mute;

impl Endpoint for Mute {
    type Parser = EchoParser;
    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }
    fn format(&self, _turn: &TurnContext<'_>, _request: &mut RequestWriter<'_>) -> Result<()> {
        Err(PluginError::unsupported("say anything"))
    }
    fn parser(&self) -> EchoParser {
        EchoParser
    }
}

#[test]
fn a_registry_finds_plugins_by_name() {
    let registry = Registry::new().endpoint::<Echo>("acme_chat").service::<Parrot>("parrot");
    assert!(registry.open_endpoint("ACME-chat", "{}").is_ok());
    assert!(registry.open_service("Parrot", "{}", &ScriptedHost::new()).is_ok());
    assert_eq!(registry.open_endpoint("acme_chat", "refuse").unwrap_err().kind, ErrorKind::CONFIG);
    let unknown = registry.open_endpoint("acme_chatt", "{}").unwrap_err();
    assert_eq!(unknown.message, "find the endpoint `acme_chatt`: there are [acme_chat]");
}

#[test]
fn a_fake_stands_in_for_a_scope_even_if_fakes_leave_in_another_order() {
    let registry = Registry::new().endpoint::<Echo>("acme_chat");
    let speaks = || registry.open_endpoint("acme_chat", "{}").unwrap().format(&Turn::user("a")).is_ok();
    let first = mock_plugin::<Mute>(&registry, "acme-chat");
    assert!(!speaks());
    let second = mock_plugin::<Echo>(&registry, "acme_chat");
    assert!(speaks());
    drop(first);
    assert!(speaks());
    drop(second);
    assert!(speaks());
    let only_a_fake = mock_plugin::<Mute>(&registry, "other");
    drop(only_a_fake);
    assert!(registry.open_endpoint("other", "{}").is_err());
}

/// A service that says back what it hears.
struct Parrot {
    host: HostHandle,
}

impl Service for Parrot {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE];

    fn new(_options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host })
    }

    fn start(&mut self) -> Result<()> {
        self.host.log(LogLevel::Info, "parrot", || self.host.run_facts());
        self.host.log(LogLevel::Debug, "parrot", || "nobody listens".to_owned());
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        let phase = message.decode::<PhaseStarted>().transpose()?.unwrap_or_default();
        let said = PhaseStarted { at_ns: self.host.now_ns(), ..phase };
        self.host.publish(&said).map_err(PluginError::io)
    }

    fn stop(&mut self, _deadline: Duration) -> Result<()> {
        self.host.request_stop("it is late");
        Ok(())
    }
}

#[test]
fn a_service_lives_beside_a_host_that_does_what_it_is_told() {
    let host = ScriptedHost::new();
    host.set_run_facts("{\"model\": \"m\"}");
    host.set_log_level(LogLevel::Info);
    host.set_now(77);
    let mut parrot = TestService::new::<Parrot>("{}", &host).unwrap();
    assert_eq!(parrot.subscriptions(), ["phase_started"]);
    parrot.init().unwrap();
    parrot.start().unwrap();
    host.set_room(1);
    parrot.send(&PhaseStarted { index: 3, ..PhaseStarted::default() }).unwrap();
    assert_eq!(
        parrot.send(&PhaseStarted::default()).unwrap_err(),
        PluginError::io("publish: the bus is full")
    );
    host.end_run();
    assert_eq!(
        parrot.send(&PhaseStarted::default()).unwrap_err(),
        PluginError::io("publish: the run is over")
    );
    parrot.stop(Duration::from_secs(1)).unwrap();

    let said: Vec<PhaseStarted> = host.published_as().unwrap();
    assert_eq!(said, [PhaseStarted { index: 3, at_ns: 77, ..PhaseStarted::default() }]);
    assert_eq!((host.published().len(), host.refused()), (1, 1));
    assert!(host.published_as::<PhaseEnded>().unwrap().is_empty());
    let logs: Vec<String> = host.logs().into_iter().map(|line| line.text).collect();
    assert_eq!(logs, ["{\"model\": \"m\"}"]);
    assert_eq!(host.stop_requests(), ["it is late"]);
}

#[test]
fn a_service_can_be_sent_anything() {
    let mut parrot = TestService::new::<Parrot>("{}", &ScriptedHost::new()).unwrap();
    assert_eq!(parrot.send_raw(PhaseStarted::TYPE, b"\xc1").unwrap_err().kind, ErrorKind::MALFORMED);
    parrot.send_raw("anything", b"\xc1").unwrap();
}
