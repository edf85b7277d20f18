//! Requests: what `format` writes for turns of every kind.

use serde_json::Value;

use super::{
    bench::{Bench, Case},
    cases::{FORMAT_EXTRA, FORMAT_REPEATED, FORMAT_TURNS},
    catalogue::{turns, Sample},
    piece,
};
use crate::{
    error::Result,
    testing::{Request, TestEndpoint, Turn},
};

/// A field that no API format has.
const EXTRA: &str = "prony_conformance_extra";

pub(super) fn check(endpoint: &TestEndpoint, bench: &mut Bench<'_>) {
    let samples = turns();
    bench.check(FORMAT_TURNS, |case| {
        let accepted: usize = samples.iter().map(|sample| inspect(endpoint, sample, case)).sum();
        if accepted == 0 {
            case.fail("`format` refuses every turn of the catalogue");
        }
    });
    bench.check(FORMAT_REPEATED, |case| deterministic(endpoint, case));
    bench.check(FORMAT_EXTRA, |case| extra_fields(endpoint, case));
}

/// Formats a turn with and without streaming. Returns how often it was accepted.
fn inspect(endpoint: &TestEndpoint, sample: &Sample, case: &mut Case<'_>) -> usize {
    let plain = formatted(endpoint, sample, false, case);
    let streamed = formatted(endpoint, sample, true, case);
    match (&plain, &streamed) {
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => case.fail(format!(
            "a turn with {} is accepted either with or without streaming, not with both: {error}",
            sample.name
        )),
        _ => {}
    }
    [plain, streamed].into_iter().flatten().count()
}

fn formatted(
    endpoint: &TestEndpoint,
    sample: &Sample,
    streaming: bool,
    case: &mut Case<'_>,
) -> Result<Request> {
    let turn = Turn { streaming, ..sample.turn.clone() };
    let mode = if streaming { ", streaming" } else { "" };
    let what = format!("`format` of a turn with {}{mode}", sample.name);
    case.step(&what);
    case.gives(|| piece::turn(&turn));
    let result = endpoint.format(&turn);
    case.gets(|| piece::request(&result));
    match &result {
        Ok(request) => sound(request, sample, &what, case),
        Err(error) => case.judge(error, &what),
    }
    result
}

fn sound(request: &Request, sample: &Sample, what: &str, case: &mut Case<'_>) {
    headers(request, what, case);
    if sample.is_broken {
        return;
    }
    if !request.parts.is_empty() {
        if !request.body.is_empty() {
            case.fail(format!("{what} wrote both parts and a body"));
        }
    } else if request.body.is_empty() {
        case.fail(format!("{what} wrote no body"));
    } else if request.content_type().contains("json") {
        if let Err(error) = request.json() {
            case.fail(format!("{what}: failed to {}", error.message));
            return;
        }
    }
    if let Some(text) = &sample.must_hold {
        if !holds(request, text) {
            case.fail(format!("{what}: the text of the turn is not in the body"));
        }
    }
}

/// What a header or a path must not hold: it would become another header.
fn headers(request: &Request, what: &str, case: &mut Case<'_>) {
    let named = request.headers.iter().chain(&request.api_key_header);
    for (name, value) in named {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            case.fail(format!("{what} wrote a header named `{}`", name.escape_debug()));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            case.fail(format!("{what} wrote a control character into the header `{name}`"));
        }
    }
    if let Some(path) = &request.path {
        let is_url = path.starts_with('/') || path.starts_with("http://") || path.starts_with("https://");
        if !is_url || path.chars().any(|c| c.is_control() || c == ' ') {
            case.fail(format!("{what} wrote the path `{}`", path.escape_debug()));
        }
    }
}

/// The text is somewhere in the body: whole in a string of its JSON, or in its bytes.
fn holds(request: &Request, text: &str) -> bool {
    let within = |bytes: &[u8]| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    match request.json() {
        Ok(json) => json_holds(&json, text),
        Err(_) => within(&request.body) || request.parts.iter().any(|part| within(&part.bytes)),
    }
}

fn json_holds(json: &Value, text: &str) -> bool {
    match json {
        Value::String(string) => string.contains(text),
        Value::Array(values) => values.iter().any(|value| json_holds(value, text)),
        Value::Object(values) => values.values().any(|value| json_holds(value, text)),
        _ => false,
    }
}

/// An accepted turn without media, if there is one.
fn plain_turn(endpoint: &TestEndpoint) -> Option<(Turn, Request)> {
    turns().into_iter().filter(|sample| !sample.is_broken).find_map(|sample| {
        let request = endpoint.format(&sample.turn).ok()?;
        Some((sample.turn, request))
    })
}

fn deterministic(endpoint: &TestEndpoint, case: &mut Case<'_>) {
    case.step("`format` of the same turn from two threads at once");
    let turns: Vec<Turn> = turns().into_iter().map(|sample| sample.turn).collect();
    let formatted = || -> Vec<Result<Request>> { turns.iter().map(|turn| endpoint.format(turn)).collect() };
    let alone = formatted();
    let together = std::thread::scope(|scope| {
        let threads = [scope.spawn(formatted), scope.spawn(formatted)];
        threads.map(|thread| thread.join().unwrap_or_default())
    });
    for (name, again) in
        [("again", formatted()), ("in one thread", together[0].clone()), ("in another", together[1].clone())]
    {
        if let Some(at) = (0..turns.len()).find(|at| again.get(*at) != alone.get(*at)) {
            case.fail(format!(
                "the same turn formatted {name} is another request: turn {at} of the catalogue"
            ));
        }
    }
}

fn extra_fields(endpoint: &TestEndpoint, case: &mut Case<'_>) {
    let Some((turn, plain)) = plain_turn(endpoint) else { return };
    let Ok(Value::Object(body)) = plain.json() else { return };
    case.step("`format` of a turn with extra fields");
    let value = serde_json::json!({"a": [1, "two"]});
    // A field of the API format's own that is safe to replace, because its type stays.
    let own = body.iter().find_map(|(name, value)| value.is_string().then_some(name));
    let mut extra = serde_json::Map::new();
    extra.insert(EXTRA.to_owned(), value.clone());
    if let Some(own) = own {
        extra.insert(own.clone(), Value::from(EXTRA));
    }
    let turn = turn.extra(&Value::Object(extra).to_string());
    case.gives(|| piece::turn(&turn));
    let result = endpoint.format(&turn);
    case.gets(|| piece::request(&result));
    let json = match result.and_then(|request| request.json()) {
        Ok(json) => json,
        Err(error) => return case.fail(format!("a turn with extra fields: {error}")),
    };
    match find(&json, EXTRA) {
        None => case.fail(format!("the extra field `{EXTRA}` is not in the body")),
        Some(found) if *found != value => {
            case.fail(format!(
                "the extra field `{EXTRA}` is `{found}` in the body, and was given as `{value}`"
            ));
        }
        Some(_) => {}
    }
    match own {
        Some(own) if json[own] != EXTRA => {
            case.fail(format!("the user's `{own}` does not win over the format's own"));
        }
        _ => {}
    }
}

/// The value of a name, at any depth: some API formats keep such fields in an object of their own.
fn find<'a>(json: &'a Value, name: &str) -> Option<&'a Value> {
    match json {
        Value::Object(values) => {
            values.get(name).or_else(|| values.values().find_map(|value| find(value, name)))
        }
        Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}
