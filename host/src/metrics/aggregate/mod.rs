//! The [`Aggregator`]: takes what the journal holds, one entry at a time or in parts, and ends as [`RunResults`].
//!
//! It keeps one number per request and metric, and no number per token. Each phase is kept apart; the results of several
//! measured phases are also pooled. A failed or cancelled request is counted and otherwise has no part in any
//! number, but for the window, which it can only make longer.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use prony_plugin_api::message::PhaseKind;

use super::{
    ClassResults, Measured, NodeResults, PhaseResults, Results, RunResults,
    beside::{Beside, BesideOf},
    catalogue::{CATALOGUE, Measurable},
    client::ClientReport,
    columns::Columns,
    first_reads::FirstReads,
    nodes::ByNode,
    objectives::{OF_CLASSES, Objectives},
    prefix_cache::PrefixCaches,
    request::{LatencyOrigin, Request, TokenCounting},
    sessions::Sessions,
    span::{LATE_NS, PhaseSpan},
    tags,
    window::Window,
};
use crate::{
    clock::RunNs,
    plan::Role,
    record::{
        NodeFacts, Record, RunHeader, ScheduleCounts, WorkerUsage,
        settings::{LawName, PhaseSettings},
    },
    request::target::place_of,
};

/// What is measured of each base URL, where there are several.
const OF_URLS: [&str; 2] = [tags::TIME_TO_FIRST_TOKEN, tags::REQUEST_LATENCY];

/// What was asked of a phase, as far as it matters to its numbers.
#[derive(Clone, Debug)]
struct Asked {
    kind: PhaseKind,
    /// Where the latency of its requests counts from.
    origin: LatencyOrigin,
    name: String,
    /// It is measured, and its load stays the same.
    is_steady: bool,
}

/// What is kept of a class.
#[derive(Clone, Debug)]
struct OfClass {
    columns: Columns,
    /// Its sessions of one request each, until the others are added.
    sessions: u64,
}

/// Collects the numbers of a run, or of some of its requests.
#[derive(Clone, Debug)]
pub(crate) struct Aggregator {
    /// By position in the run.
    asked: Vec<Asked>,
    counting: TokenCounting,
    phases: BTreeMap<u32, PhaseSpan>,
    /// The values of each phase that has requests.
    by_phase: BTreeMap<u32, Columns>,
    /// What the values of a phase begin as.
    no_warmup: Arc<Columns>,
    /// The same for measured phases, which all have the same metrics, so that they can be pooled.
    not_measured: Arc<Columns>,
    /// Measured requests by the base URL that they went to, where there are several.
    by_url: Vec<Columns>,
    /// Measured requests by their class, where there are several.
    by_class: Vec<OfClass>,
    /// Measured requests by their node, where there are any.
    by_node: ByNode,
    objectives: Objectives,
    sessions: Sessions,
    /// How workers fared in measured phases.
    workers: Vec<WorkerUsage>,
    /// First tokens of measured requests.
    first_reads: FirstReads,
    prefix_caches: PrefixCaches,
}

impl Aggregator {
    /// Starts empty, with the metrics that make sense for the run.
    pub(crate) fn new(header: &RunHeader) -> Self {
        let columns = |kind| {
            let phases = || header.settings.phases.iter().filter(|phase| phase.kind == kind);
            // An open loop in one of several phases is enough: requests of the others leave its metrics out.
            let open = phases().any(|phase| origin_of(phase) == LatencyOrigin::Scheduled);
            let measurable = Measurable {
                capabilities: &header.capabilities,
                origin: if open { LatencyOrigin::Scheduled } else { LatencyOrigin::Sent },
                is_replay: phases().any(|phase| phase.law == LawName::Replay),
                has_price: header.settings.price.is_some(),
                has_trace: header.settings.export_http_trace,
            };
            let metrics = CATALOGUE.iter().filter(|metric| metric.applies(measurable));
            Columns::new(metrics, header.settings.price)
        };
        let urls = header.settings.urls.len();
        let not_measured = columns(PhaseKind::Profiling);
        Self {
            by_url: vec![not_measured.clone().only(&OF_URLS); if urls > 1 { urls } else { 0 }],
            by_class: {
                let none = OfClass { columns: not_measured.clone().only(&OF_CLASSES), sessions: 0 };
                vec![none; header.settings.classes.list.len()]
            },
            by_node: ByNode::new(not_measured.clone()),
            objectives: Objectives::of(&header.settings),
            counting: if header.settings.use_server_token_count {
                TokenCounting::ServerOnly
            } else {
                TokenCounting::PreferServer
            },
            by_phase: BTreeMap::new(),
            no_warmup: Arc::new(columns(PhaseKind::Warmup)),
            not_measured: Arc::new(not_measured),
            phases: BTreeMap::new(),
            sessions: Sessions::default(),
            workers: Vec::new(),
            first_reads: FirstReads::default(),
            prefix_caches: PrefixCaches::default(),
            asked: header.settings.phases.iter().map(Asked::of).collect(),
        }
    }

