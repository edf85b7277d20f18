//! The endpoint of a node, in its process: loading it, asking the target with it, and letting go of it.

use std::{sync::Arc, time::Duration};

use prony_plugin_api::{ErrorDetails, metadata::EndpointMetadata};

use super::{background, error::NodeError, readiness};
use crate::{
    clock::Clock,
    dataset::Script,
    plan::{ExportLevel, Plan},
    plugin::Registry,
    request::{endpoint::Endpoint, payload::SampleContent, target::TargetPlan, transport::install_tls},
};

/// How long opening an endpoint's library and its `new` may take together.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an endpoint's destructor may hold up the end.
pub(super) const DROP_TIMEOUT: Duration = Duration::from_secs(1);

/// An endpoint in this process.
#[derive(Debug)]
pub(crate) struct HostedEndpoint {
    endpoint: Endpoint,
    /// After the field above: it is the one that drops the plugin's object.
    _last: Last,
}

/// The last of an endpoint's handles. The destructor is a plugin's code as well, and may hang: it runs on a thread of its own.
#[derive(Debug)]
struct Last(Option<Endpoint>);

impl Drop for Last {
    fn drop(&mut self) {
        let Some(endpoint) = self.0.take() else { return };
        let name = endpoint.name().to_owned();
        match background::within(DROP_TIMEOUT, move || drop(endpoint)) {
            Ok(Some(())) => {}
            Ok(None) => {
                tracing::warn!("endpoint `{name}` does not return from its destructor: it is left behind");
            }
            Err(error) => tracing::warn!(%error, "there is no thread left to drop endpoint `{name}` on"),
        }
    }
}

impl HostedEndpoint {
    /// Opens the library and makes the endpoint.
    pub(super) fn load(registry: &Arc<Registry>, name: &str, options: String) -> Result<Self, NodeError> {
        let (registry, entry) = (Arc::clone(registry), name.to_owned());
        let loaded = background::within(LOAD_TIMEOUT, move || registry.load_endpoint(&entry, &options));
        match loaded.map_err(NodeError::Thread)? {
            Some(instance) => {
                let endpoint = Endpoint::new(name, instance?);
                Ok(Self { _last: Last(Some(endpoint.clone())), endpoint })
            }
            None => Err(slow(name)),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns once the model answers.
    pub(super) fn await_model(
        &self,
        plan: &Plan,
        target: &Arc<TargetPlan>,
        script: &Arc<Script>,
        clock: Clock,
    ) -> Result<(), NodeError> {
        let endpoint = self.endpoint.with_own_counter();
        let (active_call, name) = (endpoint.active_call(), plan.target.endpoint_type.clone());
        let (plan, target, script) = (plan.clone(), Arc::clone(target), Arc::clone(script));
        let asked = background::watched(&active_call, move || {
            readiness::await_model(&plan, &endpoint, &target, &script, clock)
        });
        match asked.map_err(NodeError::Thread)? {
            Ok(Some(ready)) => Ok(ready?),
            Ok(None) => Err(NodeError::Hangs { name, what: "asking the target with it panicked".to_owned() }),
            Err(hang) => Err(NodeError::Hangs { name, what: hang.to_string() }),
        }
    }
}

/// The error of an endpoint that takes too long to start.
pub(super) fn slow(name: &str) -> NodeError {
    NodeError::Hangs {
        name: name.to_owned(),
        what: format!("it has not started within {} s", LOAD_TIMEOUT.as_secs()),
    }
}

/// The endpoint's options, as the text of a JSON object.
pub(crate) fn endpoint_options(plan: &Plan) -> String {
    serde_json::Value::Object(plan.target.endpoint_options.clone()).to_string()
}

/// Works out URLs and headers, and makes TLS ready.
pub(crate) fn plan_target(plan: &Plan, metadata: &EndpointMetadata) -> Result<Arc<TargetPlan>, ErrorDetails> {
    install_tls();
    let path = metadata.streaming_path.as_ref().filter(|_| plan.target.streaming);
    let path = path.or(metadata.endpoint_path.as_ref());
    let path = path.map(String::as_str);
    // A transcript of silence has no words.
    let owes_text = metadata.produces_tokens && !metadata.requires_audio;
    let target = TargetPlan::new(&plan.target, path, metadata.stream_framing, owes_text)?;
    let target = target.with_classes(&plan.classes).keeping_bodies(plan.exports.level == ExportLevel::Raw);
    let target = target.traced(plan.telemetry.traceparent);
    Ok(Arc::new(
        target.with_sample(SampleContent::of(metadata)).repeating_tool_calls(metadata.supports_tools),
    ))
}
