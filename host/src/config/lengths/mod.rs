//! How long prompts and responses are to be: the settings, each in its written form, and what they come to together.

mod error;
mod law;
mod mix;
mod window;

pub(crate) use self::{
    error::LengthsError,
    law::law,
    mix::{Mix, mix},
    window::{RandomStyle, RangeRatio, range_ratio},
};

use super::{
    error::ConfigError,
    problems::Problems,
    spec::{Origin, RunSpec, Setting},
};
use crate::plan::{LengthLaw, PromptCorpus, SequenceLaw, SequenceLengths};

/// Mean length of a generated prompt, in tokens.
pub(super) const DEFAULT_ISL: u32 = 550;

/// The lengths that are asked for.
pub(super) fn sequences(spec: &RunSpec, problems: &mut Problems) -> SequenceLengths {
    check(spec, problems);
    if let Some(mix) = spec.seq_dist.get() {
        return SequenceLengths::Mix { pairs: mix.pairs().to_vec() };
    }
    let ratio = spec.random_range_ratio.value();
    let mean = spec.isl.value().unwrap_or(DEFAULT_ISL);
    let isl = spec.isl_distribution.get().cloned().unwrap_or_else(|| match ratio {
        Some(ratio) => window::around(mean, ratio.input, style(spec)),
        None => normal(mean, spec.isl_stddev.value()),
    });
    SequenceLengths::Apart { isl, osl: output(spec) }
}

/// The output lengths that are asked for beside a file.
pub(super) fn of_outputs(spec: &RunSpec, problems: &mut Problems) -> Option<SequenceLaw> {
    check(spec, problems);
    output(spec)
}

/// Settings about the input of generated prompts; those that are given.
pub(super) fn of_generated(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    let settings = [
        spec.isl.origin(),
        spec.isl_stddev.origin(),
        spec.isl_distribution.origin(),
        spec.seq_dist.origin(),
        spec.random_range_ratio.origin(),
        spec.prompt_corpus.origin(),
        spec.random_corpus_style.origin(),
    ];
    settings.into_iter().flatten()
}

/// What generated texts are made of.
pub(super) fn corpus(spec: &RunSpec, problems: &mut Problems) -> PromptCorpus {
    let corpus = spec.prompt_corpus.value().unwrap_or_default();
    let is_random = corpus == PromptCorpus::Random;
    match spec.random_corpus_style.given() {
        Some((RandomStyle::Sglang, _)) if is_random => PromptCorpus::RandomOfAll,
        Some((RandomStyle::Sglang, flag)) if !spec.random_range_ratio.is_given() => {
            problems.push(ConfigError::Needs { flag, needs: spec.random_range_ratio.flag() });
            corpus
        }
        _ => corpus,
    }
}

fn style(spec: &RunSpec) -> RandomStyle {
    spec.random_corpus_style.value().unwrap_or_default()
}

fn output(spec: &RunSpec) -> Option<SequenceLaw> {
    spec.osl_distribution.get().cloned().or_else(|| {
        let mean = spec.osl.value()?;
        Some(match spec.random_range_ratio.value() {
            Some(ratio) => window::around(mean, ratio.output, style(spec)),
            None => normal(mean, spec.osl_stddev.value()),
        })
    })
}

fn normal(mean: u32, stddev: Option<f64>) -> SequenceLaw {
    SequenceLaw::Normal(LengthLaw { mean: mean.into(), stddev: stddev.unwrap_or(0.0) })
}

/// Each length is said in one way.
fn check(spec: &RunSpec, problems: &mut Problems) {
    let RunSpec { isl, isl_stddev, osl, osl_stddev, .. } = spec;
    let RunSpec { isl_distribution, osl_distribution, seq_dist, random_range_ratio, .. } = spec;
    // What contradicts another setting needs none beside it.
    if !osl_distribution.is_given() && !seq_dist.is_given() {
        problems.require(osl_stddev, osl);
    }
    if !seq_dist.is_given() {
        problems.require(random_range_ratio, isl);
        problems.require(random_range_ratio, osl);
    }
    let reason = "the pairs say how long input and output are";
    let lengths = [isl.origin(), isl_stddev.origin(), osl.origin(), osl_stddev.origin()];
    let laws = [isl_distribution.origin(), osl_distribution.origin(), random_range_ratio.origin()];
    exclude(seq_dist, lengths.into_iter().chain(laws), reason, problems);
    let reason = "the lengths are equally frequent in a window around `--isl` and `--osl`";
    let others =
        [isl_stddev.origin(), osl_stddev.origin(), isl_distribution.origin(), osl_distribution.origin()];
    exclude(random_range_ratio, others, reason, problems);
    let reason = "the distribution says how long they are";
    exclude(isl_distribution, [isl.origin(), isl_stddev.origin()], reason, problems);
    exclude(osl_distribution, [osl.origin(), osl_stddev.origin()], reason, problems);
}

