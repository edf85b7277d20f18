//! `prony export RUN --format FORMAT`: what other programs read, made from the journal of a run.

use std::{
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    exit::{Exit, Failure, HasExit},
    terminal,
};
use crate::{
    config::{flags::ChoiceParser, units::Choice},
    experiment::is_experiment,
    explain::Explain,
    record::journal,
    report::{
        artifacts::{Artifact, WriteError},
        export::{Export, ExportFormat, Exported},
        possible_files,
    },
    run::lock,
    screen::counted,
};

/// Which run, and what is made of it.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// Folder of the run.
    #[arg(value_name = "RUN")]
    dir: PathBuf,

    /// What is made: a table of the records in Parquet, or a timeline of the sessions, which <https://ui.perfetto.dev> opens.
    #[arg(long, value_name = "FORMAT", value_parser = ChoiceParser::<ExportFormat>::new())]
    format: ExportFormat,

    /// The file; `-` is standard output [default: `records.parquet` or `trace.json` in the folder of the run].
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Choice for ExportFormat {
    const NAMES: &'static [(&'static str, Self)] =
        &[("parquet", Self::Parquet), ("chrome-trace", Self::ChromeTrace)];
    const SYNONYMS: &'static [(&'static str, Self)] = &[("perfetto", Self::ChromeTrace)];
}

impl HasExit for WriteError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Explain for WriteError {
    fn hint(&self) -> String {
        "look at the space on that disk and at its permissions, or name another file with `--output`"
            .to_owned()
    }
}

/// Writes the file, and prints where it is.
pub(super) fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    let dir = args.dir.as_path();
    check_is_run(dir)?;
    let file = args.output.clone().unwrap_or_else(|| dir.join(args.format.file_name()));
    check_is_free(&file, args.format)?;
    let export = Export::open(dir)?;
    let exported = if file.as_os_str() == "-" {
        match written(export, args.format, io::stdout()) {
            Ok(exported) => exported,
            // A reader that has gone away has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Success),
            Err(error) => {
                return Err(Failure::new(Exit::Failed, "write to standard output").caused_by(&error));
            }
        }
    } else {
        let exported = to_file(export, args.format, &file)?;
        let requests = counted(exported.requests, "request");
        terminal::print(&format!("wrote {} ({requests})\n", file.display()))?;
        exported
    };
    match exported.incomplete {
        Some(why) => {
            terminal::say_why(&format!("the run is incomplete: {why}"));
            Ok(Exit::Incomplete)
        }
        None => Ok(Exit::Success),
    }
}

/// # Errors
/// It is the folder of several runs, or of one that goes on.
fn check_is_run(dir: &Path) -> Result<(), Failure> {
    if is_experiment(dir) {
        let message = format!("export `{}`: several runs are in it", dir.display());
        return Err(Failure::new(Exit::Usage, message).with_hint("name the folder of one of them"));
    }
    if let Some(owner) = lock::owner(dir) {
        let message = format!("the run in `{}` is still going ({owner})", dir.display());
        return Err(Failure::statement(Exit::Usage, message).with_hint("export it when it has ended"));
    }
    Ok(())
}

/// # Errors
/// The file would take the place of one that a run has left.
fn check_is_free(file: &Path, format: ExportFormat) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default();
    let is_of_a_run = possible_files().chain([journal::FILE_NAME]).any(|known| name == known);
    if is_of_a_run && name != format.file_name() && file.exists() {
        let message = format!("write `{}`: a file of a run has this name", file.display());
        return Err(Failure::new(Exit::Usage, message).with_hint("name another file with `--output`"));
    }
    Ok(())
}

fn to_file(export: Export, format: ExportFormat, file: &Path) -> Result<Exported, Failure> {
    // A device or a pipe is written to; to put a file in its place would take it away from everybody.
    if fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let opened = File::options().write(true).open(file);
        return opened.and_then(|device| written(export, format, device)).map_err(|error| {
            Failure::new(Exit::Failed, format!("write `{}`", file.display())).caused_by(&error)
        });
    }
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
        let message = format!("write `{}`: that is no name of a file", file.display());
        return Err(Failure::new(Exit::Usage, message).with_hint("name another one with `--output`"));
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut artifact = Artifact::create(folder, name)?;
    let exported = artifact.make(|out| export.write(format, out))?;
    artifact.commit()?;
    Ok(exported)
}

fn written(export: Export, format: ExportFormat, out: impl Write + Send) -> io::Result<Exported> {
    export.write(format, &mut BufWriter::new(out))
}
