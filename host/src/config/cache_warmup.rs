//! The warm-up that fills the server's cache with what sessions have said before they are measured.

use std::num::NonZeroU32;

use super::{
    error::{ConfigError, Said},
    problems::Problems,
    rules,
    spec::RunSpec,
};
use crate::plan::{CacheFilling, FileFormat, Grace, Load, Ramp, Rules, StopRule, TimeLimit};

/// What the phase is called.
pub(super) const NAME: &str = "cache-warm-up";

/// Why it needs a closed loop.
const CLOSED: &str =
    "what is warmed up are the sessions of a closed loop, which go on when they are measured";

/// How many sessions go on, when the phase is over, and what holds in it; nothing where there is to be none.
pub(super) fn phase(spec: &RunSpec, problems: &mut Problems) -> Option<(Load, StopRule, Rules)> {
    problems.require(&spec.agentic_warmup_grace_period, &spec.agentic_cache_warmup_duration);
    let Some((duration_s, by)) = spec.agentic_cache_warmup_duration.given() else {
        // A scenario always has its sessions in the cache.
        return spec.scenario.is_given().then(|| first_turns(spec, problems));
    };
    if !spec.input_file.is_given() {
        problems.require(&spec.agentic_cache_warmup_duration, &spec.conversation_turn_mean);
    }
    let isolation = spec.cache_bust.given().filter(|(target, _)| target.is_of_warmup());
    let isolation = isolation.map(|(target, with)| Said::with_value(with, target.name()));
    // Where the type of the file is found out, this is checked when the file is opened.
    let payloads = spec
        .custom_dataset_type
        .given()
        .filter(|(format, _)| matches!(format, FileFormat::RawPayload | FileFormat::InputsJson));
    let others = [
        (spec.request_rate.origin().map(Said::from), CLOSED),
        (spec.request_rate_series.origin().map(Said::from), CLOSED),
        (spec.user_centric_rate.origin().map(Said::from), CLOSED),
        (spec.fixed_schedule.origin().map(Said::from), CLOSED),
        (spec.agents.origin().map(Said::from), "an agent does not go on with the sessions of another one"),
        (isolation, "nothing of a warm-up that is marked is found again"),
        (
            payloads.map(|(_, with)| with.into()),
            "a body of the file's is sent as it is, and asks for more than one token",
        ),
    ];
    for (with, reason) in others {
        if let Some(with) = with {
            problems.push(ConfigError::Clash { flag: by.into(), with, reason });
        }
    }
    let grace = spec.agentic_warmup_grace_period.value().unwrap_or(Grace::Infinite);
    let stop = StopRule::of(None, None, Some(TimeLimit { duration_s: *duration_s, grace }))?;
    Some((load(spec), stop, of_filling(CacheFilling::UntilOver, spec, problems)))
}

/// The first turn of each session, however long that takes.
fn first_turns(spec: &RunSpec, problems: &mut Problems) -> (Load, StopRule, Rules) {
    let sessions = spec.concurrency.value().unwrap_or(NonZeroU32::MIN);
    let stop = StopRule::after_sessions(sessions.into());
    (load(spec), stop, of_filling(CacheFilling::FirstTurns, spec, problems))
}

/// As many sessions as are measured at once, from the beginning.
fn load(spec: &RunSpec) -> Load {
    Load::Closed { sessions: Ramp::from(spec.concurrency.value().unwrap_or(NonZeroU32::MIN)) }
}

/// Nothing is waited for while the cache is filled.
fn of_filling(how: CacheFilling, spec: &RunSpec, problems: &mut Problems) -> Rules {
    Rules { filling: Some(how), most_idle_s: None, ..rules::warmup(spec, problems) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, spec::tests::spec};

    fn resolved(line: &str) -> Result<Option<(Load, StopRule, Rules)>, ConfigErrors> {
        let mut problems = Problems::default();
        let phase = phase(&spec(line), &mut problems);
        problems.finish().map(|()| phase)
    }

    #[test]
    fn the_sessions_that_are_measured_are_warmed_up() {
        let line = "--input-file f --concurrency 4 --agentic-cache-warmup-duration 1m --agentic-warmup-grace-period 5";
        let (load, stop, rules) = resolved(line).unwrap().unwrap();
        assert_eq!(load, Load::Closed { sessions: Ramp::constant(4).unwrap() });
        assert_eq!(stop.time(), Some(TimeLimit { duration_s: 60.0, grace: Grace::Seconds(5.0) }));
        assert_eq!(rules.filling, Some(CacheFilling::UntilOver));
        assert_eq!(resolved("--input-file f --concurrency 4").unwrap(), None);
    }

    #[test]
    fn a_scenario_has_the_first_turn_of_each_session_in_the_cache() {
        let line = "--input-file f --concurrency 4 --scenario inferencex-agentx-mvp";
        let (_, stop, rules) = resolved(line).unwrap().unwrap();
        assert_eq!((stop.sessions(), stop.duration_s()), (Some(4), None));
        assert_eq!(rules.filling, Some(CacheFilling::FirstTurns));
        let (_, stop, rules) =
            resolved(&format!("{line} --agentic-cache-warmup-duration 5")).unwrap().unwrap();
        assert_eq!((stop.sessions(), stop.duration_s()), (None, Some(5.0)));
        assert_eq!(rules.filling, Some(CacheFilling::UntilOver));
    }

    #[rstest]
    #[case("--agentic-warmup-grace-period 5", "requires `--agentic-cache-warmup-duration`")]
    #[case("--agentic-cache-warmup-duration 5", "requires `--conversation-turn-mean`")]
    #[case(
        "--input-file f --agentic-cache-warmup-duration 5 --request-rate 2",
        "the sessions of a closed loop"
    )]
    #[case(
        "--input-file f --agentic-cache-warmup-duration 5 --fixed-schedule",
        "the sessions of a closed loop"
    )]
    #[case("--input-file f --agentic-cache-warmup-duration 5 --agents 2", "the sessions of another one")]
    #[case(
        "--input-file f --agentic-cache-warmup-duration 5 --cache-bust warmup-isolation-first-turn",
        "together with `--cache-bust warmup-isolation-first-turn`: nothing of a warm-up"
    )]
    #[case(
        "--input-file f --agentic-cache-warmup-duration 5 --custom-dataset-type raw-payload",
        "asks for more than one token"
    )]
    #[case(
        "--input-file f --agentic-cache-warmup-duration 5 --custom-dataset-type inputs-json",
        "asks for more than one token"
    )]
    fn what_cannot_be_warmed_up_is_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
