//! The report for people: one text without colour, as wide as the screen that it is for.

use super::{
    by_class, by_phase, by_url,
    errors::ErrorGroup,
    file_names, headline, marks,
    model::Report,
    objectives,
    server_metrics::Speculation,
    service_tables,
    text::{TRUSTED_P99_COUNT, decimal, few, one_line, price},
    warnings,
};
use crate::{
    metrics::{Distribution, Metric, PhaseCounts, Stats},
    screen::{Align, Screen, Table, counted},
};

/// Statistics of a metric, in the order of their columns.
const STATISTICS: [&str; 8] = ["avg", "min", "max", "p99", "p95", "p90", "p50", "std"];

/// What a screen that is too narrow for all of them can do without, the least important first.
const LEFT_OUT: [&str; 4] = ["std", "min", "max", "p90"];

/// Names of metrics are broken into lines of this length before a statistic is left out.
const NAME_WIDTH: usize = 28;

/// Lays out a report, a newline at its end.
pub(crate) fn render(report: &Report, screen: Screen) -> String {
    let warnings =
        warnings::warnings(report).into_iter().map(|warning| screen.paragraph("warning: ", &warning));
    let sections = [
        headline(report, screen),
        metrics(report, screen),
        totals(report, screen),
        objectives::lines(report, screen),
        counts(report).iter().map(|line| screen.paragraph("", line)).collect(),
        by_phase::lines(report, screen),
        by_class::lines(report, screen),
        by_url::lines(report, screen),
        service_tables::lines(report, screen),
        errors("Errors", &report.errors, screen),
        errors("Errors of the warm-up", &report.warmup_errors, screen),
        remarks(report).iter().map(|(lead, text)| screen.paragraph(lead, text)).collect(),
        warnings.collect(),
        report.files.iter().map(|file| format!("wrote {}", file.display())).collect(),
    ];
    let sections = sections.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    printable(&(sections.collect::<Vec<_>>().join("\n\n") + "\n"))
}

/// What a server says must not move the cursor or ring the bell.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

fn headline(report: &Report, screen: Screen) -> Vec<String> {
    let header = &report.header;
    let mut lines = vec![format!("prony {}, run {}", header.version, header.run_id)];
    let facts = headline::lines(report).into_iter();
    lines.extend(facts.map(|(label, fact)| screen.paragraph(&format!("  {label:<9} "), &fact)));
    lines
}

/// The metrics of single requests: a row of statistics each.
fn metrics(report: &Report, screen: Screen) -> Vec<String> {
    let width = screen.table_width();
    let left_out = (0..LEFT_OUT.len()).map(|count| &LEFT_OUT[..count]);
    let fitting = left_out
        .map(|left_out| (left_out, NAME_WIDTH))
        .find(|(left_out, name_width)| statistics(report, left_out, *name_width).fits(width));
    let (left_out, name_width) = fitting.unwrap_or((&LEFT_OUT, 0));
    let title = match report.header.capabilities.metrics_title.as_str() {
        "" => "Metrics",
        title => title,
    };
    let mut lines = vec![format!("prony | {title}")];
    let table = statistics(report, left_out, name_width);
    if table.is_empty() {
        lines.push("no request was measured".to_owned());
        return lines;
    }
    lines.extend(table.lines(width));
    if distributions(report).any(|(_, values)| few(&values)) {
        let mark = format!("* p99 from fewer than {TRUSTED_P99_COUNT} samples: low confidence");
        lines.push(screen.paragraph("", &mark));
    }
    if !left_out.is_empty() {
        let note =
            format!("left out to fit the width, but in `{}`: {}", file_names::SUMMARY, left_out.join(", "));
        lines.push(screen.paragraph("", &note));
    }
    lines
}

/// What is shown, by name and unit.
fn shown(report: &Report) -> impl Iterator<Item = (&'static Metric, Stats)> {
    report.profiling.table.rows().filter(|(metric, _)| metric.shown)
}

fn name(metric: &Metric) -> String {
    format!("{} ({})", metric.header, metric.unit)
}

fn distributions(report: &Report) -> impl Iterator<Item = (&'static Metric, Distribution)> {
    shown(report).filter_map(|(metric, stats)| match stats {
        Stats::Distribution(values) => Some((metric, values)),
        Stats::Scalar(_) | Stats::OverTime(_) => None,
    })
}

