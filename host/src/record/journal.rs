//! The journal: an append-only file of [`Frame`]s that survives `kill -9`.
//!
//! Format: the magic `PRONYJ`, a version byte, a newline; then frames of `length: u32 LE, crc32: u32 LE, payload`, the
//! payload a MessagePack-encoded [`Frame`] with named fields. A reader ignores fields it does not know. A frame that
//! is cut off or damaged ends the journal: what stands before it is good.
//!
//! Compatibility: a version-1 reader reads every version-1 journal, older or newer; anything else is another version.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use super::{Frame, Record};

/// Name of the journal in a run's folder.
pub(crate) const FILE_NAME: &str = "journal.prony";

const MAGIC: [u8; 8] = *b"PRONYJ\x01\n";

/// No frame is larger: a length beyond it is damage, not data.
const MAX_FRAME_BYTES: u32 = 256 << 20;

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The file cannot be made: a missing folder, no right, no space.
    #[error("create the journal `{}`", .path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk is full, or the file is gone.
    #[error("write the journal `{}`", .path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A frame that cannot be encoded: our bug.
    #[error("encode a frame for the journal")]
    Encode(#[from] rmp_serde::encode::Error),
    /// A frame that no reader would accept. Nothing of it was written: the journal can be written further.
    #[error("write a frame of {bytes} bytes to the journal: the largest has {MAX_FRAME_BYTES}")]
    TooLarge {
        /// Size of the encoded frame.
        bytes: usize,
    },
    /// There is no journal.
    #[error("open the journal `{}`", .path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else.
    #[error("read `{}`: it is not a journal of this version", .path.display())]
    NotAJournal {
        /// Where.
        path: PathBuf,
    },
}

/// Appends frames.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    payload: Vec<u8>,
}

impl Writer {
    /// Makes a new journal in a run's folder. Never overwrites one.
    pub(crate) fn create(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(FILE_NAME);
        let create = |path: &Path| -> io::Result<File> {
            let mut file = File::options().write(true).create_new(true).open(path)?;
            file.write_all(&MAGIC)?;
            Ok(file)
        };
        let file = create(&path).map_err(|source| JournalError::Create { path: path.clone(), source })?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 16, file), payload: Vec::new() })
    }

    /// Appends one frame. It is safe from `kill -9` after the next [`Writer::flush`].
    ///
    /// # Errors
    /// After [`JournalError::TooLarge`] and [`JournalError::Encode`] the journal is as it was, and more can be appended.
    pub(crate) fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        self.append_within(MAX_FRAME_BYTES, frame)
    }

    fn append_within(&mut self, largest: u32, frame: &Frame) -> Result<(), JournalError> {
        self.payload.clear();
        rmp_serde::encode::write_named(&mut self.payload, frame)?;
        let bytes = self.payload.len();
        let length = u32::try_from(bytes).ok().filter(|length| *length <= largest);
        let length = length.ok_or(JournalError::TooLarge { bytes })?;
        let crc = crc32fast::hash(&self.payload);
        let write = |file: &mut BufWriter<File>, payload: &[u8]| -> io::Result<()> {
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&crc.to_le_bytes())?;
            file.write_all(payload)
        };
        write(&mut self.file, &self.payload)
            .map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    /// Hands everything to the kernel.
    pub(crate) fn flush(&mut self) -> Result<(), JournalError> {
        self.file.flush().map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }
}

/// How the payload of a frame with a record begins: a map of one entry, which is named so.
const RECORD_HEAD: &[u8] = b"\x81\xa6record";

/// Records are decoded together up to this size.
const RAW_BYTES: usize = 128 << 10;

/// Reads frames, up to the first that is cut off or damaged.
#[derive(Debug)]
pub(crate) struct Reader<R = BufReader<File>> {
    file: R,
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
        Self::of(BufReader::with_capacity(1 << 16, file)).ok_or(JournalError::NotAJournal { path })
    }
}

