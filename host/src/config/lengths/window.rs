//! Windows of equally frequent lengths around a mean, as `vllm bench serve` has them.

use serde::Deserialize;

use super::{error::LengthsError, law::number};
use crate::plan::SequenceLaw;

/// How far lengths reach to both sides of their mean, as a part of it; 0 or more, below 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RangeRatio {
    pub(super) input: f64,
    pub(super) output: f64,
}

/// Reads one number for both, or a JSON object with one for each.
///
/// # Errors
/// It is neither.
pub(crate) fn range_ratio(text: &str) -> Result<RangeRatio, LengthsError> {
    let ratio = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| LengthsError::Window(error.to_string()))?
    } else {
        let both = number(text).ok_or_else(|| LengthsError::Window("it must be a number".to_owned()))?;
        RangeRatio { input: both, output: both }
    };
    let is_part = |ratio: f64| (0.0..1.0).contains(&ratio);
    if is_part(ratio.input) && is_part(ratio.output) {
        Ok(ratio)
    } else {
        Err(LengthsError::Window("a ratio is 0 or more, and below 1".to_owned()))
    }
}

/// Whose arithmetic windows and random texts have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RandomStyle {
    /// `vllm bench serve`.
    #[default]
    Vllm,
    /// `sglang.bench_serving`.
    Sglang,
}

/// The window of a mean. That of vLLM reaches from `floor(mean (1 - ratio))` to `ceil(mean (1 + ratio))`, that of `sglang` from
/// `floor(mean ratio)` to the mean; both from 1 at least.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of 33 bits")]
pub(super) fn around(mean: u32, ratio: f64, style: RandomStyle) -> SequenceLaw {
    let mean = f64::from(mean);
    let (lowest, highest) = match style {
        RandomStyle::Vllm => (mean * (1.0 - ratio), (mean * (1.0 + ratio)).ceil()),
        RandomStyle::Sglang => (mean * ratio, mean),
    };
    SequenceLaw::Uniform { lowest: lowest.floor().max(1.0) as u64, highest: highest as u64 }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::explain::Explain;

    #[rstest]
    #[case("0.2", 0.2, 0.2)]
    #[case(r#"{"input": 0.25, "output": 0}"#, 0.25, 0.0)]
    fn a_ratio_is_for_both_or_for_each(#[case] text: &str, #[case] input: f64, #[case] output: f64) {
        assert_eq!(range_ratio(text).unwrap(), RangeRatio { input, output });
    }

    #[rstest]
    #[case("1", "below 1")]
    #[case("-0.1", "0 or more")]
    #[case("x", "it must be a number")]
    #[case(r#"{"input": 0.25}"#, "missing field `output`")]
    #[case(r#"{"input": 0.25, "output": 2}"#, "below 1")]
    fn what_is_no_ratio_is_refused(#[case] text: &str, #[case] expected: &str) {
        let error = range_ratio(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.hint().is_empty());
    }

    #[rstest]
    #[case(100, 0.25, 75, 125)]
    #[case(10, 0.33, 6, 14)]
    #[case(1, 0.9, 1, 2)]
    #[case(64, 0.0, 64, 64)]
    fn a_window_lies_around_its_mean(
        #[case] mean: u32,
        #[case] ratio: f64,
        #[case] lowest: u64,
        #[case] highest: u64,
    ) {
        assert_eq!(around(mean, ratio, RandomStyle::Vllm), SequenceLaw::Uniform { lowest, highest });
    }

    #[rstest]
    #[case(100, 0.25, 25, 100)]
    #[case(10, 0.33, 3, 10)]
    #[case(5, 0.0, 1, 5)]
    fn a_window_of_sglang_ends_at_its_mean(
        #[case] mean: u32,
        #[case] ratio: f64,
        #[case] lowest: u64,
        #[case] highest: u64,
    ) {
        let window = around(mean, ratio, RandomStyle::Sglang);
        assert_eq!(window, SequenceLaw::Uniform { lowest, highest });
    }
}
