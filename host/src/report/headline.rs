//! What was measured, in words: the lines above the table.

use std::collections::HashSet;

use super::{Report, token_warnings};
use crate::{
    config::{Arrival, PhaseConfig, PhaseKind, Target, url},
    metrics::TokenSource,
    screen::counted,
};

/// A label and what stands beside it, for each line.
pub(super) fn lines(report: &Report) -> Vec<(&'static str, String)> {
    let config = &report.header.config;
    let target = &config.target;
    let mut lines = vec![("model", target.model.clone()), ("endpoint", endpoint(report))];
    let proxies = proxies(target);
    lines.push(("target", target.urls.iter().map(|url| url::typed(url)).collect::<Vec<_>>().join(", ")));
    lines.extend((!proxies.is_empty()).then(|| ("proxy", proxies.join(", "))));
    let profiling = config.phases.iter().filter(|phase| phase.kind == PhaseKind::Profiling);
    lines.extend(profiling.map(|phase| ("load", load(phase))));
    let measured = report.profiling.table.avg("benchmark_duration");
    lines.push(("measured", measured.map_or("nothing".to_owned(), |seconds| format!("{seconds:.2} s"))));
    lines.push(("seed", config.random_seed.to_string()));
    if report.header.capabilities.produces_tokens {
        lines.push(("tokens", tokens(report)));
    }
    lines
}

/// The proxies on the way to the target, each once, in the order of the target's addresses.
pub(super) fn proxies(target: &Target) -> Vec<&str> {
    let mut seen = HashSet::new();
    let all = target.proxies.iter().flatten().map(|proxy| proxy.trim_end_matches('/'));
    all.filter(|proxy| seen.insert(*proxy)).collect()
}

fn endpoint(report: &Report) -> String {
    let target = &report.header.config.target;
    let mode = if target.streaming { "streaming" } else { "not streaming" };
    let protocol = if target.http2 { ", HTTP/2 over the portable transport" } else { "" };
    format!("{}, {mode}{protocol}", target.endpoint_type)
}

fn load(phase: &PhaseConfig) -> String {
    let open = |rate: f64, gaps: &str| {
        format!("open loop, {rate} requests/s at {gaps} gaps, latency from the schedule")
    };
    let mut parts = vec![match phase.arrival {
        Arrival::ClosedLoop => "closed loop".to_owned(),
        Arrival::Constant { rate } => open(rate, "constant"),
        Arrival::Poisson { rate } => open(rate, "Poisson"),
    }];
    parts.extend(phase.concurrency.map(|most| match phase.arrival {
        Arrival::ClosedLoop => format!("concurrency {most}"),
        Arrival::Constant { .. } | Arrival::Poisson { .. } => format!("at most {most} in flight"),
    }));
    parts.extend(phase.request_count.map(|count| counted(count, "request")));
    parts.extend(phase.duration_s.map(|seconds| format!("{seconds} s")));
    parts.join(", ")
}

fn tokens(report: &Report) -> String {
    let tokenizer = token_warnings::tokenizer(report);
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
    fn a_proxy_of_several_addresses_is_named_once() {
        let mut target = sample::header().config.target;
        let ways = [Some("http://b:3128/"), None, Some("http://a:3128"), Some("http://b:3128")];
        target.proxies = ways.map(|proxy| proxy.map(str::to_owned)).into();
        assert_eq!(proxies(&target), ["http://b:3128", "http://a:3128"]);
    }
}
