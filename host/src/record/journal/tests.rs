//! Journals in a folder, written and read.

use std::{io::Read, path::Path};

use super::{
    format::{HEAD_BYTES, Head, MARKER, OLDER_MAGICS, START_BYTES, Salt, Tag},
    *,
};
use crate::record::{CountedTokens, Frame, Mark, NodeFacts, NodeLoss, Record, RunEnd, Texts};

fn frames() -> Vec<Frame> {
    let record = |id: &str| Frame::Record(Box::new(Record { request_id: id.into(), ..Record::default() }));
    let message = Frame::Message { service: "s".into(), message_type: "t".into(), payload: vec![0, 255, 7] };
    vec![record("a"), message, record("b"), Frame::End(RunEnd { at_ns: 9, ..RunEnd::default() })]
}

/// A journal of version 1 or 2.
fn older(magic: [u8; 8], frames: &[Frame]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    for frame in frames {
        let payload = rmp_serde::to_vec_named(frame).unwrap();
        bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
        bytes.extend(crc32fast::hash(&payload).to_le_bytes());
        bytes.extend(payload);
    }
    bytes
}

/// A journal of this version, and where each of its frames begins.
fn written(frames: &[Frame]) -> (Vec<u8>, Vec<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path()).unwrap();
    let size = || usize::try_from(dir.path().join(FILE_NAME).metadata().unwrap().len()).unwrap();
    let mut starts = Vec::new();
    for frame in frames {
        starts.push(size());
        writer.append(frame).unwrap();
        writer.flush().unwrap();
    }
    (std::fs::read(dir.path().join(FILE_NAME)).unwrap(), starts)
}

fn write(dir: &Path) {
    let mut writer = Writer::create(dir).unwrap();
    for frame in frames() {
        writer.append(&frame).unwrap();
    }
    writer.flush().unwrap();
}

#[test]
fn a_mark_is_read_as_it_was_written() {
    let mark = Mark { name: "before_run".into(), end_ns: 5, exit_code: Some(3), ..Mark::default() };
    let (bytes, _) = written(&[Frame::Mark(mark.clone())]);
    assert_eq!(Reader::of(&bytes[..]).unwrap().next(), Some(Frame::Mark(mark)));
}

#[test]
fn what_is_known_of_a_node_is_read_as_it_was_written_and_older_versions_pass_it_over() {
    let lost = Some(NodeLoss { at_ns: 7, reason: "killed".into(), by_signal: true });
    let facts = NodeFacts { node: 2, name: "c".into(), workers: 4, lost, ..NodeFacts::default() };
    let node = Frame::Node(Box::new(facts));
    let (bytes, _) = written(&[node.clone(), frames()[0].clone()]);
    assert_eq!(Reader::of(&bytes[..]).unwrap().collect::<Vec<_>>(), [node.clone(), frames()[0].clone()]);
    // To a version that does not know nodes, their tag is one like this.
    let (tag, _) = encoded(&node).unwrap();
    assert!(matches!(payload::decode(Tag(tag + 1000), &[]), payload::Payload::OfUnknownKind));
}

#[test]
fn records_that_were_encoded_before_are_read_as_others_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path()).unwrap();
    let record = |id: &str| Record { request_id: id.into(), ..Record::default() };
    let mut ready = EncodedRecords::default();
    ready.push(&record("a")).unwrap();
    ready.push(&Record { node: 3, ..record("b") }).unwrap();
    writer.append_records(&ready).unwrap();
    writer.flush().unwrap();
    let found: Vec<Frame> = Reader::open(dir.path()).unwrap().collect();
    let expected = [record("a"), Record { node: 3, ..record("b") }];
    assert_eq!(found, expected.map(|record| Frame::Record(Box::new(record))));
    assert_eq!((ready.len(), writer.next_number()), (2, 2));
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.by_ref().collect::<Vec<_>>(), frames());
    assert!(!reader.damage().is_any());
}

