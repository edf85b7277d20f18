//! Slices of the measured time: what a run comes to in each of them, by overlap.
//!
//! The grid begins with the first measured phase. A latency and a length belong to the slice in which their request was sent. What is
//! done in a time is shared out by time: a request is in flight in each slice that it overlaps, its input tokens come evenly from when
//! it was sent to its first token, its output behind the first read evenly from there to its last token. A request is counted where it
//! ended. So a throughput of a slice is of that slice, and all slices together have what the run has.

use std::collections::BTreeMap;

use prony_plugin_api::message::PhaseKind;

use super::{
    Measured, MetricTable, Stats,
    beside::Beside,
    catalogue::{CATALOGUE, Measurable},
    columns::Columns,
    in_flight::Flight,
    metric::Metric,
    request::{LatencyOrigin, Request, TokenCounting},
    span::PhaseSpan,
    tags,
    window::Window,
};
use crate::{
    clock::RunNs,
    record::{Record, RunHeader},
};

const NS_PER_S: f64 = 1e9;

/// More slices are no table that anybody reads, and take memory.
pub(crate) const MOST_SLICES: u64 = 10_000;

/// What is reported of the requests that were sent in a slice.
const OF_REQUESTS: [&str; 5] = [
    tags::TIME_TO_FIRST_TOKEN,
    tags::REQUEST_LATENCY,
    tags::INTER_TOKEN_LATENCY,
    tags::INPUT_SEQUENCE_LENGTH,
    tags::OUTPUT_SEQUENCE_LENGTH,
];

/// Why there are no slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSlices {
    /// There are more than [`MOST_SLICES`].
    TooMany,
    /// The journal does not say for all requests when the first measured phase began.
    NoOrigin,
}

/// Where the grid of slices begins. A damaged journal may have requests, and not the beginning of their phase: their grid begins with
/// the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin(Option<RunNs>);

impl Origin {
    /// A measured phase begins; the first one counts.
    pub(crate) fn begin(&mut self, at_ns: RunNs) {
        self.0.get_or_insert(at_ns);
    }

    /// Where the grid begins on which requests were put.
    pub(crate) fn ns(self) -> RunNs {
        self.0.unwrap_or(0)
    }

    /// The same where no request was put on it.
    pub(crate) fn of_nothing(self, phases: &[PhaseSpan]) -> RunNs {
        let measured = phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
        self.0.or_else(|| measured.map(|span| span.start_ns).min()).unwrap_or(0)
    }
}

/// Collects the numbers of slices.
#[derive(Clone, Debug)]
pub(crate) struct Slices {
    width_ns: u64,
    origin: Origin,
    /// Nothing more is collected.
    refused: Option<NoSlices>,
    counting: TokenCounting,
    /// By phase: its latencies count from a schedule.
    is_open: Vec<bool>,
    nothing: Box<Columns>,
    by_place: BTreeMap<u64, Content>,
    scratch: Measured,
}

/// What is in one slice.
#[derive(Clone, Debug)]
struct Content {
    columns: Columns,
    done: Done,
}

/// What was done in it, by all requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Done {
    /// Requests that were sent.
    pub(crate) sent: u64,
    /// Requests that ended well.
    pub(crate) succeeded: u64,
    /// Requests that failed.
    pub(crate) failed: u64,
    /// Requests that prony ended.
    pub(crate) cancelled: u64,
    /// Time of all requests in flight together, in nanoseconds.
    pub(crate) in_flight_ns: f64,
    /// Tokens of the input of successful requests.
    pub(crate) input_tokens: f64,
    /// Tokens of the output of successful requests.
    pub(crate) output_tokens: f64,
}

/// The numbers of one slice.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    /// On the run's clock.
    pub(crate) start_ns: RunNs,
    pub(crate) end_ns: RunNs,
    /// It has its whole length.
    pub(crate) is_complete: bool,
    /// Of the requests that were sent in it.
    pub(crate) table: MetricTable,
    pub(crate) done: Done,
}

