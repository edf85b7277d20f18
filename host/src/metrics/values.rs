//! The values of one metric, exact and in as little memory as they need: [`Values`].

use super::{quantile::Distribution, units};

/// Nanoseconds in the unit of durations, the millisecond.
const NS_PER_MS: f64 = 1e6;

/// Most different values that are counted, and not kept one by one.
const FEW: usize = 256;

/// Values that have room at first: parts of a run with many nodes or classes have few values of each of them.
const FIRST: usize = 16;

/// Values that are looked at to see whether these are few different ones.
const SAMPLE: usize = 32;

/// Values that are kept until the end of a run: a million requests have a million of them for each metric.
#[derive(Clone, Debug)]
pub(super) struct Values {
    /// 1, or so many nanoseconds as the unit has.
    per_unit: f64,
    /// How many there may be.
    most: usize,
    kept: Kept,
    /// Those that came last, as they are, up to [`FEW`]: put in their places together, they take a part of the time that each of them
    /// takes by itself.
    fresh: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Kept {
    /// Each value that there is, in order, and how often. Many metrics have a few only: a length that was asked for, a difference that is
    /// always 0.
    Few(Vec<(f64, usize)>),
    /// How many times `1 / per_unit` each value is, in no order. Nearly all values are of this kind, and take half as much memory:
    /// tokens are counted, and durations of up to four seconds are whole nanoseconds in milliseconds.
    Counts(Vec<u32>),
    /// As they are, in no order.
    Any(Vec<f64>),
}

impl Values {
    /// None yet, of a metric with this unit.
    pub(super) fn of_unit(unit: &str) -> Self {
        let per_unit = if unit == units::MS { NS_PER_MS } else { 1.0 };
        Self { per_unit, most: 0, kept: Kept::Few(Vec::new()), fresh: Vec::new() }
    }

    /// Makes room for so many: growing leaves holes as large as what has grown. Room that is not used is no memory.
    pub(super) fn reserve(&mut self, most: usize) {
        self.most = most;
        match &mut self.kept {
            Kept::Few(_) => {}
            Kept::Counts(counts) => counts.reserve_exact(most),
            Kept::Any(values) => values.reserve_exact(most),
        }
    }

    /// Keeps one more.
    pub(super) fn push(&mut self, value: f64) {
        if self.fresh.len() == FIRST {
            // The rest at once: growing to it step by step takes longer than what is done with the values, for each metric in each part
            // of a journal.
            self.fresh.reserve_exact(FEW - FIRST);
        }
        self.fresh.push(value);
        if self.fresh.len() == FEW {
            self.place_fresh();
        }
    }

    /// Puts the last ones in their places. This is done anyway before they are merged or described.
    pub(super) fn settle(&mut self) {
        self.place_fresh();
        self.fresh = Vec::new();
    }

    /// Puts the last ones in their places, and keeps the room for the next ones.
    fn place_fresh(&mut self) {
        let mut fresh = std::mem::take(&mut self.fresh);
        if matches!(self.kept, Kept::Few(_)) {
            if are_many(&fresh) {
                self.keep_each();
            } else {
                fresh.sort_unstable_by(f64::total_cmp);
            }
        }
        for equal in fresh.chunk_by(|a, b| a.total_cmp(b).is_eq()) {
            self.push_times(equal[0], equal.len());
        }
        fresh.clear();
        self.fresh = fresh;
    }

