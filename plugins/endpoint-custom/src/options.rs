//! What a user can set: [`Options`].

use std::{fs, path::Path};

use prony_plugin_api::{PluginError, Result};
use serde::Deserialize;

use crate::{selection::Selection, template::Template};

/// Options of both endpoints. `raw` has no use for a template of the user's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    template: Option<String>,
    template_file: Option<String>,
    payload_template: Option<String>,
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
                .hint("`template`, `template_file`, `payload_template` and `response_field` are texts")
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
    /// `config` for a template that is none, for a file that cannot be read, and for several at once.
    pub(crate) fn template(&self) -> Result<Template> {
        match (&self.template, &self.template_file, &self.payload_template) {
            (None, None, None) => Ok(Template::chat()),
            (Some(source), None, None) => Template::compile("template", source),
            (None, Some(path), None) => from_file(path, "template_file"),
            (None, None, Some(text)) => of_any_kind(text),
            _ => Err(PluginError::config(format_args!("use both {}", self.named()))
                .hint("set one of them: each is the template of the body")),
        }
    }

    /// The templates that are set.
    fn named(&self) -> String {
        let options = [
            ("`template`", &self.template),
            ("`template_file`", &self.template_file),
            ("`payload_template`", &self.payload_template),
        ];
        let names: Vec<&str> =
            options.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect();
        names.join(" and ")
    }
}

/// Templates that have a name: those of AIPerf.
const NAMED: [(&str, &str); 1] = [("nv-embedqa", r#"{"text": {{ texts|tojson }}}"#)];

/// As AIPerf reads `payload_template`: a name, a file, or the template itself.
fn of_any_kind(text: &str) -> Result<Template> {
    if let Some((name, source)) = NAMED.iter().find(|(name, _)| *name == text) {
        return Template::compile(name, source);
    }
    if text.contains('{') {
        return Template::compile("payload_template", text);
    }
    if Path::new(text).is_file() {
        return from_file(text, "payload_template");
    }
    Err(PluginError::config(format_args!(
        "use the template `{text}`: it is no file, no template with a name, and holds no `{{{{ … }}}}`"
    ))
    .hint("give a file, a template such as {\"text\": {{ text|tojson }}}, or the name `nv-embedqa`"))
}

fn from_file(path: &str, option: &str) -> Result<Template> {
    let source = fs::read_to_string(path).map_err(|error| {
        PluginError::config(format_args!("read the template `{path}`: {error}"))
            .hint(format_args!("`{option}` names a file of text; a relative path starts where prony does"))
    })?;
    Template::compile(path, &source)
}
