//! Which proxy stands between us and a target: the one that the user named, or the one that the environment names for
//! everybody.
//!
//! An environment's proxy is for what is far away: this machine itself is reached without one, and so is what
//! `NO_PROXY` lists. Nothing here connects to anything.

use std::{env, net::IpAddr};

use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use super::{
    error::{ConfigError, Said},
    redact,
    spec::{Origin, RunSpec},
    url as address,
};
use crate::plan::TransportKind;

/// What the environment says about proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyEnvironment {
    /// For `http` targets.
    pub(crate) http: Option<Named>,
    /// For `https` targets.
    pub(crate) https: Option<Named>,
    /// For targets that the others say nothing about.
    pub(crate) all: Option<Named>,
    /// Hosts that are reached without one.
    pub(crate) exceptions: String,
}

/// A proxy, and who says so.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Flag or variable.
    pub(crate) by: Origin,
    /// As it stands there.
    pub(crate) text: String,
}

/// The proxies of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Proxies {
    /// That of each target, or none at all.
    pub(super) urls: Vec<Option<String>>,
    /// What the user should know, who may have forgotten about the environment.
    pub(super) warning: Option<String>,
}

impl ProxyEnvironment {
    /// Reads the variables. One that is set to nothing is not set.
    pub(crate) fn read() -> Self {
        let value = |name: &str| env::var(name).ok().filter(|text| !text.trim().is_empty());
        let named = |names: [&'static str; 2]| {
            names.into_iter().find_map(|by| value(by).map(|text| Named { by: Origin::Variable(by), text }))
        };
        Self {
            http: named(["HTTP_PROXY", "http_proxy"]),
            https: named(["HTTPS_PROXY", "https_proxy"]),
            all: named(["ALL_PROXY", "all_proxy"]),
            exceptions: value("NO_PROXY").or_else(|| value("no_proxy")).unwrap_or_default(),
        }
    }

    fn proxy_of(&self, target: &str) -> Option<&Named> {
        let url = Url::parse(target).ok()?;
        let own = match url.scheme() {
            "http" => &self.http,
            "https" => &self.https,
            _ => return None,
        };
        let named = own.as_ref().or(self.all.as_ref())?;
        (!is_here(&url) && !self.is_exception(target, &url)).then_some(named)
    }

    fn is_exception(&self, target: &str, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let hosts = self.exceptions.split(',').map(str::trim).filter_map(|entry| match with_port(entry) {
            Some((host, named)) => (Some(named) == port).then_some(host),
            None => Some(entry),
        });
        let hosts: Vec<&str> = hosts.collect();
        // What it would lead to does not matter here, only whether it would.
        let matcher = Matcher::builder().all("http://proxy").no(hosts.join(",")).build();
        target.parse().is_ok_and(|target| matcher.intercept(&target).is_none())
    }
}

/// An entry that is only about one port: `host:8000`, `10.0.0.1:8000`, `[::1]:8000`. What has more colons is an address.
fn with_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.or_else(|| (!host.contains(':')).then_some(host))?;
    Some((host, port.parse().ok()?))
}

impl Named {
    /// Its address with a scheme and nothing behind the port, for requests to `target`.
    fn parse(&self, target: &str, transport: TransportKind, http2: bool) -> Result<String, ConfigError> {
        let text = self.text.trim();
        if redact::has_hidden_login(text) {
            return Err(self.refused(
                "it has an `@` behind its host, and may hold a password",
                address::HIDDEN_LOGIN_HINT,
            ));
        }
        if redact::has_two_logins(text) {
            return Err(
                self.refused("it has more than one `@` in front of its host", address::TWO_LOGINS_HINT)
            );
        }
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).map_err(|error| {
            self.refused(error.to_string(), "give an address such as `http://proxy.example:3128`")
        })?;
        match (url.scheme(), transport) {
            ("http", _) | ("https", TransportKind::Portable) => {}
            ("https", TransportKind::Timed) => {
                return Err(self.refused(
                    "the timed transport speaks no TLS with a proxy",
                    "add `--transport portable`, or give an address that begins with `http://`",
                ));
            }
            (scheme, _) => {
                return Err(self.refused(
                    format!("prony does not speak `{scheme}` with a proxy"),
                    "name a proxy that begins with `http://`, or do without: `--no-proxy`",
                ));
            }
        }
        if http2 && target.starts_with("http:") {
            return Err(self.refused(
                "a proxy opens a way for HTTP/2 to https:// targets only",
                "leave out `--http2`, or do without the proxy: `--no-proxy`",
            ));
        }
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        Ok(url.into())
    }

    fn refused(&self, reason: impl Into<String>, hint: &'static str) -> ConfigError {
        ConfigError::Proxy { by: self.by, url: redact::url(self.text.trim()), reason: reason.into(), hint }
    }
}

