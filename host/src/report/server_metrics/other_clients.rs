//! Whether somebody else used the server: exports [`strangers`], which compares what a server says it has to do with
//! what prony had in flight at that time ([`Flights`]).
//!
//! Servers and prony do not count at the same instant and not the same things, so that a difference only counts when it
//! is clear: prony's side is the most that it had in flight around a scrape, and several scrapes must agree.

use std::fmt;

use prony_plugin_api::message::PhaseKind;
use serde::Serialize;
use url::Url;

use super::{
    gauges::{RANKS, RUNNING, WAITING},
    timeline::{Column, Page, Timeline},
    window::{PhaseWindow, Scrapes},
};
use crate::{
    record::{Outcome, Record},
    request::target::place_of,
};

/// A gauge may be as old as a step of the server's engine.
const STEP_NS: u64 = 250_000_000;

/// Requests more than prony's that are no difference yet, or such a share of them, whichever is more.
const MARGIN: f64 = 1.0;
const MARGIN_SHARE: f64 = 0.1;

/// Fewest scrapes that must show a difference.
const LEAST_SCRAPES: usize = 3;

/// When requests were under way: eight bytes of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights {
    /// By base URL.
    each: Vec<Edges>,
    /// The most requests that one of ours may be to a server: one for each choice or text.
    fan_out: usize,
    /// One was given up on: its server may go on with it.
    was_given_up: bool,
}

/// Beginnings and ends, in ticks, in no order.
#[derive(Clone, Debug, Default)]
struct Edges {
    starts: Vec<u32>,
    ends: Vec<u32>,
}

/// 0.1 ms: a number of 32 bits reaches for five days, and what is later counts as one instant.
const TICK_NS: u64 = 100_000;

/// The tick that an instant lies in.
fn tick(at_ns: u64) -> u32 {
    u32::try_from(at_ns / TICK_NS).unwrap_or(u32::MAX)
}

impl Flights {
    /// Adds a request to one of so many base URLs.
    pub(crate) fn record(&mut self, record: &Record, places: usize) {
        let place = place_of(record.session_num, places);
        let edges = self.edges(place);
        edges.starts.push(tick(record.instants.started));
        edges.ends.push(tick(record.instants.end));
        let texts = record.embeddings.max(record.rankings) as usize;
        self.fan_out = self.fan_out.max(record.finish_reasons.len()).max(texts);
        self.was_given_up |= match &record.outcome {
            Outcome::Ok => false,
            Outcome::Failed(failure) => failure.kind.is_timeout(),
            Outcome::Cancelled(_) => true,
        };
    }

    /// Takes in those of another collector.
    pub(crate) fn merge(&mut self, part: Self) {
        for (place, more) in part.each.into_iter().enumerate() {
            let edges = self.edges(place);
            edges.starts.extend(more.starts);
            edges.ends.extend(more.ends);
        }
        self.fan_out = self.fan_out.max(part.fan_out);
        self.was_given_up |= part.was_given_up;
    }

    fn edges(&mut self, place: usize) -> &mut Edges {
        if self.each.len() <= place {
            self.each.resize_with(place + 1, Edges::default);
        }
        &mut self.each[place]
    }

    /// Puts the edges in order, once all are known.
    fn sort(&mut self) {
        for edges in &mut self.each {
            edges.starts.sort_unstable();
            edges.ends.sort_unstable();
        }
    }

    /// The most that were under way at a time between two instants, of those to some of the base URLs. Needs order.
    fn most(&self, from_ns: u64, to_ns: u64, counts: impl Fn(usize) -> bool) -> usize {
        let own = self.each.iter().enumerate().filter(|(place, _)| counts(*place)).map(|(_, edges)| edges);
        let (from, to) = (tick(from_ns), tick(to_ns));
        let mut under_way = 0_usize;
        let mut changes: Vec<(u32, bool)> = Vec::new();
        for Edges { starts, ends } in own {
            let within =
                |edges: &[u32]| edges.partition_point(|at| *at < from)..edges.partition_point(|at| *at <= to);
            let (begun, ended) = (within(starts), within(ends));
            under_way += begun.start.saturating_sub(ended.start);
            changes.extend(starts[begun].iter().map(|at| (*at, false)));
            changes.extend(ends[ended].iter().map(|at| (*at, true)));
        }
        // In one tick, what begins comes first: this is to be an upper bound.
        changes.sort_unstable();
        let mut most = under_way;
        for (_, ends) in changes {
            under_way = if ends { under_way.saturating_sub(1) } else { under_way + 1 };
            most = most.max(under_way);
        }
        most
    }
}

