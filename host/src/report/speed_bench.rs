//! Runs over SPEED-Bench beside each other: how speculative decoding fared in each category. Reads the summaries of the runs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;

use super::{file_names, text};
use crate::{
    bounded,
    explain::Explain,
    metrics::tags,
    screen::{Align, Screen, Table},
};

/// Most megabytes of a summary.
const MOST_MEGABYTES: u64 = 256;

/// Why runs cannot be put beside each other.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpeedBenchError {
    /// Neither the folder of a run nor one of such folders.
    #[error("find the report of a run in `{0}`")]
    NoRun(PathBuf),
    /// A summary that cannot be read.
    #[error("read `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        source: io::Error,
    },
    /// A run over something else.
    #[error("tell categories of the run in `{0}` apart: its dataset has none")]
    NoCategories(PathBuf),
}

impl Explain for SpeedBenchError {
    fn hint(&self) -> String {
        match self {
            Self::NoRun(_) => "name folders that `prony profile` has written, or a folder of them; `prony report DIR` writes a \
                               report again"
                .to_owned(),
            Self::Unreadable { .. } => "`prony report DIR` writes it again".to_owned(),
            Self::NoCategories(_) => {
                "measure with `--input-file qualitative.jsonl --custom-dataset-type speed-bench`, without `--class` and with one \
                 `--model`"
                    .to_owned()
            }
        }
    }
}

/// A category of a run. What nobody says is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The folder of the run.
    pub(crate) run: String,
    model: String,
    category: String,
    requests: u64,
    /// Tokens a step of the model, a mean.
    acceptance_length: Option<f64>,
    /// Accepted tokens in percent of the drafted ones.
    acceptance_rate: Option<f64>,
    /// Who says both: `responses` or `server_metrics`.
    acceptance_source: Option<&'static str>,
    /// Tokens a second: of all requests of the category, over the whole run.
    output_token_throughput: Option<f64>,
    /// The pace of a request.
    output_token_throughput_per_user: Option<f64>,
    time_to_first_token_ms: Option<f64>,
    request_latency_ms: Option<f64>,
}

/// The rows of all runs, in the order of the paths. A path is the folder of a run, or a folder of such.
///
/// # Errors
/// There is no run, one that cannot be read, or one without categories.
pub(crate) fn rows(paths: &[PathBuf]) -> Result<Vec<Row>, SpeedBenchError> {
    let mut rows = Vec::new();
    for path in paths {
        let runs = runs(path);
        if runs.is_empty() {
            return Err(SpeedBenchError::NoRun(path.clone()));
        }
        for run in runs {
            let file = run.join(file_names::SUMMARY);
            let unreadable = |source| SpeedBenchError::Unreadable { path: file.clone(), source };
            let bytes = bounded::read(&file, MOST_MEGABYTES).map_err(unreadable)?;
            let summary: Value =
                serde_json::from_slice(&bytes).map_err(io::Error::from).map_err(unreadable)?;
            let found = of_run(&run.display().to_string(), &summary);
            if found.is_empty() {
                return Err(SpeedBenchError::NoCategories(run));
            }
            rows.extend(found);
        }
    }
    Ok(rows)
}

/// The folders of runs that a path stands for, by name.
fn runs(path: &Path) -> Vec<PathBuf> {
    let is_run = |folder: &PathBuf| folder.join(file_names::SUMMARY).is_file();
    if is_run(&path.to_owned()) {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_run).collect();
    runs.sort();
    runs
}

/// The categories of a run, by name; none where it has no categories.
fn of_run(run: &str, summary: &Value) -> Vec<Row> {
    if summary.get("class_kind").and_then(Value::as_str) != Some("category") {
        return Vec::new();
    }
    let classes: Vec<&Value> =
        summary.get("classes").and_then(Value::as_array).into_iter().flatten().collect();
    let is_alone = classes.len() == 1;
    let mut rows: Vec<Row> = classes
        .iter()
        .map(|class| {
            let row = of_category(run, class);
            // What the server says of all requests is of this category where there is no other.
            if is_alone && row.acceptance_length.is_none() { with_server_metrics(row, summary) } else { row }
        })
        .collect();
    rows.sort_by(|one, other| one.category.cmp(&other.category));
    rows
}

