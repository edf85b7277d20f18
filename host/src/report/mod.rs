//! Reports: from a journal to files and a table.
//!
//! [`generate`] reads a run's journal once and writes everything that can be said about the run: a table for people, a
//! summary in JSON and CSV, and one line of JSON a request. Its noun is the [`Report`]. It knows nothing of how the run
//! was made: the journal of a run that was killed is as good as any other, up to where it ends.

pub(crate) mod artifacts;
mod beside;
mod beside_tables;
mod buffers;
mod by_class;
mod by_node;
mod by_phase;
mod by_url;
mod chunk;
mod collect;
pub(crate) mod console;
mod csv;
mod error;
pub(crate) mod errors;
pub(crate) mod export;
pub(crate) mod file_names;
mod hashed;
mod headline;
pub(crate) mod json;
mod line_metrics;
mod lines;
pub(crate) mod manifest;
pub(crate) mod markdown;
mod marks;
pub(crate) mod messages;
mod model;
mod models_seen;
mod object;
pub(crate) mod objectives;
mod other_tools;
mod outputs;
mod page;
pub(crate) mod past_runs;
mod prefix_cache;
mod records;
mod recount;
mod scenario;
mod server_metrics;
mod service_tables;
mod sessions;
mod shown;
mod slices;
pub(crate) mod speed_bench;
#[cfg(test)]
mod tests;
mod text;
mod trace;
mod values;
mod verdict;
mod writers;

use std::path::Path;

pub(crate) use self::{
    collect::Wanted,
    error::{ReportError, again_from_the_journal},
    file_names::SETTINGS,
    headline::load as load_in_words,
    messages::HEARS,
    model::Report,
    server_metrics::server_now,
    verdict::why_incomplete,
    writers::{file_in, possible_files, prefixed_files, requests_in},
};
use crate::screen::Screen;
use artifacts::Files;

/// Reads the journal of a run's folder and writes the report's files beside it, the one for people as `screen` shows it, and those
/// that are `wanted` beside what the run was asked for.
/// Tokens that the run has not counted are counted. The second part is the error about files that could not be written.
///
/// # Errors
/// There is no readable journal with a header. What stands in the journal stays.
pub(crate) fn generate(
    dir: &Path,
    wanted: &Wanted,
    screen: Screen,
) -> Result<(Report, Option<ReportError>), ReportError> {
    generate_with(dir, None, wanted, screen)
}

/// The same at the end of the run with this identity, which does not wait for counting any more.
///
/// # Errors
/// As for [`generate`], and the journal may be that of another run.
pub(crate) fn generate_at_end(
    dir: &Path,
    run_id: &str,
    screen: Screen,
) -> Result<(Report, Option<ReportError>), ReportError> {
    generate_with(dir, Some(run_id), &Wanted::default(), screen)
}

/// The charts of the run in a folder, each with a name and as a picture. Nothing is written.
///
/// # Errors
/// There is no readable journal with a header.
pub(crate) fn charts(dir: &Path) -> Result<Vec<(String, String)>, ReportError> {
    let collect::Collected { report, page, .. } =
        collect::collect(dir, None, &Wanted::default(), &mut Files::nowhere())?;
    let figures = page::figures(&report, &page);
    Ok(figures.into_iter().map(|figure| (figure.name, figure.svg)).collect())
}

fn generate_with(
    dir: &Path,
    end_of: Option<&str>,
    wanted: &Wanted,
    screen: Screen,
) -> Result<(Report, Option<ReportError>), ReportError> {
    let mut files = Files::of(dir);
    let mut collected = collect::collect(dir, end_of, wanted, &mut files)?;
    writers::write_all(&mut collected, screen, &mut files);
    Ok((collected.report, files.into_error()))
}
