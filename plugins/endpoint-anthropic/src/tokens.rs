//! Token counts that come in pieces: [`Tokens`].

use prony_plugin_api::{TokenUsage, json::Usage};

/// The counts of one message so far. They come with its first event and with its last, and what one leaves out the other
/// may say; where both say it, the later is right: a server that begins to stream before it has looked into its cache
/// counts other input tokens at the end than at the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tokens(TokenUsage);

impl Tokens {
    /// Takes in another piece. Gives the counts as the contract means them, unless there are none.
    pub(crate) fn add(&mut self, usage: &Usage) -> Option<TokenUsage> {
        let newer = usage.counts()?;
        let sum = &mut self.0;
        sum.prompt = newer.prompt.or(sum.prompt);
        sum.completion = newer.completion.or(sum.completion);
        sum.total = newer.total.or(sum.total);
        sum.reasoning = newer.reasoning.or(sum.reasoning);
        sum.cache_read = newer.cache_read.or(sum.cache_read);
        sum.cache_write = newer.cache_write.or(sum.cache_write);
        // The API format's input tokens are those that no cache was asked for; the contract's are all of them.
        let cached = sum.cache_read.unwrap_or(0).saturating_add(sum.cache_write.unwrap_or(0));
        Some(TokenUsage { prompt: sum.prompt.map(|prompt| prompt.saturating_add(cached)), ..*sum })
    }
}
