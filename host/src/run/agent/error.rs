//! Why an agent cannot serve.

use std::{io, path::PathBuf};

use crate::{explain::Explain, nats::BusError};

/// Why an agent cannot serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The NATS server cannot be used.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// There is no place for what is measured.
    #[error("make the folder `{}`", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// The runtime, a thread, or the signal handlers.
    #[error("start the agent")]
    Start(#[source] io::Error),
}

impl Explain for ServeError {
    fn hint(&self) -> String {
        match self {
            Self::Bus(error) => error.hint(),
            Self::Folder { .. } => "name a folder that can be written with `--dir`".to_owned(),
            Self::Start(_) => {
                "raise the limits on processes, threads and open files (`ulimit -u`, `ulimit -n`)".to_owned()
            }
        }
    }
}
