//! `profile_export_raw.jsonl`: the bodies of requests and responses, one exchange a line, in AIPerf's shape.
//!
//! The recorder writes it while the run goes on, since a journal has no bodies; `prony report` leaves it as it is. It takes a gigabyte
//! at most. What does not fit, and what the disk does not take, or not in time, is missing, and the report says how many lines are.
//! Secrets are masked.
//!
//! | key | meaning |
//! |---|---|
//! | `metadata` | which request it was; wall-clock nanoseconds since the Unix epoch |
//! | `start_perf_ns` | when it was begun, in nanoseconds since the start of the run, as all `perf_ns` |
//! | `request_headers`, `payload` | what was sent: JSON as it was, anything else as a text |
//! | `status`, `responses` | what came. Events of a stream are `packets` with the moment of the read that completed them; other text is one entry, other bytes are `raw_bytes` in base64 |
//! | `is_cut` | there was more than 16 MiB of a response |
//! | `error` | why it failed, if it did |

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use prony_plugin_api::message::PhaseKind;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::{Record, RunHeader};
use crate::{config::redact::Redactor, plan::ExportLevel, request::bodies::Bodies};

/// Name of the file without a prefix.
pub(crate) const FILE_NAME: &str = "profile_export_raw.jsonl";

/// Version of the file. Readers of a version read every later one with the same major number.
pub(crate) const SCHEMA_VERSION: &str = "1.0";

/// No more bytes are written.
const MOST_BYTES: u64 = 1 << 30;

/// Bytes that are gathered before they go to the system.
const BATCH_BYTES: usize = 64 << 10;

/// Writes the file. A run goes on without it.
#[derive(Debug)]
pub(super) struct RawFile {
    path: PathBuf,
    wall_start_ns: u64,
    /// Made for the first lines.
    file: Option<File>,
    /// Bytes of the file, all of them of whole lines.
    bytes: u64,
    most_bytes: u64,
    /// Whole lines that are not in the file yet, and how many they are.
    gathered: (Vec<u8>, u64),
    /// It is full or could not be written, and takes no more.
    is_over: bool,
    /// Lines that are not in it.
    missing: u64,
}

impl RawFile {
    /// That of a run in its folder, if it is to have one. Makes no file yet.
    pub(super) fn of(dir: &Path, header: &RunHeader) -> Option<Self> {
        let exports = &header.settings.exports;
        (exports.level == ExportLevel::Raw).then(|| Self {
            path: dir.join(&*exports.file_name(FILE_NAME)),
            wall_start_ns: header.wall_start_ns,
            file: None,
            bytes: 0,
            most_bytes: MOST_BYTES,
            gathered: (Vec::new(), 0),
            is_over: false,
            missing: 0,
        })
    }

    /// Writes the line of a request, if the file takes any more.
    pub(super) fn keep(&mut self, record: &Record, kind: PhaseKind, bodies: &Bodies, redactor: &Redactor) {
        if self.is_over {
            self.missing += 1;
            return;
        }
        match self.line(record, kind, bodies) {
            Ok(line) => self.append(&redactor.mask(&line)),
            Err(error) => {
                self.missing += 1;
                tracing::warn!(%error, path = %self.path.display(), "bodies cannot be told as a line");
            }
        }
    }

    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// When the run began, in nanoseconds since the Unix epoch.
    pub(super) fn wall_start_ns(&self) -> u64 {
        self.wall_start_ns
    }

    /// One more line is not in it.
    pub(super) fn lack_one(&mut self) {
        self.missing += 1;
    }

