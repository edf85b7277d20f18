//! What a reader must know before believing the numbers: a sentence for each doubt.

use super::{Report, headline};
use crate::metrics::{ClientReport, Stats, TokenSource, Verdict};

/// Every doubt there is, the gravest first.
pub(super) fn warnings(report: &Report) -> Vec<String> {
    let doubts = [
        incomplete(report),
        client(report),
        by_proxy(report),
        nothing_succeeded(report),
        some_failed(report),
        other_model(report),
        missing_lengths(report),
        other_lengths(report),
        mixed_counting(report),
    ];
    doubts.into_iter().flatten().chain(report.strangers.iter().map(ToString::to_string)).collect()
}

fn incomplete(report: &Report) -> Option<String> {
    report.incomplete_reason.as_ref().map(|reason| format!("the numbers are incomplete: {reason}"))
}

fn client(report: &Report) -> Option<String> {
    let ClientReport { verdict, ref reasons, .. } = report.client;
    let first = reasons.first()?;
    let others = match reasons.len() - 1 {
        0 => String::new(),
        others => format!(", and {others} more in `client` of the summary"),
    };
    let what = if verdict == Verdict::Limited {
        "prony itself was at its limit, the server may be faster than this"
    } else {
        "prony itself may have bent some of these numbers"
    };
    Some(format!("{what}: {first}{others}"))
}

fn by_proxy(report: &Report) -> Option<String> {
    let proxies = headline::proxies(&report.header.config.target);
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

fn other_model(report: &Report) -> Option<String> {
    let asked = &report.header.config.target.model;
    let others = || report.models_seen.iter().filter(|(model, _)| *model != asked);
    let names: Vec<String> = others().map(|(model, _)| format!("`{model}`")).collect();
    let (count, all): (u64, u64) =
        (others().map(|(_, count)| count).sum(), report.models_seen.values().sum());
    (!names.is_empty())
        .then(|| format!("the server ran {} for {count} of {all} requests, not `{asked}`", names.join(", ")))
}

/// Throughputs lack the tokens of answers that nobody counted.
fn missing_lengths(report: &Report) -> Option<String> {
    if !report.header.capabilities.produces_tokens {
        return None;
    }
    let succeeded = report.profiling.outcomes.succeeded;
    let counted = match report.profiling.table.get("output_sequence_length") {
        Some(Stats::Distribution(lengths)) => lengths.count,
        _ => 0,
    };
    (counted < succeeded).then(|| {
        let missing = succeeded - counted;
        format!(
            "the output of {missing} of {succeeded} requests was not counted: token throughputs are too low"
        )
    })
}

fn other_lengths(report: &Report) -> Option<String> {
    let table = &report.profiling.table;
    let mismatches = table.avg("osl_mismatch_count").filter(|count| *count > 0.0)?;
    let Some(Stats::Distribution(difference)) = table.get("osl_mismatch_diff_pct") else { return None };
    let direction = match (difference.min < 0.0, difference.max > 0.0) {
        (true, true) => "longer or shorter",
        (true, false) => "shorter",
        (false, _) => "longer",
    };
    Some(format!(
        "{mismatches} of {} answers are {direction} than requested ({:+.1} % on average, {:+.1} % to {:+.1} %)",
        difference.count, difference.avg, difference.min, difference.max
    ))
}

fn mixed_counting(report: &Report) -> Option<String> {
    (report.profiling.token_source == TokenSource::Mixed)
        .then(|| "output tokens were counted by the server for some requests and here for others".to_owned())
}
