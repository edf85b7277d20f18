//! The flags of `prony profile`, as the user typed them.
//!
//! [`ProfileFlags`] is raw: a flag that was not typed is absent, and only the form of a single value is checked here.
//! Defaults and combinations are decided in [`super::resolve`]. Names and aliases are AIPerf's, so that its command
//! lines go on working; a default named in a help text is the one that `resolve` fills in.

mod agents;
mod arrival;
mod choice;
mod classes;
mod dialogues;
mod experiment;
mod exports;
mod file_format;
mod header_name;
mod hooks;
mod lengths;
mod live;
mod machines;
mod media;
mod objectives;
mod pattern;
mod phases;
mod plots;
mod plugins;
mod rankings;
mod replay;
mod reshaping;
mod sampling;
mod telemetry;
#[cfg(test)]
pub(crate) mod tests;
mod users;
mod videos;
mod warmup;

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
};

use clap::Args;

use self::choice::{DATASET, LOAD, OUTPUT, SERVICES, TARGET};
pub(crate) use self::{
    agents::AgentFlags,
    arrival::ArrivalFlags,
    choice::ChoiceParser,
    classes::{ClassFlags, ModelStrategy},
    dialogues::DialogueFlags,
    experiment::{ConvergenceMode, ExperimentFlags, SweepMode, SweepType, experiment_settings},
    exports::ExportFlags,
    header_name::header_name,
    hooks::HookFlags,
    lengths::LengthFlags,
    live::{LiveFlags, Ui},
    machines::MachineFlags,
    media::{ImageSource, MediaFlags},
    objectives::ObjectiveFlags,
    pattern::ArrivalPattern,
    phases::{PHASE_SETTINGS, PHASES, PhaseFlags, PhaseRole, PhaseText},
    plots::PlotFlags,
    plugins::PluginFlags,
    rankings::RankingsFlags,
    replay::ReplayFlags,
    reshaping::ReshapingFlags,
    telemetry::TelemetryFlags,
    users::UserFlags,
    videos::VideoFlags,
    warmup::WarmupFlags,
};
use super::units::{self, Choice};
use crate::plan::{ConnectionReuse, FileFormat, Grace, Sampling, TransportKind};

/// What the user asked of `prony profile`.
#[derive(Args, Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
pub(crate) struct ProfileFlags {
    /// File with settings, in YAML.
    ///
    /// What is typed stands over it. Its keys are the names of the flags, as in `request_rate: 5`. `prony config init` prints
    /// files to begin with, and `prony config check FILE` checks one. A run's plan.yaml repeats it.
    #[arg(long, short = 'f', value_name = "FILE", help_heading = TARGET)]
    pub(crate) config: Option<PathBuf>,

    /// Name of the model.
    ///
    /// It is put into the requests. Without it, the one that the server lists at /v1/models. Several, repeated or separated by
    /// commas, share the sessions, and the results have rows for each.
    #[arg(short, long, alias = "model-names", value_name = "NAME", value_delimiter = ',')]
    #[arg(help_heading = TARGET)]
    pub(crate) model: Vec<String>,

    /// How several --model share the sessions: `round-robin` (each session takes the next one) or `random`; all requests of a
    /// session ask for the same one [default: round-robin].
    #[arg(long, value_name = "STRATEGY", value_parser = ChoiceParser::<ModelStrategy>::new(), help_heading = TARGET)]
    pub(crate) model_selection_strategy: Option<ModelStrategy>,

    /// Base URL of the server [default: localhost:8000].
    ///
    /// Or `unix:///path/to.sock`, with a base path `unix:///path/to.sock:/v1`. Several URLs share the load in turn.
    #[arg(short, long, value_name = "URL", value_delimiter = ',', help_heading = TARGET)]
    pub(crate) url: Vec<String>,

    /// How several --url share the load: `round-robin` (each session takes the next one and stays there) [default: round-robin].
    #[arg(long, value_name = "STRATEGY", value_parser = ChoiceParser::<UrlStrategy>::new(), help_heading = TARGET)]
    pub(crate) url_strategy: Option<UrlStrategy>,

