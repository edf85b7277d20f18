//! `prony report DIR`: the report of an earlier run, computed again from its journal.

use std::{
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    exit::{Exit, Failure, HasExit},
    outcome::{held, no_success},
    terminal,
};
use crate::{
    config::{
        flags::{ChoiceParser, ReportFormat},
        units,
    },
    plan::Compat,
    record::journal,
    report::{
        self, Report, ReportError, Wanted, console, json, markdown,
        messages::{self, JournalEnd},
        why_incomplete,
    },
    run::lock,
    screen::Screen,
};

/// Which run.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// Folder of the run or of the experiment, as `prony profile` named it at its end, or the journal in it.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,

    /// How the report is printed [default: text].
    #[arg(long, value_name = "FORMAT", conflicts_with = "messages")]
    #[arg(value_parser = ChoiceParser::<ReportFormat>::new())]
    format: Option<ReportFormat>,

    /// Write the files of the report, and print the folder in place of it.
    #[arg(long, short, conflicts_with = "messages")]
    quiet: bool,

    /// Write the results in the files of other tools as well: `aiperf`, `vllm`, `guidellm`; several separated by commas.
    #[arg(long, value_name = "TOOL", value_delimiter = ',', conflicts_with = "messages")]
    #[arg(value_parser = ChoiceParser::<Compat>::new())]
    pub(super) compat: Vec<Compat>,

    /// Write the results of each slice of time of this length as well, to slices.json and slices.csv.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, conflicts_with = "messages")]
    pub(super) slice_duration: Option<f64>,

    /// Print everything that services published in the run, one JSON object a line, and write no files.
    #[arg(long)]
    pub(super) messages: bool,
}

impl ReportArgs {
    /// What is wanted beside what the run was asked for.
    fn wanted(&self) -> Wanted {
        Wanted { compat: self.compat.clone(), slice_s: self.slice_duration }
    }

    /// The flag for files that only a single run has, if there is one.
    pub(super) fn of_single_runs(&self) -> Option<&'static str> {
        match (self.compat.is_empty(), self.slice_duration) {
            (false, _) => Some("--compat"),
            (true, Some(_)) => Some("--slice-duration"),
            (true, None) => None,
        }
    }

    /// What is printed.
    pub(super) fn shown(&self) -> Shown {
        Shown::of(self.format, self.quiet)
    }
}

/// Computes the report, writes its files and prints it.
pub(super) fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let dir = folder(&args.dir);
    if args.messages {
        return print_messages(dir);
    }
    if let Some(owner) = lock::owner(dir) {
        let message = format!("the run in `{}` is still going ({owner})", dir.display());
        return Err(Failure::statement(Exit::Usage, message).with_hint("report on it when it has ended"));
    }
    of_folder(dir, &args.wanted(), args.shown())
}

/// The same of the run in a folder where nothing is going on any more.
pub(super) fn of_folder(dir: &Path, wanted: &Wanted, shown: Shown) -> Result<Exit, Failure> {
    let screen = terminal::screen();
    let (report, unwritten) = report::generate(dir, wanted, screen)?;
    finish(&report, unwritten, dir, screen, shown)?;
    if report.came_to_its_end() && report.profiling.outcomes.succeeded == 0 {
        let failure = no_success(&report);
        held(failure.exit, &report);
        return Err(failure);
    }
    let exit = match why_incomplete(&report) {
        Some(why) => {
            terminal::say_why(&format!("the run is incomplete: {why}"));
            Exit::Incomplete
        }
        None => Exit::Success,
    };
    Ok(held(exit, &report))
}

/// The error about a flag for single runs and the folder of several.
pub(super) fn names_an_experiment(flag: &str, dir: &Path) -> Failure {
    let what = format!("use `{flag}` for the experiment in `{}`: it is about single runs", dir.display());
    Failure::new(Exit::Usage, what).with_hint("name the folder of one of its runs, below `runs`")
}

/// The run's folder, where its journal is named.
fn folder(path: &Path) -> &Path {
    let is_journal = path.file_name().is_some_and(|name| name == journal::FILE_NAME) && path.is_file();
    match path.parent() {
        Some(parent) if is_journal && parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) if is_journal => parent,
        _ => path,
    }
}

fn print_messages(dir: &Path) -> Result<Exit, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = messages::print(dir, &mut out)?.and_then(|end| out.flush().map(|()| end));
    match printed {
        Ok(JournalEnd::Whole) => Ok(Exit::Success),
        Ok(JournalEnd::Early) => Ok(Exit::Incomplete),
        // A reader that has gone away has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(Failure::new(Exit::Failed, "write to standard output").caused_by(&error)),
    }
}

/// What is printed of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of it, in this form.
    Printed(ReportFormat),
    /// The folder of its files.
    Folder,
    /// Nothing.
    Kept,
}

impl Shown {
    /// What a user of these flags wants to see.
    pub(super) fn of(format: Option<ReportFormat>, is_quiet: bool) -> Self {
        match format {
            None if is_quiet => Self::Folder,
            format => Self::Printed(format.unwrap_or_default()),
        }
    }
}

/// The report at the end of a run, as far as it could be written.
pub(super) fn write_at_end(dir: &Path, run_id: &str, shown: Shown) -> Result<Written, Failure> {
    let screen = terminal::screen();
    let (report, unwritten) = report::generate_at_end(dir, run_id, screen)?;
    let missing = finish(&report, unwritten, dir, screen, shown).err();
    Ok(Written { report, missing })
}

/// A report, and why not all of it is where it belongs.
pub(super) struct Written {
    pub(super) report: Report,
    pub(super) missing: Option<Failure>,
}

/// Prints the report, whatever has become of the files.
fn finish(
    report: &Report,
    unwritten: Option<ReportError>,
    dir: &Path,
    screen: Screen,
    shown: Shown,
) -> Result<(), Failure> {
    let printed = match shown {
        Shown::Printed(ReportFormat::Text) => terminal::print_report(&console::render(report, screen)),
        Shown::Printed(ReportFormat::Json) => json::render(report)
            .map_err(|error| Failure::new(Exit::Failed, "write JSON").caused_by(&error))
            .and_then(|text| terminal::print(&text)),
        Shown::Printed(ReportFormat::Markdown) => terminal::print(&markdown::render(report)),
        Shown::Folder => terminal::print(&format!("{}\n", dir.display())),
        Shown::Kept => Ok(()),
    };
    if let Some(error) = unwritten {
        return Err(error.into());
    }
    printed.map_err(|failure| failure.with_hint(format!("the results are in `{}`", dir.display())))
}

impl HasExit for ReportError {
    fn exit(&self) -> Exit {
        match self {
            Self::Journal(_) => Exit::Usage,
            Self::NoHeader { .. } => Exit::Incomplete,
            Self::Write { .. } | Self::AnotherRun { .. } => Exit::Failed,
        }
    }
}
