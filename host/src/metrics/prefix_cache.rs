//! What prefix caches had of the prompts: what one of unlimited size would have had, and what the server says that its own had.

use std::fmt;

use crate::{clock::RunNs, record::Record};

/// Requests at the beginning of a run that show what was in the server's cache before it.
const EARLY_REQUESTS: usize = 1000;

/// This number of tokens of each request, but at most a quarter of its prompt, and such a share of all tokens, may be cached without a
/// reason that prony knows: a chat template begins all prompts alike, and servers count in other blocks.
const MARGIN_TOKENS: u64 = 64;
const MARGIN_QUOTIENT: u64 = 4;
const MARGIN_PCT: u64 = 5;

/// With more requests than this share under way besides, nobody knows which of them filled the cache for the others. With more
/// than 50 at once in the first 1000, that is always so, and only the run as a whole shows a warm cache.
const MOST_UNDER_WAY: f64 = 0.05;

/// Tokens of prompts, and those of them that a cache had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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

/// What requests explain, and what the server says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Comparison {
    ideal: Cached,
    usage: Cached,
    /// Tokens that may be cached without a known reason.
    margin: u64,
}

impl Comparison {
    /// Of a request that was sent; nothing where its prompt is not known.
    fn of(record: &Record, ideal: Option<Cached>, usage: Option<Cached>) -> Option<Self> {
        // Of one that failed nobody knows what it had. All of its prompt may be in the server's cache, also for requests that
        // ended before it.
        let failed = record.counted.input.filter(|_| !record.outcome.is_ok());
        let ideal = ideal.or(failed.map(|of| Cached { requests: 1, tokens: of, of }))?;
        let usage = usage.unwrap_or(Cached { requests: 0, tokens: 0, of: ideal.of });
        Some(Self { ideal, usage, margin: MARGIN_TOKENS.min(usage.of / MARGIN_QUOTIENT) })
    }

    fn add(&mut self, more: Self) {
        self.ideal.add(more.ideal);
        self.usage.add(more.usage);
        self.margin += more.margin;
    }
}

/// A request of which is known what it explains. The first to end is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Early {
    end_ns: RunNs,
    sent_ns: RunNs,
    comparison: Comparison,
}

/// The first requests to end, whatever the order in which they came.
#[derive(Clone, Default)]
struct FirstToEnd {
    /// In no order, and some more of them than are looked at: they are sorted out from time to time.
    requests: Vec<Early>,
    /// The last of the first [`EARLY_REQUESTS`], once there are so many: what ends later is not needed.
    last: Option<Early>,
}

/// Shows what is looked at: what else is there depends on the order in which they came.
impl fmt::Debug for FirstToEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.sorted()).finish()
    }
}

impl FirstToEnd {
    fn add(&mut self, request: Early) {
        if self.last.is_some_and(|last| last <= request) {
            return;
        }
        self.requests.push(request);
        if self.requests.len() >= 2 * EARLY_REQUESTS {
            let (_, last, _) = self.requests.select_nth_unstable(EARLY_REQUESTS - 1);
            self.last = Some(*last);
            self.requests.truncate(EARLY_REQUESTS);
        }
    }

    /// All of them, in the order in which they ended.
    fn sorted(&self) -> Vec<Early> {
        let mut requests = self.requests.clone();
        requests.sort_unstable();
        requests.truncate(EARLY_REQUESTS);
        requests
    }
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
    /// Requests of any phase.
    early: FirstToEnd,
    /// All requests of any phase.
    all: Comparison,
}

impl PrefixCaches {
    /// Takes in a request. Only measured ones that succeeded count for the shares; those that failed may have filled the cache
    /// for others.
    pub(super) fn record(&mut self, record: &Record, is_measured: bool) {
        let Some(sent_ns) = record.instants.sent else { return };
        let is_ok = record.outcome.is_ok();
        let ideal = record.counted.cacheable.zip(record.counted.input).filter(|_| is_ok);
        let ideal = ideal.map(|(tokens, of)| Cached { requests: 1, tokens, of });
        let usage = record.usage.filter(|_| is_ok).and_then(|usage| {
            // A server may leave out a count of 0.
            let (cached, of) = (usage.cache_read, usage.prompt?);
            Some(Cached { requests: cached.is_some().into(), tokens: cached.unwrap_or(0), of })
        });
        if is_measured {
            self.ideal.add(ideal.unwrap_or_default());
            self.usage.add(usage.unwrap_or_default());
        }
        if let Some(comparison) = Comparison::of(record, ideal, usage) {
            self.all.add(comparison);
            self.early.add(Early { end_ns: record.instants.end, sent_ns, comparison });
        }
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        self.ideal.add(other.ideal);
        self.usage.add(other.usage);
        self.all.add(other.all);
        other.early.requests.into_iter().for_each(|request| self.early.add(request));
    }

