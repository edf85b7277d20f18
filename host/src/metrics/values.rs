//! The values of one metric, exact and in as little memory as they need: [`Values`].

use super::quantile::Distribution;

/// Nanoseconds in the unit of durations, the millisecond.
const NS_PER_MS: f64 = 1e6;

/// Values that are kept until the end of a run: a million requests have a million of them for each metric.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// How many times `1 / per_unit` each value is. Nearly all values are of this kind, and take half as much memory:
    /// tokens are counted, and durations of up to four seconds are whole nanoseconds told in milliseconds.
    Counts {
        /// 1, or so many nanoseconds as the unit has.
        per_unit: f64,
        /// In no order.
        counts: Vec<u32>,
    },
    /// As they are, in no order.
    Any(Vec<f64>),
}

impl Values {
    /// None yet, of a metric with this unit.
    pub(super) fn of_unit(unit: &str) -> Self {
        let per_unit = if unit == "ms" { NS_PER_MS } else { 1.0 };
        Self::Counts { per_unit, counts: Vec::new() }
    }

    /// Makes room for so many: growing leaves holes as large as what has grown. Room that is not used is no memory.
    pub(super) fn reserve(&mut self, most: usize) {
        match self {
            Self::Counts { counts, .. } => counts.reserve_exact(most),
            Self::Any(values) => values.reserve_exact(most),
        }
    }

    /// Keeps one more.
    pub(super) fn push(&mut self, value: f64) {
        match self {
            Self::Counts { per_unit, counts } => match count(value, *per_unit) {
                Some(count) => counts.push(count),
                None => self.widen([value]),
            },
            Self::Any(values) => values.push(value),
        }
    }

    /// Takes in those of another collector, of the same metric.
    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Counts { counts, .. }, Self::Counts { counts: more, .. }) => counts.extend(more),
            (Self::Any(values), Self::Any(more)) => values.extend(more),
            (Self::Any(values), Self::Counts { per_unit, counts }) => {
                values.extend(in_units(&counts, per_unit));
            }
            (Self::Counts { .. }, Self::Any(more)) => self.widen(more),
        }
    }

    /// Sorts and describes them; `None` when there are none.
    pub(super) fn distribution(&mut self) -> Option<Distribution> {
        match self {
            Self::Counts { per_unit, counts } => {
                counts.sort_unstable();
                Distribution::of_sorted(counts.len(), |at| f64::from(counts[at]) / *per_unit)
            }
            Self::Any(values) => Distribution::of(values),
        }
    }

    /// Keeps all values as they are from now on, and these as well.
    fn widen(&mut self, more: impl IntoIterator<Item = f64>) {
        let mut values = match self {
            Self::Counts { per_unit, counts } => {
                let mut values = Vec::with_capacity(counts.capacity());
                values.extend(in_units(counts, *per_unit));
                values
            }
            Self::Any(values) => std::mem::take(values),
        };
        values.extend(more);
        *self = Self::Any(values);
    }
}

fn in_units(counts: &[u32], per_unit: f64) -> impl Iterator<Item = f64> {
    counts.iter().map(move |count| f64::from(*count) / per_unit)
}

/// The count that tells this very value, if there is one.
fn count(value: f64, per_unit: f64) -> Option<u32> {
    let count = (value * per_unit).round();
    if !(0.0..=f64::from(u32::MAX)).contains(&count) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
    let count = count as u32;
    #[expect(clippy::float_cmp, reason = "nothing else than the very same value will do")]
    (f64::from(count) / per_unit == value).then_some(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(unit: &str, values: &[f64]) -> Values {
        let mut kept = Values::of_unit(unit);
        for value in values {
            kept.push(*value);
        }
        kept
    }

    #[test]
    fn counts_and_durations_stay_small() {
        assert!(matches!(of("tokens", &[1.0, 500.0, 0.0]), Values::Counts { .. }));
        assert!(matches!(of("ms", &[0.000_001, 51.2, 4_294.967_295]), Values::Counts { .. }));
    }

    #[test]
    fn one_value_that_is_no_count_widens_the_rest() {
        for (unit, odd) in [("tokens", 0.5), ("ms", 4_294.967_296), ("ms", 0.000_000_5), ("%", -20.0)] {
            assert!(matches!(of(unit, &[1.0, odd, 2.0]), Values::Any(values) if values == [1.0, odd, 2.0]));
        }
    }

    /// Durations in milliseconds, as they are computed from nanoseconds, most of them short.
    fn durations() -> impl Strategy<Value = Vec<f64>> {
        let ns = prop_oneof![9 => 0..4_000_000_000_u64, 1 => 0..1_000_000_000_000_u64];
        prop::collection::vec(ns.prop_map(|ns| ns as f64 / 1e6), 0..40)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_the_values_are_kept(first in durations(), second in durations()) {
            let mut kept = of("ms", &first);
            kept.merge(of("ms", &second));
            let mut all = [first, second].concat();
            prop_assert_eq!(kept.distribution(), Distribution::of(&mut all));
        }
    }
}
