//! What the dashboard shows: the [`Model`]. It hears of the run, and knows neither a terminal nor a clock.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prony_plugin_api::live::{Recent, RunNow};

use crate::{plan::Phase, run::Snapshot};

/// Points of the curves: two a second, so that they reach back two minutes. On a terminal with more columns, the
/// rest of a curve stays empty.
const MOST_POINTS: usize = 240;

/// Notices that are kept.
const MOST_NOTICES: usize = 20;

/// All that is known of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    /// Which one of several runs this is; empty of a single one.
    pub(super) place: String,
    /// Name of the current phase; empty before the first one.
    pub(super) phase: String,
    /// The phase is over, and the next one has not begun.
    pub(super) is_between: bool,
    /// Requests after which the phase sends no more, and seconds.
    pub(super) most_requests: Option<u64>,
    pub(super) most_seconds: Option<f64>,
    /// How far the phase is.
    pub(super) snapshot: Option<Snapshot>,
    /// All else that is known of it.
    pub(super) now: Option<RunNow>,
    /// What was seen at each half of a second.
    pub(super) points: VecDeque<Point>,
    /// What the user should know, the latest last.
    pub(super) notices: VecDeque<String>,
    /// The drawing stands still.
    pub(super) is_paused: bool,
    /// The keys are explained.
    pub(super) shows_help: bool,
}

/// What happened from one time to the next, and how the last seconds were. With agents, all of it is of the last seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Requests that ended well, a second.
    pub(super) requests_per_s: f64,
    /// Output tokens of them, a second.
    pub(super) tokens_per_s: f64,
    /// The median of the last seconds, in milliseconds.
    pub(super) first_token_ms: Option<f64>,
}

impl Model {
    /// Nothing yet.
    pub(super) fn new(place: String) -> Self {
        Self { place, ..Self::default() }
    }

    /// A phase begins: what was before it is no part of it, but for notices.
    pub(super) fn phase_started(&mut self, phase: &Phase) {
        self.phase.clone_from(&phase.name);
        self.is_between = false;
        (self.most_requests, self.most_seconds) = (phase.stop.requests(), phase.stop.duration_s());
        (self.snapshot, self.now) = (None, None);
        self.points.clear();
    }

    /// How far the phase is.
    pub(super) fn snapshot(&mut self, snapshot: Snapshot) {
        self.snapshot = Some(snapshot);
    }

    /// What is known of it.
    pub(super) fn now(&mut self, now: &RunNow) {
        let point = self.point(now);
        self.points.extend(point);
        let too_many = self.points.len().saturating_sub(MOST_POINTS);
        self.points.drain(..too_many);
        self.now = Some(now.clone());
    }

    /// What happened since the time before; nothing where no time has passed, or where no agent has said anything.
    fn point(&self, now: &RunNow) -> Option<Point> {
        let before = self.now.as_ref().map_or((0.0, 0, 0), of_time);
        let (elapsed_s, succeeded, tokens) = of_time(now);
        let seconds = elapsed_s - before.0;
        let first_token_ms = now.recent.time_to_first_token_ms.map(|spread| spread.p50);
        if !now.agents.is_empty() {
            // They count once a second, each at a time of its own: half of a second would be anything but even.
            let Recent { requests_per_s, output_tokens_per_s: tokens_per_s, .. } = now.recent;
            let is_known = seconds > 0.0 && now.recent.seconds > 0.0;
            return is_known.then_some(Point { requests_per_s, tokens_per_s, first_token_ms });
        }
        let a_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        (seconds > 0.0).then(|| Point {
            requests_per_s: a_second(succeeded, before.1),
            tokens_per_s: a_second(tokens, before.2),
            first_token_ms,
        })
    }

    /// The phase is over.
    pub(super) fn phase_ended(&mut self) {
        self.is_between = true;
    }

    /// Something that the user should know.
    pub(super) fn notice(&mut self, text: &str) {
        self.notices.push_back(text.to_owned());
        let too_many = self.notices.len().saturating_sub(MOST_NOTICES);
        self.notices.drain(..too_many);
    }
}

/// The model, no matter which thread panicked with it.
pub(super) fn lock(model: &Mutex<Model>) -> MutexGuard<'_, Model> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds of the phase, and what has ended well by then: requests and tokens.
fn of_time(now: &RunNow) -> (f64, u64, u64) {
    (now.phase.elapsed_s, now.requests.succeeded, now.requests.output_tokens)
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::live::{AgentNow, PhaseNow, RequestsNow};

    use super::*;

    fn now(elapsed_s: f64, succeeded: u64, output_tokens: u64) -> RunNow {
        RunNow {
            phase: PhaseNow { elapsed_s, ..PhaseNow::default() },
            requests: RequestsNow { succeeded, output_tokens, ..RequestsNow::default() },
            ..RunNow::default()
        }
    }

    #[test]
    fn a_point_is_what_happened_since_the_one_before() {
        let mut model = Model::default();
        model.now(&now(0.5, 10, 100));
        model.now(&now(1.0, 15, 300));
        // The last of a phase may come at once.
        model.now(&now(1.0, 15, 300));
        let points: Vec<_> = model.points.iter().map(|it| (it.requests_per_s, it.tokens_per_s)).collect();
        assert_eq!(points, [(20.0, 200.0), (10.0, 400.0)]);
    }

    #[test]
    fn with_agents_a_point_is_of_the_last_seconds_and_there_is_none_before_one_speaks() {
        let mut model = Model::default();
        let said = |elapsed_s, seconds| RunNow {
            recent: Recent { seconds, requests_per_s: 7.0, ..Recent::default() },
            agents: vec![AgentNow::default()],
            ..now(elapsed_s, 1000, 0)
        };
        model.now(&said(0.5, 0.0));
        model.now(&said(1.5, 1.0));
        let points: Vec<_> = model.points.iter().map(|it| it.requests_per_s).collect();
        assert_eq!(points, [7.0]);
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let mut model = Model::default();
        (1..=MOST_POINTS + 7).for_each(|at| model.now(&now(at as f64, at as u64, 0)));
        (0..MOST_NOTICES + 3).for_each(|at| model.notice(&at.to_string()));
        assert_eq!((model.points.len(), model.notices.len()), (MOST_POINTS, MOST_NOTICES));
        assert_eq!(model.notices.front().map(String::as_str), Some("3"));
    }
}
