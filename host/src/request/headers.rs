//! Headers of requests: those that every one has, and the check of the others.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};

use super::{failure_kind::FailureKind, framing, limits::cut};

/// Checks a header. The value is not repeated in the error: it may be a secret.
pub(crate) fn parse(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ErrorDetails> {
    let invalid = |what: &str| ErrorDetails {
        kind: FailureKind::Format.into(),
        message: format!("the {what} of header `{}` has characters that HTTP does not allow", cut(name)),
        ..ErrorDetails::default()
    };
    let parsed = name.parse().map_err(|_| invalid("name"))?;
    Ok((parsed, value.parse().map_err(|_| invalid("value"))?))
}

/// Headers that every request has unless the endpoint or the user says otherwise.
pub(crate) fn default_headers(stream: Option<StreamFraming>) -> HeaderMap {
    let accept = stream.map_or("application/json", framing::accepted);
    HeaderMap::from_iter([
        (header::USER_AGENT, HeaderValue::from_static(concat!("prony/", env!("CARGO_PKG_VERSION")))),
        (header::ACCEPT, HeaderValue::from_static(accept)),
        // What is encoded arrives later, and in larger pieces.
        (header::ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ])
}
