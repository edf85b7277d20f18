//! What is wrong with what is asked for of several runs, and what to do about it.

use super::{design::MOST_RUNS, statistic};
use crate::{
    config::{keys::in_file, near::near, several::SeveralError, words::Setting},
    explain::Explain,
    metrics::catalogue::CATALOGUE,
};

/// What is wrong with what is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DesignError {
    #[error("read `{flag} {text}`: {reason}")]
    Values { flag: String, text: String, reason: SeveralError },
    #[error("read `--sweep {0}`: it is not `KEY=VALUES`")]
    NoSweep(String),
    #[error("read the value `{value}` of `--sweep`: it must have {count} parts, one for each setting")]
    NotTogether { value: String, count: usize },
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
    #[error("sweep over `--{0}`, which has a value of its own beside the sweep")]
    ValueBesideSweep(String),
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
    #[error("use `--best`: `{0}` is no direction")]
    NoDirection(String),
    #[error("use `--convergence-stat` with `--convergence-mode distribution`, which looks at all requests")]
    StatisticOfAll,
    #[error(
        "use `--convergence-mode distribution` with `--export-level summary`, which leaves no lines for requests"
    )]
    NoRequests,
    #[error(
        "use `--convergence-mode distribution` with `--convergence-metric {0}`: lines of requests have no value of it"
    )]
    NotOfRequests(&'static str),
    #[error(
        "use `--profile-run-disable-warmup-after-first` with `--{0}`, which measures the sessions of its warm-up"
    )]
    NeedsWarmup(&'static str),
    #[error("`--between` is empty")]
    EmptyCommand,
}

impl DesignError {
    /// The setting that it is about, by the name of its flag.
    pub(crate) fn setting(&self) -> &str {
        match self {
            Self::Values { flag, .. } => flag.trim_start_matches('-'),
            Self::NoSweep(_) | Self::NotTogether { .. } | Self::ValueBesideSweep(_) => "sweep",
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
            Self::NoDirection(_) => "best",
            Self::StatisticOfAll => "convergence-stat",
            Self::NoRequests | Self::NotOfRequests(_) => "convergence-mode",
            Self::NeedsWarmup(_) => "profile-run-disable-warmup-after-first",
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
            Self::NotTogether { .. } => {
                "put a `/` between its values, as in `--sweep isl/osl=128/64,512/256`".to_owned()
            }
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
            Self::ValueBesideSweep(name) => {
                format!("leave out `{}`, or that key of the sweep", in_file(name))
            }
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
                format!("use one of: {}", statistic::names())
            }
            Self::OneNumber { .. } => "leave out the statistic".to_owned(),
            Self::NoDirection(_) => "write `maximize` or `minimize`".to_owned(),
            Self::StatisticOfAll => "leave out `--convergence-stat`".to_owned(),
            Self::NoRequests => "leave out `--export-level`, or use another `--convergence-mode`".to_owned(),
            Self::NotOfRequests(_) => {
                format!("use one of: {}; or another `--convergence-mode`", usual_of_requests())
            }
            Self::NeedsWarmup(_) => "leave out `--profile-run-disable-warmup-after-first`".to_owned(),
            Self::EmptyCommand => "give a command, or leave it out".to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::Needs { .. } | Self::EmptyCommand)
    }
}

/// The metrics that a line of a request has, of those that a report shows first.
fn usual_of_requests() -> String {
    let usual = CATALOGUE.iter().filter(|metric| metric.shown && metric.is_of_lines());
    usual.map(|metric| format!("`{}`", metric.tag)).collect::<Vec<_>>().join(", ")
}

/// The result, if it is one. What is wrong goes to the rest of it.
pub(super) fn noted<T>(result: Result<T, DesignError>, errors: &mut Vec<DesignError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}
