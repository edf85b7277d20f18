//! The options: exports [`Options`], checked.

use prony_plugin_api::{PluginError, Result};
use serde::Deserialize;

/// JSON Schema of [`Options`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "urls": {
      "description": "Pages of DCGM exporters.",
      "type": "array",
      "items": {"type": "string", "format": "uri"},
      "default": []
    },
    "guesses": {
      "description": "Pages where a DCGM exporter may be: one that does not answer at the start is left out.",
      "type": "array",
      "items": {"type": "string", "format": "uri"},
      "default": []
    },
    "nvml": {
      "description": "Whether the GPUs of this machine are read by NVIDIA's library: yes, no, or auto, where no page has any.",
      "type": "string",
      "enum": ["yes", "no", "auto"],
      "default": "no"
    },
    "nvml_library": {
      "description": "File of NVIDIA's library, where it is not the system's libnvidia-ml.so.1.",
      "type": "string",
      "default": ""
    },
    "interval_ms": {
      "description": "Milliseconds from one reading of a source to the next while a phase runs.",
      "type": "integer",
      "minimum": 1,
      "default": 333
    }
  }
}"#;

/// Whether NVIDIA's library is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Nvml {
    Yes,
    #[default]
    No,
    /// Where no page has any GPU.
    Auto,
}

/// What the service is told.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// Pages of DCGM exporters.
    pub(crate) urls: Vec<String>,
    /// Pages where one may be.
    pub(crate) guesses: Vec<String>,
    /// Whether NVIDIA's library is asked.
    pub(crate) nvml: Nvml,
    /// Its file; empty for the system's.
    pub(crate) nvml_library: String,
    /// Milliseconds from one reading of a source to the next while a phase runs.
    pub(crate) interval_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            guesses: Vec::new(),
            nvml: Nvml::default(),
            nvml_library: String::new(),
            interval_ms: 333,
        }
    }
}

impl Options {
    /// Reads and checks the text of a JSON object.
    ///
    /// # Errors
    /// `config`, when an option has a wrong type or value.
    pub(crate) fn read(json: &str) -> Result<Self> {
        let mut options: Self = serde_json::from_str(json).map_err(|error| {
            PluginError::config(format!("read the options of the GPU telemetry: {error}")).hint(
                "give `urls` and `guesses` as lists of texts, `nvml` as `yes`, `no` or `auto`, and `interval_ms` as a whole number",
            )
        })?;
        if options.interval_ms == 0 {
            return Err(PluginError::config("use `interval_ms` of `0`").hint("the least is 1"));
        }
        let mut seen = Vec::new();
        for list in [&mut options.urls, &mut options.guesses] {
            list.retain(|url| {
                let is_new = !seen.contains(url);
                seen.push(url.clone());
                is_new
            });
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorKind;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_page_that_is_named_is_no_guess() {
        let json =
            r#"{"urls": ["http://a/", "http://a/"], "guesses": ["http://a/", "http://b/"], "nvml": "auto"}"#;
        let options = Options::read(json).unwrap();
        assert_eq!(
            (options.urls, options.guesses),
            (vec!["http://a/".to_owned()], vec!["http://b/".to_owned()])
        );
        assert_eq!((options.nvml, options.interval_ms), (Nvml::Auto, 333));
    }

    #[rstest]
    #[case(r#"{"urls": "http://a/"}"#)]
    #[case(r#"{"nvml": true}"#)]
    #[case(r#"{"nvml": "perhaps"}"#)]
    #[case(r#"{"interval_ms": 0}"#)]
    fn a_wrong_option_is_a_config_error_with_a_hint(#[case] json: &str) {
        let error = Options::read(json).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(!error.hint.is_empty());
    }

    #[test]
    fn the_schema_says_the_defaults() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(schema["properties"]["interval_ms"]["default"], Options::default().interval_ms);
        assert_eq!(schema["properties"]["nvml"]["default"], "no");
    }
}
