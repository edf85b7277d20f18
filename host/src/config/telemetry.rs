//! What surrounds the load, from what was typed: the way to the servers, their GPUs, and collectors of telemetry.

use super::{
    error::{ConfigError, NamedUrlError},
    pairs,
    problems::Problems,
    spec::{Origin, RunSpec},
    telemetry_error::TelemetryError,
    url,
};
use crate::plan::{GpuConfig, NetworkLatencyConfig, OtelConfig, TelemetryConfig};

/// Seconds from one probe to the next unless the user says otherwise: few enough to be no load.
const PING_INTERVAL_S: f64 = 5.0;

/// What `--gpu-telemetry` without a value says.
const AUTO: &str = "auto";

/// NVIDIA's library, and the name of AIPerf's way to it.
const NVML: [&str; 2] = ["nvml", "pynvml"];

/// Everything that is asked for.
pub(super) fn telemetry(spec: &RunSpec, problems: &mut Problems) -> TelemetryConfig {
    problems.require(&spec.network_latency_ping_interval, &spec.network_latency);
    problems.require(&spec.otel_spans, &spec.otel_url);
    problems.require(&spec.otel_resource_attributes, &spec.otel_url);
    problems.require(&spec.gen_ai_provider, &spec.otel_url);
    let interval_s = spec.network_latency_ping_interval.value().unwrap_or(PING_INTERVAL_S);
    let otel = otel(spec, problems);
    own_trace(spec, problems);
    TelemetryConfig {
        network_latency: spec.network_latency.is_given().then_some(NetworkLatencyConfig { interval_s }),
        gpus: gpus(spec, problems),
        traceparent: spec.traceparent.is_given() || spec.otel_url.is_given(),
        otel,
    }
}

fn gpus(spec: &RunSpec, problems: &mut Problems) -> Option<GpuConfig> {
    let (sources, by) = spec.gpu_telemetry.given()?;
    // None at all is what a file says without a value.
    let mut config = GpuConfig { looks_around: sources.is_empty(), ..GpuConfig::default() };
    for source in sources {
        let word = source.trim().to_ascii_lowercase();
        if word == AUTO {
            config.looks_around = true;
        } else if NVML.contains(&word.as_str()) {
            config.nvml = true;
        } else if let Some(reason) = foreign(&word) {
            problems.push(TelemetryError::Source { by, value: source.clone(), reason });
        } else {
            let page = url::parse_metrics_page(source);
            config.pages.extend(problems.note(page.map_err(|error| named(by, error))));
        }
    }
    Some(config)
}

/// Why a source of AIPerf's is none of prony's.
fn foreign(word: &str) -> Option<&'static str> {
    let is_table = std::path::Path::new(word).extension().is_some_and(|extension| extension == "csv");
    match word {
        "amdsmi" => Some("GPUs of AMD are not read yet"),
        "dashboard" => Some("it is no source"),
        _ if is_table => Some("fields of one's own are not read: prony takes all that it knows of a page"),
        _ => None,
    }
}

fn otel(spec: &RunSpec, problems: &mut Problems) -> Option<OtelConfig> {
    let resource = attributes(spec, problems);
    let (url, by) = spec.otel_url.given()?;
    let base = url::parse_collector(url).map_err(|error| named(by, error));
    let base = problems.note(base)?;
    Some(OtelConfig {
        url: base.url,
        resource,
        provider: spec.gen_ai_provider.get().cloned(),
        spans: spec.otel_spans.value().unwrap_or_default(),
        headers: base.authorization.map(|login| ("authorization".to_owned(), login)).into_iter().collect(),
    })
}

