//! The phases of a run: those that a file describes, or the warm-up and the measured one of the flags.
//!
//! A described phase has the settings that are its own, and those outside of it where it has none. What it says of its load stands in
//! the place of another kind of load outside, and a setting outside that means nothing beside its load is left out of it.

use super::{
    error::{ConfigError, Said},
    flags::{ArrivalPattern, PhaseRole, ProfileFlags},
    load::{self, Measured},
    origins::Origins,
    problems::Problems,
    spec::{DescribedPhase, Origin, RunSpec},
    words::Words,
};
use crate::plan::{DEFAULT_DRAIN_S, Phase, Role, Rules};

impl RunSpec {
    /// The same with the phases that it describes, whose settings `read` reads.
    ///
    /// # Errors
    /// The first value of one that cannot be read.
    pub(crate) fn with_phases<E>(
        mut self,
        origins: &Origins,
        read: impl Fn(&Words) -> Result<ProfileFlags, E>,
    ) -> Result<Self, E> {
        let mut described = Vec::new();
        for text in self.phases.list() {
            let flags = read(&text.words())?;
            described.push(DescribedPhase {
                name: text.name.clone(),
                role: text.role,
                is_seamless: text.seamless,
                own: Self::new(&flags, None).of(&origins.of_phase(&text.name)),
            });
        }
        self.described_phases = described;
        Ok(self)
    }
}

/// The phases that are asked for.
pub(super) fn phases(spec: &RunSpec, problems: &mut Problems) -> Vec<Phase> {
    let Some(by) = spec.phases.origin().filter(|_| !spec.described_phases.is_empty()) else {
        return load::phases(spec, problems);
    };
    check_beside(spec, by, problems);
    let drain_s = spec.drain_timeout.value().unwrap_or(DEFAULT_DRAIN_S);
    let mut phases = Vec::new();
    for (id, described) in (0..).zip(&spec.described_phases) {
        let mut of_phase = Problems::default();
        let measured = load::measured(&complete(&described.own, spec), &mut of_phase);
        check_warmup(described, by, &mut of_phase);
        problems.add_of_phase(&described.name, of_phase);
        let role = Role::from(described.role);
        phases.extend(measured.map(|Measured { load, stop, rules }| Phase {
            id,
            name: described.name.clone(),
            role,
            load,
            stop,
            drain_s,
            rules: if role == Role::Warmup { of_warmup(rules) } else { rules },
            hands_over: described.is_seamless,
        }));
    }
    phases
}

/// What holds in a warm-up: nothing is cancelled, and all sessions begin together.
fn of_warmup(rules: Rules) -> Rules {
    Rules { cancellation: None, spreads_starts: false, ..rules }
}

/// What stands outside of the phases and has no meaning beside them.
fn check_beside(spec: &RunSpec, by: Origin, problems: &mut Problems) {
    const WARMUP: &str = "a warm-up is one of the phases then, with `role: warmup`";
    const REPLAY: &str = "a replay is one phase, as long as the recording";
    let ends = [
        spec.warmup_request_count.origin(),
        spec.num_warmup_sessions.origin(),
        spec.warmup_duration.origin(),
        spec.warmup_grace_period.origin(),
        spec.agentic_cache_warmup_duration.origin(),
        spec.agentic_warmup_grace_period.origin(),
    ];
    let of_warmup = ends.into_iter().chain(load::warmup_loads(spec)).flatten().map(|flag| (flag, WARMUP));
    let of_replay = spec.fixed_schedule.origin().into_iter().map(|flag| (flag, REPLAY));
    for (flag, reason) in of_warmup.chain(of_replay) {
        clash(flag, by, reason, problems);
    }
}

/// Nothing is cancelled on purpose in a warm-up.
fn check_warmup(described: &DescribedPhase, by: Origin, problems: &mut Problems) {
    let cancellation = described.own.request_cancellation_rate.origin();
    if let Some(flag) = cancellation.filter(|_| described.role == PhaseRole::Warmup) {
        clash(flag, by, "nothing is cancelled on purpose in a warm-up", problems);
    }
}

fn clash(flag: Origin, with: Origin, reason: &'static str, problems: &mut Problems) {
    problems.push(ConfigError::Clash { flag: Said::from(flag), with: with.into(), reason });
}

