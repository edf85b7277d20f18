//! A run's journal, and what a child process says: frames, one after the other.

use prony::internals::{read_child, read_journal, read_records};
use prony_plugin_api::message::RecordBatch;

/// What a journal begins with.
const MAGIC: &[u8] = b"PRONYJ\x01\n";

/// Size of what stands before a frame: its length and its checksum.
const HEAD: usize = 8;

/// Reads `bytes` as a journal, and the same once more with right checksums: the reader behind them must not rely on them.
///
/// What was read can be written and read again, and is the same. A report finds no more records than frames have room.
///
/// # Panics
/// When that does not hold.
pub fn journal(bytes: &[u8]) {
    judge(bytes);
    judge(&with_right_checksums(bytes));
}

fn judge(bytes: &[u8]) {
    let Some(contents) = read_journal(bytes) else { return };
    let mut again = MAGIC.to_vec();
    for frame in &contents.frames {
        again.extend(u32::try_from(frame.len()).expect("a frame is shorter than its journal").to_le_bytes());
        again.extend(crc32fast::hash(frame).to_le_bytes());
        again.extend(frame);
    }
    let reread = read_journal(&again).expect("it begins as a journal does");
    assert!(!reread.damaged, "what was written is damaged");
    assert_eq!(reread.frames, contents.frames, "what was written reads differently");
    let records = read_records(bytes).expect("it begins as a journal does");
    assert!(records <= bytes.len() / HEAD, "{records} records in {} bytes", bytes.len());
}

fn with_right_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = MAGIC.len();
    while let Some(&[l0, l1, l2, l3, ..]) = bytes.get(at..at + HEAD) {
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let Some(payload) = bytes.get(at + HEAD..at + HEAD + length) else { break };
        let checksum = crc32fast::hash(payload).to_le_bytes();
        bytes[at + 4..at + HEAD].copy_from_slice(&checksum);
        at += HEAD + length;
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
