//! The agents of a run, from their taking to the start of their workers: [`Agents`].

use std::{
    cell::Cell,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    call::call,
    clocks::{Clocks, Followed, first_look},
    command::{release, say},
    error::AgentError,
    files,
    identity::Identity,
    kept::Collector,
    lendings::Lendings,
    link::{AgentNode, SILENCE},
    messages::{AgentCommand, AgentEvent, Beginning, Equipment, Presence},
    offset::ClockReading,
    permits::Permits,
    shared::{Numbers, Shared},
    ssh::{SshAgents, Way},
    state::AgentState,
    subjects,
};
use crate::{
    clock::Clock,
    dataset::Source,
    lockfile::Lockfile,
    nats::{Access, Bus, Outgoing, Server, Subscription, Tls, receive},
    node::{
        fleet::{Link, NodeId},
        messages::Exposed,
        observer::Observer,
        remote_error::RemoteError,
        work::Work,
    },
    plan::{AgentsPlan, NatsPlan, Plan},
    plugin::{Offered, Registry, chain},
    record::{ClockShift, NodeFacts, RunHeader, kept_run::KeptRun},
    request::worker_statistics::WorkerUsage,
    schedule::{
        division::Division,
        lending::{Limited, PlacesSaid},
    },
};

/// How long a NATS server may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is said to an agent goes at once; what comes together goes together.
const PACE: Duration = Duration::from_millis(20);

/// Agents that are taken for a run.
#[derive(Debug)]
pub(crate) struct Agents {
    // In this order: those that the run has started end before what they reach it by.
    taken: Taken,
    own: SshAgents,
    bus: Bus,
    server: Option<Server>,
    run: String,
    members: Vec<Agent>,
    events: Receiver<Heard>,
    /// The library of the endpoint, for those who lack it.
    library: Option<Offered>,
    /// It is where they find it.
    library_is_sent: Cell<bool>,
}

/// Agents that are let go with this value, unless their workers have started.
#[derive(Debug)]
struct Taken(Vec<Arc<Outgoing>>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.iter().for_each(|down| release(down));
    }
}

#[derive(Debug)]
struct Agent {
    presence: Presence,
    division: Division,
    down: Arc<Outgoing>,
    /// Once there is a clock to say when it was heard.
    state: Option<Arc<AgentState>>,
    reading: Option<ClockReading>,
    listening: Listening,
    up: Subscription,
}

/// An event, and the agent that says it.
type Heard = (NodeId, AgentEvent);

/// What notes when an agent was heard, as soon as there is a clock.
type Listening = Arc<Mutex<Option<Arc<AgentState>>>>;

impl Agents {
    /// Takes the agents that a plan asks for, and starts those of them that are to be started by ssh. `notice` hears how the others
    /// are started, where that is not known beforehand.
    ///
    /// # Errors
    /// There are too few of them, or the load cannot be divided among them.
    pub(crate) fn call(
        plan: &Plan,
        wanted: &AgentsPlan,
        registry: &Registry,
        notice: &mut dyn FnMut(&str),
    ) -> Result<Self, AgentError> {
        let (access, server) = access(&wanted.nats)?;
        if let Some(server) = server.as_ref().filter(|_| !wanted.wanted.is_empty()) {
            notice(&format!(
                "start each agent with `prony agent --nats {} --nats-token {}`",
                server.url(),
                server.token()
            ));
        }
        let bus = Bus::connect(&access, "prony controller", CONNECT_TIMEOUT)?;
        let way = Way { access: &access, port: server.as_ref().and_then(Server::port) };
        let own = SshAgents::start(wanted.ssh.as_ref(), way, registry, notice)?;
        let (run, taken) = call(&bus, wanted, &own)?;
        let divisions = divisions(&taken);
        if let Some(reason) = refused(plan, &divisions) {
            return Err(AgentError::Indivisible { nodes: taken.len(), reason });
        }
        let (said, events) = channel();
        let agents = taken
            .into_iter()
            .zip(divisions)
            .map(|(presence, division)| Agent::hear(&bus, &run, presence, division, said.clone()));
        let agents = agents.collect::<Result<Vec<_>, _>>()?;
        let taken = Taken(agents.iter().map(|agent| Arc::clone(&agent.down)).collect());
        Ok(Self {
            taken,
            own,
            bus,
            server,
            run,
            members: agents,
            events,
            library: None,
            library_is_sent: Cell::new(false),
        })
    }

