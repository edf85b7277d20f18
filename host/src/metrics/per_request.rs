//! What one successful request measures: a pure function for each metric, from a [`Request`] to a number.
//!
//! A function returns `None` where the request says nothing about its metric: never 0 in place of "unknown". The
//! definitions in words stand in the [catalogue](super::catalogue).

use super::{
    inter_token::InterToken,
    request::{LatencyOrigin, Request, TokenCounting},
};
use crate::record::Record;

/// An output length differs from the requested one beyond this part of it...
const LENGTH_TOLERANCE: f64 = 0.05;
/// ... or beyond so many tokens, whichever is less.
const LENGTH_TOLERANCE_TOKENS: f64 = 50.0;

impl Request<'_> {
    /// Nanoseconds between two instants that both happened, in this order.
    pub(super) fn between(from: Option<u64>, to: Option<u64>) -> Option<f64> {
        to?.checked_sub(from?).map(|ns| ns as f64)
    }

    fn since_sent_ms(&self, to: Option<u64>) -> Option<f64> {
        Self::between(self.record.instants.sent, to).map(to_ms)
    }

    fn since_scheduled_ms(&self, to: Option<u64>) -> Option<f64> {
        Self::between(Some(self.record.instants.scheduled), to).map(to_ms)
    }

    /// Reads that brought generated tokens.
    fn arrivals(&self) -> Option<f64> {
        let of_one_choice = || self.record.chunk_gaps_ns.len() as u64 + 1;
        let reads = self.record.choices.map_or_else(of_one_choice, |choices| choices.reads);
        self.record.instants.first_token.map(|_| reads as f64)
    }

    fn reasoned(&self) -> bool {
        let Record { counted, usage, instants, .. } = self.record;
        counted.reasoning > Some(0)
            || usage.and_then(|usage| usage.reasoning) > Some(0)
            || instants.first_output_token > instants.first_token
    }
}

pub(super) fn to_ms(ns: f64) -> f64 {
    ns / 1e6
}

fn per_second(amount: f64, ms: f64) -> Option<f64> {
    (ms > 0.0).then(|| amount / (ms / 1e3))
}

pub(super) fn tokens(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

pub(super) fn time_to_first_token(request: &Request<'_>) -> Option<f64> {
    request.since_sent_ms(request.record.instants.first_token)
}

pub(super) fn time_to_first_token_from_schedule(request: &Request<'_>) -> Option<f64> {
    match request.origin {
        LatencyOrigin::Sent => None,
        LatencyOrigin::Scheduled => request.since_scheduled_ms(request.record.instants.first_token),
    }
}

pub(super) fn time_to_second_token(request: &Request<'_>) -> Option<f64> {
    request.record.chunk_gaps_ns.first().map(|gap| to_ms(*gap as f64))
}

/// From the read that brought the first token to the one that brought the last.
pub(super) fn decode_duration(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.first_token, instants.last_token).map(to_ms)
}

pub(super) fn longest_gap(request: &Request<'_>) -> Option<f64> {
    request.record.chunk_gaps_ns.iter().max().map(|gap| to_ms(*gap as f64))
}

/// From the response's head to the first token.
pub(super) fn stream_prefill_latency(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.first_byte, instants.first_token).map(to_ms)
}

pub(super) fn time_to_first_output_token(request: &Request<'_>) -> Option<f64> {
    request.reasoned().then(|| request.since_sent_ms(request.record.instants.first_output_token))?
}

pub(super) fn time_to_first_byte(request: &Request<'_>) -> Option<f64> {
    request.since_sent_ms(request.record.instants.first_byte)
}

pub(super) fn request_latency(request: &Request<'_>) -> Option<f64> {
    let end = Some(request.record.instants.end);
    match request.origin {
        LatencyOrigin::Sent => request.since_sent_ms(end),
        LatencyOrigin::Scheduled => request.since_scheduled_ms(end),
    }
}

/// From the schedule to the end, in closed loops as well.
pub(super) fn effective_latency(request: &Request<'_>) -> Option<f64> {
    request.since_scheduled_ms(Some(request.record.instants.end))
}

pub(super) fn request_service_time(request: &Request<'_>) -> Option<f64> {
    match request.origin {
        LatencyOrigin::Sent => None,
        LatencyOrigin::Scheduled => request.since_sent_ms(Some(request.record.instants.end)),
    }
}

