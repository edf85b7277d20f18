//! The options: exports [`Options`], checked.

use std::net::{IpAddr, Ipv4Addr};

use prony_plugin_api::{PluginError, Result};
use serde::Deserialize;
use serde_json::Value;

/// JSON Schema of [`Options`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "port": {
      "description": "Port to answer at; 0 takes a free one. `--api-port` sets it.",
      "type": "integer",
      "minimum": 0,
      "maximum": 65535,
      "default": 0
    },
    "host": {
      "description": "IP address of this machine to answer at. `--api-host` sets it.",
      "type": "string",
      "default": "127.0.0.1"
    }
  }
}"#;

/// What the service is told.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// Port to answer at; 0 is any.
    pub(crate) port: u16,
    /// Address to answer at.
    pub(crate) host: IpAddr,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, host: Ipv4Addr::LOCALHOST.into() }
    }
}

impl Options {
    /// Reads and checks the text of a JSON object.
    ///
    /// # Errors
    /// `config`, when an option has a wrong type or value.
    pub(crate) fn read(json: &str) -> Result<Self> {
        // A list would do for a struct as well.
        let options = serde_json::from_str(json).map(Value::Object);
        options.and_then(serde_json::from_value).map_err(|error| {
            PluginError::config(format!("read the options of the live API: {error}")).hint(
                "give `port` as a number from 0 to 65535, and `host` as an IP address such as `127.0.0.1`",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn what_is_left_out_is_this_machine_and_any_port() {
        let options = Options::read(r#"{"unknown": 1}"#).unwrap();
        assert_eq!((options.port, options.host.to_string()), (0, "127.0.0.1".to_owned()));
    }

    #[rstest]
    fn a_wrong_option_is_named(
        #[values(r#"{"port": 70000}"#, r#"{"host": "example.org"}"#, "[]")] json: &str,
    ) {
        let error = Options::read(json).unwrap_err();
        assert!(error.message.starts_with("read the options of the live API: "), "{error}");
    }
}
