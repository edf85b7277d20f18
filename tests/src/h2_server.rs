//! A server that speaks HTTP/2 and nothing else.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// A chat answer of two tokens.
const ANSWER: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n\
                      data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" two\"},\"finish_reason\":\"stop\"}]}\n\n\
                      data: [DONE]\n\n";

/// A running server. It serves until the test ends.
#[derive(Debug)]
pub struct H2Server {
    url: String,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl H2Server {
    /// Starts one that streams the same answer to every request.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it has a port"));
        let seen = Arc::<Seen>::default();
        let noted = Arc::clone(&seen);
        thread::spawn(move || runtime.block_on(serve(listener, noted)));
        Self { url, seen }
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections over which it was asked something, and how often it was asked.
    pub fn seen(&self) -> (usize, usize) {
        (self.seen.connections.load(Ordering::SeqCst), self.seen.requests.load(Ordering::SeqCst))
    }
}

async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (seen, first) = (Arc::clone(&seen), Arc::new(AtomicUsize::new(1)));
        let answer = service_fn(move |request: Request<Incoming>| {
            let is_first = first.swap(0, Ordering::SeqCst);
            seen.connections.fetch_add(is_first, Ordering::SeqCst);
            seen.requests.fetch_add(1, Ordering::SeqCst);
            async move {
                // An answer before the end of the request would be a fault of its own.
                let _ = request.into_body().collect().await;
                let answer = Response::builder().header("content-type", "text/event-stream");
                Ok::<_, Infallible>(
                    answer.body(Full::new(Bytes::from_static(ANSWER.as_bytes()))).expect("it is valid"),
                )
            }
        });
        // A client that does not speak HTTP/2 is what some tests are about.
        tokio::spawn(
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer),
        );
    }
}
