//! From settings to a [`Design`], with everything that is wrong told at once.

use super::{
    best::{Criterion, Key},
    cells::cells,
    convergence::Convergence,
    design::{Design, MOST_RUNS, Seeds},
    design_error::{DesignError, noted},
    order::Order,
    rules::{of_one_run, without_effect, without_its_warmup, without_requests},
    statistic::{NoStatistic, statistic_of},
};
use crate::{
    config::{flags::ExperimentFlags, near::near, words::Words},
    metrics::{Statistic, catalogue::CATALOGUE},
};

/// Makes a design of the flags about several runs and of the other settings, some of which may be lists. `seed` is the root of
/// all seeds.
///
/// # Errors
/// Everything that is wrong.
pub(crate) fn design(base: &Words, flags: &ExperimentFlags, seed: u64) -> Result<Design, Vec<DesignError>> {
    let mut errors = Vec::new();
    let cells = cells(base, flags, &mut errors);
    let repeats = flags.num_profile_runs.map_or(1, u32::from);
    let runs = cells.len().saturating_mul(repeats as usize);
    if runs > MOST_RUNS {
        errors.push(DesignError::TooMany(runs));
    }
    let between = flags.between.clone();
    if between.as_deref().is_some_and(|command| command.trim().is_empty()) {
        errors.push(DesignError::EmptyCommand);
    }
    let best = flags.best.as_deref().and_then(|text| noted(criterion(text), &mut errors));
    let convergence = noted(convergence(flags), &mut errors).flatten();
    let design = Design {
        cells,
        repeats,
        order: Order {
            mode: flags.parameter_sweep_mode.unwrap_or_default(),
            is_shuffled: flags.shuffle_cells,
        },
        seeds: Seeds {
            base: seed,
            same_in_cells: flags.parameter_sweep_same_seed,
            same_in_repeats: flags.no_vary_seed_per_trial,
        },
        warms_up_once: flags.profile_run_disable_warmup_after_first,
        repeat_pause_s: flags.profile_run_cooldown_seconds.unwrap_or(0.0),
        cell_pause_s: flags.parameter_sweep_cooldown_seconds.unwrap_or(0.0),
        confidence: flags.confidence_level.unwrap_or(0.95),
        convergence,
        best,
        between,
    };
    if errors.is_empty() {
        errors.extend(without_effect(flags, &design));
        errors.extend(of_one_run(base).filter(|_| design.is_experiment()));
        errors.extend(without_requests(base, &design));
        errors.extend(without_its_warmup(base, &design));
    }
    if errors.is_empty() { Ok(design) } else { Err(errors) }
}

fn criterion(text: &str) -> Result<Criterion, DesignError> {
    let (tag, rest) = text.split_once(':').unwrap_or((text, Statistic::Avg.key()));
    let (statistic, direction) = rest.split_once(':').map_or((rest, None), |(one, other)| (one, Some(other)));
    let key = key_of(["--best"; 2], tag, statistic)?;
    let is_usual = || CATALOGUE.iter().any(|metric| metric.tag == key.metric && metric.larger_is_better);
    let larger_is_better = match direction {
        None => is_usual(),
        Some("maximize") => true,
        Some("minimize") => false,
        Some(other) => return Err(DesignError::NoDirection(other.to_owned())),
    };
    Ok(Criterion { key, larger_is_better })
}

fn convergence(flags: &ExperimentFlags) -> Result<Option<Convergence>, DesignError> {
    let Some(tag) = &flags.convergence_metric else { return Ok(None) };
    let mode = flags.convergence_mode.unwrap_or_default();
    let statistic = flags.convergence_stat.as_deref().unwrap_or(Statistic::Avg.key());
    let key = key_of(["--convergence-metric"; 2], tag, statistic)?;
    let threshold = flags.convergence_threshold.unwrap_or_else(|| Convergence::usual_threshold(mode));
    let convergence = Convergence { key, mode, threshold };
    if convergence.needs_requests() && flags.convergence_stat.is_some() {
        return Err(DesignError::StatisticOfAll);
    }
    let metric = CATALOGUE.iter().find(|metric| metric.tag == convergence.key.metric);
    match metric.filter(|metric| convergence.needs_requests() && !metric.is_of_lines()) {
        Some(metric) => Err(DesignError::NotOfRequests(metric.tag)),
        None => Ok(Some(convergence)),
    }
}

