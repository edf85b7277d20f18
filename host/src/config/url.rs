//! Addresses: a base URL as typed becomes one that requests can be built on.
//!
//! [`parse_base`] and [`parse_metrics_page`] check what the user typed, [`url_for`] joins a base and an API format's path,
//! [`metrics_url`] guesses where the same server publishes its metrics. Nothing here connects to anything.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::redact;
use crate::explain::Explain;

/// Why an address is refused. Its text never holds credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UrlError {
    /// It does not parse.
    #[error("read the URL `{url}`")]
    Malformed {
        /// As typed, without secrets.
        url: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// It does not parse, and there is a space in it: words that a shell should have kept apart.
    #[error("the URL `{url}` contains a space")]
    Space {
        /// As typed, without secrets.
        url: String,
    },
    /// The path of a socket that depends on where one stands.
    #[error("use the URL `{url}`: it names no Unix socket by its absolute path")]
    Socket {
        /// As typed.
        url: String,
    },
    /// A page of metrics behind a socket.
    #[error("scrape metrics from `{url}`: they are scraped over TCP only")]
    SocketPage {
        /// As typed.
        url: String,
    },
    /// A collector of telemetry behind a socket.
    #[error("send telemetry to `{url}`: it is sent over TCP only")]
    SocketCollector {
        /// As typed.
        url: String,
    },
    /// A collector with a query, which would stand in the way of the paths of its signals.
    #[error("send telemetry to `{url}`: it has a query")]
    CollectorQuery {
        /// As typed, without secrets.
        url: String,
    },
    /// A number, probably a port alone.
    #[error("the URL `{url}` is a number")]
    Number {
        /// As typed.
        url: String,
    },
    /// What may be a password stands where it is not one.
    #[error("the URL is not shown, since it may hold a password: it has an `@` behind its host")]
    HiddenLogin,
    /// A name or a password with an `@` of its own.
    #[error("the URL `{url}` has more than one `@` in front of its host")]
    TwoLogins {
        /// As typed, without secrets.
        url: String,
    },
    /// Something else than HTTP.
    #[error("use the URL `{url}`: prony does not speak `{scheme}`")]
    Scheme {
        /// As typed, without secrets.
        url: String,
        /// Its scheme.
        scheme: String,
    },
}

impl Explain for UrlError {
    fn hint(&self) -> String {
        match self {
            Self::Malformed { .. } => "give an address such as `http://localhost:8000`".to_owned(),
            Self::Space { .. } => "remove the space; in a path, write it as `%20`".to_owned(),
            Self::HiddenLogin => HIDDEN_LOGIN_HINT.to_owned(),
            Self::TwoLogins { .. } => TWO_LOGINS_HINT.to_owned(),
            Self::Number { url } => format!("if it is a port of this machine, write `localhost:{url}`"),
            Self::Socket { .. } => {
                "give an address such as `unix:///run/server.sock`, or `unix:///run/server.sock:/v1` with a base \
                 path"
                    .to_owned()
            }
            Self::SocketCollector { .. } => {
                "name a collector that begins with `http://`, as `http://localhost:4318`".to_owned()
            }
            Self::CollectorQuery { .. } => "leave out what stands from `?` on, and give keys in `OTEL_EXPORTER_OTLP_HEADERS`, as \
                                            `authorization=Bearer%20KEY`"
                .to_owned(),
            Self::SocketPage { .. } => "leave it out, or name a page that begins with `http://`".to_owned(),
            Self::Scheme { .. } => "give an address that begins with `http://`, `https://` or `unix://`".to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::Space { .. } | Self::Number { .. } | Self::HiddenLogin | Self::TwoLogins { .. })
    }
}

/// What to do about [`redact::has_hidden_login`].
pub(super) const HIDDEN_LOGIN_HINT: &str = "in a user name or a password write `/` as `%2F`, `?` as `%3F` and `#` as `%23`; \
     in a path write `@` as `%40`";

/// What to do about [`redact::has_two_logins`].
pub(super) const TWO_LOGINS_HINT: &str = "in a user name or a password write `@` as `%40`";