    /// API format [default: chat].
    ///
    /// `prony plugins endpoint` lists them.
    #[arg(long, value_name = "NAME", help_heading = TARGET)]
    pub(crate) endpoint_type: Option<String>,

    /// Override the request path; an empty one uses the URL as it is.
    #[arg(long, visible_alias = "endpoint", value_name = "PATH", help_heading = TARGET)]
    pub(crate) custom_endpoint: Option<String>,

    /// Request streaming responses.
    ///
    /// Needed for time to first token and inter-token latency.
    #[arg(long, help_heading = TARGET)]
    pub(crate) streaming: bool,

    /// API key [default: that of `PRONY_API_KEY`].
    ///
    /// It is sent in the header that the API format has for it.
    #[arg(long, value_name = "KEY", help_heading = TARGET)]
    pub(crate) api_key: Option<String>,

    /// Header to send with every request, as Name:Value or a JSON object; may be repeated.
    #[arg(long, short = 'H', value_name = "HEADER", num_args = 1.., help_heading = TARGET)]
    pub(crate) header: Vec<String>,

    /// Header that names the session of a request, for routers; may be repeated [default: X-Session-ID in conversations].
    ///
    /// Its value is a UUID, the same one for all requests of a session. With this flag, single requests have one as well.
    #[arg(long, value_name = "NAME", value_parser = header_name, help_heading = TARGET)]
    pub(crate) session_header: Vec<String>,

    /// Field to add to every request body, as name:value or a JSON object; may be repeated.
    #[arg(long, value_name = "INPUT", num_args = 1.., help_heading = TARGET)]
    pub(crate) extra_inputs: Vec<String>,

    /// Option of the endpoint, its value as JSON or text; may be repeated. `prony plugins show endpoint NAME` lists them.
    #[arg(long, value_name = "KEY=VALUE", help_heading = TARGET)]
    pub(crate) endpoint_option: Vec<String>,

    /// Maximum time for a whole request [default: 1800].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = TARGET)]
    pub(crate) request_timeout_seconds: Option<f64>,

    /// Maximum time from a request's last byte to the first byte of its response [default: that of the whole].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = TARGET)]
    pub(crate) first_byte_timeout_seconds: Option<f64>,

    /// Maximum time between two received chunks [default: that of the whole].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = TARGET)]
    pub(crate) idle_timeout_seconds: Option<f64>,

