//! Rows: typed access to the JSON object of one line.
//!
//! A [`Row`] hands out its keys one by one. Knows JSON and its types, not what the keys are for.

use std::{io, path::PathBuf};

use serde_json::{Map, Value};

use crate::{
    config::{near::near, pairs},
    explain::Explain,
};

/// Nanoseconds of the units in which formats have times.
pub(super) const NS_PER_MS: f64 = 1e6;
pub(super) const NS_PER_S: f64 = 1e9;

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// Bytes that are not text.
    #[error("byte {column} is not UTF-8")]
    NotUtf8 {
        /// Position in the line, from 1.
        column: usize,
    },
    /// Text that is not JSON.
    #[error("column {column} is not JSON: {reason}")]
    NotJson {
        /// Position in the line, from 1.
        column: usize,
        /// What the parser missed.
        reason: String,
    },
    /// JSON that ends too early.
    #[error("it breaks off at column {column}: {reason}")]
    BreaksOff {
        /// Position in the line, from 1.
        column: usize,
        /// What the parser missed.
        reason: String,
        /// What makes rows of the whole, if it goes on in the lines that follow: a filter of `jq`.
        filter: &'static str,
    },
    /// JSON of the wrong type.
    #[error("{place} is {found}, not {expected}")]
    Type {
        /// The key, or the whole row.
        place: String,
        expected: &'static str,
        found: &'static str,
    },
    /// An unknown key.
    #[error("the key `{key}` is not known")]
    UnknownKey {
        /// As it stands there.
        key: String,
        /// A known one that looks like it.
        nearest: Option<&'static str>,
        /// All known ones.
        known: &'static [&'static str],
    },
    /// Two keys for one thing.
    #[error("the keys `{one}` and `{many}` stand side by side")]
    BothKeys {
        /// The one for one value.
        one: &'static str,
        /// The one for a list.
        many: &'static str,
    },
    /// Something is wrong with an entry of a list in it.
    #[error("{place}: {error}")]
    Within {
        /// The list and the position in it, from 0.
        place: String,
        error: Box<RowError>,
    },
    /// A conversation without a turn of the user's.
    #[error("it has no turn that asks for something")]
    NoTurns,
    /// A recorded reply without a turn before it.
    #[error("an `assistant` entry replies to nothing")]
    NothingToReplyTo,
    /// A row that says nothing.
    #[error("it has no content: no text and no medium")]
    NoContent,
    /// A key that is not there.
    #[error("it has no `{key}`")]
    Missing { key: &'static str },
    /// Two values that cannot be together.
    #[error("{what}")]
    Contradiction {
        /// What they say.
        what: String,
    },
    /// A value outside its range.
    #[error("`{key}` is `{value}`, not {expected}")]
    Value {
        key: &'static str,
        /// Its value, as JSON.
        value: String,
        expected: &'static str,
    },
    /// Something that HTTP cannot carry, or a list in place of a text. The value is not shown: it may be a key.
    #[error("`{key}` holds `{name}`, whose name or value is none of a header")]
    Header {
        key: &'static str,
        /// The header's name.
        name: String,
    },
    /// A thing that is known and cannot be done yet.
    #[error("`{key}` asks for {what}, which this version does not do yet")]
    NotBuilt {
        key: &'static str,
        /// The feature that the key is for, as a noun.
        what: &'static str,
        /// What to do in its place.
        instead: &'static str,
    },
    /// A file extension that says nothing about the medium's type.
    #[error("`{key}` names `{path}`, whose type is not known")]
    MediumType {
        key: &'static str,
        /// Where the file would be.
        path: PathBuf,
        /// Extensions that are known for it.
        known: String,
    },
    /// A medium's file that cannot be read.
    #[error("`{key}` names `{path}`, which cannot be read")]
    Medium {
        key: &'static str,
        /// Where the file should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Explain for RowError {
    fn hint(&self) -> String {
        match self {
            Self::NotUtf8 { .. } => "save the file as UTF-8".to_owned(),
            Self::NotJson { .. } | Self::BreaksOff { .. } | Self::NoContent => {
                "a row is one JSON object on one line, such as `{\"text\": \"Name three rivers.\"}`"
                    .to_owned()
            }
            Self::UnknownKey { key, .. } if PAYLOAD_KEYS.contains(&key.as_str()) => {
                "if the rows are whole request bodies, add `--custom-dataset-type raw-payload`".to_owned()
            }
            Self::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownKey { nearest: None, known, .. } => format!("the keys are {}", quoted(known)),
            Self::BothKeys { .. } => "keep one of them".to_owned(),
            Self::Header { key, .. } => format!("write texts: `{{\"{key}\": {{\"X-Team\": \"a\"}}}}`"),
            Self::NotBuilt { instead, .. } => (*instead).to_owned(),
            Self::MediumType { known, .. } => format!("known extensions are {known}; or give a data URL"),
            Self::Medium { .. } => "relative paths start at the input file's folder".to_owned(),
            Self::Within { error, .. } => error.hint(),
            Self::NoTurns => "give it at least one turn of the role `user`".to_owned(),
            Self::NothingToReplyTo => "put it behind the turn that it replied to".to_owned(),
            Self::Type { .. } | Self::Value { .. } | Self::Missing { .. } | Self::Contradiction { .. } => {
                String::new()
            }
        }
    }
}

/// The JSON object of a line. Reading a key takes it out.
#[derive(Clone, Debug)]
pub(super) struct Row(Map<String, Value>);

impl Row {
    /// Reads a line's object.
    pub(super) fn parse(line: &str) -> Result<Self, RowError> {
        match serde_json::from_str(line) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(other) => Err(wrong_type("the row".into(), "an object", &other)),
            Err(error) if error.is_eof() => Err(RowError::BreaksOff {
                column: error.column(),
                reason: reason(&error),
                filter: if line.trim_start().starts_with('[') { ".[]" } else { "." },
            }),
            Err(error) => Err(RowError::NotJson { column: error.column(), reason: reason(&error) }),
        }
    }

    /// These keys.
    pub(super) fn from_fields(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// An object that stands in a row.
    pub(super) fn of(value: Value) -> Result<Self, RowError> {
        match value {
            Value::Object(object) => Ok(Self(object)),
            other => Err(wrong_type("it".into(), "an object", &other)),
        }
    }

    /// All of its keys.
    pub(super) fn into_fields(self) -> Map<String, Value> {
        self.0
    }

    /// Fails if a key is left that is none of these.
    pub(super) fn only(&self, known: &'static [&'static str]) -> Result<(), RowError> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(RowError::UnknownKey { key: key.clone(), nearest: nearest(key, known), known }),
            None => Ok(()),
        }
    }

    /// The row has this key, with a value. Null is as good as none.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.is_null())
    }

    /// A key's value, of any type.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key).filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, RowError> {
        self.take(key).map(|value| text(format!("`{key}`"), value)).transpose()
    }

    /// One text under one key, or a list of them under the other.
    pub(super) fn texts(&mut self, one: &'static str, many: &'static str) -> Result<Vec<String>, RowError> {
        let place = |position| format!("`{many}[{position}]`");
        let values = match self.one_or_many(one, many)? {
            OneOrMany::One(text) => return Ok(text.into_iter().collect()),
            OneOrMany::Many(values) => values,
        };
        values.into_iter().enumerate().map(|(position, value)| text(place(position), value)).collect()
    }

    /// As [`Row::texts`], and an entry of the list may give texts a name: `{"name": …, "contents": [texts]}`.
    pub(super) fn named_texts(
        &mut self,
        one: &'static str,
        many: &'static str,
    ) -> Result<Vec<(String, String)>, RowError> {
        let values = match self.one_or_many(one, many)? {
            OneOrMany::One(text) => return Ok(text.into_iter().map(|text| (String::new(), text)).collect()),
            OneOrMany::Many(values) => values,
        };
        let mut texts = Vec::new();
        for (position, value) in values.into_iter().enumerate() {
            let place = format!("{many}[{position}]");
            let Value::Object(mut fields) = value else {
                texts.push((String::new(), text(format!("`{place}`"), value)?));
                continue;
            };
            let name = match fields.remove("name") {
                None | Some(Value::Null) => String::new(),
                Some(name) => text(format!("`{place}.name`"), name)?,
            };
            let contents = match fields.remove("contents") {
                Some(Value::Array(contents)) => contents,
                other => {
                    let other = other.unwrap_or_default();
                    return Err(wrong_type(format!("`{place}.contents`"), "a list of strings", &other));
                }
            };
            for (position, content) in contents.into_iter().enumerate() {
                texts.push((name.clone(), text(format!("`{place}.contents[{position}]`"), content)?));
            }
        }
        Ok(texts)
    }

    fn one_or_many(&mut self, one: &'static str, many: &'static str) -> Result<OneOrMany, RowError> {
        match (self.text(one)?, self.take(many)) {
            (Some(_), Some(_)) => Err(RowError::BothKeys { one, many }),
            (one, None) => Ok(OneOrMany::One(one)),
            (None, Some(Value::Array(values))) => Ok(OneOrMany::Many(values)),
            (None, Some(other)) => Err(wrong_type(format!("`{many}`"), "a list of strings", &other)),
        }
    }

    /// A whole number of at least 1.
    pub(super) fn positive(&mut self, key: &'static str) -> Result<Option<u64>, RowError> {
        let positive = |value: Value| match value.as_u64() {
            Some(number) if number > 0 => Ok(number),
            _ => Err(RowError::Value {
                key,
                value: value.to_string(),
                expected: "a whole number of at least 1",
            }),
        };
        self.take(key).map(positive).transpose()
    }

    /// A whole number of at least 0.
    pub(super) fn count(&mut self, key: &'static str) -> Result<Option<u64>, RowError> {
        let expected = "a whole number of at least 0";
        let count = |value: Value| {
            value.as_u64().ok_or_else(|| RowError::Value { key, value: value.to_string(), expected })
        };
        self.take(key).map(count).transpose()
    }

    /// As [`Row::count`], for what must be there.
    pub(super) fn must_count(&mut self, key: &'static str) -> Result<u64, RowError> {
        self.count(key)?.ok_or(RowError::Missing { key })
    }

    /// As [`Row::text`], for what must be there.
    pub(super) fn must_text(&mut self, key: &'static str) -> Result<String, RowError> {
        self.text(key)?.ok_or(RowError::Missing { key })
    }

    /// A text or a number, as a text.
    pub(super) fn name(&mut self, key: &'static str) -> Result<Option<String>, RowError> {
        match self.take(key) {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(value) => text(format!("`{key}`"), value).map(Some),
            None => Ok(None),
        }
    }

    /// Block ids: a list of whole numbers; an empty one where the key is not there.
    pub(super) fn ids(&mut self, key: &'static str) -> Result<Box<[u64]>, RowError> {
        let id = |value: Value| {
            value.as_u64().ok_or_else(|| RowError::Value {
                key,
                value: value.to_string(),
                expected: "a whole number of at least 0",
            })
        };
        self.list(key)?.into_iter().map(id).collect()
    }

    /// Nanoseconds of a time that is a number of these units of so many nanoseconds; it may not be negative.
    pub(super) fn time(&mut self, key: &'static str, unit_ns: f64) -> Result<Option<u64>, RowError> {
        Ok(self.non_negative(key)?.map(|time| nanoseconds(time, unit_ns)))
    }

    /// A number of at least 0.
    pub(super) fn non_negative(&mut self, key: &'static str) -> Result<Option<f64>, RowError> {
        let number = |value: Value| match value.as_f64() {
            Some(number) if number >= 0.0 => Ok(number),
            _ => Err(RowError::Value { key, value: value.to_string(), expected: "a number of at least 0" }),
        };
        self.take(key).map(number).transpose()
    }

    /// A list; an empty one where the key is not there.
    pub(super) fn list(&mut self, key: &'static str) -> Result<Vec<Value>, RowError> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values),
            Some(other) => Err(wrong_type(format!("`{key}`"), "a list", &other)),
        }
    }

    /// The value of this key, which must be an object; `None` where the key is missing.
    pub(super) fn object(&mut self, key: &'static str) -> Result<Option<Map<String, Value>>, RowError> {
        let object = |value| match value {
            Value::Object(object) => Ok(object),
            other => Err(wrong_type(format!("`{key}`"), "an object", &other)),
        };
        self.take(key).map(object).transpose()
    }

    /// Headers by name; none where the key is not there.
    pub(super) fn headers(&mut self, key: &'static str) -> Result<Vec<(String, String)>, RowError> {
        let header = |(name, value): (String, Value)| match value {
            Value::String(value) if pairs::check_header(&name, &value).is_ok() => Ok((name, value)),
            _ => Err(RowError::Header { key, name: name.escape_debug().to_string() }),
        };
        self.object(key)?.into_iter().flatten().map(header).collect()
    }
}

