//! The target: addresses, the model, and what is sent along with every request.
//!
//! Knows what is asked for and the API format's name; connects to nothing.

use std::collections::HashSet;

use super::{
    endpoint_options::{endpoint_options, flag_options},
    environment::Environment,
    error::{ConfigError, NamedUrlError, Said},
    pairs,
    problems::Problems,
    proxy::{Proxies, proxies},
    spec::{Origin, RunSpec, Setting},
    url,
};
use crate::plan::{
    ConnectionReuse, DEFAULT_CONNECT_TIMEOUT_S, Secret, ServerMetricsConfig, Target, TlsConfig, TransportKind,
};

const DEFAULT_URL: &str = "http://localhost:8000";

/// The service that scrapes metrics pages.
const SERVER_METRICS: &str = "server_metrics";

/// A response of 32,768 tokens at 20 tokens a second comes to its end in this time (27 minutes), and one that stalls lets a
/// pipeline that is ended after an hour write its report.
const DEFAULT_REQUEST_TIMEOUT_S: f64 = 1_800.0;

/// The model that the mock server is asked for when the user names none.
const MOCK_MODEL: &str = "mock-model";

/// The target that is asked for, and what the user should know about the way to it.
pub(super) fn target(
    spec: &RunSpec,
    facts: &Environment,
    endpoint_name: &str,
    problems: &mut Problems,
) -> (Target, Option<String>) {
    let mut headers = pairs::headers(&spec.header, problems);
    let api_key = problems.note(api_key(spec)).flatten();
    let (urls, login) = urls(spec, problems);
    let transport = transport(spec, problems);
    problems.note(check_sockets(spec, transport, &urls));
    let Proxies { urls: proxies, warning } =
        problems.note(proxies(spec, transport, &facts.proxies, &urls)).unwrap_or_default();
    if let Some(login) = login {
        if let Some(other) = other_login(spec, api_key.is_some(), &headers) {
            problems.push(ConfigError::TwoLogins { url: typed_url(spec), other });
        }
        headers.push(("Authorization".to_owned(), login));
    }
    let target = Target {
        urls,
        proxies,
        model: model(spec, problems),
        endpoint_type: endpoint_name.to_owned(),
        streaming: spec.streaming.is_given(),
        custom_endpoint: spec.custom_endpoint.get().cloned(),
        request_timeout_s: spec.request_timeout_seconds.value().unwrap_or(DEFAULT_REQUEST_TIMEOUT_S),
        first_byte_timeout_s: within_the_whole(spec, &spec.first_byte_timeout_seconds, problems),
        idle_timeout_s: within_the_whole(spec, &spec.idle_timeout_seconds, problems),
        wait_for_model_timeout_s: spec.wait_for_model_timeout.value().unwrap_or(0.0),
        headers,
        session_headers: spec.session_header.get().cloned().unwrap_or_default(),
        api_key,
        extra_inputs: pairs::extra_inputs(&spec.extra_inputs, problems),
        endpoint_options: endpoint_options(&spec.endpoint_option, problems),
        flag_options: flag_options(spec),
        use_server_token_count: spec.use_server_token_count.is_given(),
        transport,
        http2: spec.http2.is_given(),
        connection_reuse: connection_reuse(spec, transport, problems),
        tls: TlsConfig {
            insecure: spec.insecure.is_given(),
            ca_cert: spec.ca_cert.get().cloned(),
            client_cert: spec.client_cert.get().cloned(),
            client_key: spec.client_key.get().cloned(),
        },
        preconnect: problems.note(preconnect(spec)).unwrap_or_default(),
        connect_timeout_s: spec.connect_timeout_seconds.value().unwrap_or(DEFAULT_CONNECT_TIMEOUT_S),
    };
    (target, warning)
}

/// The key: what was typed, else what the environment holds. The mock server wants none, so that a variable that is set
/// for other runs does not matter to it.
fn api_key(spec: &RunSpec) -> Result<Option<Secret<String>>, ConfigError> {
    let is_ours = |by: Origin| !(spec.mock.is_given() && matches!(by, Origin::Variable(_)));
    let Some((key, by)) = spec.api_key.given().filter(|(_, by)| is_ours(*by)) else { return Ok(None) };
    // A key from a file or a secret store often ends in a newline.
    match key.trim() {
        "" => Err(ConfigError::EmptyKey { by }),
        key => Ok(Some(Secret::new(key.to_owned()))),
    }
}

