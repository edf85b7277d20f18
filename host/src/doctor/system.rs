//! Reading what the kernel says of itself in small files.

use std::{fs, path::Path};

/// The text of a file without the spaces around it; `None` where it cannot be read.
pub(super) fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The number in a file; `None` where there is none.
pub(super) fn number(path: impl AsRef<Path>) -> Option<u64> {
    text(path)?.parse().ok()
}

/// The number behind a name in lines of names and numbers, whatever stands between and behind them.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let rest = line.strip_prefix(':').or_else(|| line.strip_prefix(' '))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A number of bytes in words.
pub(super) fn megabytes(bytes: u64) -> String {
    let mb = bytes as f64 / 1e6;
    if mb < 10_000.0 { format!("{mb:.0} MB") } else { format!("{:.0} GB", mb / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_names() {
        let text = "nr_periods 50\nnr_throttled 7\nMemAvailable:    1024 kB\n";
        assert_eq!(field(text, "nr_throttled"), Some(7));
        assert_eq!(field(text, "MemAvailable"), Some(1024));
        assert_eq!(field(text, "nr_thr"), None);
        assert_eq!(field(text, "none"), None);
    }

    #[test]
    fn bytes_are_said_in_words() {
        assert_eq!(megabytes(256_000_000), "256 MB");
        assert_eq!(megabytes(64_000_000_000), "64 GB");
    }
}
