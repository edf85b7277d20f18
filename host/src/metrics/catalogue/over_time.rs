//! What was going on at each moment, and how far a replay was behind its recording.
//!
//! AIPerf calls a curve *effective* over the whole phase, and *active* over the time in which there is something that it is of.

use super::super::{
    curves::{Curve, Quantity},
    metric::{
        Metric,
        Need::{self, InputTokens, OutputTokens, Replay, Streaming},
        Source, row,
    },
    statistic::Statistic,
    tags,
};

const STREAM: &[Need] = &[Streaming, OutputTokens];
const BOTH_SIDES: &[Need] = &[Streaming, OutputTokens, InputTokens];

/// Milliseconds from which on a replay is no replay of its recording any more; AIPerf has the same.
const TOO_LATE_MS: f64 = 500.0;

const fn over(of: Quantity) -> Source {
    Source::OverTime(Curve { of, only_active: false })
}

const fn over_active(of: Quantity) -> Source {
    Source::OverTime(Curve { of, only_active: true })
}

#[rustfmt::skip]
pub(super) const ROWS: &[Metric] = &[
    row(tags::EFFECTIVE_CONCURRENCY, "Effective Concurrency", "requests", over(Quantity::InFlight),
        "Requests in flight, from the moment the request was sent to its end, over the whole phase; failed and cancelled ones as \
         well."),
    row("active_concurrency", "Active Concurrency", "requests", over_active(Quantity::InFlight),
        "As `effective_concurrency`, over the time in which there was at least one."),
    row("effective_prefill_concurrency", "Effective Prefill Concurrency", "requests", over(Quantity::InPrefill),
        "Requests that wait for their first token, over the whole phase; only those that have got one.")
        .needs(STREAM),
    row("effective_decode_concurrency", "Effective Decode Concurrency", "requests", over(Quantity::InDecode),
        "Requests in flight that have their first token, over the whole phase.")
        .needs(STREAM),
    row("effective_prefill_throughput", "Effective Prefill Throughput", "tokens/sec", over(Quantity::PrefillThroughput),
        "Input tokens a second over the whole phase: those of each request evenly over its `time_to_first_token`.")
        .needs(BOTH_SIDES).larger_is_better(),
    row("effective_decode_throughput", "Effective Decode Throughput", "tokens/sec", over(Quantity::DecodeThroughput),
        "Output tokens a second over the whole phase: those of each request behind its first read, evenly over its \
         `decode_duration`. AIPerf spreads them over single gaps, so that its extremes are those of reads.")
        .needs(STREAM).larger_is_better(),
    row("effective_total_throughput", "Effective Total Throughput", "tokens/sec", over(Quantity::TotalThroughput),
        "`effective_prefill_throughput` and `effective_decode_throughput` together, moment by moment.")
        .needs(BOTH_SIDES).larger_is_better(),
    row("effective_prefill_throughput_per_user", "Effective Prefill Throughput Per User", "tokens/sec/user",
        over(Quantity::PrefillThroughputPerUser),
        "`effective_prefill_throughput` divided by `effective_prefill_concurrency`, moment by moment; 0 where there is none. \
         A request that fails after its first token is in the divisor, and has no tokens.")
        .needs(BOTH_SIDES).larger_is_better(),
    row("effective_decode_throughput_per_user", "Effective Decode Throughput Per User", "tokens/sec/user",
        over(Quantity::DecodeThroughputPerUser),
        "`effective_decode_throughput` divided by `effective_decode_concurrency`, moment by moment; 0 where there is none. \
         A request that fails after its first token is in the divisor, and has no tokens.")
        .needs(STREAM).larger_is_better(),
    row("active_prefill_throughput", "Active Prefill Throughput", "tokens/sec", over_active(Quantity::PrefillThroughput),
        "As `effective_prefill_throughput`, over the time in which a request waited for its first token.")
        .needs(BOTH_SIDES).larger_is_better(),
    row("active_decode_throughput", "Active Decode Throughput", "tokens/sec", over_active(Quantity::DecodeThroughput),
        "As `effective_decode_throughput`, over the time in which a request in flight had its first token.")
        .needs(STREAM).larger_is_better(),
    row("active_total_throughput", "Active Total Throughput", "tokens/sec", over_active(Quantity::TotalThroughput),
        "As `effective_total_throughput`, over the time in which a request was in flight.")
        .needs(BOTH_SIDES).larger_is_better(),
    row("active_prefill_throughput_per_user", "Active Prefill Throughput Per User", "tokens/sec/user",
        over_active(Quantity::PrefillThroughputPerUser),
        "As `effective_prefill_throughput_per_user`, over the time in which a request waited for its first token.")
        .needs(BOTH_SIDES).larger_is_better(),
    row("active_decode_throughput_per_user", "Active Decode Throughput Per User", "tokens/sec/user",
        over_active(Quantity::DecodeThroughputPerUser),
        "As `effective_decode_throughput_per_user`, over the time in which a request in flight had its first token.")
        .needs(STREAM).larger_is_better(),
    row("tokens_in_flight", "Tokens in Flight", "tokens", over(Quantity::Tokens),
        "Input tokens of the requests in flight, and what of their output has come, over the whole phase: what a server has to \
         remember at least. Tokens behind the first read are taken to come evenly.")
        .needs(BOTH_SIDES),
    row("replay_sched_lag_p50", "Replay Schedule Lag p50", "ms", Source::AboveLeast("send_lateness", Statistic::P50),
        "The median of `send_lateness` less its least value: how far a replay is behind its recording.")
        .needs(&[Replay]),
    row("replay_sched_lag_p90", "Replay Schedule Lag p90", "ms", Source::AboveLeast("send_lateness", Statistic::P90),
        "The 90th percentile of `send_lateness` less its least value.")
        .needs(&[Replay]),
    row("replay_sched_lag_p99", "Replay Schedule Lag p99", "ms", Source::AboveLeast("send_lateness", Statistic::P99),
        "The 99th percentile of `send_lateness` less its least value.")
        .needs(&[Replay]),
    row("replay_sched_degraded", "Replay Schedule Degraded", "ratio", Source::Above("replay_sched_lag_p99", TOO_LATE_MS),
        "1 where `replay_sched_lag_p99` is above 500 ms: it is no replay of its recording then; else 0.")
        .needs(&[Replay]),
];
