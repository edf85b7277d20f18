//! Why a request failed, in words: what the transport says of it, and what was on the way to the server.

use prony_plugin_api::ErrorDetails;

use super::{
    failure_kind::FailureKind,
    target::{Address, Route, TargetPlan},
    transport::{AttemptStamps, Failure, TransportError},
};

/// The error of a request whose response has no head.
pub(crate) fn of_transport(error: TransportError, stamps: &AttemptStamps) -> ErrorDetails {
    let (kind, message) = match error.failure {
        Failure::Connect => (FailureKind::Connect, "cannot open a connection to the server"),
        Failure::Proxy(_) => (FailureKind::Proxy, "no way through"),
        Failure::Closed | Failure::Reset if stamps.is_answered() => {
            (FailureKind::ConnectionReset, "the connection died in the middle of the head of a response")
        }
        Failure::Closed | Failure::Reset => {
            (FailureKind::ConnectionReset, "the connection died before the head of a response")
        }
        Failure::Http | Failure::Encoding => (FailureKind::Transport, "cannot exchange HTTP with the server"),
    };
    let code = match error.failure {
        Failure::Proxy(status) => Some(u32::from(status.as_u16())),
        _ => None,
    };
    let causes = error.causes;
    // The innermost one is what can be mended: a refused connection, or too many open files.
    let message = causes.last().map_or_else(|| message.to_owned(), |root| format!("{message}: {root}"));
    let hint = error.hint.to_owned();
    ErrorDetails { code, kind: kind.into(), message, hint, cause_chain: causes }
}

/// Says of a failure that a proxy was on the way to `place`, or that HTTP/2 was spoken.
pub(crate) fn name_the_way(error: &mut ErrorDetails, target: &TargetPlan, place: &Address) {
    if let Route::Proxy(proxy) = &place.origin.route {
        proxy.explain(error);
    }
    if target.http2 {
        suspect_http1(error);
    }
}

/// A server that does not speak HTTP/2 says so in a language that the client does not understand.
fn suspect_http1(error: &mut ErrorDetails) {
    use FailureKind::{Connect, ConnectionReset, Transport};
    let is_misunderstanding = matches!(FailureKind::of(error), Connect | ConnectionReset | Transport);
    if is_misunderstanding && error.hint.is_empty() {
        error.hint = "leave out `--http2` if the server speaks HTTP/1.1 only".into();
    }
}
