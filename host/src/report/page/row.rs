//! What the page keeps of a request: a [`Row`] of a fixed size, and texts where there are any.

use uuid::Uuid;

use crate::{
    metrics::{Measured, tags},
    record::{Record, RequestFailure},
};

/// Gaps that are kept of one request at most.
const MOST_GAPS: usize = 600;

/// What stands for an instant that there was none of.
pub(super) const NEVER: u32 = u32::MAX;

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ended {
    #[default]
    Ok,
    Failed,
    Cancelled,
    /// The server found its context too long, which is no failure.
    Overflowed,
}

/// The instants of a request behind the one at which it was due, in the order in which they happen.
pub(super) const STEPS: [&str; 8] =
    ["started", "connecting", "connected", "sent", "first_byte", "first_token", "last_token", "end"];

/// Where some of [`STEPS`] stand.
pub(super) const SENT: usize = 3;
pub(super) const FIRST_TOKEN: usize = 5;
pub(super) const LAST_TOKEN: usize = 6;
pub(super) const END: usize = 7;

/// A request. Latencies are in milliseconds, and not a number where it has none.
#[derive(Clone, Debug)]
pub(in crate::report) struct Row {
    pub(super) phase: u32,
    pub(super) is_measured: bool,
    pub(super) session: u64,
    pub(super) turn: u32,
    pub(super) class: u32,
    /// When the schedule wanted it sent, since the run's start.
    pub(super) due_ns: u64,
    /// Microseconds behind that, in the order of [`STEPS`].
    pub(super) steps_us: [u32; STEPS.len()],
    pub(super) status: Option<u16>,
    pub(super) ended: Ended,
    pub(super) is_good: Option<bool>,
    pub(super) first_token_ms: f64,
    pub(super) inter_token_ms: f64,
    /// Where it did not succeed: from the same instant as others' until its end.
    pub(super) latency_ms: f64,
    pub(super) input_tokens: Option<u32>,
    pub(super) output_tokens: Option<u32>,
    pub(super) worst_gap_us: u32,
    pub(super) reads: u32,
    /// This and the conversation are texts, which are there where they are needed.
    pub(super) request_id: Option<Uuid>,
    pub(super) conversation: Box<str>,
    pub(super) failure: Option<Box<RequestFailure>>,
    /// Kept only of slow requests.
    pub(super) detail: Option<Box<Detail>>,
}

/// What is known of a request beside its record.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::report) struct Judged {
    pub(in crate::report) is_measured: bool,
    /// Whether it is a good one, if that is judged.
    pub(in crate::report) is_good: Option<bool>,
    /// Its latency counts from the schedule.
    pub(in crate::report) from_schedule: bool,
}

/// What has to be known of a request for the page, by what is kept of others. That becomes less and less, so that who asks for it early
/// does more than is needed, and never less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Needs {
    /// Details of those that are at least so slow, in milliseconds.
    pub(super) detail_ms: f64,
    /// Texts of those that are at least so slow, in microseconds...
    pub(super) slow_us: u64,
    /// ... or have no larger lot, or have failed.
    pub(super) most_lot: u64,
}

impl Default for Needs {
    /// Everything of all of them.
    fn default() -> Self {
        Self { detail_ms: 0.0, slow_us: 0, most_lot: u64::MAX }
    }
}

/// What is kept of few requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Detail {
    /// Gaps between reads with tokens, in microseconds.
    pub(super) gaps_us: Vec<u32>,
    /// How many there are.
    pub(super) gaps: usize,
    pub(super) facts: Vec<(String, String)>,
    pub(super) finish_reasons: Vec<String>,
    pub(super) model: Option<String>,
}