/// A checked base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    /// The address, with a scheme and without credentials and fragment; a slash for a path is left out.
    pub(crate) url: String,
    /// Value of an `Authorization` header with the credentials that the address held.
    pub(crate) authorization: Option<String>,
}

/// Scheme of an address behind a Unix socket, whose path stands in place of the host, percent-encoded.
const SOCKET_SCHEME: &str = "http+unix";

/// How an address of any Unix socket begins, as a user types it.
pub(super) const ANY_SOCKET: &str = "unix://";

/// What stands as it is in the place of a host.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads a base URL. `http://` is added when there is no scheme; credentials are taken out of the address. A Unix
/// socket is `unix:///path/to.sock`, with a base path `unix:///path/to.sock:/v1`.
pub(crate) fn parse_base(text: &str) -> Result<BaseUrl, UrlError> {
    let mut url = parse(text)?;
    let authorization = basic_authorization(&url);
    // Neither can fail: an HTTP URL always has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(BaseUrl { url: without_bare_slash(url), authorization })
}

/// Reads the address of a metrics page. One without a path means `/metrics`.
pub(crate) fn parse_metrics_page(text: &str) -> Result<String, UrlError> {
    let mut url = parse(text)?;
    if url.scheme() == SOCKET_SCHEME {
        return Err(UrlError::SocketPage { url: redact::url(text.trim()) });
    }
    if url.path() == "/" {
        url.set_path("/metrics");
    }
    Ok(url.into())
}

/// Reads the base URL of a collector of telemetry. A path of one of its signals, as `/v1/traces`, is left out.
pub(crate) fn parse_collector(text: &str) -> Result<BaseUrl, UrlError> {
    let base = parse_base(text)?;
    if socket_of(&base.url).is_some() {
        return Err(UrlError::SocketCollector { url: redact::url(text.trim()) });
    }
    if base.url.contains('?') {
        return Err(UrlError::CollectorQuery { url: redact::url(text.trim()) });
    }
    let signal = ["/v1/metrics", "/v1/traces"].into_iter().find_map(|path| base.url.strip_suffix(path));
    let url = signal.unwrap_or(&base.url).trim_end_matches('/').to_owned();
    Ok(BaseUrl { url, ..base })
}

fn parse(text: &str) -> Result<Url, UrlError> {
    let text = text.trim();
    if redact::has_hidden_login(text) {
        return Err(UrlError::HiddenLogin);
    }
    if redact::has_two_logins(text) {
        return Err(UrlError::TwoLogins { url: redact::url(text) });
    }
    // To the URL standard, a number is an address of 32 bits.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Number { url: text.to_owned() });
    }
    let with_scheme = match text.strip_prefix("unix:/") {
        Some(path) => socket_url(path).ok_or_else(|| UrlError::Socket { url: redact::url(text) })?,
        None if text.contains("://") => text.to_owned(),
        None => format!("http://{text}"),
    };
    let mut url = Url::parse(&with_scheme).map_err(|source| {
        let url = redact::url(text);
        if text.contains(char::is_whitespace) {
            UrlError::Space { url }
        } else {
            UrlError::Malformed { url, source }
        }
    })?;
    match url.scheme() {
        "http" | "https" => {}
        SOCKET_SCHEME if socket_of(url.as_str()).is_some() => {}
        SOCKET_SCHEME => return Err(UrlError::Socket { url: redact::url(text) }),
        scheme => return Err(UrlError::Scheme { url: redact::url(text), scheme: scheme.to_owned() }),
    }
    url.set_fragment(None);
    Ok(url)
}

/// What stands behind `unix:/`, as a URL that paths can be appended to like any other.
fn socket_url(text: &str) -> Option<String> {
    let (socket, path) = match text.split_once(":/") {
        Some((socket, path)) => (socket, format!("/{path}")),
        None => (text, String::new()),
    };
    // Two more slashes come before an absolute path, or none.
    let socket = match socket.strip_prefix('/') {
        Some(socket) => socket.strip_prefix('/')?,
        None => socket,
    };
    let socket = utf8_percent_encode(&format!("/{socket}"), UNRESERVED).to_string();
    Some(format!("{SOCKET_SCHEME}://{socket}{path}"))
}

