//! What happened in each part of the run's time: [`Buckets`] of one width, which doubles when there are too many of them.
//!
//! So the width depends on the run's length alone, and nothing has to be known of the run before its journal is read.

use super::{
    histogram::Histogram,
    row::{Ended, FIRST_TOKEN, LAST_TOKEN, Row, SENT},
};

/// The width to begin with, in nanoseconds.
const FIRST_WIDTH_NS: u64 = 10_000_000;
/// More buckets than these are joined in pairs.
const MOST: usize = 256;

/// A number that goes up and down in steps.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    /// The sum of all steps in the bucket.
    level: f64,
    /// Each of them by the time from it to the bucket's end, in nanoseconds.
    area: f64,
}

impl Steps {
    fn add(&mut self, step: f64, left_ns: u64) {
        self.level += step;
        self.area += step * left_ns as f64;
    }

    fn join(self, next: Self, width_ns: u64) -> Self {
        Self { level: self.level + next.level, area: self.area + self.level * width_ns as f64 + next.area }
    }
}

/// What happened in one part of the time.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// Requests that were due.
    pub(super) due: u32,
    /// Requests that were sent.
    pub(super) sent: u32,
    /// Requests that succeeded.
    pub(super) succeeded: u32,
    /// Requests that failed.
    pub(super) failed: u32,
    /// Of requests that were sent in it.
    pub(super) first_token: Histogram,
    /// The same.
    pub(super) inter_token: Histogram,
    /// The same.
    pub(super) latency: Histogram,
    in_flight: Steps,
    /// Output tokens a nanosecond.
    token_rate: Steps,
    /// Output tokens that came all at once.
    tokens: f64,
}

impl Bucket {
    fn join(self, next: &Self, width_ns: u64) -> Self {
        let mut joined = self;
        joined.due += next.due;
        joined.sent += next.sent;
        joined.succeeded += next.succeeded;
        joined.failed += next.failed;
        joined.first_token.merge(&next.first_token);
        joined.inter_token.merge(&next.inter_token);
        joined.latency.merge(&next.latency);
        joined.in_flight = joined.in_flight.join(next.in_flight, width_ns);
        joined.token_rate = joined.token_rate.join(next.token_rate, width_ns);
        joined.tokens += next.tokens;
        joined
    }
}

/// The buckets, from the run's start on.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    width_ns: u64,
    buckets: Vec<Bucket>,
}

/// A bucket and its place in time.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    /// Seconds of it in which was measured.
    measured_s: f64,
    /// Too little of it was measured for a count by the second to mean anything.
    is_partial: bool,
    pub(super) bucket: &'a Bucket,
    /// Requests in flight, on average over the time.
    pub(super) in_flight: f64,
    /// Output tokens a second, each request's spread over the time from its first token to its last one.
    pub(super) tokens_per_s: f64,
}

impl Moment<'_> {
    pub(super) fn middle_s(&self) -> f64 {
        f64::midpoint(self.from_s, self.to_s)
    }

    /// A count as one a second of the time in which was measured. Not a number where that is too little.
    pub(super) fn per_s(&self, count: u32) -> f64 {
        if self.is_partial { f64::NAN } else { f64::from(count) / self.measured_s }
    }
}

impl Default for Buckets {
    fn default() -> Self {
        Self { width_ns: FIRST_WIDTH_NS, buckets: Vec::new() }
    }
}

impl Buckets {
    /// Takes a request in.
    pub(super) fn add(&mut self, row: &Row) {
        let end_ns = row.end_ns();
        self.at(row.due_ns).0.due += 1;
        if let Some(sent_ns) = row.at_ns(SENT) {
            let (bucket, left_ns) = self.at(sent_ns);
            bucket.sent += 1;
            bucket.in_flight.add(1.0, left_ns);
            for (histogram, ms) in [
                (&mut bucket.first_token, row.first_token_ms),
                (&mut bucket.inter_token, row.inter_token_ms),
                (&mut bucket.latency, row.latency_ms),
            ] {
                if ms.is_finite() && row.ended == Ended::Ok {
                    histogram.add(ms);
                }
            }
            let (bucket, left_ns) = self.at(end_ns);
            bucket.in_flight.add(-1.0, left_ns);
        }
        match row.ended {
            Ended::Ok => self.at(end_ns).0.succeeded += 1,
            Ended::Failed => self.at(end_ns).0.failed += 1,
            Ended::Cancelled | Ended::Overflowed => {}
        }
        if let Some(tokens) = row.output_tokens {
            self.add_tokens(
                f64::from(tokens),
                row.at_ns(FIRST_TOKEN),
                row.at_ns(LAST_TOKEN).unwrap_or(end_ns),
            );
        }
    }