fn statistics(report: &Report, left_out: &[&str], name_width: usize) -> Table {
    let columns = STATISTICS.iter().filter(|name| !left_out.contains(name));
    let table = Table::new().column("Metric", Align::Left).at_least(name_width);
    let mut table = columns.clone().fold(table, |table, name| table.column(*name, Align::Right));
    for (metric, values) in distributions(report) {
        let cells = columns.clone().map(|statistic| cell(metric, &values, statistic));
        table.row([name(metric)].into_iter().chain(cells));
    }
    table
}

fn cell(metric: &Metric, values: &Distribution, statistic: &str) -> String {
    match statistic {
        "avg" => decimal(values.avg),
        "min" => number(metric, values.min),
        "max" => number(metric, values.max),
        "std" => decimal(values.std),
        percentile => {
            let mark = if percentile == "p99" && few(values) { "*" } else { "" };
            values.percentile(percentile).map(decimal).unwrap_or_default() + mark
        }
    }
}

/// The metrics of the whole run: one number each.
fn totals(report: &Report, screen: Screen) -> Vec<String> {
    let mut table = Table::new().column("Metric", Align::Left).column("value", Align::Right);
    let numbers = shown(report).filter(|(_, stats)| !matches!(stats, Stats::Distribution(_)));
    numbers.for_each(|(metric, stats)| table.row([name(metric), number(metric, stats.avg())]));
    if table.is_empty() { Vec::new() } else { table.lines(screen.table_width()) }
}

/// A value of a metric. A count has no decimals.
fn number(metric: &Metric, value: f64) -> String {
    if metric.is_price() {
        return price(value);
    }
    let text = decimal(value);
    match text.strip_suffix(".00") {
        Some(whole) if metric.is_count() => whole.to_owned(),
        _ => text,
    }
}

fn counts(report: &Report) -> Vec<String> {
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
        let duration = warmup.table.avg("benchmark_duration").unwrap_or(0.0);
        let cancelled = match warmup.outcomes.cancelled {
            0 => String::new(),
            cancelled => format!(", {cancelled} cancelled"),
        };
        format!("warm-up, not in the numbers: {all} in {duration:.2} s, {failed} failed{cancelled}")
    }));
    lines
}

/// Failures by kind: one line each, where the screen is wide enough.
fn errors(title: &str, groups: &[ErrorGroup], screen: Screen) -> Vec<String> {
    if groups.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![["Count", "Code", "Type", "Message"].map(str::to_owned).to_vec()];
    rows.extend(groups.iter().map(|ErrorGroup { sample, count }| {
        let code = sample.code.map_or("N/A".to_owned(), |code| code.to_string());
        vec![format!("{count:>5}"), format!("{code:>4}"), sample.kind.to_string(), one_line(&sample.message)]
    }));
    [title.to_owned()].into_iter().chain(screen.list(&rows)).collect()
}

/// What is worth a line and is no reason to doubt the numbers: a lead, and a text.
fn remarks(report: &Report) -> Vec<(String, String)> {
    let mut remarks = Vec::new();
    for service in report.end.iter().flat_map(|end| &end.services) {
        let lead = format!("service `{}` ", service.name);
        let what = match &service.error {
            Some(error) => {
                let hint = Some(&error.hint).filter(|hint| !hint.is_empty());
                let hint = hint.map(|hint| format!(" ({})", one_line(hint))).unwrap_or_default();
                Some(format!("failed: {}{hint}", one_line(&error.message)))
            }
            None if service.state == "failed" => Some("failed: no reason given".to_owned()),
            None if service.state == "abandoned" => {
                Some("was not waited for: what it had left is missing".to_owned())
            }
            None => None,
        };
        remarks.extend(what.map(|what| (lead.clone(), what)));
        if service.lost > 0 {
            let lost = counted(service.lost, "message");
            remarks.push((lead, format!("lost {lost}: it read too slowly or published too much")));
        }
    }
    let note = |text| ("note: ".to_owned(), text);
    remarks.extend(report.closed_idle().map(note));
    remarks.extend(report.notes.iter().cloned().map(note));
    remarks
}
