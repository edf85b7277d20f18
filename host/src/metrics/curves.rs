//! What was going on at each moment of a phase: requests in flight, tokens a second, tokens at work.
//!
//! All curves are made in one pass over the instants at which a request was sent, had its first token, had its last one, and ended. Between
//! two of these nothing changes: tokens are taken to come evenly from the first to the last. A value counts as long as it lasted.
//! The pass is one thread's; what it finds is taken in by all cores, one curve beside the other, each in the order of time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    iter::Peekable,
};

use hdrhistogram::Histogram;
use rayon::prelude::*;

use super::{
    in_flight::{Flight, Flights},
    statistic::{PERCENTILES, Statistic},
};
use crate::clock::RunNs;

const SIGNIFICANT_DIGITS: u8 = 3;

const NS_A_SECOND: f64 = 1e9;

/// Moments that are taken in together: enough to be worth handing over, and few enough for a cache.
const MOMENTS_AT_ONCE: usize = 4096;

/// A curve, and which part of the time it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Curve {
    pub(crate) of: Quantity,
    /// Time in which there is nothing that it could be of has no part.
    pub(crate) only_active: bool,
}

/// What a curve is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Requests that were sent and are not over.
    InFlight,
    /// Those among them that wait for their first token.
    InPrefill,
    /// Those among them that have it.
    InDecode,
    /// Input tokens a second, each request's evenly over the time to its first token.
    PrefillThroughput,
    /// Output tokens a second behind the first read, each request's evenly over the time from the first to the last.
    DecodeThroughput,
    /// Both together.
    TotalThroughput,
    /// Input tokens a second and request that waits for its first token.
    PrefillThroughputPerUser,
    /// Output tokens a second and request that has its first token.
    DecodeThroughputPerUser,
    /// Tokens of requests in flight: their input, and what of their output has come.
    Tokens,
}

/// Statistics over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimeWeighted {
    pub(crate) avg: f64,
    /// In the order of [`PERCENTILES`].
    pub(crate) percentiles: [f64; PERCENTILES.len()],
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) std: f64,
}

impl TimeWeighted {
    /// One of them.
    pub(crate) fn statistic(&self, statistic: Statistic) -> f64 {
        statistic.among([self.avg, self.min, self.max, self.std], &self.percentiles)
    }
}

/// Statistics of curves within windows that do not overlap, in nanoseconds; nothing of a curve that no time is left for.
pub(super) fn over_time(
    flights: &mut Flights,
    windows: &[(RunNs, RunNs)],
    curves: &[Curve],
) -> Vec<Option<TimeWeighted>> {
    if curves.is_empty() {
        return Vec::new();
    }
    // The order in which rates are added up makes a difference to their last digits: it is to be that of no collector.
    flights.sort_by_sent();
    let mut collectors: Vec<Collector> = curves.iter().copied().map(Collector::of).collect();
    let mut all = Moments::of(flights, windows);
    let mut next = || -> Vec<Moment> { all.by_ref().take(MOMENTS_AT_ONCE).collect() };
    let mut moments = next();
    while !moments.is_empty() {
        let take_in = || {
            let each = collectors.par_iter_mut();
            each.for_each(|collector| moments.iter().for_each(|moment| collector.take(moment)));
        };
        let ((), found) = rayon::join(take_in, &mut next);
        moments = found;
    }
    collectors.into_iter().map(Collector::finish).collect()
}

/// What is going on for so many nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Moment {
    state: State,
    ns: u64,
}

/// All moments within windows, in order.
struct Moments<'a> {
    events: Peekable<Events<'a>>,
    state: State,
}

impl<'a> Moments<'a> {
    fn of(flights: &'a Flights, windows: &[(RunNs, RunNs)]) -> Self {
        Self { events: Events::of(flights, windows).peekable(), state: State::default() }
    }
}

impl Iterator for Moments<'_> {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        loop {
            let (event, flight) = self.events.next()?;
            self.state.take(event.kind, flight.as_ref());
            let until_ns = self.events.peek().map_or(event.at_ns, |(next, _)| next.at_ns);
            let ns = until_ns - event.at_ns;
            if ns == 0 {
                continue;
            }
            self.state.forget_rounding();
            let state = self.state;
            self.state.held += state.growth * ns as f64;
            if state.windows > 0 {
                return Some(Moment { state, ns });
            }
        }
    }
}

/// Something that changes what is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at_ns: RunNs,
    kind: Kind,
    /// Place of the request.
    flight: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    WindowOpens,
    WindowCloses,
    Sent,
    FirstToken,
    LastToken,
    End,
}

