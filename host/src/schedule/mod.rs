//! Schedules: which request is due when.
//!
//! The global schedule of an open loop is a pure function of the phase's configuration and the seed ([`arrival`]): every
//! worker derives the whole of it and takes its own share. In a closed loop a free slot takes the next number. Either way
//! ([`credits`]) no message is needed per request. Where a run has several nodes, each has a [`division`] of it, and gets the
//! numbers of a closed loop by the range ([`numbers`], [`leased`]); places of a limit are lent by those that have free ones ([`lending`]). Pauses in which nothing goes on can be cut ([`idle`]). Only [`pacer`] waits for instants.

pub(crate) mod arrival;
pub(crate) mod budget;
pub(crate) mod cancellation;
pub(crate) mod credits;
pub(crate) mod division;
pub(crate) mod excerpt;
pub(crate) mod gate;
pub(crate) mod idle;
pub(crate) mod leased;
pub(crate) mod lending;
pub(crate) mod numbers;
pub(crate) mod pacer;
mod users;

use serde::{Deserialize, Serialize};

use crate::clock::RunNs;

/// Permission to start one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credit {
    /// Its number in the phase, from 0.
    pub(crate) number: u64,
    /// When it is due, in nanoseconds since the phase's start; `None` as soon as a slot is free.
    pub(crate) due_ns: Option<RunNs>,
}

/// What became of a phase's schedule, as far as the schedule knows: what was really sent stands in the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScheduleCounts {
    /// Sessions that were started, or due and never started.
    pub(crate) sessions: u64,
    /// Requests that the schedule wanted sent: those of sessions that were started, as far as they came, and the first ones of
    /// those that were not.
    pub(crate) scheduled: u64,
    /// Those among them that were never tried because the phase was over first.
    pub(crate) dropped: u64,
    /// Those among them that were tried and of which nothing more is known: their worker hung or died.
    pub(crate) lost: u64,
}

impl std::ops::AddAssign for ScheduleCounts {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.scheduled += other.scheduled;
        self.dropped += other.dropped;
        self.lost += other.lost;
    }
}
