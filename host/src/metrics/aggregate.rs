//! The [`Aggregator`]: takes what the journal holds, one entry at a time or in parts, and ends as [`Results`].
//!
//! It keeps one number per request and metric, and no number per token. Warm-up and profiling are kept apart; several
//! phases of a kind are measured together. A failed or cancelled request is counted and otherwise has no part in any
//! number, but for the window, which it can only make longer.

use std::collections::BTreeMap;

use prony_plugin_api::message::PhaseKind;
use serde::Serialize;

use super::{
    Measured, Results,
    catalogue::CATALOGUE,
    client::ClientReport,
    columns::Columns,
    first_reads::FirstReads,
    request::{LatencyOrigin, Request, TokenCounting},
};
use crate::{
    clock::RunNs,
    record::{Record, RunHeader, ScheduleCounts, WorkerUsage, settings::PhaseSettings},
    request::target::place_of,
};

/// One phase's place on the run's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PhaseSpan {
    /// Position in the run.
    pub(crate) index: u32,
    /// Warm-up or profiling.
    pub(crate) kind: PhaseKind,
    /// When it began. Where the journal has lost that, when its first request was due.
    pub(crate) start_ns: RunNs,
    /// The journal has lost its beginning.
    pub(crate) has_lost_start: bool,
    /// When it was over; unknown when the run was killed in it.
    pub(crate) end_ns: Option<RunNs>,
    /// End of its last request, successful or not.
    pub(crate) last_request_ns: Option<RunNs>,
    /// What became of its schedule; unknown when the run was killed in it.
    pub(crate) schedule: Option<ScheduleCounts>,
    /// Requests that a connection took.
    pub(crate) sent: u64,
    /// Those among them that were taken more than [`LATE_NS`] after the schedule wanted them sent. A closed loop has no
    /// such instants.
    pub(crate) late: u64,
}

/// What became of the requests that a schedule wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PhaseCounts {
    /// Requests that the schedule wanted sent.
    pub(crate) scheduled: u64,
    /// Requests that a connection took.
    pub(crate) sent: u64,
    /// Sent more than [`LATE_NS`] after their time.
    pub(crate) late: u64,
    /// Never tried, because the phase was over first.
    pub(crate) dropped: u64,
    /// Tried, and then lost with their worker.
    pub(crate) lost: u64,
}

impl std::iter::Sum for PhaseCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |a, b| Self {
            scheduled: a.scheduled + b.scheduled,
            sent: a.sent + b.sent,
            late: a.late + b.late,
            dropped: a.dropped + b.dropped,
            lost: a.lost + b.lost,
        })
    }
}

/// A request that was sent so long after its time was late, in nanoseconds.
const LATE_NS: u64 = 1_000_000;

impl PhaseSpan {
    /// End of the window over which throughputs are taken: that of the last request, so that neither housekeeping
    /// after it nor a missing end bends a number. A phase without requests ends when it ended.
    pub(crate) fn window_end_ns(&self) -> Option<RunNs> {
        self.last_request_ns.or(self.end_ns)
    }

    /// What became of its requests; unknown when the run was killed in it.
    pub(crate) fn counts(&self) -> Option<PhaseCounts> {
        let ScheduleCounts { scheduled, dropped, lost } = self.schedule?;
        Some(PhaseCounts { scheduled, sent: self.sent, late: self.late, dropped, lost })
    }

    fn window_ns(&self) -> Option<u64> {
        self.window_end_ns()?.checked_sub(self.start_ns)
    }
}

/// What is measured of each base URL, where there are several.
const OF_URLS: [&str; 2] = ["time_to_first_token", "request_latency"];

/// Collects the numbers of a run, or of a part of it.
#[derive(Clone, Debug)]
pub(crate) struct Aggregator {
    /// The kind of each phase, and where the latency of its requests counts from.
    asked: Vec<(PhaseKind, LatencyOrigin)>,
    counting: TokenCounting,
    phases: BTreeMap<u32, PhaseSpan>,
    warmup: Columns,
    profiling: Columns,
    /// Profiled requests by the base URL that they went to, where there are several.
    by_url: Vec<Columns>,
    /// How workers fared in profiling.
    workers: Vec<WorkerUsage>,
    /// First tokens of profiled requests.
    first_reads: FirstReads,
}