    /// Takes in those of another collector, of the same metric.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        match (&mut self.kept, other.kept) {
            (Kept::Counts(counts), Kept::Counts(more)) => counts.extend(more),
            (Kept::Any(values), Kept::Any(more)) => values.extend(more),
            (Kept::Any(values), Kept::Counts(more)) => values.extend(in_units(&more, self.per_unit)),
            (Kept::Counts(_), Kept::Any(more)) => self.widen(more),
            (_, Kept::Few(more)) => {
                for (value, times) in more {
                    self.push_times(value, times);
                }
            }
            // Those of one part that seemed to be many may be few of all parts.
            (Kept::Few(_), Kept::Counts(more)) => {
                for value in in_units(&more, self.per_unit) {
                    self.push_times(value, 1);
                }
            }
            (Kept::Few(_), Kept::Any(more)) => {
                for value in more {
                    self.push_times(value, 1);
                }
            }
        }
    }

    /// Sorts and describes them; `None` when there are none.
    pub(super) fn distribution(&mut self) -> Option<Distribution> {
        self.settle();
        match &mut self.kept {
            Kept::Few(few) => of_few(few),
            Kept::Counts(counts) => {
                counts.sort_unstable();
                Distribution::of_sorted(counts.len(), |at| f64::from(counts[at]) / self.per_unit)
            }
            Kept::Any(values) => Distribution::of(values),
        }
    }

    fn push_times(&mut self, value: f64, times: usize) {
        match &mut self.kept {
            Kept::Few(few) => match few.binary_search_by(|(other, _)| other.total_cmp(&value)) {
                Ok(place) => few[place].1 += times,
                Err(place) if few.len() < FEW => few.insert(place, (value, times)),
                Err(_) => {
                    self.keep_each();
                    self.push_times(value, times);
                }
            },
            Kept::Counts(counts) => match count(value, self.per_unit) {
                Some(count) => counts.extend(std::iter::repeat_n(count, times)),
                None => self.widen(std::iter::repeat_n(value, times)),
            },
            Kept::Any(values) => values.extend(std::iter::repeat_n(value, times)),
        }
    }

    /// Keeps each value from now on. A part of a journal has some hundreds of them: room for these is made at once.
    fn keep_each(&mut self) {
        let room = self.most.max(2 * FEW);
        let kept = std::mem::replace(&mut self.kept, Kept::Counts(Vec::with_capacity(room)));
        if let Kept::Few(few) = kept {
            for (value, times) in few {
                self.push_times(value, times);
            }
        }
    }

    /// Keeps all values as they are from now on, and these as well.
    fn widen(&mut self, more: impl IntoIterator<Item = f64>) {
        let mut values = match &mut self.kept {
            Kept::Any(values) => std::mem::take(values),
            Kept::Counts(counts) => {
                let mut values = Vec::with_capacity(counts.capacity());
                values.extend(in_units(counts, self.per_unit));
                values
            }
            Kept::Few(few) => {
                few.iter().flat_map(|(value, times)| std::iter::repeat_n(*value, *times)).collect()
            }
        };
        values.extend(more);
        self.kept = Kept::Any(values);
    }
}

/// Whether these seem to be many different values, by some of them.
fn are_many(values: &[f64]) -> bool {
    let step = values.len() / SAMPLE;
    if step == 0 {
        return false;
    }
    let mut sample: [f64; SAMPLE] = std::array::from_fn(|at| values[at * step]);
    sample.sort_unstable_by(f64::total_cmp);
    sample.chunk_by(|a, b| a.total_cmp(b).is_eq()).count() > SAMPLE / 2
}

fn of_few(few: &[(f64, usize)]) -> Option<Distribution> {
    // How many there are up to each value.
    let up_to: Vec<usize> = few
        .iter()
        .scan(0, |sum, (_, times)| {
            *sum += times;
            Some(*sum)
        })
        .collect();
    let len = up_to.last().copied().unwrap_or_default();
    Distribution::of_sorted(len, |at| few[up_to.partition_point(|up_to| *up_to <= at)].0)
}

fn in_units(counts: &[u32], per_unit: f64) -> impl Iterator<Item = f64> {
    counts.iter().map(move |count| f64::from(*count) / per_unit)
}

