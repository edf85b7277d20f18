//! The load of a run: which phases, how requests follow each other in them, and when they stop.
//!
//! Knows the flags and nothing of targets or content.

use super::{
    Arrival, PhaseConfig, PhaseKind,
    error::ConfigError,
    flags::{ArrivalPattern, ProfileFlags},
    units::Grace,
};
use crate::screen::counted;

/// Requests of a run that nothing else ends.
const DEFAULT_REQUEST_COUNT: u64 = 10;

/// How long requests in flight are waited for after the duration, in seconds.
const DEFAULT_GRACE_S: f64 = 30.0;

/// The phases that the flags ask for: a warm-up if there is to be one, then profiling.
pub(super) fn phases(flags: &ProfileFlags) -> Result<Vec<PhaseConfig>, ConfigError> {
    let profiling = profiling(flags)?;
    let warmup = warmup(flags, &profiling)?;
    Ok(warmup.into_iter().chain([profiling]).collect())
}

fn profiling(flags: &ProfileFlags) -> Result<PhaseConfig, ConfigError> {
    let arrival = arrival(flags)?;
    let duration_s = flags.benchmark_duration;
    Ok(PhaseConfig {
        kind: PhaseKind::Profiling,
        arrival,
        concurrency: concurrency(flags.concurrency, arrival),
        request_count: flags.request_count.or(duration_s.is_none().then_some(DEFAULT_REQUEST_COUNT)),
        duration_s,
        grace_s: grace_s(flags)?,
    })
}

/// A warm-up is shaped like the profiling phase, so that it warms what will be measured.
fn warmup(flags: &ProfileFlags, profiling: &PhaseConfig) -> Result<Option<PhaseConfig>, ConfigError> {
    let Some(count) = flags.warmup_request_count else {
        return match flags.warmup_concurrency {
            Some(_) => Err(needs("--warmup-concurrency", "--warmup-request-count")),
            None => Ok(None),
        };
    };
    Ok(Some(PhaseConfig {
        kind: PhaseKind::Warmup,
        arrival: profiling.arrival,
        concurrency: flags.warmup_concurrency.or(profiling.concurrency),
        request_count: Some(count),
        duration_s: None,
        grace_s: None,
    }))
}

fn arrival(flags: &ProfileFlags) -> Result<Arrival, ConfigError> {
    match (flags.request_rate, flags.arrival_pattern) {
        (Some(rate), None | Some(ArrivalPattern::Poisson)) => Ok(Arrival::Poisson { rate }),
        (Some(rate), Some(ArrivalPattern::Constant)) => Ok(Arrival::Constant { rate }),
        (Some(_), Some(ArrivalPattern::ConcurrencyBurst)) => Err(ConfigError::Clash {
            flag: "--request-rate",
            with: "--arrival-pattern concurrency-burst",
            reason: "a closed loop has no rate of its own",
        }),
        (None, None | Some(ArrivalPattern::ConcurrencyBurst)) => Ok(Arrival::ClosedLoop),
        (None, Some(ArrivalPattern::Poisson | ArrivalPattern::Constant)) => {
            Err(needs("--arrival-pattern", "--request-rate"))
        }
    }
}

/// A closed loop needs a limit to be a loop at all; an open one has none unless it was given.
fn concurrency(typed: Option<usize>, arrival: Arrival) -> Option<usize> {
    match arrival {
        Arrival::ClosedLoop => Some(typed.unwrap_or(1)),
        Arrival::Constant { .. } | Arrival::Poisson { .. } => typed,
    }
}

fn grace_s(flags: &ProfileFlags) -> Result<Option<f64>, ConfigError> {
    match (flags.benchmark_duration, flags.benchmark_grace_period) {
        (None, Some(_)) => Err(needs("--benchmark-grace-period", "--benchmark-duration")),
        (None, None) | (Some(_), Some(Grace::Infinite)) => Ok(None),
        (Some(_), Some(Grace::Seconds(seconds))) => Ok(Some(seconds)),
        (Some(_), None) => Ok(Some(DEFAULT_GRACE_S)),
    }
}

fn needs(flag: &'static str, needs: &'static str) -> ConfigError {
    ConfigError::Needs { flag, needs }
}

/// A short name for the load, as it stands in the name of the artifact folder: `c8` for a concurrency, `r10` for a rate.
pub(super) fn stimulus(phase: &PhaseConfig) -> String {
    let concurrency = phase.concurrency.map(|most| format!("c{most}"));
    let rate = match phase.arrival {
        Arrival::ClosedLoop => None,
        Arrival::Constant { rate } | Arrival::Poisson { rate } => Some(format!("r{rate}")),
    };
    rate.into_iter().chain(concurrency).collect::<Vec<_>>().join("_")
}