impl Slice {
    /// Its length in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.end_ns.saturating_sub(self.start_ns) as f64 / NS_PER_S
    }

    /// Every metric that it has: those of requests that were sent in it, and what was done in it.
    pub(crate) fn rows(&self) -> Vec<(&'static str, &'static str, Stats)> {
        let of_requests = self.table.rows().filter(|(metric, _)| OF_REQUESTS.contains(&metric.tag));
        let mut rows: Vec<_> = of_requests.map(|(metric, stats)| (metric.tag, metric.unit, stats)).collect();
        let seconds = self.seconds();
        let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        let Done { sent, succeeded, failed, cancelled, in_flight_ns, input_tokens, output_tokens } =
            self.done;
        let scalars = [
            ("sent_request_count", "requests", sent as f64),
            (tags::REQUEST_COUNT, "requests", succeeded as f64),
            (tags::ERROR_REQUEST_COUNT, "requests", failed as f64),
            (tags::CANCELLED_REQUEST_COUNT, "requests", cancelled as f64),
            (tags::REQUEST_THROUGHPUT, "requests/sec", per_second(succeeded as f64)),
            (tags::INPUT_TOKEN_THROUGHPUT, "tokens/sec", per_second(input_tokens)),
            (tags::OUTPUT_TOKEN_THROUGHPUT, "tokens/sec", per_second(output_tokens)),
            (tags::EFFECTIVE_CONCURRENCY, "requests", per_second(in_flight_ns / NS_PER_S)),
        ];
        rows.extend(scalars.map(|(tag, unit, value)| (tag, unit, Stats::Scalar(value))));
        rows
    }
}