/// Whether an address is one of this machine's own.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// The proxy of each target.
pub(super) fn proxies(
    spec: &RunSpec,
    transport: TransportKind,
    environment: &ProxyEnvironment,
    targets: &[String],
) -> Result<Proxies, ConfigError> {
    let http2 = spec.http2.is_given();
    if let Some((text, by)) = spec.proxy.given() {
        if targets.iter().any(|target| address::socket_of(target).is_some()) {
            let url = spec.url.origin().unwrap_or(Origin::Flag(spec.url.flag()));
            return Err(ConfigError::Clash {
                flag: by.into(),
                with: Said::with_value(url, address::ANY_SOCKET),
                reason: "no proxy leads to a Unix socket of this machine",
            });
        }
        let named = Named { by, text: text.clone() };
        let urls = targets.iter().map(|target| named.parse(target, transport, http2).map(Some));
        return Ok(Proxies { urls: urls.collect::<Result<_, _>>()?, warning: None });
    }
    if spec.no_proxy.is_given() {
        return Ok(Proxies::default());
    }
    let named: Vec<Option<&Named>> = targets.iter().map(|target| environment.proxy_of(target)).collect();
    let Some(first) = named.iter().copied().flatten().next() else { return Ok(Proxies::default()) };
    let warning = format!(
        "the requests go by way of the proxy `{}` of `{}`, which is measured as well: `--no-proxy` does without",
        redact::url(&first.text),
        first.by
    );
    let urls = named
        .into_iter()
        .zip(targets)
        .map(|(named, target)| named.map(|named| named.parse(target, transport, http2)).transpose());
    Ok(Proxies { urls: urls.collect::<Result<_, _>>()?, warning: Some(warning) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::spec::tests::spec;

    fn environment() -> ProxyEnvironment {
        let named = |by, text: &str| Some(Named { by: Origin::Variable(by), text: text.into() });
        ProxyEnvironment {
            http: named("HTTP_PROXY", "user:pass@plain:1"),
            https: None,
            all: named("ALL_PROXY", "http://any:2/ignored?too"),
            exceptions:
                "inside.example, 10.0.0.0/8, ported.example:8000, .dot.example:443, [2001:db8::1]:8000, \
                         2001:db8::2"
                    .into(),
        }
    }

    fn chosen(line: &str, targets: &[&str]) -> Result<Proxies, ConfigError> {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        let spec = spec(line);
        proxies(&spec, spec.transport.value().unwrap_or_default(), &environment(), &targets)
    }

    #[rstest]
    #[case::plain("http://far.example", Some("http://user:pass@plain:1/"))]
    #[case::tls("https://far.example/v1", Some("http://any:2/"))]
    #[case::exception("https://inside.example", None)]
    #[case::below_an_exception("https://a.inside.example", None)]
    #[case::network("http://10.1.2.3:8000", None)]
    #[case::port("http://ported.example:8000", None)]
    #[case::below_a_port("http://a.ported.example:8000/v1", None)]
    #[case::another_port("http://ported.example:8001", Some("http://user:pass@plain:1/"))]
    #[case::no_port("http://ported.example", Some("http://user:pass@plain:1/"))]
    #[case::usual_port("https://a.dot.example", None)]
    #[case::address_v6_and_port("http://[2001:db8::1]:8000", None)]
    #[case::address_v6_and_another_port("http://[2001:db8::1]:8001", Some("http://user:pass@plain:1/"))]
    #[case::address_v6("http://[2001:db8::2]:8001", None)]
    #[case::name_of_here("http://localhost:8000", None)]
    #[case::address_of_here("http://127.0.0.2:8000", None)]
    #[case::address_of_here_v6("http://[::1]:8000", None)]
    #[case::socket("http+unix://%2Fa.sock", None)]
    fn the_environment_names_a_proxy_for_what_is_far(#[case] target: &str, #[case] proxy: Option<&str>) {
        let Proxies { urls, warning } = chosen("", &[target]).unwrap();
        assert_eq!(urls.into_iter().flatten().next().as_deref(), proxy);
        assert_eq!(warning.is_some(), proxy.is_some());
    }

    #[test]
    fn a_warning_says_who_named_it_and_no_password() {
        let warning = chosen("", &["http://localhost", "http://far.example"]).unwrap().warning.unwrap();
        assert!(warning.contains("`<redacted>@plain:1` of `HTTP_PROXY`"), "{warning}");
    }

    #[test]
    fn a_flag_wins_even_for_this_machine() {
        let chosen = chosen("--proxy p:3128", &["http://localhost", "https://inside.example"]).unwrap();
        let proxy = Some("http://p:3128/".to_owned());
        assert_eq!(chosen, Proxies { urls: vec![proxy.clone(), proxy], warning: None });
    }

    #[test]
    fn the_environment_can_be_left_out() {
        assert_eq!(chosen("--no-proxy", &["http://far.example"]).unwrap(), Proxies::default());
    }

    #[rstest]
    #[case(
        "--proxy socks5://u:secret@p",
        "use the proxy `socks5://<redacted>@p` of `--proxy`: prony does not speak `socks5` with a proxy"
    )]
    #[case(
        "--proxy https://p",
        "use the proxy `https://p` of `--proxy`: the timed transport speaks no TLS with a proxy"
    )]
    #[case(
        "--proxy http://u:sec@ret@p",
        "use the proxy `http://<redacted>@p` of `--proxy`: it has more than one `@` in front of its host"
    )]
    #[case("--proxy p:port", "use the proxy `p:port` of `--proxy`: invalid port number")]
    fn a_proxy_that_cannot_be_used_is_refused(#[case] line: &str, #[case] text: &str) {
        assert_eq!(chosen(line, &["http://far.example"]).unwrap_err().to_string(), text);
    }

    #[test]
    fn the_portable_transport_speaks_tls_with_a_proxy() {
        let chosen = chosen("--proxy https://p --transport portable", &["http://far.example"]).unwrap();
        assert_eq!(chosen.urls, [Some("https://p/".to_owned())]);
    }
}