/// A time that is not negative, in nanoseconds. The nearest one: a thousandth may be no binary fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time that is not negative")]
pub(super) fn nanoseconds(time: f64, unit_ns: f64) -> u64 {
    (time * unit_ns).round() as u64
}

/// What stands under two keys of which only one may be there.
enum OneOrMany {
    One(Option<String>),
    Many(Vec<Value>),
}

fn text(place: String, value: Value) -> Result<String, RowError> {
    match value {
        Value::String(text) if text.is_empty() => {
            Err(RowError::Type { place, expected: "a string with content", found: "an empty string" })
        }
        Value::String(text) => Ok(text),
        other => Err(wrong_type(place, "a string", &other)),
    }
}

pub(super) fn wrong_type(place: String, expected: &'static str, found: &Value) -> RowError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    RowError::Type { place, expected, found }
}

/// The parser's words without its position: it has seen one line only, so its line number would mislead.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// Keys of request bodies, which prompts do not have.
const PAYLOAD_KEYS: [&str; 2] = ["messages", "model"];

/// What the files of other tools call some of our keys.
const OTHER_NAMES: [(&str, &str); 10] = [
    ("prompt", "text"),
    ("prompts", "texts"),
    ("content", "text"),
    ("input", "text"),
    ("inputs", "texts"),
    ("question", "text"),
    ("text_input", "text"),
    ("max_tokens", "output_length"),
    ("max_completion_tokens", "output_length"),
    ("output_tokens", "output_length"),
];

/// The known key that is likely meant.
pub(super) fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let ours = OTHER_NAMES.iter().find(|(theirs, _)| *theirs == key.to_lowercase()).map(|(_, ours)| *ours);
    if let Some(ours) = ours.filter(|ours| known.contains(ours)) {
        return Some(ours);
    }
    near(key, known.iter().copied())
}

fn quoted(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}
