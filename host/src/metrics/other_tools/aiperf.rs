//! AIPerf's metrics, by AIPerf's definitions: version 0.13, whose files have the schema 1.4.
//!
//! A latency begins when work on a request begins, before its connection is opened, and ends with the last event that brought
//! something. Tokens are those that are counted here, the server's only with `--use-server-token-count`.
//!
//! What AIPerf has and this has not: video metrics, audio tokens and tokens of predictions, whose sources a journal lacks;
//! `http_req_…`, whose spans AIPerf draws elsewhere; `adj_…`, `network_…`, `nvidia_…` and `amd_…`, which are made of messages of
//! services and not of records (prony's own summary has its own of them); `context_overflow_count` and
//! `usage_prompt_cache_miss_tokens`; curves of output tokens, which AIPerf spreads over single gaps; `effective_latency`, in which its
//! failed requests have no duration. Of requests with several choices it counts the first one, of which nothing is known alone: they
//! have no tokens.

use super::super::{
    curves::{Curve, Quantity},
    metric::{
        Metric,
        Need::{InputTokens, OutputTokens, Replay, Streaming},
        PhaseFact, Source, request, row,
    },
    per_request::{self as of, to_ms, tokens},
    request::{Request, TokenCounting},
    speculation,
    statistic::Statistic,
    usage,
};

/// An output length differs from the requested one beyond this part of it, or beyond so many tokens, whichever is less.
const LENGTH_TOLERANCE: (f64, f64) = (0.05, 50.0);

const NS_PER_S: f64 = 1e9;

const fn over(of: Quantity) -> Source {
    Source::OverTime(Curve { of, only_active: false })
}

/// From the beginning of work to the first event that brought something.
fn time_to_first_token(request: &Request<'_>) -> Option<f64> {
    of::time_to_first_token(request)
}

fn time_to_first_output_token(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.sent, instants.first_output_token).map(to_ms)
}

/// To the last event that brought something; of a response in one piece to its end.
pub(super) fn request_latency(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.sent, instants.last_token.or(Some(instants.end))).map(to_ms)
}

fn decode_duration(request: &Request<'_>) -> Option<f64> {
    Some(request_latency(request)? - time_to_first_token(request)?)
}

/// Tokens of the response, reasoning included.
pub(super) fn output_length(request: &Request<'_>) -> Option<f64> {
    let record = request.record;
    if record.choices.is_some() {
        return None;
    }
    tokens(match request.counting {
        TokenCounting::PreferServer => record.counted.output,
        TokenCounting::ServerOnly => record.usage?.completion,
    })
}

fn output_tokens(request: &Request<'_>) -> Option<f64> {
    let reasoning = match request.counting {
        TokenCounting::PreferServer => request.record.counted.reasoning,
        TokenCounting::ServerOnly => request.record.usage?.reasoning,
    };
    let visible = output_length(request)? - reasoning.unwrap_or(0) as f64;
    Some(visible).filter(|count| *count > 0.0)
}

fn reasoning_tokens(request: &Request<'_>) -> Option<f64> {
    let reasoning = match request.counting {
        TokenCounting::PreferServer => request.record.counted.reasoning,
        TokenCounting::ServerOnly => request.record.usage?.reasoning,
    };
    output_length(request).and_then(|_| tokens(reasoning)).filter(|count| *count > 0.0)
}

/// Time behind the first event by tokens behind the first one.
fn inter_token_latency(request: &Request<'_>) -> Option<f64> {
    let later = output_length(request)? - 1.0;
    Some(decode_duration(request)? / later).filter(|_| later >= 1.0)
}

fn per_second(amount: f64, ms: f64) -> Option<f64> {
    (ms > 0.0).then(|| amount / (ms / 1e3))
}

fn throughput_per_user(request: &Request<'_>) -> Option<f64> {
    per_second(1.0, inter_token_latency(request)?)
}

