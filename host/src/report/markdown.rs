//! The report for a pull request or an issue: Markdown with tables as GitHub shows them.

use std::io::{self, Write};

use super::{
    console::{self, Section},
    errors::ErrorGroup,
    headline,
    model::Report,
    text::one_line,
    verdict::{Severity, Verdict},
};
use crate::metrics::Metric;

/// Writes it.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(render(report).as_bytes())
}

/// The verdict, the headline, the tables, and what is doubtful.
pub(crate) fn render(report: &Report) -> String {
    let verdict = Verdict::of(report);
    let parts = [
        title(report, &verdict),
        numbers(report),
        facts(report),
        metrics(&console::sections(report)),
        totals(report),
        errors(&report.errors),
        findings(&verdict),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

fn title(report: &Report, verdict: &Verdict) -> String {
    let line = verdict.line();
    let reasons = line.strip_prefix(verdict.word()).unwrap_or_default();
    let version = &report.header.version;
    format!(
        "### prony {}: {}\n\n> **verdict: {}**{}",
        plain(version),
        plain(&report.header.settings.model),
        verdict.word(),
        plain(reasons)
    )
}

fn numbers(report: &Report) -> String {
    let line = |(metric, texts): (&Metric, Vec<String>)| {
        format!("- **{}**: {}", plain(metric.header), plain(&texts.join(", ")))
    };
    console::headline(report).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn facts(report: &Report) -> String {
    let rows = headline::lines(report).into_iter().map(|(label, fact)| vec![label.to_owned(), fact]);
    let run = vec!["run".to_owned(), report.header.run_id.clone()];
    let rows: Vec<Vec<String>> = rows.chain([run]).collect();
    format!("<details><summary>what was measured</summary>\n\n{}\n\n</details>", table(&["", ""], &rows, 2))
}

fn metrics(sections: &[Section]) -> String {
    let columns = console::columns(sections);
    let of = |section: &Section| {
        let head: Vec<&str> = [section.title].into_iter().chain(columns.iter().copied()).collect();
        let row = |(name, metric, values): &(String, &'static Metric, _)| {
            let cells = columns.iter().map(|statistic| console::cell(metric, values, statistic));
            [name.clone()].into_iter().chain(cells).collect()
        };
        table(&head, &section.rows.iter().map(row).collect::<Vec<Vec<String>>>(), 1)
    };
    let tables = sections.iter().map(of);
    tables.chain(console::marks(sections, &columns).map(|mark| plain(&mark))).collect::<Vec<_>>().join("\n\n")
}

fn totals(report: &Report) -> String {
    let row = |(metric, value): (&'static Metric, f64)| {
        let unit = if metric.unit == "requests" { "" } else { metric.unit };
        vec![metric.header.to_owned(), console::number(metric, value), unit.to_owned()]
    };
    let rows: Vec<Vec<String>> = console::numbers(report).map(row).collect();
    if rows.is_empty() { String::new() } else { table(&["Totals", "value", "unit"], &rows, 1) }
}

fn errors(groups: &[ErrorGroup]) -> String {
    let row = |ErrorGroup { sample, count }: &ErrorGroup| {
        let code = sample.code.map(|code| code.to_string()).unwrap_or_default();
        vec![sample.kind.to_string(), code, count.to_string(), one_line(&sample.message)]
    };
    let rows: Vec<Vec<String>> = groups.iter().map(row).collect();
    if rows.is_empty() { String::new() } else { table(&["Errors", "code", "count", "message"], &rows, 4) }
}

fn findings(verdict: &Verdict) -> String {
    let line = |finding: &super::verdict::Finding| {
        let lead = if finding.severity == Severity::Note { "note" } else { "warning" };
        format!("- **{lead}**: {}", plain(&finding.text()))
    };
    verdict.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A table whose first columns, so many, stand at the left, and the others at the right.
fn table(head: &[&str], rows: &[Vec<String>], left: usize) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head_cells: Vec<String> = head.iter().map(|cell| plain(cell)).collect();
    let rule: Vec<String> =
        (0..head.len()).map(|at| if at < left { ":---" } else { "---:" }.to_owned()).collect();
    let rows = rows.iter().map(|row| line(&row.iter().map(|cell| plain(cell)).collect::<Vec<_>>()));
    [line(&head_cells), line(&rule)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// A text that is no Markdown: what a server says must be neither a table nor a link. Code between backticks stays code.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let is_code = text.matches('`').count().is_multiple_of(2);
    let mut within = false;
    for c in text.chars() {
        match c {
            '`' if is_code => {
                within = !within;
                plain.push('`');
            }
            '|' => plain.push_str("\\|"),
            '<' if !within => plain.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' if !within => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_no_markdown() {
        let said = "a|b <img src=x> [c](http://d) *e* `f_g` _h_\nnext";
        assert_eq!(plain(said), "a\\|b &lt;img src=x> \\[c\\](http://d) \\*e\\* `f_g` \\_h\\_ next");
        assert_eq!(plain("an odd ` and <b>"), "an odd \\` and &lt;b>");
    }
}
