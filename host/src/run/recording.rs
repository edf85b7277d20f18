//! How a run is recorded, on the machine of a run or on that of an agent: exports [`Hearing`].

use std::sync::Arc;

use super::watch::Watch;
use crate::{
    clock::Clock,
    config::redact::Redactor,
    dataset::Tokenizer,
    plan::Plan,
    record::{live::Live, recorder::RecorderConfig},
    request::target::TargetPlan,
    service::bus::Bus,
};

/// Who hears of records.
pub(super) struct Hearing {
    pub(super) bus: Arc<Bus>,
    pub(super) live: Arc<Live>,
    pub(super) watch: Arc<Watch>,
}

impl Hearing {
    /// What the recorder of a plan needs to make and keep records.
    pub(super) fn config(
        self,
        plan: &Plan,
        target: &TargetPlan,
        tokenizer: Option<Arc<Tokenizer>>,
        redactor: &Arc<Redactor>,
        clock: Clock,
    ) -> RecorderConfig {
        RecorderConfig {
            redactor: Arc::clone(redactor),
            tokenizer,
            keep_outputs: plan.export_outputs,
            phases: plan.phases.iter().map(|phase| phase.role.kind()).collect(),
            clock,
            bus: self.bus,
            live: self.live,
            listener: self.watch,
            bodies: target.bodies.clone(),
        }
    }
}
