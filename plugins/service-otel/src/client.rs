//! The way to the collector: exports [`Client`]. Knows HTTP and what can go wrong with it.

use std::{fmt, io, time::Duration};

use prony_plugin_api::{ErrorDetails, PluginError, Result, collector::without_secrets};
use serde_json::Value;
use ureq::Agent;
use url::Url;

use crate::options::Options;

/// A collector that takes longer is not waited for.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Metrics,
    Traces,
}

impl Signal {
    /// Where it is sent, below the collector's base URL.
    fn path(self) -> &'static str {
        match self {
            Self::Metrics => "v1/metrics",
            Self::Traces => "v1/traces",
        }
    }
}

/// What became of a request to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The collector has it.
    Taken {
        /// But for so many spans or data points, which must not be sent again.
        refused: u64,
    },
    /// It is refused for good, and must not be sent again.
    Refused,
    /// The collector may take it later.
    Busy,
    /// The collector did not answer, or not in time. It may be sent later; now nothing else would arrive, either.
    Unreached,
}

/// The same, and what is wrong, where something is.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) fate: Fate,
    pub(crate) error: Option<ErrorDetails>,
}

/// A client of one collector.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    headers: Vec<(String, String)>,
}

/// Shows no headers: they may be secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// The client of the collector that the options name; none where they name none.
    ///
    /// # Errors
    /// `config`, when it is no URL that a path can be appended to.
    pub(crate) fn new(options: &Options) -> Result<Option<Self>> {
        if options.url.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(&options.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url else {
            return Err(PluginError::config("send telemetry: `url` is no address of HTTP")
                .hint("write it as in `http://localhost:4318`"));
        };
        // A path is appended to it.
        if url.query().is_some() || url.fragment().is_some() {
            return Err(PluginError::config("send telemetry: `url` has a query or a fragment").hint(
                "leave out what stands from `?` or `#` on, and give keys in `OTEL_EXPORTER_OTLP_HEADERS`, as \
                 `authorization=Bearer%20KEY`",
            ));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .build();
        let headers = options.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let base = options.url.trim_end_matches('/').to_owned();
        Ok(Some(Self { agent: config.into(), base, headers }))
    }

    /// The collector's address, without what may be secret.
    pub(crate) fn name(&self) -> String {
        without_secrets(&self.base)
    }

    /// Posts a request to the collector, which has `timeout` for it.
    pub(crate) fn post(&self, signal: Signal, body: &Value, timeout: Duration) -> Answer {
        let path = signal.path();
        let request = self.agent.post(format!("{}/{path}", self.base));
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.config().timeout_global(Some(timeout.min(TIMEOUT))).build();
        let answer = request.header("content-type", "application/json").send(body.to_string());
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Answer { fate: Fate::Unreached, error: Some(failure(&error)) },
        };
        let status = answer.status();
        if status.is_success() {
            return partial(&answer.body_mut().read_to_string().unwrap_or_default());
        }
        let message = format!("it answers `/{path}` with {status}");
        let code = Some(status.as_u16().into());
        let error = ErrorDetails { code, ..details("http_status", message, hint(signal, status.as_u16())) };
        Answer { fate: fate(status.as_u16()), error: Some(error) }
    }
}

/// What a collector that answers with an error thinks of another try.
/// Source: <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>.
fn fate(status: u16) -> Fate {
    match status {
        429 | 502 | 503 | 504 => Fate::Busy,
        _ => Fate::Refused,
    }
}

fn hint(signal: Signal, status: u16) -> &'static str {
    match (status, signal) {
        (401 | 403, _) => "give its key in `OTEL_EXPORTER_OTLP_HEADERS`, as `authorization=Bearer%20KEY`",
        (404 | 405, Signal::Metrics) => {
            "either it takes spans only, or its address is wrong: give the base URL of an OTLP receiver over HTTP, as \
             `http://localhost:4318`"
        }
        (404 | 405, Signal::Traces) => {
            "either it takes metrics only (`--otel-spans none` sends no spans), or its address is wrong: give the base URL of an \
             OTLP receiver over HTTP, as `http://localhost:4318`"
        }
        (415, _) => "it takes no JSON: put an OpenTelemetry collector in between",
        _ => "",
    }
}

/// A collector may take a request and refuse a part of it.
/// Source: <https://opentelemetry.io/docs/specs/otlp/#partial-success-1>.
fn partial(body: &str) -> Answer {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let partial = &body["partialSuccess"];
    let count = |key: &str| {
        let count = &partial[key];
        count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap_or(0)
    };
    let refused = count("rejectedSpans").max(count("rejectedDataPoints"));
    let error = (refused > 0).then(|| {
        let why = partial["errorMessage"].as_str().unwrap_or("no reason given");
        details("refused", format!("it refuses {refused} of what it was sent: {why}"), "")
    });
    Answer { fate: Fate::Taken { refused }, error }
}

fn failure(error: &ureq::Error) -> ErrorDetails {
    let kind = match error {
        ureq::Error::Timeout(_) => return details("timeout", "no response in time".to_owned(), ""),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return details(
                "connection_refused",
                "connection refused".to_owned(),
                "is a collector listening there?",
            );
        }
        ureq::Error::Io(_) => "connection",
        ureq::Error::HostNotFound => "dns",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => "tls",
        _ => "transport",
    };
    details(kind, error.to_string(), "")
}

fn details(kind: &str, message: String, hint: &str) -> ErrorDetails {
    ErrorDetails { kind: kind.to_owned(), message, hint: hint.to_owned(), ..ErrorDetails::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_refused_is_counted() {
        for whole in ["", "{}", r#"{"partialSuccess":{}}"#] {
            let answer = partial(whole);
            assert_eq!((answer.fate, answer.error.is_none()), (Fate::Taken { refused: 0 }, true), "{whole}");
        }
        let answer = partial(r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#);
        assert_eq!(answer.fate, Fate::Taken { refused: 3 });
        assert_eq!(answer.error.unwrap().message, "it refuses 3 of what it was sent: too old");
    }

    #[test]
    fn only_a_busy_collector_is_sent_the_same_again() {
        assert_eq!([429, 502, 503, 504].map(fate), [Fate::Busy; 4]);
        assert_eq!([400, 401, 404, 413, 500].map(fate), [Fate::Refused; 5]);
    }

    #[test]
    fn the_name_holds_no_secret() {
        let url = "http://me:pw@h:4318/otlp".to_owned();
        let client = Client::new(&Options { url, ..Options::default() }).unwrap().unwrap();
        assert_eq!(client.name(), "http://h:4318/otlp");
        assert!(Client::new(&Options::default()).unwrap().is_none());
    }

    #[test]
    fn an_address_that_no_path_can_be_appended_to_is_refused() {
        for url in ["localhost", "http://h:4318/?key=topsecret", "http://h:4318/#topsecret"] {
            let error = Client::new(&Options { url: url.to_owned(), ..Options::default() }).unwrap_err();
            assert!(!error.hint.is_empty(), "{url}");
            assert!(!error.to_string().contains("topsecret"), "{error}");
        }
    }
}
