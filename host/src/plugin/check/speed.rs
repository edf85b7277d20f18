//! How fast an endpoint is, and whether it grows. Measured in the child, through the boundary, as in a run.

use std::{hint::black_box, sync::Arc};

use prony_plugin_api::{
    PartKind, TextKind, TokenUsage,
    abi::{
        EndpointVt_Ref,
        host::{EndpointInstance, ResponseSink},
    },
    conformance::{Check, Finding, SPEED, Suite, Verdict, Witness},
    framing::StreamSplitter,
    testing::{Recording, Request, TestEndpoint, Turn},
};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// Batches whose median is reported.
const BATCHES: usize = 11;

/// How long a batch takes at least, in nanoseconds.
const BATCH_NS: u64 = 20_000_000;

/// Events that are read to see whether the process grows, or fewer in this time.
const GROWTH_EVENTS: u64 = 1_000_000;
const GROWTH_NS: u64 = 3_000_000_000;

/// A process that grows by less than this does not grow: allocators keep pages.
const GROWTH_BYTES: u64 = 8 << 20;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Speed {
    /// Name of the recording that was read.
    pub(crate) recording: String,
    /// What was counted: `event`, or `body` for a recording that does not stream.
    pub(crate) unit: String,
    /// Nanoseconds for each, median of the batches. A response's share of its parser's making and end is included.
    pub(crate) ns_per_unit: f64,
    /// Nanoseconds for one request of a hundred words, median of the batches; absent when it is refused.
    pub(crate) ns_per_request: Option<f64>,
    /// Units read to see whether the process grows.
    pub(crate) growth_units: u64,
    /// By how many bytes the resident memory of the process grew meanwhile; absent where the system does not tell.
    pub(crate) growth_bytes: Option<u64>,
}

/// Measures with the first stream that the endpoint can read, or else with the first body.
pub(super) fn measure(
    suite: &Suite,
    table: EndpointVt_Ref,
    options: &str,
    witness: &mut dyn Witness,
) -> Option<Speed> {
    let readable = suite.readable(&TestEndpoint::from_table(table, options).ok()?);
    let is_stream = |(_, recording): &&(String, Recording)| recording.framing().is_some();
    let (name, recording) = readable.iter().find(is_stream).or(readable.first())?;
    let endpoint = Arc::new(EndpointInstance::create(table, options).ok()?);
    let workload = Workload::of(recording);
    witness.opens(SPEED);
    witness.begins(&format!("the speed with the recording `{name}`"));
    let clock = Clock::start();
    let ns_per_unit = median(|| batch(&clock, || workload.read(&endpoint)))?;
    witness.begins("the speed of `format`");
    let ns_per_request = request_ns(&clock, table, options);
    witness.begins("its memory over a million events");
    let before = resident_bytes();
    let (growth_units, _) = repeat(&clock, GROWTH_NS, GROWTH_EVENTS, || workload.read(&endpoint))?;
    let growth_bytes = before.zip(resident_bytes()).map(|(before, after)| after.saturating_sub(before));
    witness.checked(growth(growth_units, growth_bytes));
    let unit = workload.unit().to_owned();
    Some(Speed { recording: name.clone(), unit, ns_per_unit, ns_per_request, growth_units, growth_bytes })
}

/// A library that leaks is allowed; that it is meant is not likely.
fn growth(units: u64, bytes: Option<u64>) -> Check {
    let mut check = Check { cases: units, ..Check::of(SPEED) };
    if let Some(bytes) = bytes.filter(|bytes| *bytes > GROWTH_BYTES) {
        let text = format!("resident memory grew by {} kB while {units} were read", bytes / 1024);
        check.verdict = Verdict::Warn;
        check.findings.push(Finding { verdict: Verdict::Warn, text });
    }
    check
}

fn request_ns(clock: &Clock, table: EndpointVt_Ref, options: &str) -> Option<f64> {
    let endpoint = TestEndpoint::from_table(table, options).ok()?;
    let turn = Turn::user(&"word ".repeat(100)).max_tokens(64).streaming();
    let format = || {
        endpoint.format(&turn).ok().map(|request: Request| {
            black_box(request.body.len());
            1
        })
    };
    median(|| batch(clock, format))
}

/// What is read again and again.
enum Workload {
    Stream(Vec<(String, Vec<u8>)>),
    Body(u32, Vec<u8>),
}

