//! A worker pool in a child process, as its parent sees it.

use std::{
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{
    batch::Packer,
    endpoint::{DROP_TIMEOUT, LOAD_TIMEOUT, slow},
    error::NodeError,
    fleet::{Link, NodeId},
    messages::{Exposed, NodeCommand, NodeEvent, PhaseStart},
    observer::Observer,
    part::NodePart,
    sequence::{InOrder, Numbered, Numbering},
    watchdog::{LOOK_EVERY, LOOKS},
};
use crate::{
    child::{
        Child, SharedCount,
        frame::{FrameReader, FrameWriter},
    },
    clock::Clock,
    dataset::Source,
    plan::{Phase, Plan},
    plugin::Registry,
    record::merge::NodeJournal,
    request::{bodies::BodyRoom, worker::Control},
    schedule::numbers::Lease,
};

/// What a child may need beyond the timeout that it has with its plugin.
const MARGIN: Duration = Duration::from_secs(2);

/// How long a child may take to make the media of a run, which the parent has made before.
const GENERATE_TIMEOUT: Duration = Duration::from_secs(600);

/// More than a run takes, and less than a system has no number for.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long a child may leave what we say unread before it counts as dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks that a dead child's last words may take to arrive, if something else holds its socket open.
const LAST_WORDS: u32 = 3;

/// A child with an endpoint, and its workers once they are started. It does not outlive this value.
#[derive(Debug)]
pub(crate) struct ChildNode {
    name: String,
    child: Child,
    socket: UnixStream,
    down: FrameWriter,
    commands: Numbering,
    reception: Reception,
    /// Requests that it has begun, as it counts them; until a thread listens, which has it then.
    begun: Option<SharedCount>,
    /// Its workers, once they are started.
    part: Option<NodePart>,
    /// The phase that it was told to begin last.
    phase: Arc<AtomicU32>,
    /// What it said right after an answer.
    unread: Vec<NodeEvent>,
    /// The run's room for bodies, until the child knows that it is closed.
    bodies: Option<BodyRoom>,
}

/// How its events are received.
#[derive(Debug)]
enum Reception {
    /// It answers when it is asked.
    Asking(Incoming),
    /// A thread listens.
    Listening(Listening),
}

#[derive(Debug)]
struct Listening {
    /// Frames so far.
    frames: Arc<AtomicU64>,
    /// Those at the latest look, and looks since then without any.
    seen: u64,
    silent: u32,
    /// Looks at a dead child.
    dead: u32,
    /// Tells once that the load may begin; closed when nothing comes any more.
    ready: Option<Receiver<()>>,
    /// Closed when nothing comes any more.
    over: Receiver<()>,
}

impl ChildNode {
    /// Starts a child and has it load an endpoint.
    pub(super) fn load(
        name: &str,
        registry: &Registry,
        options: String,
        log_words: &[&str],
    ) -> Result<Self, NodeError> {
        let failed = |source| NodeError::Process { name: name.to_owned(), source };
        let words: Vec<&str> = ["worker"].iter().chain(log_words).copied().collect();
        let begun = SharedCount::new().map_err(failed)?;
        let (child, socket) = Child::spawn_with_count(&words, &begun).map_err(failed)?;
        let prepared = socket
            .set_write_timeout(Some(WRITE_TIMEOUT))
            .and_then(|()| Ok((socket.try_clone()?, socket.try_clone()?)));
        let (reading, writing) = prepared.map_err(failed)?;
        let mut child = Self {
            name: name.to_owned(),
            child,
            socket,
            down: FrameWriter::new(writing),
            commands: Numbering::default(),
            reception: Reception::Asking(Incoming::new(reading)),
            begun: Some(begun),
            part: None,
            phase: Arc::default(),
            unread: Vec::new(),
            bodies: None,
        };
        let command = NodeCommand::Load {
            name: name.to_owned(),
            options,
            discovery: Box::new(registry.search().clone()),
        };
        match child.ask(&command, LOAD_TIMEOUT)? {
            NodeEvent::Loaded(loaded) => registry.add(loaded?),
            _ => return Err(child.died()),
        }
        tracing::debug!(
            endpoint = name,
            process = child.child.id(),
            "an endpoint runs in a process of its own"
        );
        Ok(child)
    }

    /// Hands over what its workers need.
    pub(super) fn equip(
        &mut self,
        plan: &Plan,
        source: &Source,
        counts: bool,
        clock: Clock,
    ) -> Result<(), NodeError> {
        let dataset = source.remade_and_checked(&plan.dataset);
        let tokenizer = plan.tokenizer.absolute();
        let absolute = Plan { dataset, tokenizer, ..plan.clone() };
        self.say(&NodeCommand::Equip { plan: Box::new(Exposed::of(absolute)), clock: clock.anchor() })?;
        if let Some(scripts) = source.list() {
            return Packer::new(scripts).try_for_each(|batch| self.say(&NodeCommand::Scripts(batch)));
        }
        match self.ask(&NodeCommand::Generate { counts }, GENERATE_TIMEOUT)? {
            NodeEvent::Generated(generated) => Ok(generated?),
            _ => Err(self.died()),
        }
    }

    /// Returns once the model answers, which may take so many seconds.
    pub(super) fn await_model(&mut self, timeout_s: f64) -> Result<(), NodeError> {
        // The child tells by itself when its plugin hangs.
        let timeout = Duration::try_from_secs_f64(timeout_s).unwrap_or(Duration::MAX);
        match self.ask(&NodeCommand::Probe, timeout.saturating_add(LOOK_EVERY * LOOKS))? {
            NodeEvent::Probed(ready) => Ok(ready?),
            _ => Err(self.died()),
        }
    }

    /// Starts the workers, and listens to them. They copy bodies for as long as there is room for them.
    pub(super) fn start<O: Observer>(
        &mut self,
        part: NodePart,
        id: NodeId,
        bodies: BodyRoom,
        observer: O,
    ) -> Result<(), NodeError> {
        self.bodies = Some(bodies);
        match self.ask(&NodeCommand::Start(part.division), LOAD_TIMEOUT)? {
            NodeEvent::Started(started) => started?,
            _ => return Err(self.died()),
        }
        self.part = Some(part);
        // From here on it says all the time that it is there.
        self.set_timeout(None)?;
        let frames = Arc::new(AtomicU64::new(0));
        let ((open, over), (tell, ready)) = (sync_channel(1), sync_channel(1));
        let ready = Some(ready);
        let listening = Listening { frames: Arc::clone(&frames), seen: 0, silent: 0, dead: 0, ready, over };
        let reception = std::mem::replace(&mut self.reception, Reception::Listening(listening));
        let Reception::Asking(reader) = reception else { return Ok(()) };
        let unread = std::mem::take(&mut self.unread);
        let (begun, phase) = (self.begun.take(), Arc::clone(&self.phase));
        let spawned = thread::Builder::new().name("node".into()).spawn(move || {
            let mut listener = Listener { observer: &observer, ready: &tell, begun: 0, phase };
            for message in unread {
                listener.forward(message);
            }
            let nonsense = listener.listen(reader, &frames);
            if let Some(begun) = begun {
                listener.make_up_for_the_unsaid(&begun);
            }
            drop(open);
            observer.gone(id, nonsense);
        });
        spawned.map(drop).map_err(NodeError::Thread)
    }

    /// Says something, and waits for the answer. A child that says nothing for `timeout` and a bit hangs.
    fn ask(&mut self, command: &NodeCommand, timeout: Duration) -> Result<NodeEvent, NodeError> {
        self.say(command)?;
        self.set_timeout(Some(timeout.saturating_add(MARGIN).min(LONGEST_TIMEOUT)))?;
        let Reception::Asking(reader) = &mut self.reception else { return Err(self.died()) };
        loop {
            match reader.read() {
                Ok(Some(answers)) => {
                    let mut answers = answers.into_iter();
                    if let Some(answer) = answers.find(|up| !matches!(up, NodeEvent::Alive)) {
                        self.unread.extend(answers);
                        return Ok(answer);
                    }
                }
                Err(error) if is_timeout(&error) => return Err(self.hangs(command, timeout)),
                Ok(None) | Err(_) => return Err(self.died()),
            }
        }
    }

    fn set_timeout(&self, timeout: Option<Duration>) -> Result<(), NodeError> {
        let set = self.socket.set_read_timeout(timeout);
        set.map_err(|source| NodeError::Process { name: self.name.clone(), source })
    }

    fn hangs(&self, command: &NodeCommand, timeout: Duration) -> NodeError {
        if matches!(command, NodeCommand::Load { .. }) {
            return slow(&self.name);
        }
        let what = format!("its process has not answered for {} s", timeout.as_secs());
        NodeError::Hangs { name: self.name.clone(), what }
    }

    fn say(&mut self, command: &NodeCommand) -> Result<(), NodeError> {
        self.down.write(&self.commands.number(command)).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => NodeError::Process { name: self.name.clone(), source: error },
            _ => self.died(),
        })
    }

    /// The child has a room of its own, which nobody else closes.
    fn pass_on_closed_room(&mut self) {
        if self.bodies.take_if(|room| room.is_closed()).is_some() {
            self.tell_if_there(&NodeCommand::LeaveBodies);
        }
    }

    fn tell_if_there(&mut self, command: &NodeCommand) {
        // One that is gone has been or will be noticed.
        let _ = self.down.write(&self.commands.number(command));
    }

    /// How it ended; it ends now if it has not.
    fn end(&mut self) -> String {
        match self.child.end() {
            Ok(death) => death.to_string(),
            Err(error) => format!("is lost: {error}"),
        }
    }

    fn died(&mut self) -> NodeError {
        NodeError::Died { name: self.name.clone(), death: self.end() }
    }
}

