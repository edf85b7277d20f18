//! What requests did on their connections. What these are made of stands in `trace_data` of `--export-http-trace`, and they do not stand
//! in the lines of requests.

use super::super::{
    connection as on,
    metric::{
        Metric,
        Need::{self, Trace},
        request,
    },
    per_request::time_to_first_byte,
};

/// They are of use to those who look at steps, and cost memory for each request.
const TRACE: &[Need] = &[Trace];

#[rustfmt::skip]
pub(super) const ROWS: &[Metric] = &[
    request("http_req_dns_lookup", "HTTP DNS Lookup", "ms", on::looking_up,
        "Time to look up the name of the server; 0 over a kept connection and for an address.")
        .needs(TRACE).not_in_lines(),
    request("http_req_connecting", "HTTP Connecting", "ms", on::connecting,
        "Time to open a connection, TLS included, behind the look-up; 0 over a kept connection.")
        .needs(TRACE).not_in_lines(),
    request("http_req_connection_overhead", "HTTP Connection Overhead", "ms", on::opening,
        "`http_req_dns_lookup` and `http_req_connecting` together; 0 over a kept connection.")
        .needs(TRACE).not_in_lines(),
    request("http_req_sending", "HTTP Sending", "ms", on::sending,
        "From the beginning of work on a request to the moment the request was sent, without `http_req_connection_overhead`, which \
         AIPerf counts into it.")
        .needs(TRACE).not_in_lines(),
    request("http_req_waiting", "HTTP Waiting (TTFB)", "ms", time_to_first_byte,
        "From the moment the request was sent to the arrival of the response's head; AIPerf waits for the first piece of the body.")
        .needs(TRACE).not_in_lines(),
    request("http_req_receiving", "HTTP Receiving", "ms", on::receiving,
        "From the arrival of the response's head to the last byte of the response.")
        .needs(TRACE).not_in_lines(),
    request("http_req_duration", "HTTP Duration (excl. conn)", "ms", on::duration,
        "`http_req_sending`, `http_req_waiting` and `http_req_receiving` together, without `http_req_connection_overhead`, which AIPerf \
         counts into it.")
        .needs(TRACE).not_in_lines(),
    request("http_req_total", "HTTP Total Time", "ms", on::total,
        "From the beginning of work on a request to the last byte of the response. AIPerf counts the opening of a connection twice.")
        .needs(TRACE).not_in_lines(),
    request("http_req_connection_reused", "HTTP Connection Reused", "ratio", on::is_reused,
        "1 for a request over a kept connection, else 0: the mean is the share of them.")
        .needs(TRACE).larger_is_better().not_in_lines(),
    request("http_req_data_received", "HTTP Data Received", "bytes", on::received_bytes,
        "Bytes of the response's body, as they came.")
        .needs(TRACE).not_in_lines(),
];
