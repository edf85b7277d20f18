//! Was the load sent that was asked for?

use prony_plugin_api::message::PhaseKind;

use super::{
    super::{by_phase, model::Report},
    finding::Finding,
};
use crate::{
    metrics::{PhaseCounts, tags},
    record::settings::PhaseSettings,
    screen::{agreeing, counted},
};

/// Fewer late requests do not move a 99th percentile.
const HELD_BACK_SHARE: f64 = 0.01;

/// With so many requests for each slot, a closed load is as large as it can be for most of its time.
const ROUNDS: f64 = 10.0;

/// A smaller part of the requests that were to be in flight is another load.
const REACHED: f64 = 0.9;

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let held_back = held_back(report);
    let late = if held_back.is_none() { late(report) } else { None };
    [held_back, late, unsent(report), too_few_in_flight(report)].into_iter().flatten()
}

/// Requests that a limit held back, and all that were sent; nothing where there are too few of them to move a 99th percentile.
pub(super) fn held(report: &Report) -> Option<(u64, u64)> {
    let PhaseCounts { sent, late, .. } = report.counts()?;
    let held: u64 = report.client.workers.iter().map(|usage| usage.held_back).sum();
    let held = held.min(late);
    (held > 0 && held as f64 >= HELD_BACK_SHARE * sent as f64).then_some((held, sent))
}

/// A limit of what is in flight turns an open loop into a closed one when the server is slower than the schedule.
fn held_back(report: &Report) -> Option<Finding> {
    let (held, sent) = held(report)?;
    let measured = report.header.settings.phases.iter().filter(|phase| phase.kind == PhaseKind::Profiling);
    let measured: Vec<&PhaseSettings> = measured.collect();
    let limited = measured.iter().find_map(|phase| Some((*phase, limited_rate(phase)?)));
    let (first, (Limits { most, flags }, rate)) = limited?;
    let advice = format!("Latencies from the schedule include that wait; raise {flags}, or leave it out");
    let finding = |says: String| {
        let short = format!("a limit held {held} of {sent} requests back");
        Finding::doubt("held_back", short, says).advice(advice)
    };
    if measured.len() > 1 {
        // Of which phase they were is not known.
        return Some(finding(format!(
            "limits of what is in flight held {held} of {sent} requests back, as in the phase `{}`: {most} at {rate}/s",
            by_phase::name(first)
        )));
    }
    let reached = report.profiling.outcomes.completed() as f64
        / report.profiling.table.avg(tags::BENCHMARK_DURATION)?;
    Some(finding(format!(
        "the limit of {most} held {held} of {sent} requests back: {rate}/s were asked, {reached:.1}/s were reached"
    )))
}

/// What holds requests of an open loop back, and what the user can change.
struct Limits {
    most: String,
    flags: &'static str,
}

/// The limits and the rate of an open loop that has both.
fn limited_rate(phase: &PhaseSettings) -> Option<(Limits, f64)> {
    let in_flight = phase.concurrency.map(|most| format!("{most} in flight"));
    let waiting = phase.prefill.as_ref().map(|most| format!("{most} waiting for their first token"));
    let limits = match (in_flight, waiting) {
        (Some(most), None) => Limits { most, flags: "`--concurrency`" },
        (None, Some(most)) => Limits { most, flags: "`--prefill-concurrency`" },
        (Some(in_flight), Some(waiting)) => Limits {
            most: format!("{in_flight}, {waiting},"),
            flags: "`--concurrency` or `--prefill-concurrency`",
        },
        (None, None) => return None,
    };
    phase.rate.filter(|_| phase.is_open_loop).map(|rate| (limits, rate))
}

/// Sent so late that it moves a 99th percentile, although no limit held them back.
fn late(report: &Report) -> Option<Finding> {
    let PhaseCounts { sent, late, .. } = report.counts()?;
    let share = late as f64 / sent as f64;
    let finding = Finding::doubt(
        "late",
        format!("{:.0} % of the requests were sent late", share * 100.0),
        format!(
            "{late} of {sent} requests were sent more than 1 ms after their time: latencies count from the schedule and include \
             that, and the load was less even than was asked"
        ),
    );
    let advice = "Use a machine with more free processors, or a lower rate";
    (late > 0 && share >= HELD_BACK_SHARE).then(|| finding.advice(advice))
}

/// Wanted by the schedule, and never sent, or lost with their worker.
fn unsent(report: &Report) -> Option<Finding> {
    let PhaseCounts { scheduled, dropped, lost, .. } = report.counts()?;
    let unsent = dropped + lost;
    let says = format!(
        "{unsent} of {scheduled} requests that the schedule wanted {} not sent (dropped {dropped}, lost {lost}): the load was \
         smaller than was asked",
        agreeing(unsent, "was", "were")
    );
    let short = format!("{} of {scheduled} not sent", counted(unsent, "request"));
    (unsent > 0).then(|| Finding::doubt("not_sent", short, says))
}

/// A closed load whose slots were not filled.
fn too_few_in_flight(report: &Report) -> Option<Finding> {
    let asked = |name: &str| {
        let mut phases = report.header.settings.phases.iter();
        phases.find(|phase| phase.kind == PhaseKind::Profiling && by_phase::name(phase) == name)
    };
    let (phase, found) = report.steadiness.iter().find_map(|(name, found)| {
        let phase = asked(name).filter(|phase| !phase.is_open_loop && phase.prefill.is_none())?;
        let slots = phase.concurrency? as f64;
        let has_rounds = found.requests as f64 >= ROUNDS * slots;
        (has_rounds && found.in_flight < REACHED * slots).then_some((phase, found))
    })?;
    let (slots, in_flight) = (phase.concurrency?, found.in_flight);
    let says = format!(
        "{slots} requests were to be in flight, and {in_flight:.1} were on average: the load was smaller than was asked"
    );
    let short = format!("{in_flight:.1} of {slots} in flight");
    Some(
        Finding::doubt("too_few_in_flight", short, says)
            .advice("Look at `client` in the summary for what held them up"),
    )
}
