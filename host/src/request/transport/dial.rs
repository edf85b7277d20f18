//! Connections for those who speak HTTP themselves: bytes to a server, over what its URL says, without a measurement.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use prony_plugin_api::ErrorDetails;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{UnixStream, lookup_host},
};
use tokio_rustls::TlsConnector;

use super::{
    error::TransportError,
    timed::{BoxError, reach},
};
use crate::{
    plan::TlsConfig,
    request::{
        address::{Address, Route},
        tls,
    },
};

/// Bytes in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Opens connections to one server.
pub(crate) struct Dialer {
    place: Arc<Address>,
    tls: Option<TlsConnector>,
    timeout: Duration,
    /// Where no connection may lead: to any request that asks for it.
    own: SocketAddr,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("origin", &self.place.origin).finish_non_exhaustive()
    }
}

impl Dialer {
    /// For the server of a checked base URL, with so much time for a connection, TLS included. `own` is an address that the
    /// caller listens at.
    ///
    /// # Errors
    /// A URL that HTTP does not allow, or certificates that cannot be used.
    pub(crate) fn new(
        base: &str,
        tls: &TlsConfig,
        timeout: Duration,
        own: SocketAddr,
    ) -> Result<Self, ErrorDetails> {
        let place = Address::parse(base, None)?;
        let config = place.origin.secure.then(|| tls::client_config(tls, false)).transpose()?;
        Ok(Self { place, tls: config.map(|config| TlsConnector::from(Arc::new(config))), timeout, own })
    }

    /// The value of the `Host` header of its requests.
    pub(crate) fn host(&self) -> &HeaderValue {
        &self.place.host
    }

    /// The path that stands before that of every request; empty where there is none.
    pub(crate) fn base_path(&self) -> &str {
        self.place.uri.path().trim_end_matches('/')
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// It cannot be opened in time, or leads back to the caller.
    pub(crate) async fn open(&self) -> Result<Box<dyn Duplex>, TransportError> {
        let opened = tokio::time::timeout(self.timeout, self.steps()).await;
        let opened = opened.unwrap_or_else(|_| {
            let text = format!("no connection within {} s", self.timeout.as_secs_f64());
            Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
        });
        opened.map_err(|error| TransportError::connect(&*error))
    }

    async fn steps(&self) -> Result<Box<dyn Duplex>, BoxError> {
        let origin = &self.place.origin;
        if let Route::Socket(path) = &origin.route {
            return Ok(Box::new(UnixStream::connect(path).await?));
        }
        let mut addresses: Vec<SocketAddr> = lookup_host((&*origin.host, origin.port)).await?.collect();
        let found = addresses.len();
        // Before one is opened: it would be accepted as a client's, for which the next one is opened.
        addresses.retain(|address| !is_own(self.own, *address));
        if addresses.is_empty() && found > 0 {
            return Err("the URL leads back to this proxy".into());
        }
        let stream = reach(&origin.host, origin.port, addresses).await?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => {
                let name = ServerName::try_from(origin.host.clone())?;
                Ok(Box::new(tls.connect(name, stream).await?))
            }
        }
    }
}

/// Whether the listener of `own` is reached at this address. Nothing is sent: a datagram socket tells from where it would be.
fn is_own(own: SocketAddr, address: SocketAddr) -> bool {
    let ends = || {
        let any: IpAddr =
            if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(address)?;
        io::Result::Ok((socket.peer_addr()?, socket.local_addr()?))
    };
    // Where there is no way, there is none back either: opening the connection tells why.
    own.port() == address.port() && ends().is_ok_and(|(peer, local)| leads_back(own, peer, local))
}

/// Whether a connection from `local` to `peer` has arrived at the listener of `own`. One at every address of this machine is
/// reached by each of them; one of IPv6 takes IPv4 as well.
fn leads_back(own: SocketAddr, peer: SocketAddr, local: SocketAddr) -> bool {
    if own.port() != peer.port() {
        return false;
    }
    let (own, peer, local) = (own.ip().to_canonical(), peer.ip().to_canonical(), local.ip().to_canonical());
    let is_listened_at = match own {
        IpAddr::V4(own) => own.is_unspecified() && peer.is_ipv4(),
        IpAddr::V6(own) => own.is_unspecified(),
    };
    own == peer || is_listened_at && (peer == local || peer.is_loopback())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1:9", "127.0.0.1:9", true)]
    #[case("0.0.0.0:9", "127.0.0.1:9", true)]
    #[case("0.0.0.0:9", "0.0.0.0:9", true)]
    #[case("[::]:9", "127.0.0.1:9", true)]
    #[case("0.0.0.0:9", "127.0.0.1:8", false)]
    #[case("127.0.0.1:9", "127.0.0.2:9", false)]
    fn the_own_listener_is_known_before_a_connection_is_opened(
        #[case] own: SocketAddr,
        #[case] address: SocketAddr,
        #[case] expected: bool,
    ) {
        assert_eq!(is_own(own, address), expected);
    }

    #[rstest]
    #[case::itself("127.0.0.1:9", "127.0.0.1:9", "127.0.0.1:5", true)]
    #[case::another_port("0.0.0.0:9", "127.0.0.1:8", "127.0.0.1:5", false)]
    #[case::another_address("127.0.0.1:9", "127.0.0.2:9", "127.0.0.1:5", false)]
    #[case::every_address("0.0.0.0:9", "127.0.0.1:9", "127.0.0.1:5", true)]
    #[case::of_the_network("0.0.0.0:9", "10.0.0.1:9", "10.0.0.1:5", true)]
    #[case::of_another_machine("0.0.0.0:9", "10.0.0.2:9", "10.0.0.1:5", false)]
    #[case::a_loopback_address_with_another_source("0.0.0.0:9", "127.0.0.2:9", "127.0.0.1:5", true)]
    #[case::ipv4_only("0.0.0.0:9", "[::1]:9", "[::1]:5", false)]
    #[case::both("[::]:9", "127.0.0.1:9", "127.0.0.1:5", true)]
    #[case::ipv6("[::]:9", "[::1]:9", "[::1]:5", true)]
    #[case::mapped("127.0.0.1:9", "[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:5", true)]
    fn a_connection_to_the_own_listener_leads_back(
        #[case] own: SocketAddr,
        #[case] peer: SocketAddr,
        #[case] local: SocketAddr,
        #[case] expected: bool,
    ) {
        assert_eq!(leads_back(own, peer, local), expected);
    }
}
