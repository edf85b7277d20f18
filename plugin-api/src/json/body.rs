//! Bodies of requests: the API format's fields, then the user's, of which the later wins.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    endpoint::{RequestWriter, TurnContext},
    error::{PluginError, Result},
};

/// The body of a request: a JSON object whose fields keep their order. `F` is what an API format puts into one, so that
/// prompts may be borrowed from the turn until they are written.
#[derive(Debug)]
pub struct Body<'a, F> {
    fields: Vec<(Cow<'a, str>, Field<F>)>,
}

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Field<F> {
    /// The API format's.
    Own(F),
    /// The user's.
    Users(Value),
}

impl<F> Default for Body<'_, F> {
    fn default() -> Self {
        Self { fields: Vec::new() }
    }
}

impl<'a, F: Serialize> Body<'a, F> {
    /// Sets a field, in place of one of the same name.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: F) {
        self.put(name.into(), Field::Own(value));
    }

    /// Lets in the fields that the user wants in every body, or in this turn's.
    ///
    /// # Errors
    /// When they are not a JSON object.
    pub fn merge_extras(&mut self, turn: TurnContext<'a>) -> Result<()> {
        for (name, value) in extras(turn)? {
            self.put(name.into(), Field::Users(value));
        }
        Ok(())
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Field<F>> {
        self.fields.iter().find(|(present, _)| present == name).map(|(_, value)| value)
    }

    /// The value of a field, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Field<F>> {
        self.fields.iter_mut().find(|(present, _)| present == name).map(|(_, value)| value)
    }

    /// Writes it.
    ///
    /// # Errors
    /// When a value cannot be JSON.
    pub fn write(&self, request: &mut RequestWriter<'_>) -> Result<()> {
        serde_json::to_writer(request, self).map_err(PluginError::io)
    }

    fn put(&mut self, name: Cow<'a, str>, value: Field<F>) {
        match self.fields.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => *present = value,
            None => self.fields.push((name, value)),
        }
    }
}

impl<F: Serialize> Serialize for Body<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|(name, value)| (name, value)))
    }
}

/// The fields that the user wants in a turn's body; most often there are none, and nothing is allocated.
///
/// # Errors
/// When they are not a JSON object.
pub fn extras(turn: TurnContext<'_>) -> Result<Map<String, Value>> {
    let text = turn.extra_json();
    if text == "{}" {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|error| {
        PluginError::unsupported(format_args!("merge the extra inputs `{text}` into the body: {error}"))
            .hint("extra inputs must be a JSON object")
    })
}

/// JSON that the dataset wrote in the API format's own form, to be spliced in.
///
/// # Errors
/// When it is not JSON.
pub fn raw(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| {
        let excerpt: String = json.chars().take(80).collect();
        PluginError::unsupported(format_args!("splice the raw part `{excerpt}` into the body: {error}"))
    })
}
