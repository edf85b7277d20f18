//! From lists of values and variants to cells.

use super::{
    cell::Cell,
    design::MOST_RUNS,
    design_error::{DesignError, noted},
    variant::{Variant, variant},
};
use crate::config::{
    flags::{ExperimentFlags, PHASES, PhaseText, SweepType, experiment_settings},
    keys::{Keys, NO_SETTINGS, flag_name},
    phase_words::{PhasePath, setting_of_phase},
    redact,
    run_file::setting_of_path,
    several::{self, SeveralError, first_twice},
    words::{Setting, Shape, Words},
};

/// Settings that runs of one experiment have in common, and why.
const COMMON: [(&str, &str); 18] = [
    ("random-seed", "`--num-profile-runs` measures with several seeds"),
    ("artifact-dir", ONE_FOLDER),
    ("overwrite", ONE_FOLDER),
    ("api-key", NO_SECRETS),
    ("header", NO_SECRETS),
    ("server-metrics-header", NO_SECRETS),
    ("proxy", NO_SECRETS),
    ("otel-url", NO_SECRETS),
    ("nats", NO_SECRETS),
    ("nats-token", NO_SECRETS),
    ("plugins", ONE_HOST),
    ("plugin-policy", ONE_HOST),
    ("ui", ONE_HOST),
    ("format", ONE_HOST),
    ("quiet", ONE_HOST),
    ("dry-run", NOTHING_SENT),
    ("dry-run-output", NOTHING_SENT),
    (PHASES, "a phase's setting is swept by its path, as in `phases.NAME.concurrency=1,2`"),
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

/// Between the keys of settings that change together, and between their values: `isl/osl=128/64,512/256`.
const TOGETHER: char = '/';

/// Settings that change together, mostly one alone, and what they are in turn: a value for each.
struct Axis {
    settings: Vec<Setting>,
    values: Vec<Vec<String>>,
}

impl Axis {
    /// The settings, as an error names them: `--isl/--osl`.
    fn flags(&self) -> String {
        let flags = self.settings.iter().map(|setting| format!("--{}", setting.name));
        flags.collect::<Vec<_>>().join("/")
    }

    /// The settings at a place of the values.
    fn at(&self, at: usize) -> impl Iterator<Item = (Setting, String)> {
        self.settings.iter().cloned().zip(self.values[at].iter().cloned())
    }
}

/// The cells that settings and flags mean.
pub(super) fn cells(base: &Words, flags: &ExperimentFlags, errors: &mut Vec<DesignError>) -> Vec<Cell> {
    let axes = axes(base, flags, errors);
    if !flags.variant.is_empty() {
        if !axes.is_empty() {
            errors.push(DesignError::VariantsAndLists);
        }
        if let [_] = flags.variant[..] {
            errors.push(DesignError::OneVariant);
        }
        return variants(&flags.variant, &base.phases(), errors);
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
    let (keys, phases) = (Keys::all(), base.phases());
    for (name, text) in base.lists() {
        let flag = format!("--{name}");
        let listed = keys.find(name).map(|key| axis(vec![key.setting()], &flag, text));
        axes.extend(listed.and_then(|listed| noted(listed, errors)));
    }
    for text in &flags.sweep {
        let swept = match text.split_once('=') {
            Some((together, values)) => together
                .split(TOGETHER)
                .map(|key| setting("--sweep", key, &keys, &phases))
                .collect::<Result<Vec<_>, _>>()
                .and_then(|settings| axis(settings, "--sweep", values)),
            None => Err(DesignError::NoSweep(text.clone())),
        };
        axes.extend(noted(swept, errors));
    }
    let names: Vec<&String> =
        axes.iter().flat_map(|axis| &axis.settings).map(|setting| &setting.name).collect();
    errors.extend(first_twice(&names).map(|at| DesignError::Twice(names[at].clone())));
    let lists = base.lists();
    let has_value =
        |name: &&&String| base.get(name).is_some() && !lists.iter().any(|(listed, _)| listed == *name);
    errors.extend(names.iter().filter(has_value).map(|name| DesignError::ValueBesideSweep((*name).clone())));
    axes
}

/// The names of the settings that a value of `--sweep` is over, as far as it is known what they are; as they are written otherwise.
pub(crate) fn settings_of_sweep(text: &str) -> Vec<String> {
    let Some((together, _)) = text.split_once('=') else { return Vec::new() };
    let keys = Keys::all();
    let name = |key: &str| {
        setting("--sweep", key, &keys, &[]).map_or_else(|_| flag_name(key.trim()), |setting| setting.name)
    };
    together.split(TOGETHER).map(name).collect()
}

/// An axis of these settings, of which there is one at least.
fn axis(settings: Vec<Setting>, flag: &str, text: &str) -> Result<Axis, DesignError> {
    settings.iter().try_for_each(check_common)?;
    let reason = |reason| DesignError::Values { flag: flag.to_owned(), text: text.to_owned(), reason };
    let values = several::values(text).map_err(reason)?;
    let parts = |value: String| match settings.len() {
        1 => Ok(vec![value]),
        count => {
            let parts: Vec<String> = value.split(TOGETHER).map(|part| part.trim().to_owned()).collect();
            let fits = parts.len() == count && parts.iter().all(|part| !part.is_empty());
            if fits { Ok(parts) } else { Err(DesignError::NotTogether { value, count }) }
        }
    };
    let values = values.into_iter().map(parts).collect::<Result<Vec<_>, _>>()?;
    // Spaces beside `/` are gone only now.
    if let Some(at) = first_twice(&values) {
        return Err(reason(SeveralError::Twice(values[at].join(TOGETHER.to_string().as_str()))));
    }
    for value in &values {
        settings.iter().zip(value).try_for_each(|(setting, value)| check_value(setting, value))?;
    }
    Ok(Axis { settings, values })
}

/// The setting that a key means: a name of it, that of one of these phases, or its path in a file of AIPerf's.
fn setting(flag: &'static str, key: &str, keys: &Keys, phases: &[PhaseText]) -> Result<Setting, DesignError> {
    let key = key.trim();
    let unknown = || DesignError::UnknownKey { flag, key: key.to_owned() };
    if let Some((phase, key)) = of_phase(key, phases) {
        let key = setting_of_phase(keys, key).ok_or_else(unknown)?;
        let name = format!("{PHASES}.{}.{}", phase.name, key.name);
        return Ok(Setting { name, ..key.setting() });
    }
    let name = flag_name(key);
    if NO_SETTINGS.contains(&name.as_str()) {
        return Err(DesignError::Common { name, reason: NO_VALUES });
    }
    let other = || OTHER_KEYS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
    let ours = if key.contains('.') { setting_of_path(key) } else { Some(other().unwrap_or(key)) };
    let found = ours.and_then(|ours| keys.find(ours));
    let setting = found.ok_or_else(unknown)?.setting();
    check_common(&setting).map(|()| setting)
}

/// The phase that a path begins with, and the key behind it; nothing where there is no such phase.
fn of_phase<'a>(path: &'a str, phases: &'a [PhaseText]) -> Option<(&'a PhaseText, &'a str)> {
    let PhasePath { phase, key } = PhasePath::of(path)?;
    let phase = phases.iter().find(|text| text.is_called(phase))?;
    let name = flag_name(key);
    Some((phase, OTHER_KEYS.iter().find(|(theirs, _)| *theirs == name).map_or(key, |(_, ours)| ours)))
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
        let mut places: Vec<usize> = Vec::new();
        for axis in axes.iter().rev() {
            places.push(rest % axis.values.len());
            rest /= axis.values.len();
        }
        let places = places.into_iter().rev();
        Cell::new(None, axes.iter().zip(places).flat_map(|(axis, at)| axis.at(at)).collect())
    };
    (0..count).map(cell).collect()
}

