//! Gets requests to a server and answers back. Two ways of doing so stand behind one interface.
//!
//! [`timed`] is the measuring one, on sockets of our own: it knows when a request left and, where the system tells, when
//! the bytes of an answer arrived, however late this process looked. [`portable`] is a client library, with the instants
//! that can be had around it.

mod error;
mod portable;
mod stamps;
mod timed;

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    error::{Failure, TransportError},
    stamps::AttemptStamps,
};
use self::{portable::Portable, timed::Timed};
use super::{gauge::Gauge, prepared::Prepared, target::TargetPlan};
use crate::{
    clock::{Clock, RunNs},
    config::TransportKind,
};

/// A worker's connections.
#[derive(Debug)]
pub(crate) enum Transport {
    /// On sockets of our own.
    Timed(Timed),
    /// On a client library.
    Portable(Portable),
}

/// Which clock said when the bytes of an answer arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StampSource {
    /// The kernel, as it received them.
    Kernel,
    /// This process, when it came to read them.
    User,
}

/// A piece of an answer, where it was read.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    /// What it says.
    pub(crate) bytes: &'a [u8],
    /// When the last of them arrived.
    pub(crate) arrived: RunNs,
    /// Who says so.
    pub(crate) source: StampSource,
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub(crate) enum Response {
    /// Over a socket of our own.
    Timed(Box<timed::Response>),
    /// Over a client library.
    Portable(portable::Response),
}

impl Transport {
    /// Makes the owner of the connections to a target. Reads are noted in `gauge`.
    ///
    /// # Errors
    /// The client library cannot be set up.
    pub(crate) fn new(target: &TargetPlan, clock: Clock, gauge: Arc<Gauge>) -> Result<Self, TransportError> {
        match target.transport {
            TransportKind::Timed => Ok(Self::Timed(Timed::new(target, clock, gauge))),
            TransportKind::Portable => Portable::new(target, clock, gauge).map(Self::Portable),
        }
    }

    /// How often the system's clock was set since its stamps are placed on the run's clock.
    pub(crate) fn clock_steps(&self) -> u64 {
        match self {
            Self::Timed(timed) => timed.clock_steps(),
            Self::Portable(_) => 0,
        }
    }

    /// Opens so many connections ahead to each of the origins. Returns how many there are, and why there are no more.
    pub(crate) async fn preconnect(
        &self,
        target: &TargetPlan,
        count: usize,
    ) -> (usize, Option<TransportError>) {
        match self {
            Self::Timed(timed) => timed.preconnect(target, count).await,
            Self::Portable(_) => (0, None),
        }
    }

    /// Sends a request and waits for the head of its answer. With `fresh` it goes over a connection that was never used.
    pub(crate) async fn send(
        &self,
        request: &Prepared,
        fresh: bool,
        stamps: &Arc<AttemptStamps>,
    ) -> Result<Response, TransportError> {
        match self {
            Self::Timed(timed) => {
                timed.send(request, fresh, stamps).await.map(|answer| Response::Timed(Box::new(answer)))
            }
            Self::Portable(portable) => portable.send(request, fresh, stamps).await.map(Response::Portable),
        }
    }
}

impl Response {
    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Timed(answer) => answer.head().status,
            Self::Portable(answer) => answer.status(),
        }
    }

    /// Its headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Timed(answer) => &answer.head().headers,
            Self::Portable(answer) => answer.headers(),
        }
    }

    /// When its first byte arrived, where the transport knows, and who says so.
    pub(crate) fn first_byte(&self) -> (Option<RunNs>, StampSource) {
        match self {
            Self::Timed(answer) => answer.first_byte(),
            Self::Portable(_) => (None, StampSource::User),
        }
    }

    /// The next piece of its body; `None` at its end. Dropping the answer earlier closes its connection.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Chunk<'_>>, TransportError> {
        match self {
            Self::Timed(answer) => answer.chunk().await,
            Self::Portable(answer) => answer.chunk().await,
        }
    }
}

/// Installs the TLS implementation. Once per process, before the first client.
pub(crate) fn install_tls() {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
