//! The breakdown of a run with several classes, and how alike they were served.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::{model::Report, text, values};
use crate::{
    metrics::{ClassResults, Fairness, Results, Stats},
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
    let Fairness { service_index, good_index, first_token_p99_ratio } = Fairness::of(&report.by_class)?;
    Some(json!({
        "jain_index_service": service_index,
        "jain_index_good_request_fraction": good_index,
        "time_to_first_token_p99_ratio": first_token_p99_ratio,
    }))
}

/// For the table of metrics: the rows of each class behind those of the run.
pub(super) fn rows<W: Write>(
    report: &Report,
    row: impl Fn(&Results) -> Vec<Vec<String>>,
    out: &mut csv::Writer<W>,
) -> io::Result<()> {
    for (class, found) in classes(report) {
        for mut cells in row(&found.results) {
            cells.push(class.name.clone());
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
    let columns: Vec<&(&str, fn(&ClassResults) -> String)> = COLUMNS
        .iter()
        .filter(|(_, cell)| report.by_class.iter().any(|class| !cell(class).is_empty()))
        .collect();
    let (kind, sessions) = (kind(&report.header.settings), all_sessions(report));
    let table = Table::new().column(capital(kind), Align::Left).column("sent", Align::Right);
    let mut table = columns.iter().fold(table, |table, (name, _)| table.column(*name, Align::Right));
    for (class, found) in classes(report) {
        let sent =
            share(found.sessions, sessions).map(|share| format!("{} %", percent(share))).unwrap_or_default();
        let numbers = columns.iter().map(|(_, cell)| cell(found));
        table.row([class.name.clone(), sent].into_iter().chain(numbers));
    }
    let mut lines = vec![format!("By {kind}")];
    lines.extend(table.lines(screen.table_width()));
    if let Some(fairness) = Fairness::of(&report.by_class) {
        lines.push(screen.paragraph("fairness  ", &fairness_in_words(fairness)));
    }
    lines
}

/// What the table says of each class; a column without any value is left out.
const COLUMNS: [(&str, fn(&ClassResults) -> String); 9] = [
    ("requests", |class| class.results.outcomes.succeeded.to_string()),
    ("errors", |class| class.results.outcomes.failed.to_string()),
    ("good", |class| {
        let share = class.results.table.avg("good_request_fraction");
        share.map(|share| format!("{} %", percent(share))).unwrap_or_default()
    }),
    ("TTFT ms", |class| average(class, "time_to_first_token")),
    ("p99", |class| p99(class, "time_to_first_token")),
    ("ITL ms", |class| average(class, "inter_token_latency")),
    ("latency ms", |class| average(class, "request_latency")),
    ("p99", |class| p99(class, "request_latency")),
    ("tokens/s", |class| average(class, "output_token_throughput")),
];

fn average(class: &ClassResults, tag: &str) -> String {
    class.results.table.get(tag).as_ref().map(Stats::avg).map(text::decimal).unwrap_or_default()
}

fn p99(class: &ClassResults, tag: &str) -> String {
    class.p99(tag).map(text::decimal).unwrap_or_default()
}

fn fairness_in_words(fairness: Fairness) -> String {
    let Fairness { service_index, good_index, first_token_p99_ratio } = fairness;
    let of = [
        good_index.map(|index| format!("{index:.3} of the parts that are good")),
        service_index.map(|index| format!("{index:.3} of the tokens/s of a request")),
    ];
    let of: Vec<String> = of.into_iter().flatten().collect();
    let index = (!of.is_empty()).then(|| format!("Jain's index {}", of.join(", ")));
    let ratio =
        first_token_p99_ratio.map(|ratio| format!("p99 TTFT at most {ratio:.2} times that of another"));
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

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.8, "80")]
    #[case(1.0 / 3.0, "33.33")]
    #[case(0.005, "0.5")]
    #[case(1.0, "100")]
    fn a_share_is_told_in_percent(#[case] share: f64, #[case] text: &str) {
        assert_eq!(percent(share), text);
    }
}
