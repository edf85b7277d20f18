//! Telling what is known of the run now: to the observer, and to services that want to hear it.

use std::{sync::atomic::Ordering, time::Duration};

use prony_plugin_api::{
    Message,
    live::{ClientNow, PhaseNow, RequestsNow, RunNow},
};

use super::{
    channels::Tally,
    observer::{Observer, Snapshot},
    setup::Run,
    usage,
    watch::{Looked, Watch},
};
use crate::{
    clock::{RunNs, as_ns},
    record::live::Live,
    report,
    request::machine::ProcessorTimes,
    service::bus::Bus,
};

/// From one time to the next.
const EVERY: Duration = Duration::from_millis(500);

/// Tells what is known, twice a second, as long as an observer or a service wants to hear it.
#[derive(Debug, Default)]
pub(super) struct Teller {
    is_wanted: bool,
    due_ns: RunNs,
    before: Option<Used>,
    /// What was used from one time to the next.
    client: ClientNow,
}

/// Processor time that was used by an instant.
#[derive(Clone, Copy, Debug)]
struct Used {
    at_ns: RunNs,
    process_ns: u64,
    machine: Option<ProcessorTimes>,
}

/// Where it is known from.
pub(super) struct Sources<'a> {
    pub(super) run: &'a Run,
    pub(super) live: &'a Live,
    pub(super) tally: &'a Tally,
    pub(super) watch: &'a Watch,
    pub(super) bus: &'a Bus,
}

/// The phase that is spoken of.
#[derive(Clone, Copy, Debug)]
pub(super) struct PhaseAt {
    pub(super) index: u32,
    pub(super) start_ns: RunNs,
    pub(super) is_over: bool,
}

impl Teller {
    pub(super) fn begin(&mut self, from: &Sources<'_>, phase: PhaseAt, observer: &dyn Observer) {
        self.is_wanted = observer.wants_now() || from.bus.has_listener(RunNow::TYPE);
        if self.is_wanted {
            let is_open = from.run.plan.phases[phase.index as usize].load.is_open();
            from.watch.begin(phase.index, phase.start_ns, is_open);
            self.due_ns = phase.start_ns;
            self.before = Some(Used::by(from.run.clock.now()));
        }
    }

    /// Tells it if it is time, and in any case when the phase is over.
    pub(super) fn tell(&mut self, from: &Sources<'_>, phase: PhaseAt, observer: &mut dyn Observer) {
        let at_ns = from.run.clock.now();
        if !self.is_wanted || (at_ns < self.due_ns && !phase.is_over) {
            return;
        }
        self.due_ns = at_ns.saturating_add(as_ns(EVERY));
        self.note_use(at_ns);
        let now = self.now(from, phase, at_ns);
        observer.now(&now);
        from.bus.send(&now);
    }

    fn note_use(&mut self, at_ns: RunNs) {
        let used = Used::by(at_ns);
        // Of a shorter time there is nothing to be said.
        let Some(before) =
            self.before.filter(|before| used.at_ns > before.at_ns.saturating_add(as_ns(EVERY) / 2))
        else {
            return;
        };
        self.client.busy_processors = Some(used.processors_since(before));
        self.client.machine_busy = used.machine_busy_since(before);
        self.before = Some(used);
    }

    fn now(&self, from: &Sources<'_>, phase: PhaseAt, at_ns: RunNs) -> RunNow {
        let plan = &from.run.plan;
        let planned = &plan.phases[phase.index as usize];
        let Looked { recent, client, failures, servers, agents } = from.watch.look(at_ns);
        let words = from.run.header.settings.phases.get(phase.index as usize).map(report::load_in_words);
        let elapsed = Duration::from_nanos(at_ns.saturating_sub(phase.start_ns));
        let seen = snapshot(from.live, from.tally.in_flight(phase.index), elapsed);
        RunNow {
            at_ns,
            phase: PhaseNow {
                index: phase.index,
                phases: u32::try_from(plan.phases.len()).unwrap_or(u32::MAX),
                name: planned.name.clone(),
                kind: planned.role.kind(),
                load: words.unwrap_or_default(),
                elapsed_s: elapsed.as_secs_f64(),
                most_requests: planned.stop.requests(),
                most_seconds: planned.stop.duration_s(),
                is_over: phase.is_over,
            },
            requests: RequestsNow {
                begun: from.tally.begun(phase.index),
                in_flight: seen.in_flight,
                succeeded: seen.succeeded,
                failed: seen.failed,
                cancelled_on_purpose: seen.cancelled_on_purpose,
                overflowed: seen.overflowed,
                output_tokens: seen.output_tokens,
            },
            recent,
            failures,
            client: ClientNow {
                processors: std::thread::available_parallelism()
                    .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
                busy_processors: self.client.busy_processors,
                machine_busy: self.client.machine_busy,
                ..client
            },
            servers,
            agents,
        }
    }
}

impl Used {
    fn by(at_ns: RunNs) -> Self {
        Self { at_ns, process_ns: usage::of_this_process().cpu_ns, machine: ProcessorTimes::now() }
    }

    fn processors_since(self, before: Self) -> f64 {
        let time = self.at_ns.saturating_sub(before.at_ns).max(1) as f64;
        self.process_ns.saturating_sub(before.process_ns) as f64 / time
    }

    fn machine_busy_since(self, before: Self) -> Option<f64> {
        let ProcessorTimes { total, idle } = self.machine?.since(before.machine?);
        (total > 0).then(|| total.saturating_sub(idle) as f64 / total as f64)
    }
}

/// How far a phase is.
pub(super) fn snapshot(live: &Live, in_flight: u64, elapsed: Duration) -> Snapshot {
    Snapshot {
        elapsed,
        succeeded: live.succeeded.load(Ordering::Relaxed),
        cancelled_on_purpose: live.cancelled_on_purpose.load(Ordering::Relaxed),
        overflowed: live.overflowed.load(Ordering::Relaxed),
        failed: live.failed.load(Ordering::Relaxed),
        in_flight,
        output_tokens: live.output_tokens.load(Ordering::Relaxed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(at_ns: RunNs, process_ns: u64, total: u64, idle: u64) -> Used {
        Used { at_ns, process_ns, machine: Some(ProcessorTimes { total, idle }) }
    }

    #[test]
    fn use_is_that_from_one_time_to_the_next() {
        let (before, now) = (used(1_000, 500, 100, 40), used(2_000, 2_000, 300, 90));
        assert_eq!((now.processors_since(before), now.machine_busy_since(before)), (1.5, Some(0.75)));
        let silent = Used { machine: None, ..now };
        assert_eq!((silent.machine_busy_since(before), now.machine_busy_since(now)), (None, None));
    }
}