/// The number that a metric and a statistic are, which are the values of these two flags.
///
/// # Errors
/// There is no such metric, or it has no such statistic.
pub(crate) fn key_of(flags: [&'static str; 2], tag: &str, statistic: &str) -> Result<Key, DesignError> {
    let [of_metric, flag] = flags;
    let Some(metric) = CATALOGUE.iter().find(|metric| metric.tag == tag) else {
        let near = near(tag, CATALOGUE.iter().map(|metric| metric.tag));
        return Err(DesignError::NoMetric { flag: of_metric, tag: tag.to_owned(), near });
    };
    let name = || statistic.to_owned();
    let statistic = statistic_of(metric, statistic).map_err(|error| match error {
        NoStatistic::OneNumber => DesignError::OneNumber { flag, tag: metric.tag, name: name() },
        NoStatistic::Missing | NoStatistic::Unknown => DesignError::NoStatistic { flag, name: name() },
    })?;
    Ok(Key::known(tag, statistic))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::{
            flags::experiment_settings,
            redact,
            words::{settings, unread},
        },
        experiment::cell::Cell,
    };

    fn read(words: &[&str]) -> Result<Design, Vec<String>> {
        let line = std::iter::once("profile").chain(words.iter().copied());
        let typed = Words::typed(&unread(settings()).try_get_matches_from(line).unwrap());
        let of_experiments = experiment_settings();
        let is_one = |name: &str| of_experiments.iter().any(|known| known == name);
        let flags = typed.only(is_one).flags().unwrap().experiment;
        design(&typed.only(|name| !is_one(name)), &flags, 42)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn names(words: &[&str]) -> Vec<String> {
        read(words).unwrap().cells.into_iter().map(|cell| cell.name).collect()
    }

    #[test]
    fn a_command_line_without_lists_is_one_run() {
        assert!(!read(&["--concurrency", "4", "-m", "a,b"]).unwrap().is_experiment());
        assert!(!read(&["--num-profile-runs", "1"]).unwrap().is_experiment());
    }

    #[test]
    fn lists_are_combined_as_a_grid_or_in_pairs() {
        let lists = ["--isl", "10,20", "--concurrency", "1..4x2"];
        let grid = [
            "concurrency_1-isl_10",
            "concurrency_1-isl_20",
            "concurrency_2-isl_10",
            "concurrency_2-isl_20",
            "concurrency_4-isl_10",
            "concurrency_4-isl_20",
        ];
        assert_eq!(names(&lists), grid);
        let pairs = ["--isl", "10,20", "--osl", "1,2", "--sweep-type", "zip"];
        assert_eq!(names(&pairs), ["isl_10-osl_1", "isl_20-osl_2"]);
    }

    #[test]
    fn settings_that_change_together_are_one_list_among_others() {
        let words = ["--concurrency", "1,2", "--sweep", "isl/osl=10/1,20/2"];
        let expected = [
            "concurrency_1-isl_10-osl_1",
            "concurrency_1-isl_20-osl_2",
            "concurrency_2-isl_10-osl_1",
            "concurrency_2-isl_20-osl_2",
        ];
        assert_eq!(names(&words), expected);
    }

    #[rstest]
    #[case("request_throughput", "avg", true)]
    #[case("request_latency:p99", "p99", false)]
    #[case("output_sequence_length:avg:maximize", "avg", true)]
    #[case("request_throughput:avg:minimize", "avg", false)]
    fn the_best_has_the_most_or_the_least(
        #[case] best: &str,
        #[case] statistic: &str,
        #[case] larger_is_better: bool,
    ) {
        let criterion = read(&["--isl", "1,2", "--best", best]).unwrap().best.unwrap();
        assert_eq!(
            (criterion.key.statistic.as_str(), criterion.larger_is_better),
            (statistic, larger_is_better)
        );
    }

    #[test]
    fn any_setting_can_take_several_values() {
        let words = ["--sweep", "model=a,b", "--sweep", "streaming=true,false"];
        let expected = [
            "model_a-streaming_true",
            "model_a-streaming_false",
            "model_b-streaming_true",
            "model_b-streaming_false",
        ];
        assert_eq!(names(&words), expected);
        let design = read(&["--sweep", "phases.profiling.rate=5,10"]).unwrap();
        assert_eq!(design.cells[1].label(), "request-rate 10");
    }

    #[test]
    fn no_secret_is_a_value_or_a_name() {
        redact::learn(vec!["token-4711-of-a-variable".to_owned()]);
        let secret = "use a value of `--model` that may be a secret: values are a part of names and tables";
        assert_eq!(read(&["--sweep", "model=token-4711-of-a-variable,b"]).unwrap_err(), [secret]);
        let variants = ["--variant", "a: isl=1", "--variant"];
        let of_variant = |last: &'static str| read(&[&variants[..], &[last]].concat()).unwrap_err();
        assert_eq!(of_variant("b: model=token-4711-of-a-variable"), [secret]);
        let name = "use the name of a variant that may be a secret: names are a part of paths and tables";
        assert_eq!(of_variant("token-4711-of-a-variable: isl=2"), [name]);
    }

    #[test]
    fn variants_are_cells_of_their_own() {
        let words = ["--variant", "short: isl=10, osl=5", "--variant", "long: isl=1000"];
        let design = read(&words).unwrap();
        let cells: Vec<String> = design.cells.iter().map(Cell::label).collect();
        assert_eq!(cells, ["short", "long"]);
        let line = design.cells[0].over(&Words::default()).line();
        assert_eq!(line, ["--isl=10", "--osl=5"]);
    }

    #[rstest]
    #[case(&["--concurrency", "1,2", "--sweep", "concurrency=3,4"], "sweep over `--concurrency` twice")]
    #[case(&["--concurrency", "1..8"], "read `--concurrency 1..8`: `1..8` is no range")]
    #[case(&["--concurrency", "1,1"], "read `--concurrency 1,1`: the value `1` stands there twice")]
    #[case(&["--random-seed", "1,2"], "use several values of `--random-seed`: `--num-profile-runs` measures with several seeds")]
    #[case(&["--sweep", "api_key=a,b"], "use several values of `--api-key`: values are a part of names and tables, and this one may be a secret")]
    #[case(&["--sweep", "num-profile-runs=1,2"], "use several values of `--num-profile-runs`: it is about all runs")]
    #[case(&["--sweep", "config=a.yaml,b.yaml"], "use several values of `--config`: it says where settings are")]
    #[case(&["--sweep", "resume=a,b"], "use several values of `--resume`: it says where settings are")]
    #[case(&["--sweep", "phases.warm.concurrency=1,2"], "use `--sweep`: there is no setting `phases.warm.concurrency`")]
    #[case(&["--sweep", "phases.warmup.users=1,2"], "use `--sweep`: there is no setting `phases.warmup.users`")]
    #[case(&["--sweep", "concurency=1,2"], "use `--sweep`: there is no setting `concurency`")]
    #[case(&["--sweep", "streaming=yes,no"], "use `yes` for `--streaming`: it is on or off")]
    #[case(&["--sweep", "url=http://a,http://me:pw@b"], "use a value of `--url` that may be a secret: values are a part of names and tables")]
    #[case(&["--sweep", "concurrency"], "read `--sweep concurrency`: it is not `KEY=VALUES`")]
    #[case(&["--sweep", "isl/osl=1/2,3"], "read the value `3` of `--sweep`: it must have 2 parts, one for each setting")]
    #[case(&["--sweep", "isl/osl=1/2,3/"], "read the value `3/` of `--sweep`: it must have 2 parts, one for each setting")]
    #[case(&["--sweep", "isl/osl=1/2,1 / 2"], "read `--sweep 1/2,1 / 2`: the value `1/2` stands there twice")]
    #[case(&["--sweep", "isl/isl=1/2,3/4"], "sweep over `--isl` twice")]
    #[case(&["--sweep", "isl/api-key=1/2,3/4"], "use several values of `--api-key`: values are a part of names and tables, and this one may be a secret")]
    #[case(&["--sweep", "isl/osl=1/2,3/4", "--concurrency", "1,2,3", "--sweep-type", "zip"], "combine lists of different lengths with `--sweep-type zip`: `--concurrency` has 3, `--isl/--osl` has 2")]
    #[case(&["--variant", "a: isl=1"], "use one `--variant`: it is no choice")]
    #[case(&["--variant", "a: isl=1", "--variant", "a: isl=2"], "use the name `a` for two variants")]
    #[case(&["--variant", "a: isl=1", "--variant", "b: isl=2", "--osl", "1,2"], "use `--variant` together with lists of values")]
    #[case(&["--isl", "1,2,3", "--osl", "1,2", "--sweep-type", "zip"], "combine lists of different lengths with `--sweep-type zip`: `--isl` has 3, `--osl` has 2")]
    #[case(&["--isl", "1..1000+1", "--osl", "1..1000+1"], "measure 1000000 runs: the limit is 100000")]
    #[case(&["--confidence-level", "0.9"], "`--confidence-level` requires `--num-profile-runs` of 2 or more")]
    #[case(&["--isl", "1,2", "--convergence-metric", "request_latency"], "`--convergence-metric` requires `--num-profile-runs` of 2 or more")]
    #[case(&["--num-profile-runs", "3", "--convergence-mode", "cv"], "`--convergence-mode` requires `--convergence-metric`")]
    #[case(&["--num-profile-runs", "3", "--convergence-metric", "request_latency", "--convergence-mode", "distribution", "--export-level", "summary"], "use `--convergence-mode distribution` with `--export-level summary`, which leaves no lines for requests")]
    #[case(&["--num-profile-runs", "3", "--convergence-metric", "request_throughput", "--convergence-mode", "distribution"], "use `--convergence-mode distribution` with `--convergence-metric request_throughput`: lines of requests have no value of it")]
    #[case(&["--num-profile-runs", "3", "--convergence-metric", "request_latncy"], "use `--convergence-metric`: there is no metric `request_latncy`")]
    #[case(&["--isl", "1,2", "--best", "request_latency:p98"], "use `--best`: there is no statistic `p98`")]
    #[case(&["--isl", "1,2", "--best", "request_throughput:p99"], "use `--best`: `request_throughput` is one number, without a statistic `p99`")]
    #[case(&["--isl", "1,2", "--best", "request_latency:p99:least"], "use `--best`: `least` is no direction")]
    #[case(&["--num-profile-runs", "3", "--convergence-metric", "request_throughput", "--convergence-stat", "p99"], "use `--convergence-metric`: `request_throughput` is one number, without a statistic `p99`")]
    #[case(&["--num-profile-runs", "2", "--profile-run-disable-warmup-after-first", "--agentic-cache-warmup-duration", "5"], "use `--profile-run-disable-warmup-after-first` with `--agentic-cache-warmup-duration`, which measures the sessions of its warm-up")]
    #[case(&["--num-profile-runs", "2", "--profile-run-disable-warmup-after-first", "--scenario", "inferencex-agentx-mvp"], "use `--profile-run-disable-warmup-after-first` with `--scenario`, which measures the sessions of its warm-up")]
    #[case(&["--num-profile-runs", "2", "--overwrite"], "use `--overwrite` with several runs: an experiment has a new folder")]
    #[case(&["--num-profile-runs", "2", "--input-file", "-"], "use `--input-file -` with several runs: standard input can be read only once")]
    #[case(&["--num-profile-runs", "2", "--agents", "2"], "use `--agents` with several runs: each run would start a NATS server of its own, which no agent knows: name one that stays, with `--nats`")]
    #[case(&["--between", "true"], "`--between` requires several runs, by lists of values or `--num-profile-runs`")]
    fn what_cannot_be_meant_is_refused(#[case] words: &[&str], #[case] expected: &str) {
        assert_eq!(read(words).unwrap_err(), [expected]);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let errors =
            read(&["--isl", "1..8", "--sweep", "x=1,2", "--best", "y", "--between", " "]).unwrap_err();
        assert_eq!(errors.len(), 4, "{errors:?}");
    }
}
