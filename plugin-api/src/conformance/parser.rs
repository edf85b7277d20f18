//! Parsers against garbage, and called in every order.

use super::{
    bench::{Bench, Case},
    cases::{HOSTILE_BODIES, HOSTILE_EVENTS, HOSTILE_LARGE, HOSTILE_ORDER},
    garbage::{large, small, Garbage},
    piece,
};
use crate::{
    abi::host::ParserInstance,
    error::ErrorKind,
    testing::{Answer, TestEndpoint},
};

/// Statuses whose bodies are errors.
pub(super) const ERRORS: [u32; 14] = [400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 502, 503, 504, 599];

/// Names that events come with.
const NAMES: [&str; 4] = ["", "error", "message", "a name that nobody knows"];

/// A parser may report a little more than it was given, as escapes are undone and defaults filled in.
const MOST_TEXT_PER_BYTE: usize = 16;
const SOME_TEXT: usize = 1 << 16;

pub(super) fn check(endpoint: &TestEndpoint, bench: &mut Bench<'_>) {
    let small = small();
    bench.check(HOSTILE_EVENTS, |case| {
        for garbage in &small {
            for name in NAMES {
                event(endpoint, garbage, name, case);
            }
        }
    });
    bench.check(HOSTILE_BODIES, |case| {
        for garbage in &small {
            for status in [200, 204].into_iter().chain(ERRORS) {
                body(endpoint, garbage, status, case);
            }
        }
    });
    bench.check(HOSTILE_LARGE, |case| {
        for garbage in &large() {
            event(endpoint, garbage, "", case);
            body(endpoint, garbage, 200, case);
            body(endpoint, garbage, 500, case);
        }
    });
    bench.check(HOSTILE_ORDER, |case| orders(endpoint, case));
}

fn event(endpoint: &TestEndpoint, garbage: &Garbage, name: &str, case: &mut Case<'_>) {
    let named = if name.is_empty() { String::new() } else { format!(" named `{name}`") };
    let what = format!("`event`{named} with {}", garbage.name);
    case.step(&what);
    case.gives(|| piece::event(name, &garbage.bytes));
    let answer = endpoint.read(|parser, answer| {
        parser.event(name, &garbage.bytes, answer)?;
        parser.end(answer)
    });
    judge(&answer, garbage.bytes.len(), &what, case);
}

fn body(endpoint: &TestEndpoint, garbage: &Garbage, status: u32, case: &mut Case<'_>) {
    let what = format!("`body` of status {status} with {}", garbage.name);
    case.step(&what);
    case.gives(|| piece::body(status, &garbage.bytes));
    let answer = endpoint.read_body(status, &garbage.bytes);
    judge(&answer, garbage.bytes.len(), &what, case);
}

/// What holds for every answer, whatever was read.
pub(super) fn judge(answer: &Answer, given: usize, what: &str, case: &mut Case<'_>) {
    case.gets(|| piece::answer(answer));
    if let Some(error) = &answer.failure {
        case.judge(error, what);
    }
    for (bytes, of) in [(answer.text_bytes(), "text"), (answer.call_bytes(), "calls of tools")] {
        if bytes > given * MOST_TEXT_PER_BYTE + SOME_TEXT {
            case.fail(format!("{what} made {bytes} bytes of {of} out of {given}"));
        }
    }
}

fn orders(endpoint: &TestEndpoint, case: &mut Case<'_>) {
    case.step("`end` without anything before it");
    let nothing = endpoint.read(ParserInstance::end);
    judge(&nothing, 0, "`end` without anything before it", case);
    if nothing.has_content() {
        case.fail("`end` without anything before it reports content");
    }
    case.step("`end` twice, with an event and a body after it");
    let strange = endpoint.read(|parser, answer| {
        let calls = [
            parser.end(answer),
            parser.end(answer),
            parser.event("", b"{}", answer),
            parser.event("", b"[DONE]", answer),
            parser.body(200, b"{}", answer),
            parser.event("", b"[DONE]", answer),
            parser.end(answer),
        ];
        let mut failed =
            calls.into_iter().filter(|call| matches!(call, Err(error) if error.kind == ErrorKind::PANIC));
        failed.next().unwrap_or(Ok(()))
    });
    judge(&strange, 0, "a call after `end`", case);
    case.step("`parser`, and the destructors of parsers that are never used");
    for _ in 0..100 {
        if let Err(error) = endpoint.parser() {
            case.judge(&error, "`parser`");
        }
    }
}
