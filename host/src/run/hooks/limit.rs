//! How long a step may take: [`Limit`].

use std::time::Duration;

use crate::clock::Clock;

/// How long a step may take that comes when the run is over, whatever its deadline says, and when its end is wanted now.
pub(crate) const LAST_TIMEOUT: Duration = Duration::from_secs(5);

/// A time, and who limits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(super) time: Duration,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The step's own flag.
    Step,
    /// That of the run.
    Deadline,
    /// The run is over, or is to be over now.
    End,
}

impl Limit {
    /// What a step's own flag says.
    pub(super) fn own(time: Duration) -> Self {
        Self { time, by: By::Step }
    }

    /// The time until a run with this deadline must be over.
    pub(crate) fn until(deadline: Option<Duration>, clock: Clock) -> Self {
        let now = Duration::from_nanos(clock.now());
        let time = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_sub(now));
        Self { time, by: By::Deadline }
    }

    /// That of a step when the end of the run is wanted now.
    pub(crate) fn last() -> Self {
        Self { time: LAST_TIMEOUT, by: By::End }
    }

    /// That of a step when the load is over.
    pub(crate) fn after_load(deadline: Option<Duration>, clock: Clock) -> Self {
        let (until, last) = (Self::until(deadline, clock), Self::last());
        if until.time < last.time { last } else { until }
    }

    /// The one that is over first.
    pub(super) fn min(self, other: Self) -> Self {
        if other.time < self.time { other } else { self }
    }

    /// It is the deadline of the run.
    pub(super) fn is_deadline(self) -> bool {
        self.by == By::Deadline
    }

    /// It is not the step's own.
    pub(super) fn is_of_the_run(self) -> bool {
        self.by != By::Step
    }

    /// What became of a step that took longer, as a sentence goes on behind its name.
    pub(super) fn exceeded(self) -> String {
        let seconds = self.time.as_secs_f64();
        match self.by {
            By::Step => format!("took longer than {seconds} s and was ended"),
            By::Deadline => "was ended at the deadline of the run (`--deadline`)".to_owned(),
            By::End => format!("was ended: it has {seconds} s when the run is at its end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_over_first_is_told() {
        let second = Duration::from_secs(1);
        let own = Limit::own(second);
        let deadline = Limit { time: Duration::from_nanos(948_162_079), by: By::Deadline };
        assert_eq!(own.min(Limit::last()).exceeded(), "took longer than 1 s and was ended");
        assert_eq!(own.min(deadline).exceeded(), "was ended at the deadline of the run (`--deadline`)");
        let long = Limit::own(60 * second).min(Limit::last());
        assert_eq!(long.exceeded(), "was ended: it has 5 s when the run is at its end");
    }

    #[test]
    fn when_the_load_is_over_there_are_five_seconds_whatever_the_deadline_says() {
        let clock = Clock::start();
        assert_eq!(Limit::after_load(Some(Duration::ZERO), clock), Limit::last());
        assert_eq!(Limit::after_load(None, clock).time, Duration::MAX);
    }
}
