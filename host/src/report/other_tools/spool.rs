//! Lists that are longer than memory has room for, until the document is written that they belong into: [`Spool`].
//!
//! Other tools write a list for each thing that they know of requests, one behind the other in one document. A journal has one
//! request behind the other.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// The items of a list, as JSON, each with a comma behind it. In a file without a name, which is gone with this value.
#[derive(Debug)]
pub(super) struct Spool {
    /// Where the file is.
    dir: PathBuf,
    /// Made for the first items.
    file: Option<BufWriter<File>>,
    bytes: u64,
    /// Why there is something missing.
    error: Option<io::Error>,
}

impl Spool {
    /// Nothing yet, in the folder of the document: it takes as much room again on the same disk, and on no other.
    pub(super) fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), file: None, bytes: 0, error: None }
    }

    /// Appends items.
    pub(super) fn add(&mut self, items: &[u8]) {
        if self.error.is_none() && !items.is_empty() {
            self.error = self.try_add(items).err();
        }
    }

    fn try_add(&mut self, items: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(tempfile::tempfile_in(&self.dir)?)),
        };
        file.write_all(items)?;
        self.bytes += items.len() as u64;
        Ok(())
    }

    /// Writes the list.
    ///
    /// # Errors
    /// It cannot be written, or some of it could not be kept.
    pub(super) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(error) = self.error {
            return Err(error);
        }
        out.write_all(b"[")?;
        if let Some(file) = self.file {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            // Without the last comma.
            io::copy(&mut io::Read::take(file, self.bytes.saturating_sub(1)), out)?;
        }
        out.write_all(b"]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: &[&[u8]]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, mut out) = (Spool::of(dir.path()), Vec::new());
        for part in parts {
            spool.add(part);
        }
        spool.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn items_become_a_list() {
        assert_eq!(written(&[b"1,2,", b"", b"{\"a\":3},"]), "[1,2,{\"a\":3}]");
        assert_eq!(written(&[]), "[]");
    }

    #[test]
    fn items_that_could_not_be_kept_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::of(&dir.path().join("missing"));
        spool.add(b"1,");
        assert_eq!(spool.write(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
