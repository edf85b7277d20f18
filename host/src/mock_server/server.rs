//! [`MockServer`]: the listening socket, and a task for each connection.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    task::JoinSet,
};

use super::{
    Mock, connection, jobs::Jobs, options::Options, pace, prefix_cache::PrefixCache, queue::Queue,
    truth::Truth,
};
use crate::{
    clock::{Clock, as_ns},
    explain::Explain,
};

/// Connections that may wait to be accepted. A smaller queue drops the connection attempts of a burst, and the client's
/// kernel tries again only after a second.
const BACKLOG: u32 = 4096;
/// Pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Nothing could listen at the address: a matter of the name, the port, or the rights to it.
#[derive(Debug, thiserror::Error)]
#[error("listen on `{host}:{port}`")]
pub(crate) struct ListenError {
    host: String,
    port: u16,
    source: io::Error,
}

impl Explain for ListenError {
    fn hint(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => "choose another port, or `--port 0` for a free one".to_owned(),
            _ => String::new(),
        }
    }
}

/// A mock server that listens, and serves once [`MockServer::serve`] is awaited.
///
/// Run it on a current-thread runtime: then a request is in the truth in the same turn as its last write, and a client
/// that asks for the truth after its answer always finds it there.
#[derive(Debug)]
pub(crate) struct MockServer {
    listener: TcpListener,
    address: SocketAddr,
    mock: Arc<Mock>,
}

impl MockServer {
    /// Starts to listen. The server's clock starts here too.
    pub(crate) async fn bind(options: Options) -> Result<Self, ListenError> {
        match listen(&options.host, options.port).await {
            Ok((listener, address)) => Ok(Self {
                listener,
                address,
                mock: Arc::new(Mock {
                    truth: Truth::new(Clock::start(), options.usage),
                    jobs: Jobs::default(),
                    prefix_cache: PrefixCache::default(),
                    queue: Queue::new(options.capacity, options.drift),
                    options,
                }),
            }),
            Err(source) => Err(ListenError { host: options.host, port: options.port, source }),
        }
    }

    /// Where the server listens, with the port that it got.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the future is dropped, which also drops all connections.
    pub(crate) async fn serve(self) -> Infallible {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, _)) => {
                        let mock = Arc::clone(&self.mock);
                        connections.spawn(async move { connection::serve(&mock, socket).await });
                    },
                    Err(error) => {
                        tracing::warn!(%error, "the mock server failed to accept a connection");
                        let clock = self.mock.truth.clock();
                        pace::sleep_until(clock, clock.now() + as_ns(ACCEPT_PAUSE)).await;
                    },
                },
                Some(_) = connections.join_next() => {},
            }
        }
    }
}

async fn listen(host: &str, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let address = lookup_host((host, port)).await?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server gets its port back although old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