/// What says who we are beside the credentials in a URL.
fn other_login(spec: &RunSpec, has_key: bool, headers: &[(String, String)]) -> Option<String> {
    if let Some(by) = spec.api_key.origin().filter(|_| has_key) {
        return Some(format!("`{by}`"));
    }
    let is_login = |(name, _): &(String, String)| name.eq_ignore_ascii_case("authorization");
    headers.iter().any(is_login).then(|| "an `Authorization` header".to_owned())
}

/// A limit for a part of a request, which must end before the limit for all of it to be one.
fn within_the_whole(spec: &RunSpec, limit: &Setting<f64>, problems: &mut Problems) -> Option<f64> {
    let (seconds, by) = limit.given()?;
    let whole = &spec.request_timeout_seconds;
    if *seconds >= whole.value().unwrap_or(DEFAULT_REQUEST_TIMEOUT_S) {
        problems.push(ConfigError::Clash {
            flag: by.into(),
            with: whole.origin().unwrap_or(Origin::Flag(whole.flag())).into(),
            reason: "the limit for the whole request is reached first",
        });
    }
    Some(*seconds)
}

/// HTTP/2 is spoken by the client library only.
fn transport(spec: &RunSpec, problems: &mut Problems) -> TransportKind {
    match (spec.transport.given(), spec.http2.origin()) {
        (Some((TransportKind::Timed, by)), Some(http2)) => {
            problems.push(ConfigError::Clash {
                flag: http2.into(),
                with: Said::with_value(by, "timed"),
                reason: "the timed transport speaks HTTP/1.1",
            });
            TransportKind::Portable
        }
        (None, Some(_)) => TransportKind::Portable,
        (asked, _) => asked.map(|(transport, _)| *transport).unwrap_or_default(),
    }
}

/// Sessions can only have connections of their own where it is us who keep them.
fn connection_reuse(spec: &RunSpec, transport: TransportKind, problems: &mut Problems) -> ConnectionReuse {
    let Some((reuse, by)) = spec.connection_reuse_strategy.given() else { return ConnectionReuse::default() };
    if *reuse == ConnectionReuse::StickyUserSessions && transport == TransportKind::Portable {
        let with = match spec.transport.given() {
            Some((_, by)) => Said::with_value(by, "portable"),
            None => Said::from(spec.http2.origin().unwrap_or(Origin::Flag(spec.http2.flag()))),
        };
        problems.push(ConfigError::Clash {
            flag: Said::with_value(by, "sticky-user-sessions"),
            with,
            reason: "its library chooses the connection of a request by itself",
        });
    }
    *reuse
}

/// Connections can only wait where they are kept, and where it is us who keep them.
fn preconnect(spec: &RunSpec) -> Result<bool, ConfigError> {
    let Some(by) = spec.preconnect.origin() else { return Ok(false) };
    let reuse = spec.connection_reuse_strategy.given();
    let own = reuse.and_then(|(reuse, by)| match reuse {
        ConnectionReuse::Pooled => None,
        ConnectionReuse::Never => Some(Said::with_value(by, "never")),
        ConnectionReuse::StickyUserSessions => Some(Said::with_value(by, "sticky-user-sessions")),
    });
    let portable = spec.transport.given().filter(|(transport, _)| **transport == TransportKind::Portable);
    let other = spec
        .http2
        .origin()
        .map(Said::from)
        .or(own)
        .or_else(|| portable.map(|(_, by)| Said::with_value(by, "portable")));
    other.map_or(Ok(true), |other| Err(ConfigError::Preconnect { by, other }))
}

/// Where a URL is named, or could be.
fn typed_url(spec: &RunSpec) -> Origin {
    spec.url.origin().unwrap_or(Origin::Flag(spec.url.flag()))
}

