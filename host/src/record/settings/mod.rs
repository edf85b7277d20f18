//! The settings of a run that reports read: the few typed values beside the whole configuration, which a journal only shows.
//!
//! A reader takes each field for itself: one that it does not understand has its default, and costs none of the others. So
//! an older version reads what a newer one has written, as far as it can.

mod law;
mod lenient;
mod of_plan;
mod sessions;
mod stored;

use std::path::PathBuf;

use prony_plugin_api::message::PhaseKind;
use serde::{Deserialize, Serialize};

use self::lenient::lenient;
pub(super) use self::stored::{of_older, older_hint};
pub(crate) use self::{law::LawName, of_plan::described, sessions::SessionSettings};
use crate::plan::{CacheBust, Class, Classes, Encoding, Exports, Objective, Price, RunObjective, Scenario};

/// What metrics and reports read of a run's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the user's")]
pub(crate) struct RunSettings {
    /// Base URLs; several are used in turn.
    #[serde(deserialize_with = "lenient")]
    pub(crate) urls: Vec<String>,
    /// The proxy on the way to each of them, without its password; empty without any.
    #[serde(deserialize_with = "lenient")]
    pub(crate) proxies: Vec<Option<String>>,
    /// The model that was asked for.
    #[serde(deserialize_with = "lenient")]
    pub(crate) model: String,
    /// Entry name of the endpoint.
    #[serde(deserialize_with = "lenient")]
    pub(crate) endpoint_type: String,
    /// Responses are streams of events.
    #[serde(deserialize_with = "lenient")]
    pub(crate) streaming: bool,
    /// Requests are sent over HTTP/2.
    #[serde(deserialize_with = "lenient")]
    pub(crate) http2: bool,
    /// Only the server counts tokens.
    #[serde(deserialize_with = "lenient")]
    pub(crate) use_server_token_count: bool,
    /// What counts tokens here.
    #[serde(deserialize_with = "lenient")]
    pub(crate) tokenizer: TokenizerSetting,
    /// Every phase, in order.
    #[serde(deserialize_with = "lenient")]
    pub(crate) phases: Vec<PhaseSettings>,
    /// Root of every random stream.
    #[serde(deserialize_with = "lenient")]
    pub(crate) random_seed: u64,
    /// The target's own metrics are scraped.
    #[serde(deserialize_with = "lenient")]
    pub(crate) server_metrics: bool,
    /// Generated texts are kept.
    #[serde(deserialize_with = "lenient")]
    pub(crate) export_outputs: bool,
    /// The instants of each request are written into its line.
    #[serde(deserialize_with = "lenient")]
    pub(crate) export_http_trace: bool,
    /// Which files the run leaves beside those that every run leaves.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Exports::are_default")]
    pub(crate) exports: Exports,
    /// Each request says which trace it is in.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) traceparent: bool,
    /// Where markers keep conversations out of the server's prefix cache.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "CacheBust::is_none")]
    pub(crate) cache_bust: CacheBust,
    /// Tokens that prompts begin with and share: of a generated system message, and of one of some prefixes.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) shared_prompt_tokens: Option<u64>,
    /// The share of prompts that a prefix cache of unlimited size would have, by the block ids of a recording.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_hit_rate: Option<f64>,
    /// The responses were recorded, and do not depend on the requests.
    #[serde(deserialize_with = "lenient")]
    pub(crate) is_recorded: bool,
    /// What conversations are taken to be; none where every request stands alone.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) sessions: Option<SessionSettings>,
    /// The classes of sessions; none where all are alike.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Classes::is_empty")]
    pub(crate) classes: Classes,
    /// What a good request keeps to.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub(crate) goodput: Vec<Objective>,
    /// What the run as a whole keeps to.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub(crate) slo: Vec<RunObjective>,
    /// What it costs, if the user says so.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<Price>,
    /// The scenario that it is a run of, if it is of one.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) scenario: Option<Scenario>,
}

impl RunSettings {
    /// The model that requests of a class ask for.
    pub(crate) fn model_of<'a>(&'a self, class: &'a Class) -> &'a str {
        class.model.as_ref().unwrap_or(&self.model)
    }
}

/// What counts tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenizerSetting {
    /// The vocabulary inside of the program.
    Builtin,
    /// Another one of OpenAI's.
    Encoding(Encoding),
    /// A `tokenizer.json`, or the folder that holds one.
    Local(PathBuf),
    /// Something that this version does not know.
    #[default]
    Other,
}

/// Load and stop rule of one phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PhaseSettings {
    /// Warm-up or profiling.
    #[serde(deserialize_with = "lenient")]
    pub(crate) kind: PhaseKind,
    /// Its name, where it is not that of its role.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Requests are due at instants of a schedule, from which their latency counts; otherwise, when others have ended.
    #[serde(deserialize_with = "lenient")]
    pub(crate) is_open_loop: bool,
    /// The law of these instants.
    #[serde(deserialize_with = "lenient")]
    pub(crate) law: LawName,
    /// The shape of the gaps' distribution, where the law is [`LawName::Gamma`].
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) smoothness: Option<f64>,
    /// Requests a second at most, where the law has a rate.
    #[serde(deserialize_with = "lenient")]
    pub(crate) rate: Option<f64>,
    /// How many users have that rate together, where the law is [`LawName::Users`].
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<u32>,
    /// How the rate changes with time, in words; none where it does not.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) rate_curve: Option<String>,
    /// Most requests in flight; no limit without it.
    #[serde(deserialize_with = "lenient")]
    pub(crate) concurrency: Option<usize>,
    /// How that number changes with time, in words; none where it does not.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency_curve: Option<String>,
    /// Most requests that wait for their first token, in words; no limit without it.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) prefill: Option<String>,
    /// Requests that are cancelled on purpose, in percent.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled_percent: Option<f64>,
    /// Stops after so many requests.
    #[serde(deserialize_with = "lenient")]
    pub(crate) request_count: Option<u64>,
    /// Stops sending after so many seconds.
    #[serde(deserialize_with = "lenient")]
    pub(crate) duration_s: Option<f64>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_is_not_understood_costs_none_of_the_others() {
        let stored = json!({
            "model": "m", "urls": { "by": "name" }, "tokenizer": { "cloud": "x" }, "random_seed": 7, "streaming": "often",
            "phases": [{ "kind": "cool_down", "is_open_loop": true, "law": "gamma", "rate": [1, 2], "concurrency": 4 }],
            "of_a_newer_version": [1]
        });
        let settings: RunSettings = serde_json::from_value(stored).unwrap();
        let phase = PhaseSettings {
            is_open_loop: true,
            law: LawName::Gamma,
            concurrency: Some(4),
            ..PhaseSettings::default()
        };
        let expected =
            RunSettings { model: "m".into(), random_seed: 7, phases: vec![phase], ..RunSettings::default() };
        assert_eq!(settings, expected);
    }
}
