//! From settings to a [`Design`], with everything that is wrong told at once.

use super::{
    best::{Criterion, Key},
    cell::Cell,
    convergence::Convergence,
    design::{Design, Seeds},
    order::Order,
    statistic::{NoStatistic, statistic_of},
    variant::{Variant, variant},
};
use crate::{
    config::{
        flags::{ExperimentFlags, SweepType, experiment_settings},
        keys::{Keys, NO_SETTINGS, flag_name},
        near::near,
        redact,
        run_file::setting_of_path,
        several::{self, SeveralError},
        words::{Setting, Shape, Words},
    },
    explain::Explain,
    metrics::{catalogue::CATALOGUE, quantile::PERCENTILES},
};

/// Most runs of one experiment. More take months, and are a mistake.
const MOST_RUNS: usize = 100_000;

/// Settings that runs of one experiment have in common, and why.
const COMMON: [(&str, &str); 12] = [
    ("random-seed", "`--num-profile-runs` measures with several seeds"),
    ("artifact-dir", ONE_FOLDER),
    ("overwrite", ONE_FOLDER),
    ("api-key", NO_SECRETS),
    ("header", NO_SECRETS),
    ("server-metrics-header", NO_SECRETS),
    ("proxy", NO_SECRETS),
    ("plugins", ONE_HOST),
    ("plugin-policy", ONE_HOST),
    ("ui", ONE_HOST),
    ("dry-run", NOTHING_SENT),
    ("dry-run-output", NOTHING_SENT),
];
const ONE_FOLDER: &str = "the runs have folders of their own in that of the experiment";
const NO_SECRETS: &str = "values are a part of names and tables, and this one may be a secret";
const ONE_HOST: &str = "one program carries out all runs";
const NOTHING_SENT: &str = "nothing is measured with it";
const NO_VALUES: &str = "it says where settings are";

/// What AIPerf calls settings in sweeps, where that is none of our names.
const OTHER_KEYS: [(&str, &str); 11] = [
    ("rate", "request-rate"),
    ("requests", "request-count"),
    ("duration", "benchmark-duration"),
    ("sessions", "num-conversations"),
    ("users", "num-users"),
    ("smoothness", "arrival-smoothness"),
    ("grace-period", "benchmark-grace-period"),
    ("concurrency-ramp", "concurrency-ramp-duration"),
    ("prefill-ramp", "prefill-concurrency-ramp-duration"),
    ("rate-ramp", "request-rate-ramp-duration"),
    ("rate-series", "request-rate-series"),
];

