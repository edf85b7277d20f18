//! What services published: exports [`Messages`] for the report, and [`print()`] for `prony report --messages`.
//!
//! A message is `MessagePack` with named fields, and is shown as JSON. Those that the report computes something of
//! ([`HEARS`]) have files of their own and are left out of the summary.

use std::{
    collections::VecDeque,
    io::{self, Write},
    path::Path,
};

use prony_plugin_api::{
    Message,
    message::{ServerMetricsBatch, Table},
    telemetry::{GpuTelemetryBatch, NetworkLatencyBatch, TelemetryExport},
};
use serde_json::{Map, Value, json};

use super::error::ReportError;
use crate::record::{
    Frame, RunEnd,
    journal::{Beginning, Piece, Reader},
};

/// Types of the messages of services that a report computes something of. All others are shown as they are.
pub(crate) const HEARS: [&str; 4] =
    [ServerMetricsBatch::TYPE, NetworkLatencyBatch::TYPE, GpuTelemetryBatch::TYPE, TelemetryExport::TYPE];

/// Messages of a type that are in the summary: the last ones.
const KEPT: usize = 10;

/// Longer messages, in bytes of `MessagePack`, are only counted in the summary.
const LONGEST_KEPT: usize = 64 << 10;

/// Most types of one service that are kept apart.
const TYPES: usize = 32;

/// What services published in a run, as far as the report keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Messages {
    /// In the order in which they were first heard of.
    services: Vec<(String, OfService)>,
}

#[derive(Clone, Debug, Default)]
struct OfService {
    types: Vec<(String, OfType)>,
    /// Messages of further types.
    others: u64,
}

#[derive(Clone, Debug, Default)]
struct OfType {
    count: u64,
    last: VecDeque<Value>,
    /// Messages that are too long for the summary, or cannot be read.
    left_out: u64,
    /// Messages that cannot be read.
    unreadable_count: u64,
    /// Why the first of them cannot.
    unreadable: Option<String>,
}

impl Messages {
    /// Takes in a message, in the order of the journal.
    pub(super) fn add(&mut self, service: String, message_type: String, payload: &[u8]) {
        if HEARS.contains(&message_type.as_str()) {
            return;
        }
        let Some(of_service) = entry(&mut self.services, service, usize::MAX) else { return };
        match entry(&mut of_service.types, message_type, TYPES) {
            Some(of_type) => of_type.add(payload),
            None => of_service.others += 1,
        }
    }

    /// For the summary: an object for each type of message of a service.
    pub(super) fn summary(&self, service: &str) -> Option<Value> {
        let (_, of_service) = self.services.iter().find(|(name, _)| name == service)?;
        let mut types: Map<String, Value> =
            of_service.types.iter().map(|(name, of_type)| (name.clone(), of_type.summary())).collect();
        if of_service.others > 0 {
            types.insert("others".to_owned(), json!({ "count": of_service.others }));
        }
        Some(Value::Object(types))
    }

    /// The services that published something.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|(name, _)| name.as_str())
    }

    /// What is to be said of messages that cannot be read.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.services.iter().flat_map(|(service, of_service)| {
            of_service.types.iter().filter_map(move |(name, of_type)| {
                let why = of_type.unreadable.as_ref()?;
                Some(unreadable(service, name, of_type.unreadable_count, why))
            })
        })
    }

    /// The tables of the last message of each type, with the name of its service.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, Result<Table, serde_json::Error>)> {
        self.services.iter().flat_map(|(service, of_service)| {
            let last = of_service.types.iter().filter_map(|(_, of_type)| of_type.last.back());
            let tables = last.filter_map(|message| message.get(Table::FIELD));
            tables.map(|table| (service.as_str(), serde_json::from_value(table.clone())))
        })
    }
}

/// The value under a name; none if there are as many as there may be already.
fn entry<T: Default>(entries: &mut Vec<(String, T)>, name: String, most: usize) -> Option<&mut T> {
    let at = match entries.iter().position(|(known, _)| *known == name) {
        Some(at) => at,
        None if entries.len() < most => {
            entries.push((name, T::default()));
            entries.len() - 1
        }
        None => return None,
    };
    entries.get_mut(at).map(|(_, value)| value)
}

impl OfType {
    fn add(&mut self, payload: &[u8]) {
        self.count += 1;
        if payload.len() > LONGEST_KEPT {
            self.left_out += 1;
            return;
        }
        match read(payload) {
            Ok(message) => {
                self.last.push_back(message);
                let too_many = self.last.len().saturating_sub(KEPT);
                self.last.drain(..too_many);
            }
            Err(error) => {
                self.left_out += 1;
                self.unreadable_count += 1;
                self.unreadable.get_or_insert(error);
            }
        }
    }

    fn summary(&self) -> Value {
        let mut object = Map::new();
        object.insert("count".to_owned(), self.count.into());
        object.insert("last".to_owned(), self.last.iter().cloned().collect());
        if self.left_out > 0 {
            object.insert("left_out".to_owned(), self.left_out.into());
        }
        if let Some(unreadable) = &self.unreadable {
            object.insert("unreadable".to_owned(), unreadable.as_str().into());
        }
        Value::Object(object)
    }
}

/// The message in a payload, which has nothing else in it.
///
/// # Errors
/// It is none, in words.
fn read(payload: &[u8]) -> Result<Value, String> {
    if payload.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut rest = payload;
    let message =
        rmp_serde::from_read(&mut rest).map_err(|error| format!("it is not MessagePack: {error}"))?;
    match rest.len() {
        0 => Ok(message),
        more => Err(format!("it is not MessagePack: {more} of its {} bytes are left over", payload.len())),
    }
}

