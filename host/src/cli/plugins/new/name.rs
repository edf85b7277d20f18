//! A plugin's name, in its three spellings.

use std::str::FromStr;

/// Longest name: file names get a prefix and a suffix.
const LONGEST: usize = 60;

/// What cargo or rustc refuse as the name of a crate, and names of crates that the template uses.
const RESERVED: [&str; 66] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "prony",
    "prony_plugin_api",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde_json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "build",
    "deps",
    "examples",
    "incremental",
    "nul",
    "con",
];

/// Why a name is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum NameError {
    /// Nothing at all.
    #[error("name the plugin: the name is empty")]
    Empty,
    /// Longer than a file name can be.
    #[error("name the plugin: the name has {0} characters, and {LONGEST} are the limit")]
    TooLong(usize),
    /// Something else than letters, digits and hyphens, such as a path.
    #[error("name the plugin `{0}`: it has characters other than small letters, digits and single hyphens")]
    Characters(String),
    /// A digit or a hyphen comes first.
    #[error("name the plugin `{0}`: it does not begin with a letter")]
    Beginning(String),
    /// A word of the language, or the name of another crate.
    #[error("name the plugin `{0}`: the name is taken by Rust, cargo or a crate that it needs")]
    Reserved(String),
}

/// A name as words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<String>);

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = text.replace('_', "-");
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > LONGEST {
            return Err(NameError::TooLong(name.chars().count()));
        }
        if !name.chars().all(is_allowed) || name.contains("--") || name.ends_with('-') {
            return Err(NameError::Characters(text.to_owned()));
        }
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(NameError::Beginning(text.to_owned()));
        }
        let name = Self(name.split('-').map(str::to_owned).collect());
        if RESERVED.contains(&name.stem().as_str()) {
            return Err(NameError::Reserved(text.to_owned()));
        }
        Ok(name)
    }
}

impl Name {
    /// `acme-chat`: the crate and its folder.
    pub(super) fn package(&self) -> String {
        self.0.join("-")
    }

    /// `acme_chat`: the library and the entry in the manifest.
    pub(super) fn stem(&self) -> String {
        self.0.join("_")
    }

    /// `AcmeChat`: the exported type.
    pub(super) fn type_name(&self) -> String {
        self.spelt("")
    }

    /// `Acme Chat`: the name in sentences.
    pub(super) fn title(&self) -> String {
        self.spelt(" ")
    }

    fn spelt(&self, between: &str) -> String {
        let capital = |word: &String| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        self.0.iter().map(capital).collect::<Vec<_>>().join(between)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("acme-chat")]
    #[case::as_a_library("acme_chat")]
    fn a_name_has_three_spellings(#[case] text: &str) {
        let name: Name = text.parse().unwrap();
        assert_eq!(
            (name.package().as_str(), name.stem().as_str(), name.type_name().as_str(), name.title().as_str()),
            ("acme-chat", "acme_chat", "AcmeChat", "Acme Chat")
        );
    }

    #[rstest]
    #[case::empty("", NameError::Empty)]
    #[case::path("../acme", NameError::Characters("../acme".into()))]
    #[case::absolute("/tmp/acme", NameError::Characters("/tmp/acme".into()))]
    #[case::capitals("AcmeChat", NameError::Characters("AcmeChat".into()))]
    #[case::spaces("acme chat", NameError::Characters("acme chat".into()))]
    #[case::accents("acmé", NameError::Characters("acmé".into()))]
    #[case::two_hyphens("acme--chat", NameError::Characters("acme--chat".into()))]
    #[case::hyphen_last("acme-", NameError::Characters("acme-".into()))]
    #[case::digit_first("3com", NameError::Beginning("3com".into()))]
    #[case::hyphen_first("-acme", NameError::Beginning("-acme".into()))]
    #[case::keyword("match", NameError::Reserved("match".into()))]
    #[case::crate_of_ours("prony-plugin-api", NameError::Reserved("prony-plugin-api".into()))]
    #[case::crate_it_needs("serde-json", NameError::Reserved("serde-json".into()))]
    fn a_bad_name_is_refused_with_its_reason(#[case] text: &str, #[case] expected: NameError) {
        assert_eq!(text.parse::<Name>(), Err(expected));
    }

    #[test]
    fn a_name_of_the_greatest_length_is_one() {
        assert!("a".repeat(LONGEST).parse::<Name>().is_ok());
        assert_eq!("a".repeat(LONGEST + 1).parse::<Name>(), Err(NameError::TooLong(LONGEST + 1)));
    }
}
