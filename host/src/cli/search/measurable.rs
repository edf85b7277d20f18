//! Whether the runs of a search can have the metrics of its objectives. A run would tell, but only at its end.

use super::super::exit::{Exit, Failure};
use crate::{
    experiment::search::Slo,
    metrics::objectives,
    plan::{MetricFacts, Plan, Role},
    plugin::{PluginError, Registry},
};

/// What decides which metrics a run has.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a condition of its own")]
struct RunFacts {
    is_stream: bool,
    counts_output: bool,
    counts_input: bool,
    is_scheduled: bool,
    is_replay: bool,
    has_trace: bool,
    watches_gpus: bool,
    measures_network: bool,
    has_goodput: bool,
}

/// What is missing, and what to do.
type Lacking = (&'static str, &'static str);

/// What is wrong with objectives of runs that have this plan.
///
/// # Errors
/// The endpoint is not known.
pub(super) fn mistakes(slos: &[Slo], plan: &Plan, registry: &Registry) -> Result<Vec<Failure>, PluginError> {
    let endpoint = &registry.endpoint(&plan.target.endpoint_type)?.metadata;
    let run = RunFacts {
        is_stream: plan.target.streaming,
        counts_output: endpoint.produces_tokens,
        counts_input: endpoint.tokenizes_input,
        is_scheduled: plan.phases.iter().any(|phase| phase.role == Role::Measured && phase.load.is_open()),
        is_replay: plan.replay().is_some(),
        has_trace: plan.export_http_trace,
        watches_gpus: plan.telemetry.gpus.is_some(),
        measures_network: plan.telemetry.network_latency.is_some(),
        has_goodput: !plan.goodput.is_empty()
            || plan
                .classes
                .list
                .iter()
                .any(|class| class.goodput.as_ref().is_some_and(|own| !own.is_empty())),
    };
    let metrics = objectives::facts();
    let mistake = |slo: &Slo| {
        let metric = metrics.iter().find(|metric| metric.tag == slo.metric())?;
        let (what, hint) = lacking(metric, run)?;
        let message = format!("`{}`: no request would have its metric, which needs {what}", slo.text);
        Some(Failure::statement(Exit::Usage, message).with_hint(hint))
    };
    Ok(slos.iter().filter_map(mistake).collect())
}

fn lacking(metric: &MetricFacts, run: RunFacts) -> Option<Lacking> {
    let tokens = "use a metric without tokens, such as `request_latency`";
    let needs: [(bool, bool, Lacking); 9] = [
        (metric.needs_output_tokens, run.counts_output, ("output that is counted in tokens", tokens)),
        (metric.needs_input_tokens, run.counts_input, ("input that is counted in tokens", tokens)),
        (metric.needs_streaming, run.is_stream, ("responses that are streams", "add `--streaming`")),
        (
            metric.needs_schedule,
            run.is_scheduled,
            ("a schedule", "use `--over rate`, or a metric that needs none, such as `request_latency`"),
        ),
        (
            metric.needs_replay,
            run.is_replay,
            ("a replay", "use a metric that needs none, such as `request_latency`"),
        ),
        (metric.needs_trace, run.has_trace, ("the steps of requests", "add `--export-http-trace`")),
        (metric.needs_gpus, run.watches_gpus, ("GPUs that are watched", "add `--gpu-telemetry`")),
        (
            metric.needs_network_latency,
            run.measures_network,
            ("the way to the servers", "add `--network-latency`"),
        ),
        (
            metric.needs_goodput,
            run.has_goodput,
            (
                "bounds on single requests",
                "add them, as in `--goodput 'time_to_first_token:300 inter_token_latency:20'`",
            ),
        ),
    ];
    needs.into_iter().find(|(is_needed, is_there, _)| *is_needed && !is_there).map(|(.., lacking)| lacking)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A closed loop of requests whose responses are no streams.
    const RUN: RunFacts = RunFacts {
        is_stream: false,
        counts_output: true,
        counts_input: true,
        is_scheduled: false,
        is_replay: false,
        has_trace: false,
        watches_gpus: false,
        measures_network: false,
        has_goodput: false,
    };

    fn hint(tag: &str, run: RunFacts) -> Option<&'static str> {
        let metrics = objectives::facts();
        lacking(metrics.iter().find(|metric| metric.tag == tag).unwrap(), run).map(|(_, hint)| hint)
    }

    #[rstest]
    #[case("time_to_first_token", "--streaming")]
    #[case("request_service_time", "--over rate")]
    #[case("good_request_fraction", "--goodput")]
    #[case("http_req_total", "--export-http-trace")]
    #[case("nvidia_energy_per_request", "--gpu-telemetry")]
    #[case("network_rtt", "--network-latency")]
    #[case("replay_sched_lag_p99", "needs none")]
    fn what_a_metric_needs_is_missed_before_a_run(#[case] tag: &str, #[case] expected: &str) {
        assert!(hint(tag, RUN).unwrap().contains(expected));
        let all = RunFacts {
            is_stream: true,
            is_scheduled: true,
            is_replay: true,
            has_trace: true,
            watches_gpus: true,
            measures_network: true,
            has_goodput: true,
            ..RUN
        };
        assert_eq!(hint(tag, all), None);
    }

    #[test]
    fn a_metric_that_needs_nothing_is_always_there() {
        assert_eq!(hint("request_latency", RunFacts { counts_output: false, ..RUN }), None);
    }
}
