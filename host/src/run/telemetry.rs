//! Services that flags of their own ask for, beside the one of server metrics: which they are, and what they are told.

use serde_json::{Map, Value, json};
use url::{Host, Url};

use crate::{
    config::url::{origin, socket_of},
    plan::{GpuConfig, LiveApiConfig, OtelSpans, Plan},
};

/// Measures the round trip.
const NETWORK_LATENCY: &str = "network_latency";
/// Watches GPUs.
const GPU_TELEMETRY: &str = "gpu_telemetry";
/// Sends to a collector.
const OTEL: &str = "otel";
/// Answers questions about the run.
pub(super) const LIVE_API: &str = "live_api";

/// Where DCGM exporters listen: their own port, and that of Dynamo's.
const DCGM_PORTS: [u16; 2] = [9400, 9401];

/// The services that a plan's flags ask for, each with its flag.
pub(super) fn asked_for(plan: &Plan) -> impl Iterator<Item = (&'static str, &'static str)> {
    let telemetry = &plan.telemetry;
    let all = [
        (telemetry.network_latency.is_some(), NETWORK_LATENCY, "--network-latency"),
        (telemetry.gpus.is_some(), GPU_TELEMETRY, "--gpu-telemetry"),
        (telemetry.otel.is_some(), OTEL, "--otel-url"),
        (plan.services.live_api.is_some(), LIVE_API, "--api-port"),
    ];
    all.into_iter().filter(|(is_asked, _, _)| *is_asked).map(|(_, name, flag)| (name, flag))
}

/// What the user should know of what he asked for.
pub(super) fn warnings(plan: &Plan) -> Option<String> {
    let urls = &plan.target.urls;
    let all_sockets = !urls.is_empty() && urls.iter().all(|url| socket_of(url).is_some());
    (plan.telemetry.network_latency.is_some() && all_sockets).then(|| {
        "`--network-latency` has no effect: there is no network on the way to a Unix socket".to_owned()
    })
}

/// Adds what the service with this name is told by flags. `plan` knows the target by now.
pub(super) fn add_options(name: &str, plan: &Plan, options: &mut Map<String, Value>) {
    let telemetry = &plan.telemetry;
    let added = match name {
        NETWORK_LATENCY => telemetry
            .network_latency
            .as_ref()
            .map(|config| json!({ "targets": targets(plan), "interval_ms": whole_ms(config.interval_s) })),
        GPU_TELEMETRY => telemetry.gpus.as_ref().map(|gpus| of_gpus(gpus, plan)),
        OTEL => telemetry.otel.as_ref().map(|otel| {
            let pairs = |pairs: &[(String, String)]| -> Map<String, Value> {
                pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
            };
            json!({
                "url": otel.url,
                "headers": pairs(&otel.headers),
                "resource": pairs(&otel.resource),
                "provider": otel.provider.as_deref().unwrap_or_default(),
                "spans": match otel.spans {
                    OtelSpans::Slow => "slow",
                    OtelSpans::All => "all",
                    OtelSpans::None => "none",
                },
            })
        }),
        LIVE_API => plan.services.live_api.as_ref().map(of_live_api),
        _ => None,
    };
    if let Some(Value::Object(added)) = added {
        options.extend(added);
    }
}

fn of_live_api(config: &LiveApiConfig) -> Value {
    match config.host {
        Some(host) => json!({ "port": config.port, "host": host }),
        None => json!({ "port": config.port }),
    }
}

/// Whom the requests' connections go to: each server, or the proxy in front of it.
fn targets(plan: &Plan) -> Vec<&str> {
    let target = &plan.target;
    let proxies = target.proxies.iter().map(Option::as_deref).chain(std::iter::repeat(None));
    let ways = target.urls.iter().zip(proxies);
    ways.filter_map(|(url, proxy)| match proxy {
        Some(proxy) => Some(proxy),
        None => socket_of(url).is_none().then_some(url.as_str()),
    })
    .collect()
}

fn whole_ms(seconds: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and saturating")]
    let ms = (seconds * 1000.0).ceil() as u64;
    ms.max(1)
}

