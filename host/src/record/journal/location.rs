//! Where a journal is that has been written: others may move or remove a file under a run that has it open.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::FILE_NAME;
use crate::explain::Explain;

/// A journal, by its file and not by its name.
#[derive(Debug)]
pub(crate) struct JournalLocation {
    file: File,
    dir: PathBuf,
}

/// What has become of a journal that is not where it was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Misplaced {
    /// It has another name.
    #[error("the journal `{}` was moved while the run was going", .from.display())]
    Moved {
        from: PathBuf,
        /// Where it is now, where the system tells.
        to: Option<PathBuf>,
    },
    /// It had no name any more, and has been written again.
    #[error("the journal `{}` was removed while the run was going", .from.display())]
    Removed {
        from: PathBuf,
        /// The folder that it is in now.
        dir: PathBuf,
    },
    /// It has no name any more, and cannot be written again.
    #[error("the journal `{}` was removed while the run was going, and cannot be written again", .from.display())]
    Lost { from: PathBuf, source: io::Error },
}

impl Explain for Misplaced {
    fn is_statement(&self) -> bool {
        true
    }

    fn hint(&self) -> String {
        match self {
            Self::Moved { to: Some(to), .. } if to.file_name().is_none_or(|name| name != FILE_NAME) => {
                format!(
                    "its records are in `{}`: rename it to `{FILE_NAME}`, in a folder without another one, and \
                     `prony report DIR` reports on them",
                    to.display()
                )
            }
            Self::Moved { to: Some(to), .. } => {
                format!("its records are in `{0}`: `prony report {0}` reports on them", to.display())
            }
            Self::Moved { to: None, .. } => "find it: `prony report DIR` reports on its records".to_owned(),
            Self::Removed { dir, .. } => {
                format!("its records were saved: `prony report {}` reports on them", dir.display())
            }
            Self::Lost { .. } => "its records are lost: leave the folder of a run alone".to_owned(),
        }
    }
}

impl JournalLocation {
    /// That of a journal in a run's folder.
    pub(super) fn new(file: File, dir: &Path) -> Self {
        Self { file, dir: dir.to_owned() }
    }

    /// Looks whether the journal is where it was made. One that was removed is saved.
    pub(crate) fn misplaced(&self) -> Option<Misplaced> {
        let from = self.dir.join(FILE_NAME);
        let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        let own = self.file.metadata().ok()?;
        let is_own = |path: &Path| fs::metadata(path).is_ok_and(|there| identity(&there) == identity(&own));
        if is_own(&from) {
            return None;
        }
        if own.nlink() > 0 {
            // Of a file with several names, the system may tell one that was removed.
            return Some(Misplaced::Moved { from, to: name_of(&self.file).filter(|to| is_own(to)) });
        }
        Some(match self.save(&from) {
            Ok(dir) => Misplaced::Removed { from, dir },
            Err(source) => Misplaced::Lost { from, source },
        })
    }

    /// Writes a copy to where the journal was, or beside that if something else is there. Returns its folder.
    fn save(&self, from: &Path) -> io::Result<PathBuf> {
        let is_taken = fs::symlink_metadata(from).is_ok();
        let dir = if is_taken { self.dir.join("recovered") } else { self.dir.clone() };
        fs::create_dir_all(&dir)?;
        let mut copy = File::create_new(dir.join(FILE_NAME))?;
        io::copy(&mut At { file: &self.file, offset: 0 }, &mut copy)?;
        Ok(dir)
    }
}

/// Reads from the beginning, wherever the writer is.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = std::os::unix::fs::FileExt::read_at(self.file, buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// The name of an open file; none where the system does not tell.
fn name_of(file: &File) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok().filter(|name| name.is_absolute())
}
