//! The breakdown of a run with several classes, and how alike they were served.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::{model::Report, text, values};
use crate::{
    metrics::{ClassResults, Fairness, Results, Statistic, Stats, samples::carries, tags},
    plan::{Class, ClassKind, Objective},
    record::settings::RunSettings,
    screen::{Align, Screen, Table},
};

/// The classes of a run with what they came to.
fn classes(report: &Report) -> impl Iterator<Item = (&Class, &ClassResults)> {
    report.header.settings.classes.list.iter().zip(&report.by_class)
}

/// What classes are called.
fn kind(settings: &RunSettings) -> &'static str {
    match settings.classes.kind {
        ClassKind::Class => "class",
        ClassKind::Model => "model",
        ClassKind::Category => "category",
    }
}

/// In words, for the headline: each class with its share.
pub(super) fn in_words(settings: &RunSettings) -> Option<String> {
    let words = |class: &Class| {
        let mut facts = vec![format!("{} %", percent(class.share))];
        if settings.classes.kind == ClassKind::Class {
            let what = if class.is_adapter { "adapter" } else { "model" };
            facts.extend(class.model.as_ref().map(|model| format!("{what} {model}")));
        }
        facts.extend(class.priority.map(|priority| format!("priority {priority}")));
        facts.extend(class.isl.map(|isl| format!("input {}", isl.mean)));
        facts.extend(class.osl.map(|osl| format!("output {}", osl.mean)));
        facts.extend(class.goodput.as_deref().map(|goodput| format!("good: {}", objectives(goodput))));
        format!("{} ({})", class.name, facts.join(", "))
    };
    let list = &settings.classes.list;
    (!list.is_empty()).then(|| list.iter().map(words).collect::<Vec<_>>().join("; "))
}

/// Objectives in words.
pub(super) fn objectives(goodput: &[Objective]) -> String {
    let words = |Objective { metric, bound, at_least }: &Objective| {
        format!("{metric} {} {bound}", if *at_least { "≥" } else { "≤" })
    };
    goodput.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// For the summary: an object for each class.
pub(super) fn summary(report: &Report) -> Value {
    let sessions = all_sessions(report);
    let one = |(class, found): (&Class, &ClassResults)| {
        let mut object = Map::new();
        let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
        set("name", class.name.as_str().into());
        set("share", json!(values::Exact(class.share)));
        set("sent_share", json!(share(found.sessions, sessions).map(values::Exact)));
        set("sessions", found.sessions.into());
        set("requests", found.requests().into());
        set("model", report.header.settings.model_of(class).into());
        if class.is_adapter {
            set("adapter", class.model.as_deref().into());
        }
        if let Some(priority) = class.priority {
            set("priority", priority.into());
        }
        if let Some(goodput) = &class.goodput {
            set("objectives", json!(goodput));
        }
        object.extend(values::metrics(&found.results.table));
        Value::Object(object)
    };
    classes(report).map(one).collect()
}

/// The same of how alike they were served.
pub(super) fn fairness(report: &Report) -> Option<Value> {
    let Fairness { pace_index, good_index, first_token_p99_ratio } = fairness_of(report)?;
    Some(json!({
        "jain_index_good_request_fraction": good_index,
        "jain_index_output_token_throughput_per_user": pace_index,
        "time_to_first_token_p99_ratio": first_token_p99_ratio,
    }))
}

/// For the table of metrics: the rows of each class behind those of the run, of no phase.
pub(super) fn rows<W: Write>(
    report: &Report,
    row: impl Fn(&Results) -> Vec<Vec<String>>,
    has_phases: bool,
    out: &mut csv::Writer<W>,
) -> io::Result<()> {
    for (class, found) in classes(report) {
        for mut cells in row(&found.results) {
            cells.push(class.name.clone());
            cells.extend(has_phases.then(String::new));
            out.write_record(cells)?;
        }
    }
    Ok(())
}

/// For people: a title, a table, and how alike they were served.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    if report.by_class.is_empty() {
        return Vec::new();
    }
    let with_values = COLUMNS.iter().filter(|column| column.has_values(&report.by_class));
    let mut columns: Vec<&Column> = with_values.collect();
    let width = screen.table_width();
    let all = table(report, &columns);
    let mut table = all.clone();
    for left_out in LEFT_OUT {
        if table.fits(width) {
            break;
        }
        columns.retain(|column| (column.name, column.tag) != left_out);
        table = self::table(report, &columns);
    }
    // What becomes a list has room for all of it.
    let table = if table.fits(width) { table } else { all };
    let kind = kind(&report.header.settings);
    let mut lines = vec![format!("By {kind}")];
    lines.extend(table.lines(width));
    if let Some(fairness) = fairness_of(report) {
        let has_few = report.by_class.iter().any(|class| has_few(&class.results, tags::TIME_TO_FIRST_TOKEN));
        let mark = if has_few { "*" } else { "" };
        lines.push(screen.paragraph("fairness: ", &fairness_in_words(fairness, mark)));
    }
    lines
}

/// Categories ask for different things, and are not to be served alike.
fn fairness_of(report: &Report) -> Option<Fairness> {
    let is_comparable = report.header.settings.classes.kind != ClassKind::Category;
    is_comparable.then(|| Fairness::of(&report.by_class))?
}

