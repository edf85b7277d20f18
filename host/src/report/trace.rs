//! What happened to one request on the wire, instant by instant: the `trace_data` of a record's line.
//!
//! Keys that AIPerf has as well mean the same here, but for those of sending: `request_send_end_ns` is when the system
//! took the last byte, and `tcp_connect_end_ns` does not include TLS.

use serde::Serialize;

use crate::record::{Instants, Record};

/// Instants are wall-clock nanoseconds since the Unix epoch, durations are nanoseconds. What did not happen is left out.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
pub(super) struct Trace {
    trace_type: &'static str,
    /// As ALPN calls it.
    protocol: &'static str,
    scheduled_ns: u64,
    /// The same instant as in `metadata`.
    request_start_ns: u64,
    connection_reused: bool,
    #[serde(flatten)]
    connecting: Option<Connecting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_send_end_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_first_byte_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_first_token_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_last_token_ns: Option<u64>,
    /// The answer was over that accepted the request as a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_accepted_ns: Option<u64>,
    response_receive_end_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrival_clock: Option<&'static str>,
    /// From the schedule's instant to the beginning of work on the request.
    blocked_ns: u64,
    /// From the beginning of work to the last byte, opening a connection left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    sending_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiving_ns: Option<u64>,
    duration_ns: u64,
}

/// What was spoken with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// How its connection was opened.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
struct Connecting {
    /// The name was looked up from then on; an address needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_lookup_start_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_lookup_end_ns: Option<u64>,
    tcp_connect_start_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_connect_end_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_ready_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_lookup_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connecting_ns: Option<u64>,
    /// What came after TCP: the handshake of TLS, or next to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_ns: Option<u64>,
}

impl Trace {
    /// The trace of a request of a run that began at `wall_start_ns`.
    pub(super) fn of(record: &Record, wall_start_ns: u64, protocol: Protocol) -> Self {
        let instants = &record.instants;
        let wall = |run_ns: u64| wall_start_ns.saturating_add(run_ns);
        let first_byte = instants.first_byte;
        let opening =
            instants.connected.zip(instants.connect_start).map_or(0, |(to, from)| to.saturating_sub(from));
        Self {
            trace_type: "prony",
            protocol: match protocol {
                Protocol::Http1 => "http/1.1",
                Protocol::Http2 => "h2",
            },
            scheduled_ns: wall(instants.scheduled),
            request_start_ns: wall(instants.started),
            connection_reused: instants.sent.is_some() && instants.connect_start.is_none(),
            connecting: Connecting::of(instants, wall_start_ns),
            request_send_end_ns: instants.sent.map(wall),
            response_first_byte_ns: first_byte.map(wall),
            response_first_token_ns: instants.first_token.map(wall),
            response_last_token_ns: instants.last_token.map(wall),
            response_accepted_ns: instants.accepted.map(wall),
            response_receive_end_ns: wall(instants.end),
            arrival_clock: first_byte.map(|_| if record.unstamped_reads == 0 { "kernel" } else { "user" }),
            blocked_ns: instants.started.saturating_sub(instants.scheduled),
            sending_ns: between(Some(instants.started), instants.sent).map(|all| all.saturating_sub(opening)),
            waiting_ns: between(instants.sent, first_byte),
            receiving_ns: between(first_byte, Some(instants.end)),
            duration_ns: instants.end.saturating_sub(instants.started),
        }
    }
}

impl Connecting {
    fn of(instants: &Instants, wall_start_ns: u64) -> Option<Self> {
        let wall = |run_ns: u64| wall_start_ns.saturating_add(run_ns);
        let start = instants.connect_start?;
        let tcp_start = instants.resolved.unwrap_or(start);
        Some(Self {
            dns_lookup_start_ns: instants.resolved.map(|_| wall(start)),
            dns_lookup_end_ns: instants.resolved.map(wall),
            tcp_connect_start_ns: wall(tcp_start),
            tcp_connect_end_ns: instants.reached.map(wall),
            connection_ready_ns: instants.connected.map(wall),
            dns_lookup_ns: between(Some(start), instants.resolved),
            connecting_ns: between(Some(tcp_start), instants.reached),
            tls_ns: between(instants.reached, instants.connected),
        })
    }
}

fn between(from: Option<u64>, to: Option<u64>) -> Option<u64> {
    to?.checked_sub(from?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            instants: Instants {
                scheduled: 10,
                started: 15,
                connect_start: Some(20),
                resolved: Some(30),
                reached: Some(45),
                connected: Some(65),
                sent: Some(70),
                first_byte: Some(100),
                first_token: Some(110),
                first_output_token: Some(110),
                last_token: Some(150),
                accepted: None,
                end: 160,
            },
            ..Record::default()
        }
    }

    #[test]
    fn every_step_has_its_instant_and_its_length() {
        insta::assert_json_snapshot!(Trace::of(&record(), 1_000, Protocol::Http1), @r#"
        {
          "trace_type": "prony",
          "protocol": "http/1.1",
          "scheduled_ns": 1010,
          "request_start_ns": 1015,
          "connection_reused": false,
          "dns_lookup_start_ns": 1020,
          "dns_lookup_end_ns": 1030,
          "tcp_connect_start_ns": 1030,
          "tcp_connect_end_ns": 1045,
          "connection_ready_ns": 1065,
          "dns_lookup_ns": 10,
          "connecting_ns": 15,
          "tls_ns": 20,
          "request_send_end_ns": 1070,
          "response_first_byte_ns": 1100,
          "response_first_token_ns": 1110,
          "response_last_token_ns": 1150,
          "response_receive_end_ns": 1160,
          "arrival_clock": "kernel",
          "blocked_ns": 5,
          "sending_ns": 10,
          "waiting_ns": 30,
          "receiving_ns": 60,
          "duration_ns": 145
        }
        "#);
    }

    #[test]
    fn a_request_that_found_nobody_has_no_answer() {
        let instants = Instants { connect_start: Some(20), end: 30, ..Instants::default() };
        let trace = Trace::of(&Record { instants, ..Record::default() }, 0, Protocol::Http2);
        assert_eq!((trace.waiting_ns, trace.arrival_clock, trace.connection_reused), (None, None, false));
    }

    #[test]
    fn a_reused_connection_was_not_opened() {
        let instants = Instants {
            connect_start: None,
            resolved: None,
            reached: None,
            connected: None,
            ..record().instants
        };
        let trace =
            Trace::of(&Record { instants, unstamped_reads: 1, ..Record::default() }, 0, Protocol::Http2);
        assert!(trace.connection_reused && trace.connecting.is_none());
        assert_eq!((trace.sending_ns, trace.arrival_clock), (Some(55), Some("user")));
    }
}
