//! `prony runs [DIR]` and `prony show RUN`: what was measured before, by single runs, experiments and searches.

use std::{
    cmp::Reverse,
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    report::Shown,
    terminal,
};
use crate::{
    config::{
        flags::{ChoiceParser, ReportFormat},
        resolve::ARTIFACTS,
    },
    experiment::past::{self, Past},
    report::{
        file_in, file_names,
        past_runs::{self, PastRun},
    },
    run::lock,
};

/// Where to look.
#[derive(Args, Debug)]
pub(super) struct RunsArgs {
    /// Folder of runs.
    #[arg(value_name = "DIR", default_value = ARTIFACTS)]
    dir: PathBuf,

    /// Print JSON: an array of objects, the newest first. All have the keys `kind` (`run`, `experiment` or `search`), `dir`,
    /// `started`, `started_ns`. Runs have `run_id`, `state`, `models`, `endpoint_type`, `loads`, `headline`; experiments `state`,
    /// `reason`, `swept`, `cells`, `runs_per_cell`, `measured_runs`, `failed_runs`, `best`, `best_by`; searches `over`,
    /// `objectives`, `answer`, `runs`.
    #[arg(long)]
    json: bool,
}

/// Which run.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// Folder of the run, experiment or search, its name in --dir, the beginning of a run's id, or `last`.
    #[arg(value_name = "RUN")]
    run: String,

    /// Folder of runs.
    #[arg(long, value_name = "DIR", default_value = ARTIFACTS)]
    dir: PathBuf,

    /// How it is printed [default: text].
    #[arg(long, value_name = "FORMAT")]
    #[arg(value_parser = ChoiceParser::<ReportFormat>::new())]
    format: Option<ReportFormat>,
}

/// What stands in a folder.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Run(Kind<PastRun>),
    Several(Past),
}

/// A run in JSON.
#[derive(Serialize)]
struct Kind<T> {
    kind: &'static str,
    #[serde(flatten)]
    is: T,
}

impl Entry {
    fn dir(&self) -> &Path {
        match self {
            Self::Run(run) => &run.is.dir,
            Self::Several(past) => &past.dir,
        }
    }

    fn started_ns(&self) -> u64 {
        match self {
            Self::Run(run) => run.is.started_ns,
            Self::Several(past) => past.started_ns,
        }
    }

    fn has_id(&self, beginning: &str) -> bool {
        matches!(self, Self::Run(run) if run.is.run_id.starts_with(beginning))
    }

    fn lines(&self) -> Vec<String> {
        let is_going = lock::owner(self.dir()).is_some();
        match self {
            Self::Run(run) => run.is.lines(is_going),
            Self::Several(past) => past.lines(is_going),
        }
    }
}

/// Prints the runs of a folder, the newest first.
pub(super) fn list(args: &RunsArgs) -> Result<Exit, Failure> {
    let runs = runs(&args.dir)?;
    if args.json {
        let text = serde_json::to_string_pretty(&runs)
            .map_err(|error| Failure::new(Exit::Failed, "write JSON").caused_by(&error))?;
        terminal::print(&(text + "\n"))?;
        return Ok(Exit::Success);
    }
    if runs.is_empty() {
        return Err(nothing(&args.dir));
    }
    let screen = terminal::screen();
    let paragraph = |entry: &Entry| {
        let lines = entry.lines();
        let further = lines.iter().skip(1).map(|line| screen.paragraph("  ", line));
        let title = lines.first().cloned().into_iter();
        title.chain(further).map(|line| line + "\n").collect::<String>()
    };
    let text: Vec<String> = runs.iter().map(paragraph).collect();
    terminal::print(&text.join("\n"))?;
    Ok(Exit::Success)
}

/// Prints the report of a run as it stands in its folder.
pub(super) fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let dir = find(&args.run, &args.dir)?;
    let format = args.format.unwrap_or_default();
    check_has_form(&dir, Shown::Printed(format))?;
    let text = stored(&dir, format)?;
    if format == ReportFormat::Text { terminal::print_report(&text) } else { terminal::print(&text) }?;
    Ok(Exit::Success)
}

/// # Errors
/// What stands in the folder has no such form.
pub(super) fn check_has_form(dir: &Path, shown: Shown) -> Result<(), Failure> {
    if shown == Shown::Printed(ReportFormat::Markdown) && past::json_in(dir).is_some() {
        let message = format!("print `{}` as Markdown: several runs are in it", dir.display());
        let hint = "use `--format text` or `--format json`, or name the folder of one of its runs";
        return Err(Failure::new(Exit::Usage, message).with_hint(hint));
    }
    Ok(())
}

/// The report in a folder, in this form.
///
/// # Errors
/// It cannot be read.
pub(super) fn stored(dir: &Path, format: ReportFormat) -> Result<String, Failure> {
    let again = || format!("`prony report {}` makes it from the journal", dir.display());
    let (path, hint) = match format {
        ReportFormat::Text => {
            past::table_in(dir).unwrap_or_else(|| (file_in(dir, file_names::CONSOLE), again()))
        }
        ReportFormat::Json => (past::json_in(dir).unwrap_or_else(|| dir.join(file_names::SUMMARY)), again()),
        ReportFormat::Markdown => (dir.join(file_names::MARKDOWN), again()),
    };
    fs::read_to_string(&path).map_err(|error| {
        let failure = Failure::new(Exit::Usage, format!("read `{}`", path.display())).caused_by(&error);
        if error.kind() == io::ErrorKind::NotFound { failure.with_hint(hint) } else { failure }
    })
}

/// The newest first.
fn runs(dir: &Path) -> Result<Vec<Entry>, Failure> {
    let entries = || -> io::Result<Vec<Entry>> {
        let runs = past_runs::list(dir)?.into_iter().map(|is| Entry::Run(Kind { kind: "run", is }));
        let mut all: Vec<Entry> = runs.chain(past::list(dir)?.into_iter().map(Entry::Several)).collect();
        all.sort_by_key(|entry| Reverse(entry.started_ns()));
        Ok(all)
    };
    entries().map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return nothing(dir);
        }
        Failure::new(Exit::Usage, format!("read the folder `{}`", dir.display())).caused_by(&error)
    })
}

fn nothing(dir: &Path) -> Failure {
    Failure::statement(Exit::Usage, format!("there are no runs in `{}`", dir.display()))
        .with_hint("name the folder that `--artifact-dir` named, or the one above it")
}

fn find(run: &str, dir: &Path) -> Result<PathBuf, Failure> {
    let named = [PathBuf::from(run), dir.join(run)];
    if let Some(path) = named.into_iter().find(|path| path.is_dir()) {
        return Ok(path);
    }
    let mut found: Vec<Entry> = runs(dir)?;
    if run == "last" {
        found.truncate(1);
    } else {
        found.retain(|known| !run.is_empty() && known.has_id(run));
    }
    match found.as_slice() {
        [only] => Ok(only.dir().to_owned()),
        [] => Err(Failure::statement(Exit::Usage, format!("there is no run `{run}` in `{}`", dir.display()))
            .with_hint(format!("`prony runs {}` lists what there is", dir.display()))),
        several => {
            let dirs: Vec<String> = several.iter().map(|run| format!("`{}`", run.dir().display())).collect();
            Err(Failure::statement(Exit::Usage, format!("`{run}` may be one of {}", dirs.join(", ")))
                .with_hint("type more of its id, or the folder"))
        }
    }
}