fn table(report: &Report, columns: &[&Column]) -> Table {
    let kind = capital(kind(&report.header.settings));
    let table = Table::new().column(kind, Align::Left).column("sent", Align::Right);
    let mut table = columns.iter().fold(table, |table, column| table.column(column.name, Align::Right));
    let sessions = all_sessions(report);
    for (class, found) in classes(report) {
        let sent = share(found.sessions, sessions).map(in_short);
        let cells = [class.name.clone(), sent.unwrap_or_default()];
        table.row(cells.into_iter().chain(columns.iter().map(|column| column.cell(found))));
    }
    table
}

/// What the table says of each class. A column without any value is left out.
struct Column {
    name: &'static str,
    tag: &'static str,
    value: fn(&Results, tag: &str) -> Option<String>,
}

const COLUMNS: [Column; 10] = [
    Column { name: "succeeded", tag: tags::REQUEST_COUNT, value: whole },
    Column { name: "errors", tag: tags::ERROR_REQUEST_COUNT, value: whole },
    Column { name: "good", tag: tags::GOOD_REQUEST_FRACTION, value: in_percent },
    Column { name: "TTFT ms", tag: tags::TIME_TO_FIRST_TOKEN, value: average },
    Column { name: "p99", tag: tags::TIME_TO_FIRST_TOKEN, value: p99 },
    Column { name: "ITL ms", tag: tags::INTER_TOKEN_LATENCY, value: average },
    Column { name: "latency ms", tag: tags::REQUEST_LATENCY, value: average },
    Column { name: "p99", tag: tags::REQUEST_LATENCY, value: p99 },
    Column { name: "tokens/s", tag: tags::OUTPUT_TOKEN_THROUGHPUT, value: average },
    Column { name: "accepted", tag: tags::SPEC_DECODE_ACCEPTANCE_LENGTH, value: average },
];

/// What a screen that is too narrow for all of them can do without, the least important first.
const LEFT_OUT: [(&str, &str); 4] = [
    ("tokens/s", tags::OUTPUT_TOKEN_THROUGHPUT),
    ("p99", tags::REQUEST_LATENCY),
    ("ITL ms", tags::INTER_TOKEN_LATENCY),
    ("errors", tags::ERROR_REQUEST_COUNT),
];

impl Column {
    fn cell(&self, class: &ClassResults) -> String {
        (self.value)(&class.results, self.tag).unwrap_or_default()
    }

    fn has_values(&self, classes: &[ClassResults]) -> bool {
        classes.iter().any(|class| !self.cell(class).is_empty())
    }
}

fn average(results: &Results, tag: &str) -> Option<String> {
    results.table.avg(tag).map(text::decimal)
}

fn whole(results: &Results, tag: &str) -> Option<String> {
    results.table.avg(tag).map(|count| count.to_string())
}

fn in_percent(results: &Results, tag: &str) -> Option<String> {
    results.table.avg(tag).map(in_short)
}

fn p99(results: &Results, tag: &str) -> Option<String> {
    let mark = if has_few(results, tag) { "*" } else { "" };
    results.table.p99(tag).map(|value| text::decimal(value) + mark)
}

/// Its 99th percentile rests on a handful of values.
fn has_few(results: &Results, tag: &str) -> bool {
    matches!(results.table.get(tag), Some(Stats::Distribution(values)) if !carries(values.count, Statistic::P99))
}

/// `mark` stands behind what rests on few values.
fn fairness_in_words(fairness: Fairness, mark: &str) -> String {
    let Fairness { pace_index, good_index, first_token_p99_ratio } = fairness;
    let of = [
        good_index.map(|index| format!("{index:.3} of the good request fractions")),
        pace_index.map(|index| format!("{index:.3} of the tokens/s/user")),
    ];
    let of: Vec<String> = of.into_iter().flatten().collect();
    let index = (!of.is_empty()).then(|| format!("Jain's index {}", of.join(", ")));
    let ratio = first_token_p99_ratio
        .map(|ratio| format!("the longest p99 TTFT is {ratio:.2}{mark} times the shortest"));
    [index, ratio].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn all_sessions(report: &Report) -> u64 {
    report.by_class.iter().map(|class| class.sessions).sum()
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// A part in percent, with as many decimals as it has, two at most.
fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The same as narrow as it can be: with one decimal at most.
fn in_short(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{}\u{a0}%", text.strip_suffix(".0").unwrap_or(&text))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_ratio_of_few_values_is_marked() {
        let ratio = Fairness { pace_index: None, good_index: None, first_token_p99_ratio: Some(1.5) };
        assert_eq!(fairness_in_words(ratio, "*"), "the longest p99 TTFT is 1.50* times the shortest");
    }

    #[rstest]
    #[case(0.8, "80", "80\u{a0}%")]
    #[case(1.0 / 3.0, "33.33", "33.3\u{a0}%")]
    #[case(0.005, "0.5", "0.5\u{a0}%")]
    #[case(0.0, "0", "0\u{a0}%")]
    #[case(1.0, "100", "100\u{a0}%")]
    fn a_share_is_told_in_percent(#[case] share: f64, #[case] text: &str, #[case] short: &str) {
        assert_eq!((percent(share).as_str(), in_short(share).as_str()), (text, short));
    }
}