    /// Makes room for as many requests as may have been measured: those that were asked for, if there can be so many.
    pub(crate) fn reserve(&mut self, header: &RunHeader, most: usize) {
        for (phase, index) in header.settings.phases.iter().zip(0..) {
            if phase.kind == PhaseKind::Profiling {
                let wanted = phase.request_count.and_then(|wanted| usize::try_from(wanted).ok());
                self.columns_of(index).reserve(wanted.unwrap_or(usize::MAX).min(most));
            }
        }
    }

    /// A phase begins.
    pub(crate) fn phase_started(&mut self, index: u32, kind: PhaseKind, at_ns: RunNs) {
        let span = PhaseSpan { index, kind, start_ns: at_ns, ..PhaseSpan::default() };
        self.phases.insert(index, span);
    }

    /// A phase is over.
    pub(crate) fn phase_ended(
        &mut self,
        index: u32,
        at_ns: RunNs,
        counts: ScheduleCounts,
        workers: Vec<WorkerUsage>,
    ) {
        let Some(span) = self.phases.get_mut(&index) else { return };
        span.end_ns = Some(at_ns);
        span.schedule = Some(counts);
        if span.kind == PhaseKind::Profiling {
            self.workers.extend(workers);
        }
    }

    /// The run has nodes, whose requests are told apart from here on.
    pub(crate) fn tell_nodes_apart(&mut self) {
        self.by_node.tell_apart();
    }

    /// What was measured of the client in measured phases.
    pub(crate) fn client(&self) -> ClientReport {
        let first_reads = self.first_reads.summary(&self.workers);
        ClientReport::judge(self.workers.clone(), first_reads)
    }

    /// Kind of a phase.
    pub(crate) fn kind_of(&self, phase: u32) -> PhaseKind {
        let began = self.phases.get(&phase).map(|span| span.kind);
        began.or_else(|| self.asked_of(phase).map(|asked| asked.kind)).unwrap_or_default()
    }

    /// Whether latencies of a phase count from its schedule.
    pub(crate) fn is_open(&self, phase: u32) -> bool {
        self.asked_of(phase).is_some_and(|asked| asked.origin == LatencyOrigin::Scheduled)
    }

    fn asked_of(&self, phase: u32) -> Option<&Asked> {
        self.asked.get(phase as usize)
    }

    fn columns_of(&mut self, phase: u32) -> &mut Columns {
        let none = match self.kind_of(phase) {
            PhaseKind::Warmup => &self.no_warmup,
            PhaseKind::Profiling => &self.not_measured,
        };
        self.by_phase.entry(phase).or_insert_with(|| Columns::clone(none))
    }

    /// The phase of a record.
    fn span_of(&mut self, record: &Record) -> &mut PhaseSpan {
        let kind = self.kind_of(record.phase);
        let due = record.instants.scheduled;
        let lost = PhaseSpan {
            index: record.phase,
            kind,
            start_ns: due,
            has_lost_start: true,
            ..PhaseSpan::default()
        };
        let span = self.phases.entry(record.phase).or_insert(lost);
        if span.has_lost_start {
            span.start_ns = span.start_ns.min(due);
        }
        span
    }

