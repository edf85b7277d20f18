//! What prefix caches had of the prompts: what one without an end would have had, and what the server says that its own had.

use crate::{clock::RunNs, record::Record};

/// So many requests at the beginning of a run are looked at for what was in the server's cache before it.
const EARLY_REQUESTS: usize = 1000;

/// So many tokens of each request, and such a share of all tokens, may be cached without a reason that prony knows: a chat
/// template begins all prompts alike, and servers count in other blocks.
const MARGIN_TOKENS: u64 = 64;
const MARGIN_PCT: u64 = 5;

/// With more requests than this share under way besides, nobody knows which of them filled the cache for the others.
const MOST_UNDER_WAY: f64 = 0.05;

/// Tokens of prompts, and those of them that a cache had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cached {
    /// Requests of which that is known.
    pub(crate) requests: u64,
    /// Tokens that the cache had.
    pub(crate) tokens: u64,
    /// Tokens of the prompts.
    pub(crate) of: u64,
}

impl Cached {
    fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.tokens += more.tokens;
        self.of += more.of;
    }

    /// The share that it had; nothing where nothing is known.
    pub(crate) fn share(self) -> Option<f64> {
        (self.requests > 0 && self.of > 0).then(|| self.tokens as f64 / self.of as f64)
    }
}

/// A request of which both are known.
#[derive(Clone, Copy, Debug)]
struct Both {
    sent_ns: RunNs,
    end_ns: RunNs,
    ideal: Cached,
    usage: Cached,
}

/// What was in the server's cache before the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WarmBefore {
    /// The first requests to end, which show it.
    pub(crate) requests: u64,
    /// Tokens of their prompts by the server's count.
    pub(crate) prompt_tokens: u64,
    /// Those that it had cached.
    pub(crate) cached_tokens: u64,
    /// At most so many of these can be explained by what the run had sent.
    pub(crate) explained_tokens: u64,
}

/// What caches had in a run, or for some of its requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrefixCaches {
    ideal: Cached,
    usage: Cached,
    /// The first requests to end, in that order, of any phase.
    early: Vec<Both>,
    /// All requests of any phase of which both are known.
    all: (Cached, Cached),
}

impl PrefixCaches {
    /// Takes in a request that succeeded. Only measured ones count for the shares.
    pub(super) fn record(&mut self, record: &Record, is_measured: bool) {
        let ideal = record.counted.cacheable.zip(record.counted.input);
        let ideal = ideal.map(|(tokens, of)| Cached { requests: 1, tokens, of });
        let usage = record.usage.and_then(|usage| {
            // A server may leave out a count of 0.
            let (told, of) = (usage.cache_read, usage.prompt?);
            Some(Cached { requests: told.is_some().into(), tokens: told.unwrap_or(0), of })
        });
        if is_measured {
            self.ideal.add(ideal.unwrap_or_default());
            self.usage.add(usage.unwrap_or_default());
        }
        let Some((ideal, usage)) = ideal.zip(usage) else { return };
        self.all.0.add(ideal);
        self.all.1.add(usage);
        if usage.requests > 0 {
            let instants = &record.instants;
            let sent_ns = instants.sent.unwrap_or(instants.started);
            self.early.push(Both { sent_ns, end_ns: instants.end, ideal, usage });
            self.trim();
        }
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        self.ideal.add(other.ideal);
        self.usage.add(other.usage);
        self.all.0.add(other.all.0);
        self.all.1.add(other.all.1);
        self.early.extend(other.early);
        self.trim();
    }

    fn trim(&mut self) {
        if self.early.len() > 2 * EARLY_REQUESTS {
            self.early.sort_unstable_by_key(|both| both.end_ns);
            self.early.truncate(EARLY_REQUESTS);
        }
    }

    /// What a cache without an end would have had of the measured prompts.
    pub(crate) fn ideal(&self) -> Cached {
        self.ideal
    }

    /// What the server says that it had cached of them.
    pub(crate) fn usage(&self) -> Cached {
        self.usage
    }

