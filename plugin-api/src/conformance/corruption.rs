//! Recorded events, corrupted: cut, with other values, in another order, with random bytes.

use serde_json::Value;

use super::{
    bench::{Bench, Case},
    cases::{FUZZ_EVENTS, HOSTILE_PREFIXES, HOSTILE_SHUFFLED, HOSTILE_TYPES},
    parser::judge,
    piece,
    replay::events,
};
use crate::testing::{dice::Dice, Recording, TestEndpoint};

/// Events up to this size are cut at every byte.
const EVERY_CUT: usize = 2048;

/// What random bytes are mixed with: what parsers trip over.
const SPLINTERS: [&[u8]; 16] = [
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\n",
];

/// One recorded event.
struct Event {
    /// Fits after "with".
    label: String,
    name: String,
    data: Vec<u8>,
}

pub(super) fn check(
    endpoint: &TestEndpoint,
    known: &[(String, Recording)],
    seed: u64,
    mutations: u32,
    bench: &mut Bench<'_>,
) {
    let events = pool(known);
    if events.is_empty() {
        return;
    }
    bench.check(HOSTILE_PREFIXES, |case| {
        for event in &events {
            prefixes(endpoint, event, case);
        }
    });
    bench.check(HOSTILE_TYPES, |case| {
        for event in &events {
            other_types(endpoint, event, case);
        }
    });
    bench.check(HOSTILE_SHUFFLED, |case| orders(endpoint, &events, seed, case));
    bench.check(FUZZ_EVENTS, |case| {
        let mut dice = Dice::new(seed);
        for number in 0..mutations {
            let Some(event) = dice.pick(&events) else { return };
            let data = mutated(&event.data, &mut dice);
            let what = format!("corruption {number} of {} (seed {seed})", event.label);
            feed(endpoint, event, &data, &what, case);
        }
    });
}

/// The events of all streams; a body counts as one.
fn pool(known: &[(String, Recording)]) -> Vec<Event> {
    let mut pool = Vec::new();
    for (recorded, recording) in known {
        if let Some(framing) = recording.framing() {
            let events = events(framing, recording.bytes()).into_iter().enumerate();
            pool.extend(events.map(|(at, (name, data))| Event {
                label: format!("event {} of `{recorded}`", at + 1),
                name,
                data,
            }));
        } else {
            let data = recording.bytes().to_vec();
            pool.push(Event { label: format!("`{recorded}`"), name: String::new(), data });
        }
    }
    pool
}

/// As an event, and as a body.
fn feed(endpoint: &TestEndpoint, event: &Event, data: &[u8], what: &str, case: &mut Case<'_>) {
    let as_event = format!("`event` with {what}");
    case.step(&as_event);
    case.gives(|| piece::event(&event.name, data));
    let answer = endpoint.read(|parser, answer| {
        parser.event(&event.name, data, answer)?;
        parser.end(answer)
    });
    judge(&answer, data.len(), &as_event, case);
    let as_body = format!("`body` with {what}");
    case.step(&as_body);
    case.gives(|| piece::body(200, data));
    judge(&endpoint.read_body(200, data), data.len(), &as_body, case);
}

fn prefixes(endpoint: &TestEndpoint, event: &Event, case: &mut Case<'_>) {
    let step = (event.data.len() / EVERY_CUT).max(1);
    for at in (0..event.data.len()).step_by(step) {
        feed(endpoint, event, &event.data[..at], &format!("the first {at} bytes of {}", event.label), case);
    }
}

/// Every value of a JSON event is replaced by values of every type, one at a time.
fn other_types(endpoint: &TestEndpoint, event: &Event, case: &mut Case<'_>) {
    let Ok(json) = serde_json::from_slice::<Value>(&event.data) else { return };
    let replacements = [
        "null",
        "true",
        "-1",
        "1.5e300",
        "4294967296",
        "\"\"",
        "\"text\"",
        "[]",
        "[null]",
        "{}",
        "{\"a\":[]}",
    ];
    for pointer in pointers(&json, String::new()).into_iter().take(256) {
        for replacement in replacements {
            let mut json = json.clone();
            if let Some(value) = json.pointer_mut(&pointer) {
                *value = serde_json::from_str(replacement).unwrap_or_default();
            }
            let what = format!("`{replacement}` at `{pointer}` of {}", event.label);
            feed(endpoint, event, json.to_string().as_bytes(), &what, case);
        }
    }
}

/// Paths to every value of a document, its root included.
fn pointers(json: &Value, at: String) -> Vec<String> {
    let below: Vec<String> = match json {
        Value::Object(values) => values
            .iter()
            .flat_map(|(name, value)| {
                pointers(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")))
            })
            .collect(),
        Value::Array(values) => {
            let values = values.iter().enumerate();
            values.flat_map(|(index, value)| pointers(value, format!("{at}/{index}"))).collect()
        }
        _ => Vec::new(),
    };
    [vec![at], below].concat()
}

fn orders(endpoint: &TestEndpoint, events: &[Event], seed: u64, case: &mut Case<'_>) {
    let mut dice = Dice::new(seed);
    for number in 0..200 {
        let what = format!("`event` and `end` with events in random order {number} (seed {seed})");
        case.step(&what);
        let mut given = 0;
        let answer = endpoint.read(|parser, answer| {
            for _ in 0..dice.below(2 * events.len() + 1) {
                let Some(event) = dice.pick(events) else { continue };
                given += event.data.len();
                parser.event(&event.name, &event.data, answer)?;
                if dice.below(8) == 0 {
                    parser.end(answer)?;
                }
            }
            parser.end(answer)
        });
        judge(&answer, given, &what, case);
    }
}

/// One to eight changes at random places.
pub(super) fn mutated(data: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = data.to_vec();
    for _ in 0..=dice.below(8) {
        let at = dice.below(bytes.len());
        // The lowest byte of a random number.
        let random = dice.next().to_le_bytes()[0];
        match dice.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << (random % 8),
            1 if !bytes.is_empty() => bytes[at] = random,
            2 => bytes.truncate(at),
            3 => {
                let end = (at + dice.below(16)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
            4 => {
                let end = (at + dice.below(16)).min(bytes.len());
                let copy = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let splinter = SPLINTERS[dice.below(SPLINTERS.len())];
                bytes.splice(at..at, splinter.iter().copied());
            }
        }
    }
    bytes
}
