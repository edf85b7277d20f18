//! Tags of metrics that the code names: the keys under which files have them.
//!
//! The catalogue has a row for each of them, written with the constant. A metric that nothing looks for has its tag in its row alone.

pub(crate) const BENCHMARK_DURATION: &str = "benchmark_duration";
pub(crate) const CANCELLED_REQUEST_COUNT: &str = "cancelled_request_count";
pub(crate) const COMPLETE_SESSION_COUNT: &str = "complete_session_count";
pub(crate) const COMPLETED_REQUEST_COUNT: &str = "completed_request_count";
pub(crate) const E2E_OUTPUT_TOKEN_THROUGHPUT: &str = "e2e_output_token_throughput";
pub(crate) const EFFECTIVE_CONCURRENCY: &str = "effective_concurrency";
pub(crate) const ERROR_REQUEST_COUNT: &str = "error_request_count";
pub(crate) const GOOD_REQUEST_COUNT: &str = "good_request_count";
pub(crate) const GOOD_REQUEST_FRACTION: &str = "good_request_fraction";
pub(crate) const GOODPUT: &str = "goodput";
pub(crate) const INPUT_SEQUENCE_LENGTH: &str = "input_sequence_length";
pub(crate) const INPUT_TOKEN_THROUGHPUT: &str = "input_token_throughput";
pub(crate) const INTER_TOKEN_LATENCY: &str = "inter_token_latency";
pub(crate) const NETWORK_RTT: &str = "network_rtt";
pub(crate) const OSL_MISMATCH_COUNT: &str = "osl_mismatch_count";
pub(crate) const OSL_MISMATCH_DIFF_PCT: &str = "osl_mismatch_diff_pct";
pub(crate) const OUTPUT_SEQUENCE_LENGTH: &str = "output_sequence_length";
pub(crate) const OUTPUT_TOKEN_THROUGHPUT: &str = "output_token_throughput";
pub(crate) const OUTPUT_TOKEN_THROUGHPUT_PER_USER: &str = "output_token_throughput_per_user";
pub(crate) const REQUEST_COUNT: &str = "request_count";
pub(crate) const REQUEST_ERROR_RATE: &str = "request_error_rate";
pub(crate) const REQUEST_LATENCY: &str = "request_latency";
pub(crate) const REQUEST_THROUGHPUT: &str = "request_throughput";
pub(crate) const SCHEDULE_LATENESS: &str = "schedule_lateness";
pub(crate) const SESSION_COUNT: &str = "session_count";
pub(crate) const SESSION_DURATION: &str = "session_duration";
pub(crate) const SPEC_DECODE_ACCEPTANCE_LENGTH: &str = "spec_decode_acceptance_length";
pub(crate) const SPEC_DECODE_ACCEPTED_DRAFT_TOKENS: &str = "spec_decode_accepted_draft_tokens";
pub(crate) const SPEC_DECODE_DRAFT_ACCEPTANCE_RATE: &str = "spec_decode_draft_acceptance_rate";
pub(crate) const SPEC_DECODE_DRAFT_TOKENS: &str = "spec_decode_draft_tokens";
pub(crate) const SPEC_DECODE_OVERALL_DRAFT_ACCEPTANCE_RATE: &str =
    "spec_decode_overall_draft_acceptance_rate";
pub(crate) const SPEC_DECODE_STEPS: &str = "spec_decode_steps";
pub(crate) const TIME_TO_FIRST_TOKEN: &str = "time_to_first_token";
pub(crate) const TIME_TO_FIRST_TOKEN_FROM_SCHEDULE: &str = "time_to_first_token_from_schedule";
pub(crate) const TIME_TO_SECOND_TOKEN: &str = "time_to_second_token";
pub(crate) const USAGE_PROMPT_CACHE_READ_TOKENS: &str = "usage_prompt_cache_read_tokens";
pub(crate) const USAGE_PROMPT_TOKENS: &str = "usage_prompt_tokens";
