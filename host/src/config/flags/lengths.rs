//! The flags about how long prompts and responses are, beyond a mean and its deviation.

use clap::Args;

use super::choice::DATASET;
use crate::{
    config::lengths::{self, Mix, RangeRatio},
    plan::SequenceLaw,
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
}
