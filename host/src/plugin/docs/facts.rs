//! What a manifest says of an endpoint or a service, in the words of a page. Pure.

use prony_plugin_api::metadata::{EndpointMetadata, ServiceMetadata, StreamFraming};

use super::markdown::{Fact, code};

/// The metadata of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Metadata {
    Endpoint(EndpointMetadata),
    Service(ServiceMetadata),
}

/// What an endpoint takes, sends and gives.
pub(super) fn of_endpoint(declared: &EndpointMetadata) -> Vec<Fact> {
    let mut facts = vec![("path", path(declared))];
    facts.extend(declared.streaming_path.as_deref().map(|path| ("path of a stream", code(path))));
    facts.push(("takes", takes(declared)));
    facts.extend(media(declared).map(|text| ("media", text.to_owned())));
    facts.push(("sends", sends(declared)));
    facts.push(("gives", gives(declared)));
    facts.push(("streams", streams(declared).to_owned()));
    let input = if declared.tokenizes_input { "counted in tokens" } else { "not counted in tokens" };
    facts.push(("input", input.to_owned()));
    facts.push((
        "system prompts",
        allowed(declared.consumes_system_message, "`--system-prompt` and the like"),
    ));
    facts.push(("markers against prefix caches", allowed(declared.supports_cache_bust, "`--cache-bust`")));
    facts
}

/// Whether flags are taken with it.
fn allowed(is_taken: bool, flags: &str) -> String {
    if is_taken { format!("yes ({flags})") } else { format!("no ({flags} will be refused)") }
}

fn path(declared: &EndpointMetadata) -> String {
    match declared.endpoint_path.as_deref() {
        None => "that of `--url`".to_owned(),
        Some(path) if declared.keeps_url_path => {
            format!("{}, unless `--url` has a path of its own", code(path))
        }
        Some(path) => code(path),
    }
}

fn takes(declared: &EndpointMetadata) -> String {
    let first = if declared.ranks_passages { "a query and passages" } else { "texts" };
    let image = if declared.requires_images { "images (at least one)" } else { "images" };
    let audio = if declared.requires_audio { "audio (needed)" } else { "audio" };
    let all = [
        (declared.tokenizes_input || declared.ranks_passages, first),
        (declared.supports_images || declared.requires_images, image),
        (declared.supports_audio || declared.requires_audio, audio),
        (declared.supports_videos, "videos"),
        (declared.supports_tools, "calls of tools and their results"),
        (declared.supports_raw_payloads, "whole payloads of a dataset"),
    ];
    listed(&all)
}

/// Of media: whether they may be links. Nothing where none is taken.
fn media(declared: &EndpointMetadata) -> Option<&'static str> {
    let takes_any = declared.supports_images
        || declared.requires_images
        || declared.supports_audio
        || declared.requires_audio
        || declared.supports_videos;
    takes_any.then_some(if declared.requires_inline_media {
        "in the request itself, no links"
    } else {
        "in the request itself, or as links"
    })
}

fn sends(declared: &EndpointMetadata) -> String {
    let form = if declared.requires_form_data { "a form (`multipart/form-data`)" } else { "a body" };
    if declared.requires_polling {
        format!("{form} that begins a job, then questions whether it is over")
    } else {
        form.to_owned()
    }
}

fn gives(declared: &EndpointMetadata) -> String {
    let all = [
        (declared.produces_tokens, "text, counted in tokens"),
        (declared.ranks_passages, "scores of passages"),
        (declared.produces_images, "images"),
        (declared.produces_audio, "audio"),
        (declared.produces_videos, "videos"),
    ];
    match listed(&all) {
        none if none.is_empty() => "no text and no media".to_owned(),
        some => some,
    }
}

fn streams(declared: &EndpointMetadata) -> &'static str {
    match declared.stream_framing {
        _ if !declared.supports_streaming => "no",
        StreamFraming::Events => "server-sent events",
        StreamFraming::Lines => "lines",
        StreamFraming::Bytes => "frames of its own",
    }
}

fn listed(all: &[(bool, &'static str)]) -> String {
    let there: Vec<&str> = all.iter().filter(|(is_there, _)| *is_there).map(|(_, words)| *words).collect();
    there.join(", ")
}

/// How a service of this name lives in a run.
pub(super) fn of_service(name: &str, declared: &ServiceMetadata) -> Vec<Fact> {
    let start = match (declared.auto_start, declared.required) {
        (true, true) => "with every run".to_owned(),
        (true, false) => {
            format!("with every run, unless {} leaves it out", code(&format!("--no-service {name}")))
        }
        (false, _) => format!("with {}", code(&format!("--service {name}"))),
    };
    let death = if declared.required { "the run ends" } else { "the run goes on, and the report says it" };
    let several = if declared.replicable { "as often as it is named" } else { "once" };
    vec![("starts", start), ("where it fails", death.to_owned()), ("runs", several.to_owned())]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_with_images_is_described() {
        let declared: EndpointMetadata = serde_json::from_value(json!({
            "endpoint_path": "/v1/images/edits", "supports_streaming": false, "produces_tokens": false,
            "tokenizes_input": true, "requires_images": true, "requires_form_data": true, "produces_images": true,
        }))
        .unwrap();
        let facts = of_endpoint(&declared);
        let fact = |name: &str| facts.iter().find(|(found, _)| *found == name).map(|(_, text)| text.as_str());
        assert_eq!(fact("path"), Some("`/v1/images/edits`"));
        assert_eq!(fact("takes"), Some("texts, images (at least one)"));
        assert_eq!(fact("media"), Some("in the request itself, or as links"));
        assert_eq!(fact("sends"), Some("a form (`multipart/form-data`)"));
        assert_eq!((fact("gives"), fact("streams")), (Some("images"), Some("no")));
    }

    #[test]
    fn a_service_says_when_it_starts() {
        let declared = |auto_start, required| ServiceMetadata {
            required,
            auto_start,
            replicable: false,
            disable_gc: false,
        };
        let starts = |metadata| of_service("otel", &metadata)[0].1.clone();
        assert_eq!(starts(declared(false, false)), "with `--service otel`");
        assert_eq!(starts(declared(true, false)), "with every run, unless `--no-service otel` leaves it out");
        assert_eq!(starts(declared(true, true)), "with every run");
    }
}
