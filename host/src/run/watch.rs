//! What is known of the requests of the current phase, for those who look on: exports [`Watch`].
//!
//! It is fed by the recorder's thread, by services and by agents, and read by the conductor. As long as the run is not shown, a request costs
//! one look at a flag.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use prony_plugin_api::{
    Message,
    live::{AgentNow, ClientNow, FailuresNow, Recent, ServerNow},
    message::ServerMetricsBatch,
};

use super::{
    agents_seen::{AgentsSeen, Together},
    observer::Observer,
};
use crate::{
    clock::{Clock, RunNs},
    metrics::{FailureKinds, LatencyOrigin, RecentRequests, Sketch, TokenCounting},
    node::NodeId,
    record::{Record, live::Listener},
    report::server_now,
};

/// Most metrics pages that are kept.
const MOST_SERVERS: usize = 64;

/// Hears of requests and of servers while the run is shown.
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
    failures: FailureKinds,
    servers: Vec<ServerNow>,
    agents: AgentsSeen,
}

/// What a look at it gives.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) recent: Recent,
    pub(super) client: ClientNow,
    pub(super) failures: Vec<FailuresNow>,
    pub(super) servers: Vec<ServerNow>,
    pub(super) agents: Vec<AgentNow>,
}

impl Watch {
    /// The run is not shown yet.
    pub(super) fn new(clock: Clock, uses_server_count: bool) -> Self {
        let counting = TokenCounting::of(uses_server_count);
        Self { clock, counting, is_on: AtomicBool::new(false), seen: Mutex::default() }
    }

    /// A phase begins, and the run is shown.
    pub(super) fn begin(&self, phase: u32, start_ns: RunNs, is_open: bool) {
        self.is_on.store(true, Ordering::Relaxed);
        let origin = LatencyOrigin::of(is_open);
        let mut seen = self.seen();
        seen.phase = Some((phase, RecentRequests::begin(start_ns, origin, self.counting)));
        seen.failures.clear();
        seen.agents.begin();
    }

    /// The requests of the run are recorded by the agents with these names, in the order of their ids. Without any they are recorded here.
    /// `observer` hears of them.
    pub(super) fn set_agents(&self, names: Vec<String>, observer: &mut dyn Observer) {
        if !names.is_empty() {
            observer.agents_take_part(&names);
        }
        self.seen().agents = AgentsSeen::of(names);
    }

    /// An agent is lost.
    pub(super) fn lose_agent(&self, node: NodeId) {
        self.seen().agents.lose(node);
    }

    /// An agent says what has ended there.
    pub(super) fn sketched(&self, node: NodeId, sketch: Sketch) {
        if let Some(mut seen) = self.of_phase(sketch.phase) {
            seen.agents.take(node, sketch, self.clock.now());
        }
    }

    /// What has been seen by now.
    pub(super) fn look(&self, now: RunNs) -> Looked {
        let seen = self.seen();
        let mut looked = Looked { servers: seen.servers.clone(), ..Looked::default() };
        if let Some(Together { recent, client, failures, agents }) = seen.agents.look(now) {
            return Looked { recent, client, failures, agents, ..looked };
        }
        looked.failures = seen.failures.list();
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
        // The report says it where one cannot be read.
        let Ok(batch) = ServerMetricsBatch::decode(payload) else { return };
        let mut seen = self.seen();
        for scrape in &batch.samples {
            seen.note_server(server_now(scrape));
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is seen of the phase with this number, if it is the current one.
    fn of_phase(&self, number: u32) -> Option<MutexGuard<'_, Seen>> {
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let seen = self.seen();
        let is_current = seen.phase.as_ref().is_some_and(|(phase, _)| *phase == number);
        is_current.then_some(seen)
    }
}

impl Listener for Watch {
    fn ended(&self, record: &Record) {
        let Some(mut seen) = self.of_phase(record.phase) else { return };
        seen.failures.note(record);
        if let Some((_, recent)) = &mut seen.phase {
            recent.ended(record, self.clock.now());
        }
    }

    fn counted(&self, record: &Record) {
        let Some(mut seen) = self.of_phase(record.phase) else { return };
        if let Some((_, recent)) = &mut seen.phase {
            recent.counted(record, self.clock.now());
        }
    }
}

impl Seen {
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
