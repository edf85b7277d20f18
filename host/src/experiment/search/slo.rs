//! Objectives of a phase: a bound on a statistic of a metric, as the user types it.

use serde_json::Value;

use super::curve::FAR;
use crate::{
    config::{goodput, slo},
    experiment::{
        best::Key,
        measured::Measured,
        number::{self, NumberError},
    },
    explain::Explain,
    metrics::{Metric, Statistic, catalogue::CATALOGUE, samples},
    plan::Side,
};

/// The excess of a value that is equal to a bound and does not keep to it.
const JUST_OVER: f64 = f64::EPSILON;

/// A bound on a statistic of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slo {
    /// As it was typed.
    pub(crate) text: String,
    key: Key,
    /// In the metric's unit.
    bound: f64,
    side: Side,
    /// The largest value that there can be, where it is a part of a whole.
    largest: Option<f64>,
}

/// Why a text is no such bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SloError {
    #[error("`{0}` is no bound on a metric")]
    Form(String),
    #[error(transparent)]
    Number(#[from] NumberError),
    #[error("`{tag}` is no objective for a highest load: more load gives more of it")]
    Rises { tag: &'static str },
    #[error("`{text}` is no objective for a highest load: more load does not break it")]
    Unharmed { text: String },
    #[error("`{text}` is no objective: no run can keep to it")]
    NeverKept { text: String },
    #[error("`{text}` is no objective: every run keeps to it")]
    AlwaysKept { text: String },
    #[error("`{text}` is no value of `{tag}`, which has the unit {unit}")]
    Value { tag: &'static str, text: String, unit: &'static str },
}

impl Explain for SloError {
    fn hint(&self) -> String {
        match self {
            Self::Form(_) => {
                "write it as in `--slo 'time_to_first_token p99 < 500ms'` or `--slo 'error_rate < 1%'`"
                    .to_owned()
            }
            Self::Number(error) => error.hint(),
            Self::Rises { .. } | Self::Unharmed { .. } => "bound what suffers from load, as in `--slo 'time_to_first_token p99 < 500ms'` or `--slo 'output_token_throughput_per_user p50 > 20'`".to_owned(),
            Self::NeverKept { .. } | Self::AlwaysKept { .. } => {
                "write a bound that a run may keep to and may break".to_owned()
            }
            Self::Value { unit: "ms", .. } => "write 500, `500ms` or `0.5s`".to_owned(),
            Self::Value { .. } => "write a number, with its unit or without".to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        true
    }
}

impl Slo {
    /// Reads a bound.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(text: &str) -> Result<Self, SloError> {
        let typed = slo::typed(text).ok_or_else(|| SloError::Form(text.to_owned()))?;
        let (metric, side) = (number::metric(&typed.metric)?, typed.side);
        check_is_harmed(metric, side, text)?;
        let statistic = number::statistic_of(metric, &typed.statistic)?;
        let bound = goodput::bound(&typed.value, metric.unit).ok_or(SloError::Value {
            tag: metric.tag,
            text: typed.value,
            unit: metric.unit,
        })?;
        check_can_be_either(metric, side, bound, text)?;
        let key = Key::known(metric.tag, statistic);
        Ok(Self { text: text.trim().to_owned(), key, bound, side, largest: metric.largest() })
    }

    /// How many requests its percentile needs, if it is one.
    pub(super) fn least_samples(&self) -> Option<i32> {
        Statistic::of_key(&self.key.statistic)?.quantile().map(samples::least)
    }

    /// What a reader of JSON finds beside its text.
    pub(super) fn in_json(&self) -> Value {
        let Side { at_least, is_strict } = self.side;
        serde_json::json!({ "bound": self.bound, "at_least": at_least, "is_strict": is_strict })
    }

    /// In the metric's unit.
    pub(super) fn bound(&self) -> f64 {
        self.bound
    }

    /// The number that it is about, as files name it: `request_latency_p99`.
    pub(super) fn number(&self) -> String {
        self.key.joined()
    }

    /// The unit of that number.
    pub(super) fn unit(&self) -> &'static str {
        CATALOGUE.iter().find(|metric| metric.tag == self.key.metric).map_or("", |metric| metric.unit)
    }

    /// The metric's tag.
    pub(crate) fn metric(&self) -> &str {
        &self.key.metric
    }

    /// The number of a run that it is about, if the run has it.
    pub(crate) fn value(&self, measured: &Measured) -> Option<f64> {
        measured.get(&self.key)
    }

    /// The logarithm of a value over its bound, or of the bound over the value where more is asked for: above 0 it is broken. Of a part
    /// of a whole that is to be large, it is that of what the part lacks: 99 % and 98 % are as far apart as 1 % and 2 %.
    pub(super) fn excess(&self, value: f64) -> f64 {
        let ratio = match (self.side.at_least, self.largest) {
            (true, Some(largest)) => (largest - value) / (largest - self.bound),
            (true, None) => self.bound / value,
            (false, _) => value / self.bound,
        };
        match (ratio.ln(), self.side.is_kept(value, self.bound)) {
            (excess, true) if excess.is_finite() => excess.min(0.0),
            (excess, false) if excess.is_finite() => excess.max(JUST_OVER),
            // One of the two is 0 or below it, and no part of the other.
            (_, true) => -FAR,
            (_, false) => FAR,
        }
    }
}

/// More load has to be able to break an objective.
fn check_is_harmed(metric: &'static Metric, side: Side, text: &str) -> Result<(), SloError> {
    let text = || text.trim().to_owned();
    match side.at_least {
        true if metric.shrinks_with_load() => Ok(()),
        false if metric.grows_with_load() => Ok(()),
        true if metric.is_amount() || metric.grows_with_load() => Err(SloError::Rises { tag: metric.tag }),
        _ => Err(SloError::Unharmed { text: text() }),
    }
}