#[test]
fn a_journal_cut_anywhere_gives_every_whole_frame_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let whole = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
    let mut last = 0;
    for cut in START_BYTES..whole.len() {
        std::fs::write(dir.path().join(FILE_NAME), &whole[..cut]).unwrap();
        let read: Vec<Frame> = Reader::open(dir.path()).unwrap().collect();
        assert_eq!(read, frames()[..read.len()], "cut at {cut}");
        assert!(read.len() >= last && read.len() < frames().len());
        last = read.len();
    }
}

#[test]
fn a_flipped_bit_costs_the_frame_that_it_is_in() {
    let (whole, starts) = written(&frames());
    for at in START_BYTES..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let lost = starts.iter().rposition(|start| *start <= at).unwrap();
        let mut left = frames();
        left.remove(lost);
        let size = starts.get(lost + 1).unwrap_or(&whole.len()) - starts[lost];
        let (read, damage) = in_pieces(&bytes);
        assert_eq!(read, left, "byte {at}");
        let is_last_head = lost == starts.len() - 1 && at < starts[lost] + HEAD_BYTES;
        let expected =
            Damage { frames: 1, bytes: size as u64, has_lost_end: is_last_head, ..Damage::default() };
        assert_eq!(damage, expected, "byte {at}");
    }
}

#[test]
fn the_salt_stands_there_twice() {
    let (whole, _) = written(&frames());
    for at in 8..START_BYTES {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert_eq!(in_pieces(&bytes), (frames(), Damage::default()), "byte {at}");
    }
}

#[test]
fn frames_that_were_cut_out_are_counted_and_copies_do_not_count() {
    let (whole, starts) = written(&frames());
    let without = [&whole[..starts[1]], &whole[starts[3]..]].concat();
    let [first, .., last] = &frames()[..] else { unreachable!("there are several") };
    let missing = Damage { frames: 2, ..Damage::default() };
    assert_eq!(in_pieces(&without), (vec![first.clone(), last.clone()], missing));
    let twice = [&whole[..starts[3]], &whole[starts[1]..]].concat();
    let copies = Damage { bytes: (starts[3] - starts[1]) as u64, ..Damage::default() };
    assert_eq!(in_pieces(&twice), (frames(), copies));
}

#[test]
fn what_a_payload_holds_is_no_head() {
    let fake = Head { tag: Tag::END, number: 1, length: 200 << 20, payload_crc: 0 };
    let payload = [fake.to_bytes(Salt(0)), fake.to_bytes(Salt(1))].concat();
    let message = Frame::Message { service: "s".into(), message_type: "t".into(), payload };
    let [first, .., last] = &frames()[..] else { unreachable!("there are several") };
    let (mut bytes, starts) = written(&[message, first.clone(), last.clone()]);
    bytes[starts[0]] ^= 1;
    assert_eq!(in_pieces(&bytes).0, [first.clone(), last.clone()]);
}

#[test]
fn a_file_of_heads_is_read_once() {
    let mut bytes = format::start(Salt(7)).to_vec();
    for number in 0..20_000 {
        let head = Head { tag: Tag::RECORD, number, length: 1 << 10, payload_crc: 1 };
        bytes.extend(head.to_bytes(Salt(7)));
        bytes.extend(MARKER);
    }
    let (frames, damage) = in_pieces(&bytes);
    assert_eq!((frames.len(), damage.bytes), (0, (bytes.len() - START_BYTES) as u64));
    bytes[8..START_BYTES].fill(0);
    let (frames, damage) = in_pieces(&bytes);
    assert_eq!((frames.len(), damage.bytes, damage.frames), (0, (bytes.len() - START_BYTES) as u64, 1));
}

#[test]
fn frames_of_a_newer_version_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path()).unwrap();
    for frame in frames() {
        writer.append_as(Tag(999), 1000, &"new").unwrap();
        writer.append(&frame).unwrap();
    }
    writer.flush().unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.by_ref().collect::<Vec<_>>(), frames());
    assert_eq!((reader.of_unknown_kind(), reader.damage()), (4, &Damage::default()));
}

