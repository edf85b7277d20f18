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
    /// The dialect can answer as a stream of server-sent events.
    pub supports_streaming: bool,
    /// The answer is text that can be counted in tokens.
    pub produces_tokens: bool,
    /// The input is text that can be counted in tokens.
    pub tokenizes_input: bool,
    /// Title of the console table.
    #[serde(default)]
    pub metrics_title: Option<String>,
    /// The family of servers that speak this dialect; part of the default artifact folder's name.
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
    }
}
