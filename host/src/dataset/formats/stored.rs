//! Files that can be read again, from any place: what comes through a pipe is copied once, to a temporary file without a name,
//! which goes away with the process whatever ends it. So is what is packed and large, unpacked.

use std::{
    fs::File,
    io::{IsTerminal, Read, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, FileTypeExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    FileError,
    input::Input,
    lines::Opened,
    media::{MediaFiles, NamedFile},
};
use crate::{bounded::MEGABYTE, lockfile::Sum};

/// The path that means standard input.
const STDIN: &str = "-";

/// A file larger than this is not kept in memory as a whole.
const LARGE_BYTES: u64 = 32 << 20;

/// A packed file smaller than this is hardly large.
const LARGE_PACKED_BYTES: u64 = 4 << 20;

/// Most that is copied, in megabytes: a pipe may have no end.
const MOST_MEGABYTES: u64 = 64_000;

/// An input file as the user names it, which may be a pipe.
#[derive(Debug)]
pub(in crate::dataset) struct StoredFile {
    path: PathBuf,
    /// Its content, if it can be read only once, or must not change.
    copy: Option<File>,
    /// Whether it was copied although it can be read again.
    is_sealed: bool,
    /// How many rows of it were asked for.
    pub(in crate::dataset) wanted: Option<usize>,
    /// Bytes of a file that is just not large, unpacked and packed.
    small: (u64, u64),
    /// Files that its rows have named.
    media: Arc<MediaFiles>,
}

impl StoredFile {
    /// Makes sure that a file can be read more than once. A file is not opened yet.
    ///
    /// # Errors
    /// It is a pipe that cannot be read or copied, or that nothing comes through.
    pub(in crate::dataset) fn of(path: &Path) -> Result<Self, FileError> {
        let copy = if path == Path::new(STDIN) {
            let stdin = std::io::stdin().lock();
            if stdin.is_terminal() {
                return Err(FileError::Terminal);
            }
            Some(copied(path, stdin)?)
        } else if path.metadata().is_ok_and(|about| about.file_type().is_fifo()) {
            let unreadable = |source| FileError::Unreadable { path: path.into(), source };
            Some(copied(path, File::open(path).map_err(unreadable)?)?)
        } else {
            None
        };
        let is_empty = |copy: &File| copy.metadata().is_ok_and(|about| about.len() == 0);
        if copy.as_ref().is_some_and(is_empty) && path == Path::new(STDIN) {
            return Err(FileError::NothingPiped);
        }
        let media = Arc::new(MediaFiles::of(path, None));
        let small = (LARGE_BYTES, LARGE_PACKED_BYTES);
        Ok(Self { path: path.into(), copy, is_sealed: false, wanted: None, small, media })
    }

    /// The same, whose content nobody can change any more: a file is copied. A folder is none.
    ///
    /// # Errors
    /// It cannot be read or copied.
    pub(in crate::dataset) fn sealed(self) -> Result<Self, FileError> {
        if self.copy.is_some() || self.path.is_dir() {
            return Ok(self);
        }
        let file = File::open(&self.path);
        let file = file.map_err(|source| FileError::Unreadable { path: self.path.clone(), source })?;
        let copy = Some(copied(&self.path, file)?);
        Ok(Self { copy, is_sealed: true, ..self })
    }

    /// Whether it is a file that was copied so that nobody can change it.
    pub(in crate::dataset) fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// The SHA-256 of its content, if that was copied.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub(in crate::dataset) fn sum(&self) -> Result<Option<Sum>, FileError> {
        if self.copy.is_none() {
            return Ok(None);
        }
        let sum = self.input(None).bytes().and_then(|mut bytes| Sum::of_reader(&mut bytes));
        sum.map(Some).map_err(|source| FileError::Unreadable { path: self.path.clone(), source })
    }

    /// The same, whose rows name files that are in this folder, if it is one.
    pub(in crate::dataset) fn with_media_in(self, folder: Option<&Path>) -> Self {
        let media = Arc::new(MediaFiles::of(&self.path, folder));
        Self { media, ..self }
    }

    /// The files that its rows have named so far, each once, under the names by which [`StoredFile::with_media_in`] finds them.
    pub(in crate::dataset) fn media(&self) -> Vec<NamedFile> {
        self.media.all()
    }

    /// What rows have called files so far, and the SHA-256 of what was in them.
    pub(in crate::dataset) fn media_as_called(&self) -> Vec<(PathBuf, Sum)> {
        self.media.as_called()
    }

    /// The same, whose content is large however little it is.
    #[cfg(test)]
    pub(in crate::dataset) fn made_large(self) -> Self {
        Self { small: (0, 0), ..self }
    }

    /// The file, of which at most so many rows are wanted.
    pub(in crate::dataset) fn input(&self, most: Option<usize>) -> Input<'_> {
        let input = match &self.copy {
            Some(copy) => Input::copied(&self.path, copy, most),
            None => Input::new(&self.path, most),
        };
        input.with_media(&self.media)
    }

    /// Where another process finds what came through a pipe, as long as this one has it open.
    pub(in crate::dataset) fn copy_path(&self) -> Option<PathBuf> {
        let copy = self.copy.as_ref()?.as_raw_fd();
        Some(format!("/proc/{}/fd/{copy}", std::process::id()).into())
    }

    /// Its text, if that is large.
    pub(super) fn large(&self) -> Result<Option<TextFile>, FileError> {
        let unreadable = |source| FileError::Unreadable { path: self.path.clone(), source };
        let file = match &self.copy {
            Some(copy) => copy.try_clone(),
            None => File::open(&self.path),
        };
        let mut file = file.map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() || about.len() <= self.small.1 {
            return Ok(None);
        }
        let opened = Opened::open(&self.input(None))?;
        if opened.is_packed() {
            file = copied(&self.path, opened)?;
        }
        let bytes = file.metadata().map_err(unreadable)?.len();
        let media = Arc::clone(&self.media);
        Ok((bytes > self.small.0).then_some(TextFile { file, bytes, media }))
    }
}

