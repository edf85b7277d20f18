//! What is to be known about a metric beside its definition: how its values are made, what has no part in them, and in which
//! way they are known to mislead.

use super::{
    beside::BesideFact,
    metric::{Metric, Need, PhaseFact, Source},
    units,
};

/// Requests that have no part in a metric of requests.
const NO_PART: &str = "requests of warm-ups, requests that failed, and requests that the tool ended";

/// Ways in which numbers are right and mislead all the same, each with the metrics that it is about.
const BIASES: &[(&[&str], &str)] = &[
    (
        &["time_to_first_token", "time_to_first_output_token", "time_to_first_byte"],
        "The way through the network and the server's queue are part of it. A proxy that collects what it passes on makes it \
         longer, and the gaps behind it shorter.",
    ),
    (
        &["time_to_first_token_from_schedule", "request_latency", "request_service_time"],
        "In a closed loop a slow server is sent less: it then looks better than to users, who do not wait for each other. With a \
         rate, `request_latency` counts from the schedule and has no such gap.",
    ),
    (
        &["inter_token_latency", "output_token_throughput_per_user"],
        "It is a mean over a response: one long pause hides in many short gaps. `inter_chunk_latency` shows the pauses.",
    ),
    (
        &["inter_chunk_latency"],
        "A gap is one between reads, and a read may bring several tokens; `tokens_per_read` says how many. Percentiles have three \
         significant digits.",
    ),
    (
        &["time_to_second_token"],
        "Where a read brings several tokens, the second token has come with the first one, and this is the gap to the next read.",
    ),
    (
        &["prefill_throughput_per_user"],
        "Time in the server's queue and a prompt that was in its cache both count, so that it is no speed of the model.",
    ),
    (
        &["output_sequence_length", "output_token_count", "total_osl", "total_output_tokens"],
        "Where the server reports no usage, tokens are those of the run's tokenizer, and the model may have another one.",
    ),
    (
        &["input_sequence_length", "total_isl", "input_token_throughput", "total_token_throughput"],
        "It counts texts, and not the words of the server's chat template around them, unless `--apply-chat-template` is given.",
    ),
    (
        &["request_throughput", "output_token_throughput", "goodput", "session_throughput"],
        "The time until the load has risen and until the last responses have come is part of the window: a short run shows less \
         than a long one.",
    ),
    (
        &["session_duration", "session_requests", "session_time_in_model", "session_time_between_requests"],
        "Sessions that failed have no part: where long ones fail more often, those that are left are the short ones.",
    ),
    (
        &["connection_time"],
        "Kept connections have no part, so that with `--connection-reuse-strategy pooled` it is about few requests, most of them \
         from the beginning.",
    ),
];

impl Metric {
    /// How its values are made, in words and with the formula where there is one.
    pub(crate) fn values(&self) -> String {
        match self.source {
            Source::Request(_) => "one for each successful request that has it".to_owned(),
            Source::Failure(_) => "one for each failed request that has it".to_owned(),
            Source::Gaps => "one for each gap between two reads of a successful response".to_owned(),
            Source::Count(_) => "one number: the successful requests of which it is true".to_owned(),
            Source::Sum(tag) => format!("one number: sum({tag})"),
            Source::Rate(tags) => {
                let sums: Vec<String> = tags.iter().map(|tag| format!("sum({tag})")).collect();
                let sums = sums.join(" + ");
                let sums = if tags.len() > 1 { format!("({sums})") } else { sums };
                format!("one number: {sums} / benchmark_duration")
            }
            Source::Share(part, whole) => format!("one number: 100 * sum({part}) / sum({whole})"),
            Source::Ratio(part, whole) => format!("one number: sum({part}) / sum({whole})"),
            Source::OneAndRatio(part, whole) => format!("one number: 1 + sum({part}) / sum({whole})"),
            Source::AboveLeast(tag, percentile) => {
                format!("one number: {}({tag}) - min({tag})", percentile.key())
            }
            Source::Above(tag, limit) => format!("one number: 1 where {tag} > {limit}, else 0"),
            Source::Session(_) => {
                "one for each session of several requests, all of which succeeded".to_owned()
            }
            Source::OverTime(_) => "one at each moment, which counts as long as it lasts".to_owned(),
            Source::Phase(_) | Source::Beside(_) => "one number of the measured phases together".to_owned(),
        }
    }

    /// There are statistics over its values.
    pub(crate) fn has_many_values(&self) -> bool {
        matches!(
            self.source,
            Source::Request(_) | Source::Failure(_) | Source::Gaps | Source::Session(_) | Source::OverTime(_)
        )
    }

    /// Its values are those of moments, and have neither a number nor a sum.
    pub(crate) fn is_over_time(&self) -> bool {
        matches!(self.source, Source::OverTime(_))
    }

