//! Where sessions are written to.

use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, Write},
    path::PathBuf,
};

use clap::Args;

use crate::{
    cli::exit::{Exit, Failure},
    dataset::Sessions,
};

/// A file, or standard output.
#[derive(Args, Debug)]
pub(super) struct OutputArgs {
    /// Write to this file, which must not exist yet [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl OutputArgs {
    pub(super) fn write(&self, sessions: &Sessions) -> Result<Exit, Failure> {
        let written = match &self.output {
            None => write(io::stdout().lock(), sessions),
            Some(path) => {
                let file = File::create_new(path).map_err(|error| {
                    let message = format!("create the file `{}`", path.display());
                    Failure::new(Exit::Usage, message)
                        .caused_by(&error)
                        .with_hint("name one that does not exist")
                })?;
                write(file, sessions)
            }
        };
        match written {
            Ok(()) => Ok(Exit::Success),
            // A reader that has gone away has seen enough.
            Err(error) if self.output.is_none() && error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
            Err(error) => Err(Failure::new(Exit::Failed, "write the sessions").caused_by(&error)),
        }
    }
}

fn write(out: impl Write, sessions: &Sessions) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    sessions.write(&mut out)?;
    out.flush()
}
