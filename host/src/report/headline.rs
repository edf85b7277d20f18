//! What was measured, in words: the lines above the table.

use std::collections::HashSet;

use prony_plugin_api::message::PhaseKind;

use super::{by_class, by_phase, model::Report, scenario, verdict};
use crate::{
    config::url,
    metrics::{TokenSource, tags},
    plan::{CacheBust, CacheBustTarget, ClassKind},
    record::settings::{LawName, PhaseSettings, RunSettings},
    screen::counted,
};

/// A label and what stands beside it, for each line.
pub(super) fn lines(report: &Report) -> Vec<(&'static str, String)> {
    let measured = report.profiling.table.avg(tags::BENCHMARK_DURATION);
    let measured = ("measured", measured.map_or("nothing".to_owned(), |seconds| format!("{seconds:.2} s")));
    if report.is_header_lost {
        return vec![measured];
    }
    let settings = &report.header.settings;
    let mut lines = vec![("model", models(settings).join(", ")), ("endpoint", endpoint(settings))];
    let proxies = proxies(settings);
    lines.push(("target", settings.urls.iter().map(|url| url::typed(url)).collect::<Vec<_>>().join(", ")));
    lines.extend((!proxies.is_empty()).then(|| ("proxy", proxies.join(", "))));
    lines.extend(loads(settings).into_iter().map(|load| ("load", load)));
    lines.extend(scenario::in_words(report).map(|text| ("scenario", text)));
    let sessions = settings.sessions.as_ref().filter(|_| !report.sessions.is_empty());
    lines.extend(sessions.map(|sessions| ("sessions", sessions.in_words())));
    lines.extend(by_class::in_words(settings).map(|text| (classes(settings), text)));
    let goodput = Some(&settings.goodput).filter(|goodput| !goodput.is_empty());
    lines.extend(goodput.map(|goodput| ("good", by_class::objectives(goodput))));
    lines.extend(cache_bust(settings).map(|text| ("marker", text)));
    lines.push(measured);
    lines.push(("seed", settings.random_seed.to_string()));
    if report.header.capabilities.produces_tokens {
        lines.push(("tokens", tokens(report)));
    }
    lines
}

/// The models that requests ask for, each once.
pub(super) fn models(settings: &RunSettings) -> Vec<&str> {
    let mut models: Vec<&str> = asked_models(settings).collect();
    let mut seen = HashSet::new();
    models.retain(|model| seen.insert(*model));
    models
}

/// The model that requests of each class ask for; that of the run where there are no classes.
fn asked_models(settings: &RunSettings) -> impl Iterator<Item = &str> {
    let classes = settings.classes.list.iter().map(|class| settings.model_of(class));
    let of_run = settings.classes.is_empty().then_some(settings.model.as_str());
    classes.chain(of_run)
}

fn classes(settings: &RunSettings) -> &'static str {
    match settings.classes.kind {
        ClassKind::Class => "classes",
        ClassKind::Model => "shares",
        ClassKind::Category => "categories",
    }
}

/// What keeps conversations out of the server's prefix cache, if anything does.
fn cache_bust(settings: &RunSettings) -> Option<String> {
    let CacheBust { target, tokens } = settings.cache_bust;
    let each = if target.is_of_warmup() { "in warm-ups" } else { "another one for each conversation" };
    let cost = counted(u64::from(tokens), "token");
    (target != CacheBustTarget::None).then(|| format!("{} (`--cache-bust`): {each}, {cost}", target.name()))
}

/// The proxies on the way to the target, each once, in the order of the target's addresses.
pub(super) fn proxies(settings: &RunSettings) -> Vec<&str> {
    let mut seen = HashSet::new();
    let all = settings.proxies.iter().flatten().map(|proxy| proxy.trim_end_matches('/'));
    all.filter(|proxy| seen.insert(*proxy)).collect()
}

