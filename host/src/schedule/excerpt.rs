//! Which part of its script a session plays: where it begins, and where its user leaves. A pure function of the seed and the
//! session's number.

use std::ops::Range;

use rand::RngExt as _;

use crate::{
    plan::{Load, Phase, StartWindow},
    seed::Seed,
};

/// Labels of the random streams that a session draws from, before its number.
const START: &str = "timing.session.start";
const LEAVE: &str = "timing.session.leave";

/// Decides for each session of a phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Excerpts {
    /// Nothing is decided without it: every session is played whole.
    seed: Option<Seed>,
    /// Sessions that begin within their scripts, and where.
    start: Option<(u64, StartWindow)>,
    /// How often a user leaves after a turn, in percent.
    leave_percent: f64,
}

impl Excerpts {
    pub(crate) fn of(phase: &Phase, seed: Seed) -> Self {
        let first = match &phase.load {
            Load::Closed { sessions } => sessions.most().into(),
            Load::Users { users, .. } => users.number.get().into(),
            Load::Open { .. } | Load::Replay { .. } => 0,
        };
        let start = phase.rules.start.map(|window| (first, window));
        let leave_percent = phase.rules.leave_percent.unwrap_or(0.0);
        let is_needed = start.is_some() || leave_percent > 0.0;
        Self { seed: is_needed.then_some(seed), start, leave_percent }
    }

    /// The steps that a session plays of a script with so many: at least one.
    pub(crate) fn steps(&self, session: u64, steps: usize) -> Range<usize> {
        let Some(seed) = self.seed.filter(|_| steps > 1) else { return 0..steps };
        let start = match self.start {
            Some((first, window)) if session < first => start(seed, session, window, steps),
            _ => 0,
        };
        start..self.end(seed, session, start, steps)
    }

    /// The steps that a session plays of a script with so many, of which it has played those before this one.
    pub(crate) fn steps_from(&self, session: u64, start: usize, steps: usize) -> Range<usize> {
        let start = start.min(steps.saturating_sub(1));
        start..self.seed.map_or(steps, |seed| self.end(seed, session, start, steps))
    }

    fn end(&self, seed: Seed, session: u64, start: usize, steps: usize) -> usize {
        if self.leave_percent <= 0.0 {
            return steps;
        }
        let mut random = seed.stream(&format!("{LEAVE}.{session}"));
        let mut leaves = || random.random::<f64>() * 100.0 < self.leave_percent;
        (start + 1..steps).find(|_| leaves()).unwrap_or(steps)
    }
}

/// Evenly from the least to the most part of the script, and the last step at the latest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a positive number")]
fn start(seed: Seed, session: u64, window: StartWindow, steps: usize) -> usize {
    let draw: f64 = seed.stream(&format!("{START}.{session}")).random();
    let part = window.least + draw * (window.most - window.least);
    ((part * steps as f64) as usize).min(steps - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Ramp, Rules, StopRule};

    fn excerpts(sessions: u32, rules: Rules, seed: u64) -> Excerpts {
        let load = Load::Closed { sessions: Ramp::constant(sessions).unwrap() };
        let stop = StopRule::after_requests(5.try_into().unwrap());
        Excerpts::of(&Phase { rules, ..Phase::measured(load, stop) }, Seed::new(seed))
    }

    fn leaving(percent: f64) -> Rules {
        Rules { leave_percent: Some(percent), ..Rules::default() }
    }

    fn within(least: f64, most: f64) -> Rules {
        Rules { start: Some(StartWindow { least, most }), ..Rules::default() }
    }

    #[test]
    fn without_a_wish_all_steps_are_played() {
        assert_eq!(excerpts(4, Rules::default(), 42).steps(3, 9), 0..9);
    }

    /// The number of turns has the geometric law, cut at the end of the script. Four standard errors.
    #[test]
    fn users_leave_as_often_as_was_asked_for() {
        let (percent, steps, sessions) = (30.0, 6, 20_000_u32);
        let excerpts = excerpts(1, leaving(percent), 42);
        let mut ends = vec![0_u32; steps + 1];
        for session in 0..sessions {
            ends[excerpts.steps(session.into(), steps).end] += 1;
        }
        let stays: f64 = 1.0 - percent / 100.0;
        for (turns, found) in ends.iter().enumerate().skip(1) {
            let stayed = stays.powi(i32::try_from(turns).unwrap() - 1);
            let share = if turns == steps { stayed } else { stayed * (1.0 - stays) };
            let bound = 4.0 * (share * (1.0 - share) / f64::from(sessions)).sqrt();
            let off = (f64::from(*found) / f64::from(sessions) - share).abs();
            assert!(off < bound, "{turns} turns: {found} sessions");
        }
    }

    #[test]
    fn only_sessions_of_the_beginning_start_within_their_scripts() {
        let excerpts = excerpts(50, within(0.25, 0.75), 42);
        let starts: Vec<usize> = (0..200).map(|session| excerpts.steps(session, 8).start).collect();
        assert!(starts[..50].iter().all(|start| (2..6).contains(start)), "{starts:?}");
        assert!((2..6).all(|step| starts[..50].contains(&step)), "{starts:?}");
        assert!(starts[50..].iter().all(|start| *start == 0), "{starts:?}");
    }

    #[test]
    fn a_session_that_has_begun_goes_on_to_its_end() {
        assert_eq!(excerpts(4, Rules::default(), 42).steps_from(0, 3, 9), 3..9);
        assert_eq!(excerpts(4, within(0.25, 0.75), 42).steps_from(0, 8, 9), 8..9);
        assert_eq!(excerpts(4, leaving(100.0), 42).steps_from(0, 3, 9), 3..4);
    }

    proptest! {
        #[test]
        fn a_session_plays_a_step_at_least(
            session in any::<u64>(), steps in 1_usize..40, percent in 0.0..=100.0, least in 0.0..=1.0, more in 0.0..=1.0, seed in any::<u64>()
        ) {
            let rules = Rules { leave_percent: Some(percent), ..within(least, least + (1.0 - least) * more) };
            let played = excerpts(u32::MAX, rules, seed).steps(session, steps);
            prop_assert!(played.start < played.end && played.end <= steps, "{:?}", played);
        }
    }
}
