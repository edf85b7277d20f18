//! A list that usually has one element.

use std::{fmt, marker::PhantomData};

use serde::{
    de::{value::MapAccessDeserializer, MapAccess, SeqAccess, Visitor},
    Deserialize, Deserializer,
};

/// Elements of a JSON list. The first one needs no allocation, and a stream's chunk rarely has a second.
///
/// An object in place of the list counts as a list of one: that is how some servers stream tool calls.
#[derive(Debug)]
pub struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new() }
    }
}

impl<T> Few<T> {
    /// The elements with their positions.
    pub fn enumerate(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.iter())
    }

    /// The elements.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FewVisitor(PhantomData))
    }
}

struct FewVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
    type Value = Few<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Few::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element()?;
        let mut rest = Vec::new();
        while let Some(element) = list.next_element()? {
            rest.push(element);
        }
        Ok(Few { first, rest })
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let only = T::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(Few { first: Some(only), rest: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none("[]", &[])]
    #[case::null("null", &[])]
    #[case::several("[7, 8, 9]", &[(0, 7), (1, 8), (2, 9)])]
    fn elements_keep_their_order_and_position(#[case] json: &str, #[case] expected: &[(u32, u8)]) {
        let few: Few<u8> = serde_json::from_str(json).unwrap();
        assert_eq!(few.enumerate().map(|(at, element)| (at, *element)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_list_of_one_allocates_nothing() {
        let few: Few<u8> = serde_json::from_str("[7]").unwrap();
        assert_eq!((few.first, few.rest.capacity()), (Some(7), 0));
    }
}
