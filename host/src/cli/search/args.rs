//! The flags of a search.

use std::{fmt::Display, num::NonZeroU32};

use clap::Args;

use super::{
    super::exit::{Exit, Failure},
    mistakes::Mistakes,
    searched_load::SearchedLoad,
    words::WordsOfAiperf,
};
use crate::config::{
    flags::{ChoiceParser, ProfileFlags},
    units,
};

/// What is looked for, and what each run is.
#[derive(Args, Debug)]
pub(in crate::cli) struct SearchArgs {
    #[command(flatten)]
    pub(super) own: SearchFlags,

    #[command(flatten)]
    pub(super) flags: ProfileFlags,
}

impl SearchArgs {
    /// Whether the user wants to hear of errors only.
    pub(in crate::cli) fn is_quiet(&self) -> bool {
        self.flags.quiet
    }
}

/// What is looked for.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct SearchFlags {
    /// What is raised: `rate` (--request-rate), `concurrency` (--concurrency; sessions at once in conversations) or `users`
    /// (--num-users; --user-centric-rate is then that of one user) [default: concurrency].
    #[arg(long, value_name = "LOAD", value_parser = ChoiceParser::<SearchedLoad>::new(), help_heading = "Search")]
    pub(super) over: Option<SearchedLoad>,

    /// Lowest and highest load to try, as `1..2000` [default: 1..1000].
    #[arg(long, value_name = "LOW..HIGH", help_heading = "Search")]
    pub(super) range: Option<String>,

    /// Runs at most, of all loads together [default: 40]; with --search-metric, loads [default: 8].
    #[arg(long, visible_alias = "search-max-iterations", value_name = "N", help_heading = "Search")]
    pub(super) max_runs: Option<String>,

    /// How near the ends of the answer's interval are to be, as a part of it; it ends the search [default: 0.05].
    #[arg(long, value_name = "PART", help_heading = "Search")]
    pub(super) precision: Option<String>,

    /// Let a run go on to its end although the server cannot keep up with its load.
    #[arg(long, help_heading = "Search")]
    pub(super) no_early_end: bool,

    #[command(flatten)]
    pub(super) aiperf: WordsOfAiperf,
}

/// The numbers of a search, as far as they are typed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) range: Option<(f64, f64)>,
    pub(super) max_runs: Option<NonZeroU32>,
    pub(super) precision: Option<f64>,
}

impl SearchFlags {
    /// Reads the numbers. The command line is read with them as texts, so that all that is wrong can be told at once.
    pub(super) fn numbers(&self, mistakes: &mut Mistakes) -> Numbers {
        Numbers {
            range: read(self.range.as_deref(), "range", range, mistakes),
            max_runs: read(self.max_runs.as_deref(), "max-runs", units::non_zero, mistakes),
            precision: read(self.precision.as_deref(), "precision", units::inner_share, mistakes),
        }
    }
}

fn read<T, E: Display>(
    text: Option<&str>,
    flag: &str,
    read: impl Fn(&str) -> Result<T, E>,
    mistakes: &mut Mistakes,
) -> Option<T> {
    let text = text?;
    let refused = |error| Failure::new(Exit::Usage, format!("use `--{flag} {text}`: {error}"));
    mistakes.note(read(text).map_err(refused))
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
