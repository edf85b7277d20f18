//! The last seconds of a phase while it goes on: [`RecentRequests`].
//!
//! Values stand in histograms by the second, with a fixed number of cells each, so that a request costs a few additions
//! whatever the load is, and a look back is a sum of histograms. What is counted of a request is in [`Ended`]. A
//! request belongs to the second in which it was reported.

use hdrhistogram::Histogram;
use prony_plugin_api::live::{ClientNow, Recent, Spread};

use super::{
    ended::{Ended, NoteTime},
    request::{LatencyOrigin, Request, TokenCounting},
};
use crate::{clock::RunNs, record::Record};

/// Seconds that are looked back on.
const SECONDS: u64 = 10;

const SECOND_NS: u64 = 1_000_000_000;

/// Longer times are counted as this, an hour, in microseconds.
const LONGEST_US: u64 = 3_600_000_000;

/// What ended in the last seconds of a phase.
#[derive(Debug)]
pub(crate) struct RecentRequests {
    start_ns: RunNs,
    origin: LatencyOrigin,
    counting: TokenCounting,
    /// By second, in a ring: the current one, and those before it.
    slices: Vec<Slice>,
}

/// What ended in one second.
#[derive(Debug)]
struct Slice {
    /// Which second of the run.
    second: u64,
    ended: Ended<Times>,
}

/// Times, each to within 1 %.
#[derive(Debug)]
struct Times(Histogram<u32>);

impl RecentRequests {
    /// Nothing yet, of a phase that begins then.
    pub(crate) fn begin(start_ns: RunNs, origin: LatencyOrigin, counting: TokenCounting) -> Self {
        let slices = (0..=SECONDS).map(|_| Slice::new()).collect();
        Self { start_ns, origin, counting, slices }
    }

    /// A request is over.
    pub(crate) fn ended(&mut self, record: &Record, now: RunNs) {
        let request = Request { record, origin: self.origin, counting: self.counting };
        self.slice(now).ended.ended(&request);
    }

    /// The tokens of a request are counted.
    pub(crate) fn counted(&mut self, record: &Record, now: RunNs) {
        let request = Request { record, origin: self.origin, counting: self.counting };
        self.slice(now).ended.counted(&request);
    }

    /// The last seconds before this instant.
    pub(crate) fn look_back(&self, now: RunNs) -> Recent {
        let from = self.start_ns.max((now / SECOND_NS).saturating_sub(SECONDS).saturating_mul(SECOND_NS));
        let seconds = now.saturating_sub(from) as f64 / SECOND_NS as f64;
        let slices = || self.slices_at(now).map(|slice| &slice.ended);
        let a_second = |count: fn(&Ended<Times>) -> u64| {
            let count: u64 = slices().map(count).sum();
            if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
        };
        Recent {
            seconds,
            requests_per_s: a_second(|ended| ended.succeeded),
            failed_per_s: a_second(|ended| ended.failed),
            output_tokens_per_s: a_second(|ended| ended.output_tokens),
            time_to_first_token_ms: Times::spread(slices().map(|ended| &ended.first_token)),
            inter_token_latency_ms: Times::spread(slices().map(|ended| &ended.inter_token)),
            request_latency_ms: Times::spread(slices().map(|ended| &ended.latency)),
        }
    }

    /// How punctual the client was in that time, in `client`.
    pub(crate) fn tell_lateness(&self, client: &mut ClientNow, now: RunNs) {
        let slices = || self.slices_at(now).map(|slice| &slice.ended);
        client.sent = slices().map(|ended| ended.sent).sum();
        client.sent_late = slices().map(|ended| ended.sent_late).sum();
        client.lateness_ms = Times::spread(slices().map(|ended| &ended.lateness));
    }

    fn slices_at(&self, now: RunNs) -> impl Iterator<Item = &Slice> {
        let second = now / SECOND_NS;
        let (first, start) = (second.saturating_sub(SECONDS), self.start_ns / SECOND_NS);
        self.slices.iter().filter(move |slice| (first.max(start)..=second).contains(&slice.second))
    }

    /// The slice of this instant, empty where it held an older one.
    fn slice(&mut self, now: RunNs) -> &mut Slice {
        let second = now / SECOND_NS;
        let place = (second % self.slices.len() as u64) as usize;
        let slice = &mut self.slices[place];
        if slice.second != second {
            slice.begin(second);
        }
        slice
    }
}

impl Slice {
    fn new() -> Self {
        let ended = Ended {
            succeeded: 0,
            failed: 0,
            output_tokens: 0,
            sent: 0,
            sent_late: 0,
            first_token: Times::new(),
            inter_token: Times::new(),
            latency: Times::new(),
            lateness: Times::new(),
        };
        // A second that never is.
        Self { second: u64::MAX, ended }
    }

    fn begin(&mut self, second: u64) {
        self.second = second;
        let Ended { succeeded, failed, output_tokens, sent, sent_late, .. } = &mut self.ended;
        for count in [succeeded, failed, output_tokens, sent, sent_late] {
            *count = 0;
        }
        let Ended { first_token, inter_token, latency, lateness, .. } = &mut self.ended;
        for times in [first_token, inter_token, latency, lateness] {
            times.0.reset();
        }
    }
}

