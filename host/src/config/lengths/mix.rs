//! Mixes of requests as AIPerf writes them: pairs of lengths with their shares.
//!
//! Three forms say the same: `256|20,128|10:60;1024,64:40`, `[(256|20,128|10):60,(1024,64):40]`, and
//! `{"pairs": [{"isl": 256, "isl_stddev": 20, "osl": 128, "osl_stddev": 10, "prob": 60}, …]}`.

use serde::Deserialize;

use super::{
    error::LengthsError,
    law::{is_length, is_stddev, number},
};
use crate::plan::{LengthLaw, LengthPair};

/// How far the shares together may be from 100, since thirds are written with two decimals.
const TOLERANCE_PERCENT: f64 = 0.05;

/// Kinds of requests and their shares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mix(Vec<LengthPair>);

impl Mix {
    /// At least one; all shares together are 100.
    pub(super) fn pairs(&self) -> &[LengthPair] {
        &self.0
    }
}

/// Reads a mix.
///
/// # Errors
/// It is none: with the pair that is wrong.
pub(crate) fn mix(text: &str) -> Result<Mix, LengthsError> {
    let text = text.trim();
    let pairs = if text.starts_with('{') {
        of_json(text)?
    } else if let Some(list) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        of_brackets(list)?
    } else {
        text.split(';').filter(|pair| !pair.trim().is_empty()).map(pair).collect::<Result<_, _>>()?
    };
    let percent: f64 = pairs.iter().map(|pair| pair.percent).sum();
    if pairs.is_empty() {
        return Err(LengthsError::Mix("there is no pair".to_owned()));
    }
    if (percent - 100.0).abs() > TOLERANCE_PERCENT {
        return Err(LengthsError::Mix(format!("the shares add up to {percent} %, and not to 100 %")));
    }
    Ok(Mix(pairs))
}

/// `(256,128):60,(512,256):40`
fn of_brackets(list: &str) -> Result<Vec<LengthPair>, LengthsError> {
    let mut pieces = list.split('(');
    let before = pieces.next().map(str::trim).unwrap_or_default();
    if !before.is_empty() {
        return Err(not_a_pair(before));
    }
    let pairs = pieces.map(|piece| {
        let piece = piece.trim().trim_end_matches(',');
        let (lengths, percent) = piece.split_once(')').ok_or_else(|| not_a_pair(piece))?;
        pair(&format!("{lengths}{}", percent.trim()))
    });
    pairs.collect()
}

/// `256|20,128|10:60`
fn pair(text: &str) -> Result<LengthPair, LengthsError> {
    let text = text.trim();
    let read = || {
        let (lengths, percent) = text.rsplit_once(':')?;
        let (isl, osl) = lengths.split_once(',')?;
        Some(LengthPair { isl: length(isl)?, osl: length(osl)?, percent: number(percent)? })
    };
    read().filter(is_pair).ok_or_else(|| not_a_pair(text))
}

/// `256|20`
fn length(text: &str) -> Option<LengthLaw> {
    let (mean, stddev) = text.split_once('|').unwrap_or((text, "0"));
    Some(LengthLaw { mean: number(mean)?, stddev: number(stddev)? })
}

fn is_pair(pair: &LengthPair) -> bool {
    let is_law = |law: LengthLaw| is_length(law.mean) && is_stddev(law.stddev);
    is_law(pair.isl) && is_law(pair.osl) && (0.0..=100.0).contains(&pair.percent)
}

fn not_a_pair(text: &str) -> LengthsError {
    LengthsError::Mix(format!(
        "`{text}` is no pair of lengths, which are whole numbers from 1 to 4294967295 with deviations from 0 to \
         4294967295, with a share in percent"
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    pairs: Vec<WrittenPair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPair {
    isl: f64,
    #[serde(default)]
    isl_stddev: f64,
    osl: f64,
    #[serde(default)]
    osl_stddev: f64,
    prob: f64,
}

fn of_json(text: &str) -> Result<Vec<LengthPair>, LengthsError> {
    let Document { pairs } =
        serde_json::from_str(text).map_err(|error| LengthsError::Mix(error.to_string()))?;
    let pairs = (1_u64..).zip(pairs).map(|(number, written)| {
        let WrittenPair { isl, isl_stddev, osl, osl_stddev, prob } = written;
        let isl = LengthLaw { mean: isl, stddev: isl_stddev };
        let osl = LengthLaw { mean: osl, stddev: osl_stddev };
        let pair = LengthPair { isl, osl, percent: prob };
        if is_pair(&pair) { Ok(pair) } else { Err(not_a_pair(&format!("pair {number}"))) }
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::explain::Explain;

    fn numbers(pairs: &[LengthPair]) -> Vec<[f64; 5]> {
        let numbers = |pair: &LengthPair| {
            let LengthPair { isl, osl, percent } = pair;
            [isl.mean, isl.stddev, osl.mean, osl.stddev, *percent]
        };
        pairs.iter().map(numbers).collect()
    }

    #[rstest]
    #[case("256|20,128|10:60;1024,64:40")]
    #[case(" 256|20, 128|10 :60 ; 1024,64:40; ")]
    #[case("[(256|20,128|10):60,(1024,64):40]")]
    #[case("[ (256|20, 128|10) : 60 , (1024,64):40 ]")]
    #[case(
        r#"{"pairs":[{"isl":256,"isl_stddev":20,"osl":128,"osl_stddev":10,"prob":60},{"isl":1024,"osl":64,"prob":40}]}"#
    )]
    fn the_three_forms_of_aiperf_say_the_same(#[case] text: &str) {
        let expected = [[256.0, 20.0, 128.0, 10.0, 60.0], [1024.0, 0.0, 64.0, 0.0, 40.0]];
        assert_eq!(numbers(mix(text).unwrap().pairs()), expected);
    }

    #[test]
    fn thirds_may_be_rounded() {
        assert_eq!(mix("1,1:33.33;2,2:33.33;3,3:33.33").unwrap().pairs().len(), 3);
    }

    #[rstest]
    #[case("", "there is no pair")]
    #[case("[]", "there is no pair")]
    #[case("256,128:60", "the shares add up to 60 %")]
    #[case("256,128", "`256,128` is no pair")]
    #[case("256,128:60;512:40", "`512:40` is no pair")]
    #[case("0,128:100", "`0,128:100` is no pair")]
    #[case("256|-5,128:100", "is no pair")]
    #[case("5|1e300,5:100", "deviations from 0 to 4294967295")]
    #[case("4294967296,5:100", "whole numbers from 1 to 4294967295")]
    #[case("256,128:-20;5,5:120", "is no pair")]
    #[case("[256,128:100]", "is no pair")]
    #[case("[(256,128:100]", "is no pair")]
    #[case(r#"{"pairs":[{"isl":0,"osl":1,"prob":100}]}"#, "`pair 1` is no pair")]
    #[case(r#"{"pairs":[{"isl":5,"osl":1}]}"#, "missing field `prob`")]
    #[case(r#"{"pairs":[{"isl":5,"osl":1,"prob":100,"weight":1}]}"#, "unknown field `weight`")]
    fn what_is_no_mix_is_refused(#[case] text: &str, #[case] expected: &str) {
        let error = mix(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().contains("percent"));
    }
}
