//! Whether a run keeps to an objective, and how sure that is: [`Judged`].

use serde::{Deserialize, Serialize};

use super::{
    Distribution, Outcomes, Results, Statistic, Stats, derived::GoodCounts, quantile, student, tags,
};
use crate::plan::RunObjective;

/// Of all intervals.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// The value that a standard normal variable is below, in absolute value, with this probability.
const NORMAL: f64 = 1.959_963_984_540_054;

/// More degrees of freedom make no difference.
const MOST_FREEDOM: u32 = 10_000;

/// What became of an objective; the worst is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ObjectiveState {
    /// The interval of the number keeps to it.
    Kept,
    /// The interval has values that keep to it and values that do not.
    CannotTell,
    /// The interval does not keep to it.
    Broken,
}

impl ObjectiveState {
    /// As a word of a line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::CannotTell => "cannot tell",
            Self::Broken => "broken",
        }
    }
}

/// How an interval is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// Of a percentile: two of the sorted values.
    OrderStatistics,
    /// Of a share: Wilson's.
    Wilson,
    /// Of a mean: Student's.
    StudentT,
}

/// Between which values a number is, with a probability of [`CONFIDENCE`], if requests are independent of each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    /// Infinite where there are too few values.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) method: Method,
}

/// An objective, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) objective: RunObjective,
    /// The number that it is about, if the run has it.
    pub(crate) value: Option<f64>,
    /// None where nothing is known of how sure the number is: then it is judged as it is.
    pub(crate) interval: Option<Interval>,
    pub(crate) state: ObjectiveState,
    /// Why it cannot be told, if so.
    pub(crate) why: Option<String>,
}

impl Judged {
    /// What these results, of the run or of a class, say of an objective.
    pub(crate) fn of(objective: &RunObjective, results: &Results) -> Self {
        let found = results.table.get(&objective.metric);
        let value = found.and_then(|found| statistic(&found, &objective.statistic));
        let interval = found.and_then(|found| interval(objective, &found, results));
        let (state, why) = value.map_or((ObjectiveState::CannotTell, Some("nothing has a value")), |value| {
            judge(objective, value, interval)
        });
        let why = why.map(|why| match needed(objective, interval, results.outcomes, results.good) {
            Some(needed) if state == ObjectiveState::CannotTell => format!("{why}; it needs {needed}"),
            _ => why.to_owned(),
        });
        Self { objective: objective.clone(), value, interval, state, why }
    }

    /// The same of a run that lacks a part of what was asked for: what looks kept may not be.
    pub(crate) fn of_a_part(self) -> Self {
        match self.state {
            ObjectiveState::Kept => Self {
                state: ObjectiveState::CannotTell,
                why: Some("the run is not complete".to_owned()),
                ..self
            },
            ObjectiveState::CannotTell | ObjectiveState::Broken => self,
        }
    }
}

fn judge(
    RunObjective { bound, side, .. }: &RunObjective,
    value: f64,
    interval: Option<Interval>,
) -> (ObjectiveState, Option<&'static str>) {
    // That none may fail is said of this run, and not of what it is a sample of.
    let is = |one: f64, other: f64| one.total_cmp(&other).is_eq();
    let is_of_all = |found: &Interval| {
        let is_end = is(found.low, value) || is(found.high, value);
        found.method == Method::Wilson && is_end && is(value, *bound)
    };
    let ends = match interval.filter(|interval| !is_of_all(interval)) {
        Some(Interval { low, high, .. }) => [low, high],
        None => [value, value],
    };
    match ends.map(|end| side.is_kept(end, *bound)) {
        [true, true] => (ObjectiveState::Kept, None),
        [false, false] => (ObjectiveState::Broken, None),
        _ if ends.iter().any(|end| end.is_infinite()) => {
            (ObjectiveState::CannotTell, Some("there are too few values"))
        }
        _ => (ObjectiveState::CannotTell, Some("the bound is within the interval")),
    }
}

