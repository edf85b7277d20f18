//! From what is asked for to a plan: every default, and every rule about settings that do or do not go together.
//!
//! [`resolve`] is pure. What the machine has to say (cores, randomness) comes in as [`Environment`], what the API format can
//! do as its manifest entry's metadata; files and servers are not checked here.

use std::path::Path;

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    class::Surroundings,
    classes, content, dialogues, effect,
    environment::Environment,
    error::{ConfigError, ConfigErrors},
    exports,
    goodput::Measurable,
    hooks, load, machines, media,
    objectives::Objectives,
    phases,
    problems::Problems,
    rankings, scenario, services, size,
    spec::RunSpec,
    target, telemetry, together, url,
};
use crate::plan::{Classes, DatasetConfig, Load, MetricFacts, Phase, Plan, Role};

/// Where the folders of runs are made that the user names no folder for.
pub(crate) const ARTIFACTS: &str = "artifacts";

/// More characters of an endpoint's name do not stand in the name of a folder.
const LONGEST_ENDPOINT_NAME: usize = 24;

/// A configuration, and what the user should know about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    /// Complete, except that `--mock` still has to name its address: [`Plan::aim_at`].
    pub(crate) plan: Plan,
    /// Sentences on what is allowed but hardly meant, without a final stop.
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// Sets the address of the target, where it is known only once the server runs.
    pub(crate) fn aim_at(&mut self, url: &str) {
        self.target.urls = vec![url.to_owned()];
        if self.server_metrics.enabled {
            self.server_metrics.urls.insert(0, url::metrics_url(url));
        }
    }
}

/// The endpoint that is meant, as far as its manifest entry and the descriptor of its library say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndpointFacts<'a> {
    /// Its name as the manifest spells it.
    pub(crate) name: &'a str,
    /// What the manifest says of it.
    pub(crate) metadata: &'a EndpointMetadata,
    /// Extra inputs that it takes as options, so that they stand in no body.
    pub(crate) own_inputs: &'a [String],
    /// All metrics there are.
    pub(crate) metrics: &'a [MetricFacts],
}

/// Fills in what is left open and checks all of it together.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn resolve(
    spec: &RunSpec,
    endpoint: EndpointFacts<'_>,
    facts: &Environment,
) -> Result<Resolved, ConfigErrors> {
    let mut problems = Problems::default();
    let Some(scenario) = scenario::scenario(spec, &mut problems) else {
        return resolve_rest(spec, endpoint, facts, problems);
    };
    let mut resolved = resolve_rest(&scenario::filled_in(spec), endpoint, facts, problems)?;
    let departures = scenario.departures.iter();
    let name = &scenario.name;
    resolved
        .warnings
        .extend(departures.map(|text| format!("this is no run of the scenario `{name}`: {text}")));
    resolved.plan.scenario = Some(scenario);
    Ok(resolved)
}

/// The same where a scenario has filled in what is its own. `problems` is what was found so far.
fn resolve_rest(
    spec: &RunSpec,
    endpoint: EndpointFacts<'_>,
    facts: &Environment,
    mut problems: Problems,
) -> Result<Resolved, ConfigErrors> {
    let EndpointFacts { name: endpoint_name, metadata: endpoint, own_inputs, metrics } = endpoint;
    together::check(spec, &mut problems);
    check_endpoint(spec, endpoint, endpoint_name, &mut problems);
    let (mut target, by_proxy) = target::target(spec, facts, endpoint_name, &mut problems);
    if endpoint.keeps_url_path && target.custom_endpoint.is_none() && url::have_paths(&target.urls) {
        target.custom_endpoint = Some(String::new());
    }
    // The mock server is there to be looked at, and most of what there is to see needs a stream.
    target.streaming |= spec.mock.is_given() && endpoint.supports_streaming;
    let phases = phases::phases(spec, &mut problems);
    let measurable = Measurable {
        metrics,
        is_stream: target.streaming,
        counts_output: endpoint.produces_tokens,
        counts_input: endpoint.tokenizes_input,
        is_scheduled: phases.iter().any(|phase| phase.role == Role::Measured && phase.load.is_open()),
        has_trace: spec.export_http_trace.is_given(),
    };
    let around = Surroundings { endpoint, measurable, extra_inputs: &target.extra_inputs };
    let classes = classes::classes(spec, around, &mut problems);
    let Objectives { goodput, price, slo } = Objectives::of(spec, measurable, &classes, &mut problems);
    if target.lacks_model() {
        classes.first_model().unwrap_or_default().clone_into(&mut target.model);
    }
    let dataset = dataset(spec, &phases, endpoint, endpoint_name, &classes, &mut problems);
    problems.note_some(content::added_to_payloads(spec, target.extra_inputs.keys(), own_inputs));
    let sampling = content::sampling(spec, &mut problems);
    let (server_metrics, no_metrics) = target::server_metrics(spec, &target.urls, &mut problems);
    let telemetry = telemetry::telemetry(spec, &mut problems);
    let services = services::services(spec, &mut problems);
    let hooks = hooks::hooks(spec, &phases, &mut problems);
    let exports = exports::exports(spec, &mut problems);
    let agents = machines::agents(spec, &phases, &mut problems);
    problems.finish()?;
    let (workers, workers_warning) = workers(spec, &phases, facts);
    let run = effect::Situation {
        spec,
        endpoint,
        target: &target,
        dataset: &dataset,
        classes: &classes,
        phases: &phases,
    };
    let mut warnings = load::warnings(&phases, !spec.described_phases.is_empty());
    warnings.extend(phases::idle(spec));
    warnings.extend(workers_warning.into_iter().chain(no_metrics).chain(by_proxy));
    warnings.extend(effect::warnings(run));
    warnings.extend(effect::foreign_variables(&facts.aiperf_variables));
    let own_folder = || Path::new(ARTIFACTS).join(default_artifact_name(&target.endpoint_type, &phases));
    let artifact_dir = spec.artifact_dir.get().cloned().unwrap_or_else(own_folder);
    let plan = Plan {
        server_metrics,
        telemetry,
        target,
        dataset,
        tokenizer: content::tokenizer(spec),
        apply_chat_template: spec.apply_chat_template.is_given(),
        phases,
        sampling,
        random_seed: spec.random_seed.value().unwrap_or(facts.seed),
        workers,
        artifact_dir,
        isolate: spec.isolate.list().to_vec(),
        services,
        export_outputs: spec.export_outputs_json.is_given(),
        export_http_trace: spec.export_http_trace.is_given(),
        exports,
        deadline_s: spec.deadline.value(),
        replies: spec.replies.value().unwrap_or_default(),
        cache_bust: dialogues::cache_bust(spec),
        classes,
        goodput,
        slo,
        price,
        hooks,
        scenario: None,
        agents,
        is_recorded: spec.mock_answer.is_given(),
    };
    Ok(Resolved { plan, warnings })
}

