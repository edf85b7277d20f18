//! The target: addresses, the model, and what is sent along with every request.
//!
//! Knows the flags and the dialect's name; connects to nothing.

use std::collections::HashSet;

use super::{
    endpoint_options::endpoint_options,
    environment::Environment,
    error::ConfigError,
    flags::ProfileFlags,
    pairs,
    proxy::{Proxies, proxies},
    url,
};
use crate::plan::{
    ConnectionReuse, DEFAULT_CONNECT_TIMEOUT_S, ServerMetricsConfig, Target, TlsConfig, TransportKind,
};

const DEFAULT_URL: &str = "http://localhost:8000";
/// Holds the key where none is typed.
pub(crate) const API_KEY_VARIABLE: &str = "PRONY_API_KEY";

/// A response of 32,768 tokens at 20 tokens a second comes to its end in this time (27 minutes), and one that stalls lets a
/// pipeline that is ended after an hour write its report.
const DEFAULT_REQUEST_TIMEOUT_S: f64 = 1_800.0;

/// The model that the mock server is asked for when the user names none.
const MOCK_MODEL: &str = "mock-model";

/// The target that the flags name, and what the user should know about the way to it.
pub(super) fn target(
    flags: &ProfileFlags,
    facts: &Environment,
    endpoint_name: &str,
) -> Result<(Target, Option<String>), ConfigError> {
    let mut headers = pairs::headers(&flags.header)?;
    let api_key = api_key(flags, facts)?;
    let (urls, login) = urls(flags)?;
    let transport = transport(flags)?;
    check_sockets(transport, &urls)?;
    let Proxies { urls: proxies, warning } = proxies(flags, transport, &facts.proxies, &urls)?;
    if let Some(login) = login {
        if api_key.is_some() {
            return Err(ConfigError::TwoLogins { other: "`--api-key`" });
        }
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            return Err(ConfigError::TwoLogins { other: "an `Authorization` header" });
        }
        headers.push(("Authorization".to_owned(), login));
    }
    let target = Target {
        urls,
        proxies,
        model: model(flags)?,
        endpoint_type: endpoint_name.to_owned(),
        streaming: flags.streaming,
        custom_endpoint: flags.custom_endpoint.clone(),
        request_timeout_s: flags.request_timeout_seconds.unwrap_or(DEFAULT_REQUEST_TIMEOUT_S),
        first_byte_timeout_s: within_the_whole(
            flags,
            "--first-byte-timeout-seconds",
            flags.first_byte_timeout_seconds,
        )?,
        idle_timeout_s: within_the_whole(flags, "--idle-timeout-seconds", flags.idle_timeout_seconds)?,
        wait_for_model_timeout_s: flags.wait_for_model_timeout.unwrap_or(0.0),
        headers,
        api_key,
        extra_inputs: pairs::extra_inputs(&flags.extra_inputs)?,
        endpoint_options: endpoint_options(&flags.endpoint_option)?,
        use_server_token_count: flags.use_server_token_count,
        use_legacy_max_tokens: flags.use_legacy_max_tokens,
        transport,
        http2: flags.http2,
        connection_reuse: flags.connection_reuse_strategy.unwrap_or_default(),
        tls: TlsConfig {
            insecure: flags.insecure,
            ca_cert: flags.ca_cert.clone(),
            client_cert: flags.client_cert.clone(),
            client_key: flags.client_key.clone(),
        },
        preconnect: preconnect(flags)?,
        connect_timeout_s: flags.connect_timeout_seconds.unwrap_or(DEFAULT_CONNECT_TIMEOUT_S),
    };
    Ok((target, warning))
}

/// The key: what was typed, else what the environment holds. The mock server wants none, so that a variable that is set
/// for other runs does not matter to it.
fn api_key(flags: &ProfileFlags, facts: &Environment) -> Result<Option<String>, ConfigError> {
    let (by, key) = match (&flags.api_key, &facts.api_key) {
        (Some(typed), _) => ("--api-key", typed),
        (None, Some(variable)) if !flags.mock => (API_KEY_VARIABLE, variable),
        _ => return Ok(None),
    };
    // A key from a file or a secret store often ends in a newline.
    match key.trim() {
        "" => Err(ConfigError::EmptyKey { by }),
        key => Ok(Some(key.to_owned())),
    }
}

/// A limit for a part of a request, which must end before the limit for all of it to be one.
fn within_the_whole(
    flags: &ProfileFlags,
    flag: &'static str,
    seconds: Option<f64>,
) -> Result<Option<f64>, ConfigError> {
    let whole = flags.request_timeout_seconds.unwrap_or(DEFAULT_REQUEST_TIMEOUT_S);
    if seconds.is_some_and(|seconds| seconds >= whole) {
        return Err(ConfigError::Clash {
            flag,
            with: "--request-timeout-seconds",
            reason: "the limit for the whole request is reached first",
        });
    }
    Ok(seconds)
}

/// HTTP/2 is spoken by the client library only.
fn transport(flags: &ProfileFlags) -> Result<TransportKind, ConfigError> {
    match flags.transport {
        Some(TransportKind::Timed) if flags.http2 => Err(ConfigError::Clash {
            flag: "--http2",
            with: "--transport timed",
            reason: "the timed transport speaks HTTP/1.1",
        }),
        None if flags.http2 => Ok(TransportKind::Portable),
        asked => Ok(asked.unwrap_or_default()),
    }
}