/// A server that had more to do than prony gave it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct OtherClient {
    /// The metrics page that says so.
    url: String,
    /// Scrapes under load that told of running or waiting requests.
    scrapes: usize,
    /// Those among them in which there were too many.
    above: usize,
    /// Of the scrape with the largest difference: requests that ran,
    running: f64,
    /// requests that waited,
    waiting: f64,
    /// and the most that prony had in flight around that time.
    in_flight: f64,
    /// Some of prony's own requests timed out or were cancelled.
    was_given_up: bool,
}

impl fmt::Display for OtherClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, scrapes, above, running, waiting, in_flight, .. } = self;
        write!(
            f,
            "somebody else seems to use the server: in {above} of {scrapes} scrapes of `{url}` it had more requests \
             than prony had in flight, up to {running} running and {waiting} waiting, and {in_flight} of prony's",
        )?;
        if self.was_given_up {
            f.write_str("; requests that prony gave up on (timed out, cancelled) may be among them")?;
        }
        Ok(())
    }
}

/// The pages that tell of more requests than prony had in flight while it profiled. `targets` are the base URLs.
pub(crate) fn strangers(
    timeline: &Timeline,
    phases: &[PhaseWindow],
    targets: &[String],
    mut flights: Flights,
) -> Vec<OtherClient> {
    flights.sort();
    let pages = timeline.pages().iter();
    pages.filter_map(|page| of_page(page, phases, targets, &flights)).collect()
}

fn of_page(
    page: &Page,
    phases: &[PhaseWindow],
    targets: &[String],
    flights: &Flights,
) -> Option<OtherClient> {
    let own: Vec<bool> = targets.iter().map(|target| is_same_origin(target, &page.url)).collect();
    // A page elsewhere may be that of a server behind any of them.
    let is_own = own.contains(&true);
    let counts = |place: usize| !is_own || own.get(place).copied().unwrap_or(true);
    let fan_out = flights.fan_out.max(1) as f64;
    let around = STEP_NS.saturating_add(page.latency_ns / (page.instants.len().max(1) as u64));
    let mut found = OtherClient {
        url: page.url.clone(),
        scrapes: 0,
        above: 0,
        running: 0.0,
        waiting: 0.0,
        in_flight: 0.0,
        was_given_up: flights.was_given_up,
    };
    let mut largest = 0.0;
    let profiling = phases.iter().filter(|phase| phase.kind == PhaseKind::Profiling);
    for scrape in
        profiling.filter_map(|phase| Scrapes::of(phase, &page.instants)).flat_map(|it| it.under_load)
    {
        let (running, waiting) = (gauge(page, &RUNNING, scrape), gauge(page, &WAITING, scrape));
        let Some(busy) = running.or(waiting).map(|_| running.unwrap_or(0.0) + waiting.unwrap_or(0.0)) else {
            continue;
        };
        found.scrapes += 1;
        let at = page.instants[scrape];
        let (from, to) = (at.saturating_sub(around), at.saturating_add(around));
        let in_flight = flights.most(from, to, counts) as f64 * fan_out;
        let excess = busy - in_flight;
        if excess > MARGIN.max(in_flight * MARGIN_SHARE) {
            found.above += 1;
            if excess > largest {
                largest = excess;
                (found.running, found.waiting) = (running.unwrap_or(0.0), waiting.unwrap_or(0.0));
                found.in_flight = in_flight;
            }
        }
    }
    (found.above >= LEAST_SCRAPES).then_some(found)
}

/// The sum of the first of these gauges that is on the page, in one scrape.
fn gauge(page: &Page, names: &[&str], scrape: usize) -> Option<f64> {
    let family = names.iter().find_map(|name| page.families.get(*name))?;
    let is_first =
        |name: &&str, labels: &super::timeline::Labels| labels.get(*name).is_none_or(|rank| rank == "0");
    let series = family.series.iter().filter(|(labels, _)| RANKS.iter().all(|name| is_first(name, labels)));
    let values = series.filter_map(|(_, series)| series.values(Column::Value, scrape..scrape + 1).first());
    values.copied().filter(|value| !value.is_nan()).reduce(|sum, value| sum + value)
}