impl Row {
    /// That of a request, with as much as is needed of it.
    pub(in crate::report) fn of(record: &Record, judged: Judged, measured: &Measured, needs: &Needs) -> Self {
        let Judged { is_measured, is_good, from_schedule } = judged;
        let instants = &record.instants;
        let from = if from_schedule { instants.scheduled } else { instants.sent.unwrap_or(instants.started) };
        let after =
            |at: Option<u64>| at.map_or(NEVER, |at| microseconds(at.saturating_sub(instants.scheduled)));
        let mut row = Self {
            phase: record.phase,
            is_measured,
            session: record.session_num,
            turn: record.turn_index,
            class: record.class,
            due_ns: instants.scheduled,
            steps_us: [
                Some(instants.started),
                instants.connect_start,
                instants.connected,
                instants.sent,
                instants.first_byte,
                instants.first_token,
                instants.last_token,
                Some(instants.end),
            ]
            .map(after),
            status: record.status,
            ended: ended(record),
            is_good,
            first_token_ms: f64::NAN,
            inter_token_ms: f64::NAN,
            latency_ms: instants.end.saturating_sub(from) as f64 / 1e6,
            input_tokens: None,
            output_tokens: None,
            worst_gap_us: record.chunk_gaps_ns.iter().max().map_or(0, |gap| microseconds(*gap)),
            reads: u32::try_from(record.chunk_gaps_ns.len()).unwrap_or(NEVER),
            request_id: None,
            conversation: Box::default(),
            failure: record.outcome.said().map(|said| Box::new(said.clone())),
            detail: None,
        };
        row.measure(measured);
        if row.has_texts(needs) {
            row.request_id = Uuid::try_parse(&record.request_id).ok();
            row.conversation = record.conversation_id.as_str().into();
        }
        row.detail = (row.latency_ms >= needs.detail_ms).then(|| Box::new(Detail::of(record)));
        row
    }

    /// Whether it may be one of those that are kept, whose texts are on the page.
    fn has_texts(&self, needs: &Needs) -> bool {
        self.ended == Ended::Failed || self.latency_us() >= needs.slow_us || self.lot() <= needs.most_lot
    }

    fn measure(&mut self, measured: &Measured) {
        for (metric, value) in measured {
            match metric.tag {
                tags::TIME_TO_FIRST_TOKEN => self.first_token_ms = *value,
                tags::INTER_TOKEN_LATENCY => self.inter_token_ms = *value,
                tags::REQUEST_LATENCY => self.latency_ms = *value,
                tags::INPUT_SEQUENCE_LENGTH => self.input_tokens = Some(whole(*value)),
                tags::OUTPUT_SEQUENCE_LENGTH => self.output_tokens = Some(whole(*value)),
                _ => {}
            }
        }
    }

    /// One of [`STEPS`] on the run's clock.
    pub(super) fn at_ns(&self, step: usize) -> Option<u64> {
        let us = self.steps_us[step];
        (us != NEVER).then(|| self.due_ns + u64::from(us) * 1000)
    }

    /// Its latency in microseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a latency is positive")]
    pub(super) fn latency_us(&self) -> u64 {
        (self.latency_ms * 1e3) as u64
    }

    /// When it was over.
    pub(super) fn end_ns(&self) -> u64 {
        self.at_ns(END).unwrap_or(self.due_ns)
    }

    /// A number that says nothing of its session, and is the same for all of its requests and each time the journal is read.
    pub(super) fn lot(&self) -> u64 {
        let place = self.session ^ (u64::from(self.phase) << 48);
        // The finisher of SplitMix64.
        let mixed = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// What no other request has.
    pub(super) fn place(&self) -> (u32, u64, u32) {
        (self.phase, self.session, self.turn)
    }
}

impl Detail {
    fn of(record: &Record) -> Self {
        Self {
            gaps_us: record.chunk_gaps_ns.iter().take(MOST_GAPS).map(|gap| microseconds(*gap)).collect(),
            gaps: record.chunk_gaps_ns.len(),
            facts: record.facts.clone(),
            finish_reasons: record.finish_reasons.clone(),
            model: record.model.clone(),
        }
    }
}

fn ended(record: &Record) -> Ended {
    match &record.outcome {
        outcome if outcome.is_ok() => Ended::Ok,
        outcome if outcome.is_cancelled() => Ended::Cancelled,
        outcome if outcome.is_overflow() => Ended::Overflowed,
        _ => Ended::Failed,
    }
}

/// Longer than an hour is an hour and some minutes: the largest that there is place for.
fn microseconds(ns: u64) -> u32 {
    u32::try_from(ns / 1000).unwrap_or(NEVER - 1).min(NEVER - 1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float is made a whole number by saturation"
)]
fn whole(value: f64) -> u32 {
    value as u32
}