fn of_category(run: &str, class: &Value) -> Row {
    let text = |key: &str| class.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mean = |tag: &str| class.get(tag)?.get("avg")?.as_f64();
    let (length, rate) =
        (mean(tags::SPEC_DECODE_ACCEPTANCE_LENGTH), mean(tags::SPEC_DECODE_OVERALL_DRAFT_ACCEPTANCE_RATE));
    Row {
        run: run.to_owned(),
        model: text("model"),
        category: text("name"),
        requests: class.get("requests").and_then(Value::as_u64).unwrap_or(0),
        acceptance_length: length,
        acceptance_rate: rate,
        acceptance_source: length.or(rate).map(|_| "responses"),
        output_token_throughput: mean(tags::OUTPUT_TOKEN_THROUGHPUT),
        output_token_throughput_per_user: mean(tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER),
        time_to_first_token_ms: mean(tags::TIME_TO_FIRST_TOKEN),
        request_latency_ms: mean(tags::REQUEST_LATENCY),
    }
}

fn with_server_metrics(row: Row, summary: &Value) -> Row {
    let said = |key: &str| summary.get("speculative_decoding")?.get(key)?.as_f64();
    let (length, rate) = (said("server_acceptance_length"), said("server_acceptance_rate"));
    let source = length.or(rate).map(|_| "server_metrics");
    Row { acceptance_length: length, acceptance_rate: rate, acceptance_source: source, ..row }
}

/// A number of a row, and what it is called.
type Column = (&'static str, fn(&Row) -> Option<f64>);

/// For people: a line for each category of each run. What no run says has no column.
pub(crate) fn lines(rows: &[Row], screen: Screen) -> Vec<String> {
    let numbers: [Column; 6] = [
        ("accepted", |row| row.acceptance_length),
        ("drafts %", |row| row.acceptance_rate),
        ("tokens/s", |row| row.output_token_throughput),
        ("tokens/s/user", |row| row.output_token_throughput_per_user),
        ("TTFT ms", |row| row.time_to_first_token_ms),
        ("latency ms", |row| row.request_latency_ms),
    ];
    let numbers: Vec<_> =
        numbers.into_iter().filter(|(_, value)| rows.iter().any(|row| value(row).is_some())).collect();
    let table = Table::new().column("run", Align::Left).column("category", Align::Left);
    let table = table.column("requests", Align::Right);
    let mut table = numbers.iter().fold(table, |table, (name, _)| table.column(*name, Align::Right));
    for row in rows {
        let own = [row.run.clone(), row.category.clone(), row.requests.to_string()];
        let values = numbers.iter().map(|(_, value)| value(row).map(text::decimal).unwrap_or_default());
        table.row(own.into_iter().chain(values));
    }
    table.lines(screen.table_width())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(name: &str, acceptance: Option<f64>) -> Value {
        let mut class = json!({"name": name, "model": "m", "requests": 80, "request_latency": {"unit": "ms", "avg": 12.5}});
        if let Some(length) = acceptance {
            class["spec_decode_acceptance_length"] = json!({"avg": length});
        }
        class
    }

    fn found(classes: &[Value]) -> Vec<(String, Option<f64>, Option<&'static str>)> {
        let summary = json!({
            "class_kind": "category", "classes": classes,
            "speculative_decoding": {"server_acceptance_length": 2.0, "server_acceptance_rate": 40.0}
        });
        let rows = of_run("r", &summary);
        rows.into_iter().map(|row| (row.category, row.acceptance_length, row.acceptance_source)).collect()
    }

    #[test]
    fn what_responses_say_comes_before_what_the_server_says_of_all() {
        let of = |name: &str, length, source| (name.to_owned(), length, source);
        let both = found(&[class("qa", Some(3.0)), class("math", None)]);
        assert_eq!(both, [of("math", None, None), of("qa", Some(3.0), Some("responses"))]);
        assert_eq!(found(&[class("qa", None)]), [of("qa", Some(2.0), Some("server_metrics"))]);
        assert_eq!(found(&[class("qa", Some(3.0))]), [of("qa", Some(3.0), Some("responses"))]);
    }

    #[test]
    fn classes_of_another_kind_are_no_categories() {
        assert!(of_run("r", &json!({"class_kind": "model", "classes": [class("qa", None)]})).is_empty());
        assert!(of_run("r", &json!({})).is_empty());
    }
}
