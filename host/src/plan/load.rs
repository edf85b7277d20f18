//! How the sessions of a phase start.

use std::{num::NonZeroU32, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::{ramp::Ramp, replay::Replay};
use crate::clock::RunNs;

/// How sessions start. A single request is a session of one step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Load {
    /// Closed loop: the next one starts as soon as one of so many ends.
    Closed {
        /// How many go on at once.
        sessions: Ramp<u32>,
    },
    /// Open loop: they start when they are due, whether or not earlier ones have ended.
    Open {
        /// How many start a second.
        rate: Ramp<f64>,
        /// How far they are apart.
        law: Law,
        /// What else they wait for.
        limit: Limit,
    },
    /// They start when they did when they were recorded, whether or not earlier ones have ended.
    Replay {
        replay: Replay,
        /// What else they wait for.
        limit: Limit,
    },
    /// A number of users send requests in turn, each user at equal distances; a session is one user's.
    Users {
        /// How many, and how fast they are together.
        users: Users,
        /// What else they wait for.
        limit: Limit,
    },
}

/// Users of whom each sends one request every so many seconds, whether or not earlier users have got their answers. When the
/// turns of one are over, another one takes the place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Users {
    /// How many there are at once.
    pub(crate) number: NonZeroU32,
    /// Requests a second of all of them together, above 0.
    pub(crate) rate: f64,
}

impl Users {
    /// When the request with this number is due, over all users, in nanoseconds since the first one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and is no less than 0"
    )]
    pub(crate) fn due_ns(self, request: u64) -> RunNs {
        (request as f64 / self.rate * 1e9) as RunNs
    }

    /// The time from one request of a user to the next one, in nanoseconds.
    pub(crate) fn gap_ns(self) -> RunNs {
        self.due_ns(self.number.get().into())
    }
}

/// How far the starts of an open loop are apart. What each law means is in `schedule::arrival`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Law {
    /// Evenly.
    Constant,
    /// At random, independently of each other.
    Poisson,
    /// At random, with gaps of the gamma distribution.
    Gamma {
        /// Its shape. At 1 it is [`Self::Poisson`]; the lower, the more arrivals come in bursts, and the higher, the
        /// more even they are.
        smoothness: Smoothness,
    },
}

/// The shape of a gamma distribution, which is also called burstiness.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub(crate) struct Smoothness(f64);

/// A number that no law has as its smoothness.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("draw gamma gaps with a smoothness of {0}: it must be from 0.001 to 1000000")]
pub(crate) struct SmoothnessError(f64);

impl Smoothness {
    /// That of a Poisson process.
    pub(crate) const POISSON: Self = Self(1.0);

    /// Below, nearly all gaps are less than a nanosecond; above, all are equal.
    const RANGE: RangeInclusive<f64> = 0.001..=1e6;

    /// The number, above 0.
    pub(crate) fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Smoothness {
    type Error = SmoothnessError;

    fn try_from(number: f64) -> Result<Self, SmoothnessError> {
        if Self::RANGE.contains(&number) { Ok(Self(number)) } else { Err(SmoothnessError(number)) }
    }
}

impl From<Smoothness> for f64 {
    fn from(smoothness: Smoothness) -> Self {
        smoothness.0
    }
}

/// The most that may go on at once in an open loop; no limit where there is no number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Limit {
    pub(crate) sessions: Option<NonZeroU32>,
    pub(crate) requests: Option<Ramp<u32>>,
}

impl Limit {
    /// The most requests that may be in flight. A session has one at a time.
    pub(crate) fn in_flight(&self) -> Option<Ramp<u32>> {
        match (self.sessions, &self.requests) {
            (Some(sessions), Some(requests)) => Some(requests.at_most(sessions)),
            (sessions, requests) => requests.clone().or_else(|| sessions.map(Ramp::from)),
        }
    }
}

impl Load {
    /// The most requests that can be in flight at any time; no limit without a number.
    pub(crate) fn most_in_flight(&self) -> Option<u32> {
        self.in_flight().map(|most| most.most())
    }

    /// The most requests in flight as it changes with time; no limit without a curve.
    pub(crate) fn in_flight(&self) -> Option<Ramp<u32>> {
        match self {
            Self::Closed { sessions } => Some(sessions.clone()),
            Self::Open { limit, .. } | Self::Replay { limit, .. } | Self::Users { limit, .. } => {
                limit.in_flight()
            }
        }
    }

    /// The rate at which sessions start in an open loop.
    pub(crate) fn rate(&self) -> Option<&Ramp<f64>> {
        match self {
            Self::Closed { .. } | Self::Replay { .. } | Self::Users { .. } => None,
            Self::Open { rate, .. } => Some(rate),
        }
    }

    /// The law of the instants at which sessions start; none in a closed loop, in a replay and for users.
    pub(crate) fn law(&self) -> Option<Law> {
        match self {
            Self::Closed { .. } | Self::Replay { .. } | Self::Users { .. } => None,
            Self::Open { law, .. } => Some(*law),
        }
    }

    /// What is replayed, if anything is.
    pub(crate) fn replay(&self) -> Option<Replay> {
        match self {
            Self::Replay { replay, .. } => Some(*replay),
            Self::Closed { .. } | Self::Open { .. } | Self::Users { .. } => None,
        }
    }

    /// The users, if there are any.
    pub(crate) fn users(&self) -> Option<Users> {
        match self {
            Self::Users { users, .. } => Some(*users),
            Self::Closed { .. } | Self::Open { .. } | Self::Replay { .. } => None,
        }
    }

    /// Requests a second, at most; none where other things decide it.
    pub(crate) fn most_rate(&self) -> Option<f64> {
        self.rate().map(Ramp::most).or_else(|| self.users().map(|users| users.rate))
    }

    /// Requests are due at instants of their own.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, None, None)]
    #[case(Some(8), None, Some(8))]
    #[case(None, Some(4), Some(4))]
    #[case(Some(8), Some(4), Some(4))]
    fn the_narrowest_limit_counts(
        #[case] sessions: Option<u32>,
        #[case] requests: Option<u32>,
        #[case] expected: Option<u32>,
    ) {
        let limit = Limit {
            sessions: sessions.and_then(NonZeroU32::new),
            requests: requests.map(|most| Ramp::constant(most).unwrap()),
        };
        let load = Load::Open { rate: Ramp::constant(1.0).unwrap(), law: Law::Constant, limit };
        assert_eq!(load.most_in_flight(), expected);
    }

    #[test]
    fn a_closed_loop_is_as_wide_as_its_curve_is_high() {
        let sessions = Ramp::steps(vec![(0.0, 2), (5.0, 9), (9.0, 1)]).unwrap();
        assert_eq!(Load::Closed { sessions }.most_in_flight(), Some(9));
    }
}
