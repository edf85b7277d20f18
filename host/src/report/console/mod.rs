//! The report for people: one text, as wide as the screen that it is for. It begins with what its numbers are worth.

mod facts;
mod head;
mod paint;
mod rows;
mod table;

pub(crate) use self::paint::painted;
use self::rows::{counts, errors, remarks, totals};
pub(super) use self::{
    head::headline,
    rows::numbers,
    table::{Section, cell, columns, marks, number, sections},
};
use super::{
    beside_tables, by_class, by_node, by_phase, by_url,
    model::Report,
    objectives, service_tables,
    verdict::{Severity, Verdict},
};
use crate::screen::Screen;

/// Lays out a report, a newline at its end.
pub(crate) fn render(report: &Report, screen: Screen) -> String {
    let verdict = Verdict::of(report);
    let sections = [
        vec![screen.paragraph("verdict  ", &verdict.line())],
        head::numbers(report, screen),
        facts::lines(report, screen),
        table::metrics(report, screen),
        totals(report, screen),
        objectives::lines(report, screen),
        counts(report, screen),
        by_phase::lines(report, screen),
        by_class::lines(report, screen),
        by_url::lines(report, screen),
        by_node::lines(report, screen),
        beside_tables::lines(report, screen),
        service_tables::lines(report, screen),
        errors("Errors", &report.errors, screen),
        errors("Errors of the warm-up", &report.warmup_errors, screen),
        remarks(report).iter().map(|(lead, text)| screen.paragraph(lead, text)).collect(),
        findings(&verdict, screen),
        report.files.iter().map(|file| format!("wrote {}", file.display())).collect(),
    ];
    let sections = sections.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    printable(&(sections.collect::<Vec<_>>().join("\n\n") + "\n"))
}

/// What a server says must not move the cursor or ring the bell.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// What the verdict rests on, in full; notes stand behind what is doubtful.
fn findings(verdict: &Verdict, screen: Screen) -> Vec<String> {
    let of = |is_note: bool, lead: &'static str| {
        let found =
            verdict.findings.iter().filter(move |found| (found.severity == Severity::Note) == is_note);
        found.map(move |finding| screen.paragraph(lead, &finding.text()))
    };
    of(true, "note: ").chain(of(false, "warning: ")).collect()
}