/// All of these in order. Of each request that is under way, it holds what comes next, and nothing of the others.
struct Events<'a> {
    /// In the order in which they were sent.
    flights: &'a Flights,
    sent: usize,
    pending: BinaryHeap<Reverse<Event>>,
}

impl<'a> Events<'a> {
    fn of(flights: &'a Flights, windows: &[(RunNs, RunNs)]) -> Self {
        let boundaries = windows
            .iter()
            .flat_map(|(opens, closes)| [(*opens, Kind::WindowOpens), (*closes, Kind::WindowCloses)]);
        let pending = boundaries.map(|(at_ns, kind)| Reverse(Event { at_ns, kind, flight: 0 })).collect();
        Self { flights, sent: 0, pending }
    }

    /// The request that an event is about, if it is about one, and what comes next of it.
    fn after(flights: &Flights, event: Event) -> (Option<Flight>, Option<Event>) {
        let is_window = matches!(event.kind, Kind::WindowOpens | Kind::WindowCloses);
        let flight = if is_window { None } else { flights.get(event.flight) };
        (flight, flight.and_then(|flight| Self::next_of(&flight, event)))
    }

    fn next_of(
        &Flight { tokens_ns, end_ns, .. }: &Flight,
        Event { kind, flight, .. }: Event,
    ) -> Option<Event> {
        let (at_ns, kind) = match (kind, tokens_ns) {
            (Kind::Sent, Some((first, _))) => (first, Kind::FirstToken),
            (Kind::FirstToken, Some((_, last))) => (last, Kind::LastToken),
            (Kind::Sent | Kind::FirstToken, None) | (Kind::LastToken, _) => (end_ns, Kind::End),
            (Kind::End | Kind::WindowOpens | Kind::WindowCloses, _) => return None,
        };
        Some(Event { at_ns, kind, flight })
    }
}

impl Iterator for Events<'_> {
    /// A window's are about no request. It is unpacked once for each event.
    type Item = (Event, Option<Flight>);

    fn next(&mut self) -> Option<Self::Item> {
        let waiting = self.pending.peek().map(|Reverse(event)| event.at_ns);
        let sent = self.flights.sent_ns(self.sent);
        if let Some(at_ns) = sent.filter(|at_ns| waiting.is_none_or(|waiting| *at_ns <= waiting)) {
            let event = Event { at_ns, kind: Kind::Sent, flight: self.sent };
            self.sent += 1;
            let (flight, next) = Self::after(self.flights, event);
            self.pending.extend(next.map(Reverse));
            return Some((event, flight));
        }
        let mut first = self.pending.peek_mut()?;
        let Reverse(event) = *first;
        // What comes next of the request takes its place: the heap is put in order once, and not twice.
        let (flight, next) = Self::after(self.flights, event);
        match next {
            Some(next) => *first = Reverse(next),
            None => {
                PeekMut::pop(first);
            }
        }
        Some((event, flight))
    }
}

/// What is going on.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    windows: i64,
    in_flight: i64,
    in_prefill: i64,
    in_decode: i64,
    streams: i64,
    /// Tokens a second.
    prefill_rate: f64,
    decode_rate: f64,
    /// Tokens of requests in flight, now.
    held: f64,
    /// How many more there are of these each nanosecond.
    growth: f64,
}

impl State {
    fn take(&mut self, kind: Kind, flight: Option<&Flight>) {
        match kind {
            Kind::WindowOpens => self.windows += 1,
            Kind::WindowCloses => self.windows -= 1,
            _ => flight.into_iter().for_each(|flight| self.change(kind, flight)),
        }
    }

    fn change(&mut self, kind: Kind, flight: &Flight) {
        let (input, output) = (f64::from(flight.input), f64::from(flight.output));
        let rates = flight.rates();
        match kind {
            Kind::Sent => {
                self.in_flight += 1;
                self.in_prefill += i64::from(flight.tokens_ns.is_some());
                self.prefill_rate += rates.prefill;
                self.held += input;
            }
            Kind::FirstToken => {
                self.in_prefill -= 1;
                self.in_decode += 1;
                self.streams += 1;
                self.prefill_rate -= rates.prefill;
                self.decode_rate += rates.decode;
                self.held += output - flight.later;
                self.growth += rates.decode / NS_A_SECOND;
            }
            Kind::LastToken => {
                self.streams -= 1;
                self.decode_rate -= rates.decode;
                self.growth -= rates.decode / NS_A_SECOND;
            }
            Kind::End => {
                self.in_flight -= 1;
                self.in_decode -= i64::from(flight.tokens_ns.is_some());
                self.held -= input + if flight.tokens_ns.is_some() { output } else { 0.0 };
            }
            Kind::WindowOpens | Kind::WindowCloses => {}
        }
    }

