//! The listening socket, and a task for each connection.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use prony_plugin_api::ErrorDetails;
use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::{
    counting::Sink,
    pass::{self, Shared},
};
use crate::{
    clock::Clock, config::url::BaseUrl, explain::Explain, plan::TlsConfig, request::transport::Dialer,
    schedule::pacer::pause,
};

/// Connections that may wait to be accepted, so that a burst of clients finds room.
const BACKLOG: u32 = 4096;

/// Pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How long opening a connection to the server may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests in flight may take to their end once the proxy is to end.
const DRAIN: Duration = Duration::from_secs(8);

/// Nothing could listen at the address.
#[derive(Debug, thiserror::Error)]
#[error("listen on `{address}`")]
pub(crate) struct ListenError {
    address: String,
    source: io::Error,
}

impl Explain for ListenError {
    fn hint(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                "choose another port with `--listen`, or port 0 for a free one".to_owned()
            }
            io::ErrorKind::PermissionDenied => "choose a port from 1024 on".to_owned(),
            _ => "give an address of this machine and a port, such as 127.0.0.1:9000".to_owned(),
        }
    }
}

/// What a proxy is to do.
#[derive(Debug)]
pub(crate) struct Wishes {
    /// The server.
    pub(crate) url: BaseUrl,
    pub(crate) tls: TlsConfig,
    /// For requests that have none of their own: the credentials of the server's URL.
    pub(crate) authorization: Option<HeaderValue>,
    /// Headers that name a session.
    pub(crate) session_headers: Vec<HeaderName>,
}

/// A proxy that listens.
#[derive(Debug)]
pub(crate) struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
}

impl Proxy {
    /// Listens.
    ///
    /// # Errors
    /// Nothing can listen there.
    pub(crate) async fn listen(address: &str) -> Result<Self, ListenError> {
        let listen = async {
            let address = lookup_host(address).await?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // The port of a proxy that has just ended.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        listen.await.map_err(|source| ListenError { address: address.to_owned(), source })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What opens connections to the server.
    ///
    /// # Errors
    /// A URL that HTTP does not allow, or certificates that cannot be used.
    pub(crate) fn dialer(&self, wishes: &Wishes) -> Result<Dialer, ErrorDetails> {
        Dialer::new(&wishes.url.url, &wishes.tls, CONNECT_TIMEOUT, self.address)
    }

    /// What passes requests on to that server.
    pub(crate) fn to(self, dialer: Dialer, wishes: Wishes, sink: Sink, clock: Clock) -> Passing {
        let Wishes { authorization, session_headers, .. } = wishes;
        let others = Mutex::default();
        let shared = Shared { dialer, authorization, session_headers, sink, clock, others };
        Passing { listener: self.listener, shared: Arc::new(shared) }
    }
}

/// A proxy that knows its server.
#[derive(Debug)]
pub(crate) struct Passing {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Passing {
    /// Serves until `interrupted` for the first time; what is in flight then may come to its end, until it is interrupted again.
    /// Gives the requests that were passed on and not recorded, by method and path.
    pub(crate) async fn serve(self, mut interrupted: impl AsyncFnMut()) -> BTreeMap<String, u64> {
        let Self { listener, shared } = self;
        let (end, ending) = watch::channel(false);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, _)) => {
                        let (shared, ending) = (Arc::clone(&shared), ending.clone());
                        connections.spawn(async move { pass::serve(client, &shared, ending).await });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a client's connection cannot be accepted");
                        pause(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = interrupted() => break,
            }
        }
        drop(listener);
        // Those that have ended need not hear of it.
        let _ = end.send(true);
        tokio::select! {
            _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }) => {}
            () = interrupted() => {}
        }
        // Only when a task is gone is what it has noted in the queue.
        connections.shutdown().await;
        std::mem::take(&mut *shared.others.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