impl Link for ChildNode {
    /// One that says nothing any more is not waited for: a look will find it.
    fn readiness(&mut self) -> Box<dyn FnOnce() + Send> {
        let waiting = match &mut self.reception {
            Reception::Listening(it) => it.ready.take().map(|ready| (ready, Arc::clone(&it.frames))),
            Reception::Asking(_) => None,
        };
        Box::new(move || {
            let Some((ready, frames)) = waiting else { return };
            let (mut seen, mut silent) = (0, 0);
            while silent < LOOKS && ready.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let frames = frames.load(Ordering::Relaxed);
                silent = if frames == seen { silent + 1 } else { 0 };
                seen = frames;
            }
        })
    }

    fn active_workers(&self, phase: &Phase) -> usize {
        self.part.map_or(0, |part| part.active_workers(phase))
    }

    fn begin(&mut self, command: PhaseStart) {
        self.phase.store(command.phase, Ordering::Relaxed);
        self.tell_if_there(&NodeCommand::Phase(command));
    }

    fn lease(&mut self, phase: u32, lease: Lease) {
        self.tell_if_there(&NodeCommand::Lease(phase, lease));
    }

    fn control(&mut self, phase: u32, control: Control) {
        self.tell_if_there(&NodeCommand::Control(phase, control));
    }

    /// Of its death the observer hears by the end of what it says, but that may not come.
    fn look(&mut self) -> Option<String> {
        self.pass_on_closed_room();
        let Reception::Listening(listening) = &mut self.reception else { return None };
        if self.child.has_ended() {
            listening.dead += 1;
            if listening.dead > LAST_WORDS {
                // A process that it left behind holds the socket. The listener finds the end now.
                let _ = self.socket.shutdown(Shutdown::Both);
            }
            return None;
        }
        let frames = listening.frames.load(Ordering::Relaxed);
        listening.silent = if frames == listening.seen { listening.silent + 1 } else { 0 };
        listening.seen = frames;
        (listening.silent >= LOOKS).then(|| {
            self.child.kill();
            "its process does not react".to_owned()
        })
    }

    /// It has said everything that it is going to say. One that only stopped talking ends now.
    fn death(&mut self) -> Option<String> {
        Some(self.end())
    }

    fn dismiss(mut self: Box<Self>) -> Option<NodeJournal> {
        self.tell_if_there(&NodeCommand::Dismiss);
        if let Reception::Listening(listening) = &self.reception {
            // Nothing is ever sent: what ends the wait is that the listener is gone.
            let _ = listening.over.recv_timeout(DROP_TIMEOUT + MARGIN);
        }
        None
    }
}