impl Slices {
    /// None yet, of so many seconds each, of a run with this header.
    pub(crate) fn new(header: &RunHeader, seconds: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "flags bound it")]
        let width_ns = ((seconds * NS_PER_S) as u64).max(1);
        let measurable = Measurable {
            capabilities: &header.capabilities,
            origin: LatencyOrigin::Sent,
            is_replay: false,
            has_price: false,
            has_trace: false,
        };
        let is_wanted = |metric: &&Metric| OF_REQUESTS.contains(&metric.tag) && metric.applies(measurable);
        let columns = Columns::new(CATALOGUE.iter().filter(is_wanted), None).without_curves();
        let counting = if header.settings.use_server_token_count {
            TokenCounting::ServerOnly
        } else {
            TokenCounting::PreferServer
        };
        Self {
            width_ns,
            origin: Origin::default(),
            refused: None,
            counting,
            is_open: header.settings.phases.iter().map(|phase| phase.is_open_loop).collect(),
            nothing: Box::new(columns),
            by_place: BTreeMap::new(),
            scratch: Measured::new(),
        }
    }

    /// A measured phase begins; the first one counts.
    pub(crate) fn begin(&mut self, at_ns: RunNs) {
        self.origin.begin(at_ns);
    }

    /// Takes a request of a measured phase in.
    pub(crate) fn record(&mut self, record: &Record) {
        if self.refused.is_some() {
            return;
        }
        let is_open = self.is_open.get(record.phase as usize).copied().unwrap_or(false);
        let origin = if is_open { LatencyOrigin::Scheduled } else { LatencyOrigin::Sent };
        let request = Request { record, origin, counting: self.counting };
        let began_ns = record.instants.sent.unwrap_or(record.instants.started);
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Some(slice) = self.at(began_ns) {
            slice.done.sent += u64::from(record.instants.sent.is_some());
            slice.columns.record(&request, None, &mut scratch);
        }
        self.scratch = scratch;
        if let Some(slice) = self.at(record.instants.end) {
            let outcome = &record.outcome;
            slice.done.succeeded += u64::from(outcome.is_ok());
            slice.done.failed += u64::from(outcome.failure().is_some());
            slice.done.cancelled += u64::from(outcome.is_cancelled());
        }
        if let Some(flight) = Flight::of(&request) {
            self.share_out(&flight);
        }
    }

    /// Gives each slice what of a request was done in it.
    fn share_out(&mut self, flight: &Flight) {
        let Flight { sent_ns, tokens_ns, end_ns, input, output, later, .. } = *flight;
        let (input, output) = (f64::from(input), f64::from(output));
        self.spread((sent_ns, end_ns), (end_ns - sent_ns) as f64, |done, part| done.in_flight_ns += part);
        if let Some((first_ns, last_ns)) = tokens_ns {
            self.spread((sent_ns, first_ns), input, |done, part| done.input_tokens += part);
            self.spread((first_ns, first_ns), output - later, |done, part| done.output_tokens += part);
            self.spread((first_ns, last_ns), later, |done, part| done.output_tokens += part);
        } else {
            // Nothing is known of when a response in one piece was made.
            self.spread((sent_ns, end_ns), input, |done, part| done.input_tokens += part);
            self.spread((end_ns, end_ns), output, |done, part| done.output_tokens += part);
        }
    }

    /// Spreads an amount evenly over a time, which may be a moment.
    fn spread(&mut self, (from_ns, to_ns): (RunNs, RunNs), amount: f64, mut add: impl FnMut(&mut Done, f64)) {
        if amount <= 0.0 {
            return;
        }
        let (first, last) = (self.place(from_ns), self.place(to_ns));
        if last > MOST_SLICES {
            self.refuse(NoSlices::TooMany);
        }
        if self.refused.is_some() {
            return;
        }
        if first == last || to_ns <= from_ns {
            if let Some(slice) = self.at(from_ns) {
                add(&mut slice.done, amount);
            }
            return;
        }
        let (origin_ns, width_ns, whole_ns) = (self.origin.ns(), self.width_ns, (to_ns - from_ns) as f64);
        for place in first..=last {
            let start_ns = origin_ns.saturating_add(place.saturating_mul(width_ns)).max(from_ns);
            let end_ns = origin_ns.saturating_add((place + 1).saturating_mul(width_ns)).min(to_ns);
            if let Some(slice) = self.slice(place).filter(|_| end_ns > start_ns) {
                add(&mut slice.done, amount * ((end_ns - start_ns) as f64 / whole_ns));
            }
        }
    }

    fn place(&self, at_ns: RunNs) -> u64 {
        at_ns.saturating_sub(self.origin.ns()) / self.width_ns
    }

    fn at(&mut self, at_ns: RunNs) -> Option<&mut Content> {
        self.slice(self.place(at_ns))
    }

    /// The slice at a place; none where there are to be none.
    fn slice(&mut self, place: u64) -> Option<&mut Content> {
        if place > MOST_SLICES {
            self.refuse(NoSlices::TooMany);
        }
        if self.refused.is_some() {
            return None;
        }
        let nothing = &self.nothing;
        let none = || Content { columns: (**nothing).clone(), done: Done::default() };
        Some(self.by_place.entry(place).or_insert_with(none))
    }

    /// There are to be no slices: what was collected is dropped.
    fn refuse(&mut self, why: NoSlices) {
        self.refused.get_or_insert(why);
        self.by_place.clear();
    }

    /// Gets what was taken in ready to be merged.
    pub(crate) fn settle(&mut self) {
        self.by_place.values_mut().for_each(|slice| slice.columns.settle());
    }

    /// Takes in those of another collector.
    pub(crate) fn merge(&mut self, other: Self) {
        if let Some(why) = self.refused.or(other.refused) {
            return self.refuse(why);
        }
        if other.by_place.is_empty() {
            return;
        }
        if self.by_place.is_empty() {
            self.origin = other.origin;
        }
        if self.origin != other.origin {
            return self.refuse(NoSlices::NoOrigin);
        }
        for (place, more) in other.by_place {
            match self.by_place.get_mut(&place) {
                Some(slice) => {
                    slice.columns.merge(more.columns);
                    slice.done.add(&more.done);
                }
                None => drop(self.by_place.insert(place, more)),
            }
        }
    }

    /// The slices from the first measured phase to the end of the last request, those in which nothing was done among them.
    ///
    /// # Errors
    /// There are to be none.
    pub(crate) fn finish(mut self, phases: &[PhaseSpan]) -> Result<Vec<Slice>, NoSlices> {
        if let Some(why) = self.refused {
            return Err(why);
        }
        let origin_ns =
            if self.by_place.is_empty() { self.origin.of_nothing(phases) } else { self.origin.ns() };
        let measured = phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
        let last_ns = measured.filter_map(PhaseSpan::window_end_ns).max().unwrap_or(origin_ns);
        let count = last_ns.saturating_sub(origin_ns).div_ceil(self.width_ns);
        if count > MOST_SLICES {
            return Err(NoSlices::TooMany);
        }
        Ok((0..count).filter_map(|place| self.finished(place, origin_ns, last_ns)).collect())
    }

    fn finished(&mut self, place: u64, origin_ns: RunNs, last_ns: RunNs) -> Option<Slice> {
        let width_ns = self.width_ns;
        // What ends with the run is in the last slice, and not at the beginning of one behind it.
        let is_last = origin_ns.saturating_add((place + 1).saturating_mul(width_ns)) >= last_ns;
        let behind = if is_last { self.by_place.remove(&(place + 1)) } else { None };
        let Content { mut columns, mut done } = self.by_place.remove(&place).or_else(|| {
            self.slice(place)?;
            self.by_place.remove(&place)
        })?;
        if let Some(behind) = behind {
            columns.merge(behind.columns);
            done.add(&behind.done);
        }
        let start_ns = origin_ns.saturating_add(place.saturating_mul(width_ns));
        let whole_ns = start_ns.saturating_add(width_ns);
        let end_ns = whole_ns.min(last_ns);
        let span = PhaseSpan { start_ns, last_request_ns: Some(end_ns), ..PhaseSpan::default() };
        let table = columns.results(&Window::of(&[span]), Beside::default()).table;
        Some(Slice { start_ns, end_ns, is_complete: whole_ns <= last_ns, table, done })
    }
}

