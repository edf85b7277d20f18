//! Which of the media is shown at which place of a run: a function of the seed and the place.

use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{plan::media::PictureSampling, seed::Seed};

/// Places count through all requests, and through the media of each.
#[derive(Debug, Default)]
pub(super) enum Order {
    /// One after the other, and then from the first one again.
    #[default]
    InTurn,
    /// Any one, each time. The stream is never drawn from: each place draws from a copy.
    Random(ChaCha8Rng),
    /// All of them in an order that is drawn anew each time.
    Shuffled(ChaCha8Rng),
}

impl Order {
    /// The order that is asked for.
    pub(super) fn of(sampling: PictureSampling, seed: Seed) -> Self {
        let stream = || seed.stream("dataset.image.source");
        match sampling {
            PictureSampling::SequentialCycle => Self::InTurn,
            PictureSampling::RandomWithReplacement => Self::Random(stream()),
            PictureSampling::ShuffleCycle => Self::Shuffled(stream()),
        }
    }

    /// Which of so many media stands at a place; none if there are none.
    pub(super) fn at(&self, place: u64, count: usize) -> Option<usize> {
        let (round, rest) = (place.checked_div(count as u64)?, place % count as u64);
        let rest = usize::try_from(rest).ok()?;
        Some(match self {
            Self::InTurn => rest,
            Self::Random(rng) => {
                let mut rng = rng.clone();
                rng.set_stream(place);
                rng.random_range(0..count)
            }
            Self::Shuffled(rng) => {
                let mut rng = rng.clone();
                rng.set_stream(round);
                let mut order: Vec<usize> = (0..count).collect();
                order.shuffle(&mut rng);
                order[rest]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn drawn(sampling: PictureSampling, seed: u64) -> Vec<usize> {
        let order = Order::of(sampling, Seed::new(seed));
        (0..40).map(|place| order.at(place, 10).unwrap()).collect()
    }

    #[test]
    fn each_way_takes_pictures_as_it_says() {
        let [in_turn, shuffled, random] = [
            PictureSampling::SequentialCycle,
            PictureSampling::ShuffleCycle,
            PictureSampling::RandomWithReplacement,
        ]
        .map(|sampling| drawn(sampling, 1));
        assert!(in_turn.iter().enumerate().all(|(place, picture)| *picture == place % 10));
        let different = |pictures: &[usize]| pictures.iter().collect::<HashSet<_>>().len();
        assert!(shuffled.chunks(10).all(|round| different(round) == 10));
        assert_ne!(shuffled[..10], shuffled[10..20], "each round has an order of its own");
        assert!(random.chunks(10).any(|round| different(round) < 10), "{random:?}");
        assert_ne!(random, drawn(PictureSampling::RandomWithReplacement, 2), "the seed decides");
        assert_eq!(Order::InTurn.at(3, 0), None);
    }
}
