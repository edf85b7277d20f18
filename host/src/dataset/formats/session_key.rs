//! The name of the session that a row belongs to, found without reading the rest of the row.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::layout::Layout;

/// Where a row says its session's name.
pub(super) enum SessionKey {
    /// Under this key of its object.
    Member(&'static str),
    /// In the column at this place.
    Column(usize),
}

/// Where rows of this layout say it; nothing if each is a session. `head` is that of a table.
pub(super) fn of(layout: Layout, head: &[u8]) -> Option<SessionKey> {
    match layout {
        Layout::Named(key) => Some(SessionKey::Member(key)),
        Layout::Table { session: Some(column) } => {
            let mut columns = head.split(|byte| *byte == b',');
            columns.position(|name| name.trim_ascii() == column.as_bytes()).map(SessionKey::Column)
        }
        Layout::Table { session: None } | Layout::Lines | Layout::Headed | Layout::Whole => None,
    }
}

impl SessionKey {
    /// The name in a row. One that cannot be read has none: whoever reads the row says why.
    pub(super) fn of(&self, row: &[u8]) -> Option<String> {
        match self {
            Self::Member(key) => {
                let found = Member { key, found: None };
                let mut json = serde_json::Deserializer::from_slice(row);
                match Deserializer::deserialize_map(&mut json, found).ok()?? {
                    Value::String(name) => Some(name),
                    Value::Number(name) => Some(name.to_string()),
                    _ => None,
                }
            }
            Self::Column(place) => {
                let cell = row.split(|byte| *byte == b',').nth(*place)?.trim_ascii();
                let cell = cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell);
                Some(str::from_utf8(cell).ok()?.to_owned()).filter(|name| !name.is_empty())
            }
        }
    }
}

/// Finds one member of an object.
struct Member<'a> {
    key: &'a str,
    found: Option<Value>,
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<Value>;

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Self::Value, A::Error> {
        while let Some(is_key) = object.next_key_seed(Is(self.key))? {
            if is_key {
                self.found = Some(object.next_value()?);
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(self.found)
    }
}

/// Whether a key is this one.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::text(r#"{"a": [1, {"session_id": "no"}], "session_id": "s"}"#, Some("s"))]
    #[case::number(r#"{"session_id": 12}"#, Some("12"))]
    #[case::escaped(r#"{"session\u005fid": "s"}"#, Some("s"))]
    #[case::none(r#"{"session_id": null}"#, None)]
    #[case::missing(r#"{"a": 1}"#, None)]
    #[case::broken(r#"{"session_id": "s", "#, None)]
    fn a_member_names_the_session(#[case] row: &str, #[case] name: Option<&str>) {
        let key = of(Layout::Named("session_id"), b"").unwrap();
        assert_eq!(key.of(row.as_bytes()).as_deref(), name);
    }

    #[rstest]
    #[case::text("1,s,2", Some("s"))]
    #[case::quoted("1,\"s\" ,2", Some("s"))]
    #[case::empty("1,,2", None)]
    #[case::short("1", None)]
    fn a_column_names_the_session(#[case] row: &str, #[case] name: Option<&str>) {
        let key =
            of(Layout::Table { session: Some("Session ID") }, b"Timestamp, Session ID,Model\n").unwrap();
        assert_eq!(key.of(row.as_bytes()).as_deref(), name);
    }
}
