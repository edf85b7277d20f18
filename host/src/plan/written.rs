//! How a plan is written down: in journals and reports, and for workers in another process.
//!
//! The form is older than the types, and stays as it is: what is new in a plan has fields of its own, which stand there only
//! where they say something.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
};

use prony_plugin_api::message::PhaseKind;
use serde::{Deserialize, Serialize};

use super::{
    Plan,
    agents::AgentsPlan,
    cache_bust::CacheBust,
    classes::Classes,
    content::{DatasetConfig, ReplyPolicy, TokenizerChoice},
    exports::Exports,
    hooks::Hooks,
    load::{Law, Limit, Load, Smoothness, Users},
    lossy,
    objective::{Objective, RunObjective},
    phase::{DEFAULT_DRAIN_S, Phase, Role},
    price::Price,
    ramp::Ramp,
    replay::Replay,
    rules::{CacheFilling, Cancellation, OverflowPolicy, Rules, StartWindow},
    sampling::Sampling,
    scenario::Scenario,
    services::{ServerMetricsConfig, ServicesConfig},
    stop::{Grace, StopRule, TimeLimit},
    target::Target,
    telemetry::TelemetryConfig,
};

/// Why something that was written down is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrittenError {
    /// Nothing ends a phase.
    #[error("phase {0} never stops sending")]
    Endless(u32),
    /// A closed loop needs a number.
    #[error("phase {0} is a closed loop without a number of sessions")]
    NoSessions(u32),
}

/// A plan as it is written down. All that it was made of is in it but the key: it is for those who hide its other secrets
/// first, and for workers in another process.
#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the user's")]
pub(crate) struct WrittenPlan {
    target: Target,
    dataset: DatasetConfig,
    tokenizer: TokenizerChoice,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    apply_chat_template: bool,
    phases: Vec<WrittenPhase>,
    #[serde(default, skip_serializing_if = "Sampling::is_sequential")]
    sampling: Sampling,
    random_seed: u64,
    workers: usize,
    #[serde(serialize_with = "lossy::path")]
    artifact_dir: PathBuf,
    server_metrics: ServerMetricsConfig,
    #[serde(default, skip_serializing_if = "TelemetryConfig::is_none")]
    telemetry: TelemetryConfig,
    #[serde(default)]
    isolate: Vec<String>,
    #[serde(default)]
    services: ServicesConfig,
    #[serde(default)]
    export_outputs: bool,
    #[serde(default)]
    export_http_trace: bool,
    #[serde(default, skip_serializing_if = "Exports::are_default")]
    exports: Exports,
    #[serde(default = "default_drain_s")]
    drain_s: f64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_recorded: bool,
    #[serde(default)]
    deadline_s: Option<f64>,
    #[serde(default)]
    replies: ReplyPolicy,
    #[serde(default, skip_serializing_if = "CacheBust::is_none")]
    cache_bust: CacheBust,
    #[serde(default, skip_serializing_if = "Classes::is_empty")]
    classes: Classes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    goodput: Vec<Objective>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    slo: Vec<RunObjective>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    #[serde(default, skip_serializing_if = "Hooks::are_none")]
    hooks: Hooks,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scenario: Option<Scenario>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agents: Option<AgentsPlan>,
}

fn default_drain_s() -> f64 {
    DEFAULT_DRAIN_S
}

#[derive(Serialize, Deserialize)]
struct WrittenPhase {
    kind: PhaseKind,
    /// Its name, where it is not that of its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    arrival: WrittenArrival,
    /// Sessions of a closed loop, the most requests of an open one.
    concurrency: Option<Ramp<u32>>,
    /// The most sessions of an open loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_limit: Option<NonZeroU32>,
    request_count: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_count: Option<NonZeroU64>,
    duration_s: Option<f64>,
    /// Infinite where there is a duration and no number.
    grace_s: Option<f64>,
    /// Where it is another one than that of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drain_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefill: Option<Ramp<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancellation: Option<Cancellation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most_failed: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leave_percent: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<StartWindow>,
    #[serde(default, skip_serializing_if = "OverflowPolicy::ends_sessions")]
    overflow: OverflowPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most_idle_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filling: Option<CacheFilling>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    spreads_starts: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hands_over: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "law", rename_all = "snake_case")]