/// The absolute path of the Unix socket that a base URL names, and the path and query on the server behind it.
pub(crate) fn socket_of(url: &str) -> Option<(PathBuf, &str)> {
    let rest = url.strip_prefix(SOCKET_SCHEME)?.strip_prefix("://")?;
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let socket = percent_decode_str(host).decode_utf8().ok()?;
    (socket.len() > 1 && socket.starts_with('/')).then(|| (PathBuf::from(socket.as_ref()), path))
}

/// A base URL as a user would type it.
pub(crate) fn typed(url: &str) -> String {
    match socket_of(url) {
        Some((socket, "")) => format!("unix://{}", socket.display()),
        Some((socket, path)) => format!("unix://{}:{path}", socket.display()),
        None => url.to_owned(),
    }
}

fn without_bare_slash(url: Url) -> String {
    let is_bare = url.path() == "/" && url.query().is_none();
    let url = String::from(url);
    if is_bare { url.trim_end_matches('/').to_owned() } else { url }
}

/// RFC 7617: `Basic`, and `user:password` in base 64. A URL holds both percent-encoded.
fn basic_authorization(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut credentials: Vec<u8> = percent_decode_str(url.username()).collect();
    credentials.push(b':');
    credentials.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", STANDARD.encode(credentials)))
}

/// Joins a base URL and an API format's path.
///
/// Where the end of the base already says what the path begins with, it is not said twice: `http://h/v1` and
/// `/v1/chat/completions` share the `v1`, and a base that ends in the whole path stays as it is. The base's query is
/// kept, with the path's own behind it. An empty path appends nothing.
pub(crate) fn url_for(base: &str, path: &str) -> String {
    if path.is_empty() {
        return base.to_owned();
    }
    let (base, base_query) = split_query(base);
    let (path, path_query) = split_query(path);
    let base = base.trim_end_matches('/');
    let wanted: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let present = segments(base);
    let longest = present.len().min(wanted.len());
    let shared = (0..=longest).rev().find(|&n| present.ends_with(&wanted[..n])).unwrap_or(0);
    let mut url = base.to_owned();
    for segment in &wanted[shared..] {
        url.push('/');
        url.push_str(segment);
    }
    let queries: Vec<&str> = [base_query, path_query].into_iter().flatten().collect();
    if queries.is_empty() { url } else { format!("{url}?{}", queries.join("&")) }
}

/// The server of a base URL without any path on it.
pub(crate) fn origin(base: &str) -> &str {
    let base = split_query(base).0.trim_end_matches('/');
    &base[..base.len() - path_length(&segments(base))]
}

/// Whether each of these base URLs has a path of its own.
pub(crate) fn have_paths(bases: &[String]) -> bool {
    let has_path = |base: &String| !segments(split_query(base).0.trim_end_matches('/')).is_empty();
    !bases.is_empty() && bases.iter().all(has_path)
}

/// The page where a server with this base URL publishes its metrics: `/metrics` in place of `/v1` and what follows.
pub(crate) fn metrics_url(base: &str) -> String {
    let (base, _) = split_query(base);
    let base = base.trim_end_matches('/');
    let present = segments(base);
    let root = base.len() - path_length(&present);
    let kept: Vec<&str> = present.iter().copied().take_while(|segment| *segment != "v1").collect();
    let prefix = &base[..root + path_length(&kept)];
    if kept.last() == Some(&"metrics") { prefix.to_owned() } else { format!("{prefix}/metrics") }
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (text, None),
    }
}

/// The path's parts, of a URL without a query and a final slash.
fn segments(url: &str) -> Vec<&str> {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split('/').skip(1).collect()
}

