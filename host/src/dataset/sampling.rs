//! Which script stands at which position: a pure function of the seed and the position, so that workers of any number agree.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::{plan::Sampling, seed::Seed};

/// Rounds of the permutation. Four make one that cannot be told from a random one (Luby and Rackoff 1988); two more cost
/// nothing that anybody would notice.
const ROUNDS: u64 = 6;

/// The order of scripts.
#[derive(Clone, Debug, Default)]
pub(super) enum Order {
    /// As the dataset has them.
    #[default]
    InTurn,
    /// Each position has any of them. The generator is never drawn from: each position draws from a copy of its own.
    Random(Box<ChaCha8Rng>),
    /// Each round has all of them in an order of its own.
    Shuffled { key: u64 },
}

impl Order {
    pub(super) fn of(sampling: Sampling, seed: Seed) -> Self {
        match sampling {
            Sampling::Sequential => Self::InTurn,
            Sampling::Random => Self::Random(Box::new(seed.stream("dataset.sampler.random"))),
            Sampling::Shuffle => Self::Shuffled { key: seed.stream("dataset.sampler.shuffle").random() },
        }
    }

    /// Where the script of this position would stand in the order of the dataset: in the same round of its `len` scripts. Without
    /// an end, all scripts differ, and their order is of no matter.
    pub(super) fn place(&self, position: u64, len: Option<u64>) -> u64 {
        let Some(len) = len.filter(|len| *len > 1) else { return position };
        let (round, row) = (position / len, position % len);
        match self {
            Self::InTurn => position,
            Self::Random(rng) => {
                let mut rng = rng.clone();
                rng.set_stream(position);
                round * len + rng.random_range(0..len)
            }
            Self::Shuffled { key } => round * len + permuted(row, len, mixed(key.wrapping_add(round))),
        }
    }
}

/// The place of a number below `len` in a permutation of all of them: a Feistel network over the smallest square of a power of two
/// that holds them, walked until it comes to one of them again (Black and Rogaway 2002).
fn permuted(number: u64, len: u64, key: u64) -> u64 {
    let half_bits = (u64::BITS - (len - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1 << half_bits) - 1;
    let mut place = number;
    loop {
        let (mut left, mut right) = (place >> half_bits, place & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mixed(right ^ key.rotate_left(8) ^ (round << 56)) & mask));
        }
        place = left << half_bits | right;
        if place < len {
            return place;
        }
    }
}

/// A number of which each bit depends on all bits of another one (`SplitMix64`; Steele, Lea and Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn order(sampling: Sampling, seed: u64) -> Order {
        Order::of(sampling, Seed::new(seed))
    }

    fn rows(order: &Order, round: u64, len: u64) -> Vec<u64> {
        (round * len..(round + 1) * len).map(|position| order.place(position, Some(len)) % len).collect()
    }

    proptest! {
        #[test]
        fn a_shuffled_round_has_every_script_once(len in 1_u64..3000, round in 0_u64..5, seed in 0_u64..100) {
            let rows = rows(&order(Sampling::Shuffle, seed), round, len);
            prop_assert_eq!(rows.iter().copied().collect::<HashSet<_>>().len() as u64, len);
        }

        #[test]
        fn a_place_stays_in_its_round(position in 0_u64..1_000_000, len in 1_u64..5000) {
            for sampling in [Sampling::Sequential, Sampling::Random, Sampling::Shuffle] {
                prop_assert_eq!(order(sampling, 7).place(position, Some(len)) / len, position / len);
            }
        }
    }

    #[rstest]
    fn rounds_and_seeds_differ_and_a_seed_says_it_again(
        #[values(Sampling::Random, Sampling::Shuffle)] sampling: Sampling,
    ) {
        let first = order(sampling, 1);
        assert_eq!(rows(&first, 0, 500), rows(&order(sampling, 1), 0, 500));
        assert_ne!(rows(&first, 0, 500), rows(&order(sampling, 2), 0, 500));
        assert_ne!(rows(&first, 0, 500), rows(&first, 1, 500));
        assert_ne!(rows(&first, 0, 500), (0..500).collect::<Vec<_>>());
    }

    /// Each script is as likely at each position: with 8 scripts and 4,000 seeds, 500 times, give or take six deviations.
    #[rstest]
    fn no_script_is_preferred(#[values(Sampling::Random, Sampling::Shuffle)] sampling: Sampling) {
        let mut counts = [[0_u32; 8]; 8];
        for seed in 0..4000 {
            for (position, row) in rows(&order(sampling, seed), 0, 8).into_iter().enumerate() {
                counts[position][usize::try_from(row).unwrap()] += 1;
            }
        }
        assert!(counts.as_flattened().iter().all(|count| count.abs_diff(500) < 126), "{counts:?}");
    }

    #[test]
    fn a_random_script_may_come_twice_before_all_have_come() {
        let rows = rows(&order(Sampling::Random, 3), 0, 1000);
        let different = rows.iter().collect::<HashSet<_>>().len();
        // 1 - 1/e of them.
        assert!((580..690).contains(&different), "{different}");
    }

    #[test]
    fn what_has_no_end_has_no_other_order() {
        assert_eq!(order(Sampling::Shuffle, 1).place(41, None), 41);
    }
}
