//! Flags that say nothing about a design, and settings that several runs cannot have.

use super::{convergence::Convergence, design::Design, design_error::DesignError};
use crate::config::{
    agents_word::{agents_word, are_all_by_ssh},
    flags::ExperimentFlags,
    words::Words,
};

/// Flags that say nothing about this design.
pub(super) fn without_effect(flags: &ExperimentFlags, design: &Design) -> Vec<DesignError> {
    const LISTS: &str = "several values of a setting, such as `--concurrency 1,2,4`";
    const CELLS: &str = "several values of a setting, such as `--concurrency 1,2,4`, or `--variant`";
    const REPEATS: &str = "`--num-profile-runs` of 2 or more";
    const BOTH: &str = "several values of a setting and `--num-profile-runs` of 2 or more";
    const RUNS: &str = "several runs, by lists of values or `--num-profile-runs`";
    const METRIC: &str = "`--convergence-metric`";
    let (sweeps, repeats) = (design.is_sweep(), design.repeats > 1);
    let has_metric = flags.convergence_metric.is_some();
    let rules = [
        ("--sweep-type", flags.sweep_type.is_some(), sweeps && flags.variant.is_empty(), LISTS),
        ("--parameter-sweep-mode", flags.parameter_sweep_mode.is_some(), sweeps && repeats, BOTH),
        ("--shuffle-cells", flags.shuffle_cells, sweeps, CELLS),
        (
            "--parameter-sweep-cooldown-seconds",
            flags.parameter_sweep_cooldown_seconds.is_some(),
            sweeps,
            CELLS,
        ),
        ("--parameter-sweep-same-seed", flags.parameter_sweep_same_seed, sweeps, CELLS),
        ("--confidence-level", flags.confidence_level.is_some(), repeats, REPEATS),
        ("--profile-run-cooldown-seconds", flags.profile_run_cooldown_seconds.is_some(), repeats, REPEATS),
        ("--no-vary-seed-per-trial", flags.no_vary_seed_per_trial, repeats, REPEATS),
        (
            "--profile-run-disable-warmup-after-first",
            flags.profile_run_disable_warmup_after_first,
            repeats,
            REPEATS,
        ),
        ("--convergence-metric", has_metric, repeats, REPEATS),
        ("--convergence-stat", flags.convergence_stat.is_some(), has_metric, METRIC),
        ("--convergence-mode", flags.convergence_mode.is_some(), has_metric, METRIC),
        ("--convergence-threshold", flags.convergence_threshold.is_some(), has_metric, METRIC),
        ("--set-consistent-seed", flags.set_consistent_seed, sweeps || repeats, RUNS),
        ("--between", flags.between.is_some(), sweeps || repeats, RUNS),
        ("--best", flags.best.is_some(), sweeps, CELLS),
        ("--no-sweep-table", flags.no_sweep_table, sweeps || repeats, RUNS),
    ];
    let idle = rules.into_iter().filter(|(_, is_given, has_effect, _)| *is_given && !has_effect);
    idle.map(|(flag, .., needs)| DesignError::Needs { flag, needs }).collect()
}

/// What several runs cannot have.
pub(super) fn of_one_run(base: &Words) -> impl Iterator<Item = DesignError> {
    let says = |name: &str, value: Option<&str>| {
        base.get(name)
            .is_some_and(|values| value.is_none_or(|value| values.iter().any(|typed| typed == value)))
    };
    let rules = [
        ("--dry-run", says("dry-run", None), "it sends nothing"),
        ("--overwrite", says("overwrite", None), "an experiment has a new folder"),
        (
            "--format",
            says("format", None),
            "each run has its report, and `experiment_results.json` is that of all",
        ),
        ("--input-file -", says("input-file", Some("-")), "standard input can be read only once"),
        (
            "--agents",
            are_met(base) && !says("nats", None),
            "each run would start a NATS server of its own, which no agent knows: name one that stays, with `--nats`",
        ),
    ];
    let wrong = rules.into_iter().filter(|(_, is_given, _)| *is_given);
    wrong.map(|(flag, _, reason)| DesignError::OneRunOnly { flag, reason })
}

/// Some agents are there before the run, which does not start all of them by ssh.
fn are_met(base: &Words) -> bool {
    let lists = base.get("agents").into_iter().flatten().filter_map(|list| list.to_str());
    let words = lists.flat_map(|list| list.split(',')).filter_map(|word| agents_word(word).ok());
    let words: Vec<_> = words.collect();
    !are_all_by_ssh(&words)
}

/// A convergence that looks at single requests, where runs leave no lines of them.
pub(super) fn without_requests(base: &Words, design: &Design) -> Option<DesignError> {
    const LEVEL: &str = "export-level";
    const NO_LINES: &str = "summary";
    let of_all = base.get(LEVEL).is_some_and(|values| values.iter().any(|level| level == NO_LINES));
    let of_some = || {
        let mut values = design.cells.iter().flat_map(|cell| &cell.values);
        values.any(|(setting, level)| setting.name == LEVEL && level == NO_LINES)
    };
    let needs_them = design.convergence.as_ref().is_some_and(Convergence::needs_requests);
    (needs_them && (of_all || of_some())).then_some(DesignError::NoRequests)
}

/// A warm-up without which something else is measured, where only the first run is to have one.
pub(super) fn without_its_warmup(base: &Words, design: &Design) -> Option<DesignError> {
    const NAMES: [&str; 2] = ["agentic-cache-warmup-duration", "scenario"];
    let is_asked_for = |name: &str| {
        let mut values = design.cells.iter().flat_map(|cell| &cell.values);
        base.get(name).is_some() || values.any(|(setting, _)| setting.name == name)
    };
    let name = NAMES.into_iter().find(|name| is_asked_for(name))?;
    (design.warms_up_once && design.repeats > 1).then_some(DesignError::NeedsWarmup(name))
}
