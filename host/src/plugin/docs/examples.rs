//! What an endpoint has shown, as sections of a page. Pure.

use prony_plugin_api::metadata::EndpointMetadata;
use serde_json::{Map, Value};

use super::{
    job::{FormPart, Refusal, Shown, Work, Written},
    markdown::{block, code, prose, table},
    requests::{ExampleRequest, LIMIT, MODEL},
};

/// What stands in the place of the key.
const KEY: &str = "KEY";

/// Bytes of the longest part of a form that is shown.
const SHORT: usize = 200;

/// The sections about what it sends and what it reads. The options are those that it was made with.
pub(super) fn sections(shown: &Shown, options: &str, declared: Option<&EndpointMetadata>) -> Vec<String> {
    match shown {
        Shown::Refused(refusal) => vec![
            "## What it sends\n".to_owned(),
            format!("With {} it does not start: {}\n", with_options(options), why(refusal)),
        ],
        Shown::Work(work) => {
            let mut sections = vec!["## What it sends\n".to_owned(), introduction(options)];
            sections.extend(requests(work, declared));
            sections.push("## What it reads\n".to_owned());
            sections.push(readings(work));
            sections
        }
    }
}

/// The options by their names alone: a value may be a key.
fn with_options(options: &str) -> String {
    let options: Map<String, Value> = serde_json::from_str(options).unwrap_or_default();
    let names: Vec<String> = options.keys().map(|name| code(name)).collect();
    if names.is_empty() { "no options".to_owned() } else { format!("the options {}", names.join(", ")) }
}

fn introduction(options: &str) -> String {
    format!(
        "The library has written these requests itself, made with {}, for the model {}. Where it gives tokens, {LIMIT} are asked \
         for. prony adds what is the same for all: `Content-Type`, `Accept`, `X-Request-ID`, and the key of `--api-key` in the \
         place of `{KEY}`.\n",
        with_options(options),
        code(MODEL)
    )
}

/// A section for each request. A stream is shown with the same request in one piece.
fn requests(work: &Work, declared: Option<&EndpointMetadata>) -> Vec<String> {
    let mut sections = Vec::new();
    let mut before: Option<&Result<Written, Refusal>> = None;
    for (wanted, request) in &work.requests {
        if wanted.streams {
            let is_same = before == Some(request)
                && path(request, *wanted, declared) == path(request, whole(*wanted), declared);
            sections.push(if is_same {
                "With `--streaming` it is the same.\n".to_owned()
            } else {
                format!("With `--streaming`:\n\n{}", one(request, *wanted, declared))
            });
        } else {
            sections.push(format!("### {}\n", wanted.content.title()));
            sections.push(one(request, *wanted, declared));
        }
        before = Some(request);
    }
    sections
}

/// The same request for a response in one piece.
fn whole(wanted: ExampleRequest) -> ExampleRequest {
    ExampleRequest { streams: false, ..wanted }
}

fn one(
    request: &Result<Written, Refusal>,
    wanted: ExampleRequest,
    declared: Option<&EndpointMetadata>,
) -> String {
    match request {
        Err(refusal) => format!("It refuses: {}\n", why(refusal)),
        Ok(written) => {
            let path = path(request, wanted, declared);
            let head = head(written, path.as_deref());
            match (&written.parts[..], shown_body(&written.body)) {
                ([], Some(body)) => block("http", &format!("{head}\n{body}")),
                ([], None) => {
                    format!("{}\nThe body has {} bytes.\n", block("http", &head), written.body.len())
                }
                (parts, _) => format!("{}\n{}", block("http", &head), form(parts)),
            }
        }
    }
}

/// What a plugin said, as the end of a sentence and what to do.
fn why(refusal: &Refusal) -> String {
    let hint = if refusal.hint.is_empty() { String::new() } else { format!(" ({})", prose(&refusal.hint)) };
    format!("\"failed to {}\"{hint}.", prose(&refusal.text))
}

/// The path of a request: its own, or else that of the manifest.
fn path(
    request: &Result<Written, Refusal>,
    wanted: ExampleRequest,
    declared: Option<&EndpointMetadata>,
) -> Option<String> {
    let own = request.as_ref().ok().and_then(|written| written.path.clone());
    let streaming = declared.filter(|_| wanted.streams).and_then(|declared| declared.streaming_path.clone());
    own.or(streaming).or_else(|| declared.and_then(|declared| declared.endpoint_path.clone()))
}

