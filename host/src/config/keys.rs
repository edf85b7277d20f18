//! The settings of a run by the names that they have outside of the command line: keys of a file, variables of the environment.
//!
//! They are made from the flags, so that each flag has a key, and there is no second table.

use std::{any::TypeId, path::PathBuf};

use clap::{Arg, builder::ValueRange};

use super::{
    near::near,
    words::{Setting, Shape, settings, shape},
};

/// Flags that say where settings are, and are none themselves.
pub(crate) const NO_SETTINGS: [&str; 2] = ["config", "resume"];

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The long name of its flag, without the dashes: `request-rate`.
    pub(crate) name: String,
    /// Other names of the flag.
    pub(crate) others: Vec<String>,
    pub(crate) shape: Shape,
    /// A text with commas is several values.
    pub(crate) has_commas: bool,
    /// The flag may stand without a value.
    pub(crate) may_be_bare: bool,
    /// Its value is a path.
    pub(crate) is_path: bool,
    /// What the help calls its value; empty for a switch.
    pub(crate) placeholder: String,
    /// The only values that there are; empty where there are others.
    pub(crate) choices: Vec<String>,
    /// The part of the help that it is in.
    pub(crate) heading: String,
    /// What it is: the first paragraph of the help, without what follows if it is not set.
    pub(crate) summary: String,
    /// The other paragraphs of the help.
    pub(crate) details: String,
    /// What holds where it is not set, if the help says so. A flag that may be bare has one where it is set.
    pub(crate) default: Option<String>,
}

impl Key {
    fn of(arg: &Arg) -> Option<Self> {
        let name = arg.get_long()?.to_owned();
        let aliases = arg.get_all_aliases().unwrap_or_default();
        let shape = shape(arg);
        let has_value = shape != Shape::Switch;
        let placeholder = arg.get_value_names().and_then(|names| names.first()).filter(|_| has_value);
        let choices = arg.get_possible_values().into_iter().filter(|_| has_value);
        let short = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let long = arg.get_long_help().map_or_else(|| short.clone(), ToString::to_string);
        let (summary, default) = without_default(long.split("\n\n").next().unwrap_or_default());
        Some(Self {
            others: aliases.into_iter().map(str::to_owned).collect(),
            shape,
            has_commas: arg.get_value_delimiter().is_some(),
            may_be_bare: has_value
                && arg.get_num_args().is_some_and(|range: ValueRange| range.min_values() == 0),
            is_path: arg.get_value_parser().type_id() == TypeId::of::<PathBuf>(),
            placeholder: placeholder.map(ToString::to_string).unwrap_or_default(),
            choices: choices.map(|choice| choice.get_name().to_owned()).collect(),
            heading: arg.get_help_heading().unwrap_or_default().to_owned(),
            summary,
            details: long.split_once("\n\n").map(|(_, rest)| rest.to_owned()).unwrap_or_default(),
            default,
            name,
        })
    }

    /// As a file has it: `request_rate`.
    pub(crate) fn in_file(&self) -> String {
        in_file(&self.name)
    }

    /// What it is to whoever gives it values in turn.
    pub(crate) fn setting(&self) -> Setting {
        Setting { name: self.name.clone(), shape: self.shape }
    }

    /// The variable that sets it: `PRONY_REQUEST_RATE`.
    pub(crate) fn variable(&self) -> String {
        variable(&self.name)
    }
}

/// A flag's name as the key of a file.
pub(crate) fn in_file(name: &str) -> String {
    name.replace('-', "_")
}

/// The variable of a flag's name.
pub(crate) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('-', "_").to_ascii_uppercase())
}

/// Holds the key where none is typed.
pub(crate) const API_KEY_VARIABLE: &str = "PRONY_API_KEY";

/// What the names of prony's variables begin with.
pub(crate) const PREFIX: &str = "PRONY_";

