//! What the plugin boundary costs: the chat API format in its library, opened by the loader, against the same code linked
//! into this program and called directly; and a vendor's API format in C against the same one in Rust, each in its library.
//!
//! `cargo bench -p prony --bench boundary` builds the libraries if they are not there, prints a table and fails when an
//! event of 200 bytes that has to be parsed takes more than [`BOUND`] times as long through the library, or more than
//! [`BOUND_IN_C`] times as long in C. Events that are like the one before are not parsed, and have a row without a bound. Both sides are measured in turns,
//! a few thousand calls each; a ratio is the median of the turns' ratios, so that what else the machine does falls on
//! both.
//!
//! The direct side is called in a loop from within a parser of this program, which is how it comes by a sink: what it
//! lacks is the call through the table, the guard against panics and the result that crosses. Its sink is the host's, as
//! the library's is; the row `callback` tells what one call of it costs.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and ends when it cannot run")]
#![expect(
    dead_code,
    unused_imports,
    reason = "of the plugin's unit tests everything is compiled but the tests"
)]
#![expect(clippy::disallowed_methods, reason = "a bench measures by the clock")]

// The plugin's own sources: the host depends on no plugin, not even here.
#[path = "../../plugins/endpoint-openai/src/answer.rs"]
mod answer;
#[path = "../../plugins/endpoint-openai/src/body.rs"]
mod body;
#[path = "../../plugins/endpoint-openai/src/chat.rs"]
mod chat;
#[path = "../../plugins/endpoint-openai/src/completions.rs"]
mod completions;
#[path = "../../plugins/endpoint-openai/src/content.rs"]
mod content;
#[path = "../../plugins/endpoint-openai/src/embeddings.rs"]
mod embeddings;
#[path = "../../plugins/endpoint-openai/src/likeness.rs"]
mod likeness;
#[path = "../../plugins/endpoint-openai/src/options.rs"]
mod options;
#[path = "../../plugins/endpoint-openai/src/prompt.rs"]
mod prompt;
#[path = "../../plugins/endpoint-openai/src/said.rs"]
mod said;
#[path = "../../plugins/endpoint-openai/src/speculation.rs"]
mod speculation;
#[path = "../../plugins/endpoint-openai/src/wire.rs"]
mod wire;

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Arc,
    time::Instant,
};

use prony::internals::open_library;
use prony_plugin_api::{
    Endpoint, EventSink, Parser, PartKind, RequestWriter, Result, TextKind, TokenUsage, TurnContext,
    abi::{
        EndpointVt_Ref,
        author::endpoint_table,
        host::{EndpointInstance, RequestSink, ResponseSink, Turn, TurnMessage, TurnPart},
    },
};

use self::{
    answer::AnswerParser, chat::ChatEndpoint, completions::CompletionsEndpoint,
    embeddings::EmbeddingsEndpoint,
};

/// What an event of [`BOUND_BYTES`] may cost through the library, in times of its cost without.
const BOUND: f64 = 1.3;
const BOUND_BYTES: usize = 200;

/// What the same event may cost an API format in C, in times of what it costs the same one in Rust.
const BOUND_IN_C: f64 = 1.1;

/// Calls in a turn, and turns.
const CALLS: u32 = 2_000;
const TURNS: usize = 200;

/// So many events of the same size, in one piece, are a ring: a parser is fed one after the other, again and again.
const RING: u32 = 16;

/// Two libraries that ship and the example of an endpoint, by package.
const PACKAGES: [&str; 3] = ["endpoint-openai", "service-server-metrics", "example-vendor"];