fn exclude<T>(
    setting: &Setting<T>,
    others: impl IntoIterator<Item = Option<Origin>>,
    reason: &'static str,
    problems: &mut Problems,
) {
    let Some((_, with)) = setting.given() else { return };
    for other in others.into_iter().flatten() {
        problems.push(ConfigError::Clash { flag: other.into(), with: with.into(), reason });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, spec::tests::spec};
    use crate::plan::LengthPair;

    fn resolved(line: &str) -> Result<SequenceLengths, ConfigErrors> {
        let (spec, mut problems) = (spec(line), Problems::default());
        let lengths = sequences(&spec, &mut problems);
        problems.finish().map(|()| lengths)
    }

    fn apart(isl: SequenceLaw, osl: Option<SequenceLaw>) -> SequenceLengths {
        SequenceLengths::Apart { isl, osl }
    }

    fn fixed(mean: u32) -> SequenceLaw {
        normal(mean, None)
    }

    #[rstest]
    #[case("", apart(fixed(550), None))]
    #[case("--isl 100 --isl-stddev 9 --osl 8", apart(normal(100, Some(9.0)), Some(fixed(8))))]
    #[case(
        "--isl 100 --osl 50 --random-range-ratio 0.5",
        apart(SequenceLaw::Uniform { lowest: 50, highest: 150 }, Some(SequenceLaw::Uniform { lowest: 25, highest: 75 }))
    )]
    #[case(
        "--isl-distribution uniform:5,9 --osl 8",
        apart(SequenceLaw::Uniform { lowest: 5, highest: 9 }, Some(fixed(8)))
    )]
    #[case(
        "--osl-distribution lognormal:90,60",
        apart(fixed(550), Some(SequenceLaw::Lognormal { mean: 90.0, median: 60.0 }))
    )]
    fn lengths_have_the_law_that_is_asked_for(#[case] line: &str, #[case] expected: SequenceLengths) {
        assert_eq!(resolved(line).unwrap(), expected);
    }

    #[rstest]
    #[case("--seq-dist")]
    #[case("--sequence-distribution")]
    fn a_mix_says_both_lengths(#[case] flag: &str) {
        let law = |mean| LengthLaw { mean, stddev: 0.0 };
        let pair = |isl, osl, percent| LengthPair { isl: law(isl), osl: law(osl), percent };
        let pairs = vec![pair(256.0, 128.0, 60.0), pair(512.0, 256.0, 40.0)];
        let line = format!("{flag} 256,128:60;512,256:40");
        assert_eq!(resolved(&line).unwrap(), SequenceLengths::Mix { pairs });
    }

    #[rstest]
    #[case("--seq-dist 5,6:100 --isl 4", "use `--isl` together with `--seq-dist`: the pairs say how long")]
    #[case("--seq-dist 5,6:100 --osl-stddev 4", "use `--osl-stddev` together with `--seq-dist`")]
    #[case(
        "--seq-dist 5,6:100 --random-range-ratio 0",
        "use `--random-range-ratio` together with `--seq-dist`"
    )]
    #[case("--random-range-ratio 0.2 --osl 4", "`--random-range-ratio` requires `--isl`")]
    #[case("--random-range-ratio 0.2 --isl 4", "`--random-range-ratio` requires `--osl`")]
    #[case(
        "--random-range-ratio 0.2 --isl 4 --osl 4 --isl-stddev 1",
        "use `--isl-stddev` together with `--random-range-ratio`"
    )]
    #[case("--isl-distribution uniform:5,9 --isl 4", "use `--isl` together with `--isl-distribution`")]
    #[case(
        "--osl-distribution uniform:5,9 --osl-stddev 4",
        "use `--osl-stddev` together with `--osl-distribution`"
    )]
    #[case("--osl-stddev 4", "`--osl-stddev` requires `--osl`")]
    fn a_length_is_said_in_one_way(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }

    #[rstest]
    #[case("", PromptCorpus::Sentences)]
    #[case("--prompt-corpus sonnet --random-corpus-style vllm", PromptCorpus::Sentences)]
    #[case("--prompt-corpus coding", PromptCorpus::Coding)]
    #[case("--prompt-corpus random", PromptCorpus::Random)]
    #[case("--prompt-corpus random --random-corpus-style sglang", PromptCorpus::RandomOfAll)]
    fn texts_are_made_of_what_was_asked_for(#[case] line: &str, #[case] expected: PromptCorpus) {
        let mut problems = Problems::default();
        assert_eq!(corpus(&spec(line), &mut problems), expected);
        problems.finish().unwrap();
    }

    #[test]
    fn a_style_needs_something_that_is_random() {
        let mut problems = Problems::default();
        corpus(&spec("--random-corpus-style sglang"), &mut problems);
        let error = problems.finish().unwrap_err().to_string();
        assert_eq!(error, "`--random-corpus-style` requires `--random-range-ratio`");
    }
}
