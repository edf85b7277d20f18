//! Reports: from a journal to files and a table.
//!
//! [`generate`] reads a run's journal once and writes everything that can be said about the run: a table for people, a
//! summary in JSON and CSV, and one line of JSON a request. Its noun is the [`Report`]. It knows nothing of how the run
//! was made: the journal of a run that was killed is as good as any other, up to where it ends.

use crate::explain::Explain;

pub(crate) mod artifacts;
mod by_url;
mod chunk;
mod collect;
pub(crate) mod console;
mod csv;
pub(crate) mod errors;
mod headline;
mod json;
pub(crate) mod messages;
mod outputs;
mod records;
mod recount;
mod server_metrics;
mod service_tables;
#[cfg(test)]
mod tests;
mod token_warnings;
mod trace;
mod warnings;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use prony_plugin_api::{
    Message,
    message::{PhaseKind, ServerMetricsBatch},
};

use crate::{
    metrics::{ClientReport, PhaseCounts, PhaseSpan, Results},
    plugin::UsedPlugin,
    record::{
        RunEnd, RunHeader,
        journal::{self, Damage, JournalError},
    },
    screen::Screen,
};
use artifacts::Files;
use errors::ErrorGroup;
use messages::Messages;
pub(crate) use server_metrics::OtherClient;

/// Names of the files that a report consists of.
pub(crate) const FILE_NAMES: [&str; 8] = [
    "profile_export.jsonl",
    "profile_export_warmup.jsonl",
    outputs::FILE_NAME,
    server_metrics::JSON_FILE_NAME,
    server_metrics::CSV_FILE_NAME,
    json::FILE_NAME,
    "profile_export_prony.csv",
    console::FILE_NAME,
];

/// Types of the messages of services that a report computes something of. All others are told as they are.
pub(crate) const HEARS: [&str; 1] = [ServerMetricsBatch::TYPE];

/// Everything that is known about a run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// What was asked for.
    pub(crate) header: RunHeader,
    /// The numbers of the profiling phases.
    pub(crate) profiling: Results,
    /// The numbers of the warm-up, if there was one.
    pub(crate) warmup: Option<Results>,
    /// The numbers of the profiling phases for each base URL, where there are several.
    pub(crate) by_url: Vec<Results>,
    /// Metrics pages whose servers had more to do than prony gave them.
    pub(crate) strangers: Vec<OtherClient>,
    /// What services published.
    pub(crate) messages: Messages,
    /// Every phase that began, in order.
    pub(crate) phases: Vec<PhaseSpan>,
    /// What was measured of the client, and whether it can be believed.
    pub(crate) client: ClientReport,
    /// Failures while profiling.
    pub(crate) errors: Vec<ErrorGroup>,
    /// Failures while warming up.
    pub(crate) warmup_errors: Vec<ErrorGroup>,
    /// Models that the server said it ran while profiling, and for how many requests.
    pub(crate) models_seen: BTreeMap<String, u64>,
    /// Responses whose tokens were to be counted here and are not.
    pub(crate) uncounted: u64,
    /// How the run ended; unknown when it was killed.
    pub(crate) end: Option<RunEnd>,
    /// What is missing of the journal.
    pub(crate) damage: Damage,
    /// Its header is missing: nothing is known of what was asked for.
    pub(crate) is_header_lost: bool,
    /// Why the report does not cover what was asked for, if so.
    pub(crate) incomplete_reason: Option<String>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
    /// The files that the run has left, in order.
    pub(crate) files: Vec<PathBuf>,
}

impl Report {
    /// Whether the run came to the end that was asked for, and its journal is whole.
    pub(crate) fn came_to_its_end(&self) -> bool {
        self.incomplete_reason.is_none()
    }

    /// Why the numbers do not tell of everything that was sent: the run did not come to its end, or tokens are not counted, or
    /// requests were cancelled at it. Those are the slowest, so that every latency looks better than it was.
    pub(crate) fn why_incomplete(&self) -> Option<String> {
        self.incomplete_reason.clone().or_else(|| {
            let at_the_end = [warnings::uncounted(self), warnings::some_cancelled(self)];
            let reasons: Vec<String> = at_the_end.into_iter().flatten().collect();
            (!reasons.is_empty()).then(|| reasons.join("; "))
        })
    }

