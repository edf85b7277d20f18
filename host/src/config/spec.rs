//! What the user asks for: [`RunSpec`]. Every value is optional, and each knows where it comes from.
//!
//! One table has the name of every setting. Flags fill it, whoever said them; [`resolve`](super::resolve) makes a
//! plan of it, whoever filled it.

use std::{
    fmt,
    net::IpAddr,
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
};

use super::{
    agents_word::AgentsWord,
    flags::{
        ArrivalPattern, ImageSource, ModelStrategy, PhaseRole, PhaseText, ProfileFlags, ReportFormat,
        UrlStrategy,
    },
    keys::{API_KEY_VARIABLE, in_file, variable},
    lengths::{Mix, RandomStyle, RangeRatio},
    origins::{Origins, Source},
    place::Place,
    rate_series::RateSeries,
};
use crate::plan::{
    CacheBustTarget, Compat, ConnectionReuse, ExportLevel, Grace, OnLoss, OverflowPolicy, PromptCorpus,
    ReplyPolicy, ScenarioName, SequenceLaw, ServerMetricsFormat, Smoothness, TransportKind,
    media::{AudioFormat, ImageFormat, PictureSampling, VideoContent, VideoFormat},
};

/// The flag of a setting, by its name. It is small, since errors have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(&'static &'static str);

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Flag {
    /// Without the dashes.
    pub(crate) fn name(self) -> &'static str {
        self.0.trim_start_matches('-')
    }

    /// Its place in the help.
    fn place(self) -> usize {
        FLAGS.iter().position(|known| *known == self).unwrap_or(FLAGS.len())
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag(Flag),
    /// A configuration file, in which the key of the flag has this place.
    File(Flag, Place),
    /// The variable of the flag.
    Own(Flag),
    /// Another variable of the environment.
    Variable(&'static str),
    /// The scenario of the run, which the user has named.
    Scenario(Flag, ScenarioName),
}

impl Origin {
    /// Errors are told in this order: that of the flags in the help, that of the file, then variables.
    pub(super) fn order(self) -> (u8, Option<Place>, usize) {
        match self {
            Self::Flag(flag) | Self::Scenario(flag, _) => (0, None, flag.place()),
            Self::File(_, place) => (1, Some(place), 0),
            Self::Own(flag) => (2, None, flag.place()),
            Self::Variable(_) => (3, None, 0),
        }
    }

    /// The same with the value that it has set, as it is typed.
    pub(super) fn with_value(self, value: &dyn fmt::Display) -> String {
        self.before(&format!(" {value}"))
    }

    /// The name that the user knows, with this behind it.
    fn before(self, value: &str) -> String {
        match self {
            Self::Flag(flag) => format!("{flag}{value}"),
            Self::File(flag, place) => format!("{}{value} at {place}", in_file(flag.name())),
            Self::Own(flag) => format!("{}{value}", variable(flag.name())),
            Self::Variable(name) => format!("{name}{value}"),
            Self::Scenario(flag, by) => format!("{flag}{value} (set by --scenario {})", by.name()),
        }
    }

    /// What the user leaves out to be rid of the value.
    pub(super) fn to_leave_out(self) -> Self {
        if let Self::Scenario(..) = self { Self::Flag(Flag(&"--scenario")) } else { self }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.before(""))
    }
}

/// One value that the user may set.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    flag: Flag,
    given: Option<(T, Origin)>,
}

impl<T> Setting<T> {
    fn typed(flag: Flag, value: Option<T>) -> Self {
        Self { flag, given: value.map(|value| (value, Origin::Flag(flag))) }
    }

    /// Says who set it, if it was not typed.
    fn attribute(&mut self, origins: &Origins) {
        if let Some((_, origin @ Origin::Flag(_))) = &mut self.given {
            *origin = match origins.source(self.flag.name()) {
                Source::Typed => Origin::Flag(self.flag),
                Source::File(place) => Origin::File(self.flag, place),
                Source::Variable => Origin::Own(self.flag),
            };
        }
    }

