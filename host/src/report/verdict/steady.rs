//! Was the server the same from the first request to the last?

use serde_json::{Map, Value, json};

use super::{
    super::{model::Report, text::decimal},
    finding::{Finding, Severity},
    load,
    samples::LOOKED_AT,
};
use crate::{
    metrics::{
        Statistic,
        samples::carries,
        steady::{Drift, StartUp, Steadiness},
    },
    screen::counted,
};

/// A start-up that moves the mean by less is worth a note, as a share.
const MOVES: f64 = 0.05;

/// Values that are worth less than this part of their number are worth a note.
const WORTH: f64 = 1.0 / 3.0;

/// Batches whose means differ by less are no reason to count samples, as a share.
const SPREAD: f64 = 0.05;

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let several = report.steadiness.len() > 1;
    report.steadiness.iter().flat_map(move |(phase, found)| {
        let of = if several { format!(" of the phase `{phase}`") } else { String::new() };
        let change = queue(report, found, &of).or_else(|| lengths(found, &of)).or_else(|| drift(found, &of));
        let start_up = if change.is_none() { start_up(found, &of) } else { None };
        [change, start_up, alike(found, &of)].into_iter().flatten()
    })
}

/// For the summary: what was looked at, by phase.
pub(super) fn summary(report: &Report) -> Value {
    let one = |(phase, found): &(String, Steadiness)| {
        let object = json!({
            "requests": found.requests,
            "effective_samples": found.effective.round(),
            "in_flight": found.in_flight,
            "queue": found.queue,
            "start_up": found.start_up.map(|(metric, start)| json!({
                "metric": metric,
                "share": start.share,
                "first_ms": start.first_ms,
                "rest_ms": start.rest_ms,
            })),
            "drift": found.drift.map(|(metric, drift)| json!({
                "metric": metric,
                "from_ms": drift.from,
                "to_ms": drift.to,
            })),
            "lengths": found.lengths.map(|(metric, lengths)| json!({
                "metric": metric,
                "from": lengths.from,
                "to": lengths.to,
            })),
        });
        (phase.clone(), object)
    };
    Value::Object(report.steadiness.iter().map(one).collect::<Map<_, _>>())
}

/// Where a limit held requests back, the queue stood in prony, and is named as that.
fn queue(report: &Report, found: &Steadiness, of: &str) -> Option<Finding> {
    let [from, to] = found.queue?;
    let finding = Finding::doubt(
        "saturated",
        "the server could not keep up",
        format!(
            "the server could not keep up with the load{of}: requests in flight grew from {from} to {to} and would have \
             grown on, so that latencies depend on the length of the run"
        ),
    );
    let advice =
        "Lower `--request-rate`; `prony search` finds the highest one that the server can keep up with";
    load::held(report).is_none().then(|| finding.advice(advice))
}

/// What a metric did, and by how much.
fn named(metric: &str, Drift { from, to }: Drift) -> String {
    let rose = if to > from { "rose" } else { "fell" };
    let percent = (to / from.max(f64::MIN_POSITIVE) - 1.0).abs() * 100.0;
    format!("{} {rose} by {percent:.0} %", name_of(metric))
}

/// Longer requests take longer: the server may have stayed as it was.
fn lengths(found: &Steadiness, of: &str) -> Option<Finding> {
    let ((latency, drift), (metric, lengths)) = (found.drift?, found.lengths?);
    let (latency, length) = (named(latency, drift), named(metric, lengths));
    let says = format!(
        "{latency} from the beginning{of} to its end, and {length} ({} to {} tokens): lengths are a reason for it, and the \
         load did not stay the same",
        decimal(lengths.from),
        decimal(lengths.to)
    );
    let finding = Finding::note("lengths", format!("{latency}, as lengths did"), says);
    Some(finding.advice(
        "Look at latencies of a token, or mix long and short requests (`--dataset-sampling-strategy random`)",
    ))
}

fn drift(found: &Steadiness, of: &str) -> Option<Finding> {
    let (metric, drift) = found.drift?;
    let changed = named(metric, drift);
    let finding = Finding::doubt(
        "drift",
        changed.clone(),
        format!(
            "{changed} from the beginning{of} to its end ({} to {} ms), under a rate or concurrency that stayed the same, and \
             lengths, where they are known, do not explain it: the numbers are of no one state of the server",
            decimal(drift.from),
            decimal(drift.to)
        ),
    );
    Some(finding.advice(
        "Look for what changed (other clients, a cache that fills, a clock that slows down), and measure again after a longer \
         warm-up (`--warmup-duration`)",
    ))
}

fn start_up(found: &Steadiness, of: &str) -> Option<Finding> {
    let (metric, StartUp { share, first_ms, rest_ms }) = found.start_up?;
    let first = counted((share * found.requests as f64).round(), "request");
    let name = name_of(metric);
    let finding = Finding::doubt(
        "start_up",
        format!("the first {first} were not like the rest"),
        format!(
            "the first {first}{of} were a start-up: {name} was {} ms on average, and {} ms from then on",
            decimal(first_ms),
            decimal(rest_ms)
        ),
    );
    let mean = share * first_ms + (1.0 - share) * rest_ms;
    let is_grave = (mean / rest_ms.max(f64::MIN_POSITIVE) - 1.0).abs() >= MOVES;
    let severity = if is_grave { Severity::Doubtful } else { Severity::Note };
    let advice =
        "Keep the start out of the numbers with a warm-up (`--warmup-request-count`, `--warmup-duration`)";
    Some(Finding { severity, ..finding.advice(advice) })
}

/// Only where fewer independent values would not carry what these many do.
fn alike(found: &Steadiness, of: &str) -> Option<Finding> {
    let all = found.requests;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most as many as there are"
    )]
    let worth = found.effective.round() as u64;
    let is_lost = |percentile: &Statistic| carries(all, *percentile) && !carries(worth, *percentile);
    let lost: Vec<&str> = LOOKED_AT.into_iter().filter(is_lost).map(Statistic::key).collect();
    let is_little = found.effective < WORTH * all as f64 && found.spread >= SPREAD;
    let finding = Finding::note(
        "alike_neighbours",
        format!("{all} samples are worth {worth} independent ones"),
        format!(
            "latencies of requests next to each other{of} are alike: {all} of them say as much as {worth} independent ones, \
             which carry no {}",
            lost.join(", ")
        ),
    );
    (is_little && !lost.is_empty())
        .then(|| finding.advice("Repeat the run (`--num-profile-runs 5`), or let it take longer"))
}

fn name_of(metric: &str) -> String {
    metric.replace('_', " ")
}
