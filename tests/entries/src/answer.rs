//! The answer to a request, as an endpoint reads it.

use std::sync::Arc;

use prony_plugin_api::{
    ErrorKind, PartKind, Result, TextKind, TokenUsage,
    abi::host::{EndpointInstance, ParserInstance, PluginRoot, ResponseSink},
    framing::StreamSplitter,
    metadata::StreamFraming,
};

use crate::chance::Chance;

/// Statuses under which a body arrives.
const STATUSES: [u32; 6] = [200, 201, 400, 404, 429, 500];

/// What may separate the events of a stream.
const FRAMINGS: [StreamFraming; 3] = [StreamFraming::Events, StreamFraming::Lines, StreamFraming::Bytes];

/// Reads `data` as an answer to one of these endpoints of a library, which its first byte chooses: see [`answer`].
///
/// # Panics
/// When something does not hold that [`answer`] says.
pub fn any_answer(root: &PluginRoot, type_names: &[&str], data: &[u8]) {
    let Some((chosen, data)) = data.split_first() else { return };
    answer(root, type_names[usize::from(*chosen) % type_names.len()], data);
}

/// Reads `data` as an answer to the endpoint `type_name` of a library: as a stream and as a body, in any order.
///
/// The first byte decides the order of the calls and what separates events; the rest is the answer. Calls may fail, but no code panics; the same
/// calls tell the same again; and an empty text is never told, because each text is taken for a token.
///
/// # Panics
/// When one of that does not hold.
pub fn answer(root: &PluginRoot, type_name: &str, data: &[u8]) {
    let Some((order, answer)) = data.split_first() else { return };
    let table = root.endpoint(type_name).unwrap_or_else(|| panic!("there is no endpoint `{type_name}`"));
    let endpoint = Arc::new(EndpointInstance::create(table, "{}").expect("no options are good options"));
    let events = events(FRAMINGS[usize::from(*order) / 24 % FRAMINGS.len()], answer);
    let calls = Calls { order: *order, answer, events: &events };
    assert_eq!(calls.heard(&endpoint), calls.heard(&endpoint), "the same calls gave something else");
}

/// The events of a stream, each with its name: what arrives in reads, as of a network, is cut where a read ends.
fn events(framing: StreamFraming, stream: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut splitter, mut events) = (StreamSplitter::new(framing), Vec::new());
    let mut keep = |name: &str, data: &[u8]| events.push((name.to_owned(), data.to_vec()));
    let reads = match framing {
        StreamFraming::Events | StreamFraming::Lines => vec![stream],
        StreamFraming::Bytes => Chance::of(stream).pieces(stream, 256),
    };
    for read in reads {
        if splitter.feed(read, &mut keep).is_err() {
            return events;
        }
    }
    splitter.end(&mut keep);
    events
}

/// What is called, and with what.
struct Calls<'a> {
    order: u8,
    answer: &'a [u8],
    events: &'a [(String, Vec<u8>)],
}

impl Calls<'_> {
    /// Everything that a new parser tells.
    fn heard(&self, endpoint: &Arc<EndpointInstance>) -> Vec<String> {
        let mut heard = Heard { parser: endpoint.parser().expect("a parser"), answered: Answered::default() };
        match self.order % 4 {
            0 => self.events(&mut heard),
            1 => heard.body(200, self.answer),
            2 => heard.body(STATUSES[usize::from(self.order / 4) % STATUSES.len()], self.answer),
            _ => self.any_order(&mut heard),
        }
        heard.end();
        heard.answered.0
    }

    fn events(&self, heard: &mut Heard) {
        for (name, data) in self.events {
            heard.event(name, data);
        }
    }

    /// What no host does, and a parser must survive all the same.
    fn any_order(&self, heard: &mut Heard) {
        let mut chance = Chance::of(self.answer);
        for _ in 0..self.events.len().min(64) + 2 {
            match chance.below(4) {
                0 => heard.body(STATUSES[chance.below(STATUSES.len())], self.answer),
                1 => heard.end(),
                _ if self.events.is_empty() => heard.event("", self.answer),
                _ => {
                    let (name, data) = &self.events[chance.below(self.events.len())];
                    heard.event(name, data);
                }
            }
        }
    }
}

/// A parser and what it told.
struct Heard {
    parser: ParserInstance,
    answered: Answered,
}

impl Heard {
    fn event(&mut self, name: &str, data: &[u8]) {
        let result = self.parser.event(name, data, &mut self.answered);
        self.answered.ended("event", &result);
    }

    fn body(&mut self, status: u32, body: &[u8]) {
        let result = self.parser.body(status, body, &mut self.answered);
        self.answered.ended("body", &result);
    }

    fn end(&mut self) {
        let result = self.parser.end(&mut self.answered);
        self.answered.ended("end", &result);
    }
}

/// One line for each thing that was told.
#[derive(Default)]
struct Answered(Vec<String>);

impl Answered {
    fn ended(&mut self, call: &str, result: &Result<()>) {
        if let Err(error) = result {
            assert_ne!(error.kind, ErrorKind::PANIC, "`{call}` panicked: {}", error.message);
            self.0.push(format!("{call} failed: {error}"));
        }
    }
}

impl ResponseSink for Answered {
    fn text(&mut self, kind: TextKind, choice: u32, text: &str) {
        assert!(!text.is_empty(), "an empty text was told as a token");
        self.0.push(format!("text {} {choice} {text}", kind.0));
    }
    fn usage(&mut self, usage: &TokenUsage) {
        self.0.push(format!("{usage:?}"));
    }
    fn finish(&mut self, choice: u32, reason: &str) {
        self.0.push(format!("finish {choice} {reason}"));
    }
    fn error(&mut self, code: Option<u32>, kind: &str, message: &str) {
        self.0.push(format!("error {code:?} {kind} {message}"));
    }
    fn embedding(&mut self, index: u32, dimensions: u32) {
        self.0.push(format!("embedding {index} {dimensions}"));
    }
    fn ranking(&mut self, index: u32, score: f64) {
        self.0.push(format!("ranking {index} {score}"));
    }
    fn media(&mut self, kind: PartKind, content_type: &str, bytes: u64, url: &str) {
        self.0.push(format!("media {} {content_type} {bytes} {url}", kind.0));
    }
    fn follow_up(&mut self, path: &str, after_ms: u64) {
        self.0.push(format!("follow up {path} {after_ms}"));
    }
    fn fact(&mut self, name: &str, value: &str) {
        self.0.push(format!("fact {name} {value}"));
    }
    fn done(&mut self) {
        self.0.push("done".to_owned());
    }
    fn tool_call(&mut self, choice: u32, index: u32, id: &str, name: &str, arguments: &str) {
        self.0.push(format!("call {choice} {index} {id} {name} {arguments}"));
    }
}
