//! `prony plugins check LIBRARY...`: whether a library does what the contract says, whatever is done to it.

mod document;
mod output;
mod seed;
mod text;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use prony_plugin_api::{
    conformance::{CASES, CaseName, OPTIONS_TAKEN, Selection, Verdict},
    testing::Recording,
};
use serde_json::Value;

use self::{output::ReportFile, seed::SeedChoice};
use crate::{
    cli::{
        exit::{Exit, Failure, HasExit},
        terminal,
    },
    explain::Explain,
    plugin::check::{CHILD_FLAG, Examination, ExamineError, Plan, Trace, examine, run_as_child},
};

/// What to check.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
#[command(after_help = "Exit codes: 0 when every library conforms, 3 when one does not, 2 when one is not \
    there, or needs other --options to be checked, or if none of the chosen cases is made with it, 1 when --report or --trace \
    cannot be written.\nWarnings count with --deny-warnings only.\nThe library runs in child processes: what crashes or blocks them is a finding.")]
pub(super) struct CheckArgs {
    /// Libraries, such as `target/release/libacme_chat.so`.
    #[arg(value_name = "LIBRARY", required_unless_present_any = ["as_child", "list"])]
    libraries: Vec<PathBuf>,
    /// Replay this recorded response: a stream, a JSON body or a raw HTTP response. Can be given several times.
    #[arg(long = "replay", value_name = "FILE")]
    recordings: Vec<PathBuf>,
    /// The library's plugins.yaml, which says how its streams are framed. Without it: the nearest one beside the library or in
    /// a folder above that names it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Options for the plugin, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    options: String,
    /// Seed of everything random. With the same one, the same is tried. `random` draws one, and prints it.
    #[arg(long, value_name = "N", default_value_t = SeedChoice::Number(Plan::default().seed))]
    seed: SeedChoice,
    /// Make only these cases: names, with `*` for any characters, or topics (`fuzz`). Can be given several times.
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    include: Vec<String>,
    /// Leave out these cases, which are named likewise. Can be given several times.
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    exclude: Vec<String>,
    /// List the cases with their names, and check nothing.
    #[arg(long, conflicts_with_all = ["json", "report", "trace"])]
    list: bool,
    /// How many corrupted events to try, and a quarter as many corrupted streams and random responses.
    #[arg(long, value_name = "N", default_value_t = Plan::default().mutations)]
    mutations: u32,
    /// How many seconds one call may take before it counts as a hang.
    #[arg(long, value_name = "SECONDS", default_value_t = Plan::default().deadline.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    deadline: u64,
    /// Do not conform when there is a warning.
    #[arg(long)]
    deny_warnings: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Also write the report as JSON into this file, to attach it to a release.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write each call into the library into this file: a line of JSON with what went in and what came out. It holds the options,
    /// and is large.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Do what the parent on standard input asks for.
    #[arg(long = CHILD_FLAG.trim_start_matches('-'), hide = true)]
    as_child: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    if args.as_child {
        let ended = run_as_child();
        return ended.map(|()| Exit::Success).map_err(|error| {
            Failure::new(Exit::Usage, "examine a library as a child")
                .caused_by(&error)
                .with_hint("this flag is for `prony plugins check` itself")
        });
    }
    let selection = selection(args)?;
    if args.list {
        terminal::print(&terminal::rows(&rows(&selection)))?;
        return Ok(Exit::Success);
    }
    let plan = plan(args, selection)?;
    let outputs: Vec<&Path> = args.report.iter().chain(&args.trace).map(PathBuf::as_path).collect();
    let inputs = args.libraries.iter().chain(&args.recordings).chain(&args.manifest);
    output::check_is_free(&outputs, &inputs.map(PathBuf::as_path).collect::<Vec<_>>())?;
    let report_file = args.report.as_deref().map(ReportFile::begin).transpose()?;
    let mut trace = args.trace.as_deref().map(output::trace).transpose()?;
    let examinations = examine_all(args, &plan, trace.as_mut())?;
    let worst = examinations.iter().map(Examination::verdict).max().unwrap_or_default();
    let report = document::report(&examinations, worst, &plan);
    if args.json {
        terminal::print(&format!("{report:#}\n"))?;
    }
    // What of the two can be written is written.
    let written = report_file.map_or(Ok(()), |file| file.write(&report));
    let traced = trace.map_or(Ok(()), Trace::finish);
    written?;
    if let (Err(error), Some(file)) = (traced, &args.trace) {
        return Err(output::unwritable(file, &error));
    }
    match worst {
        Verdict::Ok => Ok(Exit::Success),
        Verdict::Warn if !args.deny_warnings => Ok(Exit::Success),
        Verdict::Warn | Verdict::Fail => Ok(Exit::Plugin),
        Verdict::Unchecked => Err(unchecked(args, &examinations)),
    }
}

