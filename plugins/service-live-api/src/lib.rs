//! A prony service that answers questions about the run while it goes on: JSON, server-sent events, a page for Prometheus and
//! one for a browser.
//!
//! It only reads. What it knows (`known`) comes from the host's messages, twice a second; `routes` makes answers of it,
//! and `server` carries them, on a thread of its own. A reader that does not read waits for itself alone: what it misses is
//! dropped and counted.

mod known;
mod options;
mod prometheus;
mod routes;
mod server;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prony_plugin_api::{
    HostHandle, Message, PluginError, RawMessage, Result, Service,
    live::{Notice, RunNow},
    message::ServerMetricsBatch,
};

use self::{known::Known, options::Options, server::Server};

/// The service.
#[derive(Debug)]
pub struct LiveApi {
    host: HostHandle,
    options: Options,
    known: Arc<Mutex<Known>>,
    listener: Option<TcpListener>,
    server: Option<Server>,
}

impl Service for LiveApi {
    const SUBSCRIPTIONS: &'static [&'static str] = &[RunNow::TYPE, ServerMetricsBatch::TYPE];
    const PUBLISHES: &'static [&'static str] = &[Notice::TYPE];
    const OPTIONS: &'static str = options::SCHEMA;

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        let known = Known::of_run(&host.run_facts());
        let known = Arc::new(Mutex::new(known));
        Ok(Self { host, options: Options::read(options)?, known, listener: None, server: None })
    }

    /// Takes the port: a run that cannot be looked at as it was asked for does not begin.
    fn init(&mut self) -> Result<()> {
        let address = SocketAddr::new(self.options.host, self.options.port);
        let listener = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let refused = |error| {
            PluginError::config(format!("listen at {address}: {error}"))
                .hint("choose another port with `--api-port`; 0 takes a free one")
        };
        self.listener = Some(listener.map_err(refused)?);
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let address = listener.local_addr().map_err(PluginError::io)?;
        self.server = Some(Server::start(listener, Arc::clone(&self.known))?);
        let text = format!("the run can be looked at: http://{}", reachable(address));
        // Whoever does not hear it finds it in the report.
        let _ = self.host.publish(&Notice { text });
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        if let Some(now) = message.decode::<RunNow>() {
            let event = self.known().now(now?);
            if let Some(server) = &self.server {
                server.tell(event);
            }
        } else if let Some(batch) = message.decode::<ServerMetricsBatch>() {
            self.known().scraped(batch?);
        }
        Ok(())
    }

    fn stop(&mut self, _deadline: Duration) -> Result<()> {
        match self.server.take() {
            Some(server) => server.stop(),
            None => Ok(()),
        }
    }
}

impl LiveApi {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address that can be called: of one that stands for all, this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut own = address;
    if address.ip().is_unspecified() {
        own.set_ip(match address {
            SocketAddr::V4(_) => [127, 0, 0, 1].into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    own
}

prony_plugin_api::export_plugin! { capabilities: [network, threads], services: [LiveApi] }

#[cfg(test)]
mod tests;
