//! Is there a number, and is it about everything that was sent?

use super::{super::model::Report, finding::Finding};
use crate::{
    record::journal::TEXTS_FILE_NAME,
    screen::{agreeing, counted},
};

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    [incomplete(report), uncounted(report), nothing_succeeded(report), cancelled(report)]
        .into_iter()
        .flatten()
}

/// Why the numbers do not cover everything that was sent: the run did not come to its end, or tokens are not counted, or
/// requests were cancelled at it. Those are the slowest, so that every latency looks better than it was.
pub(crate) fn why_incomplete(report: &Report) -> Option<String> {
    report.incomplete_reason.clone().or_else(|| {
        let at_the_end = [uncounted(report), cancelled(report)];
        let reasons: Vec<String> = at_the_end.into_iter().flatten().map(|finding| finding.text()).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    })
}

fn incomplete(report: &Report) -> Option<Finding> {
    let reason = report.incomplete_reason.as_ref()?;
    let says = format!("the numbers are incomplete: {reason}");
    let finding = if report.is_header_lost {
        Finding::invalid("incomplete", "what was run is not known", says)
    } else {
        Finding::doubt("incomplete", "the run is incomplete", says)
    };
    Some(finding)
}

/// Throughput counts their tokens as none where the server does not count either.
fn uncounted(report: &Report) -> Option<Finding> {
    let count = report.uncounted;
    let [it, was] = [agreeing(count, "it", "them"), agreeing(count, "was", "were")];
    let finding = Finding::doubt(
        "uncounted_tokens",
        format!("{} not counted in tokens", counted(count, "response")),
        format!(
            "{} {was} not counted in tokens before the run ended: metrics of tokens that prony counts leave {it} out, and token \
             throughputs where the server does not count them either",
            counted(count, "response"),
        ),
    );
    let advice = format!("`prony report DIR` counts {it}, if `{TEXTS_FILE_NAME}` is beside the journal");
    (count > 0).then(|| finding.advice(advice))
}

fn nothing_succeeded(report: &Report) -> Option<Finding> {
    let outcomes = report.profiling.outcomes;
    let says = match outcomes.completed() {
        0 => "nothing was measured: no request ended".to_owned(),
        1 => "nothing was measured: the one request failed".to_owned(),
        all => format!("nothing was measured: none of {all} requests succeeded"),
    };
    let finding = Finding::invalid("nothing_measured", "nothing was measured", says);
    (outcomes.succeeded == 0).then_some(finding)
}

fn cancelled(report: &Report) -> Option<Finding> {
    let count = report.profiling.outcomes.unfinished();
    let [it, was] = [agreeing(count, "it", "them"), agreeing(count, "was", "were")];
    let finding = Finding::doubt(
        "cancelled_in_flight",
        format!("{} cancelled in flight", counted(count, "request")),
        format!(
            "{} {was} still in flight and {was} cancelled ({}): no metric counts {it}, and latencies look better without {it}",
            counted(count, "request"),
            report.why_cancelled(),
        ),
    );
    (count > 0).then_some(finding)
}