/// How many requests a run has to have at least before it can keep to the objective, where it has fewer.
fn needed(
    RunObjective { metric, statistic, bound, side, .. }: &RunObjective,
    interval: Option<Interval>,
    outcomes: Outcomes,
    good: GoodCounts,
) -> Option<String> {
    match (interval?.method, metric.as_str()) {
        (Method::Wilson, tags::REQUEST_ERROR_RATE) if !side.at_least => {
            let least = wilson_needs(1.0 - bound / 100.0)?;
            let text = format!("{least} requests without a failure");
            (outcomes.completed() < least).then_some(text)
        }
        (Method::Wilson, tags::GOOD_REQUEST_FRACTION) if side.at_least => {
            let least = wilson_needs(*bound)?;
            (good.judged < least).then(|| format!("{least} requests, all of them good"))
        }
        (Method::OrderStatistics, _) => {
            let Interval { low, high, .. } = interval?;
            let least = quantile::least_values(Statistic::of_key(statistic)?)?;
            (low.is_infinite() || high.is_infinite()).then(|| format!("{least} values"))
        }
        _ => None,
    }
}

/// How many of them have to be good, all of them, before Wilson's interval of their share is above this one; none for a share that none is
/// above.
fn wilson_needs(share: f64) -> Option<u64> {
    let least = NORMAL * NORMAL * share / (1.0 - share);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
    let whole = least.floor() as u64 + 1;
    (0.0..1e15).contains(&least).then_some(whole)
}

fn statistic(stats: &Stats, key: &str) -> Option<f64> {
    match stats {
        Stats::Scalar(value) => Some(*value),
        Stats::Distribution(values) => Some(values.statistic(Statistic::of_key(key)?)),
        Stats::OverTime(curve) => Some(curve.statistic(Statistic::of_key(key)?)),
    }
}

fn interval(objective: &RunObjective, stats: &Stats, results: &Results) -> Option<Interval> {
    let outcomes = results.outcomes;
    match (stats, objective.metric.as_str()) {
        (Stats::Scalar(_), tags::REQUEST_ERROR_RATE) => {
            let Interval { low, high, method } = wilson(outcomes.failed, outcomes.completed())?;
            Some(Interval { low: 100.0 * low, high: 100.0 * high, method })
        }
        (Stats::Scalar(_), tags::GOOD_REQUEST_FRACTION) => good_share(results),
        (Stats::Distribution(values), _) => match Statistic::of_key(&objective.statistic)? {
            Statistic::Avg => of_mean(values),
            percentile => {
                let (low, high) = values.interval(percentile)?;
                Some(Interval { low, high, method: Method::OrderStatistics })
            }
        },
        (Stats::Scalar(_) | Stats::OverTime(_), _) => None,
    }
}

/// The interval of the share of good requests; none where nothing is judged.
pub(crate) fn good_share(results: &Results) -> Option<Interval> {
    wilson(results.good.good, results.good.judged)
}

/// Wilson's interval of a share; none of nothing.
///
/// Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
fn wilson(part: u64, all: u64) -> Option<Interval> {
    if all == 0 {
        return None;
    }
    let (n, share) = (all as f64, part as f64 / all as f64);
    let squared = NORMAL * NORMAL;
    let middle = (share + squared / (2.0 * n)) / (1.0 + squared / n);
    let half = NORMAL / (1.0 + squared / n) * (share * (1.0 - share) / n + squared / (4.0 * n * n)).sqrt();
    // Nothing and all have their own ends, but for rounding.
    let low = if part == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if part == all { 1.0 } else { (middle + half).min(1.0) };
    Some(Interval { low, high, method: Method::Wilson })
}

