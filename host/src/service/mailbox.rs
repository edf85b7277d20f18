//! A mailbox: the one thread that calls a service, and the queue in front of it.
//!
//! A call that overruns its deadline cannot be interrupted. The service counts as failed then, and nothing calls it
//! again: in this process its thread is abandoned, in one of its own that process is ended.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use prony_plugin_api::ErrorDetails;

use super::{
    failure::{Outcome, ServiceFailure},
    queue::{Command, Queue},
    service_handle::ServiceHandle,
};
use crate::clock::{Clock, RunNs};

/// Deadline of a call that is not given one.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(5);

/// What a service that keeps its deadline may still need to return.
const MARGIN: Duration = Duration::from_millis(200);

/// A service behind its mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Queue,
    line: Line,
}

/// Makes the service, on the mailbox's thread: opening a library and an author's `new` may take their time.
pub(crate) type Load = Box<dyn FnOnce(&Line) -> Result<Box<dyn ServiceHandle>, ServiceFailure> + Send>;

impl Mailbox {
    /// Starts the thread, which makes the service. Also returns the message types that the service wants to hear, or
    /// why there is none.
    pub(crate) fn open(name: &str, clock: Clock, load: Load) -> (Self, Result<Vec<String>, ErrorDetails>) {
        let (queue, commands) = Queue::new();
        let line = Line { clock, state: Arc::default() };
        let mailbox = Self { queue: queue.clone(), line: line.clone() };
        let (made, service) = sync_channel(1);
        let spawned = thread::Builder::new().name(format!("svc {name}")).spawn(move || {
            line.enter("new");
            let loaded = load(&line);
            line.leave();
            match loaded {
                Ok(handle) => {
                    // The caller may have given up.
                    let _ = made.send(Ok(handle.subscriptions()));
                    Serving { queue, line }.serve(handle, &commands);
                }
                Err(failure) => drop(made.send(Err(failure))),
            }
        });
        if let Err(error) = spawned {
            let error = mailbox.line.fail(no_thread(&error));
            return (mailbox, Err(error));
        }
        let types = mailbox.await_answer(&service, "new", CALL_DEADLINE);
        (mailbox, types)
    }

    /// The queue, for the bus.
    pub(crate) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Makes a call and waits for its end, at most `deadline`. `call` is the method's name.
    ///
    /// # Errors
    /// The service failed, now or earlier, or overran the deadline.
    pub(crate) fn call(
        &self,
        call: &'static str,
        deadline: Duration,
        command: impl FnOnce(SyncSender<Outcome>) -> Command,
    ) -> Result<(), ErrorDetails> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let (reply, answer) = sync_channel(1);
        // Without a thread there is no answer either, which is heard below.
        let _ = self.queue.call(command(reply));
        self.await_answer(&answer, call, deadline)
    }

    fn await_answer<T>(
        &self,
        answer: &Receiver<Result<T, ServiceFailure>>,
        call: &'static str,
        deadline: Duration,
    ) -> Result<T, ErrorDetails> {
        match answer.recv_timeout(deadline + MARGIN) {
            // It may have failed in a thread of its own meanwhile.
            Ok(Ok(value)) => self.line.failure().map_or(Ok(value), Err),
            Ok(Err(failure)) => Err(self.line.fail(failure)),
            Err(RecvTimeoutError::Timeout) => Err(self.line.fail(self.line.overrun(call, deadline))),
            Err(RecvTimeoutError::Disconnected) => {
                Err(self.line.fail(ServiceFailure::new("mailbox", "its thread has ended", "")))
            }
        }
    }

    /// Waits until every message so far has been handled, at most `timeout`. Taking longer is no failure.
    pub(crate) fn settle(&self, timeout: Duration) {
        let (reply, settled) = sync_channel(1);
        if self.queue.call(Command::Settle(reply)).is_ok() {
            let _ = settled.recv_timeout(timeout);
        }
    }

    /// Why the service failed, if it did. Also notices a message that takes too long.
    pub(crate) fn failure(&self) -> Option<ErrorDetails> {
        let under_way = self.line.lock().under_way;
        if let Some((ON_MESSAGE, since)) = under_way {
            let busy = Duration::from_nanos(self.line.clock.now().saturating_sub(since));
            if busy > CALL_DEADLINE {
                self.line.fail(self.line.overrun(ON_MESSAGE, CALL_DEADLINE));
            }
        }
        self.line.failure()
    }

    /// Number of the service's own process, if it has one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.line.lock().pid
    }
}