fn of_gpus(gpus: &GpuConfig, plan: &Plan) -> Value {
    let urls = if gpus.looks_around { plan.target.urls.as_slice() } else { &[] };
    let hosts = urls.iter().filter(|url| socket_of(url).is_none()).filter_map(|url| Url::parse(url).ok());
    let mut guesses: Vec<String> = Vec::new();
    for host in hosts.filter_map(|url| url.host_str().map(str::to_owned)) {
        for port in DCGM_PORTS {
            let page = format!("http://{host}:{port}/metrics");
            if !guesses.contains(&page) {
                guesses.push(page);
            }
        }
    }
    let nvml = if gpus.nvml {
        "yes"
    } else if urls.iter().any(|url| is_here(url)) {
        "auto"
    } else {
        "no"
    };
    json!({ "urls": gpus.pages, "guesses": guesses, "nvml": nvml })
}

/// Whether a server is on this machine, as its address says.
fn is_here(url: &str) -> bool {
    if socket_of(url).is_some() {
        return true;
    }
    match Url::parse(origin(url)).ok().and_then(|url| url.host().map(|host| host.to_owned())) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        metrics::sample,
        plan::{NetworkLatencyConfig, TelemetryConfig},
    };

    fn plan(urls: &[&str], telemetry: TelemetryConfig) -> Plan {
        let mut plan = sample::config();
        plan.target.urls = urls.iter().map(|url| (*url).to_owned()).collect();
        plan.telemetry = telemetry;
        plan
    }

    fn options(name: &str, plan: &Plan) -> Value {
        let mut options = Map::new();
        add_options(name, plan, &mut options);
        Value::Object(options)
    }

    #[test]
    fn the_way_to_a_server_leads_to_its_proxy() {
        let network_latency = Some(NetworkLatencyConfig { interval_s: 0.0001 });
        let mut plan = plan(
            &["http://a:1/v1", "http+unix://%2Fs", "http://b:2"],
            TelemetryConfig { network_latency, ..TelemetryConfig::default() },
        );
        plan.target.proxies = vec![None, None, Some("http://proxy:3128".to_owned())];
        let expected = json!({ "targets": ["http://a:1/v1", "http://proxy:3128"], "interval_ms": 1 });
        assert_eq!(options(NETWORK_LATENCY, &plan), expected);
        assert_eq!(asked_for(&plan).collect::<Vec<_>>(), [(NETWORK_LATENCY, "--network-latency")]);
    }

    #[test]
    fn a_port_asks_for_the_service_that_answers() {
        let mut plan = plan(&["http://h:1"], TelemetryConfig::default());
        plan.services.live_api = Some(LiveApiConfig { port: 9000, host: None });
        assert_eq!(asked_for(&plan).collect::<Vec<_>>(), [(LIVE_API, "--api-port")]);
        assert_eq!(options(LIVE_API, &plan), json!({ "port": 9000 }));
        plan.services.live_api = Some(LiveApiConfig { port: 0, host: Some("::1".parse().unwrap()) });
        assert_eq!(options(LIVE_API, &plan), json!({ "port": 0, "host": "::1" }));
    }

    #[rstest]
    #[case::here("http://127.0.0.1:8000/v1", &["http://127.0.0.1:9400/metrics", "http://127.0.0.1:9401/metrics"], "auto")]
    #[case::elsewhere("http://gpu7:8000", &["http://gpu7:9400/metrics", "http://gpu7:9401/metrics"], "no")]
    #[case::version_6("http://[::1]:8000", &["http://[::1]:9400/metrics", "http://[::1]:9401/metrics"], "auto")]
    #[case::socket("http+unix://%2Frun%2Fs", &[], "auto")]
    fn gpus_are_looked_for_where_the_servers_are(
        #[case] url: &str,
        #[case] guesses: &[&str],
        #[case] nvml: &str,
    ) {
        let gpus = Some(GpuConfig { looks_around: true, ..GpuConfig::default() });
        let plan = plan(&[url], TelemetryConfig { gpus, ..TelemetryConfig::default() });
        assert_eq!(options(GPU_TELEMETRY, &plan), json!({ "urls": [], "guesses": guesses, "nvml": nvml }));
    }

    #[test]
    fn pages_that_are_named_are_all_that_is_read() {
        let pages = vec!["http://h:9400/metrics".to_owned()];
        let gpus = Some(GpuConfig { pages: pages.clone(), ..GpuConfig::default() });
        let plan = plan(&["http://localhost:8000"], TelemetryConfig { gpus, ..TelemetryConfig::default() });
        assert_eq!(options(GPU_TELEMETRY, &plan), json!({ "urls": pages, "guesses": [], "nvml": "no" }));
    }
}
