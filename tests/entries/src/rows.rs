//! An input file: rows of prompts, or of whole request bodies.

use prony::internals::{Rows, read_rows};

/// Reads `bytes` as an input file, in each format. The first byte says how many rows are wanted.
///
/// What is wrong with it is told with the file's name; no format gives more rows than the file has lines, or than are
/// wanted; and the first rows are the same when fewer are wanted.
///
/// # Panics
/// When one of that does not hold.
pub fn rows(bytes: &[u8]) {
    let Some((wanted, contents)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rows.jsonl");
    std::fs::write(&file, contents).expect("a file in a temporary folder");
    for format in [Rows::SingleTurn, Rows::RawPayload] {
        let all = read_rows(&file, format, None);
        let some = read_rows(&file, format, Some(usize::from(*wanted)));
        for error in [&all, &some].into_iter().filter_map(|read| read.as_ref().err()) {
            assert!(error.contains("rows.jsonl"), "no file is named: {error}");
        }
        if let Ok(some) = &some {
            assert!(some.len() <= usize::from(*wanted), "more rows than wanted");
        }
        if let Ok(all) = all {
            let first = all.get(..usize::from(*wanted).min(all.len())).expect("no more than there are");
            assert!(*wanted == 0 || some.as_deref() == Ok(first), "other rows when fewer are wanted");
        }
    }
}
