//! `prony collect FOLDER… --into DIR`: the report of a run on several machines, from what its agents kept. With `--nats` in place of
//! the folders it is fetched from the agents that are there.

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;

use super::{
    exit::{Exit, Failure, HasExit},
    nats_access::{NatsArgs, exit_of, hide_login},
    report::{self, Shown},
    terminal,
};
use crate::{
    config::flags::{ChoiceParser, ReportFormat},
    node::agent::{Uncollected, UncollectedError, UncollectedRun},
    record::collect::{CollectError, gather},
    report::{Wanted, past_runs::timestamp},
    run::{artifact_dir, folder_error::ArtifactDirError},
    screen::{Align, Table, counted},
};

/// Which folders or which run, and where the run is put together.
#[derive(Args, Debug)]
pub(super) struct CollectArgs {
    /// Folders that agents have for the run: each holds `agent.json` and `journal.prony`. Without them, agents at a NATS server are
    /// asked.
    #[arg(value_name = "FOLDER", conflicts_with_all = ["run", "nats", "nats_token", "nats_creds"])]
    #[arg(conflicts_with_all = ["nats_tls_ca", "nats_tls_cert", "nats_tls_key"])]
    folders: Vec<PathBuf>,

    /// Folder that becomes that of the run: an empty one, or one that does not exist yet.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,

    /// Run of which agents keep something: its id, or the beginning of it. Without it, such runs are listed.
    #[arg(long, value_name = "ID", requires = "into")]
    run: Option<String>,

    /// How the report, or the list of runs, is printed [default: text].
    #[arg(long, value_name = "FORMAT")]
    #[arg(value_parser = ChoiceParser::<ReportFormat>::new())]
    format: Option<ReportFormat>,

    /// Write the files of the report, and print the folder in place of it.
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    nats: NatsArgs,
}

/// Writes the journal of the run and its report, and prints that; or lists runs.
pub(super) fn run(args: &CollectArgs) -> Result<Exit, Failure> {
    match (&args.folders[..], &args.into, &args.run) {
        ([], None, _) => list(&ask(&args.nats)?, args.format),
        ([], Some(_), None) => {
            Err(Failure::statement(Exit::Usage, "what becomes the run in `--into` is missing").with_hint(
                "name the folders of its agents, or the run with `--run`: `prony collect --nats URL` lists the runs",
            ))
        }
        ([], Some(into), Some(id)) => {
            let uncollected = ask(&args.nats)?;
            let run = find(uncollected.runs(), id)?;
            fetch(args, &uncollected, run, into)
        }
        (_, None, _) => Err(Failure::statement(Exit::Usage, "`--into` is missing")
            .with_hint("name the folder that becomes that of the run, as in `--into collected`")),
        (folders, Some(into), _) => {
            let gathered = gather(folders)?;
            let claimed = artifact_dir::claim(into, false).map_err(of_folder)?;
            gathered.write(&claimed.dir)?;
            print_report(args, &claimed.dir)
        }
    }
}

fn print_report(args: &CollectArgs, dir: &Path) -> Result<Exit, Failure> {
    report::of_folder(dir, &Wanted::default(), Shown::of(args.format, args.quiet))
}

/// Asks the agents at the NATS server what they keep.
fn ask(nats: &NatsArgs) -> Result<Uncollected, Failure> {
    let variable = |name: &str| {
        let value = env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        value.filter(|value| !value.is_empty())
    };
    let access = nats.access(&variable)?.ok_or_else(|| {
        Failure::statement(Exit::Usage, "where to collect from is missing").with_hint(
            "name the folders of agents, as in `prony collect FOLDER FOLDER --into DIR`, or the NATS server at which the agents wait, with \
             `--nats URL` or in the variable `PRONY_NATS`",
        )
    })?;
    hide_login(&access);
    Ok(Uncollected::ask(&access)?)
}

/// The run whose id begins so.
fn find<'a>(runs: &'a [UncollectedRun], id: &str) -> Result<&'a UncollectedRun, Failure> {
    let mut found = runs.iter().filter(|run| run.run_id.starts_with(id));
    let wrong = |what: String| {
        let hint = "`prony collect --nats URL` lists the runs of which agents keep something";
        Failure::new(Exit::Usage, format!("find the run `{id}`: {what}")).with_hint(hint)
    };
    match (found.next(), found.count()) {
        (None, _) => Err(wrong("no agent that is there keeps anything of it".to_owned())),
        (Some(run), 0) => Ok(run),
        (Some(_), more) => Err(wrong(format!("{} begin so", counted(more + 1, "id")))),
    }
}

