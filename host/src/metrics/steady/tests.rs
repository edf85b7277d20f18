//! Phases of simulated servers: those that stay as they are, and those that do not.

use std::{cmp::Reverse, collections::BinaryHeap};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp1;
use rstest::rstest;

use super::*;
use crate::{
    metrics::{
        in_flight::Flights,
        request::{LatencyOrigin, Request, TokenCounting},
    },
    record::{CountedTokens, Instants, Outcome, Record},
};

const NS: f64 = 1e9;

fn as_ns(seconds: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes in nanoseconds")]
    let ns = (seconds * NS) as u64;
    ns
}

/// A request from then on that took so long, in seconds.
fn request(begun: f64, took: f64) -> Record {
    let (scheduled, end) = (as_ns(begun), as_ns(begun + took));
    let instants =
        Instants { scheduled, started: scheduled, sent: Some(scheduled), end, ..Instants::default() };
    Record { instants, ..Record::default() }
}

fn take(flights: &mut Flights, record: &Record, origin: LatencyOrigin) {
    flights.record(&Request { record, origin, counting: TokenCounting::PreferServer });
}

fn steadiness(requests: impl IntoIterator<Item = Record>, origin: LatencyOrigin) -> Option<Steadiness> {
    let mut flights = Flights::default();
    requests.into_iter().for_each(|request| take(&mut flights, &request, origin));
    Steadiness::of(&mut flights, origin)
}

/// A server with four slots and Poisson arrivals, at so much of its capacity. Request `n` of `count` needs an exponential time
/// with a mean of 20 ms, times `slower(n / count)`.
fn queue(count: u32, load: f64, slower: fn(f64) -> f64, seed: u64) -> Steadiness {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut free_at: BinaryHeap<Reverse<u64>> = (0..4).map(|_| Reverse(0)).collect();
    let mut now = 0.0;
    let requests = (0..count).map(|number| {
        now += dice.sample::<f64, _>(Exp1) * 0.02 / 4.0 / load;
        let needs = 0.02 * slower(f64::from(number) / f64::from(count)) * dice.sample::<f64, _>(Exp1);
        let free = free_at.pop().map_or(0.0, |Reverse(at)| at as f64 / NS);
        let end = free.max(now) + needs;
        free_at.push(Reverse(as_ns(end)));
        request(now, end - now)
    });
    steadiness(requests.collect::<Vec<_>>(), LatencyOrigin::Scheduled).unwrap()
}

/// A closed loop of one: request `n` of `count` takes 50 ms, give or take `noise`, times `slower(n / count)`.
fn one_by_one(count: u32, noise: f64, slower: fn(f64) -> f64, seed: u64) -> Steadiness {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut now = 0.0;
    let requests = (0..count).map(|number| {
        let factor = 1.0 + noise * (2.0 * dice.random::<f64>() - 1.0);
        let took = 0.05 * factor * slower(f64::from(number) / f64::from(count));
        now += took;
        request(now - took, took)
    });
    steadiness(requests.collect::<Vec<_>>(), LatencyOrigin::Sent).unwrap()
}

fn same(_: f64) -> f64 {
    1.0
}

fn slower_and_slower(at: f64) -> f64 {
    1.0 + 0.3 * at
}

fn slower_from_the_middle_on(at: f64) -> f64 {
    if at < 0.5 { 1.0 } else { 1.3 }
}

fn twice_as_long_at_first(at: f64) -> f64 {
    if at < 0.1 { 2.0 } else { 1.0 }
}

const RUNS: u64 = 200;

fn share(is_so: impl Fn(u64) -> bool) -> f64 {
    (0..RUNS).filter(|seed| is_so(*seed)).count() as f64 / RUNS as f64
}

fn is_named(found: &Steadiness) -> bool {
    found.drift.is_some() || found.start_up.is_some() || found.queue.is_some()
}

#[rstest]
#[case::short(300)]
#[case::usual(1000)]
#[case::long(5000)]
fn a_queue_at_70_percent_is_steady(#[case] count: u32) {
    let alarms = share(|seed| is_named(&queue(count, 0.7, same, seed)));
    assert!(alarms <= 0.01, "{alarms}");
}

#[rstest]
#[case::alike(0.02)]
#[case::uneven(0.5)]
fn requests_that_take_the_same_are_steady(#[case] noise: f64) {
    let alarms = share(|seed| is_named(&one_by_one(600, noise, same, seed)));
    assert!(alarms <= 0.01, "{alarms}");
}

