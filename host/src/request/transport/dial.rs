//! Connections for those who speak HTTP themselves: bytes to a server, over what its URL says, without a measurement.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

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
    /// Where no connection may lead: to whoever asks for it.
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
        let names_files = tls.ca_cert.is_some() || tls.client_cert.is_some();
        let config = (place.origin.secure || names_files).then(|| tls::client_config(tls, false));
        let config = config.transpose()?.filter(|_| place.origin.secure);
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
        let addresses = lookup_host((&*origin.host, origin.port)).await?.collect();
        let stream = reach(&origin.host, origin.port, addresses).await?;
        if stream.peer_addr()? == self.own {
            return Err("the URL leads back to this proxy".into());
        }
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => {
                let name = ServerName::try_from(origin.host.clone())?;
                Ok(Box::new(tls.connect(name, stream).await?))
            }
        }
    }
}
