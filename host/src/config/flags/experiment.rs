//! The flags about several runs of one command: sweeps over values, repeats, and what lies between two runs.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Command};

use super::choice::{ChoiceParser, EXPERIMENT};
use crate::config::units::{self, Choice};

/// What is run several times, in which order, and what is made of it.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
pub(crate) struct ExperimentFlags {
    /// Values that a setting takes in turn; may be repeated. KEY is the name of a flag: `model=a,b`, `streaming=true,false`.
    ///
    /// Each value is measured by a run of its own. Values are separated by commas, or by semicolons where they have commas
    /// themselves. `1..64x2` stands for 1, 2, 4 and so on to 64, `10..50+10` for 10, 20 and so on to 50. Flags that take a
    /// number or a time take such lists as they are: `--concurrency 1,2,4`, `--isl 128..2048x2`.
    /// Settings that change together stand in one list: `isl/osl=128/64,512/256`.
    #[arg(long, value_name = "KEY=VALUES", help_heading = EXPERIMENT)]
    pub(crate) sweep: Vec<String>,

    /// How several lists of values combine: each value with each one of the others (`grid`), or the first with the first, the
    /// second with the second (`zip`) [default: grid].
    #[arg(long, value_name = "TYPE", value_parser = ChoiceParser::<SweepType>::new(), help_heading = EXPERIMENT)]
    pub(crate) sweep_type: Option<SweepType>,

    /// Settings of a run beside the others, under a name of its own; to be repeated for each, in place of lists of values.
    #[arg(long, alias = "sweep-variant", value_name = "NAME: KEY=VALUE, ...", help_heading = EXPERIMENT)]
    pub(crate) variant: Vec<String>,

    /// Runs of each combination of values [default: 1].
    ///
    /// The results are means over them, with their spread and an interval (Student's t).
    #[arg(long, value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = EXPERIMENT)]
    pub(crate) num_profile_runs: Option<NonZeroU32>,

    /// Confidence of that interval, as a part of 1 [default: 0.95].
    #[arg(long, value_name = "LEVEL", value_parser = units::inner_share, help_heading = EXPERIMENT)]
    pub(crate) confidence_level: Option<f64>,

    /// Repeat everything when each combination was measured once (`repeated`), the same with every second repetition in the reverse
    /// order (`alternating`), or each combination before the next one (`independent`) [default: repeated].
    #[arg(long, value_name = "MODE", value_parser = ChoiceParser::<SweepMode>::new(), help_heading = EXPERIMENT)]
    pub(crate) parameter_sweep_mode: Option<SweepMode>,

    /// Measure the combinations in an order that is drawn by the seed, another one for each repetition.
    #[arg(long, help_heading = EXPERIMENT)]
    pub(crate) shuffle_cells: bool,