impl Aggregator {
    /// Starts empty, with the metrics that make sense for the run.
    pub(crate) fn new(header: &RunHeader) -> Self {
        let columns = |kind| {
            let mut phases = header.settings.phases.iter().filter(|phase| phase.kind == kind);
            // An open loop in one of several phases is enough: requests of the others leave its metrics out.
            let open = phases.any(|phase| origin_of(phase) == LatencyOrigin::Scheduled);
            let origin = if open { LatencyOrigin::Scheduled } else { LatencyOrigin::Sent };
            Columns::new(CATALOGUE.iter().filter(|metric| metric.applies(&header.capabilities, origin)))
        };
        let urls = header.settings.urls.len();
        let of_urls = columns(PhaseKind::Profiling).only(&OF_URLS);
        Self {
            by_url: vec![of_urls; if urls > 1 { urls } else { 0 }],
            counting: if header.settings.use_server_token_count {
                TokenCounting::ServerOnly
            } else {
                TokenCounting::PreferServer
            },
            warmup: columns(PhaseKind::Warmup),
            profiling: columns(PhaseKind::Profiling),
            phases: BTreeMap::new(),
            workers: Vec::new(),
            first_reads: FirstReads::default(),
            asked: header.settings.phases.iter().map(|phase| (phase.kind, origin_of(phase))).collect(),
        }
    }

    /// Makes room for as many requests as the run may have profiled: those that were asked for, if there can be so many.
    pub(crate) fn reserve(&mut self, header: &RunHeader, most: usize) {
        let profiling = header.settings.phases.iter().filter(|phase| phase.kind == PhaseKind::Profiling);
        let wanted: Option<u64> = profiling.map(|phase| phase.request_count).sum();
        let wanted = wanted.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(usize::MAX);
        self.profiling.reserve(wanted.min(most));
    }

    /// A phase begins.
    pub(crate) fn phase_started(&mut self, index: u32, kind: PhaseKind, at_ns: RunNs) {
        let span = PhaseSpan { index, kind, start_ns: at_ns, ..PhaseSpan::default() };
        self.phases.insert(index, span);
    }

    /// A phase is over.
    pub(crate) fn phase_ended(
        &mut self,
        index: u32,
        at_ns: RunNs,
        counts: ScheduleCounts,
        workers: Vec<WorkerUsage>,
    ) {
        let Some(span) = self.phases.get_mut(&index) else { return };
        span.end_ns = Some(at_ns);
        span.schedule = Some(counts);
        if span.kind == PhaseKind::Profiling {
            self.workers.extend(workers);
        }
    }

    /// What was measured of the client while it profiled.
    pub(crate) fn client(&self) -> ClientReport {
        let first_reads = self.first_reads.summary(&self.workers);
        ClientReport::judge(self.workers.clone(), first_reads)
    }

    /// Kind of a phase.
    pub(crate) fn kind_of(&self, phase: u32) -> PhaseKind {
        let began = self.phases.get(&phase).map(|span| span.kind);
        began.or_else(|| self.asked_of(phase).map(|(kind, _)| kind)).unwrap_or_default()
    }

    fn asked_of(&self, phase: u32) -> Option<(PhaseKind, LatencyOrigin)> {
        self.asked.get(phase as usize).copied()
    }

    /// The phase of a record.
    fn span_of(&mut self, record: &Record) -> &mut PhaseSpan {
        let kind = self.kind_of(record.phase);
        let due = record.instants.scheduled;
        let lost = PhaseSpan {
            index: record.phase,
            kind,
            start_ns: due,
            has_lost_start: true,
            ..PhaseSpan::default()
        };
        let span = self.phases.entry(record.phase).or_insert(lost);
        if span.has_lost_start {
            span.start_ns = span.start_ns.min(due);
        }
        span
    }

    /// A request is over. What it measured is in `measured` afterwards.
    pub(crate) fn record(&mut self, record: &Record, measured: &mut Measured) {
        let origin = self.asked_of(record.phase).map_or(LatencyOrigin::Sent, |(_, origin)| origin);
        let span = self.span_of(record);
        span.last_request_ns = span.last_request_ns.max(Some(record.instants.end));
        if let Some(sent) = record.instants.sent {
            let lateness = sent.saturating_sub(record.instants.scheduled);
            let is_open = origin == LatencyOrigin::Scheduled;
            span.sent += 1;
            span.late += u64::from(is_open && lateness > LATE_NS);
        }
        let request = Request { record, origin, counting: self.counting };
        match self.kind_of(record.phase) {
            PhaseKind::Warmup => self.warmup.add(&request, measured),
            PhaseKind::Profiling => {
                if record.outcome.is_ok() {
                    self.first_reads.add(record);
                }
                let place = place_of(record.session_num, self.by_url.len());
                if let Some(columns) = self.by_url.get_mut(place) {
                    columns.add(&request, measured);
                }
                self.profiling.add(&request, measured);
            }
        }
    }

