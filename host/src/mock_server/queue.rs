//! [`Queue`]: a server that works on so many requests at once, while others wait in the order of their arrival.
//!
//! Nobody is woken: how long each request takes is known when it arrives, and so is when a slot is free for it. A client that leaves
//! early does not free its slot. With exponential service times and Poisson arrivals this is the M/M/c queue of queueing theory, whose
//! waiting times are known by formula.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rand::RngExt as _;
use rand_distr::Exp1;

use super::{
    options::{Capacity, Drift, Pacing, ServiceTime},
    pace::{Pace, seeded},
};
use crate::clock::{RunNs, as_ns};

impl ServiceTime {
    /// That of a request, by the seed and its number alone.
    fn of(self, seed: u64, number: u64) -> Duration {
        match self {
            Self::Constant(time) => time,
            Self::Exponential(mean) => {
                // Another stream than that of the request's jitter.
                mean.mul_f64(seeded(seed, !number).sample(Exp1))
            }
        }
    }
}

/// The slots of a server.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: Capacity,
    drift: Drift,
    /// When each busy slot is free again, the earliest first.
    free_at: Mutex<BinaryHeap<Reverse<RunNs>>>,
}

impl Queue {
    pub(super) fn new(capacity: Capacity, drift: Drift) -> Self {
        Self { capacity, drift, free_at: Mutex::default() }
    }

    /// The deadlines of a response of so many tokens to the request that arrived at this instant. Ask in the order of arrival.
    pub(super) fn pace(
        &self,
        pacing: Pacing,
        (seed, number): (u64, u64),
        arrived: RunNs,
        tokens: u64,
    ) -> Pace {
        let pacing =
            self.capacity.service.map_or(pacing, |service| evenly(service.of(seed, number), tokens, pacing));
        let pacing = self.drift.slower(pacing, number);
        let takes = as_ns(pacing.ttft) + as_ns(pacing.itl).saturating_mul(tokens.saturating_sub(1));
        Pace::new(pacing, self.begin(arrived, takes), seed, number)
    }

    /// When a slot is free for a request that takes so long.
    fn begin(&self, arrived: RunNs, takes: u64) -> RunNs {
        let Some(slots) = self.capacity.slots else { return arrived };
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = free_at.len() >= slots.get() as usize;
        let free = if is_full { free_at.pop().map_or(0, |Reverse(at)| at) } else { 0 };
        let begins = arrived.max(free);
        free_at.push(Reverse(begins.saturating_add(takes)));
        begins
    }
}

/// Tokens at equal distances, the last one at the end of the time.
fn evenly(time: Duration, tokens: u64, pacing: Pacing) -> Pacing {
    let tokens = u32::try_from(tokens).unwrap_or(u32::MAX).max(1);
    let gap = time / tokens;
    // What the division leaves goes before the first token.
    Pacing { ttft: time.saturating_sub(gap * (tokens - 1)), itl: gap, ..pacing }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const MS: u64 = 1_000_000;

    fn queue(slots: u32, service: ServiceTime) -> Queue {
        Queue::new(Capacity { slots: NonZeroU32::new(slots), service: Some(service) }, Drift::default())
    }

    fn ends(queue: &Queue, arrivals_ms: &[u64]) -> Vec<u64> {
        let end = |(number, at_ms): (u64, &u64)| {
            queue.pace(Pacing::default(), (42, number), at_ms * MS, 4).due(3) / MS
        };
        (1..).zip(arrivals_ms).map(end).collect()
    }

    #[test]
    fn whoever_finds_no_slot_waits_for_the_first_one() {
        let queue = queue(2, ServiceTime::Constant(Duration::from_millis(100)));
        assert_eq!(ends(&queue, &[0, 10, 20, 30, 500]), [100, 110, 200, 210, 600]);
    }

    #[test]
    fn tokens_come_at_equal_distances() {
        let queue = queue(1, ServiceTime::Constant(Duration::from_millis(100)));
        let mut pace = queue.pace(Pacing::default(), (42, 1), 0, 4);
        assert_eq!([0, 1, 2, 3].map(|token| pace.due(token) / MS), [25, 50, 75, 100]);
    }

    /// Erlang's formula for waiting: with two servers at 75 %, 64 % of the requests wait. Source: Erlang C,
    /// C(2, 1.5) = 9 / 14.
    #[test]
    fn as_many_wait_as_the_formula_says() {
        let queue = queue(2, ServiceTime::Exponential(Duration::from_millis(100)));
        let mut gaps = seeded(7, 0);
        let (mut at, mut waited, number) = (0.0_f64, 0_u32, 200_000_u32);
        for request in 0..u64::from(number) {
            at += gaps.sample::<f64, _>(Exp1) * 100.0 / 1.5;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some hours in nanoseconds"
            )]
            let arrived = (at * 1e6) as u64;
            let takes = as_ns(ServiceTime::Exponential(Duration::from_millis(100)).of(42, request));
            waited += u32::from(queue.begin(arrived, takes) > arrived);
        }
        let share = f64::from(waited) / f64::from(number);
        assert!((share - 9.0 / 14.0).abs() < 0.01, "{share}");
    }
}
