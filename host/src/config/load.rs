//! The load of a run: which phases, how requests follow each other in them, and when they stop.
//!
//! Knows what is asked for and nothing of targets or content.

use std::num::{NonZeroU32, NonZeroU64};

use super::{
    error::{ConfigError, Said},
    flags::ArrivalPattern,
    problems::Problems,
    spec::RunSpec,
};
use crate::{
    plan::{DEFAULT_DRAIN_S, Grace, Law, Limit, Load, Phase, Ramp, RampError, Role, StopRule, TimeLimit},
    screen::counted,
};

/// Requests of a run that nothing else ends.
const DEFAULT_REQUEST_COUNT: NonZeroU64 = NonZeroU64::MIN.saturating_add(9);

/// How long requests in flight are waited for after the duration, in seconds.
const DEFAULT_GRACE_S: f64 = 30.0;

/// The phases that are asked for: a warm-up if there is to be one, then what is measured.
pub(super) fn phases(spec: &RunSpec, problems: &mut Problems) -> Vec<Phase> {
    let pattern = pattern(spec, problems);
    let stop = stop(spec, problems);
    problems.require(&spec.warmup_concurrency, &spec.warmup_request_count);
    let concurrency = spec.concurrency.value();
    // Shaped like the measured phase, so that it warms what will be measured.
    let warmup = spec.warmup_request_count.value().map(|count| {
        (Role::Warmup, spec.warmup_concurrency.value().or(concurrency), StopRule::after_requests(count))
    });
    let drain_s = spec.drain_timeout.value().unwrap_or(DEFAULT_DRAIN_S);
    let roles = warmup.into_iter().chain([(Role::Measured, concurrency, stop)]);
    let phases = (0..).zip(roles).filter_map(|(id, (role, concurrency, stop))| {
        let load = problems.note(load(pattern, concurrency))?;
        Some(Phase { id, name: role.name().to_owned(), role, load, stop, drain_s })
    });
    phases.collect()
}

/// The rate and the law of an open loop; none in a closed one.
fn pattern(spec: &RunSpec, problems: &mut Problems) -> Option<(f64, Law)> {
    match (spec.request_rate.given(), spec.arrival_pattern.given()) {
        (Some((rate, _)), None | Some((ArrivalPattern::Poisson, _))) => Some((*rate, Law::Poisson)),
        (Some((rate, _)), Some((ArrivalPattern::Constant, _))) => Some((*rate, Law::Constant)),
        (Some((_, rate)), Some((ArrivalPattern::ConcurrencyBurst, by))) => {
            problems.push(ConfigError::Clash {
                flag: rate.into(),
                with: Said::with_value(by, "concurrency-burst"),
                reason: "a closed loop has no rate of its own",
            });
            None
        }
        (None, None | Some((ArrivalPattern::ConcurrencyBurst, _))) => None,
        (None, Some((ArrivalPattern::Poisson | ArrivalPattern::Constant, _))) => {
            problems.require(&spec.arrival_pattern, &spec.request_rate);
            None
        }
    }
}

/// A closed loop needs a number to be a loop at all; an open one has no limit unless it was given.
fn load(pattern: Option<(f64, Law)>, concurrency: Option<NonZeroU32>) -> Result<Load, RampError> {
    Ok(match pattern {
        None => Load::Closed { sessions: Ramp::from(concurrency.unwrap_or(NonZeroU32::MIN)) },
        Some((rate, law)) => {
            let limit = Limit { requests: concurrency, ..Limit::default() };
            Load::Open { rate: Ramp::constant(rate)?, law, limit }
        }
    })
}

fn stop(spec: &RunSpec, problems: &mut Problems) -> StopRule {
    problems.require(&spec.benchmark_grace_period, &spec.benchmark_duration);
    let time = spec.benchmark_duration.value().map(|duration_s| {
        let grace = spec.benchmark_grace_period.value().unwrap_or(Grace::Seconds(DEFAULT_GRACE_S));
        TimeLimit { duration_s, grace }
    });
    let requests = spec.request_count.value();
    StopRule::of(requests, spec.num_conversations.value(), time)
        .unwrap_or(StopRule::after_requests(DEFAULT_REQUEST_COUNT))
}

/// A short name for the load, as it stands in the name of the artifact folder: `c8` for a concurrency, `r10` for a rate, with
/// first and last value of one that changes.
pub(super) fn stimulus(phase: &Phase) -> String {
    let rate = phase.load.rate().map(|rate| format!("r{}", rate.short()));
    let concurrency = match &phase.load {
        Load::Closed { sessions } => Some(sessions.short()),
        Load::Open { limit, .. } => limit.in_flight().map(|most| most.to_string()),
    };
    rate.into_iter().chain(concurrency.map(|most| format!("c{most}"))).collect::<Vec<_>>().join("_")
}

