//! The report for people: one text without colour, its tables at most 140 columns wide, for a terminal and for a file.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use super::{Report, by_url, errors::ErrorGroup, headline, service_tables};
use crate::metrics::{Distribution, PhaseCounts, Stats};

/// The file that keeps the text.
pub(super) const FILE_NAME: &str = "profile_export_console.txt";

const WIDTH: u16 = 140;

/// With fewer values, a 99th percentile rests on a handful of them.
const TRUSTED_P99_COUNT: u64 = 500;

/// Longer messages are cut: the files have them whole.
const MESSAGE_CHARS: usize = 160;

/// Lays out a report, a newline at its end.
pub(crate) fn render(report: &Report) -> String {
    let warnings = report.warnings().into_iter().map(|warning| format!("warning: {warning}"));
    let sections = [
        headline(report),
        metrics(report),
        counts(report),
        by_url::lines(report),
        service_tables::lines(report),
        errors("Errors", &report.errors),
        errors("Errors of the warm-up", &report.warmup_errors),
        remarks(report),
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

fn headline(report: &Report) -> Vec<String> {
    let header = &report.header;
    let mut lines = vec![format!("prony {}, run {}", header.version, header.run_id)];
    let facts = headline::lines(report).into_iter();
    lines.extend(facts.map(|(label, fact)| format!("  {label:<9} {fact}")));
    lines
}

/// A table with this header.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header.to_vec());
    table
}

/// Puts the cells of a column at its right side.
pub(super) fn align_right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn metrics(report: &Report) -> Vec<String> {
    let mut table = table(&["Metric", "avg", "min", "max", "p99", "p90", "p50", "std"]);
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let mut marked = false;
    for (metric, stats) in report.profiling.table.rows().filter(|(metric, _)| metric.shown) {
        let mut row = vec![format!("{} ({})", metric.header, metric.unit)];
        row.extend(cells(stats));
        table.add_row(row);
        marked |= matches!(stats, Stats::Distribution(values) if few(&values));
    }
    let title = match report.header.capabilities.metrics_title.as_str() {
        "" => "Metrics",
        title => title,
    };
    let mut lines = vec![format!("prony | {title}"), table.to_string()];
    if marked {
        lines.push(format!("* p99 of fewer than {TRUSTED_P99_COUNT} values: a few slow requests decide it"));
    }
    lines
}

fn few(values: &Distribution) -> bool {
    values.count < TRUSTED_P99_COUNT
}

fn cells(stats: Stats) -> [String; 7] {
    let Stats::Distribution(values) = stats else {
        return std::array::from_fn(|at| if at == 0 { decimal(stats.avg()) } else { "N/A".to_owned() });
    };
    let percentile = |key| values.percentile(key).map(decimal).unwrap_or_default();
    let mark = if few(&values) { "*" } else { "" };
    [
        decimal(values.avg),
        decimal(values.min),
        decimal(values.max),
        percentile("p99") + mark,
        percentile("p90"),
        percentile("p50"),
        decimal(values.std),
    ]
}

/// Two decimals, and a comma between thousands.
pub(super) fn decimal(value: f64) -> String {
    let plain = format!("{value:.2}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = whole.trim_start_matches('-');
    let mut text = whole[..whole.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text}.{fraction}")
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
    let cancelled = report.profiling.outcomes.cancelled;
    if cancelled > 0 {
        lines.push(format!("cancelled by prony, not in the numbers: {cancelled}"));
    }
    lines.extend(report.warmup.as_ref().map(|warmup| {
        let (all, failed) = (warmup.outcomes.completed(), warmup.outcomes.failed);
        let requests = if all == 1 { "request" } else { "requests" };
        let duration = warmup.table.avg("benchmark_duration").unwrap_or(0.0);
        format!("warm-up, not in the numbers: {all} {requests} in {duration:.2} s, {failed} failed")
    }));
    lines
}

fn errors(title: &str, groups: &[ErrorGroup]) -> Vec<String> {
    match groups {
        [] => Vec::new(),
        groups => vec![title.to_owned(), error_table(groups).to_string()],
    }
}

fn error_table(groups: &[ErrorGroup]) -> Table {
    let mut table = table(&["Code", "Type", "Message", "Count"]);
    for ErrorGroup { sample, count } in groups {
        let code = sample.code.map_or("N/A".to_owned(), |code| code.to_string());
        table.add_row([code, sample.kind.clone(), one_line(&sample.message), count.to_string()]);
    }
    for right in [0, 3] {
        align_right(&mut table, right);
    }
    table
}

/// A message without line breaks, cut where it is long.
pub(super) fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What is worth a line and is no reason to doubt the numbers.
fn remarks(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for service in report.end.iter().flat_map(|end| &end.services) {
        let name = &service.name;
        match &service.error {
            Some(error) => {
                let hint = Some(&error.hint).filter(|hint| !hint.is_empty());
                let hint = hint.map(|hint| format!(" ({})", one_line(hint))).unwrap_or_default();
                lines.push(format!("service `{name}` failed: {}{hint}", one_line(&error.message)));
            }
            None if service.state == "failed" => {
                lines.push(format!("service `{name}` failed: no reason given"));
            }
            None if service.state == "abandoned" => {
                lines.push(format!("service `{name}` was not waited for: what it had left is missing"));
            }
            None => {}
        }
        if service.lost > 0 {
            let lost = service.lost;
            lines.push(format!(
                "service `{name}` lost {lost} messages: it read too slowly or published too much"
            ));
        }
    }
    lines.extend(report.closed_idle().map(|text| format!("note: {text}")));
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0.00")]
    #[case(999.994, "999.99")]
    #[case(1_000.0, "1,000.00")]
    #[case(1_234_567.891, "1,234,567.89")]
    #[case(-12_345.6, "-12,345.60")]
    #[case(-123.0, "-123.00")]
    fn numbers_have_two_decimals_and_commas(#[case] value: f64, #[case] text: &str) {
        assert_eq!(decimal(value), text);
    }

    #[test]
    fn a_page_of_html_is_one_short_line() {
        let page = format!("<html>\n  <b>{}</b>", "ü".repeat(500));
        let line = one_line(&page);
        assert!(line.starts_with("<html> <b>ü") && line.ends_with('…') && !line.contains('\n'));
        assert_eq!(line.chars().count(), MESSAGE_CHARS + 1);
    }
}
