//! What is no table of statistics: numbers of the whole run, how the client fared, failures, remarks.

use super::{
    super::{
        errors::ErrorGroup, marks, model::Report, objectives, server_metrics::Speculation, text::one_line,
    },
    table::number,
};
use crate::{
    metrics::{Metric, PhaseCounts, Stats, tags},
    record::ServiceState,
    screen::{Screen, counted},
};

/// The numbers of the whole run, one a line: rates, and all others.
pub(super) fn totals(report: &Report, screen: Screen) -> Vec<String> {
    let (rates, others): (Vec<_>, Vec<_>) = numbers(report).partition(|(metric, _)| is_rate(metric));
    let width = |rows: &[(&Metric, f64)]| {
        rows.iter().map(|(metric, value)| number(metric, *value).len()).max().unwrap_or(0)
    };
    let name_width =
        |rows: &[(&Metric, f64)]| rows.iter().map(|(metric, _)| metric.header.len()).max().unwrap_or(0);
    let (numbers, names) = (width(&rates).max(width(&others)), name_width(&rates).max(name_width(&others)));
    let lines = |title: &str, rows: &[(&Metric, f64)]| {
        if rows.is_empty() {
            return Vec::new();
        }
        let row = |(metric, value): &(&Metric, f64)| {
            let text = number(metric, *value);
            let unit = metric.unit_beside_name().unwrap_or_default();
            vec![format!("{:<names$}", metric.header), format!("{text:>numbers$}"), unit.to_owned()]
        };
        let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
        [title.to_owned()].into_iter().chain(screen.list(&rows)).collect()
    };
    [lines("Throughput", &rates), lines("Requests", &others)].concat()
}

/// The metrics of the whole run that are shown.
pub(in crate::report) fn numbers(report: &Report) -> impl Iterator<Item = (&'static Metric, f64)> {
    report.profiling.table.rows().filter(|(metric, _)| metric.shown).filter_map(|(metric, stats)| match stats
    {
        Stats::Scalar(value) => Some((metric, value)),
        Stats::Distribution(_) | Stats::OverTime(_) => None,
    })
}

fn is_rate(metric: &Metric) -> bool {
    ["/sec", "/hour"].iter().any(|per| metric.unit.contains(per))
}

/// What became of the load, and how the client fared.
pub(super) fn counts(report: &Report, screen: Screen) -> Vec<String> {
    let lines = facts(report);
    let lines = lines.iter().map(|line| screen.paragraph("  ", line));
    ["Client".to_owned()].into_iter().chain(lines).collect()
}

fn facts(report: &Report) -> Vec<String> {
    let mut lines = vec![match report.counts() {
        Some(PhaseCounts { scheduled, sent, late, dropped, lost }) => {
            let lost = if lost > 0 { format!(" / lost {lost}") } else { String::new() };
            format!("scheduled {scheduled} / sent {sent} / late {late} / dropped {dropped}{lost}")
        }
        None => "scheduled / sent / late / dropped: unknown".to_owned(),
    }];
    let clock =
        report.client.arrival_clock().map(|clock| format!(", arrivals by the {clock}")).unwrap_or_default();
    lines.push(format!("client: {}{clock}", report.client.verdict));
    lines.extend(objectives::good(report));
    lines.extend(report.prefix_cache.line());
    lines.extend(report.speculation.map(Speculation::line));
    lines.extend(marks::line(report));
    let on_purpose = report.profiling.outcomes.cancelled_on_purpose;
    if on_purpose > 0 {
        lines.push(format!(
            "cancelled on purpose, not in the numbers: {} (`--request-cancellation-rate`)",
            counted(on_purpose, "request")
        ));
    }
    let overflowed = report.profiling.outcomes.overflowed;
    if overflowed > 0 {
        lines.push(format!(
            "context too long for the server, not in the numbers: {} (`--context-overflow`)",
            counted(overflowed, "request")
        ));
    }
    let cancelled = report.profiling.outcomes.unfinished();
    if cancelled > 0 {
        let why = report.why_cancelled();
        lines.push(format!(
            "cancelled by prony, not in the numbers: {} ({why})",
            counted(cancelled, "request")
        ));
    }
    lines.extend(report.warmup.as_ref().map(|warmup| {
        let (all, failed) = (counted(warmup.outcomes.completed(), "request"), warmup.outcomes.failed);
        let duration = warmup.table.avg(tags::BENCHMARK_DURATION).unwrap_or(0.0);
        let cancelled = match warmup.outcomes.cancelled {
            0 => String::new(),
            cancelled => format!(", {cancelled} cancelled"),
        };
        format!("warm-up, not in the numbers: {all} in {duration:.2} s, {failed} failed{cancelled}")
    }));
    lines
}

/// Failures by kind: one line each, where the screen is wide enough.
pub(super) fn errors(title: &str, groups: &[ErrorGroup], screen: Screen) -> Vec<String> {
    if groups.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![["Count", "Code", "Type", "Message"].map(str::to_owned).to_vec()];
    rows.extend(groups.iter().map(|ErrorGroup { sample, count }| {
        let code = sample.code.map_or("-".to_owned(), |code| code.to_string());
        vec![format!("{count:>5}"), format!("{code:>4}"), sample.kind.to_string(), one_line(&sample.message)]
    }));
    [title.to_owned()].into_iter().chain(screen.list(&rows)).collect()
}

/// What is worth a line and is no reason to doubt the numbers: a lead, and a text.
pub(super) fn remarks(report: &Report) -> Vec<(String, String)> {
    let mut remarks = Vec::new();
    for service in report.end.iter().flat_map(|end| &end.services) {
        let lead = format!("service `{}` ", service.name);
        let what = match (&service.error, &service.state) {
            (Some(error), _) => {
                let hint = Some(&error.hint).filter(|hint| !hint.is_empty());
                let hint = hint.map(|hint| format!(" ({})", one_line(hint))).unwrap_or_default();
                Some(format!("failed: {}{hint}", one_line(&error.message)))
            }
            (None, ServiceState::Failed) => Some("failed: no reason given".to_owned()),
            (None, ServiceState::Abandoned) => {
                Some("was not waited for: what it had left is missing".to_owned())
            }
            (None, ServiceState::Stopped | ServiceState::Other(_)) => None,
        };
        remarks.extend(what.map(|what| (lead.clone(), what)));
        if service.lost > 0 {
            let lost = counted(service.lost, "message");
            remarks.push((lead, format!("lost {lost}: it read too slowly or published too much")));
        }
    }
    let note = |text| ("note: ".to_owned(), text);
    remarks.extend(report.notes.iter().cloned().map(note));
    remarks
}