    /// Takes in the requests of another part of the run, which began as a clone of this without any.
    pub(crate) fn append(&mut self, part: Self) {
        for (index, of_part) in part.phases {
            let Some(span) = self.phases.get_mut(&index) else {
                self.phases.insert(index, of_part);
                continue;
            };
            if span.has_lost_start {
                span.start_ns = span.start_ns.min(of_part.start_ns);
            }
            span.last_request_ns = span.last_request_ns.max(of_part.last_request_ns);
            span.sent += of_part.sent;
            span.late += of_part.late;
        }
        self.warmup.append(part.warmup);
        self.profiling.append(part.profiling);
        self.first_reads.append(part.first_reads);
        for (columns, more) in self.by_url.iter_mut().zip(part.by_url) {
            columns.append(more);
        }
    }

    /// Every phase that began, in order.
    pub(crate) fn phases(&self) -> impl Iterator<Item = PhaseSpan> {
        self.phases.values().copied()
    }

    /// Computes the numbers of profiling.
    pub(crate) fn profiling_results(&mut self) -> Results {
        let window_s = self.window_s(PhaseKind::Profiling);
        self.profiling.results(window_s)
    }

    /// Computes the numbers of profiling for each base URL, in the order of the configuration; none where there is
    /// only one.
    pub(crate) fn results_by_url(&mut self) -> Vec<Results> {
        let window_s = self.window_s(PhaseKind::Profiling);
        self.by_url.iter_mut().map(|columns| columns.results(window_s)).collect()
    }

    /// Computes the numbers of the warm-up; `None` when there was none.
    pub(crate) fn warmup_results(&mut self) -> Option<Results> {
        let window_s = self.window_s(PhaseKind::Warmup);
        self.of_kind(PhaseKind::Warmup).next()?;
        Some(self.warmup.results(window_s))
    }

    fn of_kind(&self, kind: PhaseKind) -> impl Iterator<Item = &PhaseSpan> {
        self.phases.values().filter(move |span| span.kind == kind)
    }

    fn window_s(&self, kind: PhaseKind) -> Option<f64> {
        let windows = self.of_kind(kind).filter_map(PhaseSpan::window_ns);
        windows.reduce(u64::saturating_add).filter(|ns| *ns > 0).map(|ns| ns as f64 / 1e9)
    }
}

