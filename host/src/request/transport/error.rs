//! Why an exchange of bytes failed, whichever transport it was.

use std::{error::Error, io};

use http::StatusCode;

use super::{
    encoding::EncodingError,
    failure::Failure,
    tls_failure::{self, SUSPECT_PLAIN_HTTP, SUSPECT_TLS},
};

/// Why an exchange of bytes failed.
#[derive(Debug, thiserror::Error)]
#[error("exchange bytes with the server")]
pub(crate) struct TransportError {
    /// What kind of failure it is.
    pub(crate) failure: Failure,
    /// What lies behind it, outermost first; none of it shows a URL.
    pub(crate) causes: Vec<String>,
    /// What to do about it, where that is known; else empty.
    pub(crate) hint: &'static str,
    /// The request had not been handed to the system as a whole: no server can have worked on it.
    pub(crate) is_unsent: bool,
}

/// A proxy that does not open a way to the server.
#[derive(Debug, thiserror::Error)]
#[error("it answered `CONNECT` with {0}")]
pub(super) struct ProxyRefusal(pub(super) StatusCode);

impl TransportError {
    /// Opening a connection failed.
    pub(super) fn connect(error: &(dyn Error + 'static)) -> Self {
        let refusal = sources(Some(error)).find_map(|source| source.downcast_ref::<ProxyRefusal>());
        let failure = refusal.map_or(Failure::Connect, |refusal| Failure::Proxy(refusal.0));
        Self::of(failure, Some(error))
    }

    /// Something failed on an open connection: its sources tell what.
    pub(super) fn exchange(error: Option<&(dyn Error + 'static)>) -> Self {
        let failure = sources(error).filter_map(loss).last().unwrap_or(Failure::Http);
        let mut by_hyper = sources(error).filter_map(|source| source.downcast_ref::<hyper::Error>());
        let is_unsent = by_hyper.any(hyper::Error::is_canceled);
        Self { is_unsent, ..Self::of(failure, error) }
    }

    /// The same for a request of which this is known.
    pub(super) fn unsent(self, is_unsent: bool) -> Self {
        Self { is_unsent, ..self }
    }

    /// A body cannot be decoded.
    pub(super) fn encoding(error: &EncodingError) -> Self {
        let hint = "turn compression off at the server, or at the proxy in front of it";
        Self { failure: Failure::Encoding, causes: vec![error.to_string()], hint, is_unsent: false }
    }

    /// Nothing else is known, and an address that begins with `https://` may be wrong.
    pub(super) fn suspect_plain_http(self) -> Self {
        Self { hint: SUSPECT_PLAIN_HTTP, ..self }
    }

    /// What came over a connection without TLS is no HTTP.
    pub(super) fn suspect_tls(self) -> Self {
        if self.failure == Failure::Http { Self { hint: SUSPECT_TLS, ..self } } else { self }
    }

    /// What TLS says is written in words that name its cause, last, as the root of all.
    fn of(failure: Failure, error: Option<&(dyn Error + 'static)>) -> Self {
        let (mut causes, mut hint) = (causes(error), "");
        if let Some(explained) = sources(error).find_map(|source| tls_failure::explain(source, failure)) {
            causes.push(explained.what);
            hint = explained.hint;
        }
        Self { failure, causes, hint, is_unsent: false }
    }
}

fn sources<'a>(error: Option<&'a (dyn Error + 'static)>) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error, |&error| error.source())
}

/// Some libraries repeat a source in the text of the error; it is said once.
fn causes(error: Option<&(dyn Error + 'static)>) -> Vec<String> {
    let mut causes: Vec<String> = sources(error).map(ToString::to_string).collect();
    causes.dedup();
    causes
}

/// How a connection was lost, where that is what the error says. What lies behind an error says it more exactly.
fn loss(source: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(error) = source.downcast_ref::<hyper::Error>() {
        // Bytes that are no response, and come before the request is written, cancel it: they are its source.
        let is_abandoned = error.is_canceled() && error.source().is_none();
        let is_lost = error.is_incomplete_message() || error.is_closed() || is_abandoned;
        return is_lost.then_some(Failure::Closed);
    }
    source.downcast_ref::<io::Error>().and_then(|error| loss_of_kind(error.kind()))
}

fn loss_of_kind(kind: io::ErrorKind) -> Option<Failure> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    match kind {
        UnexpectedEof => Some(Failure::Closed),
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => Some(Failure::Reset),
        _ => None,
    }
}
