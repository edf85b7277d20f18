//! Sessions of several requests: what they took as a whole. Single requests are no sessions here, and cost nothing.

use std::collections::BTreeMap;

use super::tags;
use crate::{clock::RunNs, record::Record};

const NS_PER_MS: f64 = 1e6;

/// What is known of one session.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Session {
    /// Name of its script.
    pub(crate) conversation_id: String,
    /// Number of its class.
    pub(crate) class: u32,
    /// Requests of its script that it plays.
    pub(crate) steps: u32,
    /// Those that succeeded.
    pub(crate) succeeded: u32,
    /// Those that failed.
    pub(crate) failed: u32,
    /// Those that the tool has ended.
    pub(crate) cancelled: u32,
    /// The server found its context too long.
    pub(crate) is_overflowed: bool,
    /// Requests of its script before the first one that was sent.
    pub(crate) skipped: u32,
    /// Requests of its script before which the user leaves.
    pub(crate) left_out: u32,
    /// When its first request was scheduled.
    pub(crate) start_ns: RunNs,
    /// When its last response was over.
    pub(crate) end_ns: RunNs,
    /// When each of its requests was sent, and when it was over.
    in_flight: Vec<(RunNs, RunNs)>,
    first_token_ms: Option<f64>,
    /// Of its successes together, as far as they are known.
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    cached_tokens: Option<f64>,
    cacheable_tokens: Option<f64>,
    is_cacheable_unknown: bool,
}

impl Session {
    /// Every request of its script that it plays has succeeded.
    pub(crate) fn is_complete(&self) -> bool {
        self.succeeded == self.steps
    }

    /// From the schedule of its first request to the end of its last response, in milliseconds.
    pub(super) fn duration_ms(&self) -> f64 {
        ms(self.end_ns.saturating_sub(self.start_ns))
    }

    /// Requests of its script.
    pub(super) fn requests(&self) -> f64 {
        f64::from(self.steps)
    }

    /// Time in which at least one of its requests was in flight, in milliseconds.
    pub(super) fn time_in_model_ms(&self) -> f64 {
        let mut spans = self.in_flight.clone();
        spans.sort_unstable();
        let (mut covered, mut until) = (0, 0);
        for (from, to) in spans {
            covered += to.saturating_sub(from.max(until));
            until = until.max(to);
        }
        ms(covered)
    }

    /// The rest of its duration, in milliseconds.
    pub(super) fn time_between_ms(&self) -> f64 {
        (self.duration_ms() - self.time_in_model_ms()).max(0.0)
    }

    /// Time to the first token of its first request, in milliseconds.
    pub(super) fn first_token_ms(&self) -> Option<f64> {
        self.first_token_ms
    }

    /// Input tokens of all its requests.
    pub(super) fn input_tokens(&self) -> Option<f64> {
        self.input_tokens
    }

    /// Output tokens of all its requests.
    pub(super) fn output_tokens(&self) -> Option<f64> {
        self.output_tokens
    }

    /// Input tokens of all its requests that the server read from a cache.
    pub(super) fn cached_tokens(&self) -> Option<f64> {
        self.cached_tokens
    }

    /// Input tokens of all its requests that a prefix cache of unlimited size would have had; nothing where it is not known of one that
    /// succeeded.
    pub(super) fn cacheable_tokens(&self) -> Option<f64> {
        self.cacheable_tokens.filter(|_| !self.is_cacheable_unknown)
    }

