//! Comparisons as people read them.

use std::fmt::Write as _;

use super::{Answer, Row, Why};
use crate::{
    metrics::Statistic,
    screen::{Align, Screen, Table, counted},
};

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

/// The column of margins, which is there where they differ.
const MARGIN: &str = "margin";

/// A row in a line: the number, both sides, and the change.
pub(crate) fn in_words(row: &Row) -> String {
    let [name, first, second, change, interval, _] = cells(row);
    format!("{name}: {first} and {second}, {change} {interval}")
}

/// What the numbers that decide say: the answer of the only one, or how many cells have which answer.
pub(crate) fn headline(rows: &[Row], is_markdown: bool) -> Option<String> {
    let bold = if is_markdown { "**" } else { "" };
    let deciding: Vec<&Row> = rows.iter().filter(|row| row.decides).collect();
    let (first, others) = deciding.split_first()?;
    if others.is_empty() {
        let [one, other] = first.runs;
        let runs = if first.runs == [1, 1] {
            "one run a side".to_owned()
        } else {
            format!("{} and {other}", counted(one, "run"))
        };
        let word = first.answer.word();
        return Some(format!("{bold}{word}{bold}: {} ({runs})", in_words(first)));
    }
    let counts = [Answer::Worse, Answer::Better, Answer::Same, Answer::CannotTell].map(|answer| {
        let count = deciding.iter().filter(|row| row.answer == answer).count();
        (count > 0).then(|| format!("{} in {count}", answer.word()))
    });
    let counts = counts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let name = number_of(first);
    Some(format!("{bold}{counts}{bold} of {}: {name}", counted(deciding.len(), "cell")))
}

/// A table of rows, and what they mean.
pub(crate) fn table(rows: &[Row], screen: Screen) -> String {
    let mut table = headers(rows).into_iter().fold(Table::new(), |table, header| {
        let align = if matches!(header, "metric" | "answer") { Align::Left } else { Align::Right };
        table.column(header, align)
    });
    for row in rows {
        table.row(line(row, rows));
    }
    let mut lines = table.lines(screen.table_width());
    lines.extend(notes(rows).iter().map(|note| screen.paragraph("", note)));
    lines.join("\n") + "\n"
}

/// The same as Markdown, for a pull request.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let joined = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let headers = headers(rows);
    let rule = headers.iter().map(|header| match *header {
        "metric" | "answer" => "---|",
        _ => "--:|",
    });
    let rule = format!("|{}\n", rule.collect::<String>());
    let head = joined(&headers.iter().map(ToString::to_string).collect::<Vec<_>>()) + &rule;
    let mut text = head;
    for row in rows {
        let cells: Vec<String> = line(row, rows).iter().map(|cell| cell.replace('|', "\\|")).collect();
        text += &joined(&cells);
    }
    for note in notes(rows) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{note}\n");
    }
    text
}

/// The only margin of all rows that are judged by one, as it is shown; nothing where there are several or none.
fn only_margin(rows: &[Row]) -> Option<String> {
    let mut margins = rows.iter().filter_map(margin_of);
    let first = margins.next()?;
    margins.all(|margin| margin == first).then_some(first)
}

/// A margin as it is shown; ranks have none.
fn margin_of(row: &Row) -> Option<String> {
    row.ratio.map(|_| share(row.margin))
}

fn headers(rows: &[Row]) -> Vec<&'static str> {
    let mut headers = HEADERS.to_vec();
    if only_margin(rows).is_none() {
        headers.insert(HEADERS.len() - 1, MARGIN);
    }
    headers
}

/// The cells of a row among its table.
fn line(row: &Row, rows: &[Row]) -> Vec<String> {
    let mut cells = cells(row).to_vec();
    if only_margin(rows).is_none() {
        cells.insert(HEADERS.len() - 1, margin_of(row).unwrap_or_else(|| "-".to_owned()));
    }
    cells
}

