//! Where requests go, and what all of them have in common.

use std::{borrow::Cow, fmt, iter::repeat, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};
use rustls::ClientConfig;

pub(crate) use super::place::{Origin, Place, Route};
use super::{
    facts::Facts,
    limits::cut,
    patience::Limits,
    prepared::{self, Prepared},
    proxy::Proxy,
    tls,
};
use crate::config::{ConnectionReuse, Target, TransportKind, redact, url::url_for};

/// Shorter values are not masked in what a server says.
const SHORTEST_SECRET: usize = 6;

/// What all requests of a run have in common, worked out once.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the user's, or follows from one")]
pub(crate) struct TargetPlan {
    /// Model name.
    pub(crate) model: String,
    /// Ask for a stream.
    pub(crate) streaming: bool,
    /// What the dialect's streams are made of.
    pub(crate) framing: StreamFraming,
    /// An answer owes a text: one without any is a failure, unless it says why it ended.
    pub(crate) owes_text: bool,
    /// The user's key.
    pub(crate) api_key: Option<String>,
    /// The user's headers, which win over all others.
    pub(crate) user_headers: HeaderMap,
    /// How long a request may take.
    pub(crate) limits: Limits,
    /// What carries the requests.
    pub(crate) transport: TransportKind,
    /// Speak HTTP/2, from the first byte on.
    pub(crate) http2: bool,
    /// A connection waits for the next request when it has served one.
    pub(crate) keeps_connections: bool,
    /// How long opening a connection may take, TLS included.
    pub(crate) connect_timeout: Duration,
    /// For `https` targets; reading the system's certificates takes a while, so that it is left out where there are none.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Base URLs, and where they lead with `path`.
    places: Vec<(String, Arc<Place>)>,
    /// What endpoints are told of each place.
    facts: Vec<Facts>,
    path: String,
    extra: serde_json::Map<String, serde_json::Value>,
    extra_json: String,
    default_headers: HeaderMap,
    fixed_path: bool,
    /// What must not stand in a report even when a server repeats it.
    secrets: Vec<String>,
}

impl TargetPlan {
    /// Checks URLs and headers. `path` is the dialect's path for this run, `framing` what its streams are made of, and
    /// `owes_text` whether an answer without text is a failure.
    ///
    /// # Errors
    /// A URL or header that HTTP does not allow, or certificates that cannot be used.
    pub(crate) fn new(
        target: &Target,
        path: Option<&str>,
        framing: StreamFraming,
        owes_text: bool,
    ) -> Result<Self, ErrorDetails> {
        let path = target.custom_endpoint.as_deref().or(path).unwrap_or("");
        let proxies = target.proxies.iter().map(|proxy| proxy.as_deref().map(Proxy::parse).transpose());
        let proxies = proxies.collect::<Result<Vec<_>, _>>()?;
        let places: Vec<(String, Arc<Place>)> = target
            .urls
            .iter()
            .zip(proxies.iter().chain(repeat(&None)))
            .map(|(base, proxy)| Ok((base.clone(), Place::parse(&url_for(base, path), proxy.as_ref())?)))
            .collect::<Result<_, ErrorDetails>>()?;
        let facts = places.iter().map(|(base, place)| {
            Facts::new(base, place, target.custom_endpoint.is_some(), target.api_key.is_some())
        });
        let facts = facts.collect::<Result<_, ErrorDetails>>()?;
        let needs_tls = places.iter().any(|(_, place)| place.origin.secure);
        let tls =
            if needs_tls { Some(Arc::new(tls::client_config(&target.tls, target.http2)?)) } else { None };
        if let Some(key) = &target.api_key {
            prepared::parse("authorization", key)?;
        }
        let user_headers = target
            .headers
            .iter()
            .map(|(name, value)| {
                let (name, mut value) = prepared::parse(name, value)?;
                // Any of them may be a secret.
                value.set_sensitive(true);
                Ok((name, value))
            })
            .collect::<Result<HeaderMap, ErrorDetails>>()?;
        Ok(Self {
            model: target.model.clone(),
            streaming: target.streaming,
            framing,
            owes_text,
            api_key: target.api_key.clone(),
            user_headers,
            limits: Limits {
                whole: duration(target.request_timeout_s),
                first_byte: target.first_byte_timeout_s.map(duration),
                idle: target.idle_timeout_s.map(duration),
            },
            transport: target.transport,
            http2: target.http2,
            keeps_connections: target.connection_reuse == ConnectionReuse::Pooled,
            connect_timeout: duration(target.connect_timeout_s),
            tls,
            places,
            facts,
            path: path.to_owned(),
            extra: target.extra_inputs.clone(),
            extra_json: serde_json::Value::Object(target.extra_inputs.clone()).to_string(),
            default_headers: prepared::default_headers(target.streaming.then_some(framing)),
            fixed_path: target.custom_endpoint.is_some(),
            secrets: secrets(target),
        })
    }

    /// Removes the user's secrets from what a server said: those of the run, and those in the request's own headers.
    pub(crate) fn mask(&self, mut error: ErrorDetails, headers: &HeaderMap) -> ErrorDetails {
        let told = [&mut error.message, &mut error.hint].into_iter().chain(&mut error.cause_chain);
        for text in told {
            *text = self.masked(text, headers);
        }
        error
    }