    /// What a cache of unlimited size would have had of the measured prompts.
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
        let early = self.early.sorted();
        let mut sent: Vec<RunNs> = early.iter().map(|request| request.sent_ns).collect();
        sent.sort_unstable();
        let mut so_far = Comparison::default();
        let knows_all = early.len() < EARLY_REQUESTS;
        let mut found = None;
        for (request, ended) in early.iter().zip(1_u64..) {
            so_far.add(request.comparison);
            // One may be sent and over in the same instant.
            let begun = sent.partition_point(|sent_ns| *sent_ns <= request.end_ns) as u64;
            let under_way = begun.saturating_sub(ended);
            let may_be_more = !knows_all && ended + under_way >= EARLY_REQUESTS as u64;
            if !may_be_more && under_way as f64 <= MOST_UNDER_WAY * ended as f64 {
                found = excess(so_far).or(found);
            }
        }
        found.or_else(|| excess(self.all))
    }
}

/// What the server had cached of these requests beyond what they explain; nothing if it told no count at all.
fn excess(Comparison { ideal, usage, margin }: Comparison) -> Option<WarmBefore> {
    // Definitions of tools and a chat template are in the server's count alone, and may be the same each time.
    let unseen = usage.of.saturating_sub(ideal.of);
    let share = usage.of / 100 * MARGIN_PCT;
    let explained_tokens = ideal.tokens + unseen + share + margin;
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
    use crate::{
        record::{CountedTokens, Instants},
        request::outcome::Outcome,
    };

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

    /// The first request filled the cache, and the server does not say that it had nothing of it.
    #[test]
    fn a_count_of_0_that_is_left_out_explains_as_much() {
        let first = request(0, 100, 960, None);
        let second = request(1, 50, 0, Some(960));
        assert_eq!(of([first, second]).warm_before(), None);
        assert_eq!(of([request(0, 1, 0, None)]).warm_before(), None);
    }

    /// The first request filled the cache before it failed.
    #[test]
    fn a_request_that_failed_may_have_filled_the_cache() {
        let mut failed = request(0, 100, 0, None);
        failed.counted.cacheable = None;
        failed.usage = None;
        failed.outcome = Outcome::of(Some(prony_plugin_api::ErrorDetails::default()));
        assert_eq!(of([request(1, 50, 0, Some(960)), failed]).warm_before(), None);
        assert!(of([request(1, 50, 0, Some(960))]).warm_before().is_some());
    }

    #[test]
    fn requests_that_are_over_at_once_are_not_under_way() {
        assert_eq!(of([request(5, 5, 0, Some(0)), request(5, 5, 960, Some(0))]).warm_before(), None);
        let warm = of([request(5, 5, 0, Some(960)), request(5, 5, 960, Some(960))]).warm_before();
        assert_eq!(warm.unwrap().requests, 2);
    }

    #[test]
    fn a_warm_cache_of_short_prompts_is_noticed() {
        let short = |number| {
            let mut short = request(number, number + 1, 0, Some(32));
            short.counted.input = Some(40);
            short.usage.as_mut().unwrap().prompt = Some(40);
            short
        };
        assert_eq!(of((0..10).map(short)).warm_before().unwrap().explained_tokens, 20 + 100);
    }

    #[test]
    fn collectors_are_merged_in_any_order() {
        // Some, and more than are looked at.
        for most in [10, 5 * EARLY_REQUESTS as u64] {
            let records: Vec<Record> =
                (0..most).map(|number| request(number, number + 1, 0, Some(900))).collect();
            let of_some = |from: usize| of(records.iter().skip(from).step_by(2).cloned());
            let (mut even, mut odd) = (of_some(0), of_some(1));
            even.merge(of_some(1));
            odd.merge(of_some(0));
            let all = of(records.iter().cloned());
            for merged in [even, odd] {
                assert_eq!(merged.early.sorted(), all.early.sorted());
                assert_eq!(merged.warm_before(), all.warm_before());
            }
            assert!(all.warm_before().is_some());
        }
    }

    #[test]
    fn only_the_first_to_end_are_looked_at_in_whatever_order_they_come() {
        let most = 5 * EARLY_REQUESTS as u64;
        // Those that came first find a warm cache, and the others what they have filled themselves.
        let records = || {
            (0..most).map(|number| {
                let is_early = number < EARLY_REQUESTS as u64;
                request(2 * number, 2 * number + 1, if is_early { 0 } else { 960 }, Some(960))
            })
        };
        let early = |caches: &PrefixCaches| caches.early.sorted();
        let (forwards, backwards) = (of(records()), of(records().rev()));
        assert_eq!(early(&forwards).len(), EARLY_REQUESTS);
        assert!(early(&forwards).iter().all(|request| request.end_ns < 2 * EARLY_REQUESTS as u64));
        assert_eq!(early(&forwards), early(&backwards));
        assert_eq!(forwards.warm_before(), backwards.warm_before());
        assert!(forwards.warm_before().is_some());
    }
}
