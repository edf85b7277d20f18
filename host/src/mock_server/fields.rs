//! [`Fields`]: the body of a request, field by field, each with the check that makes it valid.
//!
//! Prompt tokens are the whitespace-separated words of the prompt's text, or the number of token ids if the prompt is
//! given as ids. That is an approximation, good enough to be consistent and free of a vocabulary.

use serde_json::{Map, Value};

use super::api_error::ApiError;

/// How the numbers of an embedding are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Float,
    Base64,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Stream { usage: bool },
}

/// The fields of a request body; absent and `null` are the same.
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl Fields<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&Value, ApiError> {
        self.get(name).ok_or_else(|| ApiError::invalid(name, format!("the field `{name}` is required")))
    }

    pub(super) fn model(&self) -> Result<String, ApiError> {
        let model = self.required("model")?.as_str();
        Ok(model.ok_or_else(|| ApiError::invalid("model", "`model` must be a string"))?.to_owned())
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, name: &'static str, most: u64) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64() {
            Some(count @ 1..) if count <= most => Ok(Some(count)),
            _ => Err(ApiError::invalid(
                name,
                format!("`{name}` must be a whole number from 1 to {most}, not `{value}`"),
            )),
        }
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        let value = self.get(name).map_or(Some(false), Value::as_bool);
        value.ok_or_else(|| ApiError::invalid(name, format!("`{name}` must be true or false")))
    }

    pub(super) fn delivery(&self) -> Result<Delivery, ApiError> {
        let options = self.get("stream_options");
        if self.flag("stream")? {
            let usage = options.and_then(|options| options.get("include_usage")).and_then(Value::as_bool);
            Ok(Delivery::Stream { usage: usage.unwrap_or(false) })
        } else if options.is_some() {
            Err(ApiError::invalid("stream_options", "`stream_options` are only allowed with `stream: true`"))
        } else {
            Ok(Delivery::Whole)
        }
    }

    pub(super) fn message_words(&self) -> Result<u64, ApiError> {
        let invalid = |message| ApiError::invalid("messages", message);
        let messages = self.required("messages")?.as_array();
        let messages = messages.ok_or_else(|| invalid("`messages` must be a list"))?;
        if messages.is_empty() {
            return Err(invalid("`messages` must not be empty"));
        }
        let mut words = 0;
        for message in messages {
            if !message.get("role").is_some_and(Value::is_string) {
                return Err(invalid("each message must be an object with a `role`"));
            }
            words += message.get("content").map_or(0, content_words);
        }
        Ok(words)
    }

    /// The words of a text, or of all texts in a list of items with a `content`.
    pub(super) fn item_words(&self, name: &'static str) -> Result<u64, ApiError> {
        match self.required(name)? {
            Value::String(text) => Ok(words(text)),
            Value::Array(items) if !items.is_empty() => {
                Ok(items.iter().filter_map(|item| item.get("content")).map(content_words).sum())
            }
            _ => Err(ApiError::invalid(name, format!("`{name}` must be a text or a list of messages"))),
        }
    }

    /// The words of content that may be left out.
    pub(super) fn content_words(&self, name: &str) -> u64 {
        self.get(name).map_or(0, content_words)
    }

    /// The words of a text.
    pub(super) fn text_words(&self, name: &'static str) -> Result<u64, ApiError> {
        let text = self.required(name)?.as_str();
        text.map(words).ok_or_else(|| ApiError::invalid(name, format!("`{name}` must be a text")))
    }

    /// Finds one of the fields that a file may be in.
    pub(super) fn file(&self, names: &[&'static str]) -> Result<&Value, ApiError> {
        names.iter().find_map(|name| self.get(name)).ok_or_else(|| {
            ApiError::invalid(names[0], format!("a file in the field `{}` is required", names[0]))
        })
    }

    /// How the answer is to be written.
    pub(super) fn format(&self) -> &str {
        self.get("response_format").and_then(Value::as_str).unwrap_or("json")
    }

    /// The words of a text, or of an object with a text and a medium for each marker in it.
    pub(super) fn media_words(&self, name: &'static str) -> Result<u64, ApiError> {
        let Some(prompt) = self.required(name)?.as_object() else { return self.text_words(name) };
        let text = prompt.get("prompt_string").and_then(Value::as_str);
        let text =
            text.ok_or_else(|| ApiError::invalid(name, format!("`{name}` needs a `prompt_string`")))?;
        let pieces: Vec<&str> = text.split("<__media__>").collect();
        let media = prompt.get("multimodal_data").and_then(Value::as_array).map_or(0, Vec::len);
        if pieces.len() != media + 1 {
            let text = format!("`{name}` has {} markers and {media} media", pieces.len() - 1);
            return Err(ApiError::invalid(name, text));
        }
        Ok(pieces.into_iter().map(words).sum())
    }

    /// The number of items in a list that is not empty, and their words together.
    pub(super) fn list_words(&self, name: &'static str) -> Result<(u64, u64), ApiError> {
        let list = self.required(name)?.as_array().filter(|list| !list.is_empty());
        let list =
            list.ok_or_else(|| ApiError::invalid(name, format!("`{name}` must be a list with items")))?;
        Ok((list.len() as u64, list.iter().map(item_words).sum()))
    }

    /// The fields of a field; it has none when it is not there.
    pub(super) fn within<T>(&self, name: &str, read: impl FnOnce(Fields<'_>) -> T) -> T {
        let none = Map::new();
        read(Fields(self.get(name).and_then(Value::as_object).unwrap_or(&none)))
    }

    /// How many texts a `prompt` or `input` holds, and their tokens together.
    pub(super) fn inputs(&self, name: &'static str) -> Result<(u64, u64), ApiError> {
        let invalid = || {
            ApiError::invalid(
                name,
                format!("`{name}` must be a string, token ids, or a non-empty list of either"),
            )
        };
        let value = self.required(name)?;
        if let Some(tokens) = input_tokens(value) {
            return Ok((1, tokens));
        }
        let batch = value.as_array().filter(|batch| !batch.is_empty()).ok_or_else(invalid)?;
        let tokens = batch.iter().map(input_tokens).sum::<Option<u64>>().ok_or_else(invalid)?;
        Ok((batch.len() as u64, tokens))
    }

    pub(super) fn encoding(&self) -> Result<Encoding, ApiError> {
        match self.get("encoding_format").map(Value::as_str) {
            None | Some(Some("float")) => Ok(Encoding::Float),
            Some(Some("base64")) => Ok(Encoding::Base64),
            _ => Err(ApiError::invalid("encoding_format", "only `float` and `base64` are spoken here")),
        }
    }

    /// The words of the first tensor of texts.
    pub(super) fn tensor_words(&self) -> Result<u64, ApiError> {
        let tensors = self.required("inputs")?.as_array().map_or(&[][..], Vec::as_slice);
        let texts = tensors.iter().find(|tensor| tensor["datatype"] == "BYTES");
        let texts = texts.and_then(|tensor| tensor["data"].as_array());
        let texts =
            texts.ok_or_else(|| ApiError::invalid("inputs", "`inputs` must hold a tensor of `BYTES`"))?;
        Ok(texts.iter().map(item_words).sum())
    }

    /// The number in the tensor that limits the output.
    pub(super) fn tensor_limit(&self) -> Option<u64> {
        let tensors = self.get("inputs")?.as_array()?;
        tensors.iter().find(|tensor| tensor["name"] == "max_tokens")?["data"]
            .get(0)?
            .as_u64()
            .filter(|limit| *limit > 0)
    }
}

/// The words of a message's content: a string, or parts of which some have a text.
fn content_words(content: &Value) -> u64 {
    match content {
        Value::String(text) => words(text),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).map(words).sum(),
        _ => 0,
    }
}

/// The words of a text, or of the object that holds one.
fn item_words(item: &Value) -> u64 {
    item.as_str().or_else(|| item.get("text")?.as_str()).map_or(0, words)
}

/// The tokens of one text or one non-empty list of token ids; `None` if the value is neither.
fn input_tokens(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => Some(words(text)),
        Value::Array(ids) if !ids.is_empty() && ids.iter().all(Value::is_u64) => Some(ids.len() as u64),
        _ => None,
    }
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
