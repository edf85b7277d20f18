//! `prony runs [DIR]` and `prony show RUN`: what was measured before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    terminal,
};
use crate::{
    config::resolve::ARTIFACTS,
    report::{
        file_names,
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

    /// Print JSON: an array of objects, the newest run first, with the keys `dir`, `run_id`, `started`, `started_ns`, `state`,
    /// `models`, `endpoint_type`, `loads`, `headline`.
    #[arg(long)]
    json: bool,
}

/// Which run.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// Folder of the run, its name in --dir, the beginning of the run's id, or `last`.
    #[arg(value_name = "RUN")]
    run: String,

    /// Folder of runs.
    #[arg(long, value_name = "DIR", default_value = ARTIFACTS)]
    dir: PathBuf,
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
    let paragraph = |run: &PastRun| {
        let lines = run.lines(lock::owner(&run.dir).is_some());
        let further = lines.iter().skip(1).map(|line| screen.paragraph("  ", line));
        let title = lines.first().cloned().into_iter();
        title.chain(further).map(|line| line + "\n").collect::<String>()
    };
    let text: Vec<String> = runs.iter().map(paragraph).collect();
    terminal::print(&text.join("\n"))?;
    Ok(Exit::Success)
}

/// Prints the table of a run as it stands in its folder.
pub(super) fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let dir = find(&args.run, &args.dir)?;
    let path = dir.join(file_names::CONSOLE);
    let text = fs::read_to_string(&path).map_err(|error| {
        let failure = Failure::new(Exit::Usage, format!("read `{}`", path.display())).caused_by(&error);
        if error.kind() == io::ErrorKind::NotFound {
            failure.with_hint(format!("`prony report {}` makes it from the journal", dir.display()))
        } else {
            failure
        }
    })?;
    terminal::print(&text)?;
    Ok(Exit::Success)
}

fn runs(dir: &Path) -> Result<Vec<PastRun>, Failure> {
    past_runs::list(dir).map_err(|error| {
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
    let mut found: Vec<PastRun> = runs(dir)?;
    if run == "last" {
        found.truncate(1);
    } else {
        found.retain(|known| !run.is_empty() && known.run_id.starts_with(run));
    }
    match found.as_slice() {
        [only] => Ok(only.dir.clone()),
        [] => Err(Failure::statement(Exit::Usage, format!("there is no run `{run}` in `{}`", dir.display()))
            .with_hint(format!("`prony runs {}` lists what there is", dir.display()))),
        several => {
            let dirs: Vec<String> = several.iter().map(|run| format!("`{}`", run.dir.display())).collect();
            Err(Failure::statement(Exit::Usage, format!("`{run}` may be one of {}", dirs.join(", ")))
                .with_hint("type more of its id, or the folder"))
        }
    }
}