pub(super) fn inter_token_latency(request: &Request<'_>) -> Option<f64> {
    InterToken::of(request).map(|found| found.ms)
}

pub(super) fn output_token_throughput_per_user(request: &Request<'_>) -> Option<f64> {
    per_second(1.0, inter_token_latency(request)?)
}

pub(super) fn e2e_output_token_throughput(request: &Request<'_>) -> Option<f64> {
    per_second(output_sequence_length(request)?, request_latency(request)?)
}

pub(super) fn prefill_throughput_per_user(request: &Request<'_>) -> Option<f64> {
    per_second(input_sequence_length(request)?, time_to_first_token(request)?)
}

pub(super) fn output_sequence_length(request: &Request<'_>) -> Option<f64> {
    request.output_tokens().map(|(count, _)| count as f64)
}

pub(super) fn input_sequence_length(request: &Request<'_>) -> Option<f64> {
    tokens(input_tokens(request))
}

/// Input tokens, by whom the run lets count them.
pub(super) fn input_tokens(request: &Request<'_>) -> Option<u64> {
    match request.counting {
        TokenCounting::PreferServer => request.record.counted.input,
        TokenCounting::ServerOnly => request.record.usage?.prompt,
    }
}

pub(super) fn output_token_count(request: &Request<'_>) -> Option<f64> {
    let counted = request.record.counted;
    tokens(counted.output.map(|output| output.saturating_sub(counted.reasoning.unwrap_or(0))))
}

pub(super) fn reasoning_token_count(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.counted.reasoning.filter(|count| *count > 0))
}

pub(super) fn usage_prompt_tokens(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.usage?.prompt)
}

pub(super) fn usage_completion_tokens(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.usage?.completion)
}

/// A number of things that most API formats do not bring: none of them is no measurement.
fn some(count: u64) -> Option<f64> {
    (count > 0).then_some(count as f64)
}

pub(super) fn embedding_count(request: &Request<'_>) -> Option<f64> {
    some(request.record.embeddings.into())
}

pub(super) fn ranking_count(request: &Request<'_>) -> Option<f64> {
    some(request.record.rankings.into())
}

pub(super) fn media_count(request: &Request<'_>) -> Option<f64> {
    some(request.record.media.into())
}

pub(super) fn media_bytes(request: &Request<'_>) -> Option<f64> {
    some(request.record.media_bytes)
}

pub(super) fn submit_latency(request: &Request<'_>) -> Option<f64> {
    request.since_sent_ms(request.record.instants.accepted)
}

pub(super) fn follow_up_count(request: &Request<'_>) -> Option<f64> {
    some(request.record.follow_ups.into())
}

pub(super) fn num_images(request: &Request<'_>) -> Option<f64> {
    some(request.record.input_images.into())
}

pub(super) fn num_videos(request: &Request<'_>) -> Option<f64> {
    some(request.record.input_videos.into())
}

/// Images in the request by the seconds that it took.
pub(super) fn image_throughput(request: &Request<'_>) -> Option<f64> {
    image_latency(request).filter(|latency| *latency > 0.0).map(|latency| 1e3 / latency)
}

/// Milliseconds that the request took by the images in it.
pub(super) fn image_latency(request: &Request<'_>) -> Option<f64> {
    Some(request_latency(request)? / num_images(request)?)
}

pub(super) fn audio_duration(request: &Request<'_>) -> Option<f64> {
    request.record.input_audio_s
}

/// Seconds of audio in the request by the seconds that it took.
pub(super) fn rtfx(request: &Request<'_>) -> Option<f64> {
    let latency_s = request_latency(request).filter(|latency| *latency > 0.0)? / 1e3;
    Some(audio_duration(request)? / latency_s)
}

pub(super) fn usage_total_tokens(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.usage?.total)
}

pub(super) fn usage_reasoning_tokens(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.usage?.reasoning)
}

pub(super) fn usage_cache_read_tokens(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.usage?.cache_read)
}

/// Produced minus requested output tokens, and the requested ones.
fn length_difference(request: &Request<'_>) -> Option<(f64, f64)> {
    let requested = tokens(request.record.requested_output_tokens.filter(|count| *count > 0))?;
    Some((output_sequence_length(request)? - requested, requested))
}

pub(super) fn requested_output_tokens(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.requested_output_tokens)
}