fn origin_of(phase: &PhaseSettings) -> LatencyOrigin {
    if phase.is_open_loop { LatencyOrigin::Scheduled } else { LatencyOrigin::Sent }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorDetails;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::metrics::TokenSource;
    use crate::{
        metrics::{Distribution, Stats, catalogue::Source, sample},
        record::{Frame, Outcome},
    };

    fn aggregate(header: RunHeader, records: &[Record]) -> Aggregator {
        let mut aggregator = Aggregator::new(&header);
        for frame in sample::journal(header, records) {
            match frame {
                Frame::PhaseStarted { index, kind, at_ns } => aggregator.phase_started(index, kind, at_ns),
                Frame::PhaseEnded { index, at_ns, counts, workers } => {
                    aggregator.phase_ended(index, at_ns, counts, workers);
                }
                Frame::Record(record) | Frame::Uncounted(record) => {
                    aggregator.record(&record, &mut Measured::new());
                }
                Frame::Header(_) | Frame::Counted(_) | Frame::Message { .. } | Frame::End(_) => {}
            }
        }
        aggregator
    }

    fn profiled(records: &[Record]) -> Results {
        aggregate(sample::header(), records).profiling_results()
    }

    fn distribution(results: &Results, tag: &str) -> Distribution {
        match results.table.get(tag) {
            Some(Stats::Distribution(distribution)) => distribution,
            other => panic!("{tag} is {other:?}"),
        }
    }

    /// The statistics of everything that is measured of requests and not per second.
    fn of_requests(results: &Results) -> Vec<(&'static str, Stats)> {
        let rows = results.table.rows();
        rows.filter(|(metric, _)| !matches!(metric.source, Source::Rate(_) | Source::Phase(_)))
            .map(|(metric, stats)| (metric.tag, stats))
            .collect()
    }

    // `a` and `b` succeed, in a window of one second.
    #[rstest]
    #[case("request_count", 2.0)]
    #[case("error_request_count", 2.0)]
    #[case("cancelled_request_count", 0.0)]
    #[case("completed_request_count", 4.0)]
    #[case("request_error_rate", 50.0)]
    #[case("benchmark_duration", 1.0)]
    #[case("request_throughput", 2.0)]
    #[case("output_token_throughput", 8.0)]
    #[case("input_token_throughput", 50.0)]
    #[case("total_token_throughput", 58.0)]
    #[case("total_osl", 8.0)]
    #[case("total_isl", 50.0)]
    #[case("total_usage_prompt_tokens", 60.0)]
    #[case("osl_mismatch_count", 0.0)]
    #[case("time_to_first_token", 75.0)]
    #[case("time_to_second_token", 20.0)]
    #[case("request_latency", 150.0)]
    #[case("inter_token_latency", 12.5)]
    #[case("inter_chunk_latency", 15.0)]
    #[case("e2e_output_token_throughput", 30.0)]
    #[case("send_lateness", 1.0)]
    #[case("connection_time", 2.0)]
    #[case("tokens_per_read", 1.5)]
    fn numbers_of_the_sample_are_those_worked_by_hand(#[case] tag: &str, #[case] expected: f64) {
        let results = profiled(&[sample::a(), sample::b(), sample::c(), sample::d()]);
        assert_eq!(results.table.avg(tag), Some(expected));
    }

    #[test]
    fn percentiles_interpolate_and_gaps_are_pooled() {
        let results = profiled(&[sample::a(), sample::b()]);
        let latency = distribution(&results, "time_to_first_token");
        assert_eq!((latency.min, latency.max, latency.count, latency.std), (50.0, 100.0, 2, 25.0));
        assert_eq!(latency.percentile("p99"), Some(99.5));
        let gaps = distribution(&results, "inter_chunk_latency");
        assert_eq!((gaps.min, gaps.max, gaps.count, gaps.sum), (10.0, 30.0, 4, 60.0));
    }

    #[test]
    fn metrics_without_a_value_are_absent() {
        let results = profiled(&[sample::c(), sample::d()]);
        let tags: Vec<&str> = results.table.rows().map(|(metric, _)| metric.tag).collect();
        assert_eq!(
            tags,
            [
                "request_throughput",
                "request_count",
                "error_request_count",
                "cancelled_request_count",
                "completed_request_count",
                "request_error_rate",
                "benchmark_duration",
            ]
        );
        assert_eq!(results.table.avg("request_throughput"), Some(0.0));
    }

    #[test]
    fn the_warm_up_has_numbers_of_its_own() {
        let mut aggregator = aggregate(sample::header(), &[sample::a()]);
        let warmup = aggregator.warmup_results().unwrap();
        assert_eq!(warmup.table.avg("request_latency"), Some(90.0));
        assert_eq!(warmup.table.avg("benchmark_duration"), Some(0.09));
        assert_eq!(aggregator.profiling_results().outcomes.succeeded, 1);
    }

    #[test]
    fn an_open_loop_has_latency_from_the_schedule_and_service_time_beside_it() {
        let mut header = sample::header();
        header.settings.phases[1].is_open_loop = true;
        let table = aggregate(header, &[sample::a()]).profiling_results().table;
        assert_eq!(table.avg("request_latency"), Some(102.0));
        assert_eq!(table.avg("request_service_time"), Some(100.0));
        assert_eq!(table.avg("time_to_first_token"), Some(50.0));
        assert_eq!(table.avg("time_to_first_token_from_schedule"), Some(52.0));
        let closed = profiled(&[sample::a()]).table;
        assert_eq!(closed.avg("request_service_time"), None);
    }

    #[rstest]
    #[case::all_by_the_server(true, true, false, TokenSource::Server)]
    #[case::none_by_the_server(false, false, false, TokenSource::Client)]
    #[case::one_by_the_server(true, false, false, TokenSource::Mixed)]
    #[case::only_the_server_may_and_does_not(false, false, true, TokenSource::None)]
    fn the_token_source_says_who_counted(
        #[case] a_has_usage: bool,
        #[case] b_has_usage: bool,
        #[case] use_server_token_count: bool,
        #[case] expected: TokenSource,
    ) {
        let mut header = sample::header();
        header.settings.use_server_token_count = use_server_token_count;
        let (mut a, mut b) = (sample::a(), sample::b());
        a.usage = a.usage.filter(|_| a_has_usage);
        b.usage = b.usage.filter(|_| b_has_usage);
        let results = aggregate(header, &[a, b]).profiling_results();
        assert_eq!(results.token_source, expected);
    }

    proptest! {
        #[test]
        fn errors_never_improve_a_number(
            ends_ms in prop::collection::vec(1_u64..2_000, 0..8),
            cancelled: bool,
            at in 0_usize..3,
        ) {
            let without = profiled(&[sample::a(), sample::b()]);
            let failures = ends_ms.iter().map(|end| Record {
                outcome: if cancelled { Outcome::cancelled() } else { Outcome::of(Some(ErrorDetails::default())) },
                instants: crate::record::Instants { end: end * sample::MS, ..sample::a().instants },
                ..sample::a()
            });
            let mut records = vec![sample::a(), sample::b()];
            records.splice(at..at, failures);
            let with = profiled(&records);
            prop_assert_eq!(of_requests(&with), of_requests(&without));
            for tag in ["request_throughput", "output_token_throughput", "total_token_throughput"] {
                prop_assert!(with.table.avg(tag) <= without.table.avg(tag));
            }
            let counted = if cancelled { "cancelled_request_count" } else { "error_request_count" };
            prop_assert_eq!(with.table.avg(counted), Some(ends_ms.len() as f64));
        }
    }
}