    /// Time to wait before a combination is measured once more [default: 0].
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = EXPERIMENT)]
    pub(crate) profile_run_cooldown_seconds: Option<f64>,

    /// Time to wait before another combination is measured [default: 0].
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = EXPERIMENT)]
    pub(crate) parameter_sweep_cooldown_seconds: Option<f64>,

    /// Command for the shell between two runs. If it fails, no further run begins.
    ///
    /// Its output is kept in the folder `between`.
    #[arg(long, value_name = "COMMAND", help_heading = EXPERIMENT)]
    pub(crate) between: Option<String>,

    /// Use the same seed for all combinations [default: a seed for each, derived from --random-seed].
    ///
    /// They are sent the same prompts, which the server's prefix cache may know from the run before.
    #[arg(long, help_heading = EXPERIMENT)]
    pub(crate) parameter_sweep_same_seed: bool,

    /// A seed for each combination, as without any flag.
    #[arg(long, hide = true, help_heading = EXPERIMENT)]
    pub(crate) no_parameter_sweep_same_seed: bool,

    /// Use the same seed when a combination is repeated [default: a seed for each run, derived from --random-seed].
    ///
    /// The server's prefix cache may know the prompts from the run before.
    #[arg(long, help_heading = EXPERIMENT)]
    pub(crate) no_vary_seed_per_trial: bool,

    /// A seed for each run, as without any flag.
    #[arg(long, hide = true, help_heading = EXPERIMENT)]
    pub(crate) vary_seed_per_trial: bool,

    /// Derive the seeds from 42 where there is no --random-seed [default: from a new one, which is written down].
    #[arg(long, help_heading = EXPERIMENT)]
    pub(crate) set_consistent_seed: bool,

    /// Derive the seeds from a new one, as without any flag.
    #[arg(long, hide = true, help_heading = EXPERIMENT)]
    pub(crate) no_set_consistent_seed: bool,

    /// Warm up only in the first run of each combination.
    #[arg(long, help_heading = EXPERIMENT)]
    pub(crate) profile_run_disable_warmup_after_first: bool,

    /// Warm up in each run, as without any flag.
    #[arg(long, hide = true, help_heading = EXPERIMENT)]
    pub(crate) no_profile_run_disable_warmup_after_first: bool,

    /// Metric that decides when a combination was measured often enough; --num-profile-runs is the most then.
    ///
    /// It is looked at from the third run on.
    #[arg(long, value_name = "METRIC", help_heading = EXPERIMENT)]
    pub(crate) convergence_metric: Option<String>,

    /// Statistic of that metric, such as `avg` or `p99` [default: avg].
    #[arg(long, value_name = "STATISTIC", help_heading = EXPERIMENT)]
    pub(crate) convergence_stat: Option<String>,

    /// When it is often enough: the interval is narrow in proportion to the mean (`ci-width`), the spread is (`cv`), or the
    /// last run's requests are distributed as those of the runs before (`distribution`) [default: ci-width].
    #[arg(long, value_name = "MODE", value_parser = ChoiceParser::<ConvergenceMode>::new(), help_heading = EXPERIMENT)]
    pub(crate) convergence_mode: Option<ConvergenceMode>,

    /// How narrow [default: 0.1 of the mean for `ci-width`, 0.05 for `cv`], or for `distribution` above which probability
    /// (Kolmogorov and Smirnov's p) [default: 0.05].
    #[arg(long, value_name = "VALUE", value_parser = units::positive_share, help_heading = EXPERIMENT)]
    pub(crate) convergence_threshold: Option<f64>,

    /// Metric by which the best combination is chosen, with a statistic if it is not the mean: `time_to_first_token:p99`
    /// [default: `output_token_throughput`, or `request_throughput` where no tokens are counted].
    ///
    /// Whether the most or the least of it is best is known; `:maximize` or `:minimize` behind the statistic says it otherwise. A
    /// combination that breaks an objective (--slo) is not the best one.
    #[arg(long, value_name = "METRIC[:STATISTIC[:DIRECTION]]", help_heading = EXPERIMENT)]
    pub(crate) best: Option<String>,

    /// Print neither a line for each run nor the table of all.
    #[arg(long, help_heading = EXPERIMENT)]
    pub(crate) no_sweep_table: bool,

    /// Go on with the experiment in this folder: what it has measured stays, what is missing is measured.
    ///
    /// Its settings are in the folder. Secrets are not, and have to be given again.
    #[arg(long, value_name = "DIR", help_heading = EXPERIMENT)]
    pub(crate) resume: Option<PathBuf>,
}

impl ExperimentFlags {
    /// Whether any of them is typed.
    pub(crate) fn is_given(&self) -> bool {
        *self != Self::default()
    }
}

/// The names of these flags, without dashes.
pub(crate) fn experiment_settings() -> Vec<String> {
    let command = ExperimentFlags::augment_args(Command::new("experiment"));
    command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

/// How several lists of values combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SweepType {
    /// Each value with each one of the others.
    #[default]
    Grid,
    /// The values at the same place of all lists.
    Zip,
}

impl Choice for SweepType {
    const NAMES: &'static [(&'static str, Self)] = &[("grid", Self::Grid), ("zip", Self::Zip)];
}

/// What is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SweepMode {
    /// All combinations, one after the other.
    #[default]
    Repeated,
    /// All combinations, then all of them in the reverse order, and so on: what drifts over time is nobody's advantage.
    Alternating,
    /// Each combination, before the next one.
    Independent,
}

impl Choice for SweepMode {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("repeated", Self::Repeated),
        ("alternating", Self::Alternating),
        ("independent", Self::Independent),
    ];
}

/// When a combination was measured often enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ConvergenceMode {
    /// The interval is narrow.
    #[default]
    CiWidth,
    /// The coefficient of variation is small.
    Cv,
    /// The last run is like those before it.
    Distribution,
}

impl Choice for ConvergenceMode {
    const NAMES: &'static [(&'static str, Self)] =
        &[("ci-width", Self::CiWidth), ("cv", Self::Cv), ("distribution", Self::Distribution)];
}
