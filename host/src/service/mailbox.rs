//! A mailbox: the one thread that calls a service, and the queue in front of it.
//!
//! A call that overruns its deadline cannot be interrupted. Its thread is then abandoned, the service counts as
//! failed, and nothing calls it again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use prony_plugin_api::{ErrorDetails, PluginError, abi::host::ServiceInstance};

use crate::clock::Clock;

/// Messages that may wait in front of a service; more are lost, and counted.
pub(super) const DEPTH: usize = 1024;

/// Deadline of a call that is not given one.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(5);

/// What a mailbox is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Prepare the service.
    Init(SyncSender<Result<(), PluginError>>),
    /// Begin its work.
    Start(SyncSender<Result<(), PluginError>>),
    /// Hand over a message.
    Message {
        /// Its type.
        message_type: Arc<str>,
        /// MessagePack.
        payload: Arc<[u8]>,
    },
    /// Say when everything before this has been handled.
    Settle(SyncSender<()>),
    /// Flush and end it; the thread ends as well.
    Stop(Duration, SyncSender<Result<(), PluginError>>),
}

/// The way into a mailbox. Messages are bounded in number; calls are not, so that a full queue can be stopped.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    commands: mpsc::Sender<Command>,
    waiting: Arc<AtomicUsize>,
}

/// Why a message was not put into a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many messages are waiting.
    Full,
    /// The service has stopped or failed.
    Closed,
}

impl Queue {
    /// A queue and its other end.
    pub(crate) fn new() -> (Self, Receiver<Command>) {
        let (commands, receiver) = mpsc::channel();
        (Self { commands, waiting: Arc::default() }, receiver)
    }

    /// Puts a message in without waiting.
    pub(crate) fn post(&self, message_type: &str, payload: &Arc<[u8]>) -> Result<(), Refused> {
        if self.waiting.load(Ordering::Relaxed) >= DEPTH {
            return Err(Refused::Full);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let message = Command::Message { message_type: message_type.into(), payload: Arc::clone(payload) };
        self.commands.send(message).map_err(|_| Refused::Closed)
    }

    fn took_message(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A service behind its mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Queue,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    queue: Queue,
    /// Since when a message is being handled; 0 when none is.
    busy_since: AtomicU64,
    failure: Mutex<Option<ErrorDetails>>,
}

/// Makes the service, on the mailbox's thread: opening a library and an author's `new` may take their time.
pub(crate) type Load = Box<dyn FnOnce() -> Result<ServiceInstance, ErrorDetails> + Send>;

impl Mailbox {
    /// Starts the thread, which makes the service. Returns the message types that it wants to hear.
    ///
    /// # Errors
    /// There is no thread left, the service could not be made, or not in time.
    pub(crate) fn open(
        name: &Arc<str>,
        clock: Clock,
        load: Load,
    ) -> Result<(Self, Vec<String>), ErrorDetails> {
        let (queue, commands) = Queue::new();
        let shared = Arc::new(Shared {
            name: Arc::clone(name),
            clock,
            queue: queue.clone(),
            busy_since: AtomicU64::new(0),
            failure: Mutex::default(),
        });
        let (made, service) = sync_channel(1);
        let serving = Arc::clone(&shared);
        let spawned = thread::Builder::new().name(format!("svc {name}")).spawn(move || match load() {
            Ok(instance) => {
                // The caller may have given up.
                let _ = made.send(Ok(instance.subscriptions()));
                serving.serve(instance, &commands);
            }
            Err(error) => drop(made.send(Err(error))),
        });
        spawned.map_err(|error| shared.fail("thread", &format!("there is no thread for it: {error}")))?;
        match service.recv_timeout(CALL_DEADLINE) {
            Ok(Ok(types)) => Ok((Self { queue, shared }, types)),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Err(shared.fail("timeout", &overrun(CALL_DEADLINE))),
            Err(RecvTimeoutError::Disconnected) => Err(shared.fail("mailbox", "its thread has ended")),
        }
    }

    /// The queue, for the bus.
    pub(crate) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Makes a call and waits for its end, at most `deadline`.
    ///
    /// # Errors
    /// The service failed, now or earlier, or overran the deadline.
    pub(crate) fn call(
        &self,
        deadline: Duration,
        command: impl FnOnce(SyncSender<Result<(), PluginError>>) -> Command,
    ) -> Result<(), ErrorDetails> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let (reply, answer) = sync_channel(1);
        if self.queue.commands.send(command(reply)).is_err() {
            return Err(self.shared.fail("mailbox", "its thread has ended"));
        }
        match answer.recv_timeout(deadline) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.shared.fail(error.kind.name(), &error.message)),
            Err(RecvTimeoutError::Timeout) => Err(self.shared.fail("timeout", &overrun(deadline))),
            Err(RecvTimeoutError::Disconnected) => {
                Err(self.failure().unwrap_or_else(|| self.shared.fail("mailbox", "its thread has ended")))
            }
        }
    }

    /// Waits until every message so far has been handled, at most `patience`. Taking longer is no failure.
    pub(crate) fn settle(&self, patience: Duration) {
        let (reply, settled) = sync_channel(1);
        if self.queue.commands.send(Command::Settle(reply)).is_ok() {
            let _ = settled.recv_timeout(patience);
        }
    }

    /// Why the service failed, if it did. Also notices a message that takes too long.
    pub(crate) fn failure(&self) -> Option<ErrorDetails> {
        let since = self.shared.busy_since.load(Ordering::Relaxed);
        let busy = Duration::from_nanos(self.shared.clock.now().saturating_sub(since));
        if since != 0 && busy > CALL_DEADLINE {
            self.shared.fail("timeout", &overrun(CALL_DEADLINE));
        }
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn overrun(deadline: Duration) -> String {
    format!("it did not return within {} s and was abandoned", deadline.as_secs_f64())
}

impl Shared {
    fn serve(&self, mut service: ServiceInstance, commands: &Receiver<Command>) {
        while let Ok(command) = commands.recv() {
            if self.has_failed() {
                return;
            }
            let (outcome, reply) = match command {
                Command::Init(reply) => (service.init(), Some(reply)),
                Command::Start(reply) => (service.start(), Some(reply)),
                Command::Message { message_type, payload } => {
                    self.queue.took_message();
                    self.busy_since.store(self.clock.now().max(1), Ordering::Relaxed);
                    let outcome = service.on_message(&message_type, &payload);
                    self.busy_since.store(0, Ordering::Relaxed);
                    (outcome, None)
                }
                Command::Settle(reply) => {
                    // The caller may have lost patience.
                    let _ = reply.send(());
                    continue;
                }
                Command::Stop(deadline, reply) => {
                    // The caller may have given up; then nobody wants the answer.
                    let _ = reply.send(service.stop(deadline));
                    return;
                }
            };
            let failed = outcome.is_err();
            match (reply, outcome) {
                (Some(reply), outcome) => drop(reply.send(outcome)),
                (None, Err(error)) => drop(self.fail(error.kind.name(), &error.message)),
                (None, Ok(())) => {}
            }
            if failed {
                return;
            }
        }
    }

    fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Notes a failure; the first one stands.
    fn fail(&self, kind: &str, message: &str) -> ErrorDetails {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure
            .get_or_insert_with(|| ErrorDetails {
                kind: format!("plugin_{kind}"),
                message: format!("service `{}`: {message}", self.name),
                ..ErrorDetails::default()
            })
            .clone()
    }
}
