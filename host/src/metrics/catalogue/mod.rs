//! The catalogue: one row a metric, in the order of every table and file.
//!
//! A row is a [`Metric`]: its tag and header (AIPerf's, where AIPerf has the metric), its unit, when it applies, where
//! its values come from, and its definition in words. To add a metric is to add a row, and a function if it looks at
//! requests. Nothing here knows how statistics are computed or shown.

mod beside;
mod connections;
mod over_time;
mod prices;
mod reported;
#[cfg(test)]
mod tests;

pub(crate) use super::metric::{Measurable, Metric, Need, PhaseFact, Source};
use super::{
    metric::{request, row, session},
    per_request as of,
    sessions::Session,
    speculation, tags,
};
use Need::{InputTokens, OpenLoop, OutputTokens, Streaming};

/// What a session measured, by metric.
pub(crate) fn of_session(session: &Session) -> impl Iterator<Item = (&'static Metric, f64)> {
    CATALOGUE.iter().filter_map(move |metric| match metric.source {
        Source::Session(measure) => Some((metric, measure(session)?)),
        _ => None,
    })
}

const TOKEN_STREAM: &[Need] = &[Streaming, OutputTokens];

/// All groups of metrics, in order.
const GROUPS: &[&[Metric]] =
    &[OF_RUNS, reported::ROWS, over_time::ROWS, prices::ROWS, beside::ROWS, connections::ROWS];

const COUNT: usize = count(GROUPS);

/// Every metric.
pub(crate) static CATALOGUE: &[Metric] = &joined::<COUNT>(GROUPS);

const fn count(groups: &[&[Metric]]) -> usize {
    let (mut count, mut group) = (0, 0);
    while group < groups.len() {
        count += groups[group].len();
        group += 1;
    }
    count
}

const fn joined<const N: usize>(groups: &[&[Metric]]) -> [Metric; N] {
    let mut all = [groups[0][0]; N];
    let (mut group, mut at) = (0, 0);
    while group < groups.len() {
        let mut place = 0;
        while place < groups[group].len() {
            all[at] = groups[group][place];
            at += 1;
            place += 1;
        }
        group += 1;
    }
    all
}

