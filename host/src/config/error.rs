//! Why flags are refused that are each well formed, and what to do about it.

use super::{
    endpoint_options::{self, EndpointOptionError},
    pairs::PairError,
    services::{self, ServiceOptionError},
    size::SizeError,
    url::UrlError,
};
use crate::plan::RampError;

/// Why flags cannot become a configuration. Always the user's to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Nothing to put into the requests' model field.
    #[error("`--model` is empty")]
    NoModel,
    /// A key that is set to nothing, as an unset secret of a pipeline leaves it.
    #[error("the API key is empty: `{by}` is set to nothing")]
    EmptyKey {
        /// The flag or variable.
        by: &'static str,
    },
    /// AIPerf would spread the load over them.
    #[error("use the models `{}`: prony measures one model a run", .models.join("`, `"))]
    SeveralModels {
        /// As typed.
        models: Vec<String>,
    },
    /// A flag that means nothing alone.
    #[error("use `{flag}` without `{needs}`")]
    Needs {
        /// The flag.
        flag: &'static str,
        /// What must stand beside it.
        needs: &'static str,
    },
    /// Two flags of which one would have no effect.
    #[error("use `{flag}` together with `{with}`: {reason}")]
    Clash {
        /// The flag.
        flag: &'static str,
        /// The other one.
        with: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// `--streaming` with a dialect that answers in one piece.
    #[error("stream from the endpoint `{endpoint}`: its responses come in one piece")]
    CannotStream {
        /// The dialect.
        endpoint: String,
    },
    /// A token length for a dialect without tokens on that side.
    #[error("use `{flag}` with the endpoint `{endpoint}`: its {side} is not counted in tokens")]
    NoTokens {
        /// The flag.
        flag: &'static str,
        /// The dialect.
        endpoint: String,
        /// Input or output.
        side: &'static str,
    },
    /// Content that does not fit into memory.
    #[error(transparent)]
    TooLarge(#[from] SizeError),
    /// Content that a dialect of rankings has no place for.
    #[error("use `{flag}` with the endpoint `{endpoint}`: it is sent a query and passages")]
    Ranks {
        /// The flag.
        flag: &'static str,
        /// The dialect.
        endpoint: String,
    },
    /// Passages for a dialect that has no place for them.
    #[error("use `{flag}` with the endpoint `{endpoint}`: it ranks no passages")]
    NoPassages {
        /// The flag.
        flag: &'static str,
        /// The dialect.
        endpoint: String,
    },
    /// Whole bodies for an API format whose requests are forms.
    #[error("send payloads from a file with the endpoint `{endpoint}`: its requests are forms, and no JSON")]
    NoPayloads {
        /// The dialect.
        endpoint: String,
    },
    /// Media for a dialect that has no place for them.
    #[error("use `{flag}` with the endpoint `{endpoint}`: it takes no {medium}")]
    NoMedia {
        /// The flag.
        flag: &'static str,
        /// Images or audio.
        medium: &'static str,
        /// The dialect.
        endpoint: String,
    },
    /// A name and password in a URL, and another login beside it.
    #[error("log in to the server: credentials in `--url` contradict {other}")]
    TwoLogins {
        /// Where the other one is.
        other: &'static str,
    },
    /// Connections that are opened ahead and cannot be used.
    #[error("open connections ahead with `{other}`")]
    Preconnect {
        /// The flag that forbids it.
        other: &'static str,
    },
    /// A proxy that cannot be used.
    #[error("use the proxy `{url}` of `{by}`: {reason}")]
    Proxy {
        /// The flag or variable that names it.
        by: &'static str,
        /// Its address, without secrets.
        url: String,
        /// Why not.
        reason: String,
        /// What would do.
        hint: &'static str,
    },
    /// A load that is no curve.
    #[error(transparent)]
    Ramp(#[from] RampError),
    /// An address that is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A header or an extra input that is none.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// An option of a service that is none.
    #[error(transparent)]
    ServiceOption(#[from] ServiceOptionError),
    /// Text that is no option of the endpoint.
    #[error(transparent)]
    EndpointOption(#[from] EndpointOptionError),
}

impl ConfigError {
    /// Whether the text says what is wrong, rather than what was tried.
    pub(crate) fn is_statement(&self) -> bool {
        match self {
            Self::NoModel | Self::EmptyKey { .. } => true,
            Self::Url(error) => error.is_statement(),
            _ => false,
        }
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoPayloads { .. } => "leave out `--custom-dataset-type raw-payload`: rows of `--input-file` may hold texts, images and audio".to_owned(),
            Self::NoModel => {
                "add `--model NAME`, or try `prony profile --mock`, which needs no server".to_owned()
            }
            Self::EmptyKey { by } => format!(
                "give `{by}` the key that the server takes, or do not set it where the server wants none"
            ),
            Self::SeveralModels { .. } => "run `prony profile` once for each model".to_owned(),
            Self::Needs { flag, needs } => format!("add `{needs}`, or leave out `{flag}`"),
            Self::Clash { flag, with, .. } => format!("leave out `{flag}` or `{with}`"),
            Self::CannotStream { .. } => "leave out `--streaming`".to_owned(),
            Self::Ranks { .. } => "use `--rankings-query-prompt-token-mean`, `--rankings-passages-mean` and \
                                   `--rankings-passages-prompt-token-mean`"
                .to_owned(),
            Self::NoPassages { flag, .. } | Self::NoTokens { flag, .. } => format!("leave out `{flag}`"),
            Self::NoMedia { flag, .. } => {
                format!(
                    "leave out `{flag}`, or choose an endpoint that does: `prony plugins endpoint NAME` says what each takes"
                )
            }
            Self::TwoLogins { .. } => "give the credentials in one place".to_owned(),
            Self::Preconnect { other } => format!("leave out `{other}` or `--preconnect`"),
            Self::Proxy { hint, .. } => (*hint).to_owned(),
            Self::Ramp(_) => "give `--request-rate` a number above 0".to_owned(),
            Self::Url(error) => error.hint(),
            Self::TooLarge(error) => error.hint(),
            Self::Pair(error) => error.hint(),
            Self::ServiceOption(_) => services::EXAMPLE.to_owned(),
            Self::EndpointOption(_) => endpoint_options::EXAMPLE.to_owned(),
        }
    }
}
