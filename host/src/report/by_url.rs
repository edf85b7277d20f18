//! The breakdown of a run with several base URLs: how the requests to each of them fared.

use serde_json::{Map, Value};

use super::{model::Report, text, values};
use crate::{
    config::url,
    metrics::{Results, Statistic, Stats, samples::carries},
    record::RunHeader,
    screen::{Align, Screen, Table},
};

/// The base URLs of a run, as a user would type them; none where there is only one.
pub(super) fn names(header: &RunHeader) -> Vec<String> {
    let urls = &header.settings.urls;
    if urls.len() < 2 { Vec::new() } else { urls.iter().map(|url| url::typed(url)).collect() }
}

/// For the summary: an object for each URL.
pub(super) fn summary(report: &Report) -> Value {
    let one = |(url, results): (String, &Results)| {
        let mut object = Map::new();
        object.insert("url".to_owned(), url.into());
        let outcomes = results.outcomes;
        object.insert("request_count".to_owned(), outcomes.succeeded.into());
        object.insert("error_request_count".to_owned(), outcomes.failed.into());
        object.insert("cancelled_request_count".to_owned(), outcomes.cancelled.into());
        object.extend(values::metrics(&results.table));
        Value::Object(object)
    };
    names(&report.header).into_iter().zip(&report.by_url).map(one).collect()
}

/// For people: a title and a table.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    if report.by_url.is_empty() {
        return Vec::new();
    }
    let numbers = ["requests", "errors", "TTFT ms", "p99", "latency ms", "p99"];
    let table = Table::new().column("URL", Align::Left);
    let mut table = numbers.into_iter().fold(table, |table, name| table.column(name, Align::Right));
    for (url, results) in names(&report.header).into_iter().zip(&report.by_url) {
        let outcomes = results.outcomes;
        let [ttft, ttft_p99] = times(results, "time_to_first_token");
        let [latency, latency_p99] = times(results, "request_latency");
        let (succeeded, failed) = (outcomes.succeeded.to_string(), outcomes.failed.to_string());
        table.row([url, succeeded, failed, ttft, ttft_p99, latency, latency_p99]);
    }
    ["By URL".to_owned()].into_iter().chain(table.lines(screen.table_width())).collect()
}

/// Mean and 99th percentile; empty without a value.
fn times(results: &Results, tag: &str) -> [String; 2] {
    match results.table.get(tag) {
        Some(Stats::Distribution(values)) => {
            let mark = if carries(values.count, Statistic::P99) { "" } else { "*" };
            [text::decimal(values.avg), text::decimal(values.statistic(Statistic::P99)) + mark]
        }
        _ => [String::new(), String::new()],
    }
}