    /// It is an amount of work, in all or a second: of more load there is more.
    pub(crate) fn is_amount(&self) -> bool {
        match self.source {
            Source::Sum(_) | Source::Rate(_) | Source::Count(_) => true,
            Source::Phase(fact) => !matches!(
                fact,
                PhaseFact::ErrorRate
                    | PhaseFact::GoodShare
                    | PhaseFact::PriceOfRequest
                    | PhaseFact::PriceOfGood
                    | PhaseFact::PriceOfOutput
                    | PhaseFact::PriceOfTokens
            ),
            Source::Beside(fact) => fact.is_amount(),
            // What is going on at a moment grows with the load, but for what each user has of it.
            Source::OverTime(_) => !self.unit.ends_with("/user"),
            Source::Request(_)
            | Source::Failure(_)
            | Source::Gaps
            | Source::Share(..)
            | Source::Ratio(..)
            | Source::OneAndRatio(..)
            | Source::AboveLeast(..)
            | Source::Above(..)
            | Source::Session(_) => false,
        }
    }

    /// It is a time that requests take, and is never 0.
    pub(crate) fn is_time_of_requests(&self) -> bool {
        self.unit.starts_with("ms")
    }

    /// More load can make it larger: the times of requests, and failures.
    pub(crate) fn grows_with_load(&self) -> bool {
        let is_failure = matches!(
            self.source,
            Source::Phase(PhaseFact::Failed | PhaseFact::Cancelled | PhaseFact::ErrorRate)
        );
        is_failure || self.is_time_of_requests()
    }

    /// More load can make it smaller: what one request is given a second, and parts of a whole that come out well.
    pub(crate) fn shrinks_with_load(&self) -> bool {
        let is_rate_or_part = match self.source {
            Source::Request(_) => {
                self.unit.contains("/sec") || [units::RATIO, units::PERCENT].contains(&self.unit)
            }
            Source::Share(..) | Source::Phase(PhaseFact::GoodShare) => true,
            _ => false,
        };
        self.larger_is_better && is_rate_or_part
    }

    /// The largest value that there can be, where it is a part of a whole.
    pub(crate) fn largest(&self) -> Option<f64> {
        match self.source {
            Source::Phase(PhaseFact::GoodShare) => Some(1.0),
            Source::Phase(PhaseFact::ErrorRate) | Source::Share(..) => Some(100.0),
            Source::Request(_) if self.unit == units::PERCENT && self.larger_is_better => Some(100.0),
            _ => None,
        }
    }

    /// What must hold for it to be there, each in words.
    pub(crate) fn conditions(&self) -> Vec<&'static str> {
        let words = |need: &Need| match need {
            Need::Streaming => "responses that are streams",
            Need::OutputTokens => "output that is counted in tokens",
            Need::InputTokens => "input that is counted in tokens",
            Need::OpenLoop => "a schedule: a rate, users or a replay",
            Need::Replay => "a replay at recorded instants (`--fixed-schedule`)",
            Need::Price => "`--price`",
            Need::Trace => "`--export-http-trace`",
            Need::Gpus => "`--gpu-telemetry`",
            Need::NetworkLatency => "`--network-latency`",
        };
        self.needs.iter().map(words).collect()
    }

    /// What has no part in it.
    pub(crate) fn excluded(&self) -> &'static str {
        match self.source {
            Source::Phase(
                PhaseFact::Failed | PhaseFact::Completed | PhaseFact::ErrorRate | PhaseFact::GoodShare,
            ) => "requests of warm-ups, and requests that were cancelled on purpose",
            Source::Phase(
                PhaseFact::Cancelled | PhaseFact::Window | PhaseFact::Sessions | PhaseFact::CompleteSessions,
            ) => "requests of warm-ups",
            Source::Session(_) => {
                "sessions of warm-ups, and sessions with a request that failed or was ended"
            }
            Source::Failure(_) => "requests of warm-ups, those that succeeded, and those that the tool ended",
            Source::OverTime(_) => {
                "requests of warm-ups, and time outside of `benchmark_duration`; tokens of requests that did not succeed"
            }
            Source::Beside(BesideFact::RoundTrip) => "probes that failed",
            Source::Beside(_) => {
                "time outside of `benchmark_duration`, and tokens of requests that did not succeed"
            }
            _ => NO_PART,
        }
    }

    /// In which way it is known to mislead, if it is.
    pub(crate) fn bias(&self) -> Option<&'static str> {
        BIASES.iter().find(|(tags, _)| tags.contains(&self.tag)).map(|(_, bias)| *bias)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use crate::metrics::catalogue::CATALOGUE;

    fn metric(tag: &str) -> &'static Metric {
        CATALOGUE.iter().find(|metric| metric.tag == tag).unwrap()
    }

    #[test]
    fn every_bias_is_of_metrics_that_there_are_and_each_has_one() {
        let tags: Vec<&str> = BIASES.iter().flat_map(|(tags, _)| tags.iter().copied()).collect();
        assert!(tags.iter().all(|tag| CATALOGUE.iter().any(|metric| metric.tag == *tag)), "{tags:?}");
        assert_eq!(tags.iter().collect::<BTreeSet<_>>().len(), tags.len());
    }

    #[rstest]
    #[case("time_to_first_token", "one for each successful request that has it")]
    #[case("total_osl", "one number: sum(output_sequence_length)")]
    #[case("output_token_throughput", "one number: sum(output_sequence_length) / benchmark_duration")]
    #[case(
        "total_token_throughput",
        "one number: (sum(input_sequence_length) + sum(output_sequence_length)) / benchmark_duration"
    )]
    fn the_formula_follows_from_the_catalogue(#[case] tag: &str, #[case] expected: &str) {
        assert_eq!(metric(tag).values(), expected);
    }
}
