//! What one agent has kept, and its way here: [`Collector`].

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    clocks::ClockFacts,
    command::release,
    fetch::{Origin, fetch},
    messages::Presence,
    shared::Shared,
    state::AgentState,
    subjects,
};
use crate::{
    nats::Outgoing,
    node::progress::Progress,
    record::{NodeFacts, NodeLoss, kept_run::KeptRun, merge::NodeJournal},
    schedule::division::Division,
};

/// How long those may take to come whose turn is before: a journal may have gigabytes, and a network may be slow.
const TURN_TIMEOUT: Duration = Duration::from_secs(4 * 3600);

/// Brings here what an agent has kept, once.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) presence: Presence,
    pub(super) division: Division,
    pub(super) down: Arc<Outgoing>,
    pub(super) state: Arc<AgentState>,
    pub(super) shared: Arc<Shared>,
    /// What came of it, once it was done.
    collected: Mutex<Option<NodeJournal>>,
}

impl Collector {
    pub(super) fn new(
        presence: Presence,
        division: Division,
        down: Arc<Outgoing>,
        state: Arc<AgentState>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { presence, division, down, state, shared, collected: Mutex::default() }
    }

    /// Brings everything here that the agent says it has kept, and lets it go when all of it is on the disk. Blocks.
    pub(super) fn collect(&self) -> NodeJournal {
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        collected.get_or_insert_with(|| self.bring()).clone()
    }

    fn bring(&self) -> NodeJournal {
        let dir = self.shared.dir.join(&self.presence.name);
        let missing = self.fetch_all(&dir);
        let clock = self.shared.clocks.of(self.division.node);
        let facts = self.facts(missing, &clock);
        let (run_id, nodes) = (self.shared.run_id.clone(), self.division.nodes);
        let kept = KeptRun { run_id, nodes, facts: facts.clone(), clock: clock.shift.clone() };
        let is_kept = missing.is_some() && kept.write(&dir).is_ok();
        if missing == Some(0) && is_kept {
            release(&self.down);
        } else {
            self.name_folder();
        }
        NodeJournal { dir, facts, clock: clock.shift }
    }

    /// Says where what was not brought stays, if it is known: on a machine on which the run has started the agent.
    fn name_folder(&self) {
        let folder = format!("{}-{}", self.shared.run, self.division.node);
        if let Some(fetching) = self.shared.own.fetching(&self.presence.id, &folder) {
            let name = &self.presence.name;
            tracing::error!(
                "what the agent `{name}` has measured stays on its machine: `{fetching}`, with the flags that `--ssh` has for \
                 it, and then `prony collect`"
            );
        }
    }

    /// Bytes that are missing; nothing where nothing came.
    fn fetch_all(&self, dir: &PathBuf) -> Option<u64> {
        let kept = self.state.look(|known| known.kept.clone())?;
        let Some(_turn) = self.shared.fetching.wait(TURN_TIMEOUT) else {
            let (name, hours) = (&self.presence.name, TURN_TIMEOUT.as_secs() / 3600);
            tracing::error!(
                "what the agent `{name}` has measured stays with it: what others have measured was not fetched within {hours} h"
            );
            return None;
        };
        let from = Origin {
            bus: &self.shared.bus,
            subject: subjects::piece(&self.presence.id),
            name: &self.presence.name,
            run: &self.shared.run,
        };
        let missing = fs::create_dir_all(dir)
            .map_err(|source| from.cannot_keep(source))
            .and_then(|()| kept.iter().map(|file| fetch(&from, file, dir)).collect::<Result<Vec<u64>, _>>());
        match missing {
            Ok(missing) => Some(missing.into_iter().fold(0, u64::saturating_add)),
            Err(error) => {
                tracing::error!(agent = self.presence.name, %error, "what it has measured stays with it");
                None
            }
        }
    }

    fn facts(&self, missing: Option<u64>, clock: &ClockFacts) -> NodeFacts {
        let (lost, unfinished) = self
            .state
            .look(|known| (known.lost.clone(), known.progress.values().map(Progress::in_flight).sum()));
        let never_came = || {
            let reason = "what it measured did not come".to_owned();
            NodeLoss { at_ns: self.state.now(), reason, by_signal: false }
        };
        NodeFacts {
            clock_bound_ns: clock.bound_ns,
            clock_drift_ns: clock.drift_ns,
            lost: lost.or_else(|| missing.is_none().then(never_came)),
            unfinished,
            missing_bytes: missing.filter(|missing| *missing > 0),
            ..self.presence.facts(self.division)
        }
    }
}
