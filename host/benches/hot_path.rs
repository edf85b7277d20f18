//! What a token costs between the read that brings it and the journal, piece by piece.
//!
//! `cargo bench -p prony --bench hot_path` builds the libraries if they are not there. First it counts allocations and
//! fails when a token in the middle of a stream makes one; then criterion measures:
//! - `split`: a stream of 500 chunks, cut into server-sent events (in bytes and in events a second);
//! - `library`: an event through the chat API format's library, with a sink that keeps nothing: one that has to be parsed, and
//!   one that is like the one before in all but its text;
//! - `stream`: the same stream split, parsed through the library and kept, in reads of one event each;
//! - `record`: its record, built and encoded for the journal, with and without counting tokens here;
//! - `quantiles`: the statistics of 10 million values.
//!
//! Allocations are counted by this program's allocator. A library has an allocator of its own, which nobody outside of it
//! can count; so the API format's sources are compiled into this program and called through the same tables as a library's:
//! what is counted is all of the host's way from a read to the answer, both sides of the boundary, and the API format.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and ends when it cannot run")]
#![expect(
    dead_code,
    unused_imports,
    reason = "of the plugin's unit tests everything is compiled but the tests"
)]

// The plugin's own sources: the host depends on no plugin, not even here.
#[path = "../../plugins/endpoint-openai/src/answer.rs"]
mod answer;
#[path = "../../plugins/endpoint-openai/src/body.rs"]
mod body;
#[path = "../../plugins/endpoint-openai/src/chat.rs"]
mod chat;
#[path = "../../plugins/endpoint-openai/src/content.rs"]
mod content;
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
};

use criterion::{BatchSize, Criterion, Throughput};
use prony::internals::{FinishedRequest, RecordMaker, StreamReader, open_library, percentile};
use prony_plugin_api::{
    PartKind, TextKind, TokenUsage,
    abi::{
        EndpointVt_Ref,
        author::endpoint_table,
        host::{EndpointInstance, ResponseSink},
    },
    sse::SseSplitter,
    testing::CountingAllocator,
};

use self::chat::ChatEndpoint;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Tokens of a stream.
const TOKENS: u64 = 500;

/// Values of which quantiles are taken.
const VALUES: usize = 10_000_000;

/// Bytes of a read, where the reads are not the chunks: events begin in one and end in the next.
const READ_BYTES: usize = 4_096;

fn main() -> ExitCode {
    let kept = count_allocations();
    let library = build();
    let root = open_library(&library).expect("the library of the chat API format");
    let api_format = instance(root.endpoint("ChatEndpoint").expect("the chat API format"));
    let mut criterion = Criterion::default().configure_from_args();
    split(&mut criterion);
    parse(&mut criterion, &api_format);
    stream(&mut criterion, &api_format);
    record(&mut criterion, &api_format);
    quantiles(&mut criterion);
    criterion.final_summary();
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Has cargo build the library where this program was built, and says where it is.
fn build() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    // target/release/deps/hot_path-0123456789abcdef
    let release = program.ancestors().nth(2).expect("a bench stands in a build folder");
    let target = release.parent().expect("a bench stands in a build folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--package", "endpoint-openai", "--target-dir"]);
    let status = command.arg(target).current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).status();
    assert!(status.expect("cargo starts").success(), "the library cannot be built");
    target.join("release/libendpoint_openai.so")
}

fn instance(table: EndpointVt_Ref) -> Arc<EndpointInstance> {
    Arc::new(EndpointInstance::create(table, "{}").expect("no options are good options"))
}

/// The chunks of an ordinary stream.
fn chunks() -> Vec<String> {
    stream_of(" word")
}

