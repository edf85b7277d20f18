use prony_plugin_api::ErrorDetails;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::metrics::TokenSource;
use crate::{
    metrics::{Distribution, Statistic, Stats, catalogue::Source, sample},
    plan::{Class, Objective},
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
            Frame::Header(_)
            | Frame::Counted(_)
            | Frame::Message { .. }
            | Frame::Mark(_)
            | Frame::Node(_)
            | Frame::End(_) => {}
        }
    }
    aggregator
}

#[rstest]
#[case::apart(&[(0, 10), (20, 25)], Some(15.0))]
#[case::handed_over(&[(0, 12), (10, 20)], Some(20.0))]
#[case::inside(&[(0, 30), (10, 20)], Some(30.0))]
#[case::none(&[], None)]
fn what_windows_have_in_common_counts_once(#[case] windows: &[(u64, u64)], #[case] expected: Option<f64>) {
    let span = |(start, end): &(u64, u64)| PhaseSpan {
        start_ns: start * 1_000_000_000,
        last_request_ns: Some(end * 1_000_000_000),
        ..PhaseSpan::default()
    };
    let spans: Vec<_> = windows.iter().map(span).collect();
    assert_eq!(Window::of(&spans).seconds(), expected);
}

fn profiled(records: &[Record]) -> Results {
    aggregate(sample::header(), records).results(&|_| Beside::default()).measured
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
    let is_of_failures = |tag| ["error_isl", "total_error_isl"].contains(&tag);
    rows.filter(|(metric, _)| {
        !matches!(metric.source, Source::Rate(_) | Source::Phase(_) | Source::OverTime(_))
    })
    .filter(|(metric, _)| !is_of_failures(metric.tag))
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
    assert!(latency.statistic(Statistic::P99).total_cmp(&99.5).is_eq());
    let gaps = distribution(&results, "inter_chunk_latency");
    assert_eq!((gaps.min, gaps.max, gaps.count, gaps.sum), (10.0, 30.0, 4, 60.0));
}

#[test]
fn metrics_without_a_value_are_absent() {
    let results = profiled(&[sample::c(), sample::d()]);
    let rows = results.table.rows().filter(|(metric, _)| !metric.is_over_time());
    let tags: Vec<&str> = rows.map(|(metric, _)| metric.tag).collect();
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
            "error_isl",
            "total_error_isl",
        ]
    );
    assert_eq!(results.table.avg("request_throughput"), Some(0.0));
}

#[test]
fn the_warm_up_has_numbers_of_its_own() {
    let results = aggregate(sample::header(), &[sample::a()]).results(&|_| Beside::default());
    let warmup = results.warmup.unwrap();
    assert_eq!(warmup.table.avg("request_latency"), Some(90.0));
    assert_eq!(warmup.table.avg("benchmark_duration"), Some(0.09));
    assert_eq!(results.measured.outcomes.succeeded, 1);
}

#[test]
fn an_open_loop_has_latency_from_the_schedule_and_service_time_beside_it() {
    let mut header = sample::header();
    header.settings.phases[1].is_open_loop = true;
    let table = aggregate(header, &[sample::a()]).results(&|_| Beside::default()).measured.table;
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
    let results = aggregate(header, &[a, b]).results(&|_| Beside::default()).measured;
    assert_eq!(results.token_source, expected);
}

/// A run with a warm-up and two measured phases, the second of them an open loop, against two base URLs, of two classes with an
/// objective.
fn header_of_several_phases() -> RunHeader {
    let mut header = sample::header();
    header.settings.urls.push("http://127.0.0.1:8001".into());
    let open = PhaseSettings { name: Some("second".into()), is_open_loop: true, ..PhaseSettings::default() };
    header.settings.phases.push(open);
    header.settings.classes.list = vec![Class::default(), Class::default()];
    header.settings.goodput =
        vec![Objective { metric: "request_latency".into(), bound: 5000.0, at_least: false }];
    header
}

/// Where its phases began.
fn began(header: &RunHeader) -> Aggregator {
    let mut aggregator = Aggregator::new(header);
    for (phase, index) in header.settings.phases.iter().zip(0..) {
        aggregator.phase_started(index, phase.kind, u64::from(index) * 100 * sample::MS);
    }
    aggregator
}

/// Everything that is computed, to the last digit of every number; apart from it the standard deviations of gaps, which are
/// running ones.
fn everything(mut aggregator: Aggregator) -> (String, Vec<f64>) {
    let phases: Vec<PhaseSpan> = aggregator.phases().collect();
    let (client, mut by_url) = (aggregator.client(), aggregator.results_by_url());
    let by_class = aggregator.results_by_class();
    let mut results = aggregator.results(&|_| Beside::default());
    let of_phases = results.phases.iter_mut().map(|phase| &mut phase.results);
    let all = of_phases.chain([&mut results.measured]).chain(&mut results.warmup).chain(&mut by_url);
    let mut deviations = Vec::new();
    for (metric, stats) in all.flat_map(|results| &mut results.table.rows) {
        if let (Source::Gaps, Stats::Distribution(gaps)) = (metric.source, stats) {
            deviations.push(std::mem::take(&mut gaps.std));
        }
    }
    (format!("{phases:?} {client:?} {by_url:?} {by_class:?} {results:?}"), deviations)
}

