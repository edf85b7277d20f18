//! What a request did, one after the other: the slices of a timeline. Pure.

use crate::record::Record;

/// A part of the time of a request, in nanoseconds since the run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) name: &'static str,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// From the moment at which a request was due to its end.
pub(super) fn whole(record: &Record) -> (u64, u64) {
    let instants = &record.instants;
    let start = instants.scheduled.min(instants.started);
    (start, instants.end.max(start))
}

/// Its steps, in order and without gaps or overlaps, from its beginning to its end. A step that took no time is left out.
pub(super) fn steps(record: &Record) -> Vec<Slice> {
    let instants = &record.instants;
    let (mut at, end) = whole(record);
    let is_over = Some(instants.end);
    // When each step was over, if it came to that.
    let steps = [
        ("queue", Some(instants.started)),
        // Between the beginning of work and that of the connection, a free one is looked for.
        ("send", instants.connect_start),
        (
            "connect",
            instants.connected.or(instants.connect_start.and(is_over.filter(|_| instants.sent.is_none()))),
        ),
        ("send", instants.sent),
        ("wait for the response", instants.first_byte.filter(|_| instants.first_token.is_none())),
        ("wait for the first token", instants.first_token),
        ("decode", instants.last_token),
        ("rest", is_over),
    ];
    let mut slices: Vec<Slice> = Vec::new();
    for (name, until) in steps {
        let Some(until) = until.map(|until| until.min(end)).filter(|until| *until > at) else { continue };
        slices.push(Slice { name, start: at, end: until });
        at = until;
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Instants;

    fn names(instants: Instants) -> Vec<(&'static str, u64, u64)> {
        let record = Record { instants, ..Record::default() };
        steps(&record).into_iter().map(|slice| (slice.name, slice.start, slice.end)).collect()
    }

    fn all() -> Instants {
        Instants {
            scheduled: 10,
            started: 15,
            connect_start: Some(16),
            resolved: Some(20),
            reached: Some(25),
            connected: Some(30),
            sent: Some(32),
            first_byte: Some(50),
            first_token: Some(60),
            first_output_token: Some(60),
            last_token: Some(90),
            accepted: None,
            end: 95,
        }
    }

    #[test]
    fn a_stream_over_a_new_connection_has_every_step() {
        let expected = [
            ("queue", 10, 15),
            ("send", 15, 16),
            ("connect", 16, 30),
            ("send", 30, 32),
            ("wait for the first token", 32, 60),
            ("decode", 60, 90),
            ("rest", 90, 95),
        ];
        assert_eq!(names(all()), expected);
    }

    #[test]
    fn a_response_that_is_no_stream_is_waited_for() {
        let instants = Instants {
            scheduled: 15,
            connect_start: None,
            connected: None,
            first_token: None,
            last_token: None,
            ..all()
        };
        assert_eq!(names(instants), [("send", 15, 32), ("wait for the response", 32, 50), ("rest", 50, 95)]);
    }

    #[test]
    fn a_request_that_found_nobody_only_tried_to_connect() {
        let instants = Instants { started: 15, connect_start: Some(15), end: 40, ..Instants::default() };
        assert_eq!(names(Instants { scheduled: 15, ..instants }), [("connect", 15, 40)]);
    }

    /// Whatever instants a journal has, the steps are in order and within the request.
    #[test]
    fn instants_in_a_wrong_order_make_no_slice_outside_of_the_request() {
        let instants = Instants { sent: Some(200), first_token: Some(12), last_token: Some(11), ..all() };
        let slices = names(instants);
        assert!(slices.windows(2).all(|two| two[0].2 == two[1].1), "{slices:?}");
        assert_eq!((slices[0].1, slices[slices.len() - 1].2), (10, 95));
    }
}
