//! Objectives as the user types them: metrics of requests with a bound.

use super::near::near;
use crate::{
    explain::Explain,
    plan::{MetricFacts, Objective},
};

/// What other tools call metrics that objectives are about.
const OTHER_NAMES: [(&str, &str); 10] = [
    ("ttft", "time_to_first_token"),
    ("tpot", "inter_token_latency"),
    ("time_per_output_token", "inter_token_latency"),
    ("stream_setup_latency", "time_to_first_byte"),
    ("credit_to_start_latency", "schedule_lateness"),
    ("itl", "inter_token_latency"),
    ("e2e", "request_latency"),
    ("e2el", "request_latency"),
    ("latency", "request_latency"),
    ("error_rate", "request_error_rate"),
];

/// Why a text is no objective of the run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ObjectiveError {
    #[error("`{0}` is not `METRIC:VALUE`")]
    NoPair(String),
    #[error("there is no metric `{tag}`")]
    Unknown {
        tag: String,
        /// What was probably meant.
        near: Option<&'static str>,
    },
    #[error("`{0}` is no single number of a request")]
    OfRuns(&'static str),
    #[error("`{text}` is no value of `{tag}`, which has the unit {unit}")]
    Value { tag: &'static str, text: String, unit: &'static str },
    #[error("`{0}` has two bounds")]
    Twice(&'static str),
    #[error("no request has a `{0}`, since the responses are no streams")]
    NoStream(&'static str),
    #[error("no request has a `{tag}`, since the {side} of the endpoint is not counted in tokens")]
    NoTokens { tag: &'static str, side: &'static str },
    #[error("no request has a `{0}`, since a closed loop has no schedule")]
    NoSchedule(&'static str),
    #[error("no request has a `{0}`, since the steps of requests are not written down")]
    NoTrace(&'static str),
}

impl Explain for ObjectiveError {
    fn hint(&self) -> String {
        match self {
            Self::NoPair(_) => "write it as in `--goodput 'time_to_first_token:300 inter_token_latency:20'`".to_owned(),
            Self::Unknown { near: Some(near), .. } => format!("write `{near}` if that is meant"),
            Self::Unknown { near: None, .. } | Self::OfRuns(_) => {
                "use a metric of requests, such as `time_to_first_token`, `inter_token_latency` or `request_latency`".to_owned()
            }
            Self::Value { tag, unit: "ms", .. } => format!("write `{tag}:300`, `{tag}:300ms` or `{tag}:0.3s`"),
            Self::Value { tag, .. } => format!("write a number, as in `{tag}:5`"),
            Self::Twice(tag) => format!("give `{tag}` once"),
            Self::NoStream(tag) => format!("add `--streaming`, or leave `{tag}` out"),
            Self::NoTokens { tag, .. } => format!("leave `{tag}` out, or use `request_latency`"),
            Self::NoSchedule(tag) => format!("add `--request-rate`, or leave `{tag}` out"),
            Self::NoTrace(tag) => format!("add `--export-http-trace`, or leave `{tag}` out"),
        }
    }
}

/// What decides which metrics requests have.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a condition of its own")]
pub(super) struct Measurable<'a> {
    /// All metrics there are.
    pub(super) metrics: &'a [MetricFacts],
    pub(super) is_stream: bool,
    pub(super) counts_output: bool,
    pub(super) counts_input: bool,
    /// Some measured requests have a schedule.
    pub(super) is_scheduled: bool,
    /// The steps of requests are written down.
    pub(super) has_trace: bool,
}

/// Reads objectives, which are separated by spaces.
///
/// # Errors
/// Some of them are none, or the requests of the run cannot have their metrics: one error for each of these.
pub(super) fn objectives<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    measurable: Measurable<'_>,
) -> Result<Vec<Objective>, Vec<ObjectiveError>> {
    let (mut objectives, mut errors): (Vec<Objective>, Vec<ObjectiveError>) = (Vec::new(), Vec::new());
    for word in texts.into_iter().flat_map(str::split_whitespace) {
        match objective(word, measurable, &objectives) {
            Ok(objective) => objectives.push(objective),
            Err(error) => errors.push(error),
        }
    }
    match (objectives.is_empty(), errors.is_empty()) {
        (true, true) => Err(vec![ObjectiveError::NoPair(String::new())]),
        (_, false) => Err(errors),
        (false, true) => Ok(objectives),
    }
}

/// Reads one of them, which stands behind these.
fn objective(
    word: &str,
    measurable: Measurable<'_>,
    before: &[Objective],
) -> Result<Objective, ObjectiveError> {
    let (tag, value) = word.split_once(':').ok_or_else(|| ObjectiveError::NoPair(word.to_owned()))?;
    let metric = measurable.metric(tag)?;
    if before.iter().any(|known| known.metric == metric.tag) {
        return Err(ObjectiveError::Twice(metric.tag));
    }
    let bound = bound(value, metric.unit).ok_or_else(|| ObjectiveError::Value {
        tag: metric.tag,
        text: value.to_owned(),
        unit: metric.unit,
    })?;
    Ok(Objective { metric: metric.tag.to_owned(), bound, at_least: metric.larger_is_better })
}

impl<'a> Measurable<'a> {
    /// The metric with this tag, which requests of the run can have.
    fn metric(&self, tag: &str) -> Result<&'a MetricFacts, ObjectiveError> {
        let of_requests = || self.metrics.iter().filter(|metric| metric.is_of_requests);
        let Some(metric) = self.metrics.iter().find(|metric| metric.tag == tag) else {
            let near = near(usual_tag(tag), of_requests().map(|metric| metric.tag));
            return Err(ObjectiveError::Unknown { tag: tag.to_owned(), near });
        };
        if !metric.is_of_requests {
            return Err(ObjectiveError::OfRuns(metric.tag));
        }
        self.check(metric).map(|()| metric)
    }

    /// Whether requests of the run can have a metric, or what one is made of.
    ///
    /// # Errors
    /// They cannot.
    pub(super) fn check(&self, metric: &MetricFacts) -> Result<(), ObjectiveError> {
        let tag = metric.tag;
        match metric {
            _ if metric.needs_output_tokens && !self.counts_output => {
                Err(ObjectiveError::NoTokens { tag, side: "output" })
            }
            _ if metric.needs_input_tokens && !self.counts_input => {
                Err(ObjectiveError::NoTokens { tag, side: "input" })
            }
            _ if metric.needs_streaming && !self.is_stream => Err(ObjectiveError::NoStream(tag)),
            _ if metric.needs_schedule && !self.is_scheduled => Err(ObjectiveError::NoSchedule(tag)),
            _ if metric.needs_trace && !self.has_trace => Err(ObjectiveError::NoTrace(tag)),
            _ => Ok(()),
        }
    }
}

/// The tag of a metric that other tools call so; another text as it is.
pub(crate) fn usual_tag(typed: &str) -> &str {
    OTHER_NAMES.iter().find(|(other, _)| typed.eq_ignore_ascii_case(other)).map_or(typed, |(_, ours)| ours)
}

/// A number in this unit, which may stand behind it. Times may have another unit of time.
pub(crate) fn bound(text: &str, unit: &str) -> Option<f64> {
    const SECONDS: [(&str, f64); 4] = [("ms", 1e-3), ("s", 1.0), ("sec", 1.0), ("m", 60.0)];
    let length = |unit: &str| SECONDS.iter().find(|(name, _)| *name == unit).map(|(_, length)| *length);
    let (text, unit) = match unit.strip_prefix('$') {
        // What a price is of says nothing more.
        Some(_) => (without_dollar(text), ""),
        None => (text, unit),
    };
    let end =
        text.find(|c: char| c == '%' || c.is_alphabetic() && c != 'e' && c != 'E').unwrap_or(text.len());
    let (number, typed) = text.split_at(end);
    let number: f64 = number.trim_end().parse().ok()?;
    let bound = match (typed, length(typed), length(unit)) {
        ("", _, _) => number,
        (_, Some(typed), Some(own)) => number * (typed / own),
        ("%", ..) if unit == "ratio" => number / 100.0,
        _ if typed == unit || typed == unit.replace("/sec", "/s") => number,
        _ => return None,
    };
    Some(bound).filter(|bound| bound.is_finite() && *bound >= 0.0)
}

/// A price without its `$`, which stands before it or behind it.
fn without_dollar(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('$').or_else(|| text.strip_suffix('$')).unwrap_or(text).trim()
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0.01", Some(0.01))]
    #[case("$0.01", Some(0.01))]
    #[case("0.01 $", Some(0.01))]
    #[case("$ 1e-5", Some(1e-5))]
    #[case("$0.01$", None)]
    #[case("0.01 s", None)]
    fn a_price_may_have_its_sign(#[case] text: &str, #[case] expected: Option<f64>) {
        assert_eq!(bound(text, "$/request"), expected);
    }

    const METRIC: MetricFacts = MetricFacts {
        tag: "request_latency",
        unit: "ms",
        larger_is_better: false,
        is_of_requests: true,
        needs_streaming: false,
        needs_output_tokens: false,
        needs_input_tokens: false,
        needs_schedule: false,
        needs_replay: false,
        needs_price: false,
        needs_trace: false,
        needs_gpus: false,
        needs_network_latency: false,
        needs_goodput: false,
        statistics: &["avg", "p95", "p99"],
        is_of_classes: true,
        is_never_0: true,
        largest: None,
    };

    const RATE: MetricFacts = MetricFacts { is_of_requests: false, statistics: &[], ..METRIC };

    /// Some metrics of each kind.
    pub(in crate::config) const METRICS: [MetricFacts; 8] = [
        METRIC,
        MetricFacts {
            tag: "time_to_first_token",
            needs_streaming: true,
            needs_output_tokens: true,
            ..METRIC
        },
        MetricFacts {
            tag: "output_sequence_length",
            unit: "tokens",
            larger_is_better: true,
            needs_output_tokens: true,
            ..METRIC
        },
        MetricFacts { tag: "send_delay", needs_schedule: true, is_of_classes: false, ..METRIC },
        MetricFacts { tag: "goodput", unit: "requests/sec", needs_goodput: true, ..RATE },
        MetricFacts { tag: "request_error_rate", unit: "%", is_never_0: false, largest: Some(100.0), ..RATE },
        MetricFacts { tag: "nvidia_average_gpu_power", unit: "W", needs_gpus: true, ..RATE },
        MetricFacts { tag: "network_rtt", unit: "ms", needs_network_latency: true, ..RATE },
    ];

    pub(in crate::config) const ALL: Measurable<'_> = Measurable {
        metrics: &METRICS,
        is_stream: true,
        counts_output: true,
        counts_input: true,
        is_scheduled: true,
        has_trace: false,
    };

    fn objectives_of(text: &str, measurable: Measurable<'_>) -> Result<Vec<String>, String> {
        let words =
            |it: Objective| format!("{} {} {}", it.metric, if it.at_least { ">=" } else { "<=" }, it.bound);
        let texts = |errors: Vec<ObjectiveError>| {
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let read = objectives([text], measurable).map_err(texts)?;
        Ok(read.into_iter().map(words).collect())
    }

    #[rstest]
    #[case::as_aiperf("request_latency:250 time_to_first_token:30", &["request_latency <= 250", "time_to_first_token <= 30"])]
    #[case::own_unit("request_latency:250ms", &["request_latency <= 250"])]
    #[case::seconds("request_latency:1.5s", &["request_latency <= 1500"])]
    #[case::at_least("output_sequence_length:20", &["output_sequence_length >= 20"])]
    #[case::exponent("request_latency:2e3", &["request_latency <= 2000"])]
    fn an_objective_is_a_metric_and_a_bound_in_its_unit(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(objectives_of(text, ALL).unwrap(), expected);
    }

    #[rstest]
    #[case("request_latency", ALL, "`request_latency` is not `METRIC:VALUE`")]
    #[case(" ", ALL, "`` is not `METRIC:VALUE`")]
    #[case("joy:5", ALL, "there is no metric `joy`")]
    #[case("goodput:5", ALL, "`goodput` is no single number of a request")]
    #[case(
        "request_latency:5tokens",
        ALL,
        "`5tokens` is no value of `request_latency`, which has the unit ms"
    )]
    #[case("request_latency:-5", ALL, "`-5` is no value of `request_latency`, which has the unit ms")]
    #[case("request_latency:nan", ALL, "`nan` is no value of `request_latency`, which has the unit ms")]
    #[case(
        "output_sequence_length:5ms",
        ALL,
        "`5ms` is no value of `output_sequence_length`, which has the unit tokens"
    )]
    #[case("request_latency:5 request_latency:6", ALL, "`request_latency` has two bounds")]
    #[case(
        "joy:5 request_latency:5 request_latency:fast",
        ALL,
        "there is no metric `joy`; `request_latency` has two bounds"
    )]
    #[case(
        "time_to_first_token:5",
        Measurable { is_stream: false, ..ALL },
        "no request has a `time_to_first_token`, since the responses are no streams"
    )]
    #[case(
        "output_sequence_length:5",
        Measurable { counts_output: false, ..ALL },
        "no request has a `output_sequence_length`, since the output of the endpoint is not counted in tokens"
    )]
    #[case(
        "send_delay:5",
        Measurable { is_scheduled: false, ..ALL },
        "no request has a `send_delay`, since a closed loop has no schedule"
    )]
    fn what_no_request_can_keep_to_is_refused(
        #[case] text: &str,
        #[case] measurable: Measurable<'_>,
        #[case] expected: &str,
    ) {
        assert_eq!(objectives_of(text, measurable).unwrap_err(), expected);
    }

    #[rstest]
    #[case::slip("request_latancy:5", "request_latency")]
    #[case::of_another_tool("TTFT:5", "time_to_first_token")]
    fn a_metric_that_was_probably_meant_is_named(#[case] text: &str, #[case] meant: &str) {
        let errors = objectives([text], ALL).unwrap_err();
        assert_eq!(errors[0].hint(), format!("write `{meant}` if that is meant"));
    }
}