    /// Gives them what their workers need, and returns once the target can be measured from all of them.
    ///
    /// # Errors
    /// One cannot do its part.
    pub(crate) fn equip(
        &mut self,
        plan: &Plan,
        source: &Source,
        clock: Clock,
        registry: &Registry,
    ) -> Result<(), AgentError> {
        let mut absolute = Plan { dataset: source.remade(&plan.dataset), agents: None, ..plan.clone() };
        files::include_system_prompt(&mut absolute)?;
        let files = files::send(&absolute, source, &self.bus.blobs())?;
        let identity = Identity::of(&absolute)?;
        self.library = offered(registry, &plan.target.endpoint_type);
        let library = self.library.as_ref().map(|offered| &offered.offer);
        let lock = registry.locked().map(Lockfile::of_libraries);
        // Before they have something to do, and all at the same time: there may be many.
        let bus = &self.bus;
        let looks = thread::scope(|scope| {
            let looks: Vec<_> =
                self.members.iter_mut().map(|agent| scope.spawn(move || agent.follow(bus, clock))).collect();
            // One that panics has no clock, and its panic is reported.
            looks.into_iter().map(|look| look.join().unwrap_or(Ok(()))).collect::<Result<Vec<()>, _>>()
        });
        looks?;
        for agent in &self.members {
            let zero = agent.zero()?;
            agent.say(&AgentCommand::Equip(Box::new(Equipment {
                plan: Exposed::of(absolute.clone()),
                clock: clock.anchor().on_machine(zero),
                division: agent.division,
                files: files.clone(),
                identity: identity.clone(),
                library: library.cloned(),
                lock: lock.clone(),
            })))?;
        }
        self.until_all_answer(|event| match event {
            AgentEvent::Equipped(equipped) => Some(equipped.map(|provenance| registry.add(provenance))),
            _ => None,
        })
    }

    /// Starts their workers.
    ///
    /// # Errors
    /// One cannot start them.
    pub(in crate::node) fn start<O: Observer>(
        self,
        work: &Work<'_>,
        observer: &O,
    ) -> Result<Vec<Box<dyn Link>>, AgentError> {
        for agent in &self.members {
            let kept = agent.kept(work.header);
            agent.say(&AgentCommand::Start(Box::new(Beginning { header: work.header.clone(), kept })))?;
        }
        self.until_all_answer(|event| match event {
            AgentEvent::Started(started) => Some(started),
            _ => None,
        })?;
        // Where this fails, what stands last in the list ends first: agents are let go before what they are reached by ends.
        let Self { server, bus, own, run, members: agents, events, taken, .. } = self;
        let nodes = u32::try_from(agents.len()).unwrap_or(u32::MAX);
        let numbers = Arc::new(Numbers::new(work.plan.phases.clone(), nodes));
        let followed = agents.iter().filter_map(Agent::followed).collect();
        let clocks = Clocks::follow(&bus, followed, work.clock)?;
        let dir = work.dir.join(FOLDER);
        let run_id = work.header.run_id.clone();
        let (fetching, server) = (Permits::of(FETCHED_AT_ONCE), Mutex::new(server));
        let shared = Arc::new(Shared {
            own,
            bus,
            run,
            run_id,
            numbers,
            lendings: Lendings::among(nodes),
            clocks,
            dir,
            fetching,
            _server: server,
        });
        let nodes: Vec<AgentNode> = agents.into_iter().filter_map(|agent| agent.started(&shared)).collect();
        let downs = nodes.iter().map(|node| Arc::clone(&node.collector.down)).collect();
        let listeners = nodes.iter().map(|node| Listener::of(node, &downs, observer.clone())).collect();
        // Bound after the nodes: it ends before them where nobody can listen.
        let mut still_taken = taken;
        listen(listeners, events)?;
        // From here on it is the fleet that lets them go.
        still_taken.0.clear();
        Ok(nodes.into_iter().map(|node| Box::new(node) as Box<dyn Link>).collect())
    }