/// A trace of the user's own would go out, and another one would be recorded.
fn own_trace(spec: &RunSpec, problems: &mut Problems) {
    let Some(with) = spec.traceparent.origin().or(spec.otel_url.origin()) else { return };
    let is_it = |name: &str| name.eq_ignore_ascii_case("traceparent");
    // What else is wrong with headers is told with the target.
    let headers = pairs::headers(&spec.header, &mut Problems::default());
    let is_in_all = headers.iter().any(|(name, _)| is_it(name));
    let is_in_sessions = spec.session_header.get().is_some_and(|names| names.iter().any(|name| is_it(name)));
    let of_all = spec.header.origin().filter(|_| is_in_all);
    let of_sessions = spec.session_header.origin().filter(|_| is_in_sessions);
    for flag in of_all.into_iter().chain(of_sessions) {
        let reason = "its `traceparent` would go out in place of the one that the records have";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
}

fn attributes(spec: &RunSpec, problems: &mut Problems) -> Vec<(String, String)> {
    let Some((texts, by)) = spec.otel_resource_attributes.given() else { return Vec::new() };
    let pair = |(position, text): (usize, &String)| -> Result<(String, String), usize> {
        let (key, value) = text.split_once('=').filter(|(key, _)| !key.trim().is_empty()).ok_or(position)?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    let read = |numbered| {
        let pair = pair(numbered).map_err(|position| TelemetryError::Attribute { by, position });
        problems.note(pair)
    };
    (1..).zip(texts).filter_map(read).collect()
}

fn named(by: Origin, error: url::UrlError) -> ConfigError {
    ConfigError::Url(NamedUrlError { by, error })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::{error::ConfigErrors, spec::tests::spec},
        plan::OtelSpans,
    };

    fn read(line: &str) -> Result<TelemetryConfig, ConfigErrors> {
        let mut problems = Problems::default();
        let config = telemetry(&spec(line), &mut problems);
        problems.finish().map(|()| config)
    }

    #[test]
    fn a_trace_of_the_users_own_goes_with_none_of_ours() {
        assert!(!read("--header traceparent:00-a-b-01").unwrap().traceparent);
        assert!(read("--traceparent --header tracestate:a=b").unwrap().traceparent);
    }

    #[test]
    fn nothing_is_asked_for_without_a_flag() {
        assert!(read("").unwrap().is_none() && read("--no-gpu-telemetry").unwrap().is_none());
    }

    #[rstest]
    #[case("--gpu-telemetry", &[], false, true)]
    #[case("--gpu-telemetry h:9400 http://g:9400/metrics", &["http://h:9400/metrics", "http://g:9400/metrics"], false, false)]
    #[case("--gpu-telemetry NVML,h", &["http://h/metrics"], true, false)]
    #[case("--gpu-telemetry pynvml", &[], true, false)]
    fn gpus_are_those_of_pages_of_this_machine_or_around_the_servers(
        #[case] line: &str,
        #[case] pages: &[&str],
        #[case] nvml: bool,
        #[case] looks_around: bool,
    ) {
        let pages = pages.iter().map(|page| (*page).to_owned()).collect();
        assert_eq!(read(line).unwrap().gpus, Some(GpuConfig { pages, nvml, looks_around }));
    }

    #[test]
    fn a_collector_is_a_base_url_with_what_it_is_told() {
        let line = "--otel-url http://u:p@h:4318/ --otel-spans all --otel-resource-attributes a=1,b=c=d --gen-ai-provider vllm";
        let config = read(line).unwrap();
        let otel = config.otel.unwrap();
        assert_eq!((otel.url.as_str(), otel.spans), ("http://h:4318", OtelSpans::All));
        assert_eq!(otel.resource, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "c=d".to_owned())]);
        assert_eq!(otel.headers, [("authorization".to_owned(), "Basic dTpw".to_owned())]);
        assert!(config.traceparent);
    }

    #[rstest]
    #[case(
        "--network-latency-ping-interval 2",
        "`--network-latency-ping-interval` requires `--network-latency`"
    )]
    #[case("--otel-spans all", "`--otel-spans` requires `--otel-url`")]
    #[case(
        "--gpu-telemetry amdsmi",
        "watch GPUs by `amdsmi` of `--gpu-telemetry`: GPUs of AMD are not read yet"
    )]
    #[case("--gpu-telemetry ftp://h", "use the URL `ftp://h`: prony does not speak `ftp`")]
    #[case(
        "--otel-url h --otel-resource-attributes a",
        "read value 1 of `--otel-resource-attributes`: it is not `KEY=VALUE`"
    )]
    #[case(
        "--otel-url h --header Traceparent:00-a-b-01",
        "use `--header` together with `--otel-url`: its `traceparent` would go out in place of the one that the records have"
    )]
    #[case(
        "--traceparent --session-header traceparent",
        "use `--session-header` together with `--traceparent`: its `traceparent` would go out in place of the one that the records have"
    )]
    #[case("--otel-url h?a=1", "send telemetry to `h?a=1`: it has a query")]
    #[case("--otel-url unix:///s", "send telemetry to `unix:///s`: it is sent over TCP only")]
    fn what_makes_no_sense_is_told(#[case] line: &str, #[case] text: &str) {
        assert_eq!(read(line).unwrap_err().to_string(), text);
    }
}
