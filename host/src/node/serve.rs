//! A node's process, from within: does what its parent says until the parent is gone.
//!
//! Three kinds of threads that no plugin can keep from their work: one reads what the parent says, and ends the process
//! when the parent is gone; one obeys, and looks at the workers' active calls; one sends what the workers produce.

use std::{
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, mpsc},
    thread,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{MissedTickBehavior, interval},
};

use super::{
    batch::Unpacker,
    endpoint::{HostedEndpoint, plan_target},
    error::NodeError,
    fleet::Link,
    messages::{Exposed, NodeCommand, NodeEvent},
    sequence::{InOrder, Numbered, Numbering},
    watchdog::LOOK_EVERY,
    worker_pool::WorkerPool,
};
use crate::{
    child::{
        SharedCount,
        frame::{FrameReader, FrameWriter},
    },
    clock::Clock,
    config::redact,
    dataset::{self, Source, Tokenizer},
    plan::Plan,
    plugin::{DiscoveryOptions, Registry},
    request::{
        bodies::BodyRoom,
        exchange::Finished,
        target::TargetPlan,
        worker::{AllStarted, Equipment, Sink},
        worker_statistics::WorkerUsage,
    },
    schedule::{ScheduleCounts, division::Division},
    seed::Seed,
};

/// Messages that are sent together, at most, and about how many bytes of them.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 16 << 20;

/// Does what the parent at the other end of the socket says, and counts the requests that begin. Returns when the parent is
/// gone or wants no more: the process must end then, whatever its threads are doing.
///
/// # Errors
/// What comes from the socket is not what a parent says.
pub(crate) fn serve(socket: UnixStream, begun: SharedCount) -> io::Result<()> {
    let mut parent = FrameReader::new(socket.try_clone()?);
    let uplink = Uplink::start(socket, begun)?;
    let (commands, received) = unbounded_channel();
    thread::Builder::new().name("node".into()).spawn(move || {
        handle(received, uplink.clone());
        uplink.say(NodeEvent::Bye);
    })?;
    let mut order = InOrder::default();
    loop {
        match parent.read::<Numbered<NodeCommand>>() {
            Ok(Some(numbered)) => {
                if commands.send(order.take(numbered)?).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
            // A parent that was killed may leave half a word behind, or ours unread.
            Ok(None) | Err(_) => return Ok(()),
        }
    }
}

/// Handles commands until there are no more.
fn handle(mut commands: UnboundedReceiver<NodeCommand>, uplink: Uplink) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return uplink.say(NodeEvent::Loaded(Err(NodeError::Thread(error).remote()))),
    };
    runtime.block_on(async {
        let Some(NodeCommand::Load { name, options, discovery }) = commands.recv().await else { return };
        match load(&name, options, &discovery) {
            Ok((registry, hosted)) => {
                uplink.say(NodeEvent::Loaded(Ok(registry.provenance())));
                Serving {
                    name,
                    uplink,
                    registry,
                    hosted,
                    equipped: None,
                    listed: Unpacker::default(),
                    generated: None,
                }
                .handle(commands)
                .await;
            }
            Err(error) => uplink.say(NodeEvent::Loaded(Err(error.remote()))),
        }
    });
}

fn load(
    name: &str,
    options: String,
    discovery: &DiscoveryOptions,
) -> Result<(Arc<Registry>, HostedEndpoint), NodeError> {
    let registry = Arc::new(Registry::discover(discovery)?);
    let hosted = HostedEndpoint::load(&registry, name, options)?;
    Ok((registry, hosted))
}

/// A process whose endpoint is loaded.
struct Serving {
    name: String,
    uplink: Uplink,
    registry: Arc<Registry>,
    hosted: HostedEndpoint,
    equipped: Option<Equipped>,
    listed: Unpacker,
    generated: Option<Arc<Source>>,
}

/// What workers need beside the dataset.
#[derive(Clone)]
struct Equipped {
    plan: Plan,
    target: Arc<TargetPlan>,
    clock: Clock,
}

