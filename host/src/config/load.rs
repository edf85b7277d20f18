//! The load of a run: which phases, how requests follow each other in them, and when they stop.
//!
//! Knows what is asked for and nothing of targets or content.

use std::num::{NonZeroU32, NonZeroU64};

use super::{
    arrival::{self, OpenLoop},
    cache_warmup,
    error::ConfigError,
    problems::Problems,
    rules,
    spec::{Origin, RunSpec},
    users,
};
use crate::{
    plan::{
        DEFAULT_DRAIN_S, Grace, Limit, Load, Phase, Ramp, RampError, Replay, Role, Rules, StopRule,
        TimeLimit, Users,
    },
    screen::counted,
};

const MS_PER_S: f64 = 1e3;

/// Requests of a run that nothing else ends.
const DEFAULT_REQUEST_COUNT: NonZeroU64 = NonZeroU64::MIN.saturating_add(9);

/// How long requests in flight are waited for after the duration, in seconds.
const DEFAULT_GRACE_S: f64 = 30.0;

/// The phases that are asked for: a warm-up if there is to be one, one that fills the cache, then what is measured.
pub(super) fn phases(spec: &RunSpec, problems: &mut Problems) -> Vec<Phase> {
    let users = users::users(spec, problems);
    let warmup = warmup_stop(spec, problems).and_then(|stop| {
        let open = arrival::warmup(spec, problems);
        let rules = rules::warmup(spec, problems);
        let concurrency = warmup_concurrency(spec);
        let load = match users.filter(|_| !has_own_load(spec)) {
            Some(users) => of_users(users, concurrency),
            None => load(open, concurrency),
        };
        let load = problems.note(load)?;
        Some((Role::Warmup, Role::Warmup.name(), load, stop, rules))
    });
    let filling = cache_warmup::phase(spec, problems)
        .map(|(load, stop, rules)| (Role::Warmup, cache_warmup::NAME, load, stop, rules));
    let measured = measured_with(spec, users, problems);
    let measured = measured
        .map(|Measured { load, stop, rules }| (Role::Measured, Role::Measured.name(), load, stop, rules));
    let drain_s = spec.drain_timeout.value().unwrap_or(DEFAULT_DRAIN_S);
    let phases = warmup.into_iter().chain(filling).chain(measured);
    let phases = (0..).zip(phases).map(|(id, (role, name, load, stop, rules))| Phase {
        id,
        name: name.to_owned(),
        role,
        load,
        stop,
        drain_s,
        rules,
        hands_over: false,
    });
    phases.collect()
}

/// What is measured: its load, its end, and what else holds.
pub(super) struct Measured {
    pub(super) load: Load,
    pub(super) stop: StopRule,
    pub(super) rules: Rules,
}

/// What settings mean that are not those of a warm-up. Nothing where something is wrong with the load.
pub(super) fn measured(spec: &RunSpec, problems: &mut Problems) -> Option<Measured> {
    let users = users::users(spec, problems);
    measured_with(spec, users, problems)
}

fn measured_with(spec: &RunSpec, users: Option<Users>, problems: &mut Problems) -> Option<Measured> {
    let replay = replay(spec, problems);
    let open = arrival::measured(spec, problems);
    let stop = stop(spec, replay.is_some(), users.map(|users| users.number.into()), problems);
    let concurrency =
        Concurrency { most: spec.concurrency.value(), over_s: spec.concurrency_ramp_duration.value() };
    problems.require(&spec.concurrency_ramp_duration, &spec.concurrency);
    let rules = rules::measured(spec, problems);
    let load = match (replay, users) {
        (None, None) => load(open, concurrency),
        (None, Some(users)) => of_users(users, concurrency),
        (Some(replay), _) => concurrency
            .curve()
            .map(|requests| Load::Replay { replay, limit: Limit { requests, ..Limit::default() } }),
    };
    let load = problems.note(load)?;
    Some(Measured { load, stop, rules })
}

/// How many may be in flight.
#[derive(Clone, Copy)]
struct Concurrency {
    most: Option<NonZeroU32>,
    /// How long the number rises from 1, in seconds.
    over_s: Option<f64>,
}

