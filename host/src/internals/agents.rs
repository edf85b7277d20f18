//! Agents that send nothing to a target: [`StandIns`]. Everything else they do as agents do it, and their records are those of a run that
//! there is.
//!
//! To a controller they are agents. Hundreds of them are threads of one process, where as many real ones would be as many endpoints,
//! datasets and recorders.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use uuid::Uuid;

use super::journals::records_of;
use crate::{
    clock::{Clock, monotonic_ns},
    nats::{Access, Bus, BusError, Outgoing, Subscription, receive},
    node::{
        PhaseStart,
        agent::{
            chunk_of,
            files::plain,
            messages::{AgentCommand, AgentEvent, Beginning, KeptFile, PieceOf, Presence, Take, Taken},
            subjects,
        },
        progress::Progress,
    },
    plugin::Provenance,
    record::{
        ClockShift, Frame, HostFacts, Record, RunEnd,
        journal::{self, Writer},
        kept_run,
    },
    request::worker_statistics::WorkerUsage,
    schedule::ScheduleCounts,
};

/// How long the NATS server may take to answer, and all of them to be there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// What they say goes within this time, as with an agent.
const PACE: Duration = Duration::from_millis(200);

/// How often they say that they are there.
const ALIVE_EVERY: Duration = Duration::from_secs(1);

/// What happens to an agent in a run, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It is asked who it is.
    Asked,
    /// It is taken for the run.
    Taken,
    /// It has the plan.
    Equipped,
    /// Its workers are to start.
    Started,
    /// The instant of the phase is there.
    Begun,
    /// It is to write everything down.
    Ended,
    /// The controller has all that it kept.
    Released,
}

/// When agents came to a stage, in nanoseconds since the stand-ins were started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The first one, for the first time.
    pub first_ns: u64,
    /// The last one, for the last time.
    pub last_ns: u64,
    /// How often that was; where it happens once to each, how many agents.
    pub count: u64,
}

/// What has happened to all of them.
#[derive(Debug)]
struct Log {
    clock: Clock,
    seen: Mutex<BTreeMap<Stage, Seen>>,
}

impl Log {
    fn note(&self, stage: Stage) {
        let now = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_stage = seen.entry(stage).or_insert(Seen { first_ns: now, last_ns: now, count: 0 });
        of_stage.last_ns = of_stage.last_ns.max(now);
        of_stage.count += 1;
    }
}

/// Agents that send nothing. Each serves one run; they are there as long as the process.
#[derive(Debug)]
pub struct StandIns {
    log: Arc<Log>,
}

impl StandIns {
    /// Starts so many at a NATS server, and waits until all can be asked. Each has so many records of the run in the folder `run` to give,
    /// and keeps its journal in a folder of its own in `dir`.
    ///
    /// # Errors
    /// There is no such run, or one cannot be started.
    pub fn start(url: &str, count: u32, run: &Path, records: usize, dir: &Path) -> Result<Self, String> {
        let (_, known) = records_of(run)?;
        let records: Arc<[Record]> = known.into_iter().cycle().take(records).collect();
        let log = Arc::new(Log { clock: Clock::start(), seen: Mutex::default() });
        let (there, come) = channel();
        for number in 0..count {
            let stand_in = StandIn {
                name: format!("agent-{number:04}"),
                access: Access { url: url.to_owned(), ..Access::default() },
                dir: dir.join(format!("agent-{number:04}")),
                records: Arc::clone(&records),
                log: Arc::clone(&log),
            };
            let there = there.clone();
            let started = thread::Builder::new().spawn(move || {
                if let Err(error) = stand_in.live(&there) {
                    drop(there.send(Err(error)));
                }
            });
            started.map_err(|error| error.to_string())?;
        }
        for _ in 0..count {
            come.recv_timeout(CONNECT_TIMEOUT).map_err(|error| error.to_string())??;
        }
        Ok(Self { log })
    }

    /// When they came to a stage; nothing where none has.
    pub fn seen(&self, stage: Stage) -> Option<Seen> {
        self.log.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&stage).copied()
    }
}

/// One of them, before it is there.
struct StandIn {
    name: String,
    access: Access,
    dir: PathBuf,
    records: Arc<[Record]>,
    log: Arc<Log>,
}

impl StandIn {
    /// Says that it is there, and serves a run.
    fn live(self, there: &Sender<Result<(), String>>) -> Result<(), String> {
        let Self { name, access, dir, records, log } = self;
        fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        let bus = Bus::connect(&access, &name, CONNECT_TIMEOUT).map_err(|error| error.to_string())?;
        let (to_take, takes) = channel();
        let _answers = answer(&bus, &name, &dir, &log, to_take).map_err(|error| error.to_string())?;
        drop(there.send(Ok(())));
        let Ok(take) = takes.recv() else { return Ok(()) };
        let (said, heard) = channel();
        let down = subjects::down(&take.run, take.node);
        let _commands = receive(&bus, &down, move |message| {
            if let Ok(command) = rmp_serde::from_slice::<AgentCommand>(&message) {
                drop(said.send(command));
            }
        })
        .map_err(|error| error.to_string())?;
        let outgoing = Outgoing::start(&bus, subjects::up(&take.run, take.node), PACE);
        Part {
            outgoing,
            dir,
            records,
            log,
            node: take.node,
            clock: None,
            nodes: 1,
            beginning: None,
            shift: 0,
        }
        .attend(&heard)
    }
}