/// Base URLs, and the one login that they may hold. None at all for `--mock`. Texts that are no URLs are left out.
fn urls(spec: &RunSpec, problems: &mut Problems) -> (Vec<String>, Option<String>) {
    if spec.mock.is_given() {
        return (Vec::new(), None);
    }
    let Some((texts, by)) = spec.url.given() else { return (vec![DEFAULT_URL.to_owned()], None) };
    let read = |text: &String| {
        let base = url::parse_base(text);
        problems.note(base.map_err(|error| ConfigError::Url(NamedUrlError { by, error })))
    };
    let bases: Vec<_> = texts.iter().filter_map(read).collect();
    let login = bases.first().and_then(|first| first.authorization.clone());
    if bases.iter().any(|base| base.authorization != login) {
        problems.push(ConfigError::TwoLogins { url: by, other: format!("those of another `{by}`") });
        return (Vec::new(), None);
    }
    (bases.into_iter().map(|base| base.url).collect(), login)
}

/// The client library of the portable transport connects to one Unix socket, whatever the address of a request.
fn check_sockets(spec: &RunSpec, transport: TransportKind, urls: &[String]) -> Result<(), ConfigError> {
    let sockets: HashSet<_> = urls.iter().map(|url| url::socket_of(url).map(|(socket, _)| socket)).collect();
    if transport == TransportKind::Portable && sockets.len() > 1 {
        let by = spec.transport.origin().unwrap_or(Origin::Flag(spec.transport.flag()));
        return Err(ConfigError::Clash {
            flag: Said::with_value(by, "portable"),
            with: Said::with_value(typed_url(spec), url::ANY_SOCKET),
            reason: "it cannot connect to anything else than one Unix socket in a run",
        });
    }
    Ok(())
}

fn model(spec: &RunSpec, problems: &mut Problems) -> String {
    let Some((models, by)) = spec.model.given() else {
        // Whoever has a server asks it: see [`Target::lacks_model`].
        let of_mock = spec.mock.is_given().then(|| MOCK_MODEL.to_owned());
        return of_mock.unwrap_or_default();
    };
    let is_empty = |model: &String| model.trim().is_empty();
    if models.iter().any(is_empty) {
        problems.push(ConfigError::NoModel { by });
    }
    let named = models.iter().enumerate().filter(|(_, model)| !is_empty(model));
    let again = named.filter(|(at, model)| models[..*at].contains(model));
    problems.extend(again.map(|(_, model)| ConfigError::ModelTwice { by, model: model.clone() }));
    models.first().cloned().unwrap_or_default()
}

/// Where it is said that the service that scrapes metrics pages is left out by its name, however that is spelled.
fn leaves_out_server_metrics(spec: &RunSpec) -> Option<Origin> {
    let spelled = |name: &String| name.to_ascii_lowercase().replace('-', "_");
    let (names, by) = spec.no_service.given()?;
    names.iter().any(|name| spelled(name) == SERVER_METRICS).then_some(by)
}

