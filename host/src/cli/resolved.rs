//! From settings to a plan: the plugins that they allow, the files that their names mean, and everything that is wrong with them.

use std::sync::Arc;

use rand::{TryRng, rngs::SysRng};

use super::{
    dry_run,
    exit::{Exit, Failure},
    names::{self, Located},
    refusal,
    settings::{Asked, flags_of},
    terminal,
};
use crate::{
    calibrate::{self, Calibration},
    config::{
        environment::Environment,
        error::ConfigErrors,
        flags::{PluginFlags, ProfileFlags},
        keys::API_KEY_VARIABLE,
        proxy::ProxyEnvironment,
        redact,
        resolve::{EndpointFacts, Resolved, resolve},
        spec::RunSpec,
    },
    metrics::objectives,
    plan::Plan,
    plugin::{self, Category, DiscoveryOptions, LockChoice, OptionSchema, Registry},
    run::models,
};

/// The API format when the user names none.
pub(super) const DEFAULT_ENDPOINT: &str = "chat";

/// The plugins that the settings allow.
pub(super) fn discover(flags: &ProfileFlags) -> Result<Arc<Registry>, Failure> {
    let PluginFlags { manifests, plugin_policy, locked, lock } = &flags.plugins;
    let discovery = DiscoveryOptions::from_env(manifests.clone()).with_policy(*plugin_policy);
    // The environment has said its word among the settings.
    let discovery = discovery.with_lock(LockChoice::of(*locked, lock.as_deref()));
    let registry = Arc::new(Registry::discover(&discovery)?);
    for problem in registry.problems() {
        let what = if problem.is_one_entry() { "an entry" } else { "a plugin package" };
        terminal::warn(&format!("{what} was skipped: failed to {}", plugin::chain(problem)));
    }
    Ok(registry)
}

/// Whether settings make a run, as far as that is known without asking a server.
///
/// # Errors
/// They do not.
pub(super) fn check(asked: &Asked, registry: &Registry) -> Result<(), Failure> {
    resolved(asked, &asked.flags, registry).map(drop)
}

/// Turns settings into a plan; a server is asked for its model where none is named.
///
/// # Errors
/// Those of [`resolved`]; or the server does not say which model it has.
pub(super) fn with_model(asked: &Asked, registry: &Registry) -> Result<Resolved, Failure> {
    let flags = &asked.flags;
    let mut resolved = resolved(asked, flags, registry)?;
    // Before anything is asked of a server, or said.
    redact::learn(redact::of_config(&resolved.plan));
    redact::learn(redact::of_environment());
    if resolved.plan.target.lacks_model() && flags.dry_run.is_some() {
        return Err(dry_run::needs_a_model());
    }
    if resolved.plan.target.lacks_model() {
        let model = models::the_only_one(&resolved.plan)?;
        let flags = ProfileFlags { model: vec![model], ..flags.clone() };
        let seed = resolved.plan.random_seed;
        resolved = self::resolved(asked, &flags, registry)?;
        resolved.plan.random_seed = seed;
    }
    let calibration = calibrate::load(&resolved.plan.target.endpoint_type);
    resolved.warnings.extend(calibration.and_then(|calibration| doubts(&calibration, &resolved.plan)));
    Ok(resolved)
}

/// A plan, as far as no server has to be asked.
///
/// # Errors
/// Everything that is wrong with the settings.
pub(super) fn resolved(
    asked: &Asked,
    flags: &ProfileFlags,
    registry: &Registry,
) -> Result<Resolved, Failure> {
    let mut others = Vec::new();
    let resolved = try_resolve(asked, flags, registry, &mut others);
    let errors = match resolved {
        Some(Ok(resolved)) if others.is_empty() && !asked.has_mistakes() => return Ok(resolved),
        Some(Err(errors)) => Some(errors),
        Some(Ok(_)) | None => None,
    };
    // They are opened later, if nothing else is wrong.
    let unreadable = names::unreadable(flags).into_iter();
    others.extend(unreadable.map(|(name, failure)| asked.placed(name, failure)));
    Err(asked.failure_with_all(errors, others))
}

/// The same without telling of it: what is wrong with settings together, and in `others` what is wrong beside it. What a name means that
/// is not on this machine is taken as known meanwhile. Nothing where too little is known to look at the settings together.
fn try_resolve(
    asked: &Asked,
    flags: &ProfileFlags,
    registry: &Registry,
    others: &mut Vec<Failure>,
) -> Option<Result<Resolved, ConfigErrors>> {
    let name = flags.endpoint_type.as_deref().unwrap_or(DEFAULT_ENDPOINT);
    let unknown = |error| asked.placed("endpoint-type", refusal::unknown_endpoint(name, error));
    let entry = noted(registry.endpoint(name).map_err(unknown), others);
    let (Located { tokenizer, dataset }, missing) = names::located(flags);
    others.extend(missing.into_iter().map(|(name, failure)| asked.placed(name, failure)));
    let key = std::env::var_os(API_KEY_VARIABLE).map(|key| key.to_string_lossy().into_owned());
    let spec = RunSpec::new(flags, key.as_deref()).of(&asked.origins).located(tokenizer, dataset);
    let spec = noted(spec.with_phases(&asked.origins, flags_of), others);
    let facts = noted(facts(), others);
    let entry = entry?;
    let own_inputs = noted(own_inputs(flags, registry, &entry.name), others)?;
    let metrics = objectives::facts();
    let endpoint = EndpointFacts {
        name: &entry.name,
        metadata: &entry.metadata,
        own_inputs: &own_inputs,
        metrics: &metrics,
    };
    Some(resolve(&spec?, endpoint, &facts?))
}

/// What was found; what is wrong is kept otherwise.
fn noted<T>(found: Result<T, Failure>, others: &mut Vec<Failure>) -> Option<T> {
    found.map_err(|failure| others.push(failure)).ok()
}

/// Extra inputs that the endpoint takes as options. Looked up where there are extra inputs: it needs the library's descriptor.
fn own_inputs(flags: &ProfileFlags, registry: &Registry, endpoint: &str) -> Result<Vec<String>, Failure> {
    if flags.extra_inputs.is_empty() {
        return Ok(Vec::new());
    }
    let schema = OptionSchema::of(&registry.describe(Category::Endpoint, endpoint)?);
    Ok(schema.extra_inputs().map(str::to_owned).collect())
}

/// Why the load is beyond what was calibrated, if it is.
fn doubts(calibration: &Calibration, plan: &Plan) -> Option<String> {
    plan.phases.iter().find_map(|phase| {
        let streams = phase.load.most_in_flight().filter(|_| plan.target.streaming).map(u64::from);
        let rate = phase.load.most_rate();
        calibration.doubts(cores(), streams, rate)
    })
}

/// Cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn facts() -> Result<Environment, Failure> {
    let cores = cores();
    // 32 bits, so that the seed is short enough to be typed again.
    let seed = SysRng.try_next_u32().map_err(|error| {
        Failure::new(Exit::Failed, "draw a random seed from the system")
            .caused_by(&error)
            .with_hint("name one with `--random-seed`")
    })?;
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut aiperf_variables: Vec<String> = names.filter(|name| name.starts_with("AIPERF_")).collect();
    aiperf_variables.sort_unstable();
    Ok(Environment { cores, seed: seed.into(), proxies: ProxyEnvironment::read(), aiperf_variables })
}
