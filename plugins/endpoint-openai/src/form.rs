//! Bodies of the API formats that are sent as forms: [`Form`].

use std::borrow::Cow;

use prony_plugin_api::{PluginError, RequestWriter, Result, TurnContext, json};
use serde_json::Value;

use crate::file::File;

/// The fields of a form in their order, and the files behind them. A field of the user's replaces one of ours.
#[derive(Debug, Default)]
pub(crate) struct Form<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    files: Vec<(&'static str, File<'a>)>,
}

impl<'a> Form<'a> {
    /// Adds a field.
    pub(crate) fn field(&mut self, name: &'static str, value: &'a str) {
        self.fields.push((name.into(), value.into()));
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, name: &'static str, file: File<'a>) {
        self.files.push((name, file));
    }

    /// Merges the user's fields. `null` takes a field out, a list becomes fields of the name with `[]` behind it, and an
    /// object stays JSON.
    ///
    /// # Errors
    /// When they are not a JSON object, or one of them stands in for a file.
    pub(crate) fn merge_extras(&mut self, turn: TurnContext<'_>) -> Result<()> {
        for (name, value) in json::extras(turn)? {
            if self.files.iter().any(|(file, _)| *file == name) {
                return Err(PluginError::unsupported(format_args!(
                    "send the extra input `{name}`: it is a file"
                ))
                .hint("leave it out: files come from the dataset"));
            }
            self.fields.retain(|(present, _)| *present != name);
            match value {
                Value::Null => {}
                Value::Array(items) => {
                    let name = format!("{name}[]");
                    self.fields
                        .extend(items.into_iter().map(|item| (name.clone().into(), text(item).into())));
                }
                value => self.fields.push((name.into(), text(value).into())),
            }
        }
        Ok(())
    }

    pub(crate) fn write(&self, request: &mut RequestWriter<'_>) {
        for (name, value) in &self.fields {
            request.part(name, "", "", value.as_bytes());
        }
        for (name, file) in &self.files {
            request.part(name, &file.name, &file.content_type, &file.bytes);
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}
