//! Length laws: how many tokens a step has, how many passages a ranking, and how many pixels an image.
//!
//! Knows the law and a random stream, not what the tokens are for.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Normal};

use crate::{
    plan::{LengthLaw, SequenceLaw, log_deviation},
    seed::Seed,
};

/// A law whose mass is almost all below one token is given up after so many draws.
const MOST_DRAWS: u32 = 10_000;

/// Later turns of a conversation have numbers of their own: that of its first turn, and the turn above it.
const TURN_BITS: u32 = 40;

/// The number of a turn of the conversation with this number, for all that is drawn by number.
pub(super) fn of_turn(conversation: u64, turn: u64) -> u64 {
    conversation.saturating_add(turn << TURN_BITS)
}

/// The number of the conversation of that turn.
pub(super) fn conversation_of(number_of_turn: u64) -> u64 {
    number_of_turn & ((1 << TURN_BITS) - 1)
}

/// Lengths by number: each is drawn from a random stream of its own, so that it does not depend on which others are asked
/// for.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    law: Law,
    /// Never drawn from: each length draws from a copy with its number.
    rng: ChaCha8Rng,
}

/// A law, ready to be drawn from.
#[derive(Clone, Debug)]
enum Law {
    Fixed(u64),
    Normal(LengthLaw),
    Uniform {
        lowest: u64,
        highest: u64,
    },
    Lognormal {
        law: LogNormal<f64>,
        /// Beyond it nothing is drawn, since one prompt might fill the memory: once in a billion draws.
        most: f64,
    },
    Empirical {
        values: Vec<u64>,
        /// The weights up to each value.
        weights: Vec<f64>,
    },
}

impl Lengths {
    fn new(law: &SequenceLaw, seed: Seed, label: &str) -> Self {
        Self { law: Law::of(law), rng: seed.stream(label) }
    }

    fn normal(law: LengthLaw, seed: Seed, label: &str) -> Self {
        Self { law: Law::of_normal(law), rng: seed.stream(label) }
    }

    /// Whether every length is this one.
    pub(super) fn are_all(&self, length: u64) -> bool {
        matches!(self.law, Law::Fixed(fixed) if fixed == length)
    }

    /// The length with this number, at least 1.
    pub(super) fn of(&self, number: u64) -> u64 {
        if let Law::Fixed(length) = self.law {
            return length;
        }
        let mut rng = self.rng.clone();
        rng.set_stream(number);
        self.law.draw(&mut rng)
    }
}

impl Law {
    fn of(law: &SequenceLaw) -> Self {
        match *law {
            SequenceLaw::Normal(law) => Self::of_normal(law),
            SequenceLaw::Uniform { lowest, highest } => Self::Uniform { lowest, highest },
            SequenceLaw::Lognormal { mean, median } => {
                match LogNormal::new(median.ln(), log_deviation(mean, median)) {
                    Ok(of_logarithm) => Self::Lognormal { law: of_logarithm, most: law.rarely_above() },
                    Err(_) => Self::Fixed(tokens(median).max(1)),
                }
            }
            SequenceLaw::Empirical { ref points } => Self::Empirical {
                values: points.iter().map(|point| point.value).collect(),
                weights: up_to_each(points.iter().map(|point| point.weight)),
            },
        }
    }

    fn of_normal(law: LengthLaw) -> Self {
        if has_spread(law) { Self::Normal(law) } else { Self::Fixed(fixed(law)) }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> u64 {
        match self {
            Self::Fixed(length) => *length,
            Self::Normal(law) => draw(*law, rng),
            Self::Uniform { lowest, highest } => rng.random_range(*lowest..=*highest),
            Self::Lognormal { law, most } => {
                let mut drawn = (0..MOST_DRAWS).map(|_| law.sample(rng)).filter(|drawn| drawn <= most);
                drawn.find_map(|drawn| Some(tokens(drawn)).filter(|tokens| *tokens > 0)).unwrap_or(1)
            }
            Self::Empirical { values, weights } => values.get(place(weights, rng)).copied().unwrap_or(1),
        }
    }
}

/// Sums of weights, from the first up to each.
pub(super) fn up_to_each(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = weights.map(|weight| {
        sum += weight;
        sum
    });
    sums.collect()
}

/// Draws a place by its weight, of which these are the sums.
pub(super) fn place(sums: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let drawn = rng.random::<f64>() * sums.last().copied().unwrap_or(0.0);
    sums.partition_point(|sum| *sum <= drawn).min(sums.len().saturating_sub(1))
}

/// Input tokens of each text.
pub(super) fn input_lengths(law: &SequenceLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "dataset.prompt.length")
}

/// Requested output tokens of each step.
pub(super) fn output_lengths(law: &SequenceLaw, seed: Seed) -> Lengths {
    Lengths::new(law, seed, "composer.turn.max_tokens")
}

/// Turns of each conversation.
pub(super) fn turn_counts(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::normal(law, seed, "composer.conversation.turn_count")
}

/// Milliseconds before each turn.
pub(super) fn turn_delays(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::normal(law, seed, "composer.conversation.turn_delay")
}

/// Passages of each ranking.
pub(super) fn passage_counts(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::normal(law, seed, "dataset.rankings.passages")
}

/// Tokens of each passage.
pub(super) fn passage_lengths(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::normal(law, seed, "dataset.rankings.passage_length")
}

/// Tokens of each query.
pub(super) fn query_lengths(law: LengthLaw, seed: Seed) -> Lengths {
    Lengths::normal(law, seed, "dataset.rankings.query_length")
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
mod tests;