impl Concurrency {
    fn curve(self) -> Result<Option<Ramp<u32>>, RampError> {
        self.most.map(|most| rules::from_one(most, self.over_s)).transpose()
    }
}

/// A closed loop needs a number to be a loop at all; an open one has no limit unless it was given.
fn load(open: Option<OpenLoop>, concurrency: Concurrency) -> Result<Load, RampError> {
    let in_flight = concurrency.curve()?;
    Ok(match open {
        None => Load::Closed { sessions: in_flight.unwrap_or_else(|| Ramp::from(NonZeroU32::MIN)) },
        Some((rate, law)) => {
            let limit = Limit { requests: in_flight, ..Limit::default() };
            Load::Open { rate, law, limit }
        }
    })
}

/// Users have no limit unless it was given.
fn of_users(users: Users, concurrency: Concurrency) -> Result<Load, RampError> {
    let limit = Limit { requests: concurrency.curve()?, ..Limit::default() };
    Ok(Load::Users { users, limit })
}

/// The warm-up has a load of its own, and not that of users.
fn has_own_load(spec: &RunSpec) -> bool {
    spec.warmup_request_rate.is_given()
        || spec.warmup_arrival_pattern.is_given()
        || spec.warmup_concurrency.is_given()
}

/// That of the warm-up is shaped like the measured one, so that it warms what will be measured.
fn warmup_concurrency(spec: &RunSpec) -> Concurrency {
    Concurrency {
        most: spec.warmup_concurrency.value().or(spec.concurrency.value()),
        over_s: spec.warmup_concurrency_ramp_duration.value().or(spec.concurrency_ramp_duration.value()),
    }
}

/// When the warm-up stops, if there is to be one.
fn warmup_stop(spec: &RunSpec, problems: &mut Problems) -> Option<StopRule> {
    problems.require(&spec.warmup_grace_period, &spec.warmup_duration);
    let time = spec.warmup_duration.value().map(|duration_s| {
        let grace = spec.warmup_grace_period.value().unwrap_or(Grace::Infinite);
        TimeLimit { duration_s, grace }
    });
    let stop = StopRule::of(spec.warmup_request_count.value(), spec.num_warmup_sessions.value(), time);
    if stop.is_none() {
        for flag in warmup_loads(spec).into_iter().flatten() {
            problems.push(ConfigError::Needs { flag, needs: spec.warmup_request_count.flag() });
        }
    }
    stop
}

/// What is replayed, if anything is to be.
fn replay(spec: &RunSpec, problems: &mut Problems) -> Option<Replay> {
    problems.require(&spec.fixed_schedule_start_offset, &spec.fixed_schedule);
    problems.require(&spec.fixed_schedule_end_offset, &spec.fixed_schedule);
    problems.require(&spec.replay_speedup, &spec.fixed_schedule);
    problems.require(&spec.fixed_schedule_auto_offset, &spec.fixed_schedule);
    let opposites = [
        (&spec.no_fixed_schedule, spec.fixed_schedule.origin(), "they say the opposite of each other"),
        (
            &spec.fixed_schedule_auto_offset,
            spec.fixed_schedule_start_offset.origin(),
            "time begins either with the first session or with the offset",
        ),
    ];
    for (setting, with, reason) in opposites {
        if let (Some(flag), Some(with)) = (setting.origin(), with) {
            problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
        }
    }
    let by = spec.fixed_schedule.origin()?;
    problems.require(&spec.fixed_schedule, &spec.input_file);
    let others = [
        spec.request_rate.origin(),
        spec.request_rate_series.origin(),
        spec.request_rate_ramp_duration.origin(),
        spec.arrival_pattern.origin(),
        spec.arrival_smoothness.origin(),
    ];
    for flag in others.into_iter().flatten() {
        let reason = "the file says when each session starts";
        problems.push(ConfigError::Clash { flag: flag.into(), with: by.into(), reason });
    }
    let seconds = |ms: f64| ms / MS_PER_S;
    Some(Replay {
        speed: spec.replay_speedup.value().unwrap_or(1.0),
        from_s: spec.fixed_schedule_start_offset.value().map(seconds),
        until_s: spec.fixed_schedule_end_offset.value().map(seconds),
    })
}

