//! Bodies: the dialect's fields, then the user's, of which the later wins.

use std::borrow::Cow;

use prony_plugin_api::{PluginError, RequestWriter, Result, TurnContext};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::{content::ChatMessage, prompt::Item};

/// The body of a request. Prompts are borrowed from the turn until they are written.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    fields: Vec<(Cow<'a, str>, Field<'a>)>,
}

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Field<'a> {
    Flag(bool),
    Count(u64),
    Text(&'a str),
    Messages(Vec<ChatMessage<'a>>),
    Item(Item<'a>),
    Items(Vec<Item<'a>>),
    /// The user's.
    Json(Value),
}

impl<'a> Body<'a> {
    /// Sets a field, in place of one of the same name.
    pub(crate) fn set(&mut self, name: impl Into<Cow<'a, str>>, value: Field<'a>) {
        let name = name.into();
        match self.fields.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => *present = value,
            None => self.fields.push((name, value)),
        }
    }

    /// Lets in the fields that the user wants in every body, or in this turn's.
    ///
    /// # Errors
    /// When they are not a JSON object.
    pub(crate) fn merge_extras(&mut self, turn: TurnContext<'a>) -> Result<()> {
        let text = turn.extra_json();
        if text == "{}" {
            return Ok(());
        }
        let extras: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            PluginError::unsupported(format_args!("merge the extra inputs `{text}` into the body: {error}"))
                .hint("extra inputs must be a JSON object")
        })?;
        for (name, value) in extras {
            self.set(name, Field::Json(value));
        }
        Ok(())
    }

    /// Asks a streaming server for its token counts, unless the user already said something about them.
    pub(crate) fn ask_for_usage(&mut self) {
        if !self.get("stream").is_some_and(Field::is_truthy) {
            return;
        }
        match self.get_mut("stream_options") {
            None => self.set("stream_options", Field::Json(json!({"include_usage": true}))),
            Some(Field::Json(Value::Object(options))) => {
                options.entry("include_usage").or_insert(Value::Bool(true));
            }
            // Not ours to repair: the server shall say what it thinks of it.
            Some(_) => {}
        }
    }

    /// Writes it.
    pub(crate) fn write(&self, request: &mut RequestWriter<'_>) -> Result<()> {
        serde_json::to_writer(request, self).map_err(PluginError::io)
    }

    fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|(present, _)| present == name).map(|(_, value)| value)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Field<'a>> {
        self.fields.iter_mut().find(|(present, _)| present == name).map(|(_, value)| value)
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|(name, value)| (name, value)))
    }
}

impl Field<'_> {
    /// What a dynamic language takes for true: a user's `stream` may be `1` as well as `true`.
    fn is_truthy(&self) -> bool {
        match self {
            Field::Flag(flag) | Field::Json(Value::Bool(flag)) => *flag,
            Field::Json(Value::Number(number)) => number.as_f64() != Some(0.0),
            Field::Json(Value::String(text)) => !text.is_empty(),
            Field::Json(Value::Array(items)) => !items.is_empty(),
            Field::Json(Value::Object(fields)) => !fields.is_empty(),
            _ => false,
        }
    }
}
