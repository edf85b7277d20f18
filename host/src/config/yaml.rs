//! YAML texts: the only code that uses the YAML library.
//!
//! The parser's time grows with the square of the depth of brackets: 20,000 of them take seconds. So brackets are counted before
//! anything is parsed.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed};

/// Brackets that a text may open. None is deeper than there are, whatever stands between them; what looks like a bracket in a
/// quoted text counts as well.
const MOST_BRACKETS: usize = 5_000;

/// Largest file of settings or manifest, in megabytes.
pub(crate) const MOST_MEGABYTES: u64 = 1;

/// Fails at the line, from 1, up to which too many brackets are opened.
///
/// # Errors
/// There is such a line.
pub(crate) fn check_brackets(text: &str) -> Result<(), (usize, String)> {
    let mut left = MOST_BRACKETS;
    for (number, line) in (1..).zip(text.lines()) {
        let opened = line.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
        left = left
            .checked_sub(opened)
            .ok_or_else(|| (number, format!("it opens more than {MOST_BRACKETS} brackets")))?;
    }
    Ok(())
}

/// Where something stands in a text: line and column, each from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) line: u32,
    /// In characters.
    pub(crate) column: u32,
}

impl Spot {
    /// Where a text begins.
    pub(crate) const BEGIN: Self = Self { line: 1, column: 1 };

    /// The end of an error's text that says where it is. Nothing is said of the very beginning.
    fn suffix(self) -> String {
        format!(" at line {} column {}", self.line, self.column)
    }

    /// Where the text of an error says that it is: the parser has no other way to tell its visitors.
    pub(super) fn of_error(error: &impl fmt::Display) -> Self {
        let text = error.to_string();
        let read = || {
            let (_, place) = text.rsplit_once(" at line ")?;
            let (line, column) = place.split_once(" column ")?;
            Some(Self { line: line.parse().ok()?, column: column.parse().ok()? })
        };
        read().unwrap_or(Self::BEGIN)
    }
}

/// Why a text cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// Where it is, if it is about a place.
    pub(crate) spot: Option<Spot>,
    pub(crate) text: String,
}

impl YamlError {
    /// Its line, if it is about a place.
    pub(crate) fn line(&self) -> Option<usize> {
        self.spot.map(|spot| spot.line as usize)
    }
}

/// A text has fewer lines and columns than there are numbers of this size.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl From<serde_yaml::Error> for YamlError {
    fn from(error: serde_yaml::Error) -> Self {
        let spot =
            error.location().map(|place| Spot { line: small(place.line()), column: small(place.column()) });
        let suffix = spot.map(Spot::suffix).unwrap_or_default();
        Self { spot, text: error.to_string().replace(&suffix, "") }
    }
}

/// Reads a text as a value.
///
/// # Errors
/// It is no YAML, or no such value.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    serde_yaml::from_str(text).map_err(YamlError::from)
}

/// Reads a text as what a seed makes of it.
///
/// # Errors
/// It is no YAML, or the seed refuses it.
pub(super) fn parse_with<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
) -> Result<S::Value, YamlError> {
    seed.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(YamlError::from)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("", None)]
    #[case::lists(&"a: [1, 2, {b: c}]\n".repeat(2_500), None)]
    #[case::one_more(&"a: [1, 2, {b: c}]\n".repeat(2_501), Some(2_501))]
    #[case::one_line(&"[".repeat(20_000), Some(1))]
    #[case::hidden_behind_an_escape(&format!("a: \"\\\\\"\n{}", "[".repeat(20_000)), Some(2))]
    #[case::hidden_behind_a_quote(&format!("a: x \"y\n{}", "{a: ".repeat(20_000)), Some(2))]
    fn a_text_with_too_many_brackets_is_not_parsed(#[case] text: &str, #[case] line: Option<usize>) {
        let expected = line.map(|line| (line, "it opens more than 5000 brackets".to_owned()));
        assert_eq!(check_brackets(text).err(), expected);
    }
}