/// What holds in a phase: its own settings, and those outside that have a meaning beside them.
fn complete(own: &RunSpec, outside: &RunSpec) -> RunSpec {
    let mut all = own.over(outside);
    let is_closed = own.arrival_pattern.value() == Some(ArrivalPattern::ConcurrencyBurst);
    let has_users = own.user_centric_rate.is_given() || own.num_users.is_given();
    let (has_number, has_series) = (own.request_rate.is_given(), own.request_rate_series.is_given());
    all.request_rate.keep_if(&own.request_rate, !is_closed && !has_users && !has_series);
    all.request_rate_series.keep_if(&own.request_rate_series, !is_closed && !has_users && !has_number);
    let is_of_users = !is_closed && !has_number && !has_series;
    all.user_centric_rate.keep_if(&own.user_centric_rate, is_of_users);
    all.num_users.keep_if(&own.num_users, is_of_users);
    let has_rate = all.request_rate.is_given() || all.request_rate_series.is_given();
    let other_law = own.arrival_pattern.value().is_some_and(|pattern| pattern != ArrivalPattern::Gamma);
    let is_closed_outside = outside.arrival_pattern.value() == Some(ArrivalPattern::ConcurrencyBurst);
    let is_open_here = has_number || has_series;
    all.arrival_pattern.keep_if(&own.arrival_pattern, has_rate && !(is_closed_outside && is_open_here));
    all.arrival_smoothness.keep_if(&own.arrival_smoothness, has_rate && !other_law);
    all.request_rate_ramp_duration.keep_if(&own.request_rate_ramp_duration, has_rate);
    let has_concurrency = all.concurrency.is_given();
    all.concurrency_ramp_duration.keep_if(&own.concurrency_ramp_duration, has_concurrency);
    let has_prefill = all.prefill_concurrency.is_given();
    all.prefill_concurrency_ramp_duration.keep_if(&own.prefill_concurrency_ramp_duration, has_prefill);
    let cancels = all.request_cancellation_rate.is_given();
    all.request_cancellation_delay.keep_if(&own.request_cancellation_delay, cancels);
    let has_duration = all.benchmark_duration.is_given();
    all.benchmark_grace_period.keep_if(&own.benchmark_grace_period, has_duration);
    all
}

/// A warning for each setting outside of the phases that none of them takes.
pub(super) fn idle(spec: &RunSpec) -> Vec<String> {
    if spec.described_phases.is_empty() {
        return Vec::new();
    }
    // What holds in a phase and is not its own is from outside.
    let taken = spec.described_phases.iter().map(|phase| {
        let all = origins(&complete(&phase.own, spec)).into_iter().zip(origins(&phase.own));
        all.map(|(all, own)| all.is_some() && own.is_none()).collect::<Vec<bool>>()
    });
    let taken: Vec<Vec<bool>> = taken.collect();
    let outside = origins(spec).into_iter().enumerate().filter_map(|(at, origin)| Some((at, origin?)));
    let idle = outside.filter(|(at, _)| !taken.iter().any(|taken| taken[*at]));
    idle.map(|(_, origin)| {
        format!("`{origin}` has no effect: each of the phases has a setting of its own in its place, or no use for it")
    })
    .collect()
}

