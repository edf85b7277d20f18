//! Reads a journal, a frame at a time or in larger pieces: the [`Reader`].

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::{FILE_NAME, JournalError, MAGIC, MAX_FRAME_BYTES};
use crate::record::{Frame, Record};

/// How the payload of a frame with a record begins: a map of one entry, which is named so.
const RECORD_HEAD: &[u8] = b"\x81\xa6record";

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

/// Records as they stand in a journal: checked and not decoded, which takes most of the time and can be done elsewhere.
#[derive(Debug, Default)]
pub(crate) struct RawRecords {
    payloads: Vec<u8>,
    ends: Vec<usize>,
}

impl RawRecords {
    /// Decodes them, one at a time; `None` for one that is not understood.
    pub(crate) fn decode(&self) -> impl Iterator<Item = Option<Record>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| match rmp_serde::from_slice(&self.payloads[start..*end]) {
            Ok(Frame::Record(record)) => Some(*record),
            Ok(_) | Err(_) => None,
        })
    }
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
        (magic == MAGIC).then_some(Self { file, bytes: 0, payload: Vec::new(), held: None, damaged: false })
    }

    /// Whether the journal ended in a frame that is cut off or damaged.
    pub(crate) fn damaged(&self) -> bool {
        self.damaged
    }

    /// Reads on: what [`Iterator::next`] gives, with records in larger pieces.
    pub(crate) fn next_piece(&mut self) -> Option<Piece> {
        if let Some(frame) = self.held.take() {
            return Some(Piece::Frame(frame));
        }
        let RawRecords { mut payloads, mut ends } = RawRecords::default();
        while payloads.len() < RAW_BYTES && !self.damaged {
            let start = payloads.len();
            let Some(()) = self.read_payload(&mut payloads) else { break };
            if payloads[start..].starts_with(RECORD_HEAD) {
                ends.push(payloads.len());
                continue;
            }
            self.held = self.decode(&payloads[start..]);
            payloads.truncate(start);
            break;
        }
        if ends.is_empty() {
            self.held.take().map(Piece::Frame)
        } else {
            Some(Piece::Records(RawRecords { payloads, ends }))
        }
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
            8 => {}
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
