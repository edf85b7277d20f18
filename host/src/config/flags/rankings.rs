//! The flags about generated questions to rank passages by.

use clap::Args;

use super::choice::DATASET;
use crate::config::units;

/// Generated content for API formats that rank passages by a query.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RankingsFlags {
    /// Mean number of passages to rank by one query [default: 1].
    #[arg(long = "rankings-passages-mean", value_name = "N", value_parser = units::positive::<u32>)]
    #[arg(help_heading = DATASET)]
    pub(crate) passages: Option<u32>,

    /// Standard deviation of that number [default: 0].
    #[arg(long = "rankings-passages-stddev", value_name = "N", value_parser = units::non_negative)]
    #[arg(help_heading = DATASET)]
    pub(crate) passages_stddev: Option<f64>,

    /// Mean length of a passage, in tokens [default: 550].
    #[arg(long = "rankings-passages-prompt-token-mean", value_name = "TOKENS")]
    #[arg(value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) passage_tokens: Option<u32>,

    /// Standard deviation of that length, in tokens [default: 0].
    #[arg(long = "rankings-passages-prompt-token-stddev", value_name = "TOKENS")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) passage_tokens_stddev: Option<f64>,

    /// Mean length of a query, in tokens [default: 550].
    #[arg(long = "rankings-query-prompt-token-mean", value_name = "TOKENS")]
    #[arg(value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) query_tokens: Option<u32>,

    /// Standard deviation of that length, in tokens [default: 0].
    #[arg(long = "rankings-query-prompt-token-stddev", value_name = "TOKENS")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) query_tokens_stddev: Option<f64>,
}