/// There have to be values on both sides of a bound. Values are 0 or above; times and rates of requests are above.
fn check_can_be_either(metric: &Metric, side: Side, bound: f64, text: &str) -> Result<(), SloError> {
    let is_never_0 = metric.is_time_of_requests() || (side.at_least && metric.largest().is_none());
    let (least, largest) =
        (if is_never_0 { f64::MIN_POSITIVE } else { 0.0 }, metric.largest().unwrap_or(f64::MAX));
    let kept = [least, largest].map(|value| side.is_kept(value, bound));
    let text = || text.trim().to_owned();
    match kept {
        [true, true] => Err(SloError::AlwaysKept { text: text() }),
        [false, false] => Err(SloError::NeverKept { text: text() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("time_to_first_token p99 < 500ms", "time_to_first_token_p99", 500.0, false)]
    #[case("ttft.p99.9<=0.5s", "time_to_first_token_p99.9", 500.0, false)]
    #[case("error_rate < 1%", "request_error_rate_avg", 1.0, false)]
    #[case("good_request_fraction >= 95%", "good_request_fraction_avg", 0.95, true)]
    #[case("request_latency P50 < 1m", "request_latency_p50", 60_000.0, false)]
    #[case(
        "output_token_throughput_per_user p50 > 20 tokens/s/user",
        "output_token_throughput_per_user_p50",
        20.0,
        true
    )]
    #[case("time_to_first_token:p95:le:200", "time_to_first_token_p95", 200.0, false)]
    fn a_bound_is_read(#[case] text: &str, #[case] key: &str, #[case] bound: f64, #[case] at_least: bool) {
        let slo = Slo::read(text).unwrap();
        assert_eq!((slo.key.joined().as_str(), slo.bound, slo.side.at_least), (key, bound, at_least));
    }

    #[rstest]
    #[case("time_to_first_token p99", "is no bound")]
    #[case("ttfx p99 < 5", "there is no metric `ttfx`")]
    #[case("request_latency < 5", "the statistic is missing")]
    #[case("request_latency p98 < 5", "has no statistic `p98`")]
    #[case("request_error_rate p99 < 5", "has no statistic `p99`")]
    #[case("request_throughput > 20", "more load gives more of it")]
    #[case("request_latency p99 < fast", "`fast` is no value")]
    #[case::more_of_what_is_bad("request_latency p99 > 5ms", "more load gives more of it")]
    #[case::an_amount("request_count < 5", "more load does not break it")]
    #[case::the_length_of_a_run("benchmark_duration < 5", "more load does not break it")]
    #[case::the_length_of_answers("output_sequence_length avg < 5", "more load does not break it")]
    #[case::more_of_a_length("output_sequence_length avg > 5", "more load does not break it")]
    #[case::no_time_at_all("request_latency p99 <= 0", "no run can keep to it")]
    #[case::fewer_than_none("error_rate < 0%", "no run can keep to it")]
    #[case::more_than_all_may_fail("error_rate < 150%", "every run keeps to it")]
    #[case::all_may_fail("error_rate <= 100%", "every run keeps to it")]
    #[case::better_than_all("good_request_fraction > 100%", "no run can keep to it")]
    #[case::nothing_is_asked("good_request_fraction >= 0", "every run keeps to it")]
    #[case::a_rate_above_0("output_token_throughput_per_user p50 > 0", "every run keeps to it")]
    fn what_is_no_bound_is_refused(#[case] text: &str, #[case] expected: &str) {
        let error = Slo::read(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.hint().is_empty());
    }

    #[rstest]
    #[case::twice_as_much("request_latency p99 < 200", 400.0, 2.0)]
    #[case::half_of_it("request_latency p99 < 200", 100.0, 0.5)]
    #[case::half_of_what_is_asked_for("output_token_throughput_per_user p50 > 20", 10.0, 2.0)]
    #[case::two_percent_lacking("good_request_fraction >= 99%", 0.98, 2.0)]
    #[case::what_is_no_part_of_a_whole("rtfx p50 > 20", 10.0, 2.0)]
    fn an_excess_is_in_proportion_to_the_bound(#[case] text: &str, #[case] value: f64, #[case] times: f64) {
        let excess = Slo::read(text).unwrap().excess(value);
        assert!((excess - times.ln()).abs() < 1e-9, "{excess}");
    }

    #[rstest]
    #[case::nothing_failed("error_rate < 1%", 0.0, -FAR)]
    #[case::nothing_may_fail("error_rate <= 0", 0.0, -FAR)]
    #[case::something_failed("error_rate <= 0", 0.1, FAR)]
    #[case::nothing_is_lacking("good_request_fraction >= 95%", 1.0, -FAR)]
    fn what_is_no_proportion_is_far_on_its_side(
        #[case] text: &str,
        #[case] value: f64,
        #[case] expected: f64,
    ) {
        assert_eq!(Slo::read(text).unwrap().excess(value).to_bits(), expected.to_bits());
    }

    #[rstest]
    #[case("request_latency p99 < 200", 200.0, false)]
    #[case("request_latency p99 <= 200", 200.0, true)]
    #[case("output_token_throughput_per_user p50 > 20", 20.0, false)]
    #[case("output_token_throughput_per_user p50 >= 20", 20.0, true)]
    #[case("good_request_fraction > 95%", 0.95, false)]
    #[case("error_rate < 100%", 100.0, false)]
    fn a_value_that_is_the_bound_is_judged_by_the_sign(
        #[case] text: &str,
        #[case] value: f64,
        #[case] is_kept: bool,
    ) {
        assert_eq!(Slo::read(text).unwrap().excess(value) <= 0.0, is_kept);
    }
}
