//! Which cases are made: all of them, or those whose names a pattern takes in, but for those that another one leaves out.

use serde::{Deserialize, Serialize};

use super::cases::{CaseName, CASES};

/// Cases that are chosen by patterns. A pattern is a case's name, in which a `*` stands for any characters, or a topic alone:
/// `fuzz/events`, `*/events`, `fuzz`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Selection {
    /// Those that one of `include` names, or all of them if it is empty, without those that one of `exclude` names.
    pub fn new(include: &[String], exclude: &[String]) -> Self {
        Self { include: include.to_vec(), exclude: exclude.to_vec() }
    }

    /// Whether a case is made.
    pub fn chooses(&self, case: CaseName) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|pattern| names(pattern, case.id));
        (self.include.is_empty() || named(&self.include)) && !named(&self.exclude)
    }

    /// Whether every case is made.
    pub fn is_whole(&self) -> bool {
        CASES.into_iter().all(|case| self.chooses(case))
    }

    /// The first pattern that names no case.
    pub fn unknown(&self) -> Option<&str> {
        let mut patterns = self.include.iter().chain(&self.exclude);
        patterns.find(|pattern| !CASES.iter().any(|case| names(pattern, case.id))).map(String::as_str)
    }
}

fn names(pattern: &str, id: &str) -> bool {
    let is_topic = || id.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/'));
    matches(pattern.as_bytes(), id.as_bytes()) || is_topic()
}

/// Whether a text is a pattern's, in which a `*` stands for any bytes, also for none.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        Some((first, rest)) => text.first() == Some(first) && matches(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(include: &[&str], exclude: &[&str]) -> Vec<&'static str> {
        let owned = |patterns: &[&str]| patterns.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let selection = Selection::new(&owned(include), &owned(exclude));
        CASES.into_iter().filter(|case| selection.chooses(*case)).map(|case| case.id).collect()
    }

    #[test]
    fn without_patterns_every_case_is_chosen() {
        assert_eq!(chosen(&[], &[]).len(), CASES.len());
        assert!(Selection::default().is_whole());
    }

    #[test]
    fn a_pattern_is_a_name_a_topic_or_a_part_of_names() {
        assert_eq!(chosen(&["fuzz/events"], &[]), ["fuzz/events"]);
        assert_eq!(chosen(&["fuzz"], &[]), ["fuzz/events", "fuzz/streams", "fuzz/responses"]);
        assert_eq!(chosen(&["*/events"], &[]), ["hostile/events", "fuzz/events"]);
        assert_eq!(chosen(&["fuzz/*e*s"], &["fuzz/events", "*spons*"]), ["fuzz/streams"]);
        assert!(chosen(&["fuz", "events", ""], &[]).is_empty());
        assert!(!chosen(&[], &["speed"]).contains(&"speed/memory"));
    }

    #[test]
    fn a_pattern_that_names_no_case_is_told() {
        let exclude = ["fuzz".to_owned(), "fuzzy".to_owned()];
        let selection = Selection::new(&[], &exclude);
        assert_eq!((selection.unknown(), selection.is_whole()), (Some("fuzzy"), false));
        assert_eq!(Selection::new(&exclude[..1], &[]).unknown(), None);
    }
}