/// Where the settings come from that phases may have.
fn origins(spec: &RunSpec) -> [Option<Origin>; 18] {
    [
        spec.concurrency.origin(),
        spec.request_rate.origin(),
        spec.arrival_pattern.origin(),
        spec.arrival_smoothness.origin(),
        spec.request_rate_series.origin(),
        spec.request_rate_ramp_duration.origin(),
        spec.concurrency_ramp_duration.origin(),
        spec.prefill_concurrency.origin(),
        spec.prefill_concurrency_ramp_duration.origin(),
        spec.request_cancellation_rate.origin(),
        spec.request_cancellation_delay.origin(),
        spec.failed_request_threshold.origin(),
        spec.user_centric_rate.origin(),
        spec.num_users.origin(),
        spec.request_count.origin(),
        spec.benchmark_duration.origin(),
        spec.benchmark_grace_period.origin(),
        spec.num_conversations.origin(),
    ]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::{error::ConfigErrors, spec::tests::spec_of},
        plan::{Law, Limit, Load, Ramp},
    };

    /// A run with these flags and phases.
    fn described(line: &str, phases: &[&str]) -> RunSpec {
        let words = line.split_whitespace().chain(phases.iter().flat_map(|text| ["--phases", *text]));
        spec_of(&words.collect::<Vec<_>>()).with_phases(&Origins::default(), Words::flags).unwrap()
    }

    fn resolve(spec: &RunSpec) -> Result<Vec<Phase>, ConfigErrors> {
        let mut problems = Problems::default();
        let phases = phases(spec, &mut problems);
        problems.finish().map(|()| phases)
    }

    fn closed(sessions: u32) -> Load {
        Load::Closed { sessions: Ramp::constant(sessions).unwrap() }
    }

    fn open(rate: f64, law: Law, requests: Option<u32>) -> Load {
        let requests = requests.map(|most| Ramp::constant(most).unwrap());
        Load::Open { rate: Ramp::constant(rate).unwrap(), law, limit: Limit { requests, ..Limit::default() } }
    }

    #[test]
    fn each_phase_has_its_own_settings_over_those_outside() {
        let spec = described(
            "--concurrency 4 --arrival-pattern constant --benchmark-grace-period 5 --request-count 7 --drain-timeout 2",
            &[
                r#"{"name": "fill", "role": "warmup", "seamless": true, "request_count": "20"}"#,
                r#"{"name": "steady", "request_rate": "8"}"#,
                r#"{"name": "peak", "concurrency": "16", "benchmark_duration": "30s"}"#,
            ],
        );
        let phases = resolve(&spec).unwrap();
        let loads: Vec<_> = phases.iter().map(|phase| phase.load.clone()).collect();
        assert_eq!(loads, [closed(4), open(8.0, Law::Constant, Some(4)), closed(16)]);
        let ends: Vec<_> =
            phases.iter().map(|phase| (phase.stop.requests(), phase.stop.duration_s())).collect();
        assert_eq!(ends, [(Some(20), None), (Some(7), None), (Some(7), Some(30.0))]);
        let names: Vec<_> = phases.iter().map(|phase| (phase.id, phase.name.as_str(), phase.role)).collect();
        assert_eq!(
            names,
            [(0, "fill", Role::Warmup), (1, "steady", Role::Measured), (2, "peak", Role::Measured)]
        );
        assert_eq!(phases.iter().map(|phase| phase.hands_over).collect::<Vec<_>>(), [true, false, false]);
        assert!(phases.iter().all(|phase| phase.drain_s.total_cmp(&2.0).is_eq()));
        assert_eq!(idle(&spec), Vec::<String>::new());
    }

    #[rstest]
    #[case::closed(
        "--request-rate 5 --concurrency 2",
        r#"{"name": "a", "arrival_pattern": "concurrency-burst"}"#,
        closed(2)
    )]
    #[case::open(
        "--arrival-pattern concurrency-burst",
        r#"{"name": "a", "request_rate": "5"}"#,
        open(5.0, Law::Poisson, None)
    )]
    #[case::rate_for_users(
        "--user-centric-rate 5 --num-users 2 --conversation-turn-mean 3",
        r#"{"name": "a", "request_rate": "5"}"#,
        open(5.0, Law::Poisson, None)
    )]
    #[case::another_law(
        "--request-rate 5 --arrival-smoothness 2",
        r#"{"name": "a", "arrival_pattern": "constant"}"#,
        open(5.0, Law::Constant, None)
    )]
    fn a_load_of_its_own_stands_in_the_place_of_another_kind_outside(
        #[case] line: &str,
        #[case] phase: &str,
        #[case] load: Load,
    ) {
        assert_eq!(resolve(&described(line, &[phase])).unwrap()[0].load, load);
    }

    #[rstest]
    #[case::needs(
        "",
        r#"{"name": "a", "arrival_pattern": "constant"}"#,
        "in the phase `a`: `--arrival-pattern` requires `--request-rate`"
    )]
    #[case::clash(
        "--streaming",
        r#"{"name": "a", "concurrency": "2", "prefill_concurrency": "3"}"#,
        "in the phase `a`: failed to use `--prefill-concurrency` together with `--concurrency`: no more requests can wait \
         for their first token than are in flight"
    )]
    #[case::warmup(
        "--warmup-request-count 5",
        r#"{"name": "a"}"#,
        "use `--warmup-request-count` together with `--phases`: a warm-up is one of the phases then, with `role: warmup`"
    )]
    #[case::replay(
        "--input-file f --fixed-schedule",
        r#"{"name": "a"}"#,
        "use `--fixed-schedule` together with `--phases`: a replay is one phase, as long as the recording"
    )]
    #[case::nothing_is_cancelled(
        "",
        r#"{"name": "a", "role": "warmup", "request_cancellation_rate": "5"}"#,
        "in the phase `a`: failed to use `--request-cancellation-rate` together with `--phases`: nothing is cancelled on \
         purpose in a warm-up"
    )]
    fn what_makes_no_sense_is_told_with_the_name_of_its_phase(
        #[case] line: &str,
        #[case] phase: &str,
        #[case] expected: &str,
    ) {
        let error = resolve(&described(line, &[phase])).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn sessions_of_a_warm_up_begin_together() {
        let spec = described(
            "--no-burst-phase-starts --trajectory-start-min-ratio 0.5",
            &[
                r#"{"name": "fill", "role": "warmup", "request_count": "5"}"#,
                r#"{"name": "steady", "request_count": "5"}"#,
            ],
        );
        let phases = resolve(&spec).unwrap();
        assert_eq!(phases.iter().map(|phase| phase.rules.spreads_starts).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_setting_that_no_phase_takes_is_named() {
        let spec = described(
            "--concurrency 4 --request-rate 3",
            &[
                r#"{"name": "a", "concurrency": "2"}"#,
                r#"{"name": "b", "concurrency": "3", "request_rate": "5"}"#,
            ],
        );
        assert_eq!(
            idle(&spec),
            [
                "`--concurrency` has no effect: each of the phases has a setting of its own in its place, or no use for it"
            ]
        );
    }

    #[test]
    fn a_value_that_cannot_be_read_is_an_error() {
        let spec = spec_of(&["--phases", r#"{"name": "a", "concurrency": "x"}"#]);
        assert!(spec.with_phases(&Origins::default(), Words::flags).is_err());
    }
}
