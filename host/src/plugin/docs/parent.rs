//! Our side: what an endpoint shows of itself in a process of its own, where a crash costs the page and nothing else.

use std::{
    io::{self, ErrorKind},
    path::PathBuf,
    time::Duration,
};

use super::{
    super::validate::probe::LoadFailure,
    facts::Metadata,
    job::{Job, Shown},
    requests,
    subject::Subject,
};
use crate::{
    child::{
        Child, Death,
        frame::{FrameReader, FrameWriter},
    },
    explain::Explain,
};

/// What makes `prony plugins docs` the child of another one.
pub(crate) const CHILD_FLAG: &str = "--as-child";

/// How long an endpoint may take for everything.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why an endpoint cannot show what it does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowError {
    /// There is no process to be had.
    #[error("start a process for the library `{}`", .library.display())]
    NoChild { library: PathBuf, source: io::Error },
    /// The library cannot be opened.
    #[error("open the library `{}`: {}", .library.display(), .failure.text)]
    Unopened { library: PathBuf, failure: LoadFailure },
    /// The library has ended its process.
    #[error("ask the library `{}` for its requests: the process that opened it {death}", .library.display())]
    Dead { library: PathBuf, death: Death },
    /// The library does not return.
    #[error("ask the library `{}` for its requests: it did not return within {} s", .library.display(), TIMEOUT.as_secs())]
    Hung { library: PathBuf },
}

impl ShowError {
    /// Whether the library is at fault, and not the system.
    pub(crate) fn is_of_plugin(&self) -> bool {
        !matches!(self, Self::NoChild { .. })
    }
}

impl Explain for ShowError {
    fn hint(&self) -> String {
        match self {
            Self::NoChild { .. } => {
                "check the limits on processes, memory and open files (`ulimit -a`)".to_owned()
            }
            Self::Unopened { failure, .. } => failure.hint.clone(),
            Self::Dead { library, .. } | Self::Hung { library } => {
                format!("`prony plugins check {}` shows which call it is", library.display())
            }
        }
    }
}

/// Has an endpoint show what it does, made with these options: the text of a JSON object. A service shows nothing: it needs a run.
///
/// # Errors
/// There is no process to be had, or the library cannot be opened, ends its process, or does not return.
pub(crate) fn show(subject: &Subject, options: &str) -> Result<Option<Shown>, ShowError> {
    let declared = match subject.metadata() {
        Some(Metadata::Endpoint(declared)) => Some(declared),
        Some(Metadata::Service(_)) => return Ok(None),
        None if subject.is_service() => return Ok(None),
        None => None,
    };
    let job = Job {
        library: subject.library().to_owned(),
        sha256: subject.digest().hex(),
        is_pinned: subject.is_pinned(),
        type_name: subject.type_name().to_owned(),
        options: options.to_owned(),
        wanted: requests::wanted(declared),
    };
    ask(&job).map(Some)
}

fn ask(job: &Job) -> Result<Shown, ShowError> {
    let library = || job.library.clone();
    let no_child = |source| ShowError::NoChild { library: library(), source };
    // Keys of the user's must not come into a page, and nothing of this machine.
    let (mut child, socket) =
        Child::spawn_without_variables(&["plugins", "docs", CHILD_FLAG]).map_err(no_child)?;
    socket.set_read_timeout(Some(TIMEOUT)).map_err(no_child)?;
    let mut writer = FrameWriter::new(socket.try_clone().map_err(no_child)?);
    // A child that is dead already is found out when it is listened to.
    let _ = writer.write(job);
    match FrameReader::new(socket).read::<Result<Shown, LoadFailure>>() {
        Ok(Some(Ok(shown))) => Ok(shown),
        Ok(Some(Err(failure))) => Err(ShowError::Unopened { library: library(), failure }),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            child.kill();
            Err(ShowError::Hung { library: library() })
        }
        // The end of the stream in the place of a frame, or in the middle of one, or garbage.
        Ok(None) | Err(_) => {
            let death = child.end().map_err(no_child)?;
            Err(ShowError::Dead { library: library(), death })
        }
    }
}
