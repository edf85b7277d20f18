//! Whether a request whose connection died may be sent again. Pure.

use super::transport::{AttemptStamps, Failure, TransportError};
use crate::clock::RunNs;

/// Two round trips are shorter than this in a data centre; what is left of it is the waking up of both ends, in nanoseconds.
const SHORTEST_NOTICE_NS: u64 = 10_000_000;

/// The same where the connection was reset. A system resets a connection that is closed before what came was read: who has
/// read a request closes in order, unless he asks for a reset.
const SHORTEST_NOTICE_OF_RESET_NS: u64 = 100_000_000;

/// A round trip takes no longer on earth. Opening a connection does where its first packet is lost.
const LONGEST_ROUND_TRIP_NS: u64 = 500_000_000;

/// The server had closed a kept connection before it can have read the request: the request was not taken as a whole, or the
/// end of the connection came within two round trips. A client that sends a request as a server closes for want of requests meets
/// with that. A later end is the server's failure, since it may have worked on the request, and so is any end of a connection
/// that was opened for this request.
///
/// A pool may also hand over a connection that it has just opened for another request; if that dies at once, the second try
/// is one more than needed.
pub(super) fn is_closed_idle(error: &TransportError, stamps: &AttemptStamps, now: RunNs) -> bool {
    let shortest = match error.failure {
        Failure::Closed => SHORTEST_NOTICE_NS,
        Failure::Reset => SHORTEST_NOTICE_OF_RESET_NS,
        _ => return false,
    };
    let is_fresh =
        stamps.connected().is_some_and(|connected| stamps.sent().is_none_or(|sent| connected <= sent));
    if is_fresh || stamps.is_answered() {
        return false;
    }
    let notice = shortest.max(2 * stamps.round_trip().min(LONGEST_ROUND_TRIP_NS));
    error.is_unsent || stamps.sent().is_none_or(|sent| now.saturating_sub(sent) <= notice)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const MS: u64 = 1_000_000;

    fn lost(failure: Failure, is_unsent: bool) -> TransportError {
        TransportError { failure, causes: Vec::new(), hint: "", is_unsent }
    }

    #[rstest]
    #[case::at_once(Failure::Closed, 0, 9 * MS, true)]
    #[case::after_some_work(Failure::Closed, 0, 11 * MS, false)]
    #[case::within_two_long_round_trips(Failure::Closed, 150 * MS, 299 * MS, true)]
    #[case::later_than_those(Failure::Closed, 150 * MS, 301 * MS, false)]
    #[case::a_connect_that_was_slow_is_no_round_trip(Failure::Closed, 3_000 * MS, 1_001 * MS, false)]
    #[case::reset_unread(Failure::Reset, 0, 99 * MS, true)]
    #[case::reset_after_work(Failure::Reset, 0, 101 * MS, false)]
    #[case::not_lost(Failure::Http, 0, 0, false)]
    fn a_kept_connection_was_closed_before_its_request_was_read(
        #[case] failure: Failure,
        #[case] round_trip: u64,
        #[case] after: u64,
        #[case] expected: bool,
    ) {
        let stamps = AttemptStamps::kept(round_trip, 7);
        assert_eq!(is_closed_idle(&lost(failure, false), &stamps, 7 + after), expected);
    }

    #[test]
    fn a_request_that_was_not_taken_whole_was_not_read_however_long_it_took() {
        let stamps = AttemptStamps::kept(0, 7);
        assert!(is_closed_idle(&lost(Failure::Reset, true), &stamps, 3_600_000 * MS));
    }
}
