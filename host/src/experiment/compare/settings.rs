//! The settings of a run that both sides of a comparison must have in common.

use std::{collections::BTreeMap, io, path::Path};

use serde_json::Value;

use crate::{bounded, config::yaml, report::file_names};

/// Settings that may differ: what is compared and how it is reached, where results go, what is asked of them,
/// who watches it, and what is done around a run.
const MAY_DIFFER: [&str; 39] = [
    "url",
    "api_key",
    "proxy",
    "random_seed",
    "artifact_dir",
    "overwrite",
    "ui",
    "server_metrics",
    "server_metrics_header",
    "network_latency",
    "network_latency_ping_interval",
    "gpu_telemetry",
    "no_gpu_telemetry",
    "otel_url",
    "otel_spans",
    "otel_resource_attributes",
    "gen_ai_provider",
    "api_port",
    "api_host",
    "agents_timeout",
    "ssh",
    "nats",
    "nats_server",
    "nats_token",
    "nats_creds",
    "nats_tls_ca",
    "nats_tls_cert",
    "nats_tls_key",
    "before_run",
    "after_run",
    "before_phase",
    "after_phase",
    "hook_timeout",
    "slo",
    "price",
    "compat",
    "slice_duration",
    "profile_export_prefix",
    "server_metrics_formats",
];

/// Each request has a `traceparent`, which makes some servers do more.
const TRACEPARENT: &str = "traceparent";

/// The settings of a run by key, without those that may differ; none where it has no file of them, as older runs.
///
/// # Errors
/// The file cannot be read, or is no YAML.
pub(super) fn read(dir: &Path) -> io::Result<BTreeMap<String, Value>> {
    let bytes = match bounded::read(&dir.join(file_names::SETTINGS), yaml::MOST_MEGABYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut settings: BTreeMap<String, Value> =
        yaml::parse(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.text))?;
    // A collector may be another one, or none. That requests are traced because of it is no small matter.
    if settings.contains_key("otel_url") {
        settings.insert(TRACEPARENT.to_owned(), true.into());
    }
    settings.retain(|key, _| !MAY_DIFFER.contains(&key.as_str()));
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_target_is_and_what_is_done_around_a_run_may_differ_and_headers_may_not() {
        let dir = tempfile::tempdir().unwrap();
        let text = "url: http://a\nheader: 'X-Key:${SECRET_OF_HEADER}'\nserver_metrics: http://a/metrics\nafter_run: echo\nosl: 4\n";
        std::fs::write(dir.path().join(file_names::SETTINGS), text).unwrap();
        let settings = read(dir.path()).unwrap();
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["header", "osl"]);
    }
    #[test]
    fn a_collector_and_whoever_watches_may_differ_and_what_requests_are_told_of_traces_may_not() {
        let read_text = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(file_names::SETTINGS), text).unwrap();
            read(dir.path()).unwrap()
        };
        let traced = read_text("traceparent: true\nosl: 4\n");
        assert_eq!(
            traced,
            read_text("otel_url: http://h:4318\nosl: 4\napi_port: 9000\napi_host: 127.0.0.1\n")
        );
        assert_ne!(traced, read_text("osl: 4\n"));
    }
}