    /// A request is over. What it measured is in `measured` afterwards. Tells whether it is a good one, if there are objectives.
    pub(crate) fn record(&mut self, record: &Record, measured: &mut Measured) -> Option<bool> {
        let origin = self.asked_of(record.phase).map_or(LatencyOrigin::Sent, |asked| asked.origin);
        let span = self.span_of(record);
        span.last_request_ns = span.last_request_ns.max(Some(record.instants.end));
        span.recorded += 1;
        if let Some(sent) = record.instants.sent {
            let lateness = sent.saturating_sub(record.instants.scheduled);
            let is_open = origin == LatencyOrigin::Scheduled;
            span.sent += 1;
            span.late += u64::from(is_open && lateness > LATE_NS);
        }
        let request = Request { record, origin, counting: self.counting };
        let is_good = self.objectives.is_good(&request);
        let is_measured = self.kind_of(record.phase) == PhaseKind::Profiling;
        self.prefix_caches.record(record, is_measured);
        if self.kind_of(record.phase) == PhaseKind::Profiling {
            if record.outcome.is_ok() {
                self.first_reads.record(record);
            }
            self.by_node.record(&request, is_good, measured);
            let place = place_of(record.session_num, self.by_url.len());
            if let Some(columns) = self.by_url.get_mut(place) {
                columns.record(&request, is_good, measured);
            }
            if let Some(class) = self.by_class.get_mut(record.class as usize) {
                // Those of several requests are counted at the end.
                class.sessions += u64::from(record.steps <= 1);
                class.columns.record(&request, is_good, measured);
            }
        }
        self.columns_of(record.phase).record(&request, is_good, measured);
        self.sessions.record(record, measured.iter().map(|(metric, value)| (metric.tag, *value)));
        is_good
    }

    /// Gets what was taken in ready to be merged, which is most of the work of merging, and is done beside other collectors'.
    pub(crate) fn settle(&mut self) {
        self.by_phase.values_mut().for_each(Columns::settle);
        self.by_url.iter_mut().for_each(Columns::settle);
        self.by_class.iter_mut().for_each(|class| class.columns.settle());
        self.by_node.settle();
    }

    /// Takes in the requests of another collector, which began as a clone of this without any. Which of them saw which
    /// requests, and in what order they are merged, makes no difference but for rounding errors in the standard deviation of
    /// gaps ([`super::pooled`]).
    pub(crate) fn merge(&mut self, other: Self) {
        for (index, of_other) in other.phases {
            match self.phases.entry(index) {
                Entry::Occupied(mut known) => known.get_mut().merge(of_other),
                Entry::Vacant(new) => drop(new.insert(of_other)),
            }
        }
        for (index, more) in other.by_phase {
            self.columns_of(index).merge(more);
        }
        self.first_reads.merge(other.first_reads);
        self.prefix_caches.merge(other.prefix_caches);
        self.sessions.merge(other.sessions);
        self.by_node.merge(other.by_node);
        for (columns, more) in self.by_url.iter_mut().zip(other.by_url) {
            columns.merge(more);
        }
        for (class, more) in self.by_class.iter_mut().zip(other.by_class) {
            class.columns.merge(more.columns);
            class.sessions += more.sessions;
        }
    }

    /// Every phase that began, in order.
    pub(crate) fn phases(&self) -> impl Iterator<Item = PhaseSpan> {
        self.phases.values().copied()
    }

    /// Computes the numbers for each base URL, in the order of the configuration; none where there is only one.
    pub(crate) fn results_by_url(&mut self) -> Vec<Results> {
        let spans: Vec<PhaseSpan> = self.of_kind(PhaseKind::Profiling).collect();
        let window = Window::of(&spans);
        self.by_url.iter_mut().map(|columns| columns.results(&window, Beside::default())).collect()
    }

