//! An author's type and the host's handles over it, in one process: everything but the opening of a file.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc, Arc,
    },
    time::Duration,
};

use prony_plugin_api::{
    abi::{
        author::{endpoint_table, service_table},
        host::{
            EndpointInstance, HostServices, HostTable, RequestSink, ResponseSink, ServiceInstance, Turn,
            TurnMessage, TurnPart,
        },
    },
    message::{PhaseKind, PhaseStarted},
    Endpoint, ErrorKind, EventSink, HostHandle, LogLevel, Message, Parser, PartKind, PluginError,
    PublishError, RawMessage, RequestWriter, Result, Service, TextKind, TokenUsage, TurnContext,
};
use rstest::rstest;
use serde_json::json;

/// An API format in which everything can go wrong on demand.
struct Echo {
    greeting: String,
}

impl Endpoint for Echo {
    type Parser = EchoParser;

    fn new(options: &str) -> Result<Self> {
        let options: serde_json::Value = serde_json::from_str(options).map_err(PluginError::config)?;
        let greeting = options["greeting"]
            .as_str()
            .ok_or_else(|| PluginError::config("read `greeting`: it is not text").hint("give it a text"))?;
        assert!(greeting != "panic", "no manners");
        Ok(Self { greeting: greeting.to_owned() })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let texts: Vec<&str> = turn.messages().flat_map(|message| message.texts()).collect();
        assert!(texts != ["panic"], "cannot say {texts:?}");
        request.path("/echo");
        request.header("X-Greeting", &self.greeting);
        request.api_key_header("X-Key", "Token ");
        request.part("file", "a.txt", "text/plain", b"attached");
        let body = json!({
            "texts": texts, "roles": turn.messages().map(|message| message.role()).collect::<Vec<_>>(),
            "model": turn.model(), "max_tokens": turn.max_tokens(), "stream": turn.streaming(),
            "turn": turn.turn_index(), "id": turn.request_id(), "conversation": turn.conversation_id(),
            "extra": turn.extra_json(), "facts": turn.facts_json(),
        });
        serde_json::to_writer(request, &body).map_err(PluginError::malformed)
    }

    fn parser(&self) -> EchoParser {
        EchoParser { seen: 0 }
    }
}

struct EchoParser {
    seen: u32,
}

impl Parser for EchoParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        self.seen += 1;
        let text = std::str::from_utf8(data).map_err(PluginError::malformed)?;
        assert!(text != "panic", "event {} is too much", self.seen);
        out.text(TextKind::REASONING, 1, name);
        out.text(TextKind::CONTENT, 1, text);
        Ok(())
    }

    fn body(&mut self, status: u32, _body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        out.error(Some(status), "teapot", "short and stout");
        out.error(None, "", "no code");
        out.embedding(2, 768);
        out.ranking(3, 0.5);
        out.media(PartKind::IMAGE, "image/png", 10, "");
        out.follow_up("/jobs/1", 250);
        out.fact("model", "echo-1");
        out.tool_call(1, 4, "call-1", "f", "{}");
        Ok(())
    }

    fn end(&mut self, out: &mut EventSink<'_>) -> Result<()> {
        out.usage(&TokenUsage { prompt: Some(0), completion: Some(7), ..TokenUsage::default() });
        out.finish(1, "stop");
        out.done();
        Ok(())
    }
}

/// Writes down everything that it is told.
#[derive(Default)]
struct Script(Vec<String>);