    /// Waits until every agent has given an answer.
    fn until_all_answer(
        &self,
        mut answer: impl FnMut(AgentEvent) -> Option<Result<(), RemoteError>>,
    ) -> Result<(), AgentError> {
        let mut missing: Vec<bool> = vec![true; self.members.len()];
        while missing.contains(&true) {
            if let Ok((node, event)) = self.events.recv_timeout(LOOK_EVERY) {
                let at = usize::try_from(node).unwrap_or(usize::MAX);
                let Some(agent) = self.members.get(at) else { continue };
                let name = || agent.presence.name.clone();
                match event {
                    AgentEvent::Leaves(what) | AgentEvent::Ends(what) => {
                        return Err(AgentError::Silent { name: name(), what });
                    }
                    AgentEvent::WantsLibrary => self.give_library(agent)?,
                    // It may be ready before another one has started.
                    AgentEvent::Ready => {
                        agent.state.iter().for_each(|state| state.hear(|known| known.is_ready = true));
                    }
                    other => match answer(other) {
                        Some(Ok(())) => missing[at] = false,
                        Some(Err(source)) => return Err(AgentError::Refused { name: name(), source }),
                        None => {}
                    },
                }
            }
            if let Some(silent) = self.members.iter().find(|agent| agent.is_silent()) {
                let what = format!("it has not been heard for {} s", SILENCE.as_secs());
                return Err(AgentError::Silent { name: silent.presence.name.clone(), what });
            }
        }
        Ok(())
    }

    /// Puts the library where agents find it, once, and says so to one that asks.
    fn give_library(&self, to: &Agent) -> Result<(), AgentError> {
        let Some(library) = &self.library else { return Ok(()) };
        if !self.library_is_sent.get() {
            self.bus.blobs().put(&library.bytes).map_err(AgentError::File)?;
            self.library_is_sent.set(true);
        }
        to.say(&AgentCommand::Library)
    }
}

/// The library of an endpoint for agents that lack it. One that cannot be used here is not offered: agents may have another.
fn offered(registry: &Registry, endpoint: &str) -> Option<Offered> {
    let offered = registry.offer(endpoint);
    offered.inspect_err(|error| tracing::warn!("agents are not offered a library: {}", chain(error))).ok()
}

/// The folder of a run in which what agents have kept is brought together.
const FOLDER: &str = "agents";

/// Agents that are asked for their files at the same time: each piece that is on its way takes memory here, and more of them
/// at once come no sooner.
const FETCHED_AT_ONCE: usize = 16;

