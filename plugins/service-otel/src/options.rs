//! The options: exports [`Options`], checked.

use std::{collections::BTreeMap, fmt};

use percent_encoding::percent_decode_str;
use prony_plugin_api::{PluginError, Result};
use serde::Deserialize;
use ureq::http::{HeaderName, HeaderValue};

/// JSON Schema of [`Options`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "url": {
      "description": "Base URL of the collector: /v1/metrics and /v1/traces are below it. Nothing is sent without it.",
      "type": "string",
      "format": "uri",
      "default": ""
    },
    "headers": {
      "description": "Headers of what is sent, beside those of OTEL_EXPORTER_OTLP_HEADERS: an object of names and values.",
      "type": "object",
      "default": {}
    },
    "resource": {
      "description": "What the collector is told of the sender: an object of names and values.",
      "type": "object",
      "default": {}
    },
    "provider": {
      "description": "Who provides the model (gen_ai.provider.name), where it does not follow from the endpoint.",
      "type": "string",
      "default": ""
    },
    "spans": {
      "description": "Requests that have spans: slow, all or none.",
      "type": "string",
      "enum": ["slow", "all", "none"],
      "default": "slow"
    },
    "most_spans": {
      "description": "Of the slowest requests, and of those that failed, so many have spans; with all there is no such limit.",
      "type": "integer",
      "minimum": 1,
      "default": 100
    },
    "interval_ms": {
      "description": "Milliseconds from one report to the collector to the next.",
      "type": "integer",
      "minimum": 10,
      "default": 2000
    }
  }
}"#;

/// The variable that every exporter of OpenTelemetry reads headers from, as `NAME=VALUE,NAME=VALUE` with values in percent
/// encoding.
/// Source: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// More often than that is no report.
const LEAST_INTERVAL_MS: u64 = 10;

/// Which requests have spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    /// The slowest ones, and those that failed.
    #[default]
    Slow,
    All,
    None,
}

/// What the service is told.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// The collector's base URL; empty for nothing to be sent.
    pub(crate) url: String,
    /// Headers of what is sent, which may be secret.
    pub(crate) headers: BTreeMap<String, String>,
    /// What the collector is told of the sender.
    pub(crate) resource: BTreeMap<String, String>,
    /// Who provides the model; empty where that follows from the endpoint.
    pub(crate) provider: String,
    /// Which requests have spans.
    pub(crate) spans: Which,
    /// Of slow requests, and of those that failed, so many.
    pub(crate) most_spans: usize,
    /// Milliseconds from one report to the next.
    pub(crate) interval_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: String::new(),
            headers: BTreeMap::new(),
            resource: BTreeMap::new(),
            provider: String::new(),
            spans: Which::default(),
            most_spans: 100,
            interval_ms: 2000,
        }
    }
}

/// Shows no headers: they may be secret.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("spans", &self.spans).finish_non_exhaustive()
    }
}

impl Options {
    /// Reads and checks the text of a JSON object, and what stands in the environment.
    ///
    /// # Errors
    /// `config`, when an option has a wrong type or value.
    pub(crate) fn read(json: &str) -> Result<Self> {
        let mut options: Self = serde_json::from_str(json).map_err(|error| {
            PluginError::config(format!("read the options of the telemetry: {error}"))
                .hint("give `url` as a text, `headers` and `resource` as objects of texts, and `spans` as `slow`, `all` or `none`")
        })?;
        if options.interval_ms < LEAST_INTERVAL_MS {
            return Err(PluginError::config(format!("use `interval_ms` of `{}`", options.interval_ms))
                .hint(format!("the least is {LEAST_INTERVAL_MS}")));
        }
        if options.most_spans == 0 {
            return Err(
                PluginError::config("use `most_spans` of `0`").hint("for no spans, use `spans` of `none`")
            );
        }
        for (name, value) in of_environment(&std::env::var(HEADERS).unwrap_or_default()) {
            options.headers.entry(name).or_insert(value);
        }
        options.headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
        Ok(options)
    }
}

/// The headers that a variable names.
fn of_environment(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let decoded = |value: &str| percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
    pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), decoded(value))).collect()
}

/// Whether HTTP can carry it. Its value is not repeated: it may be a secret.
fn check_header(name: &str, value: &str) -> Result<()> {
    if name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok() {
        return Ok(());
    }
    let message =
        format!("use the header `{}`: it has characters that HTTP does not allow", name.escape_debug());
    Err(PluginError::config(message).hint("leave out line breaks and other control characters"))
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorKind;
    use rstest::rstest;

    use super::*;

    #[test]
    fn headers_of_the_environment_are_pairs() {
        let pairs = of_environment("Api-Key=a%20b, X-Team = blue,nothing");
        assert_eq!(pairs, [("api-key".into(), "a b".into()), ("x-team".into(), "blue".into())]);
    }

    #[rstest]
    #[case(r#"{"url": 1}"#)]
    #[case(r#"{"headers": {"X A": "b"}}"#)]
    #[case(r#"{"spans": "some"}"#)]
    #[case(r#"{"most_spans": 0}"#)]
    #[case(r#"{"interval_ms": 0}"#)]
    fn a_wrong_option_is_a_config_error_with_a_hint(#[case] json: &str) {
        let error = Options::read(json).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(!error.hint.is_empty());
    }

    #[test]
    fn the_schema_says_the_defaults() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let default = |name: &str| schema["properties"][name]["default"].as_u64();
        assert_eq!(default("most_spans"), Some(100));
        assert_eq!(default("interval_ms"), Some(Options::default().interval_ms));
    }
}
