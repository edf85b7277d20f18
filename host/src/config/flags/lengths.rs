//! The flags about how long prompts and responses are, beyond a mean and its deviation.

use clap::Args;

use super::choice::{ChoiceParser, DATASET};
use crate::{
    config::{
        lengths::{self, Mix, RandomStyle, RangeRatio},
        units::Choice,
    },
    plan::{PromptCorpus, SequenceLaw},
};

/// Laws of lengths.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LengthFlags {
    /// Distribution of prompt lengths, in place of --isl and --isl-stddev.
    ///
    /// `normal:MEAN,STDDEV`, `uniform:LOWEST,HIGHEST`, `lognormal:MEAN,MEDIAN`, `empirical:LENGTH,LENGTH,…` or `empirical:@FILE`
    /// with one length a line, which may have a weight behind a comma.
    #[arg(long, value_name = "LAW:NUMBERS", value_parser = lengths::law, help_heading = DATASET)]
    pub(crate) isl_distribution: Option<SequenceLaw>,

    /// Distribution of output lengths to ask for, in place of --osl and --osl-stddev.
    #[arg(long, value_name = "LAW:NUMBERS", value_parser = lengths::law, help_heading = DATASET)]
    pub(crate) osl_distribution: Option<SequenceLaw>,

    /// Mix of requests of several lengths: `ISL|STDDEV,OSL|STDDEV:PERCENT;…`; deviations may be left out.
    ///
    /// AIPerf's other forms are read as well: `[(ISL,OSL):PERCENT,…]` and `{"pairs": [{"isl": …, "osl": …, "prob": …}]}`.
    #[arg(long, alias = "sequence-distribution", value_name = "PAIRS", value_parser = lengths::mix)]
    #[arg(help_heading = DATASET)]
    pub(crate) seq_dist: Option<Mix>,

    /// Draw lengths evenly from --isl and --osl less this part of them to these plus it, as vLLM's benchmark does.
    ///
    /// A number from 0 to below 1 for both, or `{"input": 0.2, "output": 0.5}`.
    #[arg(long, value_name = "RATIO", value_parser = lengths::range_ratio, help_heading = DATASET)]
    pub(crate) random_range_ratio: Option<RangeRatio>,

    /// Whose benchmark --random-range-ratio and --prompt-corpus random are like [default: vllm].
    ///
    /// sglang: lengths from this part of --isl and --osl to these, and random tokens with those that have a meaning of their own.
    #[arg(long, value_name = "TOOL", value_parser = ChoiceParser::<RandomStyle>::new(), help_heading = DATASET)]
    pub(crate) random_corpus_style: Option<RandomStyle>,

    /// What generated prompts are made of: sentences, code and output of programs (coding), or tokens of the vocabulary
    /// in a row (random) [default: sentences].
    #[arg(long, value_name = "CORPUS", value_parser = ChoiceParser::<PromptCorpus>::new(), help_heading = DATASET)]
    pub(crate) prompt_corpus: Option<PromptCorpus>,
}

impl Choice for RandomStyle {
    const NAMES: &'static [(&'static str, Self)] = &[("vllm", Self::Vllm), ("sglang", Self::Sglang)];
}

impl Choice for PromptCorpus {
    const NAMES: &'static [(&'static str, Self)] =
        &[("sentences", Self::Sentences), ("coding", Self::Coding), ("random", Self::Random)];
    const SYNONYMS: &'static [(&'static str, Self)] = &[("sonnet", Self::Sentences)];
}
