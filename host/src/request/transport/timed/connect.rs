//! Opens a connection, and notes when each step of it was done.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::{Service, service_fn};

use super::{
    local::LocalSocket,
    socket::{BoxError, Socket},
    tunnel,
};
use crate::{
    clock::{Clock, KernelClock},
    request::{
        target::{Origin, Route},
        transport::{AttemptStamps, error::TransportError, stamps::SocketStamps},
        worker_statistics::WorkerStatistics,
    },
};

/// What opening connections needs.
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) clock: Clock,
    pub(super) kernel: Arc<KernelClock>,
    pub(super) statistics: Arc<WorkerStatistics>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// For all of it, TLS included.
    pub(super) timeout: Duration,
    /// The shortest round trip to anywhere. One opening may take longer than its round trip: packets are lost, and a process
    /// is busy.
    pub(super) shortest_trip: AtomicU64,
}

/// An open connection's bytes.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    Local(LocalSocket),
    Tls(Box<TlsStream<Socket>>),
}

impl Opener {
    /// Opens a connection.
    pub(super) async fn open(
        &self,
        origin: &Origin,
        stamps: &AttemptStamps,
    ) -> Result<(Stream, Arc<SocketStamps>), TransportError> {
        stamps.note_connect_start(self.clock.now());
        let opened = tokio::time::timeout(self.timeout, self.steps(origin, stamps)).await;
        let opened = opened.unwrap_or_else(|_| Err(BoxError::from(self.timed_out("no connection"))));
        let opened = opened.map_err(|error| TransportError::connect(&*error)).map_err(|error| {
            let is_handshake = origin.secure && origin.route == Route::Direct && stamps.reached().is_some();
            if is_handshake && error.hint.is_empty() { self.without_tls(error) } else { error }
        })?;
        stamps.note_connected(self.clock.now());
        Ok(opened)
    }

    fn timed_out(&self, what: &str) -> io::Error {
        let text = format!("{what} within {} s", self.timeout.as_secs_f64());
        io::Error::new(io::ErrorKind::TimedOut, text)
    }

    /// A server was reached that did not shake hands, and said nothing that explains it.
    fn without_tls(&self, error: TransportError) -> TransportError {
        let mut error = error.suspect_plain_http();
        let is_silent = error.causes.last() == Some(&self.timed_out("no connection").to_string());
        if is_silent {
            error.causes.push(self.timed_out("the server was reached, and did not begin TLS").to_string());
        }
        error
    }

    async fn steps(
        &self,
        origin: &Origin,
        stamps: &AttemptStamps,
    ) -> Result<(Stream, Arc<SocketStamps>), BoxError> {
        if let Route::Socket(path) = &origin.route {
            let socket = LocalSocket::open(path, self.clock, Arc::clone(&self.statistics)).await?;
            stamps.note_reached(self.clock.now());
            let noted = Arc::clone(socket.stamps());
            return Ok((Stream::Local(socket), noted));
        }
        let (host, port) = match &origin.route {
            Route::Proxy(proxy) => (&proxy.host, proxy.port),
            Route::Direct | Route::Socket(_) => (&origin.host, origin.port),
        };
        let addresses = self.resolve(host, port, stamps).await?;
        let began = self.clock.now();
        let stream = reach(host, port, addresses).await?;
        let reached = self.clock.now();
        stamps.note_reached(reached);
        let socket = Socket::new(stream, self.clock, Arc::clone(&self.kernel), Arc::clone(&self.statistics));
        let socket = match &origin.route {
            Route::Proxy(proxy) if origin.secure => tunnel::through(proxy, origin, socket).await?,
            _ => socket,
        };
        let noted = socket.stamps();
        let trip = reached.saturating_sub(began);
        noted.note_round_trip(trip.min(self.shortest_trip.fetch_min(trip, Ordering::Relaxed)));
        let stream = match &self.tls {
            Some(config) if origin.secure => {
                let name = ServerName::try_from(origin.host.clone())?;
                let secured = TlsConnector::from(Arc::clone(config)).connect(name, socket).await?;
                Stream::Tls(Box::new(secured))
            }
            _ => Stream::Plain(socket),
        };
        Ok((stream, noted))
    }

    async fn resolve(&self, host: &str, port: u16, stamps: &AttemptStamps) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let addresses = lookup_host((host, port)).await?.collect();
        stamps.note_resolved(self.clock.now());
        Ok(addresses)
    }
}

/// The first of the addresses that answers, IPv6 and IPv4 in turn (RFC 8305).
pub(in crate::request::transport) async fn reach(
    host: &str,
    port: u16,
    addresses: Vec<SocketAddr>,
) -> Result<TcpStream, BoxError> {
    let resolver = service_fn(move |_: Name| {
        let addresses = addresses.clone();
        async move { Ok::<_, io::Error>(addresses.into_iter()) }
    });
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.set_nodelay(true);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let uri = http::Uri::builder().scheme("http").authority(format!("{host}:{port}"));
    let stream = connector.call(uri.path_and_query("/").build()?).await?;
    Ok(stream.into_inner())
}

impl Stream {
    fn note_answer(&self) {
        match self {
            Self::Plain(socket) => socket.note_answer(),
            Self::Local(socket) => socket.stamps().note_answer(),
            Self::Tls(stream) => stream.get_ref().0.note_answer(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let stream = self.get_mut();
        let read = match stream {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Local(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        if buffer.filled().len() > before {
            stream.note_answer();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Local(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(context, pieces),
            Self::Local(socket) => Pin::new(socket).poll_write_vectored(context, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Local(socket) => socket.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            Self::Local(socket) => Pin::new(socket).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Local(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
