//! Cells: combinations of values, and the names of their folders.

use std::ffi::OsString;

use sha2::{Digest, Sha256};

use crate::config::{
    phase_words::PhasePath,
    words::{Said, Setting, Shape, Words},
};

/// Longest name of a folder, in bytes. File systems take 255, and paths get longer with what is in the folder.
const LONGEST_NAME: usize = 80;

/// One combination of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its name, which no other cell of the design has: a part of a path.
    pub(crate) name: String,
    /// What it is called where the user has named it.
    pub(crate) title: Option<String>,
    /// Settings and their values, in the order in which they were asked for.
    pub(crate) values: Vec<(Setting, String)>,
}

impl Cell {
    /// A cell, whose name is made of its values or of its title.
    pub(super) fn new(title: Option<String>, values: Vec<(Setting, String)>) -> Self {
        let pair =
            |(setting, value): &(Setting, String)| format!("{}_{value}", setting.name.replace('-', "_"));
        let full = title.clone().unwrap_or_else(|| values.iter().map(pair).collect::<Vec<_>>().join("-"));
        Self { name: file_name(&full), title, values }
    }

    /// The only cell of a design in which nothing takes several values.
    pub(super) fn only() -> Self {
        Self { name: String::new(), title: None, values: Vec::new() }
    }

    /// What it is called, for people.
    pub(crate) fn label(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let pairs = self.values.iter().map(|(setting, value)| format!("{} {value}", setting.name));
        pairs.collect::<Vec<_>>().join(", ")
    }

    /// The value of a setting; nothing where it says nothing of it.
    pub(super) fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(setting, _)| setting.name == name).map_or("", |(_, value)| value)
    }

    /// The settings of its runs: these, and its values in their places.
    pub(crate) fn over(&self, base: &Words) -> Words {
        let mut words = base.clone();
        for (setting, value) in &self.values {
            if let Some(path) = PhasePath::of(&setting.name) {
                path.set(&mut words, value);
                continue;
            }
            let name = setting.name.clone();
            match (setting.shape, value.as_str()) {
                (Shape::Switch, "true") => words.set(Said { name, values: Vec::new() }),
                (Shape::Switch, _) => drop(words.remove(&name)),
                (Shape::Single | Shape::List, value) => {
                    words.set(Said { name, values: vec![OsString::from(value)] });
                }
            }
        }
        words
    }
}

/// A text as a part of a path. One that is too long, or has signs that are left out, has a mark of its own at its end.
fn file_name(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let plain: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let is_same = plain == text && !plain.starts_with('.') && plain.len() <= LONGEST_NAME;
    if is_same && !plain.is_empty() {
        return plain;
    }
    let mark = Sha256::digest(text).iter().take(4).fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    let mark = format!("{mark:08x}");
    let head: String = plain.trim_start_matches('.').chars().take(LONGEST_NAME - mark.len() - 1).collect();
    format!("{head}-{mark}")
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    pub(in crate::experiment) fn cell(values: &[(&str, &str)]) -> Cell {
        let setting = |name: &str| Setting { name: name.to_owned(), shape: Shape::Single };
        Cell::new(None, values.iter().map(|(name, value)| (setting(name), (*value).to_owned())).collect())
    }

    #[rstest]
    #[case::plain("concurrency_4-isl_100", "concurrency_4-isl_100")]
    #[case::decimals("request_rate_0.5", "request_rate_0.5")]
    #[case::space("long context", "long_context-")]
    #[case::path("../../etc", "_.._etc-")]
    #[case::nothing("", "-")]
    #[case::long(&"x".repeat(300), &"x".repeat(LONGEST_NAME - 9))]
    fn a_name_is_a_part_of_a_path(#[case] text: &str, #[case] beginning: &str) {
        let name = file_name(text);
        assert!(name.starts_with(beginning), "{name}");
        assert!(!name.contains('/') && !name.starts_with('.') && name.len() <= LONGEST_NAME);
        assert_eq!(name == text, beginning == text);
    }

    #[test]
    fn texts_that_look_alike_have_names_of_their_own() {
        assert_ne!(file_name("a b"), file_name("a:b"));
        let long = "x".repeat(300);
        assert_ne!(file_name(&long), file_name(&format!("{long}y")));
    }

    #[test]
    fn a_cell_is_called_after_its_values() {
        let cell = cell(&[("concurrency", "4"), ("request-rate", "0.5")]);
        assert_eq!(
            (cell.name.as_str(), cell.label().as_str()),
            ("concurrency_4-request_rate_0.5", "concurrency 4, request-rate 0.5")
        );
    }
}
