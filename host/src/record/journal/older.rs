//! Frames of the versions 1 and 2: one MessagePack value that says what it is and holds it.

use super::{format::Tag, payload::Payload};
use crate::record::Frame;

/// How the payload of each kind begins: a map of one entry, which is named so.
const HEADS: [(Tag, &[u8]); 5] = [
    (Tag::RECORD, b"\x81\xa6record"),
    (Tag::UNCOUNTED, b"\x81\xa9uncounted"),
    (Tag::COUNTED, b"\x81\xa7counted"),
    (Tag::HEADER, b"\x81\xa6header"),
    (Tag::END, b"\x81\xa3end"),
];

/// Of the rest it is enough to know that they are none of these.
const OTHER: Tag = Tag(0);

/// What a payload is, and how many of its bytes say so.
pub(super) fn look(payload: &[u8]) -> (Tag, usize) {
    let found = HEADS.iter().find(|(_, head)| payload.starts_with(head));
    found.map_or((OTHER, 0), |(tag, head)| (*tag, head.len()))
}

/// Reads a payload.
pub(super) fn decode(payload: &[u8]) -> Payload {
    rmp_serde::from_slice::<Frame>(payload).map_or(Payload::NotUnderstood, Payload::Frame)
}
