//! One run of an agent, from being taken to being let go: a select loop over commands, workers and time.

use std::{
    fs, future,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{MissedTickBehavior, interval},
};

use super::{
    controller_link::ControllerLink,
    library::Asking,
    machine::AgentMachine,
    prepare::{Prepared, prepare},
    working::Working,
};
use crate::{
    nats::{Bus, BusError, Subscription, receive},
    node::{
        NodeError,
        agent::{
            chunk_of,
            files::plain,
            messages::{AgentCommand, AgentEvent, Beginning, Equipment, KeptFile, PieceOf, Take},
            subjects,
        },
        watchdog::LOOK_EVERY,
    },
    run::{channels::Signal, interrupts::Interrupts},
    schedule::pacer::Pacer,
};

/// A controller that has acknowledged nothing for so long is gone: a network may be away for five seconds.
const ORPHANED: Duration = Duration::from_secs(15);

/// How long what was measured waits to be fetched, when the controller is not heard; and when this process is to end.
const UNCLAIMED: Duration = Duration::from_secs(20);
const UNCLAIMED_AT_THE_END: Duration = Duration::from_secs(10);

/// How long requests in flight may take when this process is to end.
const LEAVING: Duration = Duration::from_secs(5);

/// And how long it may take then until all that was cancelled is reported.
const CANCELLING: Duration = Duration::from_secs(1);

/// Looks from one word to the controller to the next.
const LOOKS_A_WORD: u32 = 10;

/// What became of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attended {
    /// All that was kept is in the controller's hands.
    Released,
    /// Nothing was measured.
    Nothing,
    /// It is in this folder.
    Kept(PathBuf),
    /// A second signal asks this process to end at once. What was measured so far is in this folder.
    Hurried(PathBuf),
}

/// Who takes a run.
pub(super) struct Attendant<'a> {
    pub(super) machine: AgentMachine,
    /// Address of this agent.
    pub(super) id: &'a str,
    pub(super) take: Take,
    pub(super) interrupts: &'a mut Interrupts,
    /// A signal asks this process to end after the run.
    pub(super) leaves: &'a mut bool,
}

/// How far it is.
enum Stage {
    /// It is to hear what it needs, or is making it.
    Waiting,
    Prepared(Box<Prepared>),
    Working(Box<Working>, UnboundedReceiver<Signal>),
    /// Everything is being written down.
    Ending,
    /// Everything is written down.
    Ended,
}

/// What was done in the background.
enum Done {
    Prepared(Result<Box<Prepared>, NodeError>),
    Ended(std::io::Result<Vec<KeptFile>>),
    /// It panicked: what it was to do.
    Failed(&'static str),
}

/// A run that is being attended.
struct Run {
    machine: AgentMachine,
    controller: ControllerLink,
    stage: Stage,
    background: UnboundedSender<Done>,
    /// Who prepares the run waits here for the library that was asked for.
    library: Option<mpsc::Sender<()>>,
    looks: u32,
    /// Why it ended before the controller said so.
    reason: Option<String>,
    /// Something was measured.
    has_measured: bool,
    /// Looks since everything is written down.
    ended: u32,
    is_released: bool,
    /// Times that a look has passed since a signal asked this process to end.
    leaving: Option<u32>,
}

impl Attendant<'_> {
    /// Does this agent's part of the run.
    pub(super) async fn attend(self) -> Result<Attended, BusError> {
        let Self { machine, id, take, interrupts, leaves } = self;
        let (commands, mut heard) = commands(&machine.bus, &take)?;
        let _pieces = serve_pieces(&machine, id, &take)?;
        let (background, mut done) = unbounded_channel();
        let dir = machine.dir.clone();
        let controller = ControllerLink::to(&machine.bus, &take);
        let mut run = Run {
            machine,
            controller,
            stage: Stage::Waiting,
            background,
            library: None,
            looks: 0,
            reason: None,
            has_measured: false,
            ended: 0,
            is_released: false,
            leaving: None,
        };
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !run.is_over() {
            let act = next_instant(&run.stage);
            tokio::select! {
                biased;
                interrupt = interrupts.next() => {
                    if std::mem::replace(leaves, true) {
                        return Ok(Attended::Hurried(dir));
                    }
                    run.leave(format!("it was ended by {}", signal_name(interrupt)));
                }
                Some(command) = heard.recv() => run.obey(command),
                Some(done) = done.recv() => run.done(done),
                Some(signal) = signal(&mut run.stage) => run.pass_on(signal),
                () = act => run.act(),
                _ = tick.tick() => run.look(),
            }
        }
        drop(commands);
        Ok(match (run.is_released, run.has_measured) {
            (true, _) => Attended::Released,
            (false, true) => Attended::Kept(dir),
            (false, false) => Attended::Nothing,
        })
    }
}

/// Waits until something is to be done.
fn next_instant(stage: &Stage) -> impl Future<Output = ()> + use<> {
    let next = match stage {
        Stage::Working(working, _) => working.next_instant(),
        _ => None,
    };
    async move {
        match next {
            Some((clock, at)) => Pacer::new(clock).wait_until(at).await,
            None => future::pending().await,
        }
    }
}

