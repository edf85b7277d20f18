//! Are there enough values for each percentile?

use super::{
    super::model::Report,
    finding::{Finding, Severity},
};
use crate::{
    metrics::{
        Distribution, Statistic, Stats,
        samples::{carries, least},
        statistic::PERCENTILES,
        tags,
    },
    screen::counted,
};

/// The percentiles that a reader looks at. One beyond these is left out where nothing carries it.
pub(super) const LOOKED_AT: [Statistic; 4] = [Statistic::P50, Statistic::P90, Statistic::P95, Statistic::P99];

/// The percentile without which a run says nothing about slow requests.
const TAIL: Statistic = Statistic::P90;

/// The metrics of requests that have most values, the first one that there is.
const OF_REQUESTS: [&str; 2] = [tags::REQUEST_LATENCY, tags::TIME_TO_FIRST_TOKEN];

/// The keys of the percentiles for which these values are enough.
pub(crate) fn carried(values: &Distribution) -> impl Iterator<Item = &'static str> {
    let carried = PERCENTILES.iter().filter(|(percentile, _)| carries(values.count, *percentile));
    carried.map(|(percentile, _)| percentile.key())
}

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let table = &report.profiling.table;
    let values = OF_REQUESTS.iter().find_map(|tag| match table.get(tag)? {
        Stats::Distribution(values) => Some(values),
        Stats::Scalar(_) | Stats::OverTime(_) => None,
    });
    values.and_then(|values| too_few(values.count)).into_iter()
}

fn too_few(count: u64) -> Option<Finding> {
    let missing: Vec<Statistic> =
        LOOKED_AT.into_iter().filter(|percentile| !carries(count, *percentile)).collect();
    let last = *missing.last()?;
    let needed = least(last.quantile()?);
    let (samples, carry) = (counted(count, "sample"), if count == 1 { "carries" } else { "carry" });
    let missing = missing.into_iter().map(Statistic::key).collect::<Vec<_>>().join(", ");
    let finding = Finding::doubt(
        "few_samples",
        format!("{samples} {carry} no {missing}"),
        format!(
            "{samples} {carry} no {missing}: a few slow requests decide them, and they are marked with *"
        ),
    );
    let severity = if carries(count, TAIL) { Severity::Note } else { Severity::Doubtful };
    Some(Finding { severity, ..finding.advice(format!("For {}, let {needed} requests succeed", last.key())) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1, Some((Severity::Doubtful, "1 sample carries no p50, p90, p95, p99")))]
    #[case(30, Some((Severity::Doubtful, "30 samples carry no p90, p95, p99")))]
    #[case(64, Some((Severity::Note, "64 samples carry no p95, p99")))]
    #[case(661, Some((Severity::Note, "661 samples carry no p99")))]
    #[case(662, None)]
    fn few_samples_carry_few_percentiles(#[case] count: u64, #[case] expected: Option<(Severity, &str)>) {
        let found = too_few(count);
        assert_eq!(found.as_ref().map(|found| (found.severity, found.short.as_str())), expected);
    }
}
