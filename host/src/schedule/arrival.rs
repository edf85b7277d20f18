//! Arrival laws: the due times of an open loop, as a pure function of law and seed.

use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp;

use crate::{clock::RunNs, config::Arrival, seed::Seed};

/// Label of the random stream that the gaps are drawn from.
const STREAM: &str = "timing.request.interval";

const NS_PER_S: f64 = 1e9;

/// The due times of an open loop, in nanoseconds since the phase's start, ascending and without end.
#[derive(Debug)]
pub(crate) enum Arrivals {
    /// `k / rate`, computed from `k` so that no rounding adds up.
    Constant { rate: f64, next: u64 },
    /// Sums of exponential gaps with mean `1 / rate`; the first request comes after one gap.
    Poisson { gaps: Exp<f64>, random: Box<ChaCha8Rng>, at_ns: f64 },
}

impl Arrivals {
    /// The due times of `arrival`; `None` for a closed loop, which has none.
    ///
    /// A rate that is not positive has no law: the resolved configuration never holds one.
    pub(crate) fn of(arrival: Arrival, seed: Seed) -> Option<Self> {
        match arrival {
            Arrival::ClosedLoop => None,
            Arrival::Constant { rate } => Some(Self::Constant { rate, next: 0 }),
            Arrival::Poisson { rate } => {
                let gaps = Exp::new(rate).ok()?;
                Some(Self::Poisson { gaps, random: Box::new(seed.stream(STREAM)), at_ns: 0.0 })
            }
        }
    }
}

impl Iterator for Arrivals {
    type Item = RunNs;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive time below 2^53 ns"
    )]
    fn next(&mut self) -> Option<RunNs> {
        let at_ns = match self {
            Self::Constant { rate, next } => {
                let at = *next as f64 / *rate * NS_PER_S;
                *next += 1;
                at
            }
            Self::Poisson { gaps, random, at_ns } => {
                *at_ns += gaps.sample(random) * NS_PER_S;
                *at_ns
            }
        };
        Some(at_ns as RunNs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 100.0;

    fn arrivals(arrival: Arrival) -> Arrivals {
        Arrivals::of(arrival, Seed::new(42)).unwrap()
    }

    #[test]
    fn a_constant_rate_does_not_drift() {
        let law = Arrival::Constant { rate: 3.0 };
        assert_eq!(arrivals(law).take(4).collect::<Vec<_>>(), [0, 333_333_333, 666_666_666, 1_000_000_000]);
        assert_eq!(arrivals(law).nth(3_000_000), Some(1_000_000_000_000_000));
    }

    #[test]
    fn a_seed_decides_the_whole_schedule() {
        let law = Arrival::Poisson { rate: RATE };
        assert!(arrivals(law).take(1000).eq(arrivals(law).take(1000)));
        let other = Arrivals::of(law, Seed::new(43)).unwrap();
        assert!(!arrivals(law).take(3).eq(other.take(3)));
    }

    /// Of an exponential law, mean and standard deviation are both `1 / rate`. 100,000 gaps estimate either to about
    /// 0.3 %; the bound is ten times that.
    #[test]
    fn poisson_gaps_have_the_mean_and_spread_of_the_law() {
        let times: Vec<f64> =
            arrivals(Arrival::Poisson { rate: RATE }).take(100_001).map(|at| at as f64 / NS_PER_S).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean * RATE - 1.0).abs() < 0.03, "{mean}");
        assert!((variance.sqrt() * RATE - 1.0).abs() < 0.03, "{variance}");
    }

    #[test]
    fn a_closed_loop_has_no_due_times() {
        assert!(Arrivals::of(Arrival::ClosedLoop, Seed::new(42)).is_none());
    }
}
