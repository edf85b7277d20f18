//! What a `plugins.yaml` entry says about a plugin, before any library is opened.
//!
//! Unknown keys are errors: a typo in a manifest must not turn into a default.

use serde::{Deserialize, Serialize};

/// The `metadata` of an entry in the `endpoint` category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of `metadata`")]
#[expect(clippy::struct_excessive_bools, reason = "independent capability flags of the manifest format")]
pub struct EndpointMetadata {
    /// Path appended to the base URL; `null` uses the URL as given.
    pub endpoint_path: Option<String>,
    /// Path that replaces `endpoint_path` when the answer streams.
    #[serde(default)]
    pub streaming_path: Option<String>,
    /// The API format can answer as a stream.
    pub supports_streaming: bool,
    /// What such a stream is made of.
    #[serde(default)]
    pub stream_framing: StreamFraming,
    /// The answer is text that can be counted in tokens.
    pub produces_tokens: bool,
    /// The input is text that can be counted in tokens.
    pub tokenizes_input: bool,
    /// Title of the console table.
    #[serde(default)]
    pub metrics_title: Option<String>,
    /// The family of servers that speak this API format; part of the default artifact folder's name.
    #[serde(default = "default_service_kind")]
    pub service_kind: String,
    /// Accepts audio in the request.
    #[serde(default)]
    pub supports_audio: bool,
    /// Accepts images in the request.
    #[serde(default)]
    pub supports_images: bool,
    /// Accepts videos in the request.
    #[serde(default)]
    pub supports_videos: bool,
    /// Answers with audio.
    #[serde(default)]
    pub produces_audio: bool,
    /// Answers with images.
    #[serde(default)]
    pub produces_images: bool,
    /// Answers with videos.
    #[serde(default)]
    pub produces_videos: bool,
    /// Writes calls of tools and their results into a request: parts of the kinds `TOOL_CALL` and `TOOL_RESULT`. An endpoint that
    /// does not is never given one. A host before minor 2 of the contract does not know this key.
    #[serde(default)]
    pub supports_tools: bool,
    /// Accepts a prompt marker that defeats prefix caches.
    #[serde(default)]
    pub supports_cache_bust: bool,
    /// Places a shared system message itself.
    #[serde(default)]
    pub consumes_system_message: bool,
    /// Submits a job, then polls until it is finished.
    #[serde(default)]
    pub requires_polling: bool,
    /// Sends `multipart/form-data` instead of JSON.
    #[serde(default)]
    pub requires_form_data: bool,
    /// Takes a query and passages to rank by it: generated content is made of these.
    #[serde(default)]
    pub ranks_passages: bool,
    /// Sends whole bodies that a dataset holds, as they are: a turn then has a part of the kind `RAW` with the name
    /// `payload`. For an endpoint that does not, the host puts the payload in the place of the body that it wrote for
    /// another turn; so only one whose path, headers or signature depend on the body has to.
    #[serde(default)]
    pub supports_raw_payloads: bool,
    /// A URL with a path of its own is the whole address: `endpoint_path` is appended to one without a path only.
    #[serde(default)]
    pub keeps_url_path: bool,
    /// Has nothing to say without an image.
    #[serde(default)]
    pub requires_images: bool,
    /// Has nothing to say without audio.
    #[serde(default)]
    pub requires_audio: bool,
    /// Media must be embedded in the request, not linked.
    #[serde(default)]
    pub requires_inline_media: bool,
}

/// How the host splits a stream before it hands it to a parser. The answer's content type is asked first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamFraming {
    /// Server-sent events. Every answer of the type `text/event-stream` is split like this.
    #[default]
    Events,
    /// Lines, each of which is an event without a name: line-delimited JSON. Every answer of a type such as
    /// `application/x-ndjson` or `application/jsonl` is split like this.
    Lines,
    /// Not at all: each read is an event without a name, as it came. For API formats with a framing of their own, whose
    /// parser keeps what is not yet complete.
    Bytes,
}

impl StreamFraming {
    /// The framing that a content type stands for, in any API format.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        const LINES: [&str; 8] = [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonl",
            "application/jsonlines",
            "application/x-jsonlines",
            "application/json-lines",
            "application/stream+json",
        ];
        let media = content_type.split(';').next().unwrap_or("").trim();
        let is = |known: &str| media.eq_ignore_ascii_case(known);
        if is("text/event-stream") {
            Some(Self::Events)
        } else if LINES.into_iter().any(is) {
            Some(Self::Lines)
        } else {
            None
        }
    }
}

fn default_service_kind() -> String {
    "openai".to_owned()
}

/// The `metadata` of an entry in the `service` category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of `metadata`")]
#[expect(clippy::struct_excessive_bools, reason = "independent flags of the manifest format")]
pub struct ServiceMetadata {
    /// Its death ends the run; the death of any other service is only marked in the report.
    pub required: bool,
    /// Started with every run unless it is switched off.
    pub auto_start: bool,
    /// Several instances may run beside each other.
    #[serde(default)]
    pub replicable: bool,
    /// Accepted so that manifests written for hosts with a garbage collector stay valid. No effect here.
    #[serde(default)]
    pub disable_gc: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_metadata_key_is_refused_by_name() {
        let json = r#"{"required":false,"auto_start":true,"replicabel":true}"#;
        let error = serde_json::from_str::<ServiceMetadata>(json).unwrap_err().to_string();
        assert!(error.contains("`replicabel`"), "{error}");
    }

    #[test]
    fn only_the_four_deciding_endpoint_fields_are_required() {
        let json = r#"{"endpoint_path":null,"supports_streaming":true,"produces_tokens":true,"tokenizes_input":true}"#;
        let metadata: EndpointMetadata = serde_json::from_str(json).unwrap();
        assert_eq!(metadata.service_kind, "openai");
        assert!(!metadata.requires_polling);
        assert_eq!(metadata.stream_framing, StreamFraming::Events);
    }

    #[test]
    fn a_framing_that_there_is_not_is_refused_with_those_that_there_are() {
        let error = serde_json::from_str::<StreamFraming>(r#""ndjson""#).unwrap_err().to_string();
        assert!(error.contains("`ndjson`, expected one of `events`, `lines`, `bytes`"), "{error}");
    }

    #[test]
    fn some_content_types_say_how_a_stream_is_framed() {
        let framing = StreamFraming::of_content_type;
        assert_eq!(framing("Text/Event-Stream; charset=utf-8"), Some(StreamFraming::Events));
        assert_eq!(framing("application/x-ndjson;charset=utf-8"), Some(StreamFraming::Lines));
        assert_eq!(framing("application/jsonl"), Some(StreamFraming::Lines));
        for other in ["", "application/json", "text/html", "application/vnd.amazon.eventstream"] {
            assert_eq!(framing(other), None, "{other}");
        }
    }
}
