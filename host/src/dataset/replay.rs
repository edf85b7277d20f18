//! Recorded sessions in the order and at the distances of their recording.

use super::{Script, Start};
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

/// The sessions of a replay: those in its window, in the order of their instants, which begin with the first one, or with the
/// beginning of the window if it has one. All times are divided by the speed.
///
/// # Errors
/// A session has no instant, or the window leaves none.
pub(super) fn replayed(scripts: Vec<Script>, replay: Replay) -> Result<Vec<Script>, ReplayError> {
    let count = scripts.len();
    let timed = scripts.into_iter().enumerate().map(|(position, script)| match script.starts_ns {
        Some(at_ns) => Ok((at_ns, script)),
        None => Err(ReplayError::NoInstant { entry: position + 1, id: script.id }),
    });
    let mut timed = timed.collect::<Result<Vec<_>, _>>()?;
    let (from_ns, until_ns) = (replay.from_s.map(ns), replay.until_s.map(ns));
    timed.retain(|(at_ns, _)| {
        from_ns.is_none_or(|from_ns| *at_ns >= from_ns) && until_ns.is_none_or(|until_ns| *at_ns <= until_ns)
    });
    timed.sort_by_key(|(at_ns, _)| *at_ns);
    let first_ns = timed.first().ok_or(ReplayError::Nothing(count))?.0;
    let zero_ns = from_ns.unwrap_or(first_ns);
    let faster = |time_ns: u64| ns(time_ns as f64 / NS_PER_S / replay.speed);
    let sessions = timed.into_iter().map(|(at_ns, mut script)| {
        script.starts_ns = Some(faster(at_ns - zero_ns));
        for step in &mut script.steps {
            step.start = match step.start {
                Start::After(delay_ns) => Start::After(faster(delay_ns)),
                Start::At(offset_ns) => Start::At(faster(offset_ns)),
            };
        }
        script
    });
    Ok(sessions.collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive time below 2^53 ns")]
fn ns(seconds: f64) -> u64 {
    (seconds * NS_PER_S).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Message, Part, Step};

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
        let scripts = replayed(recording(), replay).unwrap();
        assert_eq!(scripts[0].steps[1].start, Start::After(SECOND / 5));
    }

    #[test]
    fn a_session_without_an_instant_is_named() {
        let scripts = [recording(), vec![script("timeless", None)]].concat();
        let error = replayed(scripts, Replay::default()).unwrap_err();
        assert_eq!(error.to_string(), "replay the dataset: entry 4 (`timeless`) has no instant");
    }
}