    /// What was added and taken away in another order leaves a trace of itself. To be called when all changes of an instant are made.
    fn forget_rounding(&mut self) {
        if self.in_prefill == 0 {
            self.prefill_rate = 0.0;
        }
        if self.streams == 0 {
            (self.decode_rate, self.growth) = (0.0, 0.0);
        }
        if self.in_flight == 0 {
            self.held = 0.0;
        }
    }
}

/// Tokens a second of one request.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    prefill: f64,
    decode: f64,
}

impl Flight {
    fn rates(&self) -> Rates {
        let Some((first, last)) = self.tokens_ns else { return Rates::default() };
        let rate = |tokens: f64, ns: u64| if ns == 0 { 0.0 } else { tokens / (ns as f64 / NS_A_SECOND) };
        Rates {
            prefill: rate(f64::from(self.input), first - self.sent_ns),
            decode: rate(self.later, last - first),
        }
    }
}

impl Quantity {
    /// Values are kept as whole numbers of this part of the unit.
    fn parts(self) -> f64 {
        match self {
            Self::InFlight | Self::InPrefill | Self::InDecode | Self::Tokens => 1.0,
            _ => 1e3,
        }
    }

    /// How many requests it is of at a moment.
    fn requests(self, state: &State) -> i64 {
        match self {
            Self::InFlight | Self::TotalThroughput | Self::Tokens => state.in_flight,
            Self::InPrefill | Self::PrefillThroughput | Self::PrefillThroughputPerUser => state.in_prefill,
            Self::InDecode | Self::DecodeThroughput | Self::DecodeThroughputPerUser => state.in_decode,
        }
    }

    /// Its value at the beginning of some nanoseconds, and at their end.
    fn ends(self, state: &State, ns: u64) -> (f64, f64) {
        let each = |rate: f64, requests: i64| if requests > 0 { rate / requests as f64 } else { 0.0 };
        let value = match self {
            Self::InFlight | Self::InPrefill | Self::InDecode => self.requests(state) as f64,
            Self::PrefillThroughput => state.prefill_rate,
            Self::DecodeThroughput => state.decode_rate,
            Self::TotalThroughput => state.prefill_rate + state.decode_rate,
            Self::PrefillThroughputPerUser => each(state.prefill_rate, state.in_prefill),
            Self::DecodeThroughputPerUser => each(state.decode_rate, state.in_decode),
            Self::Tokens => return (state.held, state.held + state.growth * ns as f64),
        };
        (value, value)
    }
}

/// The values of one curve.
#[derive(Clone, Debug)]
struct Collector {
    curve: Curve,
    /// How long each value lasted.
    histogram: Option<Histogram<u64>>,
    ns: u64,
    area: f64,
    min: f64,
    max: f64,
    // West's running mean and sum of squared differences, with weights.
    mean: f64,
    squares: f64,
}

impl Collector {
    fn of(curve: Curve) -> Self {
        let histogram = Histogram::new(SIGNIFICANT_DIGITS).ok();
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { curve, histogram, ns: 0, area: 0.0, min, max, mean: 0.0, squares: 0.0 }
    }

    fn take(&mut self, Moment { state, ns }: &Moment) {
        let ns = *ns;
        let Curve { of, only_active } = self.curve;
        if only_active && of.requests(state) == 0 {
            return;
        }
        let (from, to) = of.ends(state, ns);
        // A difference of what was added and taken away may be a little below 0.
        let (from, to) = (from.max(0.0), to.max(0.0));
        let value = f64::midpoint(from, to);
        self.min = self.min.min(from).min(to);
        self.max = self.max.max(from).max(to);
        self.ns += ns;
        self.area += value * ns as f64;
        let difference = value - self.mean;
        self.mean += difference * (ns as f64 / self.ns as f64);
        self.squares += ns as f64 * difference * (value - self.mean);
        if let Some(histogram) = &mut self.histogram {
            // Only a histogram that may not grow can refuse a value.
            histogram.record_n(rounded(value * of.parts()), ns).ok();
        }
    }

    fn finish(self) -> Option<TimeWeighted> {
        let histogram = self.histogram.filter(|_| self.ns > 0)?;
        let percentile = |(_, q): (Statistic, f64)| {
            (histogram.value_at_quantile(q) as f64 / self.curve.of.parts()).clamp(self.min, self.max)
        };
        Some(TimeWeighted {
            avg: (self.area / self.ns as f64).clamp(self.min, self.max),
            percentiles: PERCENTILES.map(percentile),
            min: self.min,
            max: self.max,
            std: (self.squares / self.ns as f64).sqrt(),
        })
    }
}

