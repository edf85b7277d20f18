//! Length laws: how many tokens a step has, how many passages a ranking, and how many pixels an image.
//!
//! Knows the law and a random stream, not what the tokens are for.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use crate::{plan::LengthLaw, seed::Seed};

/// A law whose mass is almost all below one token is given up after so many draws.
const MOST_DRAWS: u32 = 10_000;

/// Lengths by number: each is drawn from a random stream of its own, so that it does not depend on which others are asked
/// for.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    law: LengthLaw,
    /// Never drawn from: each length draws from a copy with its number.
    rng: ChaCha8Rng,
}

impl Lengths {
    fn new(law: LengthLaw, seed: Seed, label: &str) -> Self {
        Self { law, rng: seed.stream(label) }
    }

    /// Whether every length is this one.
    pub(super) fn are_all(&self, length: u64) -> bool {
        !has_spread(self.law) && fixed(self.law) == length
    }

    /// The length with this number, at least 1.
    pub(super) fn of(&self, number: u64) -> u64 {
        if !has_spread(self.law) {
            return fixed(self.law);
        }
        let mut rng = self.rng.clone();
        rng.set_stream(number);
        draw(self.law, &mut rng)
    }
}

/// Input tokens of each text.
pub(super) fn input_lengths(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "dataset.prompt.length")
}

/// Requested output tokens of each script.
pub(super) fn output_lengths(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "composer.turn.max_tokens")
}

/// Turns of each conversation.
pub(super) fn turn_counts(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "composer.conversation.turn_count")
}

/// Milliseconds before each turn.
pub(super) fn turn_delays(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "composer.conversation.turn_delay")
}

/// Passages of each ranking.
pub(super) fn passage_counts(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "dataset.rankings.passages")
}

/// Tokens of each passage.
pub(super) fn passage_lengths(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "dataset.rankings.passage_length")
}

/// Tokens of each query.
pub(super) fn query_lengths(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "dataset.rankings.query_length")
}

/// Width and height of one image after the other, without end.
pub(super) fn image_sizes(
    width: LengthLaw,
    height: LengthLaw,
    seed: Seed,
) -> impl Iterator<Item = (u64, u64)> + use<> {
    let mut rng = seed.stream("dataset.image.dimensions");
    std::iter::repeat_with(move || (draw(width, &mut rng), draw(height, &mut rng)))
}

/// A length that none is above, but for a draw in 10^15.
pub(super) fn longest(law: LengthLaw) -> u64 {
    let spread = if has_spread(law) { law.stddev } else { 0.0 };
    tokens((law.mean + 8.0 * spread).ceil()).max(1)
}

fn has_spread(law: LengthLaw) -> bool {
    law.stddev > 0.0
}

fn fixed(law: LengthLaw) -> u64 {
    tokens(law.mean).max(1)
}

/// Draws a length, at least 1.
///
/// A standard deviation of 0 (or less, or none at all) gives the mean, rounded, every time. Otherwise the normal law
/// is drawn until the rounded number is positive: a law that reaches below 1 is cut there, which lifts its mean a
/// little. Rounding is to the nearest, so that the mean of other laws is what was asked for; `aiperf` rounds up, which
/// adds half a token.
fn draw(law: LengthLaw, rng: &mut impl Rng) -> u64 {
    let normal = has_spread(law).then(|| Normal::new(law.mean, law.stddev).ok()).flatten();
    let drawn = normal
        .and_then(|normal| (0..MOST_DRAWS).map(|_| tokens(normal.sample(rng))).find(|&tokens| tokens > 0));
    drawn.unwrap_or_else(|| fixed(law))
}

/// The nearest whole number; 0 for anything below it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
fn tokens(length: f64) -> u64 {
    length.round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::input_lengths;
    use crate::{plan::LengthLaw, seed::Seed};

    fn draws(mean: f64, stddev: f64, count: u64) -> Vec<u64> {
        let lengths = input_lengths(LengthLaw { mean, stddev }, Seed::new(42));
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
        assert_eq!(draws(mean, stddev, 3), [expected; 3]);
    }

    #[test]
    fn lengths_follow_the_normal_law() {
        let lengths: Vec<f64> = draws(550.0, 50.0, 20_000).into_iter().map(|length| length as f64).collect();
        let count = lengths.len() as f64;
        let mean = lengths.iter().sum::<f64>() / count;
        let variance = lengths.iter().map(|length| (length - mean).powi(2)).sum::<f64>() / count;
        assert!((mean - 550.0).abs() < 1.5, "mean {mean}");
        assert!((variance.sqrt() - 50.0).abs() < 1.0, "standard deviation {}", variance.sqrt());
    }

    proptest! {
        #[test]
        fn lengths_are_positive_whatever_the_law(mean in -50.0..50.0, stddev in 0.0..100.0) {
            prop_assert!(draws(mean, stddev, 20).into_iter().all(|length| length > 0));
        }
    }
}