impl Serving {
    /// Handles commands until the workers are to start, and lets them work.
    async fn handle(mut self, mut commands: UnboundedReceiver<NodeCommand>) {
        while let Some(command) = commands.recv().await {
            match command {
                NodeCommand::Equip { plan, clock } => {
                    self.equipped = self.equip(*plan, Clock::at(clock));
                }
                NodeCommand::Scripts(more) => self.listed.unpack(more),
                NodeCommand::Generate { counts } => {
                    let generated = self.generate(counts).map(|source| self.generated = Some(source));
                    let generated = generated.map_err(|error| error.remote());
                    self.uplink.say(NodeEvent::Generated(generated));
                }
                NodeCommand::Probe => {
                    self.uplink.say(NodeEvent::Probed(self.probe().map_err(|error| error.remote())));
                }
                NodeCommand::Start(division) => {
                    let uplink = self.uplink.clone();
                    let bodies = self.equipped.as_ref().map(|equipped| equipped.target.bodies.clone());
                    match self.start(division) {
                        Ok(mut pool) => {
                            uplink.say(NodeEvent::Started(Ok(())));
                            tell_when_ready(&mut pool, &uplink);
                            work(pool, commands, &uplink, &bodies.unwrap_or_default()).await;
                        }
                        Err(error) => uplink.say(NodeEvent::Started(Err(error.remote()))),
                    }
                    return;
                }
                NodeCommand::Load { .. }
                | NodeCommand::Phase(_)
                | NodeCommand::Lease(..)
                | NodeCommand::Control(..)
                | NodeCommand::LeaveBodies => {}
                NodeCommand::Dismiss => return,
            }
        }
    }

    /// The parent has made sense of the plan before it sent it, so that this does not fail.
    fn equip(&self, exposed: Exposed, clock: Clock) -> Option<Equipped> {
        let plan = exposed.plan().ok()?;
        redact::learn(redact::of_config(&plan));
        redact::learn(redact::of_environment());
        let entry = self.registry.endpoint(&plan.target.endpoint_type).ok()?;
        let target = plan_target(&plan, &entry.metadata).ok()?;
        Some(Equipped { plan, target, clock })
    }

    /// The parent has planned the same before it asked, so that this does not fail.
    fn equipped(&self) -> Result<Equipped, NodeError> {
        self.equipped.clone().ok_or_else(|| NodeError::Process {
            name: self.name.clone(),
            source: io::Error::other("it was not told what to do"),
        })
    }

    /// Makes the dataset that the parent has made as well, to look at it.
    fn generate(&self, counts: bool) -> Result<Arc<Source>, NodeError> {
        let Equipped { plan, .. } = self.equipped()?;
        let lock = self.registry.locked();
        let tokenizer = counts.then(|| Tokenizer::of_plan(&plan, lock).map(Arc::new)).transpose()?;
        let seed = Seed::new(plan.random_seed);
        let opened =
            dataset::open_locked(&plan.dataset, plan.session_order(), tokenizer.as_ref(), seed, lock)?;
        Ok(Arc::new(opened.source.dealt(&plan.classes, plan.session_order().sampling(), seed)))
    }

    fn probe(&self) -> Result<(), NodeError> {
        let Equipped { plan, target, clock } = self.equipped()?;
        let first = self.generated.as_ref().map(|source| source.script(0));
        let first = first.or_else(|| self.listed.first().cloned().map(Arc::new));
        first.map_or(Ok(()), |first| self.hosted.await_model(&plan, &target, &first, clock))
    }

    fn start(self, division: Division) -> Result<WorkerPool, NodeError> {
        let Equipped { plan, target, clock } = self.equipped()?;
        let Self { uplink, hosted, listed, generated, .. } = self;
        let endpoint = hosted.endpoint().clone();
        let seed = Seed::new(plan.random_seed);
        let listed = || {
            Arc::new(Source::listed(listed.finish()).dealt(
                &plan.classes,
                plan.session_order().sampling(),
                seed,
            ))
        };
        let source = generated.unwrap_or_else(listed);
        redact::learn(source.secrets());
        let equipment = Equipment { clock, endpoint, target, source, sink: uplink };
        Ok(WorkerPool::start(&plan, division, &equipment, hosted)?)
    }
}

/// Tells the parent when the load may begin. Without a thread to wait on it may at once.
fn tell_when_ready(pool: &mut WorkerPool, uplink: &Uplink) {
    let (wait, to_parent) = (pool.readiness(), uplink.clone());
    let waiting = thread::Builder::new().name("ready".into()).spawn(move || {
        wait();
        to_parent.say(NodeEvent::Ready);
    });
    if waiting.is_err() {
        uplink.say(NodeEvent::Ready);
    }
}

