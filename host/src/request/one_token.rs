//! Requests that only fill a server's cache: they ask for one token, whatever else was asked for.

use serde_json::{Map, Value};

/// What the lengths of a reply are called in the bodies of API formats.
const LENGTHS: [&str; 4] = ["max_completion_tokens", "max_output_tokens", "max_tokens", "min_tokens"];

/// Fields to merge into a body, without those that say how long a reply is to be. What is no object stays as it is.
pub(super) fn without_lengths(extra_json: String) -> String {
    let parsed: Result<Map<String, Value>, _> = serde_json::from_str(&extra_json);
    let Ok(mut extra) = parsed else { return extra_json };
    extra.retain(|name, _| !LENGTHS.contains(&name.as_str()));
    Value::Object(extra).to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "")]
    #[case(r#"{"ignore_eos":true,"min_tokens":9}"#, r#"{"ignore_eos":true}"#)]
    #[case(r#"{"max_tokens":9}"#, "{}")]
    fn only_lengths_are_left_out(#[case] extra: &str, #[case] expected: &str) {
        assert_eq!(without_lengths(extra.to_owned()), expected);
    }
}
