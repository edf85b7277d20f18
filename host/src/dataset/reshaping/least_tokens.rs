//! `--force-min-tokens`: a server is asked for as many output tokens at least as at most.

use serde_json::{Map, Value};

use crate::dataset::{Script, Step};

/// What vLLM and others call it.
const MIN_TOKENS: &str = "min_tokens";

/// Asks for it in every request that asks for an output length, and says nothing of the least itself.
pub(super) fn force(scripts: &mut [Script]) {
    for step in scripts.iter_mut().flat_map(|script| &mut script.steps) {
        if let Some(tokens) = step.max_tokens {
            put(step, tokens);
        }
    }
}

fn put(step: &mut Step, tokens: u64) {
    // What is no object is reported where it is sent.
    let parsed =
        if step.extra_json.is_empty() { Ok(Map::new()) } else { serde_json::from_str(&step.extra_json) };
    let Ok::<Map<String, Value>, _>(mut extra) = parsed else { return };
    extra.entry(MIN_TOKENS).or_insert(tokens.into());
    step.extra_json = Value::Object(extra).to_string();
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone(Some(7), "", r#"{"min_tokens":7}"#)]
    #[case::with_others(Some(7), r#"{"a":1}"#, r#"{"a":1,"min_tokens":7}"#)]
    #[case::of_the_row_s_own(Some(7), r#"{"min_tokens":2}"#, r#"{"min_tokens":2}"#)]
    #[case::without_a_length(None, r#"{"a":1}"#, r#"{"a":1}"#)]
    fn the_least_is_the_most(#[case] most: Option<u64>, #[case] extra: &str, #[case] expected: &str) {
        let step = Step { max_tokens: most, extra_json: extra.into(), ..Step::default() };
        let mut scripts = [Script::single("s".into(), step)];
        force(&mut scripts);
        assert_eq!(scripts[0].steps[0].extra_json, expected);
    }
}
