//! Requests as other tools measure them: one catalogue a tool, with its names, its units and its definitions.
//!
//! What a definition of a tool needs and a journal does not have is in no catalogue. The tools agree on some things in which prony
//! differs, and [`Seen`] makes of a record what they would have seen: their clock starts when work on a request begins, before a
//! connection is opened, and each event of a stream is one piece, of which several may have come in one read.

pub(crate) mod aiperf;
pub(crate) mod guidellm;
#[cfg(test)]
mod tests;
pub(crate) mod vllm;

use std::collections::BTreeMap;

use prony_plugin_api::{ErrorDetails, message::PhaseKind};

use super::{
    Measured, MetricTable, Results,
    beside::Beside,
    catalogue::Measurable,
    columns::Columns,
    metric::{Metric, PhaseFact, Source},
    request::{LatencyOrigin, Request, TokenCounting},
    span::PhaseSpan,
    window::Window,
};
use crate::{
    clock::RunNs,
    plan::{Compat, Objective},
    record::{Outcome, Record, RequestFailure, RunHeader, settings::LawName},
    request::failure_kind::FailureKind,
};

/// HTTP has no status for a client that leaves; nginx calls it 499, and so do tools.
const CLIENT_CLOSED_REQUEST: u32 = 499;

/// A record as another tool would have seen it.
#[derive(Debug)]
pub(crate) struct Seen(Record);

impl Seen {
    /// What becomes of a record. Nothing of one that prony has ended with its phase: other tools have no record of it.
    pub(crate) fn of(mut record: Record) -> Option<Self> {
        match &record.outcome {
            Outcome::Cancelled(said) if record.outcome.is_cancelled_on_purpose() => {
                let said = RequestFailure { code: Some(CLIENT_CLOSED_REQUEST), ..said.clone() };
                record.outcome = Outcome::of(Some(ErrorDetails::from(said)));
            }
            Outcome::Cancelled(_) => return None,
            // A conversation that has become too long is an error to them as any other.
            Outcome::Failed(said) if record.outcome.is_overflow() => {
                let kind = FailureKind::Other("context_length_exceeded".to_owned());
                let said = RequestFailure { kind, ..said.clone() };
                record.outcome = Outcome::of(Some(ErrorDetails::from(said)));
            }
            Outcome::Ok | Outcome::Failed(_) => {}
        }
        record.instants.sent = Some(record.instants.started);
        record.chunk_gaps_ns = gaps(&record);
        Some(Self(record))
    }

    /// The record.
    pub(crate) fn record(&self) -> &Record {
        &self.0
    }
}

/// Gaps between events with tokens: 0 between those that came in one read. Which read it was is known of the first one; all other
/// gaps of 0 come last. Several choices are pieces of one stream to these tools, and their gaps are not known.
fn gaps(record: &Record) -> Vec<RunNs> {
    if record.choices.is_some() {
        return Vec::new();
    }
    let reads = &record.chunk_gaps_ns;
    let events = usize::try_from(record.token_events).unwrap_or(usize::MAX);
    let within_reads = events.saturating_sub(1).saturating_sub(reads.len());
    let in_first = usize::try_from(record.first_read_events.saturating_sub(1)).unwrap_or(usize::MAX);
    let in_first = in_first.min(within_reads);
    let mut gaps = vec![0; in_first];
    gaps.extend_from_slice(reads);
    gaps.resize(reads.len() + within_reads, 0);
    gaps
}

/// The numbers of a run as another tool has them.
#[derive(Clone, Debug)]
pub(crate) struct ToolResults {
    /// Those of the measured phases together.
    pub(crate) measured: Results,
    /// Those of the warm-up, if there was one.
    pub(crate) warmup: Option<Results>,
}

impl ToolResults {
    /// The numbers of the measured phases.
    pub(crate) fn table(&self) -> &MetricTable {
        &self.measured.table
    }
}

/// Collects the numbers of a run as another tool has them.
#[derive(Clone, Debug)]
pub(crate) struct ToolAggregator {
    counting: TokenCounting,
    /// What a good request keeps to; nothing where none is judged.
    bounds: Vec<Bound>,
    /// What says in a request's own numbers whether it is a good one, where the tool has it there.
    good: Option<&'static Metric>,
    nothing: Columns,
    by_kind: BTreeMap<Kind, Columns>,
}

/// What a good request keeps to, by a metric of the tool.
#[derive(Clone, Copy, Debug)]
struct Bound {
    measure: fn(&Request<'_>) -> Option<f64>,
    limit: f64,
    at_least: bool,
}

impl Bound {
    /// Those of a run, if the tool has all metrics that they are about, and no class has objectives of its own.
    fn all(metrics: &[Metric], header: &RunHeader) -> Option<Vec<Self>> {
        let settings = &header.settings;
        if settings.classes.list.iter().any(|class| class.goodput.is_some()) {
            return None;
        }
        let bound = |objective: &Objective| {
            let name = objective.metric.as_str();
            let measure = match metrics.iter().find(|metric| metric.tag == name).map(|metric| metric.source) {
                Some(Source::Request(measure)) => measure,
                Some(_) => return None,
                None => vllm::JUDGED.into_iter().find(|(known, _)| *known == name)?.1,
            };
            Some(Self { measure, limit: objective.bound, at_least: objective.at_least })
        };
        settings.goodput.iter().map(bound).collect()
    }