/// What is said of messages that cannot be read.
pub(super) fn unreadable(service: &str, message_type: &str, count: u64, why: &str) -> String {
    let what = if count == 1 { "a message".to_owned() } else { format!("{count} messages") };
    let first = if count == 1 { "" } else { "the first one: " };
    format!(
        "service `{service}` published {what} of the type `{message_type}` that cannot be read: {first}{why}"
    )
}

/// How the journal that messages were printed from ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JournalEnd {
    /// The run came to its end.
    Whole,
    /// It was interrupted or killed, or the journal is damaged: there may have been more.
    Early,
}

/// Writes every message of a run, one JSON object a line, in the order in which they were published.
///
/// # Errors
/// There is no readable journal with a header; or `out` fails, which is told apart.
pub(crate) fn print(dir: &Path, out: &mut dyn Write) -> Result<io::Result<JournalEnd>, ReportError> {
    let mut reader = Reader::open(dir)?;
    if let Beginning::Nothing = reader.begin() {
        return Err(ReportError::NoHeader { dir: dir.to_owned(), is_damaged: reader.damage().is_any() });
    }
    let mut end = None;
    while let Some(piece) = reader.next_piece() {
        match piece {
            Piece::Frame(Frame::Message { service, message_type, payload }) => {
                if let Err(error) = print_one(&service, &message_type, &payload, out) {
                    return Ok(Err(error));
                }
            }
            Piece::Frame(Frame::End(run_end)) => end = Some(run_end),
            Piece::Frame(_) | Piece::Records(_) => {}
        }
    }
    let is_whole =
        !reader.damage().is_any() && matches!(end, Some(RunEnd { was_cancelled: false, reason: None, .. }));
    Ok(Ok(if is_whole { JournalEnd::Whole } else { JournalEnd::Early }))
}

fn print_one(service: &str, message_type: &str, payload: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let line = match read(payload) {
        Ok(message) => json!({ "service": service, "type": message_type, "message": message }),
        Err(error) => {
            let bytes = payload.len();
            json!({ "service": service, "type": message_type, "bytes": bytes, "error": error })
        }
    };
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pack(message: &Value) -> Vec<u8> {
        rmp_serde::to_vec_named(message).unwrap()
    }

    fn added(payloads: &[Vec<u8>]) -> Value {
        let mut messages = Messages::default();
        for payload in payloads {
            messages.add("acme".into(), "bill".into(), payload);
        }
        messages.summary("acme").unwrap()
    }

    #[test]
    fn the_last_messages_are_kept_and_all_are_counted() {
        let payloads: Vec<_> = (0..25).map(|n| pack(&json!({ "n": n }))).collect();
        let summary = added(&payloads);
        assert_eq!(summary["bill"]["count"], 25);
        let last: Vec<_> = (15..25).map(|n| json!({ "n": n })).collect();
        assert_eq!(summary["bill"]["last"], Value::Array(last));
    }

    #[test]
    fn what_is_too_long_or_unreadable_is_counted_and_said() {
        let long = pack(&json!({ "text": "x".repeat(LONGEST_KEPT) }));
        let summary = added(&[pack(&json!({"n": 1})), long, vec![0xc1]]);
        assert_eq!((&summary["bill"]["count"], &summary["bill"]["left_out"]), (&json!(3), &json!(2)));
        assert_eq!(summary["bill"]["last"], json!([{"n": 1}]));
        let why = summary["bill"]["unreadable"].as_str().unwrap();
        assert!(why.starts_with("it is not MessagePack: "), "{why}");
    }

    #[rstest]
    #[case::empty(b"", "a message of the type `bill` that cannot be read: it is empty")]
    #[case::garbage(b"garbage", "it is not MessagePack: 6 of its 7 bytes are left over")]
    #[case::no_message(b"\xc1", "it is not MessagePack: ")]
    #[case::cut(b"\x81\xa1n", "it is not MessagePack: ")]
    fn what_cannot_be_read_is_told_with_service_and_type(#[case] payload: &[u8], #[case] says: &str) {
        let mut messages = Messages::default();
        messages.add("acme".into(), "bill".into(), payload);
        let notes: Vec<String> = messages.notes().collect();
        let begin = "service `acme` published a message of the type `bill` that cannot be read: it is ";
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with(begin) && notes[0].contains(says), "{notes:?}");
        let mut line = Vec::new();
        print_one("acme", "bill", payload, &mut line).unwrap();
        let line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((&line["service"], &line["type"]), (&json!("acme"), &json!("bill")));
        assert!(line["error"].as_str().unwrap().starts_with("it is "), "{line}");
    }

    #[test]
    fn a_service_that_invents_types_fills_no_summary() {
        let mut messages = Messages::default();
        for number in 0..TYPES + 5 {
            messages.add("acme".into(), format!("t{number}"), &pack(&json!({})));
        }
        let summary = messages.summary("acme").unwrap();
        assert_eq!(summary.as_object().unwrap().len(), TYPES + 1);
        assert_eq!(summary["others"]["count"], 5);
    }

    #[test]
    fn scrapes_have_files_of_their_own() {
        let mut messages = Messages::default();
        messages.add("server_metrics".into(), ServerMetricsBatch::TYPE.into(), &[]);
        assert_eq!(messages.services().count(), 0);
    }

    #[test]
    fn a_table_is_that_of_the_last_message() {
        let mut messages = Messages::default();
        for n in [1, 2] {
            let table = json!({"title": "T", "columns": ["n"], "rows": [[n]]});
            messages.add("acme".into(), "bill".into(), &pack(&json!({ "prony_table": table })));
        }
        let tables: Vec<_> = messages.tables().map(|(name, table)| (name, table.unwrap())).collect();
        assert_eq!((tables.len(), tables[0].0), (1, "acme"));
        assert_eq!(tables[0].1.rows, [[2_i64.into()]]);
    }
}