    /// Whether the user or a service ended the run.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.was_cancelled)
    }

    /// What a reader must know before believing the numbers, the gravest first.
    pub(crate) fn warnings(&self) -> Vec<String> {
        warnings::warnings(self)
    }

    /// Whether every profiled request failed because there was no connection to the server.
    pub(crate) fn never_connected(&self) -> bool {
        let connect = self.errors.iter().filter(|group| group.sample.kind.is_nobody_there());
        let failed: u64 = connect.map(|group| group.count).sum();
        failed > 0 && failed == self.profiling.outcomes.completed()
    }

    /// Why prony cancelled what was in flight at the end.
    pub(crate) fn why_cancelled(&self) -> String {
        match &self.end {
            Some(RunEnd { reason: Some(reason), .. }) => reason.clone(),
            Some(RunEnd { was_cancelled: true, .. }) => "the run was interrupted".to_owned(),
            _ => "the grace period was over".to_owned(),
        }
    }

    /// What is to be said of requests that were sent twice, if any were.
    pub(crate) fn closed_idle(&self) -> Option<String> {
        let count = self.profiling.outcomes.retried;
        (count > 0).then(|| {
            format!(
                "requests sent again because the server had closed their kept connection before it can have read them \
                 (closed_idle): {count}; their times begin with the first try"
            )
        })
    }

    /// The bookkeeping of the profiling phases; unknown when the run was killed in one, or before it.
    pub(crate) fn counts(&self) -> Option<PhaseCounts> {
        let profiles = |span: &PhaseSpan| span.kind == PhaseKind::Profiling;
        if self.end.is_none() && !self.phases.iter().any(profiles) {
            return None;
        }
        self.phases.iter().filter(|span| span.kind == PhaseKind::Profiling).map(PhaseSpan::counts).sum()
    }

    /// The plugins that were used; of a run that was killed, those that it began with.
    pub(crate) fn plugins(&self) -> &[UsedPlugin] {
        self.end.as_ref().map_or(&self.header.plugins, |end| &end.plugins)
    }

    /// Wall-clock nanoseconds since the Unix epoch of an instant of the run.
    pub(crate) fn wall_ns(&self, run_ns: u64) -> u64 {
        self.header.wall_start_ns.saturating_add(run_ns)
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The journal cannot be read at all.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal breaks off before it says what was run.
    #[error("report on `{}`: its journal does not say what was run", .dir.display())]
    NoHeader {
        /// The run's folder.
        dir: PathBuf,
        /// It has been damaged since.
        is_damaged: bool,
    },
    /// Another run's journal has the name of this run's.
    #[error("report on `{}`: its journal is that of another run", .dir.display())]
    AnotherRun {
        /// The run's folder.
        dir: PathBuf,
    },
    /// Files cannot be written: a missing right, a full disk.
    #[error("write {}", names(.unwritten))]
    Write {
        /// The run's folder.
        dir: PathBuf,
        /// The files that are missing.
        unwritten: Vec<PathBuf>,
        /// Why the first of them is.
        source: io::Error,
    },
}

impl Explain for ReportError {
    fn hint(&self) -> String {
        let text = match self {
            Self::Journal(JournalError::Open { .. }) => {
                "name the folder of a run: the one that holds `journal.prony`"
            }
            Self::Journal(JournalError::NotAJournal { .. }) => {
                "use the version of the tool that made the run"
            }
            Self::Journal(_) | Self::AnotherRun { .. } => return String::new(),
            Self::NoHeader { is_damaged: true, .. } => "nothing of its header can be read: run it again",
            Self::NoHeader { is_damaged: false, .. } => {
                "nothing was measured yet when the run was killed: run it again"
            }
            Self::Write { dir, .. } => return again_from_the_journal(dir),
        };
        text.to_owned()
    }
}

/// What to do when the journal of a run is there and files of its report are not.
pub(crate) fn again_from_the_journal(dir: &Path) -> String {
    format!(
        "the records are in `{}`: make room, or get the right to write, then `prony report {}` makes the files",
        dir.join(journal::FILE_NAME).display(),
        dir.display()
    )
}

/// Paths in a sentence.
fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    names.join(", ")
}

/// Reads the journal of a run's folder and writes the report's files beside it, the one for people as `screen` shows it.
/// Tokens that the run has not counted are counted. The second part is the error about files that could not be written.
///
/// # Errors
/// There is no readable journal with a header. What stands in the journal stays.
pub(crate) fn generate(dir: &Path, screen: Screen) -> Result<(Report, Option<ReportError>), ReportError> {
    generate_with(dir, None, screen)
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
    generate_with(dir, Some(run_id), screen)
}

fn generate_with(
    dir: &Path,
    end_of: Option<&str>,
    screen: Screen,
) -> Result<(Report, Option<ReportError>), ReportError> {
    let mut files = Files::of(dir);
    let mut report = collect::collect(dir, end_of, &mut files)?;
    files.write(|dir| artifacts::write(dir, json::FILE_NAME, |out| json::write(&report, out)));
    files.write(|dir| artifacts::write(dir, "profile_export_prony.csv", |out| csv::write(&report, out)));
    // The table lists the files, itself and what they are made from among them.
    let ends = [dir.join(console::FILE_NAME), dir.join(journal::FILE_NAME)];
    report.files = files.written().iter().cloned().chain(ends).collect();
    let table = console::render(&report, screen);
    files.write(|dir| artifacts::write(dir, console::FILE_NAME, |out| out.write_all(table.as_bytes())));
    let (written, unwritten) = files.into_parts();
    report.files.retain(|file| written.contains(file) || file.ends_with(journal::FILE_NAME));
    Ok((report, unwritten))
}