/// Reasoning tokens for each token of the answer itself.
pub(super) fn thinking_efficiency(request: &Request<'_>) -> Option<f64> {
    let answer = output_token_count(request).filter(|tokens| *tokens > 0.0)?;
    Some(reasoning_token_count(request)? / answer)
}

pub(super) fn osl_mismatch_diff_pct(request: &Request<'_>) -> Option<f64> {
    length_difference(request).map(|(difference, requested)| 100.0 * difference / requested)
}

pub(super) fn osl_mismatch(request: &Request<'_>) -> Option<bool> {
    length_difference(request).map(|(difference, requested)| {
        difference.abs() > (requested * LENGTH_TOLERANCE).min(LENGTH_TOLERANCE_TOKENS)
    })
}

pub(super) fn tokens_per_read(request: &Request<'_>) -> Option<f64> {
    Some(output_sequence_length(request)? / request.arrivals()?)
}

pub(super) fn token_events_per_read(request: &Request<'_>) -> Option<f64> {
    Some(some(request.record.token_events)? / request.arrivals()?)
}

pub(super) fn schedule_lateness(request: &Request<'_>) -> Option<f64> {
    request.since_scheduled_ms(Some(request.record.instants.started))
}

pub(super) fn send_lateness(request: &Request<'_>) -> Option<f64> {
    request.since_scheduled_ms(request.record.instants.sent)
}

