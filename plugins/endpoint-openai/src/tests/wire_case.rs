//! A recorded case: its response's bytes, taken apart as far as a host would, and what it should say.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// One case of `tests/fixtures/wire`.
pub(super) struct WireCase {
    /// Folder and name, such as `vllm/chat.stream`.
    pub(super) name: String,
    /// Its entry in `expected.json`.
    pub(super) expected: Value,
    /// The response's body, without chunked framing.
    pub(super) body: Vec<u8>,
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/wire"))
}

/// Every case of the table that is about one of these endpoints.
pub(super) fn all(endpoints: &[&str]) -> Vec<WireCase> {
    let table = fs::read(folder().join("expected.json")).unwrap();
    let table: serde_json::Map<String, Value> = serde_json::from_slice(&table).unwrap();
    table
        .into_iter()
        .filter(|(_, expected)| expected["endpoint"].as_str().is_some_and(|name| endpoints.contains(&name)))
        .map(|(name, expected)| {
            let raw = fs::read(folder().join(format!("{name}.response.http"))).unwrap();
            WireCase { body: body(&raw), name, expected }
        })
        .collect()
}

/// Splits at the first occurrence of `separator`, which belongs to neither half.
fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

fn body(response: &[u8]) -> Vec<u8> {
    let (head, rest) = split_once(response, b"\r\n\r\n").unwrap();
    if head.starts_with(b"HTTP/1.1 1") {
        return body(rest);
    }
    if String::from_utf8_lossy(head).to_ascii_lowercase().contains("transfer-encoding: chunked") {
        dechunk(rest)
    } else {
        rest.to_vec()
    }
}

/// The body inside chunked framing, as far as it was received.
fn dechunk(mut wire: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some((size, rest)) = split_once(wire, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(size).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        wire = rest.get(size + 2..).unwrap_or_default();
    }
    body
}

/// The names and data of the server-sent events in a body; an unfinished last one does not count.
pub(super) fn events(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(body.to_vec()).unwrap().replace("\r\n", "\n");
    let mut blocks: Vec<&str> = text.trim_start_matches('\u{feff}').split("\n\n").collect();
    blocks.pop();
    blocks.into_iter().filter_map(event).collect()
}

fn event(block: &str) -> Option<(String, String)> {
    let mut name = String::new();
    let mut data: Option<String> = None;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut data) {
            ("event", _) => value.clone_into(&mut name),
            ("data", Some(data)) => data.extend(["\n", value]),
            ("data", none) => *none = Some(value.to_owned()),
            _ => {}
        }
    }
    Some((name, data?))
}