enum WrittenArrival {
    ClosedLoop,
    Constant { rate: Ramp<f64> },
    Poisson { rate: Ramp<f64> },
    Gamma { rate: Ramp<f64>, smoothness: Smoothness },
    Replay { replay: Replay },
    Users { users: Users },
}

impl WrittenPlan {
    /// Writes a plan down.
    pub(crate) fn of(plan: Plan) -> Self {
        let drain_s = plan.phases.first().map_or(DEFAULT_DRAIN_S, |phase| phase.drain_s);
        Self {
            target: plan.target,
            dataset: plan.dataset,
            tokenizer: plan.tokenizer,
            apply_chat_template: plan.apply_chat_template,
            phases: plan.phases.into_iter().map(|phase| WrittenPhase::of(phase, drain_s)).collect(),
            sampling: plan.sampling,
            random_seed: plan.random_seed,
            workers: plan.workers,
            artifact_dir: plan.artifact_dir,
            server_metrics: plan.server_metrics,
            telemetry: plan.telemetry,
            isolate: plan.isolate,
            services: plan.services,
            export_outputs: plan.export_outputs,
            export_http_trace: plan.export_http_trace,
            exports: plan.exports,
            drain_s,
            is_recorded: plan.is_recorded,
            deadline_s: plan.deadline_s,
            replies: plan.replies,
            cache_bust: plan.cache_bust,
            classes: plan.classes,
            goodput: plan.goodput,
            slo: plan.slo,
            price: plan.price,
            hooks: plan.hooks,
            scenario: plan.scenario,
            agents: plan.agents,
        }
    }

    /// Reads it back, without a key.
    ///
    /// # Errors
    /// It makes no sense.
    pub(crate) fn read(self) -> Result<Plan, WrittenError> {
        let phases = (0..).zip(self.phases).map(|(id, phase)| phase.read(id, self.drain_s));
        Ok(Plan {
            target: self.target,
            dataset: self.dataset,
            tokenizer: self.tokenizer,
            apply_chat_template: self.apply_chat_template,
            phases: phases.collect::<Result<_, _>>()?,
            sampling: self.sampling,
            random_seed: self.random_seed,
            workers: self.workers,
            artifact_dir: self.artifact_dir,
            server_metrics: self.server_metrics,
            telemetry: self.telemetry,
            isolate: self.isolate,
            services: self.services,
            export_outputs: self.export_outputs,
            export_http_trace: self.export_http_trace,
            exports: self.exports,
            is_recorded: self.is_recorded,
            deadline_s: self.deadline_s,
            replies: self.replies,
            cache_bust: self.cache_bust,
            classes: self.classes,
            goodput: self.goodput,
            slo: self.slo,
            price: self.price,
            hooks: self.hooks,
            scenario: self.scenario,
            agents: self.agents,
        })
    }
}

