//! A successful request, as metrics look at it.

use crate::record::Record;

/// Where the headline latency of a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LatencyOrigin {
    /// When it was sent: a closed loop has no schedule that it could miss.
    Sent,
    /// When the schedule wanted it sent, in an open loop: time spent waiting in the client is not hidden.
    Scheduled,
}

impl LatencyOrigin {
    /// That of a phase whose load is open, or is not.
    pub(crate) fn of(is_open: bool) -> Self {
        if is_open { Self::Scheduled } else { Self::Sent }
    }
}

/// Who may count tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenCounting {
    /// The server where it reports usage, this side's tokenizer where it does not.
    PreferServer,
    /// The server; what it does not report stays unknown.
    ServerOnly,
}

impl TokenCounting {
    /// That of a run in which the server's own counts are the only ones, or are not.
    pub(crate) fn of(uses_server_count: bool) -> Self {
        if uses_server_count { Self::ServerOnly } else { Self::PreferServer }
    }
}

/// Who counted the output tokens of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// The server's usage.
    Server,
    /// The run's tokenizer.
    Client,
}

/// A successful request and how to look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// The facts.
    pub(crate) record: &'a Record,
    /// Where its latency begins.
    pub(crate) origin: LatencyOrigin,
    /// Who may count its tokens.
    pub(crate) counting: TokenCounting,
}

impl Request<'_> {
    /// Output tokens and who counted them.
    pub(crate) fn output_tokens(&self) -> Option<(u64, Counter)> {
        match (self.record.usage.and_then(|usage| usage.completion), self.counting) {
            (Some(tokens), _) => Some((tokens, Counter::Server)),
            (None, TokenCounting::ServerOnly) => None,
            (None, TokenCounting::PreferServer) => {
                self.record.counted.output.map(|tokens| (tokens, Counter::Client))
            }
        }
    }
}
