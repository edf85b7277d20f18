//! The body of a streamed answer.

use prony::internals::{split_events, split_lines};

use crate::chance::Chance;

/// Splits `body` into server-sent events, and into lines.
///
/// However the network cuts the stream, the events are the same; there are not more of them than blank lines; and a byte
/// of data comes from a byte of the stream.
///
/// # Panics
/// When one of that does not hold.
pub fn stream(body: &[u8]) {
    let whole = split_events([body]);
    let bytes = split_events(body.chunks(1));
    assert_eq!(whole, bytes, "a stream in one read, and byte by byte");
    let mut chance = Chance::of(body);
    for longest in [2, 16, 1 << 16] {
        assert_eq!(
            whole,
            split_events(chance.pieces(body, longest)),
            "a stream in reads of up to {longest} bytes"
        );
        assert_eq!(
            split_lines([body]),
            split_lines(chance.pieces(body, longest)),
            "lines in reads of up to {longest} bytes"
        );
    }
    for line in split_lines(body.chunks(1)).into_iter().flatten() {
        assert!(!line.contains(&b'\n') && !line.trim_ascii().is_empty(), "no line: {line:?}");
    }
    for (name, data) in whole.into_iter().flatten() {
        assert!(!name.contains(['\n', '\r']), "a line end in the name {name:?}");
        assert!(!data.contains(&b'\r'), "a line end in data");
        assert!(data.len() <= body.len(), "more data than there was");
    }
}
