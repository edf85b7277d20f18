//! `prony dataset convert FILE`: an input file in prony's own format.

use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, Write},
    path::PathBuf,
};

use clap::Args;

use super::file::FileArgs;
use crate::{
    cli::exit::{Exit, Failure},
    dataset,
};

/// Which file, and where to.
#[derive(Args, Debug)]
pub(super) struct ConvertArgs {
    #[command(flatten)]
    file: FileArgs,

    /// Write to this file, which must not exist yet [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the sessions.
pub(super) fn run(args: &ConvertArgs) -> Result<Exit, Failure> {
    let sessions = dataset::sessions(&args.file.file, args.file.format())?;
    let written = match &args.output {
        None => write(io::stdout().lock(), &sessions),
        Some(path) => {
            let file = File::create_new(path).map_err(|error| {
                let message = format!("create the file `{}`", path.display());
                Failure::new(Exit::Usage, message).caused_by(&error).with_hint("name one that does not exist")
            })?;
            write(file, &sessions)
        }
    };
    match written {
        Ok(()) => Ok(Exit::Success),
        // A reader that has gone away has seen enough.
        Err(error) if args.output.is_none() && error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(Failure::new(Exit::Failed, "write the sessions").caused_by(&error)),
    }
}

fn write(out: impl Write, sessions: &dataset::Sessions) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    sessions.write(&mut out)?;
    out.flush()
}
