//! Comparisons as people read them.

use super::{Answer, LEAST_RUNS, Row};
use crate::screen::{Align, Screen, Table, counted};

impl Answer {
    /// The answer, as a word of a table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::CannotTell => "cannot tell",
        }
    }
}

const HEADERS: [&str; 6] = ["metric", "first", "second", "change", "interval", "answer"];

/// A row in a line: the number, both sides, and the change.
pub(crate) fn in_words(row: &Row) -> String {
    let [name, first, second, change, interval, _] = cells(row);
    format!("{name}: {first} and {second}, {change} {interval}")
}

/// A table of rows, and what they mean.
pub(crate) fn table(rows: &[Row], screen: Screen) -> String {
    let mut table = HEADERS.iter().fold(Table::new(), |table, header| {
        let align = if matches!(*header, "metric" | "answer") { Align::Left } else { Align::Right };
        table.column(*header, align)
    });
    rows.iter().for_each(|row| table.row(cells(row)));
    let mut lines = table.lines(screen.table_width());
    lines.extend(notes(rows).iter().map(|note| screen.paragraph("", note)));
    lines.join("\n") + "\n"
}

/// The same as Markdown, for a pull request.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head = line(&HEADERS.map(str::to_owned)) + "|---|--:|--:|--:|--:|---|\n";
    let body: String =
        rows.iter().map(|row| line(&cells(row).map(|cell| cell.replace('|', "\\|")))).collect();
    let notes: String = notes(rows).iter().map(|note| format!("\n{note}\n")).collect();
    head + &body + &notes
}

fn cells(row: &Row) -> [String; 6] {
    let name = if row.cell.is_empty() { String::new() } else { format!("{}: ", row.cell) };
    // A number has its mean only.
    let statistic = if row.statistic == "avg" { String::new() } else { format!(" {}", row.statistic) };
    let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
    let change = row.ratio.map_or_else(|| "-".to_owned(), percent);
    let interval = row
        .interval
        .map_or_else(|| "-".to_owned(), |(low, high)| format!("[{}, {}]", percent(low), percent(high)));
    [
        format!("{name}{}{statistic}{unit}", row.metric),
        number(row.medians[0]),
        number(row.medians[1]),
        change,
        interval,
        row.answer.word().to_owned(),
    ]
}

/// A ratio as a change.
fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// Four digits that say something.
fn number(value: f64) -> String {
    let digits = value.abs().log10().floor();
    let places = if digits.is_finite() { (3.0 - digits).clamp(0.0, 6.0) as usize } else { 0 };
    format!("{value:.places$}")
}

fn notes(rows: &[Row]) -> Vec<String> {
    let mut notes = Vec::new();
    let least = rows.iter().flat_map(|row| row.runs).min().unwrap_or(0);
    if least < LEAST_RUNS {
        notes.push(format!(
            "{} of a side tell of no difference: {LEAST_RUNS} runs a side are needed, better 5 or 6 (`--num-profile-runs 5`).",
            counted(least, "run")
        ));
    }
    let unclear = rows.iter().find(|row| row.answer == Answer::CannotTell && least >= LEAST_RUNS);
    if let Some(row) = unclear {
        let name = format!("{} {}", row.metric, row.statistic);
        notes.push(match row.further_runs {
            Some(more) => format!("{} more a side would probably tell about `{name}`.", counted(more, "run")),
            None => format!("Of `{name}`, no number of runs that is worth it would tell: the difference is near the margin of {:.1} %.", row.margin * 100.0),
        });
    }
    if let Some(row) = rows.first() {
        notes.push(format!(
            "Numbers are medians of runs; a change is the median of all ratios of two runs, and its interval is Mann and Whitney's. Differences within {:.1} % count as none.",
            row.margin * 100.0
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0")]
    #[case(0.012_341, "0.01234")]
    #[case(51.95, "51.95")]
    #[case(1234.5, "1234")]
    #[case(123_456.7, "123457")]
    fn numbers_have_four_digits(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(number(value), expected);
    }
}
