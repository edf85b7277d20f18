//! The report as a page: one file of HTML that reads without scripts, fetches nothing, and has the requests in it.
//!
//! While the journal is read, each request passes by as a [`Row`], of which [`Gathered`] keeps what the charts need of all requests, and
//! the rows of at most [`sample::MOST`]. So the page of a long run takes no more memory than that of a run of so many requests. When all
//! of it is read, it is [`Prepared`] while the numbers of the report are computed.

mod buckets;
mod charts;
mod columns;
mod gathered;
mod histogram;
mod prepared;
mod row;
mod sample;
mod sections;
mod slots;
#[cfg(test)]
mod tests;
mod timeline;

use std::io::{self, Write};

pub(super) use self::{
    charts::Figure,
    gathered::Gathered,
    prepared::Prepared,
    row::{Judged, Needs, Row},
};
use self::{
    charts::{ChartSection, Shown},
    sections::LINKS,
};
use prony_plugin_api::message::PhaseKind;

use super::{
    model::Report,
    server_metrics::{self, Curve, Timeline},
};
use crate::{chart::escape, metrics::PhaseSpan, page};

const SCRIPT: &str = include_str!("page.js");

/// What the page is made of, beside the report.
#[derive(Debug)]
pub(super) struct Ingredients {
    pub(super) requests: Prepared,
    /// What servers said of themselves.
    pub(super) curves: Vec<Curve>,
}

/// What servers said of themselves in the measured phases.
pub(super) fn curves(timeline: &Timeline, phases: &[PhaseSpan]) -> Vec<Curve> {
    let measured = || phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
    let from_ns = measured().map(|span| span.start_ns).min().unwrap_or(0);
    let to_ns = measured().filter_map(|span| span.end_ns.max(span.window_end_ns())).max().unwrap_or(u64::MAX);
    server_metrics::curves(timeline, from_ns as f64 / 1e9, to_ns as f64 / 1e9)
}

/// Writes the page. `start` is when the run began, for people.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(
    report: &Report,
    ingredients: &Ingredients,
    start: Option<String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let figures = figures(report, ingredients);
    let Prepared { kept, seen, packed, .. } = &ingredients.requests;
    let packed = packed.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    page::begin(&sections::title(report), Some(SCRIPT), out)?;
    out.write_all(b"<a class=\"skip\" href=\"#numbers\">To the numbers</a>\n")?;
    let charts = |place, id: &str, heading: &str| sections::charts(&figures, place, id, heading);
    let parts = [
        sections::numbers(report),
        sections::load(report),
        charts(ChartSection::OverTime, "over-time", "Over time"),
        charts(ChartSection::Distributions, "distributions", "Distributions"),
        charts(ChartSection::Inputs, "inputs", "Input length"),
        charts(ChartSection::Sessions, "sessions", "Sessions"),
        sections::errors(report),
        charts(ChartSection::Servers, "servers", "What servers said of themselves"),
        sections::explorer(report, *seen, kept.rows.len()),
        sections::again(report),
    ];
    out.write_all(sections::top(report, start).as_bytes())?;
    out.write_all(links(&parts).as_bytes())?;
    out.write_all(b"<main>\n")?;
    for part in &parts {
        out.write_all(part.as_bytes())?;
    }
    out.write_all(b"</main>\n<script type=\"application/octet-stream\" id=\"rows\">")?;
    out.write_all(packed)?;
    out.write_all(b"</script>\n")?;
    page::end(Some(SCRIPT), out)
}

/// The charts by themselves.
pub(super) fn figures(report: &Report, ingredients: &Ingredients) -> Vec<Figure> {
    let Ingredients { requests: Prepared { gathered, kept, .. }, curves } = ingredients;
    charts::figures(&Shown { report, gathered, kept, curves })
}

/// Links to the parts that there are.
fn links(parts: &[String]) -> String {
    let is_there = |id: &str| parts.iter().any(|part| part.starts_with(&format!("<section id=\"{id}\"")));
    let links = LINKS.iter().filter(|(id, _)| is_there(id));
    let links: Vec<String> =
        links.map(|(id, name)| format!("<a href=\"#{id}\">{}</a>", escape(name))).collect();
    format!("<nav aria-label=\"Parts of this page\">{}</nav>\n", links.join(""))
}
