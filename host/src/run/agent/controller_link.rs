//! How an agent sends events to its controller: [`ControllerLink`].

use std::{sync::Arc, time::Duration};

use crate::{
    nats::{Bus, BusError, Outgoing},
    node::agent::{
        messages::{AgentEvent, Take},
        subjects,
    },
};

/// How often events that can wait are sent, in one message.
const PACE: Duration = Duration::from_millis(200);

/// The connection to the controller of one run. Each part of the agent that sends events has a copy of it.
#[derive(Clone, Debug)]
pub(super) struct ControllerLink(Arc<Outgoing>);

impl ControllerLink {
    /// The connection to the controller that has taken the agent.
    pub(super) fn to(bus: &Bus, take: &Take) -> Self {
        Self(Arc::new(Outgoing::start(bus, subjects::up(&take.run, take.node), PACE)))
    }

    /// Sends an event that can wait for the next message, at most 0.2 s.
    pub(super) fn send_later(&self, event: &AgentEvent) {
        report(written(event).map(|message| self.0.send(message)));
    }

    /// Sends an event at once.
    pub(super) fn send_now(&self, event: &AgentEvent) {
        report(written(event).map(|message| self.0.send_now(message)));
    }

    /// How long the controller has acknowledged nothing.
    pub(super) fn unacknowledged_for(&self) -> Duration {
        self.0.silent_for()
    }
}

fn report(sent: Option<Result<(), BusError>>) {
    if let Some(Err(error)) = sent {
        tracing::error!(%error, "an event cannot be sent");
    }
}

fn written(event: &AgentEvent) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(event)
        .inspect_err(|error| tracing::error!(%error, "an event cannot be written"))
        .ok()
}