/// The metrics pages to scrape: each target's own, then those that the user named, each once. One behind a Unix socket
/// cannot be scraped; if that leaves none, it is said.
pub(super) fn server_metrics(
    spec: &RunSpec,
    targets: &[String],
    problems: &mut Problems,
) -> (ServerMetricsConfig, Option<String>) {
    let left_out = leaves_out_server_metrics(spec);
    if let Some((flag, left_out)) = spec.server_metrics.origin().zip(left_out) {
        problems.push(ConfigError::Clash {
            flag: flag.into(),
            with: Said::with_value(left_out, SERVER_METRICS),
            reason: "that service scrapes the pages",
        });
    }
    if spec.no_server_metrics.is_given() || left_out.is_some() {
        return (ServerMetricsConfig::default(), None);
    }
    let by_tcp = targets.iter().filter(|target| url::socket_of(target).is_none());
    let mut urls: Vec<String> = by_tcp.map(|target| url::metrics_url(target)).collect();
    if let Some((pages, by)) = spec.server_metrics.given() {
        let read = |text: &String| {
            let page = url::parse_metrics_page(text);
            problems.note(page.map_err(|error| ConfigError::Url(NamedUrlError { by, error })))
        };
        urls.extend(pages.iter().filter_map(read));
    }
    let mut seen = HashSet::new();
    urls.retain(|url| seen.insert(url.clone()));
    if urls.is_empty() && !targets.is_empty() {
        let warning = "no server metrics are scraped: they cannot be over a Unix socket; name a page with \
                       `--server-metrics URL`, or say `--no-server-metrics`";
        return (ServerMetricsConfig::default(), Some(warning.to_owned()));
    }
    let headers = pairs::headers(&spec.server_metrics_header, problems);
    let interval_s = spec.server_metrics_interval.value();
    (ServerMetricsConfig { enabled: true, urls, interval_s, headers }, None)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, flags::tests::flags, spec::tests::spec};

    fn target_of(spec: &RunSpec) -> Result<Target, ConfigErrors> {
        let mut problems = Problems::default();
        let (target, _) = target(spec, &Environment::default(), "chat", &mut problems);
        problems.finish().map(|()| target)
    }

    fn resolved(line: &str) -> Target {
        target_of(&spec(line)).unwrap()
    }

    fn metrics(
        line: &str,
        targets: &[String],
    ) -> Result<(ServerMetricsConfig, Option<String>), ConfigErrors> {
        let mut problems = Problems::default();
        let metrics = server_metrics(&spec(line), targets, &mut problems);
        problems.finish().map(|()| metrics)
    }

    #[test]
    fn credentials_in_a_url_become_a_header() {
        let target = resolved("-m m -u http://u:p@h:1 -u http://u:p@h:2");
        assert_eq!(target.urls, ["http://h:1", "http://h:2"]);
        assert_eq!(target.headers, [("Authorization".to_owned(), "Basic dTpw".to_owned())]);
    }

    #[rstest]
    #[case("--custom-endpoint=", Some(""))]
    #[case("--endpoint /go", Some("/go"))]
    #[case("", None)]
    fn an_empty_custom_endpoint_is_one(#[case] line: &str, #[case] endpoint: Option<&str>) {
        assert_eq!(resolved(&format!("-m m {line}")).custom_endpoint.as_deref(), endpoint);
    }

    #[rstest]
    #[case::typed("--api-key k", None, Ok(Some("k")))]
    #[case::trimmed("", Some("k\n"), Ok(Some("k")))]
    #[case::typed_first("--api-key k", Some("other"), Ok(Some("k")))]
    #[case::none("", None, Ok(None))]
    #[case::typed_and_empty("--api-key=", Some("k"), Err("--api-key"))]
    #[case::set_and_empty("", Some(""), Err("PRONY_API_KEY"))]
    #[case::blank("", Some(" \n"), Err("PRONY_API_KEY"))]
    #[case::the_mock_server_wants_none("--mock", Some(""), Ok(None))]
    fn a_key_is_typed_or_in_the_environment_and_never_empty(
        #[case] line: &str,
        #[case] variable: Option<&str>,
        #[case] expected: Result<Option<&str>, &str>,
    ) {
        let spec = RunSpec::new(&flags(&format!("-m m {line}")).unwrap(), variable);
        match (target_of(&spec), expected) {
            (Ok(target), Ok(key)) => {
                assert_eq!(target.api_key.as_ref().map(|key| key.expose().as_str()), key);
            }
            (Err(error), Err(by)) => {
                assert_eq!(error.to_string(), format!("the API key is empty: `{by}` is set to nothing"));
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[rstest]
    #[case("--no-service server_metrics")]
    #[case("--no-service Server-Metrics")]
    #[case("--no-server-metrics")]
    fn server_metrics_that_are_left_out_are_not_enabled(#[case] line: &str) {
        let (config, warning) = metrics(line, &["http://h:1".to_owned()]).unwrap();
        assert_eq!((config, warning), (ServerMetricsConfig::default(), None));
    }

    #[test]
    fn pages_for_a_service_that_is_left_out_contradict_it() {
        let error = metrics("--no-service server_metrics --server-metrics http://h:2", &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("use `--server-metrics` together with `--no-service server_metrics`")
        );
    }

    #[rstest]
    #[case("", true)]
    #[case("-m m", false)]
    #[case("--mock", false)]
    fn whoever_names_no_model_has_the_server_asked(#[case] line: &str, #[case] lacks: bool) {
        assert_eq!(resolved(line).lacks_model(), lacks);
    }
}
