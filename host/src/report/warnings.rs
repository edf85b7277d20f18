//! What a reader must know before believing the numbers: a sentence for each doubt.

use std::collections::BTreeSet;

use prony_plugin_api::message::PhaseKind;

use super::{by_phase, file_names, headline, model::Report, token_warnings};
use crate::{
    metrics::{ClassResults, ClientReport, MetricTable, PhaseCounts, Verdict},
    plan::{Class, Objective},
    record::{journal::TEXTS_FILE_NAME, settings::PhaseSettings},
    screen::{agreeing, counted},
};

/// Fewer late requests do not move a 99th percentile.
const HELD_BACK_SHARE: f64 = 0.01;

/// Every doubt there is, the gravest first.
pub(super) fn warnings(report: &Report) -> Vec<String> {
    let doubts = [
        incomplete(report),
        uncounted(report),
        held_back(report),
        client(report),
        by_proxy(report),
        nothing_succeeded(report),
        some_failed(report),
        some_cancelled(report),
        other_model(report),
        report.prefix_cache.warning(),
    ];
    let remarks = report.client.remarks.iter().cloned();
    let objectives = unmeasured_objectives(report);
    let doubts =
        doubts.into_iter().flatten().chain(objectives).chain(remarks).chain(token_warnings::warnings(report));
    doubts.chain(report.strangers.iter().map(ToString::to_string)).collect()
}

/// Why the numbers do not cover everything that was sent: the run did not come to its end, or tokens are not counted, or
/// requests were cancelled at it. Those are the slowest, so that every latency looks better than it was.
pub(super) fn why_incomplete(report: &Report) -> Option<String> {
    report.incomplete_reason.clone().or_else(|| {
        let at_the_end = [uncounted(report), some_cancelled(report)];
        let reasons: Vec<String> = at_the_end.into_iter().flatten().collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    })
}

fn incomplete(report: &Report) -> Option<String> {
    report.incomplete_reason.as_ref().map(|reason| format!("the numbers are incomplete: {reason}"))
}

/// Throughput counts their tokens as none where the server does not count either.
fn uncounted(report: &Report) -> Option<String> {
    (report.uncounted > 0).then(|| {
        format!(
            "{} {} not counted in tokens before the run ended: metrics of tokens that prony counts leave {} out, and token \
             throughputs where the server does not count them either. `prony report DIR` counts {}, if \
             `{TEXTS_FILE_NAME}` is beside the journal",
            counted(report.uncounted, "response"),
            agreeing(report.uncounted, "was", "were"),
            agreeing(report.uncounted, "it", "them"),
            agreeing(report.uncounted, "it", "them"),
        )
    })
}

