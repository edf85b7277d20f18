//! What holds for the requests of a phase beside its load: prefill slots, cancellations, and how many may fail.

use std::num::NonZeroU32;

use super::{
    agents,
    error::ConfigError,
    problems::Problems,
    spec::{RunSpec, Setting},
};
use crate::plan::{Cancellation, Ramp, RampError, Rules};

/// Those of what is measured.
pub(super) fn measured(spec: &RunSpec, problems: &mut Problems) -> Rules {
    let (most, over_s) = (&spec.prefill_concurrency, &spec.prefill_concurrency_ramp_duration);
    problems.require(over_s, most);
    problems.require(&spec.request_cancellation_delay, &spec.request_cancellation_rate);
    check_prefill(spec, most, &spec.concurrency, problems);
    let cancellation = spec.request_cancellation_rate.value().map(|percent| Cancellation {
        percent,
        delay_s: spec.request_cancellation_delay.value().unwrap_or(0.0),
    });
    Rules {
        prefill: prefill(most.value(), over_s.value(), problems),
        cancellation,
        most_failed: spec.failed_request_threshold.value(),
        leave_percent: spec.session_leave_rate.value(),
        start: agents::start(spec, problems),
        overflow: spec.context_overflow.value().unwrap_or_default(),
        most_idle_s: agents::most_idle_s(spec, problems),
        filling: None,
        spreads_starts: agents::spreads_starts(spec, problems),
    }
}

/// Those of the warm-up. Nothing is cancelled in it, and all its sessions begin together.
pub(super) fn warmup(spec: &RunSpec, problems: &mut Problems) -> Rules {
    let (most, over_s) = (&spec.warmup_prefill_concurrency, &spec.warmup_prefill_concurrency_ramp_duration);
    let is_wider = spec.warmup_concurrency.is_given();
    check_prefill(spec, most, if is_wider { &spec.warmup_concurrency } else { &spec.concurrency }, problems);
    let number = most.value().or(spec.prefill_concurrency.value());
    if number.is_none() {
        problems.require(over_s, most);
    }
    let most_idle_s = agents::most_idle_s(spec, problems);
    Rules {
        prefill: prefill(number, over_s.value().or(spec.prefill_concurrency_ramp_duration.value()), problems),
        cancellation: None,
        most_failed: spec.failed_request_threshold.value(),
        leave_percent: spec.session_leave_rate.value(),
        start: agents::start(spec, problems),
        overflow: spec.context_overflow.value().unwrap_or_default(),
        // The pauses of a warm-up with a rate are its own.
        most_idle_s: most_idle_s.filter(|_| !spec.warmup_request_rate.is_given()),
        filling: None,
        spreads_starts: false,
    }
}

/// Only a stream has a first token before its end, and no more can wait for theirs than are in flight.
fn check_prefill(
    spec: &RunSpec,
    most: &Setting<NonZeroU32>,
    in_flight: &Setting<NonZeroU32>,
    problems: &mut Problems,
) {
    let Some((number, flag)) = most.given() else { return };
    if !spec.mock.is_given() {
        problems.require(most, &spec.streaming);
    }
    if let Some((_, with)) = in_flight.given().filter(|(in_flight, _)| number > in_flight) {
        let reason = "no more requests can wait for their first token than are in flight";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
}

fn prefill(most: Option<NonZeroU32>, over_s: Option<f64>, problems: &mut Problems) -> Option<Ramp<u32>> {
    problems.note(most.map(|most| from_one(most, over_s)).transpose()).flatten()
}

/// A number of slots that rises from 1, if it does.
pub(super) fn from_one(most: NonZeroU32, over_s: Option<f64>) -> Result<Ramp<u32>, RampError> {
    match over_s.filter(|_| most > NonZeroU32::MIN) {
        Some(over_s) => Ramp::linear(1, most.get(), over_s),
        None => Ok(Ramp::from(most)),
    }
}