fn endpoint(settings: &RunSettings) -> String {
    let mode = if settings.streaming { "streaming" } else { "not streaming" };
    let protocol = if settings.http2 { ", HTTP/2 over the portable transport" } else { "" };
    format!("{}, {mode}{protocol}", settings.endpoint_type)
}

/// The loads of the measured phases, in words; of several, each with its name.
pub(super) fn loads(settings: &RunSettings) -> Vec<String> {
    let measured = settings.phases.iter().filter(|phase| phase.kind == PhaseKind::Profiling);
    match measured.clone().count() {
        0 | 1 => measured.map(load).collect(),
        _ => measured.map(|phase| format!("{}: {}", by_phase::name(phase), load(phase))).collect(),
    }
}

/// The load of a phase, in words.
pub(crate) fn load(phase: &PhaseSettings) -> String {
    let mut parts = vec![if phase.is_open_loop { open_loop(phase) } else { "closed loop".to_owned() }];
    parts.extend(phase.concurrency.map(|most| {
        let most = phase.concurrency_curve.clone().unwrap_or_else(|| most.to_string());
        if phase.is_open_loop { format!("at most {most} in flight") } else { format!("concurrency {most}") }
    }));
    parts.extend(phase.prefill.as_ref().map(|most| format!("prefill concurrency {most}")));
    parts.extend(phase.cancelled_percent.map(|percent| format!("{percent} % cancelled on purpose")));
    parts.extend(phase.request_count.map(|count| counted(count, "request")));
    parts.extend(phase.duration_s.map(|seconds| format!("{seconds} s")));
    parts.join(", ")
}

fn open_loop(phase: &PhaseSettings) -> String {
    if phase.law == LawName::Replay {
        return "replay at the recorded instants, latency from the schedule".to_owned();
    }
    if let (LawName::Users, Some(users), Some(rate)) = (&phase.law, phase.users, phase.rate) {
        let users = counted(users, "user");
        return format!("{users} of {rate} requests/s together, latency from the schedule");
    }
    let rate = phase.rate.map(|rate| match &phase.rate_curve {
        Some(curve) => format!("requests/s {curve}, "),
        None => format!("{rate} requests/s at "),
    });
    let rate = rate.unwrap_or_default();
    let gaps = match (&phase.law, phase.smoothness) {
        (LawName::Constant, _) => "constant".to_owned(),
        (LawName::Poisson, _) => "Poisson".to_owned(),
        (LawName::Gamma, Some(smoothness)) => format!("gamma (smoothness {smoothness})"),
        (LawName::Gamma | LawName::ClosedLoop | LawName::Replay | LawName::Users | LawName::Other(_), _) => {
            phase.law.as_str().to_owned()
        }
    };
    format!("open loop, {rate}{gaps} gaps, latency from the schedule")
}

fn tokens(report: &Report) -> String {
    let tokenizer = verdict::tokens::tokenizer(report);
    match report.profiling.token_source {
        TokenSource::Server => "output counted by the server".to_owned(),
        TokenSource::Client => format!("output counted here with {tokenizer}"),
        TokenSource::Mixed => format!("output counted by the server, or here with {tokenizer}"),
        TokenSource::None => "output not counted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample;

    #[test]
    fn a_law_of_a_newer_version_is_shown_by_its_name() {
        let phase = PhaseSettings {
            is_open_loop: true,
            law: LawName::Other("weibull".into()),
            rate: Some(3.0),
            ..PhaseSettings::default()
        };
        assert_eq!(load(&phase), "open loop, 3 requests/s at weibull gaps, latency from the schedule");
    }

    #[test]
    fn a_proxy_of_several_addresses_is_named_once() {
        let mut settings = sample::header().settings;
        let ways = [Some("http://b:3128/"), None, Some("http://a:3128"), Some("http://b:3128")];
        settings.proxies = ways.map(|proxy| proxy.map(str::to_owned)).into();
        assert_eq!(proxies(&settings), ["http://b:3128", "http://a:3128"]);
    }
}