impl WrittenPhase {
    fn of(phase: Phase, drain_of_run_s: f64) -> Self {
        let Phase { id: _, name, role, load, stop, drain_s, rules, hands_over } = phase;
        let (arrival, concurrency, session_limit) = match load {
            Load::Closed { sessions } => (WrittenArrival::ClosedLoop, Some(sessions), None),
            Load::Replay { replay, limit } => {
                (WrittenArrival::Replay { replay }, limit.requests, limit.sessions)
            }
            Load::Users { users, limit } => (WrittenArrival::Users { users }, limit.requests, limit.sessions),
            Load::Open { rate, law, limit } => {
                let arrival = match law {
                    Law::Constant => WrittenArrival::Constant { rate },
                    Law::Poisson => WrittenArrival::Poisson { rate },
                    Law::Gamma { smoothness } => WrittenArrival::Gamma { rate, smoothness },
                };
                (arrival, limit.requests, limit.sessions)
            }
        };
        Self {
            kind: role.kind(),
            name: Some(name).filter(|name| name != role.name()),
            arrival,
            concurrency,
            session_limit,
            request_count: stop.requests().and_then(NonZeroU64::new),
            session_count: stop.sessions().and_then(NonZeroU64::new),
            duration_s: stop.duration_s(),
            grace_s: stop.time().and_then(|time| time.grace.seconds()),
            drain_s: Some(drain_s).filter(|drain_s| drain_s.total_cmp(&drain_of_run_s).is_ne()),
            prefill: rules.prefill,
            cancellation: rules.cancellation,
            most_failed: rules.most_failed,
            leave_percent: rules.leave_percent,
            start: rules.start,
            overflow: rules.overflow,
            most_idle_s: rules.most_idle_s,
            filling: rules.filling,
            spreads_starts: rules.spreads_starts,
            hands_over,
        }
    }

