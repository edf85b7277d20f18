//! Which class a session is of: a pure function of the seed and its position.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::length;
use crate::{
    plan::{Deal, DealOrder, common_divisor},
    seed::Seed,
};

/// Label of the random stream that classes are drawn from.
const STREAM: &str = "dataset.class";

/// 2^64 divided by the golden ratio. Multiples of it, as parts of 2^64, fill every interval as evenly as those of any number can
/// (Knuth, The Art of Computer Programming 3, 6.4, theorem S).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The fraction of the root of 2, as a part of 2^64: no sum of multiples of it and of [`GOLDEN`] is a whole number.
const AGAIN: u64 = 0x6a09_e667_f3bc_c908;

/// Deals sessions to classes.
#[derive(Debug)]
pub(crate) struct Dealer(Order);

#[derive(Debug)]
enum Order {
    RoundRobin {
        classes: u64,
    },
    Random {
        /// Never drawn from: each session draws from a copy with its position.
        rng: Box<ChaCha8Rng>,
        /// The shares up to each class.
        shares: Vec<f64>,
    },
    Even {
        /// Where the first session falls in the range of a `u64`.
        start: u64,
        /// Where the part of each class in that range ends, but for the last one.
        ends: Vec<u64>,
    },
}

impl Dealer {
    /// One for these shares.
    pub(crate) fn new(deal: &Deal, seed: Seed) -> Self {
        Self(match deal.order {
            DealOrder::RoundRobin => Order::RoundRobin { classes: deal.shares.len().max(1) as u64 },
            DealOrder::Random => Order::Random {
                rng: Box::new(seed.stream(STREAM)),
                shares: length::up_to_each(deal.shares.iter().copied()),
            },
            DealOrder::Even => Order::Even { start: seed.stream(STREAM).random(), ends: ends(&deal.shares) },
        })
    }

    /// The number of the class of the session at this position, where no script is played twice.
    pub(crate) fn class(&self, position: u64) -> u32 {
        self.class_of(position, None)
    }

