//! When a queue grows without an end, since more requests begin than end: [`never_ends`].
//!
//! Below the capacity of a server the number of requests in flight goes up and down; above it, the number grows by as many a second as
//! come more than are answered. Three thirds of a time are compared. The queue has no end when, in each of the last two,
//!
//! * more requests began than ended, by [`SURE`] standard deviations of what chance does (arrivals and ends that are independent of each
//!   other, each with the variance of its number);
//! * as many ended as in the third before, but for chance: answers that take long do not only begin to come;
//! * those that ended had taken longer than those of the third before: what is in flight waits, and does not only take its time.
//!
//! At the capacity itself, both numbers being equal, the first of these happens by chance once in 30,000 times in one third, and below
//! it less often. It takes some 300 requests at twice the capacity, and some 10,000 at 1.1 times.

use std::time::Duration;

/// Standard deviations that are no chance.
const SURE: f64 = 4.0;

/// Standard deviations within which two numbers are the same.
const SAME: f64 = 2.0;

/// With fewer in a third, hardly anything differs from anything.
const LEAST_ENDED: f64 = 50.0;

/// Requests of a third have taken so many times what those of the third before had.
const LONGER: f64 = 1.2;

/// The numbers of a phase at one time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Requests that began.
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    /// The time that these took, all together.
    pub(crate) took: Duration,
}

impl Look {
    /// Requests that have begun and not ended.
    pub(crate) fn in_flight(self) -> u64 {
        self.begun.saturating_sub(self.ended)
    }
}

/// Whether the queue grows without an end, by what was seen at the beginning, behind each third, and at the end.
pub(crate) fn never_ends(looks: [Look; 4]) -> bool {
    let [first, middle, last] = [0, 1, 2].map(|third| Third::between(looks[third], looks[third + 1]));
    let pairs = [(&first, &middle), (&middle, &last)];
    first.ended >= LEAST_ENDED
        && pairs.iter().all(|(before, third)| third.grows() && third.waits_more_than(before))
}

/// What happened in a third of the time.
struct Third {
    begun: f64,
    ended: f64,
    took_s: f64,
}

impl Third {
    fn between(from: Look, to: Look) -> Self {
        Self {
            begun: to.begun.saturating_sub(from.begun) as f64,
            ended: to.ended.saturating_sub(from.ended) as f64,
            took_s: to.took.saturating_sub(from.took).as_secs_f64(),
        }
    }

    fn grows(&self) -> bool {
        self.begun - self.ended > SURE * (self.begun + self.ended).sqrt()
    }

    /// Whether as many ended as in the third before, and took longer.
    fn waits_more_than(&self, before: &Self) -> bool {
        let is_same = (self.ended - before.ended).abs() <= SAME * (self.ended + before.ended).sqrt();
        is_same && self.took_s / self.ended > LONGER * before.took_s / before.ended
    }
}