impl<R: Read> Reader<R> {
    /// Reads a journal from anywhere; `None` when it is none.
    pub(crate) fn of(mut file: R) -> Option<Self> {
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).ok()?;
        (magic == MAGIC).then_some(Self { file, payload: Vec::new(), held: None, damaged: false })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Record, RunEnd};

    fn frames() -> Vec<Frame> {
        let record =
            |id: &str| Frame::Record(Box::new(Record { request_id: id.into(), ..Record::default() }));
        let message =
            Frame::Message { service: "s".into(), message_type: "t".into(), payload: vec![0, 255, 7] };
        vec![record("a"), message, record("b"), Frame::End(RunEnd { at_ns: 9, ..RunEnd::default() })]
    }

    fn write(dir: &Path) {
        let mut writer = Writer::create(dir).unwrap();
        for frame in frames() {
            writer.append(&frame).unwrap();
        }
        writer.flush().unwrap();
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let mut reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.by_ref().collect::<Vec<_>>(), frames());
        assert!(!reader.damaged());
    }

    #[test]
    fn a_journal_cut_anywhere_gives_every_whole_frame_before_the_cut() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let whole = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        let mut last = 0;
        for cut in MAGIC.len()..whole.len() {
            std::fs::write(dir.path().join(FILE_NAME), &whole[..cut]).unwrap();
            let read: Vec<Frame> = Reader::open(dir.path()).unwrap().collect();
            assert_eq!(read, frames()[..read.len()], "cut at {cut}");
            assert!(read.len() >= last && read.len() < frames().len());
            last = read.len();
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_journal_there() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let mut bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(dir.path().join(FILE_NAME), &bytes).unwrap();
        let mut reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.by_ref().count(), frames().len() - 1);
        assert!(reader.damaged());
    }

    /// The frames, by way of the pieces.
    fn in_pieces(bytes: &[u8]) -> (Vec<Frame>, bool) {
        let mut reader = Reader::of(bytes).unwrap();
        let mut frames = Vec::new();
        while let Some(piece) = reader.next_piece() {
            match piece {
                Piece::Records(records) => {
                    frames.extend(records.decode().map(|record| Frame::Record(Box::new(record.unwrap()))));
                }
                Piece::Frame(frame) => frames.push(frame),
            }
        }
        (frames, reader.damaged())
    }

    #[test]
    fn pieces_have_the_same_frames_in_the_same_order_cut_anywhere() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let whole = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        for cut in MAGIC.len()..=whole.len() {
            let mut reader = Reader::of(&whole[..cut]).unwrap();
            let read: Vec<Frame> = reader.by_ref().collect();
            assert_eq!(in_pieces(&whole[..cut]), (read, reader.damaged()), "cut at {cut}");
        }
    }

    #[test]
    fn many_records_come_in_several_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path()).unwrap();
        let record = |session_num| {
            let model = Some("m".repeat(1000));
            Frame::Record(Box::new(Record { session_num, model, ..Record::default() }))
        };
        let frames: Vec<Frame> = (0..500).map(record).collect();
        for frame in &frames {
            writer.append(frame).unwrap();
        }
        writer.flush().unwrap();
        let bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        let mut reader = Reader::of(&bytes[..]).unwrap();
        let pieces = std::iter::from_fn(|| reader.next_piece()).count();
        assert!((4..20).contains(&pieces), "{pieces}");
        assert_eq!(in_pieces(&bytes), (frames, false));
    }

    #[test]
    fn a_frame_that_is_too_large_is_refused_and_the_journal_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path()).unwrap();
        let [first, .., last] = &frames()[..] else { unreachable!("there are several") };
        writer.append(first).unwrap();
        let large = Frame::Message { service: "s".into(), message_type: "t".into(), payload: vec![0; 1000] };
        let refused = writer.append_within(1000, &large);
        assert!(matches!(refused, Err(JournalError::TooLarge { bytes: 1001.. })), "{refused:?}");
        writer.append(last).unwrap();
        writer.flush().unwrap();
        let mut reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.by_ref().collect::<Vec<_>>(), [first.clone(), last.clone()]);
        assert!(!reader.damaged());
    }

    #[test]
    fn a_journal_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        assert!(matches!(Writer::create(dir.path()), Err(JournalError::Create { .. })));
    }

    #[test]
    fn another_file_is_not_a_journal() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), "hello").unwrap();
        assert!(matches!(Reader::open(dir.path()), Err(JournalError::NotAJournal { .. })));
    }
}
