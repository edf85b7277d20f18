//! A server and the way to it: exports [`Target`]. Knows how to open a connection, not when to.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use prony_plugin_api::{ErrorDetails, PluginError, Result, telemetry::NetworkLatencySample};
use url::{Host, Url};

/// A server that is probed.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its URL, without login, path and query.
    name: String,
    host: String,
    port: u16,
    /// Where its name leads; looked up with the first probe.
    addresses: Vec<SocketAddr>,
    /// The address that has answered.
    chosen: Option<SocketAddr>,
}

impl Target {
    /// The server of a URL.
    ///
    /// # Errors
    /// `config`, when it is no URL of a server.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let hint = "write it as in `http://localhost:8000`";
        let wrong = |why: &str| PluginError::config(format!("probe a target: {why}")).hint(hint);
        let url = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        // An address of version 6 stands in brackets in a URL, and nowhere else.
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(wrong("its URL has no host")),
        };
        let port = url.port_or_known_default().ok_or_else(|| wrong("its URL has no port"))?;
        let name = format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default());
        Ok(Self { name, host, port, addresses: Vec::new(), chosen: None })
    }

    /// A sample of this server, without a result.
    pub(crate) fn sample(&self) -> NetworkLatencySample {
        NetworkLatencySample {
            target: self.name.clone(),
            host: self.host.clone(),
            port: self.port,
            ..NetworkLatencySample::default()
        }
    }

    /// Opens a connection and closes it. Gives the nanoseconds that opening took.
    ///
    /// # Errors
    /// The name cannot be looked up, or no connection was opened.
    pub(crate) fn probe(&mut self, timeout: Duration, now_ns: impl Fn() -> u64) -> Result<u64, ErrorDetails> {
        if self.addresses.is_empty() {
            self.addresses = look_up(&self.host, self.port)?;
        }
        let candidates = self.chosen.map_or_else(|| self.addresses.clone(), |address| vec![address]);
        let mut refused = None;
        for address in candidates {
            let begun_ns = now_ns();
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(connection) => {
                    let took_ns = now_ns().saturating_sub(begun_ns);
                    drop(connection);
                    self.chosen = Some(address);
                    return Ok(took_ns);
                }
                Err(error) => refused = Some(failure(&error)),
            }
        }
        Err(refused.unwrap_or_else(|| no_address(&self.host)))
    }
}

fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, ErrorDetails> {
    let found = (host, port).to_socket_addrs().map_err(|error| {
        details("dns", format!("look up `{host}`: {error}"), "is the name of the server right?")
    })?;
    Ok(found.collect())
}

fn no_address(host: &str) -> ErrorDetails {
    details("dns", format!("`{host}` has no address"), "is the name of the server right?")
}

fn failure(error: &io::Error) -> ErrorDetails {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            details("connection_refused", "connection refused".to_owned(), "is a server listening there?")
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            details("timeout", "the connection was not open in time".to_owned(), "")
        }
        _ => details("connection", error.to_string(), ""),
    }
}

fn details(kind: &str, message: String, hint: &str) -> ErrorDetails {
    ErrorDetails { kind: kind.to_owned(), message, hint: hint.to_owned(), ..ErrorDetails::default() }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorKind;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://h:8000/v1?token=x", "http://h:8000", "h", 8000)]
    #[case("https://user:password@h/v1", "https://h:443", "h", 443)]
    #[case("http://[::1]:9", "http://[::1]:9", "::1", 9)]
    #[case("http://127.0.0.1", "http://127.0.0.1:80", "127.0.0.1", 80)]
    fn a_target_is_a_host_and_a_port(
        #[case] url: &str,
        #[case] name: &str,
        #[case] host: &str,
        #[case] port: u16,
    ) {
        let sample = Target::parse(url).unwrap().sample();
        assert_eq!((sample.target.as_str(), sample.host.as_str(), sample.port), (name, host, port));
    }

    #[rstest]
    fn what_is_no_server_is_a_config_error(#[values("h", "unix:///run/s.sock", "foo://h")] url: &str
    ) {
        let error = Target::parse(url).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(!error.hint.is_empty());
    }
}