#[test]
fn a_frame_that_does_not_say_what_it_should_costs_none_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path()).unwrap();
    writer.append_as(Tag::PHASE_STARTED, 1000, &"no phase").unwrap();
    for frame in frames() {
        writer.append(&frame).unwrap();
    }
    writer.flush().unwrap();
    let bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
    assert_eq!(in_pieces(&bytes), (frames(), Damage { not_understood: 1, ..Damage::default() }));
}

/// The frames, by way of the pieces.
fn in_pieces(bytes: &[u8]) -> (Vec<Frame>, Damage) {
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
    (frames, reader.damage().clone())
}

#[test]
fn pieces_have_the_same_frames_in_the_same_order_cut_anywhere() {
    for whole in [written(&frames()).0, older(OLDER_MAGICS[0], &frames())] {
        for cut in START_BYTES..=whole.len() {
            let mut reader = Reader::of(&whole[..cut]).unwrap();
            let read: Vec<Frame> = reader.by_ref().collect();
            assert_eq!(in_pieces(&whole[..cut]), (read, reader.damage().clone()), "cut at {cut}");
        }
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
    assert_eq!(in_pieces(&bytes), (frames, Damage::default()));
}

fn counted(output: u64) -> CountedTokens {
    CountedTokens { output: Some(output), ..CountedTokens::default() }
}

/// Ids of the records that come out, with their output tokens.
fn records_of(reader: &mut Reader<impl Read>) -> Vec<(String, Option<u64>)> {
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
    texts.keep(4, &Texts { passages: vec![(false, "x".into()); 3], ..Texts::default() });
    let known = |run: &str| {
        let mut reader = Reader::open(dir.path()).unwrap();
        reader.with_texts(dir.path(), run);
        records_of(&mut reader)
    };
    let expected = |c| {
        [("final", None), ("a", None), ("b", Some(7)), ("c", c)].map(|(id, tokens)| (id.to_owned(), tokens))
    };
    assert_eq!(known("run"), expected(Some(3)));
    assert_eq!(known("another run"), expected(None), "these are not its texts");
}

#[test]
fn a_record_that_is_lost_takes_no_count_of_another() {
    let record = |id: &str| Box::new(Record { request_id: id.into(), ..Record::default() });
    let frames = [
        Frame::Uncounted(record("a")),
        Frame::Uncounted(record("b")),
        Frame::Uncounted(record("c")),
        Frame::Counted(vec![(0, counted(1)), (1, counted(2)), (2, counted(3))]),
    ];
    let (mut bytes, starts) = written(&frames);
    bytes[starts[1]] ^= 1;
    let read = records_of(&mut Reader::of(&bytes[..]).unwrap());
    assert_eq!(read, [("a".to_owned(), Some(1)), ("c".to_owned(), Some(3))]);
    let read = records_of(&mut Reader::of(&older(OLDER_MAGICS[0], &frames)[..]).unwrap());
    assert_eq!(read, [("a", 1), ("b", 2), ("c", 3)].map(|(id, tokens)| (id.to_owned(), Some(tokens))));
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
    assert!(reader.damage().has_lost_end);
    let bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
    assert_eq!(in_pieces(&bytes), (vec![Frame::End(RunEnd::default())], reader.damage().clone()));
}

#[test]
fn journals_of_older_versions_are_read_up_to_where_they_are_damaged() {
    for magic in OLDER_MAGICS {
        let mut bytes = older(magic, &frames());
        assert_eq!(in_pieces(&bytes), (frames(), Damage::default()));
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let ends_early = Damage { ends_early: true, ..Damage::default() };
        assert_eq!(in_pieces(&bytes), (frames()[..3].to_vec(), ends_early));
        bytes[6] = 4;
        assert!(Reader::of(&bytes[..]).is_none());
    }
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
    assert!(!reader.damage().is_any());
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