    /// Says that the scenario has set it, if it is set.
    fn attribute_to(&mut self, scenario: ScenarioName) {
        if let Some((_, origin)) = &mut self.given {
            *origin = Origin::Scenario(self.flag, scenario);
        }
    }

    /// Its value, if the user has set it.
    pub(super) fn get(&self) -> Option<&T> {
        self.given.as_ref().map(|(value, _)| value)
    }

    /// Where its value comes from, if it has one.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.given.as_ref().map(|(_, origin)| *origin)
    }

    /// Its value and where it comes from, if the user has set it.
    pub(super) fn given(&self) -> Option<(&T, Origin)> {
        self.given.as_ref().map(|(value, origin)| (value, *origin))
    }

    /// The flag that sets it, whether it is set or not.
    pub(super) fn flag(&self) -> Flag {
        self.flag
    }

    /// Whether the user has set it.
    pub(super) fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// Forgets a value that is not that of `own`, unless it has a meaning there.
    pub(super) fn keep_if(&mut self, own: &Self, has_meaning: bool) {
        if !has_meaning && !own.is_given() {
            self.given = None;
        }
    }
}

impl<T: Clone> Setting<T> {
    /// The same, or what `weaker` has where it is not set.
    fn or(&self, weaker: &Self) -> Self {
        if self.is_given() { self.clone() } else { weaker.clone() }
    }
}

impl<T: Copy> Setting<T> {
    /// Its value, if the user has set it.
    pub(super) fn value(&self) -> Option<T> {
        self.get().copied()
    }
}

impl<T> Setting<Vec<T>> {
    /// Its values.
    pub(super) fn list(&self) -> &[T] {
        self.get().map_or(&[], Vec::as_slice)
    }

    /// Adds one of the scenario's behind them. The others still come from where they came from.
    pub(super) fn add(&mut self, value: T, scenario: ScenarioName) {
        let by = Origin::Scenario(self.flag, scenario);
        self.given.get_or_insert_with(|| (Vec::new(), by)).0.push(value);
    }
}

/// What the name of a tokenizer turned out to mean.
#[derive(Clone, Debug)]
pub(crate) struct NamedTokenizer {
    pub(crate) folder: PathBuf,
    /// It is in a cache, which has revisions.
    pub(crate) has_revisions: bool,
}

/// A phase that a file describes.
#[derive(Clone, Debug)]
pub(crate) struct DescribedPhase {
    pub(super) name: String,
    pub(super) role: PhaseRole,
    /// The next phase begins while its last requests are in flight.
    pub(super) is_seamless: bool,
    /// The settings that are its own.
    pub(super) own: RunSpec,
}

/// What was typed of a flag, if anything was.
trait Typed {
    type Value;

    fn typed(&self) -> Option<Self::Value>;
}

impl<T: Clone> Typed for Option<T> {
    type Value = T;

    fn typed(&self) -> Option<T> {
        self.clone()
    }
}

impl<T: Clone> Typed for Vec<T> {
    type Value = Self;

    fn typed(&self) -> Option<Self> {
        (!self.is_empty()).then(|| self.clone())
    }
}

/// A switch.
impl Typed for bool {
    type Value = ();

    fn typed(&self) -> Option<()> {
        self.then_some(())
    }
}