/// The chunks of a stream of [`TOKENS`], each as one read: a role, the tokens, the end.
fn stream_of(token: &str) -> Vec<String> {
    let token = format!(r#""content":"{token}""#);
    let chunk = |delta: &str, reason: &str| {
        format!(
            r#"data: {{"id":"chatcmpl-93227fa5a4af39ab","object":"chat.completion.chunk","created":1795490173,"model":"tiny","choices":[{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{reason}}}]}}"#
        ) + "\n\n"
    };
    let mut chunks = vec![chunk(r#""role":"assistant","content":"""#, "null")];
    chunks.extend((0..TOKENS).map(|_| chunk(&token, "null")));
    chunks.push(chunk("", r#""stop""#));
    chunks.push("data: [DONE]\n\n".to_owned());
    chunks
}

/// Counts, prints, and says whether a token in the middle of a stream allocates nothing.
fn count_allocations() -> bool {
    let plain = Allocations::of(&stream_of(" word"));
    println!("allocations per token: {}", plain.tokens.div_ceil(TOKENS));
    println!(
        "  of a stream of {TOKENS} tokens: {} up to the first, {} by the others, {} by doublings, {} by the end",
        plain.start, plain.tokens, plain.doublings, plain.end
    );
    let escaped = Allocations::of(&stream_of(r" word\n"));
    println!("  by a token whose text has an escape: {:.1}", escaped.tokens as f64 / (TOKENS - 1) as f64);
    plain.tokens == 0
}

/// How often memory is asked for while a stream is read.
///
/// What an answer keeps, its text and the gaps between tokens, grows by doubling, because nobody knows its length before
/// it ends. A doubling is seen by the room that there is, and counted apart: they come at the 8th, 16th, 32nd token.
#[derive(Default)]
struct Allocations {
    /// Up to the first token.
    start: u64,
    /// By every token after it, but for the doublings.
    tokens: u64,
    doublings: u64,
    /// By what follows the last token.
    end: u64,
}

impl Allocations {
    fn of(chunks: &[String]) -> Self {
        let api_format = instance(endpoint_table::<ChatEndpoint>("ChatEndpoint"));
        let mut reader = StreamReader::new(&api_format).expect("a parser");
        let mut counts = Self::default();
        for (at, chunk) in (1..).zip(chunks) {
            let (before, room) = (CountingAllocator::allocations(), reader.room());
            let tokens_before = reader.token_events();
            let good = reader.read(at, chunk.as_bytes());
            let allocations = CountingAllocator::allocations() - before;
            assert!(good, "a good event");
            let grown = room.iter().zip(reader.room()).filter(|(before, after)| **before != *after).count();
            if tokens_before == 0 {
                counts.start += allocations;
            } else if reader.token_events() == tokens_before {
                counts.end += allocations;
            } else {
                counts.doublings += grown as u64;
                counts.tokens += allocations - grown as u64;
            }
        }
        assert_eq!(reader.token_events(), TOKENS, "every token is read");
        counts
    }
}

/// A stream is cut into events.
fn split(criterion: &mut Criterion) {
    let text = chunks().concat();
    let mut group = criterion.benchmark_group("split");
    group.throughput(Throughput::ElementsAndBytes { elements: TOKENS + 3, bytes: text.len() as u64 });
    group.bench_function("events", |bencher| {
        bencher.iter(|| {
            let (mut splitter, mut bytes) = (SseSplitter::default(), 0);
            for read in black_box(text.as_bytes()).chunks(READ_BYTES) {
                let fed = splitter.feed(read, |_, data| bytes += data.len());
                fed.expect("small events");
            }
            bytes
        });
    });
    group.finish();
}

/// Events go through the library: those that have to be parsed, and those that are like the one before.
fn parse(criterion: &mut Criterion, api_format: &Arc<EndpointInstance>) {
    let chunk = &chunks()[1];
    let event = chunk.trim().trim_start_matches("data: ");
    let numbered = |end: u32| event.replace("1795490173", &format!("17954901{end}"));
    let different: Vec<String> = (10..42).map(numbered).collect();
    // After so many that are all different, the API format remembers none of what follows.
    let (before, ring) = different.split_at(16);
    parse_ring(criterion, api_format, "library/event", before, ring);
    parse_ring(criterion, api_format, "library/event like the one before", &[], &[event.to_owned()]);
}

/// The events of a ring go through the library again and again, after some others.
fn parse_ring(
    criterion: &mut Criterion,
    api_format: &Arc<EndpointInstance>,
    name: &str,
    before: &[String],
    ring: &[String],
) {
    let mut parser = api_format.parser().expect("a parser");
    let mut heard = Heard::default();
    for event in before {
        parser.event("", event.as_bytes(), &mut heard).expect("a good event");
    }
    let mut turns = ring.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let event = turns.next().expect("a ring has events");
            parser.event("", black_box(event.as_bytes()), &mut heard).expect("a good event");
        });
    });
    black_box(heard.bytes);
}

/// A stream is read as a worker reads it, from its first byte to the answer.
fn stream(criterion: &mut Criterion, api_format: &Arc<EndpointInstance>) {
    let chunks = chunks();
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(TOKENS));
    group.bench_function("tokens", |bencher| {
        bencher.iter(|| finished(api_format, &chunks));
    });
    group.finish();
}

/// A record is made of a finished stream, and encoded.
fn record(criterion: &mut Criterion, api_format: &Arc<EndpointInstance>) {
    let chunks = chunks();
    let mut group = criterion.benchmark_group("record");
    for (name, counts) in [("counted by the server", false), ("counted here", true)] {
        let maker = RecordMaker::new(counts);
        let mut journal = Vec::new();
        let counted = maker.keep(finished(api_format, &chunks), &mut journal);
        assert_eq!(counted, counts.then_some(TOKENS), "what is counted");
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || finished(api_format, &chunks),
                |finished| maker.keep(finished, &mut journal),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn finished(api_format: &Arc<EndpointInstance>, chunks: &[String]) -> FinishedRequest {
    let mut reader = StreamReader::new(api_format).expect("a parser");
    for (at, chunk) in (1..).zip(chunks) {
        assert!(reader.read(at, chunk.as_bytes()), "a good event");
    }
    reader.finish()
}

/// Many values are described.
fn quantiles(criterion: &mut Criterion) {
    // A generator of Lehmer's: values in no order, the same ones every time.
    let next = |state: &u64| Some(state * 48_271 % 2_147_483_647);
    let numbers = std::iter::successors(Some(1_u64), next).take(VALUES);
    let values: Vec<f64> = numbers.map(|number| number as f64).collect();
    let mut group = criterion.benchmark_group("quantiles");
    group.sample_size(10).throughput(Throughput::Elements(VALUES as u64));
    group.bench_function("10 million values", |bencher| {
        bencher.iter_batched_ref(
            || values.clone(),
            |values| percentile(values, "p99"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
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
