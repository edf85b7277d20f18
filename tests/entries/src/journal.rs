//! A run's journal, and what a child process says: frames, one after the other.

use prony::internals::{read_child, read_journal, read_records};
use prony_plugin_api::message::RecordBatch;

/// What a journal of this version begins with.
const MAGIC: &[u8] = b"PRONYJ\x03\n";

/// Size of all that stands before the first frame: the magic, and the salt twice.
const START: usize = 24;

/// Size of what stands before a payload.
const HEAD: usize = 26;

/// In the versions before: the magic, then a length and a checksum before each payload.
const OLDER_START: usize = 8;
const OLDER_HEAD: usize = 8;

/// Reads `bytes` as a journal, and the same once more with right checksums: the reader behind them must not rely on them.
///
/// What was read can be written and read again, and is the same. A report finds no more records than frames have room.
///
/// # Panics
/// When that does not hold.
pub fn journal(bytes: &[u8]) {
    judge(bytes);
    let is_of_this_version = bytes.starts_with(MAGIC) && bytes.len() >= START;
    judge(&if is_of_this_version { with_right_checksums(bytes) } else { older_with_right_checksums(bytes) });
}

fn judge(bytes: &[u8]) {
    let Some(contents) = read_journal(bytes) else { return };
    let mut again = [MAGIC, &[0; START - MAGIC.len()]].concat();
    for (number, (tag, payload)) in contents.frames.iter().enumerate() {
        let head = head(*tag, number as u64, payload);
        again.extend(checked(&again[OLDER_START..16], head));
        again.extend(payload);
    }
    let reread = read_journal(&again).expect("it begins as a journal does");
    assert!(!reread.damaged, "what was written is damaged");
    assert_eq!(reread.frames, contents.frames, "what was written reads differently");
    let records = read_records(bytes).expect("it begins as a journal does");
    assert!(records <= bytes.len() / OLDER_HEAD, "{records} records in {} bytes", bytes.len());
}

/// The head of a frame, without its own checksum.
fn head(tag: u16, number: u64, payload: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(b"\xffPJF");
    head[4..6].copy_from_slice(&tag.to_le_bytes());
    head[6..14].copy_from_slice(&number.to_le_bytes());
    let length = u32::try_from(payload.len()).expect("a frame is shorter than its journal");
    head[14..18].copy_from_slice(&length.to_le_bytes());
    head[18..22].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    head
}

/// With it.
fn checked(salt: &[u8], mut head: [u8; HEAD]) -> [u8; HEAD] {
    let checksum = crc32fast::hash(&[salt, &head[4..22]].concat());
    head[22..].copy_from_slice(&checksum.to_le_bytes());
    head
}

fn with_right_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = START;
    while let Some(&[t0, t1, n0, n1, n2, n3, n4, n5, n6, n7, l0, l1, l2, l3, ..]) =
        bytes.get(at + 4..at + HEAD)
    {
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let end = bytes.len().min(at + HEAD + length);
        let tag = u16::from_le_bytes([t0, t1]);
        let number = u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        let head = checked(&bytes[OLDER_START..16], head(tag, number, &bytes[at + HEAD..end]));
        bytes[at..at + HEAD].copy_from_slice(&head);
        at = end;
    }
    bytes
}

fn older_with_right_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = OLDER_START;
    while let Some(&[l0, l1, l2, l3, ..]) = bytes.get(at..at + OLDER_HEAD) {
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let Some(payload) = bytes.get(at + OLDER_HEAD..at + OLDER_HEAD + length) else { break };
        let checksum = crc32fast::hash(payload).to_le_bytes();
        bytes[at + 4..at + OLDER_HEAD].copy_from_slice(&checksum);
        at += OLDER_HEAD + length;
    }
    bytes
}

/// Reads `bytes` as what a child process sends: values until the end, or until something is wrong, and then no more.
///
/// # Panics
/// When a frame gives a value that none can hold.
pub fn child(bytes: &[u8]) {
    let (batches, _end) = read_child::<RecordBatch>(bytes);
    // The shortest frame has a length and one byte.
    assert!(batches.len() <= bytes.len() / 5, "{} values in {} bytes", batches.len(), bytes.len());
    let (texts, _end) = read_child::<serde_json::Value>(bytes);
    assert!(texts.len() <= bytes.len() / 5, "{} values in {} bytes", texts.len(), bytes.len());
}