/// What about the load is allowed but hardly meant.
pub(super) fn warnings(phases: &[PhaseConfig]) -> Vec<String> {
    let unreached = phases.iter().filter_map(|phase| {
        let (concurrency, count) = (phase.concurrency?, phase.request_count?);
        let closed = matches!(phase.arrival, Arrival::ClosedLoop);
        let (name, flag) = match phase.kind {
            PhaseKind::Warmup => ("warm-up", "--warmup-request-count"),
            PhaseKind::Profiling => ("profiling", "--request-count"),
        };
        (closed && (concurrency as u64) > count).then(|| {
            format!(
                "{name} never reaches a concurrency of {concurrency}: `{flag}` ends it after {}",
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
    use crate::config::flags::tests::flags;

    fn resolve(line: &str) -> Result<Vec<PhaseConfig>, ConfigError> {
        phases(&flags(line).unwrap())
    }

    fn closed_loop(concurrency: usize, request_count: u64) -> PhaseConfig {
        PhaseConfig {
            kind: PhaseKind::Profiling,
            arrival: Arrival::ClosedLoop,
            concurrency: Some(concurrency),
            request_count: Some(request_count),
            duration_s: None,
            grace_s: None,
        }
    }

    #[rstest]
    #[case::nothing_said("", closed_loop(1, 10))]
    #[case::closed("--concurrency 8 --request-count 200", closed_loop(8, 200))]
    #[case::burst("--concurrency 8 --arrival-pattern concurrency_burst", closed_loop(8, 10))]
    #[case::time(
        "--concurrency 2 --benchmark-duration 60",
        PhaseConfig { request_count: None, duration_s: Some(60.0), grace_s: Some(30.0), ..closed_loop(2, 1) }
    )]
    #[case::both_bounds(
        "--request-count 5 --benchmark-duration 60 --benchmark-grace-period 0",
        PhaseConfig { duration_s: Some(60.0), grace_s: Some(0.0), ..closed_loop(1, 5) }
    )]
    #[case::endless_grace(
        "--benchmark-duration 60 --benchmark-grace-period inf",
        PhaseConfig { request_count: None, duration_s: Some(60.0), ..closed_loop(1, 1) }
    )]
    #[case::rate(
        "--request-rate 40",
        PhaseConfig { arrival: Arrival::Poisson { rate: 40.0 }, concurrency: None, ..closed_loop(1, 10) }
    )]
    #[case::even_rate_with_a_limit(
        "--request-rate 40 --arrival-pattern constant --concurrency 8",
        PhaseConfig { arrival: Arrival::Constant { rate: 40.0 }, ..closed_loop(8, 10) }
    )]
    fn flags_become_a_profiling_phase(#[case] line: &str, #[case] phase: PhaseConfig) {
        assert_eq!(resolve(line).unwrap(), [phase]);
    }

    #[rstest]
    #[case::inherited("--concurrency 8", Arrival::ClosedLoop, Some(8))]
    #[case::its_own("--concurrency 8 --warmup-concurrency 2", Arrival::ClosedLoop, Some(2))]
    #[case::rate("--request-rate 4 --warmup-concurrency 2", Arrival::Poisson { rate: 4.0 }, Some(2))]
    fn a_warm_up_comes_first_and_is_shaped_alike(
        #[case] line: &str,
        #[case] arrival: Arrival,
        #[case] concurrency: Option<usize>,
    ) {
        let phases = resolve(&format!("{line} --warmup-request-count 3 --benchmark-duration 9")).unwrap();
        let warmup = PhaseConfig {
            kind: PhaseKind::Warmup,
            arrival,
            concurrency,
            request_count: Some(3),
            duration_s: None,
            grace_s: None,
        };
        assert_eq!(phases[0], warmup);
        assert_eq!(phases[1].kind, PhaseKind::Profiling);
    }

    #[rstest]
    #[case("--benchmark-grace-period 5", "use `--benchmark-grace-period` without `--benchmark-duration`")]
    #[case("--warmup-concurrency 5", "use `--warmup-concurrency` without `--warmup-request-count`")]
    #[case("--arrival-pattern constant", "use `--arrival-pattern` without `--request-rate`")]
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

    #[rstest]
    #[case("--concurrency 64", &["profiling never reaches a concurrency of 64: `--request-count` ends it after 10 requests"])]
    #[case("--concurrency 10", &[])]
    #[case("--concurrency 64 --request-rate 5", &[])]
    #[case("--concurrency 64 --benchmark-duration 5", &[])]
    fn a_concurrency_that_is_never_reached_is_warned_of(#[case] line: &str, #[case] expected: &[&str]) {
        assert_eq!(warnings(&resolve(line).unwrap()), expected);
    }
}
