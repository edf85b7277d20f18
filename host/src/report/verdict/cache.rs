//! Did the server know the prompts already?

use super::{super::model::Report, finding::Finding};

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    [warm(report), repeated(report)].into_iter().flatten()
}

fn warm(report: &Report) -> Option<Finding> {
    let (says, advice) = report.prefix_cache.warm()?;
    Some(Finding::doubt("warm_cache", "prefix cache warm before the start", says).advice(advice))
}

/// Prompts that stand alone, were not to share anything, and were known to the server nevertheless: they repeat within the run.
fn repeated(report: &Report) -> Option<Finding> {
    if report.prefix_cache.warm().is_some() || report.header.settings.sessions.is_some() {
        return None;
    }
    let share = report.prefix_cache.unwanted()?;
    let percent = format!("{:.0} %", share * 100.0);
    let finding = Finding::doubt(
        "repeated_prompts",
        format!("{percent} of the prompt tokens were cached"),
        format!(
            "the server had {percent} of the prompt tokens in its prefix cache: the run repeats its prompts"
        ),
    );
    Some(finding.advice("Use more prompts (`--num-dataset-entries`), or `--cache-bust first-turn-prefix`"))
}