/// Scheme, host and port (RFC 6454).
fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::{
        ErrorDetails,
        message::{MetricFamily, MetricKind, MetricSample, ServerMetricsSample},
    };
    use rstest::rstest;

    use super::*;
    use crate::record::Instants;

    const S: u64 = 1_000_000_000;
    const PHASES: [PhaseWindow; 1] =
        [PhaseWindow { index: 0, kind: PhaseKind::Profiling, start_ns: 0, end_ns: 100 * S }];

    fn family(name: &str, values: &[(&str, f64)]) -> MetricFamily {
        let sample = |(rank, value): &(&str, f64)| MetricSample {
            labels: [("tp_rank".to_owned(), (*rank).to_owned())].into(),
            value: *value,
            ..MetricSample::default()
        };
        let samples = values.iter().map(sample).collect();
        MetricFamily { name: name.into(), kind: MetricKind::Gauge, samples, ..MetricFamily::default() }
    }

    /// A page of vLLM with these numbers of running and waiting requests, a second between two scrapes.
    fn scraped(url: &str, counts: &[(f64, f64)]) -> Timeline {
        let mut timeline = Timeline::default();
        for (at, (running, waiting)) in (1..).zip(counts) {
            timeline.push(ServerMetricsSample {
                url: url.into(),
                at_ns: at * S,
                latency_ns: 1_000_000,
                families: vec![
                    family("vllm:num_requests_running", &[("0", *running), ("1", *running)]),
                    family("vllm:num_requests_waiting", &[("0", *waiting)]),
                ],
                ..ServerMetricsSample::default()
            });
        }
        timeline
    }

    /// Sixty requests in a row in each of `slots` slots, each of which takes a third of a second.
    fn flights(slots: u64, places: usize) -> Flights {
        let mut flights = Flights::default();
        for turn in 0..60 {
            for slot in 0..slots {
                let instants =
                    Instants { started: turn * S / 3, end: (turn + 1) * S / 3, ..Instants::default() };
                flights.record(
                    &Record { session_num: turn * slots + slot, instants, ..Record::default() },
                    places,
                );
            }
        }
        flights
    }

    fn found(counts: &[(f64, f64)], flights: &Flights) -> Vec<String> {
        let (page, targets) = ("http://h:1/metrics", ["http://h:1/v1".to_owned()]);
        strangers(&scraped(page, counts), &PHASES, &targets, flights.clone())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[rstest]
    #[case::just_ours(&[(4.0, 0.0); 9])]
    #[case::within_the_margin(&[(4.0, 5.0); 9])]
    #[case::two_scrapes_are_an_accident(&[(4.0, 0.0), (9.0, 9.0), (4.0, 0.0), (9.0, 9.0), (4.0, 4.0)])]
    #[case::not_a_number(&[(f64::NAN, f64::NAN); 9])]
    fn what_prony_itself_does_is_no_stranger(#[case] counts: &[(f64, f64)]) {
        // While a request follows another, both are under way.
        assert_eq!(found(counts, &flights(4, 1)), [""; 0]);
    }

    #[test]
    fn more_than_was_in_flight_in_several_scrapes_is_told_with_the_numbers() {
        let counts = [(4.0, 0.0), (9.0, 2.0), (12.0, 3.0), (9.0, 2.0)];
        let expected = "somebody else seems to use the server: in 3 of 4 scrapes of `http://h:1/metrics` it had more \
                        requests than prony had in flight, up to 12 running and 3 waiting, and 8 of prony's";
        assert_eq!(found(&counts, &flights(4, 1)), [expected]);
    }

    #[test]
    fn requests_that_prony_gave_up_on_are_a_possible_reason() {
        let mut flights = flights(4, 1);
        let error = ErrorDetails { kind: "idle_timeout".into(), ..ErrorDetails::default() };
        flights.record(&Record { outcome: Outcome::of(Some(error)), ..Record::default() }, 1);
        assert!(found(&[(20.0, 0.0); 4], &flights)[0].ends_with("(timed out, cancelled) may be among them"));
    }

    #[test]
    fn a_request_with_several_choices_is_several_to_its_server() {
        let mut flights = flights(4, 1);
        let finish_reasons = vec!["stop".to_owned(); 4];
        flights.record(&Record { finish_reasons, ..Record::default() }, 1);
        assert_eq!(found(&[(16.0, 0.0); 9], &flights), [""; 0]);
    }

    #[rstest]
    #[case::half_of_the_requests("http://a:1/metrics", 1)]
    #[case::any_of_them("http://balancer:1/metrics", 0)]
    fn a_page_is_compared_with_the_requests_to_its_own_server(#[case] page: &str, #[case] strange: usize) {
        let targets = ["http://a:1".to_owned(), "http://b:1".to_owned()];
        let timeline = scraped(page, &[(7.0, 0.0); 5]);
        assert_eq!(strangers(&timeline, &PHASES, &targets, flights(4, 2)).len(), strange);
    }
}
