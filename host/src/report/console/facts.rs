//! What was measured: a line for each fact.

use super::super::{headline, model::Report};
use crate::screen::Screen;

/// The run, and the facts below it.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    let header = &report.header;
    let mut lines = vec![format!("prony {}, run {}", header.version, header.run_id)];
    let facts = headline::lines(report).into_iter();
    lines.extend(facts.map(|(label, fact)| screen.paragraph(&format!("  {label:<9} "), &fact)));
    lines
}