impl NoteTime for Times {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times from 0 to an hour")]
    fn note_time(&mut self, ms: f64) {
        let us = (ms * 1000.0).round().clamp(0.0, LONGEST_US as f64) as u64;
        self.0.saturating_record(us);
    }
}

impl Times {
    #[expect(
        clippy::expect_used,
        reason = "the bounds are those of a histogram, as every test of this shows"
    )]
    fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, 2).expect("bounds that a histogram has"))
    }

    fn spread<'a>(all: impl Iterator<Item = &'a Self>) -> Option<Spread> {
        let mut sum = Self::new().0;
        for times in all.filter(|times| !times.0.is_empty()) {
            // All have the same bounds.
            sum.add(&times.0).ok()?;
        }
        let at = |quantile| sum.value_at_quantile(quantile) as f64 / 1000.0;
        (!sum.is_empty()).then(|| Spread {
            count: sum.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: sum.max() as f64 / 1000.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::TokenUsage;

    use super::*;
    use crate::record::{CountedTokens, Instants, Outcome};

    const MS: u64 = 1_000_000;

    fn record(ms: u64) -> Record {
        let sent = 20 * MS;
        Record {
            instants: Instants {
                scheduled: 15 * MS,
                sent: Some(sent),
                first_token: Some(sent + ms * MS / 2),
                last_token: Some(sent + ms * MS),
                end: sent + ms * MS,
                ..Instants::default()
            },
            text_chars: 60,
            first_read_chars: 10,
            counted: CountedTokens { first_arrival: Some(1), output: Some(6), ..CountedTokens::default() },
            ..Record::default()
        }
    }

    fn begin(origin: LatencyOrigin) -> RecentRequests {
        RecentRequests::begin(0, origin, TokenCounting::PreferServer)
    }

    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() <= 0.01, "{value} is not near {expected}");
    }

    #[test]
    fn values_are_told_to_within_a_hundredth() {
        let mut recent = begin(LatencyOrigin::Sent);
        for ms in 1..=1000 {
            let record = record(ms);
            recent.ended(&record, SECOND_NS);
            recent.counted(&record, SECOND_NS);
        }
        let back = recent.look_back(2 * SECOND_NS);
        let latency = back.request_latency_ms.unwrap();
        assert_eq!(latency.count, 1000);
        near(latency.p50, 500.0);
        near(latency.p90, 900.0);
        near(latency.p99, 990.0);
        near(latency.max, 1000.0);
        near(back.time_to_first_token_ms.unwrap().p50, 250.0);
        near(back.inter_token_latency_ms.unwrap().p50, 50.0);
        near(back.requests_per_s, 500.0);
        near(back.output_tokens_per_s, 3000.0);
        assert!(back.failed_per_s.abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_older_is_forgotten() {
        let mut recent = begin(LatencyOrigin::Sent);
        recent.ended(&record(10), SECOND_NS / 2);
        recent.ended(&record(20), 5 * SECOND_NS);
        let count = |recent: &RecentRequests, second| {
            recent.look_back(second * SECOND_NS).request_latency_ms.map_or(0, |spread| spread.count)
        };
        assert_eq!([9, 10, 11, 15, 16, 60].map(|second| count(&recent, second)), [2, 2, 1, 1, 0, 0]);
        // Its place in the ring is that of the first one's.
        recent.ended(&record(30), 11 * SECOND_NS);
        assert_eq!(count(&recent, 11), 2);
        near(recent.look_back(20 * SECOND_NS).request_latency_ms.unwrap().max, 30.0);
    }

    #[test]
    fn failures_have_no_latency_and_those_on_purpose_are_none() {
        let mut recent = begin(LatencyOrigin::Sent);
        let failed = Record {
            outcome: Outcome::of(Some(prony_plugin_api::ErrorDetails::default())),
            usage: Some(TokenUsage { completion: Some(7), ..TokenUsage::default() }),
            ..record(10)
        };
        recent.ended(&failed, SECOND_NS);
        recent.counted(&failed, SECOND_NS);
        let back = recent.look_back(2 * SECOND_NS);
        near(back.failed_per_s, 0.5);
        assert_eq!((back.request_latency_ms, back.inter_token_latency_ms), (None, None));
        assert!(back.output_tokens_per_s.abs() < f64::EPSILON && back.requests_per_s.abs() < f64::EPSILON);
    }

    #[test]
    fn lateness_is_that_of_an_open_loop() {
        for (origin, late) in [(LatencyOrigin::Sent, 0), (LatencyOrigin::Scheduled, 1)] {
            let mut recent = begin(origin);
            recent.ended(&record(10), SECOND_NS);
            let mut client = ClientNow::default();
            recent.tell_lateness(&mut client, SECOND_NS);
            assert_eq!((client.sent, client.sent_late, client.lateness_ms.is_some()), (1, late, late == 1));
        }
    }

    #[test]
    fn a_phase_that_has_just_begun_has_no_rates() {
        let recent = RecentRequests::begin(7, LatencyOrigin::Sent, TokenCounting::ServerOnly);
        assert_eq!(recent.look_back(7), Recent::default());
    }
}
