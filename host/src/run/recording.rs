//! How a run is recorded, on the machine of a run or on that of an agent: exports [`Hearing`].

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::{channels::Signal, setup::Run};
use crate::{
    clock::Clock,
    config::redact::Redactor,
    dataset::Tokenizer,
    plan::Plan,
    record::{
        journal::JournalError,
        live::{Listener, Live},
        recorder::{Recorder, RecorderConfig},
    },
    request::target::TargetPlan,
    service::bus::Bus,
};

/// Who hears of records.
pub(super) struct Hearing<L> {
    pub(super) bus: Arc<Bus>,
    pub(super) live: Arc<Live>,
    pub(super) listener: Arc<L>,
}

impl<L: Listener + 'static> Hearing<L> {
    /// Starts the recorder of a run.
    ///
    /// # Errors
    /// There is no journal, or no thread left.
    pub(super) fn start(self, run: &Run, signals: UnboundedSender<Signal>) -> Result<Recorder, JournalError> {
        let config = self.config(&run.plan, &run.target, run.tokenizer.clone(), &run.redactor, run.clock);
        let lost = move || drop(signals.send(Signal::JournalLost));
        let mut recorder = Recorder::start(&run.dir, &run.header, config, lost)?;
        if let Some(location) = recorder.take_location() {
            // There is one run, and it is conducted once.
            let _ = run.journal.set(location);
        }
        Ok(recorder)
    }

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
            listener: self.listener,
            bodies: target.bodies.clone(),
        }
    }
}