/// What is wrong with what is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DesignError {
    #[error("read `{flag} {text}`: {reason}")]
    Values { flag: String, text: String, reason: SeveralError },
    #[error("read `--sweep {0}`: it is not `KEY=VALUES`")]
    NoSweep(String),
    #[error("read `--variant {0}`: it is not `NAME: KEY=VALUE, KEY=VALUE`")]
    NoVariant(String),
    #[error("use `{flag}`: there is no setting `{key}`")]
    UnknownKey { flag: &'static str, key: String },
    #[error("use several values of `--{name}`: {reason}")]
    Common { name: String, reason: &'static str },
    #[error("use `{value}` for `--{name}`: it is on or off")]
    NoSwitch { name: String, value: String },
    #[error("use a value of `--{0}` that may be a secret: values are a part of names and tables")]
    Secret(String),
    #[error("use the name of a variant that may be a secret: names are a part of paths and tables")]
    SecretName,
    #[error("sweep over `--{0}` twice")]
    Twice(String),
    #[error("use the name `{0}` for two variants")]
    VariantTwice(String),
    #[error("use `--variant` together with lists of values")]
    VariantsAndLists,
    #[error("use one `--variant`: it is no choice")]
    OneVariant,
    #[error("combine lists of different lengths with `--sweep-type zip`: {0}")]
    Lengths(String),
    #[error("measure {0} runs: the limit is {MOST_RUNS}")]
    TooMany(usize),
    #[error("`{flag}` requires {needs}")]
    Needs { flag: &'static str, needs: &'static str },
    #[error("use `{flag}` with several runs: {reason}")]
    OneRunOnly { flag: &'static str, reason: &'static str },
    #[error("use `{flag}`: there is no metric `{tag}`")]
    NoMetric { flag: &'static str, tag: String, near: Option<&'static str> },
    #[error("use `{flag}`: there is no statistic `{name}`")]
    NoStatistic { flag: &'static str, name: String },
    #[error("use `{flag}`: `{tag}` is one number, without a statistic `{name}`")]
    OneNumber { flag: &'static str, tag: &'static str, name: String },
    #[error("use `--convergence-stat` with `--convergence-mode distribution`, which looks at all requests")]
    StatisticOfAll,
    #[error("`--between` is empty")]
    EmptyCommand,
}

impl DesignError {
    /// The setting that it is about, by the name of its flag.
    pub(crate) fn setting(&self) -> &str {
        match self {
            Self::Values { flag, .. } => flag.trim_start_matches('-'),
            Self::NoSweep(_) => "sweep",
            Self::NoVariant(_)
            | Self::SecretName
            | Self::VariantTwice(_)
            | Self::VariantsAndLists
            | Self::OneVariant => "variant",
            Self::UnknownKey { flag, .. }
            | Self::Needs { flag, .. }
            | Self::OneRunOnly { flag, .. }
            | Self::NoMetric { flag, .. }
            | Self::NoStatistic { flag, .. }
            | Self::OneNumber { flag, .. } => {
                flag.trim_start_matches('-').split(' ').next().unwrap_or_default()
            }
            Self::Common { name, .. }
            | Self::NoSwitch { name, .. }
            | Self::Secret(name)
            | Self::Twice(name) => name,
            Self::Lengths(_) => "sweep-type",
            Self::TooMany(_) => "num-profile-runs",
            Self::StatisticOfAll => "convergence-stat",
            Self::EmptyCommand => "between",
        }
    }

    /// Whether it is about values of that setting, wherever they stand.
    pub(crate) fn is_about_values(&self) -> bool {
        matches!(self, Self::Common { .. } | Self::NoSwitch { .. } | Self::Secret(_) | Self::Twice(_))
    }

    /// Whether it may be wrong only because another setting could not be read.
    pub(crate) fn follows_from_others(&self) -> bool {
        matches!(self, Self::Needs { .. })
    }
}

impl Explain for DesignError {
    fn hint(&self) -> String {
        match self {
            Self::Values { reason, .. } => reason.hint(),
            Self::NoSweep(_) => "write it as in `--sweep concurrency=1,2,4`".to_owned(),
            Self::NoVariant(_) => "write it as in `--variant 'short: isl=100, osl=50'`".to_owned(),
            Self::UnknownKey { key, .. } => {
                let names = Setting::names();
                match near(&key.replace('_', "-"), names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "a key is the name of a flag without its dashes; `prony profile --help` lists them"
                            .to_owned()
                    }
                }
            }
            Self::Common { .. } => "give it one value".to_owned(),
            Self::Secret(_) | Self::SecretName => {
                "put what is secret into flags that all runs have in common".to_owned()
            }
            Self::NoSwitch { .. } => "write `true` or `false`".to_owned(),
            Self::Twice(name) => format!("put all values of `--{name}` into one list"),
            Self::VariantTwice(_) => "give each variant a name of its own".to_owned(),
            Self::VariantsAndLists => {
                "write each combination as a `--variant`, or use lists alone".to_owned()
            }
            Self::OneVariant => "add another `--variant`, or write its settings as flags".to_owned(),
            Self::Lengths(_) => "make the lists equally long, or leave out `--sweep-type`".to_owned(),
            Self::TooMany(_) => "use fewer values, or fewer runs of each".to_owned(),
            Self::Needs { flag, .. } => format!("add it, or leave out `{flag}`"),
            Self::OneRunOnly { .. } => "leave it out, or measure one run".to_owned(),
            Self::NoMetric { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::NoMetric { near: None, .. } => {
                "use a metric such as `request_throughput`, `time_to_first_token` or `request_latency`"
                    .to_owned()
            }
            Self::NoStatistic { .. } => {
                let percentiles = PERCENTILES.map(|(name, _)| name).join(", ");
                format!("use one of: avg, min, max, std, {percentiles}")
            }
            Self::OneNumber { .. } => "name the metric alone".to_owned(),
            Self::StatisticOfAll => "leave out `--convergence-stat`".to_owned(),
            Self::EmptyCommand => "give a command, or leave it out".to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::Needs { .. } | Self::EmptyCommand)
    }
}

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
    }
    if errors.is_empty() { Ok(design) } else { Err(errors) }
}

