//! How an agent speaks to its controller: [`Voice`].

use std::{sync::Arc, time::Duration};

use crate::{
    nats::{Bus, BusError, Outgoing},
    node::agent::{
        messages::{AgentEvent, Take},
        subjects,
    },
};

/// What can wait goes together, this often.
const PACE: Duration = Duration::from_millis(200);

/// The way to the controller of one run. Copies go to whoever has something to say.
#[derive(Clone, Debug)]
pub(super) struct Voice(Arc<Outgoing>);

impl Voice {
    /// The way to whoever has taken the agent.
    pub(super) fn to(bus: &Bus, take: &Take) -> Self {
        Self(Arc::new(Outgoing::start(bus, subjects::up(&take.run, take.node), PACE)))
    }

    /// Says something that can wait a moment.
    pub(super) fn mention(&self, event: &AgentEvent) {
        said(written(event).map(|message| self.0.send(message)));
    }

    /// Says something at once.
    pub(super) fn say(&self, event: &AgentEvent) {
        said(written(event).map(|message| self.0.send_now(message)));
    }

    /// How long nothing has been acknowledged.
    pub(super) fn unheard_for(&self) -> Duration {
        self.0.silent_for()
    }
}

fn said(sent: Option<Result<(), BusError>>) {
    if let Some(Err(error)) = sent {
        tracing::error!(%error, "an event cannot be sent");
    }
}

fn written(event: &AgentEvent) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(event)
        .inspect_err(|error| tracing::error!(%error, "an event cannot be written"))
        .ok()
}
