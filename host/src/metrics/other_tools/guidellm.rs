//! What guidellm measures of a request, by its definitions: version 0.8, whose files have the schema 2.
//!
//! Its clock starts before the connection is opened, and latency ends with the last event, in seconds. The time of an output token is
//! that of the whole request up to the last token, by all of them; the inter-token latency is that behind the first one, by those
//! behind it. Tokens are the server's where it tells them.
//!
//! Source: `guidellm/schemas/base/request_stats.py` of <https://github.com/vllm-project/guidellm>, version 0.8.1.

use super::super::{
    curves::{Curve, Quantity},
    metric::{
        Metric,
        Need::{InputTokens, OutputTokens, Streaming},
        PhaseFact, Source, request, row,
    },
    per_request::{self as of, to_ms, tokens},
    request::{Request, TokenCounting},
};

fn latency_s(request: &Request<'_>) -> Option<f64> {
    super::vllm::e2el(request).map(|ms| ms / 1e3)
}

/// Input tokens: the server's, else those counted here.
fn prompt_tokens(request: &Request<'_>) -> Option<f64> {
    let record = request.record;
    let server = record.usage.and_then(|usage| usage.prompt);
    match request.counting {
        TokenCounting::PreferServer => tokens(server.or(record.counted.input)),
        TokenCounting::ServerOnly => tokens(server),
    }
}

fn total_tokens(request: &Request<'_>) -> Option<f64> {
    Some(prompt_tokens(request)? + of::output_sequence_length(request)?)
}

fn to_last_token(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.sent, instants.last_token.or(Some(instants.end))).map(to_ms)
}

fn time_per_output_token(request: &Request<'_>) -> Option<f64> {
    let output = of::output_sequence_length(request).filter(|count| *count > 0.0)?;
    Some(to_last_token(request)? / output)
}

fn inter_token_latency(request: &Request<'_>) -> Option<f64> {
    let later = of::output_sequence_length(request)? - 1.0;
    let ms = to_last_token(request)? - of::time_to_first_token(request)?;
    (later >= 1.0).then_some(ms / later)
}

fn time_to_first_output_token(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.sent, instants.first_output_token).map(to_ms)
}

fn token_iterations(request: &Request<'_>) -> Option<f64> {
    Some(request.record.token_events as f64).filter(|count| *count > 0.0)
}

fn output_per_second(request: &Request<'_>) -> Option<f64> {
    let latency_s = latency_s(request).filter(|latency| *latency > 0.0)?;
    Some(of::output_sequence_length(request)? / latency_s)
}

fn tokens_per_second(request: &Request<'_>) -> Option<f64> {
    let latency_s = latency_s(request).filter(|latency| *latency > 0.0)?;
    Some(total_tokens(request)? / latency_s)
}

/// Under the names of guidellm's file. Those that begin with `of_` are of single requests, and stand with those alone.
#[rustfmt::skip]
pub(super) static CATALOGUE: &[Metric] = &[
    request("request_latency", "Request latency", "s", latency_s, ""),
    request("request_streaming_iterations_count", "Iterations", "events", token_iterations, "").needs(&[Streaming, OutputTokens]),
    request("prompt_token_count", "Prompt tokens", "tokens", prompt_tokens, "").needs(&[InputTokens]),
    request("output_token_count", "Output tokens", "tokens", of::output_sequence_length, "").needs(&[OutputTokens]),
    request("total_token_count", "Total tokens", "tokens", total_tokens, "").needs(&[InputTokens, OutputTokens]),
    request("time_to_first_token_ms", "TTFT", "ms", of::time_to_first_token, "").needs(&[Streaming, OutputTokens]),
    request("time_to_first_output_token_ms", "TTFOT", "ms", time_to_first_output_token, "").needs(&[Streaming, OutputTokens]),
    request("time_per_output_token_ms", "TPOT", "ms", time_per_output_token, "").needs(&[OutputTokens]),
    request("inter_token_latency_ms", "ITL", "ms", inter_token_latency, "").needs(&[Streaming, OutputTokens]),
    request("of_output_tokens_per_second", "Output tokens a second", "tokens/sec", output_per_second, "").needs(&[OutputTokens]),
    request("of_tokens_per_second", "Tokens a second", "tokens/sec", tokens_per_second, "").needs(&[InputTokens, OutputTokens]),
    row("requests_per_second", "Requests a second", "requests/sec", Source::Phase(PhaseFact::Throughput), ""),
    row("prompt_tokens_per_second", "Prompt tokens a second", "tokens/sec", Source::Rate(&["prompt_token_count"]), ""),
    row("output_tokens_per_second", "Output tokens a second", "tokens/sec", Source::Rate(&["output_token_count"]), ""),
    row("tokens_per_second", "Tokens a second", "tokens/sec", Source::Rate(&["prompt_token_count", "output_token_count"]), ""),
    row("request_concurrency", "Concurrency", "requests",
        Source::OverTime(Curve { of: Quantity::InFlight, only_active: false }), ""),
];
