//! One thing that was looked at.

use std::fmt;

use serde::Serialize;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It cannot be found out here, or it matters to some runs only.
    Note,
    /// Runs work, and their numbers may be worse than they could be.
    Warn,
    /// Runs of the wanted size do not work here.
    Fail,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    Processors,
    Memory,
    Clocks,
    Network,
    Files,
    Installation,
}

impl Group {
    /// In the order in which they are printed.
    pub(crate) const ALL: [Self; 6] =
        [Self::Processors, Self::Memory, Self::Clocks, Self::Network, Self::Files, Self::Installation];
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processors => "processors",
            Self::Memory => "memory",
            Self::Clocks => "clocks",
            Self::Network => "network",
            Self::Files => "files",
            Self::Installation => "installation",
        })
    }
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Look {
    pub(crate) group: Group,
    /// What was looked at.
    pub(crate) what: String,
    pub(crate) state: State,
    pub(crate) found: String,
    pub(crate) needed: String,
    /// What to do. Empty where there is nothing to do.
    pub(crate) fix: String,
}

impl Look {
    /// One with which all is well.
    pub(crate) fn new(
        group: Group,
        what: impl Into<String>,
        found: impl Into<String>,
        needed: impl Into<String>,
    ) -> Self {
        Self {
            group,
            what: what.into(),
            state: State::Ok,
            found: found.into(),
            needed: needed.into(),
            fix: String::new(),
        }
    }

    /// One that the system does not answer.
    pub(super) fn unanswered(
        group: Group,
        what: impl Into<String>,
        needed: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(group, what, "the system does not tell", needed).with(State::Note, fix)
    }

    /// The same in another state, with what to do about it.
    pub(crate) fn with(self, state: State, fix: impl Into<String>) -> Self {
        Self { state, fix: fix.into(), ..self }
    }

    /// The same in another state where `is_well` does not hold.
    pub(crate) fn unless(self, is_well: bool, state: State, fix: impl Into<String>) -> Self {
        if is_well { self } else { self.with(state, fix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_condition_decides() {
        let look = |found: u32| {
            Look::new(Group::Files, "a", found.to_string(), "10")
                .unless(found >= 10, State::Warn, "more")
                .unless(found >= 5, State::Fail, "much more")
        };
        let states = [10, 9, 4].map(|found| look(found).state);
        assert_eq!(states, [State::Ok, State::Warn, State::Fail]);
        assert_eq!(look(4).fix, "much more");
        assert_eq!(look(10).fix, "");
    }

    #[test]
    fn states_are_ordered_by_how_grave_they_are() {
        assert!(State::Ok < State::Note && State::Note < State::Warn && State::Warn < State::Fail);
        assert_eq!(State::Fail.word(), "fail");
    }
}
