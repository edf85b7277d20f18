//! What was measured, in words: the lines above the table.

use std::collections::HashSet;

use super::{Report, token_warnings};
use crate::{
    config::url,
    metrics::TokenSource,
    plan::{Law, Load, Phase, Target},
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
    lines.extend(config.measured().map(|phase| ("load", load(phase))));
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

fn load(phase: &Phase) -> String {
    let mut parts = match &phase.load {
        Load::Closed { sessions } => vec!["closed loop".to_owned(), format!("concurrency {sessions}")],
        Load::Open { rate, law, limit } => {
            let gaps = match law {
                Law::Constant => "constant",
                Law::Poisson => "Poisson",
            };
            let open = format!("open loop, {rate} requests/s at {gaps} gaps, latency from the schedule");
            let most = limit.in_flight().map(|most| format!("at most {most} in flight"));
            std::iter::once(open).chain(most).collect()
        }
    };
    parts.extend(phase.stop.requests().map(|count| counted(count, "request")));
    parts.extend(phase.stop.duration_s().map(|seconds| format!("{seconds} s")));
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
        let mut target = sample::header().config.target.clone();
        let ways = [Some("http://b:3128/"), None, Some("http://a:3128"), Some("http://b:3128")];
        target.proxies = ways.map(|proxy| proxy.map(str::to_owned)).into();
        assert_eq!(proxies(&target), ["http://b:3128", "http://a:3128"]);
    }
}
