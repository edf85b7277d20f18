//! A page of a DCGM exporter over HTTP: exports [`Page`]. Knows HTTP and what can go wrong with it, not when to ask.

use std::{io, time::Duration};

use prony_plugin_api::{ErrorDetails, prometheus, telemetry::GpuReading};
use ureq::Agent;

use crate::dcgm;

/// A page that takes longer is not waited for: it would be late for the next reading, too.
const TIMEOUT: Duration = Duration::from_secs(2);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// No page is larger.
const MAX_PAGE_BYTES: u64 = 16 << 20;

/// What to look at where a page has no GPUs.
const NO_GPUS: &str =
    "give the page of a DCGM exporter that has `DCGM_FI_DEV_POWER_USAGE` or other fields of DCGM";

#[derive(Debug)]
pub(crate) struct Page {
    agent: Agent,
    url: String,
}

impl Page {
    /// The page at this address.
    pub(crate) fn new(url: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .accept("text/plain;version=0.0.4;q=1,*/*;q=0.1")
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), url }
    }

    /// Asks for the page, and calls `answered` when the server has answered, before the page is read.
    ///
    /// # Errors
    /// There is no such page, or it tells of no GPU.
    pub(crate) fn read(&self, answered: impl FnOnce()) -> Result<Vec<GpuReading>, ErrorDetails> {
        let answer = self.agent.get(&self.url).call();
        answered();
        let mut answer = answer.map_err(|error| transport_failure(&error))?;
        let status = answer.status();
        if !status.is_success() {
            let failure = details("http_status", status.to_string(), "");
            return Err(ErrorDetails { code: Some(status.as_u16().into()), ..failure });
        }
        let body = answer.body_mut().with_config().limit(MAX_PAGE_BYTES).lossy_utf8(true).read_to_string();
        let page = body.map_err(|error| transport_failure(&error))?;
        let families = prometheus::parse(&page)
            .map_err(|error| details("not_prometheus", error.to_string(), NO_GPUS))?;
        let gpus = dcgm::readings(&families);
        if gpus.is_empty() {
            return Err(details("no_gpus", "the page tells of no GPU".to_owned(), NO_GPUS));
        }
        Ok(gpus)
    }
}

fn transport_failure(error: &ureq::Error) -> ErrorDetails {
    let kind = match error {
        ureq::Error::Timeout(_) => {
            return details("timeout", format!("no response within {} s", TIMEOUT.as_secs()), "");
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return details(
                "connection_refused",
                "connection refused".to_owned(),
                "is a DCGM exporter listening there?",
            );
        }
        ureq::Error::Io(_) => "connection",
        ureq::Error::HostNotFound => "dns",
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "bad_url",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => "tls",
        _ => "transport",
    };
    details(kind, error.to_string(), "")
}

fn details(kind: &str, message: String, hint: &str) -> ErrorDetails {
    ErrorDetails { kind: kind.to_owned(), message, hint: hint.to_owned(), ..ErrorDetails::default() }
}
