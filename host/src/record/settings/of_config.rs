//! From a configuration to what a journal's header says of it: the one place.

use serde_json::Value;

use super::{CLOSED_LOOP, CONSTANT, POISSON, PhaseSettings, RunSettings, TokenizerSetting};
use crate::config::{Arrival, PhaseConfig, RunConfig, TokenizerChoice};

/// What reports read of a configuration, and the whole of it to be shown. It must not have secrets any more.
///
/// # Errors
/// A bug of ours: a configuration that is no JSON.
pub(crate) fn described(config: &RunConfig) -> serde_json::Result<(RunSettings, Value)> {
    let RunConfig { target, tokenizer, phases, .. } = config;
    let settings = RunSettings {
        urls: target.urls.clone(),
        proxies: target.proxies.clone(),
        model: target.model.clone(),
        endpoint_type: target.endpoint_type.clone(),
        streaming: target.streaming,
        http2: target.http2,
        use_server_token_count: target.use_server_token_count,
        use_legacy_max_tokens: target.use_legacy_max_tokens,
        tokenizer: match tokenizer {
            TokenizerChoice::Builtin => TokenizerSetting::Builtin,
            TokenizerChoice::Local(path) => TokenizerSetting::Local(path.to_string_lossy().as_ref().into()),
        },
        phases: phases.iter().map(phase).collect(),
        random_seed: config.random_seed,
        server_metrics: config.server_metrics.enabled,
        export_outputs: config.export_outputs,
        export_http_trace: config.export_http_trace,
        is_recorded: config.is_recorded,
    };
    Ok((settings, serde_json::to_value(config)?))
}

fn phase(phase: &PhaseConfig) -> PhaseSettings {
    let (law, rate) = match phase.arrival {
        Arrival::ClosedLoop => (CLOSED_LOOP, None),
        Arrival::Constant { rate } => (CONSTANT, Some(rate)),
        Arrival::Poisson { rate } => (POISSON, Some(rate)),
    };
    PhaseSettings {
        kind: phase.kind,
        is_open_loop: rate.is_some(),
        law: law.to_owned(),
        rate,
        concurrency: phase.concurrency,
        request_count: phase.request_count,
        duration_s: phase.duration_s,
    }
}
