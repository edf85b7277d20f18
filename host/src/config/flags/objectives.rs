//! The flags about what a run is held to, and what it costs.

use clap::Args;

use super::choice::LOAD;

/// Objectives of the run, and its price.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ObjectiveFlags {
    /// Objective of the run, `METRIC [STATISTIC] < VALUE`; may be repeated: `request_latency p99 < 2s`, `error_rate < 1%`.
    ///
    /// `CLASS: …` is one of a class of `--class`. The report says of each whether it is kept. A broken one ends prony with 5, one that the
    /// run does not tell with 6. `prony metrics` lists what there is. In `prony search`, runs are to keep to it.
    #[arg(long, alias = "search-sla", value_name = "OBJECTIVE", help_heading = LOAD)]
    pub(crate) slo: Vec<String>,

    /// What is paid, in dollars: for a million tokens as `input=0.5,output=1.5`, for an hour of all servers as `hour=12`.
    ///
    /// The report says what a request, a good request and a million tokens cost.
    #[arg(long, value_name = "PRICE", num_args = 1.., help_heading = LOAD)]
    pub(crate) price: Vec<String>,
}
