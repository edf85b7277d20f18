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
            cells(head)?.iter().position(|name| name == column.as_bytes()).map(SessionKey::Column)
        }
        Layout::Table { session: None } | Layout::Lines | Layout::Headed | Layout::Whole => None,
    }
}

impl SessionKey {
    /// The name in a row. One that cannot be read has none: the reader of the row says why.
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
                let cells = cells(row)?;
                Some(str::from_utf8(cells.get(*place)?).ok()?.to_owned()).filter(|name| !name.is_empty())
            }
        }
    }
}

/// The cells of a line of a table, as those who read all of it find them; nothing if there are none.
fn cells(line: &[u8]) -> Option<csv::ByteRecord> {
    let mut cells = csv::ByteRecord::new();
    let mut table = csv::ReaderBuilder::new();
    let mut table =
        table.has_headers(false).flexible(true).buffer_capacity(line.len().max(1)).from_reader(line);
    table.read_byte_record(&mut cells).ok()?.then(|| {
        cells.trim();
        cells
    })
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
    #[case::quoted("1,\"s\",2", Some("s"))]
    #[case::quoted_with_quotes("1,\"s \"\"t\"\"\",2", Some("s \"t\""))]
    #[case::behind_a_comma_in_quotes("\"a, b\",s,2", Some("s"))]
    #[case::spaces("1, s ,2", Some("s"))]
    #[case::empty("1,,2", None)]
    #[case::short("1", None)]
    fn a_column_names_the_session(#[case] row: &str, #[case] name: Option<&str>) {
        let key =
            of(Layout::Table { session: Some("Session ID") }, b"Timestamp, Session ID,Model\n").unwrap();
        assert_eq!(key.of(row.as_bytes()).as_deref(), name);
    }

    #[rstest]
    #[case::quoted("Timestamp,\"Session ID\",Model\n")]
    #[case::behind_a_comma_in_quotes("\"Time, in s\",Session ID\r\n")]
    fn a_head_is_read_as_a_table_s(#[case] head: &str) {
        let key = of(Layout::Table { session: Some("Session ID") }, head.as_bytes()).unwrap();
        assert_eq!(key.of(b"1,s,2").as_deref(), Some("s"));
    }
}
