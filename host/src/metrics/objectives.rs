//! Good requests: those that keep to their objectives.

use super::{
    Metric,
    beside::BesideFact,
    catalogue::{CATALOGUE, Need, PhaseFact, Source},
    request::Request,
    statistic::KEYS,
    tags,
};
use crate::{
    plan::{MetricFacts, Objective},
    record::settings::RunSettings,
};

/// Metrics of the pace of tokens, which a single token has not.
const OF_PACE: [&str; 3] =
    [tags::INTER_TOKEN_LATENCY, tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER, tags::TIME_TO_SECOND_TOKEN];

/// What is measured of each class, where there are several.
pub(super) const OF_CLASSES: [&str; 27] = [
    tags::TIME_TO_FIRST_TOKEN,
    tags::TIME_TO_FIRST_TOKEN_FROM_SCHEDULE,
    tags::REQUEST_LATENCY,
    tags::INTER_TOKEN_LATENCY,
    tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER,
    tags::E2E_OUTPUT_TOKEN_THROUGHPUT,
    tags::OUTPUT_SEQUENCE_LENGTH,
    tags::INPUT_SEQUENCE_LENGTH,
    tags::OUTPUT_TOKEN_THROUGHPUT,
    tags::INPUT_TOKEN_THROUGHPUT,
    tags::REQUEST_THROUGHPUT,
    tags::REQUEST_COUNT,
    tags::ERROR_REQUEST_COUNT,
    tags::CANCELLED_REQUEST_COUNT,
    tags::REQUEST_ERROR_RATE,
    tags::GOOD_REQUEST_COUNT,
    tags::GOODPUT,
    tags::GOOD_REQUEST_FRACTION,
    tags::SESSION_COUNT,
    tags::COMPLETE_SESSION_COUNT,
    tags::SESSION_DURATION,
    tags::SPEC_DECODE_ACCEPTANCE_LENGTH,
    tags::SPEC_DECODE_DRAFT_ACCEPTANCE_RATE,
    tags::SPEC_DECODE_STEPS,
    tags::SPEC_DECODE_DRAFT_TOKENS,
    tags::SPEC_DECODE_ACCEPTED_DRAFT_TOKENS,
    tags::SPEC_DECODE_OVERALL_DRAFT_ACCEPTANCE_RATE,
];

/// The objectives of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Objectives {
    of_run: Judge,
    /// By the number of the class; none for a class that has those of the run.
    of_classes: Vec<Option<Judge>>,
}

/// What a good request keeps to, all of it.
#[derive(Clone, Debug, Default)]
struct Judge(Vec<Bound>);

#[derive(Clone, Copy, Debug)]
struct Bound {
    metric: &'static Metric,
    measure: fn(&Request<'_>) -> Option<f64>,
    limit: f64,
    at_least: bool,
}

impl Objectives {
    /// Those of a run with these settings. Where one is about a metric that this version does not know, nothing is judged by it
    /// and the others beside it: what is left would be another objective.
    pub(super) fn of(settings: &RunSettings) -> Self {
        let of_class = |goodput: &Option<Vec<Objective>>| goodput.as_deref().map(Judge::of);
        Self {
            of_run: Judge::of(&settings.goodput),
            of_classes: settings.classes.list.iter().map(|class| of_class(&class.goodput)).collect(),
        }
    }

    /// Whether a request is a good one. One that has not succeeded is none. Nothing is said where there are no objectives, and of
    /// requests that were not to succeed: those that were cancelled on purpose, and conversations that became too long.
    pub(super) fn is_good(&self, request: &Request<'_>) -> Option<bool> {
        let of_class = self.of_classes.get(request.record.class as usize).and_then(Option::as_ref);
        let Judge(bounds) = of_class.unwrap_or(&self.of_run);
        let outcome = &request.record.outcome;
        let is_judged = !bounds.is_empty() && !outcome.is_cancelled_on_purpose() && !outcome.is_overflow();
        is_judged.then(|| outcome.is_ok() && bounds.iter().all(|bound| bound.is_kept(request)))
    }
}

impl Judge {
    fn of(objectives: &[Objective]) -> Self {
        Self(objectives.iter().map(Bound::of).collect::<Option<_>>().unwrap_or_default())
    }
}

impl Bound {
    fn of(objective: &Objective) -> Option<Self> {
        let metric = CATALOGUE.iter().find(|metric| metric.tag == objective.metric)?;
        let Source::Request(measure) = metric.source else { return None };
        Some(Self { metric, measure, limit: objective.bound, at_least: objective.at_least })
    }

