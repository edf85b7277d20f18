//! Requests that only fill a server's cache: they ask for one token, whatever else was asked for.

use serde_json::{Map, Value};

use crate::plan::without_reply_lengths;

/// Fields to merge into a body, without those that say how long a reply is to be. What is no object stays as it is.
pub(super) fn without_lengths(extra_json: String) -> String {
    let parsed: Result<Map<String, Value>, _> = serde_json::from_str(&extra_json);
    let Ok(extra) = parsed else { return extra_json };
    Value::Object(without_reply_lengths(extra)).to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "")]
    #[case(r#"{"ignore_eos":true,"min_tokens":9}"#, r#"{"ignore_eos":true}"#)]
    #[case(r#"{"max_tokens":9}"#, "{}")]
    #[case::huggingface(r#"{"max_new_tokens":9,"min_new_tokens":9}"#, "{}")]
    #[case::huggingface_parameters(
        r#"{"parameters":{"max_new_tokens":9,"seed":7}}"#,
        r#"{"parameters":{"seed":7}}"#
    )]
    #[case::ollama(r#"{"options":{"num_predict":9,"seed":7}}"#, r#"{"options":{"seed":7}}"#)]
    #[case::another_object(r#"{"metadata":{"max_tokens":9}}"#, r#"{"metadata":{"max_tokens":9}}"#)]
    fn only_lengths_are_left_out(#[case] extra: &str, #[case] expected: &str) {
        assert_eq!(without_lengths(extra.to_owned()), expected);
    }
}