/// The request line and the headers, a line each.
fn head(written: &Written, path: Option<&str>) -> String {
    let mut lines = vec![format!("POST {}", path.unwrap_or("(the path of --url)"))];
    let is_named = |name: &str| written.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    if !is_named("content-type") {
        lines.push(format!("Content-Type: {}", written.content_type));
    }
    lines.extend(written.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    match &written.key_header {
        Some((name, prefix)) => lines.push(format!("{name}: {prefix}{KEY}")),
        None if is_named("authorization") => {}
        None => lines.push(format!("Authorization: Bearer {KEY}")),
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// A body that can be read: JSON with its keys in their order, or text.
fn shown_body(body: &[u8]) -> Option<String> {
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        return Some(format!("{json:#}"));
    }
    let text = std::str::from_utf8(body).ok()?;
    let is_readable = text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t');
    is_readable.then(|| text.to_owned())
}

/// The parts of a form.
fn form(parts: &[FormPart]) -> String {
    let or_none = |text: &str| if text.is_empty() { String::new() } else { code(text) };
    let rows = parts.iter().map(|part| {
        let text = std::str::from_utf8(&part.bytes).ok();
        let text = text.filter(|text| part.file_name.is_empty() && text.len() <= SHORT);
        let content = text.map_or_else(|| format!("{} bytes", part.bytes.len()), or_none);
        vec![code(&part.name), or_none(&part.file_name), or_none(&part.content_type), content]
    });
    table(&["part", "file name", "content type", "content"], &rows.collect::<Vec<_>>())
}

fn readings(work: &Work) -> String {
    if work.readings.is_empty() {
        return "It can read none of the recorded responses of common API formats that prony has. `prony plugins check --replay \
            FILE` tries others.\n"
            .to_owned();
    }
    let rows = work
        .readings
        .iter()
        .map(|reading| vec![prose(&reading.response), prose(&reading.reported.join(", "))]);
    let rows = table(&["response", "what it tells of it"], &rows.collect::<Vec<_>>());
    format!("prony has recorded responses of common API formats. Of these it can read:\n\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::docs::{job::Reading, requests::Content};

    const TEXT: ExampleRequest =
        ExampleRequest { content: Content::Text, has_text: true, streams: false, has_limit: true };

    fn written(body: &str) -> Written {
        let body = body.as_bytes().to_vec();
        Written { body, content_type: "application/json".to_owned(), ..Written::default() }
    }

    fn shown(requests: Vec<(ExampleRequest, Result<Written, Refusal>)>) -> String {
        sections(&Shown::Work(Work { requests, readings: Vec::new() }), "{}", None).join("\n")
    }

    #[test]
    fn a_request_is_shown_with_its_head_and_its_body() {
        let mut request = written(r#"{"model":"m","a":1}"#);
        request.path = Some("/v1/talk".to_owned());
        request.headers = vec![("acme-version".to_owned(), "7".to_owned())];
        request.key_header = Some(("x-key".to_owned(), String::new()));
        let page = shown(vec![(TEXT, Ok(request))]);
        let expected = "### A text\n\n```http\nPOST /v1/talk\nContent-Type: application/json\nacme-version: 7\nx-key: KEY\n\n{\n  \
            \"model\": \"m\",\n  \"a\": 1\n}\n```\n";
        assert!(page.contains(expected), "{page}");
    }

    #[test]
    fn a_stream_is_shown_only_where_its_request_differs() {
        let streamed = ExampleRequest { streams: true, ..TEXT };
        let same = shown(vec![(TEXT, Ok(written("{}"))), (streamed, Ok(written("{}")))]);
        assert!(same.contains("With `--streaming` it is the same."), "{same}");
        let other = shown(vec![(TEXT, Ok(written("{}"))), (streamed, Ok(written("{\"stream\":true}")))]);
        assert!(other.contains("With `--streaming`:\n\n```http\nPOST (the path of --url)\n"), "{other}");
    }

    #[test]
    fn what_it_refuses_is_quoted_with_the_way_out() {
        let refusal = Refusal { text: "send an image".to_owned(), hint: "leave it out".to_owned() };
        let page = shown(vec![(TEXT, Err(refusal.clone()))]);
        assert!(page.contains("It refuses: \"failed to send an image\" (leave it out).\n"), "{page}");
        let page = sections(&Shown::Refused(refusal), r#"{"a":1}"#, None).join("\n");
        assert!(page.contains("With the options `a` it does not start: \"failed to send"), "{page}");
    }

    #[test]
    fn a_form_and_a_body_of_bytes_are_described() {
        let part = |name: &str, file_name: &str, bytes: &[u8]| FormPart {
            name: name.to_owned(),
            file_name: file_name.to_owned(),
            content_type: String::new(),
            bytes: bytes.to_vec(),
        };
        let parts = vec![part("prompt", "", b"hi"), part("file", "a.png", b"\x89PNG")];
        let page = shown(vec![(TEXT, Ok(Written { parts, ..Written::default() }))]);
        assert!(page.contains("| `prompt` |  |  | `hi` |\n| `file` | `a.png` |  | 4 bytes |"), "{page}");
        let page = shown(vec![(TEXT, Ok(Written { body: vec![0, 1, 2], ..Written::default() }))]);
        assert!(page.contains("The body has 3 bytes."), "{page}");
    }

    #[test]
    fn what_it_reads_is_a_table() {
        let readings = vec![Reading { response: "a stream".to_owned(), reported: vec!["text".to_owned()] }];
        let text = readings_of(readings);
        assert!(text.ends_with("| a stream | text |\n"), "{text}");
        assert!(readings_of(Vec::new()).starts_with("It can read none"));
    }

    fn readings_of(readings: Vec<Reading>) -> String {
        super::readings(&Work { requests: Vec::new(), readings })
    }
}
