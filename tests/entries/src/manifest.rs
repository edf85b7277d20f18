//! A pack's `plugins.yaml`.

use prony::internals::read_manifest;

/// Reads `bytes` as a manifest. What is wrong with it is told in one line that names the file.
///
/// # Panics
/// When that does not hold.
pub fn manifest(bytes: &[u8]) {
    // Other bytes are refused when the file is read.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = read_manifest(text) {
        assert!(error.contains("plugins.yaml"), "{error}");
    }
}
