//! Recorded answers, cut and split and read side by side: what must not change, and what must.

use super::{
    bench::{Bench, Case},
    cases::{RESPONSES_CHUNKS, RESPONSES_CUT, RESPONSES_PARSERS, RESPONSES_REPEATED, RESPONSES_SPLIT},
    chunks::chunks,
    parser::judge,
    piece,
};
use crate::{
    framing::StreamSplitter,
    metadata::StreamFraming,
    testing::{dice::Dice, Answer, Recording, TestEndpoint},
};

/// Streams up to this size are split at every byte, longer ones at this many.
const EVERY_SPLIT: usize = 4096;

/// So often each stream is cut into random chunks.
const CHUNKINGS: u32 = 200;

pub(super) fn check(
    endpoint: &TestEndpoint,
    known: &[(String, Recording)],
    seed: u64,
    bench: &mut Bench<'_>,
) {
    bench.check(RESPONSES_REPEATED, |case| {
        for (name, recording) in known {
            again(endpoint, name, recording, case);
        }
    });
    bench.check(RESPONSES_SPLIT, |case| {
        let mut dice = Dice::new(seed);
        for (name, framing, bytes) in streams(known) {
            splits(endpoint, name, framing, bytes, &mut dice, case);
        }
    });
    bench.check(RESPONSES_CHUNKS, |case| {
        let mut dice = Dice::new(seed);
        for (name, framing, bytes) in streams(known) {
            random_chunks(endpoint, name, framing, bytes, &mut dice, case);
        }
    });
    bench.check(RESPONSES_PARSERS, |case| {
        for (name, framing, bytes) in streams(known) {
            side_by_side(endpoint, name, framing, bytes, case);
        }
    });
    bench.check(RESPONSES_CUT, |case| {
        for (name, recording) in known {
            match (recording, recording.framing()) {
                (Recording::Body(status, bytes), _) => cut_body(endpoint, name, *status, bytes, case),
                (_, framing) => {
                    cut_stream(endpoint, name, framing.unwrap_or_default(), recording.bytes(), case);
                }
            }
        }
    });
}

/// Those that stream: name, framing and bytes.
pub(super) fn streams(known: &[(String, Recording)]) -> impl Iterator<Item = (&str, StreamFraming, &[u8])> {
    known
        .iter()
        .filter_map(|(name, recording)| Some((name.as_str(), recording.framing()?, recording.bytes())))
}

/// The events of a stream: name and data.
pub(super) fn events(framing: StreamFraming, stream: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut events = Vec::new();
    let mut splitter = StreamSplitter::new(framing);
    let mut note = |name: &str, data: &[u8]| events.push((name.to_owned(), data.to_vec()));
    // What is too large to be an event ends the recording.
    let _ = splitter.feed(stream, &mut note);
    splitter.end(&mut note);
    events
}

fn again(endpoint: &TestEndpoint, name: &str, recording: &Recording, case: &mut Case<'_>) {
    case.step(&format!("{} with the recording `{name}`, from two threads at once", recording.calls()));
    let once = endpoint.replay(recording);
    if endpoint.replay(recording) != once {
        case.fail(format!("`{name}` read twice gives two responses"));
    }
    let many = || (0..20).all(|_| endpoint.replay(recording) == once);
    let same = std::thread::scope(|scope| {
        let threads = [scope.spawn(many), scope.spawn(many)];
        threads.into_iter().all(|thread| thread.join().unwrap_or(false))
    });
    if !same {
        case.fail(format!("`{name}` read by two threads at once gives another response"));
    }
}

/// What the others are compared with.
fn read_whole(
    endpoint: &TestEndpoint,
    name: &str,
    framing: StreamFraming,
    bytes: &[u8],
    case: &mut Case<'_>,
) -> Answer {
    case.step(&format!("`event` and `end` with the recording `{name}`, whole"));
    case.gives(|| piece::chunks(&[bytes]));
    let whole = endpoint.read_framed(framing, [bytes]);
    case.gets(|| piece::answer(&whole));
    whole
}

