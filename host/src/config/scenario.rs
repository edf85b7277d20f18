//! Scenarios: which settings they fill in, and which they lock.

use serde_json::{Map, Value};

use super::{
    error::ConfigError,
    flags::{AgentFlags, DialogueFlags, ProfileFlags},
    pairs,
    problems::Problems,
    reshaping,
    spec::{Origin, RunSpec},
};
use crate::plan::{CacheBustTarget, FileFormat, ReplyPolicy, Scenario, without_reply_lengths};

/// A run of the scenario lasts so long unless the user says otherwise, and so long at least, in seconds.
const DURATION_S: f64 = 1800.0;
const LEAST_DURATION_S: f64 = 900.0;

/// The longest time in which nothing of a session goes on, in seconds.
const IDLE_CAP_S: f64 = 10.0;

/// The field by which replies are as long as they are asked for.
const IGNORE_EOS: &str = "ignore_eos";

/// A setting that the scenario locks, and that says something else.
struct Broken {
    by: Origin,
    /// What the scenario wants.
    departure: &'static str,
    /// Why the two do not go together.
    reason: &'static str,
}

/// Each lock as what the scenario wants, and where a setting comes from that says something else.
macro_rules! locks {
    ($($departure:literal: $origins:expr,)*) => {
        [$(($departure, concat!($departure, "; `--unsafe-override` allows it, and the result is then not valid"), $origins)),*]
    };
}

/// The scenario that is asked for, if one is, and what the settings have otherwise.
pub(super) fn scenario(spec: &RunSpec, problems: &mut Problems) -> Option<Scenario> {
    problems.require(&spec.unsafe_override, &spec.scenario);
    let (name, scenario) = spec.scenario.given()?;
    problems.require(&spec.scenario, &spec.input_file);
    let other_loads = [
        spec.request_rate.origin(),
        spec.request_rate_series.origin(),
        spec.user_centric_rate.origin(),
        spec.fixed_schedule.origin(),
        spec.phases.origin(),
    ];
    for flag in other_loads.into_iter().flatten() {
        let reason = "the load of the scenario is a closed loop of sessions";
        problems.push(ConfigError::Clash { flag: flag.into(), with: scenario.into(), reason });
    }
    if let Some(flag) = spec.agents.origin() {
        let reason = "an agent does not go on with the sessions that another one has warmed up";
        problems.push(ConfigError::Clash { flag: flag.into(), with: scenario.into(), reason });
    }
    let broken = broken(spec);
    if !spec.unsafe_override.is_given() {
        for &Broken { by, reason, .. } in &broken {
            problems.push(ConfigError::Clash { flag: by.into(), with: scenario.into(), reason });
        }
    }
    let departures = broken.iter().map(|broken| format!("`{}`: {}", broken.by, broken.departure)).collect();
    Some(Scenario { name: name.name().to_owned(), departures })
}

/// Locked settings that say something else.
fn broken(spec: &RunSpec) -> Vec<Broken> {
    let short = spec.benchmark_duration.given().filter(|(duration_s, _)| **duration_s < LEAST_DURATION_S);
    let cache_bust =
        spec.cache_bust.given().filter(|(target, _)| **target != CacheBustTarget::FirstTurnPrefix);
    let cap = spec.trace_idle_gap_cap_seconds.given();
    let cap = cap.filter(|(cap_s, _)| cap_s.total_cmp(&IDLE_CAP_S).is_ne());
    let format = spec.custom_dataset_type.given().filter(|(format, _)| **format != FileFormat::WekaTrace);
    let replies = spec.replies.given().filter(|(replies, _)| **replies != ReplyPolicy::Recorded);
    let locks = locks! {
        "a run of the scenario lasts 15 minutes at least": vec![short.map(|(_, by)| by)],
        "only its duration ends a run of the scenario":
            vec![spec.request_count.origin(), spec.num_conversations.origin()],
        "each conversation of the scenario has a marker, as `--cache-bust first-turn-prefix` gives it":
            vec![cache_bust.map(|(_, by)| by)],
        "times in which nothing of a session goes on are cut to 10 s in the scenario":
            vec![cap.map(|(_, by)| by)],
        "the scenario plays traces of the type `weka-trace`": vec![format.map(|(_, by)| by)],
        "the scenario keeps all other pauses as they were recorded": other_pauses(spec).to_vec(),
        "the scenario plays the recording as it is": changes(spec).map(Some).collect(),
        "sessions of the scenario repeat recorded replies": vec![replies.map(|(_, by)| by)],
        "replies of the scenario are as long as they were recorded":
            vec![spec.osl.origin(), spec.osl_distribution.origin(), other_lengths(spec)],
        "sessions of the scenario go on to their ends": vec![spec.session_leave_rate.origin()],
        "no request of the scenario is cancelled on purpose": vec![spec.request_cancellation_rate.origin()],
    };
    let broken = locks.into_iter().flat_map(|(departure, reason, origins)| {
        origins.into_iter().flatten().map(move |by| Broken { by, departure, reason })
    });
    broken.collect()
}