fn stop(spec: &RunSpec, is_replay: bool, fewest: Option<NonZeroU64>, problems: &mut Problems) -> StopRule {
    problems.require(&spec.benchmark_grace_period, &spec.benchmark_duration);
    let time = spec.benchmark_duration.value().map(|duration_s| {
        let grace = spec.benchmark_grace_period.value().unwrap_or(Grace::Seconds(DEFAULT_GRACE_S));
        TimeLimit { duration_s, grace }
    });
    let (requests, sessions) = (spec.request_count.value(), spec.num_conversations.value());
    if is_replay {
        return StopRule::of_replay(requests, sessions, time);
    }
    StopRule::of(requests, sessions, time).unwrap_or_else(|| {
        // Each user sends one at least.
        StopRule::after_requests(DEFAULT_REQUEST_COUNT.max(fewest.unwrap_or(NonZeroU64::MIN)))
    })
}

/// A short name for the load, as it stands in the name of the artifact folder: `c8` for a concurrency, `r10` for a rate, with
/// first and last value of one that changes.
pub(super) fn stimulus(phase: &Phase) -> String {
    let rate = phase.load.rate().map(|rate| format!("r{}", rate.short()));
    let users = phase.load.users().map(|users| format!("u{}_r{}", users.number, users.rate));
    let concurrency = match &phase.load {
        Load::Closed { sessions } => Some(sessions.short()),
        Load::Open { limit, .. } | Load::Replay { limit, .. } | Load::Users { limit, .. } => {
            limit.in_flight().map(|most| most.short())
        }
    };
    let replay = phase.load.replay().map(|_| "replay".to_owned());
    replay
        .into_iter()
        .chain(rate)
        .chain(users)
        .chain(concurrency.map(|most| format!("c{most}")))
        .collect::<Vec<_>>()
        .join("_")
}

