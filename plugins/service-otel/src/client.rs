//! The way to the collector: exports [`Client`]. Knows HTTP and what can go wrong with it.

use std::{fmt, io, time::Duration};

use prony_plugin_api::{ErrorDetails, PluginError, Result};
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
    /// `config`, when it is no URL.
    pub(crate) fn new(options: &Options) -> Result<Option<Self>> {
        if options.url.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(&options.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if url.is_none() {
            return Err(PluginError::config("send telemetry: `url` is no address of HTTP")
                .hint("write it as in `http://localhost:4318`"));
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
        let base = self.base.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = base.split_at(base.find("://").map_or(0, |at| at + "://".len()));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}{host}{path}")
    }

    /// Posts a request to the collector, which has `timeout` for it.
    ///
    /// # Errors
    /// It did not take it.
    pub(crate) fn post(&self, signal: Signal, body: &Value, timeout: Duration) -> Result<(), ErrorDetails> {
        let path = match signal {
            Signal::Metrics => "v1/metrics",
            Signal::Traces => "v1/traces",
        };
        let request = self.agent.post(format!("{}/{path}", self.base));
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.config().timeout_global(Some(timeout.min(TIMEOUT))).build();
        let answer = request.header("content-type", "application/json").send(body.to_string());
        let mut answer = answer.map_err(|error| failure(&error))?;
        let status = answer.status();
        if status.is_success() {
            return partial(&answer.body_mut().read_to_string().unwrap_or_default());
        }
        let hint = match status.as_u16() {
            401 | 403 => "give its key in `OTEL_EXPORTER_OTLP_HEADERS`, as `authorization=Bearer%20KEY`",
            404 | 405 => "give the base URL of an OTLP receiver over HTTP, as `http://localhost:4318`",
            415 => "it takes no JSON: put an OpenTelemetry collector in between",
            _ => "",
        };
        let code = Some(status.as_u16().into());
        Err(ErrorDetails { code, ..details("http_status", format!("it answers {status}"), hint) })
    }
}

/// A collector may take a request and refuse a part of it.
fn partial(body: &str) -> Result<(), ErrorDetails> {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return Ok(()) };
    let refused = &body["partialSuccess"];
    let count = |key: &str| {
        let count = &refused[key];
        count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap_or(0)
    };
    let count = count("rejectedSpans").max(count("rejectedDataPoints"));
    if count == 0 {
        return Ok(());
    }
    let why = refused["errorMessage"].as_str().unwrap_or("no reason given");
    Err(details("refused", format!("it refuses {count} of what it was sent: {why}"), ""))
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
    fn a_part_that_is_refused_is_a_failure() {
        assert!(partial("{}").is_ok() && partial("").is_ok() && partial(r#"{"partialSuccess":{}}"#).is_ok());
        let refused =
            partial(r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#).unwrap_err();
        assert_eq!(refused.message, "it refuses 3 of what it was sent: too old");
    }

    #[test]
    fn the_name_holds_no_secret() {
        let url = "http://me:pw@h:4318/otlp?key=x".to_owned();
        let client = Client::new(&Options { url, ..Options::default() }).unwrap().unwrap();
        assert_eq!(client.name(), "http://h:4318/otlp");
        assert!(Client::new(&Options::default()).unwrap().is_none());
        let wrong = Options { url: "localhost".into(), ..Options::default() };
        assert!(!Client::new(&wrong).unwrap_err().hint.is_empty());
    }
}
