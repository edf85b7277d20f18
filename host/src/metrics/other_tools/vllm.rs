//! What `vllm bench serve` measures of a request, by its definitions.
//!
//! Its clock starts before the connection is opened. TTFT ends with the first event, which may bring no text there and does here. TPOT
//! is the time behind it by the tokens behind the first one, ITL are single gaps between events, and E2EL ends with the last event.
//! Output tokens are the server's where it tells them.
//!
//! Source: `vllm/benchmarks/serve.py` of <https://github.com/vllm-project/vllm>, as of 2026.

use super::super::{
    curves::{Curve, Quantity},
    metric::{
        Metric,
        Need::{InputTokens, OutputTokens, Streaming},
        PhaseFact, Source, request, row,
    },
    per_request::{self as of, to_ms},
    request::Request,
};

/// Milliseconds to the end of the last event.
pub(super) fn e2el(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.sent, Some(instants.end)).map(to_ms)
}

fn tpot(request: &Request<'_>) -> Option<f64> {
    let later = of::output_sequence_length(request)? - 1.0;
    let ms = e2el(request)? - of::time_to_first_token(request)?;
    (later >= 1.0).then_some(ms / later)
}

fn queue_time(request: &Request<'_>) -> Option<f64> {
    of::schedule_lateness(request)
}

/// Input tokens, as they were counted before they were sent.
pub(super) fn input_length(request: &Request<'_>) -> Option<f64> {
    let record = request.record;
    of::tokens(record.counted.input.or(record.usage.and_then(|usage| usage.prompt)))
}

/// A request of one token keeps to any bound of TPOT.
fn judged_tpot(request: &Request<'_>) -> Option<f64> {
    tpot(request).or(Some(0.0))
}

/// Measures a request.
type Measure = fn(&Request<'_>) -> Option<f64>;

/// What its goodput judges, by the names of our metrics.
pub(super) const JUDGED: [(&str, Measure); 3] = [
    ("time_to_first_token", of::time_to_first_token),
    ("inter_token_latency", judged_tpot),
    ("request_latency", e2el),
];

/// Under our names; the file has its own.
#[rustfmt::skip]
pub(super) static CATALOGUE: &[Metric] = &[
    request("ttft", "TTFT", "ms", of::time_to_first_token, "").needs(&[Streaming, OutputTokens]),
    request("tpot", "TPOT", "ms", tpot, "").needs(&[Streaming, OutputTokens]),
    row("itl", "ITL", "ms", Source::Gaps, "").needs(&[Streaming, OutputTokens]),
    request("e2el", "E2EL", "ms", e2el, ""),
    request("client_queue_time", "Client Queue Time", "ms", queue_time, ""),
    request("input_length", "Input", "tokens", input_length, "").needs(&[InputTokens]),
    request("output_length", "Output", "tokens", of::output_sequence_length, "").needs(&[OutputTokens]),
    request("audio", "Audio", "sec", of::audio_duration, ""),
    row("rtfx", "RTFx", "ratio", Source::Rate(&["audio"]), ""),
    row("output_throughput", "Output token throughput", "tokens/sec", Source::Rate(&["output_length"]), ""),
    row("total_token_throughput", "Total token throughput", "tokens/sec", Source::Rate(&["input_length", "output_length"]), ""),
    row("total_input_tokens", "Total input tokens", "tokens", Source::Sum("input_length"), ""),
    row("total_output_tokens", "Total generated tokens", "tokens", Source::Sum("output_length"), ""),
    row("request_throughput", "Request throughput", "requests/sec", Source::Phase(PhaseFact::Throughput), ""),
    row("request_goodput", "Request goodput", "requests/sec", Source::Phase(PhaseFact::Goodput), ""),
    row("completed", "Successful requests", "requests", Source::Phase(PhaseFact::Succeeded), ""),
    row("failed", "Failed requests", "requests", Source::Phase(PhaseFact::Failed), ""),
    row("duration", "Benchmark duration", "sec", Source::Phase(PhaseFact::Window), ""),
    row("concurrent_requests", "Concurrent requests", "requests",
        Source::OverTime(Curve { of: Quantity::InFlight, only_active: false }), ""),
];