impl Script {
    fn note(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    fn text(&self) -> String {
        self.0.join("\n")
    }
}

impl RequestSink for Script {
    fn path(&mut self, path: &str) {
        self.note(format!("path {path}"));
    }
    fn header(&mut self, name: &str, value: &str) {
        self.note(format!("header {name}: {value}"));
    }
    fn api_key_header(&mut self, name: &str, prefix: &str) {
        self.note(format!("api key in {name} after {prefix:?}"));
    }
    fn body(&mut self, bytes: &[u8]) {
        // serde_json writes in many small pieces.
        match self.0.last_mut() {
            Some(last) if last.starts_with("body ") => last.push_str(std::str::from_utf8(bytes).unwrap()),
            _ => self.note(format!("body {}", std::str::from_utf8(bytes).unwrap())),
        }
    }
    fn part(&mut self, name: &str, file_name: &str, content_type: &str, bytes: &[u8]) {
        self.note(format!("part {name} {file_name} {content_type} of {} bytes", bytes.len()));
    }
}

impl ResponseSink for Script {
    fn text(&mut self, kind: TextKind, choice: u32, text: &str) {
        self.note(format!("text {} of choice {choice}: {text}", kind.0));
    }
    fn usage(&mut self, usage: &TokenUsage) {
        self.note(format!("usage {:?} {:?} {:?}", usage.prompt, usage.completion, usage.total));
    }
    fn finish(&mut self, choice: u32, reason: &str) {
        self.note(format!("finish {choice}: {reason}"));
    }
    fn error(&mut self, code: Option<u32>, kind: &str, message: &str) {
        self.note(format!("error {code:?} {kind:?}: {message}"));
    }
    fn embedding(&mut self, index: u32, dimensions: u32) {
        self.note(format!("embedding {index} of {dimensions}"));
    }
    fn ranking(&mut self, index: u32, score: f64) {
        self.note(format!("ranking {index}: {score}"));
    }
    fn media(&mut self, kind: PartKind, content_type: &str, bytes: u64, url: &str) {
        self.note(format!("media {} {content_type} of {bytes} bytes at {url:?}", kind.0));
    }
    fn follow_up(&mut self, path: &str, after_ms: u64) {
        self.note(format!("follow up {path} after {after_ms} ms"));
    }
    fn fact(&mut self, name: &str, value: &str) {
        self.note(format!("fact {name}: {value}"));
    }
    fn done(&mut self) {
        self.note("done");
    }
    fn tool_call(&mut self, choice: u32, index: u32, id: &str, name: &str, arguments: &str) {
        self.note(format!("call {index} of choice {choice}: {id:?} {name:?} {arguments}"));
    }
}

fn echo() -> Arc<EndpointInstance> {
    let table = endpoint_table::<Echo>("Echo");
    Arc::new(EndpointInstance::create(table, r#"{"greeting": "hello"}"#).unwrap())
}

fn turn<'a>(messages: &'a [TurnMessage<'a>]) -> Turn<'a> {
    Turn {
        model: "echo-1",
        messages,
        max_tokens: Some(32),
        streaming: true,
        turn_index: 1,
        request_id: "r-1",
        conversation_id: "c-1",
        extra_json: "",
        facts_json: "",
    }
}

#[test]
fn a_formatter_sees_the_whole_turn_and_the_host_its_whole_request() {
    let parts = [
        TurnPart { kind: PartKind::TEXT, name: "", data: "What is this?" },
        TurnPart { kind: PartKind::IMAGE, name: "", data: "data:image/png;base64,AA==" },
    ];
    let mut request = Script::default();
    echo().format(&turn(&[TurnMessage { role: "user", parts: &parts }]), &mut request).unwrap();
    insta::assert_snapshot!(request.text(), @r#"
    path /echo
    header X-Greeting: hello
    api key in X-Key after "Token "
    part file a.txt text/plain of 8 bytes
    body {"texts":["What is this?"],"roles":["user"],"model":"echo-1","max_tokens":32,"stream":true,"turn":1,"id":"r-1","conversation":"c-1","extra":"{}","facts":"{}"}
    "#);
}

#[test]
fn a_parser_reports_every_kind_of_event() {
    let mut parser = echo().parser().unwrap();
    let mut events = Script::default();
    parser.event("thinking", b"answer", &mut events).unwrap();
    parser.body(418, b"", &mut events).unwrap();
    parser.end(&mut events).unwrap();
    insta::assert_snapshot!(events.text(), @r#"
    text 1 of choice 1: thinking
    text 0 of choice 1: answer
    error Some(418) "teapot": short and stout
    error None "": no code
    embedding 2 of 768
    ranking 3: 0.5
    media 1 image/png of 10 bytes at ""
    follow up /jobs/1 after 250 ms
    fact model: echo-1
    call 4 of choice 1: "call-1" "f" {}
    usage Some(0) Some(7) None
    finish 1: stop
    done
    "#);
}

#[rstest]
#[case::error("{}", ErrorKind::CONFIG, "read `greeting`: it is not text", "give it a text")]
#[case::panic(r#"{"greeting": "panic"}"#, ErrorKind::PANIC, "no manners", "")]
fn what_new_returns_is_what_the_host_gets(
    #[case] options: &str,
    #[case] kind: ErrorKind,
    #[case] message: &str,
    #[case] hint: &str,
) {
    let error = EndpointInstance::create(endpoint_table::<Echo>("Echo"), options).unwrap_err();
    assert_eq!(error, PluginError { kind, message: message.to_owned(), hint: hint.to_owned() });
}

#[test]
fn a_panic_in_format_is_an_error_and_the_endpoint_lives_on() {
    let endpoint = echo();
    let parts = [TurnPart { kind: PartKind::TEXT, name: "", data: "panic" }];
    let messages = [TurnMessage { role: "user", parts: &parts }];
    let error = endpoint.format(&turn(&messages), &mut Script::default()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::PANIC, r#"cannot say ["panic"]"#));

    let mut request = Script::default();
    endpoint.format(&turn(&[]), &mut request).unwrap();
    assert!(request.text().contains("path /echo"));
}

#[test]
fn a_parser_that_panicked_or_failed_can_be_asked_again() {
    let mut parser = echo().parser().unwrap();
    let mut events = Script::default();
    assert_eq!(parser.event("", b"panic", &mut events).unwrap_err().message, "event 1 is too much");
    assert_eq!(parser.event("", b"\xff", &mut events).unwrap_err().kind, ErrorKind::MALFORMED);
    parser.event("", b"fine", &mut events).unwrap();
    assert_eq!(
        events.text(),
        "text 0 of choice 1: \ntext 0 of choice 1: fine".replacen("text 0", "text 1", 1)
    );
}

/// Both parts say when they are dropped.
struct Mortal;
static ENDPOINT_DROPPED: AtomicBool = AtomicBool::new(false);
static PARSER_DROPPED: AtomicBool = AtomicBool::new(false);

impl Endpoint for Mortal {
    type Parser = MortalParser;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }
    fn format(&self, _turn: &TurnContext<'_>, _request: &mut RequestWriter<'_>) -> Result<()> {
        Ok(())
    }
    fn parser(&self) -> MortalParser {
        MortalParser
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        ENDPOINT_DROPPED.store(true, Ordering::SeqCst);
    }
}

struct MortalParser;

impl Parser for MortalParser {
    fn event(&mut self, _name: &str, _data: &[u8], _out: &mut EventSink<'_>) -> Result<()> {
        Ok(())
    }
    fn body(&mut self, _status: u32, _body: &[u8], _out: &mut EventSink<'_>) -> Result<()> {
        Ok(())
    }
}

impl Drop for MortalParser {
    fn drop(&mut self) {
        PARSER_DROPPED.store(true, Ordering::SeqCst);
        panic!("a destructor that panics must not take the process down");
    }
}

#[test]
fn a_parser_keeps_its_endpoint_alive_and_both_are_destroyed() {
    let endpoint = Arc::new(EndpointInstance::create(endpoint_table::<Mortal>("Mortal"), "{}").unwrap());
    let parser = endpoint.parser().unwrap();
    drop(endpoint);
    assert!(!ENDPOINT_DROPPED.load(Ordering::SeqCst));
    drop(parser);
    assert!(PARSER_DROPPED.load(Ordering::SeqCst));
    assert!(ENDPOINT_DROPPED.load(Ordering::SeqCst));
}

/// A service that publishes what it hears.
struct Parrot {
    host: HostHandle,
}

impl Service for Parrot {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE];

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        host.log(LogLevel::Info, "parrot", || format!("hatched with {options}"));
        host.log(LogLevel::Trace, "parrot", || unreachable!("nobody listens at this level"));
        Ok(Self { host })
    }
    fn init(&mut self) -> Result<()> {
        self.host.log(LogLevel::Warn, "parrot", || self.host.run_facts());
        Ok(())
    }
    fn start(&mut self) -> Result<()> {
        Err(PluginError::io("spread its wings"))
    }
    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        let phase = message.decode::<PhaseStarted>().expect("nothing else is subscribed to")?;
        let again = PhaseStarted { index: phase.index + 1, at_ns: self.host.now_ns(), ..phase };
        self.host.publish(&again).map_err(PluginError::io)
    }
    fn stop(&mut self, deadline: Duration) -> Result<()> {
        self.host.request_stop(&format!("{deadline:?} is too short"));
        Ok(())
    }
}

/// A host that takes one message and none from then on: it is full, then the message is too large, then it is closed.
struct Perch(mpsc::SyncSender<String>);

impl HostServices for Perch {
    fn log_enabled(&self, level: LogLevel, _target: &str) -> bool {
        level <= LogLevel::Info
    }
    fn log(&self, level: LogLevel, target: &str, text: &str) {
        self.0.send(format!("log {level:?} {target}: {text}")).unwrap();
    }
    fn publish(&self, message_type: &str, payload: &[u8]) -> Result<(), PublishError> {
        let message = PhaseStarted::decode(payload).unwrap();
        match message.index {
            0 | 1 => {}
            2 => return Err(PublishError::Full),
            3 => return Err(PublishError::TooLarge),
            _ => return Err(PublishError::Closed),
        }
        self.0.send(format!("{message_type} {} at {}", message.index, message.at_ns)).unwrap();
        Ok(())
    }
    fn now_ns(&self) -> u64 {
        42
    }
    fn run_facts(&self) -> String {
        "facts".to_owned()
    }
    fn request_stop(&self, reason: &str) {
        self.0.send(format!("stop: {reason}")).unwrap();
    }
}

#[test]
fn a_service_lives_its_life_through_its_handle() {
    let (sender, said) = mpsc::sync_channel(16);
    let host = HostTable::leak(Perch(sender));
    let mut service = ServiceInstance::create(service_table::<Parrot>("Parrot"), "{}", host).unwrap();
    assert_eq!(service.subscriptions(), ["phase_started"]);
    service.init().unwrap();
    assert_eq!(service.start().unwrap_err(), PluginError::io("spread its wings"));

    let message = |index| PhaseStarted { index, kind: PhaseKind::Warmup, at_ns: 7 }.encode().unwrap();
    service.on_message(PhaseStarted::TYPE, &message(0)).unwrap();
    for (index, why) in [(1, "the bus is full"), (2, "the message is too large"), (3, "the run is over")] {
        assert_eq!(
            service.on_message(PhaseStarted::TYPE, &message(index)).unwrap_err(),
            PluginError::io(format!("publish: {why}"))
        );
    }
    assert_eq!(service.on_message("parrot_food", b"").unwrap_err().kind, ErrorKind::PANIC);
    service.stop(Duration::from_secs(2)).unwrap();
    drop(service);

    insta::assert_snapshot!(said.try_iter().collect::<Vec<_>>().join("\n"), @r#"
    log Info parrot: hatched with {}
    log Warn parrot: facts
    phase_started 1 at 42
    stop: 2s is too short
    "#);
}

/// A sink whose own code is broken.
#[derive(Default)]
struct Broken {
    calls: u32,
}

impl ResponseSink for Broken {
    fn text(&mut self, _kind: TextKind, _choice: u32, _text: &str) {
        self.calls += 1;
        panic!("the host's own fault");
    }
    fn usage(&mut self, _usage: &TokenUsage) {}
    fn finish(&mut self, _choice: u32, _reason: &str) {}
    fn error(&mut self, _code: Option<u32>, _kind: &str, _message: &str) {}
    fn embedding(&mut self, _index: u32, _dimensions: u32) {}
    fn ranking(&mut self, _index: u32, _score: f64) {}
    fn media(&mut self, _kind: PartKind, _content_type: &str, _bytes: u64, _url: &str) {}
    fn follow_up(&mut self, _path: &str, _after_ms: u64) {}
    fn fact(&mut self, _name: &str, _value: &str) {}
    fn done(&mut self) {}
    fn tool_call(&mut self, _choice: u32, _index: u32, _id: &str, _name: &str, _arguments: &str) {}
}

#[test]
fn a_panic_in_a_sink_goes_on_in_the_host_and_not_through_the_plugin() {
    let mut parser = echo().parser().unwrap();
    let mut sink = Broken::default();
    let call = AssertUnwindSafe(|| parser.event("two", b"texts", &mut sink));
    let payload = catch_unwind(call).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the host's own fault"));
    assert_eq!(sink.calls, 1);
    parser.event("", b"fine", &mut Script::default()).unwrap();
}

/// Services whose own code is broken.
struct Rotten;

impl HostServices for Rotten {
    fn log_enabled(&self, _level: LogLevel, _target: &str) -> bool {
        panic!("no log")
    }
    fn log(&self, _level: LogLevel, _target: &str, _text: &str) {
        panic!("no log")
    }
    fn publish(&self, _message_type: &str, _payload: &[u8]) -> Result<(), PublishError> {
        panic!("no bus")
    }
    fn now_ns(&self) -> u64 {
        panic!("no clock")
    }
    fn run_facts(&self) -> String {
        panic!("no facts")
    }
    fn request_stop(&self, _reason: &str) {
        panic!("no stop")
    }
}

#[test]
fn a_panic_in_the_hosts_services_leaves_the_plugin_with_a_neutral_answer() {
    let host = HostTable::leak(Rotten);
    let mut service = ServiceInstance::create(service_table::<Parrot>("Parrot"), "{}", host).unwrap();
    service.init().unwrap();
    let message = PhaseStarted { index: 0, kind: PhaseKind::Warmup, at_ns: 7 }.encode().unwrap();
    assert_eq!(
        service.on_message(PhaseStarted::TYPE, &message).unwrap_err(),
        PluginError::io("publish: the run is over")
    );
    service.stop(Duration::from_secs(2)).unwrap();
}
