//! Can the objectives be kept at all?

use std::collections::BTreeSet;

use super::{super::model::Report, finding::Finding};
use crate::{
    metrics::{ClassResults, MetricTable, tags},
    plan::{Class, Objective},
};

/// Objectives about something that no request had, where none was good. A run with classes is judged by each of them.
pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let settings = &report.header.settings;
    let Report { profiling, by_class, .. } = report;
    if settings.classes.is_empty() {
        let found = unmeasured("", &settings.goodput, &profiling.table);
        return found
            .filter(|_| profiling.outcomes.succeeded > 0)
            .into_iter()
            .collect::<Vec<_>>()
            .into_iter();
    }
    let of_class = |(class, found): (&Class, &ClassResults)| {
        let objectives = class.goodput.as_ref().unwrap_or(&settings.goodput);
        let (of, results) = (format!(" of `{}`", class.name), &found.results);
        unmeasured(&of, objectives, &results.table).filter(|_| results.outcomes.succeeded > 0)
    };
    settings.classes.list.iter().zip(by_class).filter_map(of_class).collect::<Vec<_>>().into_iter()
}

fn unmeasured(of: &str, objectives: &[Objective], table: &MetricTable) -> Option<Finding> {
    let tags = objectives.iter().map(|objective| objective.metric.as_str());
    let unmeasured: BTreeSet<&str> = tags.filter(|tag| table.get(tag).is_none()).collect();
    let is_any_good = table.avg(tags::GOOD_REQUEST_COUNT).is_some_and(|count| count > 0.0);
    (!is_any_good && !unmeasured.is_empty()).then(|| {
        let unmeasured: Vec<&str> = unmeasured.into_iter().collect();
        let unmeasured = unmeasured.join("` or a `");
        let says = format!("no request{of} has a `{unmeasured}`, which is an objective: none is good");
        Finding::doubt("objective_without_values", format!("no request has a `{unmeasured}`"), says)
    })
}