/// The nearest whole number to one that is 0 or above. `f64::round` gives the same, and is a call into the C library.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is 0 or above, and a cast cuts off"
)]
fn rounded(value: f64) -> u64 {
    let whole = value as u64;
    whole.saturating_add(u64::from(value - whole as f64 >= 0.5))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::metrics::in_flight::End;

    const MS: u64 = 1_000_000;

    /// Sent at 100 ms; 20 input tokens until 200 ms, then 5 output tokens, 10 more until 400 ms; over at 500 ms.
    const ONE: Flight = Flight {
        scheduled_ns: 100 * MS,
        sent_ns: 100 * MS,
        tokens_ns: Some((200 * MS, 400 * MS)),
        end_ns: 500 * MS,
        end: End::Done,
        input: 20,
        output: 15,
        later: 10.0,
    };

    fn kept(flights: &[Flight]) -> Flights {
        let mut kept = Flights::default();
        kept.extend(flights.iter().copied());
        kept
    }

    fn curve(flights: &[Flight], of: Quantity, only_active: bool) -> TimeWeighted {
        let found = over_time(&mut kept(flights), &[(0, 1000 * MS)], &[Curve { of, only_active }]);
        found[0].unwrap()
    }

    #[rstest]
    #[case::requests(Quantity::InFlight, false, 0.4, 1.0)]
    #[case::requests_while_there_are_some(Quantity::InFlight, true, 1.0, 1.0)]
    #[case::prefill(Quantity::InPrefill, false, 0.1, 1.0)]
    #[case::decode(Quantity::InDecode, false, 0.3, 1.0)]
    // 20 tokens in 100 ms.
    #[case::input_tokens(Quantity::PrefillThroughput, false, 20.0, 200.0)]
    #[case::input_tokens_while_read(Quantity::PrefillThroughput, true, 200.0, 200.0)]
    // 10 tokens in 200 ms, of 300 ms in which there may be some.
    #[case::output_tokens(Quantity::DecodeThroughput, false, 10.0, 50.0)]
    #[case::output_tokens_while_written(Quantity::DecodeThroughput, true, 10.0 / 0.3, 50.0)]
    #[case::both(Quantity::TotalThroughput, false, 30.0, 200.0)]
    // 20 for 0.1 s, from 25 to 35 for 0.2 s, 35 for 0.1 s.
    #[case::tokens(Quantity::Tokens, false, 11.5, 35.0)]
    fn one_request_is_worked_out_by_hand(
        #[case] of: Quantity,
        #[case] only_active: bool,
        #[case] avg: f64,
        #[case] max: f64,
    ) {
        let found = curve(&[ONE], of, only_active);
        assert!((found.avg - avg).abs() < 1e-9 && (found.max - max).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_value_counts_as_long_as_it_lasts() {
        let other = Flight { scheduled_ns: 0, sent_ns: 0, tokens_ns: None, end_ns: 300 * MS, ..ONE };
        let found = curve(&[ONE, other], Quantity::InFlight, false);
        // 1 for 0.3 s, 2 for 0.2 s, 0 for 0.5 s.
        assert!((found.avg - 0.7).abs() < 1e-9 && found.max.total_cmp(&2.0).is_eq(), "{found:?}");
        let percentiles = [Statistic::P50, Statistic::P75, Statistic::P90];
        assert_eq!(percentiles.map(|percentile| found.statistic(percentile).to_string()), ["0", "1", "2"]);
        assert!((found.std - 0.61_f64.sqrt()).abs() < 1e-9, "{}", found.std);
    }

    #[test]
    fn a_half_is_rounded_up() {
        for (value, whole) in [
            (0.0, 0),
            (0.499_999_999_999_999_94, 0),
            (0.5, 1),
            (1.25, 1),
            (2.5, 3),
            (4_503_599_627_370_495.5, 1 << 52),
        ] {
            assert_eq!(rounded(value), whole, "{value}");
        }
        assert_eq!(rounded(1e300), u64::MAX);
    }

    #[test]
    fn two_users_have_half_of_what_both_have() {
        let found = curve(&[ONE, ONE], Quantity::DecodeThroughputPerUser, true);
        assert!((found.max - 50.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn time_outside_of_the_windows_has_no_part() {
        let windows = [(0, 200 * MS), (450 * MS, 550 * MS)];
        let found =
            over_time(&mut kept(&[ONE]), &windows, &[Curve { of: Quantity::InFlight, only_active: false }]);
        assert!((found[0].unwrap().avg - 0.5).abs() < 1e-9);
        let none = over_time(&mut kept(&[ONE]), &[], &[Curve { of: Quantity::InFlight, only_active: false }]);
        assert_eq!(none, [None]);
    }
}