/// Settings by which pauses are not those of the recording.
fn other_pauses(spec: &RunSpec) -> [Option<Origin>; 6] {
    [
        spec.ignore_trace_delays.origin(),
        spec.inter_turn_delay_cap_seconds.origin(),
        spec.conversation_turn_delay_ratio.origin(),
        spec.max_idle_gap_cap_seconds.origin(),
        spec.open_loop_replay.origin(),
        spec.no_open_loop_replay.origin(),
    ]
}

/// Settings that make another recording of the file.
fn changes(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    let changes_nothing = spec.no_force_min_tokens.origin();
    reshaping::typed(spec).filter(move |by| Some(*by) != changes_nothing)
}

/// Where a body gets a field by which a reply is not as long as it was recorded.
fn other_lengths(spec: &RunSpec) -> Option<Origin> {
    let inputs = extra_inputs(spec);
    let stops_at_eos = inputs.get(IGNORE_EOS).is_some_and(|said| *said != true);
    let is_other = stops_at_eos || without_reply_lengths(inputs.clone()) != inputs;
    spec.extra_inputs.origin().filter(|_| is_other)
}

/// The extra inputs. What cannot be read is told where it is read for the requests.
fn extra_inputs(spec: &RunSpec) -> Map<String, Value> {
    pairs::extra_inputs(&spec.extra_inputs, &mut Problems::default())
}

/// The settings with what the scenario fills in where nothing is said. Errors say of these that the scenario has set them.
pub(super) fn filled_in(spec: &RunSpec) -> RunSpec {
    let Some(scenario) = spec.scenario.value() else { return spec.clone() };
    let mut all = spec.over(&RunSpec::new(&fillings(spec), None).of_scenario(scenario));
    if !extra_inputs(spec).contains_key(IGNORE_EOS) {
        all.extra_inputs.add(format!("{IGNORE_EOS}:true"), scenario);
    }
    all.named_tokenizer.clone_from(&spec.named_tokenizer);
    all.described_phases.clone_from(&spec.described_phases);
    all
}

