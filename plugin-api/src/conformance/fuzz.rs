//! Responses as nobody would write them: recorded streams that are corrupted and cut at random, and random JSON.

use super::{
    bench::Bench,
    cases::{FUZZ_RESPONSES, FUZZ_STREAMS},
    chunks::chunks,
    corruption::mutated,
    garbage::{small, Garbage},
    parser::{judge, ERRORS},
    piece, replay,
};
use crate::testing::{dice::Dice, Recording, TestEndpoint};

/// Names that parsers of common API formats look for.
const NAMES: [&str; 32] = [
    "choices",
    "index",
    "delta",
    "message",
    "content",
    "reasoning_content",
    "text",
    "role",
    "finish_reason",
    "stop_reason",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "error",
    "code",
    "type",
    "data",
    "embedding",
    "results",
    "relevance_score",
    "output",
    "response",
    "status",
    "tool_calls",
    "function",
    "arguments",
    "id",
    "model",
    "done",
    "generated_text",
];

/// Values that are no lists or objects.
const SCALARS: [&str; 18] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "0.5",
    "1e308",
    "1e999",
    "4294967296",
    "18446744073709551616",
    "\"\"",
    "\"text\"",
    "\"[DONE]\"",
    "\"stop\"",
    "\"\\ud83e\\udd80 \\u0000\"",
    "\"response.completed\"",
    "\"content_block_delta\"",
];

/// Depth of random JSON.
const DEPTH: u32 = 6;

/// Most entries of a list or an object.
const WIDTH: usize = 4;

pub(super) fn check(
    endpoint: &TestEndpoint,
    known: &[(String, Recording)],
    seed: u64,
    rounds: u32,
    bench: &mut Bench<'_>,
) {
    bench.check(FUZZ_STREAMS, |case| {
        let (streams, garbage): (Vec<_>, _) = (replay::streams(known).collect(), small());
        let mut dice = Dice::new(seed);
        for number in 0..rounds {
            let Some(&(name, framing, bytes)) = dice.pick(&streams) else { return };
            let bytes = broken(bytes, &garbage, &mut dice);
            let pieces = chunks(&bytes, &mut dice);
            let what =
                format!("corruption {number} of the recording `{name}`, in random chunks (seed {seed})");
            case.step(&format!("`event` and `end` with {what}"));
            case.gives(|| piece::chunks(&pieces));
            judge(&endpoint.read_framed(framing, pieces), bytes.len(), &what, case);
        }
    });
    bench.check(FUZZ_RESPONSES, |case| {
        let mut dice = Dice::new(seed);
        for number in 0..rounds {
            let mut json = String::new();
            object(DEPTH, &mut dice, &mut json);
            let status = dice.pick(&ERRORS).copied().filter(|_| dice.below(2) == 0).unwrap_or(200);
            let as_event = format!("`event` with random JSON {number} (seed {seed})");
            case.step(&as_event);
            case.gives(|| piece::event("", json.as_bytes()));
            let answer = endpoint.read(|parser, answer| {
                parser.event("", json.as_bytes(), answer)?;
                parser.end(answer)
            });
            judge(&answer, json.len(), &as_event, case);
            let as_body = format!("`body` of status {status} with random JSON {number} (seed {seed})");
            case.step(&as_body);
            case.gives(|| piece::body(status, json.as_bytes()));
            judge(&endpoint.read_body(status, json.as_bytes()), json.len(), &as_body, case);
        }
    });
}

/// A corrupted stream, every other time with an event of garbage in it.
fn broken(stream: &[u8], garbage: &[Garbage], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = mutated(stream, dice);
    if dice.below(2) == 0 {
        if let Some(garbage) = dice.pick(garbage) {
            let at = dice.below(bytes.len());
            let event = [b"\ndata: ".as_slice(), garbage.bytes.as_slice(), b"\n\n".as_slice()].concat();
            bytes.splice(at..at, event);
        }
    }
    bytes
}

/// An object in which a name may stand twice.
fn object(depth: u32, dice: &mut Dice, json: &mut String) {
    json.push('{');
    for entry in 0..dice.below(WIDTH + 1) {
        if entry > 0 {
            json.push(',');
        }
        json.push('"');
        json.push_str(NAMES[dice.below(NAMES.len())]);
        json.push_str("\":");
        value(depth, dice, json);
    }
    json.push('}');
}

fn value(depth: u32, dice: &mut Dice, json: &mut String) {
    match dice.below(4) {
        0 if depth > 0 => list(depth - 1, dice, json),
        1 | 2 if depth > 0 => object(depth - 1, dice, json),
        _ => json.push_str(SCALARS[dice.below(SCALARS.len())]),
    }
}

fn list(depth: u32, dice: &mut Dice, json: &mut String) {
    json.push('[');
    for entry in 0..dice.below(WIDTH + 1) {
        if entry > 0 {
            json.push(',');
        }
        value(depth, dice, json);
    }
    json.push(']');
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    fn random(seed: u64) -> String {
        let mut json = String::new();
        object(DEPTH, &mut Dice::new(seed), &mut json);
        json
    }

    #[test]
    fn random_json_is_json_and_the_same_from_the_same_seed() {
        for seed in 0..200 {
            let json = random(seed);
            // A number beyond all others is JSON, and nothing that this reader takes.
            let small = json.replace("1e999", "1");
            assert!(serde_json::from_str::<IgnoredAny>(&small).is_ok(), "seed {seed}: {json}");
            assert_eq!(json, random(seed));
        }
        assert!((0..200).any(|seed| random(seed).len() > 500));
    }

    #[test]
    fn a_broken_stream_is_another_one() {
        let garbage = small();
        let stream = b"data: {\"text\": \"Hello\"}\n\n";
        let mut dice = Dice::new(42);
        let changed = (0..100).filter(|_| broken(stream, &garbage, &mut dice) != stream).count();
        assert!(changed > 90, "{changed}");
    }
}
