//! Why a request failed, in words: what the transport says of it, and what was on the way to the server.

use prony_plugin_api::ErrorDetails;

use super::{
    error_kinds::{CONNECT_ERROR, PROXY_ERROR},
    target::{Address, Route, TargetPlan},
    transport::{AttemptStamps, Failure, TransportError},
};

/// The error of a request whose response has no head.
pub(crate) fn of_transport(error: TransportError, stamps: &AttemptStamps) -> ErrorDetails {
    let (kind, message) = match error.failure {
        Failure::Connect => (CONNECT_ERROR, "cannot open a connection to the server"),
        Failure::Proxy(_) => (PROXY_ERROR, "no way through"),
        Failure::Closed | Failure::Reset if stamps.is_answered() => {
            ("connection_reset", "the connection died in the middle of the head of a response")
        }
        Failure::Closed | Failure::Reset => {
            ("connection_reset", "the connection died before the head of a response")
        }
        Failure::Http | Failure::Encoding => ("transport", "cannot exchange HTTP with the server"),
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
    let is_misunderstanding = [CONNECT_ERROR, "connection_reset", "transport"].contains(&error.kind.as_str());
    if is_misunderstanding && error.hint.is_empty() {
        error.hint = "leave out `--http2` if the server speaks HTTP/1.1 only".into();
    }
}