/// How often it is checked whether all are there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Agent {
    fn hear(
        bus: &Bus,
        run: &str,
        presence: Presence,
        division: Division,
        said: Sender<Heard>,
    ) -> Result<Self, AgentError> {
        let (node, listening) = (division.node, Listening::default());
        let noting = Arc::clone(&listening);
        let up = receive(bus, &subjects::up(run, node), move |message| {
            if let Some(state) = &*noting.lock().unwrap_or_else(PoisonError::into_inner) {
                state.hear(|_| ());
            }
            match rmp_serde::from_slice(&message) {
                // Without a run nobody needs to know.
                Ok(event) => drop(said.send((node, event))),
                Err(error) => tracing::warn!(%error, "an agent says what makes no sense"),
            }
        })?;
        let down = Arc::new(Outgoing::start(bus, subjects::down(run, node), PACE));
        Ok(Self { presence, division, down, state: None, reading: None, listening, up })
    }

    /// Looks where its clock stands, and notes from here on when it is heard.
    fn follow(&mut self, bus: &Bus, clock: Clock) -> Result<(), AgentError> {
        let state = Arc::new(AgentState::new(clock));
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&state));
        self.state = Some(state);
        self.reading = first_look(bus, &self.presence.id, clock);
        if self.reading.is_none() {
            let (name, what) = (self.presence.name.clone(), "it does not answer".to_owned());
            return Err(AgentError::Silent { name, what });
        }
        Ok(())
    }

    fn say(&self, command: &AgentCommand) -> Result<(), AgentError> {
        say(&self.down, command)
    }

    /// What its clock said at the beginning of the run.
    fn zero(&self) -> Result<u64, AgentError> {
        self.reading.and_then(|reading| reading.zero()).ok_or_else(|| AgentError::Silent {
            name: self.presence.name.clone(),
            what: "its machine was started after this run: begin the run again".to_owned(),
        })
    }

    fn followed(&self) -> Option<Followed> {
        let (id, down) = (self.presence.id.clone(), Arc::clone(&self.down));
        Some(Followed { id, first: self.reading?, down })
    }

    /// What it is to keep beside its journal, as far as it is known before the load.
    fn kept(&self, header: &RunHeader) -> KeptRun {
        let clock_bound_ns = self.reading.map_or(0, |reading| reading.bound);
        let facts = NodeFacts { clock_bound_ns, ..self.presence.facts(self.division) };
        let (run_id, nodes) = (header.run_id.clone(), self.division.nodes);
        KeptRun { run_id, nodes, facts, clock: ClockShift::default() }
    }

    fn is_silent(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.silent_for() >= SILENCE)
    }

    fn started(self, shared: &Arc<Shared>) -> Option<AgentNode> {
        let Self { presence, division, down, state, up, .. } = self;
        let collector = Collector::new(presence, division, down, state?, Arc::clone(shared));
        Some(AgentNode { collector: Arc::new(collector), is_let_go: false, _up: up })
    }
}

/// Passes on what agents say, each to its place.
struct Listener<O> {
    observer: O,
    /// The ways to all agents.
    downs: Arc<[Arc<Outgoing>]>,
    collector: Arc<Collector>,
}

/// Hears all agents of a run, until none of them can send any more.
fn listen<O: Observer>(listeners: Vec<Listener<O>>, events: Receiver<Heard>) -> Result<(), AgentError> {
    let spawned = thread::Builder::new().name("agents".into()).spawn(move || {
        for (node, event) in events {
            if let Some(listener) = listeners.get(node as usize) {
                listener.forward(event);
            }
        }
    });
    spawned.map(drop).map_err(AgentError::Thread)
}

impl<O: Observer> Listener<O> {
    fn of(node: &AgentNode, downs: &Arc<[Arc<Outgoing>]>, observer: O) -> Self {
        Self { observer, downs: Arc::clone(downs), collector: Arc::clone(&node.collector) }
    }

    fn forward(&self, event: AgentEvent) {
        let observer = &self.observer;
        let Collector { presence, division, state, .. } = &*self.collector;
        let name = &presence.name;
        match event {
            AgentEvent::Alive
            | AgentEvent::WantsLibrary
            | AgentEvent::Equipped(_)
            | AgentEvent::Started(_) => {}
            AgentEvent::Ready => state.hear(|known| known.is_ready = true),
            AgentEvent::Progress(progress) => {
                let before = state.hear(|known| known.progress.insert(progress.phase, progress));
                observer.progressed(&progress.since(&before.unwrap_or_default()));
            }
            AgentEvent::Sketch(sketch) => observer.sketched(division.node, *sketch),
            AgentEvent::Late(phase, late_ns) => {
                let by_ms = late_ns as f64 / 1e6;
                observer.remarked(format!("the agent `{name}` began phase {phase} {by_ms:.1} ms late"));
            }
            AgentEvent::Wants(phase, wanted) => self.lease(phase, wanted),
            AgentEvent::Places(phase, limited, said) => self.lend(phase, limited, said),
            AgentEvent::AllStarted(phase, started) => observer.all_started(phase, started),
            AgentEvent::Done(phase, counts, usage) => {
                let worker = usage.worker.saturating_add(division.first_worker);
                let usage = WorkerUsage { worker, ..usage };
                observer.phase_done(phase, counts, usage);
            }
            AgentEvent::EndsEarly(early_end) => observer.ends_early(early_end),
            AgentEvent::Poisoned => observer.poisoned(),
            AgentEvent::Lost(what) => observer.lost(format!("of the agent `{name}`: {what}")),
            AgentEvent::Hangs(what) => observer.hangs(format!("{what}, on the agent `{name}`")),
            AgentEvent::Leaves(what) => drop(state.lose(what)),
            AgentEvent::Ends(what) => state.ends(what),
            AgentEvent::Ended(kept) => {
                if state.ended(kept) {
                    self.collect_at_once();
                }
            }
        }
    }

