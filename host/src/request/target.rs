//! Where requests go, and what all of them have in common.

use std::{fmt, iter::repeat, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName};
use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};
use rustls::ClientConfig;

pub(crate) use super::address::{Address, Origin, Route};
use super::{
    bodies::BodyRoom, deadlines::Limits, failure_kind::FailureKind, headers, limits::cut,
    payload::SampleContent, proxy::Proxy, request_facts::RequestFacts, session_headers::SessionHeaders, tls,
};
use crate::config::{
    redact::{self, Redactor},
    url::url_for,
};
use crate::plan::{Class, Classes, ConnectionReuse, Secret, Target, TransportKind};
use crate::session::Turn;
pub(crate) use crate::session::place_of;

/// What all requests of a run have in common, worked out once.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the user's, or follows from one")]
pub(crate) struct TargetPlan {
    /// Model name.
    pub(crate) model: String,
    /// Ask for a stream.
    pub(crate) streaming: bool,
    /// What the API format's streams are made of.
    pub(crate) framing: StreamFraming,
    /// What endpoints format where a dataset holds whole bodies; none for those that send these themselves.
    pub(crate) sample: Option<SampleContent>,
    /// The endpoint writes tool calls into a request: those of a reply are repeated.
    pub(crate) repeats_tool_calls: bool,
    /// Whether the bodies of requests and responses are kept.
    pub(crate) bodies: BodyRoom,
    /// Each request says which trace it is in.
    pub(super) has_trace: bool,
    /// An answer owes a text: one without any is a failure, unless it says why it ended.
    pub(crate) owes_text: bool,
    /// The user's key.
    pub(crate) api_key: Option<Secret<String>>,
    /// The user's headers, which win over all others.
    pub(crate) user_headers: HeaderMap,
    /// What tells a router which requests belong together.
    pub(super) session_headers: SessionHeaders,
    /// How long a request may take.
    pub(crate) limits: Limits,
    /// What carries the requests.
    pub(crate) transport: TransportKind,
    /// Speak HTTP/2, from the first byte on.
    pub(crate) http2: bool,
    /// A connection waits for the next request when it has served one.
    pub(crate) keeps_connections: bool,
    /// Each session has connections of its own.
    pub(super) has_sticky_sessions: bool,
    /// How long opening a connection may take, TLS included.
    pub(crate) connect_timeout: Duration,
    /// For `https` targets; reading the system's certificates takes a while, so that it is left out where there are none.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Base URLs, and where they lead with `path`.
    places: Vec<(String, Arc<Address>)>,
    /// What endpoints are told of each place.
    facts: Vec<RequestFacts>,
    path: String,
    extra: serde_json::Map<String, serde_json::Value>,
    extra_json: String,
    /// What requests of each class have in place of `model` and `extra`, where there are classes.
    classes: Vec<ClassTarget>,
    default_headers: HeaderMap,
    fixed_path: bool,
    /// Finds what must not stand in a report even when a server repeats it.
    redactor: Redactor,
}

/// The body field that vLLM and `SGLang` schedule by.
/// Sources: <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html>,
/// <https://docs.sglang.ai/advanced_features/server_arguments.html> (`--enable-priority-scheduling`).
const PRIORITY: &str = "priority";

/// What the requests of a class have in common.
struct ClassTarget {
    model: String,
    extra: serde_json::Map<String, serde_json::Value>,
    extra_json: String,
}

