//! A crew in a child process, as its parent sees it.

use std::{
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{
    CrewError,
    frames::{Down, Order, Up},
    parcel::Packer,
    team::{DROP_PATIENCE, LOAD_PATIENCE, slow},
};
use crate::{
    child::{
        Child,
        frame::{FrameReader, FrameWriter},
    },
    clock::Clock,
    config::RunConfig,
    dataset::Conversation,
    plugin::Registry,
    request::worker::{Control, Sink},
    run::{
        watchdog::{LOOK_EVERY, LOOKS},
        wiring::{Signal, Wires},
    },
};

/// What a child may need beyond the patience that it has with its plugin.
const MARGIN: Duration = Duration::from_secs(2);

/// More than a run takes, and less than a system has no number for.
const LONGEST_PATIENCE: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long a child may leave what we say unread before it counts as dead.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// Looks that a dead child's last words may take to arrive, if something else holds its socket open.
const LAST_WORDS: u32 = 3;

/// A child with an endpoint, and its workers once they are started. It does not outlive this value.
#[derive(Debug)]
pub(crate) struct Apart {
    name: String,
    child: Child,
    socket: UnixStream,
    down: FrameWriter,
    hearing: Hearing,
    /// What it said right after an answer.
    unheard: Vec<Up>,
}

/// How we hear of it.
#[derive(Debug)]
enum Hearing {
    /// It answers when it is asked.
    Asking(FrameReader),
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

impl Apart {
    /// Starts a child and has it load an endpoint.
    pub(super) fn load(
        name: &str,
        registry: &Registry,
        options: String,
        log_words: &[&str],
    ) -> Result<Self, CrewError> {
        let failed = |source| CrewError::Process { name: name.to_owned(), source };
        let words: Vec<&str> = ["worker"].iter().chain(log_words).copied().collect();
        let (child, socket) = Child::spawn(&words).map_err(failed)?;
        let prepared = socket
            .set_write_timeout(Some(WRITE_PATIENCE))
            .and_then(|()| Ok((socket.try_clone()?, socket.try_clone()?)));
        let (reading, writing) = prepared.map_err(failed)?;
        let mut apart = Self {
            name: name.to_owned(),
            child,
            socket,
            down: FrameWriter::new(writing),
            hearing: Hearing::Asking(FrameReader::new(reading)),
            unheard: Vec::new(),
        };
        let order =
            Down::Load { name: name.to_owned(), options, discovery: Box::new(registry.search().clone()) };
        match apart.ask(&order, LOAD_PATIENCE)? {
            Up::Loaded(loaded) => registry.add(loaded?),
            _ => return Err(apart.died()),
        }
        tracing::debug!(
            endpoint = name,
            process = apart.child.id(),
            "an endpoint runs in a process of its own"
        );
        Ok(apart)
    }

    /// Hands over what its workers need.
    pub(super) fn equip(
        &mut self,
        config: &RunConfig,
        dataset: &[Conversation],
        clock: Clock,
    ) -> Result<(), CrewError> {
        let api_key = config.target.api_key.clone();
        self.say(&Down::Equip { config: Box::new(config.clone()), api_key, clock: clock.anchor() })?;
        Packer::new(dataset).try_for_each(|parcel| self.say(&Down::Conversations(parcel)))
    }

    /// Returns once the model answers, which may take so many seconds.
    pub(super) fn await_model(&mut self, timeout_s: f64) -> Result<(), CrewError> {
        // The child tells by itself when its plugin hangs.
        let patience = Duration::try_from_secs_f64(timeout_s).unwrap_or(Duration::MAX);
        match self.ask(&Down::Probe, patience.saturating_add(LOOK_EVERY * LOOKS))? {
            Up::Probed(ready) => Ok(ready?),
            _ => Err(self.died()),
        }
    }

    /// Starts the workers, and listens to them.
    pub(super) fn start(&mut self, wires: Wires) -> Result<(), CrewError> {
        match self.ask(&Down::Start, LOAD_PATIENCE)? {
            Up::Started(started) => started?,
            _ => return Err(self.died()),
        }
        // From here on it says all the time that it is there.
        self.be_patient(None)?;
        let frames = Arc::new(AtomicU64::new(0));
        let ((open, over), (tell, ready)) = (sync_channel(1), sync_channel(1));
        let ready = Some(ready);
        let listening = Listening { frames: Arc::clone(&frames), seen: 0, silent: 0, dead: 0, ready, over };
        let hearing = std::mem::replace(&mut self.hearing, Hearing::Listening(listening));
        let Hearing::Asking(reader) = hearing else { return Ok(()) };
        let unheard = std::mem::take(&mut self.unheard);
        let spawned = thread::Builder::new().name("crew".into()).spawn(move || {
            for message in unheard {
                hear(message, &wires, &tell);
            }
            let nonsense = listen(reader, &wires, &frames, &tell);
            drop(open);
            wires.signal(Signal::CrewGone(nonsense));
        });
        spawned.map(drop).map_err(CrewError::Thread)
    }

    /// Returns what to wait for until its connections are open that are to be open before the load; once. One that says
    /// nothing any more is not waited for: a look will find it.
    pub(super) fn readiness(&mut self) -> impl FnOnce() + Send + 'static {
        let waiting = match &mut self.hearing {
            Hearing::Listening(it) => it.ready.take().map(|ready| (ready, Arc::clone(&it.frames))),
            Hearing::Asking(_) => None,
        };
        move || {
            let Some((ready, frames)) = waiting else { return };
            let (mut seen, mut silent) = (0, 0);
            while silent < LOOKS && ready.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let frames = frames.load(Ordering::Relaxed);
                silent = if frames == seen { silent + 1 } else { 0 };
                seen = frames;
            }
        }
    }

    /// Begins a phase.
    pub(super) fn begin(&mut self, order: Order) {
        self.tell_if_there(&Down::Phase(order));
    }

    /// Drains or cancels the phase.
    pub(super) fn tell(&mut self, control: Control) {
        self.tell_if_there(&Down::Control(control));
    }

    /// Does it react? Of its death we hear by the end of what it says, but that may not come.
    pub(super) fn look(&mut self) -> Option<String> {
        let Hearing::Listening(listening) = &mut self.hearing else { return None };
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

    /// How it ended; it has said everything that it is going to say. One that only stopped talking ends now.
    pub(super) fn death(&mut self) -> String {
        match self.child.end() {
            Ok(death) => death.to_string(),
            Err(error) => format!("is lost: {error}"),
        }
    }

    /// Lets the workers go home, and waits until they have.
    pub(super) fn dismiss(mut self) {
        self.tell_if_there(&Down::Dismiss);
        if let Hearing::Listening(listening) = &self.hearing {
            // Nothing is ever sent: what ends the wait is that the listener is gone.
            let _ = listening.over.recv_timeout(DROP_PATIENCE + MARGIN);
        }
    }

    /// Says something, and waits for the answer. A child that says nothing for `patience` and a bit hangs.
    fn ask(&mut self, order: &Down, patience: Duration) -> Result<Up, CrewError> {
        self.say(order)?;
        self.be_patient(Some(patience.saturating_add(MARGIN).min(LONGEST_PATIENCE)))?;
        let Hearing::Asking(reader) = &mut self.hearing else { return Err(self.died()) };
        loop {
            match reader.read::<Vec<Up>>() {
                Ok(Some(answers)) => {
                    let mut answers = answers.into_iter();
                    if let Some(answer) = answers.find(|up| !matches!(up, Up::Alive)) {
                        self.unheard.extend(answers);
                        return Ok(answer);
                    }
                }
                Err(error) if is_timeout(&error) => return Err(self.hangs(order, patience)),
                Ok(None) | Err(_) => return Err(self.died()),
            }
        }
    }

    fn be_patient(&self, patience: Option<Duration>) -> Result<(), CrewError> {
        let set = self.socket.set_read_timeout(patience);
        set.map_err(|source| CrewError::Process { name: self.name.clone(), source })
    }

    fn hangs(&self, order: &Down, patience: Duration) -> CrewError {
        if matches!(order, Down::Load { .. }) {
            return slow(&self.name);
        }
        let what = format!("its process has not answered for {} s", patience.as_secs());
        CrewError::Hangs { name: self.name.clone(), what }
    }

    fn say(&mut self, order: &Down) -> Result<(), CrewError> {
        self.down.write(order).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => CrewError::Process { name: self.name.clone(), source: error },
            _ => self.died(),
        })
    }

    fn tell_if_there(&mut self, order: &Down) {
        // One that is gone has been or will be noticed.
        let _ = self.down.write(order);
    }

    fn died(&mut self) -> CrewError {
        CrewError::Died { name: self.name.clone(), death: self.death() }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Passes on what the child says until there is nothing any more. If it made no sense, that is returned.
fn listen(
    mut reader: FrameReader,
    wires: &Wires,
    frames: &AtomicU64,
    ready: &SyncSender<()>,
) -> Option<String> {
    loop {
        let messages = match reader.read::<Vec<Up>>() {
            Ok(Some(messages)) => messages,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Some(format!("said what makes no sense: {error}"));
            }
            // It may have been cut off in the middle of a word.
            Ok(None) | Err(_) => return None,
        };
        frames.fetch_add(1, Ordering::Relaxed);
        for message in messages {
            hear(message, wires, ready);
        }
    }
}

fn hear(message: Up, wires: &Wires, ready: &SyncSender<()>) {
    match message {
        Up::Begun => wires.begun(),
        Up::Finished(finished) => wires.finished(*finished),
        Up::Done(counts, usage) => wires.phase_done(counts, usage),
        Up::Poisoned => wires.poisoned(),
        Up::Lost(what) => wires.lost(what),
        // It may be that nobody waits for it any more.
        Up::Ready => drop(ready.try_send(())),
        Up::Hangs(what) => wires.signal(Signal::CrewHangs(what)),
        Up::Alive | Up::Bye | Up::Loaded(_) | Up::Probed(_) | Up::Started(_) => {}
    }
}
