//! From a plan to what a journal's header says of it: the one place.

use serde_json::Value;

use super::{LawName, PhaseSettings, RunSettings, SessionSettings, TokenizerSetting};
use crate::{
    config::redact::Redacted,
    plan::{Law, Level, Load, Phase, Plan, Ramp, TokenizerChoice},
};

/// What reports read of a plan, and the whole of it to be shown.
///
/// # Errors
/// A bug of ours: a plan that is no JSON.
pub(crate) fn described(plan: &Redacted<Plan>) -> serde_json::Result<(RunSettings, Value)> {
    let Plan { target, tokenizer, phases, .. } = &**plan;
    let settings = RunSettings {
        urls: target.urls.clone(),
        proxies: target.proxies.clone(),
        model: target.model.clone(),
        endpoint_type: target.endpoint_type.clone(),
        streaming: target.streaming,
        http2: target.http2,
        use_server_token_count: target.use_server_token_count,
        tokenizer: match tokenizer {
            TokenizerChoice::Builtin => TokenizerSetting::Builtin,
            TokenizerChoice::Encoding(encoding) => TokenizerSetting::Encoding(*encoding),
            TokenizerChoice::Local(path) => TokenizerSetting::Local(path.to_string_lossy().as_ref().into()),
        },
        phases: phases.iter().map(phase).collect(),
        random_seed: plan.random_seed,
        server_metrics: plan.server_metrics.enabled,
        export_outputs: plan.export_outputs,
        export_http_trace: plan.export_http_trace,
        exports: plan.exports.clone(),
        traceparent: plan.telemetry.traceparent,
        cache_bust: plan.cache_bust,
        shared_prompt_tokens: plan.dataset.shared_prompt_tokens(plan.cache_bust.target),
        recorded_hit_rate: None,
        is_recorded: plan.is_recorded,
        sessions: SessionSettings::of(plan),
        classes: plan.classes.clone(),
        goodput: plan.goodput.clone(),
        slo: plan.slo.clone(),
        price: plan.price,
        scenario: plan.scenario.clone(),
    };
    Ok((settings, serde_json::to_value(plan)?))
}

fn phase(phase: &Phase) -> PhaseSettings {
    PhaseSettings {
        kind: phase.role.kind(),
        name: Some(&phase.name).filter(|name| *name != phase.role.name()).cloned(),
        is_open_loop: phase.load.is_open(),
        law: law(&phase.load),
        smoothness: match phase.load.law() {
            Some(Law::Gamma { smoothness }) => Some(smoothness.get()),
            None | Some(Law::Constant | Law::Poisson) => None,
        },
        rate: phase.load.most_rate(),
        users: phase.load.users().map(|users| users.number.get()),
        rate_curve: phase.load.rate().and_then(curve),
        concurrency: phase.load.most_in_flight().and_then(|most| usize::try_from(most).ok()),
        concurrency_curve: phase.load.in_flight().as_ref().and_then(curve),
        prefill: phase.rules.prefill.as_ref().map(ToString::to_string),
        cancelled_percent: phase.rules.cancellation.map(|cancellation| cancellation.percent),
        request_count: phase.stop.requests(),
        duration_s: phase.stop.duration_s(),
    }
}

/// What a journal calls the law of a load.
fn law(load: &Load) -> LawName {
    match load {
        Load::Closed { .. } => LawName::ClosedLoop,
        Load::Replay { .. } => LawName::Replay,
        Load::Users { .. } => LawName::Users,
        Load::Open { law: Law::Constant, .. } => LawName::Constant,
        Load::Open { law: Law::Poisson, .. } => LawName::Poisson,
        Load::Open { law: Law::Gamma { .. }, .. } => LawName::Gamma,
    }
}

/// How a value changes, if it does.
fn curve<T: Level>(ramp: &Ramp<T>) -> Option<String> {
    ramp.as_constant().is_none().then(|| ramp.to_string())
}
