//! Appends to a journal: the [`Writer`].

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use uuid::Uuid;

use super::{
    FILE_NAME, JournalError, JournalLocation,
    encoded::EncodedRecords,
    format::{self, Head, MAX_FRAME_BYTES, START_BYTES, Salt, Tag},
    payload,
};
use crate::record::Frame;

/// Appends frames.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    salt: Salt,
    /// Number of the next frame.
    next: u64,
    payload: Vec<u8>,
    /// What the system has taken: the file is no shorter, unless somebody else has cut it.
    flushed: u64,
}

impl Writer {
    /// Makes a new journal in a run's folder. Never overwrites one.
    pub(crate) fn create(dir: &Path) -> Result<Self, JournalError> {
        Self::create_named(dir, FILE_NAME)
    }

    /// The same for a file that is written in the same way.
    pub(super) fn create_named(dir: &Path, name: &str) -> Result<Self, JournalError> {
        let path = dir.join(name);
        let salt = Salt(Uuid::new_v4().as_u64_pair().0);
        let create = |path: &Path| -> io::Result<File> {
            let mut file = File::options().read(true).write(true).create_new(true).open(path)?;
            file.write_all(&format::start(salt))?;
            Ok(file)
        };
        let file = create(&path).map_err(|source| JournalError::Create { path: path.clone(), source })?;
        let flushed = START_BYTES as u64;
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(Self { path, file, salt, next: 0, payload: Vec::new(), flushed })
    }

    /// Where it is, whatever becomes of its name.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub(crate) fn location(&self, dir: &Path) -> Result<JournalLocation, JournalError> {
        let file = self.file.get_ref().try_clone();
        file.map(|file| JournalLocation::new(file, dir))
            .map_err(|source| JournalError::Create { path: self.path.clone(), source })
    }

    /// Appends one frame. It is safe from `kill -9` after the next [`Writer::flush`].
    ///
    /// # Errors
    /// After [`JournalError::TooLarge`] and [`JournalError::Encode`] the journal is as it was, and more can be appended.
    pub(crate) fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        self.append_within(MAX_FRAME_BYTES, frame)
    }

    /// The same up to a size.
    pub(super) fn append_within(&mut self, largest: u32, frame: &Frame) -> Result<(), JournalError> {
        self.payload.clear();
        let tag = payload::encode(frame, &mut self.payload)?;
        self.write(tag, largest)
    }

    /// The same for anything, under a tag of its own.
    pub(super) fn append_as(
        &mut self,
        tag: Tag,
        largest: u32,
        value: &impl Serialize,
    ) -> Result<(), JournalError> {
        self.payload.clear();
        rmp_serde::encode::write_named(&mut self.payload, value)?;
        self.write(tag, largest)
    }

    /// Number of the next frame.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    /// Appends records that are encoded already, each as a frame. They are safe from `kill -9` after the next [`Writer::flush`].
    ///
    /// # Errors
    /// The disk is full, or a record is larger than any frame may be.
    pub(crate) fn append_records(&mut self, records: &EncodedRecords) -> Result<(), JournalError> {
        records.payloads().try_for_each(|payload| self.write_payload(Tag::RECORD, MAX_FRAME_BYTES, payload))
    }

    fn write(&mut self, tag: Tag, largest: u32) -> Result<(), JournalError> {
        let payload = std::mem::take(&mut self.payload);
        let written = self.write_payload(tag, largest, &payload);
        self.payload = payload;
        written
    }

    fn write_payload(&mut self, tag: Tag, largest: u32, payload: &[u8]) -> Result<(), JournalError> {
        let bytes = payload.len();
        let length = u32::try_from(bytes).ok().filter(|length| *length <= largest);
        let length = length.ok_or(JournalError::TooLarge { bytes })?;
        let head = Head { tag, number: self.next, length, payload_crc: crc32fast::hash(payload) };
        self.next += 1;
        let written = self.file.write_all(&head.to_bytes(self.salt));
        written
            .and_then(|()| self.file.write_all(payload))
            .map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    /// Empties the file.
    pub(super) fn start_again(&mut self) -> Result<(), JournalError> {
        self.flush()?;
        let file = self.file.get_mut();
        let begin = START_BYTES as u64;
        file.set_len(begin)
            .and_then(|()| file.seek(SeekFrom::Start(begin)))
            .map_err(|source| JournalError::Write { path: self.path.clone(), source })?;
        self.flushed = begin;
        self.next = 0;
        Ok(())
    }

    /// Hands everything to the kernel.
    ///
    /// # Errors
    /// It cannot be written, or the file is shorter than what was written.
    pub(crate) fn flush(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        let found = self.file.get_ref().metadata().map_err(failed)?.len();
        if found < self.flushed {
            return Err(JournalError::Cut { path: self.path.clone(), found, written: self.flushed });
        }
        self.file.flush().map_err(failed)?;
        self.flushed = self.file.get_ref().stream_position().map_err(failed)?;
        Ok(())
    }
}
