//! [`Pace`]: the deadlines of one answer. The one file of the mock server that sleeps.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::options::Pacing;
use crate::clock::{Clock, RunNs, as_ns};

/// The deadlines of one answer's tokens, absolute and never decreasing.
#[derive(Debug)]
pub(super) struct Pace {
    pacing: Pacing,
    /// The request's arrival, later by every stall.
    origin: RunNs,
    latest: RunNs,
    dice: ChaCha8Rng,
}

impl Pace {
    /// `number` makes the jitter of each request its own, whatever runs beside it.
    pub(super) fn new(pacing: Pacing, arrived: RunNs, seed: u64, number: u64) -> Self {
        Self { pacing, origin: arrived, latest: 0, dice: seeded(seed, number) }
    }

    /// The deadline of token `index`, counted from 0. Ask in ascending order: every call throws the jitter's dice.
    pub(super) fn due(&mut self, index: u64) -> RunNs {
        let spread = as_ns(self.pacing.jitter);
        let jitter = if spread == 0 { 0 } else { self.dice.random_range(0..=spread) };
        let nominal = self.origin + as_ns(self.pacing.ttft) + as_ns(self.pacing.itl).saturating_mul(index);
        self.latest = self.latest.max(nominal.saturating_add(jitter));
        self.latest
    }

    /// Moves all deadlines to come.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.origin = self.origin.saturating_add(as_ns(by));
    }
}

/// The dice of one stream of decisions under the server's seed.
pub(super) fn seeded(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    dice.set_stream(stream);
    dice
}

/// Waits for a moment; returns at once if it has passed.
#[expect(clippy::disallowed_methods, reason = "the mock server plays a model that takes time")]
pub(super) async fn sleep_until(clock: Clock, due: RunNs) {
    if clock.now() < due {
        tokio::time::sleep_until(clock.instant(due)).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn pacing(ttft: u64, itl: u64, jitter: u64) -> Pacing {
        let [ttft, itl, jitter] = [ttft, itl, jitter].map(Duration::from_millis);
        Pacing { ttft, itl, jitter }
    }

    #[test]
    fn deadlines_are_absolute() {
        let mut pace = Pace::new(pacing(50, 10, 0), 7, 42, 1);
        assert_eq!([0, 1, 99].map(|token| pace.due(token)), [7 + 50 * MS, 7 + 60 * MS, 7 + 1040 * MS]);
        pace.postpone(Duration::from_millis(5));
        assert_eq!(pace.due(100), 7 + 1055 * MS);
    }

    #[test]
    fn jitter_depends_on_the_seed_and_the_request_alone() {
        let deadlines = |seed, number| {
            let mut pace = Pace::new(pacing(50, 10, 8), 0, seed, number);
            (0..20).map(|token| pace.due(token)).collect::<Vec<_>>()
        };
        assert_eq!(deadlines(42, 1), deadlines(42, 1));
        assert_ne!(deadlines(42, 1), deadlines(42, 2));
        assert_ne!(deadlines(42, 1), deadlines(43, 1));
    }

    proptest! {
        #[test]
        fn no_token_is_due_before_its_nominal_time_or_before_its_predecessor(
            itl in 0_u64..30, jitter in 0_u64..100, seed: u64,
        ) {
            let mut pace = Pace::new(pacing(50, itl, jitter), 0, seed, 1);
            let mut before = 0;
            for token in 0..100 {
                let due = pace.due(token);
                let nominal = (50 + itl * token) * MS;
                prop_assert!(due >= before && due >= nominal);
                prop_assert!(due <= nominal + jitter * MS);
                before = due;
            }
        }
    }
}