/// Answers who it is, what its clock says, that it may be taken, and for pieces of what it keeps.
fn answer(
    bus: &Bus,
    name: &str,
    dir: &Path,
    log: &Arc<Log>,
    to_take: Sender<Take>,
) -> Result<[Subscription; 4], BusError> {
    let id = Uuid::new_v4().simple().to_string();
    let presence = Presence {
        id: id.clone(),
        name: name.to_owned(),
        labels: Vec::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: HostFacts::default(),
        workers: 1,
        is_busy: false,
    };
    let asked = Arc::clone(log);
    let who = bus.serve(subjects::WHO, move |_| {
        asked.note(Stage::Asked);
        rmp_serde::to_vec_named(&presence).ok()
    })?;
    let ping = bus.serve(&subjects::ping(&id), |_| Some(monotonic_ns().to_le_bytes().to_vec()))?;
    let taken = Arc::clone(log);
    let take = bus.serve(&subjects::take(&id), move |question| {
        to_take.send(rmp_serde::from_slice(question).ok()?).ok()?;
        taken.note(Stage::Taken);
        rmp_serde::to_vec_named(&Taken::Yes).ok()
    })?;
    let kept = dir.to_owned();
    let piece = bus.serve(&subjects::piece(&id), move |question| {
        let piece: PieceOf = rmp_serde::from_slice(question).ok()?;
        let chunk = chunk_of(&kept.join(plain(&piece.name).ok()?), piece.offset).ok()?;
        rmp_serde::to_vec_named(&chunk).ok()
    })?;
    Ok([who, ping, take, piece])
}

/// Its part of a run.
struct Part {
    outgoing: Outgoing,
    dir: PathBuf,
    records: Arc<[Record]>,
    log: Arc<Log>,
    node: u32,
    /// Once the plan is there.
    clock: Option<Clock>,
    nodes: u32,
    beginning: Option<Box<Beginning>>,
    /// By how much its records are moved, in nanoseconds, so that the first one begins with the phase.
    shift: i64,
}

impl Part {
    fn attend(mut self, heard: &Receiver<AgentCommand>) -> Result<(), String> {
        loop {
            match heard.recv_timeout(ALIVE_EVERY) {
                Ok(AgentCommand::Release) => {
                    self.log.note(Stage::Released);
                    return Ok(());
                }
                Ok(command) => self.obey(command)?,
                Err(RecvTimeoutError::Timeout) => self.say(&AgentEvent::Alive)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn obey(&mut self, command: AgentCommand) -> Result<(), String> {
        match command {
            AgentCommand::Equip(equipment) => {
                self.log.note(Stage::Equipped);
                self.clock = Some(Clock::at(equipment.clock));
                self.nodes = equipment.division.nodes;
                self.say(&AgentEvent::Equipped(Ok(Provenance::default())))
            }
            AgentCommand::Start(beginning) => {
                self.log.note(Stage::Started);
                self.beginning = Some(beginning);
                self.say(&AgentEvent::Started(Ok(())))?;
                self.say(&AgentEvent::Ready)
            }
            AgentCommand::Phase(start) => self.phase(&start),
            AgentCommand::End => {
                self.log.note(Stage::Ended);
                let kept = self.keep()?;
                self.say(&AgentEvent::Ended(kept))
            }
            // It has no load that could be drained, and no clock of its own.
            _ => Ok(()),
        }
    }

    /// The phase is over as soon as it begins.
    fn phase(&mut self, start: &PhaseStart) -> Result<(), String> {
        let now = self.clock.map_or(0, |clock| clock.now());
        thread::sleep(Duration::from_nanos(start.start_ns.saturating_sub(now)));
        self.log.note(Stage::Begun);
        let first = self.records.first().map_or(0, |record| record.instants.started);
        self.shift = start.start_ns.cast_signed().wrapping_sub(first.cast_signed());
        let count = self.records.len() as u64;
        self.say(&AgentEvent::Progress(Progress {
            phase: start.phase,
            begun: count,
            ended: count,
            succeeded: count,
            judged: count,
            ..Progress::default()
        }))?;
        let counts = ScheduleCounts { sessions: count, scheduled: count, ..ScheduleCounts::default() };
        self.say(&AgentEvent::Done(start.phase, counts, WorkerUsage::default()))
    }

    /// Writes its journal, as that of one phase: the files that it keeps.
    fn keep(&self) -> Result<Vec<KeptFile>, String> {
        let in_words = |error: journal::JournalError| error.to_string();
        let Some(beginning) = &self.beginning else { return Ok(Vec::new()) };
        beginning.kept.write(&self.dir).map_err(|error| error.to_string())?;
        let mut writer = Writer::create(&self.dir).map_err(in_words)?;
        writer.append(&Frame::Header(Box::new(beginning.header.clone()))).map_err(in_words)?;
        let shift = ClockShift(vec![(0, self.shift)]);
        for (place, record) in (0..).zip(self.records.iter()) {
            let session_num = u64::from(self.node) + place * u64::from(self.nodes);
            let mut record = Record { session_num, ..record.clone() };
            shift.move_instants(&mut record.instants);
            writer.append(&Frame::Record(Box::new(record))).map_err(in_words)?;
        }
        writer.append(&Frame::End(RunEnd::default())).map_err(in_words)?;
        writer.flush().map_err(in_words)?;
        let file = |name: &str| -> Result<KeptFile, String> {
            let bytes = fs::metadata(self.dir.join(name)).map_err(|error| error.to_string())?.len();
            Ok(KeptFile { name: name.to_owned(), bytes })
        };
        [kept_run::FILE_NAME, journal::FILE_NAME].into_iter().map(file).collect()
    }

    fn say(&self, event: &AgentEvent) -> Result<(), String> {
        let message = rmp_serde::to_vec_named(event).map_err(|error| error.to_string())?;
        self.outgoing.send_now(message).map_err(|error| error.to_string())
    }
}