impl Done {
    fn add(&mut self, more: &Self) {
        self.sent += more.sent;
        self.succeeded += more.succeeded;
        self.failed += more.failed;
        self.cancelled += more.cancelled;
        self.in_flight_ns += more.in_flight_ns;
        self.input_tokens += more.input_tokens;
        self.output_tokens += more.output_tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample::{self, MS};

    fn slices(records: &[Record], seconds: f64, end_ms: u64) -> Vec<Slice> {
        let mut slices = Slices::new(&sample::header(), seconds);
        slices.begin(100 * MS);
        for record in records {
            slices.record(record);
        }
        let span = PhaseSpan {
            kind: PhaseKind::Profiling,
            start_ns: 100 * MS,
            last_request_ns: Some(end_ms * MS),
            ..PhaseSpan::default()
        };
        slices.finish(&[span]).unwrap()
    }

    /// `b` was sent at 100 ms, had two tokens at 200 ms and two more at 230 ms, and ended at 300 ms.
    #[test]
    fn a_request_is_in_all_slices_that_it_overlaps() {
        let found = slices(&[sample::b()], 0.1, 300);
        assert_eq!(found.len(), 2);
        assert_eq!([found[0].done.sent, found[1].done.sent], [1, 0]);
        assert_eq!([found[0].done.succeeded, found[1].done.succeeded], [0, 1], "it counts where it ended");
        let tokens = |slice: &Slice| (slice.done.input_tokens, slice.done.output_tokens);
        assert_eq!(tokens(&found[0]), (25.0, 0.0));
        assert_eq!(tokens(&found[1]), (0.0, 4.0));
        assert!(found.iter().all(|slice| (slice.done.in_flight_ns - 100.0 * MS as f64).abs() < 1.0));
        let latency = |slice: &Slice| slice.table.avg("request_latency");
        assert_eq!(
            (latency(&found[0]), latency(&found[1])),
            (Some(200.0), None),
            "it belongs to where it was sent"
        );
    }

    #[test]
    fn all_slices_together_have_what_the_run_has() {
        let records = [sample::a(), sample::b(), sample::c(), sample::d()];
        for seconds in [0.007, 0.03, 0.11, 5.0] {
            let found = slices(&records, seconds, 1100);
            let sum = |of: fn(&Done) -> f64| found.iter().map(|slice| of(&slice.done)).sum::<f64>();
            assert!((sum(|done| done.output_tokens) - 8.0).abs() < 1e-9, "{seconds}");
            assert!((sum(|done| done.input_tokens) - 50.0).abs() < 1e-9, "{seconds}");
            let counted: u64 = found.iter().map(|slice| slice.done.succeeded + slice.done.failed).sum();
            assert_eq!(counted, 4, "{seconds}");
        }
    }

    #[test]
    fn slices_without_anything_are_there_and_the_last_one_may_be_short() {
        let found = slices(&[sample::b()], 0.15, 700);
        assert_eq!(found.len(), 4);
        assert!(found[3].done == Done::default() && found[2].is_complete && found[3].is_complete);
        let found = slices(&[sample::b()], 0.15, 690);
        assert!(!found[3].is_complete && (found[3].seconds() - 0.14).abs() < 1e-9);
    }

    #[test]
    fn too_many_slices_are_none() {
        let mut slices = Slices::new(&sample::header(), 1e-6);
        slices.begin(0);
        slices.record(&sample::b());
        assert!(slices.by_place.is_empty(), "they take no memory");
        let span =
            PhaseSpan { kind: PhaseKind::Profiling, last_request_ns: Some(700 * MS), ..PhaseSpan::default() };
        assert_eq!(slices.finish(&[span]).unwrap_err(), NoSlices::TooMany);
    }

    /// What was put on a grid is told on the same grid.
    #[test]
    fn without_the_beginning_of_a_phase_the_grid_begins_with_the_run() {
        let span = PhaseSpan {
            kind: PhaseKind::Profiling,
            start_ns: 100 * MS,
            last_request_ns: Some(300 * MS),
            ..PhaseSpan::default()
        };
        let mut unknown = Slices::new(&sample::header(), 0.1);
        let mut whole = unknown.clone();
        let mut known = unknown.clone();
        unknown.record(&sample::b());
        known.begin(100 * MS);
        known.record(&sample::b());
        whole.merge(unknown);
        let found = whole.clone().finish(&[span]).unwrap();
        let sent: Vec<(RunNs, u64)> = found.iter().map(|slice| (slice.start_ns, slice.done.sent)).collect();
        assert_eq!(sent, [(0, 0), (100 * MS, 1), (200 * MS, 0)]);
        whole.merge(known);
        assert_eq!(whole.finish(&[span]).unwrap_err(), NoSlices::NoOrigin);
    }
}
