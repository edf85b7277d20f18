//! What is wanted of the endpoint. Whether it takes such options is not checked here.

use serde_json::{Map, Value};

use super::{
    sink::Sink,
    spec::{Origin, RunSpec, Setting},
};
use crate::plan::FlagOption;

/// How an option is written.
pub(super) const EXAMPLE: &str = "write it as in `--endpoint-option use_legacy_max_tokens=true`";

/// An option that is none. Its value is not shown: it may be a key.
#[derive(Debug, thiserror::Error)]
#[error("read value {position} of `{by}`: it is not `KEY=VALUE`")]
pub(crate) struct EndpointOptionError {
    pub(super) by: Origin,
    /// Which value, from 1.
    position: usize,
}

/// Reads options of the endpoint, as texts; the last of one key stands. What the endpoint says it takes decides
/// which of them are meant as JSON. Values that are no options are left out.
pub(super) fn endpoint_options(
    values: &Setting<Vec<String>>,
    problems: &mut impl Sink<EndpointOptionError>,
) -> Map<String, Value> {
    let Some((values, by)) = values.given() else { return Map::new() };
    let options = (1..).zip(values);
    let read = |(position, text): (usize, &String)| {
        problems.note(option(text).ok_or(EndpointOptionError { by, position }))
    };
    options.filter_map(read).collect()
}

/// The options of endpoints that have flags of their own, of those flags that are given.
pub(super) fn flag_options(spec: &RunSpec) -> Vec<FlagOption> {
    let legacy_limit = spec
        .use_legacy_max_tokens
        .is_given()
        .then_some(FlagOption { flag: "--use-legacy-max-tokens", key: "use_legacy_max_tokens" });
    legacy_limit.into_iter().collect()
}

fn option(text: &str) -> Option<(String, Value)> {
    let (key, value) = text.split_once('=')?;
    // A secret that was typed without its name must not become one, and be told as such.
    let is_name = key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    (is_name && !key.is_empty()).then(|| (key.to_owned(), value.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::spec::tests::spec;

    fn read(values: &[&str]) -> Result<Value, Vec<EndpointOptionError>> {
        let words: Vec<_> = values.iter().map(|value| format!("--endpoint-option {value}")).collect();
        let mut wrong = Vec::new();
        let options = endpoint_options(&spec(&words.join(" ")).endpoint_option, &mut wrong);
        if wrong.is_empty() { Ok(Value::Object(options)) } else { Err(wrong) }
    }

    #[test]
    fn a_value_is_a_text_and_the_last_one_of_a_key_stands() {
        let options = read(&["n=5", "n=[1]", "path=a=b", "empty="]).unwrap();
        assert_eq!(options, json!({"n": "[1]", "path": "a=b", "empty": ""}));
    }

    #[test]
    fn an_option_with_a_flag_of_its_own_has_the_name_of_that_flag() {
        let spec = spec("--use-legacy-max-tokens");
        let flags: Vec<&str> = flag_options(&spec).into_iter().map(|option| option.flag).collect();
        assert_eq!(flags, [spec.use_legacy_max_tokens.flag().to_string()]);
    }

    #[test]
    fn what_is_no_option_is_told_by_its_place() {
        for text in ["n", "=5", "token:AbC=="] {
            let errors = read(&["a=1", text]).unwrap_err();
            assert_eq!(errors[0].to_string(), "read value 2 of `--endpoint-option`: it is not `KEY=VALUE`");
        }
    }

    #[test]
    fn all_that_are_no_options_are_told() {
        let errors = read(&["n", "a=1", "=5"]).unwrap_err();
        let expected =
            [1, 3].map(|at| format!("read value {at} of `--endpoint-option`: it is not `KEY=VALUE`"));
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }
}
