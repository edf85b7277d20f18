//! Recorded sessions in the order and at the distances of their recording.

use super::Script;
use crate::{explain::Explain, plan::Replay};

const NS_PER_S: f64 = 1e9;

/// Why a dataset cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplayError {
    /// A session without an instant.
    #[error("replay the dataset: entry {entry} (`{id}`) has no instant")]
    NoInstant {
        /// Its position in the dataset, from 1.
        entry: usize,
        id: String,
    },
    /// The window leaves nothing.
    #[error("replay the dataset: none of its {0} sessions begins between the two offsets")]
    Nothing(usize),
}

impl Explain for ReplayError {
    fn hint(&self) -> String {
        match self {
            Self::NoInstant { .. } => {
                "give each row a `timestamp` in milliseconds, or leave out `--fixed-schedule`".to_owned()
            }
            Self::Nothing(_) => {
                "lower `--fixed-schedule-start-offset`, or raise `--fixed-schedule-end-offset`".to_owned()
            }
        }
    }
}

/// Which sessions are replayed, and how fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    from_ns: Option<u64>,
    until_ns: Option<u64>,
    speed: f64,
}

impl Window {
    pub(super) fn of(replay: Replay) -> Self {
        Self { from_ns: replay.from_s.map(ns), until_ns: replay.until_s.map(ns), speed: replay.speed }
    }

    /// What starts at this instant comes before it.
    pub(super) fn is_before(self, at_ns: u64) -> bool {
        self.from_ns.is_some_and(|from_ns| at_ns < from_ns)
    }

    /// What starts at this instant comes after it.
    pub(super) fn is_behind(self, at_ns: u64) -> bool {
        self.until_ns.is_some_and(|until_ns| at_ns > until_ns)
    }

    /// The instant at which a replay begins, of which this is the first session's.
    pub(super) fn zero(self, first_ns: u64) -> u64 {
        self.from_ns.unwrap_or(first_ns)
    }

    /// A time of the recording in the replay.
    pub(super) fn faster(self, time_ns: u64) -> u64 {
        faster(time_ns, self.speed)
    }
}

/// The sessions of a replay: those in its window, in the order of their instants, which begin with the first one, or with the
/// beginning of the window if it has one. Instants are divided by the speed; what passes inside of a session is not.
///
/// # Errors
/// A session has no instant, or the window leaves none.
pub(super) fn replayed(scripts: Vec<Script>, replay: Replay) -> Result<Vec<Script>, ReplayError> {
    let (count, window) = (scripts.len(), Window::of(replay));
    let timed = scripts.into_iter().enumerate().map(|(position, script)| match script.starts_ns {
        Some(at_ns) => Ok((at_ns, script)),
        None => Err(ReplayError::NoInstant { entry: position + 1, id: script.id }),
    });
    let mut timed = timed.collect::<Result<Vec<_>, _>>()?;
    timed.retain(|(at_ns, _)| !window.is_before(*at_ns) && !window.is_behind(*at_ns));
    timed.sort_by_key(|(at_ns, _)| *at_ns);
    let zero_ns = window.zero(timed.first().ok_or(ReplayError::Nothing(count))?.0);
    let sessions = timed.into_iter().map(|(at_ns, script)| {
        let starts_ns = Some(window.faster(at_ns - zero_ns));
        Script { starts_ns, ..script }
    });
    Ok(sessions.collect())
}

/// A time that passes so many times as fast, to the nanosecond.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
pub(super) fn faster(time_ns: u64, speed: f64) -> u64 {
    (time_ns as f64 / speed).round() as u64
}

/// A time in nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive time below 2^63 ns")]
pub(super) fn ns(seconds: f64) -> u64 {
    (seconds * NS_PER_S).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Message, Part, Start, Step};

    const SECOND: u64 = 1_000_000_000;

    fn script(id: &str, at_s: Option<u64>) -> Script {
        let step = || Step::first(Message::user(vec![Part::text("x".into())]));
        let second = Step { start: Start::After(4 * SECOND), ..step() };
        Script { starts_ns: at_s.map(|at_s| at_s * SECOND), ..Script::dialogue(id.into(), [step(), second]) }
    }

    fn recording() -> Vec<Script> {
        vec![script("late", Some(30)), script("early", Some(10)), script("middle", Some(20))]
    }

    fn starts(replay: Replay) -> Vec<(String, u64)> {
        let scripts = replayed(recording(), replay).unwrap();
        scripts.into_iter().map(|script| (script.id, script.starts_ns.unwrap() / 1_000_000)).collect()
    }

    fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
        expected.iter().map(|(id, at)| ((*id).to_owned(), *at)).collect()
    }

    #[test]
    fn the_first_session_starts_at_once_and_the_others_as_they_did() {
        assert_eq!(starts(Replay::default()), pairs(&[("early", 0), ("middle", 10_000), ("late", 20_000)]));
    }

    #[test]
    fn a_window_leaves_out_what_is_outside_and_begins_where_it_says() {
        let replay = Replay { from_s: Some(15.0), until_s: Some(20.0), ..Replay::default() };
        assert_eq!(starts(replay), pairs(&[("middle", 5_000)]));
        let empty = Replay { from_s: Some(90.0), ..Replay::default() };
        assert_eq!(replayed(recording(), empty).unwrap_err(), ReplayError::Nothing(3));
    }

    #[test]
    fn speed_shortens_all_times() {
        let replay = Replay { speed: 20.0, ..Replay::default() };
        assert_eq!(starts(replay), pairs(&[("early", 0), ("middle", 500), ("late", 1_000)]));
        assert_eq!(faster(4 * SECOND, replay.speed), SECOND / 5);
    }

    #[test]
    fn a_session_without_an_instant_is_named() {
        let scripts = [recording(), vec![script("timeless", None)]].concat();
        let error = replayed(scripts, Replay::default()).unwrap_err();
        assert_eq!(error.to_string(), "replay the dataset: entry 4 (`timeless`) has no instant");
    }
}
