//! The results of an experiment as a page, and its charts.

use std::fmt::Write;

use super::{
    best::Key,
    estimate::Estimate,
    results::{CellResults, Results},
    state::{RunState, State},
    table,
};
use crate::{
    chart::{Axis, Interval, Layer, Plot, Shape, Table, escape, number},
    metrics::{Statistic, tags},
    page,
    report::file_names,
    screen::Screen,
};

/// Width of the table, in characters.
const COLUMNS: usize = 160;

/// Numbers that are drawn against a setting: metric, statistic, name, unit.
const BY_SETTING: [(&str, Statistic, &str, &str); 5] = [
    (tags::REQUEST_THROUGHPUT, Statistic::Avg, "Requests", "requests/s"),
    (tags::OUTPUT_TOKEN_THROUGHPUT, Statistic::Avg, "Output tokens", "tokens/s"),
    (tags::TIME_TO_FIRST_TOKEN, Statistic::P99, "Time to first token, p99", "ms"),
    (tags::INTER_TOKEN_LATENCY, Statistic::P99, "Inter-token latency, p99", "ms"),
    (tags::REQUEST_LATENCY, Statistic::P99, "Request latency, p99", "ms"),
];

/// Writes the page.
pub(super) fn page(results: &Results, state: &State) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let settings = results.settings().join(", ");
    let title =
        if settings.is_empty() { "Runs of one setting".to_owned() } else { format!("Runs over {settings}") };
    page::begin(&format!("{title}, measured by prony"), None, &mut out)?;
    let mut html = format!("<header><h1>{}</h1>", escape(&title));
    let _ = writeln!(
        html,
        "<p class=\"sub\">{}</p></header><main>",
        escape(&format!("prony {}, seed {}, {}", state.prony_version, state.random_seed, runs(results)))
    );
    let plots = plots(results);
    let drawn: String = plots
        .iter()
        .map(|(_, plot)| page::figure(&plot.svg(), &plot.title, &plot.about, &plot.table()))
        .collect();
    html.push_str(&page::section(
        "results",
        "Results",
        &format!("<pre tabindex=\"0\">{}</pre>", escape(&table::text(results, Screen::of_width(COLUMNS)))),
    ));
    if !drawn.is_empty() {
        html.push_str(&page::section("charts", "Charts", &format!("<div class=\"grid\">{drawn}</div>")));
    }
    html.push_str(&page::section(
        "cells",
        "Numbers",
        &numbers(results).html("Means over runs, with the interval where there are several"),
    ));
    html.push_str(&page::section("runs", "Runs", &links(state)));
    html.push_str("</main>\n");
    out.extend(html.into_bytes());
    page::end(None, &mut out)?;
    Ok(out)
}

fn runs(results: &Results) -> String {
    let measured: u32 = results.cells.iter().map(|cell| cell.measured).sum();
    format!("{measured} measured runs of {} combinations", results.cells.len())
}

/// The charts, each with a name and as a picture.
pub(crate) fn charts(results: &Results) -> Vec<(String, String)> {
    plots(results).into_iter().map(|(name, plot)| (name, plot.svg())).collect()
}

/// The charts, each with a name for its file.
fn plots(results: &Results) -> Vec<(String, Plot)> {
    let trade = trade(results).map(|plot| ("throughput_and_latency".to_owned(), plot));
    let by_setting = BY_SETTING.iter().filter_map(|number| {
        by_setting(results, number).map(|plot| (Key::known(number.0, number.1).joined(), plot))
    });
    trade.into_iter().chain(by_setting).collect()
}

fn interval(estimate: &Estimate) -> Interval {
    let ends =
        estimate.spread.map_or((estimate.mean, estimate.mean), |spread| (spread.ci_low, spread.ci_high));
    Interval { at: estimate.mean, low: ends.0, high: ends.1 }
}

