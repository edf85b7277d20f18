//! A run small enough to be worked out by hand, for tests.
//!
//! Closed loop, two in flight. A warm-up request, then four requests in a window of one second: `a` and `b` succeed, `c`
//! is cut in the middle, `d` gets a 500.

use prony_plugin_api::{ErrorDetails, TokenUsage, message::PhaseKind};

use crate::{
    config::redact,
    plan::{
        CacheBust, Classes, ConnectionReuse, ContextConfig, DatasetConfig, DialogueConfig, Exports, Hooks,
        LengthLaw, Load, Phase, Plan, PromptCorpus, Ramp, ReplyPolicy, Role, Rules, Sampling, SequenceLaw,
        SequenceLengths, ServerMetricsConfig, ServicesConfig, StopRule, Target, TelemetryConfig, TlsConfig,
        TokenizerChoice, TransportKind, media::MediaConfig,
    },
    plugin::UsedPlugin,
    record::{
        Capabilities, CountedTokens, DelaySummary, Frame, HostFacts, Instants, Outcome, PolicyRecord,
        ProcessUsage, Record, RunEnd, RunHeader, ScheduleCounts, ServiceReport, ServiceState, WorkerUsage,
        settings::described,
    },
};

/// Nanoseconds in a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// What the run was asked to do.
pub(crate) fn header() -> RunHeader {
    let (settings, config) = described(&redact::plan(&config(), &redact::Redactor::default())).unwrap();
    RunHeader {
        run_id: "6f1e3a52-07c4-4c1b-9c58-d1b2ab3d9e11".into(),
        version: "0.1.0".into(),
        settings,
        config,
        command: "prony profile --model m".into(),
        // 2026-11-24T02:49:37Z
        tokenizer: Some("o200k_base sha256:0".into()),
        wall_start_ns: 1_795_488_577_000_000_000,
        capabilities: Capabilities {
            metrics_title: "LLM Metrics".into(),
            produces_tokens: true,
            tokenizes_input: true,
            streaming: true,
            longer_output_hint: Some(
                "if the server does not know `max_completion_tokens`, use `--use-legacy-max-tokens`".into(),
            ),
        },
        plugin_policy: PolicyRecord { name: "any".into(), set_by: "prony's default".into() },
        plugins: vec![chat_plugin()],
        host: Some(machine()),
    }
}

fn machine() -> HostFacts {
    HostFacts {
        os: "linux".into(),
        architecture: "x86_64".into(),
        kernel: Some("6.1.0".into()),
        cores: 2,
        cpu_model: Some("A Processor".into()),
        memory_bytes: Some(4 << 30),
    }
}

fn chat_plugin() -> UsedPlugin {
    UsedPlugin {
        category: "endpoint".into(),
        name: "chat".into(),
        class: "endpoint_openai:ChatEndpoint".into(),
        package: "endpoint-openai".into(),
        version: "0.1.0".into(),
        contract: "1.0".into(),
        rustc: "rustc 1.90.0".into(),
        opt_level: "3".into(),
        library: "/lib/prony/libendpoint_openai.so".into(),
        sha256: "sha256-0".into(),
        manifest: "/lib/prony/plugins.yaml".into(),
        tier: "built-in".into(),
    }
}

/// Its plan.
pub(crate) fn config() -> Plan {
    let phase = |id, role: Role, requests: u64| Phase {
        id,
        name: role.name().into(),
        role,
        load: Load::Closed { sessions: Ramp::constant(2).unwrap() },
        stop: StopRule::after_requests(requests.try_into().unwrap()),
        drain_s: 8.0,
        rules: Rules::default(),
        hands_over: false,
    };
    Plan {
        target: Target {
            urls: vec!["http://127.0.0.1:8000".into()],
            proxies: Vec::new(),
            model: "m".into(),
            endpoint_type: "chat".into(),
            streaming: true,
            custom_endpoint: None,
            request_timeout_s: 60.0,
            wait_for_model_timeout_s: 0.0,
            headers: Vec::new(),
            session_headers: Vec::new(),
            api_key: None,
            extra_inputs: serde_json::Map::new(),
            endpoint_options: serde_json::Map::new(),
            use_server_token_count: false,
            flag_options: Vec::new(),
            transport: TransportKind::Timed,
            http2: false,
            connection_reuse: ConnectionReuse::Pooled,
            preconnect: false,
            connect_timeout_s: 10.0,
            first_byte_timeout_s: None,
            idle_timeout_s: None,
            tls: TlsConfig::default(),
        },
        dataset: DatasetConfig::Synthetic {
            entries: Some(4),
            lengths: SequenceLengths::Apart {
                isl: SequenceLaw::Normal(LengthLaw { mean: 25.0, stddev: 0.0 }),
                osl: Some(SequenceLaw::Normal(LengthLaw { mean: 4.0, stddev: 0.0 })),
            },
            batch_size: 1,
            media: MediaConfig::default(),
            dialogue: DialogueConfig::default(),
            context: ContextConfig::default(),
            corpus: PromptCorpus::default(),
        },
        tokenizer: TokenizerChoice::Builtin,
        apply_chat_template: false,
        phases: vec![phase(0, Role::Warmup, 1), phase(1, Role::Measured, 4)],
        sampling: Sampling::default(),
        random_seed: 42,
        workers: 1,
        artifact_dir: "artifacts".into(),
        server_metrics: ServerMetricsConfig::default(),
        telemetry: TelemetryConfig::default(),
        services: ServicesConfig::default(),
        isolate: Vec::new(),
        export_outputs: false,
        export_http_trace: false,
        exports: Exports::default(),
        deadline_s: None,
        replies: ReplyPolicy::Live,
        cache_bust: CacheBust::default(),
        classes: Classes::default(),
        goodput: Vec::new(),
        slo: Vec::new(),
        price: None,
        hooks: Hooks::default(),
        scenario: None,
        agents: None,
        is_recorded: false,
    }
}