fn e2e_throughput(request: &Request<'_>) -> Option<f64> {
    per_second(output_length(request)?, request_latency(request)?)
}

fn prefill_throughput_per_user(request: &Request<'_>) -> Option<f64> {
    per_second(of::input_sequence_length(request)?, time_to_first_token(request)?)
}

fn image_latency(request: &Request<'_>) -> Option<f64> {
    Some(request_latency(request)? / of::num_images(request)?)
}

fn image_throughput(request: &Request<'_>) -> Option<f64> {
    per_second(1.0, image_latency(request)?)
}

fn rtfx(request: &Request<'_>) -> Option<f64> {
    per_second(of::audio_duration(request)?, request_latency(request)?)
}

fn length_difference(request: &Request<'_>) -> Option<(f64, f64)> {
    let requested = tokens(request.record.requested_output_tokens.filter(|count| *count > 0))?;
    Some((output_length(request)? - requested, requested))
}

fn osl_mismatch_pct(request: &Request<'_>) -> Option<f64> {
    length_difference(request).map(|(difference, requested)| 100.0 * difference / requested)
}

fn is_osl_mismatch(request: &Request<'_>) -> Option<bool> {
    let (part, most) = LENGTH_TOLERANCE;
    length_difference(request).map(|(difference, requested)| difference.abs() > (requested * part).min(most))
}

/// Where the server alone counts, AIPerf compares it with nothing.
fn usage_prompt_difference(request: &Request<'_>) -> Option<f64> {
    usage::prompt_difference_pct(request).filter(|_| request.counting == TokenCounting::PreferServer)
}

/// Of several choices the tokens are not known as AIPerf counts them.
fn usage_completion_difference(request: &Request<'_>) -> Option<f64> {
    output_length(request).and_then(|_| usage::completion_difference_pct(request))
}

fn usage_reasoning_difference(request: &Request<'_>) -> Option<f64> {
    output_length(request).and_then(|_| usage::reasoning_difference_pct(request))
}

fn is_usage_discrepant(request: &Request<'_>) -> Option<bool> {
    let is_compared = request.counting == TokenCounting::PreferServer && request.record.choices.is_none();
    usage::is_discrepant(request).filter(|_| is_compared)
}

/// From the schedule to the beginning of work.
fn credit_to_start(request: &Request<'_>) -> Option<f64> {
    of::schedule_lateness(request)
}

/// When it began, in seconds of the run.
#[expect(clippy::unnecessary_wraps, reason = "it is one of many functions of this type")]
fn began_s(request: &Request<'_>) -> Option<f64> {
    Some(request.record.instants.started as f64 / NS_PER_S)
}

/// When its last event came, in seconds of the run.
fn ended_s(request: &Request<'_>) -> Option<f64> {
    Some(began_s(request)? + request_latency(request)? / 1e3)
}

/// AIPerf's unit of numbers that are no length, time or rate; it does not stand beside their names.
pub(crate) const COUNT: &str = "count";

/// The tag of [`began_s`]: AIPerf does not write it, and makes a duration of it.
pub(crate) const BEGAN: &str = "min_request_timestamp";

/// The tag of [`ended_s`].
pub(crate) const ENDED: &str = "max_response_timestamp";

const TOKEN_STREAM: &[super::super::metric::Need] = &[Streaming, OutputTokens];

