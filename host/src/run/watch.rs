//! What is known of the requests of the current phase, for those who look on: exports [`Watch`].
//!
//! It is fed by the recorder's thread and by services, and read by the conductor. As long as nobody looks on, a request costs
//! one look at a flag.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use prony_plugin_api::{
    Message,
    live::{ClientNow, FailuresNow, Recent, RunNow, ServerNow},
    message::ServerMetricsBatch,
};

use crate::{
    clock::{Clock, RunNs},
    metrics::{LatencyOrigin, RecentRequests, TokenCounting},
    record::{Record, live::Listener},
    report::server_now,
};

/// Longest message of a failure that is kept, in characters.
const LONGEST_MESSAGE: usize = 200;

/// So many metrics pages are kept.
const MOST_SERVERS: usize = 64;

/// Hears of requests and of servers while somebody looks on.
#[derive(Debug)]
pub(super) struct Watch {
    clock: Clock,
    counting: TokenCounting,
    is_on: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The current phase, and the last seconds of it.
    phase: Option<(u32, RecentRequests)>,
    failures: Vec<FailuresNow>,
    servers: Vec<ServerNow>,
}

/// What a look at it gives.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) recent: Recent,
    pub(super) client: ClientNow,
    pub(super) failures: Vec<FailuresNow>,
    pub(super) servers: Vec<ServerNow>,
}

impl Watch {
    /// Nobody looks on yet.
    pub(super) fn new(clock: Clock, uses_server_count: bool) -> Self {
        let counting =
            if uses_server_count { TokenCounting::ServerOnly } else { TokenCounting::PreferServer };
        Self { clock, counting, is_on: AtomicBool::new(false), seen: Mutex::default() }
    }

    /// A phase begins, and somebody looks on.
    pub(super) fn begin(&self, phase: u32, start_ns: RunNs, is_open: bool) {
        self.is_on.store(true, Ordering::Relaxed);
        let origin = if is_open { LatencyOrigin::Scheduled } else { LatencyOrigin::Sent };
        let mut seen = self.seen();
        seen.phase = Some((phase, RecentRequests::begin(start_ns, origin, self.counting)));
        seen.failures.clear();
    }

    /// What has been seen by now.
    pub(super) fn look(&self, now: RunNs) -> Looked {
        let seen = self.seen();
        let mut looked = Looked { servers: seen.servers.clone(), ..Looked::default() };
        looked.failures.clone_from(&seen.failures);
        looked.failures.sort_by_key(|failures| std::cmp::Reverse(failures.count));
        if let Some((_, recent)) = &seen.phase {
            looked.recent = recent.look_back(now);
            recent.tell_lateness(&mut looked.client, now);
        }
        looked
    }

    /// A service has published something.
    pub(super) fn published(&self, message_type: &str, payload: &[u8]) {
        if message_type != ServerMetricsBatch::TYPE || !self.is_on.load(Ordering::Relaxed) {
            return;
        }
        // One that is none is the report's to complain of.
        let Ok(batch) = ServerMetricsBatch::decode(payload) else { return };
        let mut seen = self.seen();
        for scrape in &batch.samples {
            seen.note_server(server_now(scrape));
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is seen of the phase of a record, if it is the current one.
    fn of_phase(&self, record: &Record) -> Option<MutexGuard<'_, Seen>> {
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let seen = self.seen();
        let is_current = seen.phase.as_ref().is_some_and(|(phase, _)| *phase == record.phase);
        is_current.then_some(seen)
    }
}

impl Listener for Watch {
    fn ended(&self, record: &Record) {
        let Some(mut seen) = self.of_phase(record) else { return };
        seen.note_failure(record);
        if let Some((_, recent)) = &mut seen.phase {
            recent.ended(record, self.clock.now());
        }
    }

