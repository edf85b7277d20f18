//! One request for a page: exports [`Client`]. Knows HTTP and what can go wrong with it, not when to scrape.

use std::{io, time::Duration};

use prony_plugin_api::{ErrorDetails, message::MetricFamily};
use ureq::{
    Agent,
    http::{Response, StatusCode},
};

use crate::prometheus;

/// A page that takes longer is not waited for: it would be late for the next scrape, too.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Below the 5 s after which uvicorn, under most Python servers, closes an idle connection: a scrape must not meet a
/// connection that is being closed.
const MAX_IDLE: Duration = Duration::from_secs(3);

/// No page is larger.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// An HTTP client for one page.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened.
    pub(crate) details: ErrorDetails,
    /// The server says that there is no such page: asking again is of no use.
    pub(crate) is_final: bool,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_idle_age(MAX_IDLE)
            .accept("text/plain;version=0.0.4;q=1,*/*;q=0.1")
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), url }
    }

    /// Asks for the page, and calls `answered` when the server has answered, before the page is read.
    pub(crate) fn get(&self, answered: impl FnOnce()) -> Result<Vec<MetricFamily>, Failure> {
        let answer = self.agent.get(&self.url).call();
        answered();
        let mut answer = answer.map_err(|error| transport_failure(&error))?;
        if !answer.status().is_success() {
            return Err(status_failure(&answer));
        }
        let body = answer.body_mut().with_config().limit(MAX_PAGE_BYTES).lossy_utf8(true).read_to_string();
        let page = body.map_err(|error| transport_failure(&error))?;
        prometheus::parse(&page).map_err(|error| {
            failure(
                "not_prometheus",
                error.to_string(),
                "give the address of a Prometheus page, such as `/metrics`",
            )
        })
    }
}

fn failure(kind: &str, message: String, hint: &str) -> Failure {
    let details =
        ErrorDetails { kind: kind.to_owned(), message, hint: hint.to_owned(), ..ErrorDetails::default() };
    Failure { details, is_final: false }
}

fn status_failure<T>(answer: &Response<T>) -> Failure {
    let status = answer.status();
    let is_final = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED]
        .contains(&status);
    let hint = if is_final {
        "the server has no such page; give another address, or switch the service off"
    } else {
        ""
    };
    let Failure { details, .. } = failure("http_status", status.to_string(), hint);
    Failure { details: ErrorDetails { code: Some(status.as_u16().into()), ..details }, is_final }
}

fn transport_failure(error: &ureq::Error) -> Failure {
    let kind = match error {
        ureq::Error::Timeout(_) => {
            let message = format!("no answer within {} s", TIMEOUT.as_secs());
            return failure("timeout", message, "");
        }
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                return failure(
                    "connection_refused",
                    "connection refused".to_owned(),
                    "is a server listening there?",
                );
            }
            _ => "connection",
        },
        ureq::Error::HostNotFound => "dns",
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "bad_url",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => "tls",
        _ => "transport",
    };
    failure(kind, error.to_string(), "")
}
