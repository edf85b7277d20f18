//! Everything that workers need on an agent, made before the load: [`Prepared`].

use std::sync::Arc;

use super::{
    library::{self, Asking},
    machine::AgentMachine,
};
use crate::{
    clock::Clock,
    config::redact::{self, Redactor},
    dataset::{Source, Tokenizer},
    node::{
        self, LoadedEndpoint, Loading, NodeError,
        agent::{
            AgentError, files,
            identity::{self, Placed},
            messages::Equipment,
        },
    },
    plan::Plan,
    plugin::Registry,
    request::target::TargetPlan,
    run::execute::{load_tokenizer, open_dataset, price_markers},
    schedule::division::Division,
};

/// What workers need.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) division: Division,
    pub(super) registry: Arc<Registry>,
    pub(super) endpoint: LoadedEndpoint,
    pub(super) source: Arc<Source>,
    pub(super) target: Arc<TargetPlan>,
    /// What counts tokens, unless only the server does.
    pub(super) tokenizer: Option<Arc<Tokenizer>>,
    pub(super) redactor: Arc<Redactor>,
    /// The certificate that is shown to the target, on the disk as long as this is there.
    pub(super) identity: Placed,
}

/// Makes it. Returns when the target answers from here.
///
/// # Errors
/// The endpoint, the dataset, the tokenizer or the target cannot be used here.
pub(super) fn prepare(
    equipment: Equipment,
    machine: &AgentMachine,
    asking: &Asking,
) -> Result<Prepared, NodeError> {
    let Equipment { plan, clock, division, files: sent, identity, library, lock } = equipment;
    let clock = Clock::at(clock);
    let mut plan = plan.plan().map_err(NodeError::Plan)?;
    plan.workers = machine.workers;
    redact::learn(redact::of_config(&plan));
    redact::learn(redact::of_environment());
    take_files(&sent, &mut plan, machine)?;
    let identity = identity::place(identity, &mut plan, &machine.dir)?;
    let registry = Arc::new(library::registry(library.as_ref(), lock, machine, asking)?);
    let metadata = registry.endpoint(&plan.target.endpoint_type)?.metadata.clone();
    let tokenizer = load_tokenizer(&plan, &metadata, &registry)?;
    price_markers(&mut plan, tokenizer.as_deref());
    let loading = Loading { registry: &registry, log_words: machine.log_words.clone() };
    let mut endpoint = LoadedEndpoint::load(&loading, &plan)?;
    let (source, warnings) = open_dataset(&mut plan, &metadata, tokenizer.as_ref(), &registry)?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let redactor = redact::learn(source.secrets());
    let target = node::plan_target(&plan, &metadata).map_err(|error| NodeError::Target(error.message))?;
    let counts = tokenizer.is_some();
    endpoint.await_target(&plan, &target, &source, counts, clock, &registry)?;
    let tokenizer = tokenizer.filter(|_| !plan.target.use_server_token_count);
    Ok(Prepared { plan, clock, division, registry, endpoint, source, target, tokenizer, redactor, identity })
}

fn take_files(sent: &[files::SentFile], plan: &mut Plan, machine: &AgentMachine) -> Result<(), AgentError> {
    files::receive(sent, plan, &machine.bus.blobs(), &machine.store, &machine.files())
}