/// Fetches what agents keep of the run, and makes its folder of it. Nothing of theirs stays but what becomes part of the run.
fn fetch(
    args: &CollectArgs,
    uncollected: &Uncollected,
    run: &UncollectedRun,
    into: &Path,
) -> Result<Exit, Failure> {
    let claimed = artifact_dir::claim(into, false).map_err(of_folder)?;
    let cannot = |error: std::io::Error| {
        let message = format!("make a folder in `{}`", claimed.dir.display());
        let failure = Failure::new(Exit::Failed, message).caused_by(&error);
        failure.with_hint("name a folder on a disk where you may write with `--into`")
    };
    // Beside the folder, most often on the disk that must have room for the run anyway: what an interrupt leaves is not in the way of
    // another try. Where nothing may be written there, in it.
    let temporary = |dir: &Path| tempfile::Builder::new().prefix("agents-").tempdir_in(dir);
    let whole = std::path::absolute(&claimed.dir).map_err(cannot)?;
    let beside = temporary(whole.parent().unwrap_or(&whole));
    let fetched = beside.or_else(|_| temporary(&whole)).map_err(cannot)?;
    let folders = uncollected.bring(run, fetched.path())?;
    gather(&folders)?.write(&claimed.dir)?;
    drop(fetched);
    print_report(args, &claimed.dir)
}

/// Prints the runs of which agents keep something.
fn list(uncollected: &Uncollected, format: Option<ReportFormat>) -> Result<Exit, Failure> {
    let runs = uncollected.runs();
    let text = match format {
        Some(ReportFormat::Json) => {
            serde_json::to_string_pretty(&runs.iter().map(described).collect::<Vec<_>>())
                .map_err(|error| Failure::new(Exit::Failed, "write JSON").caused_by(&error))?
        }
        _ if runs.is_empty() => "no agent that is there keeps anything of a run".to_owned(),
        _ => table(runs).lines(terminal::screen().table_width()).join("\n"),
    };
    terminal::print(&(text + "\n"))?;
    Ok(Exit::Success)
}

fn described(run: &UncollectedRun) -> serde_json::Value {
    let agents = run.agents().map(|(name, bytes)| json!({ "name": name, "bytes": bytes }));
    json!({
        "run_id": run.run_id,
        "nodes": run.nodes,
        "written": timestamp(run.written_s.saturating_mul(1_000_000_000)),
        "agents": agents.collect::<Vec<_>>(),
    })
}

fn table(runs: &[UncollectedRun]) -> Table {
    let table = Table::new().column("run", Align::Left).column("last written (UTC)", Align::Left);
    let mut table = table.column("parts", Align::Left).column("kept by", Align::Left);
    for run in runs {
        let written = timestamp(run.written_s.saturating_mul(1_000_000_000)).unwrap_or_default();
        let agents = run
            .agents()
            .map(|(name, bytes)| format!("{} ({:.1} MB)", terminal::printable(name), bytes as f64 / 1e6));
        table.row([
            terminal::printable(&run.run_id),
            written.get(..16).unwrap_or_default().replace('T', " "),
            format!("{} of {}", run.agents().len(), run.nodes),
            agents.collect::<Vec<_>>().join(", "),
        ]);
    }
    table
}

/// The error about a folder that is named with `--into`.
fn of_folder(error: ArtifactDirError) -> Failure {
    let hint = match error {
        ArtifactDirError::Io { .. } => "name a folder on a disk where you may write with `--into`",
        ArtifactDirError::Busy { .. } => "wait for the end of that run, or name another folder with `--into`",
        ArtifactDirError::HasRun(_) | ArtifactDirError::NotEmpty(_) | ArtifactDirError::NotAFolder(_) => {
            "name a folder that is empty, or does not exist yet, with `--into`"
        }
    };
    Failure::from(error).with_hint(hint)
}

impl HasExit for CollectError {
    fn exit(&self) -> Exit {
        if self.is_usage() { Exit::Usage } else { Exit::Failed }
    }
}

impl HasExit for UncollectedError {
    fn exit(&self) -> Exit {
        match self {
            Self::Bus(error) => exit_of(error),
            Self::Nobody { .. } => Exit::Unreachable,
            Self::Gone { .. } | Self::Agent(_) | Self::Note(_) => Exit::Failed,
        }
    }
}
