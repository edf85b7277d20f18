//! A YAML text as a tree in which every key and value knows where it stands.
//!
//! The parser keeps places to itself, but an error that a visitor returns gets the place of the scalar that it visits. So the visitor
//! of a scalar puts it aside and fails, and whoever asked for it takes it together with the place in the error. The scalar has been
//! read then, so that reading goes on behind it. A list or mapping is placed where the first thing in it is.

use std::{cell::RefCell, fmt};

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::config::yaml::{self, Spot, YamlError};

/// Keys and values that one text may have, aliases followed.
const MOST_NODES: usize = 10_000;

/// What an error says that carries a place, and nothing else.
const PLACE: &str = "here";

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) spot: Spot,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// Nothing, or `null`.
    Nothing,
    /// One word or text.
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One word or text, as it is written but for its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// What YAML takes a word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Switch(bool),
    Number,
    /// Text without quotes: what stands in place of a variable may be anything.
    Plain,
    /// Text in quotes, which is text whatever it says.
    Quoted,
}

/// A key with its value. A key may stand in a mapping twice: that is for the reader to say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) spot: Spot,
    pub(super) value: Node,
}

impl Node {
    /// Where it stands; where there is nothing in it, where what is beside it does.
    fn place_or(&self, beside: Option<Spot>) -> Spot {
        let is_empty = match &self.content {
            Content::List(items) => items.is_empty(),
            Content::Map(entries) => entries.is_empty(),
            Content::Nothing | Content::Scalar(_) => false,
        };
        beside.filter(|_| is_empty).unwrap_or(self.spot)
    }
}