fn main() -> ExitCode {
    let libraries = build();
    println!("load time (check, sealed copy, dlopen, layouts)");
    for library in &libraries {
        load_time(library);
    }
    let root = open_library(&libraries[0]).expect("the library of the chat API format");
    let far = instance(root.endpoint("ChatEndpoint").expect("the chat API format"));
    let near = instance(endpoint_table::<Direct>("Direct"));

    println!("\n{:<22}{:>12}{:>12}{:>9}", "ns per call", "library", "linked", "ratio");
    let mut over = false;
    for size in [0, 50, BOUND_BYTES, 2_000] {
        let row = parse(&far, &near, &ring(size, 10), &ring(size, 50));
        let name = if size == 0 { "empty call".to_owned() } else { format!("event of {size} bytes") };
        row.print(&name);
        over |= size == BOUND_BYTES && row.ratio > BOUND;
    }
    let alike = event(BOUND_BYTES, 10).repeat(RING as usize);
    parse(&far, &near, &alike, &alike).print("like the one before");
    format(&far, &near).print("format, 1 kB prompt");
    callback(&near).print("callback");
    if over {
        println!(
            "\nan event of {BOUND_BYTES} bytes takes more than {BOUND} times as long through the library"
        );
    }
    let over_in_c = languages(&libraries[2]);
    if over || over_in_c { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The example of an endpoint in C against the one in Rust, both through the boundary. Returns whether C takes too long.
fn languages(in_rust: &Path) -> bool {
    let in_c = build_in_c(in_rust.parent().expect("a library stands in a folder"));
    let rust = open_library(in_rust).expect("the example in Rust");
    let rust = instance(rust.endpoint("ExampleVendor").expect("its endpoint"));
    let c = open_library(&in_c).expect("the example in C");
    let c = instance(c.endpoint("ExampleVendorC").expect("its endpoint"));
    println!("\n{:<22}{:>12}{:>12}{:>9}", "ns per call", "in C", "in Rust", "ratio");
    let mut over = false;
    for size in [50, BOUND_BYTES, 2_000] {
        let row = parse_both(&c, &rust, &event(size, 10));
        row.print(&format!("event of {size} bytes"));
        over |= size == BOUND_BYTES && row.ratio > BOUND_IN_C;
    }
    if over {
        println!("\nan event of {BOUND_BYTES} bytes takes more than {BOUND_IN_C} times as long in C");
    }
    over
}

/// Has the C compiler build the example in C into this folder.
fn build_in_c(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let library = folder.join("libexample_vendor_c.so");
    let mut command = Command::new("cc");
    command.args(["-std=c99", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-I"]);
    command.arg(root.join("plugin-api/include")).arg(root.join("plugins/example-vendor-c/plugin.c"));
    let status = command.arg("-o").arg(&library).status();
    assert!(status.expect("a C compiler starts").success(), "the example in C cannot be built");
    library
}

/// The same event through two libraries, in turns.
fn parse_both(one: &Arc<EndpointInstance>, other: &Arc<EndpointInstance>, event: &[u8]) -> Row {
    let mut one = one.parser().expect("a parser");
    let mut other = other.parser().expect("a parser");
    let (mut heard_one, mut heard_other) = (Heard::default(), Heard::default());
    let row = Row::measure(
        || (0..CALLS).for_each(|_| one.event("", black_box(event), &mut heard_one).expect("a good event")),
        || {
            (0..CALLS)
                .for_each(|_| other.event("", black_box(event), &mut heard_other).expect("a good event"));
        },
    );
    assert_eq!(heard_one.bytes, heard_other.bytes, "both sides must do the same work");
    row
}

/// Has cargo build the libraries where this program was built, and says where they are.
fn build() -> Vec<PathBuf> {
    let program = std::env::current_exe().expect("a program knows its own path");
    // target/release/deps/boundary-0123456789abcdef
    let release = program.ancestors().nth(2).expect("a bench stands in a build folder");
    let target = release.parent().expect("a bench stands in a build folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--target-dir"]).arg(target);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let status = command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).status();
    assert!(status.expect("cargo starts").success(), "the libraries cannot be built");
    let file = |package: &&str| target.join("release").join(format!("lib{}.so", package.replace('-', "_")));
    PACKAGES.iter().map(file).collect()
}

fn load_time(library: &Path) {
    let open = || {
        let start = Instant::now();
        let root = open_library(library).expect("a library that ships can be opened");
        black_box(root);
        start.elapsed().as_secs_f64() * 1e3
    };
    let (first, second) = (open(), open());
    let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
    println!("{name:<34}first {first:>6.2} ms, second {second:>6.2} ms");
}

fn instance(table: EndpointVt_Ref) -> Arc<EndpointInstance> {
    Arc::new(EndpointInstance::create(table, "{}").expect("no options are good options"))
}

/// A chat chunk of `size` bytes, with a number of two digits in it.
fn event(size: usize, number: u8) -> Vec<u8> {
    let (head, tail) = match size {
        0 => return Vec::new(),
        1..100 => (format!(r#"{{"n":{number},"choices":[{{"delta":{{"content":""#), r#""}}]}"#),
        _ => (
            format!(
                r#"{{"id":"chatcmpl-93227fa5a4af39ab","object":"chat.completion.chunk","created":17954901{number},"model":"tiny","choices":[{{"index":0,"delta":{{"content":""#
            ),
            r#""},"logprobs":null,"finish_reason":null}]}"#,
        ),
    };
    let text = "word ".repeat(size);
    let event = format!("{head}{}{tail}", &text[..size - head.len() - tail.len()]).into_bytes();
    assert_eq!(event.len(), size);
    event
}

/// Events of this size that differ in their numbers, from this one on.
fn ring(size: usize, first: u8) -> Vec<u8> {
    (first..).take(RING as usize).flat_map(|number| event(size, number)).collect()
}

/// The event of a ring whose turn it is at this call.
fn event_at(ring: &[u8], call: u32) -> &[u8] {
    let size = ring.len() / RING as usize;
    let start = (call % RING) as usize * size;
    &ring[start..start + size]
}

/// What both sides took.
struct Row {
    library: f64,
    linked: f64,
    ratio: f64,
}

impl Row {
    fn print(&self, name: &str) {
        println!("{name:<22}{:>12.1}{:>12.1}{:>9.3}", self.library, self.linked, self.ratio);
    }

    /// Measures both in turns.
    fn measure(mut library: impl FnMut(), mut linked: impl FnMut()) -> Self {
        let mut turns: Vec<(f64, f64)> = Vec::with_capacity(TURNS);
        for turn in 0..TURNS {
            // Who comes first changes as well.
            turns.push(if turn % 2 == 0 {
                let library = ns_per_call(&mut library);
                (library, ns_per_call(&mut linked))
            } else {
                let linked = ns_per_call(&mut linked);
                (ns_per_call(&mut library), linked)
            });
        }
        Self {
            library: median(turns.iter().map(|turn| turn.0)),
            linked: median(turns.iter().map(|turn| turn.1)),
            ratio: median(turns.iter().map(|turn| turn.0 / turn.1)),
        }
    }
}

/// Times `calls`, which makes [`CALLS`] of them.
fn ns_per_call(calls: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    calls();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The events of a ring, by parsers that have read those of another before: after so many that are all different, the API format
/// remembers none of what follows.
fn parse(far: &Arc<EndpointInstance>, near: &Arc<EndpointInstance>, before: &[u8], ring: &[u8]) -> Row {
    let mut far = far.parser().expect("a parser");
    let mut near = near.parser().expect("a parser");
    let (mut heard_far, mut heard_near) = (Heard::default(), Heard::default());
    for call in 0..RING {
        far.event("", event_at(before, call), &mut heard_far).expect("a good event");
    }
    near.event(ONCE, before, &mut heard_near).expect("good events");
    let row = Row::measure(
        || {
            for call in 0..CALLS {
                far.event("", black_box(event_at(ring, call)), &mut heard_far).expect("a good event");
            }
        },
        || near.event("", ring, &mut heard_near).expect("good events"),
    );
    assert_eq!(heard_far.bytes, heard_near.bytes, "both sides must do the same work");
    row
}

fn format(far: &EndpointInstance, near: &EndpointInstance) -> Row {
    let prompt = "word ".repeat(200);
    let parts = [TurnPart { kind: PartKind::TEXT, name: "", data: &prompt }];
    let messages = [TurnMessage { role: "user", parts: &parts }];
    let turn =
        Turn { model: "tiny", messages: &messages, max_tokens: Some(64), streaming: true, ..Turn::default() };
    let (mut written_far, mut written_near) = (Written::default(), Written::default());
    let row = Row::measure(
        || {
            for _ in 0..CALLS {
                far.format(black_box(&turn), &mut written_far).expect("a good turn");
            }
        },
        || near.format(&turn, &mut written_near).expect("a good turn"),
    );
    assert_eq!(written_far.0, written_near.0, "both sides must do the same work");
    row
}

/// One call of a sink across the boundary, as both sides make them, against one that stays in the host.
fn callback(near: &Arc<EndpointInstance>) -> Row {
    let mut parser = near.parser().expect("a parser");
    let (mut crossed, mut stayed) = (Heard::default(), Heard::default());
    let row = Row::measure(
        || parser.event(CALLBACK, b"", &mut crossed).expect("a good event"),
        || {
            for _ in 0..CALLS {
                black_box(&mut stayed).text(TextKind::CONTENT, 0, black_box("token"));
            }
        },
    );
    assert_eq!(crossed.bytes, stayed.bytes, "both sides must do the same work");
    row
}

/// Name of the event that asks [`Loop`] for callbacks and nothing else.
const CALLBACK: &str = "callback";

/// Name of the event that has [`Loop`] read a ring once.
const ONCE: &str = "once";

/// The chat API format, called [`CALLS`] times for each call.
struct Direct(ChatEndpoint);

struct Loop(AnswerParser);

impl Endpoint for Direct {
    type Parser = Loop;

    fn new(options: &str) -> Result<Self> {
        // Compiled in with it, as in the library.
        black_box([
            endpoint_table::<CompletionsEndpoint> as fn(&'static str) -> EndpointVt_Ref,
            endpoint_table::<EmbeddingsEndpoint>,
        ]);
        ChatEndpoint::new(options).map(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        (0..CALLS).try_for_each(|_| self.0.format(black_box(turn), request))
    }

    fn parser(&self) -> Loop {
        Loop(self.0.parser())
    }
}

impl Parser for Loop {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if name == CALLBACK {
            (0..CALLS).for_each(|_| out.text(TextKind::CONTENT, 0, black_box("token")));
            return Ok(());
        }
        let calls = if name == ONCE { RING } else { CALLS };
        (0..calls).try_for_each(|call| self.0.event("", black_box(event_at(data, call)), out))
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        self.0.body(status, body, out)
    }
}

/// Does with a text the least that a host does.
#[derive(Default)]
struct Heard {
    bytes: usize,
}

impl ResponseSink for Heard {
    fn text(&mut self, _kind: TextKind, _choice: u32, text: &str) {
        self.bytes += text.len();
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

/// Counts a body's bytes.
#[derive(Default)]
struct Written(usize);

impl RequestSink for Written {
    fn path(&mut self, _path: &str) {}
    fn header(&mut self, _name: &str, _value: &str) {}
    fn api_key_header(&mut self, _name: &str, _prefix: &str) {}
    fn body(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
    fn part(&mut self, _name: &str, _file_name: &str, _content_type: &str, _bytes: &[u8]) {}
}
