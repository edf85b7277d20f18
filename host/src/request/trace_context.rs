//! Says which trace a request is in, so that a server's own traces of it can be found.
//!
//! Source: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use http::{HeaderMap, HeaderName, HeaderValue};
use prony_plugin_api::telemetry::trace_of;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Adds the header of the request with this id. One that is there already stays.
pub(super) fn add(headers: &mut HeaderMap, request_id: &str) {
    // The last part says that the trace is kept: a user who asks for it wants to see it.
    let value = trace_of(request_id).map(|(trace, span)| format!("00-{trace}-{span}-01"));
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.entry(TRACEPARENT).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_made_of_the_request_id_and_the_users_stays() {
        let mut headers = HeaderMap::new();
        add(&mut headers, "no id");
        assert!(headers.is_empty());
        add(&mut headers, "0af76519-16cd-43dd-8448-eb211c80319c");
        let expected = "00-0af7651916cd43dd8448eb211c80319c-8448eb211c80319c-01";
        assert_eq!(headers[TRACEPARENT], expected);
        add(&mut headers, "1af76519-16cd-43dd-8448-eb211c80319c");
        assert_eq!(headers[TRACEPARENT], expected);
    }
}
