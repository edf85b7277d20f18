//! The portable transport: reqwest, with the instants that it does not give by itself.
//!
//! Three of them are taken around the library: opening a connection begins and ends in a layer around its connector,
//! and a request counts as *sent* when the connection asks for its body, which happens once a connection is at hand
//! and the head is being written. Waiting for a pool, DNS, TCP and TLS are therefore never part of a latency that
//! counts from `sent`.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Frame, SizeHint};
use prony_plugin_api::ErrorDetails;
use tower::{Layer, Service};

use super::{limits::cut, prepared};
use crate::{
    clock::{Clock, RunNs},
    config::{Target, redact, url::url_for},
};

/// How long opening a connection may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Shorter values are not masked in what a server says.
const SHORTEST_SECRET: usize = 6;

/// How long an idle connection is kept. Servers close theirs earlier; what matters is that we do not.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// What all requests of a run have in common, worked out once.
pub(crate) struct TargetPlan {
    /// Model name.
    pub(crate) model: String,
    /// Ask for a stream.
    pub(crate) streaming: bool,
    /// The user's key.
    pub(crate) api_key: Option<String>,
    /// The user's headers, which win over all others.
    pub(crate) user_headers: HeaderMap,
    /// Deadline of a whole request.
    pub(crate) timeout: Duration,
    /// Base URLs, and the same with the dialect's path.
    urls: Vec<(String, reqwest::Url)>,
    extra: serde_json::Map<String, serde_json::Value>,
    extra_json: String,
    default_headers: HeaderMap,
    fixed_path: bool,
    /// What must not stand in a report even when a server repeats it.
    secrets: Vec<String>,
}

impl TargetPlan {
    /// Checks URLs and headers. `path` is the dialect's path for this run.
    ///
    /// # Errors
    /// A URL or header that HTTP does not allow.
    pub(crate) fn new(target: &Target, path: Option<&str>) -> Result<Self, ErrorDetails> {
        let path = target.custom_endpoint.as_deref().or(path).unwrap_or("");
        let urls = target
            .urls
            .iter()
            .map(|base| Ok((base.clone(), parse_url(&url_for(base, path))?)))
            .collect::<Result<_, ErrorDetails>>()?;
        if let Some(key) = &target.api_key {
            prepared::parse("authorization", key)?;
        }
        let user_headers = target
            .headers
            .iter()
            .map(|(name, value)| {
                let (name, mut value) = prepared::parse(name, value)?;
                // Any of them may be a secret.
                value.set_sensitive(true);
                Ok((name, value))
            })
            .collect::<Result<HeaderMap, ErrorDetails>>()?;
        Ok(Self {
            model: target.model.clone(),
            streaming: target.streaming,
            api_key: target.api_key.clone(),
            user_headers,
            timeout: Duration::try_from_secs_f64(target.request_timeout_s).unwrap_or(Duration::MAX),
            urls,
            extra: target.extra_inputs.clone(),
            extra_json: serde_json::Value::Object(target.extra_inputs.clone()).to_string(),
            default_headers: prepared::default_headers(target.streaming),
            fixed_path: target.custom_endpoint.is_some(),
            secrets: secrets(target),
        })
    }

    /// Removes the user's secrets from what a server said.
    pub(crate) fn mask(&self, mut error: ErrorDetails) -> ErrorDetails {
        let told = [&mut error.message, &mut error.hint].into_iter().chain(&mut error.cause_chain);
        for text in told {
            for secret in &self.secrets {
                redact::take_out(text, secret);
            }
        }
        error
    }

    /// Where a session's requests go. `path` is what the endpoint asked for; a path that the user gave wins.
    pub(crate) fn url(&self, session_num: u64, path: Option<&str>) -> Result<reqwest::Url, ErrorDetails> {
        let index = usize::try_from(session_num % self.urls.len() as u64).unwrap_or(0);
        let (base, url) = &self.urls[index];
        match path {
            Some(path) if !self.fixed_path => parse_url(&url_for(base, path)),
            _ => Ok(url.clone()),
        }
    }

    /// Whether any of them is an `https` one.
    pub(crate) fn needs_tls(&self) -> bool {
        self.urls.iter().any(|(_, url)| url.scheme() == "https")
    }

    /// The run's extra inputs with a turn's own on top, as the text of a JSON object.
    pub(crate) fn merge_extra(&self, turn: &str) -> String {
        match serde_json::from_str::<serde_json::Map<_, _>>(turn) {
            Ok(own) => {
                let mut merged = self.extra.clone();
                merged.extend(own);
                serde_json::Value::Object(merged).to_string()
            }
            Err(_) => self.extra_json.clone(),
        }
    }

    /// The headers that a request has before the endpoint and the user add theirs.
    pub(crate) fn default_headers(&self, request_id: &str) -> Result<HeaderMap, ErrorDetails> {
        let (_, id) = prepared::parse("x-request-id", request_id)?;
        let mut headers = self.default_headers.clone();
        headers.insert(HeaderName::from_static("x-request-id"), id);
        Ok(headers)
    }
}

