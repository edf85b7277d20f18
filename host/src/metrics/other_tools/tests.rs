//! Requests as other tools see them, worked out by hand.

use rstest::rstest;

use super::*;
use crate::{
    metrics::{
        Stats,
        sample::{self, MS},
    },
    record::{ChoiceStreams, CountedTokens},
};

/// Two events came with the first read, and two in a later one.
fn bundled() -> Record {
    Record { token_events: 6, first_read_events: 2, chunk_gaps_ns: vec![10 * MS, 20 * MS], ..sample::a() }
}

#[test]
fn events_of_one_read_have_a_gap_of_0() {
    let seen = Seen::of(bundled()).unwrap();
    assert_eq!(seen.record().chunk_gaps_ns, [0, 10 * MS, 20 * MS, 0, 0]);
    assert_eq!(seen.record().instants.sent, Some(100 * MS), "the clock starts before the connection");
}

#[test]
fn a_user_who_leaves_is_an_error_and_the_end_of_a_phase_is_nothing() {
    let ended = Record { outcome: Outcome::cancelled(), ..sample::a() };
    assert!(Seen::of(ended).is_none());
    let left = RequestFailure { kind: FailureKind::RequestCancelled, ..RequestFailure::default() };
    let seen = Seen::of(Record { outcome: Outcome::Cancelled(left), ..sample::a() }).unwrap();
    let failure = seen.record().outcome.failure().unwrap();
    assert_eq!(failure.code, Some(499));
}

fn table(tool: Compat, records: &[Record]) -> MetricTable {
    let mut aggregator = ToolAggregator::new(tool, &sample::header());
    let mut measured = Measured::new();
    for seen in records.iter().cloned().filter_map(Seen::of) {
        aggregator.record(&seen, PhaseKind::Profiling, &mut measured);
    }
    let span = PhaseSpan {
        kind: PhaseKind::Profiling,
        start_ns: 100 * MS,
        last_request_ns: Some(1100 * MS),
        ..PhaseSpan::default()
    };
    aggregator.results(&[span]).measured.table
}

/// `a` opened a connection for 2 ms, had its first token 50 ms after it was sent, three gaps of 10 ms, and ended after 100 ms. It has
/// four tokens, counted here and by the server, and `b` has none of these in common but its tokens.
#[rstest]
#[case::aiperf_ttft(Compat::Aiperf, "time_to_first_token", 52.0)]
#[case::aiperf_ends_with_the_last_token(Compat::Aiperf, "request_latency", 82.0)]
#[case::aiperf_itl(Compat::Aiperf, "inter_token_latency", 10.0)]
#[case::aiperf_length(Compat::Aiperf, "output_sequence_length", 4.0)]
#[case::aiperf_rate(Compat::Aiperf, "request_throughput", 1.0)]
#[case::vllm_ttft(Compat::Vllm, "ttft", 52.0)]
#[case::vllm_ends_with_the_response(Compat::Vllm, "e2el", 102.0)]
#[case::vllm_tpot(Compat::Vllm, "tpot", 50.0 / 3.0)]
#[case::guidellm_latency_in_seconds(Compat::Guidellm, "request_latency", 0.102)]
#[case::guidellm_tpot_has_the_first_token(Compat::Guidellm, "time_per_output_token_ms", 20.5)]
#[case::guidellm_itl(Compat::Guidellm, "inter_token_latency_ms", 10.0)]
#[case::guidellm_prompt_is_the_servers(Compat::Guidellm, "prompt_token_count", 30.0)]
fn definitions_of_a_tool_hold_for_a_request_worked_by_hand(
    #[case] tool: Compat,
    #[case] tag: &str,
    #[case] expected: f64,
) {
    let found = table(tool, &[sample::a()]).avg(tag).unwrap();
    assert!((found - expected).abs() < 1e-9, "{found}");
}

#[test]
fn aiperf_counts_tokens_here_and_none_of_several_choices() {
    let counted = CountedTokens { output: Some(7), ..sample::a().counted };
    let other = table(Compat::Aiperf, &[Record { counted, ..sample::a() }]);
    assert_eq!(other.avg("output_sequence_length"), Some(7.0));
    assert_eq!(other.avg("usage_completion_tokens"), Some(4.0));
    let several = Record { choices: Some(ChoiceStreams::default()), ..sample::a() };
    let table = table(Compat::Aiperf, &[several]);
    assert!(table.get("output_sequence_length").is_none() && table.get("inter_chunk_latency").is_none());
}

#[test]
fn all_of_a_tool_are_of_different_names() {
    for tool in [Compat::Aiperf, Compat::Vllm, Compat::Guidellm] {
        let tags: std::collections::BTreeSet<&str> =
            catalogue(tool).iter().map(|metric| metric.tag).collect();
        assert_eq!(tags.len(), catalogue(tool).len(), "{tool:?}");
    }
}

#[test]
fn failures_are_counted_and_nothing_else_of_them() {
    let table = table(Compat::Aiperf, &[sample::a(), sample::b(), sample::c(), sample::d()]);
    let scalar = |tag: &str| table.avg(tag).unwrap_or_default().to_string();
    assert_eq!([scalar("request_count"), scalar("error_request_count")], ["2", "2"]);
    assert!(matches!(table.get("error_isl"), Some(Stats::Distribution(values)) if values.count == 1));
}
