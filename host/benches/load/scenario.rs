//! The work that is measured: [`Scenario`], and the bounds it has to keep.

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiFormat {
    /// Chat completions, as a stream of events.
    Stream,
    /// Chat completions, the answer in one piece.
    Whole,
    /// Embeddings of one text.
    Embeddings,
}

/// Whose server is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `prony mock-server`.
    Mock,
    /// `tests/independent-server`, which has a thread for each connection and shares no code with the client.
    Independent,
}

/// What is measured of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// User and system time of the process over requests.
    CpuPerRequest,
    /// The same over output tokens.
    CpuPerToken,
    /// From the start of the process to its end.
    Wall,
    /// Peak resident memory.
    Memory,
    /// The client's instant of a first token minus the server's, median.
    ArrivalP50,
    /// The same, 99th percentile.
    ArrivalP99,
}

/// What a measure may be at most.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// In times of the floor.
    Ratio(f64),
    /// In the measure's own unit.
    Value(f64),
}

/// Closed-loop load on a server of its own.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// For `--only`.
    pub(crate) name: &'static str,
    /// One line for the table.
    pub(crate) about: &'static str,
    pub(crate) server: Kind,
    /// Threads that keep the processors busy meanwhile.
    pub(crate) busy_loops: usize,
    pub(crate) api_format: ApiFormat,
    /// Requests in flight.
    pub(crate) concurrency: u64,
    pub(crate) requests: u64,
    /// Output tokens of a request; 0 where there are none.
    pub(crate) tokens: u64,
    /// The server's pace.
    pub(crate) ttft_ms: u32,
    pub(crate) itl_ms: u32,
    pub(crate) bounds: &'static [(Measure, Limit)],
}

/// All of them. Each is large enough for what the program spends on loading to be a small part of it.
pub(crate) const SCENARIOS: [Scenario; 8] = [
    Scenario {
        name: "one-token",
        about: "200,000 streams of one token, 32 at a time, as fast as they go",
        server: Kind::Mock,
        busy_loops: 0,
        api_format: ApiFormat::Stream,
        concurrency: 32,
        requests: 200_000,
        tokens: 1,
        ttft_ms: 0,
        itl_ms: 0,
        bounds: &[(Measure::CpuPerRequest, Limit::Ratio(2.5))],
    },
    Scenario {
        name: "flood",
        about: "4,000 streams of 500 tokens, 32 at a time, as fast as they go",
        server: Kind::Mock,
        busy_loops: 0,
        api_format: ApiFormat::Stream,
        concurrency: 32,
        requests: 4_000,
        tokens: 500,
        ttft_ms: 0,
        itl_ms: 0,
        bounds: &[(Measure::CpuPerToken, Limit::Ratio(2.0))],
    },
    Scenario {
        name: "paced-500",
        about: "500 streams of 600 tokens at once, TTFT 50 ms, ITL 10 ms",
        server: Kind::Mock,
        busy_loops: 0,
        api_format: ApiFormat::Stream,
        concurrency: 500,
        requests: 500,
        tokens: 600,
        ttft_ms: 50,
        itl_ms: 10,
        bounds: &[(Measure::CpuPerToken, Limit::Ratio(1.25))],
    },
    Scenario {
        name: "paced-1000",
        about: "1,000 streams of 500 tokens at once, TTFT 50 ms, ITL 10 ms",
        server: Kind::Mock,
        busy_loops: 0,
        api_format: ApiFormat::Stream,
        concurrency: 1_000,
        requests: 1_000,
        tokens: 500,
        ttft_ms: 50,
        itl_ms: 10,
        bounds: &[
            (Measure::Memory, Limit::Value(64.0)),
            (Measure::ArrivalP50, Limit::Value(20.0)),
            (Measure::ArrivalP99, Limit::Value(100.0)),
        ],
    },
    Scenario {
        name: "independent-1000",
        about: "2,000 streams of 100 tokens, 1,000 at a time, from a server with a thread each, TTFT 50 ms, ITL 20 ms",
        server: Kind::Independent,
        busy_loops: 0,
        api_format: ApiFormat::Stream,
        concurrency: 1_000,
        requests: 2_000,
        tokens: 100,
        ttft_ms: 50,
        itl_ms: 20,
        bounds: &[(Measure::ArrivalP99, Limit::Value(100.0))],
    },
    Scenario {
        name: "independent-busy",
        about: "the same, with two busy loops beside it",
        server: Kind::Independent,
        busy_loops: 2,
        api_format: ApiFormat::Stream,
        concurrency: 1_000,
        requests: 2_000,
        tokens: 100,
        ttft_ms: 50,
        itl_ms: 20,
        bounds: &[(Measure::ArrivalP99, Limit::Value(100.0))],
    },
    Scenario {
        name: "non-streaming",
        about: "200,000 answers of 16 tokens in one piece, 32 at a time",
        server: Kind::Mock,
        busy_loops: 0,
        api_format: ApiFormat::Whole,
        concurrency: 32,
        requests: 200_000,
        tokens: 16,
        ttft_ms: 0,
        itl_ms: 0,
        bounds: &[],
    },
    Scenario {
        name: "embeddings",
        about: "200,000 embeddings of one text, 32 at a time",
        server: Kind::Mock,
        busy_loops: 0,
        api_format: ApiFormat::Embeddings,
        concurrency: 32,
        requests: 200_000,
        tokens: 0,
        ttft_ms: 0,
        itl_ms: 0,
        bounds: &[],
    },
];

impl Scenario {
    /// The scenario of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// Its tokens arrive at a pace, so that their instants mean something.
    pub(crate) fn is_paced(&self) -> bool {
        self.itl_ms > 0
    }

    /// What makes sense to be measured.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let mut measures = vec![Measure::CpuPerRequest];
        if self.tokens > 1 {
            measures.push(Measure::CpuPerToken);
        }
        measures.extend([Measure::Wall, Measure::Memory]);
        if self.is_paced() {
            measures.extend([Measure::ArrivalP50, Measure::ArrivalP99]);
        }
        measures
    }
}

impl Measure {
    /// As the table calls it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::CpuPerRequest => "CPU a request, us",
            Self::CpuPerToken => "CPU a token, us",
            Self::Wall => "wall time, s",
            Self::Memory => "peak memory, MB",
            Self::ArrivalP50 => "arrival error p50, us",
            Self::ArrivalP99 => "arrival error p99, us",
        }
    }
}