/// A large text, of which any part can be read.
#[derive(Debug)]
pub(super) struct TextFile {
    file: File,
    pub(super) bytes: u64,
    /// Files that its rows have named.
    pub(super) media: Arc<MediaFiles>,
}

impl TextFile {
    /// Fills the buffer with what stands there; less of it at the end of the file.
    pub(super) fn read(&self, at: u64, buffer: &mut Vec<u8>, most: usize) -> std::io::Result<()> {
        buffer.resize(most, 0);
        let mut filled = 0;
        while filled < most {
            match self.file.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(filled);
        Ok(())
    }
}

/// What can fail to be read in a way of its own.
trait Failing: Read {
    fn failed(&self, path: &Path, source: std::io::Error) -> FileError;
}

impl Failing for Opened<'_> {
    fn failed(&self, _: &Path, source: std::io::Error) -> FileError {
        self.unreadable(source)
    }
}

impl Failing for File {
    fn failed(&self, path: &Path, source: std::io::Error) -> FileError {
        FileError::Unreadable { path: path.into(), source }
    }
}

impl Failing for std::io::StdinLock<'_> {
    fn failed(&self, path: &Path, source: std::io::Error) -> FileError {
        FileError::Unreadable { path: path.into(), source }
    }
}

/// A temporary file with the same content, which has no name and goes away when it is closed.
fn copied(path: &Path, mut from: impl Failing) -> Result<File, FileError> {
    let not_copied =
        |source| FileError::NotCopied { path: path.into(), folder: std::env::temp_dir(), source };
    let mut copy = tempfile::tempfile().map_err(not_copied)?;
    let (mut buffer, mut left) = (vec![0; 1 << 18], MOST_MEGABYTES * MEGABYTE);
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(copy),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(from.failed(path, error)),
        };
        left = left.checked_sub(count as u64).ok_or_else(|| {
            let what = format!("it is larger than {MOST_MEGABYTES} MB, which is the limit");
            FileError::TooLarge { path: path.into(), what }
        })?;
        copy.write_all(&buffer[..count]).map_err(not_copied)?;
    }
}
