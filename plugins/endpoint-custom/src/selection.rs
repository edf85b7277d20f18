//! What the user says to look for: [`Selection`].

use jmespath::{Expression, compile};
use prony_plugin_api::{PluginError, Result};
use serde_json::Value;

/// A `JMESPath` expression (<https://jmespath.org/specification.html>).
#[derive(Debug)]
pub(crate) struct Selection(Expression<'static>);

impl Selection {
    /// Compiles it.
    ///
    /// # Errors
    /// `config` for text that is none.
    pub(crate) fn compile(text: &str) -> Result<Self> {
        compile(text).map(Self).map_err(|error| {
            PluginError::config(format_args!("read the JMESPath expression `{text}`: {}", error.reason))
                .hint("`response_field` is one such as `choices[0].text` or `data[*].embedding`")
        })
    }

    /// What it points at in an answer; nothing when there is no such thing.
    pub(crate) fn of(&self, answer: &Value) -> Option<Value> {
        let found = self.0.search(answer).ok()?;
        serde_json::to_value(&*found).ok().filter(|value| !value.is_null())
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        self.0.as_str()
    }
}
