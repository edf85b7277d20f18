//! Why settings are refused that are each well formed, and what to do about it.

use std::{error::Error, fmt};

use super::{
    class::ClassError,
    endpoint_options::{self, EndpointOptionError},
    export_error::PrefixError,
    goodput::ObjectiveError,
    hook_error::HookError,
    keys::in_file,
    machines_error::MachinesError,
    pairs::PairError,
    price::PriceError,
    services::{self, ServiceOptionError},
    size::SizeError,
    slo::RunObjectiveError,
    spec::{Flag, Origin},
    telemetry_error::TelemetryError,
    url::UrlError,
};
use crate::{explain::Explain, plan::RampError};

/// A setting as an error names it, with the value that matters, if only one does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    name: Origin,
    value: Option<&'static str>,
}

impl Said {
    /// The setting with this value, as it is typed.
    pub(super) fn with_value(name: Origin, value: &'static str) -> Self {
        Self { name, value: Some(value) }
    }

    /// What the user leaves out to be rid of it.
    fn to_leave_out(self) -> Self {
        match self.name {
            Origin::Scenario(..) => self.name.to_leave_out().into(),
            _ => self,
        }
    }
}

impl From<Origin> for Said {
    fn from(name: Origin) -> Self {
        Self { name, value: None }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => f.write_str(&self.name.with_value(&value)),
            None => self.name.fmt(f),
        }
    }
}

/// An address that is none, and the setting that has it.
#[derive(Debug)]
pub(crate) struct NamedUrlError {
    pub(super) by: Origin,
    pub(super) error: UrlError,
}

