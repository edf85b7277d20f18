//! What a run is held to, and what became of it: lines for people, and a list in the summary.

use serde_json::{Map, Value, json};

use super::{
    model::Report,
    text::{decimal, price, with_unit},
    values::Exact,
    verdict::why_incomplete,
};
use crate::{
    metrics::{
        Interval, Judged, Metric, ObjectiveState,
        catalogue::CATALOGUE,
        judged::{CONFIDENCE, good_share},
        tags,
    },
    plan::RunObjective,
    screen::{Screen, counted},
};

/// Every objective of the run, and what became of it.
pub(crate) fn judged(report: &Report) -> Vec<Judged> {
    let settings = &report.header.settings;
    let is_complete = why_incomplete(report).is_none();
    let judge = |objective: &RunObjective| {
        let place = |name: &String| settings.classes.list.iter().position(|class| class.name == *name);
        let results = match &objective.class {
            Some(name) => &report.by_class.get(place(name)?)?.results,
            None => &report.profiling,
        };
        let judged = Judged::of(objective, results);
        Some(if is_complete { judged } else { judged.of_a_part() })
    };
    settings.slo.iter().filter_map(judge).collect()
}

/// For the summary: an object for each; none where nothing is asked.
pub(super) fn summary(report: &Report) -> Option<Value> {
    let one = |Judged { objective, value, interval, state, why }: Judged| {
        json!({
            "objective": objective.text,
            "class": objective.class,
            "metric": objective.metric,
            "statistic": objective.statistic,
            "bound": Exact(objective.bound),
            "at_least": objective.side.at_least,
            "is_strict": objective.side.is_strict,
            "value": value.map(Exact),
            "interval": interval.map(in_json),
            "state": state,
            "why": why,
        })
    };
    let all = judged(report);
    (!all.is_empty()).then(|| all.into_iter().map(one).collect())
}

/// An end that is not known is `null`.
fn in_json(Interval { low, high, method }: Interval) -> Value {
    let end = |end: f64| end.is_finite().then_some(Exact(end));
    json!({ "low": end(low), "high": end(high), "method": method, "confidence": CONFIDENCE })
}

/// For the summary: intervals of shares, by metric.
pub(super) fn shares(report: &Report) -> Option<Value> {
    let mut shares = Map::new();
    shares.extend(
        good_share(&report.profiling)
            .map(|interval| (tags::GOOD_REQUEST_FRACTION.to_owned(), in_json(interval))),
    );
    (!shares.is_empty()).then_some(Value::Object(shares))
}

/// For people: a title and a line for each; nothing where nothing is asked.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    let all = judged(report);
    if all.is_empty() {
        return Vec::new();
    }
    let line = |judged: &Judged| {
        let lead = format!("{:<12} ", judged.state.word());
        screen.paragraph(&lead, &in_words(judged))
    };
    ["Objectives".to_owned()].into_iter().chain(all.iter().map(line)).collect()
}

/// The good requests, with the interval of their share; none where nothing is judged.
pub(super) fn good(report: &Report) -> Option<String> {
    let Interval { low, high, .. } = good_share(&report.profiling)?;
    let good = report.profiling.good;
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    Some(format!(
        "good: {} of {} ({} %; 95 % interval {} to {} %)",
        good.good,
        counted(good.judged, "request"),
        percent(good.good as f64 / good.judged as f64),
        percent(low),
        percent(high)
    ))
}

/// An objective with its value, and why it cannot be told.
pub(crate) fn in_words(judged: &Judged) -> String {
    let Judged { objective, value, interval, why, .. } = judged;
    let metric = CATALOGUE.iter().find(|metric| metric.tag == objective.metric);
    // A part of a whole is shown in percent.
    let is_part = metric.and_then(Metric::largest).is_some_and(|largest| largest <= 1.0);
    let (scale, unit) = if is_part { (100.0, "%") } else { (1.0, metric.map_or("", |metric| metric.unit)) };
    let shown = |value: f64| if unit.starts_with('$') { price(value) } else { decimal(scale * value) };
    let number = |value: f64| if value.is_finite() { shown(value) } else { "unknown".to_owned() };
    let value = value.map(|value| format!(": {}", with_unit(&shown(value), unit))).unwrap_or_default();
    let interval = interval.map(|it| format!("95 % interval {} to {}", number(it.low), number(it.high)));
    let remarks: Vec<String> = interval.into_iter().chain(why.clone()).collect();
    let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join("; ")) };
    format!("{}{value}{remarks}", objective.text)
}

/// The worst that became of an objective, and which of them it became of, in one line; none where nothing is asked.
pub(crate) fn worst(report: &Report) -> Option<(ObjectiveState, String)> {
    let all = judged(report);
    let worst = all.iter().map(|judged| judged.state).max()?;
    let of_it = all.iter().filter(|judged| judged.state == worst).map(in_words);
    Some((worst, of_it.collect::<Vec<_>>().join("; ")))
}
