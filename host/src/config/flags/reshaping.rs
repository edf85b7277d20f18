//! The flags by which a recording becomes another one that is like it.

use std::num::{NonZeroU32, NonZeroU64};

use clap::Args;

use super::choice::DATASET;
use crate::config::units;

/// Other lengths, other shared prefixes, fewer sessions.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReshapingFlags {
    /// Tokens of a block of --input-file, for mooncake, bailian and weka traces [default: as the format says].
    #[arg(long, alias = "prompt-input-tokens-block-size", alias = "synthetic-input-tokens-block-size")]
    #[arg(value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU32>, help_heading = DATASET)]
    pub(crate) isl_block_size: Option<NonZeroU32>,

    /// Leave out sessions of --input-file of which a request is longer, prompt and response together.
    #[arg(long, value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU64>, help_heading = DATASET)]
    pub(crate) max_context_length: Option<NonZeroU64>,

    /// Keep this share of the sessions of --input-file, drawn by the seed, at least one [default: 1].
    #[arg(long, value_name = "SHARE", value_parser = units::positive_share, help_heading = DATASET)]
    pub(crate) trace_session_sample_ratio: Option<f64>,

    /// Leave out requests of --input-file with longer prompts, and those that follow them in their session.
    #[arg(long, value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU64>, help_heading = DATASET)]
    pub(crate) synthesis_max_isl: Option<NonZeroU64>,

    /// Make the part of each prompt of --input-file longer or shorter that other prompts begin with as well: its blocks
    /// times this [default: 1].
    #[arg(long, value_name = "FACTOR", value_parser = units::factor, help_heading = DATASET)]
    pub(crate) synthesis_prefix_len_multiplier: Option<f64>,

    /// Deal the sessions of --input-file out to so many sets, which share no prefixes with each other [default: 1].
    #[arg(long, value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = DATASET)]
    pub(crate) synthesis_prefix_root_multiplier: Option<NonZeroU32>,

    /// Make the part of each prompt of --input-file longer or shorter that is its own: its tokens times this [default: 1].
    #[arg(long, value_name = "FACTOR", value_parser = units::factor, help_heading = DATASET)]
    pub(crate) synthesis_prompt_len_multiplier: Option<f64>,

    /// Multiply the output tokens that --input-file asks for by this; at least one stays [default: 1].
    #[arg(long, value_name = "FACTOR", value_parser = units::factor, help_heading = DATASET)]
    pub(crate) synthesis_output_len_multiplier: Option<f64>,

    /// Ask for no more output tokens than this, whatever --input-file says.
    #[arg(long, value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU64>, help_heading = DATASET)]
    pub(crate) synthesis_max_osl: Option<NonZeroU64>,

    /// Send `min_tokens` with each output length that --input-file asks for: the response is then as long as recorded.
    #[arg(long, help_heading = DATASET)]
    pub(crate) force_min_tokens: bool,

    /// Send no `min_tokens`, as without any of the two.
    #[arg(long, help_heading = DATASET)]
    pub(crate) no_force_min_tokens: bool,
}
