//! What was measured: the numbers of a request, and of all phases of one kind.

use super::{Counting, Metric, MetricTable, Outcomes};

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

/// The numbers of all phases of one kind.
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
}