const ON_MESSAGE: &str = "on_message";

fn no_thread(error: &std::io::Error) -> ServiceFailure {
    ServiceFailure::new(
        "thread",
        format!("there is no thread for it: {error}"),
        "raise the limit on threads: `ulimit -u`",
    )
}

/// What is known of a service. Clones are the same one: the mailbox, its thread and the code that runs the service hold it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    failure: Option<ErrorDetails>,
    /// The author's method that runs, and since when.
    under_way: Option<(&'static str, RunNs)>,
    pid: Option<u32>,
    /// What is to be done when the service fails.
    on_failure: Vec<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, under_way, pid, .. } = self;
        f.debug_struct("State")
            .field("failure", failure)
            .field("under_way", under_way)
            .field("pid", pid)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// Notes a failure; the first one stands.
    pub(crate) fn fail(&self, failure: ServiceFailure) -> ErrorDetails {
        let mut state = self.lock();
        let failure = state.failure.get_or_insert_with(|| failure.details()).clone();
        let reactions = std::mem::take(&mut state.on_failure);
        drop(state);
        for reaction in reactions {
            reaction();
        }
        failure
    }

    /// Does this when the service fails: at once if it has.
    pub(crate) fn on_failure(&self, reaction: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        if state.failure.is_none() {
            state.on_failure.push(Box::new(reaction));
        } else {
            drop(state);
            reaction();
        }
    }

    /// The service has a process of its own.
    pub(crate) fn runs_in(&self, pid: u32) {
        self.lock().pid = Some(pid);
    }

    /// The author's method that runs.
    pub(crate) fn under_way(&self) -> Option<&'static str> {
        self.lock().under_way.map(|(call, _)| call)
    }

    fn failure(&self) -> Option<ErrorDetails> {
        self.lock().failure.clone()
    }

    fn enter(&self, call: &'static str) {
        self.lock().under_way = Some((call, self.clock.now()));
    }

    fn leave(&self) {
        self.lock().under_way = None;
    }

    /// What to say when `call` has not answered in time.
    fn overrun(&self, call: &'static str, deadline: Duration) -> ServiceFailure {
        let seconds = deadline.as_secs_f64();
        let message = match self.under_way() {
            Some(DESTRUCTOR) => format!("its destructor did not return within {seconds} s"),
            Some(other) if other != call => {
                format!("`{call}` was not reached within {seconds} s: it was still in `{other}`")
            }
            _ => format!("`{call}` did not return within {seconds} s"),
        };
        ServiceFailure::new(
            "timeout",
            message,
            "it hangs or is too slow: work that takes long belongs in a thread of its own",
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const DESTRUCTOR: &str = "drop";

/// The mailbox's thread.
struct Serving {
    queue: Queue,
    line: Line,
}

impl Serving {
    fn serve(&self, mut handle: Box<dyn ServiceHandle>, commands: &Receiver<Command>) {
        // It may have taken too long to be made.
        while self.line.failure().is_none() {
            let Ok(command) = commands.recv() else { return };
            if self.line.failure().is_some() {
                return;
            }
            let (outcome, reply) = match command {
                Command::Init(reply) => (self.during("init", || handle.init()), Some(reply)),
                Command::Start(reply) => (self.during("start", || handle.start()), Some(reply)),
                Command::Message { message_type, payload } => {
                    self.queue.took(&payload);
                    (self.during(ON_MESSAGE, || handle.on_message(&message_type, &payload)), None)
                }
                Command::Settle(reply) => {
                    // The caller may have stopped waiting.
                    let _ = reply.send(());
                    continue;
                }
                Command::Stop(deadline, reply) => {
                    let stopped = self.during("stop", || handle.stop(deadline));
                    let destroyed = self.during(DESTRUCTOR, || handle.destroy());
                    // The caller may have given up; then nobody wants the answer.
                    let _ = reply.send(stopped.and(destroyed));
                    return;
                }
            };
            let failed = outcome.is_err();
            match (reply, outcome) {
                (Some(reply), outcome) => drop(reply.send(outcome)),
                (None, Err(failure)) => drop(self.line.fail(failure)),
                (None, Ok(())) => {}
            }
            if failed {
                return;
            }
        }
    }

    fn during(&self, call: &'static str, body: impl FnOnce() -> Outcome) -> Outcome {
        self.line.enter(call);
        let outcome = body();
        self.line.leave();
        outcome
    }
}