    fn add_tokens(&mut self, tokens: f64, from_ns: Option<u64>, to_ns: u64) {
        match from_ns.map(|from_ns| (from_ns, to_ns.saturating_sub(from_ns))) {
            Some((from_ns, length_ns)) if length_ns > 0 => {
                let rate = tokens / length_ns as f64;
                let (bucket, left_ns) = self.at(from_ns);
                bucket.token_rate.add(rate, left_ns);
                let (bucket, left_ns) = self.at(to_ns);
                bucket.token_rate.add(-rate, left_ns);
            }
            _ => self.at(to_ns).0.tokens += tokens,
        }
    }

    /// The bucket of an instant, and how long it goes on behind it.
    fn at(&mut self, at_ns: u64) -> (&mut Bucket, u64) {
        while at_ns / self.width_ns >= MOST as u64 {
            self.double();
        }
        let index = usize::try_from(at_ns / self.width_ns).unwrap_or(MOST - 1);
        if self.buckets.len() <= index {
            self.buckets.resize_with(index + 1, Bucket::default);
        }
        let left_ns = self.width_ns - at_ns % self.width_ns;
        (&mut self.buckets[index], left_ns)
    }

    fn double(&mut self) {
        let mut buckets = std::mem::take(&mut self.buckets).into_iter();
        while let Some(first) = buckets.next() {
            let second = buckets.next().unwrap_or_default();
            self.buckets.push(first.join(&second, self.width_ns));
        }
        self.width_ns *= 2;
    }

    /// The same in buckets that have at least so many requests on average, as far as that is possible with some buckets.
    pub(super) fn joined(mut self, least: f64, most: usize, fewest: usize) -> Self {
        let sent: f64 = self.buckets.iter().map(|bucket| f64::from(bucket.sent)).sum();
        while self.buckets.len() > fewest && (self.used() > most || sent / (self.used() as f64) < least) {
            self.double();
        }
        self
    }

    fn used(&self) -> usize {
        self.buckets.iter().filter(|bucket| bucket.due > 0 || bucket.sent > 0).count().max(1)
    }

    /// Width of a bucket in seconds.
    pub(super) fn width_s(&self) -> f64 {
        self.width_ns as f64 / 1e9
    }

    /// The buckets in which was measured, in order, without the time outside. `measured` has the spans of it, in seconds.
    pub(super) fn moments(&self, measured: &[(f64, f64)]) -> Vec<Moment<'_>> {
        let width = self.width_ns as f64;
        let (mut in_flight, mut rate) = (0.0, 0.0);
        let mut moments = Vec::new();
        for (at, bucket) in self.buckets.iter().enumerate() {
            let ends = (at as f64 * self.width_s(), (at + 1) as f64 * self.width_s());
            let inside = |(from_s, to_s): &(f64, f64)| (from_s.max(ends.0), to_s.min(ends.1));
            let parts = measured.iter().map(inside).filter(|(from_s, to_s)| to_s > from_s);
            let measured_s: f64 = parts.clone().map(|(from_s, to_s)| to_s - from_s).sum();
            let mean =
                |before: f64, steps: Steps| ((before * width + steps.area) / (measured_s * 1e9)).max(0.0);
            if measured_s > 0.0 {
                moments.push(Moment {
                    from_s: parts.clone().map(|(from_s, _)| from_s).fold(ends.1, f64::min),
                    to_s: parts.map(|(_, to_s)| to_s).fold(ends.0, f64::max),
                    measured_s,
                    is_partial: false,
                    bucket,
                    in_flight: mean(in_flight, bucket.in_flight),
                    tokens_per_s: mean(rate, bucket.token_rate) * 1e9 + bucket.tokens / measured_s,
                });
            }
            in_flight += bucket.in_flight.level;
            rate += bucket.token_rate.level;
        }
        let most_s = moments.iter().map(|moment| moment.measured_s).fold(0.0, f64::max);
        for moment in &mut moments {
            moment.is_partial = moment.measured_s < most_s / 2.0;
        }
        moments
    }
}