    fn is_kept(&self, request: &Request<'_>) -> bool {
        let value = (self.measure)(request);
        value.is_some_and(|value| if self.at_least { value >= self.limit } else { value <= self.limit })
    }
}

/// The kinds of phases, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Warmup,
    Measured,
}

impl From<PhaseKind> for Kind {
    fn from(kind: PhaseKind) -> Self {
        match kind {
            PhaseKind::Warmup => Self::Warmup,
            PhaseKind::Profiling => Self::Measured,
        }
    }
}

impl ToolAggregator {
    /// Starts empty, with the metrics of a tool that make sense for the run.
    pub(crate) fn new(tool: Compat, header: &RunHeader) -> Self {
        let is_good = |metric: &&Metric| matches!(metric.source, Source::Phase(PhaseFact::Good));
        let good = catalogue(tool).iter().find(is_good).filter(|_| tool == Compat::Aiperf);
        Self { good, ..Self::with(catalogue(tool), counting(header), header) }
    }

    fn with(metrics: &'static [Metric], counting: TokenCounting, header: &RunHeader) -> Self {
        let measurable = Measurable {
            capabilities: &header.capabilities,
            origin: LatencyOrigin::Sent,
            is_replay: header.settings.phases.iter().any(|phase| phase.law == LawName::Replay),
            has_price: false,
            has_trace: false,
        };
        let bounds = Bound::all(metrics, header).unwrap_or_default();
        let metrics = metrics.iter().filter(|metric| metric.applies(measurable));
        let nothing = Columns::new(metrics, None);
        Self { counting, bounds, good: None, nothing, by_kind: BTreeMap::new() }
    }

    /// The same without metrics of what was going on at each moment.
    pub(crate) fn without_curves(mut self) -> Self {
        self.nothing = self.nothing.without_curves();
        self
    }

    /// Takes a request in. What it measured is in `measured` afterwards.
    pub(crate) fn record(&mut self, seen: &Seen, kind: PhaseKind, measured: &mut Measured) {
        let request = self.request(seen);
        let is_kept =
            || request.record.outcome.is_ok() && self.bounds.iter().all(|bound| bound.is_kept(&request));
        let is_good = (!self.bounds.is_empty()).then(is_kept);
        let nothing = &self.nothing;
        let columns = self.by_kind.entry(kind.into()).or_insert_with(|| nothing.clone());
        columns.record(&request, is_good, measured);
        let of_success = is_good.filter(|_| request.record.outcome.is_ok());
        measured.extend(
            self.good.zip(of_success).map(|(metric, is_good)| (metric, f64::from(u8::from(is_good)))),
        );
    }

    /// A record, as definitions look at it.
    fn request<'a>(&self, seen: &'a Seen) -> Request<'a> {
        Request { record: seen.record(), origin: LatencyOrigin::Sent, counting: self.counting }
    }

    /// Gets what was taken in ready to be merged.
    pub(crate) fn settle(&mut self) {
        self.by_kind.values_mut().for_each(Columns::settle);
    }

    /// Takes in the requests of another collector of the same tool and run.
    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, more) in other.by_kind {
            match self.by_kind.get_mut(&kind) {
                Some(columns) => columns.merge(more),
                None => drop(self.by_kind.insert(kind, more)),
            }
        }
    }

    /// Computes the numbers over the windows of the phases.
    pub(crate) fn results(mut self, spans: &[PhaseSpan]) -> ToolResults {
        let has_warmup = spans.iter().any(|span| span.kind == PhaseKind::Warmup);
        let measured = self.results_of(Kind::Measured, spans);
        let warmup = has_warmup.then(|| self.results_of(Kind::Warmup, spans));
        ToolResults { measured, warmup }
    }

    fn results_of(&mut self, kind: Kind, spans: &[PhaseSpan]) -> Results {
        let of_kind: Vec<PhaseSpan> =
            spans.iter().filter(|span| Kind::from(span.kind) == kind).copied().collect();
        let mut columns = self.by_kind.remove(&kind).unwrap_or_else(|| self.nothing.clone());
        columns.results(&Window::of(&of_kind), Beside::default())
    }
}

/// All metrics of a tool, in the order of its files.
fn catalogue(tool: Compat) -> &'static [Metric] {
    match tool {
        Compat::Aiperf => aiperf::CATALOGUE,
        Compat::Vllm => vllm::CATALOGUE,
        Compat::Guidellm => guidellm::CATALOGUE,
    }
}

/// Who counts tokens. AIPerf counts them itself, unless it is told otherwise; the others take the server's counts first.
fn counting(header: &RunHeader) -> TokenCounting {
    if header.settings.use_server_token_count {
        TokenCounting::ServerOnly
    } else {
        TokenCounting::PreferServer
    }
}