    /// It will not be there any more when the run is over.
    fn collect_at_once(&self) {
        let collector = Arc::clone(&self.collector);
        let collecting =
            thread::Builder::new().name("collect".into()).spawn(move || drop(collector.collect()));
        if let Err(error) = collecting {
            tracing::error!(%error, "what a lost agent has measured is not fetched before the end");
        }
    }

    fn lend(&self, phase: u32, limited: Limited, said: PlacesSaid) {
        let node = self.collector.division.node;
        for (to, change) in self.collector.shared.lendings.hear((phase, limited), node, said) {
            let Some(down) = self.downs.get(to as usize) else { continue };
            if let Err(error) = say(down, &AgentCommand::Places(phase, limited, change)) {
                tracing::error!(%error, "places of a limit cannot be given to an agent");
            }
        }
    }

    fn lease(&self, phase: u32, wanted: u64) {
        let node = self.collector.division.node;
        let granted = self.collector.shared.numbers.grant(phase, node, wanted);
        let Some((lease, end)) = granted else { return };
        let to_this = self.downs.get(node as usize).map(|down| (down, lease));
        // Who has no slot yet does not ask, and would wait for the end.
        let to_all = self.downs.iter().filter_map(|down| Some((down, end?)));
        for (down, lease) in to_this.into_iter().chain(to_all) {
            if let Err(error) = say(down, &AgentCommand::Lease(phase, lease)) {
                tracing::error!(%error, "numbers of a phase cannot be given to an agent");
            }
        }
    }
}

/// The part of each agent.
fn divisions(taken: &[Presence]) -> Vec<Division> {
    let nodes = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let workers = taken.iter().map(|agent| agent.workers).sum();
    let mut first_worker = 0;
    let division = |(node, agent): (u32, &Presence)| {
        let division = Division { node, nodes, first_worker, workers };
        first_worker += agent.workers;
        division
    };
    (0..).zip(taken).map(division).collect()
}

/// Why a plan cannot be divided so, if it cannot.
fn refused(plan: &Plan, divisions: &[Division]) -> Option<String> {
    let mut each =
        plan.phases.iter().flat_map(|phase| divisions.iter().map(move |division| (phase, division)));
    each.find_map(|(phase, division)| division.refuses(phase))
}

/// Where NATS is. Without a server that is named, one is started here.
fn access(nats: &NatsPlan) -> Result<(Access, Option<Server>), AgentError> {
    let tls = Tls { ca: nats.tls_ca.clone(), cert: nats.tls_cert.clone(), key: nats.tls_key.clone() };
    if let Some(url) = &nats.url {
        let token = nats.token.as_ref().map(|token| token.expose().clone());
        return Ok((Access { url: url.clone(), token, creds: nats.creds.clone(), tls }, None));
    }
    let server = Server::start(nats.server.as_deref().map(Path::new))?;
    let access = Access {
        url: server.url().to_owned(),
        token: Some(server.token().to_owned()),
        creds: None,
        tls: Tls::default(),
    };
    Ok((access, Some(server)))
}
