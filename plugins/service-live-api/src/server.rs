//! The HTTP server: exports [`Server`].
//!
//! One thread with a runtime of its own. Each connection is a task; there are [`MOST_CONNECTIONS`] at most. Events are handed
//! to all of their readers by way of a channel that keeps the last [`KEPT_EVENTS`]: a reader that is slower misses those
//! before, and is told how many.

use std::{
    convert::Infallible,
    net::TcpListener as StdListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{
    Either, Full,
    channel::{Channel, Sender},
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prony_plugin_api::{PluginError, Result};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{
        broadcast::{
            self,
            error::{RecvError, TryRecvError},
        },
        watch,
    },
    task::JoinSet,
    time::timeout,
};

use crate::{
    known::Known,
    routes::{self, Asked, POLICY, Reply, Whole},
};

/// More are closed as they come.
const MOST_CONNECTIONS: usize = 64;

/// Events that wait for a slow reader: some seconds.
const KEPT_EVENTS: usize = 16;

/// Parts of a stream that wait in its connection.
const WAITING_PARTS: usize = 4;

/// How long a client may take to say what it wants.
const ASKING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long readers have for the last event.
const FAREWELL: Duration = Duration::from_millis(200);

/// How long no connection is accepted after one could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Body = Either<Full<Bytes>, Channel<Bytes, Infallible>>;

/// A server that answers until it is stopped.
#[derive(Debug)]
pub(crate) struct Server {
    events: broadcast::Sender<Arc<str>>,
    /// Becomes true when it is over.
    over: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// What every connection has.
#[derive(Clone)]
struct Shared {
    known: Arc<Mutex<Known>>,
    events: broadcast::Sender<Arc<str>>,
    over: watch::Receiver<bool>,
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_dropped(&self, events: u64) {
        self.known().dropped_events += events;
    }
}

impl Server {
    /// Begins to answer.
    ///
    /// # Errors
    /// There is no thread or descriptor left.
    pub(crate) fn start(listener: StdListener, known: Arc<Mutex<Known>>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| PluginError::io(format!("start a runtime: {error}")))?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(|error| PluginError::io(format!("listen: {error}")))?
        };
        let (events, _) = broadcast::channel(KEPT_EVENTS);
        let (over, is_over) = watch::channel(false);
        let shared = Shared { known, events: events.clone(), over: is_over };
        let thread = thread::Builder::new()
            .name("live api".to_owned())
            .spawn(move || runtime.block_on(serve(listener, shared)))
            .map_err(|error| PluginError::io(format!("start the thread that answers: {error}")))?;
        Ok(Self { events, over, thread })
    }

    /// Hands an event to whoever reads them. Never waits.
    pub(crate) fn tell(&self, event: String) {
        // Nobody may be reading.
        let _ = self.events.send(event.into());
    }

    /// Ends all connections, those of events with a last one. Takes no longer than [`FAREWELL`], which is less than any deadline.
    ///
    /// # Errors
    /// The thread panicked.
    pub(crate) fn stop(self) -> Result<()> {
        let _ = self.over.send(true);
        self.thread.join().map_err(|_| PluginError::io("answer: the thread panicked"))
    }
}

async fn serve(listener: TcpListener, shared: Shared) {
    let mut connections = JoinSet::new();
    let mut over = shared.over.clone();
    loop {
        tokio::select! {
            biased;
            _ = over.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < MOST_CONNECTIONS => {
                    connections.spawn(connection(stream, shared.clone()));
                }
                Ok(_) => {}
                // No descriptor is left, say: the next attempt would fail at once, too.
                Err(_) => {
                    if timeout(ACCEPT_PAUSE, over.changed()).await.is_ok() {
                        break;
                    }
                }
            },
        }
    }
    drop(listener);
    let farewell = async { while connections.join_next().await.is_some() {} };
    // Whoever does not read is left alone.
    let _ = timeout(FAREWELL, farewell).await;
    connections.abort_all();
}

async fn connection(stream: TcpStream, shared: Shared) {
    let mut over = shared.over.clone();
    let service = service_fn(move |request| respond(request, shared.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKING_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A client that goes away, or speaks no HTTP, is no error of the service.
    let is_served = tokio::select! {
        _ = connection.as_mut() => true,
        _ = over.changed() => false,
    };
    if !is_served {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

#[expect(clippy::unused_async, reason = "what hyper calls is a future")]
async fn respond(
    request: Request<Incoming>,
    shared: Shared,
) -> std::result::Result<Response<Body>, Infallible> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let asked = Asked { method: request.method().as_str(), path: request.uri().path(), host };
    let (reply, first) = {
        let known = shared.known();
        (routes::answer(asked, &known), known.event())
    };
    let is_head = asked.method == "HEAD";
    let (status, content_type, body) = match reply {
        Reply::Whole(Whole { status, content_type, body }) => {
            let body = if is_head { Bytes::new() } else { Bytes::from(body) };
            (status, content_type, Either::Left(Full::new(body)))
        }
        Reply::Events if is_head => (200, EVENT_STREAM, Either::Left(Full::default())),
        Reply::Events => (200, EVENT_STREAM, Either::Right(events(first, shared))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    Ok(response)
}

const EVENT_STREAM: &str = "text/event-stream";

/// A stream of events by the rules of <https://html.spec.whatwg.org/multipage/server-sent-events.html>, fed by a task of its
/// own: the one that waits for a slow reader.
fn events(first: String, shared: Shared) -> Channel<Bytes, Infallible> {
    let (parts, body) = Channel::new(WAITING_PARTS);
    let mut events = shared.events.subscribe();
    tokio::spawn(async move {
        feed(parts, &mut events, first, &shared).await;
        // What a reader missed that has gone in the meantime.
        if let Err(TryRecvError::Lagged(missed)) = events.try_recv() {
            shared.note_dropped(missed);
        }
    });
    body
}

/// Hands events on until the reader has gone, or the run is over.
async fn feed(
    mut parts: Sender<Bytes, Infallible>,
    events: &mut broadcast::Receiver<Arc<str>>,
    first: String,
    shared: &Shared,
) {
    let mut over = shared.over.clone();
    let mut next = event("now", &first);
    while parts.send_data(next).await.is_ok() {
        let heard = tokio::select! {
            biased;
            _ = over.changed() => Err(RecvError::Closed),
            heard = events.recv() => heard,
        };
        next = match heard {
            Ok(now) => event("now", &now),
            Err(RecvError::Lagged(missed)) => {
                shared.note_dropped(missed);
                event("dropped", &missed.to_string())
            }
            Err(RecvError::Closed) => {
                // A reader that has gone misses nothing.
                let _ = parts.send_data(event("end", "{}")).await;
                return;
            }
        };
    }
}

/// One event. Its data has no line breaks: it is JSON.
fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
