//! `inputs.json`: what the sessions of a run say, in AIPerf's form, for `--compat aiperf`.
//!
//! It is a preview, as in AIPerf: each different session once, with the replies that the dataset has in place of the server's. Its
//! requests are made again, when the load is over, from the plan and the seed, as `--dry-run` makes them. `--input-file inputs.json`
//! sends them.

use std::{collections::VecDeque, sync::Arc};

use prony_plugin_api::ErrorDetails;

use super::{observer::Observer, setup::Run};
use crate::{
    dataset::Markers,
    node::{self, HostedEndpoint, NodeError},
    plan::{Compat, Phase, Role},
    plugin::Registry,
    record::raw,
    report::{
        artifacts::{Artifact, WriteError},
        file_names,
    },
    request::prepared::prepare,
    schedule::excerpt::Excerpts,
    seed::Seed,
    session::{PhaseSessions, Session},
};

/// Sessions that are written, where a run has no number of different ones: as many as AIPerf generates.
const SESSIONS_OF_ENDLESS: u64 = 100;

/// No more sessions are written...
const MOST_SESSIONS: u64 = 10_000;

/// ... and no more bytes.
const MOST_BYTES: usize = 256 << 20;

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
enum InputsError {
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("make a request: {}", .0.message)]
    Unformatted(ErrorDetails),
    #[error("make a request")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes the file, if the run is asked for it. One that cannot be written is a notice, and costs nothing else.
pub(super) fn write_if_wanted(run: &Run, registry: &Arc<Registry>, observer: &mut dyn Observer) {
    if !run.plan.exports.has(Compat::Aiperf) {
        return;
    }
    if let Err(error) = write(run, registry) {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        observer
            .notice(&format!("`{}` was not written: failed to {error}{cause}", file_names::AIPERF_INPUTS));
    }
}

fn write(run: &Run, registry: &Arc<Registry>) -> Result<(), InputsError> {
    let Some(phase) = run.plan.phases.iter().find(|phase| phase.role == Role::Measured) else {
        return Ok(());
    };
    let endpoint = node::load_here(registry, &run.plan)?;
    let preview = Preview { run, phase, endpoint: &endpoint, sessions: of_phase(run, phase) };
    let mut artifact = Artifact::create(&run.dir, file_names::AIPERF_INPUTS)?;
    artifact.fill(|out| out.write_all(b"{\"data\":["))?;
    let (mut bytes, mut is_first) = (0, true);
    for number in 0..count(run, phase) {
        let entry = preview.entry(number)?;
        bytes += entry.len();
        if bytes > MOST_BYTES {
            break;
        }
        let comma = if is_first { "\n" } else { ",\n" };
        is_first = false;
        artifact
            .fill(|out| out.write_all(comma.as_bytes()).and_then(|()| out.write_all(entry.as_bytes())))?;
    }
    artifact.fill(|out| out.write_all(b"\n]}\n"))?;
    Ok(artifact.commit().map(drop)?)
}

/// How many sessions are written.
fn count(run: &Run, phase: &Phase) -> u64 {
    let asked = phase.stop.sessions().or(phase.stop.requests());
    run.source.len().or(asked).unwrap_or(SESSIONS_OF_ENDLESS).min(MOST_SESSIONS)
}

fn of_phase(run: &Run, phase: &Phase) -> PhaseSessions {
    PhaseSessions {
        first_script: 0,
        markers: Markers::of(run.plan.cache_bust, Seed::new(run.plan.random_seed), phase.role),
        excerpts: Excerpts::of(phase, node::phase_seed(run.plan.random_seed, phase.id)),
        replies: run.plan.replies,
        ..PhaseSessions::default()
    }
}

/// Makes the requests of sessions.
struct Preview<'a> {
    run: &'a Run,
    phase: &'a Phase,
    endpoint: &'a HostedEndpoint,
    sessions: PhaseSessions,
}

impl Preview<'_> {
    /// A session with all of its bodies.
    fn entry(&self, number: u64) -> Result<String, InputsError> {
        let mut session: Session = self.sessions.session(&self.run.source, number);
        let first = session.first();
        let id = serde_json::to_string(first.step().script)?;
        let mut ready = VecDeque::from([first]);
        ready.extend(session.others_at_start());
        let mut payloads = Vec::new();
        while let Some(turn) = ready.pop_front() {
            let clock = self.run.clock;
            let unix_time_s = clock.unix_time_s(clock.now());
            let name = format!("{}-{number}-{}", self.phase.name, turn.step().number);
            let endpoint = self.endpoint.endpoint();
            let prepared =
                prepare(endpoint, &self.run.target, &turn, Some(self.phase.id), &name, unix_time_s)
                    .map_err(InputsError::Unformatted)?;
            payloads.push(raw::payload(&prepared.body)?);
            ready.extend(session.answered(turn, None));
        }
        let entry = format!("{{\"session_id\":{id},\"payloads\":[{}]}}", payloads.join(","));
        Ok(self.run.redactor.mask(&entry).into_owned())
    }
}
