//! How metrics pages are asked for: how often, with which headers, and whom to trust. The service that does it knows nothing of the
//! target.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use url::{Origin, Url};

use crate::plan::{Plan, ServerMetricsConfig, TlsConfig};

/// The service's option for the time between two scrapes.
pub(super) const INTERVAL: &str = "interval_ms";

/// That time when nobody says otherwise.
const DEFAULT_INTERVAL_MS: f64 = 1000.0;

/// Headers of requests that say something of their bodies or answers, which a page does not have.
const ABOUT_CONTENT: [&str; 5] =
    ["accept", "accept-encoding", "content-type", "content-length", "content-encoding"];

/// Milliseconds from one scrape to the next.
pub(super) fn interval_ms(config: &ServerMetricsConfig) -> u64 {
    let ms = config.interval_s.map_or(DEFAULT_INTERVAL_MS, |seconds| seconds * 1000.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and saturating")]
    let ms = ms.ceil() as u64;
    ms.max(1)
}

/// Adds the headers of each page in `urls` to the options of the service.
///
/// A page of the target's own server gets what the requests get: the key as a bearer token, which is what servers
/// compare it with in front of their pages, and the user's headers. A page elsewhere gets only the headers that are
/// meant for pages. Those win.
pub(super) fn add_headers(options: &mut Map<String, Value>, plan: &Plan) {
    let urls = options.get("urls").and_then(Value::as_array).into_iter().flatten();
    let urls: Vec<String> = urls.filter_map(|url| url.as_str().map(str::to_owned)).collect();
    let all: Map<String, Value> = urls
        .into_iter()
        .map(|url| {
            let headers = headers_of(&url, plan);
            (url, Value::Object(headers))
        })
        .filter(|(_, headers)| headers.as_object().is_some_and(|headers| !headers.is_empty()))
        .collect();
    if !all.is_empty() {
        options.entry("headers").or_insert(json!(all));
    }
}

/// Adds how the pages of the target's own server are trusted to the options of the service: as the target itself. Paths are
/// absolute, wherever the service may be by then.
pub(super) fn add_tls(options: &mut Map<String, Value>, plan: &Plan) {
    let urls = options.get("urls").and_then(Value::as_array).into_iter().flatten();
    let tls = tls_of(&plan.target.tls);
    let own = urls.filter_map(Value::as_str).filter(|url| is_the_targets(url, plan));
    let all: Map<String, Value> = own.map(|url| (url.to_owned(), tls.clone())).collect();
    if plan.target.tls != TlsConfig::default() && !all.is_empty() {
        options.entry("tls").or_insert(json!(all));
    }
}

fn tls_of(tls: &TlsConfig) -> Value {
    let file = |path: &Option<PathBuf>| {
        // Where the working folder is not known, the path is as good as it can be.
        path.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
    };
    json!({
        "ca_cert": file(&tls.ca_cert),
        "client_cert": file(&tls.client_cert),
        "client_key": file(&tls.client_key),
        "insecure": tls.insecure,
    })
}

/// Whether a page is one of the target's own server.
fn is_the_targets(page: &str, plan: &Plan) -> bool {
    plan.target.urls.iter().any(|url| is_same_origin(url, page))
}

fn headers_of(page: &str, plan: &Plan) -> Map<String, Value> {
    let mut headers = Map::new();
    let mut set = |name: &str, value: &str| headers.insert(name.to_ascii_lowercase(), value.into());
    let target = &plan.target;
    if is_the_targets(page, plan) {
        if let Some(key) = &target.api_key {
            set("authorization", &format!("Bearer {}", key.expose()));
        }
        let own = target.headers.iter();
        for (name, value) in
            own.filter(|(name, _)| !ABOUT_CONTENT.contains(&name.to_ascii_lowercase().as_str()))
        {
            set(name, value);
        }
    }
    for (name, value) in &plan.server_metrics.headers {
        set(name, value);
    }
    let sets_login = plan.server_metrics.headers.iter().any(|(name, _)| is_login(name));
    if has_login(page) && !sets_login {
        // The address has a login of its own.
        headers.remove("authorization");
    }
    headers
}

fn is_login(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

fn has_login(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

/// Scheme, host and port (RFC 6454).
fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin()).filter(Origin::is_tuple);
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{metrics::sample, plan::Secret};

    fn plan(page_headers: &[(&str, &str)]) -> Plan {
        let mut plan = sample::config();
        plan.target.urls = vec!["http://h:8000/v1".into(), "https://secure".into()];
        plan.target.api_key = Some(Secret::new("sk-1".into()));
        plan.target.headers =
            vec![("X-Team".into(), "blue".into()), ("Content-Type".into(), "application/json".into())];
        plan.server_metrics.headers =
            page_headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        plan
    }

    #[rstest]
    #[case::the_targets_own("http://h:8000/metrics", json!({"authorization": "Bearer sk-1", "x-team": "blue"}))]
    #[case::the_default_port("https://secure:443/m", json!({"authorization": "Bearer sk-1", "x-team": "blue"}))]
    #[case::with_its_own_login("http://u:p@h:8000/metrics", json!({"x-team": "blue"}))]
    #[case::another_port("http://h:9400/metrics", json!({}))]
    #[case::another_scheme("https://h:8000/metrics", json!({}))]
    #[case::another_host("http://h.evil:8000/metrics", json!({}))]
    fn credentials_go_to_the_targets_own_server(#[case] page: &str, #[case] expected: Value) {
        assert_eq!(Value::Object(headers_of(page, &plan(&[]))), expected);
    }

    #[test]
    fn only_pages_of_the_target_are_trusted_as_the_target_is() {
        let mut plan = plan(&[]);
        let pages =
            json!({"urls": ["https://secure/metrics", "https://other/metrics", "https://secure:444/m"]});
        let Value::Object(options) = pages else { panic!("an object") };
        let added = |plan: &Plan| {
            let mut options = options.clone();
            add_tls(&mut options, plan);
            options.get("tls").cloned()
        };
        assert_eq!(added(&plan), None);
        plan.target.tls = TlsConfig { ca_cert: Some("/a/ca.pem".into()), ..TlsConfig::default() };
        let expected =
            json!({"ca_cert": "/a/ca.pem", "client_cert": null, "client_key": null, "insecure": false});
        assert_eq!(added(&plan), Some(json!({"https://secure/metrics": expected})));
        plan.target.tls.ca_cert = Some("ca.pem".into());
        let tls = added(&plan).unwrap();
        let path = tls["https://secure/metrics"]["ca_cert"].as_str().unwrap();
        assert!(path.starts_with('/') && path.ends_with("/ca.pem"), "{path}");
    }

    #[test]
    fn headers_of_pages_go_to_every_page_and_win() {
        let plan = plan(&[("Authorization", "Bearer of-pages")]);
        let elsewhere = json!({"authorization": "Bearer of-pages"});
        assert_eq!(Value::Object(headers_of("http://other/metrics", &plan)), elsewhere);
        let own = json!({"authorization": "Bearer of-pages", "x-team": "blue"});
        assert_eq!(Value::Object(headers_of("http://h:8000/metrics", &plan)), own);
    }

    #[rstest]
    #[case(None, 1000)]
    #[case(Some(0.25), 250)]
    #[case(Some(0.000_1), 1)]
    fn an_interval_is_at_least_a_millisecond(#[case] interval_s: Option<f64>, #[case] ms: u64) {
        let config = ServerMetricsConfig { interval_s, ..ServerMetricsConfig::default() };
        assert_eq!(interval_ms(&config), ms);
    }
}
