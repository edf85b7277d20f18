//! Arrival laws: the due times of an open loop, as a pure function of rate, law and seed.
//!
//! A law is defined on the number of arrivals that a rate stands for, the area below its curve: evenly spaced arrivals are due
//! whenever that area is a whole number, those of a Poisson process are exponential distances apart on it, and those of a
//! gamma law are gamma distances with a mean of 1 apart. Going back from the area to the time gives the law for any curve of
//! rates.

use std::iter::Enumerate;

use rand::{Rng, distr::Distribution};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, Gamma};

use crate::{
    clock::RunNs,
    plan::{Law, Load, Piece},
    seed::Seed,
};

/// Label of the random stream that the gaps are drawn from.
const STREAM: &str = "timing.request.interval";

const NS_PER_S: f64 = 1e9;

/// The due times of an open loop, in nanoseconds since the phase's start, ascending and without end.
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// The rate, from the piece on that is reached.
    pieces: Vec<Piece>,
    piece: usize,
    gaps: Gaps,
}

#[derive(Debug)]
enum Gaps {
    /// The arrival with the number `next` is due when so many have been. `before` is the area below the pieces that are over;
    /// no rounding adds up within a piece.
    Constant { next: u64, before: f64 },
    /// Sums of gaps; the first arrival comes after one gap.
    Random { gap: Gap, random: Box<ChaCha8Rng>, at_ns: f64 },
}

/// A distribution of gaps on the area, with a mean of 1.
#[derive(Clone, Copy, Debug)]
enum Gap {
    Exponential,
    Gamma(Gamma<f64>),
}

impl Distribution<f64> for Gap {
    fn sample<R: Rng + ?Sized>(&self, random: &mut R) -> f64 {
        match self {
            Self::Exponential => Exp1.sample(random),
            Self::Gamma(gamma) => gamma.sample(random),
        }
    }
}

/// Due times with their numbers.
pub(super) type Numbered = Enumerate<Arrivals>;

impl Arrivals {
    /// The due times of a load; `None` for a closed loop, which has none.
    pub(crate) fn of(load: &Load, seed: Seed) -> Option<Self> {
        let Load::Open { rate, law, .. } = load else { return None };
        let random = |gap| Gaps::Random { gap, random: Box::new(seed.stream(STREAM)), at_ns: 0.0 };
        let gaps = match law {
            Law::Constant => Gaps::Constant { next: 0, before: 0.0 },
            Law::Poisson => random(Gap::Exponential),
            Law::Gamma { smoothness } => {
                let shape = smoothness.get();
                // Every smoothness is a shape, so that there is always a distribution.
                random(Gamma::new(shape, shape.recip()).map_or(Gap::Exponential, Gap::Gamma))
            }
        };
        Some(Self { pieces: rate.pieces(), piece: 0, gaps })
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
        let at_ns = match &mut self.gaps {
            Gaps::Constant { next, before } => {
                let number = *next as f64;
                let piece = loop {
                    let piece = self.pieces.get(self.piece)?;
                    let area = area(piece, piece.begin_s);
                    if *before + area > number {
                        break piece;
                    }
                    *before += area;
                    self.piece += 1;
                };
                *next += 1;
                (piece.begin_s + time_for(piece, piece.begin_s, number - *before)) * NS_PER_S
            }
            Gaps::Random { gap, random, at_ns } => {
                let mut gap = gap.sample(random);
                loop {
                    let piece = self.pieces.get(self.piece)?;
                    let at_s = *at_ns / NS_PER_S;
                    let left = area(piece, at_s);
                    if left > gap {
                        *at_ns += gap_for(piece, at_s, gap) * NS_PER_S;
                        break *at_ns;
                    }
                    gap -= left;
                    *at_ns = piece.end_s * NS_PER_S;
                    self.piece += 1;
                }
            }
        };
        Some(at_ns as RunNs)
    }
}

/// The rate of a piece at a time.
fn rate_at(piece: &Piece, at_s: f64) -> f64 {
    piece.from + piece.slope() * (at_s - piece.begin_s)
}

/// How many arrivals a piece stands for from a time on.
fn area(piece: &Piece, from_s: f64) -> f64 {
    if piece.end_s.is_infinite() {
        return f64::INFINITY;
    }
    rate_at(piece, from_s).midpoint(piece.to) * (piece.end_s - from_s).max(0.0)
}