impl TargetPlan {
    /// Checks URLs and headers. `path` is the API format's path for this run, `framing` what its streams are made of, and
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
        let places: Vec<(String, Arc<Address>)> = target
            .urls
            .iter()
            .zip(proxies.iter().chain(repeat(&None)))
            .map(|(base, proxy)| Ok((base.clone(), Address::parse(&url_for(base, path), proxy.as_ref())?)))
            .collect::<Result<_, ErrorDetails>>()?;
        let facts = places.iter().map(|(base, place)| {
            RequestFacts::new(base, place, target.custom_endpoint.is_some(), target.api_key.is_some())
        });
        let facts = facts.collect::<Result<_, ErrorDetails>>()?;
        let needs_tls = places.iter().any(|(_, place)| place.origin.secure);
        let names_files = target.tls.ca_cert.is_some() || target.tls.client_cert.is_some();
        // Files that were named are read in any case: a wrong one must not wait for the first run that needs it.
        let tls = (needs_tls || names_files).then(|| tls::client_config(&target.tls, target.http2));
        let tls = tls.transpose()?.filter(|_| needs_tls).map(Arc::new);
        if let Some(key) = &target.api_key {
            headers::parse("authorization", key.expose())?;
        }
        let user_headers = target
            .headers
            .iter()
            .map(|(name, value)| {
                let (name, mut value) = headers::parse(name, value)?;
                // Any of them may be a secret.
                value.set_sensitive(true);
                Ok((name, value))
            })
            .collect::<Result<HeaderMap, ErrorDetails>>()?;
        Ok(Self {
            model: target.model.clone(),
            streaming: target.streaming,
            framing,
            sample: None,
            repeats_tool_calls: false,
            bodies: BodyRoom::default(),
            has_trace: false,
            owes_text,
            api_key: target.api_key.clone(),
            user_headers,
            session_headers: SessionHeaders::new(&target.session_headers)?,
            limits: Limits {
                whole: duration(target.request_timeout_s),
                first_byte: target.first_byte_timeout_s.map(duration),
                idle: target.idle_timeout_s.map(duration),
                leave: None,
            },
            transport: target.transport,
            http2: target.http2,
            keeps_connections: target.connection_reuse == ConnectionReuse::Pooled,
            has_sticky_sessions: target.connection_reuse == ConnectionReuse::StickyUserSessions,
            connect_timeout: duration(target.connect_timeout_s),
            tls,
            places,
            facts,
            path: path.to_owned(),
            extra: target.extra_inputs.clone(),
            extra_json: serde_json::Value::Object(target.extra_inputs.clone()).to_string(),
            classes: Vec::new(),
            default_headers: headers::default_headers(target.streaming.then_some(framing)),
            fixed_path: target.custom_endpoint.is_some(),
            redactor: redactor(target),
        })
    }

    /// The same, for sessions of these classes.
    pub(crate) fn with_classes(mut self, classes: &Classes) -> Self {
        let class = |class: &Class| {
            let model = class.model.clone().unwrap_or_else(|| self.model.clone());
            let mut extra = self.extra.clone();
            extra.extend(class.priority.map(|priority| (PRIORITY.to_owned(), priority.into())));
            ClassTarget { model, extra_json: serde_json::Value::Object(extra.clone()).to_string(), extra }
        };
        self.classes = classes.list.iter().map(class).collect();
        self
    }

    /// The model name of requests of the class with this number.
    pub(super) fn model_of(&self, class: u32) -> &str {
        self.classes.get(class as usize).map_or(&self.model, |class| &class.model)
    }

    /// The same, for an endpoint that writes tool calls into a request, or does not.
    pub(crate) fn repeating_tool_calls(self, repeats_tool_calls: bool) -> Self {
        Self { repeats_tool_calls, ..self }
    }

    /// The same, whose bodies are kept or not.
    pub(crate) fn keeping_bodies(self, keeps_bodies: bool) -> Self {
        Self { bodies: BodyRoom::of(keeps_bodies), ..self }
    }

    /// The same, whose requests say which trace they are in, or do not.
    pub(crate) fn traced(self, has_trace: bool) -> Self {
        Self { has_trace, ..self }
    }

    /// The same, for an endpoint that gets this turn in the place of a payload.
    pub(crate) fn with_sample(self, sample: Option<SampleContent>) -> Self {
        Self { sample, ..self }
    }

    /// Removes the user's secrets from what a server said: those of the run, and those in the request's own headers.
    pub(crate) fn mask(&self, mut error: ErrorDetails, headers: &HeaderMap) -> ErrorDetails {
        let texts = [&mut error.message, &mut error.hint].into_iter().chain(&mut error.cause_chain);
        for text in texts {
            *text = self.masked(text, headers);
        }
        error
    }

    /// `text` without the user's secrets, like [`TargetPlan::mask`].
    pub(super) fn masked(&self, text: &str, headers: &HeaderMap) -> String {
        let mut text = self.redactor.mask(text).into_owned();
        // A key in a header that the endpoint made, and the headers of a row.
        let own = headers.values().filter(|value| value.is_sensitive());
        own.filter_map(|value| value.to_str().ok()).for_each(|value| redact::take_out(&mut text, value));
        text
    }

    /// Whom to connect to, in the order in which sessions use them.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.places.iter().map(|(_, place)| &place.origin)
    }

    /// What the endpoint is told of a request: the text of a JSON object.
    pub(crate) fn facts(&self, turn: &Turn, unix_time_s: u64) -> String {
        self.facts[self.index(turn.session)].at(unix_time_s, &turn.past)
    }

    /// Which of the places a session uses.
    fn index(&self, session_num: u64) -> usize {
        place_of(session_num, self.places.len())
    }

    /// Where a session's requests go. `path` is what the endpoint asked for; a path that the user gave wins.
    pub(crate) fn place(&self, session_num: u64, path: Option<&str>) -> Result<Arc<Address>, ErrorDetails> {
        let (base, place) = self.base_of(session_num);
        match path {
            Some(path) if !self.fixed_path && path != self.path => {
                Address::parse(&url_for(base, path), place.origin.proxy())
            }
            _ => Ok(Arc::clone(place)),
        }
    }

    /// Where an answer is followed up: at an address of a request to `here`, on its server, at a path there, or, for a
    /// path without a slash in front, below the request's own.
    pub(crate) fn follow_up(
        &self,
        here: &Address,
        session_num: u64,
        path: &str,
    ) -> Result<Arc<Address>, ErrorDetails> {
        if redact::is_address(path) {
            return here.beside(path).ok_or_else(|| elsewhere(path));
        }
        if path.starts_with('/') {
            return Address::parse(&url_for(&self.base_of(session_num).0, path), here.origin.proxy());
        }
        here.beside(&url_for(here.url.as_str(), path)).ok_or_else(|| elsewhere(path))
    }

    fn base_of(&self, session_num: u64) -> &(String, Arc<Address>) {
        &self.places[self.index(session_num)]
    }

    /// The run's extra inputs with a turn's own on top, as the text of a JSON object.
    pub(crate) fn merge_extra(&self, class: u32, turn: &str) -> String {
        let of_class = self.classes.get(class as usize);
        let (extra, extra_json) =
            of_class.map_or((&self.extra, &self.extra_json), |class| (&class.extra, &class.extra_json));
        match serde_json::from_str::<serde_json::Map<_, _>>(turn) {
            Ok(own) => {
                let mut merged = extra.clone();
                merged.extend(own);
                serde_json::Value::Object(merged).to_string()
            }
            Err(_) => extra_json.clone(),
        }
    }

    /// The headers that a request has before the endpoint and the user add theirs.
    pub(crate) fn default_headers(&self, request_id: &str) -> Result<HeaderMap, ErrorDetails> {
        let (_, id) = headers::parse("x-request-id", request_id)?;
        let mut headers = self.default_headers.clone();
        headers.insert(HeaderName::from_static("x-request-id"), id);
        Ok(headers)
    }
}

/// The error of an answer that leads away from its server: headers and keys are meant for that one only.
fn elsewhere(path: &str) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::FollowUp.into(),
        message: format!("the response leads to `{}`, on another server", cut(&redact::url(path))),
        hint: "give the URL of the server that has the results: prony sends no key to any other".into(),
        ..ErrorDetails::default()
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// What looks for the secrets of the requests, and for the values of all the user's headers: each may be one.
fn redactor(target: &Target) -> Redactor {
    let headers = target.headers.iter().map(|(_, value)| value.clone());
    Redactor::of(redact::of_target(target).into_iter().chain(headers))
}

/// Shows nothing: it holds the user's key.
impl fmt::Debug for TargetPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetPlan").finish_non_exhaustive()
    }
}
