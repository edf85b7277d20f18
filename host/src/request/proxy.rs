//! A proxy on the way to a server, and what is said when it stands in the way.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use prony_plugin_api::ErrorDetails;

use super::failure_kind::FailureKind;
use crate::config::redact;

/// A proxy of HTTP.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// All of it, with its password.
    pub(crate) url: reqwest::Url,
    /// Name or address; an IPv6 one without its brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// The value of a `Proxy-Authorization` header.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads an address that the configuration has checked.
    ///
    /// # Errors
    /// It is none all the same.
    pub(super) fn parse(text: &str) -> Result<Arc<Self>, ErrorDetails> {
        let invalid = |what: &dyn fmt::Display| ErrorDetails {
            kind: FailureKind::Format.into(),
            message: format!("`{}` is not the URL of a proxy: {what}", redact::url(text)),
            ..ErrorDetails::default()
        };
        let url: reqwest::Url = text.parse().map_err(|error| invalid(&error))?;
        let host = url.host_str().ok_or_else(|| invalid(&"it has no host"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or_else(|| invalid(&"it has no port"))?;
        let authorization = authorization(&url).map(HeaderValue::try_from).transpose();
        let mut authorization = authorization.map_err(|error| invalid(&error))?;
        if let Some(login) = &mut authorization {
            login.set_sensitive(true);
        }
        Ok(Arc::new(Self { url, host, port, authorization }))
    }

    /// Its address without its password.
    pub(crate) fn shown(&self) -> String {
        redact::url(self.url.as_str().trim_end_matches('/'))
    }

    /// Says of a failure on the way that there was a proxy.
    pub(super) fn explain(&self, error: &mut ErrorDetails) {
        const UNAUTHORIZED: u32 = StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16() as u32;
        let shown = self.shown();
        let kind = FailureKind::of(error);
        let by_proxy = kind == FailureKind::Proxy || error.code == Some(UNAUTHORIZED);
        if by_proxy {
            let said = std::mem::take(&mut error.message);
            error.kind = FailureKind::Proxy.into();
            error.message = format!("the proxy `{shown}` does not let the request through: {said}");
            error.hint = String::from(if error.code == Some(UNAUTHORIZED) {
                "give the proxy's user and password in its address: `--proxy http://USER:PASSWORD@HOST:PORT`"
            } else {
                "look for the reason in the proxy's log, or do without: `--no-proxy`"
            });
        } else if matches!(kind, FailureKind::Connect | FailureKind::ServerGone) {
            let cause = error.cause_chain.last().map(|root| format!(": {root}")).unwrap_or_default();
            error.message = format!("cannot open a connection by way of the proxy `{shown}`{cause}");
            error.hint = String::from("check the proxy's address, or do without: `--no-proxy`");
        } else if matches!(error.code, Some(502..=504)) {
            // What can be said of any server is no help while it is not known whose answer it is.
            error.hint = format!("this may be the response of the proxy `{shown}` and not of the server");
        }
    }
}

/// RFC 7617. A URL holds user and password percent-encoded.
fn authorization(url: &reqwest::Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut login: Vec<u8> = percent_decode_str(url.username()).collect();
    login.push(b':');
    login.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", STANDARD.encode(login)))
}

/// Shows no password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.shown()).finish()
    }
}