/// What the workers say next.
async fn signal(stage: &mut Stage) -> Option<Signal> {
    match stage {
        Stage::Working(_, signals) => signals.recv().await,
        _ => future::pending().await,
    }
}

impl Run {
    fn is_over(&self) -> bool {
        self.is_released && matches!(self.stage, Stage::Ended | Stage::Waiting | Stage::Prepared(_))
            || matches!(self.stage, Stage::Ended) && self.is_unclaimed()
            || matches!(self.stage, Stage::Waiting | Stage::Prepared(_)) && self.is_left_alone()
    }

    /// The controller does not fetch what was measured.
    fn is_unclaimed(&self) -> bool {
        let is_late = self.leaving.is_some() && LOOK_EVERY * self.ended > UNCLAIMED_AT_THE_END;
        !self.has_measured || is_late || self.controller.unacknowledged_for() > UNCLAIMED
    }

    /// The controller is not heard any more, or this process is to end.
    fn is_left_alone(&self) -> bool {
        self.leaving.is_some() || self.controller.unacknowledged_for() > ORPHANED
    }

    fn obey(&mut self, command: AgentCommand) {
        match (command, &mut self.stage) {
            (AgentCommand::Equip(equipment), Stage::Waiting) => self.equip(*equipment),
            (AgentCommand::Library, _) => self.give_library(),
            (AgentCommand::Start(beginning), _) => self.start(&beginning),
            // Nothing more begins in a process that is to end.
            (AgentCommand::Phase(start), Stage::Working(working, _)) if self.leaving.is_none() => {
                working.announce(start);
            }
            (AgentCommand::Control(phase, control), Stage::Working(working, _)) => {
                working.control(phase, control).iter().for_each(|event| self.controller.send_now(event));
            }
            (AgentCommand::Clock { shift, bound_ns, drift_ns }, Stage::Working(working, _)) => {
                working.note_clock(shift, bound_ns, drift_ns, &self.machine.dir);
            }
            (AgentCommand::Lease(phase, lease), Stage::Working(working, _)) => working.lease(phase, lease),
            (AgentCommand::Places(phase, limited, change), Stage::Working(working, _)) => {
                working
                    .change_places(phase, limited, change)
                    .iter()
                    .for_each(|event| self.controller.send_now(event));
            }
            (AgentCommand::End, _) => self.end(),
            (AgentCommand::Release, _) => self.is_released = true,
            // What is said to a load that is over comes too late.
            _ => {}
        }
    }

    fn equip(&mut self, equipment: Equipment) {
        let machine = self.machine.clone();
        let (given, wanted) = mpsc::channel();
        self.library = Some(given);
        let asking = Asking { controller: self.controller.clone(), given: wanted };
        self.do_in_background("its preparation", move || {
            Done::Prepared(prepare(equipment, &machine, &asking).map(Box::new))
        });
    }

    /// The library that was asked for can be fetched.
    fn give_library(&self) {
        if let Some(asked) = &self.library
            && asked.send(()).is_err()
        {
            tracing::debug!("a library that nobody waits for any more is there");
        }
    }

    fn start(&mut self, beginning: &Beginning) {
        let Stage::Prepared(prepared) = std::mem::replace(&mut self.stage, Stage::Waiting) else { return };
        match Working::start(*prepared, beginning, &self.machine.dir, &self.controller) {
            Ok((working, signals)) => {
                self.stage = Stage::Working(Box::new(working), signals);
                self.controller.send_now(&AgentEvent::Started(Ok(())));
            }
            Err(error) => self.controller.send_now(&AgentEvent::Started(Err(error))),
        }
    }

    fn act(&mut self) {
        if let Stage::Working(working, _) = &mut self.stage {
            working.act(&self.controller);
            self.has_measured |= working.has_begun();
        }
    }

    fn pass_on(&mut self, signal: Signal) {
        let Stage::Working(working, _) = &mut self.stage else { return };
        let is_done = matches!(signal, Signal::WorkerDone(..));
        let is_last = matches!(signal, Signal::JournalLost | Signal::NodeGone(..));
        let Some(event) = working.translate(signal) else { return };
        if is_done {
            // What is counted goes before the word that all is counted.
            working.progress().iter().for_each(|progress| self.controller.send_later(progress));
        }
        self.controller.send_now(&event);
        if is_last {
            // A load of which nothing is kept must not go on.
            working.cancel();
            self.end();
        }
    }

