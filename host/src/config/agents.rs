//! Where sessions begin and end, and what becomes of the pauses in recorded ones.

use super::{
    error::ConfigError,
    problems::Problems,
    spec::{Origin, RunSpec, Setting},
};
use crate::plan::{RecordedTiming, StartWindow, StepTiming};

/// Where sessions begin that are there from the beginning, in parts of their turns, as AIPerf has it.
const DEFAULT_START: StartWindow = StartWindow { least: 0.25, most: 0.75 };

/// Why pauses of a load are not cut that has a pace of its own.
const OWN_PACE: &str = "the pauses of such a load are its own, and not recorded";

/// Whether sessions are to begin within their conversations.
pub(super) fn start_within(spec: &RunSpec) -> bool {
    spec.trajectory_start_min_ratio.is_given() || spec.trajectory_start_max_ratio.is_given()
}

/// Where sessions begin, if not with their first turns.
pub(super) fn start(spec: &RunSpec, problems: &mut Problems) -> Option<StartWindow> {
    let (least, most) = (&spec.trajectory_start_min_ratio, &spec.trajectory_start_max_ratio);
    let by = least.origin().or(most.origin())?;
    for with in one_by_one(spec).into_iter().flatten() {
        let reason = "sessions arrive one by one then, and none is there from the beginning";
        problems.push(ConfigError::Clash { flag: by.into(), with: with.into(), reason });
    }
    let window = StartWindow {
        least: least.value().unwrap_or_else(|| DEFAULT_START.least.min(most.value().unwrap_or(1.0))),
        most: most.value().unwrap_or_else(|| DEFAULT_START.most.max(least.value().unwrap_or(0.0))),
    };
    if let (Some((_, flag)), Some(with)) = (least.given(), most.origin())
        && window.least > window.most
    {
        let reason = "the earliest beginning is behind the latest one";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
    Some(window)
}

/// Whether sessions that begin in their middle wait for the pause before their first turn. They begin together otherwise.
pub(super) fn spreads_starts(spec: &RunSpec, problems: &mut Problems) -> bool {
    const ARRIVALS: &str = "sessions start at instants of their own then";
    let (together, apart) = (&spec.burst_phase_starts, &spec.no_burst_phase_starts);
    let others = one_by_one(spec).into_iter().chain([spec.user_centric_rate.origin()]).flatten();
    let mut others: Vec<(Origin, &'static str)> = others.map(|with| (with, ARRIVALS)).collect();
    let ramp = spec.concurrency_ramp_duration.origin().filter(|_| together.is_given());
    others.extend(ramp.map(|with| (with, "it starts sessions one by one")));
    for flag in [together.origin(), apart.origin()].into_iter().flatten() {
        for &(with, reason) in &others {
            problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
        }
    }
    if let (Some(flag), Some(with)) = (apart.origin(), together.origin()) {
        let reason = "they say the opposite of each other";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
    if !start_within(spec) && !spec.agentic_cache_warmup_duration.is_given() {
        problems.require(apart, &spec.trajectory_start_min_ratio);
    }
    apart.is_given()
}

/// Settings by which sessions start at instants of their own.
fn one_by_one(spec: &RunSpec) -> [Option<Origin>; 3] {
    [spec.request_rate.origin(), spec.request_rate_series.origin(), spec.fixed_schedule.origin()]
}

/// What becomes of recorded times.
pub(super) fn timing(spec: &RunSpec, problems: &mut Problems) -> RecordedTiming {
    let (open, closed) = (&spec.open_loop_replay, &spec.no_open_loop_replay);
    for switch in [open, closed, &spec.ignore_trace_delays] {
        problems.require(switch, &spec.input_file);
    }
    if let Some(flag) = spec.ignore_trace_delays.origin() {
        let times = of_recorded_times(spec).filter(|with| *with != flag);
        let others = [spec.fixed_schedule.origin(), spec.conversation_turn_delay_ratio.origin()];
        for with in times.chain(others.into_iter().flatten()) {
            let reason = "no recorded time is used then";
            problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
        }
    }
    for cap in caps(spec) {
        problems.require(cap, &spec.input_file);
    }
    if let (Some(flag), Some(with)) = (closed.origin(), open.origin()) {
        let reason = "turns go either at their instants or behind those before them";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
    let of_delays = [spec.inter_turn_delay_cap_seconds.origin(), spec.conversation_turn_delay_ratio.origin()];
    if let Some(with) = open.origin() {
        for flag in of_delays.into_iter().flatten() {
            let reason =
                "turns go at their instants then, and there are no delays behind the turns before them";
            problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
        }
    }
    let steps = match (spec.ignore_trace_delays.is_given(), open.is_given(), closed.is_given()) {
        (true, ..) => Some(StepTiming::AtOnce),
        (_, true, _) => Some(StepTiming::Instants),
        (_, _, true) => Some(StepTiming::Gaps),
        _ => None,
    };
    RecordedTiming {
        steps,
        most_delay_s: spec.inter_turn_delay_cap_seconds.value(),
        most_session_idle_s: spec.trace_idle_gap_cap_seconds.value(),
        // Without a schedule, it is known only as the sessions go on what is idle: see [`most_idle_s`].
        most_idle_s: spec.max_idle_gap_cap_seconds.value().filter(|_| spec.fixed_schedule.is_given()),
    }
}

/// The longest time in which nothing goes on in a closed loop, if there is one, in seconds.
pub(super) fn most_idle_s(spec: &RunSpec, problems: &mut Problems) -> Option<f64> {
    let (most_s, by) = spec.max_idle_gap_cap_seconds.given().filter(|_| !spec.fixed_schedule.is_given())?;
    let others = [
        (spec.request_rate.origin(), OWN_PACE),
        (spec.request_rate_series.origin(), OWN_PACE),
        (spec.user_centric_rate.origin(), OWN_PACE),
        (spec.agents.origin(), "an agent does not know whether the others are idle"),
    ];
    for (with, reason) in others {
        if let Some(with) = with {
            problems.push(ConfigError::Clash { flag: by.into(), with: with.into(), reason });
        }
    }
    Some(*most_s)
}

/// Settings about recorded times; those that are given.
pub(super) fn of_recorded_times(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    let switches = [
        spec.open_loop_replay.origin(),
        spec.no_open_loop_replay.origin(),
        spec.ignore_trace_delays.origin(),
    ];
    switches.into_iter().chain(caps(spec).map(Setting::origin)).flatten()
}

fn caps(spec: &RunSpec) -> [&Setting<f64>; 3] {
    [&spec.inter_turn_delay_cap_seconds, &spec.trace_idle_gap_cap_seconds, &spec.max_idle_gap_cap_seconds]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, spec::tests::spec};

    fn resolved(line: &str) -> Result<(Option<StartWindow>, RecordedTiming), ConfigErrors> {
        let (spec, mut problems) = (spec(line), Problems::default());
        let resolved = (start(&spec, &mut problems), timing(&spec, &mut problems));
        most_idle_s(&spec, &mut problems);
        problems.finish().map(|()| resolved)
    }

    #[rstest]
    #[case("", None)]
    #[case("--trajectory-start-min-ratio 0", Some((0.0, 0.75)))]
    #[case("--trajectory-start-min-ratio 0.9", Some((0.9, 0.9)))]
    #[case("--trajectory-start-max-ratio 1", Some((0.25, 1.0)))]
    #[case("--trajectory-start-max-ratio 0.1", Some((0.1, 0.1)))]
    #[case("--trajectory-start-min-ratio 0.5 --trajectory-start-max-ratio 0.6", Some((0.5, 0.6)))]
    fn sessions_begin_where_it_is_asked_for(#[case] line: &str, #[case] window: Option<(f64, f64)>) {
        let window = window.map(|(least, most)| StartWindow { least, most });
        assert_eq!(resolved(line).unwrap().0, window);
    }

    #[test]
    fn recorded_times_are_cut_where_it_is_asked_for() {
        let line = "--input-file f --fixed-schedule --inter-turn-delay-cap-seconds 5 --trace-idle-gap-cap-seconds 10 \
                    --system-idle-gap-cap-seconds 1m --no-open-loop-replay";
        let expected = RecordedTiming {
            steps: Some(StepTiming::Gaps),
            most_delay_s: Some(5.0),
            most_session_idle_s: Some(10.0),
            most_idle_s: Some(60.0),
        };
        assert_eq!(resolved(line).unwrap().1, expected);
    }

    #[rstest]
    #[case("", Ok(false))]
    #[case("--burst-phase-starts", Ok(false))]
    #[case("--no-burst-phase-starts --trajectory-start-min-ratio 0.5", Ok(true))]
    #[case("--input-file f --no-burst-phase-starts --agentic-cache-warmup-duration 5", Ok(true))]
    #[case("--no-burst-phase-starts", Err("requires `--trajectory-start-min-ratio`"))]
    #[case("--burst-phase-starts --no-burst-phase-starts", Err("they say the opposite of each other"))]
    #[case("--burst-phase-starts --request-rate 4", Err("`--request-rate`: sessions start at instants"))]
    #[case(
        "--burst-phase-starts --concurrency 4 --concurrency-ramp-duration 4",
        Err("`--concurrency-ramp-duration`: it starts sessions one by one")
    )]
    fn sessions_begin_together_unless_they_are_to_wait(
        #[case] line: &str,
        #[case] expected: Result<bool, &str>,
    ) {
        let (spec, mut problems) = (spec(line), Problems::default());
        let spreads = spreads_starts(&spec, &mut problems);
        match (problems.finish(), expected) {
            (Ok(()), expected) => assert_eq!(Ok(spreads), expected),
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (Err(error), Ok(_)) => panic!("{error}"),
        }
    }

    #[rstest]
    #[case("--input-file f --system-idle-gap-cap-seconds 4", None, Some(4.0))]
    #[case("--input-file f --system-idle-gap-cap-seconds 4 --fixed-schedule", Some(4.0), None)]
    #[case("--input-file f", None, None)]
    fn times_without_a_session_are_cut_in_the_recording_or_as_they_come(
        #[case] line: &str,
        #[case] recorded: Option<f64>,
        #[case] live: Option<f64>,
    ) {
        let (spec, mut problems) = (spec(line), Problems::default());
        assert_eq!(timing(&spec, &mut problems).most_idle_s, recorded);
        assert_eq!(most_idle_s(&spec, &mut problems), live);
        problems.finish().unwrap();
    }

    #[rstest]
    #[case(
        "--trajectory-start-min-ratio 0.5 --trajectory-start-max-ratio 0.4",
        "the earliest beginning is behind the latest one"
    )]
    #[case(
        "--trajectory-start-min-ratio 0.5 --request-rate 4",
        "use `--trajectory-start-min-ratio` together with `--request-rate`: sessions arrive one by one"
    )]
    #[case("--trace-idle-gap-cap-seconds 4", "`--trace-idle-gap-cap-seconds` requires `--input-file`")]
    #[case(
        "--input-file f --max-idle-gap-cap-seconds 4 --request-rate 2",
        "use `--max-idle-gap-cap-seconds` together with `--request-rate`: the pauses of such a load are its own"
    )]
    #[case(
        "--input-file f --max-idle-gap-cap-seconds 4 --agents 2",
        "use `--max-idle-gap-cap-seconds` together with `--agents`: an agent does not know"
    )]
    #[case("--ignore-trace-delays", "`--ignore-trace-delays` requires `--input-file`")]
    #[case(
        "--input-file f --ignore-trace-delays --fixed-schedule",
        "use `--ignore-trace-delays` together with `--fixed-schedule`: no recorded time is used then"
    )]
    #[case(
        "--input-file f --ignore-trace-delays --use-think-time-only",
        "use `--ignore-trace-delays` together with `--no-open-loop-replay`: no recorded time is used then"
    )]
    #[case("--open-loop-replay", "`--open-loop-replay` requires `--input-file`")]
    #[case(
        "--input-file f --open-loop-replay --no-open-loop-replay",
        "use `--no-open-loop-replay` together with `--open-loop-replay`"
    )]
    #[case(
        "--input-file f --open-loop-replay --inter-turn-delay-cap-seconds 5",
        "use `--inter-turn-delay-cap-seconds` together with `--open-loop-replay`: turns go at their instants"
    )]
    #[case(
        "--input-file f --open-loop-replay --conversation-turn-delay-ratio 2",
        "use `--conversation-turn-delay-ratio` together with `--open-loop-replay`: turns go at their instants"
    )]
    fn what_makes_no_sense_is_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
