//! What a ranking is made of: how many passages, and how long they and the query are.
//!
//! Knows the flags; that a dialect ranks at all is in its manifest.

use super::{content, error::ConfigError, flags::ProfileFlags};
use crate::plan::{DatasetConfig, LengthLaw, Phase};

/// Passages to rank by a query.
const DEFAULT_PASSAGES: u32 = 1;

/// The dataset that the flags ask for, for the endpoint of this name, which ranks passages.
pub(super) fn dataset(
    flags: &ProfileFlags,
    phases: &[Phase],
    endpoint: &str,
) -> Result<DatasetConfig, ConfigError> {
    let others = [
        ("--isl", flags.isl.is_some()),
        ("--isl-stddev", flags.isl_stddev.is_some()),
        ("--batch-size", flags.batch_size.is_some()),
    ];
    if let Some((flag, _)) = others.into_iter().find(|(_, typed)| *typed) {
        return Err(ConfigError::Ranks { flag, endpoint: endpoint.to_owned() });
    }
    if flags.input_file.is_some() {
        if let Some(flag) = typed(flags) {
            let reason = "the file says what is sent";
            return Err(ConfigError::Clash { flag, with: "--input-file", reason });
        }
        return content::dataset(flags, phases);
    }
    let wish = &flags.rankings;
    let law = |mean: Option<u32>, default: u32, stddev: Option<f64>| LengthLaw {
        mean: mean.unwrap_or(default).into(),
        stddev: stddev.unwrap_or(0.0),
    };
    Ok(DatasetConfig::Rankings {
        entries: content::entries(flags, phases),
        passages: law(wish.passages, DEFAULT_PASSAGES, wish.passages_stddev),
        passage: law(wish.passage_tokens, content::DEFAULT_ISL, wish.passage_tokens_stddev),
        query: law(wish.query_tokens, content::DEFAULT_ISL, wish.query_tokens_stddev),
    })
}

/// The first of the flags about rankings that was typed.
pub(super) fn typed(flags: &ProfileFlags) -> Option<&'static str> {
    let wish = &flags.rankings;
    let flags = [
        ("--rankings-passages-mean", wish.passages.is_some()),
        ("--rankings-passages-stddev", wish.passages_stddev.is_some()),
        ("--rankings-passages-prompt-token-mean", wish.passage_tokens.is_some()),
        ("--rankings-passages-prompt-token-stddev", wish.passage_tokens_stddev.is_some()),
        ("--rankings-query-prompt-token-mean", wish.query_tokens.is_some()),
        ("--rankings-query-prompt-token-stddev", wish.query_tokens_stddev.is_some()),
    ];
    flags.into_iter().find(|(_, typed)| *typed).map(|(flag, _)| flag)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{flags::tests::flags, load};

    fn resolved(line: &str) -> Result<DatasetConfig, ConfigError> {
        let flags = flags(line).unwrap();
        dataset(&flags, &load::phases(&flags).unwrap(), "rank")
    }

    fn law(mean: f64, stddev: f64) -> LengthLaw {
        LengthLaw { mean, stddev }
    }

    #[rstest]
    #[case("", law(1.0, 0.0), law(550.0, 0.0), law(550.0, 0.0))]
    #[case(
        "--rankings-passages-mean 10 --rankings-passages-stddev 2 --rankings-passages-prompt-token-mean 80 \
         --rankings-passages-prompt-token-stddev 8 --rankings-query-prompt-token-mean 12 \
         --rankings-query-prompt-token-stddev 3",
        law(10.0, 2.0),
        law(80.0, 8.0),
        law(12.0, 3.0)
    )]
    fn a_ranking_is_made_of_what_was_asked_for(
        #[case] line: &str,
        #[case] passages: LengthLaw,
        #[case] passage: LengthLaw,
        #[case] query: LengthLaw,
    ) {
        assert_eq!(
            resolved(line).unwrap(),
            DatasetConfig::Rankings { entries: Some(10), passages, passage, query }
        );
    }

    #[rstest]
    #[case("--isl 5", "use `--isl` with the endpoint `rank`: it is sent a query and passages")]
    #[case("--batch-size 5", "use `--batch-size` with the endpoint `rank`: it is sent a query and passages")]
    #[case(
        "--input-file d.jsonl --rankings-passages-mean 5",
        "use `--rankings-passages-mean` together with `--input-file`: the file says what is sent"
    )]
    fn what_has_no_effect_is_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.hint().is_empty());
    }
}
