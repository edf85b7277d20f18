//! What two counters say of the same tokens, and how inter-token latencies came about: [`Counting`].

use super::{
    inter_token::{Basis, InterToken, streamed_ns},
    request::Request,
};

/// Tokens of the same texts by two counters, over the requests that both have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Tokens by the server's usage.
    pub(crate) server: u64,
    /// Tokens by the run's tokenizer.
    pub(crate) client: u64,
}

/// How the tokens of successful requests were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counting {
    /// Of the output, without what no text was sent for.
    pub(crate) output: Tally,
    pub(crate) input: Tally,
    /// Requests by how their inter-token latency is known, in the order of [`Basis::ALL`].
    bases: [u64; Basis::ALL.len()],
    /// Requests whose tokens came at more than one instant and that have no inter-token latency.
    pub(crate) missing: u64,
    /// Output tokens of requests with hidden ones, by the server's count.
    pub(crate) with_hidden: u64,
    /// Those among them that the server counts as reasoning and did not send.
    pub(crate) hidden: u64,
    /// Requests that brought neither a text nor a token of output.
    pub(crate) empty: u64,
    /// Requests that brought no text, and visible tokens by the server's count.
    pub(crate) unread: u64,
}

impl Tally {
    /// How many more tokens the server counts, in percent of what is counted here; `None` where there is nothing to
    /// compare.
    pub(crate) fn difference_pct(self) -> Option<f64> {
        (self.client > 0).then(|| 100.0 * (self.server as f64 / self.client as f64 - 1.0))
    }

    fn record(&mut self, server: Option<u64>, client: Option<u64>) {
        if let (Some(server), Some(client)) = (server, client) {
            self.merge(Self { requests: 1, server, client });
        }
    }

    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.server = self.server.saturating_add(other.server);
        self.client = self.client.saturating_add(other.client);
    }
}

impl Counting {
    /// Takes in a successful request.
    pub(super) fn record(&mut self, request: &Request<'_>) {
        let record = request.record;
        let completion = record.usage.and_then(|usage| usage.completion);
        let reasoning = record.usage.and_then(|usage| usage.reasoning).unwrap_or(0);
        let visible = super::inter_token::visible_usage(record);
        self.output
            .record(visible.filter(|tokens| *tokens > 0), record.counted.output.filter(|tokens| *tokens > 0));
        let prompt = record.usage.and_then(|usage| usage.prompt).filter(|tokens| *tokens > 0);
        self.input.record(prompt, record.counted.input.filter(|tokens| *tokens > 0));
        if let Some(completion) = completion.filter(|_| reasoning > 0 && record.reasoning_chars == 0) {
            self.with_hidden += completion;
            self.hidden += reasoning.min(completion);
        }
        let said_nothing = record.text_chars == 0 && record.media == 0;
        self.empty += u64::from(said_nothing && completion.or(record.counted.output) == Some(0));
        let nothing_came = record.token_events == 0 && record.instants.last_token.is_none();
        let nothing_was_read = said_nothing && nothing_came && record.counted.output.unwrap_or(0) == 0;
        self.unread += u64::from(nothing_was_read && visible > Some(0) && completion > Some(reasoning));
        match InterToken::of(request) {
            Some(InterToken { basis, .. }) => {
                let counts = self.bases.iter_mut().zip(Basis::ALL);
                if let Some((count, _)) = { counts }.find(|(_, known)| *known == basis) {
                    *count += 1;
                }
            }
            None => self.missing += u64::from(streamed_ns(record).is_some_and(|ns| ns > 0)),
        }
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        self.output.merge(other.output);
        self.input.merge(other.input);
        self.bases.iter_mut().zip(other.bases).for_each(|(count, more)| *count += more);
        self.missing += other.missing;
        self.with_hidden += other.with_hidden;
        self.hidden += other.hidden;
        self.empty += other.empty;
        self.unread += other.unread;
    }

    /// Requests by how their inter-token latency is known, from the most certain to the least.
    pub(crate) fn bases(&self) -> impl Iterator<Item = (Basis, u64)> {
        Basis::ALL.into_iter().zip(self.bases)
    }

    /// Requests whose inter-token latency is known in this way.
    pub(crate) fn known_by(&self, basis: Basis) -> u64 {
        self.bases().filter(|(known, _)| *known == basis).map(|(_, count)| count).sum()
    }
}