    /// The same where there are so many scripts, which are played again when all have been. Each of them comes to all classes in
    /// time, by their shares.
    pub(crate) fn class_of(&self, position: u64, scripts: Option<u64>) -> u32 {
        let scripts = scripts.filter(|scripts| *scripts > 0);
        let (again, row) = scripts.map_or((0, position), |scripts| (position / scripts, position % scripts));
        let place = match &self.0 {
            // Without a common divisor, each script comes to all classes by itself.
            Order::RoundRobin { classes }
                if scripts.is_none_or(|scripts| common_divisor(scripts, *classes) == 1) =>
            {
                position % classes
            }
            Order::RoundRobin { classes } => (row % classes + again % classes) % classes,
            Order::Random { rng, shares } => {
                let mut rng = rng.clone();
                rng.set_stream(position);
                length::place(shares, &mut rng) as u64
            }
            Order::Even { start, ends } => {
                let point =
                    start.wrapping_add(row.wrapping_mul(GOLDEN)).wrapping_add(again.wrapping_mul(AGAIN));
                ends.partition_point(|end| *end <= point) as u64
            }
        };
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}

/// Where the parts of the range of a `u64` end that are as large as these shares, but for the last one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the range of a `u64`")]
fn ends(shares: &[f64]) -> Vec<u64> {
    const RANGE: f64 = 18_446_744_073_709_551_616.0;
    let before_last = shares.iter().take(shares.len().saturating_sub(1));
    let sums = before_last.scan(0.0, |sum, share| {
        *sum += share;
        Some(*sum)
    });
    sums.map(|sum| (sum * RANGE) as u64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn dealer(order: DealOrder, shares: &[f64], seed: u64) -> Dealer {
        Dealer::new(&Deal { order, shares: shares.to_vec() }, Seed::new(seed))
    }

    fn counts(dealer: &Dealer, from: u64, sessions: u64, classes: usize) -> Vec<f64> {
        let mut counts = vec![0.0; classes];
        for position in from..from + sessions {
            counts[dealer.class(position) as usize] += 1.0;
        }
        counts
    }

    #[test]
    fn in_turn_is_one_after_the_other() {
        let dealer = dealer(DealOrder::RoundRobin, &[0.25; 4], 42);
        let classes: Vec<u32> = (0..6).map(|position| dealer.class(position)).collect();
        assert_eq!(classes, [0, 1, 2, 3, 0, 1]);
    }

    /// Four standard errors.
    #[test]
    fn a_random_order_has_the_shares_on_average() {
        let (shares, sessions) = ([0.7, 0.2, 0.1], 20_000);
        let found = counts(&dealer(DealOrder::Random, &shares, 42), 0, sessions, 3);
        for (share, count) in shares.into_iter().zip(found) {
            let bound = 4.0 * (share * (1.0 - share) * sessions as f64).sqrt();
            assert!((count - share * sessions as f64).abs() < bound, "{share}: {count}");
        }
    }

    #[test]
    fn an_even_order_is_mixed() {
        let dealer = dealer(DealOrder::Even, &[0.8, 0.2], 42);
        let order: String =
            (0..30).map(|position| if dealer.class(position) == 0 { 'a' } else { 'b' }).collect();
        let gaps: std::collections::BTreeSet<usize> =
            order.trim_matches('a').split('b').map(str::len).filter(|gap| *gap > 0).collect();
        assert!(gaps.len() > 1, "{order}");
    }

    /// Whatever the number of scripts is, and of those that have a divisor in common with that of the classes, or that turn the
    /// golden ratio nearly round, too. As for sessions that are all different, 6 of 20,000 may be of another class.
    #[rstest]
    fn a_script_that_is_played_again_comes_to_all_classes_by_their_shares(
        #[values(1, 2, 3, 5, 7, 8, 12, 13, 21, 34, 89, 144)] scripts: u64,
        #[values(0, 1, 2)] which: usize,
    ) {
        const AGAIN: u64 = 120;
        let (order, shares): (_, &[f64]) = [
            (DealOrder::RoundRobin, &[0.25; 4][..]),
            (DealOrder::Even, &[0.5, 0.5]),
            (DealOrder::Even, &[0.7, 0.2, 0.1]),
        ][which];
        let dealer = dealer(order, shares, 42);
        let mut all = vec![0.0; shares.len()];
        for row in 0..scripts {
            let mut of_row = vec![0.0; shares.len()];
            for again in 0..AGAIN {
                of_row[dealer.class_of(row + again * scripts, Some(scripts)) as usize] += 1.0;
            }
            for ((share, count), all) in shares.iter().zip(&of_row).zip(&mut all) {
                assert!((count - share * AGAIN as f64).abs() <= 3.0, "row {row}: {of_row:?}");
                *all += count;
            }
        }
        for (share, count) in shares.iter().zip(&all) {
            assert!((count - share * (AGAIN * scripts) as f64).abs() <= 6.0, "{all:?}");
        }
    }

    proptest! {
        /// Every stretch, wherever it begins and however long it is, has the shares that were asked for, but for a few sessions.
        #[test]
        fn an_even_order_has_the_shares_in_every_stretch(
            weights in prop::collection::vec(0.01..1.0, 1..6), seed in any::<u64>(), from in 0_u64..1 << 40,
            sessions in 1_u64..20_000
        ) {
            let all: f64 = weights.iter().sum();
            let shares: Vec<f64> = weights.iter().map(|weight| weight / all).collect();
            let found = counts(&dealer(DealOrder::Even, &shares, seed), from, sessions, shares.len());
            for (share, count) in shares.into_iter().zip(found) {
                prop_assert!((count - share * sessions as f64).abs() <= 6.0, "{}: {} of {}", share, count, sessions);
            }
        }
    }
}