#[test]
fn each_phase_has_its_numbers_and_the_measured_ones_are_pooled() {
    let mut aggregator = began(&header_of_several_phases());
    let of_phase = |phase, record| Record { phase, ..record };
    for record in [of_phase(0, sample::a()), of_phase(1, sample::a()), of_phase(2, sample::b())] {
        aggregator.record(&record, &mut Measured::new());
    }
    let results = aggregator.results(&|_| Beside::default());
    let phases: Vec<_> = results.phases.iter().map(|phase| (phase.span.index, phase.name.as_str())).collect();
    assert_eq!(phases, [(0, "warm-up"), (1, "profiling"), (2, "second")]);
    let latency = |results: &Results| results.table.avg("request_latency");
    assert_eq!(
        results.phases.iter().map(|phase| latency(&phase.results)).collect::<Vec<_>>(),
        [Some(100.0), Some(100.0), Some(200.0)]
    );
    assert_eq!((latency(&results.measured), results.measured.outcomes.succeeded), (Some(150.0), 2));
    let duration = |results: &Results| results.table.avg("benchmark_duration").unwrap();
    // One begins while the other goes on.
    let windows = results.phases[1..].iter().filter_map(|phase| phase.span.window());
    let (first, last) =
        windows.fold((u64::MAX, 0), |(first, last), (start, end)| (first.min(start), last.max(end)));
    assert!((duration(&results.measured) - (last - first) as f64 / 1e9).abs() < 1e-9);
    // Only an open loop has a time without waiting for the schedule.
    let service = |results: &Results| results.table.avg("request_service_time");
    assert_eq!(
        (service(&results.phases[1].results), service(&results.phases[2].results)),
        (None, Some(200.0))
    );
}

#[test]
fn each_class_has_its_numbers_and_they_add_up() {
    let mut aggregator = began(&header_of_several_phases());
    let failed = Outcome::of(Some(ErrorDetails::default()));
    let of_class = |class, record| Record { phase: 1, class, ..record };
    let records = [
        of_class(0, sample::a()),
        of_class(1, sample::b()),
        Record { outcome: failed, ..of_class(1, sample::b()) },
        Record { phase: 0, ..of_class(1, sample::b()) },
    ];
    let good = records.map(|record| aggregator.record(&record, &mut Measured::new()));
    assert_eq!(good, [Some(true), Some(true), Some(false), Some(true)]);
    let classes = aggregator.results_by_class();
    let of = |tag| classes.iter().map(|class| class.results.table.avg(tag).unwrap()).collect::<Vec<_>>();
    assert_eq!(of("request_latency"), [100.0, 200.0]);
    assert_eq!(of("request_count"), [1.0, 1.0]);
    assert_eq!(of("good_request_fraction"), [1.0, 0.5]);
    assert_eq!(
        classes.iter().map(|class| (class.sessions, class.requests())).collect::<Vec<_>>(),
        [(1, 1), (2, 2)]
    );
    let whole = aggregator.results(&|_| Beside::default()).measured.table;
    for tag in ["request_throughput", "goodput", "output_token_throughput", "error_request_count"] {
        let parts: f64 = of(tag).iter().sum();
        assert!((parts - whole.avg(tag).unwrap()).abs() < 1e-9, "{tag}");
    }
}

prop_compose! {
    /// A request of any phase with any times, which may have failed.
    fn any_record()(
        phase in 0..3_u32,
        session_num in 0..1_000_u64,
        class in 0..2_u32,
        worker in 0..3_u32,
        sent in 0..10_000_000_000_u64,
        first in 0..3_000_000_000_u64,
        gaps in prop::collection::vec(0..10_000_000_000_u64, 0..6),
        tokens in prop::option::of(0..300_u64),
        first_read_events in 0..3_u64,
        ending in 0..4,
    ) -> Record {
        let mut record = Record { phase, session_num, class, worker, first_read_events, ..sample::a() };
        let last = sent + first + gaps.iter().sum::<u64>();
        record.instants = crate::record::Instants {
            scheduled: sent.saturating_sub(first / 7),
            sent: Some(sent),
            first_token: Some(sent + first),
            last_token: Some(last),
            end: last + first / 3,
            ..record.instants
        };
        record.chunk_gaps_ns = gaps;
        record.usage = record.usage.map(|usage| prony_plugin_api::TokenUsage { completion: tokens, ..usage });
        record.outcome = match ending {
            0 => Outcome::of(Some(ErrorDetails::default())),
            1 => Outcome::cancelled(),
            _ => Outcome::Ok,
        };
        record
    }
}

proptest! {
    // A case makes a dozen curves of each phase and class, which without optimisation takes some hundredths of a second.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_split_in_any_way_over_collectors_give_the_numbers_of_one(
        records in prop::collection::vec((any_record(), 0..4_usize), 0..40),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let empty = began(&header_of_several_phases());
        let (mut whole, mut parts) = (empty.clone(), vec![empty.clone(); 4]);
        let mut measured = Measured::new();
        for (record, part) in &records {
            whole.record(record, &mut measured);
            parts[*part].record(record, &mut measured);
        }
        let mut merged = empty;
        for part in order {
            merged.merge(parts[part].clone());
        }
        let ((merged, deviations), (whole, expected)) = (everything(merged), everything(whole));
        prop_assert_eq!(merged, whole);
        prop_assert_eq!(deviations.len(), expected.len());
        for (found, expected) in deviations.iter().zip(expected) {
            prop_assert!((found - expected).abs() <= 1e-9 * expected.max(1.0), "{found} for {expected}");
        }
    }

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
