//! What has ended on one machine since it was asked last: [`Drawing`] collects it there, and a [`Sketch`] of it is sent.
//!
//! Sketches add up: those of several machines are that of all their requests. One has less than 4 kB, however many requests there
//! are: four times [`Cells`], and a few kinds of failures. Texts in other alphabets than the Latin one may take more, once a kind.

use prony_plugin_api::live::FailuresNow;
use serde::{Deserialize, Serialize};

use super::{
    cells::Cells,
    ended::Ended,
    failure_kinds::FailureKinds,
    request::{LatencyOrigin, Request, TokenCounting},
};
use crate::{clock::RunNs, record::Record};

/// What has ended in some time of a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sketch {
    /// Position of the phase in the run.
    pub(crate) phase: u32,
    /// When the time begins and ends.
    pub(crate) from_ns: RunNs,
    pub(crate) to_ns: RunNs,
    /// Requests that were not over then.
    pub(crate) in_flight: u64,
    /// Failures of the phase so far, of kinds of which there are new ones.
    pub(crate) failures: Vec<FailuresNow>,
    /// What has ended.
    pub(crate) ended: Ended<Cells>,
}

impl Sketch {
    /// How long the time is, in nanoseconds.
    pub(super) fn took_ns(&self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }

    /// Takes in the one that follows it.
    pub(super) fn extend(&mut self, next: &Self) {
        self.to_ns = self.to_ns.max(next.to_ns);
        self.in_flight = next.in_flight;
        self.ended.add(&next.ended);
    }
}

impl Ended<Cells> {
    /// Takes in what else has ended.
    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in [
            (&mut self.succeeded, other.succeeded),
            (&mut self.failed, other.failed),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.sent, other.sent),
            (&mut self.sent_late, other.sent_late),
        ] {
            *count = count.saturating_add(more);
        }
        self.first_token.add(&other.first_token);
        self.inter_token.add(&other.inter_token);
        self.latency.add(&other.latency);
        self.lateness.add(&other.lateness);
    }
}

/// Collects what ends in a phase, from one sketch to the next.
#[derive(Debug)]
pub(crate) struct Drawing {
    phase: u32,
    since_ns: RunNs,
    origin: LatencyOrigin,
    counting: TokenCounting,
    ended: Ended<Cells>,
    failures: FailureKinds,
}

impl Drawing {
    /// Nothing yet, of a phase that begins then.
    pub(crate) fn begin(phase: u32, start_ns: RunNs, origin: LatencyOrigin, counting: TokenCounting) -> Self {
        let (ended, failures) = (Ended::default(), FailureKinds::default());
        Self { phase, since_ns: start_ns, origin, counting, ended, failures }
    }

    /// Position of the phase in the run.
    pub(crate) fn phase(&self) -> u32 {
        self.phase
    }

    /// A request is over. One of another phase changes nothing.
    pub(crate) fn ended(&mut self, record: &Record) {
        if let Some(request) = self.request(record) {
            self.failures.note(record);
            self.ended.ended(&request);
        }
    }

    /// The tokens of a request are counted.
    pub(crate) fn counted(&mut self, record: &Record) {
        if let Some(request) = self.request(record) {
            self.ended.counted(&request);
        }
    }

    /// What has ended since the last sketch. So many requests are not over.
    pub(crate) fn sketch(&mut self, now: RunNs, in_flight: u64) -> Sketch {
        let to_ns = now.max(self.since_ns);
        Sketch {
            phase: self.phase,
            from_ns: std::mem::replace(&mut self.since_ns, to_ns),
            to_ns,
            in_flight,
            failures: self.failures.news(),
            ended: std::mem::take(&mut self.ended),
        }
    }

    fn request<'a>(&self, record: &'a Record) -> Option<Request<'a>> {
        let request = Request { record, origin: self.origin, counting: self.counting };
        (record.phase == self.phase).then_some(request)
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorDetails;

    use super::*;
    use crate::record::{Instants, Outcome};

    fn drawing() -> Drawing {
        Drawing::begin(1, 1000, LatencyOrigin::Scheduled, TokenCounting::PreferServer)
    }

    /// A request of the phase that took so many microseconds.
    fn record(us: u64) -> Record {
        let instants = Instants {
            scheduled: 1000,
            sent: Some(3000),
            first_token: Some(3000 + 500 * us),
            last_token: Some(3000 + 1000 * us),
            end: 3000 + 1000 * us,
            ..Instants::default()
        };
        Record { phase: 1, instants, ..Record::default() }
    }

    fn failed(number: usize) -> Record {
        let (kind, message) = (format!("vendor_{number}"), "x".repeat(1000));
        let error = ErrorDetails { kind, message, code: Some(503), ..ErrorDetails::default() };
        Record { outcome: Outcome::of(Some(error)), ..record(7) }
    }

    #[test]
    fn each_sketch_has_what_ended_since_the_one_before() {
        let mut drawing = drawing();
        drawing.ended(&record(10));
        drawing.ended(&Record { phase: 0, ..record(10) });
        let first = drawing.sketch(1_000_001_000, 4);
        assert_eq!(
            (first.phase, first.from_ns, first.took_ns(), first.in_flight),
            (1, 1000, 1_000_000_000, 4)
        );
        assert_eq!((first.ended.succeeded, first.ended.sent), (1, 1));
        assert!(first.ended.lateness.spread().is_some(), "of an open loop");
        let second = drawing.sketch(1_500_001_000, 4);
        assert_eq!((second.from_ns, second.took_ns()), (1_000_001_000, 500_000_000));
        assert_eq!(second.ended, Ended::default());
    }

    #[test]
    fn two_sketches_one_after_the_other_are_one_of_all_of_it() {
        let (mut once, mut twice) = (drawing(), drawing());
        (0..50).for_each(|number| once.ended(&record(1 + number)));
        (0..20).for_each(|number| twice.ended(&record(1 + number)));
        let mut first = twice.sketch(2000, 9);
        (20..50).for_each(|number| twice.ended(&record(1 + number)));
        first.extend(&twice.sketch(3000, 4));
        assert_eq!(first, once.sketch(3000, 4));
    }

    /// The network between the machines is that of the load as well.
    #[test]
    fn a_second_of_a_heavy_load_with_many_failures_has_less_than_four_kilobytes() {
        let mut drawing = drawing();
        let mut us = 1;
        while us < 3_000_000_000 {
            (0..200).for_each(|_| drawing.ended(&record(us)));
            us += 1 + us / 30;
        }
        (0..50).for_each(|number| drawing.ended(&failed(number)));
        let bytes = rmp_serde::to_vec_named(&drawing.sketch(1_000_000_000, 100_000)).unwrap();
        assert!(bytes.len() < 4000, "{} bytes", bytes.len());
    }
}
