//! The SHA-256 of a file, and whether it still is the file's: [`Hashed`].

use std::{
    fs::{File, Metadata},
    io,
    time::SystemTime,
};

use crate::fingerprint;

/// The SHA-256 of a file as it was, and what tells such a file from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    pub(super) sha256: [u8; 32],
    /// Its size.
    pub(super) bytes: u64,
    /// Its number in its file system; 0 on systems without such numbers.
    inode: u64,
    /// When it was written to for the last time, where that is known.
    modified: Option<SystemTime>,
}

impl Hashed {
    /// Of a file with this SHA-256 and this size, which was like `metadata` when all of it was written.
    pub(super) fn of_written((sha256, bytes): ([u8; 32], u64), metadata: &Metadata) -> Self {
        Self { sha256, bytes, inode: inode(metadata), modified: metadata.modified().ok() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Not all of it can be read.
    pub(super) fn of_file(file: &mut File) -> io::Result<Self> {
        // Asked before it is read: whatever is written to it meanwhile makes it another one.
        let metadata = file.metadata()?;
        Ok(Self::of_written(fingerprint::of(file)?, &metadata))
    }

    /// Whether a file that is like `metadata` now is this one, and nothing was written to it since. A change within the few milliseconds
    /// that the times of a file system are apart, and that leaves the size alone, is not seen.
    pub(super) fn is_of(&self, metadata: &Metadata) -> bool {
        *self == Self::of_written((self.sha256, metadata.len()), metadata)
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}
