//! A comparison as it is printed: a table, Markdown, JSON or `JUnit` XML.

use super::{
    args::Format,
    comparison::{Comparison, GateResult},
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    experiment::compare::{Answer, GateState, Row, text},
};

pub(super) fn printed(comparisons: &[Comparison], format: Format) -> Result<String, Failure> {
    Ok(match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&serde_json::json!({ "comparisons": comparisons }))
                .map_err(|error| Failure::new(Exit::Failed, "write JSON").caused_by(&error))?;
            text + "\n"
        }
        Format::Junit => junit(comparisons),
        Format::Text | Format::Markdown => {
            comparisons.iter().map(|comparison| paragraph(comparison, format)).collect::<Vec<_>>().join("\n")
        }
    })
}

fn paragraph(comparison: &Comparison, format: Format) -> String {
    let Comparison { first, second, left_out, not_results, rows, gates } = comparison;
    let is_markdown = format == Format::Markdown;
    let title = format!("{second} against {first}");
    let title = if is_markdown { format!("### {title}\n\n") } else { format!("{title}\n\n") };
    let table = if is_markdown { text::markdown(rows) } else { text::table(rows, terminal::screen()) };
    let headline = text::headline(rows, is_markdown).map(|line| line + "\n\n").unwrap_or_default();
    let mut blocks = vec![title + &headline + &table];
    let left_out: usize = left_out.iter().sum();
    if left_out > 0 {
        blocks.push(format!("{left_out} of the runs failed or were cut short, and are left out.\n"));
    }
    blocks.extend(
        not_results.iter().map(|file| format!("`{}` has no results, and is left out.\n", file.display())),
    );
    blocks.extend(
        gates.iter().map(|GateResult { gate, state, .. }| format!("gate `{gate}`: {}\n", state.word())),
    );
    blocks.join("\n")
}

/// One suite for each pair of sides, as most build servers read them.
fn junit(comparisons: &[Comparison]) -> String {
    let suite = |comparison: &Comparison| {
        let Comparison { first, second, rows, gates, .. } = comparison;
        let case = |name: String, failure: Option<String>| {
            let name = escaped(&name);
            match failure {
                Some(why) => format!(
                    "    <testcase name=\"{name}\"><failure message=\"{}\"/></testcase>\n",
                    escaped(&why)
                ),
                None => format!("    <testcase name=\"{name}\"/>\n"),
            }
        };
        let of_row = |row: &Row| {
            let name = format!("{} {} {}", row.cell, row.metric, row.statistic).trim().to_owned();
            case(name, (row.answer == Answer::Worse).then(|| text::in_words(row)))
        };
        let of_gate = |gate: &GateResult| {
            let why = gate.rows.iter().map(text::in_words).collect::<Vec<_>>().join("; ");
            case(
                format!("gate {}", gate.gate),
                (gate.state != GateState::Kept).then(|| format!("{}: {why}", gate.state.word())),
            )
        };
        let cases: String = rows.iter().map(of_row).chain(gates.iter().map(of_gate)).collect();
        let failures = cases.matches("<failure ").count();
        let name = escaped(&format!("{second} against {first}"));
        let tests = rows.len() + gates.len();
        format!(
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n{cases}  </testsuite>\n"
        )
    };
    let suites: String = comparisons.iter().map(suite).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}
