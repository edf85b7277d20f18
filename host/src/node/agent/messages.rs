//! What a controller and an agent say to each other. Both are the same version of this program, or the agent is not taken.
//!
//! In this order: `Take`, answered by `Taken`; `Equip`, answered by `Equipped`, perhaps after `WantsLibrary`, which is answered by
//! `Library`; `Start`, answered by `Started`, and `Ready` follows.
//! Then phases, controls and leases go down, and what becomes of the load comes up, until `End`, answered by `Ended`. The controller
//! fetches what the agent has kept, and lets it go with `Release`. A refusal is an answer, too.

use serde::{Deserialize, Serialize};

use super::{Identity, SentFile};
use crate::{
    clock::Anchor,
    lockfile::Lockfile,
    metrics::Sketch,
    node::{
        early_end::EarlyEnd,
        messages::{Exposed, PhaseStart},
        progress::Progress,
        remote_error::RemoteError,
    },
    plugin::{Offer, Provenance},
    record::{ClockShift, HostFacts, NodeFacts, RunHeader, kept_run::KeptRun},
    request::{
        worker::{AllStarted, Control},
        worker_statistics::WorkerUsage,
    },
    schedule::{
        ScheduleCounts,
        division::Division,
        lending::{Change, Limited, PlacesSaid},
        numbers::Lease,
    },
};

/// What an agent says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Presence {
    /// Its address, which is new whenever it starts.
    pub(crate) id: String,
    /// What its owner calls it.
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    /// Version of the program.
    pub(crate) version: String,
    /// Its machine.
    pub(crate) host: HostFacts,
    /// Threads that it sends requests from.
    pub(crate) workers: u32,
    /// It works for a run.
    pub(crate) is_busy: bool,
}

impl Presence {
    /// What is known of it before a run of which it has this part.
    pub(super) fn facts(&self, division: Division) -> NodeFacts {
        NodeFacts {
            node: division.node,
            name: self.name.clone(),
            labels: self.labels.clone(),
            host: Some(self.host.clone()),
            version: self.version.clone(),
            first_worker: division.first_worker,
            workers: self.workers,
            ..NodeFacts::default()
        }
    }
}

/// A controller wants an agent for a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Take {
    /// Under which the two talk, in [`subjects`](super::subjects).
    pub(crate) run: String,
    /// Which node of the run it becomes.
    pub(crate) node: u32,
}

/// Whether the agent is the controller's from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Taken {
    Yes,
    /// It works for another run.
    Busy,
}

/// What the controller says. It cannot be printed: there are secrets in it.
#[derive(Serialize, Deserialize)]
pub(crate) enum AgentCommand {
    /// Everything that workers need.
    Equip(Box<Equipment>),
    /// The library that was offered is in the object store.
    Library,
    /// Start recorder and workers.
    Start(Box<Beginning>),
    /// Begin a phase.
    Phase(PhaseStart),
    /// Drain or cancel the phase with this number.
    Control(u32, Control),
    /// More session numbers of the closed loop of this phase.
    Lease(u32, Lease),
    /// What becomes of the agent's places of a limit of the phase with this number.
    Places(u32, Limited, Change),
    /// Where the agent's clock stands, for a journal that nobody fetches: what puts its instants right, by how much that can be wrong,
    /// and how far the clock has gone wrong since the run began, in nanoseconds.
    Clock { shift: ClockShift, bound_ns: u64, drift_ns: u64 },
    /// End the workers, and write everything down.
    End,
    /// All that was kept is in other hands.
    Release,
}

/// What an agent needs for its part of a run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Equipment {
    /// The run's plan, with its secrets.
    pub(crate) plan: Exposed,
    /// The run's clock, as the agent's own clock has it.
    pub(crate) clock: Anchor,
    /// Its part of the run.
    pub(crate) division: Division,
    /// Files that the plan names, and where they are to be had.
    pub(crate) files: Vec<SentFile>,
    /// The certificate that is shown to the target, if there is one, and its private key.
    pub(crate) identity: Option<Identity>,
    /// The library of the endpoint, for an agent that lacks it; nothing where the controller has none that can be used.
    pub(crate) library: Option<Offer>,
    /// What the controller has locked of libraries, if anything. The run's other files were checked before they were sent.
    pub(crate) lock: Option<Lockfile>,
}

/// What an agent writes down before the load.
#[derive(Serialize, Deserialize)]
pub(crate) struct Beginning {
    /// What its journal begins with: the header of the run.
    pub(crate) header: RunHeader,
    /// What is known of it.
    pub(crate) kept: KeptRun,
}

/// What an agent says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AgentEvent {
    /// Nothing is wrong, and there may be nothing else to say.
    Alive,
    /// It takes the library that was offered.
    WantsLibrary,
    /// The endpoint is loaded, the dataset is open, the target answers; with what the report should say about the plugins.
    Equipped(Result<Provenance, RemoteError>),
    /// The workers are there.
    Started(Result<(), RemoteError>),
    /// The connections that are to be open before the load are, as far as they can be.
    Ready,
    /// How far a phase is.
    Progress(Progress),
    /// What has ended of a phase since this was said last.
    Sketch(Box<Sketch>),
    /// A phase began so many nanoseconds after the instant that was agreed on.
    Late(u32, u64),
    /// It could use so many session numbers of a phase.
    Wants(u32, u64),
    /// What it says of its places of a limit of the phase with this number.
    Places(u32, Limited, PlacesSaid),
    /// A worker has started all sessions of its part of the phase with this number.
    AllStarted(u32, AllStarted),
    /// A worker has finished its part of the phase with this number.
    Done(u32, ScheduleCounts, WorkerUsage),
    /// The run should end early: too many requests in a row failed.
    EndsEarly(EarlyEnd),
    /// The endpoint panicked too often.
    Poisoned,
    /// A worker panicked.
    Lost(String),
    /// A call into the endpoint does not return.
    Hangs(String),
    /// It cannot go on, for a reason of its own: a half-sentence that goes on from its name.
    Leaves(String),
    /// Somebody ends it by a signal. It says what becomes of all that it has begun, and then [`AgentEvent::Ended`]. A half-sentence that
    /// goes on from its name.
    Ends(String),
    /// Everything is written down: these files are there to be fetched.
    Ended(Vec<KeptFile>),
}

/// A file that an agent has kept of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFile {
    /// Its name in the agent's folder of the run.
    pub(crate) name: String,
    /// Its size, in bytes.
    pub(crate) bytes: u64,
}

/// What an agent still keeps of runs that are over for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keeps {
    /// The agent's address.
    pub(crate) id: String,
    pub(crate) folders: Vec<KeptFolder>,
}

/// An agent's folder of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFolder {
    /// Its name, among the agent's folders of runs.
    pub(crate) folder: String,
    /// Identity of the run.
    pub(crate) run_id: String,
    /// Which node of the run the agent was, and how many there were.
    pub(crate) node: u32,
    pub(crate) nodes: u32,
    /// What the agent was called in the run.
    pub(crate) name: String,
    /// When its journal was written to last, by the agent's machine: seconds since the Unix epoch.
    pub(crate) written_s: u64,
    pub(crate) files: Vec<KeptFile>,
}
/// The label of an agent that a controller has started by ssh. It is there for the run of that controller, and no other takes it.
pub(crate) const BY_SSH: &str = "ssh";

/// Whether this is an id of ours, as a UUID is written without lines: it becomes part of subjects and of names of folders.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A question for a piece of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PieceOf {
    /// Under which the two talk; for what is kept of a run that is over, the name of the agent's folder of it.
    pub(crate) run: String,
    pub(crate) name: String,
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
}
