//! The bytes of a journal of version 3, taken apart by what `host/src/record/journal/mod.rs` says of them.

use std::ops::Range;

/// What stands before the first frame: the magic, and the salt twice.
pub const START: usize = 24;

/// What stands before a payload.
pub const HEAD: usize = 26;

/// The tags that a test tells apart.
pub mod tag {
    /// What was run. It stands there twice.
    pub const HEADER: u16 = 1;
    /// A phase is over.
    pub const PHASE_ENDED: u16 = 3;
    /// A request that is over, and counted.
    pub const RECORD: u16 = 4;
    /// A request that is over.
    pub const UNCOUNTED: u16 = 5;
    /// What was counted of requests.
    pub const COUNTED: u16 = 6;
    /// The end of the run.
    pub const END: u16 = 8;
    /// All of them, in words.
    pub const NAMES: [&str; 8] =
        ["header", "phase_started", "phase_ended", "record", "uncounted", "counted", "message", "end"];
}

/// One frame of a journal.
#[derive(Clone, Debug)]
pub struct FrameBytes {
    pub tag: u16,
    /// Where its head and its payload are.
    pub bytes: Range<usize>,
}

/// Every frame of an undamaged journal.
///
/// # Panics
/// When it is not one.
pub fn frames(journal: &[u8]) -> Vec<FrameBytes> {
    assert!(journal.starts_with(b"PRONYJ\x03\n"), "it is not a journal of version 3");
    let mut found = Vec::new();
    let mut at = START;
    while at < journal.len() {
        assert_eq!(&journal[at..at + 4], b"\xffPJF", "no frame begins at {at}");
        assert_eq!(number::<8>(journal, at + 6), found.len() as u64, "a frame has the number of another");
        let length = number::<4>(journal, at + 14);
        let end = at + HEAD + usize::try_from(length).expect("a length fits");
        let tag = u16::from_le_bytes([journal[at + 4], journal[at + 5]]);
        found.push(FrameBytes { tag, bytes: at..end });
        at = end;
    }
    found
}

/// Whether a journal that may still be written has a frame of this kind.
pub fn has_begun(journal: &[u8], tag: u16) -> bool {
    let head = [&b"\xffPJF"[..], &tag.to_le_bytes()].concat();
    journal.windows(head.len()).any(|window| window == head)
}

/// The journal with one more frame, which comes to stand at a position; those behind it are numbered anew.
///
/// # Panics
/// When it is not an undamaged journal.
pub fn with_frame(journal: &[u8], position: usize, tag: u16, payload: &[u8]) -> Vec<u8> {
    let mut made = journal[..START].to_vec();
    let mut old = frames(journal)
        .into_iter()
        .map(|frame| (frame.tag, &journal[frame.bytes.start + HEAD..frame.bytes.end]));
    let mut all: Vec<(u16, &[u8])> = old.by_ref().take(position).collect();
    all.push((tag, payload));
    all.extend(old);
    for (number, (tag, payload)) in all.into_iter().enumerate() {
        append(&mut made, tag, number as u64, payload);
    }
    made
}

/// Appends a frame to what begins as a journal.
///
/// # Panics
/// When the payload is larger than any.
pub fn append(journal: &mut Vec<u8>, tag: u16, number: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a payload is not so large");
    let mut fields = tag.to_le_bytes().to_vec();
    fields.extend(number.to_le_bytes());
    fields.extend(length.to_le_bytes());
    fields.extend(crc32fast::hash(payload).to_le_bytes());
    let check = crc32fast::hash(&[&journal[8..16], &fields].concat());
    journal.extend(b"\xffPJF");
    journal.extend(fields);
    journal.extend(check.to_le_bytes());
    journal.extend(payload);
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + N].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