/// The user's key, the values of sensitive headers, with and without a scheme in front, the password of a login, and
/// secret parameters of addresses. Short ones would be found everywhere.
fn secrets(target: &Target) -> Vec<String> {
    let sensitive = target.headers.iter().filter(|(name, _)| redact::is_sensitive(name));
    let headers = sensitive.flat_map(|(_, value)| {
        let credentials = value.split_once(' ').map(|(_, credentials)| credentials);
        let password = value.strip_prefix("Basic ").and_then(password);
        [Some(value.clone()), credentials.map(str::to_owned), password].into_iter().flatten()
    });
    let addresses = target.urls.iter().chain(&target.custom_endpoint);
    let parameters = addresses.flat_map(|address| redact::secret_parameters(address));
    let all = headers.chain(parameters).chain(target.api_key.clone());
    all.filter(|secret| secret.len() >= SHORTEST_SECRET).collect()
}

/// The password in the credentials of a basic login (RFC 7617).
fn password(credentials: &str) -> Option<String> {
    let login = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    login.split_once(':').map(|(_, password)| password.to_owned())
}

/// Shows nothing: it holds the user's key.
impl fmt::Debug for TargetPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetPlan").finish_non_exhaustive()
    }
}

fn parse_url(text: &str) -> Result<reqwest::Url, ErrorDetails> {
    text.parse().map_err(|error| ErrorDetails {
        kind: "format".into(),
        message: format!("`{}` is not a URL: {error}", cut(&redact::url(text))),
        ..ErrorDetails::default()
    })
}

/// A worker's connections.
#[derive(Debug)]
pub(crate) struct Transport {
    clock: Clock,
    pooled: reqwest::Client,
    /// Never reuses a connection: for the second try after a reused one died.
    fresh: reqwest::Client,
}

/// What an attempt's connection did, written by the layers below while the request is under way.
#[derive(Debug, Default)]
pub(crate) struct AttemptStamps {
    connect_start: OnceLock<RunNs>,
    connected: OnceLock<RunNs>,
    sent: OnceLock<RunNs>,
}

impl AttemptStamps {
    /// Opening a connection began.
    pub(crate) fn connect_start(&self) -> Option<RunNs> {
        self.connect_start.get().copied()
    }

    /// The connection was open.
    pub(crate) fn connected(&self) -> Option<RunNs> {
        self.connected.get().copied()
    }

    /// The connection took the request.
    pub(crate) fn sent(&self) -> Option<RunNs> {
        self.sent.get().copied()
    }
}

tokio::task_local! {
    /// The attempt that a connection is being opened for: the pool polls the connector inside the request's task.
    static ATTEMPT: Arc<AttemptStamps>;
}

impl Transport {
    /// Makes the connections' owner. `tls` is false when no target needs it, which saves reading the system's
    /// certificates.
    ///
    /// # Errors
    /// The TLS set-up failed.
    pub(crate) fn new(clock: Clock, tls: bool) -> Result<Self, reqwest::Error> {
        let build = |idle: usize| {
            let builder = reqwest::Client::builder()
                .no_proxy()
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(idle)
                .connector_layer(StampConnect(clock));
            let builder = if tls { builder } else { builder.tls_certs_only([]) };
            builder.build()
        };
        Ok(Self { clock, pooled: build(usize::MAX)?, fresh: build(0)? })
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) async fn send(
        &self,
        request: &prepared::Prepared,
        fresh: bool,
        stamps: &Arc<AttemptStamps>,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let client = if fresh { &self.fresh } else { &self.pooled };
        let body =
            StampedBody { bytes: Some(request.body.clone()), stamps: Arc::clone(stamps), clock: self.clock };
        let sending = client
            .post(request.url.clone())
            .headers(request.headers.clone())
            .body(reqwest::Body::wrap(body))
            .send();
        ATTEMPT.scope(Arc::clone(stamps), sending).await
    }
}

/// Installs the TLS implementation. Once per process, before the first client.
pub(crate) fn install_tls() {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A body that notes when the connection asks for it.
struct StampedBody {
    bytes: Option<Bytes>,
    stamps: Arc<AttemptStamps>,
    clock: Clock,
}

impl http_body::Body for StampedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        self.stamps.sent.get_or_init(|| self.clock.now());
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// Wraps the connector so that it notes when opening a connection begins and ends.
#[derive(Clone, Debug)]
struct StampConnect(Clock);

impl<S> Layer<S> for StampConnect {
    type Service = StampedConnector<S>;

    fn layer(&self, inner: S) -> StampedConnector<S> {
        StampedConnector { inner, clock: self.0 }
    }
}

#[derive(Clone, Debug)]
struct StampedConnector<S> {
    inner: S,
    clock: Clock,
}

impl<R, S> Service<R> for StampedConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let clock = self.clock;
        let attempt = ATTEMPT.try_with(Arc::clone).ok();
        if let Some(attempt) = &attempt {
            attempt.connect_start.get_or_init(|| clock.now());
        }
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connection = connecting.await;
            if let Some(attempt) = attempt.filter(|_| connection.is_ok()) {
                attempt.connected.get_or_init(|| clock.now());
            }
            connection
        })
    }
}