    fn is_kept(&self, request: &Request<'_>) -> bool {
        // A difference is as bad below what was wanted as above it.
        match (self.measure)(request).map(f64::abs) {
            Some(value) if self.at_least => value >= self.limit,
            Some(value) => value <= self.limit,
            // As for vLLM's benchmark. What has no value for another reason has not shown that it is good, as for AIPerf.
            None => {
                OF_PACE.contains(&self.metric.tag)
                    && request.output_tokens().is_some_and(|(tokens, _)| tokens <= 1)
            }
        }
    }
}

/// What objectives have to know of each metric.
pub(crate) fn facts() -> Vec<MetricFacts> {
    let fact = |metric: &'static Metric| MetricFacts {
        tag: metric.tag,
        unit: metric.unit,
        larger_is_better: metric.larger_is_better,
        is_of_requests: matches!(metric.source, Source::Request(_)),
        needs_streaming: metric.needs.contains(&Need::Streaming),
        needs_output_tokens: metric.needs.contains(&Need::OutputTokens),
        needs_input_tokens: metric.needs.contains(&Need::InputTokens),
        needs_schedule: metric.needs.contains(&Need::OpenLoop),
        needs_replay: metric.needs.contains(&Need::Replay),
        needs_price: metric.needs.contains(&Need::Price),
        needs_trace: metric.needs.contains(&Need::Trace),
        needs_gpus: metric.needs.contains(&Need::Gpus),
        needs_network_latency: metric.needs.contains(&Need::NetworkLatency),
        needs_goodput: matches!(
            metric.source,
            Source::Phase(
                PhaseFact::Good | PhaseFact::Goodput | PhaseFact::GoodShare | PhaseFact::PriceOfGood
            ) | Source::Beside(BesideFact::GoodputOfWatt)
        ),
        statistics: if metric.has_many_values() { &KEYS } else { &[] },
        is_of_classes: OF_CLASSES.contains(&metric.tag),
        is_never_0: metric.is_time_of_requests(),
        largest: metric.largest(),
    };
    CATALOGUE.iter().map(fact).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        metrics::{
            request::{LatencyOrigin, TokenCounting},
            sample,
        },
        plan::{Class, Classes},
        record::Record,
    };

    fn objective(metric: &str, bound: f64, at_least: bool) -> Objective {
        Objective { metric: metric.into(), bound, at_least }
    }

    fn judged(objectives: &Objectives, record: &Record) -> Option<bool> {
        let (origin, counting) = (LatencyOrigin::Sent, TokenCounting::PreferServer);
        objectives.is_good(&Request { record, origin, counting })
    }

    fn of_run(goodput: Vec<Objective>) -> Objectives {
        Objectives::of(&RunSettings { goodput, ..RunSettings::default() })
    }

    /// The first token of `a` comes after 50 ms, and all is over after 100.
    #[rstest]
    #[case::none(vec![], None)]
    #[case::kept(vec![objective("time_to_first_token", 51.0, false)], Some(true))]
    #[case::at_the_bound(vec![objective("time_to_first_token", 50.0, false)], Some(true))]
    #[case::late(vec![objective("time_to_first_token", 49.0, false)], Some(false))]
    #[case::one_of_two(vec![objective("time_to_first_token", 51.0, false), objective("request_latency", 99.0, false)], Some(false))]
    #[case::at_least(vec![objective("output_sequence_length", 4.0, true)], Some(true))]
    #[case::too_few(vec![objective("output_sequence_length", 5.0, true)], Some(false))]
    #[case::without_a_value(vec![objective("num_images", 5.0, false)], Some(false))]
    #[case::of_a_newer_version(vec![objective("time_to_first_token", 51.0, false), objective("joy", 1.0, true)], None)]
    fn a_good_request_keeps_to_all_objectives(
        #[case] goodput: Vec<Objective>,
        #[case] expected: Option<bool>,
    ) {
        assert_eq!(judged(&of_run(goodput), &sample::a()), expected);
    }

    #[rstest]
    #[case::shorter_by_half(8, 10.0, false)]
    #[case::longer_by_a_third(3, 10.0, false)]
    #[case::shorter_by_less(8, 51.0, true)]
    fn a_difference_is_judged_by_its_size(
        #[case] requested: u64,
        #[case] bound: f64,
        #[case] expected: bool,
    ) {
        let objectives = of_run(vec![objective("osl_mismatch_diff_pct", bound, false)]);
        let record = Record { requested_output_tokens: Some(requested), ..sample::a() };
        assert_eq!(judged(&objectives, &record), Some(expected));
    }

    #[test]
    fn a_single_token_has_no_pace_to_keep() {
        let objectives = of_run(vec![objective("inter_token_latency", 1.0, false)]);
        let mut record = sample::a();
        assert_eq!(judged(&objectives, &record), Some(false));
        record.usage = None;
        record.counted.output = Some(1);
        record.chunk_gaps_ns.clear();
        record.instants.last_token = record.instants.first_token;
        assert_eq!(judged(&objectives, &record), Some(true));
    }

    #[test]
    fn a_class_may_have_objectives_of_its_own() {
        let own =
            Class { goodput: Some(vec![objective("request_latency", 10.0, false)]), ..Class::default() };
        let classes = Classes { list: vec![Class::default(), own], ..Classes::default() };
        let goodput = vec![objective("request_latency", 1000.0, false)];
        let objectives = Objectives::of(&RunSettings { classes, goodput, ..RunSettings::default() });
        let of_class = |class| judged(&objectives, &Record { class, ..sample::a() });
        assert_eq!((of_class(0), of_class(1)), (Some(true), Some(false)));
    }
}