fn noted<T>(result: Result<T, DesignError>, errors: &mut Vec<DesignError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

/// A setting and its values.
struct Axis {
    setting: Setting,
    values: Vec<String>,
}

fn cells(base: &Words, flags: &ExperimentFlags, errors: &mut Vec<DesignError>) -> Vec<Cell> {
    let axes = axes(base, flags, errors);
    if !flags.variant.is_empty() {
        if !axes.is_empty() {
            errors.push(DesignError::VariantsAndLists);
        }
        if let [_] = flags.variant[..] {
            errors.push(DesignError::OneVariant);
        }
        return variants(&flags.variant, errors);
    }
    if axes.is_empty() {
        return vec![Cell::only()];
    }
    match flags.sweep_type.unwrap_or_default() {
        SweepType::Grid => grid(&axes, errors),
        SweepType::Zip => zip(&axes, errors),
    }
}

fn axes(base: &Words, flags: &ExperimentFlags, errors: &mut Vec<DesignError>) -> Vec<Axis> {
    let mut axes: Vec<Axis> = Vec::new();
    let keys = Keys::all();
    for (name, text) in base.lists() {
        let flag = format!("--{name}");
        let listed = keys.find(name).map(|key| axis(key.setting(), &flag, text));
        axes.extend(listed.and_then(|listed| noted(listed, errors)));
    }
    for text in &flags.sweep {
        let swept = match text.split_once('=') {
            Some((key, values)) => {
                setting("--sweep", key, &keys).and_then(|setting| axis(setting, "--sweep", values))
            }
            None => Err(DesignError::NoSweep(text.clone())),
        };
        axes.extend(noted(swept, errors));
    }
    let names: Vec<&String> = axes.iter().map(|axis| &axis.setting.name).collect();
    let twice = (1..names.len()).find(|at| names[..*at].contains(&names[*at]));
    errors.extend(twice.map(|at| DesignError::Twice(names[at].clone())));
    axes
}

fn axis(setting: Setting, flag: &str, text: &str) -> Result<Axis, DesignError> {
    check_common(&setting)?;
    let reason = |reason| DesignError::Values { flag: flag.to_owned(), text: text.to_owned(), reason };
    let values = several::values(text).map_err(reason)?;
    values.iter().try_for_each(|value| check_value(&setting, value))?;
    Ok(Axis { setting, values })
}

/// The setting that a key means: a name of it, or its path in a file of AIPerf's.
fn setting(flag: &'static str, key: &str, keys: &Keys) -> Result<Setting, DesignError> {
    let key = key.trim();
    let name = flag_name(key);
    if NO_SETTINGS.contains(&name.as_str()) {
        return Err(DesignError::Common { name, reason: NO_VALUES });
    }
    let other = || OTHER_KEYS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
    let ours = if key.contains('.') { setting_of_path(key) } else { Some(other().unwrap_or(key)) };
    let found = ours.and_then(|ours| keys.find(ours));
    let setting = found.ok_or_else(|| DesignError::UnknownKey { flag, key: key.to_owned() })?.setting();
    check_common(&setting).map(|()| setting)
}

fn check_common(setting: &Setting) -> Result<(), DesignError> {
    let known = COMMON.iter().find(|(name, _)| *name == setting.name).map(|(_, reason)| *reason);
    let of_experiments = || experiment_settings().contains(&setting.name).then_some("it is about all runs");
    match known.or_else(of_experiments) {
        Some(reason) => Err(DesignError::Common { name: setting.name.clone(), reason }),
        None => Ok(()),
    }
}

fn check_value(setting: &Setting, value: &str) -> Result<(), DesignError> {
    let word = format!("--{}={value}", setting.name);
    if redact::command_line([word.as_str()]) != [word.as_str()] || redact::shown(value) != value {
        return Err(DesignError::Secret(setting.name.clone()));
    }
    if setting.shape == Shape::Switch && !["true", "false"].contains(&value) {
        return Err(DesignError::NoSwitch { name: setting.name.clone(), value: value.to_owned() });
    }
    Ok(())
}

/// Each value with each one of the others: the last list goes round first.
fn grid(axes: &[Axis], errors: &mut Vec<DesignError>) -> Vec<Cell> {
    let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()));
    let Some(count) = count.filter(|count| *count <= MOST_RUNS) else {
        errors.push(DesignError::TooMany(count.unwrap_or(usize::MAX)));
        return vec![Cell::only()];
    };
    let cell = |number: usize| {
        let mut rest = number;
        let mut values: Vec<(Setting, String)> = axes
            .iter()
            .rev()
            .map(|axis| {
                let value = axis.values[rest % axis.values.len()].clone();
                rest /= axis.values.len();
                (axis.setting.clone(), value)
            })
            .collect();
        values.reverse();
        Cell::new(None, values)
    };
    (0..count).map(cell).collect()
}

