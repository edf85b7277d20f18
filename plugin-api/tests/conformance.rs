//! The suite finds what is wrong, and finds nothing wrong with what is right.
#![expect(clippy::panic, reason = "helpers of tests are tests")]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prony_plugin_api::{
    conformance::{Report, Selection, Suite, Verdict, CASES, SPEED},
    message::{PhaseEnded, RecordBatch},
    testing::Recording,
    Endpoint, EventSink, HostHandle, Message, Parser, PartKind, PluginError, RawMessage, RequestWriter,
    Result, Service, TextKind, TurnContext,
};
use rstest::rstest;
use serde_json::{json, Value};

/// An API format with one fault, named by the option `fault`.
struct Faulty {
    fault: String,
}

/// Counts what no plugin should share between parsers.
static SHARED: AtomicU64 = AtomicU64::new(0);

fn fault(options: &str) -> Result<String> {
    let options: Value = serde_json::from_str(options).map_err(PluginError::config)?;
    let Some(options) = options.as_object() else { return Err(PluginError::config("read the options")) };
    let fault = options.get("fault").and_then(Value::as_str).unwrap_or_default().to_owned();
    if fault == "strict options" && options.len() > 1 {
        return Err(PluginError::config("read an option that it does not know"));
    }
    if fault == "needs a region" {
        return Err(PluginError::config("read the option `region`: it is missing"));
    }
    Ok(fault)
}

impl Endpoint for Faulty {
    type Parser = FaultyParser;

    fn new(options: &str) -> Result<Self> {
        Ok(Self { fault: fault(options)? })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let texts = turn.messages().map(|message| message.text()).collect::<Vec<_>>().join("\n");
        match self.fault.as_str() {
            "refuses everything" => return Err(PluginError::unsupported("say anything")),
            "refuses streaming" if turn.streaming() => return Err(PluginError::unsupported("stream")),
            "no text in errors" => return Err(PluginError::unsupported("")),
            "panics at images" => {
                let mut parts = turn.messages().flat_map(|message| message.parts().collect::<Vec<_>>());
                assert!(parts.all(|part| part.kind() != PartKind::IMAGE), "an image");
            }
            "splits headers" => request.header("X-Text", &texts),
            "odd path" => request.path("no slash"),
            "no body" => return Ok(()),
            _ => {}
        }
        let mut body = json!({"model": turn.model(), "text": texts});
        if self.fault == "own text" {
            body["text"] = json!("something else");
        }
        if self.fault == "never the same" {
            body["number"] = json!(SHARED.fetch_add(1, Ordering::Relaxed));
        }
        let extra: Value = serde_json::from_str(turn.extra_json()).map_err(PluginError::config)?;
        for (name, value) in extra.as_object().into_iter().flatten() {
            if self.fault != "no extra fields" && (self.fault != "own fields win" || body.get(name).is_none())
            {
                body[name] = value.clone();
            }
        }
        if self.fault == "half a body" {
            return std::io::Write::write_all(request, &body.to_string().as_bytes()[1..])
                .map_err(PluginError::io);
        }
        serde_json::to_writer(request, &body).map_err(PluginError::malformed)
    }

    fn parser(&self) -> FaultyParser {
        FaultyParser { fault: self.fault.clone(), heard: false }
    }
}

struct FaultyParser {
    fault: String,
    heard: bool,
}