/// What about the load is allowed but hardly meant. A warm-up has flags of its own, unless it stands among described phases.
pub(super) fn warnings(phases: &[Phase], are_described: bool) -> Vec<String> {
    let unreached = phases.iter().filter_map(|phase| {
        let Load::Closed { sessions } = &phase.load else { return None };
        let (concurrency, count) = (sessions.most(), phase.stop.requests()?);
        let flag = match phase.role {
            Role::Warmup if !are_described => "--warmup-request-count",
            Role::Warmup | Role::Measured => "--request-count",
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

/// Where the settings come from that say what the load of a warm-up is, and not how long it is.
pub(super) fn warmup_loads(spec: &RunSpec) -> [Option<Origin>; 7] {
    [
        spec.warmup_concurrency.origin(),
        spec.warmup_request_rate.origin(),
        spec.warmup_arrival_pattern.origin(),
        spec.warmup_request_rate_ramp_duration.origin(),
        spec.warmup_concurrency_ramp_duration.origin(),
        spec.warmup_prefill_concurrency.origin(),
        spec.warmup_prefill_concurrency_ramp_duration.origin(),
    ]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::{error::ConfigErrors, spec::tests::spec},
        plan::{Cancellation, Law},
    };

    #[rstest]
    #[case("", Some(4.0))]
    #[case("--warmup-request-rate 2", None)]
    fn idle_times_of_a_warm_up_are_cut_where_it_has_no_pace_of_its_own(
        #[case] warmup: &str,
        #[case] expected: Option<f64>,
    ) {
        let line = format!("--input-file f --max-idle-gap-cap-seconds 4 --warmup-request-count 5 {warmup}");
        let phases = resolve(&line).unwrap();
        let cut: Vec<_> = phases.iter().map(|phase| phase.rules.most_idle_s).collect();
        assert_eq!(cut, [expected, Some(4.0)]);
    }

    fn resolve(line: &str) -> Result<Vec<Phase>, ConfigErrors> {
        let mut problems = Problems::default();
        let phases = phases(&spec(line), &mut problems);
        problems.finish().map(|()| phases)
    }

    fn closed(sessions: u32) -> Load {
        Load::Closed { sessions: Ramp::constant(sessions).unwrap() }
    }

    fn open(rate: f64, law: Law, requests: Option<u32>) -> Load {
        let requests = requests.map(|most| Ramp::constant(most).unwrap());
        let limit = Limit { requests, ..Limit::default() };
        Load::Open { rate: Ramp::constant(rate).unwrap(), law, limit }
    }

    fn users(number: u32, rate: f64) -> Load {
        let users = Users { number: number.try_into().unwrap(), rate };
        Load::Users { users, limit: Limit::default() }
    }

    fn gamma(shape: f64) -> Law {
        Law::Gamma { smoothness: shape.try_into().unwrap() }
    }

    fn rising(from: f64, to: f64, over_s: f64) -> Load {
        let rate = Ramp::linear(from, to, over_s).unwrap();
        Load::Open { rate, law: Law::Poisson, limit: Limit::default() }
    }

    fn requests(count: u64) -> StopRule {
        StopRule::after_requests(count.try_into().unwrap())
    }

    fn time(duration_s: f64, grace: Grace) -> TimeLimit {
        TimeLimit { duration_s, grace }
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
    #[case::gamma("--request-rate 40 --arrival-pattern gamma", open(40.0, gamma(1.0), None), requests(10))]
    #[case::a_shape_is_of_gamma_gaps(
        "--request-rate 40 --vllm-burstiness 0.5",
        open(40.0, gamma(0.5), None),
        requests(10)
    )]
    #[case::rising_rate(
        "--request-rate 40 --request-rate-ramp-duration 20",
        rising(40.0 * (0.1 / 20.0), 40.0, 20.0),
        requests(10)
    )]
    #[case::rising_in_no_time(
        "--request-rate 40 --request-rate-ramp-duration 50ms",
        rising(40.0, 40.0, 0.05),
        requests(10)
    )]
    #[case::rising_concurrency(
        "--concurrency 8 --concurrency-ramp-duration 20",
        Load::Closed { sessions: Ramp::linear(1, 8, 20.0).unwrap() },
        requests(10)
    )]
    #[case::users(
        "--user-centric-rate 4 --num-users 20 --conversation-turn-mean 3",
        users(20, 4.0),
        requests(20)
    )]
    #[case::one_does_not_rise("--concurrency 1 --concurrency-ramp-duration 20", closed(1), requests(10))]
    fn flags_become_a_measured_phase(#[case] line: &str, #[case] load: Load, #[case] stop: StopRule) {
        assert_eq!(resolve(line).unwrap(), [Phase::measured(load, stop)]);
    }

    #[rstest]
    #[case::inherited("--concurrency 8", closed(8))]
    #[case::its_own("--concurrency 8 --warmup-concurrency 2", closed(2))]
    #[case::rate("--request-rate 4 --warmup-concurrency 2", open(4.0, Law::Poisson, Some(2)))]
    fn a_warm_up_comes_first_and_is_shaped_alike(#[case] line: &str, #[case] load: Load) {
        let line = format!("{line} --warmup-request-count 3 --benchmark-duration 9 --drain-timeout 2");
        let phases = resolve(&line).unwrap();
        let stop = requests(3);
        let warmup = Phase {
            id: 0,
            name: "warm-up".into(),
            role: Role::Warmup,
            load,
            stop,
            drain_s: 2.0,
            rules: Rules::default(),
            hands_over: false,
        };
        assert_eq!(phases[0], warmup);
        assert_eq!((phases[1].id, phases[1].role, phases[1].drain_s), (1, Role::Measured, 2.0));
    }

    #[rstest]
    #[case::by_default("--request-rate 4", "--request-count 3", open(4.0, Law::Poisson, None))]
    #[case::own_rate("--concurrency 8", "--warmup-request-rate 2", open(2.0, Law::Poisson, Some(8)))]
    #[case::own_rate_beside_a_closed_loop(
        "--concurrency 8 --arrival-pattern concurrency-burst",
        "--warmup-request-rate 2",
        open(2.0, Law::Poisson, Some(8))
    )]
    #[case::own_pattern(
        "--request-rate 4",
        "--warmup-arrival-pattern constant",
        open(4.0, Law::Constant, None)
    )]
    #[case::inherited_shape("--request-rate 4 --arrival-smoothness 2", "", open(4.0, gamma(2.0), None))]
    #[case::own_pattern_beside_a_shape(
        "--request-rate 4 --arrival-smoothness 2",
        "--warmup-arrival-pattern poisson",
        open(4.0, Law::Poisson, None)
    )]
    #[case::closed(
        "--request-rate 4 --concurrency 2",
        "--warmup-arrival-pattern concurrency-burst",
        closed(2)
    )]
    #[case::inherited_ramp("--request-rate 40 --request-rate-ramp-duration 20", "", rising(0.2, 40.0, 20.0))]
    #[case::users("--user-centric-rate 4 --num-users 5 --conversation-turn-mean 3", "", users(5, 4.0))]
    #[case::own_load_beside_users(
        "--user-centric-rate 4 --num-users 5 --conversation-turn-mean 3",
        "--warmup-concurrency 2",
        closed(2)
    )]
    #[case::own_ramp(
        "--request-rate 40 --request-rate-ramp-duration 20",
        "--warmup-request-rate-ramp-duration 10",
        rising(0.4, 40.0, 10.0)
    )]
    #[case::own_ramp_of_concurrency(
        "--concurrency 8",
        "--warmup-concurrency-ramp-duration 10",
        Load::Closed { sessions: Ramp::linear(1, 8, 10.0).unwrap() }
    )]
    fn a_warm_up_has_what_it_is_given_and_else_what_is_measured(
        #[case] measured: &str,
        #[case] own: &str,
        #[case] load: Load,
    ) {
        let phases = resolve(&format!("{measured} --warmup-duration 5 {own}")).unwrap();
        assert_eq!((phases[0].role, &phases[0].load), (Role::Warmup, &load));
        assert_eq!(Some(phases[0].stop), StopRule::of(None, None, Some(time(5.0, Grace::Infinite))));
    }

    #[test]
    fn rules_hold_for_the_phases_that_they_are_for() {
        let line = "--streaming --concurrency 8 --warmup-duration 5 --prefill-concurrency 4 \
                    --prefill-concurrency-ramp-duration 9 --warmup-prefill-concurrency 2 \
                    --request-cancellation-rate 10 --request-cancellation-delay 500ms --failed-request-threshold 0.2";
        let phases = resolve(line).unwrap();
        let rules = |most, cancellation| Rules {
            prefill: Some(Ramp::linear(1, most, 9.0).unwrap()),
            cancellation,
            most_failed: Some(0.2),
            ..Rules::default()
        };
        assert_eq!(phases[0].rules, rules(2, None));
        assert_eq!(phases[1].rules, rules(4, Some(Cancellation { percent: 10.0, delay_s: 0.5 })));
    }

    #[test]
    fn a_warm_up_may_end_by_time_with_a_grace_period() {
        let line =
            "--warmup-duration 5 --warmup-grace-period 2 --warmup-request-count 9 --num-warmup-sessions 4";
        let phases = resolve(line).unwrap();
        let time = Some(time(5.0, Grace::Seconds(2.0)));
        assert_eq!(Some(phases[0].stop), StopRule::of(NonZeroU64::new(9), NonZeroU64::new(4), time));
    }

    #[rstest]
    #[case("--warmup-grace-period 5", "`--warmup-grace-period` requires `--warmup-duration`")]
    #[case("--warmup-request-rate 5", "`--warmup-request-rate` requires `--warmup-request-count`")]
    #[case(
        "--warmup-duration 5 --warmup-arrival-pattern gamma",
        "`--warmup-arrival-pattern` requires `--warmup-request-rate`"
    )]
    #[case("--prefill-concurrency 2", "`--prefill-concurrency` requires `--streaming`")]
    #[case(
        "--prefill-concurrency-ramp-duration 2",
        "`--prefill-concurrency-ramp-duration` requires `--prefill-concurrency`"
    )]
    #[case(
        "--streaming --prefill-concurrency 9 --concurrency 8",
        "use `--prefill-concurrency` together with `--concurrency`: no more requests can wait for their first token than \
         are in flight"
    )]
    #[case(
        "--streaming --concurrency 8 --warmup-duration 1 --warmup-concurrency 2 --warmup-prefill-concurrency 3",
        "use `--warmup-prefill-concurrency` together with `--warmup-concurrency`: no more requests can wait for their \
         first token than are in flight"
    )]
    #[case(
        "--warmup-duration 1 --warmup-prefill-concurrency-ramp-duration 3",
        "`--warmup-prefill-concurrency-ramp-duration` requires `--warmup-prefill-concurrency`"
    )]
    #[case(
        "--request-cancellation-delay 2",
        "`--request-cancellation-delay` requires `--request-cancellation-rate`"
    )]
    #[case("--arrival-smoothness 2", "`--arrival-smoothness` requires `--request-rate`")]
    #[case("--request-rate-ramp-duration 2", "`--request-rate-ramp-duration` requires `--request-rate`")]
    #[case("--concurrency-ramp-duration 2", "`--concurrency-ramp-duration` requires `--concurrency`")]
    #[case(
        "--request-rate 5 --arrival-pattern constant --arrival-smoothness 2",
        "use `--arrival-smoothness` together with `--arrival-pattern constant`: only gamma gaps have a shape"
    )]
    #[case("--num-users 5", "`--num-users` requires `--user-centric-rate`")]
    #[case("--user-centric-rate 5", "`--user-centric-rate` requires `--num-users`")]
    #[case(
        "--user-centric-rate 5 --num-users 3",
        "`--user-centric-rate` requires `--conversation-turn-mean`"
    )]
    #[case(
        "--user-centric-rate 5 --num-users 3 --conversation-turn-mean 1",
        "use `--user-centric-rate` together with `--conversation-turn-mean`: a conversation of one turn has no pace"
    )]
    #[case(
        "--user-centric-rate 5 --num-users 3 --conversation-turn-mean 4 --request-rate 2 --request-count 2 \
         --conversation-turn-delay-mean 9",
        "use `--request-rate` together with `--user-centric-rate`: users have a pace of their own; \
         use `--request-count` together with `--num-users`: the run would be over before each user has sent a request; \
         use `--conversation-turn-delay-mean` together with `--user-centric-rate`: turns of a user are `--num-users` / \
         `--user-centric-rate` seconds apart"
    )]
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
    #[case("--user-centric-rate 2.5 --num-users 5 --conversation-turn-mean 4", "u5_r2.5")]
    fn the_load_has_a_name(#[case] line: &str, #[case] name: &str) {
        assert_eq!(stimulus(&resolve(line).unwrap()[0]), name);
    }

    #[test]
    fn a_load_that_changes_is_named_after_its_ends() {
        let load = Load::Closed { sessions: Ramp::linear(1, 64, 60.0).unwrap() };
        assert_eq!(stimulus(&Phase::measured(load, requests(5))), "c1-64");
    }

    #[rstest]
    #[case("--concurrency 64", &["profiling never reaches a concurrency of 64: `--request-count` ends it after 10 requests"])]
    #[case("--concurrency 10", &[])]
    #[case("--concurrency 64 --request-rate 5", &[])]
    #[case("--concurrency 64 --benchmark-duration 5", &[])]
    fn a_concurrency_that_is_never_reached_is_warned_of(#[case] line: &str, #[case] expected: &[&str]) {
        assert_eq!(warnings(&resolve(line).unwrap(), false), expected);
    }

    #[rstest]
    #[case("--input-file f --fixed-schedule --no-fixed-schedule", "they say the opposite of each other")]
    #[case(
        "--input-file f --fixed-schedule-auto-offset",
        "`--fixed-schedule-auto-offset` requires `--fixed-schedule`"
    )]
    #[case(
        "--input-file f --fixed-schedule --fixed-schedule-auto-offset --fixed-schedule-start-offset 5",
        "time begins either with the first session or with the offset"
    )]
    fn what_contradicts_a_schedule_is_refused(#[case] line: &str, #[case] text: &str) {
        let mut problems = Problems::default();
        phases(&spec(line), &mut problems);
        let error = problems.finish().unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