/// How many bytes of a URL these segments take, with the slash before each.
fn path_length(segments: &[&str]) -> usize {
    segments.iter().map(|segment| segment.len() + 1).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_scheme("localhost:8000", "http://localhost:8000")]
    #[case::path("https://api.example.com/v1/", "https://api.example.com/v1/")]
    #[case::query("http://h:1/?version=2", "http://h:1/?version=2")]
    #[case::fragment("http://h:1/v1#top", "http://h:1/v1")]
    #[case::address("[::1]:8000", "http://[::1]:8000")]
    #[case::spaces(" h:1 ", "http://h:1")]
    fn a_base_url_is_completed(#[case] typed: &str, #[case] url: &str) {
        assert_eq!(parse_base(typed).unwrap(), BaseUrl { url: url.into(), authorization: None });
    }

    #[rstest]
    #[case("http://h:8000/v1/chat?key=a/b", "http://h:8000")]
    #[case("https://h/", "https://h")]
    #[case("http+unix://%2Frun%2Fa.sock/v1", "http+unix://%2Frun%2Fa.sock")]
    fn the_server_of_an_address_has_no_path(#[case] base: &str, #[case] server: &str) {
        assert_eq!(origin(base), server);
    }

    #[rstest]
    #[case::bare("unix:///run/a.sock", "http+unix://%2Frun%2Fa.sock", "unix:///run/a.sock")]
    #[case::base_path("unix:///run/a.sock:/v1", "http+unix://%2Frun%2Fa.sock/v1", "unix:///run/a.sock:/v1")]
    #[case::short("unix:/run/a.sock", "http+unix://%2Frun%2Fa.sock", "unix:///run/a.sock")]
    #[case::encoded(
        "http+unix://%2Frun%2Fa.sock/v1",
        "http+unix://%2Frun%2Fa.sock/v1",
        "unix:///run/a.sock:/v1"
    )]
    #[case::odd_path(
        "unix:///tmp/a b:c?.sock",
        "http+unix://%2Ftmp%2Fa%20b%3Ac%3F.sock",
        "unix:///tmp/a b:c?.sock"
    )]
    #[case::query("unix:///a:/v1?x=1", "http+unix://%2Fa/v1?x=1", "unix:///a:/v1?x=1")]
    fn a_unix_socket_is_an_address(#[case] text: &str, #[case] url: &str, #[case] shown: &str) {
        let base = parse_base(text).unwrap();
        assert_eq!((base.url.as_str(), typed(&base.url).as_str()), (url, shown));
        assert_eq!(parse_base(shown).unwrap(), base);
    }

    #[test]
    fn paths_are_appended_behind_a_socket() {
        let base = parse_base("unix:///v1/chat:/v1").unwrap().url;
        let url = url_for(&base, "/v1/chat/completions");
        assert_eq!(socket_of(&url).unwrap(), ("/v1/chat".into(), "/v1/chat/completions"));
        assert_eq!(url_for("http+unix://%2Fa", "/go"), "http+unix://%2Fa/go");
    }

    #[rstest]
    #[case("unix://run/a.sock")]
    #[case("unix:///")]
    #[case("http+unix://run")]
    #[case("http+unix:///run/a.sock")]
    fn a_socket_is_named_by_its_absolute_path(#[case] text: &str) {
        let expected = format!("use the URL `{text}`: it names no Unix socket by its absolute path");
        assert_eq!(parse_base(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn metrics_are_not_scraped_over_a_socket() {
        let error = parse_metrics_page("unix:///run/a.sock:/metrics").unwrap_err();
        let expected = "scrape metrics from `unix:///run/a.sock:/metrics`: they are scraped over TCP only";
        assert_eq!(error.to_string(), expected);
    }

    #[rstest]
    #[case("h:9400", "http://h:9400/metrics")]
    #[case("http://h:9400/", "http://h:9400/metrics")]
    #[case("http://h:9400/prometheus?job=a", "http://h:9400/prometheus?job=a")]
    fn a_metrics_page_has_a_path(#[case] typed: &str, #[case] url: &str) {
        assert_eq!(parse_metrics_page(typed).unwrap(), url);
    }

    #[rstest]
    // `Aladdin:open sesame` is the example of RFC 7617.
    #[case("http://Aladdin:open%20sesame@h:1/v1", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="))]
    #[case("user:p%40ss@h:1/v1", Some("Basic dXNlcjpwQHNz"))]
    #[case("http://user@h:1/v1", Some("Basic dXNlcjo="))]
    #[case("http://h:1/v1", None)]
    fn credentials_move_from_the_address_to_a_header(#[case] typed: &str, #[case] header: Option<&str>) {
        let base = parse_base(typed).unwrap();
        assert_eq!(base.url, "http://h:1/v1");
        assert_eq!(base.authorization.as_deref(), header);
    }

    #[rstest]
    #[case("http://", "read the URL `http://`")]
    #[case("h:99999", "read the URL `h:99999`")]
    #[case("http://h:18431 /v1", "the URL `http://h:18431 /v1` contains a space")]
    #[case("my host:8000", "the URL `my host:8000` contains a space")]
    #[case("ftp://h", "use the URL `ftp://h`: prony does not speak `ftp`")]
    #[case("http://user:secret@h:port", "read the URL `http://<redacted>@h:port`")]
    #[case(
        "http://user:sec@ret@h:1",
        "the URL `http://<redacted>@h:1` has more than one `@` in front of its host"
    )]
    fn a_bad_address_is_named_without_its_secrets(#[case] typed: &str, #[case] text: &str) {
        assert_eq!(parse_base(typed).unwrap_err().to_string(), text);
    }

    #[rstest]
    #[case::plain("http://h:1", "/v1/chat/completions", "http://h:1/v1/chat/completions")]
    #[case::version("http://h:1/v1", "/v1/chat/completions", "http://h:1/v1/chat/completions")]
    #[case::two_parts("http://h:1/v1/chat", "/v1/chat/completions", "http://h:1/v1/chat/completions")]
    #[case::whole("http://h:1/v1/chat/completions", "/v1/chat/completions", "http://h:1/v1/chat/completions")]
    #[case::prefix("http://h:1/openai/v1", "/v1/embeddings", "http://h:1/openai/v1/embeddings")]
    #[case::other("http://h:1/api", "/v1/embeddings", "http://h:1/api/v1/embeddings")]
    #[case::half_a_name("http://h:1/xv1", "/v1/embeddings", "http://h:1/xv1/v1/embeddings")]
    #[case::host_is_no_path("http://v1", "/v1/embeddings", "http://v1/v1/embeddings")]
    #[case::final_slash("http://h:1/v1/", "/v1/embeddings", "http://h:1/v1/embeddings")]
    #[case::their_slash("http://h:1", "predict/", "http://h:1/predict/")]
    #[case::base_query("http://h:1/v1?a=1", "/v1/embeddings", "http://h:1/v1/embeddings?a=1")]
    #[case::both_queries("http://h:1?a=1", "/go?b=2", "http://h:1/go?a=1&b=2")]
    #[case::nothing("http://h:1/exactly/this?a=1", "", "http://h:1/exactly/this?a=1")]
    fn a_path_is_appended_once(#[case] base: &str, #[case] path: &str, #[case] url: &str) {
        assert_eq!(url_for(base, path), url);
    }

    proptest! {
        #[test]
        fn appending_the_same_path_again_changes_nothing(
            base in "http://h:1(/[ab]{1,2}){0,4}",
            path in "(/[ab]{1,2}){1,4}",
        ) {
            let once = url_for(&base, &path);
            prop_assert!(once.starts_with(&base) && once.ends_with(&path));
            prop_assert_eq!(url_for(&once, &path), once);
        }
    }

    #[rstest]
    #[case("http://h:1", "http://h:1/metrics")]
    #[case("http://h:1/v1", "http://h:1/metrics")]
    #[case("http://h:1/v1/", "http://h:1/metrics")]
    #[case("http://h:1/v1/chat/completions?a=1", "http://h:1/metrics")]
    #[case("https://h/openai/v1", "https://h/openai/metrics")]
    #[case("http://h:1/metrics", "http://h:1/metrics")]
    #[case("http://v1/v1", "http://v1/metrics")]
    fn metrics_stand_beside_the_versioned_paths(#[case] base: &str, #[case] url: &str) {
        assert_eq!(metrics_url(base), url);
    }
}
