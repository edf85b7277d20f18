//! Waiting for runs: an agent answers who it is, is taken, and does its part of one run after the other.

use std::{
    fs, io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use uuid::Uuid;

use super::{
    AgentConfig, ServeError,
    attend::{Attendant, Attended, forget},
    input_end::end_with_input,
    kept_runs::{Current, Keeper, serve_kept},
    machine::AgentMachine,
};
use crate::{
    clock::monotonic_ns,
    nats::{Bus, Subscription},
    node::agent::{
        messages::{Presence, Take, Taken, is_id},
        subjects,
    },
    run::{Interrupt, host, interrupts::Interrupts, lock::Lock},
};

/// How long a NATS server may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an agent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// It has done its part of as many runs as it was to.
    AllRuns,
    /// A signal asked it to end.
    Interrupted(Interrupt),
}

/// Serves runs until there have been as many as there are to be, or a signal asks it to end. `say` hears what the user should know:
/// sentences without a final stop.
///
/// # Errors
/// There is no NATS server, or no folder for what is measured.
pub(crate) fn serve(config: &AgentConfig, say: &mut dyn FnMut(&str)) -> Result<Served, ServeError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Start)?;
    runtime.block_on(serve_in_loop(config, say))
}

async fn serve_in_loop(config: &AgentConfig, say: &mut dyn FnMut(&str)) -> Result<Served, ServeError> {
    let folder = |source: io::Error| ServeError::Folder { path: config.dir.clone(), source };
    fs::create_dir_all(&config.dir).map_err(folder)?;
    // A library may change the working folder.
    let kept = std::path::absolute(&config.dir).map_err(folder)?;
    let mut interrupts = Interrupts::new().map_err(ServeError::Start)?;
    if config.started_by_ssh.is_some() {
        // Whatever comes of it: the signal by which it ends is heard from here on.
        end_with_input().map_err(ServeError::Start)?;
    }
    let bus = Bus::connect(&config.access, &format!("prony agent {}", config.name), CONNECT_TIMEOUT)?;
    let mut station = Station::open(config, &bus, kept.join("runs"))?;
    say(&format!("the agent `{}` waits for runs", config.name));
    let mut left = config.runs.map(NonZeroU64::get);
    while left != Some(0) {
        let take = tokio::select! {
            biased;
            interrupt = interrupts.next() => return Ok(Served::Interrupted(interrupt)),
            take = station.takes.recv() => take,
        };
        let Some(take) = take else { break };
        say(&format!("the agent `{}` takes part in a run as node {}", config.name, take.node));
        let folder_name = format!("{}-{}", take.run, take.node);
        let dir = kept.join("runs").join(&folder_name);
        station.current.set(Some(folder_name));
        fs::create_dir_all(&dir).map_err(folder)?;
        let lock = locked(&dir);
        let mut leaves = false;
        let attendant = Attendant {
            machine: station.machine(config, &kept, dir.clone()),
            id: &station.id,
            take,
            interrupts: &mut interrupts,
            leaves: &mut leaves,
        };
        let attended = attendant.attend().await?;
        if matches!(attended, Attended::Released | Attended::Nothing) {
            forget(&dir);
        }
        drop(lock);
        station.current.set(None);
        tell(&attended, say);
        station.is_busy.store(false, Ordering::Release);
        if leaves {
            return Ok(Served::Interrupted(Interrupt::Terminated));
        }
        left = left.map(|left| left.saturating_sub(u64::from(attended != Attended::Nothing)));
    }
    Ok(Served::AllRuns)
}

/// Takes the folder of a run, for agents that share it. They may take the run for one that is over where this fails.
fn locked(dir: &Path) -> Option<Lock> {
    let lock = Lock::take(dir);
    lock.inspect_err(|error| tracing::warn!(%error, "the folder of a run is not locked")).ok()
}

fn tell(attended: &Attended, say: &mut dyn FnMut(&str)) {
    match attended {
        Attended::Released => say("the run is over, and the controller has all that was measured"),
        Attended::Nothing => say("the run is over before anything was measured"),
        Attended::Kept(dir) | Attended::Hurried(dir) => say(&format!(
            "what was measured is in `{}`: `prony collect` brings it together with that of other agents",
            dir.display()
        )),
    }
}

/// An agent that answers.
struct Station {
    id: String,
    bus: Bus,
    is_busy: Arc<AtomicBool>,
    takes: UnboundedReceiver<Take>,
    /// The folder of the run that goes on.
    current: Current,
    _answers: [Subscription; 3],
    _keeps: [Subscription; 2],
}

impl Station {
    fn open(config: &AgentConfig, bus: &Bus, runs: PathBuf) -> Result<Self, ServeError> {
        let new = || Uuid::new_v4().simple().to_string();
        let id = config.started_by_ssh.clone().unwrap_or_else(new);
        let is_busy = Arc::new(AtomicBool::new(false));
        let presence = Presence {
            id: id.clone(),
            name: config.name.clone(),
            labels: config.labels.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host::facts(),
            workers: u32::try_from(config.workers).unwrap_or(u32::MAX),
            is_busy: false,
        };
        let busy = Arc::clone(&is_busy);
        let who = bus.serve(subjects::WHO, move |_| {
            let is_busy = busy.load(Ordering::Acquire);
            rmp_serde::to_vec_named(&Presence { is_busy, ..presence.clone() }).ok()
        })?;
        let ping = bus.serve(&subjects::ping(&id), |_| Some(monotonic_ns().to_le_bytes().to_vec()))?;
        let (to_take, takes) = unbounded_channel();
        let busy = Arc::clone(&is_busy);
        let take = bus.serve(&subjects::take(&id), move |question| {
            let take: Take = rmp_serde::from_slice(question).ok()?;
            if !is_id(&take.run) {
                return None;
            }
            let answer = if busy.swap(true, Ordering::AcqRel) {
                Taken::Busy
            } else {
                // Without anybody who waits for runs the process is about to end.
                to_take.send(take).ok()?;
                Taken::Yes
            };
            rmp_serde::to_vec_named(&answer).ok()
        })?;
        let current = Current::default();
        let keeps = serve_kept(bus, Keeper { id: id.clone(), runs, current: current.clone() })?;
        let answers = [who, ping, take];
        Ok(Self { id, bus: bus.clone(), is_busy, takes, current, _answers: answers, _keeps: keeps })
    }

    fn machine(&self, config: &AgentConfig, kept: &Path, dir: PathBuf) -> AgentMachine {
        AgentMachine {
            bus: self.bus.clone(),
            name: config.name.clone(),
            discovery: config.discovery.clone(),
            accepts_plugins: config.accepts_plugins,
            libraries: kept.join("libraries"),
            log_words: config.log_words.clone(),
            store: kept.join("files"),
            dir,
            workers: config.workers,
        }
    }
}