#[rstest]
#[case::little_by_little(slower_and_slower, 0.99)]
#[case::at_once(slower_from_the_middle_on, 0.85)]
fn a_server_that_slows_by_30_percent_drifts(#[case] slower: fn(f64) -> f64, #[case] found: f64) {
    let named = share(|seed| one_by_one(600, 0.2, slower, seed).drift.is_some());
    assert!(named >= found, "{named}");
    let (metric, drift) = one_by_one(600, 0.2, slower, 1).drift.unwrap();
    assert_eq!(metric, "request_latency");
    assert!((45.0..55.0).contains(&drift.from) && (60.0..75.0).contains(&drift.to), "{drift:?}");
}

fn three_times_as_slow_behind_a_third(at: f64) -> f64 {
    if at < 1.0 / 3.0 { 1.0 } else { 3.0 }
}

fn three_times_as_slow_behind_two_thirds(at: f64) -> f64 {
    if at < 2.0 / 3.0 { 1.0 } else { 3.0 }
}

fn three_times_as_slow_in_the_last_quarter(at: f64) -> f64 {
    if at < 0.75 { 1.0 } else { 3.0 }
}

fn three_times_as_fast_in_the_last_quarter(at: f64) -> f64 {
    if at < 0.75 { 3.0 } else { 1.0 }
}

/// Most pairs of batches do not differ, so that the line of Theil and Sen is flat.
#[rstest]
#[case::behind_a_third(three_times_as_slow_behind_a_third, [50.0, 150.0])]
#[case::behind_two_thirds(three_times_as_slow_behind_two_thirds, [50.0, 150.0])]
#[case::in_the_last_quarter(three_times_as_slow_in_the_last_quarter, [50.0, 150.0])]
#[case::faster(three_times_as_fast_in_the_last_quarter, [150.0, 50.0])]
fn a_step_away_from_the_middle_is_a_drift_of_its_size(
    #[case] slower: fn(f64) -> f64,
    #[case] levels: [f64; 2],
) {
    let drifts = (0..RUNS).filter_map(|seed| one_by_one(600, 0.2, slower, seed).drift);
    let drifts: Vec<Drift> = drifts.map(|(_, drift)| drift).collect();
    assert!(drifts.len() as u64 * 100 >= RUNS * 99, "{}", drifts.len());
    // One batch may have requests of both levels.
    let is_near = |value: f64, level: f64| (value / level - 1.0).abs() < 0.15;
    let is_so = |drift: &Drift| is_near(drift.from, levels[0]) && is_near(drift.to, levels[1]);
    assert!(drifts.iter().all(is_so), "{drifts:?}");
}

/// A line through these would begin below zero.
#[test]
fn a_drift_begins_at_a_time_that_was_measured() {
    let requests = (0..300).map(|number| {
        let at = f64::from(number) / 300.0;
        request(f64::from(number), 0.001 + 0.2 * at.powi(2))
    });
    let (_, drift) = steadiness(requests, LatencyOrigin::Sent).unwrap().drift.unwrap();
    assert!(drift.from >= 1.0 && drift.to <= 201.0, "{drift:?}");
}

/// A request with so many output tokens, each of which takes 1 ms.
fn of_length(number: u32, tokens: u32) -> Record {
    let counted = CountedTokens { input: Some(100), output: Some(tokens.into()), ..CountedTokens::default() };
    Record { counted, ..request(f64::from(number), f64::from(tokens) / 1000.0) }
}

#[test]
fn latencies_that_rise_as_lengths_do_are_told_from_others() {
    let longer =
        steadiness((0..300).map(|number| of_length(number, 100 + number)), LatencyOrigin::Sent).unwrap();
    assert_eq!(longer.lengths.map(|(metric, _)| metric), Some("output_sequence_length"));
    assert!(longer.drift.is_some());
    let slower = (0..300)
        .map(|number| Record { counted: of_length(0, 100).counted, ..of_length(number, 100 + number) });
    let slower = steadiness(slower, LatencyOrigin::Sent).unwrap();
    assert!(slower.drift.is_some() && slower.lengths.is_none());
    let shorter = (0..300).map(|number| Record {
        counted: of_length(0, 500 - number).counted,
        ..of_length(number, 100 + number)
    });
    assert_eq!(steadiness(shorter, LatencyOrigin::Sent).unwrap().lengths, None);
}