/// The events of a child, in their order.
#[derive(Debug)]
struct Incoming {
    frames: FrameReader,
    order: InOrder,
}

impl Incoming {
    fn new(socket: UnixStream) -> Self {
        Self { frames: FrameReader::new(socket), order: InOrder::default() }
    }

    /// The next batch; `None` when there are no more.
    fn read(&mut self) -> io::Result<Option<Vec<NodeEvent>>> {
        let Some(numbered) = self.frames.read::<Numbered<Vec<NodeEvent>>>()? else { return Ok(None) };
        Ok(Some(self.order.take(numbered)?))
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Passes on what the child says.
struct Listener<'a, O> {
    observer: &'a O,
    ready: &'a SyncSender<()>,
    /// Requests of which it was said that they have begun.
    begun: u64,
    /// The phase that goes on.
    phase: Arc<AtomicU32>,
}

impl<O: Observer> Listener<'_, O> {
    /// Passes on what comes until there is nothing any more. If it made no sense, that is returned.
    fn listen(&mut self, mut reader: Incoming, frames: &AtomicU64) -> Option<String> {
        loop {
            let messages = match reader.read() {
                Ok(Some(messages)) => messages,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Some(format!("said what makes no sense: {error}"));
                }
                // It may have been cut off in the middle of a word.
                Ok(None) | Err(_) => return None,
            };
            frames.fetch_add(1, Ordering::Relaxed);
            for message in messages {
                self.forward(message);
            }
        }
    }

    fn forward(&mut self, message: NodeEvent) {
        let observer = self.observer;
        match message {
            NodeEvent::Begun(phase) => {
                self.begun += 1;
                observer.begun(phase);
            }
            NodeEvent::Finished(finished) => observer.finished(*finished),
            NodeEvent::AllStarted(phase, started) => observer.all_started(phase, started),
            NodeEvent::Wants(phase, wanted) => observer.wants_numbers(phase, wanted),
            NodeEvent::Done(phase, counts, usage) => observer.phase_done(phase, counts, usage),
            NodeEvent::Poisoned => observer.poisoned(),
            NodeEvent::Lost(what) => observer.lost(what),
            // It may be that nobody waits for it any more.
            NodeEvent::Ready => drop(self.ready.try_send(())),
            NodeEvent::Hangs(what) => observer.hangs(what),
            NodeEvent::Alive
            | NodeEvent::Bye
            | NodeEvent::Loaded(_)
            | NodeEvent::Generated(_)
            | NodeEvent::Probed(_)
            | NodeEvent::Started(_) => {}
        }
    }

    /// A child that crashes leaves messages unsent. Requests that began in it and of which nothing was heard are lost
    /// with it, and must be counted among those that were tried.
    fn make_up_for_the_unsaid(&self, begun: &SharedCount) {
        match begun.read() {
            Ok(begun) => {
                let phase = self.phase.load(Ordering::Relaxed);
                (self.begun..begun).for_each(|_| self.observer.begun(phase));
            }
            Err(error) => tracing::warn!(%error, "some of the requests that were lost may not be counted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc::sync_channel};

    use super::*;
    use crate::{
        metrics::Sketch,
        node::{early_end::EarlyEnd, progress::Progress},
        request::{
            exchange::Finished,
            worker::{AllStarted, Sink},
            worker_statistics::WorkerUsage,
        },
        schedule::ScheduleCounts,
    };

    /// Keeps the phases of the requests that began.
    #[derive(Clone, Debug, Default)]
    struct Begun(Arc<Mutex<Vec<u32>>>);

    impl Sink for Begun {
        fn begun(&self, phase: u32) {
            self.0.lock().unwrap().push(phase);
        }

        fn finished(&self, _finished: Finished) {}
        fn all_started(&self, _phase: u32, _started: AllStarted) {}
        fn wants_numbers(&self, _phase: u32, _wanted: u64) {}
        fn phase_done(&self, _phase: u32, _counts: ScheduleCounts, _usage: WorkerUsage) {}
        fn poisoned(&self) {}
        fn lost(&self, _what: String) {}
    }

    impl Observer for Begun {
        fn hangs(&self, _what: String) {}
        fn gone(&self, _node: NodeId, _nonsense: Option<String>) {}
        fn progressed(&self, _more: &Progress) {}
        fn sketched(&self, _node: NodeId, _sketch: Sketch) {}
        fn ends_early(&self, _early_end: EarlyEnd) {}
        fn remarked(&self, _text: String) {}
    }

    /// Those of the phase before were all heard of: it is over.
    #[test]
    fn requests_of_which_nothing_was_heard_belong_to_the_phase_that_goes_on() {
        let (observer, count, phase) = (Begun::default(), SharedCount::new().unwrap(), Arc::default());
        let (tell, _ready) = sync_channel(1);
        let mut listener =
            Listener { observer: &observer, ready: &tell, begun: 0, phase: Arc::clone(&phase) };
        for _ in 0..2 {
            count.add_one().unwrap();
            listener.forward(NodeEvent::Begun(0));
        }
        phase.store(1, Ordering::Relaxed);
        count.add_one().unwrap();
        listener.make_up_for_the_unsaid(&count);
        assert_eq!(*observer.0.lock().unwrap(), [0, 0, 1]);
    }
}
