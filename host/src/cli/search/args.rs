//! The flags of a search.

use std::num::NonZeroU32;

use clap::Args;

use super::{over::Over, words::WordsOfAiperf};
use crate::config::{
    flags::{ChoiceParser, ProfileFlags},
    units,
};

/// What is looked for, and what each run is.
#[derive(Args, Debug)]
pub(in crate::cli) struct SearchArgs {
    /// Objective that runs are to keep to, `METRIC [STATISTIC] < VALUE`; may be repeated. `time_to_first_token p99 < 500ms`,
    /// `error_rate < 1%`, `good_request_fraction > 95%`. `prony metrics` lists what there is.
    #[arg(long, visible_alias = "search-sla", value_name = "OBJECTIVE", help_heading = "Search")]
    pub(super) slo: Vec<String>,

    /// What is raised: `rate` (--request-rate), `concurrency` (--concurrency; sessions at once in conversations) or `users`
    /// (--num-users; --user-centric-rate is then that of one user) [default: concurrency].
    #[arg(long, value_name = "LOAD", value_parser = ChoiceParser::<Over>::new(), help_heading = "Search")]
    pub(super) over: Option<Over>,

    /// Lowest and highest load to try, as `1..2000` [default: 1..1000].
    #[arg(long, value_name = "LOW..HIGH", value_parser = range, help_heading = "Search")]
    pub(super) range: Option<(f64, f64)>,

    /// Runs at most, of all loads together [default: 40].
    #[arg(long, visible_alias = "search-max-iterations", value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = "Search")]
    pub(super) max_runs: Option<NonZeroU32>,

    /// How near the ends of the answer's interval are to be, as a part of it; it ends the search [default: 0.05].
    #[arg(long, value_name = "PART", value_parser = units::inner_share, help_heading = "Search")]
    pub(super) precision: Option<f64>,

    /// Let a run go on to its end although the server cannot keep up with its load.
    #[arg(long, help_heading = "Search")]
    pub(super) no_early_end: bool,

    #[command(flatten)]
    pub(super) aiperf: WordsOfAiperf,

    #[command(flatten)]
    pub(super) flags: ProfileFlags,
}

/// A text that is no range of loads.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a range is two numbers above 0, the lower one first, as in 1..2000")]
struct RangeError;

fn range(text: &str) -> Result<(f64, f64), RangeError> {
    let (low, high) = text.split_once("..").ok_or(RangeError)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| RangeError);
    let (low, high) = (number(low)?, number(high)?);
    let is_range = low > 0.0 && low < high && high.is_finite();
    if is_range { Ok((low, high)) } else { Err(RangeError) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1..2000", Some((1.0, 2000.0)))]
    #[case("0.5..8", Some((0.5, 8.0)))]
    #[case("8..1", None)]
    #[case("0..8", None)]
    #[case("5", None)]
    #[case("1..inf", None)]
    fn a_range_is_two_numbers(#[case] text: &str, #[case] expected: Option<(f64, f64)>) {
        assert_eq!(range(text).ok(), expected);
    }
}
