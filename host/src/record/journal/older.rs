//! Frames of the versions 1 and 2: one MessagePack value that says what it is and holds it.

use serde::Deserialize;

use super::{format::Tag, payload::Payload};
use crate::record::{Frame, Outcome, Record, RequestFailure};

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
    let (tag, head) = look(payload);
    let frame = match tag {
        Tag::RECORD => record(&payload[head..]).map(Box::new).map(Frame::Record),
        Tag::UNCOUNTED => record(&payload[head..]).map(Box::new).map(Frame::Uncounted),
        _ => rmp_serde::from_slice(payload).ok(),
    };
    frame.map_or(Payload::NotUnderstood, Payload::Frame)
}

/// How a request ended, as a record said it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ended {
    error: Option<RequestFailure>,
    cancelled: bool,
}

/// Reads a record, which stands behind what says that it is one.
pub(super) fn record(encoded: &[u8]) -> Option<Record> {
    let record: Record = rmp_serde::from_slice(encoded).ok()?;
    let Ended { error, cancelled } = rmp_serde::from_slice(encoded).ok()?;
    let outcome = match error {
        error if cancelled => Outcome::Cancelled(error.unwrap_or_default()),
        None => Outcome::Ok,
        Some(failure) => Outcome::Failed(failure),
    };
    Some(Record { outcome, ..record })
}
