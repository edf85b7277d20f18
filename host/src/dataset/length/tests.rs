//! Each law against its formula. Bounds are what a right law exceeds with one seed in about a thousand: four standard errors of
//! the mean and the variance, and 1.95 / sqrt(n) for the distance of Kolmogorov and Smirnov.

use proptest::prelude::*;
use rstest::rstest;

use super::{Lengths, input_lengths, output_lengths};
use crate::{
    plan::{LengthLaw, ObservedLength, SequenceLaw, log_deviation},
    seed::Seed,
};

const DRAWS: u64 = 20_000;

fn normal(mean: f64, stddev: f64) -> SequenceLaw {
    SequenceLaw::Normal(LengthLaw { mean, stddev })
}

fn observed(points: &[(u64, f64)]) -> SequenceLaw {
    let points = points.iter().map(|&(value, weight)| ObservedLength { value, weight });
    SequenceLaw::Empirical { points: points.collect() }
}

fn draws(law: &SequenceLaw, count: u64) -> Vec<u64> {
    let lengths = input_lengths(law, Seed::new(42));
    (0..count).map(|number| lengths.of(number)).collect()
}

#[rstest]
#[case::whole(550.0, 0.0, 550)]
#[case::rounded(3.5, 0.0, 4)]
#[case::at_least_one(0.2, 0.0, 1)]
#[case::negative_spread_is_none(12.0, -1.0, 12)]
#[case::spread_that_is_no_number(12.0, f64::NAN, 12)]
#[case::hopelessly_low(-1e9, 1.0, 1)]
fn a_law_without_spread_gives_its_mean(#[case] mean: f64, #[case] stddev: f64, #[case] expected: u64) {
    assert_eq!(draws(&normal(mean, stddev), 3), [expected; 3]);
}

/// The share of a normal law below `x` standard deviations, to seven digits: Simpson's rule over its density.
fn normal_share(x: f64) -> f64 {
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let (from, steps) = (-8.0_f64, 400_u32);
    let step = (x.clamp(-8.0, 8.0) - from) / f64::from(steps);
    let inner = (1..steps).map(|number| {
        let weight = if number % 2 == 1 { 4.0 } else { 2.0 };
        weight * density(from + f64::from(number) * step)
    });
    (density(from) + inner.sum::<f64>() + density(from + f64::from(steps) * step)) * step / 3.0
}

/// What a law's formula says.
struct Formula {
    mean: f64,
    variance: f64,
    /// Of values around the mean: the fourth central moment, by the square of the variance.
    kurtosis: f64,
    /// The share of lengths up to this one.
    up_to: Box<dyn Fn(u64) -> f64>,
}

/// Rounding to the nearest adds 1/12 to the variance, and to a length belongs what is less than half a token above it.
fn of_normal(mean: f64, stddev: f64) -> Formula {
    Formula {
        mean,
        variance: stddev * stddev + 1.0 / 12.0,
        kurtosis: 3.0,
        up_to: Box::new(move |length| normal_share((length as f64 + 0.5 - mean) / stddev)),
    }
}

fn of_lognormal(mean: f64, median: f64) -> Formula {
    let sigma = log_deviation(mean, median);
    let squared = (sigma * sigma).exp();
    Formula {
        mean,
        variance: mean * mean * (squared - 1.0) + 1.0 / 12.0,
        kurtosis: squared.powi(4) + 2.0 * squared.powi(3) + 3.0 * squared.powi(2) - 3.0,
        up_to: Box::new(move |length| normal_share(((length as f64 + 0.5) / median).ln() / sigma)),
    }
}

/// What is listed with its share.
fn of_shares(shares: Vec<(u64, f64)>) -> Formula {
    let all: f64 = shares.iter().map(|(_, share)| share).sum();
    let moment = |about: f64, power: i32| {
        shares.iter().map(|(length, share)| (*length as f64 - about).powi(power) * share / all).sum::<f64>()
    };
    let mean = moment(0.0, 1);
    let variance = moment(mean, 2);
    Formula {
        mean,
        variance,
        kurtosis: moment(mean, 4) / (variance * variance),
        up_to: Box::new(move |length| {
            shares.iter().filter(|(listed, _)| *listed <= length).map(|(_, share)| share / all).sum()
        }),
    }
}

