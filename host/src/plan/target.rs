//! What is measured: addresses, the API format to speak to them, and how the requests get there.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{lossy, secret::Secret};

/// The server and the API format to speak to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the user's")]
pub(crate) struct Target {
    /// Base URLs; several are used in turn.
    pub(crate) urls: Vec<String>,
    /// The proxy on the way to each of them, with its password, which is not journalled; empty without any.
    #[serde(default)]
    pub(crate) proxies: Vec<Option<String>>,
    /// Model name for the requests.
    pub(crate) model: String,
    /// Entry name of the endpoint, as the manifest spells it.
    pub(crate) endpoint_type: String,
    /// Ask for a stream of events.
    pub(crate) streaming: bool,
    /// Replaces the API format's path; an empty one appends nothing.
    pub(crate) custom_endpoint: Option<String>,
    /// Deadline of a whole request, in seconds.
    pub(crate) request_timeout_s: f64,
    /// Deadline of an answer's first byte, in seconds since the request's last.
    #[serde(default)]
    pub(crate) first_byte_timeout_s: Option<f64>,
    /// Longest silence in an answer, in seconds.
    #[serde(default)]
    pub(crate) idle_timeout_s: Option<f64>,
    /// How long to wait for the server to become ready, in seconds; 0 does not wait.
    pub(crate) wait_for_model_timeout_s: f64,
    /// Extra headers. The values of sensitive ones are not journalled.
    pub(crate) headers: Vec<(String, String)>,
    /// Headers that name the session of every request; empty for the default one, in requests of conversations.
    #[serde(default)]
    pub(crate) session_headers: Vec<String>,
    /// The key for the header that the endpoint names.
    #[serde(skip)]
    pub(crate) api_key: Option<Secret<String>>,
    /// Merged into every body.
    pub(crate) extra_inputs: serde_json::Map<String, serde_json::Value>,
    /// Options of the endpoint, over those that it gets anyway. The values of sensitive ones are not journalled.
    #[serde(default)]
    pub(crate) endpoint_options: serde_json::Map<String, serde_json::Value>,
    /// Options that flags of their own ask for. They become options of the endpoint where it takes them.
    #[serde(skip)]
    pub(crate) flag_options: Vec<FlagOption>,
    /// Count tokens by the server's usage only.
    pub(crate) use_server_token_count: bool,
    /// What carries the requests. Journals from before there was a choice have none.
    #[serde(default = "portable")]
    pub(crate) transport: TransportKind,
    /// Speak HTTP/2 from the first byte on, without asking the server whether it does.
    #[serde(default)]
    pub(crate) http2: bool,
    /// What becomes of a connection after a request.
    #[serde(default)]
    pub(crate) connection_reuse: ConnectionReuse,
    /// Open as many connections as there may be requests in flight, before the first phase.
    #[serde(default)]
    pub(crate) preconnect: bool,
    /// How long opening a connection may take, TLS included, in seconds.
    #[serde(default = "ten_seconds")]
    pub(crate) connect_timeout_s: f64,
    /// What an `https` target has to prove, and what is proven to it.
    #[serde(default)]
    pub(crate) tls: TlsConfig,
}

impl Target {
    /// Whether the user names no model. Then it is good for asking the server which it has, and for nothing else.
    pub(crate) fn lacks_model(&self) -> bool {
        self.model.is_empty()
    }
}

/// An option of endpoints that has a flag of its own: the flag stands for all endpoints that know the option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlagOption {
    /// The flag, as it is typed.
    pub(crate) flag: &'static str,
    /// The option that it sets to true.
    pub(crate) key: &'static str,
}

/// Certificates beside the system's own. All files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TlsConfig {
    /// Believe any certificate.
    pub(crate) insecure: bool,
    /// Authorities to trust as well.
    #[serde(serialize_with = "lossy::optional")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Our own certificate, and those that lead to its authority.
    #[serde(serialize_with = "lossy::optional")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Its private key; in the certificate's file if there is none of its own.
    #[serde(serialize_with = "lossy::optional")]
    pub(crate) client_key: Option<PathBuf>,
}

/// What becomes of a connection after a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConnectionReuse {
    /// It waits for the next request.
    #[default]
    Pooled,
    /// It is closed: each request opens its own.
    Never,
    /// It waits for the next request of its session, and is closed when the session is over.
    StickyUserSessions,
}

/// What carries requests and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransportKind {
    /// Sockets of our own, which tell when bytes left and arrived.
    #[default]
    Timed,
    /// A client library.
    Portable,
}

fn portable() -> TransportKind {
    TransportKind::Portable
}

fn ten_seconds() -> f64 {
    DEFAULT_CONNECT_TIMEOUT_S
}

/// How long opening a connection may take unless the user says otherwise, in seconds.
pub(crate) const DEFAULT_CONNECT_TIMEOUT_S: f64 = 10.0;
