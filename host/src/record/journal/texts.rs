//! The texts of records that are not counted yet, beside the journal: `journal.texts`.
//!
//! It is written in the journal's way, a frame each: first the run's identity, then the number of a record and its [`Texts`]. Of
//! a file whose first frame is damaged nothing is used: nobody knows whose texts they are. It is emptied now and
//! then, when all of them are counted, and removed with the last one; so it outlives a run only where something of it is
//! still to be counted.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    JournalError, Writer,
    format::{MAX_FRAME_BYTES, Tag},
    frames::Frames,
};
use crate::record::Texts;

/// Name of the file in a run's folder.
pub(crate) const TEXTS_FILE_NAME: &str = "journal.texts";

/// A file that is smaller is not worth being emptied.
const WORTH_EMPTYING: usize = 1 << 20;

/// No more bytes of text are kept. What comes beyond that is counted in the run or never.
const MOST_BYTES: usize = 1 << 30;

/// Keeps texts until they are counted. A run goes on without it: a text that is not kept can only be counted in the run.
#[derive(Debug)]
pub(crate) struct TextStore {
    dir: PathBuf,
    run_id: String,
    /// Made for the first text.
    file: Option<Writer>,
    bytes: usize,
    most_bytes: usize,
    /// It takes no more until it is emptied.
    is_full: bool,
    /// It could not be written, and takes no more.
    is_broken: bool,
}

impl TextStore {
    /// That of a run in its folder. Makes no file yet.
    pub(crate) fn new(dir: &Path, run_id: &str) -> Self {
        Self {
            dir: dir.to_owned(),
            run_id: run_id.to_owned(),
            file: None,
            bytes: 0,
            most_bytes: MOST_BYTES,
            is_full: false,
            is_broken: false,
        }
    }

    /// The same up to another size.
    #[cfg(test)]
    pub(super) fn up_to(self, most_bytes: usize) -> Self {
        Self { most_bytes, ..self }
    }

    /// Keeps a text, which is safe from `kill -9` afterwards: no record may be in the journal before its text is here. One
    /// that cannot be kept is left out.
    pub(crate) fn keep(&mut self, number: u64, texts: &Texts) {
        if self.is_broken || self.is_full {
            return;
        }
        if self.bytes.saturating_add(texts.bytes()) > self.most_bytes {
            self.is_full = true;
            tracing::warn!(
                "`{TEXTS_FILE_NAME}` is full: if the run is killed, `prony report` cannot count the tokens of later responses"
            );
            return;
        }
        match self.append(number, texts) {
            Ok(()) => {}
            Err(error @ (JournalError::TooLarge { .. } | JournalError::Encode(_))) => {
                tracing::error!(%error, "a text is missing from `{TEXTS_FILE_NAME}`");
            }
            Err(error) => self.give_up(&error),
        }
    }

    fn append(&mut self, number: u64, texts: &Texts) -> Result<(), JournalError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(begin(&self.dir, &self.run_id)?),
        };
        file.append_as(Tag::TEXTS, MAX_FRAME_BYTES, &(number, texts))?;
        self.bytes += texts.bytes();
        file.flush()
    }

    /// What was written stays readable up to where it broke off; nothing behind that would be.
    fn give_up(&mut self, error: &JournalError) {
        self.is_broken = true;
        tracing::warn!(
            error = %chain(error),
            "texts are not kept any more: if the run is killed, `prony report` cannot count the tokens of later responses"
        );
    }

    /// All texts are counted, and their counts are in the journal.
    pub(crate) fn forget(&mut self) {
        let is_worth_it = !self.is_broken && (self.is_full || self.bytes >= WORTH_EMPTYING);
        let Some(file) = self.file.as_mut().filter(|_| is_worth_it) else { return };
        self.bytes = 0;
        self.is_full = false;
        let emptied =
            file.start_again().and_then(|()| file.append_as(Tag::RUN_ID, MAX_FRAME_BYTES, &self.run_id));
        if let Err(error) = emptied {
            self.give_up(&error);
        }
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
    file.append_as(Tag::RUN_ID, MAX_FRAME_BYTES, &run_id)?;
    Ok(file)
}

/// The error, and what it comes from.
fn chain(error: &JournalError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Reads texts, one at a time: all of them may be more than fits in memory.
#[derive(Debug)]
pub(super) struct TextReader {
    frames: Frames<File>,
    /// The next one, which was read and not asked for yet.
    ahead: Option<(u64, Texts)>,
}

impl TextReader {
    /// Those in a folder; `None` when there are none of this run.
    pub(super) fn open(dir: &Path, run_id: &str) -> Option<Self> {
        let file = File::open(dir.join(TEXTS_FILE_NAME)).ok()?;
        let mut texts = Self { frames: Frames::of(file)?, ahead: None };
        let of_run: String = rmp_serde::from_slice(&texts.next_payload()?).ok()?;
        let is_its = of_run == run_id;
        is_its.then_some(texts)
    }

    /// The text with this number, if it is there and whole. Numbers must be asked for in ascending order, in which they are
    /// written.
    pub(super) fn find(&mut self, number: u64) -> Option<Texts> {
        let mut found = None;
        while let Some((of, texts)) = self.ahead.take().or_else(|| self.next_texts()) {
            if of > number {
                self.ahead = Some((of, texts));
                break;
            }
            // A number stands there twice when the journal has not taken its first record: the last one counts.
            found = (of == number).then_some(texts);
        }
        found
    }

    /// The next texts; frames that hold something else are passed over.
    fn next_texts(&mut self) -> Option<(u64, Texts)> {
        loop {
            if let Ok(texts) = rmp_serde::from_slice(&self.next_payload()?) {
                return Some(texts);
            }
        }
    }

    fn next_payload(&mut self) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        self.frames.next(&mut payload)?;
        Some(payload)
    }
}