    /// Maximum time to wait until the server is ready; 0 does not wait [default: 0].
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = TARGET)]
    pub(crate) wait_for_model_timeout: Option<f64>,

    /// Ask for output lengths in the body field `max_tokens` instead of `max_completion_tokens`.
    #[arg(long, help_heading = TARGET)]
    pub(crate) use_legacy_max_tokens: bool,

    /// Connection reuse: `pooled` (keep-alive), `never` (a new connection for each request) or `sticky-user-sessions` (one for
    /// each session, closed when it is over) [default: pooled].
    #[arg(long, value_name = "STRATEGY", value_parser = ChoiceParser::<ConnectionReuse>::new(), help_heading = TARGET)]
    pub(crate) connection_reuse_strategy: Option<ConnectionReuse>,

    /// Open the connections of --concurrency before the load begins, so that a burst measures the server alone.
    #[arg(long, help_heading = TARGET)]
    pub(crate) preconnect: bool,

    /// Maximum time to open a connection, TLS included [default: 10].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = TARGET)]
    pub(crate) connect_timeout_seconds: Option<f64>,

    /// Proxy on the way to the server, as `http://[USER:PASSWORD@]HOST:PORT`; it is measured as well [default:
    /// `HTTP_PROXY`, `HTTPS_PROXY` or `ALL_PROXY`, but none to this machine and to what `NO_PROXY` lists].
    #[arg(long, value_name = "URL", help_heading = TARGET)]
    pub(crate) proxy: Option<String>,

    /// Use no proxy, whatever the environment says.
    #[arg(long, help_heading = TARGET)]
    pub(crate) no_proxy: bool,

    /// Certificates to trust as well as the system's, of authorities or of the server itself, a PEM file.
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub(crate) ca_cert: Option<PathBuf>,

    /// Certificate to show to the server, a PEM file.
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub(crate) client_cert: Option<PathBuf>,

    /// Private key of --client-cert, a PEM file [default: in the same file].
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub(crate) client_key: Option<PathBuf>,

    /// Skip TLS certificate verification.
    #[arg(long, short = 'k', help_heading = TARGET)]
    pub(crate) insecure: bool,

    /// HTTP client: `timed` uses kernel receive timestamps, `portable` uses user-space timestamps [default: timed].
    #[arg(long, visible_alias = "transport-type", value_name = "NAME", help_heading = TARGET)]
    #[arg(value_parser = ChoiceParser::<TransportKind>::new())]
    pub(crate) transport: Option<TransportKind>,

    /// Use HTTP/2: with prior knowledge for http:// targets, by ALPN for https://. It runs over the portable transport,
    /// which uses user-space timestamps.
    #[arg(long, help_heading = TARGET)]
    pub(crate) http2: bool,

    /// Measure the embedded mock server.
    ///
    /// With streaming; needs no URL and no model.
    #[arg(long, help_heading = TARGET)]
    pub(crate) mock: bool,

    /// Response of the mock server to every request: what `curl -siN` writes, or a body alone.
    ///
    /// Shows what an API format makes of a recorded response before there is a server.
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub(crate) mock_answer: Option<PathBuf>,

    /// Requests to keep in flight [default: 1].
    ///
    /// With --request-rate, the most there may be, and no limit by default.
    #[arg(long, value_name = "N", value_parser = units::concurrency, help_heading = LOAD)]
    pub(crate) concurrency: Option<NonZeroU32>,

    /// Requests to start per second.
    ///
    /// They start on time, whether or not earlier ones have ended.
    #[arg(long, value_name = "RATE", value_parser = units::rate, help_heading = LOAD)]
    pub(crate) request_rate: Option<f64>,

    /// Distribution of request arrivals; concurrency-burst is the closed loop that --concurrency alone gives
    /// [default: gamma with --arrival-smoothness, else poisson with --request-rate].
    #[arg(long, visible_alias = "request-rate-mode", value_name = "PATTERN", help_heading = LOAD)]
    #[arg(value_parser = ChoiceParser::<ArrivalPattern>::new())]
    pub(crate) arrival_pattern: Option<ArrivalPattern>,

    /// Gaps and curves.
    #[command(flatten)]
    pub(crate) arrival: ArrivalFlags,

    /// Users who send their requests at a pace of their own.
    #[command(flatten)]
    pub(crate) users: UserFlags,

    /// Kinds of sessions, and what a good request is.
    #[command(flatten)]
    pub(crate) classes: ClassFlags,

    /// What the run is held to, and what it costs.
    #[command(flatten)]
    pub(crate) objectives: ObjectiveFlags,

    /// Number of requests to send [default: 10].
    ///
    /// With --benchmark-duration, there is no limit by default. The same as --num-requests.
    #[arg(long, alias = "num-requests", value_name = "N", help_heading = LOAD)]
    #[arg(value_parser = units::requests)]
    pub(crate) request_count: Option<NonZeroU64>,

    /// Stop sending after this time.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) benchmark_duration: Option<f64>,

    /// Maximum time to wait for requests in flight once the duration is over; `inf` waits for all [default: 30].
    #[arg(long, value_name = "TIME", value_parser = units::grace, help_heading = LOAD)]
    pub(crate) benchmark_grace_period: Option<Grace>,

    /// Maximum time to wait for requests in flight after a signal [default: 8].
    ///
    /// Then they are cancelled, and everything that was measured is written. Containers are killed 10 s after SIGTERM.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) drain_timeout: Option<f64>,

    /// End the whole run after this time, waiting for the server and warm-up included [default: no limit].
    ///
    /// Requests in flight are cancelled then, what was measured is written, and the exit code is 6 (1 if no request had
    /// succeeded).
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) deadline: Option<f64>,

    /// Number of warm-up requests.
    ///
    /// They are sent first and left out of the results. The same as --num-warmup-requests.
    #[arg(long, alias = "num-warmup-requests", value_name = "N", help_heading = LOAD)]
    #[arg(value_parser = units::requests)]
    pub(crate) warmup_request_count: Option<NonZeroU64>,

    /// Requests in flight during warm-up [default: that of --concurrency].
    #[arg(long, value_name = "N", value_parser = units::concurrency, help_heading = LOAD)]
    pub(crate) warmup_concurrency: Option<NonZeroU32>,

    /// The load of the warm-up.
    #[command(flatten)]
    pub(crate) warmup: WarmupFlags,

    /// Several phases with loads of their own.
    #[command(flatten)]
    pub(crate) phases: PhaseFlags,

    /// Threads that send the load [default: one for each 512 requests in flight, up to one for each core but one; all cores
    /// where there are two or fewer; a rate without --concurrency takes the most].
    #[arg(long, visible_aliases = ["workers-max", "max-workers"], value_name = "N", help_heading = LOAD)]
    #[arg(value_parser = units::positive::<usize>)]
    pub(crate) workers: Option<usize>,

    /// Seed of every random choice; the same seed sends the same requests [default: a new one].
    #[arg(long, value_name = "SEED", value_parser = units::whole, help_heading = DATASET)]
    pub(crate) random_seed: Option<u64>,

    /// Length of generated prompts [default: 550].
    ///
    /// It is a mean, in tokens.
    #[arg(long, aliases = ["prompt-input-tokens-mean", "synthetic-input-tokens-mean"], value_name = "TOKENS")]
    #[arg(value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) isl: Option<u32>,

    /// Standard deviation of that length, in tokens [default: 0].
    #[arg(long, aliases = ["prompt-input-tokens-stddev", "synthetic-input-tokens-stddev"], value_name = "TOKENS")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) isl_stddev: Option<f64>,

    /// Output length to ask for.
    ///
    /// It is a mean, in tokens. Without it, the server decides.
    #[arg(long, aliases = ["output-tokens-mean", "prompt-output-tokens-mean"], value_name = "TOKENS")]
    #[arg(value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) osl: Option<u32>,

    /// Standard deviation of that length, in tokens [default: 0].
    #[arg(long, aliases = ["output-tokens-stddev", "prompt-output-tokens-stddev"], value_name = "TOKENS")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) osl_stddev: Option<f64>,

    /// Other laws of both lengths.
    #[command(flatten)]
    pub(crate) lengths: LengthFlags,

    /// Texts in one request, for API formats that take several [default: 1].
    #[arg(long, short, aliases = ["prompt-batch-size", "batch-size-text"], value_name = "N")]
    #[arg(value_parser = units::positive::<usize>, help_heading = DATASET)]
    pub(crate) batch_size: Option<usize>,

    /// How long conversations are, and what stands in front of them.
    #[command(flatten)]
    pub(crate) dialogues: DialogueFlags,

    /// Recorded sessions at their own instants.
    #[command(flatten)]
    pub(crate) replay: ReplayFlags,

    /// Where sessions begin and end, and how long they pause.
    #[command(flatten)]
    pub(crate) agents: AgentFlags,

    /// What the questions of a ranking are made of.
    #[command(flatten)]
    pub(crate) rankings: RankingsFlags,

    /// What is shown and played to models that see and hear.
    #[command(flatten)]
    pub(crate) media: MediaFlags,

    #[command(flatten)]
    pub(crate) videos: VideoFlags,

    #[command(flatten)]
    pub(crate) reshaping: ReshapingFlags,

    /// Different prompts to make, or to take from the file; they are used in turn
    /// [default: one for each request, or the whole file].
    #[arg(long, visible_alias = "num-prompts", value_name = "N", help_heading = DATASET)]
    #[arg(value_parser = units::positive::<usize>)]
    pub(crate) num_dataset_entries: Option<usize>,

    /// Which of them each session takes: the next one, any of them, or the next one of all in a random order
    /// [default: sequential].
    #[arg(long, value_name = "ORDER", value_parser = ChoiceParser::<Sampling>::new(), help_heading = DATASET)]
    pub(crate) dataset_sampling_strategy: Option<Sampling>,

    /// File of prompts, conversations or a recorded trace.
    ///
    /// They are sent instead of generated ones. The format is detected; `prony dataset inspect FILE` shows what is in a file. The
    /// file may be compressed with gzip or zstd. `-` is standard input; of a folder, all files below it are read.
    #[arg(long, value_name = "FILE", help_heading = DATASET)]
    pub(crate) input_file: Option<PathBuf>,

    /// The format of that file [default: detected].
    #[arg(long, value_name = "TYPE", help_heading = DATASET)]
    #[arg(value_parser = ChoiceParser::<FileFormat>::new())]
    pub(crate) custom_dataset_type: Option<FileFormat>,

    /// Dataset by its name (`sharegpt`, or a repository of a hub), in place of a file. Nothing is fetched: it has to be in the folder
    /// of --data-dir or in the Hugging Face cache.
    #[arg(long, value_name = "NAME", help_heading = DATASET)]
    pub(crate) public_dataset: Option<String>,

    /// Folder in which names of tokenizers and datasets are looked up, before the Hugging Face cache.
    ///
    /// A tokenizer is DIR/NAME/tokenizer.json, a dataset DIR/NAME.jsonl or the one file in DIR/NAME. The cache is where
    /// `HF_HUB_CACHE` or `HF_HOME` says.
    #[arg(long, value_name = "DIR", help_heading = DATASET)]
    pub(crate) data_dir: Option<PathBuf>,

    /// What counts tokens [default: builtin].
    ///
    /// `builtin` (which is `o200k_base`), `cl100k_base`, `p50k_base`, `r50k_base`, a tokenizer.json or its folder, or
    /// the name of a model that is in the folder of --data-dir or in the Hugging Face cache.
    #[arg(long, value_name = "TOKENIZER", help_heading = DATASET)]
    pub(crate) tokenizer: Option<String>,

    /// Revision of that model in the Hugging Face cache: a branch, a tag or a commit [default: main].
    #[arg(long, value_name = "REVISION", help_heading = DATASET)]
    pub(crate) tokenizer_revision: Option<String>,

    /// Count inputs as the model's chat template makes them, and generate prompts that are as long as asked for with it.
    ///
    /// The template is that of the tokenizer: `chat_template.jinja` or `tokenizer_config.json` beside its tokenizer.json. It is
    /// measured for sample conversations; definitions of tools are not counted.
    #[arg(long, help_heading = DATASET)]
    pub(crate) apply_chat_template: bool,

    /// Count tokens as the server reports them instead of counting here.
    #[arg(long, help_heading = DATASET)]
    pub(crate) use_server_token_count: bool,

    /// Metrics page to scrape beside the server's own; may be repeated.
    #[arg(long, value_name = "URL", num_args = 1.., value_delimiter = ',', help_heading = SERVICES)]
    pub(crate) server_metrics: Vec<String>,

    /// Header to send with each scrape of a metrics page, as Name:Value or a JSON object; may be repeated. Pages on
    /// the target's own server get --api-key and --header as well, other pages do not.
    #[arg(long, value_name = "HEADER", num_args = 1.., help_heading = SERVICES)]
    pub(crate) server_metrics_header: Vec<String>,

    /// Time from one scrape of a metrics page to the next, in seconds [default: 1].
    #[arg(long, value_name = "SECONDS", value_parser = units::positive_seconds, help_heading = SERVICES)]
    pub(crate) server_metrics_interval: Option<f64>,

    /// Scrape no metrics page.
    #[arg(long, help_heading = SERVICES)]
    pub(crate) no_server_metrics: bool,

    /// What surrounds the load.
    #[command(flatten)]
    pub(crate) telemetry: TelemetryFlags,

    /// Start this service, which does not start by itself; twice for two instances of one that allows it.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', help_heading = SERVICES)]
    pub(crate) service: Vec<String>,

    /// Leave out this service, which starts by itself; may be repeated.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', help_heading = SERVICES)]
    pub(crate) no_service: Vec<String>,

    /// Option of a service, its value as JSON or text; may be repeated. `prony service NAME --help` lists them.
    #[arg(long, value_name = "NAME.KEY=VALUE", help_heading = SERVICES)]
    pub(crate) service_option: Vec<String>,

    /// What is said of a run while it goes on.
    #[command(flatten)]
    pub(crate) live: LiveFlags,

    /// Which plugins there are, and which may be used.
    #[command(flatten)]
    pub(crate) plugins: PluginFlags,

    /// Run this endpoint or service in a process of its own, so that its crash is not the run's; may be repeated.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', help_heading = SERVICES)]
    pub(crate) isolate: Vec<String>,

    #[command(flatten)]
    pub(crate) machines: MachineFlags,

    /// What is done around the load.
    #[command(flatten)]
    pub(crate) hooks: HookFlags,

    /// Folder for this run's files.
    ///
    /// Without it, a new one below `artifacts` is made, with date and time (UTC), endpoint and load in its name. The same as
    /// --output-artifact-dir.
    #[arg(long, alias = "output-artifact-dir", value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) artifact_dir: Option<PathBuf>,

    /// Keep the generated texts, and write them to outputs.json.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) export_outputs_json: bool,

    /// Write when each step of a request happened, DNS to last token, into its line of the JSONL file.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) export_http_trace: bool,

    /// Which files are written, and what they are called.
    #[command(flatten)]
    pub(crate) exports: ExportFlags,

    /// Charts as files.
    #[command(flatten)]
    pub(crate) plots: PlotFlags,

    /// List the first N requests with their times, one as JSON a line, and send nothing [default: 10].
    ///
    /// Sessions stand one after the other, each with all of its turns, which repeat recorded replies.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10", help_heading = OUTPUT)]
    #[arg(value_parser = units::requests)]
    pub(crate) dry_run: Option<NonZeroU64>,

    /// File for that list [default: standard output].
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) dry_run_output: Option<PathBuf>,

    /// Replace the files of an earlier run in --artifact-dir.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) overwrite: bool,

    /// What to show while the run goes on [default: simple].
    ///
    /// `simple` is a progress bar on a terminal, and elsewhere a line every 10 seconds. `dashboard` fills the terminal with
    /// rates, percentiles of the last seconds, failures, and how the client and the servers fare; `?` shows its keys.
    #[arg(long, visible_alias = "ui-type", value_name = "UI", help_heading = OUTPUT)]
    #[arg(value_parser = ChoiceParser::<Ui>::new())]
    pub(crate) ui: Option<Ui>,

    /// How the report is printed [default: text].
    ///
    /// Nothing else goes to standard output. `json` and `markdown` are the files `profile_export_prony.json` and
    /// `profile_export_prony.md` of the run.
    #[arg(long, value_name = "FORMAT", help_heading = OUTPUT)]
    #[arg(value_parser = ChoiceParser::<ReportFormat>::new())]
    pub(crate) format: Option<ReportFormat>,

    /// Print the folder with the results in place of the report, and neither progress nor warnings.
    ///
    /// Errors are printed as ever, and why the exit code is not 0. With --format the report is as well.
    #[arg(long, short, help_heading = OUTPUT)]
    pub(crate) quiet: bool,

    /// Several runs of one command.
    #[command(flatten)]
    pub(crate) experiment: ExperimentFlags,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    /// A table for a terminal.
    #[default]
    Text,
    /// The summary, one object.
    Json,
    /// Tables for a pull request.
    Markdown,
}

impl Choice for ReportFormat {
    const NAMES: &'static [(&'static str, Self)] =
        &[("text", Self::Text), ("json", Self::Json), ("markdown", Self::Markdown)];
    const SYNONYMS: &'static [(&'static str, Self)] = &[("md", Self::Markdown)];
}

/// How several base URLs share the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlStrategy {
    /// Each session takes the next one, and all its requests go there.
    RoundRobin,
}

impl Choice for UrlStrategy {
    const NAMES: &'static [(&'static str, Self)] = &[("round-robin", Self::RoundRobin)];
}

impl Choice for ConnectionReuse {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("pooled", Self::Pooled),
        ("never", Self::Never),
        ("sticky-user-sessions", Self::StickyUserSessions),
    ];
}

impl Choice for TransportKind {
    const NAMES: &'static [(&'static str, Self)] = &[("timed", Self::Timed), ("portable", Self::Portable)];
    const SYNONYMS: &'static [(&'static str, Self)] = &[("http", Self::Timed)];
}
