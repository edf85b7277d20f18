//! The portable transport: reqwest, with the instants that it does not give by itself.
//!
//! Three of them are taken around the library: opening a connection begins and ends in a layer around its connector,
//! and a request counts as *sent* when the connection asks for its body, which happens once a connection is at hand
//! and the head is being written. Waiting for a pool, DNS, TCP and TLS are therefore never part of a latency that
//! counts from `sent`.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Frame, SizeHint};
use rustls::ClientConfig;
use tower::{Layer, Service};

use super::{AttemptStamps, Chunk, StampSource, error::TransportError};
use crate::{
    clock::Clock,
    request::{
        prepared::Prepared,
        proxy::Proxy,
        target::{Origin, Route, TargetPlan},
        worker_statistics::WorkerStatistics,
    },
};

/// How long an idle connection is kept. Servers close theirs earlier; what matters is that we do not.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// A worker's connections.
#[derive(Debug)]
pub(crate) struct Portable {
    clock: Clock,
    statistics: Arc<WorkerStatistics>,
    pooled: reqwest::Client,
    /// Never reuses a connection: for the second try after a reused one died.
    fresh: reqwest::Client,
    shortest: Arc<Shortest>,
    /// It speaks HTTP/2, and a server that does not is the likelier reason for an answer that is none.
    pub(super) is_http2: bool,
}

/// The shortest time in which a connection was opened, in nanoseconds; the largest number as long as none was. The library
/// does not tell which connection a request goes over.
#[derive(Debug)]
struct Shortest(AtomicU64);

impl Default for Shortest {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

tokio::task_local! {
    /// The attempt that a connection is being opened for: the pool polls the connector inside the request's task.
    static ATTEMPT: Arc<AttemptStamps>;
}

impl Portable {
    /// See [`Transport::new`](super::Transport::new).
    pub(super) fn new(
        target: &TargetPlan,
        clock: Clock,
        statistics: Arc<WorkerStatistics>,
    ) -> Result<Self, TransportError> {
        let shortest = Arc::<Shortest>::default();
        let build = |idle: usize| {
            let builder = reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(target.connect_timeout)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(idle)
                .connector_layer(StampConnect(clock, Arc::clone(&shortest)));
            let builder = if target.http2 { builder.http2_prior_knowledge() } else { builder.http1_only() };
            let builder = match &target.tls {
                Some(tls) => builder.tls_backend_preconfigured(ClientConfig::clone(tls)),
                // It would read the system's certificates.
                None => builder.tls_certs_only([]),
            };
            // If one is behind a socket, all of them are behind the same: the configuration sees to that.
            let builder = target.origins().fold(builder, |builder, origin| match &origin.route {
                Route::Direct => builder,
                Route::Socket(path) => builder.unix_socket(path.as_ref()),
                Route::Proxy(proxy) => builder.proxy(on_the_way(proxy, origin)),
            });
            builder.build().map_err(|error| TransportError::exchange(error.source()))
        };
        Ok(Self {
            clock,
            statistics,
            pooled: build(if target.keeps_connections { usize::MAX } else { 0 })?,
            fresh: build(0)?,
            shortest,
            is_http2: target.http2,
        })
    }

    /// See [`Transport::send`](super::Transport::send).
    pub(super) async fn send(
        &self,
        request: &Prepared,
        fresh: bool,
        stamps: &Arc<AttemptStamps>,
    ) -> Result<Response, TransportError> {
        let client = if fresh { &self.fresh } else { &self.pooled };
        let shortest = self.shortest.0.load(Relaxed);
        if shortest < u64::MAX {
            stamps.note_round_trip(shortest);
        }
        let mut asking = client
            .request(request.method.clone(), request.place.url.clone())
            .headers(request.headers.clone());
        if request.method == Method::GET {
            // Nobody asks for a body that there is none of.
            stamps.note_sent(self.clock.now());
        } else {
            let bytes = Some(request.body.clone());
            let body = StampedBody { bytes, stamps: Arc::clone(stamps), clock: self.clock };
            asking = asking.body(reqwest::Body::wrap(body));
        }
        let sending = asking.send();
        let answer = ATTEMPT.scope(Arc::clone(stamps), sending).await;
        let answer = answer.map_err(|error| match failed(&error) {
            // The library does not tell which step of opening took so long.
            failure if error.is_timeout() && request.place.origin.secure => failure.suspect_plain_http(),
            failure => failure,
        })?;
        stamps.note_read(self.clock.now());
        let (stamps, statistics) = (Arc::clone(stamps), Arc::clone(&self.statistics));
        Ok(Response { answer, piece: Bytes::new(), stamps, clock: self.clock, statistics })
    }
}

/// A proxy on the way to one server.
fn on_the_way(proxy: &Proxy, origin: &Origin) -> reqwest::Proxy {
    let (proxy, origin) = (proxy.url.clone(), origin.clone());
    reqwest::Proxy::custom(move |url| {
        let is_meant = origin.secure == (url.scheme() == "https")
            && url.host_str().is_some_and(|host| host.trim_matches(['[', ']']) == origin.host)
            && url.port_or_known_default() == Some(origin.port);
        is_meant.then(|| proxy.clone())
    })
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub(crate) struct Response {
    answer: reqwest::Response,
    /// The piece of its body that was read latest.
    piece: Bytes,
    stamps: Arc<AttemptStamps>,
    clock: Clock,
    statistics: Arc<WorkerStatistics>,
}

impl Response {
    pub(super) fn status(&self) -> StatusCode {
        self.answer.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// See [`Response::chunk`](super::Response::chunk).
    pub(super) async fn chunk(&mut self) -> Result<Option<Chunk<'_>>, TransportError> {
        let bytes = self.answer.chunk().await.map_err(|error| failed(&error))?;
        let arrived = self.clock.now();
        self.stamps.note_read(arrived);
        self.statistics.note_unstamped_read();
        let Some(bytes) = bytes else { return Ok(None) };
        self.piece = bytes;
        let wire_bytes = self.piece.len();
        Ok(Some(Chunk { bytes: &self.piece, wire_bytes, arrived, source: StampSource::User }))
    }
}

/// The library's own text names the URL, which may hold a secret: only what stands behind it is shown.
fn failed(error: &reqwest::Error) -> TransportError {
    match error.source() {
        Some(source) if error.is_connect() => TransportError::connect(source),
        source => TransportError::exchange(source),
    }
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
        self.stamps.note_sent(self.clock.now());
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
struct StampConnect(Clock, Arc<Shortest>);

impl<S> Layer<S> for StampConnect {
    type Service = StampedConnector<S>;

    fn layer(&self, inner: S) -> StampedConnector<S> {
        StampedConnector { inner, clock: self.0, shortest: Arc::clone(&self.1) }
    }
}

#[derive(Clone, Debug)]
struct StampedConnector<S> {
    inner: S,
    clock: Clock,
    shortest: Arc<Shortest>,
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
        let (clock, shortest) = (self.clock, Arc::clone(&self.shortest));
        let attempt = ATTEMPT.try_with(Arc::clone).ok();
        let began = clock.now();
        if let Some(attempt) = &attempt {
            attempt.note_connect_start(began);
        }
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connection = connecting.await;
            if connection.is_ok() {
                let connected = clock.now();
                shortest.0.fetch_min(connected.saturating_sub(began), Relaxed);
                if let Some(attempt) = attempt {
                    attempt.note_connected(connected);
                }
            }
            connection
        })
    }
}
