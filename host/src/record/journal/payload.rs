//! Between frames and the payloads of version 3, which are MessagePack: a map with the names of the fields, but for counts, which
//! are a list of pairs. A reader ignores fields that it does not know.

use std::borrow::Cow;

use prony_plugin_api::message::PhaseKind;
use serde::{Deserialize, Serialize};

use super::format::Tag;
use crate::record::{Frame, ScheduleCounts, WorkerUsage, serde_bytes_vec};

#[derive(Serialize, Deserialize)]
struct PhaseStarted {
    index: u32,
    kind: PhaseKind,
    at_ns: u64,
}

#[derive(Serialize, Deserialize)]
struct PhaseEnded<'a> {
    index: u32,
    at_ns: u64,
    counts: ScheduleCounts,
    #[serde(default)]
    workers: Cow<'a, [WorkerUsage]>,
}

#[derive(Serialize)]
struct Published<'a> {
    service: &'a str,
    message_type: &'a str,
    #[serde(with = "serde_bytes_vec")]
    payload: &'a [u8],
}

#[derive(Deserialize)]
struct StoredMessage {
    service: String,
    message_type: String,
    #[serde(with = "serde_bytes_vec")]
    payload: Vec<u8>,
}

/// Appends a frame's payload, and says what it is.
pub(super) fn encode(frame: &Frame, out: &mut Vec<u8>) -> Result<Tag, rmp_serde::encode::Error> {
    use rmp_serde::encode::write_named;
    match frame {
        Frame::Header(header) => write_named(out, header).map(|()| Tag::HEADER),
        Frame::PhaseStarted { index, kind, at_ns } => {
            write_named(out, &PhaseStarted { index: *index, kind: *kind, at_ns: *at_ns })
                .map(|()| Tag::PHASE_STARTED)
        }
        Frame::PhaseEnded { index, at_ns, counts, workers } => {
            let ended = PhaseEnded { index: *index, at_ns: *at_ns, counts: *counts, workers: workers.into() };
            write_named(out, &ended).map(|()| Tag::PHASE_ENDED)
        }
        Frame::Record(record) => write_named(out, record).map(|()| Tag::RECORD),
        Frame::Uncounted(record) => write_named(out, record).map(|()| Tag::UNCOUNTED),
        Frame::Counted(counts) => write_named(out, counts).map(|()| Tag::COUNTED),
        Frame::Message { service, message_type, payload } => {
            write_named(out, &Published { service, message_type, payload }).map(|()| Tag::MESSAGE)
        }
        Frame::Mark(mark) => write_named(out, mark).map(|()| Tag::MARK),
        Frame::Node(facts) => write_named(out, facts).map(|()| Tag::NODE),
        Frame::End(end) => write_named(out, end).map(|()| Tag::END),
    }
}

/// What a payload says.
pub(super) enum Payload {
    Frame(Frame),
    /// It is of a kind that only newer versions know.
    OfUnknownKind,
    /// It does not say what its tag promises.
    NotUnderstood,
}

/// Reads a payload.
pub(super) fn decode(tag: Tag, payload: &[u8]) -> Payload {
    let frame = match tag {
        Tag::HEADER => rmp_serde::from_slice(payload).map(Frame::Header),
        Tag::PHASE_STARTED => rmp_serde::from_slice(payload)
            .map(|PhaseStarted { index, kind, at_ns }| Frame::PhaseStarted { index, kind, at_ns }),
        Tag::PHASE_ENDED => {
            rmp_serde::from_slice(payload).map(|PhaseEnded { index, at_ns, counts, workers }| {
                Frame::PhaseEnded { index, at_ns, counts, workers: workers.into_owned() }
            })
        }
        Tag::RECORD => rmp_serde::from_slice(payload).map(Frame::Record),
        Tag::UNCOUNTED => rmp_serde::from_slice(payload).map(Frame::Uncounted),
        Tag::COUNTED => rmp_serde::from_slice(payload).map(Frame::Counted),
        Tag::MESSAGE => {
            rmp_serde::from_slice(payload).map(|StoredMessage { service, message_type, payload }| {
                Frame::Message { service, message_type, payload }
            })
        }
        Tag::MARK => rmp_serde::from_slice(payload).map(Frame::Mark),
        Tag::NODE => rmp_serde::from_slice(payload).map(Frame::Node),
        Tag::END => rmp_serde::from_slice(payload).map(Frame::End),
        _ => return Payload::OfUnknownKind,
    };
    frame.map_or(Payload::NotUnderstood, Payload::Frame)
}
