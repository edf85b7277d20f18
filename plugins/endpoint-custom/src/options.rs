//! What a user can set: [`Options`].

use std::fs;

use prony_plugin_api::{PluginError, Result};
use serde::Deserialize;

use crate::{selection::Selection, template::Template};

/// Options of both endpoints. `raw` has no use for a template of the user's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    template: Option<String>,
    template_file: Option<String>,
    response_field: Option<String>,
}

impl Options {
    /// Reads the text of a JSON object.
    ///
    /// # Errors
    /// `config` for a value of another type.
    pub(crate) fn read(options: &str) -> Result<Self> {
        serde_json::from_str(options).map_err(|error| {
            PluginError::config(format_args!("read the options: {error}"))
                .hint("`template`, `template_file` and `response_field` are texts")
        })
    }

    /// What answers are looked through with, if the user says what to look for.
    ///
    /// # Errors
    /// `config` for an expression that is none.
    pub(crate) fn selection(&self) -> Result<Option<Selection>> {
        self.response_field.as_deref().map(Selection::compile).transpose()
    }

    /// What bodies are made with.
    ///
    /// # Errors
    /// `config` for a template that is none, for a file that cannot be read, and for both at once.
    pub(crate) fn template(&self) -> Result<Template> {
        match (&self.template, &self.template_file) {
            (None, None) => Ok(Template::chat()),
            (Some(source), None) => Template::compile("template", source),
            (None, Some(path)) => {
                let source = fs::read_to_string(path).map_err(|error| {
                    PluginError::config(format_args!("read the template `{path}`: {error}"))
                        .hint("`template_file` names a file of text; a relative path starts where prony does")
                })?;
                Template::compile(path, &source)
            }
            (Some(_), Some(_)) => {
                Err(PluginError::config("use both `template` and `template_file`").hint("set one of them"))
            }
        }
    }
}