/// Latency against throughput: what one costs of the other.
fn trade(results: &Results) -> Option<Plot> {
    let [throughput, latency] = &results.trade;
    let point = |cell: &CellResults| Some((interval(cell.get(throughput)?), interval(cell.get(latency)?)));
    let of = |is_in_front: bool| {
        let cells = results.cells.iter().enumerate();
        let chosen = cells.filter(move |(at, _)| results.front.contains(at) == is_in_front);
        let mut points: Vec<(Interval, Interval)> = chosen.filter_map(|(_, cell)| point(cell)).collect();
        points.sort_by(|(a, _), (b, _)| a.at.total_cmp(&b.at));
        points
    };
    let (front, others) = (of(true), of(false));
    if front.len() + others.len() < 2 {
        return None;
    }
    let label = |key: &Key| {
        let unit = results.cells.iter().flat_map(|cell| &cell.numbers).find(|(known, ..)| known == key);
        let unit = unit.map(|(_, unit, _)| unit.as_str()).unwrap_or_default();
        format!("{} {} ({unit})", key.metric.replace('_', " "), key.statistic)
    };
    let all = || front.iter().chain(&others);
    let xs: Vec<f64> = all().flat_map(|(x, _)| [x.at, x.high]).collect();
    let ys: Vec<f64> = all().flat_map(|(_, y)| [y.at, y.high]).collect();
    let line = front.iter().map(|(x, y)| (x.at, y.at)).collect();
    let mut layers = vec![
        Layer::new("Pareto front", 0, Shape::Line(line)),
        Layer::new("", 0, Shape::Estimates(front.clone())),
    ];
    if !others.is_empty() {
        layers.push(Layer::new("others", 1, Shape::Estimates(others.clone())));
    }
    let most = xs.iter().copied().fold(0.0, f64::max);
    Some(Plot {
        title: "Latency against throughput".to_owned(),
        about: "Each point is a combination: to the right is more throughput, below is less latency. Lines through a point are its \
                intervals, where there are several runs."
            .to_owned(),
        x: Axis::between(label(throughput), 0.0, most * 1.05),
        y: Axis::from_zero(label(latency), ys),
        layers,
    })
}

/// A number against the one setting whose values are numbers.
fn by_setting(
    results: &Results,
    (metric, statistic, name, unit): &(&str, Statistic, &str, &str),
) -> Option<Plot> {
    let settings = results.settings();
    let [setting] = settings.as_slice() else { return None };
    let key = Key::known(metric, *statistic);
    let mut points: Vec<(Interval, Interval)> = Vec::new();
    for cell in &results.cells {
        let value: f64 = cell.cell.value(setting).parse().ok()?;
        let Some(estimate) = cell.get(&key) else { continue };
        points.push((Interval { at: value, low: value, high: value }, interval(estimate)));
    }
    points.sort_by(|(a, _), (b, _)| a.at.total_cmp(&b.at));
    if points.len() < 2 {
        return None;
    }
    let (first, last) = (points[0].0.at, points[points.len() - 1].0.at);
    let xs = points.iter().map(|(x, _)| x.at);
    let is_wide = first > 0.0 && last / first >= 8.0;
    let x = if is_wide {
        Axis::log(format!("{setting}, logarithmic"), xs)
    } else {
        Axis::between(&**setting, first.min(0.0), last * 1.03)
    };
    let line = points.iter().map(|(x, y)| (x.at, y.at)).collect();
    Some(Plot {
        title: format!("{name} by {setting}"),
        about: format!("{name} for each value of {setting}, with its interval where there are several runs."),
        x,
        y: Axis::from_zero(*unit, points.iter().flat_map(|(_, y)| [y.at, y.high])),
        layers: vec![Layer::new("", 0, Shape::Line(line)), Layer::new("", 0, Shape::Estimates(points))],
    })
}

fn numbers(results: &Results) -> Table {
    let mut keys: Vec<(&Key, &str)> = Vec::new();
    for (key, unit, _) in results.cells.iter().flat_map(|cell| &cell.numbers) {
        if !keys.iter().any(|(known, _)| *known == key) {
            keys.push((key, unit.as_str()));
        }
    }
    let headers = ["metric".to_owned(), "unit".to_owned()];
    let mut table = Table::new(headers.into_iter().chain(results.cells.iter().map(|cell| cell.cell.label())));
    for (key, unit) in keys {
        let cells = results.cells.iter().map(|cell| match cell.get(key) {
            Some(estimate) => match estimate.half_width() {
                Some(half) => format!("{} ± {}", number(estimate.mean), number(half)),
                None => number(estimate.mean),
            },
            None => String::new(),
        });
        table.row([format!("{} {}", key.metric, key.statistic), unit.to_owned()].into_iter().chain(cells));
    }
    table
}

/// The pages of the runs, as links into their folders.
fn links(state: &State) -> String {
    let mut html = "<ul>".to_owned();
    for run in &state.runs {
        let folder = run.folder.clone();
        let (path, page) = (page::link(&folder), file_names::PAGE);
        let _ = match run.state {
            RunState::Measured => {
                write!(html, "<li><a href=\"{}/{page}\">{}</a></li>", escape(&path), escape(&folder))
            }
            _ => write!(
                html,
                "<li>{}: {}</li>",
                escape(&folder),
                escape(run.reason.as_deref().unwrap_or("not measured"))
            ),
        };
    }
    html + "</ul>"
}
