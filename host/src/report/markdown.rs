//! The report for a pull request or an issue: Markdown with tables as GitHub shows them.

use std::io::{self, Write};

use super::{
    beside_tables, by_node,
    console::{self, Section},
    errors::ErrorGroup,
    headline,
    model::Report,
    shown::Shown,
    text::one_line,
    verdict::{Severity, Verdict},
};
use crate::metrics::Metric;

/// Takes no room, and keeps GitHub from making a link of an address, or calling somebody by name.
const BREAK: char = '\u{200b}';

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
        agents(report),
        beside(report),
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
    // An address in code is no link, and can be copied.
    let shown =
        |fact: String| if fact.contains("://") && !fact.contains('`') { format!("`{fact}`") } else { fact };
    let rows = headline::lines(report).into_iter().map(|(label, fact)| vec![label.to_owned(), shown(fact)]);
    let run = vec!["run".to_owned(), report.header.run_id.clone()];
    let rows: Vec<Vec<String>> = rows.chain([run]).collect();
    format!(
        "<details><summary>what was measured</summary>\n\n{}\n\n</details>",
        table(&["", ""], &rows, 2, plain)
    )
}

fn metrics(sections: &[Section]) -> String {
    let columns = console::columns(sections);
    let of = |section: &Section| {
        let names = columns.iter().map(|statistic| statistic.key());
        let head: Vec<&str> = [section.title].into_iter().chain(names).collect();
        let row = |(name, metric, values): &(String, &'static Metric, _)| {
            let cells = columns.iter().map(|statistic| console::cell(metric, values, *statistic));
            [name.clone()].into_iter().chain(cells).collect()
        };
        table(&head, &section.rows.iter().map(row).collect::<Vec<Vec<String>>>(), 1, plain)
    };
    let tables = sections.iter().map(of);
    tables.chain(console::marks(sections, &columns).map(|mark| plain(&mark))).collect::<Vec<_>>().join("\n\n")
}

fn totals(report: &Report) -> String {
    let row = |(metric, value): (&'static Metric, f64)| {
        let unit = metric.unit_beside_name().unwrap_or_default();
        vec![metric.header.to_owned(), console::number(metric, value), unit.to_owned()]
    };
    let rows: Vec<Vec<String>> = console::numbers(report).map(row).collect();
    if rows.is_empty() { String::new() } else { table(&["Totals", "value", "unit"], &rows, 1, plain) }
}

fn beside(report: &Report) -> String {
    beside_tables::tables(report).iter().map(shown).collect::<Vec<_>>().join("\n\n")
}

fn agents(report: &Report) -> String {
    by_node::shown(report).as_ref().map(shown).unwrap_or_default()
}

fn shown(shown: &Shown) -> String {
    let notes = shown.notes.iter().map(|note| plain(note));
    let table = table(&shown.head, &shown.rows, shown.texts, said);
    [format!("**{}**", plain(shown.title)), table].into_iter().chain(notes).collect::<Vec<_>>().join("\n\n")
}

fn errors(groups: &[ErrorGroup]) -> String {
    let row = |ErrorGroup { sample, count }: &ErrorGroup| {
        let code = sample.code.map(|code| code.to_string()).unwrap_or_default();
        vec![sample.kind.to_string(), code, count.to_string(), one_line(&sample.message)]
    };
    let rows: Vec<Vec<String>> = groups.iter().map(row).collect();
    if rows.is_empty() {
        String::new()
    } else {
        table(&["Errors", "code", "count", "message"], &rows, 4, said)
    }
}

fn findings(verdict: &Verdict) -> String {
    let line = |finding: &super::verdict::Finding| {
        let lead = if finding.severity == Severity::Note { "note" } else { "warning" };
        format!("- **{lead}**: {}", plain(&finding.text()))
    };
    verdict.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A table whose first columns, so many, stand at the left, and the others at the right; its cells
/// become Markdown by this.
fn table(head: &[&str], rows: &[Vec<String>], left: usize, cell: fn(&str) -> String) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head_cells: Vec<String> = head.iter().map(|cell| plain(cell)).collect();
    let rule: Vec<String> =
        (0..head.len()).map(|at| if at < left { ":---" } else { "---:" }.to_owned()).collect();
    let rows = rows.iter().map(|row| line(&row.iter().map(|text| cell(text)).collect::<Vec<_>>()));
    [line(&head_cells), line(&rule)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// A sentence of prony's, which may quote what a server says: neither a table nor a link, and it calls nobody. Code between single
/// backticks stays code.
fn plain(text: &str) -> String {
    // Runs of backticks, and one too many, are not prony's.
    let has_code = !text.contains("``") && text.matches('`').count().is_multiple_of(2);
    if !has_code {
        return said(text);
    }
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 0 { said(part) } else { format!("`{}`", in_code(part)) });
    parts.collect()
}

/// What a server says, or another text that has no code.
fn said(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '#' => plain.extend(['\\', c, BREAK]),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => plain.extend(['\\', c]),
            '@' => plain.extend([c, BREAK]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain.replace("://", &format!(":{BREAK}//")).replace("www.", &format!("www{BREAK}."))
}

/// What stands between two backticks, where only a table could be meant.
fn in_code(text: &str) -> String {
    let printed: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printed.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_no_markdown() {
        let text = "a|b <img src=x> [c](http://d) *e* `f_g|@h` _h_\nnext & @you #1 www.x.y";
        let expected = "a\\|b &lt;img src=x> \\[c\\](http:\u{200b}//d) \\*e\\* `f_g\\|@h` \\_h\\_ next &amp; @\u{200b}you \\#\u{200b}1 \
                        www\u{200b}.x.y";
        assert_eq!(plain(text), expected);
        assert_eq!(plain("an odd ` and <b>"), "an odd \\` and &lt;b>");
        assert_eq!(plain("`` <b> ``"), "\\`\\` &lt;b> \\`\\`");
        assert_eq!(said("`<b>`"), "\\`&lt;b>\\`");
    }
}