fn zip(axes: &[Axis], errors: &mut Vec<DesignError>) -> Vec<Cell> {
    let length = axes.first().map_or(0, |axis| axis.values.len());
    if axes.iter().any(|axis| axis.values.len() != length) {
        let lengths = axes.iter().map(|axis| format!("`--{}` has {}", axis.setting.name, axis.values.len()));
        errors.push(DesignError::Lengths(lengths.collect::<Vec<_>>().join(", ")));
        return vec![Cell::only()];
    }
    let cell = |at: usize| {
        Cell::new(None, axes.iter().map(|axis| (axis.setting.clone(), axis.values[at].clone())).collect())
    };
    (0..length).map(cell).collect()
}

fn variants(texts: &[String], errors: &mut Vec<DesignError>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for text in texts {
        let Some(cell) = noted(named_cell(text), errors) else { continue };
        if cells.iter().any(|other| other.name.eq_ignore_ascii_case(&cell.name)) {
            errors.push(DesignError::VariantTwice(cell.label()));
        }
        cells.push(cell);
    }
    cells
}

fn named_cell(text: &str) -> Result<Cell, DesignError> {
    let Variant { name, values } = variant(text).ok_or_else(|| DesignError::NoVariant(text.to_owned()))?;
    if redact::shown(&name) != name {
        return Err(DesignError::SecretName);
    }
    let keys = Keys::all();
    let mut settings: Vec<(Setting, String)> = Vec::new();
    for (key, value) in values {
        let setting = setting("--variant", &key, &keys)?;
        check_value(&setting, &value)?;
        if settings.iter().any(|(other, _)| *other == setting) {
            return Err(DesignError::Twice(setting.name));
        }
        settings.push((setting, value));
    }
    Ok(Cell::new(Some(name), settings))
}

fn criterion(text: &str) -> Result<Criterion, DesignError> {
    let (tag, statistic) = text.split_once(':').unwrap_or((text, "avg"));
    let key = key("--best", tag, statistic)?;
    let larger_is_better = CATALOGUE.iter().any(|metric| metric.tag == key.metric && metric.larger_is_better);
    Ok(Criterion { key, larger_is_better })
}

fn convergence(flags: &ExperimentFlags) -> Result<Option<Convergence>, DesignError> {
    let Some(tag) = &flags.convergence_metric else { return Ok(None) };
    let mode = flags.convergence_mode.unwrap_or_default();
    let statistic = flags.convergence_stat.as_deref().unwrap_or("avg");
    let key = key("--convergence-metric", tag, statistic)?;
    let threshold = flags.convergence_threshold.unwrap_or_else(|| Convergence::usual_threshold(mode));
    let convergence = Convergence { key, mode, threshold };
    if convergence.needs_requests() && flags.convergence_stat.is_some() {
        return Err(DesignError::StatisticOfAll);
    }
    Ok(Some(convergence))
}

