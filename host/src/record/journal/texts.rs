//! The texts of records that are not counted yet, beside the journal: `journal.texts`.
//!
//! It is written in the journal's way: first the run's identity, then a number and its [`Texts`] each. It is emptied now and
//! then, when all of them are counted, and removed with the last one; so it outlives a run only where something of it is
//! still to be counted.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use super::{JournalError, MAX_FRAME_BYTES, Reader, Writer};
use crate::record::Texts;

/// Name of the file in a run's folder.
pub(crate) const TEXTS_FILE_NAME: &str = "journal.texts";

/// A file that is smaller is not worth being emptied.
const WORTH_EMPTYING: usize = 1 << 20;

/// Keeps texts until they are counted.
#[derive(Debug)]
pub(crate) struct TextStore {
    dir: PathBuf,
    run_id: String,
    /// Made for the first text.
    file: Option<Writer>,
    bytes: usize,
}

impl TextStore {
    /// That of a run in its folder. Makes no file yet.
    pub(crate) fn new(dir: &Path, run_id: &str) -> Self {
        Self { dir: dir.to_owned(), run_id: run_id.to_owned(), file: None, bytes: 0 }
    }

    /// Keeps a text, which is safe from `kill -9` afterwards: no record may be in the journal before its text is here.
    ///
    /// # Errors
    /// As for the journal: after [`JournalError::TooLarge`] all is as it was.
    pub(crate) fn keep(&mut self, number: u64, texts: &Texts) -> Result<(), JournalError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(begin(&self.dir, &self.run_id)?),
        };
        file.append_within(MAX_FRAME_BYTES, &(number, texts))?;
        self.bytes += texts.bytes();
        file.flush()
    }

    /// All texts are counted, and their counts are in the journal.
    pub(crate) fn forget(&mut self) -> Result<(), JournalError> {
        let Some(file) = self.file.as_mut().filter(|_| self.bytes >= WORTH_EMPTYING) else { return Ok(()) };
        self.bytes = 0;
        file.start_again()?;
        file.append_within(MAX_FRAME_BYTES, &self.run_id)
    }

    /// Nobody needs them any more.
    pub(crate) fn remove(self) {
        if self.file.is_some() {
            // It is of no use, and does no harm.
            fs::remove_file(self.dir.join(TEXTS_FILE_NAME)).ok();
        }
    }
}

fn begin(dir: &Path, run_id: &str) -> Result<Writer, JournalError> {
    let mut file = Writer::create_named(dir, TEXTS_FILE_NAME)?;
    file.append_within(MAX_FRAME_BYTES, &run_id)?;
    Ok(file)
}

/// The texts with these numbers, as far as they are there and whole.
pub(super) fn read(dir: &Path, run_id: &str, wanted: &HashSet<u64>) -> HashMap<u64, Texts> {
    let mut found = HashMap::new();
    let Ok(file) = File::open(dir.join(TEXTS_FILE_NAME)) else { return found };
    let Some(mut reader) = Reader::of(BufReader::with_capacity(1 << 16, file)) else { return found };
    if reader.next_as::<String>().as_deref() != Some(run_id) {
        return found;
    }
    while let Some((number, texts)) = reader.next_as::<(u64, Texts)>() {
        if wanted.contains(&number) {
            found.insert(number, texts);
        }
    }
    found
}
