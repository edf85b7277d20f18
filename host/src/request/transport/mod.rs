//! Gets requests to a server and answers back. Two ways of doing so stand behind one interface.
//!
//! [`timed`] is the measuring one, on sockets of our own: it knows when a request left and, where the system tells, when
//! the bytes of an answer arrived, however late this process looked. [`portable`] is a client library, with the instants
//! that can be had around it.

mod chunk;
mod dial;
mod encoding;
mod error;
mod failure;
mod opening;
mod portable;
mod stamps;
mod timed;
mod tls_failure;

use std::sync::Arc;

use http::{HeaderMap, StatusCode};

pub use self::timed::whole::HttpAnswer;
pub(crate) use self::{
    chunk::{Chunk, StampSource},
    dial::{Dialer, Duplex},
    encoding::decoded,
    error::TransportError,
    failure::Failure,
    stamps::AttemptStamps,
    timed::probe::has_kernel_stamps,
    timed::whole::read as read_whole,
};
use self::{encoding::Decoder, opening::Opening, portable::Portable, timed::Timed};
use super::{framing, prepared::Prepared, target::TargetPlan, worker_statistics::WorkerStatistics};
use crate::{
    clock::{Clock, RunNs},
    plan::TransportKind,
};

/// A worker's connections.
#[derive(Debug)]
pub(crate) enum Transport {
    /// On sockets of our own.
    Timed(Timed),
    /// On a client library.
    Portable(Portable),
}

/// Connections of one session, which close when it is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<timed::Pool>);

/// An answer whose head has arrived.
#[derive(Debug)]
pub(crate) struct Response {
    source: Source,
    /// Where the body is encoded, though nobody asked for that.
    decoder: Option<Decoder>,
    /// What was looked at of the body before it is read.
    opening: Option<Opening>,
}

/// What an answer is read from.
#[derive(Debug)]
enum Source {
    /// A socket of our own.
    Timed(Box<timed::Response>),
    /// A client library.
    Portable(portable::Response),
}

impl Transport {
    /// Makes the owner of the connections to a target. Reads are noted in `statistics`.
    ///
    /// # Errors
    /// The client library cannot be set up.
    pub(crate) fn new(
        target: &TargetPlan,
        clock: Clock,
        statistics: Arc<WorkerStatistics>,
    ) -> Result<Self, TransportError> {
        match target.transport {
            TransportKind::Timed => Ok(Self::Timed(Timed::new(target, clock, statistics))),
            TransportKind::Portable => Portable::new(target, clock, statistics).map(Self::Portable),
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

    /// Sends a request and waits for the head of its answer. It goes over connections of its session's own, where it has such
    /// and the transport is the timed one; with `fresh`, over a connection that was never used.
    pub(crate) async fn send(
        &self,
        request: &Prepared,
        own: Option<&Connections>,
        fresh: bool,
        stamps: &Arc<AttemptStamps>,
    ) -> Result<Response, TransportError> {
        let sent = match self {
            Self::Timed(timed) => {
                let own = own.map(|own| &own.0);
                timed
                    .send(request, own, fresh, stamps)
                    .await
                    .map(|response| Source::Timed(Box::new(response)))
            }
            Self::Portable(portable) => portable.send(request, fresh, stamps).await.map(Source::Portable),
        };
        let is_http2 = matches!(self, Self::Portable(portable) if portable.is_http2);
        let is_plain = !request.place.origin.secure && !is_http2;
        let source = sent.map_err(|error| if is_plain { error.suspect_tls() } else { error })?;
        let decoder = Decoder::of(source.headers());
        Ok(Response { source, decoder, opening: None })
    }
}

impl Response {
    pub(crate) fn status(&self) -> StatusCode {
        match &self.source {
            Source::Timed(answer) => answer.head().status,
            Source::Portable(answer) => answer.status(),
        }
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.source.headers()
    }

    /// When its first byte arrived, where the transport knows, and who says so.
    pub(crate) fn first_byte(&self) -> (Option<RunNs>, StampSource) {
        match &self.source {
            Source::Timed(answer) => answer.first_byte(),
            Source::Portable(_) => (None, StampSource::User),
        }
    }

    /// Whether the body begins as an event stream does, whatever its type is called. What was read to find out is the
    /// next [`Response::chunk`]; no event can have ended in it before the read whose stamp it has.
    pub(crate) async fn begins_with_event(&mut self) -> Result<bool, TransportError> {
        let opening = self.opening.get_or_insert_default();
        loop {
            if let Some(verdict) = framing::begins_with_event(opening.bytes()) {
                return Ok(verdict);
            }
            match read(&mut self.source, &mut self.decoder).await? {
                Some(chunk) => opening.keep(&chunk),
                None => return Ok(false),
            }
        }
    }

    /// The next piece of its body; `None` at its end. Dropping the answer earlier closes its connection.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Chunk<'_>>, TransportError> {
        if let Some(chunk) = self.opening.as_mut().and_then(Opening::take) {
            return Ok(Some(chunk));
        }
        read(&mut self.source, &mut self.decoder).await
    }
}

impl Source {
    fn headers(&self) -> &HeaderMap {
        match self {
            Self::Timed(answer) => &answer.head().headers,
            Self::Portable(answer) => answer.headers(),
        }
    }
}

/// Reads the next piece of a body, and decodes it.
async fn read<'a>(
    source: &'a mut Source,
    decoder: &'a mut Option<Decoder>,
) -> Result<Option<Chunk<'a>>, TransportError> {
    let chunk = match source {
        Source::Timed(answer) => answer.chunk().await,
        Source::Portable(answer) => answer.chunk().await,
    }?;
    let (Some(decoder), Some(chunk)) = (decoder, &chunk) else { return Ok(chunk) };
    let bytes = decoder.decode(chunk.bytes).map_err(|error| TransportError::encoding(&error))?;
    Ok(Some(Chunk { bytes, ..*chunk }))
}

/// Installs the TLS implementation. Once per process, before the first client.
pub(crate) fn install_tls() {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