    /// What shows that the server had prompts of the run before it began: at its beginning, before the server may have
    /// forgotten them again, or in all of it.
    pub(crate) fn warm_before(&self) -> Option<WarmBefore> {
        let mut early = self.early.clone();
        early.sort_unstable_by_key(|both| both.end_ns);
        early.truncate(EARLY_REQUESTS);
        let mut sent: Vec<RunNs> = early.iter().map(|both| both.sent_ns).collect();
        sent.sort_unstable();
        let (mut ideal, mut usage) = (Cached::default(), Cached::default());
        let knows_all = early.len() < EARLY_REQUESTS;
        let mut found = None;
        for both in &early {
            ideal.add(both.ideal);
            usage.add(both.usage);
            let under_way = sent.partition_point(|sent_ns| *sent_ns < both.end_ns) as u64 - ideal.requests;
            let may_be_more = !knows_all && ideal.requests + under_way >= EARLY_REQUESTS as u64;
            if !may_be_more && under_way as f64 <= MOST_UNDER_WAY * ideal.requests as f64 {
                found = excess(ideal, usage).or(found);
            }
        }
        found.or_else(|| excess(self.all.0, self.all.1))
    }
}

/// What the server had cached of these requests beyond what they explain.
fn excess(ideal: Cached, usage: Cached) -> Option<WarmBefore> {
    // Definitions of tools and a chat template are in the server's count alone, and may be the same each time.
    let unseen = usage.of.saturating_sub(ideal.of);
    let share = usage.of / 100 * MARGIN_PCT;
    let explained_tokens = ideal.tokens + unseen + share + MARGIN_TOKENS * ideal.requests;
    (usage.requests > 0 && usage.tokens > explained_tokens).then_some(WarmBefore {
        requests: ideal.requests,
        prompt_tokens: usage.of,
        cached_tokens: usage.tokens,
        explained_tokens,
    })
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::TokenUsage;

    use super::*;
    use crate::record::{CountedTokens, Instants};

    /// A request of 1,000 tokens, in flight from `sent` to `end`.
    fn request(sent: u64, end: u64, cacheable: u64, cached: Option<u64>) -> Record {
        Record {
            instants: Instants { sent: Some(sent), end, ..Instants::default() },
            counted: CountedTokens {
                input: Some(1000),
                cacheable: Some(cacheable),
                ..CountedTokens::default()
            },
            usage: Some(TokenUsage { prompt: Some(1000), cache_read: cached, ..TokenUsage::default() }),
            ..Record::default()
        }
    }

    fn of(requests: impl IntoIterator<Item = Record>) -> PrefixCaches {
        let mut caches = PrefixCaches::default();
        requests.into_iter().for_each(|record| caches.record(&record, true));
        caches
    }

    #[test]
    fn shares_are_of_all_tokens() {
        let caches = of([request(0, 1, 0, Some(0)), request(2, 3, 960, Some(480))]);
        assert_eq!((caches.ideal().share(), caches.usage().share()), (Some(0.48), Some(0.24)));
        assert_eq!(of([request(0, 1, 0, None)]).usage().share(), None);
        assert_eq!(caches.warm_before(), None);
    }

    #[test]
    fn one_request_shows_a_warm_cache() {
        let warm = of([request(0, 1, 0, Some(960)), request(2, 3, 960, Some(960))]).warm_before().unwrap();
        assert_eq!((warm.requests, warm.cached_tokens, warm.explained_tokens), (2, 1920, 960 + 100 + 128));
    }

    #[test]
    fn what_the_server_forgot_later_does_not_hide_a_warm_start() {
        let warm = request(0, 1, 0, Some(960));
        let later = (1..40).map(|number| request(10 * number, 10 * number + 5, 960, Some(0)));
        assert_eq!(of([warm].into_iter().chain(later)).warm_before().unwrap().requests, 1);
    }

    /// The last to end was the first to be sent, and filled the cache for all others.
    #[test]
    fn requests_in_flight_may_have_filled_the_cache_for_others() {
        let first = request(0, 100, 960, Some(0));
        let others =
            (1..10).map(|number| request(1, number + 5, if number == 1 { 0 } else { 960 }, Some(960)));
        assert_eq!(of(others.chain([first])).warm_before(), None);
    }

    #[test]
    fn collectors_are_merged_in_any_order() {
        let records: Vec<Record> = (0..10).map(|number| request(number, number + 1, 0, Some(900))).collect();
        let (mut a, b) = (of(records[5..].to_vec()), of(records[..5].to_vec()));
        a.merge(b);
        assert_eq!(a.warm_before(), of(records).warm_before());
    }
}
