//! Options of endpoints: [`Options`].

use prony_plugin_api::{PluginError, Result};
use serde_json::{Map, Value};

/// The options that a run passes; those of other endpoints among them.
#[derive(Debug)]
pub(crate) struct Options(Map<String, Value>);

impl Options {
    /// Reads the text of a JSON object.
    ///
    /// # Errors
    /// `config` when it is none.
    pub(crate) fn read(options: &str) -> Result<Self> {
        serde_json::from_str(options)
            .map(Self)
            .map_err(|error| PluginError::config(format_args!("read the options `{options}`: {error}")))
    }

    /// A boolean; off when it is absent or `null`.
    ///
    /// # Errors
    /// `config` when it is something else.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => {
                Err(PluginError::config(format_args!("read the option `{name}`: `{other}` is not a boolean"))
                    .hint(format_args!("set `{name}` to true or false")))
            }
        }
    }

    /// A text; absent when it is `null`.
    ///
    /// # Errors
    /// `config` when it is something else, or empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(other) => {
                Err(PluginError::config(format_args!("read the option `{name}`: `{other}` is no text"))
                    .hint(format_args!("set `{name}` to a text, or leave it out")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::absent("{}", false)]
    #[case::among_others(r#"{"colour": "red", "on": true}"#, true)]
    #[case::null(r#"{"on": null}"#, false)]
    fn flags_are_read_and_unknown_options_ignored(#[case] options: &str, #[case] expected: bool) {
        assert_eq!(Options::read(options).unwrap().flag("on"), Ok(expected));
    }

    #[test]
    fn a_text_is_a_text_and_not_empty() {
        let options = Options::read(r#"{"a": "b", "c": "", "d": 7, "e": null}"#).unwrap();
        assert_eq!(options.text("a"), Ok(Some("b")));
        assert_eq!((options.text("e"), options.text("f")), (Ok(None), Ok(None)));
        for name in ["c", "d"] {
            let error = options.text(name).unwrap_err();
            assert!(error.message.contains(name) && error.hint.contains(name), "{error}");
        }
    }
}
