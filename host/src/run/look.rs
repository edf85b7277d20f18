//! What a plan names on this machine, without a run: exports [`look_at`].

use std::sync::Arc;

use super::{
    execute::{ExecuteError, load_tokenizer, open_dataset},
    observer::Observer,
    services, setup,
};
use crate::{
    node,
    plan::{DatasetConfig, Plan},
    plugin::Registry,
};

/// The address of a server that is not there.
const NO_SERVER: &str = "http://127.0.0.1";

/// What of a plan something is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    EndpointOptions,
    Services,
    Tokenizer,
    /// What requests say.
    Dataset,
    /// Certificates and keys.
    Target,
}

/// Opens the files that a plan names, and compares options with those that its plugins have. Of generated content, one script is
/// made. Gives everything that is wrong; sends nothing.
pub(crate) fn look_at(
    mut plan: Plan,
    registry: &Arc<Registry>,
    observer: &mut dyn Observer,
) -> Vec<(Subject, ExecuteError)> {
    let mut wrong: Vec<(Subject, ExecuteError)> = Vec::new();
    if plan.target.urls.is_empty() {
        plan.aim_at(NO_SERVER);
    }
    let entry = match registry.endpoint(&plan.target.endpoint_type) {
        Ok(entry) => entry,
        Err(error) => return vec![(Subject::EndpointOptions, error.into())],
    };
    let metadata = &entry.metadata;
    match setup::read_endpoint_options(registry, &mut plan.target) {
        Ok(warnings) => warnings.iter().for_each(|warning| observer.notice(warning)),
        Err(error) => wrong.push((Subject::EndpointOptions, error.into())),
    }
    match services::choose(registry, &plan) {
        Ok(chosen) => {
            chosen.warnings.iter().for_each(|warning| observer.notice(warning));
            if let Err(error) = chosen.names().try_for_each(|name| registry.check_locked_service(name)) {
                wrong.push((Subject::Services, error.into()));
            }
        }
        Err(error) => wrong.push((Subject::Services, error.into())),
    }
    if let Err(error) = node::plan_target(&plan, metadata) {
        wrong.push((Subject::Target, ExecuteError::Target(error)));
    }
    let tokenizer = match load_tokenizer(&plan, metadata, registry) {
        Ok(tokenizer) => tokenizer,
        Err(error) => {
            wrong.push((Subject::Tokenizer, error.into()));
            return wrong;
        }
    };
    match &mut plan.dataset {
        DatasetConfig::Synthetic { entries, .. } | DatasetConfig::Rankings { entries, .. } => {
            *entries = Some(1);
        }
        DatasetConfig::File { path, .. } | DatasetConfig::RawPayloads { path, .. } => {
            // Standard input can be read only once, and is not there yet.
            if path.as_os_str() == "-" {
                return wrong;
            }
        }
    }
    match open_dataset(&mut plan, metadata, tokenizer.as_ref(), registry) {
        Ok((_, warnings)) => warnings.iter().for_each(|warning| observer.notice(warning)),
        Err(error) => wrong.push((Subject::Dataset, error.into())),
    }
    wrong
}
