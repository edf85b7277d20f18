//! Reads a journal, a frame at a time or in larger pieces: the [`Reader`].

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use serde::de::DeserializeOwned;

use super::{
    FILE_NAME, JournalError, MAGIC, MAX_FRAME_BYTES, OLDER_MAGIC,
    pending::{Pending, RawRecords},
    texts::TextReader,
};
use crate::record::Frame;

/// How the payload of a frame with a record begins: a map of one entry, which is named so.
const RECORD_HEAD: &[u8] = b"\x81\xa6record";

/// The same for a record without its count, for counts, and for the end.
const UNCOUNTED_HEAD: &[u8] = b"\x81\xa9uncounted";
const COUNTED_HEAD: &[u8] = b"\x81\xa7counted";
const END_HEAD: &[u8] = b"\x81\xa3end";

/// No record is smaller in a file.
const SMALLEST_RECORD_BYTES: u64 = 160;

/// Records are decoded together up to this size.
const RAW_BYTES: usize = 128 << 10;

/// Reads frames, up to the first that is cut off or damaged.
#[derive(Debug)]
pub(crate) struct Reader<R = BufReader<File>> {
    file: R,
    /// Size of all of it, where it is known.
    bytes: u64,
    payload: Vec<u8>,
    /// Read with the records before it, and to be told after them.
    held: Option<Frame>,
    pending: Pending,
    /// The texts of uncounted records, if they are of use and there.
    texts: Option<Box<TextReader>>,
    /// The last frame has been read. Nothing after it counts.
    is_over: bool,
    damaged: bool,
}

/// What a journal is read in.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Records next to each other.
    Records(RawRecords),
    /// Something else.
    Frame(Frame),
}

impl Reader {
    /// Opens the journal of a run's folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(FILE_NAME);
        let file = File::open(&path).map_err(|source| JournalError::Open { path: path.clone(), source })?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let reader = Self::of(BufReader::with_capacity(1 << 16, file));
        reader.map(|reader| Self { bytes, ..reader }).ok_or(JournalError::NotAJournal { path })
    }

    /// Counts of records that have none can be made from the texts in the run's folder, if they are this run's.
    pub(crate) fn with_texts(&mut self, dir: &Path, run_id: &str) {
        self.texts = TextReader::open(dir, run_id).map(Box::new);
    }

    /// As many records as it can hold at most.
    pub(crate) fn most_records(&self) -> usize {
        usize::try_from(self.bytes / SMALLEST_RECORD_BYTES).unwrap_or(usize::MAX)
    }
}

impl<R: Read> Reader<R> {
    /// Reads a journal from anywhere; `None` when it is none.
    pub(crate) fn of(mut file: R) -> Option<Self> {
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).ok()?;
        [MAGIC, OLDER_MAGIC].contains(&magic).then(|| Self {
            file,
            bytes: 0,
            payload: Vec::new(),
            held: None,
            pending: Pending::default(),
            texts: None,
            is_over: false,
            damaged: false,
        })
    }

    /// Whether the journal ended in a frame that is cut off or damaged, or goes on behind its end.
    pub(crate) fn damaged(&self) -> bool {
        self.damaged
    }

    /// Reads on: what [`Iterator::next`] gives, with records in larger pieces, and with what was counted of them.
    pub(crate) fn next_piece(&mut self) -> Option<Piece> {
        let records = if self.held.is_none() { self.read_records() } else { RawRecords::default() };
        if !records.ends.is_empty() {
            return Some(Piece::Records(records));
        }
        let goes_on = self.held.as_ref().is_some_and(|frame| !matches!(frame, Frame::End(_)));
        if goes_on || self.pending.is_empty() {
            return self.held.take().map(Piece::Frame);
        }
        Some(Piece::Records(self.release()))
    }

    /// Records up to a size, or to the next frame of another kind, which is held.
    fn read_records(&mut self) -> RawRecords {
        let mut records = RawRecords::default();
        while records.payloads.len() < RAW_BYTES && !self.damaged {
            let start = records.payloads.len();
            let Some(()) = self.read_payload(&mut records.payloads) else { break };
            let payload = &records.payloads[start..];
            if payload.starts_with(RECORD_HEAD) {
                records.ends.push(records.payloads.len());
                continue;
            }
            if payload.starts_with(UNCOUNTED_HEAD) {
                self.pending.hold(payload);
                records.payloads.truncate(start);
                continue;
            }
            let is_count = payload.starts_with(COUNTED_HEAD);
            let frame = self.decode(payload);
            records.payloads.truncate(start);
            match frame {
                Some(Frame::Counted(counts)) if is_count => self.pending.counted(counts, &mut records),
                frame => {
                    self.held = frame;
                    break;
                }
            }
        }
        records
    }

    /// Records whose counts have not come.
    fn release(&mut self) -> RawRecords {
        let texts = &mut self.texts;
        self.pending.release(|number| texts.as_mut()?.find(number), RAW_BYTES)
    }

    /// Reads the next frame as something else.
    pub(super) fn next_as<T: DeserializeOwned>(&mut self) -> Option<T> {
        if self.damaged {
            return None;
        }
        let mut payload = Vec::new();
        self.read_payload(&mut payload)?;
        rmp_serde::from_slice(&payload).ok()
    }

    fn read(&mut self) -> Option<Frame> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        let frame = self.read_payload(&mut payload).and_then(|()| self.decode(&payload));
        self.payload = payload;
        frame
    }

    /// Appends the next frame's payload, checked and not decoded.
    fn read_payload(&mut self, payloads: &mut Vec<u8>) -> Option<()> {
        let mut head = [0; 8];
        match read_up_to(&mut self.file, &mut head) {
            0 => return None,
            8 if !self.is_over => {}
            _ => return self.stop(),
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3] = head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        if length > MAX_FRAME_BYTES {
            return self.stop();
        }
        // Memory grows with what is there, not with what is announced.
        let start = payloads.len();
        let read = self.file.by_ref().take(length.into()).read_to_end(payloads);
        let payload = &payloads[start..];
        if read.is_err() || payload.len() < length as usize || crc32fast::hash(payload) != crc {
            payloads.truncate(start);
            return self.stop();
        }
        self.is_over = payload.starts_with(END_HEAD);
        Some(())
    }

    fn decode(&mut self, payload: &[u8]) -> Option<Frame> {
        match rmp_serde::from_slice(payload) {
            Ok(frame) => Some(frame),
            Err(_) => self.stop(),
        }
    }

    fn stop<T>(&mut self) -> Option<T> {
        self.damaged = true;
        None
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if self.damaged { None } else { self.read() }
    }
}

/// Fills as much of `buffer` as the file has; an I/O error counts as its end.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    filled
}
