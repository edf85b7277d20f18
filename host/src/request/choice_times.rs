//! When the tokens of each choice of a response arrived: [`ChoiceTimes`].
//!
//! A request with `n` > 1 gets several choices at once, and their tokens alternate. The time between tokens of two choices says
//! nothing of how fast either of them is generated, so that each choice has times of its own.

use serde::{Deserialize, Serialize};

use crate::clock::RunNs;

/// The choices of one response that brought tokens. Nothing is allocated for the first one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ChoiceTimes {
    first: Option<ChoiceTime>,
    others: Vec<LaterChoice>,
    /// Events with tokens in the first read of their choice.
    first_events: u64,
    /// Reads that brought tokens of any choice.
    reads: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct ChoiceTime {
    choice: u32,
    first_token: RunNs,
    last_token: RunNs,
}

/// One that is not the first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct LaterChoice {
    time: ChoiceTime,
    /// Its text that arrived with its first token.
    first_arrival: String,
}

/// What a piece of text is to the choice that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// It came with the first token of its choice.
    pub(super) is_first: bool,
    /// Since the read before that brought tokens of the same choice, in nanoseconds.
    pub(super) gap_ns: Option<u64>,
}

/// How the choices of a response streamed, where there are several: what a record keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ChoiceStreams {
    /// Choices that brought tokens.
    pub(crate) count: u32,
    /// From the first token of a choice to its last one, in nanoseconds, of all choices together.
    pub(crate) streamed_ns: u64,
    /// Events with tokens that came in the first read of their choice.
    pub(crate) first_events: u64,
    /// Reads that brought tokens of any choice.
    pub(crate) reads: u64,
}

impl ChoiceTimes {
    /// Notes text of a choice that has just arrived.
    pub(super) fn note(&mut self, choice: u32, now: RunNs, text: &str, is: Firsts) -> Arrival {
        self.reads += u64::from(is.of_read);
        let new = ChoiceTime { choice, first_token: now, last_token: now };
        let arrival = match self.first.get_or_insert(new) {
            first if first.choice == choice => first.note(now),
            _ => self.note_later(new, text),
        };
        self.first_events += u64::from(arrival.is_first && is.of_event);
        arrival
    }

    fn note_later(&mut self, new: ChoiceTime, text: &str) -> Arrival {
        // Few choices: a search beats a map.
        let known = self.others.iter().position(|other| other.time.choice == new.choice);
        let at = known.unwrap_or_else(|| {
            self.others.push(LaterChoice { time: new, first_arrival: String::new() });
            self.others.len() - 1
        });
        let other = &mut self.others[at];
        let arrival = other.time.note(new.first_token);
        if arrival.is_first {
            other.first_arrival.push_str(text);
        }
        arrival
    }

    /// Whether this choice is the first that brought tokens.
    pub(super) fn is_first(&self, choice: u32) -> bool {
        self.first.is_some_and(|first| first.choice == choice)
    }

    /// How many events there were is not known.
    pub(super) fn forget_events(&mut self) {
        self.first_events = 0;
    }

    /// Whether all choices began in the same read.
    pub(crate) fn began_together(&self) -> bool {
        let first = self.first.map(|first| first.first_token);
        self.others.iter().all(|other| Some(other.time.first_token) == first)
    }

    /// How they streamed, if there are several.
    pub(crate) fn streams(&self) -> Option<ChoiceStreams> {
        let times = self.first.iter().chain(self.others.iter().map(|other| &other.time));
        (!self.others.is_empty()).then(|| ChoiceStreams {
            count: u32::try_from(self.others.len() + 1).unwrap_or(u32::MAX),
            streamed_ns: times.map(|time| time.last_token.saturating_sub(time.first_token)).sum(),
            first_events: self.first_events,
            reads: self.reads,
        })
    }

    /// The text of each choice but the first that arrived with its first token.
    pub(crate) fn later_arrivals(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(|other| other.first_arrival.as_str())
    }
}

/// What a piece of text is the first of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Firsts {
    /// No other text of its event has come yet.
    pub(super) of_event: bool,
    /// No other text of its read has come yet.
    pub(super) of_read: bool,
}

impl ChoiceTime {
    fn note(&mut self, now: RunNs) -> Arrival {
        let gap_ns = now.checked_sub(self.last_token).filter(|gap| *gap > 0);
        self.last_token = now;
        Arrival { is_first: now == self.first_token, gap_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text of choices, each in an event and a read of its own.
    fn times(arrivals: &[(u32, RunNs)]) -> (ChoiceTimes, Vec<Option<u64>>) {
        let mut times = ChoiceTimes::default();
        let is = Firsts { of_event: true, of_read: true };
        let gaps = arrivals.iter().map(|(choice, now)| times.note(*choice, *now, "x", is).gap_ns).collect();
        (times, gaps)
    }

    #[test]
    fn a_gap_is_between_tokens_of_one_choice() {
        let (times, gaps) = times(&[(0, 10), (1, 14), (0, 20), (1, 24), (1, 34), (0, 50)]);
        assert_eq!(gaps, [None, None, Some(10), Some(10), Some(10), Some(30)]);
        let streams = ChoiceStreams { count: 2, streamed_ns: 40 + 20, first_events: 2, reads: 6 };
        assert_eq!(times.streams(), Some(streams));
        assert!(!times.began_together());
    }

    #[test]
    fn one_choice_has_nothing_of_its_own() {
        let (times, gaps) = times(&[(3, 10), (3, 10), (3, 25)]);
        assert_eq!((gaps, times.streams()), (vec![None, None, Some(15)], None));
        assert!(times.began_together() && times.is_first(3) && times.later_arrivals().count() == 0);
    }

    #[test]
    fn each_choice_has_the_text_of_its_first_read() {
        let (times, _) = times(&[(0, 10), (1, 10), (1, 10), (2, 14), (2, 20)]);
        assert_eq!(times.later_arrivals().collect::<Vec<_>>(), ["xx", "x"]);
    }
}