    /// Writes a line, if the file takes any more.
    pub(super) fn append(&mut self, line: &str) {
        if self.is_over {
            self.missing += 1;
            return;
        }
        let (gathered, lines) = &mut self.gathered;
        if self.bytes + (gathered.len() + line.len() + 1) as u64 > self.most_bytes {
            self.is_over = true;
            self.missing += 1;
            return;
        }
        gathered.extend_from_slice(line.as_bytes());
        gathered.push(b'\n');
        *lines += 1;
        if gathered.len() >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Hands what was gathered to the system.
    pub(super) fn flush(&mut self) {
        let (gathered, lines) = std::mem::take(&mut self.gathered);
        if gathered.is_empty() {
            return;
        }
        match self.write(&gathered) {
            Ok(()) => self.bytes += gathered.len() as u64,
            Err(error) => {
                self.is_over = true;
                self.missing += lines;
                // A part of a line may be there. What cannot be taken away stays: the log says that something is wrong.
                self.file.iter().for_each(|file| drop(file.set_len(self.bytes)));
                tracing::warn!(%error, path = %self.path.display(), "bodies are not written any more");
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::create_new(&self.path)?),
        };
        file.write_all(bytes)
    }

    /// Whether it takes no more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Lines that are not in it.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    fn line(&self, record: &Record, kind: PhaseKind, bodies: &Bodies) -> serde_json::Result<String> {
        let wall = |run_ns: u64| self.wall_start_ns.saturating_add(run_ns);
        let instants = &record.instants;
        let mut line = Map::new();
        let mut set = |key: &str, value: Value| line.insert(key.to_owned(), value);
        set(
            "metadata",
            json!({
                "session_num": record.session_num,
                "x_request_id": record.request_id,
                "conversation_id": record.conversation_id,
                "turn_index": record.turn_index,
                "credit_issued_ns": wall(instants.scheduled),
                "request_start_ns": wall(instants.started),
                "request_end_ns": wall(instants.end),
                "worker_id": format!("worker_{}", record.worker),
                "benchmark_phase": kind,
                "phase_index": record.phase,
                "was_cancelled": record.outcome.is_cancelled(),
            }),
        );
        set("start_perf_ns", instants.started.into());
        let headers: Map<String, Value> =
            bodies.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        set("request_headers", Value::Object(headers));
        set("status", json!(record.status));
        set("responses", Value::Array(responses(bodies)));
        if bodies.is_cut {
            set("is_cut", true.into());
        }
        if let Some(said) = record.outcome.said() {
            set("error", serde_json::to_value(said)?);
        }
        let mut text = Value::Object(line).to_string();
        text.truncate(text.len() - 1);
        Ok(format!("{text},\"payload\":{}}}", payload(&bodies.request)?))
    }
}

/// JSON as it was sent, if it is in one line, or other bytes as a text.
pub(crate) fn payload(body: &[u8]) -> serde_json::Result<String> {
    let json = std::str::from_utf8(body)
        .ok()
        .filter(|text| !text.contains('\n') && serde_json::from_str::<IgnoredAny>(text).is_ok());
    match json {
        Some(json) => Ok(json.to_owned()),
        None => serde_json::to_string(&String::from_utf8_lossy(body)),
    }
}

/// A response as entries.
fn responses(bodies: &Bodies) -> Vec<Value> {
    if bodies.content_type.starts_with("text/event-stream") {
        return events(bodies);
    }
    let Some((last_ns, _)) = bodies.reads.last() else { return Vec::new() };
    let whole: Vec<u8> = bodies.reads.iter().flat_map(|(_, bytes)| bytes).copied().collect();
    let mut entry = json!({ "perf_ns": last_ns, "content_type": bodies.content_type });
    match String::from_utf8(whole) {
        Ok(text) => entry["text"] = text.into(),
        Err(bytes) => entry["raw_bytes"] = STANDARD.encode(bytes.as_bytes()).into(),
    }
    vec![entry]
}

/// Events of a stream: each with the moment of the read that completed it.
fn events(bodies: &Bodies) -> Vec<Value> {
    let (mut events, mut open) = (Vec::new(), Vec::new());
    let mut last_ns = 0;
    for (at_ns, bytes) in &bodies.reads {
        last_ns = *at_ns;
        for byte in bytes {
            open.push(*byte);
            if open.ends_with(b"\n\n") || open.ends_with(b"\r\n\r\n") {
                events.extend(event(&std::mem::take(&mut open), last_ns));
            }
        }
    }
    events.extend(event(&open, last_ns));
    events
}

