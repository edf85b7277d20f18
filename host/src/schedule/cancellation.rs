//! Which requests are cancelled on purpose: a pure function of the seed and a request's number.

use std::time::Duration;

use rand::RngExt as _;

use crate::{
    plan::{Cancellation, Phase},
    seed::Seed,
};

/// Label of the random stream that a request draws from, before its numbers.
const STREAM: &str = "timing.request.cancellation";

/// Decides for each request of a phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cancellations {
    cancellation: Cancellation,
    seed: Seed,
}

impl Cancellations {
    /// Those of a phase, if there are any.
    pub(crate) fn of(phase: &Phase, seed: Seed) -> Option<Self> {
        phase.rules.cancellation.map(|cancellation| Self { cancellation, seed })
    }

    /// How long after its last byte a request is cancelled; never without a time. It is step `step` of the session with the
    /// number `session`.
    pub(crate) fn delay(&self, session: u64, step: u32) -> Option<Duration> {
        let mut random = self.seed.stream(&format!("{STREAM}.{session}.{step}"));
        let draw: f64 = random.random();
        (draw * 100.0 < self.cancellation.percent).then(|| self.cancellation.delay())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(percent: f64, seed: u64) -> Vec<bool> {
        let cancellation = Cancellation { percent, delay_s: 0.5 };
        let cancellations = Cancellations { cancellation, seed: Seed::new(seed) };
        (0..10_000).map(|session| cancellations.delay(session, 0).is_some()).collect()
    }

    /// Four standard errors of the share: one seed in some ten thousand is further off.
    #[test]
    fn as_many_are_cancelled_as_were_asked_for() {
        for percent in [1.0, 25.0, 90.0] {
            let cancelled =
                drawn(percent, 42).into_iter().filter(|is_cancelled| *is_cancelled).count() as f64;
            let share = percent / 100.0;
            let error = (share * (1.0 - share) / 10_000.0_f64).sqrt();
            assert!((cancelled / 10_000.0 - share).abs() < 4.0 * error, "{cancelled} of {percent} %");
        }
        assert!(drawn(100.0, 42).into_iter().all(|is_cancelled| is_cancelled));
    }

    #[test]
    fn a_seed_decides_which() {
        assert_eq!(drawn(25.0, 42), drawn(25.0, 42));
        assert_ne!(drawn(25.0, 42), drawn(25.0, 43));
    }
}