impl fmt::Display for NamedUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for NamedUrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// The texts of several errors in one line.
fn joined(first: &ConfigError, others: &[ConfigError]) -> String {
    let all = std::iter::once(first).chain(others);
    all.map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Everything that is wrong with what the user asks for. Always the user's to change.
#[derive(Debug, thiserror::Error)]
#[error("{}", joined(.first, .others))]
pub(crate) struct ConfigErrors {
    /// The first one.
    pub(crate) first: Box<ConfigError>,
    /// The others, in the order of the flags in the help.
    pub(crate) others: Vec<ConfigError>,
}

/// Why settings cannot become a plan. Always the user's to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Something that is wrong with one of several phases.
    #[error("in the phase `{name}`: {}{error}", if .error.is_statement() { "" } else { "failed to " })]
    InPhase { name: String, error: Box<ConfigError> },
    /// Nothing to put into the requests' model field.
    #[error("`{by}` is empty")]
    NoModel { by: Origin },
    /// A key that is set to nothing, as an unset secret of a pipeline leaves it.
    #[error("the API key is empty: `{by}` is set to nothing")]
    EmptyKey { by: Origin },
    /// Sessions are dealt to models by their places in the list.
    #[error("use the model `{model}` twice: `{by}` names it more than once")]
    ModelTwice { by: Origin, model: String },
    /// Text that is no class.
    #[error(transparent)]
    Class(#[from] ClassError),
    /// Text that is no objective of the run.
    #[error("read `{by}`: {error}")]
    Objective { by: Origin, error: ObjectiveError },
    /// Text that is no objective of the run as a whole.
    #[error("read `{by}`: {error}")]
    RunObjective { by: Origin, error: RunObjectiveError },
    /// Text that is no price.
    #[error("read `{by}`: {error}")]
    Price { by: Origin, error: PriceError },
    /// A setting that means nothing alone.
    #[error("`{flag}` requires `{needs}`")]
    Needs {
        flag: Origin,
        /// What must stand beside it.
        needs: Flag,
    },
    /// Two settings of which one would have no effect.
    #[error("use `{flag}` together with `{with}`: {reason}")]
    Clash {
        flag: Said,
        /// The other one.
        with: Said,
        reason: &'static str,
    },
    /// `--streaming` with an API format that answers in one piece.
    #[error("stream from the endpoint `{endpoint}`: its responses come in one piece")]
    CannotStream { by: Origin, endpoint: String },
    /// A token length for an API format without tokens on that side.
    #[error("use `{flag}` with the endpoint `{endpoint}`: its {side} is not counted in tokens")]
    NoTokens {
        flag: Origin,
        endpoint: String,
        /// Input or output.
        side: &'static str,
    },
    /// Content that does not fit into memory.
    #[error(transparent)]
    TooLarge(#[from] SizeError),
    /// Content that an API format of rankings has no place for.
    #[error("use `{flag}` with the endpoint `{endpoint}`: it is sent a query and passages")]
    Ranks { flag: Origin, endpoint: String },
    /// Passages for an API format that has no place for them.
    #[error("use `{flag}` with the endpoint `{endpoint}`: it ranks no passages")]
    NoPassages { flag: Origin, endpoint: String },
    /// Whole bodies for an API format whose requests are forms.
    #[error("send payloads from a file with the endpoint `{endpoint}`: its requests are forms, and no JSON")]
    NoPayloads { endpoint: String },
    /// Media for an API format that has no place for them.
    #[error("use `{flag}` with the endpoint `{endpoint}`: it takes no {medium}")]
    NoMedia {
        flag: Origin,
        /// Images or audio.
        medium: &'static str,
        endpoint: String,
    },
    /// Messages of a system or a user for an API format that has no place for them.
    #[error(
        "use `{flag}` with the endpoint `{endpoint}`: it has no place for messages in front of the prompt"
    )]
    NoMessages { flag: Origin, endpoint: String },
    /// A name and password in a URL, and another login beside it.
    #[error("log in to the server: credentials in `{url}` contradict {other}")]
    TwoLogins {
        /// The setting with the URL.
        url: Origin,
        /// Where the other one is.
        other: String,
    },
    /// Connections that are opened ahead and cannot be used.
    #[error("open connections ahead with `{other}`")]
    Preconnect {
        by: Origin,
        /// What forbids it.
        other: Said,
    },
    /// A proxy that cannot be used.
    #[error("use the proxy `{url}` of `{by}`: {reason}")]
    Proxy {
        /// What names it.
        by: Origin,
        /// Its address, without secrets.
        url: String,
        reason: String,
        /// What would do.
        hint: &'static str,
    },
    /// A rate that is none.
    #[error(transparent)]
    Ramp(#[from] RampError),
    /// An address that is none.
    #[error(transparent)]
    Url(NamedUrlError),
    /// A header or an extra input that is none.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// An option of a service that is none.
    #[error(transparent)]
    ServiceOption(#[from] ServiceOptionError),
    /// A source or an attribute of telemetry that is none.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// A command around a run or a phase that is none.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// Text that no name of a file can begin with.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// Text that is no option of the endpoint.
    #[error(transparent)]
    EndpointOption(#[from] EndpointOptionError),
    /// Agents that a run cannot have, or no way to them.
    #[error(transparent)]
    Machines(#[from] MachinesError),
}

impl ConfigError {
    /// Whether it may be wrong only because these settings are missing, which could not be read.
    pub(crate) fn follows_from(&self, unclear: &[String]) -> bool {
        match self {
            Self::Needs { needs, .. } => unclear.iter().any(|name| name == needs.name()),
            Self::InPhase { error, .. } => error.follows_from(unclear),
            _ => false,
        }
    }

    /// Whether it is about one value of a setting that may have several: the others may be wrong for other reasons.
    pub(super) fn is_of_one_value(&self) -> bool {
        match self {
            Self::InPhase { error, .. } => error.is_of_one_value(),
            Self::Class(_)
            | Self::Objective { .. }
            | Self::RunObjective { .. }
            | Self::Price { .. }
            | Self::ModelTwice { .. }
            | Self::Url(_)
            | Self::Pair(_)
            | Self::ServiceOption(_)
            | Self::EndpointOption(_)
            | Self::Telemetry(_)
            | Self::Hook(_) => true,
            _ => false,
        }
    }

    /// The setting that it is about, if it is one.
    pub(super) fn origin(&self) -> Option<Origin> {
        match self {
            Self::InPhase { error, .. } => error.origin(),
            Self::NoModel { by }
            | Self::EmptyKey { by }
            | Self::ModelTwice { by, .. }
            | Self::Objective { by, .. }
            | Self::RunObjective { by, .. }
            | Self::Price { by, .. }
            | Self::CannotStream { by, .. }
            | Self::Preconnect { by, .. }
            | Self::Proxy { by, .. } => Some(*by),
            Self::Url(error) => Some(error.by),
            Self::Class(error) => Some(error.by),
            Self::Needs { flag, .. }
            | Self::NoTokens { flag, .. }
            | Self::Ranks { flag, .. }
            | Self::NoPassages { flag, .. }
            | Self::NoMessages { flag, .. }
            | Self::NoMedia { flag, .. } => Some(*flag),
            Self::Clash { flag, .. } => Some(flag.name),
            Self::TwoLogins { url, .. } => Some(*url),
            Self::Pair(error) => Some(error.origin()),
            Self::ServiceOption(error) => Some(error.by),
            Self::EndpointOption(error) => Some(error.by),
            Self::Hook(error) => Some(error.origin()),
            Self::Prefix(error) => Some(error.by),
            Self::Telemetry(error) => Some(error.origin()),
            Self::Machines(error) => Some(error.origin()),
            Self::NoPayloads { .. } | Self::TooLarge(_) | Self::Ramp(_) => None,
        }
    }
}

impl Explain for ConfigError {
    fn hint(&self) -> String {
        match self {
            // A typed flag stands over all phases.
            Self::InPhase { name, error } => match &**error {
                Self::Needs { needs, .. } => {
                    format!("set `{}` in the phase `{name}`, or leave out the other one", in_file(needs.name()))
                }
                error => error.hint(),
            },
            Self::NoPayloads { .. } => "leave out `--custom-dataset-type raw-payload`: rows of `--input-file` may hold texts, images and audio".to_owned(),
            Self::NoModel { by } => {
                format!("add `{by} NAME`, or try `prony profile --mock`, which needs no server")
            }
            Self::EmptyKey { by } => format!(
                "give `{by}` the key that the server takes, or do not set it where the server wants none"
            ),
            Self::ModelTwice { .. } => {
                "name it once; for unequal shares use `--class` once for each model, with `share` and `model`".to_owned()
            }
            Self::Class(error) => error.hint(),
            Self::Objective { error, .. } => error.hint(),
            Self::RunObjective { error, .. } => error.hint(),
            Self::Price { error, .. } => error.hint(),
            Self::Needs { flag, needs } => format!("add `{needs}`, or leave out `{}`", flag.to_leave_out()),
            Self::Clash { flag, with, .. } => {
                format!("leave out `{}` or `{}`", flag.to_leave_out(), with.to_leave_out())
            }
            Self::CannotStream { by, .. } => format!("leave out `{}`", by.to_leave_out()),
            Self::Ranks { .. } => "use `--rankings-query-prompt-token-mean`, `--rankings-passages-mean` and \
                                   `--rankings-passages-prompt-token-mean`"
                .to_owned(),
            Self::NoPassages { flag, .. } | Self::NoTokens { flag, .. } => {
                format!("leave out `{}`", flag.to_leave_out())
            }
            Self::NoMessages { flag, .. } => {
                format!("leave out `{}`, or use `--endpoint-type chat`", flag.to_leave_out())
            }
            Self::NoMedia { flag, .. } => {
                format!(
                    "leave out `{}`, or choose an endpoint that does: `prony plugins endpoint NAME` says what each takes",
                    flag.to_leave_out()
                )
            }
            Self::TwoLogins { .. } => "give the credentials in one place".to_owned(),
            Self::Preconnect { by, other } => format!("leave out `{other}` or `{by}`"),
            Self::Proxy { hint, .. } => (*hint).to_owned(),
            Self::Ramp(_) => "give `--request-rate` a number above 0".to_owned(),
            Self::Url(named) => named.error.hint(),
            Self::TooLarge(error) => error.hint(),
            Self::Pair(error) => error.hint(),
            Self::Hook(error) => error.hint(),
            Self::Prefix(error) => error.hint(),
            Self::Telemetry(error) => error.hint(),
            Self::Machines(error) => error.hint(),
            Self::ServiceOption(_) => services::EXAMPLE.to_owned(),
            Self::EndpointOption(_) => endpoint_options::EXAMPLE.to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        match self {
            Self::InPhase { .. } | Self::NoModel { .. } | Self::EmptyKey { .. } | Self::Needs { .. } => true,
            Self::Url(named) => named.error.is_statement(),
            Self::Hook(error) => error.is_statement(),
            Self::Machines(error) => error.is_statement(),
            _ => false,
        }
    }
}
