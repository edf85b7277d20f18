//! What a row of the catalogue is: the [`Metric`], and the words that rows are written in.

use super::{
    beside::BesideFact,
    curves::Curve,
    request::{LatencyOrigin, Request},
    sessions::Session,
    statistic::Statistic,
    units,
};
use crate::record::Capabilities;

/// A row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Its key in files.
    pub(crate) tag: &'static str,
    /// Its name for people.
    pub(crate) header: &'static str,
    /// Unit of its values.
    pub(crate) unit: &'static str,
    /// Where its values come from.
    pub(crate) source: Source,
    /// What must hold for it to make sense; all of it.
    pub(crate) needs: &'static [Need],
    /// A larger value is better, or at least more work done.
    pub(crate) larger_is_better: bool,
    /// It has a row in the console table.
    pub(crate) shown: bool,
    /// Its value stands in the line of each request.
    pub(crate) in_lines: bool,
    /// What it is, in one sentence.
    pub(crate) definition: &'static str,
}

/// A condition of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Answers arrive in pieces.
    Streaming,
    /// Output is countable in tokens.
    OutputTokens,
    /// Input is countable in tokens.
    InputTokens,
    /// Requests have a schedule that does not wait for answers.
    OpenLoop,
    /// That schedule is a recording's.
    Replay,
    /// The user has said what the run costs.
    Price,
    /// The steps of requests are written down.
    Trace,
    /// GPUs are watched. Without that, it has no value.
    Gpus,
    /// The round trip to the servers is measured. Without that, it has no value.
    NetworkLatency,
}

/// What decides which metrics make sense for a phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurable<'a> {
    pub(crate) capabilities: &'a Capabilities,
    /// Where latencies begin.
    pub(crate) origin: LatencyOrigin,
    /// It is a recording that is replayed at its own instants.
    pub(crate) is_replay: bool,
    /// What it costs is known.
    pub(crate) has_price: bool,
    /// The steps of its requests are written down.
    pub(crate) has_trace: bool,
}

/// Where a metric's values come from. Only successful requests have values, but for what says otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// At most one value a request.
    Request(fn(&Request<'_>) -> Option<f64>),
    /// At most one value a request that failed.
    Failure(fn(&Request<'_>) -> Option<f64>),
    /// Every gap between reads that brought tokens of one choice, in milliseconds.
    Gaps,
    /// The number of requests of which something is true.
    Count(fn(&Request<'_>) -> Option<bool>),
    /// The sum of another metric, by tag.
    Sum(&'static str),
    /// The sums of other metrics together, per second of the phase's window.
    Rate(&'static [&'static str]),
    /// The sum of one metric in percent of the sum of another.
    Share(&'static str, &'static str),
    /// The sum of one metric divided by the sum of another.
    Ratio(&'static str, &'static str),
    /// The same and 1.
    OneAndRatio(&'static str, &'static str),
    /// A percentile of another metric less the least value.
    AboveLeast(&'static str, Statistic),
    /// 1 where another metric, which is one number, is above a limit, else 0.
    Above(&'static str, f64),
    /// At most one value a session of several requests, all of which succeeded.
    Session(fn(&Session) -> Option<f64>),
    /// What was going on at each moment: its values count by how long they lasted.
    OverTime(Curve),
    /// Something of the phase itself.
    Phase(PhaseFact),
    /// Something that was measured beside the load.
    Beside(BesideFact),
}

/// A number of a phase that needs no other metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PhaseFact {
    /// Successful requests.
    Succeeded,
    /// Requests that failed by themselves.
    Failed,
    /// Requests that the tool ended.
    Cancelled,
    /// Requests that succeeded or failed.
    Completed,
    /// Failed requests in percent of those that succeeded or failed.
    ErrorRate,
    /// Successful requests a second.
    Throughput,
    /// Length of the window, in seconds.
    Window,
    /// Sessions of several requests.
    Sessions,
    /// Those all of whose requests succeeded.
    CompleteSessions,
    /// Those among them in an hour.
    SessionThroughput,
    /// Requests that kept to their objectives.
    Good,
    /// Those a second.
    Goodput,
    /// Those as a part of all that were to succeed.
    GoodShare,
    /// What all of it costs.
    Price,
    /// What a successful request costs.
    PriceOfRequest,
    /// What a good request costs.
    PriceOfGood,
    /// What a million tokens of the output cost.
    PriceOfOutput,
    /// What a million tokens cost, of input and output.
    PriceOfTokens,
}

impl Metric {
    /// Whether it counts things: its whole values are shown without decimals.
    pub(crate) fn is_count(&self) -> bool {
        units::COUNTED.contains(&self.unit)
    }

    /// Its unit, where its name does not say it: numbers of requests have it in their names.
    pub(crate) fn unit_beside_name(&self) -> Option<&'static str> {
        (self.unit != units::REQUESTS).then_some(self.unit)
    }

    /// Whether the line of a request has a value of it.
    pub(crate) fn is_of_lines(&self) -> bool {
        self.in_lines && matches!(self.source, Source::Request(_))
    }

    /// Whether it is an amount of money.
    pub(crate) fn is_price(&self) -> bool {
        self.unit.starts_with('$')
    }

    /// Whether it makes sense for a phase.
    pub(crate) fn applies(&self, to: Measurable<'_>) -> bool {
        self.needs.iter().all(|need| match need {
            Need::Streaming => to.capabilities.streaming,
            Need::OutputTokens => to.capabilities.produces_tokens,
            Need::InputTokens => to.capabilities.tokenizes_input,
            Need::OpenLoop => to.origin == LatencyOrigin::Scheduled,
            Need::Replay => to.is_replay,
            Need::Price => to.has_price,
            Need::Trace => to.has_trace,
            Need::Gpus | Need::NetworkLatency => true,
        })
    }

    pub(super) const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    pub(super) const fn larger_is_better(mut self) -> Self {
        self.larger_is_better = true;
        self
    }

    pub(super) const fn shown(mut self) -> Self {
        self.shown = true;
        self
    }

    /// It is left out of the lines of requests, where what it is made of stands anyway.
    pub(super) const fn not_in_lines(mut self) -> Self {
        self.in_lines = false;
        self
    }
}

pub(super) const fn row(
    tag: &'static str,
    header: &'static str,
    unit: &'static str,
    source: Source,
    definition: &'static str,
) -> Metric {
    let (needs, larger_is_better, shown, in_lines): (&[Need], _, _, _) = (&[], false, false, true);
    Metric { tag, header, unit, source, needs, larger_is_better, shown, in_lines, definition }
}

pub(super) const fn session(
    tag: &'static str,
    header: &'static str,
    unit: &'static str,
    measure: fn(&Session) -> Option<f64>,
    definition: &'static str,
) -> Metric {
    row(tag, header, unit, Source::Session(measure), definition)
}

pub(super) const fn request(
    tag: &'static str,
    header: &'static str,
    unit: &'static str,
    measure: fn(&Request<'_>) -> Option<f64>,
    definition: &'static str,
) -> Metric {
    row(tag, header, unit, Source::Request(measure), definition)
}