/// What about the load is allowed but hardly meant.
pub(super) fn warnings(phases: &[Phase]) -> Vec<String> {
    let unreached = phases.iter().filter_map(|phase| {
        let Load::Closed { sessions } = &phase.load else { return None };
        let (concurrency, count) = (sessions.most(), phase.stop.requests()?);
        let flag = match phase.role {
            Role::Warmup => "--warmup-request-count",
            Role::Measured => "--request-count",
        };
        (u64::from(concurrency) > count).then(|| {
            format!(
                "{} never reaches a concurrency of {concurrency}: `{flag}` ends it after {}",
                phase.name,
                counted(count, "request")
            )
        })
    });
    unreached.collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, spec::tests::spec};

    fn resolve(line: &str) -> Result<Vec<Phase>, ConfigErrors> {
        let mut problems = Problems::default();
        let phases = phases(&spec(line), &mut problems);
        problems.finish().map(|()| phases)
    }

    fn closed(sessions: u32) -> Load {
        Load::Closed { sessions: Ramp::constant(sessions).unwrap() }
    }

    fn open(rate: f64, law: Law, requests: Option<u32>) -> Load {
        let limit = Limit { requests: requests.and_then(NonZeroU32::new), ..Limit::default() };
        Load::Open { rate: Ramp::constant(rate).unwrap(), law, limit }
    }

    fn requests(count: u64) -> StopRule {
        StopRule::after_requests(count.try_into().unwrap())
    }

    fn time(duration_s: f64, grace: Grace) -> TimeLimit {
        TimeLimit { duration_s, grace }
    }

    fn measured(load: Load, stop: StopRule) -> Phase {
        Phase { id: 0, name: "profiling".into(), role: Role::Measured, load, stop, drain_s: 8.0 }
    }

    #[rstest]
    #[case::nothing_said("", closed(1), requests(10))]
    #[case::closed("--concurrency 8 --request-count 200", closed(8), requests(200))]
    #[case::burst("--concurrency 8 --arrival-pattern concurrency_burst", closed(8), requests(10))]
    #[case::time(
        "--concurrency 2 --benchmark-duration 60",
        closed(2),
        StopRule::of(None, None, Some(time(60.0, Grace::Seconds(30.0)))).unwrap()
    )]
    #[case::both_bounds(
        "--request-count 5 --benchmark-duration 60 --benchmark-grace-period 0",
        closed(1),
        StopRule::of(NonZeroU64::new(5), None, Some(time(60.0, Grace::Seconds(0.0)))).unwrap()
    )]
    #[case::endless_grace(
        "--benchmark-duration 60 --benchmark-grace-period inf",
        closed(1),
        StopRule::of(None, None, Some(time(60.0, Grace::Infinite))).unwrap()
    )]
    #[case::rate("--request-rate 40", open(40.0, Law::Poisson, None), requests(10))]
    #[case::even_rate_with_a_limit(
        "--request-rate 40 --arrival-pattern constant --concurrency 8",
        open(40.0, Law::Constant, Some(8)),
        requests(10)
    )]
    fn flags_become_a_measured_phase(#[case] line: &str, #[case] load: Load, #[case] stop: StopRule) {
        assert_eq!(resolve(line).unwrap(), [measured(load, stop)]);
    }

    #[rstest]
    #[case::inherited("--concurrency 8", closed(8))]
    #[case::its_own("--concurrency 8 --warmup-concurrency 2", closed(2))]
    #[case::rate("--request-rate 4 --warmup-concurrency 2", open(4.0, Law::Poisson, Some(2)))]
    fn a_warm_up_comes_first_and_is_shaped_alike(#[case] line: &str, #[case] load: Load) {
        let line = format!("{line} --warmup-request-count 3 --benchmark-duration 9 --drain-timeout 2");
        let phases = resolve(&line).unwrap();
        let stop = requests(3);
        let warmup = Phase { id: 0, name: "warm-up".into(), role: Role::Warmup, load, stop, drain_s: 2.0 };
        assert_eq!(phases[0], warmup);
        assert_eq!((phases[1].id, phases[1].role, phases[1].drain_s), (1, Role::Measured, 2.0));
    }

    #[rstest]
    #[case("--benchmark-grace-period 5", "`--benchmark-grace-period` requires `--benchmark-duration`")]
    #[case("--warmup-concurrency 5", "`--warmup-concurrency` requires `--warmup-request-count`")]
    #[case("--arrival-pattern constant", "`--arrival-pattern` requires `--request-rate`")]
    #[case(
        "--arrival-pattern concurrency-burst --request-rate 5",
        "use `--request-rate` together with `--arrival-pattern concurrency-burst`: a closed loop has no rate of its own"
    )]
    fn a_combination_without_meaning_is_refused(#[case] line: &str, #[case] text: &str) {
        assert_eq!(resolve(line).unwrap_err().to_string(), text);
    }

    #[rstest]
    #[case("--concurrency 4", "c4")]
    #[case("--request-rate 40", "r40")]
    #[case("--request-rate 10 --concurrency 8", "r10_c8")]
    #[case("--request-rate 0.25", "r0.25")]
    fn the_load_has_a_name(#[case] line: &str, #[case] name: &str) {
        assert_eq!(stimulus(&resolve(line).unwrap()[0]), name);
    }

    #[test]
    fn a_load_that_changes_is_named_after_its_ends() {
        let load = Load::Closed { sessions: Ramp::linear(1, 64, 60.0).unwrap() };
        assert_eq!(stimulus(&measured(load, requests(5))), "c1-64");
    }

    #[rstest]
    #[case("--concurrency 64", &["profiling never reaches a concurrency of 64: `--request-count` ends it after 10 requests"])]
    #[case("--concurrency 10", &[])]
    #[case("--concurrency 64 --request-rate 5", &[])]
    #[case("--concurrency 64 --benchmark-duration 5", &[])]
    fn a_concurrency_that_is_never_reached_is_warned_of(#[case] line: &str, #[case] expected: &[&str]) {
        assert_eq!(warnings(&resolve(line).unwrap()), expected);
    }
}
