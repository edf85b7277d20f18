//! An input file of any format.

use prony::internals::{convert_dataset, dataset_formats};

/// Reads `bytes` as an input file. The first byte says as which format; 0 that it is to be detected.
///
/// What is wrong with it is told with the file's name. What can be read can be written in prony's own format, and is the same
/// when it is read from there.
///
/// # Panics
/// When one of that does not hold.
pub fn dataset(bytes: &[u8]) {
    let Some((chosen, contents)) = bytes.split_first() else { return };
    let formats: Vec<_> = dataset_formats().collect();
    let named = usize::from(*chosen).checked_sub(1).map(|number| formats[number % formats.len()]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("data.jsonl");
    std::fs::write(&file, contents).expect("a file in a temporary folder");
    let sessions = match convert_dataset(&file, named) {
        Ok(sessions) => sessions,
        Err(error) => {
            assert!(error.contains("data.jsonl"), "no file is named: {error}");
            return;
        }
    };
    let written = folder.path().join("sessions.jsonl");
    std::fs::write(&written, &sessions).expect("a file in a temporary folder");
    let again = convert_dataset(&written, Some("prony-sessions")).expect("what was written can be read");
    assert!(sessions == again, "it reads otherwise when it is written in prony's own format");
}
