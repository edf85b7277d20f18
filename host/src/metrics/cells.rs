//! Times in cells, each a little wider than the one before: [`Cells`]. They are small on a wire, and add up without a loss.
//!
//! With `E` the largest relative error and `G = (1 + E) / (1 - E)`, cell `n` has the times above `G^(n-1)` and up to `G^n` microseconds. It stands
//! for `2 G^n / (G + 1)`, from which none of them is further than `E` times itself. Source: Masson, Rim and Lee, "`DDSketch`: a fast and
//! fully-mergeable quantile sketch with relative-error guarantees", 2019.

use std::collections::BTreeMap;

use prony_plugin_api::live::Spread;
use serde::{Deserialize, Serialize};

use super::ended::NoteTime;

/// The largest relative error of a time.
const ERROR: f64 = 0.02;

/// From the end of a cell to that of the next one.
const GROWTH: f64 = (1.0 + ERROR) / (1.0 - ERROR);

/// Longer times are counted as this, an hour, in microseconds; shorter ones than a microsecond as one.
const LONGEST_US: f64 = 3.6e9;

/// Most cells that are sent. From the first to the last of them, times grow 600-fold.
const MOST_SENT: usize = 160;

/// How many times there are, by the numbers of their cells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<u64>", from = "Vec<u64>")]
pub(crate) struct Cells(BTreeMap<u64, u64>);

impl NoteTime for Cells {
    fn note_time(&mut self, ms: f64) {
        self.count(cell_of(ms), 1);
    }
}

impl Cells {
    fn count(&mut self, cell: u64, more: u64) {
        let count = self.0.entry(cell).or_default();
        *count = count.saturating_add(more);
    }

    /// Takes in other times.
    pub(super) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(cell, count)| self.count(*cell, *count));
    }

    /// How the times are spread, in milliseconds; nothing where there are none.
    pub(super) fn spread(&self) -> Option<Spread> {
        let count = self.0.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let (last, _) = self.0.last_key_value()?;
        let at = |quantile: f64| {
            let rank = (quantile * count as f64).ceil().max(1.0);
            let mut seen: u64 = 0;
            let cell = self.0.iter().find(|(_, count)| {
                seen = seen.saturating_add(**count);
                seen as f64 >= rank
            });
            ms_of(cell.map_or(*last, |(cell, _)| *cell))
        };
        Some(Spread { count, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: ms_of(*last) })
    }

    /// The same in as many cells as are sent: where there are more, the shortest times are counted with the shortest that have a cell.
    fn fit(mut self) -> Self {
        while self.0.len() > MOST_SENT {
            let Some((_, shortest)) = self.0.pop_first() else { break };
            if let Some(mut next) = self.0.first_entry() {
                let count = next.get_mut();
                *count = count.saturating_add(shortest);
            }
        }
        self
    }
}

/// For each cell its distance from the one before, and its count: most are one byte each.
impl From<Cells> for Vec<u64> {
    fn from(cells: Cells) -> Self {
        let cells = cells.fit();
        let (mut words, mut before) = (Self::with_capacity(2 * cells.0.len()), 0);
        for (cell, count) in cells.0 {
            words.extend([cell - before, count]);
            before = cell;
        }
        words
    }
}

/// Cells that there are not are taken for the last one.
impl From<Vec<u64>> for Cells {
    fn from(words: Vec<u64>) -> Self {
        let (mut cells, mut cell) = (Self::default(), 0_u64);
        let last = cell_of(LONGEST_US / 1000.0);
        for pair in words.chunks_exact(2) {
            cell = cell.saturating_add(pair[0]).min(last);
            cells.count(cell, pair[1]);
        }
        cells
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of cells from 0 to 551")]
fn cell_of(ms: f64) -> u64 {
    let us = (ms * 1000.0).clamp(1.0, LONGEST_US);
    (us.ln() / GROWTH.ln()).ceil() as u64
}

fn ms_of(cell: u64) -> f64 {
    2.0 * GROWTH.powf(cell as f64) / (GROWTH + 1.0) / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(times: &[f64]) -> Cells {
        let mut cells = Cells::default();
        for ms in times {
            cells.note_time(*ms);
        }
        cells
    }

    fn sent(cells: &Cells) -> Vec<u8> {
        rmp_serde::to_vec(cells).unwrap()
    }

    fn is_near(value: f64, expected: f64) -> bool {
        (value / expected - 1.0).abs() <= ERROR + 1e-9
    }

    /// Times from a microsecond to an hour, as many in one decade as in another.
    fn times() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((-3.0..6.55_f64).prop_map(|exponent| 10_f64.powf(exponent)), 1..150)
    }

    proptest! {
        #[test]
        fn each_percentile_is_within_the_bound(mut times in times()) {
            let spread = cells(&times).spread().unwrap();
            times.sort_by(f64::total_cmp);
            // Of so many values the one that this part of them does not exceed, counted by hand.
            let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
            prop_assert_eq!(spread.count, times.len() as u64);
            for (value, expected) in
                [(spread.p50, at(50)), (spread.p90, at(90)), (spread.p99, at(99)), (spread.max, at(100))]
            {
                prop_assert!(is_near(value, expected), "{} is not near {}", value, expected);
            }
        }

        /// What several machines send adds up to what one would have had.
        #[test]
        fn cells_that_are_sent_and_added_are_those_of_all_times(one in times(), other in times()) {
            let mut sum = Cells::default();
            for times in [&one, &other] {
                sum.add(&rmp_serde::from_slice(&sent(&cells(times))).unwrap());
            }
            prop_assert_eq!(sum, cells(&[one, other].concat()));
        }
    }

    #[test]
    fn however_many_times_there_are_few_bytes_are_sent() {
        // Each cell that there is, and each with more than a byte's worth of times.
        let all: Cells = Cells((0..=cell_of(4e6)).map(|cell| (cell, 60_000)).collect());
        assert!(sent(&all).len() < 1000, "{} bytes", sent(&all).len());
        let came: Cells = rmp_serde::from_slice(&sent(&all)).unwrap();
        let (before, after) = (all.spread().unwrap(), came.spread().unwrap());
        assert_eq!(after.count, before.count, "none is left out");
        assert!(is_near(after.max, before.max) && is_near(after.p99, before.p99));
    }

    #[test]
    fn what_is_no_time_at_all_is_the_shortest_and_what_never_ends_the_longest() {
        assert_eq!(cells(&[0.0, -1.0]), cells(&[0.001, 0.0005]));
        assert_eq!(cells(&[1e12]), cells(&[3.6e6]));
        assert_eq!(Cells::default().spread(), None);
    }

    #[test]
    fn cells_that_there_are_not_take_no_room() {
        let nonsense: Cells = vec![u64::MAX, u64::MAX, u64::MAX, 1, 7].into();
        assert_eq!(nonsense.0.len(), 1);
        assert_eq!(nonsense.spread().unwrap().count, u64::MAX);
    }
}
