//! Files that are written while the journal is read, since they may have more lines than memory has room for.

use std::io::{self, Write};

use super::artifacts::{Artifact, Files};

/// A file with one line a request.
pub(super) enum Lines {
    /// It is not to be written.
    Unwanted,
    /// Nothing has come yet.
    Awaited(&'static str),
    /// It is being written.
    Begun(Artifact),
    /// It cannot be written.
    Lost,
}

impl Lines {
    /// A file of this name, if it is wanted, which is there where nothing comes as well.
    pub(super) fn begun(files: &mut Files<'_>, name: Option<&'static str>) -> Self {
        let mut lines = name.map_or(Self::Unwanted, Self::Awaited);
        lines.add(files, &[]);
        lines
    }

    /// Appends lines. The first ones make the file.
    pub(super) fn add(&mut self, files: &mut Files<'_>, lines: &[u8]) {
        self.fill(files, |out| out.write_all(lines));
    }

    /// Appends what a function writes.
    pub(super) fn fill(
        &mut self,
        files: &mut Files<'_>,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) {
        let begun = match std::mem::replace(self, Self::Lost) {
            Self::Unwanted => {
                *self = Self::Unwanted;
                return;
            }
            Self::Awaited(name) => {
                let name = files.name(name);
                files.attempt(|dir| Artifact::hashed(dir, &name))
            }
            Self::Begun(artifact) => Some(artifact),
            Self::Lost => None,
        };
        let filled =
            begun.and_then(|mut artifact| files.attempt(|_| artifact.fill(content).map(|()| artifact)));
        *self = filled.map_or(Self::Lost, Self::Begun);
    }

    /// Gives the file its name, if there is one.
    pub(super) fn commit(self, files: &mut Files<'_>) {
        if let Self::Begun(artifact) = self {
            files.write(|_| artifact.commit());
        }
    }
}
