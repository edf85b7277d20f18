//! What prefix caches had of the prompts, in one row: as the settings want it, as it could be at best, as the server's usage says
//! it, and as its own metrics do.

use serde_json::{Value, json};

use super::text::decimal;
use crate::{
    metrics::{PrefixCaches, WarmBefore},
    record::{BLOCK_TOKENS, RunHeader},
    screen::counted,
};

/// A smaller share of cached tokens is what a chat template and common words come to.
const UNWANTED_SHARE: f64 = 0.1;

/// Shares of the measured prompts' tokens; nothing where it is not known.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct PrefixCacheReport {
    /// What the settings ask for.
    wanted: Option<f64>,
    /// What a cache of unlimited size would have had.
    ideal: Option<f64>,
    /// What the server's usage says.
    usage: Option<f64>,
    /// What the server's metrics say.
    server: Option<f64>,
    /// Requests of which the ideal is known.
    requests: u64,
    /// Requests of which the usage says it.
    usage_requests: u64,
    /// Measured requests that succeeded.
    succeeded: u64,
    /// The endpoint produces tokens; prompts of others go to no prefix cache.
    is_of_tokens: bool,
    /// Somebody else used the server.
    has_strangers: bool,
    warm: Option<WarmBefore>,
    /// Markers keep conversations out of the cache: another seed has others.
    has_markers: bool,
    /// The servers were told to empty it before the run.
    was_reset: bool,
}

/// What else the row depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// Measured requests that succeeded.
    pub(super) succeeded: u64,
    /// Somebody else used the server.
    pub(super) has_strangers: bool,
    /// The servers were told to empty their caches before the run.
    pub(super) was_reset: bool,
}

impl PrefixCacheReport {
    /// What is known of a run with this header.
    pub(super) fn of(header: &RunHeader, caches: &PrefixCaches, server: Option<f64>, around: Around) -> Self {
        let ideal = caches.ideal();
        let settings = &header.settings;
        // Each request has the common beginning once.
        let common = settings.shared_prompt_tokens.filter(|_| ideal.of > 0);
        let common = common.map(|tokens| ((tokens * ideal.requests) as f64 / ideal.of as f64).min(1.0));
        Self {
            wanted: settings.recorded_hit_rate.or(common),
            ideal: ideal.share(),
            usage: caches.usage().share(),
            server,
            requests: ideal.requests,
            usage_requests: caches.usage().requests,
            succeeded: around.succeeded,
            is_of_tokens: header.capabilities.produces_tokens,
            has_strangers: around.has_strangers,
            warm: caches.warm_before(),
            has_markers: !settings.cache_bust.is_none(),
            was_reset: around.was_reset,
        }
    }

    fn is_worth_a_line(&self) -> bool {
        let shares = [self.wanted, self.usage, self.server];
        let is_reported = shares.iter().any(Option::is_some);
        self.is_of_tokens && (is_reported || self.ideal.is_some_and(|share| share > 0.0))
    }

    pub(super) fn summary(&self) -> Option<Value> {
        let warm = self.warm.map(|warm| {
            json!({
                "requests": warm.requests,
                "prompt_tokens": warm.prompt_tokens,
                "cached_tokens": warm.cached_tokens,
                "explained_tokens": warm.explained_tokens,
            })
        });
        self.is_worth_a_line().then(|| {
            json!({
                "block_tokens": BLOCK_TOKENS,
                "wanted": self.wanted,
                "ideal": self.ideal,
                "ideal_requests": self.requests,
                "usage": self.usage,
                "usage_requests": self.usage_requests,
                "server": self.server,
                "warm_before_start": warm,
            })
        })
    }

    /// For people.
    pub(super) fn line(&self) -> Option<String> {
        let shown = |name: &str, share: Option<f64>| match share {
            Some(share) => format!("{name} {} %", decimal(share * 100.0)),
            None => format!("{name} unknown"),
        };
        // Shares of different requests cannot be compared.
        let of_some = |name: &str, share: Option<f64>, requests: u64| {
            let is_of_some = share.is_some() && requests < self.succeeded;
            let requests = is_of_some.then(|| [" (of ", &counted(requests, "request"), ")"].concat());
            shown(name, share) + &requests.unwrap_or_default()
        };
        let parts = [
            shown("wanted", self.wanted),
            of_some("ideal", self.ideal, self.requests),
            of_some("usage", self.usage, self.usage_requests),
            shown("server metrics", self.server),
        ];
        self.is_worth_a_line().then(|| format!("prompt tokens from the prefix cache: {}", parts.join(" / ")))
    }

    /// What is to be said of a cache that was warm before the run, and what to do about it.
    pub(super) fn warm(&self) -> Option<(String, String)> {
        let WarmBefore { requests, prompt_tokens, cached_tokens, explained_tokens } = self.warm?;
        let marker = if self.has_markers { "" } else { "`--cache-bust first-turn-prefix`, " };
        let reset = if self.was_reset { "" } else { "`--reset-kv-cache`, " };
        let although = if self.was_reset { ", although it was told to empty it" } else { "" };
        let others = if self.has_strangers { ", or another client filled it" } else { "" };
        let says = format!(
            "the server's prefix cache was warm before the start{although}{others}: of the first {} it had {cached_tokens} of \
             {prompt_tokens} prompt tokens cached. What this run had sent explains at most {explained_tokens}",
            counted(requests, "request")
        );
        Some((says, format!("Use {marker}another `--random-seed`, {reset}or a server that was restarted")))
    }

    /// The share of prompts that the server had cached, where nothing asked for it, and if it is large enough to move latencies.
    pub(super) fn unwanted(&self) -> Option<f64> {
        let is_wanted = self.wanted.is_some_and(|share| share > 0.0);
        self.usage.or(self.server).filter(|share| !is_wanted && *share >= UNWANTED_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> PrefixCacheReport {
        let warm = WarmBefore { requests: 2, prompt_tokens: 200, cached_tokens: 160, explained_tokens: 100 };
        PrefixCacheReport {
            ideal: Some(0.5),
            usage: Some(0.25),
            requests: 29,
            usage_requests: 30,
            succeeded: 30,
            is_of_tokens: true,
            warm: Some(warm),
            ..PrefixCacheReport::default()
        }
    }

    #[test]
    fn a_share_of_some_requests_says_of_how_many_it_is() {
        let line = report().line().unwrap();
        assert!(
            line.ends_with(
                "wanted unknown / ideal 50.00 % (of 29 requests) / usage 25.00 % / server metrics unknown"
            ),
            "{line}"
        );
    }

    #[test]
    fn there_is_no_row_where_no_tokens_are_produced() {
        let of_others = PrefixCacheReport { is_of_tokens: false, ..report() };
        assert_eq!((of_others.line(), of_others.summary()), (None, None));
    }

    #[test]
    fn a_cache_that_was_emptied_is_not_to_be_emptied_again() {
        let said = |was_reset| {
            let (says, advice) = PrefixCacheReport { was_reset, ..report() }.warm().unwrap();
            format!("{says}. {advice}")
        };
        assert!(
            said(true).contains("although it was told to empty it")
                && !said(true).contains("--reset-kv-cache")
        );
        assert!(said(false).contains("`--reset-kv-cache`, or a server"));
    }

    #[test]
    fn another_client_may_have_filled_the_cache() {
        let said = |has_strangers| PrefixCacheReport { has_strangers, ..report() }.warm().unwrap().0;
        assert!(said(true).contains("or another client filled it"));
        assert!(!said(false).contains("another client"));
    }
}
