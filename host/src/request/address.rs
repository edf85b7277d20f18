//! Where a request goes, and over what.

use std::{fmt, path::Path, sync::Arc};

use http::{HeaderValue, Uri};
use prony_plugin_api::ErrorDetails;

use super::{failure_kind::FailureKind, limits::cut, proxy::Proxy};
use crate::config::{redact, url::socket_of};

/// What a server behind a Unix socket is called: it has no name, but HTTP/1.1 wants one.
const SOCKET_HOST: &str = "localhost";

/// Where a request goes, in the shapes that transports need.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) url: reqwest::Url,
    /// Path and query: what stands in the first line of a request.
    pub(crate) uri: Uri,
    /// The value of the `Host` header.
    pub(crate) host: HeaderValue,
    /// Whom to connect to.
    pub(crate) origin: Origin,
}

/// Whom to connect to: requests of one origin may share a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// By TLS.
    pub(crate) secure: bool,
    /// Name or address; an IPv6 one without its brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// How to get there.
    pub(crate) route: Route,
}

/// How to get to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Route {
    /// By its name and port.
    #[default]
    Direct,
    /// By a Unix socket of this machine.
    Socket(Arc<Path>),
    /// By way of a proxy.
    Proxy(Arc<Proxy>),
}

impl Origin {
    /// A proxy reads the requests and passes them on, rather than bytes.
    pub(crate) fn is_passed_on(&self) -> bool {
        !self.secure && matches!(self.route, Route::Proxy(_))
    }

    /// The proxy on the way there.
    pub(super) fn proxy(&self) -> Option<&Arc<Proxy>> {
        match &self.route {
            Route::Proxy(proxy) => Some(proxy),
            Route::Direct | Route::Socket(_) => None,
        }
    }

    /// What stands in the first line of a request to this server: path and query of its URL.
    fn request_target(&self, url: &reqwest::Url) -> String {
        let line =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        // A proxy that passes requests on is told the whole address (RFC 9112, section 3.2.2).
        if self.is_passed_on() { format!("http://{}{line}", self.authority()) } else { line }
    }

    /// Host and port, as they stand in a URL.
    pub(crate) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl Address {
    /// Takes a URL apart, which is reached by way of `proxy`.
    ///
    /// # Errors
    /// A URL that HTTP does not allow.
    pub(super) fn parse(text: &str, proxy: Option<&Arc<Proxy>>) -> Result<Arc<Self>, ErrorDetails> {
        let invalid = |what: &dyn fmt::Display| ErrorDetails {
            kind: FailureKind::Format.into(),
            message: format!("`{}` is not a URL: {what}", cut(&redact::url(text))),
            ..ErrorDetails::default()
        };
        let socket = socket_of(text);
        let url: reqwest::Url = match &socket {
            Some((_, path)) => format!("http://{SOCKET_HOST}{path}").parse(),
            None => text.parse(),
        }
        .map_err(|error| invalid(&error))?;
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(invalid(&"its scheme is neither http nor https")),
        };
        let name = url.host_str().ok_or_else(|| invalid(&"it has no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| invalid(&"it has no port"))?;
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let host = host.parse().map_err(|error| invalid(&error))?;
        let route = match (socket, proxy) {
            (Some((path, _)), _) => Route::Socket(path.into()),
            (None, Some(proxy)) => Route::Proxy(Arc::clone(proxy)),
            (None, None) => Route::Direct,
        };
        let origin = Origin { secure, host: name.trim_matches(['[', ']']).to_owned(), port, route };
        let uri = origin.request_target(&url).parse().map_err(|error| invalid(&error))?;
        Ok(Arc::new(Self { url, uri, host, origin }))
    }

    /// Another place on this server; `None` when `text` is the address of something else.
    pub(super) fn beside(&self, text: &str) -> Option<Arc<Self>> {
        let url: reqwest::Url = text.parse().ok()?;
        let is_here = url.origin() == self.url.origin();
        let uri = self.origin.request_target(&url).parse().ok().filter(|_| is_here)?;
        Some(Arc::new(Self { url, uri, host: self.host.clone(), origin: self.origin.clone() }))
    }
}