    /// `text` without the user's secrets, like [`TargetPlan::mask`].
    pub(super) fn masked(&self, text: &str, headers: &HeaderMap) -> String {
        let own = headers.values().filter(|value| value.is_sensitive());
        let own = own.filter_map(|value| value.to_str().ok()).filter(|value| value.len() >= SHORTEST_SECRET);
        let mut text = text.to_owned();
        for secret in own.chain(self.secrets.iter().map(String::as_str)) {
            redact::take_out(&mut text, secret);
        }
        text
    }

    /// Whom to connect to, in the order in which sessions use them.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.places.iter().map(|(_, place)| &place.origin)
    }

    /// What the endpoint is told of a session's request: the text of a JSON object.
    pub(crate) fn facts(&self, session_num: u64, unix_time_s: u64) -> String {
        self.facts[self.index(session_num)].at(unix_time_s)
    }

    /// Which of the places a session uses.
    fn index(&self, session_num: u64) -> usize {
        place_of(session_num, self.places.len())
    }

    /// Where a session's requests go. `path` is what the endpoint asked for; a path that the user gave wins.
    pub(crate) fn place(&self, session_num: u64, path: Option<&str>) -> Result<Arc<Place>, ErrorDetails> {
        let (base, place) = self.base_of(session_num);
        match path {
            Some(path) if !self.fixed_path && path != self.path => {
                Place::parse(&url_for(base, path), place.origin.proxy())
            }
            _ => Ok(Arc::clone(place)),
        }
    }

    /// Where an answer is followed up: at an address on the server of the request `from`, at a path there, or, for a
    /// path without a slash in front, below the request's own.
    pub(crate) fn follow_up(&self, from: &Prepared, path: &str) -> Result<Arc<Place>, ErrorDetails> {
        let here = &from.place;
        if redact::is_address(path) {
            return here.beside(path).ok_or_else(|| elsewhere(path));
        }
        if path.starts_with('/') {
            return Place::parse(&url_for(&self.base_of(from.session_num).0, path), here.origin.proxy());
        }
        here.beside(&url_for(here.url.as_str(), path)).ok_or_else(|| elsewhere(path))
    }

    fn base_of(&self, session_num: u64) -> &(String, Arc<Place>) {
        &self.places[self.index(session_num)]
    }

    /// The run's extra inputs with a turn's own on top, as the text of a JSON object.
    pub(crate) fn merge_extra(&self, turn: &str) -> String {
        match serde_json::from_str::<serde_json::Map<_, _>>(turn) {
            Ok(own) => {
                let mut merged = self.extra.clone();
                merged.extend(own);
                serde_json::Value::Object(merged).to_string()
            }
            Err(_) => self.extra_json.clone(),
        }
    }

    /// The headers that a request has before the endpoint and the user add theirs.
    pub(crate) fn default_headers(&self, request_id: &str) -> Result<HeaderMap, ErrorDetails> {
        let (_, id) = prepared::parse("x-request-id", request_id)?;
        let mut headers = self.default_headers.clone();
        headers.insert(HeaderName::from_static("x-request-id"), id);
        Ok(headers)
    }
}

/// Which of so many base URLs a session's requests go to, from 0: each in turn.
pub(crate) fn place_of(session_num: u64, places: usize) -> usize {
    let places = places.max(1) as u64;
    usize::try_from(session_num % places).unwrap_or(0)
}

/// The error of an answer that leads away from its server: headers and keys are meant for that one only.
fn elsewhere(path: &str) -> ErrorDetails {
    ErrorDetails {
        kind: "follow_up".into(),
        message: format!("the answer leads to `{}`, on another server", cut(&redact::url(path))),
        hint: "give the URL of the server that has the results: prony sends no key to any other".into(),
        ..ErrorDetails::default()
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// The user's key, the values of sensitive headers, with and without a scheme in front, the password of a login, and
/// secret parameters of addresses. Short ones would be found everywhere.
fn secrets(target: &Target) -> Vec<String> {
    let sensitive = target.headers.iter().filter(|(name, _)| redact::is_sensitive(name));
    let headers = sensitive.flat_map(|(_, value)| {
        let credentials = value.split_once(' ').map(|(_, credentials)| credentials);
        let password = value.strip_prefix("Basic ").and_then(password);
        [Some(value.clone()), credentials.map(str::to_owned), password].into_iter().flatten()
    });
    let addresses = target.urls.iter().chain(&target.custom_endpoint);
    let parameters = addresses.flat_map(|address| redact::secret_parameters(address));
    let proxies = target.proxies.iter().flatten().filter_map(|proxy| proxy.parse::<reqwest::Url>().ok());
    let passwords = proxies
        .filter_map(|proxy| percent_decode_str(proxy.password()?).decode_utf8().ok().map(Cow::into_owned));
    let options = target.endpoint_options.iter().filter(|(name, _)| redact::is_sensitive(name));
    let options = options.filter_map(|(_, value)| value.as_str().map(str::to_owned));
    let all = headers.chain(parameters).chain(passwords).chain(options).chain(target.api_key.clone());
    all.filter(|secret| secret.len() >= SHORTEST_SECRET).collect()
}

/// The password in the credentials of a basic login (RFC 7617).
fn password(credentials: &str) -> Option<String> {
    let login = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    login.split_once(':').map(|(_, password)| password.to_owned())
}

/// Shows nothing: it holds the user's key.
impl fmt::Debug for TargetPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetPlan").finish_non_exhaustive()
    }
}