/// Those of requests and of runs.
#[rustfmt::skip]
const OF_RUNS: &[Metric] = &[
    request(tags::TIME_TO_FIRST_TOKEN, "Time to First Token", "ms", of::time_to_first_token,
        "From the moment the request was sent to the arrival of the first generated token of any channel (content, \
         reasoning, tool call); role-only, empty and usage-only events are no tokens.")
        .needs(TOKEN_STREAM).shown(),
    request(tags::TIME_TO_FIRST_TOKEN_FROM_SCHEDULE, "Time to First Token from Schedule", "ms",
        of::time_to_first_token_from_schedule,
        "As `time_to_first_token`, but from the moment at which the request was scheduled.")
        .needs(&[Streaming, OutputTokens, OpenLoop]).shown(),
    request(tags::TIME_TO_SECOND_TOKEN, "Time to Second Token", "ms", of::time_to_second_token,
        "The first gap between two reads that brought generated tokens of one choice; it does not count from the request's \
         start.")
        .needs(TOKEN_STREAM).shown(),
    request("time_to_first_output_token", "Time to First Output Token", "ms", of::time_to_first_output_token,
        "From the moment the request was sent to the read that brought the first token that is not reasoning; only \
         of requests that reasoned.")
        .needs(TOKEN_STREAM).shown(),
    request("time_to_first_byte", "Time to First Byte", "ms", of::time_to_first_byte,
        "From the moment the request was sent to the arrival of the response's head."),
    request(tags::REQUEST_LATENCY, "Request Latency", "ms", of::request_latency,
        "From the moment the request was sent, in an open loop from the moment at which it was scheduled, to the last byte \
         of the response.")
        .shown(),
    request("request_service_time", "Request Service Time", "ms", of::request_service_time,
        "From the moment the request was sent to the last byte of the response: the latency without waiting in the \
         client.")
        .needs(&[OpenLoop]).shown(),
    request("submit_latency", "Submit Latency", "ms", of::submit_latency,
        "From the moment the request was sent to the last byte of the response that accepted it as a job; only of \
         requests whose response was followed up.")
        .shown(),
    request("follow_up_count", "Follow-up Requests", "requests", of::follow_up_count,
        "How often the server was asked after an accepted request, its result included; only of requests whose answer was \
         followed up.")
        .shown(),
    request(tags::INTER_TOKEN_LATENCY, "Inter Token Latency", "ms", of::inter_token_latency,
        "Time from the first to the last generated token, divided by the output tokens that came after the first read, all by \
         one counter; undefined when nothing came after it. It is per choice: of several choices (n > 1), each has its own first \
         and last token, and their times and their tokens are added up. Other tools call it time per output token (TPOT).")
        .needs(TOKEN_STREAM).shown(),
    row("inter_chunk_latency", "Inter Chunk Latency", "ms", Source::Gaps,
        "Every gap between reads that brought generated tokens of one choice, of all choices and requests in one pool. vLLM's \
         benchmark calls it inter-token latency (ITL).")
        .needs(TOKEN_STREAM).shown(),
    request(tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER, "Output Token Throughput Per User", "tokens/sec/user",
        of::output_token_throughput_per_user,
        "The inverse of the request's `inter_token_latency`.")
        .needs(TOKEN_STREAM).larger_is_better().shown(),
    request(tags::E2E_OUTPUT_TOKEN_THROUGHPUT, "E2E Output Token Throughput", "tokens/sec/user",
        of::e2e_output_token_throughput,
        "The request's `output_sequence_length` divided by its `request_latency`.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    request("prefill_throughput_per_user", "Prefill Throughput Per User", "tokens/sec/user",
        of::prefill_throughput_per_user,
        "The request's `input_sequence_length` divided by its `time_to_first_token`; as seen from the client, queueing and \
         the network included.")
        .needs(&[Streaming, OutputTokens, InputTokens]).larger_is_better(),
    request(tags::OUTPUT_SEQUENCE_LENGTH, "Output Sequence Length", "tokens", of::output_sequence_length,
        "Generated tokens of all channels and choices: the server's usage where it reports one, else counted here, each \
         text as a whole; `token_source` says which. Reasoning is included, even where the server does not send it.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    request("output_token_count", "Output Token Count", "tokens", of::output_token_count,
        "Generated tokens that are not reasoning, counted here with the run's tokenizer: less than `output_sequence_length` \
         where there is reasoning, and in other tokens where the server has another tokenizer.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    request("reasoning_token_count", "Reasoning Token Count", "tokens", of::reasoning_token_count,
        "Generated reasoning tokens, counted here; only of requests that have some.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    request("usage_completion_tokens", "Usage Completion Tokens", "tokens", of::usage_completion_tokens,
        "Output tokens, reasoning included, as the server reports them.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    request("usage_reasoning_tokens", "Usage Reasoning Tokens", "tokens", of::usage_reasoning_tokens,
        "Reasoning tokens as the server reports them.")
        .needs(&[OutputTokens]).larger_is_better(),
    request(tags::SPEC_DECODE_ACCEPTANCE_LENGTH, "Acceptance Length", "tokens/step", speculation::acceptance_length,
        "Tokens that a step of speculative decoding brought: 1 and `spec_decode_accepted_draft_tokens` divided by \
         `spec_decode_steps`; only where the server says it of each response.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    request(tags::SPEC_DECODE_DRAFT_ACCEPTANCE_RATE, "Draft Acceptance Rate", "%", speculation::acceptance_rate,
        "`spec_decode_accepted_draft_tokens` in percent of `spec_decode_draft_tokens`.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    request(tags::SPEC_DECODE_STEPS, "Spec Decode Steps", "steps", speculation::steps,
        "Steps of speculative decoding, as the server reports them.")
        .needs(&[OutputTokens]),
    request(tags::SPEC_DECODE_DRAFT_TOKENS, "Draft Tokens", "tokens", speculation::draft_tokens,
        "Tokens that were drafted, as the server reports them.")
        .needs(&[OutputTokens]),
    request(tags::SPEC_DECODE_ACCEPTED_DRAFT_TOKENS, "Accepted Draft Tokens", "tokens", speculation::accepted_tokens,
        "Drafted tokens that the model accepted, as the server reports them.")
        .needs(&[OutputTokens]).larger_is_better(),
    row(tags::SPEC_DECODE_OVERALL_DRAFT_ACCEPTANCE_RATE, "Overall Draft Acceptance Rate", "%",
        Source::Share(tags::SPEC_DECODE_ACCEPTED_DRAFT_TOKENS, tags::SPEC_DECODE_DRAFT_TOKENS),
        "All `spec_decode_accepted_draft_tokens` in percent of all `spec_decode_draft_tokens`.")
        .needs(&[OutputTokens]).larger_is_better(),
    request(tags::OSL_MISMATCH_DIFF_PCT, "OSL Mismatch Diff %", "%", of::osl_mismatch_diff_pct,
        "How much longer (positive) or shorter (negative) the output is than what was requested, in percent of that.")
        .needs(&[OutputTokens]),
    request(tags::INPUT_SEQUENCE_LENGTH, "Input Sequence Length", "tokens", of::input_sequence_length,
        "Tokens of the turn's texts, counted here; as the server reports them when only the server counts. A chat template's \
         tokens are in the server's number only.")
        .needs(&[InputTokens]).larger_is_better().shown(),
    request(tags::USAGE_PROMPT_TOKENS, "Usage Prompt Tokens", "tokens", of::usage_prompt_tokens,
        "Input tokens as the server reports them.")
        .needs(&[InputTokens]).larger_is_better().shown(),
    request(tags::USAGE_PROMPT_CACHE_READ_TOKENS, "Usage Prompt Cache Read Tokens", "tokens", of::usage_cache_read_tokens,
        "Input tokens that the server reports as read from its prefix cache.")
        .larger_is_better().shown(),
    request("usage_total_tokens", "Usage Total Tokens", "tokens", of::usage_total_tokens,
        "Input and output tokens together, as the server reports them.")
        .needs(&[OutputTokens]).larger_is_better(),
    request("tokens_per_read", "Tokens per Read", "tokens", of::tokens_per_read,
        "The request's `output_sequence_length` divided by its reads that brought generated tokens: above 1, a chunk is not a \
         token.")
        .needs(TOKEN_STREAM),
    request("token_events_per_read", "Token Events per Read", "events", of::token_events_per_read,
        "Events with generated text divided by the reads that brought them: above 1, events share an arrival instant.")
        .needs(TOKEN_STREAM),
    request("num_images", "Number of Images", "images", of::num_images,
        "Images in the request; only of requests that have some.")
        .larger_is_better().shown(),
    request("image_throughput", "Image Throughput", "images/sec", of::image_throughput,
        "The request's `num_images` divided by its `request_latency`: how fast one request's images are looked at.")
        .larger_is_better().shown(),
    request("image_latency", "Image Latency", "ms/image", of::image_latency,
        "The request's `request_latency` divided by its `num_images`.")
        .shown(),
    request("num_videos", "Number of Videos", "videos", of::num_videos,
        "Videos in the request; only of requests that have some.")
        .larger_is_better().shown(),
    request("audio_duration", "Audio Duration", "sec", of::audio_duration,
        "Length of the audio in the request, where it is WAV in the request itself; clips add up.")
        .larger_is_better().shown(),
    request("rtfx", "Inverse Real-Time Factor (RTFx)", "ratio", of::rtfx,
        "The request's `audio_duration` divided by its `request_latency`: above 1, faster than it plays.")
        .larger_is_better().shown(),
    request("embedding_count", "Embeddings", "embeddings", of::embedding_count,
        "Embeddings in the answer; only of requests that brought some.")
        .larger_is_better().shown(),
    request("ranking_count", "Ranked Documents", "documents", of::ranking_count,
        "Documents with a score in the answer; only of requests that brought some.")
        .larger_is_better().shown(),
    request("media_count", "Generated Media", "media", of::media_count,
        "Images, videos and sounds in the answer; only of requests that brought some.")
        .larger_is_better().shown(),
    request("media_bytes", "Generated Media Size", "bytes", of::media_bytes,
        "Bytes of the images, videos and sounds in the answer, without those that it only links to.")
        .larger_is_better(),
    request(tags::SCHEDULE_LATENESS, "Schedule Lateness", "ms", of::schedule_lateness,
        "From the moment at which the request was scheduled to the moment at which work on it began, after any wait for a \
         slot."),
    request("send_lateness", "Send Lateness", "ms", of::send_lateness,
        "From the moment at which the request was scheduled to the moment the request was sent.")
        .shown(),
    request("connection_time", "Connection Time", "ms", of::connection_time,
        "Time to open the request's connection, TLS included; only of requests that opened one."),
    session(tags::SESSION_DURATION, "Session Duration", "ms", |session| Some(session.duration_ms()),
        "From the moment at which the first request of a session was scheduled to the end of its last response. This and all \
         of `session_requests` and the like: of sessions of several requests, all of which succeeded.")
        .shown(),
    session("session_requests", "Session Requests", "requests", |session| Some(session.requests()),
        "Requests of a session.")
        .shown(),
    session("session_time_in_model", "Session Time in Model", "ms", |session| Some(session.time_in_model_ms()),
        "Time of a session in which at least one of its requests was in flight.")
        .shown(),
    session("session_time_between_requests", "Session Time between Requests", "ms",
        |session| Some(session.time_between_ms()),
        "The rest of `session_duration`: users think, tools work, and requests wait for a slot.")
        .shown(),
    session("session_time_to_first_token", "Session Time to First Token", "ms", Session::first_token_ms,
        "`time_to_first_token` of the first request of a session.")
        .needs(&[Streaming, OutputTokens]).shown(),
    session("session_input_tokens", "Session Input Tokens", "tokens", Session::input_tokens,
        "The sum of `input_sequence_length` over the requests of a session, each of which repeats what was said before.")
        .needs(&[InputTokens]),
    session("session_output_tokens", "Session Output Tokens", "tokens", Session::output_tokens,
        "The sum of `output_sequence_length` over the requests of a session.")
        .needs(&[OutputTokens]).larger_is_better(),
    session("session_cached_tokens", "Session Cached Tokens", "tokens", Session::cached_tokens,
        "The sum of `usage_prompt_cache_read_tokens` over the requests of a session.")
        .larger_is_better(),
    session("session_cacheable_tokens", "Session Cacheable Tokens", "tokens", Session::cacheable_tokens,
        "Input tokens of the requests of a session that a prefix cache of unlimited size would have had, in blocks of 16 tokens.")
        .needs(&[InputTokens]),
    row(tags::OUTPUT_TOKEN_THROUGHPUT, "Output Token Throughput", "tokens/sec", Source::Rate(&[tags::OUTPUT_SEQUENCE_LENGTH]),
        "Output tokens of all successful requests divided by `benchmark_duration`.")
        .needs(&[OutputTokens]).larger_is_better().shown(),
    row(tags::INPUT_TOKEN_THROUGHPUT, "Input Token Throughput", "tokens/sec", Source::Rate(&[tags::INPUT_SEQUENCE_LENGTH]),
        "Input tokens of all successful requests divided by `benchmark_duration`.")
        .needs(&[InputTokens]).larger_is_better().shown(),
    row("total_token_throughput", "Total Token Throughput", "tokens/sec",
        Source::Rate(&[tags::INPUT_SEQUENCE_LENGTH, tags::OUTPUT_SEQUENCE_LENGTH]),
        "Input and output tokens of all successful requests divided by `benchmark_duration`.")
        .needs(&[InputTokens, OutputTokens]).larger_is_better(),
    row("embedding_throughput", "Embedding Throughput", "embeddings/sec", Source::Rate(&["embedding_count"]),
        "Embeddings of all successful requests divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row("ranking_throughput", "Ranking Throughput", "documents/sec", Source::Rate(&["ranking_count"]),
        "Ranked documents of all successful requests divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row("total_image_throughput", "Total Image Throughput", "images/sec", Source::Rate(&["num_images"]),
        "Images in all successful requests divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row("total_video_throughput", "Total Video Throughput", "videos/sec", Source::Rate(&["num_videos"]),
        "Videos in all successful requests divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row("total_rtfx", "Total RTFx", "ratio", Source::Rate(&["audio_duration"]),
        "Seconds of audio in all successful requests divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row("media_throughput", "Media Throughput", "media/sec", Source::Rate(&["media_count"]),
        "Images, videos and sounds of all successful requests divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row(tags::REQUEST_THROUGHPUT, "Request Throughput", "requests/sec", Source::Phase(PhaseFact::Throughput),
        "Successful requests divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row(tags::REQUEST_COUNT, "Request Count", "requests", Source::Phase(PhaseFact::Succeeded),
        "Successful requests.")
        .larger_is_better().shown(),
    row(tags::ERROR_REQUEST_COUNT, "Error Request Count", "requests", Source::Phase(PhaseFact::Failed),
        "Requests that failed; none of them has a part in a latency, a length or a throughput.")
        .shown(),
    row(tags::CANCELLED_REQUEST_COUNT, "Cancelled Request Count", "requests", Source::Phase(PhaseFact::Cancelled),
        "Requests that the tool itself ended, at the end of a grace period or on an interrupt: no errors of the server's, and \
         no part of any other number."),
    row(tags::COMPLETED_REQUEST_COUNT, "Completed Requests (Success + Error)", "requests",
        Source::Phase(PhaseFact::Completed),
        "Requests that succeeded or failed, without those that the tool ended."),
    row(tags::REQUEST_ERROR_RATE, "Request Error Rate", "%", Source::Phase(PhaseFact::ErrorRate),
        "`error_request_count` in percent of `completed_request_count`.")
        .shown(),
    row(tags::GOOD_REQUEST_COUNT, "Good Request Count", "requests", Source::Phase(PhaseFact::Good),
        "Successful requests that kept to all objectives that requests of their kind have.")
        .larger_is_better().shown(),
    row(tags::GOODPUT, "Goodput", "requests/sec", Source::Phase(PhaseFact::Goodput),
        "`good_request_count` divided by `benchmark_duration`.")
        .larger_is_better().shown(),
    row(tags::GOOD_REQUEST_FRACTION, "Good Request Fraction", "ratio", Source::Phase(PhaseFact::GoodShare),
        "`good_request_count` divided by all requests that have objectives, whether they succeeded, failed or were ended by the \
         tool. Only those that were cancelled on purpose, and conversations that the server found too long, are left out.")
        .larger_is_better().shown(),
    row(tags::SESSION_COUNT, "Session Count", "sessions", Source::Phase(PhaseFact::Sessions),
        "Sessions of several requests that were begun.")
        .larger_is_better().shown(),
    row(tags::COMPLETE_SESSION_COUNT, "Complete Session Count", "sessions", Source::Phase(PhaseFact::CompleteSessions),
        "Those of `session_count` all of whose requests succeeded; the others failed or were ended with the phase.")
        .larger_is_better().shown(),
    row("session_throughput", "Session Throughput", "sessions/hour", Source::Phase(PhaseFact::SessionThroughput),
        "`complete_session_count` divided by `benchmark_duration` in hours.")
        .larger_is_better().shown(),
    row(tags::BENCHMARK_DURATION, "Benchmark Duration", "sec", Source::Phase(PhaseFact::Window),
        "From the start of the phase to the end of its last request, successful or not; several phases of a kind add up. The \
         denominator of every throughput."),
    row("total_isl", "Total Input Sequence Length", "tokens", Source::Sum(tags::INPUT_SEQUENCE_LENGTH),
        "The sum of `input_sequence_length`.")
        .needs(&[InputTokens]).larger_is_better(),
    row("total_osl", "Total Output Sequence Length", "tokens", Source::Sum(tags::OUTPUT_SEQUENCE_LENGTH),
        "The sum of `output_sequence_length`.")
        .needs(&[OutputTokens]).larger_is_better(),
    row("total_output_tokens", "Total Output Tokens", "tokens", Source::Sum("output_token_count"),
        "The sum of `output_token_count`.")
        .needs(&[OutputTokens]).larger_is_better(),
    row("total_reasoning_tokens", "Total Reasoning Tokens", "tokens", Source::Sum("reasoning_token_count"),
        "The sum of `reasoning_token_count`.")
        .needs(&[OutputTokens]).larger_is_better(),
    row("total_usage_prompt_tokens", "Total Usage Prompt Tokens", "tokens", Source::Sum(tags::USAGE_PROMPT_TOKENS),
        "The sum of `usage_prompt_tokens`.")
        .needs(&[InputTokens]).larger_is_better(),
    row("total_usage_prompt_cache_read_tokens", "Total Usage Prompt Cache Read Tokens", "tokens",
        Source::Sum(tags::USAGE_PROMPT_CACHE_READ_TOKENS),
        "The sum of `usage_prompt_cache_read_tokens`.")
        .larger_is_better(),
    row("overall_usage_prompt_cache_read_pct", "Overall Usage Prompt Cache Read %", "%",
        Source::Share(tags::USAGE_PROMPT_CACHE_READ_TOKENS, tags::USAGE_PROMPT_TOKENS),
        "`total_usage_prompt_cache_read_tokens` in percent of `total_usage_prompt_tokens`.")
        .needs(&[InputTokens]).larger_is_better(),
    row("total_usage_completion_tokens", "Total Usage Completion Tokens", "tokens",
        Source::Sum("usage_completion_tokens"),
        "The sum of `usage_completion_tokens`.")
        .needs(&[OutputTokens]).larger_is_better(),
    row("total_usage_reasoning_tokens", "Total Usage Reasoning Tokens", "tokens", Source::Sum("usage_reasoning_tokens"),
        "The sum of `usage_reasoning_tokens`.")
        .needs(&[OutputTokens]).larger_is_better(),
    row("total_usage_total_tokens", "Total Usage Total Tokens", "tokens", Source::Sum("usage_total_tokens"),
        "The sum of `usage_total_tokens`.")
        .needs(&[OutputTokens]).larger_is_better(),
    row(tags::OSL_MISMATCH_COUNT, "OSL Mismatch Count", "requests", Source::Count(of::osl_mismatch),
        "Requests whose output differs from the requested length by more than 5 % or 50 tokens, whichever is less.")
        .needs(&[OutputTokens]),
];
