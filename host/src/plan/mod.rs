//! The plan of a run: what is measured, with which requests, in which phases. Resolved and checked.
//!
//! Pure data: no flags, no files, no clock. A plan that makes no sense cannot be written down: a closed loop has a number of
//! sessions, a phase has an end, a grace period has a duration before it.

mod agents;
mod cache_bust;
mod classes;
mod content;
mod corpus;
mod deal;
mod dialogue;
mod exports;
mod hooks;
mod length;
mod load;
pub(crate) mod lossy;
pub(crate) mod media;
mod objective;
mod phase;
mod price;
mod ramp;
mod replay;
mod reply_lengths;
mod reshaping;
mod rules;
mod sampling;
mod scenario;
mod secret;
mod services;
mod speed_bench;
mod stop;
mod target;
mod telemetry;
mod written;

use std::{path::PathBuf, time::Duration};

pub(crate) use self::{
    agents::{AgentsPlan, MOST_AGENTS, NatsPlan, OnLoss, SshHost, SshPlan, WantedAgents},
    cache_bust::{CacheBust, CacheBustTarget},
    classes::{Class, ClassKind, Classes},
    content::{DatasetConfig, Encoding, FileFormat, ReplyPolicy, TokenizerChoice},
    corpus::PromptCorpus,
    deal::{Deal, DealOrder, common_divisor},
    dialogue::{ContextConfig, DialogueConfig, PrefixPool, SystemPrompt},
    exports::{Compat, ExportLevel, Exports, ServerMetricsFormat},
    hooks::{CacheReset, Hooks, PhaseCommand, ProfilerCalls},
    length::{LengthLaw, LengthPair, ObservedLength, SequenceLaw, SequenceLengths, log_deviation},
    load::{Law, Limit, Load, Smoothness, Users},
    objective::{MetricFacts, Objective, RunObjective, Side},
    phase::{DEFAULT_DRAIN_S, Phase, Role},
    price::Price,
    ramp::{Level, Piece, Ramp, RampError},
    replay::{RecordedTiming, Replay, StepTiming},
    reply_lengths::without_reply_lengths,
    reshaping::{Reshaping, Synthesis},
    rules::{CacheFilling, Cancellation, OverflowPolicy, Rules, StartWindow},
    sampling::{Sampling, SessionOrder},
    scenario::{Scenario, ScenarioName},
    secret::Secret,
    services::{LiveApiConfig, ServerMetricsConfig, ServiceOption, ServicesConfig},
    speed_bench::SpeedBenchRows,
    stop::{Grace, StopRule, TimeLimit},
    target::{ConnectionReuse, DEFAULT_CONNECT_TIMEOUT_S, FlagOption, Target, TlsConfig, TransportKind},
    telemetry::{GpuConfig, NetworkLatencyConfig, OtelConfig, OtelSpans, TelemetryConfig},
    written::{WrittenError, WrittenPlan},
};

/// Everything that decides a run, its secrets included: it cannot be written. What can is a `Redacted` plan.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the user's")]
pub(crate) struct Plan {
    /// What is measured.
    pub(crate) target: Target,
    /// Where the requests' content comes from.
    pub(crate) dataset: DatasetConfig,
    /// What counts tokens.
    pub(crate) tokenizer: TokenizerChoice,
    /// Inputs are counted as the model's chat template makes them.
    pub(crate) apply_chat_template: bool,
    /// The phases, in their order. The number of each is its place here.
    pub(crate) phases: Vec<Phase>,
    /// How sessions are taken from it, where no recording says when they start.
    pub(crate) sampling: Sampling,
    /// Root of every random stream.
    pub(crate) random_seed: u64,
    /// Worker threads.
    pub(crate) workers: usize,
    /// Folder of this run's files. Until it exists, one that the user did not name lacks the date in its name.
    pub(crate) artifact_dir: PathBuf,
    /// Where server metrics are scraped.
    pub(crate) server_metrics: ServerMetricsConfig,
    /// What is watched around the load, and told to others.
    pub(crate) telemetry: TelemetryConfig,
    /// Endpoints and services that run in a process of their own whatever their manifests say.
    pub(crate) isolate: Vec<String>,
    /// Which services run beside the load.
    pub(crate) services: ServicesConfig,
    /// Keep the generated texts in the journal.
    pub(crate) export_outputs: bool,
    /// Write the instants of each request into its line.
    pub(crate) export_http_trace: bool,
    /// Which files the run leaves beside those that every run leaves.
    pub(crate) exports: Exports,
    /// The mock server sends a recorded response, whatever it is asked.
    pub(crate) is_recorded: bool,
    /// Seconds from the start of the run to its end at the latest.
    pub(crate) deadline_s: Option<f64>,
    /// Whose replies become part of what was said in a session.
    pub(crate) replies: ReplyPolicy,
    /// What keeps a server's prefix cache from knowing conversations.
    pub(crate) cache_bust: CacheBust,
    /// What kinds of sessions there are; none where all are alike.
    pub(crate) classes: Classes,
    /// What a good request keeps to; nothing is judged without any.
    pub(crate) goodput: Vec<Objective>,
    /// What the run as a whole keeps to.
    pub(crate) slo: Vec<RunObjective>,
    /// What it costs, if the user says so.
    pub(crate) price: Option<Price>,
    /// What is done around it and its phases.
    pub(crate) hooks: Hooks,
    /// The scenario that it is a run of, if it is of one.
    pub(crate) scenario: Option<Scenario>,
    /// The agents that have its workers; they are in this program where there are none.
    pub(crate) agents: Option<AgentsPlan>,
}

impl Plan {
    /// What of the dataset is replayed at its own instants, if it is.
    pub(crate) fn replay(&self) -> Option<Replay> {
        self.phases.iter().find_map(|phase| phase.load.replay())
    }

    /// What decides which session comes when.
    pub(crate) fn session_order(&self) -> SessionOrder {
        self.replay().map_or(SessionOrder::Sampled(self.sampling), SessionOrder::Recorded)
    }

    /// Notes how many tokens a marker costs. Generated prompts are shorter by as many, so that they are as long as asked for.
    pub(crate) fn price_markers(&mut self, tokens: u32) {
        self.cache_bust.tokens = tokens;
        if !self.cache_bust.target.is_of_warmup() {
            self.dataset.leave_room(tokens);
        }
    }

    /// The time from the start of the run to its end at the latest, if there is a limit.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.deadline_s?).ok()
    }
}