    fn read(self, id: u32, drain_of_run_s: f64) -> Result<Phase, WrittenError> {
        let role = Role::from(self.kind);
        let grace = self.grace_s.map_or(Grace::Infinite, Grace::Seconds);
        let time = self.duration_s.map(|duration_s| TimeLimit { duration_s, grace });
        let (requests, session_limit) = (self.concurrency, self.session_limit);
        let open = |law, rate, requests| {
            let limit = Limit { sessions: session_limit, requests };
            Load::Open { rate, law, limit }
        };
        let load = match self.arrival {
            WrittenArrival::ClosedLoop => {
                Load::Closed { sessions: requests.ok_or(WrittenError::NoSessions(id))? }
            }
            WrittenArrival::Constant { rate } => open(Law::Constant, rate, requests),
            WrittenArrival::Poisson { rate } => open(Law::Poisson, rate, requests),
            WrittenArrival::Gamma { rate, smoothness } => open(Law::Gamma { smoothness }, rate, requests),
            WrittenArrival::Replay { replay } => {
                Load::Replay { replay, limit: Limit { sessions: session_limit, requests } }
            }
            WrittenArrival::Users { users } => {
                Load::Users { users, limit: Limit { sessions: session_limit, requests } }
            }
        };
        let (requests, sessions) = (self.request_count, self.session_count);
        let stop = match load {
            Load::Replay { .. } => StopRule::of_replay(requests, sessions, time),
            _ => StopRule::of(requests, sessions, time).ok_or(WrittenError::Endless(id))?,
        };
        Ok(Phase {
            id,
            name: self.name.unwrap_or_else(|| role.name().to_owned()),
            role,
            load,
            stop,
            drain_s: self.drain_s.unwrap_or(drain_of_run_s),
            rules: Rules {
                prefill: self.prefill,
                cancellation: self.cancellation,
                most_failed: self.most_failed,
                leave_percent: self.leave_percent,
                start: self.start,
                overflow: self.overflow,
                most_idle_s: self.most_idle_s,
                filling: self.filling,
                spreads_starts: self.spreads_starts,
            },
            hands_over: self.hands_over,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// A plan with these phases, as a journal has it.
    fn read(phases: Value) -> Result<Plan, String> {
        let mut plan = json!({
            "target": {
                "urls": ["http://h"], "model": "m", "endpoint_type": "chat", "streaming": true, "custom_endpoint": null,
                "request_timeout_s": 5.0, "wait_for_model_timeout_s": 0.0, "headers": [], "extra_inputs": {},
                "use_server_token_count": false
            },
            "dataset": {"type": "raw_payloads", "path": "f", "entries": null},
            "tokenizer": "builtin", "random_seed": 7, "workers": 2, "artifact_dir": "d",
            "server_metrics": {"enabled": false, "urls": []}
        });
        plan["phases"] = phases;
        let written: WrittenPlan = serde_json::from_value(plan).map_err(|error| error.to_string())?;
        written.read().map_err(|error| error.to_string())
    }

    fn phase(changes: &Value) -> Value {
        let mut phase = json!({
            "kind": "profiling", "arrival": {"law": "closed_loop"}, "concurrency": 8, "request_count": 5,
            "duration_s": null, "grace_s": null
        });
        let changes = changes.as_object().unwrap().clone();
        phase.as_object_mut().unwrap().extend(changes);
        phase
    }

    #[rstest]
    #[case::closed(json!({}))]
    #[case::warmup(json!({"kind": "warmup"}))]
    #[case::time(json!({"request_count": null, "duration_s": 60.0, "grace_s": 30.0}))]
    #[case::endless_grace(json!({"duration_s": 60.0}))]
    #[case::open(json!({"arrival": {"law": "poisson", "rate": 2.5}, "concurrency": null}))]
    #[case::limited(json!({"arrival": {"law": "constant", "rate": 40.0}}))]
    #[case::dialogues(json!({"request_count": null, "session_count": 3}))]
    #[case::replay(json!({"arrival": {"law": "replay", "replay": {"speed": 2.0, "from_s": null, "until_s": 5.0}}, "request_count": null}))]
    #[case::users(json!({"arrival": {"law": "users", "users": {"number": 5, "rate": 2.5}}, "concurrency": null}))]
    #[case::named(json!({"name": "second", "drain_s": 2.0, "hands_over": true}))]
    #[case::gamma(json!({"arrival": {"law": "gamma", "rate": 2.5, "smoothness": 0.5}, "concurrency": null}))]
    #[case::sessions(json!({"arrival": {"law": "constant", "rate": 40.0}, "session_limit": 3}))]
    #[case::prefill(json!({"prefill": {"linear": {"from": 1, "to": 4, "over_s": 9.0}}}))]
    #[case::rules(json!({"cancellation": {"percent": 10.0, "delay_s": 0.5}, "most_failed": 0.25}))]
    #[case::agents(json!({"leave_percent": 5.0, "start": {"least": 0.25, "most": 0.75}, "overflow": "fail"}))]
    #[case::pauses(json!({"most_idle_s": 10.0, "filling": "first_turns", "spreads_starts": true}))]
    #[case::ramp(json!({"concurrency": {"linear": {"from": 1, "to": 8, "over_s": 60.0}}}))]
    #[case::changing_limit(json!({
        "arrival": {"law": "constant", "rate": 4.0}, "concurrency": {"linear": {"from": 1, "to": 8, "over_s": 60.0}}
    }))]
    #[case::rates(json!({"arrival": {"law": "poisson", "rate": {"steps": [[0.0, 1.0], [9.0, 5.0]]}}}))]
    fn a_phase_is_written_as_it_was_read(#[case] changes: Value) {
        let phases = json!([phase(&json!({})), phase(&changes)]);
        let plan = read(phases.clone()).unwrap();
        let written = WrittenPlan::of(plan.clone());
        assert_eq!(serde_json::to_value(&written).unwrap()["phases"], phases);
        let packed = rmp_serde::to_vec_named(&written).unwrap();
        assert_eq!(rmp_serde::from_slice::<WrittenPlan>(&packed).unwrap().read().unwrap(), plan);
    }

    #[rstest]
    #[case::endless(json!({"request_count": null}), "phase 0 never stops sending")]
    #[case::no_requests(json!({"request_count": 0}), "nonzero")]
    #[case::no_sessions(json!({"concurrency": null}), "phase 0 is a closed loop without a number of sessions")]
    #[case::no_smoothness(
        json!({"arrival": {"law": "gamma", "rate": 4.0, "smoothness": 0.0}}),
        "draw gamma gaps with a smoothness of 0: it must be from 0.001 to 1000000"
    )]
    fn what_makes_no_sense_is_no_plan(#[case] changes: Value, #[case] reason: &str) {
        let error = read(json!([phase(&changes)])).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}