/// A success of phase 1: sent at `sent` ms, its first token `first` ms later, then a gap of so many ms before each
/// further read, over `end` ms after it was sent.
fn success(name: &str, sent: u64, first: u64, gaps: &[u64], end: u64) -> Record {
    let first_token = sent + first;
    let last_token = first_token + gaps.iter().sum::<u64>();
    Record {
        request_id: name.into(),
        phase: 1,
        conversation_id: format!("session_{name}"),
        instants: Instants {
            scheduled: sent * MS,
            started: sent * MS,
            sent: Some(sent * MS),
            first_byte: Some((first_token - 2) * MS),
            first_token: Some(first_token * MS),
            first_output_token: Some(first_token * MS),
            last_token: Some(last_token * MS),
            end: (sent + end) * MS,
            ..Instants::default()
        },
        status: Some(200),
        chunk_gaps_ns: gaps.iter().map(|gap| gap * MS).collect(),
        token_events: gaps.len() as u64 + 1,
        largest_read_bytes: 300,
        response_bytes: 900,
        counted: CountedTokens {
            input: Some(25),
            output: Some(4),
            reasoning: Some(0),
            first_arrival: Some(1),
            ..CountedTokens::default()
        },
        usage: Some(TokenUsage {
            prompt: Some(30),
            completion: Some(4),
            total: Some(34),
            ..TokenUsage::default()
        }),
        requested_output_tokens: Some(4),
        finish_reasons: vec!["stop".into()],
        model: Some("m".into()),
        ..Record::default()
    }
}

/// Opened a connection from 100 to 102 ms; 50 ms to the first token, 10 between tokens, 100 in all.
pub(crate) fn a() -> Record {
    let mut record = success("a", 102, 50, &[10, 10, 10], 100);
    record.instants.scheduled = 100 * MS;
    record.instants.started = 100 * MS;
    record.instants.connect_start = Some(100 * MS);
    record.instants.connected = Some(102 * MS);
    record
}

/// 100 ms to the first two tokens, two more 30 ms later, 200 in all.
pub(crate) fn b() -> Record {
    let mut record = success("b", 100, 100, &[30], 200);
    record.session_num = 1;
    record.counted.first_arrival = Some(2);
    record
}

/// Would be the fastest of all, if it had not been cut. It ends the window, at 1100 ms.
pub(crate) fn c() -> Record {
    Record {
        session_num: 2,
        instants: Instants { end: 1100 * MS, ..success("c", 202, 1, &[1], 2).instants },
        usage: None,
        finish_reasons: Vec::new(),
        outcome: Outcome::of(Some(ErrorDetails {
            kind: "stream_cut".into(),
            message: "the stream ended after 2 events".into(),
            ..ErrorDetails::default()
        })),
        ..success("c", 202, 1, &[1], 2)
    }
}

/// Refused with a 500.
pub(crate) fn d() -> Record {
    Record {
        request_id: "d".into(),
        phase: 1,
        session_num: 3,
        conversation_id: "session_d".into(),
        instants: Instants {
            scheduled: 300 * MS,
            started: 300 * MS,
            sent: Some(300 * MS),
            first_byte: Some(309 * MS),
            end: 310 * MS,
            ..Instants::default()
        },
        status: Some(500),
        outcome: Outcome::of(Some(ErrorDetails {
            code: Some(500),
            kind: "http_status".into(),
            message: "worker 3 is out of memory".into(),
            ..ErrorDetails::default()
        })),
        ..Record::default()
    }
}

/// The journal: the warm-up, then these records, then the end.
pub(crate) fn journal(header: RunHeader, records: &[Record]) -> Vec<Frame> {
    let counts = |requests| ScheduleCounts { scheduled: requests, ..ScheduleCounts::default() };
    let warmup = Record { phase: 0, ..success("w", 0, 40, &[10, 10, 10], 90) };
    let record = |record: &Record| Frame::Record(Box::new(record.clone()));
    let mut frames = vec![
        Frame::Header(Box::new(header)),
        Frame::PhaseStarted { index: 0, kind: PhaseKind::Warmup, at_ns: 0 },
        record(&warmup),
        Frame::PhaseEnded { index: 0, at_ns: 100 * MS, counts: counts(1), workers: Vec::new() },
        Frame::PhaseStarted { index: 1, kind: PhaseKind::Profiling, at_ns: 100 * MS },
    ];
    frames.extend(records.iter().map(record));
    frames.push(Frame::PhaseEnded {
        index: 1,
        at_ns: 1105 * MS,
        counts: counts(records.len() as u64),
        workers: vec![WorkerUsage {
            wall_ns: 1000 * MS,
            busy_ns: Some(250 * MS),
            queued_ns: Some(10 * MS),
            read_delay: DelaySummary { count: 40, p50_ns: 8_000, p99_ns: 70_000, max_ns: 90_000 },
            ..WorkerUsage::default()
        }],
    });
    let service = ServiceReport {
        name: "server_metrics".into(),
        state: ServiceState::Stopped,
        published: 2,
        ..ServiceReport::default()
    };
    let end = RunEnd {
        usage: Some(ProcessUsage { cpu_ns: 350 * MS, peak_memory_bytes: Some(24 << 20) }),
        at_ns: 1110 * MS,
        services: vec![service],
        plugins: vec![chat_plugin()],
        ..RunEnd::default()
    };
    frames.push(Frame::End(end));
    frames
}
