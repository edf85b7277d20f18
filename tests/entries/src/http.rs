//! An answer over HTTP/1.1: its head, and what frames its body.

use prony::internals::read_http;

use crate::chance::Chance;

/// Reads `bytes` as an answer.
///
/// However the network cuts them, head and body are the same; and a byte of the body comes from a byte of the answer.
///
/// # Panics
/// When one of that does not hold.
pub fn http(bytes: &[u8]) {
    let whole = read_http([bytes]);
    assert_eq!(whole, read_http(bytes.chunks(1)), "an answer in one read, and byte by byte");
    let mut chance = Chance::of(bytes);
    for longest in [2, 16, 1 << 12] {
        assert_eq!(
            whole,
            read_http(chance.pieces(bytes, longest)),
            "an answer in reads of up to {longest} bytes"
        );
    }
    if let Ok(Some(answer)) = whole {
        assert!((200..1000).contains(&answer.status), "no final status: {}", answer.status);
        assert!(answer.body.len() < bytes.len(), "more of a body than there was");
    }
}
