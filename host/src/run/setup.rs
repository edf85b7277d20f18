//! Everything that a run needs before its first request.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use prony_plugin_api::metadata::EndpointMetadata;

use super::{hooks::PlannedHooks, lock::Lock, services::ChoiceError};
use crate::{
    clock::Clock,
    config::redact::Redactor,
    dataset::{Source, Tokenizer},
    plan::{FlagOption, Plan, Target},
    plugin::{Category, OptionSchema, Registry},
    record::{
        Capabilities, Mark, ProcessUsage, RunHeader,
        journal::{JournalLocation, Misplaced},
    },
    request::target::TargetPlan,
    service::wanted::Wanted,
};

/// A run that can begin.
pub(crate) struct Run {
    /// What decides it.
    pub(crate) plan: Plan,
    /// First frame of its journal.
    pub(crate) header: RunHeader,
    /// Its clock, which is ticking.
    pub(crate) clock: Clock,
    /// Its folder, which exists, and is used by no other process.
    pub(crate) dir: PathBuf,
    /// What keeps others out of it.
    #[expect(dead_code, reason = "it is held, that is all")]
    pub(crate) lock: Lock,
    /// Where its journal is, once there is one.
    pub(crate) journal: OnceLock<JournalLocation>,
    /// What the requests say.
    pub(crate) source: Arc<Source>,
    /// What counts tokens, unless only the server does.
    pub(crate) tokenizer: Option<Arc<Tokenizer>>,
    /// What all requests have in common.
    pub(crate) target: Arc<TargetPlan>,
    /// Finds what the run must not write down.
    pub(crate) redactor: Arc<Redactor>,
    /// What this process had used of the machine before the run.
    pub(crate) used_before: ProcessUsage,
    /// It ends before its time where the server cannot keep up with the load.
    pub(crate) ends_saturated: bool,
    /// Services to start.
    pub(crate) services: Vec<Wanted>,
    /// What is done around it.
    pub(crate) hooks: PlannedHooks,
    /// What was done before.
    pub(crate) marks: Vec<Mark>,
}

/// Reads the options that the user sets as what the endpoint takes, by `--endpoint-option`, by a flag of their own, or, where
/// the endpoint says so, as extra inputs, which then stand in no body; and says which of them may have no effect. Opens no
/// library.
///
/// # Errors
/// It does not take one of them, or one is set in both places.
pub(crate) fn read_endpoint_options(
    registry: &Registry,
    target: &mut Target,
) -> Result<Vec<String>, ChoiceError> {
    let is_asked = !target.endpoint_options.is_empty() || !target.extra_inputs.is_empty();
    if !is_asked && target.flag_options.is_empty() {
        return Ok(Vec::new());
    }
    let schema = OptionSchema::of(&registry.describe(Category::Endpoint, &target.endpoint_type)?);
    for key in schema.extra_inputs() {
        let Some(value) = target.extra_inputs.shift_remove(key) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if target.endpoint_options.insert(key.to_owned(), text.into()).is_some() {
            return Err(ChoiceError::SetTwice { key: key.to_owned() });
        }
    }
    for (key, value) in &mut target.endpoint_options {
        if let Some(text) = value.as_str() {
            *value = schema.read(key, text);
        }
        schema.check(key, value)?;
    }
    let keys = target.endpoint_options.keys().map(String::as_str);
    let mut warnings: Vec<String> = schema.doubt(keys).into_iter().collect();
    for FlagOption { flag, key } in std::mem::take(&mut target.flag_options) {
        if schema.check(key, &true.into()).is_ok() {
            target.endpoint_options.entry(key).or_insert(true.into());
        } else {
            let name = &target.endpoint_type;
            warnings.push(format!("`{flag}` has no effect: the endpoint `{name}` has no such option"));
        }
    }
    Ok(warnings)
}

/// What the endpoint's manifest says about the answers of this run, and its schema of options about longer ones than asked for.
pub(crate) fn capabilities(registry: &Registry, plan: &Plan, metadata: &EndpointMetadata) -> Capabilities {
    // A schema that cannot be read costs a hint, and the run has loaded the library already.
    let endpoint = registry.describe(Category::Endpoint, &plan.target.endpoint_type).ok();
    let schema = endpoint.filter(|_| metadata.produces_tokens).map(|endpoint| OptionSchema::of(&endpoint));
    Capabilities {
        metrics_title: metadata.metrics_title.clone().unwrap_or_else(|| "Metrics".to_owned()),
        produces_tokens: metadata.produces_tokens,
        tokenizes_input: metadata.tokenizes_input,
        streaming: plan.target.streaming,
        longer_output_hint: schema
            .and_then(|schema| schema.longer_output_hint(&plan.target.endpoint_options).map(str::to_owned)),
    }
}

impl Run {
    /// What has become of its journal, if that is not where it was made.
    pub(crate) fn misplaced(&self) -> Option<Misplaced> {
        self.journal.get().and_then(JournalLocation::misplaced)
    }

    /// The entries that it uses.
    pub(crate) fn wanted_plugins(&self) -> Vec<(Category, &str)> {
        let endpoint = (Category::Endpoint, self.plan.target.endpoint_type.as_str());
        let services = self.services.iter().map(|wanted| (Category::Service, wanted.entry.as_str()));
        [endpoint].into_iter().chain(services).collect()
    }

    /// The run as services see it: no secrets.
    pub(crate) fn facts(&self) -> String {
        let settings = &self.header.settings;
        serde_json::json!({
            "run_id": self.header.run_id,
            "urls": settings.urls,
            "model": settings.model,
            "endpoint_type": settings.endpoint_type,
            "artifact_dir": self.dir.to_string_lossy(),
            "version": self.header.version,
            "command": self.header.command,
            "wall_start_ns": self.header.wall_start_ns,
            "config": self.header.config,
        })
        .to_string()
    }
}
