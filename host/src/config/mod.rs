//! The resolved configuration of a run.
//!
//! [`RunConfig`] is what everything after the command line works from: every default filled in, every combination
//! checked. The journal keeps it (without secrets), so that a report can be recomputed from the journal alone.

pub(crate) mod content;
mod effect;
mod endpoint_options;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod flags;
mod load;
mod lossy;
pub(crate) mod media;
mod media_flags;
pub(crate) mod near;
pub(crate) mod pairs;
pub(crate) mod policy;
pub(crate) mod proxy;
mod rankings;
pub(crate) mod redact;
pub(crate) mod resolve;
pub(crate) mod services;
mod size;
pub(crate) mod target;
pub(crate) mod units;
pub(crate) mod url;
pub(crate) mod yaml;

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use self::media::MediaConfig;
use crate::clock::{RunNs, as_ns};

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunConfig {
    /// What is measured.
    pub(crate) target: Target,
    /// Where the requests' content comes from.
    pub(crate) dataset: DatasetConfig,
    /// What counts tokens.
    pub(crate) tokenizer: TokenizerChoice,
    /// Warm-up first if there is one, then profiling.
    pub(crate) phases: Vec<PhaseConfig>,
    /// Root of every random stream.
    pub(crate) random_seed: u64,
    /// Worker threads.
    pub(crate) workers: usize,
    /// Folder of this run's files. Until it exists, one that the user did not name lacks the date in its name.
    #[serde(serialize_with = "lossy::path")]
    pub(crate) artifact_dir: PathBuf,
    /// Where server metrics are scraped.
    pub(crate) server_metrics: ServerMetricsConfig,
    /// Endpoints and services that run in a process of their own whatever their manifests say.
    #[serde(default)]
    pub(crate) isolate: Vec<String>,
    /// Which services run beside the load.
    #[serde(default)]
    pub(crate) services: ServicesConfig,
    /// Keep the generated texts in the journal.
    #[serde(default)]
    pub(crate) export_outputs: bool,
    /// Write the instants of each request into its line.
    #[serde(default)]
    pub(crate) export_http_trace: bool,
    /// Seconds for which requests in flight may go on when the run ends before its time.
    #[serde(default = "default_drain_s")]
    pub(crate) drain_s: f64,
    /// The mock server sends a recorded response, whatever it is asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_recorded: bool,
    /// Seconds from the start of the run to its end at the latest.
    #[serde(default)]
    pub(crate) deadline_s: Option<f64>,
}

/// Seconds without `--drain-timeout`. Containers are killed 10 s after SIGTERM, and the report takes its time as well.
pub(crate) const DRAIN_S: f64 = 8.0;

fn default_drain_s() -> f64 {
    DRAIN_S
}

impl RunConfig {
    /// How long requests in flight may go on when the run ends before its time.
    pub(crate) fn drain(&self) -> Duration {
        Duration::try_from_secs_f64(self.drain_s).unwrap_or(Duration::MAX)
    }

    /// Sets the address of the target, where it is known only once the server runs.
    pub(crate) fn aim_at(&mut self, url: &str) {
        self.target.urls = vec![url.to_owned()];
        if self.server_metrics.enabled {
            self.server_metrics.urls.insert(0, url::metrics_url(url));
        }
    }

    /// The time from the start of the run to its end at the latest, if there is a limit.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.deadline_s?).ok()
    }
}

/// What the user wants of services, beside what their manifests say. Names are as typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServicesConfig {
    /// Services to start; one that is named several times has several instances.
    pub(crate) start: Vec<String>,
    /// Services that start by themselves and are not to.
    pub(crate) leave_out: Vec<String>,
    /// Options, over those that services get anyway.
    pub(crate) options: Vec<ServiceOption>,
}

/// One option of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceOption {
    /// Name of the service.
    pub(crate) service: String,
    /// Number of the one instance that is meant, from 1; all of them without it.
    pub(crate) instance: Option<u32>,
    /// Name of the option.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: serde_json::Value,
}

/// The server and the dialect to speak to it.
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
    /// Replaces the dialect's path; an empty one appends nothing.
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
    /// The key for the header that the endpoint names. Never journalled.
    #[serde(skip)]
    pub(crate) api_key: Option<String>,
    /// Merged into every body.
    pub(crate) extra_inputs: serde_json::Map<String, serde_json::Value>,
    /// Options of the endpoint, over those that it gets anyway. The values of sensitive ones are not journalled.
    #[serde(default)]
    pub(crate) endpoint_options: serde_json::Map<String, serde_json::Value>,
    /// Count tokens by the server's usage only.
    pub(crate) use_server_token_count: bool,
    /// Send `max_tokens` instead of `max_completion_tokens`.
    pub(crate) use_legacy_max_tokens: bool,
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
const DEFAULT_CONNECT_TIMEOUT_S: f64 = 10.0;