    fn counted(&self, record: &Record) {
        let Some(mut seen) = self.of_phase(record) else { return };
        if let Some((_, recent)) = &mut seen.phase {
            recent.counted(record, self.clock.now());
        }
    }
}

impl Seen {
    fn note_failure(&mut self, record: &Record) {
        let Some(failure) = record.outcome.failure() else { return };
        let kind = failure.kind.to_string();
        let is_it = |known: &&mut FailuresNow| known.kind == kind && known.code == failure.code;
        if let Some(known) = self.failures.iter_mut().find(is_it) {
            known.count += 1;
        } else if self.failures.len() < RunNow::MOST_FAILURES {
            let message = failure.message.chars().take(LONGEST_MESSAGE).collect();
            self.failures.push(FailuresNow { kind, code: failure.code, message, count: 1 });
        }
    }

    /// A page that does not answer keeps the values that it had.
    fn note_server(&mut self, new: ServerNow) {
        if let Some(known) = self.servers.iter_mut().find(|known| known.url == new.url) {
            match new.error {
                Some(error) => known.error = Some(error),
                None => *known = new,
            }
        } else if self.servers.len() < MOST_SERVERS {
            self.servers.push(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::{
        ErrorDetails,
        message::{MetricFamily, MetricSample, ServerMetricsSample},
    };

    use super::*;
    use crate::record::{Instants, Outcome};

    fn watch() -> Watch {
        Watch::new(Clock::start(), false)
    }

    fn failed(kind: &str, code: Option<u32>) -> Record {
        let error = ErrorDetails { kind: kind.to_owned(), code, ..ErrorDetails::default() };
        Record { outcome: Outcome::of(Some(error)), ..Record::default() }
    }

    fn ok(phase: u32) -> Record {
        let instants = Instants { sent: Some(1), end: 2_000_001, ..Instants::default() };
        Record { phase, instants, ..Record::default() }
    }

    #[test]
    fn failures_are_counted_by_kind_and_status() {
        let watch = watch();
        watch.begin(0, 0, false);
        for record in [failed("timeout", None), failed("http_status", Some(500)), failed("timeout", None)] {
            watch.ended(&record);
        }
        let failures: Vec<_> =
            watch.look(1).failures.into_iter().map(|it| (it.kind, it.code, it.count)).collect();
        assert_eq!(failures, [("timeout".to_owned(), None, 2), ("http_status".to_owned(), Some(500), 1)]);
        watch.begin(1, 0, false);
        assert!(watch.look(1).failures.is_empty(), "another phase begins with none");
    }

    #[test]
    fn as_long_as_nobody_looks_on_nothing_is_kept() {
        let watch = watch();
        watch.ended(&failed("timeout", None));
        watch.ended(&ok(0));
        assert!(watch.look(1).failures.is_empty());
    }

    #[test]
    fn what_comes_late_from_another_phase_does_not_count() {
        let watch = watch();
        watch.begin(1, 0, false);
        watch.ended(&ok(0));
        watch.ended(&ok(1));
        let latency = watch.look(watch.clock.now()).recent.request_latency_ms;
        assert_eq!(latency.map(|spread| spread.count), Some(1));
    }

    #[test]
    fn a_server_that_does_not_answer_keeps_what_it_said() {
        let watch = watch();
        watch.begin(0, 0, false);
        let running = MetricFamily {
            name: "vllm:num_requests_running".into(),
            samples: vec![MetricSample { value: 4.0, ..MetricSample::default() }],
            ..MetricFamily::default()
        };
        let good = ServerMetricsSample { url: "u".into(), families: vec![running], ..Default::default() };
        let bad = ServerMetricsSample {
            url: "u".into(),
            error: Some(ErrorDetails { message: "gone".into(), ..ErrorDetails::default() }),
            ..Default::default()
        };
        let batch = ServerMetricsBatch { samples: vec![good, bad] };
        watch.published(ServerMetricsBatch::TYPE, &batch.encode().unwrap());
        watch.published("another", &batch.encode().unwrap());
        let servers = watch.look(1).servers;
        assert_eq!(servers.len(), 1);
        assert_eq!((servers[0].running, servers[0].error.as_deref()), (Some(4.0), Some("gone")));
    }
}