impl Parser for FaultyParser {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if self.fault == "hangs" && data == b"null" {
            std::thread::sleep(Duration::from_secs(3600));
        }
        if self.fault == "panics at bad bytes" {
            assert!(std::str::from_utf8(data).is_ok(), "bad bytes");
        }
        if data == b"[DONE]" {
            out.done();
            return Ok(());
        }
        if self.fault == "bloats" {
            for _ in 0..200 {
                out.text(TextKind::CONTENT, 0, &"x".repeat(1000));
            }
        }
        let event: Value = serde_json::from_slice(data).map_err(PluginError::malformed)?;
        if self.fault == "panics at null" && self.heard {
            assert!(!event["text"].is_null(), "no text");
        }
        self.heard = true;
        if let Some(text) = event["text"].as_str() {
            out.text(TextKind::CONTENT, 0, text);
            match self.fault.as_str() {
                "always complete" => out.done(),
                "shares" => {
                    out.text(TextKind::REASONING, 0, &SHARED.fetch_add(1, Ordering::Relaxed).to_string());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn body(&mut self, _status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if self.fault == "half bodies" {
            out.text(TextKind::CONTENT, 0, &String::from_utf8_lossy(body));
            out.done();
            return Ok(());
        }
        self.event("", body, out)?;
        out.done();
        Ok(())
    }

    fn end(&mut self, out: &mut EventSink<'_>) -> Result<()> {
        if self.fault == "makes things up" {
            out.text(TextKind::CONTENT, 0, "from nothing");
        }
        Ok(())
    }
}

const STREAM: &str = "data: {\"text\": \"Hello\"}\n\ndata: {\"text\": \", world\"}\n\ndata: [DONE]\n\n";

fn checked(fault: &str) -> Report {
    let options = if fault.is_empty() { json!({}) } else { json!({"fault": fault}) };
    Suite::new()
        .options(&options.to_string())
        .replay("stream.sse", Recording::stream(STREAM))
        .replay("body.json", Recording::body(200, "{\"text\": \"Hello, world\"}"))
        .mutations(500)
        .deadline(Duration::from_secs(if fault == "hangs" { 3 } else { 60 }))
        .endpoint::<Faulty>()
}

fn finding(report: &Report, verdict: Verdict) -> String {
    let findings = report.checks.iter().flat_map(|check| &check.findings);
    findings
        .filter(|finding| finding.verdict == verdict)
        .map(|finding| finding.text.clone())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_sound_endpoint_conforms_without_a_finding() {
    let report = checked("");
    assert!(report.conforms(), "{report}");
    assert_eq!(report.verdict(), Verdict::Ok, "{report}");
    assert_eq!(report.subject, "Faulty");
    assert!(report.checks.iter().map(|check| check.cases).sum::<u64>() > 1000, "{report}");
}

#[test]
fn every_case_of_endpoints_is_made_under_its_name() {
    let report = checked("");
    let made: Vec<&str> = report.checks.iter().map(|check| check.case.as_str()).collect();
    // What is measured needs a process of its own.
    let wanted = CASES.iter().filter(|case| case.of_endpoints && **case != SPEED);
    assert_eq!(made, wanted.map(|case| case.id).collect::<Vec<_>>());
}

/// A panic that only one case finds: it is told when that case is made, and not when it is left out.
#[rstest]
#[case(&[], &[], true)]
#[case(&["hostile"], &[], true)]
#[case(&["responses/*"], &[], false)]
#[case(&[], &["hostile", "fuzz"], false)]
fn only_the_chosen_cases_are_made(
    #[case] include: &[&str],
    #[case] exclude: &[&str],
    #[case] is_found: bool,
) {
    let owned = |patterns: &[&str]| patterns.iter().map(|&text| text.to_owned()).collect::<Vec<String>>();
    let report = Suite::new()
        .options(&json!({"fault": "panics at bad bytes"}).to_string())
        .replay("stream.sse", Recording::stream(STREAM))
        .choose(Selection::new(&owned(include), &owned(exclude)))
        .mutations(40)
        .endpoint::<Faulty>();
    assert_eq!(!report.conforms(), is_found, "{report}");
    let is_listed = |topic: &str| report.checks.iter().any(|check| check.case.starts_with(topic));
    assert_eq!(is_listed("hostile/"), is_found, "{report}");
}

#[test]
fn another_seed_tries_something_else_and_the_same_one_the_same() {
    let fuzzed = |seed| {
        Suite::new()
            .options(&json!({"fault": "panics at bad bytes"}).to_string())
            .replay("stream.sse", Recording::stream(STREAM))
            .choose(Selection::new(&["fuzz/events".to_owned()], &[]))
            .mutations(400)
            .seed(seed)
            .endpoint::<Faulty>()
    };
    assert!(finding(&fuzzed(1), Verdict::Fail).contains("(seed 1)"), "{}", fuzzed(1));
    assert_eq!(fuzzed(1), fuzzed(1));
    // The seed itself is in the texts.
    let tried = |seed: u64| finding(&fuzzed(seed), Verdict::Fail).replace(&format!("(seed {seed})"), "");
    assert_ne!(tried(1), tried(2));
}

#[test]
fn the_same_suite_finds_the_same() {
    assert_eq!(checked("bloats"), checked("bloats"));
}

#[rstest]
#[case("strict options", "refuses the option `prony_conformance_unknown_option`")]
#[case("refuses everything", "`format` refuses every turn")]
#[case("refuses streaming", "accepted either with or without streaming")]
#[case("panics at images", "`format` of a turn with an image panicked: an image")]
#[case("splits headers", "wrote a control character into the header `X-Text`")]
#[case("odd path", "wrote the path `no slash`")]
#[case("no body", "wrote no body")]
#[case("half a body", "failed to read the body as JSON")]
#[case("own text", "the text of the turn is not in the body")]
#[case("never the same", "the same turn formatted again is another request")]
#[case("no extra fields", "the extra field `prony_conformance_extra` is not in the body")]
#[case("own fields win", "the user's `model` does not win")]
#[case("panics at bad bytes", "with invalid UTF-8 panicked: bad bytes")]
#[case("panics at null", "panicked: no text")]
#[case("bloats", "bytes of text out of")]
#[case("shares", "`stream.sse` read twice gives two responses")]
#[case("always complete", "is complete with 5 of 12 bytes of text")]
#[case("half bodies", "is half a JSON document and counts as a success")]
#[case("makes things up", "`end` without anything before it reports content")]
#[case("hangs", "no return within 3s while checking `event` with null")]
fn every_fault_is_found(#[case] fault: &str, #[case] expected: &str) {
    let report = checked(fault);
    assert!(!report.conforms(), "{report}");
    assert!(finding(&report, Verdict::Fail).contains(expected), "{report}");
}

#[test]
fn what_cannot_be_made_is_not_checked_and_does_not_conform() {
    let report = checked("needs a region");
    assert!(!report.conforms(), "{report}");
    assert_eq!(report.verdict(), Verdict::Unchecked);
    assert!(report.to_string().starts_with("Faulty could not be checked\n"), "{report}");
    let found = finding(&report, Verdict::Unchecked);
    assert!(found.contains("`region`: it is missing; nothing could be checked: give options"), "{report}");
}

#[test]
fn an_error_without_a_text_is_told() {
    assert!(finding(&checked("no text in errors"), Verdict::Warn).contains("without a message"));
}

#[test]
fn a_recording_of_another_api_format_is_not_understood() {
    let other = Recording::stream("data: {\"word\": \"Hello\"}\n\n");
    let report = Suite::new().replay("other.sse", other).endpoint::<Faulty>();
    assert!(
        finding(&report, Verdict::Fail).contains(
            "`other.sse` was read as a stream of server-sent events, and nothing of it was reported"
        ),
        "{report}"
    );
}

#[test]
fn long_lists_of_findings_are_cut() {
    let report = checked("panics at bad bytes");
    let check = report.checks.iter().find(|check| check.unlisted > 0).unwrap();
    assert_eq!(check.findings.len(), 5);
    assert!(report.to_string().contains(&format!("and {} more", check.unlisted)));
}

/// A service with one fault, named by the option `fault`.
struct FaultyService {
    host: HostHandle,
    fault: String,
    started: bool,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Unnamed(u8, u8);

impl Message for Unnamed {
    const TYPE: &'static str = "unnamed";

    fn encode(&self) -> Result<Vec<u8>> {
        Ok(vec![0x92, 1, 2])
    }
}

impl Service for FaultyService {
    const SUBSCRIPTIONS: &'static [&'static str] = &[RecordBatch::TYPE, PhaseEnded::TYPE];

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, fault: fault(options)?, started: false })
    }

    fn start(&mut self) -> Result<()> {
        self.started = true;
        if self.fault == "hangs" {
            std::thread::sleep(Duration::from_secs(3600));
        }
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        match message.decode::<RecordBatch>() {
            Some(batch) if self.fault == "trusts" => assert!(batch.is_ok(), "not a batch"),
            Some(batch) => drop(batch?),
            None if message.message_type() != PhaseEnded::TYPE => {
                assert!(self.fault != "no strangers", "a stranger");
            }
            None => {
                let published = match self.fault.as_str() {
                    "unnamed fields" => self.host.publish(&Unnamed(1, 2)),
                    "must publish" => {
                        return self.host.publish(&PhaseEnded::default()).map_err(|error| panic!("{error}"))
                    }
                    _ => self.host.publish(&PhaseEnded::default()),
                };
                return published.map_err(PluginError::io);
            }
        }
        Ok(())
    }

    fn stop(&mut self, _deadline: Duration) -> Result<()> {
        assert!(self.started || self.fault != "must start", "never started");
        if self.fault == "stops the run" {
            self.host.request_stop("enough");
        }
        Ok(())
    }
}

fn service(fault: &str) -> Report {
    let suite = Suite::new().options(&json!({"fault": fault}).to_string());
    suite.deadline(Duration::from_secs(if fault == "hangs" { 3 } else { 60 })).service::<FaultyService>()
}

#[test]
fn a_sound_service_conforms_without_a_finding() {
    let report = service("");
    assert_eq!(report.verdict(), Verdict::Ok, "{report}");
    assert!(report.checks.len() > 8, "{report}");
}

#[rstest]
#[case("trusts", "panicked: not a batch")]
#[case("unnamed fields", "its `unnamed` message is not MessagePack with named fields")]
#[case("must publish", "panicked: publish: the bus is full")]
#[case("must start", "`stop` without `start` panicked: never started")]
#[case("hangs", "no return within 3s while checking `start` in order")]
fn every_fault_of_a_service_is_found(#[case] fault: &str, #[case] expected: &str) {
    let report = service(fault);
    assert!(!report.conforms(), "{report}");
    assert!(finding(&report, Verdict::Fail).contains(expected), "{report}");
}

#[rstest]
#[case("no strangers", "panics at a type that it did not subscribe to: a stranger")]
#[case("stops the run", "it asks the host to end the run: enough")]
fn what_a_service_may_do_and_should_not_is_a_warning(#[case] fault: &str, #[case] expected: &str) {
    let report = service(fault);
    assert!(report.conforms(), "{report}");
    assert!(finding(&report, Verdict::Warn).contains(expected), "{report}");
}

#[test]
fn a_report_survives_its_way_as_json() {
    let report = service("stops the run");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