/// Student's interval of a mean; none of a single value, and of values that depend on each other.
fn of_mean(values: &Distribution) -> Option<Interval> {
    values.intervals?;
    let freedom = values.count.checked_sub(1).filter(|freedom| *freedom > 0)?;
    let n = values.count as f64;
    let error = values.std / (n - 1.0).sqrt();
    let half =
        student::two_sided(CONFIDENCE, u32::try_from(freedom).unwrap_or(MOST_FREEDOM).min(MOST_FREEDOM))
            * error;
    Some(Interval { low: values.avg - half, high: values.avg + half, method: Method::StudentT })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::Side;

    fn objective(statistic: &str, bound: f64, at_least: bool) -> RunObjective {
        RunObjective {
            text: "an objective".into(),
            class: None,
            metric: "request_latency".into(),
            statistic: statistic.into(),
            bound,
            side: Side { at_least, is_strict: true },
        }
    }

    /// `statsmodels.stats.proportion.proportion_confint(part, all, method="wilson")`.
    #[rstest]
    #[case(0, 10, 0.0, 0.277_532_799_862_889)]
    #[case(10, 10, 0.722_467_200_137_111, 1.0)]
    #[case(8, 100, 0.041_093_46, 0.149_981_08)]
    fn the_interval_of_a_share_is_wilsons(
        #[case] part: u64,
        #[case] all: u64,
        #[case] low: f64,
        #[case] high: f64,
    ) {
        let found = wilson(part, all).unwrap();
        assert!((found.low - low).abs() < 1e-6 && (found.high - high).abs() < 1e-6, "{found:?}");
    }

    #[rstest]
    #[case::below((1.0, 4.0), 5.0, false, ObjectiveState::Kept)]
    #[case::above((6.0, 9.0), 5.0, false, ObjectiveState::Broken)]
    #[case::across((4.0, 9.0), 5.0, false, ObjectiveState::CannotTell)]
    #[case::open_and_above((6.0, f64::INFINITY), 5.0, false, ObjectiveState::Broken)]
    #[case::open_and_below((1.0, f64::INFINITY), 5.0, false, ObjectiveState::CannotTell)]
    #[case::at_least((6.0, 9.0), 5.0, true, ObjectiveState::Kept)]
    fn the_whole_interval_decides(
        #[case] (low, high): (f64, f64),
        #[case] bound: f64,
        #[case] at_least: bool,
        #[case] expected: ObjectiveState,
    ) {
        let interval = Interval { low, high, method: Method::OrderStatistics };
        assert_eq!(judge(&objective("p99", bound, at_least), low + 0.5, Some(interval)).0, expected);
    }

    #[rstest]
    #[case(0.99, 381)]
    #[case(0.95, 73)]
    fn a_bound_of_a_share_needs_so_many(#[case] share: f64, #[case] least: u64) {
        assert_eq!(wilson_needs(share), Some(least));
        let above = |all: u64| wilson(all, all).unwrap().low > share;
        assert!(above(least) && !above(least - 1));
    }

    #[test]
    fn a_run_that_is_too_small_says_what_it_needs() {
        let error_rate = RunObjective { metric: "request_error_rate".into(), ..objective("avg", 1.0, false) };
        let needs = |succeeded: u64| {
            let outcomes = Outcomes { succeeded, ..Outcomes::default() };
            needed(&error_rate, wilson(0, succeeded), outcomes, GoodCounts::default())
        };
        assert_eq!(needs(50).as_deref(), Some("381 requests without a failure"));
        assert_eq!(needs(381), None);
    }

    #[test]
    fn none_may_fail_is_said_of_the_run() {
        let side = Side { at_least: false, is_strict: false };
        let objective = RunObjective { side, ..objective("avg", 0.0, false) };
        assert_eq!(judge(&objective, 0.0, wilson(0, 5)).0, ObjectiveState::Kept);
        assert_eq!(judge(&objective, 0.2, wilson(1, 5)).0, ObjectiveState::Broken);
    }

    #[test]
    fn a_mean_has_students_interval() {
        let values = Distribution::of(&mut [1.0, 2.0, 3.0, 4.0]).unwrap();
        // `scipy.stats.t.interval(0.95, 3, 2.5, scipy.stats.sem([1, 2, 3, 4]))`.
        let found = of_mean(&values).unwrap();
        assert!(
            (found.low - 0.445_739_74).abs() < 1e-6 && (found.high - 4.554_260_26).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn of_a_part_of_a_run_nothing_is_kept() {
        let kept = Judged {
            objective: objective("p99", 5.0, false),
            value: Some(1.0),
            interval: None,
            state: ObjectiveState::Kept,
            why: None,
        };
        assert_eq!(kept.clone().of_a_part().state, ObjectiveState::CannotTell);
        assert_eq!(
            Judged { state: ObjectiveState::Broken, ..kept }.of_a_part().state,
            ObjectiveState::Broken
        );
    }
}