impl Content {
    /// What it is, for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Scalar(Scalar { kind: Kind::Switch(_), .. }) => "`true` or `false`",
            Self::Scalar(Scalar { kind: Kind::Number, .. }) => "a number",
            Self::Scalar(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads a text. One without anything in it is an empty mapping.
///
/// # Errors
/// It is no YAML, or too much of it.
pub(super) fn read(text: &str) -> Result<Node, YamlError> {
    yaml::check_brackets(text).map_err(|(line, text)| YamlError {
        spot: Some(Spot { line: yaml::small(line), column: 1 }),
        text,
    })?;
    let reader = Reader { lines: text.lines().collect(), state: RefCell::new(State::default()) };
    let read = yaml::parse_with(text, &reader);
    let aside = reader.state.borrow_mut().aside.take();
    match (read, aside) {
        (Ok(node), _) => Ok(node),
        (Err(error), Some(aside)) => Ok(reader.placed(error.spot.unwrap_or(Spot::BEGIN), aside)),
        (Err(error), None) => Err(error),
    }
}

/// A scalar as its visitor saw it, before its place is known.
enum Aside {
    Nothing,
    Switch(bool),
    /// As the parser writes it.
    Number(String),
    Text(String),
}

#[derive(Default)]
struct State {
    aside: Option<Aside>,
    count: usize,
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    state: RefCell<State>,
}

impl Reader<'_> {
    /// Puts a scalar aside, and gives the error that will have its place.
    fn put_aside<E: de::Error>(&self, aside: Aside) -> E {
        self.state.borrow_mut().aside = Some(aside);
        E::custom(PLACE)
    }

    /// What was put aside, where that is why something failed.
    fn take<E: fmt::Display>(&self, failed: E) -> Result<Node, E> {
        let aside = self.state.borrow_mut().aside.take();
        aside.map(|aside| self.placed(Spot::of_error(&failed), aside)).ok_or(failed)
    }

    /// One more key or value.
    fn count<E: de::Error>(&self) -> Result<(), E> {
        let mut state = self.state.borrow_mut();
        state.count += 1;
        if state.count > MOST_NODES {
            return Err(E::custom(format!("there are more than {MOST_NODES} keys and values")));
        }
        Ok(())
    }

    fn placed(&self, spot: Spot, aside: Aside) -> Node {
        let scalar = |text, kind| Content::Scalar(Scalar { text, kind });
        let content = match aside {
            Aside::Nothing => Content::Nothing,
            Aside::Switch(is_on) => scalar(is_on.to_string(), Kind::Switch(is_on)),
            Aside::Number(number) => scalar(self.as_written(spot, number), Kind::Number),
            Aside::Text(text) if matches!(self.rest(spot).chars().next(), Some('"' | '\'' | '|' | '>')) => {
                scalar(text, Kind::Quoted)
            }
            Aside::Text(text) => scalar(text, Kind::Plain),
        };
        Node { spot, content }
    }

    /// A number as it is written: `1.10` may be the name of a model. As the parser writes it where the two are not the same number.
    fn as_written(&self, spot: Spot, number: String) -> String {
        let is_of_word = |c: char| !c.is_whitespace() && !matches!(c, ',' | ']' | '}');
        let rest = self.rest(spot);
        let word = rest.split(|c| !is_of_word(c)).next().unwrap_or_default();
        let value = |text: &str| text.parse::<f64>().ok();
        if value(word).is_some() && value(word) == value(&number) { word.to_owned() } else { number }
    }

    /// What stands in a line from a place on.
    fn rest(&self, spot: Spot) -> &str {
        let before = |number: u32| number.saturating_sub(1) as usize;
        let line = self.lines.get(before(spot.line)).copied().unwrap_or_default();
        let begin = line.char_indices().nth(before(spot.column)).map_or(line.len(), |(at, _)| at);
        &line[begin..]
    }
}

impl<'de> DeserializeSeed<'de> for &Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

/// Every scalar is put aside, and is an error.
impl<'de> Visitor<'de> for &Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Node, E> {
        Err(self.put_aside(Aside::Switch(is_on)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Node, E> {
        Err(self.put_aside(Aside::Number(number.to_string())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node, E> {
        Err(self.put_aside(Aside::Number(number.to_string())))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Node, E> {
        Err(self.put_aside(Aside::Number(number.to_string())))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<Node, E> {
        Err(self.put_aside(Aside::Number(number.to_string())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Node, E> {
        Err(self.put_aside(Aside::Number(number.to_string())))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Err(self.put_aside(Aside::Text(text.to_owned())))
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Err(self.put_aside(Aside::Nothing))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Err(self.put_aside(Aside::Nothing))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(A::Error::custom("a tag such as `!name` means nothing here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        loop {
            let item = match list.next_element_seed(self) {
                Ok(None) => break,
                Ok(Some(item)) => item,
                Err(error) => self.take(error)?,
            };
            let before = items.last().map(|before: &Node| before.spot);
            items.push(Node { spot: item.place_or(before), ..item });
        }
        let spot = items.first().map_or(Spot::BEGIN, |item: &Node| item.spot);
        Ok(Node { spot, content: Content::List(items) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        loop {
            let key = match map.next_key_seed(self) {
                Ok(None) => break,
                Ok(Some(key)) => key,
                Err(error) => self.take(error)?,
            };
            let spot = key.spot;
            let mut value = map.next_value_seed(self).or_else(|error| self.take(error))?;
            value.spot = value.place_or(Some(spot));
            let key = match key.content {
                Content::Scalar(scalar) => scalar.text,
                other => other.kind().to_owned(),
            };
            entries.push(Entry { key, spot, value });
        }
        let spot = entries.first().map_or(Spot::BEGIN, |entry: &Entry| entry.spot);
        Ok(Node { spot, content: Content::Map(entries) })
    }
}

/// An entry that is made of what a file says in other words.
pub(super) fn made(key: &str, spot: Spot, text: &str, kind: Kind) -> Entry {
    let content = Content::Scalar(Scalar { text: text.to_owned(), kind });
    Entry { key: key.to_owned(), spot, value: Node { spot, content } }
}

/// Whether it is this text.
pub(super) fn is_text(node: &Node, expected: &str) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if scalar.text == expected)
}

/// Whether a template of Jinja stands somewhere in it.
pub(super) fn has_jinja(node: &Node) -> bool {
    match &node.content {
        Content::Nothing => false,
        Content::Scalar(scalar) => scalar.text.contains("{{") || scalar.text.contains("{%"),
        Content::List(items) => items.iter().any(has_jinja),
        Content::Map(entries) => entries.iter().any(|entry| has_jinja(&entry.value)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Every scalar with its place, in the order of the text; keys have a colon.
    fn outline(node: &Node, out: &mut Vec<String>) {
        let Spot { line, column } = node.spot;
        match &node.content {
            Content::Nothing => out.push(format!("{line}:{column} nothing")),
            Content::Scalar(Scalar { text, kind }) => {
                let kind = match kind {
                    Kind::Switch(_) => "b",
                    Kind::Number => "n",
                    Kind::Plain => "p",
                    Kind::Quoted => "q",
                };
                out.push(format!("{line}:{column} {kind} {text}"));
            }
            Content::List(items) => items.iter().for_each(|item| outline(item, out)),
            Content::Map(entries) => {
                for Entry { key, spot: Spot { line, column }, value } in entries {
                    out.push(format!("{line}:{column} {key}:"));
                    outline(value, out);
                }
            }
        }
    }

    fn outline_of(text: &str) -> String {
        let mut lines = Vec::new();
        outline(&read(text).unwrap(), &mut lines);
        lines.join(", ")
    }

    #[rstest]
    #[case::words("a: 5\nb:   on\n", "1:1 a:, 1:4 n 5, 2:1 b:, 2:6 p on")]
    #[case::switch("a: true", "1:1 a:, 1:4 b true")]
    #[case::nothing("a:\nb: ~\n", "1:1 a:, 1:3 nothing, 2:1 b:, 2:4 nothing")]
    #[case::quoted("a: \"5\"\nb: 'c d'\n", "1:1 a:, 1:4 q 5, 2:1 b:, 2:4 q c d")]
    #[case::numbers(
        "a: [1.10, 1e3, .inf, 0x10, -5]",
        "1:1 a:, 1:5 n 1.10, 1:11 n 1e3, 1:16 n inf, 1:22 n 16, 1:28 n -5"
    )]
    #[case::leading_zero("a: 0123", "1:1 a:, 1:4 p 0123")]
    #[case::list("a:\n  - b\n  - {c: d}\n", "1:1 a:, 2:5 p b, 3:6 c:, 3:9 p d")]
    #[case::twice("a: 1\na: 2\n", "1:1 a:, 1:4 n 1, 2:1 a:, 2:4 n 2")]
    #[case::letters_of_several_bytes("ä: {ö: ü}", "1:1 ä:, 1:5 ö:, 1:8 p ü")]
    #[case::alias("a: &x 5\nb: *x\n", "1:1 a:, 1:4 n 5, 2:1 b:, 1:4 n 5")]
    #[case::block("a: |\n  one\n  two\n", "1:1 a:, 1:4 q one\ntwo\n")]
    #[case::a_word("word", "1:1 p word")]
    #[case::empty("# nothing\n", "2:1 nothing")]
    fn every_key_and_value_has_its_place(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(outline_of(text), expected);
    }

    #[rstest]
    #[case::broken("a: [1\nb: 2\n", 2)]
    #[case::unknown_alias("a: 1\nb: *x\n", 2)]
    #[case::tag("a: 1\nb: !x 5\n", 2)]
    #[case::brackets(&"[".repeat(6_000), 1)]
    fn what_is_no_yaml_is_told_with_its_line(#[case] text: &str, #[case] line: usize) {
        assert_eq!(read(text).unwrap_err().line(), Some(line));
    }

    #[test]
    fn a_text_of_aliases_of_aliases_is_not_followed_for_ever() {
        let lists = (1..20).map(|at| {
            let list = vec![format!("*a{}", at - 1); 8].join(", ");
            format!("a{at}: &a{at} [{list}]")
        });
        let first = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]".to_owned();
        let text = std::iter::once(first).chain(lists).collect::<Vec<_>>().join("\n");
        let error = read(&text).unwrap_err();
        assert!(error.text.ends_with("there are more than 10000 keys and values"), "{error:?}");
    }
}