/// A limit of what is in flight turns an open loop into a closed one when the server is slower than the schedule.
fn held_back(report: &Report) -> Option<String> {
    let PhaseCounts { sent, late, .. } = report.counts()?;
    let held: u64 = report.client.workers.iter().map(|usage| usage.held_back).sum();
    let held = held.min(late);
    let measured = report.header.settings.phases.iter().filter(|phase| phase.kind == PhaseKind::Profiling);
    let measured: Vec<&PhaseSettings> = measured.collect();
    let limited = measured.iter().find_map(|phase| Some((*phase, limited_rate(phase)?)));
    let (first, (Limits { most, flags }, rate)) = limited?;
    if held == 0 || (held as f64) < HELD_BACK_SHARE * sent as f64 {
        return None;
    }
    let advice = format!("Latencies from the schedule include that wait; raise {flags}, or leave it out");
    if measured.len() > 1 {
        // Of which phase they were is not known.
        return Some(format!(
            "limits of what is in flight held {held} of {sent} requests back, as in the phase `{}`: {most} at {rate}/s. \
             {advice}",
            by_phase::name(first)
        ));
    }
    let reached =
        report.profiling.outcomes.completed() as f64 / report.profiling.table.avg("benchmark_duration")?;
    Some(format!(
        "the limit of {most} held {held} of {sent} requests back: {rate}/s were asked, {reached:.1}/s were reached. \
         {advice}"
    ))
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

fn client(report: &Report) -> Option<String> {
    let ClientReport { verdict, ref reasons, .. } = report.client;
    let first = reasons.first()?;
    let others = match reasons.len() - 1 {
        0 => String::new(),
        others => format!(", and {others} more in `client` of `{}`", file_names::SUMMARY),
    };
    let what = if verdict == Verdict::Limited {
        "prony itself was at its limit, the server may be faster than this"
    } else {
        "client-side delays may have affected these results"
    };
    Some(format!("{what}: {first}{others}"))
}

fn by_proxy(report: &Report) -> Option<String> {
    let proxies = headline::proxies(&report.header.settings);
    (!proxies.is_empty()).then(|| {
        format!(
            "the requests went by way of the proxy `{}`: its time is in these numbers",
            proxies.join("`, `")
        )
    })
}

fn nothing_succeeded(report: &Report) -> Option<String> {
    let outcomes = report.profiling.outcomes;
    (outcomes.succeeded == 0).then(|| match outcomes.completed() {
        0 => "nothing was measured: no request ended".to_owned(),
        1 => "nothing was measured: the one request failed".to_owned(),
        all => format!("nothing was measured: none of {all} requests succeeded"),
    })
}

fn some_failed(report: &Report) -> Option<String> {
    let outcomes = report.profiling.outcomes;
    let share = outcomes.failed as f64 / outcomes.completed() as f64 * 100.0;
    (outcomes.failed > 0 && outcomes.succeeded > 0).then(|| {
        format!(
            "{} of {} requests failed ({share:.1} %): the numbers describe the others only",
            outcomes.failed,
            outcomes.completed()
        )
    })
}

fn some_cancelled(report: &Report) -> Option<String> {
    let cancelled = report.profiling.outcomes.unfinished();
    (cancelled > 0).then(|| {
        format!(
            "{} {} still in flight and {} cancelled ({}): no metric counts {}, and latencies look better without {}",
            counted(cancelled, "request"),
            agreeing(cancelled, "was", "were"),
            agreeing(cancelled, "was", "were"),
            report.why_cancelled(),
            agreeing(cancelled, "it", "them"),
            agreeing(cancelled, "it", "them")
        )
    })
}

/// Objectives about something that no request had, where none was good. A run with classes is judged by each of them.
fn unmeasured_objectives(report: &Report) -> Vec<String> {
    let settings = &report.header.settings;
    let Report { profiling, by_class, .. } = report;
    if settings.classes.is_empty() {
        let warning = unmeasured_objective("", &settings.goodput, &profiling.table);
        return warning.filter(|_| profiling.outcomes.succeeded > 0).into_iter().collect();
    }
    let of_class = |(class, found): (&Class, &ClassResults)| {
        let objectives = class.goodput.as_ref().unwrap_or(&settings.goodput);
        let (of, results) = (format!(" of `{}`", class.name), &found.results);
        unmeasured_objective(&of, objectives, &results.table).filter(|_| results.outcomes.succeeded > 0)
    };
    settings.classes.list.iter().zip(by_class).filter_map(of_class).collect()
}

fn unmeasured_objective(of: &str, objectives: &[Objective], table: &MetricTable) -> Option<String> {
    let tags = objectives.iter().map(|objective| objective.metric.as_str());
    let unmeasured: BTreeSet<&str> = tags.filter(|tag| table.get(tag).is_none()).collect();
    let is_any_good = table.avg("good_request_count").is_some_and(|count| count > 0.0);
    (!is_any_good && !unmeasured.is_empty()).then(|| {
        let unmeasured: Vec<&str> = unmeasured.into_iter().collect();
        format!("no request{of} has a `{}`, which is an objective: none is good", unmeasured.join("` or a `"))
    })
}

/// Some servers add the revision that they run: `org/model@main`.
fn is_same_model(asked: &str, reported: &str) -> bool {
    reported.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// The server ran another model than the class of a request asks for.
fn other_model(report: &Report) -> Option<String> {
    let settings = &report.header.settings;
    let classes = &settings.classes.list;
    let asked =
        |class: u32| classes.get(class as usize).map_or(&*settings.model, |class| settings.model_of(class));
    let is_other =
        |(class, model, _): &(u32, &str, u64)| !report.is_header_lost && !is_same_model(asked(*class), model);
    let others = || report.models_seen.iter().filter(is_other);
    let names: BTreeSet<String> = others().map(|(_, model, _)| format!("`{model}`")).collect();
    let names: Vec<String> = names.into_iter().collect();
    let (count, all): (u64, u64) = (
        others().map(|(_, _, count)| count).sum(),
        report.models_seen.iter().map(|(_, _, count)| count).sum(),
    );
    (!names.is_empty()).then(|| {
        let asked = match headline::models(settings)[..] {
            [model] => format!("`{model}`"),
            _ => "the model that their class asks for".to_owned(),
        };
        format!("the server ran {} for {count} of {all} requests, not {asked}", names.join(", "))
    })
}