fn follow(mut lengths: Vec<u64>, formula: &Formula) {
    let number = lengths.len() as f64;
    let mean = lengths.iter().map(|length| *length as f64).sum::<f64>() / number;
    let variance = lengths.iter().map(|length| (*length as f64 - mean).powi(2)).sum::<f64>() / number;
    let of_mean = (formula.variance / number).sqrt();
    assert!((mean - formula.mean).abs() < 4.0 * of_mean, "mean {mean} instead of {}", formula.mean);
    let of_variance = formula.variance * ((formula.kurtosis - 1.0) / number).sqrt();
    let off = (variance - formula.variance).abs();
    assert!(off < 4.0 * of_variance, "variance {variance} instead of {}", formula.variance);
    lengths.sort_unstable();
    let distances = (0..lengths.len()).filter(|at| lengths.get(at + 1) != Some(&lengths[*at]));
    let distances = distances.map(|at| ((at + 1) as f64 / number - (formula.up_to)(lengths[at])).abs());
    let distance = distances.fold(0.0, f64::max);
    assert!(distance < 1.95 / number.sqrt(), "distance {distance}");
}

#[rstest]
#[case::normal(normal(550.0, 50.0), of_normal(550.0, 50.0))]
#[case::narrow(normal(550.0, 2.0), of_normal(550.0, 2.0))]
#[case::uniform(SequenceLaw::Uniform { lowest: 20, highest: 220 }, of_shares((20..=220).map(|length| (length, 1.0)).collect()))]
#[case::few(SequenceLaw::Uniform { lowest: 1, highest: 4 }, of_shares((1..=4).map(|length| (length, 1.0)).collect()))]
#[case::lognormal(SequenceLaw::Lognormal { mean: 550.0, median: 450.0 }, of_lognormal(550.0, 450.0))]
#[case::long_tail(SequenceLaw::Lognormal { mean: 900.0, median: 600.0 }, of_lognormal(900.0, 600.0))]
#[case::empirical(observed(&[(10, 1.0), (64, 2.5), (900, 0.5)]), of_shares(vec![(10, 1.0), (64, 2.5), (900, 0.5)]))]
fn lengths_follow_the_formula_of_their_law(#[case] law: SequenceLaw, #[case] formula: Formula) {
    follow(draws(&law, DRAWS), &formula);
}

#[rstest]
#[case::one_value(observed(&[(77, 3.0)]), 77)]
#[case::one_length(SequenceLaw::Uniform { lowest: 5, highest: 5 }, 5)]
#[case::no_spread(SequenceLaw::Lognormal { mean: 40.0, median: 40.0 }, 40)]
fn a_law_of_one_length_gives_it(#[case] law: SequenceLaw, #[case] length: u64) {
    assert_eq!(draws(&law, 50), [length; 50]);
}

#[test]
fn a_length_depends_on_its_number_alone() {
    let law = SequenceLaw::Lognormal { mean: 550.0, median: 450.0 };
    let of = |lengths: &Lengths, number| lengths.of(number);
    let (one, other) = (input_lengths(&law, Seed::new(42)), input_lengths(&law, Seed::new(42)));
    let backwards: Vec<u64> = (0..100).rev().map(|number| of(&one, number)).collect();
    assert!((0..100).rev().map(|number| of(&other, number)).eq(backwards));
    assert_ne!(of(&one, 3), of(&output_lengths(&law, Seed::new(42)), 3), "streams are apart");
}

proptest! {
    #[test]
    fn lengths_are_positive_whatever_the_law(mean in -50.0..50.0, stddev in 0.0..100.0) {
        prop_assert!(draws(&normal(mean, stddev), 20).into_iter().all(|length| length > 0));
    }

    #[test]
    fn no_lognormal_length_is_below_one_or_beyond_all_measure(median in 1.0..5.0, factor in 1.0..50.0) {
        let law = SequenceLaw::Lognormal { mean: median * factor, median };
        let most = law.rarely_above() + 0.5;
        prop_assert!(draws(&law, 20).into_iter().all(|length| length > 0 && length as f64 <= most));
    }
}