fn key(flag: &'static str, tag: &str, statistic: &str) -> Result<Key, DesignError> {
    let Some(metric) = CATALOGUE.iter().find(|metric| metric.tag == tag) else {
        let near = near(tag, CATALOGUE.iter().map(|metric| metric.tag));
        return Err(DesignError::NoMetric { flag, tag: tag.to_owned(), near });
    };
    let name = || statistic.to_owned();
    let statistic = statistic_of(metric, statistic).map_err(|error| match error {
        NoStatistic::OneNumber => DesignError::OneNumber { flag, tag: metric.tag, name: name() },
        NoStatistic::Missing | NoStatistic::Unknown => DesignError::NoStatistic { flag, name: name() },
    })?;
    Ok(Key::new(tag, statistic))
}

/// Flags that say nothing about this design.
fn without_effect(flags: &ExperimentFlags, design: &Design) -> Vec<DesignError> {
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
fn of_one_run(base: &Words) -> impl Iterator<Item = DesignError> {
    let says = |name: &str, value: Option<&str>| {
        base.get(name)
            .is_some_and(|values| value.is_none_or(|value| values.iter().any(|typed| typed == value)))
    };
    let rules = [
        ("--dry-run", says("dry-run", None), "it sends nothing"),
        ("--overwrite", says("overwrite", None), "an experiment has a new folder"),
        ("--input-file -", says("input-file", Some("-")), "standard input can be read only once"),
    ];
    let wrong = rules.into_iter().filter(|(_, is_given, _)| *is_given);
    wrong.map(|(flag, _, reason)| DesignError::OneRunOnly { flag, reason })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::words::{settings, unread};

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

    #[rstest]
    #[case("phases.warmup.concurrency", "warmup-concurrency")]
    #[case("phases.profiling.concurrency", "concurrency")]
    #[case("benchmark.phases.profiling.gracePeriod", "benchmark-grace-period")]
    #[case("datasets.main.prompts.isl", "isl")]
    #[case("dataset.prompts.osl.stddev", "osl-stddev")]
    #[case("rate_ramp", "request-rate-ramp-duration")]
    #[case("HTTP2", "http2")]
    fn a_path_of_aiperf_means_one_setting(#[case] path: &str, #[case] expected: &str) {
        let setting = setting("--sweep", path, &Keys::all()).unwrap();
        assert_eq!(setting.name, expected);
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
    #[case(&["--variant", "a: isl=1"], "use one `--variant`: it is no choice")]
    #[case(&["--variant", "a: isl=1", "--variant", "a: isl=2"], "use the name `a` for two variants")]
    #[case(&["--variant", "a: isl=1", "--variant", "b: isl=2", "--osl", "1,2"], "use `--variant` together with lists of values")]
    #[case(&["--isl", "1,2,3", "--osl", "1,2", "--sweep-type", "zip"], "combine lists of different lengths with `--sweep-type zip`: `--isl` has 3, `--osl` has 2")]
    #[case(&["--isl", "1..1000+1", "--osl", "1..1000+1"], "measure 1000000 runs: the limit is 100000")]
    #[case(&["--confidence-level", "0.9"], "`--confidence-level` requires `--num-profile-runs` of 2 or more")]
    #[case(&["--isl", "1,2", "--convergence-metric", "request_latency"], "`--convergence-metric` requires `--num-profile-runs` of 2 or more")]
    #[case(&["--num-profile-runs", "3", "--convergence-mode", "cv"], "`--convergence-mode` requires `--convergence-metric`")]
    #[case(&["--num-profile-runs", "3", "--convergence-metric", "request_latncy"], "use `--convergence-metric`: there is no metric `request_latncy`")]
    #[case(&["--isl", "1,2", "--best", "request_latency:p98"], "use `--best`: there is no statistic `p98`")]
    #[case(&["--isl", "1,2", "--best", "request_throughput:p99"], "use `--best`: `request_throughput` is one number, without a statistic `p99`")]
    #[case(&["--num-profile-runs", "3", "--convergence-metric", "request_throughput", "--convergence-stat", "p99"], "use `--convergence-metric`: `request_throughput` is one number, without a statistic `p99`")]
    #[case(&["--num-profile-runs", "2", "--overwrite"], "use `--overwrite` with several runs: an experiment has a new folder")]
    #[case(&["--num-profile-runs", "2", "--input-file", "-"], "use `--input-file -` with several runs: standard input can be read only once")]
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
