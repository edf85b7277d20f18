//! Reads a journal, a frame at a time or in larger pieces: the [`Reader`].

use std::{fs::File, io::Read, path::Path};

use super::{
    Damage, FILE_NAME, JournalError,
    format::Tag,
    frames::{Frames, Meta},
    older,
    payload::{self, Payload},
    pending::{Pending, RawRecords},
    texts::TextReader,
};
use crate::record::{Frame, RunHeader};

/// No record is smaller in a file.
const SMALLEST_RECORD_BYTES: u64 = 160;

/// Records are decoded together up to this size.
const RAW_BYTES: usize = 128 << 10;

/// Room for records that are decoded together, with some more for the last one.
const RAW_ROOM_BYTES: usize = RAW_BYTES + RAW_BYTES / 8;

/// Reads every frame that is whole.
#[derive(Debug)]
pub(crate) struct Reader<R = File> {
    frames: Frames<R>,
    /// Size of all of it, where it is known.
    bytes: u64,
    payload: Vec<u8>,
    /// A payload that was looked at and not taken.
    ahead: Option<(Meta, Vec<u8>)>,
    /// Read with the records before it, and to be told after them.
    held: Option<Frame>,
    pending: Pending,
    /// The texts of uncounted records, if they are of use and there.
    texts: Option<Box<TextReader>>,
    of_unknown_kind: u64,
}

/// What a journal is read in.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Records next to each other.
    Records(RawRecords),
    /// Something else.
    Frame(Frame),
}

/// How a journal begins.
#[derive(Debug)]
pub(crate) enum Beginning {
    /// With its header.
    Header(Box<RunHeader>),
    /// Its header is damaged, and other frames are there.
    Lost,
    /// It says nothing of a run.
    Nothing,
}

impl Reader {
    /// Opens the journal of a run's folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(FILE_NAME);
        let file = File::open(&path).map_err(|source| JournalError::Open { path: path.clone(), source })?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let reader = Self::of(file);
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
    pub(crate) fn of(file: R) -> Option<Self> {
        Frames::of(file).map(|frames| Self {
            frames,
            bytes: 0,
            payload: Vec::new(),
            ahead: None,
            held: None,
            pending: Pending::default(),
            texts: None,
            of_unknown_kind: 0,
        })
    }

    /// What is missing of it, as far as it was read.
    pub(crate) fn damage(&self) -> &Damage {
        self.frames.damage()
    }

    /// Frames that were skipped, since only newer versions know what they are.
    pub(crate) fn of_unknown_kind(&self) -> u64 {
        self.of_unknown_kind
    }

    /// Reads the header, which comes first. What comes instead is left to be read.
    pub(crate) fn begin(&mut self) -> Beginning {
        let mut payload = Vec::new();
        while let Some(meta) = self.frames.next(&mut payload) {
            if meta.tag != Tag::HEADER {
                self.ahead = Some((meta, payload));
                let is_lost = !self.frames.are_older() && self.damage().is_any();
                return if is_lost { Beginning::Lost } else { Beginning::Nothing };
            }
            if let Some(Frame::Header(header)) = self.decode(meta, &payload) {
                return Beginning::Header(header);
            }
            payload.clear();
        }
        Beginning::Nothing
    }

    /// Reads on: what [`Iterator::next`] gives, with records in larger pieces, and with what was counted of them.
    pub(crate) fn next_piece(&mut self) -> Option<Piece> {
        let records = if self.held.is_none() { self.read_records() } else { self.no_records() };
        if !records.is_empty() {
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
        let mut records = self.no_records();
        while records.payloads.len() < RAW_BYTES {
            // Where one record is, others follow nearly always. Where a frame of another kind is, there may be none.
            if !records.is_empty() {
                records.payloads.reserve(RAW_ROOM_BYTES - records.payloads.len());
            }
            let start = records.payloads.len();
            let Some(meta) = self.next_payload(&mut records.payloads) else { break };
            if meta.tag == Tag::RECORD {
                records.end_one(start + meta.head);
                continue;
            }
            let payload = &records.payloads[start..];
            if meta.tag == Tag::UNCOUNTED {
                self.pending.hold(meta.number, &payload[meta.head..]);
                records.payloads.truncate(start);
                continue;
            }
            let frame = self.decode(meta, payload);
            records.payloads.truncate(start);
            match frame {
                Some(Frame::Counted(counts)) => self.pending.counted(counts, &mut records),
                None => {}
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
        let records = self.no_records();
        let texts = &mut self.texts;
        self.pending.release(|number| texts.as_mut()?.find(number), RAW_BYTES, records)
    }

    fn no_records(&self) -> RawRecords {
        RawRecords::new(self.frames.are_older())
    }

    fn next_payload(&mut self, payloads: &mut Vec<u8>) -> Option<Meta> {
        match self.ahead.take() {
            Some((meta, payload)) => {
                payloads.extend_from_slice(&payload);
                Some(meta)
            }
            None => self.frames.next(payloads),
        }
    }

    fn decode(&mut self, meta: Meta, payload: &[u8]) -> Option<Frame> {
        let are_older = self.frames.are_older();
        let decoded = if are_older { older::decode(payload) } else { payload::decode(meta.tag, payload) };
        match decoded {
            Payload::Frame(frame) => return Some(frame),
            Payload::OfUnknownKind => self.of_unknown_kind += 1,
            Payload::NotUnderstood => self.frames.was_not_understood(),
        }
        None
    }
}

/// The frames as they stand there.
impl<R: Read> Iterator for Reader<R> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let mut payload = std::mem::take(&mut self.payload);
        let found = loop {
            payload.clear();
            let Some(meta) = self.next_payload(&mut payload) else { break None };
            if let Some(frame) = self.decode(meta, &payload) {
                break Some(frame);
            }
        };
        self.payload = payload;
        found
    }
}