fn fillings(spec: &RunSpec) -> ProfileFlags {
    let begins_together = spec.burst_phase_starts.is_given();
    ProfileFlags {
        streaming: true,
        custom_dataset_type: Some(FileFormat::WekaTrace),
        benchmark_duration: Some(DURATION_S),
        dialogues: DialogueFlags {
            cache_bust: Some(CacheBustTarget::FirstTurnPrefix),
            replies: Some(ReplyPolicy::Recorded),
            ..DialogueFlags::default()
        },
        agents: AgentFlags {
            // One ratio says where sessions begin, together with the default of the other one.
            trajectory_start_min_ratio: Some(0.25).filter(|_| !spec.trajectory_start_max_ratio.is_given()),
            // Without recorded times there is nothing to cut.
            trace_idle_gap_cap_seconds: Some(IDLE_CAP_S).filter(|_| !spec.ignore_trace_delays.is_given()),
            no_burst_phase_starts: !begins_together,
            ..AgentFlags::default()
        },
        ..ProfileFlags::default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, spec::tests::spec};

    const SCENARIO: &str = "--scenario inferencex-agentx-mvp --input-file f";

    fn resolved(line: &str) -> Result<Option<Scenario>, ConfigErrors> {
        let mut problems = Problems::default();
        let scenario = scenario(&spec(line), &mut problems);
        problems.finish().map(|()| scenario)
    }

    #[test]
    fn what_is_not_said_is_filled_in() {
        let all = filled_in(&spec(&format!("{SCENARIO} --extra-inputs a:1 --benchmark-duration 20m")));
        assert!(all.streaming.is_given() && all.no_burst_phase_starts.is_given());
        assert_eq!(all.benchmark_duration.value(), Some(1200.0));
        assert_eq!(all.cache_bust.value(), Some(CacheBustTarget::FirstTurnPrefix));
        assert_eq!(all.trace_idle_gap_cap_seconds.value(), Some(10.0));
        assert_eq!(all.extra_inputs.list(), ["a:1", "ignore_eos:true"]);
        assert_eq!(filled_in(&spec(SCENARIO)).benchmark_duration.value(), Some(1800.0));
        let alone = filled_in(&spec(SCENARIO));
        assert_eq!(alone.extra_inputs.list(), ["ignore_eos:true"]);
        let by = alone.cache_bust.origin().map(|by| by.to_string());
        assert_eq!(by.as_deref(), Some("--cache-bust (set by --scenario inferencex-agentx-mvp)"));
        let by = alone.benchmark_duration.origin().map(|by| by.with_value(&1800));
        assert_eq!(
            by.as_deref(),
            Some("--benchmark-duration 1800 (set by --scenario inferencex-agentx-mvp)")
        );
        assert_eq!(
            alone.extra_inputs.origin().map(|by| by.to_leave_out().to_string()).as_deref(),
            Some("--scenario")
        );
        assert_eq!(alone.input_file.origin().map(|by| by.to_string()).as_deref(), Some("--input-file"));
        let together = filled_in(&spec(&format!("{SCENARIO} --burst-phase-starts")));
        assert!(!together.no_burst_phase_starts.is_given());
    }

    #[rstest]
    #[case("--benchmark-duration 14m", "a run of the scenario lasts 15 minutes at least")]
    #[case("--request-count 50", "only its duration ends a run of the scenario")]
    #[case("--cache-bust none", "each conversation of the scenario has a marker")]
    #[case("--trace-idle-gap-cap-seconds 9", "are cut to 10 s in the scenario")]
    #[case("--custom-dataset-type mooncake-trace", "plays traces of the type `weka-trace`")]
    #[case("--ignore-trace-delays", "keeps all other pauses as they were recorded")]
    #[case("--system-idle-gap-cap-seconds 5", "keeps all other pauses as they were recorded")]
    #[case("--open-loop-replay", "keeps all other pauses as they were recorded")]
    #[case("--no-open-loop-replay", "keeps all other pauses as they were recorded")]
    #[case("--synthesis-max-osl 50", "the scenario plays the recording as it is")]
    #[case("--force-min-tokens", "the scenario plays the recording as it is")]
    #[case("--replies live", "repeat recorded replies")]
    #[case("--extra-inputs ignore_eos:false", "replies of the scenario are as long as they were recorded")]
    #[case("--extra-inputs max_tokens:5", "replies of the scenario are as long as they were recorded")]
    #[case("--session-leave-rate 5", "sessions of the scenario go on to their ends")]
    #[case("--request-cancellation-rate 5", "no request of the scenario is cancelled on purpose")]
    fn a_locked_setting_is_refused_unless_the_lock_is_overridden(#[case] broken: &str, #[case] text: &str) {
        let line = format!("{SCENARIO} {broken}");
        let error = resolved(&line).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("--unsafe-override"), "{error}");
        let scenario = resolved(&format!("{line} --unsafe-override")).unwrap().unwrap();
        assert!(scenario.departures.len() == 1 && scenario.departures[0].contains(text), "{scenario:?}");
    }

    #[rstest]
    #[case("--benchmark-duration 15m --cache-bust first-turn-prefix --trace-idle-gap-cap-seconds 10")]
    #[case("--concurrency 64 --extra-inputs ignore_eos:true --trajectory-start-min-ratio 0.1")]
    #[case("--extra-inputs temperature:0.5 --no-force-min-tokens")]
    fn what_is_not_locked_departs_from_nothing(#[case] line: &str) {
        let scenario = resolved(&format!("{SCENARIO} {line}")).unwrap().unwrap();
        assert_eq!((scenario.name.as_str(), scenario.departures.len()), ("inferencex-agentx-mvp", 0));
    }

    #[rstest]
    #[case("--unsafe-override", "`--unsafe-override` requires `--scenario`")]
    #[case("--scenario inferencex-agentx-mvp", "`--scenario` requires `--input-file`")]
    #[case(
        "--scenario inferencex-agentx-mvp --input-file f --unsafe-override --request-rate 5",
        "the load of the scenario is a closed loop of sessions"
    )]
    #[case("--scenario inferencex-agentx-mvp --input-file f --agents 2", "that another one has warmed up")]
    fn what_is_no_run_of_the_scenario_at_all_is_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