/// What the requests say.
fn dataset(
    spec: &RunSpec,
    phases: &[Phase],
    endpoint: &EndpointMetadata,
    name: &str,
    classes: &Classes,
    problems: &mut Problems,
) -> DatasetConfig {
    let dataset = if endpoint.ranks_passages {
        rankings::dataset(spec, phases, name, problems)
    } else {
        for flag in rankings::typed(spec) {
            problems.push(ConfigError::NoPassages { flag, endpoint: name.to_owned() });
        }
        content::dataset(spec, phases, problems)
    };
    problems.note(content::check_takes_payloads(&dataset, endpoint, name));
    dialogues::check_system(spec, endpoint, name, problems);
    dialogues::check_cache_bust(spec, endpoint, name, problems);
    let dataset = content::with_media(dataset, media::media(spec, endpoint, name, problems), endpoint);
    let dataset = classes::with_lengths(dataset, classes);
    problems.note(size::check(&dataset));
    dataset
}

fn check_endpoint(spec: &RunSpec, endpoint: &EndpointMetadata, name: &str, problems: &mut Problems) {
    if let Some(by) = spec.streaming.origin().filter(|_| !endpoint.supports_streaming) {
        problems.push(ConfigError::CannotStream { by, endpoint: name.to_owned() });
    }
    if let Some(flag) = spec.batch_size.origin().filter(|_| content::takes_only_media(endpoint)) {
        problems.push(ConfigError::NoMedia { flag, medium: "texts", endpoint: name.to_owned() });
    }
    let (no_input, no_output) = (!endpoint.tokenizes_input, !endpoint.produces_tokens);
    let lengths = [
        (spec.isl.origin(), no_input, "input"),
        (spec.isl_stddev.origin(), no_input, "input"),
        (spec.osl.origin(), no_output, "output"),
        (spec.osl_stddev.origin(), no_output, "output"),
        (spec.isl_distribution.origin(), no_input, "input"),
        (spec.osl_distribution.origin(), no_output, "output"),
        (spec.seq_dist.origin(), no_input, "input"),
        (spec.seq_dist.origin(), no_output, "output"),
        (spec.tokenizer.origin(), no_input && no_output, "content"),
    ];
    for (flag, is_uncounted, side) in lengths {
        if let Some(flag) = flag.filter(|_| is_uncounted) {
            problems.push(ConfigError::NoTokens { flag, side, endpoint: name.to_owned() });
        }
    }
}

/// So many requests in flight are one worker's share, by itself. A worker with more streams finds more tokens each time that
/// it looks, which costs less a token; a hundred tokens a second of each are a quarter of a core.
const IN_FLIGHT_A_WORKER: usize = 512;

/// As many as the load needs: one core is left to everything beside the load, where there are enough. A worker of a closed
/// loop without a request to keep in flight would have nothing to do.
fn workers(spec: &RunSpec, phases: &[Phase], facts: &Environment) -> (usize, Option<String>) {
    let by_cores = if facts.cores > 2 { facts.cores - 1 } else { facts.cores.max(1) };
    // A phase without a limit may have any number in flight.
    let in_flight = phases.iter().map(|phase| most_in_flight(&phase.load)).max().unwrap_or(usize::MAX);
    let wanted = spec.workers.value().unwrap_or_else(|| by_cores.min(in_flight.div_ceil(IN_FLIGHT_A_WORKER)));
    let is_closed = phases.iter().all(|phase| !phase.load.is_open());
    let useful = if is_closed { in_flight } else { usize::MAX };
    let warning = spec.workers.value().filter(|typed| *typed > useful).map(|typed| {
        format!(
            "{useful} of {typed} workers are started: a closed loop has no work for more than its concurrency"
        )
    });
    (wanted.min(useful), warning)
}

fn most_in_flight(load: &Load) -> usize {
    load.most_in_flight().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
}

/// Name of the folder under `artifacts` when the user names none, but for its date: endpoint and load.
fn default_artifact_name(endpoint_type: &str, phases: &[Phase]) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let endpoint: String = endpoint_type.chars().filter(is_plain).take(LONGEST_ENDPOINT_NAME).collect();
    let mut measured = phases.iter().filter(|phase| phase.role == Role::Measured);
    let load = match measured.clone().count() {
        0 | 1 => measured.next().map(load::stimulus).unwrap_or_default(),
        several => format!("{several}_phases"),
    };
    format!("{endpoint}_{load}")
}

#[cfg(test)]
mod tests;
