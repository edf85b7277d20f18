//! The journal: an append-only file of [`Frame`](super::Frame)s that survives `kill -9`.
//!
//! Format: the magic `PRONYJ`, a version byte, a newline; then frames of `length: u32 LE, crc32: u32 LE, payload`, the
//! payload a MessagePack-encoded [`Frame`](super::Frame) with named fields. A reader ignores fields it does not know. A frame that
//! is cut off or damaged ends the journal: what stands before it is good.
//!
//! Records are written before their tokens are counted, as [`Frame::Uncounted`](super::Frame::Uncounted), and their texts
//! beside the journal ([`texts`]); what was counted comes later. A reader puts both together: a record appears where its
//! count stands, and those that have none at the end.
//!
//! Compatibility: version 1 had no uncounted records, and is still read. Within a version a reader reads every journal, older
//! or newer.

mod location;
mod pending;
mod reader;
mod texts;
mod writer;

use std::{io, path::PathBuf};

pub(crate) use self::{
    location::{JournalLocation, Misplaced},
    pending::{Decoded, RawRecords},
    reader::{Piece, Reader},
    texts::{TEXTS_FILE_NAME, TextStore},
    writer::Writer,
};

/// Name of the journal in a run's folder.
pub(crate) const FILE_NAME: &str = "journal.prony";

const MAGIC: [u8; 8] = *b"PRONYJ\x02\n";

/// That of journals without uncounted records.
const OLDER_MAGIC: [u8; 8] = *b"PRONYJ\x01\n";

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
    /// Somebody else has made the file shorter: what is written now would not be read.
    #[error("the journal `{}` was cut to {found} bytes while the run was going; it had {written}", .path.display())]
    Cut {
        /// Where.
        path: PathBuf,
        /// Its size now.
        found: u64,
        /// What had been written.
        written: u64,
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::record::{CountedTokens, Frame, Record, RunEnd, Texts};

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
                    let decoded = records.decode(|_| None).map(|decoded| decoded.unwrap().record);
                    frames.extend(decoded.map(|record| Frame::Record(Box::new(record))));
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

    fn counted(output: u64) -> CountedTokens {
        CountedTokens { output: Some(output), ..CountedTokens::default() }
    }

    /// Ids of the records that come out, with their output tokens.
    fn records_of(reader: &mut Reader<impl io::Read>) -> Vec<(String, Option<u64>)> {
        let mut found = Vec::new();
        while let Some(piece) = reader.next_piece() {
            let Piece::Records(records) = piece else { continue };
            let count = |texts: &Texts| Some(counted(texts.passages.len() as u64));
            let decoded = records.decode(count).map(|decoded| decoded.unwrap());
            found.extend(decoded.map(|decoded| {
                let tokens = decoded.record.counted.output;
                assert_eq!(decoded.is_counted, tokens.is_some() || decoded.record.request_id == "final");
                (decoded.record.request_id, tokens)
            }));
        }
        found
    }

    #[test]
    fn records_have_what_was_counted_later_and_the_others_are_counted_from_their_texts() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path()).unwrap();
        let record = |id: &str| Box::new(Record { request_id: id.into(), ..Record::default() });
        let frames = [
            Frame::Uncounted(record("a")),
            Frame::Uncounted(record("b")),
            Frame::Record(record("final")),
            Frame::Counted(vec![(1, counted(7))]),
            Frame::Uncounted(record("c")),
            Frame::Counted(vec![(9, counted(1))]),
            Frame::End(RunEnd::default()),
        ];
        for frame in &frames {
            writer.append(frame).unwrap();
        }
        writer.flush().unwrap();
        let mut texts = TextStore::new(dir.path(), "run");
        texts.keep(2, &Texts { passages: vec![(false, "x".into()); 3], ..Texts::default() });
        let known = |run: &str| {
            let mut reader = Reader::open(dir.path()).unwrap();
            reader.with_texts(dir.path(), run);
            records_of(&mut reader)
        };
        let expected = |c| {
            [("final", None), ("a", None), ("b", Some(7)), ("c", c)]
                .map(|(id, tokens)| (id.to_owned(), tokens))
        };
        assert_eq!(known("run"), expected(Some(3)));
        assert_eq!(known("another run"), expected(None), "these are not its texts");
    }

    #[test]
    fn nothing_counts_behind_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path()).unwrap();
        let [first, ..] = &frames()[..] else { unreachable!("there are several") };
        writer.append(&Frame::End(RunEnd::default())).unwrap();
        writer.append(first).unwrap();
        writer.flush().unwrap();
        let mut reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.by_ref().count(), 1);
        assert!(reader.damaged());
        let bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(in_pieces(&bytes), (vec![Frame::End(RunEnd::default())], true));
    }

    #[test]
    fn a_journal_of_the_version_before_is_read() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let mut bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        bytes[..MAGIC.len()].copy_from_slice(&OLDER_MAGIC);
        assert_eq!(in_pieces(&bytes), (frames(), false));
        bytes[MAGIC.len() - 2] = 3;
        assert!(Reader::of(&bytes[..]).is_none());
    }

    #[test]
    fn texts_are_forgotten_when_they_are_many_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let size = || dir.path().join(TEXTS_FILE_NAME).metadata().map_or(0, |file| file.len());
        let mut store = TextStore::new(dir.path(), "run");
        let texts = Texts { passages: vec![(false, "x".repeat(2 << 20))], ..Texts::default() };
        store.keep(0, &texts);
        assert!(size() > 2 << 20);
        store.forget();
        store.keep(1, &texts);
        assert!(size() < 4 << 20);
        assert_eq!(found(dir.path(), 0..2), [None, Some(texts)]);
        store.remove();
        assert_eq!(size(), 0);
    }

    /// The texts with these numbers.
    fn found(dir: &Path, numbers: std::ops::Range<u64>) -> Vec<Option<Texts>> {
        let mut reader = texts::TextReader::open(dir, "run").unwrap();
        numbers.map(|number| reader.find(number)).collect()
    }

    fn text(letter: &str) -> Texts {
        Texts { passages: vec![(false, letter.repeat(100))], ..Texts::default() }
    }

    #[test]
    fn texts_are_found_by_number_and_the_later_one_of_two_counts() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = TextStore::new(dir.path(), "run");
        for (number, letter) in [(1, "a"), (2, "left out"), (2, "b"), (5, "c")] {
            store.keep(number, &text(letter));
        }
        let (a, b, c) = (text("a"), text("b"), text("c"));
        assert_eq!(found(dir.path(), 0..7), [None, Some(a), Some(b), None, None, Some(c.clone()), None]);
        assert_eq!(found(dir.path(), 5..6), [Some(c)]);
    }

    #[test]
    fn a_store_that_is_full_takes_texts_again_when_it_is_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = TextStore::new(dir.path(), "run").up_to(250);
        for number in 0..4 {
            store.keep(number, &text("a"));
        }
        assert_eq!(found(dir.path(), 0..4), [Some(text("a")), Some(text("a")), None, None]);
        store.forget();
        store.keep(4, &text("b"));
        assert_eq!(found(dir.path(), 3..5), [None, Some(text("b"))]);
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
    fn a_journal_holds_no_more_records_than_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path()).unwrap();
        for _ in 0..100 {
            writer.append(&Frame::Record(Box::default())).unwrap();
        }
        writer.flush().unwrap();
        let most = Reader::open(dir.path()).unwrap().most_records();
        assert!((100..200).contains(&most), "{most}");
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
