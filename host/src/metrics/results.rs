//! What was measured: the numbers of a request, of a phase, and of a run.

use super::{
    Counting, Metric, MetricTable, Outcomes, PrefixCaches, Sessions, derived::GoodCounts, span::PhaseSpan,
    steady::Steadiness,
};

/// Who counted the output tokens of a whole phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// The server, always.
    Server,
    /// The run's tokenizer, always.
    Client,
    /// Sometimes one, sometimes the other.
    Mixed,
    /// Nobody.
    None,
}

impl TokenSource {
    /// Its name in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Mixed => "mixed",
            Self::None => "none",
        }
    }
}

/// What one request measured, by metric: nothing when it failed.
pub(crate) type Measured = Vec<(&'static Metric, f64)>;

/// The numbers of a phase, or of several together.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    /// Statistics by metric.
    pub(crate) table: MetricTable,
    /// How requests ended.
    pub(crate) outcomes: Outcomes,
    /// Who counted output tokens.
    pub(crate) token_source: TokenSource,
    /// What server and client counted, and how inter-token latencies are known.
    pub(crate) counting: Counting,
    /// How many requests were good.
    pub(crate) good: GoodCounts,
}

/// The numbers of one class in all measured phases.
#[derive(Clone, Debug)]
pub(crate) struct ClassResults {
    pub(crate) results: Results,
    /// Sessions that sent a request.
    pub(crate) sessions: u64,
}

impl ClassResults {
    /// Requests that were tried.
    pub(crate) fn requests(&self) -> u64 {
        let outcomes = self.results.outcomes;
        outcomes.completed() + outcomes.cancelled + outcomes.overflowed
    }
}

/// The numbers of one phase.
#[derive(Clone, Debug)]
pub(crate) struct PhaseResults {
    /// Where it stands in the run.
    pub(crate) span: PhaseSpan,
    /// Its name, for people.
    pub(crate) name: String,
    pub(crate) results: Results,
    /// What the order of its requests says, where that can be told.
    pub(crate) steadiness: Option<Steadiness>,
}

/// The numbers of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunResults {
    /// Those of each phase that began, in order.
    pub(crate) phases: Vec<PhaseResults>,
    /// Those of all measured phases together.
    pub(crate) measured: Results,
    /// Those of all warm-up phases together, if there were any.
    pub(crate) warmup: Option<Results>,
    /// Sessions of several requests.
    pub(crate) sessions: Sessions,
    /// What prefix caches had of the prompts.
    pub(crate) prefix_caches: PrefixCaches,
}
