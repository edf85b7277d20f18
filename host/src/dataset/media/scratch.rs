//! Files for another program that are gone when this process is, whatever ends it.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

/// An empty file that another program can open by its path.
pub(super) struct Scratch {
    file: File,
    path: PathBuf,
    /// Where the system has no paths for open files without a name, the file goes with this value.
    #[expect(dead_code, reason = "it is held, that is all")]
    named: Option<TempPath>,
}

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        if path.exists() {
            return Ok(Self { file, path, named: None });
        }
        let (file, named) = NamedTempFile::new()?.into_parts();
        Ok(Self { file, path: named.to_path_buf(), named: Some(named) })
    }

    /// The same with this content.
    pub(super) fn with(bytes: &[u8]) -> io::Result<Self> {
        let mut scratch = Self::new()?;
        scratch.file.write_all(bytes)?;
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was written into it.
    ///
    /// # Errors
    /// That is nothing, more than so many bytes, or cannot be read.
    pub(super) fn read(mut self, most: u64) -> io::Result<Vec<u8>> {
        self.file.rewind()?;
        let mut bytes = Vec::new();
        self.file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        match bytes.len() as u64 {
            0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "it is empty")),
            count if count > most => Err(io::Error::new(ErrorKind::FileTooLarge, "it is too large")),
            _ => Ok(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_another_program_writes_by_the_path_is_read() {
        let scratch = Scratch::with(b"older and longer").unwrap();
        assert_eq!(fs::read(scratch.path()).unwrap(), b"older and longer");
        fs::write(scratch.path(), b"newer").unwrap();
        assert_eq!(scratch.read(5).unwrap(), b"newer");
        let kind = |scratch: Scratch| scratch.read(4).unwrap_err().kind();
        assert_eq!(kind(Scratch::with(b"newer").unwrap()), ErrorKind::FileTooLarge);
        assert_eq!(kind(Scratch::new().unwrap()), ErrorKind::UnexpectedEof);
    }
}
