//! What is known of requests beside their times and lengths: what servers report, what was asked for, what failed.

use super::super::{
    metric::{
        Metric,
        Need::{InputTokens, OutputTokens, Streaming},
        Source, request, row,
    },
    per_request as of, speculation, tags, usage,
};

#[rustfmt::skip]
pub(super) const ROWS: &[Metric] = &[
    request("decode_duration", "Decode Duration", "ms", of::decode_duration,
        "From the read that brought the first generated token to the one that brought the last.")
        .needs(&[Streaming, OutputTokens]).not_in_lines(),
    request("max_inter_chunk_latency", "Longest Gap", "ms", of::longest_gap,
        "The longest of the request's gaps between reads that brought generated tokens of one choice.")
        .needs(&[Streaming, OutputTokens]).not_in_lines(),
    request("stream_prefill_latency", "Stream Prefill Latency", "ms", of::stream_prefill_latency,
        "From the arrival of the response's head to that of the first generated token.")
        .needs(&[Streaming, OutputTokens]).not_in_lines(),
    request("effective_latency", "Effective Latency", "ms", of::effective_latency,
        "From the moment at which the request was scheduled to the last byte of the response, in closed loops as well. AIPerf counts \
         failed requests, too: those that fail at once make it look better.")
        .not_in_lines(),
    request("requested_osl", "Requested OSL", "tokens", of::requested_output_tokens,
        "Output tokens that were asked for.")
        .needs(&[OutputTokens]).not_in_lines(),
    request("thinking_efficiency", "Thinking Efficiency", "ratio", of::thinking_efficiency,
        "The request's `reasoning_token_count` divided by its `output_token_count`.")
        .needs(&[OutputTokens]).not_in_lines(),
    row("overall_thinking_efficiency", "Overall Thinking Efficiency", "ratio",
        Source::Ratio("reasoning_token_count", "output_token_count"),
        "All `reasoning_token_count` divided by all `output_token_count`.")
        .needs(&[OutputTokens]),
    row("error_isl", "Error Input Sequence Length", "tokens", Source::Failure(of::input_sequence_length),
        "Input tokens of requests that failed, counted here.")
        .needs(&[InputTokens]),
    row("total_error_isl", "Total Error Input Sequence Length", "tokens", Source::Sum("error_isl"),
        "The sum of `error_isl`.")
        .needs(&[InputTokens]),
    request("usage_prompt_cache_write_tokens", "Usage Prompt Cache Write Tokens", "tokens", usage::cache_write_tokens,
        "Input tokens that the server reports as written to its prefix cache."),
    row("total_usage_prompt_cache_write_tokens", "Total Usage Prompt Cache Write Tokens", "tokens",
        Source::Sum("usage_prompt_cache_write_tokens"),
        "The sum of `usage_prompt_cache_write_tokens`."),
    request("usage_prompt_tokens_diff_pct", "Usage Prompt Diff %", "%", usage::prompt_difference_pct,
        "How far the server's input tokens are from those counted here, up or down, in percent of those counted here.")
        .needs(&[InputTokens]).not_in_lines(),
    request("usage_completion_tokens_diff_pct", "Usage Completion Diff %", "%", usage::completion_difference_pct,
        "How far the server's output tokens are from those counted here, up or down, in percent of those counted here.")
        .needs(&[OutputTokens]).not_in_lines(),
    request("usage_reasoning_tokens_diff_pct", "Usage Reasoning Diff %", "%", usage::reasoning_difference_pct,
        "How far the server's reasoning tokens are from those counted here, up or down, in percent of those counted here.")
        .needs(&[OutputTokens]).not_in_lines(),
    row("usage_discrepancy_count", "Usage Discrepancy Count", "requests", Source::Count(usage::is_discrepant),
        "Requests of which one of `usage_prompt_tokens_diff_pct`, `usage_completion_tokens_diff_pct` and \
         `usage_reasoning_tokens_diff_pct` is above 10."),
    request("spec_decode_accepted_per_verified", "Accepted per Verified", "ratio", speculation::accepted_per_verified,
        "Tokens that steps of speculative decoding brought, divided by all that the model looked at in them: \
         `spec_decode_accepted_draft_tokens` and `spec_decode_steps`, by `spec_decode_draft_tokens` and `spec_decode_steps`.")
        .needs(&[OutputTokens]).larger_is_better().not_in_lines(),
    row("spec_decode_token_weighted_acceptance_length", "Token-Weighted Acceptance Length", "tokens/step",
        Source::OneAndRatio(tags::SPEC_DECODE_ACCEPTED_DRAFT_TOKENS, tags::SPEC_DECODE_STEPS),
        "1 and all `spec_decode_accepted_draft_tokens` divided by all `spec_decode_steps`.")
        .needs(&[OutputTokens]).larger_is_better(),
    row("total_spec_decode_steps", "Total Spec Decode Steps", "steps", Source::Sum(tags::SPEC_DECODE_STEPS),
        "The sum of `spec_decode_steps`.")
        .needs(&[OutputTokens]),
    row("total_draft_tokens", "Total Draft Tokens", "tokens", Source::Sum(tags::SPEC_DECODE_DRAFT_TOKENS),
        "The sum of `spec_decode_draft_tokens`.")
        .needs(&[OutputTokens]),
    row("total_accepted_draft_tokens", "Total Accepted Draft Tokens", "tokens",
        Source::Sum(tags::SPEC_DECODE_ACCEPTED_DRAFT_TOKENS),
        "The sum of `spec_decode_accepted_draft_tokens`.")
        .needs(&[OutputTokens]).larger_is_better(),
];