/// The count that tells this very value, if there is one.
fn count(value: f64, per_unit: f64) -> Option<u32> {
    // A half more, and then cut off, is rounded: what is near no whole number is none of the counts in any case.
    let above = value * per_unit + 0.5;
    if !(0.0..f64::from(u32::MAX) + 1.0).contains(&above) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is cut off, and in range"
    )]
    let count = above as u32;
    #[expect(clippy::float_cmp, reason = "nothing else than the very same value will do")]
    (f64::from(count) / per_unit == value).then_some(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn of(unit: &str, values: &[f64]) -> Values {
        let mut kept = Values::of_unit(unit);
        for value in values {
            kept.push(*value);
        }
        kept.settle();
        kept
    }

    /// More different values than [`FEW`].
    fn many() -> Vec<f64> {
        (0..=FEW).map(|number| number as f64).collect()
    }

    #[test]
    fn a_value_that_comes_again_takes_no_room() {
        let kept = of("ms", &[0.5; 1000]);
        assert!(matches!(kept.kept, Kept::Few(few) if few == [(0.5, 1000)]));
    }

    #[test]
    fn room_for_many_is_made_only_for_more_than_a_few() {
        let mut kept = Values::of_unit("ms");
        (0..FIRST).for_each(|_| kept.push(0.5));
        assert!(kept.fresh.capacity() < FEW);
        kept.push(0.5);
        assert!(kept.fresh.capacity() >= FEW);
    }

    #[test]
    fn room_for_the_last_ones_is_kept_until_all_are_in_their_places() {
        let mut kept = Values::of_unit("ms");
        (0..FEW).for_each(|_| kept.push(0.5));
        assert!(kept.fresh.is_empty() && kept.fresh.capacity() >= FEW);
        kept.settle();
        assert_eq!(kept.fresh.capacity(), 0);
    }

    #[test]
    fn parts_with_few_values_of_all_are_few_together() {
        // A part has each of 200 once, so that its sample has no value twice.
        let part: Vec<f64> = (0..200).map(f64::from).collect();
        let mut kept = Values::of_unit("tokens");
        for _ in 0..3 {
            kept.merge(of("tokens", &part));
        }
        assert!(
            matches!(kept.kept, Kept::Few(few) if few.len() == 200 && few.iter().all(|(_, times)| *times == 3))
        );
    }

    #[rstest]
    #[case("tokens", 500.0)]
    #[case("ms", 51.2)]
    #[case("ms", 4_294.967_295)]
    fn counts_and_durations_stay_small(#[case] unit: &str, #[case] value: f64) {
        let kept = of(unit, &[many(), vec![value]].concat());
        assert!(matches!(kept.kept, Kept::Counts(counts) if counts.len() == FEW + 2));
    }

    #[rstest]
    #[case("tokens", 0.5)]
    #[case("ms", 4_294.967_296)]
    #[case("ms", 0.000_000_5)]
    #[case("%", -20.0)]
    fn one_value_that_is_no_count_widens_the_rest(#[case] unit: &str, #[case] odd: f64) {
        let mut expected = [many(), vec![odd, 2.0]].concat();
        let Kept::Any(mut values) = of(unit, &expected).kept else { panic!("all are taken for counts") };
        for all in [&mut values, &mut expected] {
            all.sort_by(f64::total_cmp);
        }
        assert_eq!(values, expected);
    }

    /// Durations in milliseconds, as they are computed from nanoseconds: most of them short, and some the same.
    fn durations() -> impl Strategy<Value = Vec<f64>> {
        let ns = prop_oneof![8 => 0..4_000_000_000_u64, 1 => 0..1_000_000_000_000_u64, 1 => 0..3_u64];
        prop::collection::vec(ns.prop_map(|ns| ns as f64 / 1e6), 0..2 * FEW)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_is_lost_however_the_values_are_kept(
            first in durations(),
            second in durations(),
            last in durations(),
        ) {
            let mut kept = of("ms", &first);
            kept.merge(of("ms", &second));
            for value in &last {
                kept.push(*value);
            }
            let mut all = [first, second, last].concat();
            prop_assert_eq!(kept.distribution(), Distribution::of(&mut all));
        }
    }
}