    fn record(&mut self, record: &Record, measured: impl Iterator<Item = (&'static str, f64)>) {
        let instants = &record.instants;
        let is_first = self.in_flight.is_empty();
        self.start_ns = if is_first { instants.scheduled } else { self.start_ns.min(instants.scheduled) };
        self.end_ns = self.end_ns.max(instants.end);
        self.in_flight.push((instants.sent.unwrap_or(instants.started), instants.end));
        if is_first {
            self.conversation_id.clone_from(&record.conversation_id);
            self.class = record.class;
            self.steps = record.steps;
            self.skipped = record.skipped_steps;
            self.left_out = record.left_steps;
        }
        match (record.outcome.is_ok(), record.outcome.is_cancelled()) {
            (true, _) => self.succeeded += 1,
            (_, true) => self.cancelled += 1,
            _ if record.outcome.is_overflow() => self.is_overflowed = true,
            _ => self.failed += 1,
        }
        if record.outcome.is_ok() {
            match record.counted.cacheable {
                Some(tokens) => add(&mut self.cacheable_tokens, tokens as f64),
                None => self.is_cacheable_unknown = true,
            }
        }
        for (tag, value) in measured {
            match tag {
                tags::TIME_TO_FIRST_TOKEN if record.turn_index == 0 => self.first_token_ms = Some(value),
                tags::INPUT_SEQUENCE_LENGTH => add(&mut self.input_tokens, value),
                tags::OUTPUT_SEQUENCE_LENGTH => add(&mut self.output_tokens, value),
                tags::USAGE_PROMPT_CACHE_READ_TOKENS => add(&mut self.cached_tokens, value),
                _ => {}
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.start_ns = self.start_ns.min(other.start_ns);
        self.end_ns = self.end_ns.max(other.end_ns);
        self.in_flight.extend(other.in_flight);
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.is_overflowed |= other.is_overflowed;
        self.first_token_ms = self.first_token_ms.or(other.first_token_ms);
        other.input_tokens.into_iter().for_each(|more| add(&mut self.input_tokens, more));
        other.output_tokens.into_iter().for_each(|more| add(&mut self.output_tokens, more));
        self.is_cacheable_unknown |= other.is_cacheable_unknown;
        other.cacheable_tokens.into_iter().for_each(|more| add(&mut self.cacheable_tokens, more));
        other.cached_tokens.into_iter().for_each(|more| add(&mut self.cached_tokens, more));
    }
}

fn add(sum: &mut Option<f64>, more: f64) {
    *sum = Some(sum.unwrap_or(0.0) + more);
}

fn ms(ns: u64) -> f64 {
    ns as f64 / NS_PER_MS
}

/// The sessions of a run, by phase and number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(BTreeMap<(u32, u64), Session>);

impl Sessions {
    /// Takes a request in, if it belongs to a session of several, with what it measured, by the tags of the metrics.
    pub(super) fn record(&mut self, record: &Record, measured: impl Iterator<Item = (&'static str, f64)>) {
        if record.steps > 1 {
            let session = self.0.entry((record.phase, record.session_num)).or_default();
            session.record(record, measured);
        }
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, more) in other.0 {
            match self.0.get_mut(&key) {
                Some(session) => session.merge(more),
                None => drop(self.0.insert(key, more)),
            }
        }
    }

    /// The sessions of a phase with their numbers, in their order.
    pub(crate) fn of(&self, phase: u32) -> impl Iterator<Item = (u64, &Session)> {
        self.0.range((phase, 0)..=(phase, u64::MAX)).map(|((_, number), session)| (*number, session))
    }

    /// There is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Instants;

    fn record(turn: u32, sent: u64, end: u64) -> Record {
        let instants = Instants { scheduled: sent, sent: Some(sent), end, ..Instants::default() };
        Record { session_num: 4, turn_index: turn, steps: 3, instants, ..Record::default() }
    }

    fn collected(records: &[Record]) -> Sessions {
        let mut sessions = Sessions::default();
        for record in records {
            sessions.record(record, std::iter::empty());
        }
        sessions
    }

    /// Two requests at once, and one later.
    fn of_three() -> [Record; 3] {
        [record(0, 1_000_000, 5_000_000), record(1, 3_000_000, 7_000_000), record(2, 9_000_000, 10_000_000)]
    }

    #[test]
    fn time_in_the_model_is_counted_once() {
        let sessions = collected(&of_three());
        let (number, session) = sessions.of(0).next().unwrap();
        assert_eq!((number, session.is_complete()), (4, true));
        let times = (session.duration_ms(), session.time_in_model_ms(), session.time_between_ms());
        assert_eq!(times, (9.0, 7.0, 2.0));
    }

    #[test]
    fn what_a_cache_would_have_is_unknown_unless_it_is_known_of_all_requests() {
        let mut records = of_three();
        for record in &mut records {
            record.counted.cacheable = Some(16);
        }
        let cacheable = |records: &[Record]| collected(records).of(0).next().unwrap().1.cacheable_tokens();
        assert_eq!(cacheable(&records), Some(48.0));
        records[1].counted.cacheable = None;
        assert_eq!(cacheable(&records), None);
    }

    #[test]
    fn it_makes_no_difference_which_collector_saw_which_request() {
        let [first, second, third] = of_three();
        let (all, mut a) = (collected(&of_three()), collected(&[second]));
        a.merge(collected(&[third, first]));
        let facts = |sessions: &Sessions| {
            let session = sessions.of(0).next().unwrap().1;
            (session.duration_ms(), session.time_in_model_ms(), session.is_complete())
        };
        assert_eq!(facts(&a), facts(&all));
    }

    #[test]
    fn single_requests_are_no_sessions() {
        assert!(collected(&[Record { steps: 0, ..record(0, 1, 2) }]).is_empty());
    }
}