/// How many seconds after a time a piece has stood for so many arrivals more.
fn time_for(piece: &Piece, from_s: f64, arrivals: f64) -> f64 {
    let slope = piece.slope();
    if slope == 0.0 {
        return arrivals / piece.from;
    }
    let rate = rate_at(piece, from_s);
    // What a falling rate rounds to below nothing is its end.
    let root = (rate * rate + 2.0 * slope * arrivals).max(0.0).sqrt();
    2.0 * arrivals / (rate + root)
}

/// The same for a gap that was drawn. At a rate that stays, it is a product with the mean gap, as it has always been: a
/// quotient rounds another way, and a seed would give another schedule.
fn gap_for(piece: &Piece, from_s: f64, gap: f64) -> f64 {
    if piece.slope() == 0.0 { gap * piece.from.recip() } else { time_for(piece, from_s, gap) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_distr::Exp;
    use rstest::rstest;

    use super::*;
    use crate::plan::{Limit, Ramp};

    const RATE: f64 = 100.0;

    fn open(rate: Ramp<f64>, law: Law) -> Load {
        Load::Open { rate, law, limit: Limit::default() }
    }

    fn constant(rate: f64, law: Law) -> Load {
        open(Ramp::constant(rate).unwrap(), law)
    }

    fn arrivals(load: &Load) -> Arrivals {
        Arrivals::of(load, Seed::new(42)).unwrap()
    }

    #[test]
    fn a_constant_rate_does_not_drift() {
        let load = constant(3.0, Law::Constant);
        assert_eq!(arrivals(&load).take(4).collect::<Vec<_>>(), [0, 333_333_333, 666_666_666, 1_000_000_000]);
        assert_eq!(arrivals(&load).nth(3_000_000), Some(1_000_000_000_000_000));
    }

    #[test]
    fn a_seed_decides_the_whole_schedule() {
        let load = constant(RATE, Law::Poisson);
        assert!(arrivals(&load).take(1000).eq(arrivals(&load).take(1000)));
        let other = Arrivals::of(&load, Seed::new(43)).unwrap();
        assert!(!arrivals(&load).take(3).eq(other.take(3)));
    }

    /// Reports of years ago name a seed: at a constant rate it gives the schedule that it gave then, to the nanosecond.
    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive time below 2^53 ns"
    )]
    fn a_seed_gives_the_schedule_that_it_always_gave() {
        for rate in [0.3, 7.0, 40.0, 123.456] {
            let (gaps, mut random) = (Exp::new(rate).unwrap(), Seed::new(42).stream(STREAM));
            let mut at_ns = 0.0;
            let expected = std::iter::repeat_with(|| {
                at_ns += gaps.sample(&mut random) * NS_PER_S;
                at_ns as RunNs
            });
            assert!(arrivals(&constant(rate, Law::Poisson)).take(10_000).eq(expected.take(10_000)), "{rate}");
            let expected = (0..10_000_u64).map(|number| (number as f64 / rate * NS_PER_S) as RunNs);
            assert!(arrivals(&constant(rate, Law::Constant)).take(10_000).eq(expected), "{rate}");
        }
    }

    fn gamma(shape: f64) -> Law {
        Law::Gamma { smoothness: shape.try_into().unwrap() }
    }

    /// The gaps of 20,000 arrivals, in mean gaps.
    fn gaps(law: Law) -> Vec<f64> {
        let load = constant(RATE, law);
        let times: Vec<f64> = arrivals(&load).take(20_001).map(|at| at as f64 / NS_PER_S * RATE).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// The share of gaps below `x` by the formula of a gamma law with a mean of 1: the regularised lower incomplete gamma
    /// function as a series. `of_next` is the gamma function of `shape + 1`.
    fn gamma_share(shape: f64, of_next: f64, x: f64) -> f64 {
        let x = x * shape;
        let (mut term, mut sum) = (x.powf(shape) * (-x).exp() / of_next, 0.0);
        for step in 1..500 {
            sum += term;
            term *= x / (shape + f64::from(step));
        }
        sum
    }

    /// Each bound is what a right law exceeds with one seed in about a thousand: four standard errors of the mean and of the
    /// variance, which come from the law's second and fourth moment, and 1.95 / sqrt(n) for the distance of Kolmogorov and
    /// Smirnov. A Poisson process is the gamma law of shape 1.
    #[rstest]
    #[case::poisson(Law::Poisson, 1.0, 1.0)]
    #[case::same_as_poisson(gamma(1.0), 1.0, 1.0)]
    #[case::in_bursts(gamma(0.5), 0.5, 0.886_226_925_452_758)]
    #[case::even(gamma(2.0), 2.0, 2.0)]
    #[case::more_even(gamma(4.0), 4.0, 24.0)]
    fn random_gaps_follow_their_law(#[case] law: Law, #[case] shape: f64, #[case] of_next: f64) {
        let mut gaps = gaps(law);
        let number = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / number;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / number;
        assert!((mean - 1.0).abs() < 4.0 * (shape * number).sqrt().recip(), "mean {mean}");
        let of_variance = ((2.0 + 6.0 / shape) / number).sqrt();
        assert!((variance * shape - 1.0).abs() < 4.0 * of_variance, "variance {variance}");
        gaps.sort_unstable_by(f64::total_cmp);
        let distances = gaps.iter().enumerate().map(|(below, gap)| {
            let share = gamma_share(shape, of_next, *gap);
            (share - below as f64 / number).abs().max(((below + 1) as f64 / number - share).abs())
        });
        let distance = distances.fold(0.0, f64::max);
        assert!(distance < 1.95 / number.sqrt(), "distance {distance}");
    }

    #[test]
    fn even_gaps_are_all_the_same() {
        assert!(gaps(Law::Constant).iter().all(|gap| (gap - 1.0).abs() < 1e-6));
    }

    /// The area below a curve from 0 to a time, by its pieces.
    fn area_until(rate: &Ramp<f64>, at_s: f64) -> f64 {
        let of = |piece: &Piece| {
            let end_s = piece.end_s.min(at_s);
            rate_at(piece, piece.begin_s).midpoint(rate_at(piece, end_s)) * (end_s - piece.begin_s)
        };
        rate.pieces().iter().filter(|piece| piece.begin_s < at_s).map(of).sum()
    }

    fn rates() -> impl Strategy<Value = Ramp<f64>> {
        let points = proptest::collection::vec((0.05f64..3.0, 0.5f64..80.0), 1..6);
        (points, any::<bool>()).prop_map(|(gaps, holds)| {
            let mut time_s = 0.0;
            let mut points = Vec::new();
            for (gap, rate) in gaps {
                points.push((time_s, rate));
                time_s += gap;
            }
            if holds { Ramp::steps(points) } else { Ramp::series(points) }.unwrap()
        })
    }

    proptest! {
        #[test]
        fn even_arrivals_are_due_at_whole_numbers_of_the_area(rate in rates()) {
            for (number, due_ns) in arrivals(&open(rate.clone(), Law::Constant)).take(300).enumerate() {
                let area = area_until(&rate, due_ns as f64 / NS_PER_S);
                prop_assert!((area - number as f64).abs() < 1e-5, "arrival {} at {}", number, area);
            }
        }

        /// Seen from the area, the arrivals of any curve are those of one arrival a second.
        #[test]
        fn random_arrivals_are_random_gaps_of_the_area(rate in rates(), shape in 0.2f64..9.0, is_gamma in any::<bool>()) {
            let law = if is_gamma { gamma(shape) } else { Law::Poisson };
            let unit = arrivals(&constant(1.0, law));
            for (due_ns, area) in arrivals(&open(rate.clone(), law)).zip(unit).take(300) {
                let found = area_until(&rate, due_ns as f64 / NS_PER_S);
                let expected = area as f64 / NS_PER_S;
                prop_assert!((found - expected).abs() < 1e-5, "{} in place of {}", found, expected);
            }
        }
    }

    #[test]
    fn a_rate_that_rises_in_steps_sends_more_and_more() {
        let rate = Ramp::steps(vec![(0.0, 1.0), (2.0, 10.0)]).unwrap();
        let due: Vec<RunNs> = arrivals(&open(rate, Law::Constant)).take(5).map(|at| at / 1_000_000).collect();
        assert_eq!(due, [0, 1000, 2000, 2100, 2200]);
    }

    #[test]
    fn a_closed_loop_has_no_due_times() {
        let load = Load::Closed { sessions: Ramp::constant(1).unwrap() };
        assert!(Arrivals::of(&load, Seed::new(42)).is_none());
    }
}
