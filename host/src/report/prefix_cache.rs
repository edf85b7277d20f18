//! What prefix caches had of the prompts, in one row: as the settings want it, as it could be at best, as the server's usage says
//! it, and as its own metrics do.

use serde_json::{Value, json};

use super::text::decimal;
use crate::{
    metrics::{PrefixCaches, WarmBefore},
    record::{BLOCK_TOKENS, RunHeader},
    screen::counted,
};

/// Shares of the measured prompts' tokens; nothing where it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PrefixCacheReport {
    /// What the settings ask for.
    wanted: Option<f64>,
    /// What a cache without an end would have had.
    ideal: Option<f64>,
    /// What the server's usage says.
    usage: Option<f64>,
    /// What the server's metrics say.
    server: Option<f64>,
    /// Requests of which the ideal is known.
    requests: u64,
    warm: Option<WarmBefore>,
    /// Markers keep conversations out of the cache: another seed has others.
    has_markers: bool,
}

impl PrefixCacheReport {
    /// What is known of a run with this header.
    pub(super) fn of(header: &RunHeader, caches: &PrefixCaches, server: Option<f64>) -> Self {
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
            warm: caches.warm_before(),
            has_markers: !settings.cache_bust.is_none(),
        }
    }

    fn is_worth_a_line(&self) -> bool {
        let told = [self.wanted, self.usage, self.server];
        told.iter().any(Option::is_some) || self.ideal.is_some_and(|share| share > 0.0)
    }

    /// For the summary.
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
        let parts = [
            shown("wanted", self.wanted),
            shown("ideal", self.ideal),
            shown("usage", self.usage),
            shown("server metrics", self.server),
        ];
        self.is_worth_a_line().then(|| format!("prompt tokens from the prefix cache: {}", parts.join(" / ")))
    }

    /// What is to be said of a cache that was warm before the run.
    pub(super) fn warning(&self) -> Option<String> {
        let WarmBefore { requests, prompt_tokens, cached_tokens, explained_tokens } = self.warm?;
        let marker = if self.has_markers { "" } else { "`--cache-bust first-turn-prefix`, " };
        Some(format!(
            "the server's prefix cache was warm before the start: of the first {} it had {cached_tokens} of {prompt_tokens} \
             prompt tokens cached, and what this run had sent explains {explained_tokens} at most. Use {marker}another \
             `--random-seed`, or a server that was restarted",
            counted(requests, "request")
        ))
    }
}