/// Checks one library after the other, and tells of each when it is done.
fn examine_all(
    args: &CheckArgs,
    plan: &Plan,
    mut trace: Option<&mut Trace>,
) -> Result<Vec<Examination>, Failure> {
    let mut examinations = Vec::new();
    for library in &args.libraries {
        let examination = examine(library.clone(), plan, trace.as_deref_mut())?;
        if !args.json {
            terminal::print(&terminal::screen().reflow(&text::text(&examination, plan)))?;
        }
        examinations.push(examination);
    }
    Ok(examinations)
}

/// Why nothing was checked of a library: its options, or the choice of cases.
fn unchecked(args: &CheckArgs, examinations: &[Examination]) -> Failure {
    let checks = examinations.iter().flat_map(|one| &one.types).flat_map(|one| &one.report.checks);
    let mut unchecked = checks.filter(|check| check.verdict == Verdict::Unchecked);
    if unchecked.any(|check| check.case == OPTIONS_TAKEN.id) {
        let what = format!("check anything: a plugin does not take the options `{}`", args.options);
        return Failure::new(Exit::Usage, what)
            .with_hint("give those that it needs with `--options`, a library at a time");
    }
    Failure::new(Exit::Usage, "check anything: the chosen cases find nothing to try with a library")
        .with_hint("choose others with `--include` and `--exclude`; `prony plugins check --list` names all")
}

/// The cases that are to be made.
///
/// # Errors
/// A pattern names no case.
fn selection(args: &CheckArgs) -> Result<Selection, Failure> {
    let selection = Selection::new(&args.include, &args.exclude);
    if let Some(pattern) = selection.unknown() {
        let message = format!("there is no case `{pattern}`");
        return Err(Failure::statement(Exit::Usage, message)
            .with_hint("`prony plugins check --list` names all, such as `fuzz/events`"));
    }
    Ok(selection)
}

/// The chosen cases: name, what it is made with, and what holds when nothing is found.
fn rows(selection: &Selection) -> Vec<Vec<String>> {
    let kind = |case: &CaseName| match (case.of_endpoints, case.of_services) {
        (true, true) => "both",
        (true, false) => "endpoint",
        (false, _) => "service",
    };
    let chosen = CASES.iter().filter(|case| selection.chooses(**case));
    chosen.map(|case| vec![case.id.to_owned(), kind(case).to_owned(), case.statement.to_owned()]).collect()
}

impl HasExit for ExamineError {
    fn exit(&self) -> Exit {
        match self {
            Self::Child(_) => Exit::Failed,
            Self::Manifest(_) | Self::NoLibrary(_) => Exit::Usage,
        }
    }
}

impl Explain for ExamineError {
    fn hint(&self) -> String {
        match self {
            Self::Child(_) => "check the limits on processes, memory and open files (`ulimit -a`)".to_owned(),
            Self::Manifest(error) => error.hint(),
            Self::NoLibrary(error) => error.hint(),
        }
    }
}

fn plan(args: &CheckArgs, selection: Selection) -> Result<Plan, Failure> {
    if !serde_json::from_str(&args.options).is_ok_and(|options: Value| options.is_object()) {
        return Err(Failure::new(
            Exit::Usage,
            format!("read `--options {}`: it is no JSON object", args.options),
        )
        .with_hint("write something like `--options '{\"region\": \"eu\"}'`"));
    }
    let recordings = args.recordings.iter().map(|file| recording(file)).collect::<Result<_, _>>()?;
    Ok(Plan {
        options: args.options.clone(),
        recordings,
        manifest: args.manifest.clone(),
        seed: args.seed.number()?,
        mutations: args.mutations,
        deadline: Duration::from_secs(args.deadline),
        selection,
    })
}

/// Name and contents of a recording that can be read.
fn recording(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let failure = || Failure::new(Exit::Usage, format!("read the recording `{}`", file.display()));
    let bytes = std::fs::read(file).map_err(|error| {
        failure().caused_by(&error).with_hint("name a file that `curl -sN … > FILE` wrote")
    })?;
    let refused = |reason: &str, hint: &str| {
        Failure::new(Exit::Usage, format!("read the recording `{}`: {reason}", file.display()))
            .with_hint(hint)
    };
    // What the manifest says changes how a recording is split, never whether it can be read.
    let read = Recording::read(&bytes)
        .map_err(|error| refused(error.message.rsplit(": ").next().unwrap_or(&error.message), &error.hint))?;
    let is_error = matches!(read, Recording::Body(status, _) if status >= 400);
    if read.is_empty() && !is_error {
        return Err(refused(
            "it is empty below its head",
            "record it again with `curl -siN`, and see whether the server sends a response",
        ));
    }
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    Ok((name, bytes))
}