macro_rules! run_spec {
    ($($name:ident: $kind:ty = $flag:literal in $($path:ident).+;)*) => {
        /// What the user asks for. What each value means stands beside the flag, in [`ProfileFlags`].
        #[derive(Clone, Debug)]
        pub(crate) struct RunSpec {
            $(#[doc = concat!("`", $flag, "`")] pub(super) $name: Setting<$kind>,)*
            /// How the tokenizer was found, where it is a name.
            pub(super) named_tokenizer: Option<NamedTokenizer>,
            /// The phases of the setting `phases`, read.
            pub(super) described_phases: Vec<DescribedPhase>,
        }

        impl RunSpec {
            /// What was typed.
            fn typed(flags: &ProfileFlags) -> Self {
                Self {
                    $($name: Setting::typed(Flag(&$flag), flags.$($path).+.typed()),)*
                    named_tokenizer: None,
                    described_phases: Vec::new(),
                }
            }

            /// These settings, and those of `weaker` that are not among them.
            pub(super) fn over(&self, weaker: &Self) -> Self {
                Self {
                    $($name: self.$name.or(&weaker.$name),)*
                    named_tokenizer: weaker.named_tokenizer.clone(),
                    described_phases: Vec::new(),
                }
            }

            /// The same, where the scenario has set all that is set.
            pub(super) fn of_scenario(mut self, scenario: ScenarioName) -> Self {
                $(self.$name.attribute_to(scenario);)*
                self
            }

            /// The same, where not all was typed.
            pub(crate) fn of(mut self, origins: &Origins) -> Self {
                $(self.$name.attribute(origins);)*
                self
            }
        }

        /// All flags of the table, in its order, which is that of the help.
        const FLAGS: &[Flag] = &[$(Flag(&$flag)),*];
    };
}

run_spec! {
    model: Vec<String> = "--model" in model;
    model_selection_strategy: ModelStrategy = "--model-selection-strategy" in model_selection_strategy;
    url: Vec<String> = "--url" in url;
    url_strategy: UrlStrategy = "--url-strategy" in url_strategy;
    custom_endpoint: String = "--custom-endpoint" in custom_endpoint;
    streaming: () = "--streaming" in streaming;
    api_key: String = "--api-key" in api_key;
    header: Vec<String> = "--header" in header;
    session_header: Vec<String> = "--session-header" in session_header;
    extra_inputs: Vec<String> = "--extra-inputs" in extra_inputs;
    endpoint_option: Vec<String> = "--endpoint-option" in endpoint_option;
    request_timeout_seconds: f64 = "--request-timeout-seconds" in request_timeout_seconds;
    first_byte_timeout_seconds: f64 = "--first-byte-timeout-seconds" in first_byte_timeout_seconds;
    idle_timeout_seconds: f64 = "--idle-timeout-seconds" in idle_timeout_seconds;
    wait_for_model_timeout: f64 = "--wait-for-model-timeout" in wait_for_model_timeout;
    use_legacy_max_tokens: () = "--use-legacy-max-tokens" in use_legacy_max_tokens;
    connection_reuse_strategy: ConnectionReuse = "--connection-reuse-strategy" in connection_reuse_strategy;
    preconnect: () = "--preconnect" in preconnect;
    connect_timeout_seconds: f64 = "--connect-timeout-seconds" in connect_timeout_seconds;
    proxy: String = "--proxy" in proxy;
    no_proxy: () = "--no-proxy" in no_proxy;
    ca_cert: PathBuf = "--ca-cert" in ca_cert;
    client_cert: PathBuf = "--client-cert" in client_cert;
    client_key: PathBuf = "--client-key" in client_key;
    insecure: () = "--insecure" in insecure;
    transport: TransportKind = "--transport" in transport;
    http2: () = "--http2" in http2;
    mock: () = "--mock" in mock;
    mock_answer: PathBuf = "--mock-answer" in mock_answer;
    concurrency: NonZeroU32 = "--concurrency" in concurrency;
    request_rate: f64 = "--request-rate" in request_rate;
    arrival_pattern: ArrivalPattern = "--arrival-pattern" in arrival_pattern;
    arrival_smoothness: Smoothness = "--arrival-smoothness" in arrival.arrival_smoothness;
    request_rate_series: RateSeries = "--request-rate-series" in arrival.request_rate_series;
    request_rate_ramp_duration: f64 = "--request-rate-ramp-duration" in arrival.request_rate_ramp_duration;
    concurrency_ramp_duration: f64 = "--concurrency-ramp-duration" in arrival.concurrency_ramp_duration;
    prefill_concurrency: NonZeroU32 = "--prefill-concurrency" in arrival.prefill_concurrency;
    prefill_concurrency_ramp_duration: f64
        = "--prefill-concurrency-ramp-duration" in arrival.prefill_concurrency_ramp_duration;
    request_cancellation_rate: f64 = "--request-cancellation-rate" in arrival.request_cancellation_rate;
    request_cancellation_delay: f64 = "--request-cancellation-delay" in arrival.request_cancellation_delay;
    failed_request_threshold: f64 = "--failed-request-threshold" in arrival.failed_request_threshold;
    user_centric_rate: f64 = "--user-centric-rate" in users.user_centric_rate;
    num_users: NonZeroU32 = "--num-users" in users.num_users;
    class: Vec<String> = "--class" in classes.class;
    goodput: Vec<String> = "--goodput" in classes.goodput;
    slo: Vec<String> = "--slo" in objectives.slo;
    price: Vec<String> = "--price" in objectives.price;
    request_count: NonZeroU64 = "--request-count" in request_count;
    benchmark_duration: f64 = "--benchmark-duration" in benchmark_duration;
    benchmark_grace_period: Grace = "--benchmark-grace-period" in benchmark_grace_period;
    drain_timeout: f64 = "--drain-timeout" in drain_timeout;
    deadline: f64 = "--deadline" in deadline;
    warmup_request_count: NonZeroU64 = "--warmup-request-count" in warmup_request_count;
    warmup_concurrency: NonZeroU32 = "--warmup-concurrency" in warmup_concurrency;
    num_warmup_sessions: NonZeroU64 = "--num-warmup-sessions" in warmup.num_warmup_sessions;
    warmup_duration: f64 = "--warmup-duration" in warmup.warmup_duration;
    warmup_grace_period: Grace = "--warmup-grace-period" in warmup.warmup_grace_period;
    warmup_request_rate: f64 = "--warmup-request-rate" in warmup.warmup_request_rate;
    warmup_arrival_pattern: ArrivalPattern = "--warmup-arrival-pattern" in warmup.warmup_arrival_pattern;
    warmup_request_rate_ramp_duration: f64
        = "--warmup-request-rate-ramp-duration" in warmup.warmup_request_rate_ramp_duration;
    warmup_concurrency_ramp_duration: f64
        = "--warmup-concurrency-ramp-duration" in warmup.warmup_concurrency_ramp_duration;
    warmup_prefill_concurrency: NonZeroU32 = "--warmup-prefill-concurrency" in warmup.warmup_prefill_concurrency;
    warmup_prefill_concurrency_ramp_duration: f64
        = "--warmup-prefill-concurrency-ramp-duration" in warmup.warmup_prefill_concurrency_ramp_duration;
    agentic_cache_warmup_duration: f64
        = "--agentic-cache-warmup-duration" in warmup.agentic_cache_warmup_duration;
    agentic_warmup_grace_period: Grace = "--agentic-warmup-grace-period" in warmup.agentic_warmup_grace_period;
    phases: Vec<PhaseText> = "--phases" in phases.phases;
    workers: usize = "--workers" in workers;
    random_seed: u64 = "--random-seed" in random_seed;
    isl: u32 = "--isl" in isl;
    isl_stddev: f64 = "--isl-stddev" in isl_stddev;
    osl: u32 = "--osl" in osl;
    osl_stddev: f64 = "--osl-stddev" in osl_stddev;
    isl_distribution: SequenceLaw = "--isl-distribution" in lengths.isl_distribution;
    osl_distribution: SequenceLaw = "--osl-distribution" in lengths.osl_distribution;
    seq_dist: Mix = "--seq-dist" in lengths.seq_dist;
    random_range_ratio: RangeRatio = "--random-range-ratio" in lengths.random_range_ratio;
    random_corpus_style: RandomStyle = "--random-corpus-style" in lengths.random_corpus_style;
    prompt_corpus: PromptCorpus = "--prompt-corpus" in lengths.prompt_corpus;
    batch_size: usize = "--batch-size" in batch_size;
    num_conversations: NonZeroU64 = "--num-conversations" in dialogues.num_conversations;
    conversation_turn_mean: u32 = "--conversation-turn-mean" in dialogues.turn_mean;
    conversation_turn_stddev: f64 = "--conversation-turn-stddev" in dialogues.turn_stddev;
    conversation_turn_delay_mean: f64 = "--conversation-turn-delay-mean" in dialogues.delay_mean;
    conversation_turn_delay_stddev: f64 = "--conversation-turn-delay-stddev" in dialogues.delay_stddev;
    conversation_turn_delay_ratio: f64 = "--conversation-turn-delay-ratio" in dialogues.delay_ratio;
    replies: ReplyPolicy = "--replies" in dialogues.replies;
    cache_bust: CacheBustTarget = "--cache-bust" in dialogues.cache_bust;
    system_prompt: String = "--system-prompt" in dialogues.system_prompt;
    system_prompt_file: PathBuf = "--system-prompt-file" in dialogues.system_prompt_file;
    shared_system_prompt_length: NonZeroU32
        = "--shared-system-prompt-length" in dialogues.shared_system_prompt_length;
    user_context_prompt_length: NonZeroU32
        = "--user-context-prompt-length" in dialogues.user_context_prompt_length;
    num_prefix_prompts: NonZeroU32 = "--num-prefix-prompts" in dialogues.num_prefix_prompts;
    prefix_prompt_length: NonZeroU32 = "--prefix-prompt-length" in dialogues.prefix_prompt_length;
    fixed_schedule: () = "--fixed-schedule" in replay.fixed_schedule;
    no_fixed_schedule: () = "--no-fixed-schedule" in replay.no_fixed_schedule;
    fixed_schedule_auto_offset: () = "--fixed-schedule-auto-offset" in replay.fixed_schedule_auto_offset;
    fixed_schedule_start_offset: f64 = "--fixed-schedule-start-offset" in replay.start_offset;
    fixed_schedule_end_offset: f64 = "--fixed-schedule-end-offset" in replay.end_offset;
    replay_speedup: f64 = "--replay-speedup" in replay.speedup;
    session_leave_rate: f64 = "--session-leave-rate" in agents.session_leave_rate;
    trajectory_start_min_ratio: f64 = "--trajectory-start-min-ratio" in agents.trajectory_start_min_ratio;
    trajectory_start_max_ratio: f64 = "--trajectory-start-max-ratio" in agents.trajectory_start_max_ratio;
    burst_phase_starts: () = "--burst-phase-starts" in agents.burst_phase_starts;
    no_burst_phase_starts: () = "--no-burst-phase-starts" in agents.no_burst_phase_starts;
    scenario: ScenarioName = "--scenario" in agents.scenario;
    unsafe_override: () = "--unsafe-override" in agents.unsafe_override;
    context_overflow: OverflowPolicy = "--context-overflow" in agents.context_overflow;
    inter_turn_delay_cap_seconds: f64
        = "--inter-turn-delay-cap-seconds" in agents.inter_turn_delay_cap_seconds;
    trace_idle_gap_cap_seconds: f64 = "--trace-idle-gap-cap-seconds" in agents.trace_idle_gap_cap_seconds;
    max_idle_gap_cap_seconds: f64 = "--max-idle-gap-cap-seconds" in agents.max_idle_gap_cap_seconds;
    open_loop_replay: () = "--open-loop-replay" in agents.open_loop_replay;
    no_open_loop_replay: () = "--no-open-loop-replay" in agents.no_open_loop_replay;
    ignore_trace_delays: () = "--ignore-trace-delays" in agents.ignore_trace_delays;
    rankings_passages: u32 = "--rankings-passages-mean" in rankings.passages;
    rankings_passages_stddev: f64 = "--rankings-passages-stddev" in rankings.passages_stddev;
    rankings_passage_tokens: u32 = "--rankings-passages-prompt-token-mean" in rankings.passage_tokens;
    rankings_passage_tokens_stddev: f64
        = "--rankings-passages-prompt-token-stddev" in rankings.passage_tokens_stddev;
    rankings_query_tokens: u32 = "--rankings-query-prompt-token-mean" in rankings.query_tokens;
    rankings_query_tokens_stddev: f64 = "--rankings-query-prompt-token-stddev" in rankings.query_tokens_stddev;
    image_width_mean: f64 = "--image-width-mean" in media.image_width_mean;
    image_width_stddev: f64 = "--image-width-stddev" in media.image_width_stddev;
    image_height_mean: f64 = "--image-height-mean" in media.image_height_mean;
    image_height_stddev: f64 = "--image-height-stddev" in media.image_height_stddev;
    image_format: ImageFormat = "--image-format" in media.image_format;
    image_source: ImageSource = "--image-source" in media.image_source;
    image_source_sampling: PictureSampling = "--image-source-sampling" in media.image_source_sampling;
    image_batch_size: usize = "--image-batch-size" in media.image_batch_size;
    audio_length_mean: f64 = "--audio-length-mean" in media.audio_length_mean;
    audio_length_stddev: f64 = "--audio-length-stddev" in media.audio_length_stddev;
    audio_format: AudioFormat = "--audio-format" in media.audio_format;
    audio_depths: Vec<u16> = "--audio-depths" in media.audio_depths;
    audio_sample_rates: Vec<u32> = "--audio-sample-rates" in media.audio_sample_rates;
    audio_num_channels: u16 = "--audio-num-channels" in media.audio_num_channels;
    audio_batch_size: usize = "--audio-batch-size" in media.audio_batch_size;
    video_width: u32 = "--video-width" in videos.video_width;
    video_height: u32 = "--video-height" in videos.video_height;
    video_duration: f64 = "--video-duration" in videos.video_duration;
    video_fps: u32 = "--video-fps" in videos.video_fps;
    video_synth_type: VideoContent = "--video-synth-type" in videos.video_synth_type;
    video_format: VideoFormat = "--video-format" in videos.video_format;
    video_codec: String = "--video-codec" in videos.video_codec;
    video_batch_size: usize = "--video-batch-size" in videos.video_batch_size;
    video_audio_num_channels: u16 = "--video-audio-num-channels" in videos.video_audio_num_channels;
    video_audio_sample_rate: u32 = "--video-audio-sample-rate" in videos.video_audio_sample_rate;
    video_audio_codec: String = "--video-audio-codec" in videos.video_audio_codec;
    video_audio_depth: u16 = "--video-audio-depth" in videos.video_audio_depth;
    isl_block_size: NonZeroU32 = "--isl-block-size" in reshaping.isl_block_size;
    max_context_length: NonZeroU64 = "--max-context-length" in reshaping.max_context_length;
    trace_session_sample_ratio: f64 = "--trace-session-sample-ratio" in reshaping.trace_session_sample_ratio;
    synthesis_max_isl: NonZeroU64 = "--synthesis-max-isl" in reshaping.synthesis_max_isl;
    synthesis_prefix_len_multiplier: f64
        = "--synthesis-prefix-len-multiplier" in reshaping.synthesis_prefix_len_multiplier;
    synthesis_prefix_root_multiplier: NonZeroU32
        = "--synthesis-prefix-root-multiplier" in reshaping.synthesis_prefix_root_multiplier;
    synthesis_prompt_len_multiplier: f64
        = "--synthesis-prompt-len-multiplier" in reshaping.synthesis_prompt_len_multiplier;
    synthesis_output_len_multiplier: f64
        = "--synthesis-output-len-multiplier" in reshaping.synthesis_output_len_multiplier;
    synthesis_max_osl: NonZeroU64 = "--synthesis-max-osl" in reshaping.synthesis_max_osl;
    force_min_tokens: () = "--force-min-tokens" in reshaping.force_min_tokens;
    no_force_min_tokens: () = "--no-force-min-tokens" in reshaping.no_force_min_tokens;
    num_dataset_entries: usize = "--num-dataset-entries" in num_dataset_entries;
    dataset_sampling_strategy: crate::plan::Sampling
        = "--dataset-sampling-strategy" in dataset_sampling_strategy;
    input_file: PathBuf = "--input-file" in input_file;
    custom_dataset_type: crate::plan::FileFormat = "--custom-dataset-type" in custom_dataset_type;
    public_dataset: String = "--public-dataset" in public_dataset;
    data_dir: PathBuf = "--data-dir" in data_dir;
    tokenizer: String = "--tokenizer" in tokenizer;
    tokenizer_revision: String = "--tokenizer-revision" in tokenizer_revision;
    apply_chat_template: () = "--apply-chat-template" in apply_chat_template;
    use_server_token_count: () = "--use-server-token-count" in use_server_token_count;
    server_metrics: Vec<String> = "--server-metrics" in server_metrics;
    server_metrics_header: Vec<String> = "--server-metrics-header" in server_metrics_header;
    server_metrics_interval: f64 = "--server-metrics-interval" in server_metrics_interval;
    no_server_metrics: () = "--no-server-metrics" in no_server_metrics;
    network_latency: () = "--network-latency" in telemetry.network_latency;
    network_latency_ping_interval: f64
        = "--network-latency-ping-interval" in telemetry.network_latency_ping_interval;
    gpu_telemetry: Vec<String> = "--gpu-telemetry" in telemetry.gpu_telemetry;
    no_gpu_telemetry: () = "--no-gpu-telemetry" in telemetry.no_gpu_telemetry;
    traceparent: () = "--traceparent" in telemetry.traceparent;
    otel_url: String = "--otel-url" in telemetry.otel_url;
    otel_spans: crate::plan::OtelSpans = "--otel-spans" in telemetry.otel_spans;
    otel_resource_attributes: Vec<String> = "--otel-resource-attributes" in telemetry.otel_resource_attributes;
    gen_ai_provider: String = "--gen-ai-provider" in telemetry.gen_ai_provider;
    service: Vec<String> = "--service" in service;
    no_service: Vec<String> = "--no-service" in no_service;
    service_option: Vec<String> = "--service-option" in service_option;
    api_port: u16 = "--api-port" in live.api_port;
    api_host: IpAddr = "--api-host" in live.api_host;
    isolate: Vec<String> = "--isolate" in isolate;
    agents: Vec<AgentsWord> = "--agents" in machines.agents;
    agents_timeout: f64 = "--agents-timeout" in machines.agents_timeout;
    on_agent_loss: OnLoss = "--on-agent-loss" in machines.on_agent_loss;
    ssh: String = "--ssh" in machines.ssh;
    nats: String = "--nats" in machines.nats;
    nats_server: PathBuf = "--nats-server" in machines.nats_server;
    nats_token: String = "--nats-token" in machines.nats_token;
    nats_creds: PathBuf = "--nats-creds" in machines.nats_creds;
    nats_tls_ca: PathBuf = "--nats-tls-ca" in machines.nats_tls_ca;
    nats_tls_cert: PathBuf = "--nats-tls-cert" in machines.nats_tls_cert;
    nats_tls_key: PathBuf = "--nats-tls-key" in machines.nats_tls_key;
    before_run: String = "--before-run" in hooks.before_run;
    after_run: String = "--after-run" in hooks.after_run;
    before_phase: Vec<String> = "--before-phase" in hooks.before_phase;
    after_phase: Vec<String> = "--after-phase" in hooks.after_phase;
    hook_timeout: f64 = "--hook-timeout" in hooks.hook_timeout;
    reset_kv_cache: () = "--reset-kv-cache" in hooks.reset_kv_cache;
    reset_kv_cache_path: String = "--reset-kv-cache-path" in hooks.reset_kv_cache_path;
    reset_kv_cache_timeout_seconds: f64 = "--reset-kv-cache-timeout-seconds" in hooks.reset_kv_cache_timeout_seconds;
    server_profiler: () = "--server-profiler" in hooks.server_profiler;
    server_profiler_start_path: String = "--server-profiler-start-path" in hooks.server_profiler_start_path;
    server_profiler_stop_path: String = "--server-profiler-stop-path" in hooks.server_profiler_stop_path;
    server_profiler_timeout_seconds: f64
        = "--server-profiler-timeout-seconds" in hooks.server_profiler_timeout_seconds;
    artifact_dir: PathBuf = "--artifact-dir" in artifact_dir;
    export_outputs_json: () = "--export-outputs-json" in export_outputs_json;
    export_http_trace: () = "--export-http-trace" in export_http_trace;
    compat: Vec<Compat> = "--compat" in exports.compat;
    export_level: ExportLevel = "--export-level" in exports.export_level;
    slice_duration: f64 = "--slice-duration" in exports.slice_duration;
    profile_export_prefix: String = "--profile-export-prefix" in exports.profile_export_prefix;
    server_metrics_formats: Vec<ServerMetricsFormat> = "--server-metrics-formats" in exports.server_metrics_formats;
    auto_plot: () = "--auto-plot" in plots.auto_plot;
    plot_required: () = "--plot-required" in plots.plot_required;
    dry_run: NonZeroU64 = "--dry-run" in dry_run;
    dry_run_output: PathBuf = "--dry-run-output" in dry_run_output;
    overwrite: () = "--overwrite" in overwrite;
    format: ReportFormat = "--format" in format;
}

impl RunSpec {
    /// The same with what names on the disk turned out to mean.
    pub(crate) fn located(mut self, tokenizer: Option<NamedTokenizer>, dataset: Option<PathBuf>) -> Self {
        let path = tokenizer.as_ref().map(|found| found.folder.to_string_lossy().into_owned());
        if let (Some((name, _)), Some(path)) = (&mut self.tokenizer.given, path) {
            *name = path;
        }
        self.named_tokenizer = tokenizer;
        let by = self.public_dataset.origin().filter(|_| !self.input_file.is_given());
        self.input_file.given = self.input_file.given.or_else(|| dataset.zip(by));
        self
    }

    /// What was typed, and the key in the environment where none was.
    pub(crate) fn new(flags: &ProfileFlags, key: Option<&str>) -> Self {
        let mut spec = Self::typed(flags);
        let key = key.map(|key| (key.to_owned(), Origin::Variable(API_KEY_VARIABLE)));
        spec.api_key.given = spec.api_key.given.or(key);
        spec
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::{Args, Command};

    use super::*;
    use crate::config::flags::tests::{flags, flags_of};

    /// What somebody asks for who types these words.
    pub(crate) fn spec(line: &str) -> RunSpec {
        RunSpec::new(&flags(line).unwrap(), None)
    }

    /// The same, of words that may have spaces.
    pub(crate) fn spec_of(words: &[&str]) -> RunSpec {
        RunSpec::new(&flags_of(words.iter().copied()).unwrap(), None)
    }

    #[test]
    fn every_setting_is_a_flag_and_they_are_in_the_order_of_the_help() {
        let command = ProfileFlags::augment_args(Command::new("profile"));
        let known: Vec<String> =
            command.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect();
        let places = FLAGS.iter().map(|flag| known.iter().position(|name| name == flag.0));
        let places: Vec<usize> = places.map(|place| place.expect("a flag of the command line")).collect();
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn a_value_knows_where_it_comes_from() {
        let origins = |line: &str| {
            let spec = RunSpec::new(&flags(line).unwrap(), Some("k"));
            [spec.api_key.origin(), spec.isl.origin(), spec.streaming.origin(), spec.header.origin()]
                .map(|origin| origin.map(|origin| origin.to_string()))
        };
        assert_eq!(origins(""), [Some("PRONY_API_KEY".to_owned()), None, None, None]);
        let typed = ["--api-key", "--isl", "--streaming", "--header"].map(|name| Some(name.to_owned()));
        assert_eq!(origins("--api-key a --isl 5 --streaming -H A:b"), typed);
    }
}
