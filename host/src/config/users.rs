//! Users who send their requests at a pace of their own: what is asked for, and what does not go with them.

use std::num::NonZeroU64;

use super::{
    error::{ConfigError, Said},
    problems::Problems,
    spec::{Origin, RunSpec, Setting},
};
use crate::plan::Users;

/// The users that are asked for, if any are.
pub(super) fn users(spec: &RunSpec, problems: &mut Problems) -> Option<Users> {
    problems.require(&spec.num_users, &spec.user_centric_rate);
    problems.require(&spec.user_centric_rate, &spec.num_users);
    let (rate, by) = spec.user_centric_rate.given().map(|(rate, by)| (*rate, by))?;
    for flag in schedules(spec).into_iter().flatten() {
        clash(flag, by, "users have a pace of their own", problems);
    }
    for flag in delays(spec).into_iter().flatten() {
        clash(flag, by, "turns of a user are `--num-users` / `--user-centric-rate` seconds apart", problems);
    }
    check_turns(spec, by, problems);
    let number = spec.num_users.value()?;
    for count in [&spec.request_count, &spec.num_conversations] {
        check_count(count, number.into(), spec, problems);
    }
    Some(Users { number, rate })
}

/// A phase ends before all users have begun.
fn check_count(count: &Setting<NonZeroU64>, users: NonZeroU64, spec: &RunSpec, problems: &mut Problems) {
    if let (Some((_, flag)), Some(with)) =
        (count.given().filter(|(count, _)| **count < users), spec.num_users.origin())
    {
        clash(flag, with, "the run would be over before each user has sent a request", problems);
    }
}

/// A conversation of one turn has no pace. What an input file holds is seen later.
fn check_turns(spec: &RunSpec, by: Origin, problems: &mut Problems) {
    if spec.input_file.is_given() {
        return;
    }
    match spec.conversation_turn_mean.given() {
        None => {
            problems.push(ConfigError::Needs { flag: by, needs: spec.conversation_turn_mean.flag() });
        }
        Some((1, turns)) => clash(by, turns, "a conversation of one turn has no pace", problems),
        Some(_) => {}
    }
}

fn clash(flag: Origin, with: Origin, reason: &'static str, problems: &mut Problems) {
    problems.push(ConfigError::Clash { flag: Said::from(flag), with: with.into(), reason });
}

/// Other settings that say when requests go.
fn schedules(spec: &RunSpec) -> [Option<Origin>; 6] {
    [
        spec.request_rate.origin(),
        spec.request_rate_series.origin(),
        spec.request_rate_ramp_duration.origin(),
        spec.arrival_pattern.origin(),
        spec.arrival_smoothness.origin(),
        spec.fixed_schedule.origin(),
    ]
}

/// Settings that say how far turns are apart.
fn delays(spec: &RunSpec) -> [Option<Origin>; 3] {
    [
        spec.conversation_turn_delay_mean.origin(),
        spec.conversation_turn_delay_stddev.origin(),
        spec.conversation_turn_delay_ratio.origin(),
    ]
}
