//! The forms of a report: [`WRITERS`], the one list of the files that a report may consist of.
//!
//! What `--overwrite` removes and what a run says that it wrote follow from it. A new form is one more entry.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    artifacts::Files,
    collect::Collected,
    console, csv, file_names, json,
    manifest::{self, Candidate},
    markdown, other_tools, outputs, page,
    server_metrics::{self, csv as server_metrics_csv},
    sessions, slices,
};
use crate::{
    plan::{Compat, Exports, ServerMetricsFormat},
    record::{
        journal::{self, Beginning, Reader},
        raw,
    },
    schemas::{self, Schema},
    screen::Screen,
};

/// A form of a report.
#[derive(Debug)]
pub(super) struct Writer {
    /// What it is, for the log.
    name: &'static str,
    /// Version of what it writes, where the file tells one.
    format_version: Option<&'static str>,
    /// Names of all files that it may write.
    files: &'static [&'static str],
    writing: Writing,
}

#[derive(Debug)]
enum Writing {
    /// By the run itself, before its load or during it: a report does not change them.
    ByTheRun,
    /// While the journal is read ([`super::collect`]): it may have more requests than memory has room for.
    WithTheJournal,
    /// When everything is known.
    AtTheEnd(fn(&mut Collected, Screen, &mut Files<'_>)),
    /// By a command of its own ([`super::export`]).
    OnDemand,
}

/// All of them, in the order in which their files are written and named.
const WRITERS: [Writer; 16] = [
    Writer {
        name: "settings",
        format_version: None,
        files: &[file_names::SETTINGS],
        writing: Writing::ByTheRun,
    },
    Writer {
        name: "bodies",
        format_version: Some(raw::SCHEMA_VERSION),
        files: &[file_names::RAW],
        writing: Writing::ByTheRun,
    },
    Writer {
        name: "preview of requests",
        format_version: None,
        files: &[file_names::AIPERF_INPUTS],
        writing: Writing::ByTheRun,
    },
    Writer {
        name: "requests",
        format_version: None,
        files: &[
            file_names::REQUESTS,
            file_names::OWN_REQUESTS,
            file_names::WARMUP_REQUESTS,
            file_names::SERVER_METRICS_LINES,
        ],
        writing: Writing::WithTheJournal,
    },
    Writer {
        name: "telemetry",
        format_version: None,
        files: &[file_names::GPU_READINGS, file_names::NETWORK_PROBES],
        writing: Writing::WithTheJournal,
    },
    Writer {
        name: "sessions",
        format_version: None,
        files: &[file_names::SESSIONS],
        writing: Writing::AtTheEnd(write_sessions),
    },
    Writer {
        name: "generated texts",
        format_version: Some(outputs::SCHEMA_VERSION),
        files: &[file_names::OUTPUTS],
        writing: Writing::AtTheEnd(write_outputs),
    },
    Writer {
        name: "server metrics",
        format_version: Some(server_metrics::SCHEMA_VERSION),
        files: &[file_names::SERVER_METRICS, file_names::SERVER_METRICS_TABLE],
        writing: Writing::AtTheEnd(write_server_metrics),
    },
    Writer {
        name: "summary",
        format_version: Some(json::SCHEMA_VERSION),
        files: &[file_names::SUMMARY, file_names::SUMMARY_TABLE],
        writing: Writing::AtTheEnd(write_summary),
    },
    Writer {
        name: "slices",
        format_version: Some(slices::SCHEMA_VERSION),
        files: &[file_names::SLICES, file_names::SLICES_TABLE],
        writing: Writing::AtTheEnd(write_slices),
    },
    Writer {
        name: "files of other tools",
        format_version: None,
        files: &[
            file_names::AIPERF,
            file_names::AIPERF_TABLE,
            file_names::AIPERF_TIMESLICES,
            file_names::AIPERF_TIMESLICES_TABLE,
            file_names::VLLM,
            file_names::GUIDELLM,
        ],
        writing: Writing::AtTheEnd(write_other_tools),
    },
    Writer {
        name: "Markdown",
        format_version: None,
        files: &[file_names::MARKDOWN],
        writing: Writing::AtTheEnd(write_markdown),
    },
    Writer {
        name: "page",
        format_version: None,
        files: &[file_names::PAGE],
        writing: Writing::AtTheEnd(write_page),
    },
    Writer {
        name: "console",
        format_version: None,
        files: &[file_names::CONSOLE],
        writing: Writing::AtTheEnd(write_console),
    },
    Writer {
        name: "manifest",
        format_version: Some(manifest::SCHEMA_VERSION),
        files: &[file_names::MANIFEST],
        writing: Writing::AtTheEnd(write_manifest),
    },
    Writer {
        name: "exports",
        format_version: None,
        files: &[file_names::PARQUET, file_names::CHROME_TRACE],
        writing: Writing::OnDemand,
    },
];

/// Names of all files that a report may consist of.
pub(crate) fn possible_files() -> impl Iterator<Item = &'static str> {
    WRITERS.iter().flat_map(|writer| writer.files).copied()
}

/// Names of all files that the report of an earlier run in a folder may consist of, if it was asked for other names.
pub(crate) fn prefixed_files(dir: &Path) -> Vec<String> {
    let Ok(mut reader) = Reader::open(dir) else { return Vec::new() };
    match reader.begin() {
        Beginning::Header(header) if header.settings.exports.prefix.is_some() => {
            let exports: &Exports = &header.settings.exports;
            possible_files().map(|name| exports.file_name(name).into_owned()).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a file of the run in a folder is that has this name without a prefix: under that, or under the name that the run was asked for.
pub(crate) fn file_in(dir: &Path, name: &'static str) -> PathBuf {
    let usual = dir.join(name);
    let place = possible_files().position(|known| known == name);
    let other = || prefixed_files(dir).into_iter().nth(place?).map(|name| dir.join(name));
    if usual.exists() { usual } else { other().unwrap_or(usual) }
}

/// The file with a line for each profiled request of the run in a folder, by prony's definitions.
pub(crate) fn requests_in(dir: &Path) -> PathBuf {
    let own = dir.join(file_names::OWN_REQUESTS);
    if own.exists() { own } else { file_in(dir, file_names::REQUESTS) }
}

/// Names of those that are there whenever a report was made, if there was something to say.
fn usual_files() -> impl Iterator<Item = &'static str> {
    let usual = WRITERS.iter().filter(|writer| !matches!(writer.writing, Writing::OnDemand));
    usual.flat_map(|writer| writer.files).copied()
}

/// Writes what is written when everything is known. The report lists the files that are there then.
pub(super) fn write_all(collected: &mut Collected, screen: Screen, files: &mut Files<'_>) {
    for Writer { name, format_version, writing, .. } in &WRITERS {
        if let Writing::AtTheEnd(write) = writing {
            tracing::debug!(writer = name, format_version, "a part of the report is written");
            write(collected, screen, files);
        }
    }
    let written = files.written();
    collected.report.files.retain(|file| written.contains(file) || file.ends_with(journal::FILE_NAME));
}

fn write_sessions(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    if !collected.report.sessions.is_empty() {
        write(files, file_names::SESSIONS, |out| sessions::write(&collected.report, out));
    }
}

fn write_outputs(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    if let Some(outputs) = &mut collected.outputs {
        write(files, file_names::OUTPUTS, |out| outputs.write(out));
    }
}

fn write_server_metrics(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    let Some(metrics) = &collected.server_metrics else { return };
    if files.exports().has_server_metrics(ServerMetricsFormat::Json) {
        write(files, file_names::SERVER_METRICS, |out| metrics.write_json(out));
    }
    if files.exports().has_server_metrics(ServerMetricsFormat::Csv) {
        write(files, file_names::SERVER_METRICS_TABLE, |out| server_metrics_csv::write(metrics, out));
    }
}

fn write_summary(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    write(files, file_names::SUMMARY, |out| json::write(&collected.report, out));
    write(files, file_names::SUMMARY_TABLE, |out| csv::write(&collected.report, out));
}

fn write_slices(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    if let Some(all) = &collected.slices {
        write(files, file_names::SLICES, |out| slices::write_json(all, &collected.report, out));
        write(files, file_names::SLICES_TABLE, |out| slices::write_csv(all, &collected.report, out));
    }
}

fn write_other_tools(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    other_tools::write(&mut collected.tools, &collected.report, files);
}

fn write_markdown(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    write(files, file_names::MARKDOWN, |out| markdown::write(&collected.report, out));
}

fn write_page(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    let Collected { report, page, .. } = &*collected;
    write(files, file_names::PAGE, |out| page::write(report, page, json::start_time(report), out));
}

/// The table lists the files, itself and what they are made from among them.
fn write_console(collected: &mut Collected, screen: Screen, files: &mut Files<'_>) {
    let console = files.name(file_names::CONSOLE);
    let ends = [&console, file_names::MANIFEST, journal::FILE_NAME].map(|name| files.dir().join(name));
    collected.report.files = files.written().iter().cloned().chain(ends).collect();
    let table = console::render(&collected.report, screen);
    write(files, file_names::CONSOLE, |out| out.write_all(table.as_bytes()));
}

/// It has the SHA-256 of all other files, and is written last.
fn write_manifest(collected: &mut Collected, _: Screen, files: &mut Files<'_>) {
    let report = &collected.report;
    let of_report = usual_files().filter(|name| *name != file_names::MANIFEST);
    let of_run = of_report
        .chain([journal::FILE_NAME, journal::TEXTS_FILE_NAME])
        .map(|name| (files.name(name), schema_of(name, files.exports())));
    // What commands around the run have said.
    let said = report.marks.iter().filter_map(|mark| mark.output.clone()).map(|name| (name, None));
    let candidate = |(name, schema): (String, _)| Candidate { hashed: files.hash_of(&name), name, schema };
    let candidates: Vec<Candidate> = of_run.chain(said).map(candidate).collect();
    let dir = files.dir().to_owned();
    write(files, file_names::MANIFEST, |out| out.write_all(&manifest::of_run(report, &dir, &candidates)?));
}

/// The schema of the file that has this name without a prefix.
fn schema_of(name: &str, exports: &Exports) -> Option<&'static Schema> {
    let is_aiperfs = name == file_names::REQUESTS && exports.has(Compat::Aiperf);
    schemas::of_file(name).filter(|_| !is_aiperfs)
}

fn write(files: &mut Files<'_>, name: &str, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let name = files.name(name);
    files.write_whole(&name, content);
}