pub(super) fn connection_time(request: &Request<'_>) -> Option<f64> {
    let instants = &request.record.instants;
    Request::between(instants.connect_start, instants.connected).map(to_ms)
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::TokenUsage;
    use rstest::rstest;

    use super::*;
    use crate::metrics::request::Counter;
    use crate::record::{CountedTokens, Instants};

    const MS: u64 = 1_000_000;

    /// Due at 90 ms, begun at 95, sent at 100; tokens at 150 (two of them), 160, 180 and 190; over at 200.
    fn record() -> Record {
        Record {
            instants: Instants {
                scheduled: 90 * MS,
                started: 95 * MS,
                connect_start: Some(96 * MS),
                resolved: Some(97 * MS),
                reached: Some(98 * MS),
                connected: Some(99 * MS),
                sent: Some(100 * MS),
                first_byte: Some(140 * MS),
                first_token: Some(150 * MS),
                first_output_token: Some(150 * MS),
                last_token: Some(190 * MS),
                accepted: Some(192 * MS),
                end: 200 * MS,
            },
            chunk_gaps_ns: vec![10 * MS, 20 * MS, 10 * MS],
            token_events: 6,
            counted: CountedTokens {
                input: Some(25),
                output: Some(10),
                reasoning: Some(0),
                first_arrival: Some(2),
                ..CountedTokens::default()
            },
            requested_output_tokens: Some(8),
            follow_ups: 2,
            ..Record::default()
        }
    }

    fn measure(record: &Record, metric: fn(&Request<'_>) -> Option<f64>) -> Option<f64> {
        metric(&Request { record, origin: LatencyOrigin::Sent, counting: TokenCounting::PreferServer })
    }

    #[rstest]
    #[case::first_token(time_to_first_token, 50.0)]
    #[case::second_token(time_to_second_token, 10.0)]
    #[case::first_byte(time_to_first_byte, 40.0)]
    #[case::latency(request_latency, 100.0)]
    // 40 ms for the eight tokens after the first read.
    #[case::inter_token(inter_token_latency, 5.0)]
    #[case::per_user(output_token_throughput_per_user, 200.0)]
    #[case::end_to_end(e2e_output_token_throughput, 100.0)]
    #[case::prefill(prefill_throughput_per_user, 500.0)]
    #[case::per_read(tokens_per_read, 2.5)]
    #[case::events_per_read(token_events_per_read, 1.5)]
    #[case::lateness(schedule_lateness, 5.0)]
    #[case::send_lateness(send_lateness, 10.0)]
    #[case::connection(connection_time, 3.0)]
    #[case::submission(submit_latency, 92.0)]
    #[case::follow_ups(follow_up_count, 2.0)]
    #[case::length_difference(osl_mismatch_diff_pct, 25.0)]
    fn definitions_hold_for_a_request_worked_by_hand(
        #[case] metric: fn(&Request<'_>) -> Option<f64>,
        #[case] expected: f64,
    ) {
        assert_eq!(measure(&record(), metric), Some(expected));
    }

    #[rstest]
    #[case::latency(request_latency, 110.0)]
    #[case::service_time(request_service_time, 100.0)]
    #[case::first_token(time_to_first_token, 50.0)]
    #[case::first_token_from_schedule(time_to_first_token_from_schedule, 60.0)]
    fn an_open_loop_counts_from_the_schedule(
        #[case] metric: fn(&Request<'_>) -> Option<f64>,
        #[case] expected: f64,
    ) {
        let record = record();
        let request = Request {
            record: &record,
            origin: LatencyOrigin::Scheduled,
            counting: TokenCounting::PreferServer,
        };
        assert_eq!(metric(&request), Some(expected));
    }

    #[rstest]
    #[case::a_single_token(Some(1), vec![10 * MS], Some(190))]
    #[case::everything_in_one_read(Some(10), vec![], Some(150))]
    #[case::uncounted(None, vec![10 * MS], Some(190))]
    #[case::no_token_at_all(Some(0), vec![], None)]
    fn inter_token_latency_is_undefined_rather_than_zero(
        #[case] output: Option<u64>,
        #[case] gaps: Vec<u64>,
        #[case] last_token_ms: Option<u64>,
    ) {
        let mut record = record();
        record.counted.output = output;
        record.chunk_gaps_ns = gaps;
        record.instants.last_token = last_token_ms.map(|ms| ms * MS);
        assert_eq!(measure(&record, inter_token_latency), None);
        assert_eq!(measure(&record, output_token_throughput_per_user), None);
    }

    #[test]
    fn the_first_output_token_counts_only_after_reasoning() {
        let mut record = record();
        assert_eq!(measure(&record, time_to_first_output_token), None);
        record.counted.reasoning = Some(4);
        record.instants.first_output_token = Some(180 * MS);
        assert_eq!(measure(&record, time_to_first_output_token), Some(80.0));
        assert_eq!(measure(&record, reasoning_token_count), Some(4.0));
        assert_eq!(measure(&record, output_token_count), Some(6.0));
        record.instants.first_output_token = None;
        assert_eq!(measure(&record, time_to_first_output_token), None);
    }

    #[rstest]
    #[case::both_counted(Some(12), Some(10), TokenCounting::PreferServer, Some((12, Counter::Server)))]
    #[case::client_only(None, Some(10), TokenCounting::PreferServer, Some((10, Counter::Client)))]
    #[case::nobody(None, None, TokenCounting::PreferServer, None)]
    #[case::no_fallback(None, Some(10), TokenCounting::ServerOnly, None)]
    #[case::server_only(Some(12), None, TokenCounting::ServerOnly, Some((12, Counter::Server)))]
    fn the_server_counts_first(
        #[case] completion: Option<u64>,
        #[case] counted: Option<u64>,
        #[case] counting: TokenCounting,
        #[case] expected: Option<(u64, Counter)>,
    ) {
        let mut record = record();
        record.counted.output = counted;
        record.usage = Some(TokenUsage { completion, ..TokenUsage::default() });
        let request = Request { record: &record, origin: LatencyOrigin::Sent, counting };
        assert_eq!(request.output_tokens(), expected);
    }

    #[rstest]
    #[case::exact(100, 100, false)]
    #[case::within_five_percent(100, 105, false)]
    #[case::longer(100, 106, true)]
    #[case::shorter(100, 94, true)]
    #[case::within_fifty_tokens(10_000, 10_050, false)]
    #[case::beyond_fifty_tokens(10_000, 9_949, true)]
    fn output_lengths_may_differ_a_little(
        #[case] requested: u64,
        #[case] output: u64,
        #[case] expected: bool,
    ) {
        let mut record = record();
        record.requested_output_tokens = Some(requested);
        record.counted.output = Some(output);
        let request =
            Request { record: &record, origin: LatencyOrigin::Sent, counting: TokenCounting::PreferServer };
        assert_eq!(osl_mismatch(&request), Some(expected));
    }

    #[test]
    fn a_request_that_was_never_sent_has_no_latency() {
        let mut record = record();
        record.instants.sent = None;
        assert_eq!(measure(&record, request_latency), None);
        assert_eq!(measure(&record, time_to_first_token), None);
    }
}