impl Workload {
    fn of(recording: &Recording) -> Self {
        let bytes = recording.bytes();
        let Some(framing) = recording.framing() else {
            let status = if let Recording::Body(status, _) = recording { *status } else { 200 };
            return Self::Body(status, bytes.to_vec());
        };
        let mut events = Vec::new();
        let mut splitter = StreamSplitter::new(framing);
        let mut note = |name: &str, data: &[u8]| events.push((name.to_owned(), data.to_vec()));
        // It was read before, so it has no event that is too large.
        let _ = splitter.feed(bytes, &mut note);
        splitter.end(&mut note);
        Self::Stream(events)
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::Stream(_) => "event",
            Self::Body(..) => "body",
        }
    }

    /// Reads it once with a parser of its own. Returns the number of units; nothing when the parser failed.
    fn read(&self, endpoint: &Arc<EndpointInstance>) -> Option<u64> {
        let mut parser = endpoint.parser().ok()?;
        let mut tally = Tally::default();
        let units = match self {
            Self::Stream(events) => {
                for (name, data) in events {
                    parser.event(name, data, &mut tally).ok()?;
                }
                events.len() as u64
            }
            Self::Body(status, body) => {
                parser.body(*status, body, &mut tally).ok()?;
                1
            }
        };
        parser.end(&mut tally).ok()?;
        black_box(tally.seen);
        Some(units)
    }
}

/// Repeats until the time or the number is reached. Returns units and nanoseconds; nothing where there are no units.
fn repeat(
    clock: &Clock,
    at_least_ns: u64,
    most: u64,
    mut work: impl FnMut() -> Option<u64>,
) -> Option<(u64, u64)> {
    let (start, mut units) = (clock.now(), 0);
    loop {
        units += work().filter(|done| *done > 0)?;
        let elapsed = clock.now() - start;
        if elapsed >= at_least_ns || units >= most {
            return Some((units, elapsed));
        }
    }
}

/// Nanoseconds per unit of one batch.
fn batch(clock: &Clock, work: impl FnMut() -> Option<u64>) -> Option<f64> {
    repeat(clock, BATCH_NS, u64::MAX, work).map(|(units, ns)| ns as f64 / units as f64)
}

fn median(mut batch: impl FnMut() -> Option<f64>) -> Option<f64> {
    let mut batches: Vec<f64> = (0..BATCHES).map(|_| batch()).collect::<Option<_>>()?;
    batches.sort_by(f64::total_cmp);
    batches.get(BATCHES / 2).copied()
}

/// Pages in memory, from the second number of `/proc/self/statm`.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Takes events at no cost.
#[derive(Default)]
struct Tally {
    seen: usize,
}

impl ResponseSink for Tally {
    fn text(&mut self, _kind: TextKind, _choice: u32, text: &str) {
        self.seen += text.len();
    }
    fn usage(&mut self, _usage: &TokenUsage) {
        self.seen += 1;
    }
    fn finish(&mut self, _choice: u32, reason: &str) {
        self.seen += reason.len();
    }
    fn error(&mut self, _code: Option<u32>, _kind: &str, message: &str) {
        self.seen += message.len();
    }
    fn embedding(&mut self, _index: u32, _dimensions: u32) {
        self.seen += 1;
    }
    fn ranking(&mut self, _index: u32, _score: f64) {
        self.seen += 1;
    }
    fn media(&mut self, _kind: PartKind, _content_type: &str, _bytes: u64, _url: &str) {
        self.seen += 1;
    }
    fn follow_up(&mut self, _path: &str, _after_ms: u64) {
        self.seen += 1;
    }
    fn fact(&mut self, _name: &str, value: &str) {
        self.seen += value.len();
    }
    fn done(&mut self) {
        self.seen += 1;
    }
    fn tool_call(&mut self, _choice: u32, _index: u32, _id: &str, _name: &str, arguments: &str) {
        self.seen += arguments.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_within_what_an_allocator_keeps_is_none() {
        assert_eq!(growth(1_000_000, Some(GROWTH_BYTES)).verdict, Verdict::Ok);
        assert_eq!(growth(1_000_000, None).verdict, Verdict::Ok);
        let check = growth(1_000_000, Some(16_000_000));
        assert_eq!(check.verdict, Verdict::Warn);
        assert_eq!(check.findings[0].text, "resident memory grew by 15625 kB while 1000000 were read");
    }

    #[test]
    fn nothing_has_no_speed() {
        assert_eq!(batch(&Clock::start(), || Some(0)), None);
    }

    #[test]
    fn the_median_does_not_see_one_slow_batch() {
        let mut batches = [5.0, 1.0, 2.0, 9e9, 3.0, 4.0, 1.0, 2.0, 3.0, 3.0, 3.0].into_iter();
        assert_eq!(median(|| batches.next()), Some(3.0));
        assert_eq!(median(|| None), None);
    }
}