fn cells(row: &Row) -> [String; 6] {
    let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
    let change = row.ratio.map_or_else(|| "-".to_owned(), percent);
    let interval = row
        .interval
        .map_or_else(|| "-".to_owned(), |(low, high)| format!("[{}, {}]", percent(low), percent(high)));
    [
        format!("{}{unit}", name_of(row)),
        number(row.medians[0]),
        number(row.medians[1]),
        change,
        interval,
        row.answer.word().to_owned(),
    ]
}

/// A metric and its statistic, with the cell in front.
fn name_of(row: &Row) -> String {
    let cell = if row.cell.is_empty() { String::new() } else { format!("{}: ", row.cell) };
    cell + &number_of(row)
}

fn number_of(row: &Row) -> String {
    // A number has its mean only.
    let is_mean = Statistic::of_key(&row.statistic) == Some(Statistic::Avg);
    let statistic = if is_mean { String::new() } else { format!(" {}", row.statistic) };
    format!("{}{statistic}", row.metric)
}

fn share(margin: f64) -> String {
    format!("{:.1} %", margin * 100.0)
}

/// A ratio as a change.
fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// Four digits that say something.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 6")]
fn number(value: f64) -> String {
    let digits = value.abs().log10().floor();
    let places = if digits.is_finite() { (3.0 - digits).clamp(0.0, 6.0) as usize } else { 0 };
    format!("{value:.places$}")
}

/// What the table does not say by itself; of rows that have the same to say, the first one says it.
fn notes(rows: &[Row]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut given: Vec<std::mem::Discriminant<Why>> = Vec::new();
    for row in rows {
        let Some(why) = row.why else { continue };
        let kind = std::mem::discriminant(&why);
        if !given.contains(&kind) {
            given.push(kind);
            notes.push(reason(row, why));
        }
    }
    if let Some(row) = rows.iter().find(|row| row.ratio.is_none()) {
        notes.push(format!(
            "`{}` has no ratio, since a run has the value 0: it is judged by the ranks of its runs, without a margin.",
            name_of(row)
        ));
    }
    let margin = only_margin(rows).unwrap_or_else(|| "the margin of each row".to_owned());
    let method = if rows.iter().all(|row| row.runs == [1, 1]) {
        "Numbers are those of the runs; with one run a side, an interval is that of their requests, and another run may differ by more."
    } else {
        "Numbers are medians of runs; a change is the median of all ratios of two runs, and its interval is Mann and Whitney's."
    };
    notes.push(format!("{method} Differences within {margin} count as none."));
    notes
}

/// Why a row has no answer, and what would give one.
fn reason(row: &Row, why: Why) -> String {
    let name = name_of(row);
    let [first, second] = row.runs;
    let fewest = first.min(second);
    let wanted = row.further_runs.map(|further| fewest + further);
    match (why, wanted) {
        (Why::OneRunASide, _) => format!(
            "One run a side tells of no difference: {} runs a side are needed, better {} (`--num-profile-runs {}`).",
            wanted.unwrap_or_default(),
            wanted.unwrap_or_default() + 1,
            wanted.unwrap_or_default() + 1
        ),
        (Why::TooFewRuns, Some(least)) => format!(
            "{} and {} of `{name}` tell of no difference: {least} runs a side are needed, better {} (`--num-profile-runs {}`).",
            counted(first, "run"),
            counted(second, "run"),
            least + 1,
            least + 1
        ),
        (Why::AmongMany { numbers }, Some(wanted)) => format!(
            "The difference of `{name}` is not clear among {numbers} numbers, one of which may differ by chance: {wanted} runs a side would probably do."
        ),
        (_, Some(_)) => format!(
            "{} more a side would probably tell about `{name}`.",
            counted(row.further_runs.unwrap_or(1), "run")
        ),
        (Why::MixedRanks, None) => {
            format!("The runs of `{name}` are mixed: neither side's are clearly the larger ones.")
        }
        (_, None) => format!(
            "Even many more runs would hardly tell about `{name}`: its change is near the margin of {}.",
            share(row.margin)
        ),
    }
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