/// Where content comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum DatasetConfig {
    /// Generated text of exact token lengths.
    Synthetic {
        /// Number of different prompts; without one, each request has its own.
        entries: Option<usize>,
        /// Input tokens of a turn.
        isl: LengthLaw,
        /// Requested output tokens; nothing is requested without it.
        osl: Option<LengthLaw>,
        /// Texts in one request, for dialects that take several; none where there are only media.
        batch_size: usize,
        /// What each request shows and plays beside them.
        #[serde(default, skip_serializing_if = "MediaConfig::is_empty")]
        media: MediaConfig,
    },
    /// Generated questions to rank passages by.
    Rankings {
        /// Number of different questions; without one, each request has its own.
        entries: Option<usize>,
        /// Passages of one question.
        passages: LengthLaw,
        /// Tokens of a passage.
        passage: LengthLaw,
        /// Tokens of a query.
        query: LengthLaw,
    },
    /// A JSONL file, one single-turn conversation a line.
    File {
        /// Where it is.
        #[serde(serialize_with = "lossy::path")]
        path: PathBuf,
        /// Use only so many entries; once it is read, how many there are.
        entries: Option<usize>,
        /// Requested output tokens of lines that name none.
        osl: Option<LengthLaw>,
    },
    /// A JSONL file, one whole body a line.
    RawPayloads {
        /// Where it is.
        #[serde(serialize_with = "lossy::path")]
        path: PathBuf,
        /// Use only so many entries; once it is read, how many there are.
        entries: Option<usize>,
    },
}

impl DatasetConfig {
    /// Notes how many entries a file has.
    pub(crate) fn set_entries(&mut self, count: u64) {
        if let Self::File { entries, .. } | Self::RawPayloads { entries, .. } = self {
            *entries = Some(usize::try_from(count).unwrap_or(usize::MAX));
        }
    }
}

/// A normal law over positive integers, of tokens but for a number of passages. A standard deviation of 0 gives the mean every time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LengthLaw {
    /// Mean.
    pub(crate) mean: f64,
    /// Standard deviation.
    pub(crate) stddev: f64,
}

/// What counts tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenizerChoice {
    /// The `o200k_base` vocabulary that ships inside the binary.
    Builtin,
    /// A `tokenizer.json` or the folder that holds one.
    Local(#[serde(serialize_with = "lossy::path")] PathBuf),
}

impl TokenizerChoice {
    /// The same, wherever the working directory goes.
    pub(crate) fn absolute(&self) -> Self {
        match self {
            Self::Local(path) => Self::Local(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            Self::Builtin => Self::Builtin,
        }
    }
}

/// Load shape and stop rule of one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PhaseConfig {
    /// Warm-up or profiling.
    pub(crate) kind: PhaseKind,
    /// When requests are due.
    pub(crate) arrival: Arrival,
    /// Most requests in flight; no limit without it.
    pub(crate) concurrency: Option<usize>,
    /// Stop after so many requests.
    pub(crate) request_count: Option<u64>,
    /// Stop sending after so many seconds.
    pub(crate) duration_s: Option<f64>,
    /// After the duration, wait this long for requests in flight, in seconds; infinite without a number.
    pub(crate) grace_s: Option<f64>,
}

impl PhaseConfig {
    /// From its start to the end of its grace period, in nanoseconds; `None` where one of the two has no end.
    pub(crate) fn ends_after_ns(&self) -> Option<RunNs> {
        let end = Duration::try_from_secs_f64(self.duration_s? + self.grace_s?).ok()?;
        Some(as_ns(end))
    }
}

pub(crate) use prony_plugin_api::message::PhaseKind;

/// When requests are due.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "law", rename_all = "snake_case")]
pub(crate) enum Arrival {
    /// Closed loop: the next one as soon as one ends.
    ClosedLoop,
    /// Open loop, every `1 / rate` seconds.
    Constant {
        /// Requests a second.
        rate: f64,
    },
    /// Open loop, exponential gaps with mean `1 / rate`.
    Poisson {
        /// Requests a second.
        rate: f64,
    },
}

/// What the server metrics service scrapes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerMetricsConfig {
    /// Run the service at all.
    pub(crate) enabled: bool,
    /// Pages to scrape: each target's own `/metrics`, and those the user named.
    pub(crate) urls: Vec<String>,
    /// Seconds from one scrape of a page to the next, if the user says so.
    #[serde(default)]
    pub(crate) interval_s: Option<f64>,
    /// Headers of every scrape. The values of sensitive ones are not journalled.
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
}
