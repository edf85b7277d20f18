//! What `prony compare` is asked.

use std::{ffi::OsString, num::NonZeroU32, path::PathBuf};

use clap::{Args, ValueEnum};

/// What is compared.
#[derive(Args, Debug)]
pub(in crate::cli) struct CompareArgs {
    /// Folders: of a run, of an experiment (`--num-profile-runs 5`), or one with folders of runs in it. The others are
    /// compared with the first one. Of a single experiment, the combinations of values are compared with its first one.
    #[arg(value_name = "DIR", required_unless_present = "against", num_args = 1..)]
    pub(super) sides: Vec<PathBuf>,

    /// Measure two servers by turns and compare them: first, second, second, first, and so on. Flags of `prony profile` stand behind
    /// `--`, or settings in the file of `-f`.
    #[arg(long, num_args = 2, value_names = ["URL_A", "URL_B"], conflicts_with = "sides")]
    pub(super) against: Option<Vec<String>>,

    /// Runs of each server [default: 5].
    #[arg(long, value_name = "N", requires = "against")]
    pub(super) repeats: Option<NonZeroU32>,

    /// The configuration file of these runs.
    #[arg(short = 'f', long, value_name = "FILE", requires = "against")]
    pub(super) config: Option<PathBuf>,

    /// Folder for these runs [default: a new one in `artifacts`].
    #[arg(long, value_name = "DIR", requires = "against")]
    pub(super) artifact_dir: Option<PathBuf>,

    /// Settings of these runs: flags of `prony profile`.
    #[arg(last = true, value_name = "FLAGS", requires = "against")]
    pub(super) flags: Vec<OsString>,

    /// A number that is compared, as in `time_to_first_token.p99`; may be repeated. The first one decides; the others are
    /// judged together, so that none of them is a difference by chance.
    #[arg(long = "metric", value_name = "TAG[.STATISTIC]")]
    pub(super) metrics: Vec<String>,

    /// Differences within this share count as none. Where runs of one side differ by more, that is the margin (not of gates).
    #[arg(long, value_name = "SHARE", default_value = "2%")]
    pub(super) margin: String,

    /// Probability with which an interval holds the difference.
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    pub(super) confidence_level: f64,

    /// End with exit code 5 if this number is worse by more than this share, as in `time_to_first_token.p99 +5%`; with 6 if the
    /// runs do not decide. May be repeated.
    #[arg(long = "gate", value_name = "TAG[.STATISTIC] +SHARE", allow_hyphen_values = true)]
    pub(super) gates: Vec<String>,

    /// Compare runs whose settings differ as well.
    #[arg(long)]
    pub(super) anyway: bool,

    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table.
    Text,
    /// A table for a pull request.
    Markdown,
    /// An object with the array `comparisons`.
    Json,
    /// `JUnit` XML: a test case for each number and gate. A number that is worse is a failure, and so is a gate that is not kept: that is
    /// broken, or of which the runs do not decide.
    Junit,
}
