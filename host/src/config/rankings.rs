//! What a ranking is made of: how many passages, and how long they and the query are.
//!
//! Knows what is asked for; that an API format ranks at all is in its manifest.

use super::{
    content, dialogues,
    error::ConfigError,
    lengths,
    problems::Problems,
    spec::{Origin, RunSpec, Setting},
};
use crate::plan::{DatasetConfig, LengthLaw, Phase};

/// Passages to rank by a query.
const DEFAULT_PASSAGES: u32 = 1;

/// The dataset that is asked for, for the endpoint of this name, which ranks passages.
pub(super) fn dataset(
    spec: &RunSpec,
    phases: &[Phase],
    endpoint: &str,
    problems: &mut Problems,
) -> DatasetConfig {
    for flag in content::generated_only(spec).chain(dialogues::generated_only(spec)) {
        problems.push(ConfigError::Ranks { flag, endpoint: endpoint.to_owned() });
    }
    if spec.input_file.is_given() {
        typed(spec).for_each(|typed| problems.push(content::from_file(spec, typed)));
        return content::dataset(spec, phases, problems);
    }
    let law = |mean: &Setting<u32>, default: u32, stddev: &Setting<f64>| LengthLaw {
        mean: mean.value().unwrap_or(default).into(),
        stddev: stddev.value().unwrap_or(0.0),
    };
    DatasetConfig::Rankings {
        entries: content::entries(spec, phases),
        passages: law(&spec.rankings_passages, DEFAULT_PASSAGES, &spec.rankings_passages_stddev),
        passage: law(
            &spec.rankings_passage_tokens,
            lengths::DEFAULT_ISL,
            &spec.rankings_passage_tokens_stddev,
        ),
        query: law(&spec.rankings_query_tokens, lengths::DEFAULT_ISL, &spec.rankings_query_tokens_stddev),
    }
}

/// The settings about rankings that are given.
pub(super) fn typed(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    let settings = [
        spec.rankings_passages.origin(),
        spec.rankings_passages_stddev.origin(),
        spec.rankings_passage_tokens.origin(),
        spec.rankings_passage_tokens_stddev.origin(),
        spec.rankings_query_tokens.origin(),
        spec.rankings_query_tokens_stddev.origin(),
    ];
    settings.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, load, spec::tests::spec};
    use crate::explain::Explain;

    fn resolved(line: &str) -> Result<DatasetConfig, ConfigErrors> {
        let (spec, mut problems) = (spec(line), Problems::default());
        let dataset = dataset(&spec, &load::phases(&spec, &mut problems), "rank", &mut problems);
        problems.finish().map(|()| dataset)
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
    #[case(
        "--conversation-turn-mean 5",
        "use `--conversation-turn-mean` with the endpoint `rank`: it is sent a query and passages"
    )]
    #[case("--batch-size 5", "use `--batch-size` with the endpoint `rank`: it is sent a query and passages")]
    #[case(
        "--input-file d.jsonl --rankings-passages-mean 5",
        "use `--rankings-passages-mean` together with `--input-file`: the file says what is sent"
    )]
    fn what_has_no_effect_is_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.first.hint().is_empty());
    }
}