/// `Length of prompts [default: 550].` as its two parts.
fn without_default(help: &str) -> (String, Option<String>) {
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((before, rest)) = help.split_once(" [default: ") else { return (help, None) };
    let (default, after) = rest.split_once(']').unwrap_or((rest, ""));
    (format!("{before}{after}"), Some(default.to_owned()))
}

/// All settings, in the order of the help.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    /// All of them.
    pub(crate) fn all() -> Self {
        let command = settings();
        let keys = command.get_arguments().filter_map(Key::of);
        let mut keys: Vec<Key> = keys.filter(|key| !NO_SETTINGS.contains(&key.name.as_str())).collect();
        // The help has each part once, wherever its flags stand.
        let mut headings: Vec<String> = Vec::new();
        for key in &keys {
            if !headings.contains(&key.heading) {
                headings.push(key.heading.clone());
            }
        }
        keys.sort_by_key(|key| headings.iter().position(|heading| *heading == key.heading));
        Self(keys)
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// The setting that is written so: `request_rate`, `request-rate` or `requestRate`, or another name of the flag.
    pub(crate) fn find(&self, written: &str) -> Option<&Key> {
        let name = flag_name(written);
        self.0.iter().find(|key| key.name == name || key.others.contains(&name))
    }

    /// The setting that is probably meant.
    pub(crate) fn near(&self, written: &str) -> Option<&Key> {
        let name = flag_name(written);
        let known = self.0.iter().flat_map(|key| key.others.iter().chain([&key.name]));
        self.find(near(&name, known.map(String::as_str))?)
    }
}

/// A key as the name of a flag.
pub(crate) fn flag_name(written: &str) -> String {
    let mut name = String::with_capacity(written.len());
    let mut is_small = false;
    for char in written.chars() {
        if is_small && char.is_ascii_uppercase() {
            name.push('-');
        }
        is_small = char.is_ascii_lowercase() || char.is_ascii_digit();
        name.push(if char == '_' { '-' } else { char.to_ascii_lowercase() });
    }
    name
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("isl_stddev", Some("isl-stddev"))]
    #[case("isl-stddev", Some("isl-stddev"))]
    #[case("islStddev", Some("isl-stddev"))]
    #[case("http2", Some("http2"))]
    #[case("HTTP2", Some("http2"))]
    #[case("--isl", None)]
    #[case("resume", None)]
    #[case("num_requests", Some("request-count"))]
    #[case("transportType", Some("transport"))]
    #[case("config", None)]
    #[case("isl stddev", None)]
    #[case("help", None)]
    fn a_key_is_the_name_of_a_flag_in_any_spelling(#[case] written: &str, #[case] expected: Option<&str>) {
        let keys = Keys::all();
        assert_eq!(keys.find(written).map(|key| key.name.as_str()), expected);
    }

    #[test]
    fn a_near_name_is_found_in_any_spelling() {
        let keys = Keys::all();
        let near = |written: &str| keys.near(written).map(Key::in_file);
        assert_eq!(near("conccurency").as_deref(), Some("concurrency"));
        assert_eq!(near("requestCuont").as_deref(), Some("request_count"));
        assert_eq!(near("temperature"), None);
    }

    #[test]
    fn a_setting_knows_what_the_help_says() {
        let keys = Keys::all();
        let isl = keys.find("isl").unwrap();
        assert_eq!(
            (isl.summary.as_str(), isl.default.as_deref()),
            ("Length of generated prompts.", Some("550"))
        );
        assert_eq!((isl.details.as_str(), isl.placeholder.as_str()), ("It is a mean, in tokens.", "TOKENS"));
        assert_eq!(isl.variable(), "PRONY_ISL");
        let transport = keys.find("transport").unwrap();
        assert_eq!(transport.choices, ["timed", "portable"]);
        let streaming = keys.find("streaming").unwrap();
        assert!(streaming.choices.is_empty() && streaming.placeholder.is_empty());
        assert!(keys.find("input_file").unwrap().is_path && keys.find("dry_run").unwrap().may_be_bare);
    }
}
