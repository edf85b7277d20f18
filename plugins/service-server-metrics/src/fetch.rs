//! One request for a page: exports [`Client`]. Knows HTTP and what can go wrong with it, not when to scrape.

use std::{fmt, io, time::Duration};

use prony_plugin_api::{
    ErrorDetails,
    message::MetricFamily,
    prometheus::{self, ParseError},
};
use ureq::{
    Agent, Body,
    http::{Response, StatusCode, header::LOCATION},
    tls::TlsConfig,
};
use url::Url;

use crate::secrets::Secrets;

/// A page that takes longer is not waited for: it would be late for the next scrape, too.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Below the 5 s after which uvicorn, under most Python servers, closes an idle connection: a scrape must not meet a
/// connection that is being closed.
const MAX_IDLE: Duration = Duration::from_secs(3);

/// No page is larger.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// A server may have moved its page; longer ways are a loop.
const MAX_REDIRECTS: usize = 5;

/// An HTTP client for one page.
pub(crate) struct Client {
    agent: Agent,
    /// The same for other servers than that of the page: they get neither its headers nor its trust.
    elsewhere: Agent,
    url: String,
    headers: Vec<(String, String)>,
    secrets: Secrets,
}

/// Shows no headers: they may be secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) details: ErrorDetails,
    /// The server says that there is no such page: asking again is of no use.
    pub(crate) is_final: bool,
}

impl Client {
    /// A client that sends these headers with each scrape.
    pub(crate) fn new(url: String, headers: Vec<(String, String)>, tls: TlsConfig) -> Self {
        let (agent, elsewhere) = (agent(tls), agent(TlsConfig::default()));
        let secrets = Secrets::of(&headers);
        Self { agent, elsewhere, url, headers, secrets }
    }

    /// Asks for the page, and calls `answered` when the server has answered, before the page is read.
    pub(crate) fn get(&self, answered: impl FnOnce()) -> Result<Vec<MetricFamily>, Failure> {
        let answer = self.ask();
        answered();
        let mut answer = answer.map_err(|error| transport_failure(&error))?;
        if !answer.status().is_success() {
            return Err(status_failure(&answer));
        }
        let body = answer.body_mut().with_config().limit(MAX_PAGE_BYTES).lossy_utf8(true).read_to_string();
        let page = body.map_err(|error| transport_failure(&error))?;
        prometheus::parse(&page).map_err(|error| {
            let error = ParseError { text: self.secrets.take_out(&error.text), ..error };
            failure(
                "not_prometheus",
                error.to_string(),
                "give the address of a Prometheus page, such as `/metrics`",
            )
        })
    }

    /// Asks for the page, wherever its server has moved it to. The headers go to no other server.
    fn ask(&self) -> Result<Response<Body>, ureq::Error> {
        let mut url = self.url.clone();
        let mut answer = self.request(&url, true)?;
        for _ in 0..MAX_REDIRECTS {
            let Some(next) = redirection(&url, &answer) else { break };
            answer = self.request(&next, is_same_origin(&self.url, &next))?;
            url = next;
        }
        Ok(answer)
    }

    fn request(&self, url: &str, is_own: bool) -> Result<Response<Body>, ureq::Error> {
        let headers = self.headers.iter().filter(|_| is_own);
        let agent = if is_own { &self.agent } else { &self.elsewhere };
        headers.fold(agent.get(url), |request, (name, value)| request.header(name, value)).call()
    }
}

fn agent(tls: TlsConfig) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .max_idle_age(MAX_IDLE)
        // Followed here: a library would take the headers along to any server.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .accept("text/plain;version=0.0.4;q=1,*/*;q=0.1")
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build();
    config.into()
}

/// Where an answer leads.
fn redirection<T>(url: &str, answer: &Response<T>) -> Option<String> {
    let location = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection())?;
    let next = Url::parse(url).ok()?.join(location.to_str().ok()?).ok()?;
    Some(next.into())
}

fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    origin(one).is_some_and(|one| Some(one) == origin(other))
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
    let hint = match status {
        _ if is_final => "the server has no such page; give another address, or switch the service off",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "the page wants a key: `--api-key` and `--header` go to pages of the target's own server, \
             `--server-metrics-header` to every page"
        }
        _ => "",
    };
    let Failure { details, .. } = failure("http_status", status.to_string(), hint);
    Failure { details: ErrorDetails { code: Some(status.as_u16().into()), ..details }, is_final }
}

fn transport_failure(error: &ureq::Error) -> Failure {
    let kind = match error {
        ureq::Error::Timeout(_) => {
            let message = format!("no response within {} s", TIMEOUT.as_secs());
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
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            return failure(
                "tls",
                error.to_string(),
                "`--ca-cert`, `--client-cert` and `--insecure` are for pages of the target's own server; for others, set \
                 the option `tls` of the service",
            );
        }
        _ => "transport",
    };
    failure(kind, error.to_string(), "")
}
