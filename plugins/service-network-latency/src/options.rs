//! The options: exports [`Options`], checked.

use prony_plugin_api::{PluginError, Result};
use serde::Deserialize;

/// JSON Schema of [`Options`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "targets": {
      "description": "URLs of the servers to probe; their ports count, and their paths do not.",
      "type": "array",
      "items": {"type": "string", "format": "uri"},
      "default": []
    },
    "interval_ms": {
      "description": "Milliseconds from one probe of a server to the next while a phase runs.",
      "type": "integer",
      "minimum": 1,
      "default": 5000
    },
    "probes": {
      "description": "Probes of each server before the run, and as many after it.",
      "type": "integer",
      "minimum": 0,
      "maximum": 1000,
      "default": 10
    },
    "timeout_ms": {
      "description": "Milliseconds after which a connection that is not open has failed.",
      "type": "integer",
      "minimum": 1,
      "default": 1000
    }
  }
}"#;

/// More probes in a row would hold up the run.
const MOST_PROBES: u32 = 1000;

/// What the service is told.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// URLs of the servers to probe, each once.
    pub(crate) targets: Vec<String>,
    /// Milliseconds from one probe of a server to the next while a phase runs.
    pub(crate) interval_ms: u64,
    /// Probes of each server before the run, and as many after it.
    pub(crate) probes: u32,
    /// Milliseconds after which a connection that is not open has failed.
    pub(crate) timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { targets: Vec::new(), interval_ms: 5000, probes: 10, timeout_ms: 1000 }
    }
}

impl Options {
    /// Reads and checks the text of a JSON object.
    ///
    /// # Errors
    /// `config`, when an option has a wrong type or value.
    pub(crate) fn read(json: &str) -> Result<Self> {
        let mut options: Self = serde_json::from_str(json).map_err(|error| {
            PluginError::config(format!("read the options of the network latency: {error}")).hint(
                "give `targets` as a list of texts, and `interval_ms`, `probes` and `timeout_ms` as whole numbers",
            )
        })?;
        for (name, value) in [("interval_ms", options.interval_ms), ("timeout_ms", options.timeout_ms)] {
            if value == 0 {
                return Err(PluginError::config(format!("use `{name}` of `0`")).hint("the least is 1"));
            }
        }
        if options.probes > MOST_PROBES {
            let message = format!("use `probes` of `{}`", options.probes);
            return Err(PluginError::config(message).hint(format!("the most is {MOST_PROBES}")));
        }
        let mut seen = Vec::new();
        options.targets.retain(|target| {
            let is_new = !seen.contains(target);
            seen.push(target.clone());
            is_new
        });
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorKind;
    use rstest::rstest;

    use super::*;

    #[test]
    fn what_is_not_said_has_a_default_and_a_target_is_probed_once() {
        let options =
            Options::read(r#"{"targets": ["http://a", "http://b", "http://a"], "newer": 1}"#).unwrap();
        let targets = vec!["http://a".to_owned(), "http://b".to_owned()];
        assert_eq!(options, Options { targets, ..Options::default() });
    }

    #[rstest]
    #[case(r#"{"targets": "http://a"}"#)]
    #[case(r#"{"interval_ms": 0}"#)]
    #[case(r#"{"timeout_ms": 0}"#)]
    #[case(r#"{"probes": -1}"#)]
    #[case(r#"{"probes": 1001}"#)]
    fn a_wrong_option_is_a_config_error_with_a_hint(#[case] json: &str) {
        let error = Options::read(json).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(!error.hint.is_empty());
    }

    #[test]
    fn the_schema_says_the_defaults() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let default = |name: &str| schema["properties"][name]["default"].as_u64();
        let options = Options::default();
        assert_eq!(default("interval_ms"), Some(options.interval_ms));
        assert_eq!(default("probes"), Some(options.probes.into()));
        assert_eq!(default("timeout_ms"), Some(options.timeout_ms));
    }
}
