//! Text of an answer, borrowed from its bytes wherever they hold it as it is.
//!
//! `serde` borrows a `&str`, but neither an `Option<Cow<str>>` nor a text that may be `null`; these types do.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{
    de::{value::MapAccessDeserializer, Error, MapAccess, Visitor},
    Deserialize, Deserializer,
};
use serde_json::Value;

/// A text: borrowed unless it holds escapes. `null` is an empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text::default())
    }
}

/// A name, such as a response's id: a text, or a whole number in its place, because some servers number their responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name<'a>(Text<'a>);

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        TextVisitor.visit_borrowed_str(text).map(Name)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        TextVisitor.visit_str(text).map(Name)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Name(number.to_string().into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Name::default())
    }
}

/// Arguments of a tool call: JSON as text, or (some servers) the JSON itself.
#[derive(Debug, Default)]
pub struct Arguments<'a>(Text<'a>);

impl Deref for Arguments<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgumentsVisitor)
    }
}

struct ArgumentsVisitor;

impl<'de> Visitor<'de> for ArgumentsVisitor {
    type Value = Arguments<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, an object or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        TextVisitor.visit_borrowed_str(text).map(Arguments)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        TextVisitor.visit_str(text).map(Arguments)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Arguments::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let json = Value::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(Arguments(Text(Cow::Owned(json.to_string()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_borrowed(json: &str) -> bool {
        matches!(serde_json::from_str::<Text<'_>>(json).unwrap().0, Cow::Borrowed(_))
    }

    #[test]
    fn only_a_text_with_escapes_is_copied() {
        assert!(is_borrowed(r#"" naïve""#));
        assert!(!is_borrowed(r#""a\nb""#));
    }

    #[test]
    fn null_is_no_text_and_only_a_name_may_be_a_number() {
        assert_eq!(&*serde_json::from_str::<Text<'_>>("null").unwrap(), "");
        assert_eq!(&*serde_json::from_str::<Name<'_>>("17").unwrap(), "17");
        for wrong in ["17", "1.5", "true", "[]", "{}"] {
            assert!(serde_json::from_str::<Text<'_>>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn arguments_that_came_as_an_object_become_their_json() {
        let arguments: Arguments<'_> = serde_json::from_str(r#"{ "city": "Lima", "days": 2 }"#).unwrap();
        assert_eq!(&*arguments, r#"{"city":"Lima","days":2}"#);
    }
}