    /// Computes the numbers for each class, by its number; none where there are no classes.
    pub(crate) fn results_by_class(&mut self) -> Vec<ClassResults> {
        let spans: Vec<PhaseSpan> = self.of_kind(PhaseKind::Profiling).collect();
        for (_, session) in spans.iter().flat_map(|span| self.sessions.of(span.index)) {
            if let Some(class) = self.by_class.get_mut(session.class as usize) {
                class.sessions += 1;
                class.columns.record_session(session);
            }
        }
        let window = Window::of(&spans);
        let results = |class: &mut OfClass| ClassResults {
            results: class.columns.results(&window, Beside::default()),
            sessions: class.sessions,
        };
        self.by_class.iter_mut().map(results).collect()
    }

    /// Computes the numbers of these nodes, in their order.
    pub(crate) fn results_by_node(&mut self, nodes: Vec<NodeFacts>) -> Vec<NodeResults> {
        let spans: Vec<PhaseSpan> = self.of_kind(PhaseKind::Profiling).collect();
        self.by_node.results(nodes, &self.workers, &Window::of(&spans))
    }

    /// Computes the numbers of each phase that began, and those of all phases of a kind together. `beside` says what was measured
    /// beside the load.
    pub(crate) fn results(mut self, beside: BesideOf<'_>) -> RunResults {
        let (mut phases, warmup) = self.results_of(PhaseKind::Warmup, beside);
        let (of_measured, measured) = self.results_of(PhaseKind::Profiling, beside);
        let warmup = (!phases.is_empty()).then_some(warmup);
        phases.extend(of_measured);
        phases.sort_by_key(|phase| phase.span.index);
        RunResults { phases, measured, warmup, sessions: self.sessions, prefix_caches: self.prefix_caches }
    }

    /// Computes the numbers of each phase of a kind, and those of all of them together.
    fn results_of(&mut self, kind: PhaseKind, beside: BesideOf<'_>) -> (Vec<PhaseResults>, Results) {
        let spans: Vec<PhaseSpan> = self.of_kind(kind).collect();
        let mut phases = Vec::new();
        let mut all: Option<Columns> = None;
        for span in &spans {
            self.columns_of(span.index);
            let Some(mut columns) = self.by_phase.remove(&span.index) else { continue };
            self.sessions.of(span.index).for_each(|(_, session)| columns.record_session(session));
            let asked = self.asked_of(span.index);
            let origin = asked.map_or(LatencyOrigin::Sent, |asked| asked.origin);
            let name = asked.map(|asked| asked.name.clone());
            let origin = asked.is_some_and(|asked| asked.is_steady).then_some(origin);
            let window = Window::of(&[*span]);
            let (results, steadiness) = columns.results_in_order(&window, beside(window.parts()), origin);
            phases.push(PhaseResults {
                span: *span,
                name: name.unwrap_or_else(|| Role::from(kind).name().to_owned()),
                results,
                steadiness,
            });
            match &mut all {
                Some(all) => all.merge(columns),
                None => all = Some(columns),
            }
        }
        let pooled = if let [only] = &*phases {
            only.results.clone()
        } else {
            let (window, none) = (Window::of(&spans), || Columns::clone(&self.not_measured));
            all.unwrap_or_else(none).results(&window, beside(window.parts()))
        };
        (phases, pooled)
    }

    fn of_kind(&self, kind: PhaseKind) -> impl Iterator<Item = PhaseSpan> {
        self.phases().filter(move |span| span.kind == kind)
    }
}

impl Asked {
    fn of(phase: &PhaseSettings) -> Self {
        let name = phase.name.as_deref().unwrap_or(Role::from(phase.kind).name());
        // In words: a number alone is one that stays.
        let is_ramp = phase.prefill.as_ref().is_some_and(|most| most.parse::<u32>().is_err());
        let changes = is_ramp
            || phase.rate_curve.is_some()
            || phase.concurrency_curve.is_some()
            || phase.law == LawName::Replay;
        Self {
            kind: phase.kind,
            origin: origin_of(phase),
            name: name.to_owned(),
            is_steady: phase.kind == PhaseKind::Profiling && !changes,
        }
    }
}

fn origin_of(phase: &PhaseSettings) -> LatencyOrigin {
    if phase.is_open_loop { LatencyOrigin::Scheduled } else { LatencyOrigin::Sent }
}

#[cfg(test)]
mod tests;