fn zip(axes: &[Axis], errors: &mut Vec<DesignError>) -> Vec<Cell> {
    let length = axes.first().map_or(0, |axis| axis.values.len());
    if axes.iter().any(|axis| axis.values.len() != length) {
        let lengths = axes.iter().map(|axis| format!("`{}` has {}", axis.flags(), axis.values.len()));
        errors.push(DesignError::Lengths(lengths.collect::<Vec<_>>().join(", ")));
        return vec![Cell::only()];
    }
    let cell = |at: usize| Cell::new(None, axes.iter().flat_map(|axis| axis.at(at)).collect());
    (0..length).map(cell).collect()
}

fn variants(texts: &[String], phases: &[PhaseText], errors: &mut Vec<DesignError>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for text in texts {
        let Some(cell) = noted(named_cell(text, phases), errors) else { continue };
        if cells.iter().any(|other| other.name.eq_ignore_ascii_case(&cell.name)) {
            errors.push(DesignError::VariantTwice(cell.label()));
        }
        cells.push(cell);
    }
    cells
}

fn named_cell(text: &str, phases: &[PhaseText]) -> Result<Cell, DesignError> {
    let Variant { name, values } = variant(text).ok_or_else(|| DesignError::NoVariant(text.to_owned()))?;
    if redact::shown(&name) != name {
        return Err(DesignError::SecretName);
    }
    let keys = Keys::all();
    let mut settings: Vec<(Setting, String)> = Vec::new();
    for (key, value) in values {
        let setting = setting("--variant", &key, &keys, phases)?;
        check_value(&setting, &value)?;
        if settings.iter().any(|(other, _)| *other == setting) {
            return Err(DesignError::Twice(setting.name));
        }
        settings.push((setting, value));
    }
    Ok(Cell::new(Some(name), settings))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("phases.warmup.concurrency", "warmup-concurrency")]
    #[case("phases.profiling.concurrency", "concurrency")]
    #[case("benchmark.phases.profiling.gracePeriod", "benchmark-grace-period")]
    #[case("datasets.main.prompts.isl", "isl")]
    #[case("dataset.prompts.osl.stddev", "osl-stddev")]
    #[case("rate_ramp", "request-rate-ramp-duration")]
    #[case("HTTP2", "http2")]
    fn a_path_of_aiperf_means_one_setting(#[case] path: &str, #[case] expected: &str) {
        let setting = setting("--sweep", path, &Keys::all(), &[]).unwrap();
        assert_eq!(setting.name, expected);
    }

    #[rstest]
    #[case("phases.my_peak.concurrency", Some("phases.my_peak.concurrency"))]
    #[case("phases.my-peak.rate", Some("phases.my_peak.request-rate"))]
    #[case("benchmark.phases.myPeak.requestRate", Some("phases.my_peak.request-rate"))]
    #[case("phases.profiling.rate", Some("request-rate"))]
    #[case("phases.my_peak.isl", None)]
    #[case("phases.other.concurrency", None)]
    fn a_path_means_the_setting_of_one_phase(#[case] path: &str, #[case] expected: Option<&str>) {
        let phases = [PhaseText { name: "my_peak".to_owned(), ..PhaseText::default() }];
        let setting = setting("--sweep", path, &Keys::all(), &phases);
        assert_eq!(setting.ok().map(|setting| setting.name).as_deref(), expected);
    }
}