/// Definitions stand in AIPerf's documents, and are not repeated.
const fn of_requests(
    tag: &'static str,
    header: &'static str,
    unit: &'static str,
    measure: fn(&Request<'_>) -> Option<f64>,
) -> Metric {
    request(tag, header, unit, measure, "")
}

const fn of_runs(tag: &'static str, header: &'static str, unit: &'static str, source: Source) -> Metric {
    row(tag, header, unit, source, "")
}

/// All of them, in the order of AIPerf's console.
#[rustfmt::skip]
pub(super) static CATALOGUE: &[Metric] = &[
    of_requests("time_to_first_token", "Time to First Token", "ms", time_to_first_token).needs(TOKEN_STREAM),
    of_requests("time_to_second_token", "Time to Second Token", "ms", of::time_to_second_token).needs(TOKEN_STREAM),
    of_requests("time_to_first_output_token", "Time to First Output Token", "ms", time_to_first_output_token).needs(TOKEN_STREAM),
    of_requests("request_latency", "Request Latency", "ms", request_latency),
    of_requests("decode_duration", "Decode Duration", "ms", decode_duration).needs(TOKEN_STREAM),
    of_requests("inter_token_latency", "Inter Token Latency", "ms", inter_token_latency).needs(TOKEN_STREAM),
    of_runs("inter_chunk_latency", "Inter Chunk Latency", "ms", Source::Gaps).needs(TOKEN_STREAM),
    of_requests("output_token_throughput_per_user", "Output Token Throughput Per User", "tokens/sec/user", throughput_per_user)
        .needs(TOKEN_STREAM),
    of_requests("e2e_output_token_throughput", "E2E Output Token Throughput", "tokens/sec/user", e2e_throughput)
        .needs(&[OutputTokens]),
    of_requests("prefill_throughput_per_user", "Prefill Throughput Per User", "tokens/sec/user", prefill_throughput_per_user)
        .needs(&[Streaming, OutputTokens, InputTokens]),
    of_requests("output_sequence_length", "Output Sequence Length", "tokens", output_length).needs(&[OutputTokens]),
    of_requests("input_sequence_length", "Input Sequence Length", "tokens", of::input_sequence_length).needs(&[InputTokens]),
    of_requests("output_token_count", "Output Token Count", "tokens", output_tokens).needs(&[OutputTokens]),
    of_requests("reasoning_token_count", "Reasoning Token Count", "tokens", reasoning_tokens).needs(&[OutputTokens]),
    of_requests("osl_mismatch_diff_pct", "OSL Mismatch Diff %", "%", osl_mismatch_pct).needs(&[OutputTokens]),
    of_requests("num_images", "Number of Images", "images", of::num_images),
    of_requests("image_throughput", "Image Throughput", "images/sec", image_throughput),
    of_requests("image_latency", "Image Latency", "ms/image", image_latency),
    of_requests("audio_duration", "Audio Duration", "sec", of::audio_duration),
    of_requests("rtfx", "Inverse Real-Time Factor (RTFx)", "ratio", rtfx),
    of_requests("credit_to_start_latency", "Credit-to-Start Latency", "ms", credit_to_start).not_in_lines(),
    of_requests("usage_prompt_tokens", "Usage Prompt Tokens", "tokens", of::usage_prompt_tokens).needs(&[InputTokens]),
    of_requests("usage_completion_tokens", "Usage Completion Tokens", "tokens", of::usage_completion_tokens).needs(&[OutputTokens]),
    of_requests("usage_reasoning_tokens", "Usage Reasoning Tokens", "tokens", of::usage_reasoning_tokens).needs(&[OutputTokens]),
    of_requests("usage_total_tokens", "Usage Total Tokens", "tokens", of::usage_total_tokens).needs(&[OutputTokens]),
    of_requests("usage_prompt_tokens_diff_pct", "Usage Prompt Diff %", "%", usage_prompt_difference).needs(&[InputTokens]),
    of_requests("usage_completion_tokens_diff_pct", "Usage Completion Diff %", "%", usage_completion_difference)
        .needs(&[OutputTokens]),
    of_requests("usage_reasoning_tokens_diff_pct", "Usage Reasoning Diff %", "%", usage_reasoning_difference)
        .needs(&[OutputTokens]),
    of_requests("usage_prompt_cache_read_tokens", "Usage Prompt Cache Read Tokens", "tokens", of::usage_cache_read_tokens),
    of_requests("usage_prompt_cache_write_tokens", "Usage Prompt Cache Write Tokens", "tokens", usage::cache_write_tokens),
    of_requests("spec_decode_acceptance_length", "Acceptance Length", "ratio", speculation::acceptance_length),
    of_requests("spec_decode_draft_acceptance_rate", "Draft Acceptance Rate", "%", speculation::acceptance_rate),
    of_requests("spec_decode_accepted_per_verified", "Accepted per Verified", "ratio", speculation::accepted_per_verified),
    of_requests("spec_decode_steps", "Spec Decode Steps", COUNT, speculation::steps),
    of_requests("spec_decode_accepted_draft_tokens", "Accepted Draft Tokens", "tokens", speculation::accepted_tokens),
    of_requests("spec_decode_draft_tokens", "Draft Tokens", "tokens", speculation::draft_tokens),
    of_requests(BEGAN, "Minimum Request Timestamp", "sec", began_s).not_in_lines(),
    of_requests(ENDED, "Maximum Response Timestamp", "sec", ended_s).not_in_lines(),
    of_runs("error_isl", "Error Input Sequence Length", "tokens", Source::Failure(of::input_sequence_length)).needs(&[InputTokens]),
    of_runs("output_token_throughput", "Output Token Throughput", "tokens/sec", Source::Rate(&["output_sequence_length"]))
        .needs(&[OutputTokens]),
    of_runs("input_token_throughput", "Input Token Throughput", "tokens/sec", Source::Rate(&["input_sequence_length"]))
        .needs(&[InputTokens]),
    of_runs("total_token_throughput", "Total Token Throughput", "tokens/sec",
        Source::Rate(&["input_sequence_length", "output_sequence_length"])).needs(&[InputTokens, OutputTokens]),
    of_runs("request_throughput", "Request Throughput", "requests/sec", Source::Phase(PhaseFact::Throughput)),
    of_runs("request_count", "Request Count", "requests", Source::Phase(PhaseFact::Succeeded)),
    of_runs("error_request_count", "Error Request Count", "requests", Source::Phase(PhaseFact::Failed)),
    of_runs("completed_request_count", "Completed Requests (Success + Error)", "requests", Source::Phase(PhaseFact::Completed)),
    of_runs("request_error_rate", "Request Error Rate", "%", Source::Phase(PhaseFact::ErrorRate)),
    of_runs("good_request_count", "Good Request Count", "requests", Source::Phase(PhaseFact::Good)),
    of_runs("goodput", "Goodput", "requests/sec", Source::Phase(PhaseFact::Goodput)),
    of_runs("good_request_fraction", "GoodRequestFraction", "ratio", Source::Phase(PhaseFact::GoodShare)),
    of_runs("total_isl", "Total Input Sequence Length", "tokens", Source::Sum("input_sequence_length")).needs(&[InputTokens]),
    of_runs("total_osl", "Total Output Sequence Length", "tokens", Source::Sum("output_sequence_length")).needs(&[OutputTokens]),
    of_runs("total_output_tokens", "Total Output Tokens", "tokens", Source::Sum("output_token_count")).needs(&[OutputTokens]),
    of_runs("total_reasoning_tokens", "Total Reasoning Tokens", "tokens", Source::Sum("reasoning_token_count")).needs(&[OutputTokens]),
    of_runs("total_error_isl", "Total Error Input Sequence Length", "tokens", Source::Sum("error_isl")).needs(&[InputTokens]),
    of_runs("osl_mismatch_count", "OSL Mismatch Count", "requests", Source::Count(is_osl_mismatch)).needs(&[OutputTokens]),
    of_runs("total_usage_prompt_tokens", "Total Usage Prompt Tokens", "tokens", Source::Sum("usage_prompt_tokens")).needs(&[InputTokens]),
    of_runs("total_usage_completion_tokens", "Total Usage Completion Tokens", "tokens", Source::Sum("usage_completion_tokens"))
        .needs(&[OutputTokens]),
    of_runs("total_usage_reasoning_tokens", "Total Usage Reasoning Tokens", "tokens", Source::Sum("usage_reasoning_tokens"))
        .needs(&[OutputTokens]),
    of_runs("total_usage_total_tokens", "Total Usage Total Tokens", "tokens", Source::Sum("usage_total_tokens")).needs(&[OutputTokens]),
    of_runs("usage_discrepancy_count", "Usage Discrepancy Count", "requests", Source::Count(is_usage_discrepant)),
    of_runs("total_usage_prompt_cache_read_tokens", "Total Usage Prompt Cache Read Tokens", "tokens",
        Source::Sum("usage_prompt_cache_read_tokens")),
    of_runs("total_usage_prompt_cache_write_tokens", "Total Usage Prompt Cache Write Tokens", "tokens",
        Source::Sum("usage_prompt_cache_write_tokens")),
    of_runs("overall_usage_prompt_cache_read_pct", "Overall Usage Prompt Cache Read %", "%",
        Source::Share("usage_prompt_cache_read_tokens", "usage_prompt_tokens")),
    of_runs("total_spec_decode_steps", "Total Spec Decode Steps", COUNT, Source::Sum("spec_decode_steps")),
    of_runs("total_accepted_draft_tokens", "Total Accepted Draft Tokens", "tokens", Source::Sum("spec_decode_accepted_draft_tokens")),
    of_runs("total_draft_tokens", "Total Draft Tokens", "tokens", Source::Sum("spec_decode_draft_tokens")),
    of_runs("spec_decode_token_weighted_acceptance_length", "Token-Weighted Acceptance Length", "ratio",
        Source::OneAndRatio("spec_decode_accepted_draft_tokens", "spec_decode_steps")),
    of_runs("spec_decode_overall_draft_acceptance_rate", "Overall Draft Acceptance Rate", "%",
        Source::Share("spec_decode_accepted_draft_tokens", "spec_decode_draft_tokens")),
    of_runs("effective_concurrency", "Effective Concurrency", "requests", over(Quantity::InFlight)),
    of_runs("effective_prefill_concurrency", "Effective Prefill Concurrency", "requests", over(Quantity::InPrefill)).needs(TOKEN_STREAM),
    of_runs("effective_decode_concurrency", "Effective Decode Concurrency", "requests", over(Quantity::InDecode)).needs(TOKEN_STREAM),
    of_runs("effective_prefill_throughput", "Effective Prefill Throughput", "tokens/sec", over(Quantity::PrefillThroughput))
        .needs(&[Streaming, OutputTokens, InputTokens]),
    of_runs("effective_prefill_throughput_per_user", "Effective Prefill Throughput Per User", "tokens/sec/user",
        over(Quantity::PrefillThroughputPerUser)).needs(&[Streaming, OutputTokens, InputTokens]),
    of_requests("replay_send_schedule_offset", "Replay Send Schedule Offset", "ms", of::schedule_lateness)
        .needs(&[Replay]).not_in_lines(),
    of_runs("replay_sched_lag_p50", "Replay Schedule Lag p50", "ms", Source::AboveLeast("replay_send_schedule_offset", Statistic::P50))
        .needs(&[Replay]),
    of_runs("replay_sched_lag_p90", "Replay Schedule Lag p90", "ms", Source::AboveLeast("replay_send_schedule_offset", Statistic::P90))
        .needs(&[Replay]),
    of_runs("replay_sched_lag_p99", "Replay Schedule Lag p99", "ms", Source::AboveLeast("replay_send_schedule_offset", Statistic::P99))
        .needs(&[Replay]),
    of_runs("replay_sched_degraded", "Replay Schedule Degraded", COUNT, Source::Above("replay_sched_lag_p99", 500.0)).needs(&[Replay]),
];
