//! What is said of many values: the [`Statistic`].

/// A statistic of many values. The count and the sum of the values are no statistics here: a summary has own fields for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// The arithmetic mean.
    Avg,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The standard deviation of the population.
    Std,
    P1,
    P5,
    P10,
    P25,
    /// The median.
    P50,
    P75,
    P90,
    P95,
    P99,
    /// The percentile 99.9.
    P999,
}

/// The percentiles, each with the part of the values that is below it, from 0 to 1.
pub(crate) const PERCENTILES: [(Statistic, f64); 10] = [
    (Statistic::P1, 0.01),
    (Statistic::P5, 0.05),
    (Statistic::P10, 0.10),
    (Statistic::P25, 0.25),
    (Statistic::P50, 0.50),
    (Statistic::P75, 0.75),
    (Statistic::P90, 0.90),
    (Statistic::P95, 0.95),
    (Statistic::P99, 0.99),
    (Statistic::P999, 0.999),
];

/// The percentiles that AIPerf has, in the order of [`PERCENTILES`]: all but the last one.
pub(crate) const WITHOUT_P999: [Statistic; PERCENTILES.len() - 1] = {
    let mut percentiles = [Statistic::P1; PERCENTILES.len() - 1];
    let mut at = 0;
    while at < percentiles.len() {
        percentiles[at] = PERCENTILES[at].0;
        at += 1;
    }
    percentiles
};

/// The keys of all statistics, in the order of [`Statistic::ALL`].
pub(crate) const KEYS: [&str; Statistic::ALL.len()] = {
    let mut keys = [""; Statistic::ALL.len()];
    let mut at = 0;
    while at < keys.len() {
        keys[at] = Statistic::ALL[at].key();
        at += 1;
    }
    keys
};

impl Statistic {
    /// All there are; the percentiles are the last ones.
    pub(crate) const ALL: [Self; 14] = [
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::Std,
        Self::P1,
        Self::P5,
        Self::P10,
        Self::P25,
        Self::P50,
        Self::P75,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::P999,
    ];

    /// Its key in summaries, which is also what users type.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Std => "std",
            Self::P1 => "p1",
            Self::P5 => "p5",
            Self::P10 => "p10",
            Self::P25 => "p25",
            Self::P50 => "p50",
            Self::P75 => "p75",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
        }
    }

    /// The statistic with this key.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|statistic| statistic.key() == key)
    }

    /// The part of the values that is below a percentile; nothing of another statistic.
    pub(crate) fn quantile(self) -> Option<f64> {
        PERCENTILES.iter().find(|(percentile, _)| *percentile == self).map(|(_, quantile)| *quantile)
    }

    /// Picks the value of this statistic. `others` has mean, minimum, maximum and standard deviation; `percentiles` is in the order
    /// of [`PERCENTILES`].
    pub(super) fn among(self, others: [f64; 4], percentiles: &[f64; PERCENTILES.len()]) -> f64 {
        let [avg, min, max, std] = others;
        let [p1, p5, p10, p25, p50, p75, p90, p95, p99, p999] = *percentiles;
        match self {
            Self::Avg => avg,
            Self::Min => min,
            Self::Max => max,
            Self::Std => std,
            Self::P1 => p1,
            Self::P5 => p5,
            Self::P10 => p10,
            Self::P25 => p25,
            Self::P50 => p50,
            Self::P75 => p75,
            Self::P90 => p90,
            Self::P95 => p95,
            Self::P99 => p99,
            Self::P999 => p999,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statistic_has_a_key_of_its_own() {
        for (statistic, key) in std::iter::zip(Statistic::ALL, KEYS) {
            assert_eq!((statistic.key(), Statistic::of_key(key)), (key, Some(statistic)));
        }
        assert_eq!(Statistic::of_key("p98"), None);
    }

    #[test]
    fn only_the_last_percentile_is_ours_alone() {
        let keys = WITHOUT_P999.map(Statistic::key);
        assert_eq!(keys, ["p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"]);
    }

    #[test]
    fn each_statistic_is_found_among_all() {
        let percentiles = PERCENTILES.map(|(_, quantile)| quantile);
        for statistic in Statistic::ALL {
            let found = statistic.among([2.0, 3.0, 4.0, 5.0], &percentiles);
            let expected = match statistic {
                Statistic::Avg => 2.0,
                Statistic::Min => 3.0,
                Statistic::Max => 4.0,
                Statistic::Std => 5.0,
                percentile => percentile.quantile().unwrap(),
            };
            assert!(found.total_cmp(&expected).is_eq(), "{statistic:?}: {found}");
        }
    }
}