/// Connections can only wait where they are kept, and where it is us who keep them.
fn preconnect(flags: &ProfileFlags) -> Result<bool, ConfigError> {
    let never = flags.connection_reuse_strategy == Some(ConnectionReuse::Never);
    let portable = flags.transport == Some(TransportKind::Portable);
    match flags.preconnect {
        true if flags.http2 => Err(ConfigError::Preconnect { other: "--http2" }),
        true if never => Err(ConfigError::Preconnect { other: "--connection-reuse-strategy never" }),
        true if portable => Err(ConfigError::Preconnect { other: "--transport portable" }),
        asked => Ok(asked),
    }
}

/// Base URLs, and the one login that they may hold. None at all for `--mock`.
fn urls(flags: &ProfileFlags) -> Result<(Vec<String>, Option<String>), ConfigError> {
    if flags.mock {
        return Ok((Vec::new(), None));
    }
    if flags.url.is_empty() {
        return Ok((vec![DEFAULT_URL.to_owned()], None));
    }
    let bases = flags.url.iter().map(|url| url::parse_base(url)).collect::<Result<Vec<_>, _>>()?;
    let login = bases[0].authorization.clone();
    if bases.iter().any(|base| base.authorization != login) {
        return Err(ConfigError::TwoLogins { other: "those of another `--url`" });
    }
    Ok((bases.into_iter().map(|base| base.url).collect(), login))
}

/// The client library of the portable transport connects to one Unix socket, whatever the address of a request.
fn check_sockets(transport: TransportKind, urls: &[String]) -> Result<(), ConfigError> {
    let sockets: HashSet<_> = urls.iter().map(|url| url::socket_of(url).map(|(socket, _)| socket)).collect();
    if transport == TransportKind::Portable && sockets.len() > 1 {
        return Err(ConfigError::Clash {
            flag: "--transport portable",
            with: "--url unix://",
            reason: "it cannot connect to anything else than one Unix socket in a run",
        });
    }
    Ok(())
}

fn model(flags: &ProfileFlags) -> Result<String, ConfigError> {
    match flags.model.as_slice() {
        [] if flags.mock => Ok(MOCK_MODEL.to_owned()),
        // Whoever has a server asks it: see [`Target::lacks_model`].
        [] => Ok(String::new()),
        [model] if model.trim().is_empty() => Err(ConfigError::NoModel),
        [model] => Ok(model.clone()),
        models => Err(ConfigError::SeveralModels { models: models.to_vec() }),
    }
}

/// Whether the service that scrapes metrics pages is left out by its name, however that is spelled.
fn leaves_out_server_metrics(flags: &ProfileFlags) -> bool {
    let spelled = |name: &String| name.to_ascii_lowercase().replace('-', "_");
    flags.no_service.iter().any(|name| spelled(name) == "server_metrics")
}

/// The metrics pages to scrape: each target's own, then those that the user named, each once. One behind a Unix socket
/// cannot be scraped; if that leaves none, it is said.
pub(super) fn server_metrics(
    flags: &ProfileFlags,
    targets: &[String],
) -> Result<(ServerMetricsConfig, Option<String>), ConfigError> {
    let left_out = leaves_out_server_metrics(flags);
    if left_out && !flags.server_metrics.is_empty() {
        let (flag, with) = ("--server-metrics", "--no-service server_metrics");
        return Err(ConfigError::Clash { flag, with, reason: "that service scrapes the pages" });
    }
    if flags.no_server_metrics || left_out {
        return Ok((ServerMetricsConfig::default(), None));
    }
    let by_tcp = targets.iter().filter(|target| url::socket_of(target).is_none());
    let mut urls: Vec<String> = by_tcp.map(|target| url::metrics_url(target)).collect();
    for typed in &flags.server_metrics {
        urls.push(url::parse_metrics_page(typed)?);
    }
    let mut seen = HashSet::new();
    urls.retain(|url| seen.insert(url.clone()));
    if urls.is_empty() && !targets.is_empty() {
        let warning = "no server metrics are scraped: they cannot be over a Unix socket; name a page with \
                       `--server-metrics URL`, or say `--no-server-metrics`";
        return Ok((ServerMetricsConfig::default(), Some(warning.to_owned())));
    }
    let headers = pairs::server_metrics_headers(&flags.server_metrics_header)?;
    let interval_s = flags.server_metrics_interval;
    Ok((ServerMetricsConfig { enabled: true, urls, interval_s, headers }, None))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::flags::tests::flags;

    fn resolved(line: &str) -> Target {
        target(&flags(line).unwrap(), &Environment::default(), "chat").unwrap().0
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
        let facts = Environment { api_key: variable.map(str::to_owned), ..Environment::default() };
        let target = target(&flags(&format!("-m m {line}")).unwrap(), &facts, "chat");
        match (target, expected) {
            (Ok((target, _)), Ok(key)) => assert_eq!(target.api_key.as_deref(), key),
            (Err(ConfigError::EmptyKey { by }), Err(expected)) => assert_eq!(by, expected),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[rstest]
    #[case("--no-service server_metrics")]
    #[case("--no-service Server-Metrics")]
    #[case("--no-server-metrics")]
    fn server_metrics_that_are_left_out_are_not_enabled(#[case] line: &str) {
        let flags = flags(line).unwrap();
        let (config, warning) = server_metrics(&flags, &["http://h:1".to_owned()]).unwrap();
        assert_eq!((config, warning), (ServerMetricsConfig::default(), None));
    }

    #[test]
    fn pages_for_a_service_that_is_left_out_contradict_it() {
        let flags = flags("--no-service server_metrics --server-metrics http://h:2").unwrap();
        let error = server_metrics(&flags, &[]).unwrap_err();
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