fn splits(
    endpoint: &TestEndpoint,
    name: &str,
    framing: StreamFraming,
    bytes: &[u8],
    dice: &mut Dice,
    case: &mut Case<'_>,
) {
    let whole = read_whole(endpoint, name, framing, bytes, case);
    let every = bytes.len() <= EVERY_SPLIT;
    let places = if every { bytes.len() } else { EVERY_SPLIT };
    for place in 0..places {
        let at = if every { place } else { dice.below(bytes.len()) };
        case.step(&format!("`event` and `end` with the recording `{name}`, split at byte {at}"));
        let pieces = [&bytes[..at], &bytes[at..]];
        case.gives(|| piece::chunks(&pieces));
        let answer = endpoint.read_framed(framing, pieces);
        case.gets(|| piece::answer(&answer));
        if answer != whole {
            return case.fail(format!("`{name}`, split at byte {at}, gives another response"));
        }
    }
    case.step(&format!("`event` and `end` with the recording `{name}`, byte by byte"));
    if endpoint.read_framed(framing, bytes.chunks(1)) != whole {
        case.fail(format!("`{name}`, read byte by byte, gives another response"));
    }
}

fn random_chunks(
    endpoint: &TestEndpoint,
    name: &str,
    framing: StreamFraming,
    bytes: &[u8],
    dice: &mut Dice,
    case: &mut Case<'_>,
) {
    let whole = read_whole(endpoint, name, framing, bytes, case);
    for number in 0..CHUNKINGS {
        let pieces = chunks(bytes, dice);
        let what = format!("the recording `{name}` in {} random chunks (way {number})", pieces.len());
        case.step(&format!("`event` and `end` with {what}"));
        case.gives(|| piece::chunks(&pieces));
        let answer = endpoint.read_framed(framing, pieces);
        case.gets(|| piece::answer(&answer));
        if answer != whole {
            return case.fail(format!("{what} gives another response than in one"));
        }
    }
}

fn side_by_side(
    endpoint: &TestEndpoint,
    name: &str,
    framing: StreamFraming,
    bytes: &[u8],
    case: &mut Case<'_>,
) {
    case.step(&format!("`event` with the recording `{name}`, in two parsers side by side"));
    let alone = endpoint.read_framed(framing, [bytes]);
    let (Ok(mut first), Ok(mut second)) = (endpoint.parser(), endpoint.parser()) else {
        return case.fail("`parser` fails when it is called twice");
    };
    let mut answers = [Answer::default(), Answer::default()];
    for (name, data) in events(framing, bytes) {
        for (parser, answer) in [&mut first, &mut second].into_iter().zip(&mut answers) {
            if answer.failure.is_none() {
                answer.failure = parser.event(&name, &data, answer).err();
            }
        }
    }
    for (parser, answer) in [&mut first, &mut second].into_iter().zip(&mut answers) {
        if answer.failure.is_none() {
            answer.failure = parser.end(answer).err();
        }
    }
    if answers.iter().any(|answer| *answer != alone) {
        case.fail(format!("`{name}` in two parsers side by side gives another response than in one"));
    }
}

/// Cut before the last text, no stream is complete, whatever its API format.
fn cut_stream(
    endpoint: &TestEndpoint,
    name: &str,
    framing: StreamFraming,
    bytes: &[u8],
    case: &mut Case<'_>,
) {
    let ends: Vec<usize> = match framing {
        StreamFraming::Bytes => (1..bytes.len()).step_by((bytes.len() / EVERY_SPLIT).max(1)).collect(),
        _ => (1..bytes.len()).filter(|at| bytes[at - 1] == b'\n').collect(),
    };
    if ends.is_empty() {
        return;
    }
    let whole = read_whole(endpoint, name, framing, bytes, case);
    for at in ends {
        let what = format!("the recording `{name}`, cut off after byte {at}");
        case.step(&format!("`event` and `end` with {what}"));
        case.gives(|| piece::chunks(&[&bytes[..at]]));
        let cut = endpoint.read_framed_cut(framing, &bytes[..at]);
        judge(&cut, at, &what, case);
        if cut.is_complete() && cut.text_bytes() < whole.text_bytes() {
            case.fail(format!(
                "{what}, is complete with {} of {} bytes of text",
                cut.text_bytes(),
                whole.text_bytes()
            ));
        }
    }
}

fn cut_body(endpoint: &TestEndpoint, name: &str, status: u32, bytes: &[u8], case: &mut Case<'_>) {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    let whole = bytes.trim_ascii_end().len();
    let step = (whole / EVERY_SPLIT).max(1);
    for at in (0..whole).step_by(step) {
        let what = format!("the recording `{name}`, cut off after byte {at}");
        case.step(&format!("`body` with {what}"));
        case.gives(|| piece::body(status, &bytes[..at]));
        let cut = endpoint.read_body(status, &bytes[..at]);
        judge(&cut, at, &what, case);
        if is_json && at > 0 && cut.is_success() && cut.has_content() {
            case.fail(format!("{what}, is half a JSON document and counts as a success"));
        }
    }
}