    /// Ends the load, and writes everything down.
    fn end(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Ending) {
            Stage::Working(working, _) => {
                let (dir, reason) = (self.machine.dir.clone(), self.reason.clone());
                self.do_in_background("its end", move || Done::Ended(working.end(&dir, reason)));
            }
            Stage::Waiting | Stage::Prepared(_) => {
                self.stage = Stage::Ended;
                self.controller.send_now(&AgentEvent::Ended(Vec::new()));
            }
            other @ (Stage::Ending | Stage::Ended) => self.stage = other,
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Prepared(Ok(prepared)) => {
                self.controller.send_now(&AgentEvent::Equipped(Ok(prepared.registry.provenance())));
                self.stage = Stage::Prepared(prepared);
            }
            Done::Prepared(Err(error)) => {
                self.controller.send_now(&AgentEvent::Equipped(Err(error.remote())));
            }
            Done::Failed(what) => {
                self.stage = Stage::Ended;
                self.controller.send_now(&AgentEvent::Leaves(format!("{what} panicked")));
            }
            Done::Ended(kept) => {
                self.stage = Stage::Ended;
                match kept {
                    Ok(kept) => self.controller.send_now(&AgentEvent::Ended(kept)),
                    Err(error) => {
                        self.controller
                            .send_now(&AgentEvent::Leaves(format!("it cannot read its own folder: {error}")));
                    }
                }
            }
        }
    }

    /// A signal asks this process to end: what is in flight has a while, and then everything is written down.
    fn leave(&mut self, why: String) {
        let event = match &mut self.stage {
            Stage::Working(working, _) => {
                working.drain();
                AgentEvent::Ends(why.clone())
            }
            Stage::Ending => AgentEvent::Ends(why.clone()),
            Stage::Waiting | Stage::Prepared(_) | Stage::Ended => AgentEvent::Leaves(why.clone()),
        };
        self.controller.send_now(&event);
        self.reason.get_or_insert(why);
        self.leaving.get_or_insert(0);
    }

    fn look(&mut self) {
        self.looks = self.looks.wrapping_add(1);
        self.ended = self.ended.saturating_add(u32::from(matches!(self.stage, Stage::Ended)));
        let says = self.looks.is_multiple_of(LOOKS_A_WORD);
        if let Stage::Working(working, _) = &mut self.stage {
            if let Some(what) = working.look() {
                self.controller.send_now(&AgentEvent::Hangs(what));
            }
            working.look_at_places().iter().for_each(|event| self.controller.send_now(event));
            if says {
                working.progress().iter().for_each(|progress| self.controller.send_later(progress));
            }
        }
        if says {
            self.controller.send_later(&AgentEvent::Alive);
        }
        self.leaving = self.leaving.map(|looks| looks.saturating_add(1));
        self.look_at_the_end();
    }

    /// Whether the load is to end, since the controller does not hear it any more, or since this process is to end.
    fn look_at_the_end(&mut self) {
        let Stage::Working(working, _) = &mut self.stage else { return };
        if self.controller.unacknowledged_for() > ORPHANED {
            self.reason.get_or_insert("the controller was not heard any more".to_owned());
            working.cancel();
            return self.end();
        }
        let Some(looks) = self.leaving else { return };
        let passed = LOOK_EVERY * looks;
        if passed > LEAVING && passed <= LEAVING + LOOK_EVERY {
            working.cancel();
        }
        // What the workers have to say of their parts goes before the word that all is written down.
        if working.is_idle() || passed > LEAVING + CANCELLING {
            self.end();
        }
    }

    fn do_in_background(&mut self, what: &'static str, work: impl FnOnce() -> Done + Send + 'static) {
        let background = self.background.clone();
        let spawned = thread::Builder::new().name("background".into()).spawn(move || {
            let done = panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Done::Failed(what));
            drop(background.send(done));
        });
        if let Err(error) = spawned {
            self.controller.send_now(&AgentEvent::Leaves(format!("it has no thread left: {error}")));
        }
    }
}

type Commands = (Subscription, UnboundedReceiver<AgentCommand>);

fn commands(bus: &Bus, take: &Take) -> Result<Commands, BusError> {
    let (said, heard) = unbounded_channel();
    let subscription = receive(bus, &subjects::down(&take.run, take.node), move |message| {
        match rmp_serde::from_slice(&message) {
            // Without a run nobody needs to know.
            Ok(command) => drop(said.send(command)),
            Err(error) => tracing::warn!(%error, "a controller says what makes no sense"),
        }
    })?;
    Ok((subscription, heard))
}

/// Answers for the pieces of what is kept of this run.
fn serve_pieces(machine: &AgentMachine, id: &str, take: &Take) -> Result<Subscription, BusError> {
    let (dir, run) = (machine.dir.clone(), take.run.clone());
    machine.bus.serve(&subjects::piece(id), move |question| {
        let piece: PieceOf = rmp_serde::from_slice(question).ok()?;
        let name = plain(&piece.name).ok().filter(|_| piece.run == run)?;
        let chunk = chunk_of(&dir.join(name), piece.offset).ok()?;
        rmp_serde::to_vec_named(&chunk).ok()
    })
}

fn signal_name(interrupt: crate::run::Interrupt) -> &'static str {
    match interrupt {
        crate::run::Interrupt::Interrupted => "Ctrl-C",
        crate::run::Interrupt::Terminated => "SIGTERM",
        crate::run::Interrupt::HungUp => "the end of its terminal",
    }
}

/// Removes the folder of a run that is in other hands.
pub(super) fn forget(dir: &std::path::Path) {
    if let Err(error) = fs::remove_dir_all(dir) {
        tracing::warn!(%error, folder = %dir.display(), "what the controller has is still here as well");
    }
}