/// Lets the pool work until it is dismissed, and tells the parent that it does.
async fn work(
    mut pool: WorkerPool,
    mut commands: UnboundedReceiver<NodeCommand>,
    uplink: &Uplink,
    bodies: &BodyRoom,
) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(NodeCommand::Phase(command)) => pool.begin(command),
                Some(NodeCommand::Lease(phase, lease)) => pool.lease(phase, lease),
                Some(NodeCommand::Control(phase, control)) => pool.control(phase, control),
                Some(NodeCommand::LeaveBodies) => {
                    bodies.close();
                    tracing::debug!("bodies are not copied any more");
                }
                Some(NodeCommand::Dismiss) | None => break,
                Some(_) => {}
            },
            _ = tick.tick() => {
                uplink.say(pool.look().map_or(NodeEvent::Alive, NodeEvent::Hangs));
            }
        }
    }
    Box::new(pool).dismiss();
}

/// The way up. Never waits: what the parent cannot keep up with waits in memory.
#[derive(Clone, Debug)]
struct Uplink {
    messages: mpsc::Sender<NodeEvent>,
    /// Requests that have begun: known to the parent even when the message that says so stays behind in a crash.
    begun: Arc<SharedCount>,
}

impl Uplink {
    fn start(socket: UnixStream, begun: SharedCount) -> io::Result<Self> {
        let (messages, waiting) = mpsc::channel();
        thread::Builder::new().name("uplink".into()).spawn(move || {
            // An error means that the parent is gone, and another thread is about to end the process.
            let _ = send(&waiting, &socket);
            // The thread that reads finds the end now.
            let _ = socket.shutdown(Shutdown::Both);
        })?;
        Ok(Self { messages, begun: Arc::new(begun) })
    }

    fn say(&self, message: NodeEvent) {
        // As above.
        let _ = self.messages.send(message);
    }
}

/// Sends what waits, together, as soon as something does: a crash loses as little as possible.
fn send(waiting: &mpsc::Receiver<NodeEvent>, socket: &UnixStream) -> io::Result<()> {
    let (mut parent, mut numbering) = (FrameWriter::new(socket), Numbering::default());
    while let Ok(first) = waiting.recv().map(NodeEvent::in_blocks) {
        let mut weight = first.weight();
        let mut batch = vec![first];
        while batch.len() < BATCH && weight < BATCH_BYTES {
            let Ok(next) = waiting.try_recv().map(NodeEvent::in_blocks) else { break };
            weight += next.weight();
            batch.push(next);
        }
        let is_last = batch.iter().any(|message| matches!(message, NodeEvent::Bye));
        match parent.write(&numbering.number(&batch)) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let light: Vec<_> = batch.into_iter().map(NodeEvent::lightened).collect();
                parent.write(&numbering.instead(light))?;
            }
            written => written?,
        }
        if is_last {
            break;
        }
    }
    Ok(())
}

impl Sink for Uplink {
    fn begun(&self, phase: u32) {
        if let Err(error) = self.begun.add_one() {
            tracing::warn!(%error, "a crash of this process might leave requests uncounted");
        }
        self.say(NodeEvent::Begun(phase));
    }

    fn finished(&self, finished: Finished) {
        self.say(NodeEvent::Finished(Box::new(finished)));
    }

    fn all_started(&self, phase: u32, started: AllStarted) {
        self.say(NodeEvent::AllStarted(phase, started));
    }

    fn wants_numbers(&self, phase: u32, wanted: u64) {
        self.say(NodeEvent::Wants(phase, wanted));
    }

    fn phase_done(&self, phase: u32, counts: ScheduleCounts, usage: WorkerUsage) {
        self.say(NodeEvent::Done(phase, counts, usage));
    }

    fn poisoned(&self) {
        self.say(NodeEvent::Poisoned);
    }

    fn lost(&self, what: String) {
        self.say(NodeEvent::Lost(what));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::between_words(&[])]
    #[case::in_the_middle_of_one(&[9, 0, 0, 0, 0x81])]
    fn a_parent_that_is_gone_is_the_end_and_no_error(#[case] last: &[u8]) {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(last).unwrap();
        drop(ours);
        serve(theirs, SharedCount::new().unwrap()).unwrap();
    }

    #[test]
    fn a_command_that_is_missing_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut down, mut numbering) = (FrameWriter::new(ours), Numbering::default());
        let _missing = numbering.number(NodeCommand::Probe);
        down.write(&numbering.number(NodeCommand::Dismiss)).unwrap();
        let error = serve(theirs, SharedCount::new().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), "message 1 came where message 0 was due");
    }

    #[test]
    fn garbage_is_an_error() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&[0xff; 8]).unwrap();
        assert_eq!(
            serve(theirs, SharedCount::new().unwrap()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