/// Each tenth takes 40 s, the others 1 s. The run ends after 300 s.
#[test]
fn quick_requests_beside_those_that_the_end_cut_are_no_drift() {
    let end = as_ns(300.0);
    let cut = |record: Record| {
        let is_cut = record.instants.end > end;
        let instants = Instants { end: record.instants.end.min(end), ..record.instants };
        let outcome = if is_cut { Outcome::cancelled() } else { record.outcome.clone() };
        Record { instants, outcome, ..record }
    };
    let took = |number: u32| if number.is_multiple_of(10) { 40.0 } else { 1.0 };
    let requests = (0..300).map(|number| cut(request(f64::from(number), took(number))));
    let found = steadiness(requests.clone(), LatencyOrigin::Sent).unwrap();
    assert!(!is_named(&found), "{found:?}");
    let hanging = cut(request(0.5, 1000.0));
    let rising = (0..300).map(|number| request(f64::from(number), 1.0 + f64::from(number) / 100.0));
    let found = steadiness(rising.chain([hanging]), LatencyOrigin::Sent).unwrap();
    assert!(found.drift.is_some(), "{found:?}");
}

/// What is left beside the trend is small and smooth, which is no reason to doubt the trend.
#[test]
fn a_trend_that_nothing_hides_is_found_with_few_requests() {
    let requests = (0..150).map(|number| {
        let at = f64::from(number);
        request(at, 0.01 + 0.0006 * at + 0.000_01 * (at / 9.0).sin())
    });
    assert!(steadiness(requests, LatencyOrigin::Sent).unwrap().drift.is_some());
}

#[test]
fn a_start_up_is_named_as_such() {
    let named = share(|seed| {
        let found = one_by_one(600, 0.2, twice_as_long_at_first, seed);
        found.start_up.is_some() && found.drift.is_none()
    });
    assert!(named >= 0.95, "{named}");
    let (_, start) = one_by_one(600, 0.2, twice_as_long_at_first, 1).start_up.unwrap();
    assert!((0.05..0.15).contains(&start.share) && start.first_ms > 1.8 * start.rest_ms, "{start:?}");
}

#[test]
fn a_server_over_its_capacity_has_a_queue_that_grows() {
    let named = share(|seed| queue(2000, 1.5, same, seed).queue.is_some());
    assert!(named >= 0.85, "{named}");
    let [from, to] = queue(2000, 1.5, same, 1).queue.unwrap();
    assert!(to > from + 200, "{from} to {to}");
}

#[test]
fn neighbours_that_are_alike_are_worth_less() {
    let alone = one_by_one(2000, 0.2, same, 1).effective;
    assert!(alone > 1000.0, "{alone}");
    let queued = queue(2000, 0.9, same, 1).effective;
    assert!(queued < 400.0, "{queued}");
}

#[test]
fn the_number_in_flight_is_an_average_over_time() {
    let requests = (0..200).map(|number| request(f64::from(number) * 0.01, 0.025));
    let found = steadiness(requests, LatencyOrigin::Sent).unwrap();
    assert!((found.in_flight - 2.5).abs() < 0.05, "{}", found.in_flight);
}

#[test]
fn the_order_in_which_requests_come_makes_no_difference() {
    let all: Vec<Record> = (0..400).map(|number| request(f64::from(number % 7 + number), 0.02)).collect();
    let mut backwards = Flights::default();
    let (mut first, mut second) = (Flights::default(), Flights::default());
    for (number, record) in all.iter().enumerate() {
        take(&mut backwards, &all[all.len() - 1 - number], LatencyOrigin::Sent);
        let flights = if number % 3 == 0 { &mut first } else { &mut second };
        take(flights, record, LatencyOrigin::Sent);
    }
    second.merge(first);
    let found = |flights: &mut Flights| Steadiness::of(flights, LatencyOrigin::Sent);
    assert_eq!(found(&mut backwards), found(&mut second));
}

#[test]
fn nothing_is_said_of_few_requests_and_of_sessions() {
    let few = (0..149).map(|number| request(f64::from(number), 0.02));
    assert_eq!(steadiness(few, LatencyOrigin::Sent), None);
    let failed = |record: Record| Record { outcome: Outcome::cancelled(), ..record };
    let cancelled = (0..900).map(|number| failed(request(f64::from(number), 0.02)));
    assert_eq!(steadiness(cancelled, LatencyOrigin::Sent), None);
    let of_sessions = (0..900).map(|number| Record { steps: 2, ..request(f64::from(number), 0.02) });
    assert_eq!(steadiness(of_sessions, LatencyOrigin::Sent), None);
}