/// An event by its lines; nothing of one that has none.
fn event(bytes: &[u8], at_ns: u64) -> Option<Value> {
    let text = String::from_utf8_lossy(bytes);
    let packet = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let name = if name.is_empty() { "comment" } else { name };
        json!({ "name": name, "value": value.strip_prefix(' ').unwrap_or(value) })
    };
    let packets: Vec<Value> = text.lines().filter(|line| !line.is_empty()).map(packet).collect();
    (!packets.is_empty()).then(|| json!({ "perf_ns": at_ns, "packets": packets }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(content_type: &str, reads: &[(u64, &[u8])]) -> Bodies {
        Bodies {
            request: b"{\"model\":\"m\"}".to_vec(),
            content_type: content_type.to_owned(),
            reads: reads.iter().map(|(at_ns, bytes)| (*at_ns, bytes.to_vec())).collect(),
            ..Bodies::default()
        }
    }

    #[test]
    fn an_event_has_the_moment_at_which_it_was_complete() {
        let reads: &[(u64, &[u8])] =
            &[(5, b"data: {\"a\":1}\n\ndata: {\"b\""), (9, b":2}\r\n\r\n: ping\n\n"), (11, b"data: x")];
        let expected = [
            json!({"perf_ns": 5, "packets": [{"name": "data", "value": "{\"a\":1}"}]}),
            json!({"perf_ns": 9, "packets": [{"name": "data", "value": "{\"b\":2}"}]}),
            json!({"perf_ns": 9, "packets": [{"name": "comment", "value": "ping"}]}),
            json!({"perf_ns": 11, "packets": [{"name": "data", "value": "x"}]}),
        ];
        assert_eq!(responses(&bodies("text/event-stream; charset=utf-8", reads)), expected);
    }

    #[test]
    fn a_response_in_one_piece_is_one_entry() {
        let reads: &[(u64, &[u8])] = &[(5, b"{\"a\""), (6, b":1}")];
        let text = json!({"perf_ns": 6, "content_type": "application/json", "text": "{\"a\":1}"});
        assert_eq!(responses(&bodies("application/json", reads)), [text]);
        let bytes = json!({"perf_ns": 5, "content_type": "image/png", "raw_bytes": "/w=="});
        assert_eq!(responses(&bodies("image/png", &[(5, b"\xff")])), [bytes]);
    }

    #[test]
    fn a_payload_is_json_or_a_text() {
        assert_eq!(payload(b"{\"n\":1.50}").unwrap(), "{\"n\":1.50}");
        assert_eq!(payload(b"--a\r\n").unwrap(), "\"--a\\r\\n\"");
    }

    #[test]
    fn a_file_that_cannot_be_written_takes_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut header = RunHeader::lost();
        header.settings.exports.level = ExportLevel::Raw;
        let mut file = RawFile::of(&dir.path().join("missing"), &header).unwrap();
        for _ in 0..2 {
            file.keep(&Record::default(), PhaseKind::Profiling, &Bodies::default(), &Redactor::default());
            file.flush();
        }
        assert_eq!((file.missing(), file.is_over()), (2, true));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut header = RunHeader::lost();
        header.settings.exports.level = ExportLevel::Raw;
        let mut file = RawFile { most_bytes: 700, ..RawFile::of(dir.path(), &header).unwrap() };
        let (record, bodies) = (Record::default(), bodies("application/json", &[(1, b"{}")]));
        for _ in 0..3 {
            file.keep(&record, PhaseKind::Profiling, &bodies, &Redactor::default());
        }
        file.flush();
        let text = std::fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (lines.len() as u64 + file.missing(), lines[0]["payload"]["model"].as_str()),
            (3, Some("m"))
        );
        assert!(file.missing() > 0);
    }
}
